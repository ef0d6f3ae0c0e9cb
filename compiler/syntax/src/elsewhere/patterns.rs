//! Patterns: `from every a=s -> b=s[…] within 5 min select …` of Siddhi, `select … from pattern [every a=s -> b=s(…)]` of Esper.

use super::granted;
use super::select::Query;
use super::terms::{duration, expression};
use super::tokens::Tokens;
use crate::lexer::lex;
use crate::token::TokenKind;
use millstream_base::FileId;

/// A query that is a pattern; none if it is none, or says what cannot be said so.
pub fn query(tokens: Tokens) -> Option<Query> {
    let is = |at: &usize, word: &str| tokens.is(*at, word);
    let from = tokens.outside().find(|at| is(at, "from"))?;
    let part = |word: &str, skip: usize| -> Option<Tokens> {
        let start = tokens.outside().find(|at| is(at, word))? + skip;
        let ends = |at: &usize| {
            *at >= start && ["select", "from", "insert", "within"].iter().any(|word| is(at, word))
        };
        let end = tokens.outside().find(ends).unwrap_or(tokens.all.len());
        Some(tokens.part(start..end))
    };
    let steps = match tokens.is(from + 1, "pattern") && tokens.kind(from + 2) == Some(TokenKind::LeftBracket)
    {
        true => tokens.part(from + 3..tokens.close(from + 2)?),
        false => part("from", 1)?,
    };
    let (steps, guard) = guarded(steps)?;
    let (mode, steps) = whole(steps);
    let breaks: Vec<usize> = steps.outside().filter(|at| between(steps, *at).is_some()).collect();
    let is_pattern = breaks.iter().any(|at| steps.kind(*at) == Some(TokenKind::Arrow))
        || !breaks.is_empty() && (steps.is(0, "every") || steps.kind(1) == Some(TokenKind::Assign));
    is_pattern.then_some(())?;
    let mut granted = vec![];
    let bound = match part("within", 1).or(guard) {
        Some(within) => duration(within).filter(|(_, n)| *n == within.all.len())?.0,
        // A pattern waits for no longer than it says.
        None => {
            granted.push("a match takes at most 10m".to_string());
            "10m".to_string()
        }
    };
    let starts = std::iter::once(0).chain(breaks.iter().map(|at| at + 1));
    let ends = breaks.iter().copied().chain([steps.all.len()]);
    let parts: Vec<Tokens> = starts.zip(ends).map(|(start, end)| steps.part(start..end)).collect();
    let is_every: Vec<bool> = parts.iter().map(|part| part.is(0, "every")).collect();
    let mode = match (mode, &is_every[..]) {
        (Some(mode), every) if !every.contains(&true) => mode,
        (None, every) if !every.contains(&true) => "once forever",
        (None, [true, rest @ ..]) if !rest.contains(&true) => "overlapping",
        (None, every) if !every.contains(&false) => "all",
        _ => return None,
    };
    let mut pattern = format!("match {mode}");
    for (n, part) in parts.into_iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| between(steps, *breaks.get(n)?));
        pattern += &before.map_or(String::new(), |before| format!(" {before}"));
        pattern += &format!(" {}", step(part)?);
    }
    let mut clauses = vec![format!("{pattern} within {bound}")];
    let select = part("select", 1).filter(|select| !select.is(0, "*"));
    if let Some(select) = select {
        let items: Option<Vec<String>> = select.parts().into_iter().map(expression).collect();
        clauses.push(format!("select {}", items?.join(", ")));
    }
    let into = part("insert", 2).map(|into| into.written(0).to_string());
    granted.extend(granted::terms(tokens));
    Some(Query { clauses, limit: None, into, granted })
}

/// `(…) where timer:within(5 min)` of Esper: what takes no longer than that, if it is the whole.
fn guarded(steps: Tokens) -> Option<(Tokens, Option<Tokens>)> {
    let Some(guard) = steps.outside().find(|at| steps.is(*at, "where")) else { return Some((steps, None)) };
    let is_within =
        ["timer", ":", "within", "("].iter().zip(guard + 1..).all(|(word, at)| steps.is(at, word));
    let close = steps.close(guard + 4).filter(|close| is_within && close + 1 == steps.all.len())?;
    let is_whole = steps.close(usize::from(steps.is(0, "every"))) == guard.checked_sub(1);
    is_whole.then(|| (steps.part(..guard), Some(steps.part(guard + 5..close))))
}

