//! What is written in the ways of SQL: a query that begins with `select`, its words in capital letters, lists in
//! parentheses, `limit`.

use super::Place;
use crate::elsewhere::granted::{self, Positions};
use crate::elsewhere::select;
use crate::elsewhere::tokens::Tokens;
use crate::lexer::lex;
use crate::token::{Token, TokenKind};
use millstream_base::FileId;
use millstream_base::diagnostic::Edit;

/// Words that are no reserved ones, and in capital letters are hardly names.
const WORDS: &[&str] =
    &["as", "asc", "between", "by", "desc", "from", "group", "in", "is", "like", "on", "order"];

impl<'a> Place<'a> {
    pub(super) fn of_sql(&self) -> Option<(String, Vec<Edit>)> {
        self.select_first()
            .or_else(|| self.capitals())
            .or_else(|| self.limit())
            .or_else(|| self.list_in_parentheses())
            .or_else(|| self.third_equals_sign())
    }

    /// `stream x = select a from b where c`: `from b where c select a`.
    fn select_first(&self) -> Option<(String, Vec<Edit>)> {
        let is_query = self.expected.has("from") && self.expected.has("match");
        if !self.word(0).eq_ignore_ascii_case("select") || !is_query {
            return None;
        }
        let rest = self.tokens.get(self.at..)?;
        let n_here =
            rest.iter().skip(1).take_while(|t| !(t.first_on_line && t.kind.is_item_word())).count() + 1;
        let here = self.part(self.at..self.at + n_here);
        let is_table = |name: &str| self.is_table(name);
        let mut query = match granted::positions(here) {
            Positions::Known(text) => {
                let lexed = lex(FileId::default(), &text);
                let from_zero = Tokens { text: &text, all: &lexed.tokens };
                select::query(from_zero, &is_table)?.granting(granted::FROM_ZERO)
            }
            Positions::Unknown => select::query(here, &is_table)?.granting(granted::POSITIONS_LEFT),
            Positions::None => select::query(here, &is_table)?,
        };
        if granted::quotes_column(here, self.part(..)) {
            query = query.granting(granted::IS_TEXT);
        }
        let span = self.span(self.at)?.to(self.span(self.at + n_here - 1)?);
        let text = query.limit.is_none().then(|| query.clauses.join(" "))?;
        let title = query.titled("a query begins with `from`, and `select` stands below");
        Some((title, vec![Edit { span, text }]))
    }

    /// Words of the language in capital letters, up to the end of the line. One in front of an operand is taken for a name
    /// until the operand comes: `NOT x`.
    fn capitals(&self) -> Option<(String, Vec<Edit>)> {
        let is_word = |offset: isize| self.token(offset).and_then(|token| small(self.text, token));
        let fits = |word: &String| self.expected.words().contains(&word.as_str());
        let first = match is_word(-1).filter(|word| matches!(word.as_str(), "if" | "not")) {
            Some(_) => -1,
            None => is_word(0).filter(fits).map(|_| 0)?,
        };
        let end = self.rest_of_clause().count() as isize;
        let mut edits = vec![];
        for offset in first..end {
            let (Some(word), Some(index)) = (is_word(offset), self.index(offset)) else { continue };
            if word == "in" {
                edits.extend(self.brackets(index + 1).into_iter().flatten());
            }
            edits.push(Edit { span: self.span(index)?, text: word });
        }
        let title = match &edits[..] {
            [edit] => format!("write `{}`", edit.text),
            _ => "write the words of the language in small letters".to_string(),
        };
        Some((title, edits))
    }

    /// `order by x limit 3`: `top 3 by x`.
    fn limit(&self) -> Option<(String, Vec<Edit>)> {
        if !self.word(0).eq_ignore_ascii_case("limit") || self.kind(1) != Some(TokenKind::Integer) {
            return None;
        }
        let before = self.tokens.get(..self.at)?;
        let order = before
            .windows(2)
            .rposition(|two| (two[0].kind, two[1].kind) == (TokenKind::Order, TokenKind::By))?;
        let ends = |t: &Token| t.kind.is_item_word() || t.first_on_line && t.kind.is_reserved();
        if before.get(order + 2..)?.iter().any(ends) {
            return None;
        }
        let keys = self.slice(self.span(order + 2)?.to(self.span(self.at.checked_sub(1)?)?));
        let is_windowed = self.query_before().any(|t| t.kind == TokenKind::Window);
        let bound = if is_windowed { "" } else { " forever" };
        let text = format!("top {} by {keys}{bound}", self.word(1));
        let span = self.span(order)?.to(self.span(self.at + 1)?);
        Some((format!("write `{text}`"), vec![Edit { span, text }]))
    }

    /// `x in (1, 2)`, where the comma does not fit.
    fn list_in_parentheses(&self) -> Option<(String, Vec<Edit>)> {
        if self.kind(0) != Some(TokenKind::Comma) {
            return None;
        }
        let mut depth = 0_usize;
        let open = (0..self.at).rev().find(|i| {
            let kind = self.tokens.get(*i).map(|t| t.kind);
            if kind.is_some_and(TokenKind::closes) {
                depth += 1;
            } else if kind.is_some_and(TokenKind::opens) {
                if depth == 0 {
                    return true;
                }
                depth -= 1;
            }
            false
        })?;
        let behind = open.checked_sub(1).and_then(|i| self.tokens.get(i))?;
        let edits = self.brackets(open).filter(|_| behind.kind == TokenKind::In)?;
        Some(("a list stands in square brackets".into(), edits.into()))
    }

    /// Square brackets in the place of a pair of parentheses, the first of which has this number.
    fn brackets(&self, open: usize) -> Option<[Edit; 2]> {
        if self.tokens.get(open)?.kind != TokenKind::LeftParenthesis {
            return None;
        }
        let mut depth = 0_usize;
        let close = (open..self.tokens.len()).find(|i| {
            let kind = self.tokens.get(*i).map(|t| t.kind);
            depth += usize::from(kind.is_some_and(TokenKind::opens));
            depth -= usize::from(kind.is_some_and(TokenKind::closes));
            depth == 0
        })?;
        let edit = |index, text: &str| Some(Edit { span: self.span(index)?, text: text.into() });
        Some([edit(open, "[")?, edit(close, "]")?])
    }

    /// `a === b`
    fn third_equals_sign(&self) -> Option<(String, Vec<Edit>)> {
        let (before, sign) = (self.token(-1)?, self.token(0)?);
        let is_third = matches!(before.kind, TokenKind::Equal | TokenKind::NotEqual)
            && sign.kind == TokenKind::Assign
            && before.end == sign.start;
        is_third.then(|| {
            let (_, edits) = self.replace(0, 0, "");
            (format!("write `{}`", self.word(-1)), edits)
        })
    }
}

/// A word of the language that stands in capital letters.
fn small(text: &str, token: &Token) -> Option<String> {
    let word = token.text(text);
    let is_large = word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase());
    let small = word.to_ascii_lowercase();
    let is_reserved = TokenKind::word(&small).is_some_and(TokenKind::is_reserved);
    (token.kind == TokenKind::Identifier && is_large && (is_reserved || WORDS.contains(&&*small)))
        .then_some(small)
}
