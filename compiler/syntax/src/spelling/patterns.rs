//! Patterns as Siddhi, Esper and regular expressions write them: `a -> b`, `every a`, `a=stream`, `{2,}[condition]`.

use super::Place;
use crate::token::{Token, TokenKind};
use millstream_base::diagnostic::Edit;

impl Place<'_> {
    pub(super) fn of_pattern(&self) -> Option<(String, Vec<Edit>)> {
        let head = self.pattern_before()?;
        self.every(head).or_else(|| self.condition()).or_else(|| self.sequence(head))
    }

    /// The number of the `match` whose pattern the token found stands in, or directly behind.
    fn pattern_before(&self) -> Option<usize> {
        let ends = |t: &Token| {
            use TokenKind::*;
            let begins_clause = matches!(t.kind, Where | Select | Let | Window) && t.first_on_line;
            t.kind.is_item_word() && t.first_on_line
                || begins_clause
                || matches!(t.kind, Select | Let | Window | Within)
        };
        let before = self.tokens.get(..self.at)?;
        let mut depth = 0_usize;
        for (at, token) in before.iter().enumerate().rev() {
            depth += usize::from(token.kind.closes());
            if token.kind == TokenKind::Match && depth == 0 {
                return Some(at);
            }
            if depth == 0 && ends(token) {
                return None;
            }
            depth = depth.saturating_sub(usize::from(token.kind.opens()));
        }
        None
    }

    /// `match every a: s`
    fn every(&self, head: usize) -> Option<(String, Vec<Edit>)> {
        let every = self.tokens.get(head + 1).filter(|t| t.text(self.text).eq_ignore_ascii_case("every"))?;
        let next = self.tokens.get(head + 2)?;
        let edit = Edit { span: self.span(head + 1)?, text: "overlapping".into() };
        let is_found = head + 2 == self.at && next.kind.is_name() && every.end < next.start;
        is_found.then(|| ("write `overlapping`: each event that fits begins a match".into(), vec![edit]))
    }

    /// `a -> b`, `a, b`, `a b`, `a followed by b`, `a and then b`
    fn sequence(&self, head: usize) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        let is_step = self.at > head + 1 && (self.expected.has("then") || self.expected.has("next"));
        let title = "a later step comes behind `then`, one with nothing between behind `next`";
        let titled = |(_, edits)| Some((title.to_string(), edits));
        let (found, next) = (self.kind(0).filter(|_| is_step)?, self.kind(1));
        match found {
            _ if self.word(-1) == "no" && found.is_name() => Some(self.replace(-1, -1, "not")),
            Arrow => titled(self.replace(0, 0, "then")),
            Comma => {
                let place = self.span(self.index(-1)?)?.at_end().to(self.span(self.at)?);
                Some((title.into(), vec![Edit { span: place, text: " next".into() }]))
            }
            And if next == Some(Then) => titled(self.replace(0, 1, "then")),
            _ if self.word(0) == "followed" && next == Some(By) => titled(self.replace(0, 1, "then")),
            // The key of `by lower(k) a: s` is not meant as a step.
            found if found.is_name() && next == Some(Colon) && !self.is_behind_call() => {
                titled(self.insert(title, 0, "then "))
            }
            _ => None,
        }
    }

    /// Whether what looks like a call ends in front of the token found.
    fn is_behind_call(&self) -> bool {
        let all = self.part(..);
        let open =
            (0..self.at).rev().take(100).find(|at| all.close(*at) == Some(self.at - 1) && self.at - 1 > *at);
        open.is_some_and(|open| {
            open > 0 && all.gap(open).is_empty() && all.kind(open - 1).is_some_and(TokenKind::is_name)
        })
    }

    /// `a: s{2,}[condition]`, `a: s+[condition]`, `a: s(condition)`, `a: s where condition`
    fn condition(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        let all = self.part(..);
        match self.kind(0)? {
            LeftBracket => {
                let quantifier = match self.kind(-1)? {
                    Plus | Star | Question => self.at - 1,
                    RightBrace => (0..self.at).rev().take(6).find(|at| all.kind(*at) == Some(LeftBrace))?,
                    _ => return None,
                };
                let close = all.close(self.at)?;
                let condition = self.span(self.at)?.to(self.span(close)?);
                let place = self.span(quantifier - 1)?.at_end();
                let moved = Edit { span: place, text: self.slice(condition).to_string() };
                let removed = Edit { span: condition, text: "".into() };
                Some(("the condition stands in front of how often it comes".into(), vec![moved, removed]))
            }
            Then | Next => {
                let place = (0..self.at).rev().take(100).find(|at| all.kind(*at) == Some(Where))?;
                let behind = self.span(place - 1)?.at_end();
                let opening = Edit { span: behind.to(self.span(place + 1)?.at_start()), text: "[".into() };
                let closing = Edit { span: self.span(self.index(-1)?)?.at_end(), text: "]".into() };
                Some((
                    "the condition of an event stands behind it in square brackets".into(),
                    vec![opening, closing],
                ))
            }
            LeftParenthesis if self.kind(-1)?.is_name() && self.kind(-2) == Some(Colon) => {
                let close = all.close(self.at)?;
                let edit = |at, text: &str| Some(Edit { span: self.span(at)?, text: text.into() });
                let edits = vec![edit(self.at, "[")?, edit(close, "]")?];
                Some(("the condition of an event stands in square brackets".into(), edits))
            }
            _ => None,
        }
    }
}