/// `every (a=s -> b=t)` looks for one match after the other: how that is said, and what stands inside.
fn whole(steps: Tokens) -> (Option<&'static str>, Tokens) {
    let open = usize::from(steps.is(0, "every"));
    let is_open = steps.kind(open) == Some(TokenKind::LeftParenthesis);
    match steps.close(open).filter(|close| is_open && close + 1 == steps.all.len()) {
        Some(close) => ((open > 0).then_some("once per 1us"), steps.part(open + 1..close)),
        None => (None, steps),
    }
}

/// What stands between two steps: any later event behind `->`, the very next one behind a comma.
fn between(steps: Tokens, at: usize) -> Option<&'static str> {
    match steps.kind(at)? {
        TokenKind::Arrow => Some("then"),
        TokenKind::Comma => Some("next"),
        _ => None,
    }
}

/// `every a=payments[amount > 10]<2:>`
fn step(tokens: Tokens) -> Option<String> {
    let tokens = tokens.part(usize::from(tokens.is(0, "every"))..);
    let tokens = match tokens.kind(0)? {
        TokenKind::LeftParenthesis if tokens.close(0)? + 1 == tokens.all.len() => {
            tokens.part(1..tokens.all.len() - 1)
        }
        _ => tokens,
    };
    let is_named = tokens.kind(1) == Some(TokenKind::Assign);
    let at = if is_named { 2 } else { 0 };
    tokens.kind(at)?.is_name().then_some(())?;
    let own = is_named.then(|| tokens.written(0));
    let name = own.map_or(String::new(), |own| format!("{own}: "));
    let mut event = format!("{name}{}", tokens.written(at));
    let mut end = at + 1;
    if matches!(tokens.kind(end), Some(TokenKind::LeftBracket | TokenKind::LeftParenthesis)) {
        let close = tokens.close(end)?;
        event += &format!("[{}]", condition(tokens.part(end + 1..close), own)?);
        end = close + 1;
    }
    if tokens.kind(end) == Some(TokenKind::Less) {
        let (times, n) = times(tokens.part(end..))?;
        event += &times;
        end += n;
    }
    (end == tokens.all.len()).then_some(event)
}

/// How often a step is done, and how many tokens say so: `<2:5>`, `<2:>`, `<3>` of Siddhi. What may be none at all,
/// `<:5>`, is left to the one who means it.
fn times(tokens: Tokens) -> Option<(String, usize)> {
    use TokenKind::{Colon, Greater, Integer};
    let kinds: Vec<TokenKind> = tokens.all.iter().skip(1).take(4).map(|token| token.kind).collect();
    let [least, most] = [tokens.written(1), tokens.written(3)];
    Some(match kinds[..] {
        [Integer, Greater, ..] => (format!("{{{least}}}"), 3),
        [Integer, Colon, Greater, ..] => (format!("{{{least},}}"), 4),
        [Integer, Colon, Integer, Greater] => (format!("{{{least},{most}}}"), 5),
        _ => return None,
    })
}

/// The condition of a step, whose own columns have no name in front. Commas of Esper are `and`.
pub fn condition(tokens: Tokens, own: Option<&str>) -> Option<String> {
    let is_own = |at: usize| {
        own == Some(tokens.written(at))
            && tokens.kind(at + 1) == Some(TokenKind::Dot)
            && at.checked_sub(1).is_none_or(|before| tokens.kind(before) != Some(TokenKind::Dot))
    };
    let mut text = String::new();
    for at in 0..tokens.all.len() {
        text += tokens.gap(at);
        let is_left_out = is_own(at) || at.checked_sub(1).is_some_and(is_own);
        text += if is_left_out { "" } else { tokens.written(at) };
    }
    let lexed = lex(FileId::default(), &text);
    let parts = Tokens { text: &text, all: &lexed.tokens }.parts();
    let is_one = parts.len() == 1;
    let parts: Option<Vec<String>> = parts
        .into_iter()
        .map(|part| {
            let has_or = part.outside().any(|at| part.kind(at) == Some(TokenKind::Or));
            Some(match expression(part)? {
                text if has_or && !is_one => format!("({text})"),
                text => text,
            })
        })
        .collect();
    Some(parts?.join(" and "))
}
