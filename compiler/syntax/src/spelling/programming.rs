//! What is written in the ways of programming languages: `1,000`, `struct { … }`, `stream x = rows.filter(…)`, `n += 1`.

use super::Place;
use crate::elsewhere::definitions;
use crate::token::TokenKind;
use millstream_base::diagnostic::Edit;

impl Place<'_> {
    pub(super) fn of_programming(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        let found = self.kind(0)?;
        let is_glued = |at: usize| self.part(..).gap(at).is_empty();
        match (self.kind(-1)?, found) {
            // `{ a: int b: string }`
            (_, found)
                if found.is_name()
                    && self.kind(1) == Some(Colon)
                    && self.expected.has(",")
                    && self.expected.has("}") =>
            {
                let end = self.span(self.index(-1)?)?.at_end();
                Some(("write a comma".into(), vec![Edit { span: end, text: ",".into() }]))
            }
            // `1,000.00`
            (Integer, Comma) if is_glued(self.at) && is_glued(self.at + 1) && self.is_group_of_digits(1) => {
                let (_, edits) = self.replace(0, 0, "");
                Some(("a number stands without commas".into(), edits))
            }
            // `type P = struct { … }`
            (_, LeftBrace)
                if self.kind(-2) == Some(Assign)
                    && matches!(self.word(-1), "struct" | "record" | "class" | "object") =>
            {
                let (_, edits) = self.replace(-1, -1, "");
                Some(("a record is its fields in braces".into(), edits))
            }
            // `stream x = payments`
            (Assign, found)
                if found.is_name()
                    && self.expected.has("match")
                    && !matches!(self.kind(1), Some(Dot | LeftParenthesis)) =>
            {
                let is_whole =
                    self.token(1).is_none_or(|behind| behind.first_on_line || behind.kind.is_reserved());
                is_whole.then(|| self.insert("a query begins with `from`", 0, "from "))
            }
            _ => self.columns_in_parentheses(),
        }
    }

    /// Whether the token at an offset is three digits, with or without a fraction.
    fn is_group_of_digits(&self, offset: isize) -> bool {
        let digits = self.word(offset).split('.').next().unwrap_or("");
        digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit())
    }

    /// `source z: (a int, b string)`
    fn columns_in_parentheses(&self) -> Option<(String, Vec<Edit>)> {
        let all = self.part(..);
        let open = (0..self.at).rev().take(3).find(|at| all.kind(*at) == Some(TokenKind::LeftParenthesis))?;
        let item = open.checked_sub(3).and_then(|at| all.kind(at))?;
        let is_columns = matches!(item, TokenKind::Source | TokenKind::Table)
            && all.kind(open - 1) == Some(TokenKind::Colon);
        let close = all.close(open).filter(|_| is_columns)?;
        let fields = definitions::declared(self.part(open + 1..close))?.fields;
        let text = format!("{{ {} }}", fields.join(", "));
        let span = self.span(open)?.to(self.span(close)?);
        Some(("columns are fields in braces".into(), vec![Edit { span, text }]))
    }

    pub(super) fn help_of_programming(&self) -> Option<&'static str> {
        use TokenKind::*;
        Some(match (self.kind(-1)?, self.kind(0)?) {
            (PlusPlus, _) | (Plus | Minus | Star | Slash, Assign) => {
                "no value changes: a new one has a name of its own, `let next = n + 1`"
            }
            (_, LeftBrace) if self.word(-1) == "enum" => "words to choose among are a type: `\"a\" | \"b\"`",
            (_, Dot) if self.kind(-2) == Some(From) => {
                "a connector is called by its name, with its options in parentheses: `file(\"rows.ndjson\")`"
            }
            (Assign, found) if found.is_name() && self.expected.has("match") && self.kind(1) == Some(Dot) => {
                "a query says from top to bottom what is done: `from … where … group by … select …`"
            }
            _ => return None,
        })
    }
}
