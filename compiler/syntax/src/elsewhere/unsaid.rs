//! What is told of a statement that cannot be said in our words: of its first words and signs that are not ours.

use super::statements::Said;
use super::terms;
use super::tokens::Tokens;
use super::{select, windows, words};
use crate::token::TokenKind;
use std::collections::BTreeSet;

/// Told of one statement, besides what a query is.
const MOST: usize = 2;

const WHOLE: &str =
    "a query says from top to bottom what is done: `stream NAME = from … where … group by … select …`";

/// The helps for a query that cannot be said.
pub fn unsaid(tokens: Tokens) -> Said {
    let mut told: Vec<&str> = vec![];
    let known = in_signs(tokens).into_iter().chain(in_words(tokens));
    for help in known {
        if !told.contains(&help) {
            told.push(help);
        }
    }
    told.truncate(MOST);
    Said::Helps(std::iter::once(WHOLE).chain(told).map(str::to_string).collect())
}

/// What several tokens together are known by.
fn in_signs(tokens: Tokens) -> Vec<&'static str> {
    let any = |is: &dyn Fn(usize) -> bool| (0..tokens.all.len()).any(is);
    let is_read = |at: usize, behind: usize| {
        tokens.is(at, "from")
            && !tokens.is(at.wrapping_sub(1), "distinct")
            && tokens.kind(at + 1).is_some_and(TokenKind::is_name)
            && {
                tokens.kind(at + behind) == Some(TokenKind::Comma)
                    && (2..behind).all(|n| tokens.kind(at + n).is_some_and(TokenKind::is_name))
            }
    };
    let is_grouped = any(&|at| tokens.is(at, "group"));
    let mut told = vec![];
    if any(&|at| tokens.is(at, "in") && tokens.is(at + 2, "select")) {
        told.push(words::PARTNERS);
    }
    if any(&|at| tokens.is(at + 1, "select") && tokens.kind(at) == Some(TokenKind::LeftParenthesis)) {
        told.push(words::PART_OF_QUERY);
    }
    let handlers = windows::handlers(tokens);
    let is_aggregated = is_grouped || any(&|at| select::is_aggregate(tokens, at));
    let is_window =
        |name: &&str| words::window(last_part(name)).is_some() && words::handler(name, is_grouped).is_none();
    if !is_aggregated && handlers.iter().any(is_window) {
        told.push(words::WINDOW_OF_ROWS);
    }
    told.extend(handlers.iter().filter_map(|name| words::handler(name, is_grouped)));
    if any(&|at| (2..=4).any(|behind| is_read(at, behind))) {
        told.push(words::STREAMS_IN_A_LIST);
    }
    let is_numbered = |at: usize| {
        (tokens.is(at, "group") || tokens.is(at, "order"))
            && tokens.is(at + 1, "by")
            && tokens.kind(at + 2) == Some(TokenKind::Integer)
    };
    if any(&is_numbered) {
        told.push(words::NUMBERS_OF_COLUMNS);
    }
    let leaves =
        |at: usize| matches!(tokens.word(at).as_str(), "all" | "expired") && tokens.is(at + 1, "events");
    if any(&leaves) {
        told.extend(words::clause("irstream", false));
    }
    let is_pattern = any(&|at| tokens.kind(at) == Some(TokenKind::Arrow) || begins_pattern(tokens, at));
    let is_step = |at: usize| begins_step(tokens, at) && tokens.kind(at + 1).is_some_and(TokenKind::is_name);
    if is_pattern && any(&|at| tokens.kind(at) == Some(TokenKind::Not) && is_step(at)) {
        told.push(words::ABSENCE);
    }
    let is_distinct = |at: usize| tokens.is(at, "distinct") && tokens.is(at + 1, "from");
    if any(&is_distinct) {
        told.push(words::IS_DISTINCT);
    }
    if any(&|at| tokens.is(at, "timer") && tokens.kind(at + 1) == Some(TokenKind::Colon)) {
        told.push(words::TIMER);
    }
    // Parts of what is said as a whole.
    let is_parted_itself = any(&|at| tokens.is(at, "over") || tokens.is(at, "match_recognize"));
    if !is_parted_itself && any(&|at| tokens.is(at, "partition") && tokens.is(at + 1, "by")) {
        told.push(words::PARTITION);
    }
    let is_chunk = |at: usize| tokens.is(at, "limit") || tokens.is(at, "order") && tokens.is(at + 1, "by");
    if tokens.is(0, "from") && tokens.outside().any(is_chunk) {
        told.push(words::CHUNKS);
    } else if handlers.iter().any(is_window) && told.is_empty() {
        told.push(words::WINDOW);
    }
    let is_from_zero = |at: usize| {
        matches!(tokens.word(at).as_str(), "substring" | "mid" | "substr")
            && tokens.close(at + 1).is_some_and(|close| {
                let args = tokens.part(at + 2..close).parts();
                args.get(1).is_some_and(|start| start.all.len() == 1 && start.is(0, "0"))
            })
    };
    if any(&is_from_zero) {
        told.push(words::POSITION_OF_TEXT);
    }
    if any(&|at| tokens.is(at, "extract") && tokens.is(at + 2, "dow")) {
        told.extend(words::written_here("dow"));
    }
    told
}

/// `window.time`: `time`
fn last_part(name: &str) -> &str {
    name.rsplit(['.', ':']).next().unwrap_or(name)
}

fn begins_pattern(tokens: Tokens, at: usize) -> bool {
    let not_behind = tokens.is(at, "from") && tokens.kind(at + 1) == Some(TokenKind::Not);
    not_behind || matches!(tokens.word(at).as_str(), "every" | "pattern")
}

/// Whether a step of a pattern begins at a token.
fn begins_step(tokens: Tokens, at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| tokens.word(before)).unwrap_or_default();
    matches!(before.as_str(), "->" | "from" | "every" | "[" | "(" | "," | "")
}

/// What single words are known by.
fn in_words(tokens: Tokens) -> Vec<&'static str> {
    let outside: BTreeSet<usize> = tokens.outside().collect();
    let is_recognized = (0..tokens.all.len()).any(|at| tokens.is(at, "match_recognize"));
    let mut told = vec![];
    for at in 0..tokens.all.len() {
        let word = tokens.word(at);
        let is_order = word == "order" && outside.contains(&at);
        let help = words::clause(&word, at > 0 && tokens.is(at - 1, "select"))
            .filter(|_| !matches!(word.as_str(), "case" | "inner" | "outer" | "for" | "map" | "filter"))
            .filter(|_| !(tokens.is(0, "from") && matches!(&*word, "order" | "limit")))
            .filter(|_| word != "order" || is_order)
            .filter(|_| word != "pattern" || !is_recognized)
            .filter(|_| word != "every" || begins_step(tokens, at));
        told.extend(help.or_else(|| words::written_here(&word).filter(|_| terms::is_lost(&word))));
    }
    told
}
