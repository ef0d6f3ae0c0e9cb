//! Parts of expressions: `cast(x as int)`, `x::int`, `case … end`, `a ? b : c`, `f(x) over (…)`, `interval '5' minute`.

use super::Place;
use crate::elsewhere::{granted, terms};
use crate::token::TokenKind;
use millstream_base::diagnostic::Edit;
use std::ops::Range;

impl Place<'_> {
    pub(super) fn of_term(&self) -> Option<(String, Vec<Edit>)> {
        let range = self
            .case()
            .or_else(|| self.cast_behind())
            .or_else(|| self.choice())
            .or_else(|| self.interval())
            .or_else(|| self.call_with_words())
            .or_else(|| self.over())?;
        let text = terms::expression(self.part(range.clone()))?;
        let span = self.span(range.start)?.to(self.span(range.end - 1)?);
        let title = granted::titled(&format!("write `{text}`"), &granted::terms(self.part(range)));
        Some((title, vec![Edit { span, text }]))
    }

    /// `cast(x as int)`, `extract(hour from t)`: stuck inside.
    fn call_with_words(&self) -> Option<Range<usize>> {
        let open = self.open_before()?;
        let function = self.part(..).word(open.checked_sub(1)?);
        let is_such = matches!(function.as_str(), "cast" | "try_cast" | "extract");
        let close = self.part(..).close(open).filter(|_| is_such)?;
        Some(open - 1..close + 1)
    }

    /// The bracket that is open in front of the token found.
    fn open_before(&self) -> Option<usize> {
        let mut depth = 0_usize;
        (0..self.at).rev().take(200).find(|at| {
            let kind = self.tokens.get(*at).map(|t| t.kind);
            if kind.is_some_and(TokenKind::opens) && depth == 0 {
                return true;
            }
            depth += usize::from(kind.is_some_and(TokenKind::closes));
            depth = depth.saturating_sub(usize::from(kind.is_some_and(TokenKind::opens)));
            false
        })
    }

    /// `x::int`
    fn cast_behind(&self) -> Option<Range<usize>> {
        let is_double = [0, 1].map(|offset| self.kind(offset)) == [Some(TokenKind::Colon); 2];
        let type_at = self.at + 2;
        let has_size = is_double && self.kind(3) == Some(TokenKind::LeftParenthesis);
        let end = if has_size { self.part(..).close(type_at + 1)? + 1 } else { type_at + 1 };
        is_double.then_some(())?;
        Some(self.start_of_operand(self.at)?..end)
    }

    /// Where the operand begins that ends in front of a token: `a.b`, `f(x)`, `(x)`, `5`.
    fn start_of_operand(&self, end: usize) -> Option<usize> {
        let kind = |at: usize| self.tokens.get(at).map(|t| t.kind);
        let mut at = end.checked_sub(1)?;
        if kind(at)?.closes() {
            let all = self.part(..end);
            at = (0..at).rev().find(|open| {
                kind(*open).is_some_and(TokenKind::opens) && all.close(*open) == Some(end - 1)
            })?;
            let is_call = at.checked_sub(1).and_then(kind).is_some_and(TokenKind::is_name);
            at -= usize::from(is_call);
        }
        while at > 1 && kind(at - 1) == Some(TokenKind::Dot) {
            at -= 2;
        }
        Some(at)
    }

    /// `case when …`, `case x when …`
    fn case(&self) -> Option<Range<usize>> {
        let is_case = |back: isize| self.word(back).eq_ignore_ascii_case("case");
        let start = [-1, 0].into_iter().find(|back| is_case(*back)).and_then(|back| self.index(back))?;
        Some(start..terms::end_of_case(self.part(..), start)? + 1)
    }

    /// `a ? b : c`
    fn choice(&self) -> Option<Range<usize>> {
        use TokenKind::*;
        if self.kind(0)? != Question {
            return None;
        }
        let is_border = |kind: TokenKind| {
            matches!(kind, Comma | Assign | Where | Select | Let | By | On | As | If | Then | Else)
                || kind.opens()
                || kind.closes()
        };
        let mut start = self.at;
        while start > 0 {
            let before = self.tokens.get(start - 1)?.kind;
            if before.closes() {
                start = self.start_of_operand(start)?;
            } else if is_border(before) {
                break;
            } else {
                start -= 1;
            }
        }
        let mut end = self.at;
        while let Some(token) = self.tokens.get(end) {
            if token.kind.opens() {
                end = self.part(..).close(end)?;
            } else if is_border(token.kind) || token.first_on_line && token.kind.is_reserved() {
                break;
            }
            end += 1;
        }
        Some(start..end)
    }

    /// `interval '5' minute`
    fn interval(&self) -> Option<Range<usize>> {
        let is_interval = self.word(-1).eq_ignore_ascii_case("interval");
        let (_, n) = is_interval.then(|| terms::duration(self.part(self.at..)))??;
        Some(self.at - 1..self.at + n)
    }

    /// `row_number() over (partition by k order by t)`
    fn over(&self) -> Option<Range<usize>> {
        let is_over =
            self.word(0).eq_ignore_ascii_case("over") && self.kind(-1) == Some(TokenKind::RightParenthesis);
        let close = is_over.then(|| self.part(..).close(self.at + 1))??;
        Some(self.start_of_operand(self.at)?..close + 1)
    }
}
