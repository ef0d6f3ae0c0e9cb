//! What is taken for granted where a text is said in our words, or means something else here: a fix tells it in its
//! title.

use super::terms::duration;
use super::tokens::Tokens;
use super::windows;
use crate::literal;
use crate::token::{Token, TokenKind, needs_backticks};
use std::collections::HashSet;

/// What becomes of the terms among some tokens that does not go without saying.
pub fn terms(tokens: Tokens) -> Vec<String> {
    let any = |is: &dyn Fn(usize) -> bool| (0..tokens.all.len()).any(is);
    let compares = |at: usize, kinds: &[TokenKind]| {
        tokens.kind(at).is_some_and(|kind| kinds.contains(&kind)) && tokens.is(at + 1, "null")
    };
    let is_ordered = |at: usize| {
        let over = (tokens.is(at, "over") && tokens.kind(at + 1) == Some(TokenKind::LeftParenthesis))
            .then(|| tokens.close(at + 1));
        over.flatten().is_some_and(|close| (at + 2..close).any(|at| tokens.is(at, "order")))
    };
    let mut told = vec![];
    if any(&|at| compares(at, &[TokenKind::Assign, TokenKind::Equal])) {
        told.push("`= null`, which is never true in SQL, becomes `is null`".to_string());
    }
    if any(&|at| compares(at, &[TokenKind::NotEqual])) {
        told.push("`<> null`, which is never true in SQL, becomes `is not null`".to_string());
    }
    let is_by_offset =
        |at: usize| matches!(tokens.word(at).as_str(), "earliest_by_offset" | "latest_by_offset");
    if any(&is_ordered) || any(&is_by_offset) {
        told.push("rows are taken in the order of their times".to_string());
    }
    if any(&|at| tokens.kind(at) == Some(TokenKind::Slash)) {
        told.push("`/` of two ints is a float".to_string());
    }
    told
}

/// Whether a text in double quotes is the name of a column that a file declares, which it means in SQL.
pub fn quotes_column(tokens: Tokens, file: Tokens) -> bool {
    let columns = columns(file);
    tokens.all.iter().filter_map(|token| quoted_name(tokens.text, token)).any(|name| columns.contains(name))
}

/// `b`, of `"b"`.
fn quoted_name<'t>(text: &'t str, token: &Token) -> Option<&'t str> {
    let name = token.text(text).strip_prefix('"')?.strip_suffix('"')?;
    (!needs_backticks(name)).then_some(name)
}

/// What stands in front of colons.
fn columns<'t>(file: Tokens<'t>) -> HashSet<&'t str> {
    let named = file.all.windows(2).filter(|two| two[1].kind == TokenKind::Colon);
    named.map(|two| two[0].text(file.text)).collect()
}

/// The text of some tokens in which columns stand without quotes, those of the file and new ones.
pub fn without_quotes(tokens: Tokens, file: Tokens) -> String {
    let columns = columns(file);
    let mut text = String::new();
    for (at, token) in tokens.all.iter().enumerate() {
        let is_new = at > 0 && tokens.is(at - 1, "as");
        let name = quoted_name(tokens.text, token).filter(|name| is_new || columns.contains(name));
        text += tokens.gap(at);
        text += name.unwrap_or(tokens.written(at));
    }
    text
}

/// Where lists are asked for what stands at a position, which begins at 1 in SQL and at 0 here.
pub enum Positions {
    None,
    /// The text with those that begin at 0.
    Known(String),
    /// They may be keys of maps as well.
    Unknown,
}

pub const FROM_ZERO: &str = "`[1]`, the first of a list in SQL, becomes `[0]`";
pub const POSITIONS_LEFT: &str = "positions are left as they are: they begin at 1 in SQL and at 0 here";

/// Of a query of SQL as it was written: each position is taken for one that begins at 1.
pub fn positions(tokens: Tokens) -> Positions {
    if is_of_esper(tokens) {
        return Positions::None;
    }
    let is_index = |at: usize| {
        let of = at.checked_sub(1).filter(|of| tokens.kind(*of).is_some_and(|k| k.is_name() || k.closes()));
        let is_of_stream = |of: usize| {
            matches!(tokens.word(of.wrapping_sub(1)).as_str(), "from" | "join")
                || matches!(tokens.word(of).as_str(), "pattern" | "array")
        };
        tokens.kind(at) == Some(TokenKind::LeftBracket)
            && tokens.gap(at).is_empty()
            && of.is_some_and(|of| !is_of_stream(of))
    };
    let mut text = String::new();
    let mut found = Positions::None;
    for at in 0..tokens.all.len() {
        text += tokens.gap(at);
        let position = at.checked_sub(1).filter(|open| is_index(*open)).and_then(|_| tokens.kind(at));
        let is_whole = tokens.kind(at + 1) == Some(TokenKind::RightBracket);
        let one_less = tokens.written(at).parse::<u32>().ok().and_then(|n| n.checked_sub(1));
        match (position, one_less) {
            (Some(TokenKind::Integer), Some(n)) if is_whole => {
                text += &n.to_string();
                found = Positions::Known(String::new());
                continue;
            }
            // From the end, and of a map.
            (None | Some(TokenKind::Integer | TokenKind::Minus | TokenKind::String), _) => {}
            _ => return Positions::Unknown,
        }
        text += tokens.written(at);
    }
    match found {
        Positions::Known(_) => Positions::Known(text),
        found => found,
    }
}

/// Esper writes its queries like SQL and counts from 0.
fn is_of_esper(tokens: Tokens) -> bool {
    let is_filtered = |at: usize| {
        let read = tokens.word(at + 1);
        tokens.kind(at + 1).is_some_and(TokenKind::is_name)
            && tokens.kind(at + 2) == Some(TokenKind::LeftParenthesis)
            && !windows::is_function(&read)
    };
    let reads = |at: usize| tokens.is(at, "from") && (tokens.is(at + 1, "pattern") || is_filtered(at));
    !windows::handlers(tokens).is_empty() || (0..tokens.all.len()).any(reads)
}

pub const ANNOTATED: &str = "what stands in front is not needed: a stream has its name";
pub const NOT_PARTED: &str = "rows are not parted beforehand: each clause names its keys";
pub const IS_TEXT: &str = "what stands in double quotes is text";
pub const IS_COLUMN: &str = "what stands in double quotes is a column";

/// Of a window that names the time of its events.
pub fn time_of_source(column: &str) -> String {
    format!("the time of a row is what its source names: `time {column}`")
}

/// Of a grace period, for which what is final waits.
pub fn grace(grace: &str) -> String {
    format!("the grace period is `disorder {grace}` of the source, to be written there")
}

/// The longest of the durations that a condition names.
pub fn longest(condition: Tokens) -> Option<String> {
    let is_sum = |at: &usize| matches!(condition.kind(*at), Some(TokenKind::Plus | TokenKind::Minus));
    let named = (0..condition.all.len()).filter(is_sum).filter_map(|at| {
        let start = at + 1 + usize::from(condition.is(at + 1, "interval"));
        let (text, _) = duration(condition.part(start..))?;
        Some((literal::duration(&text).ok()?, text))
    });
    named.max().map(|(_, text)| text)
}

/// A title that tells what is taken for granted as well.
pub fn titled(title: &str, granted: &[String]) -> String {
    std::iter::once(title).chain(granted.iter().map(String::as_str)).collect::<Vec<_>>().join("; ")
}
