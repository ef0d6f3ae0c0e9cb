//! Patterns: `from every a=s -> b=s[…] within 5 min select …` of Siddhi, `select … from pattern [every a=s -> b=s(…)]` of Esper.

use super::select::Query;
use super::terms::{duration, expression};
use super::tokens::Tokens;
use crate::token::TokenKind;

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
    let is_pattern = steps.outside().any(|at| steps.kind(at) == Some(TokenKind::Arrow));
    is_pattern.then_some(())?;
    let bound = match part("within", 1) {
        Some(within) => duration(within).filter(|(_, n)| *n == within.all.len())?.0,
        // A pattern waits for no longer than it says.
        None => "10m".to_string(),
    };
    let mut written = vec![];
    let mut start = 0;
    let arrows = steps.outside().filter(|at| steps.kind(*at) == Some(TokenKind::Arrow));
    for end in arrows.chain([steps.all.len()]) {
        written.push(step(steps.part(start..end))?);
        start = end + 1;
    }
    let mut clauses = vec![format!("match {} within {bound}", written.join(" then "))];
    let select = part("select", 1).filter(|select| !select.is(0, "*"));
    if let Some(select) = select {
        let items: Option<Vec<String>> = select.parts().into_iter().map(expression).collect();
        clauses.push(format!("select {}", items?.join(", ")));
    }
    let into = part("insert", 2).map(|into| into.written(0).to_string());
    Some(Query { clauses, limit: None, into })
}

/// `every a=payments[amount > 10]<2:>`
fn step(tokens: Tokens) -> Option<String> {
    let tokens = tokens.part(usize::from(tokens.is(0, "every"))..);
    let is_named = tokens.kind(1) == Some(TokenKind::Assign);
    let at = if is_named { 2 } else { 0 };
    tokens.kind(at)?.is_name().then_some(())?;
    let name = if is_named { format!("{}: ", tokens.written(0)) } else { String::new() };
    let mut event = format!("{name}{}", tokens.written(at));
    let mut end = at + 1;
    if matches!(tokens.kind(end), Some(TokenKind::LeftBracket | TokenKind::LeftParenthesis)) {
        let close = tokens.close(end)?;
        event += &format!("[{}]", expression(tokens.part(end + 1..close))?);
        end = close + 1;
    }
    (end == tokens.all.len()).then_some(event)
}
