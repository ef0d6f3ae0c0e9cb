//! Joins as SQL writes them, bounds with a sign, and tables whose key stands in another place.

use super::Place;
use crate::cut;
use crate::elsewhere::terms::duration;
use crate::token::{Token, TokenKind};
use millstream_base::diagnostic::Edit;

impl Place<'_> {
    pub(super) fn of_join(&self) -> Option<(String, Vec<Edit>)> {
        self.kind_of_join()
            .or_else(|| self.using())
            .or_else(|| self.second_stream())
            .or_else(|| self.negative_bound())
            .or_else(|| self.key_of_table())
            .or_else(|| self.bound_before_condition())
    }

    /// `join b within 5m on c`: `join b on c within 5m`.
    fn bound_before_condition(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        if self.kind(0)? != Within || !self.expected.has("on") {
            return None;
        }
        let (bound, n) = duration(self.part(self.at + 1..))?;
        let on = self.at + 1 + n;
        let rest = self.tokens.get(on..)?;
        let all = cut::Tokens { text: self.text, all: self.tokens };
        let ends = |at: &usize| rest.get(*at).is_some_and(begins_item) || all.starts_clause(on + at, 0);
        let n_condition = (0..rest.len()).find(ends).unwrap_or(rest.len());
        let last = self.span(on + n_condition.checked_sub(1)?)?;
        let removed = self.span(self.at)?.to(self.span(on)?.at_start());
        let edits = vec![
            Edit { span: removed, text: "".into() },
            Edit { span: last.at_end(), text: format!(" within {bound}") },
        ];
        Some(("how far apart both may be stands behind the condition".into(), edits))
    }

    /// `left outer join`, `LEFT JOIN`, `inner join`, `cross join b`
    fn kind_of_join(&self) -> Option<(String, Vec<Edit>)> {
        if !self.expected.has("join") {
            return None;
        }
        let words: Vec<String> = (0..3).map(|offset| self.word(offset).to_ascii_lowercase()).collect();
        match [&*words[0], &*words[1], &*words[2]] {
            ["inner", "join", _] => Some(self.replace(0, 1, "join")),
            [side @ ("left" | "right" | "full"), "outer", "join"] => {
                Some(self.replace(0, 2, &format!("{side} join")))
            }
            ["left", ..] if self.kind(1) == Some(TokenKind::SemiJoin) => {
                Some(self.replace(0, 1, "semi join"))
            }
            ["left", ..] if self.kind(1) == Some(TokenKind::AntiJoin) => {
                Some(self.replace(0, 1, "anti join"))
            }
            [kind @ ("left" | "right" | "full" | "semi" | "anti"), "join", _] => {
                Some(self.replace(0, 1, &format!("{kind} join")))
            }
            ["asof", "join", _] => {
                let (_, edits) = self.replace(0, 1, "join");
                Some(("of a table with `time`, a row finds what stood at its own time".into(), edits))
            }
            ["cross", "join", _] => {
                let (_, mut edits) = self.replace(0, 1, "join");
                edits.push(Edit {
                    span: self.span(self.end_of_stream(2)?)?.at_end(),
                    text: " on true".into(),
                });
                Some(("pairs of all rows are a `join` on `true`".into(), edits))
            }
            _ => None,
        }
    }

    /// `join b using (k)`: `join b on a.k == b.k`.
    fn using(&self) -> Option<(String, Vec<Edit>)> {
        let is_using = self.word(0).eq_ignore_ascii_case("using") && self.expected.has("on");
        if !is_using || self.kind(1) != Some(TokenKind::LeftParenthesis) {
            return None;
        }
        let rest = self.tokens.get(self.at..)?;
        let close = rest.iter().position(|t| t.kind == TokenKind::RightParenthesis)?;
        let names = rest.get(2..close)?.iter().filter(|t| t.kind != TokenKind::Comma);
        let from = self.tokens.get(..self.at)?.iter().rposition(|t| t.kind == TokenKind::From)?;
        let left = self.end_of_stream(from as isize + 1 - self.at as isize)?;
        let (left, right) = (self.slice(self.span(left)?), self.word(-1));
        let equal = |t: &Token| format!("{left}.{name} == {right}.{name}", name = t.text(self.text));
        let text = format!("on {}", names.map(equal).collect::<Vec<_>>().join(" and "));
        Some(self.replace(0, close as isize, &text))
    }

    /// `from a, b where c`: `from a join b on c`.
    fn second_stream(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        let is_head = self.kind(-2) == Some(From) || (self.kind(-2), self.kind(-4)) == (Some(As), Some(From));
        if self.kind(0)? != Comma || !is_head || !self.kind(1)?.is_name() {
            return None;
        }
        let last = self.end_of_stream(1)?;
        let mut edits = vec![Edit { span: self.span(self.at)?, text: " join".into() }];
        edits.push(match self.tokens.get(last + 1).filter(|t| t.kind == Where) {
            Some(_) => Edit { span: self.span(last + 1)?, text: "on".into() },
            None => Edit { span: self.span(last)?.at_end(), text: " on true".into() },
        });
        Some(("streams are joined by `join … on …`".into(), edits))
    }

    /// `within -5s`
    pub(super) fn negative_bound(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        let is_bound =
            [-3, -2, -1].map(|back| self.kind(back)) == [Some(Within), Some(Minus), Some(Duration)];
        if !is_bound || !self.expected.has("..") {
            return None;
        }
        let before = self.tokens.get(..self.at)?;
        let of = before.iter().rposition(|t| t.kind == Of);
        if of.is_some_and(|of| before.get(of..).is_some_and(|t| t.iter().all(|t| t.kind != On))) {
            let (_, edits) = self.replace(-2, -2, "");
            return Some(("an age is how long ago, without a sign".into(), edits));
        }
        let span = self.span(self.index(-1)?)?.at_end();
        Some((
            format!("say up to when: `-{}..0s` is before the row", self.word(-1)),
            vec![Edit { span, text: "..0s".into() }],
        ))
    }

    /// The key stands behind the type: `table z: { … } key k from …`.
    fn key_of_table(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        let item = self.tokens.get(..self.at)?.iter().rposition(|t| t.kind.is_item_word())?;
        if !matches!(self.tokens.get(item)?.kind, Table | Source) {
            return None;
        }
        let n_tokens = self.tokens.get(item + 1..)?.iter().take_while(|t| !begins_item(t)).count() + 1;
        let here = item..item + n_tokens;
        let from = here.clone().find(|i| self.tokens.get(*i).is_some_and(|t| t.kind == From))?;
        let key = here.clone().find(|i| self.tokens.get(*i).is_some_and(|t| t.kind == Key));
        let before_from = self.span(from)?.at_start();
        match (self.kind(0)?, key) {
            (Colon, Some(key)) if key == item + 2 => {}
            (From, Some(key)) if self.expected.has("key") && self.at == from && key > from => {}
            (Key, Some(key)) if self.at == key && key > from => {}
            (From, None) if self.expected.has("key") && self.at == from => {
                let [colon, brace, name] = [2, 3, 4].map(|n| self.tokens.get(item + n));
                let is_record = (colon?.kind, brace?.kind) == (Colon, LeftBrace);
                let name = name.filter(|t| is_record && t.kind.is_name())?.text(self.text);
                let title = format!("rows of a table are looked up by a key, such as `{name}`");
                return Some((title, vec![Edit { span: before_from, text: format!("key {name} ") }]));
            }
            _ => return None,
        }
        let key = key?;
        let is_of_key = |i: &usize| self.tokens.get(*i).is_some_and(|t| t.kind.is_name() || t.kind == Comma);
        let last = (key + 1..here.end).take_while(is_of_key).last()?;
        let names = self.span(key)?.to(self.span(last)?);
        let moved = Edit { span: before_from, text: format!("{} ", self.slice(names)) };
        let removed = Edit { span: self.span(key - 1)?.at_end().to(names), text: "".into() };
        let mut edits = vec![moved, removed];
        edits.sort_by_key(|edit| edit.span.start);
        Some(("the key stands behind the type".into(), edits))
    }

    /// The number of the last token of `NAME` or `NAME as NAME`, which begins at an offset.
    fn end_of_stream(&self, offset: isize) -> Option<usize> {
        self.kind(offset).filter(|kind| kind.is_name())?;
        let has_alias = self.kind(offset + 1) == Some(TokenKind::As);
        self.index(if has_alias { offset + 2 } else { offset })
    }
}

fn begins_item(token: &Token) -> bool {
    token.first_on_line && token.kind.is_item_word()
}
