//! What is told of a statement that cannot be said in our words: of its first words and signs that are not ours.

use super::statements::Said;
use super::terms;
use super::tokens::Tokens;
use super::{windows, words};
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
        tokens.is(at, "from") && tokens.kind(at + 1).is_some_and(TokenKind::is_name) && {
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
    told.extend(windows::handlers(tokens).iter().filter_map(|name| words::handler(name, is_grouped)));
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
    if any(&|at| tokens.kind(at) == Some(TokenKind::Not) && begins_step(tokens, at)) {
        told.push(words::ABSENCE);
    }
    if any(&|at| tokens.is(at, "extract") && tokens.is(at + 2, "dow")) {
        told.extend(words::written_here("dow"));
    }
    told
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
            .filter(|_| word != "order" || is_order)
            .filter(|_| word != "pattern" || !is_recognized)
            .filter(|_| word != "every" || begins_step(tokens, at));
        told.extend(help.or_else(|| words::written_here(&word).filter(|_| terms::is_lost(&word))));
    }
    told
}
