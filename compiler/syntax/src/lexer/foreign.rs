//! Signs, words and comments of other languages.

use super::{Cutter, Main, ends_operand};
use crate::elsewhere::windows;
use crate::error;
use crate::token::TokenKind;
use logos::Lexer;

/// Whether the rows of a query are grouped whose rest a text begins with.
pub(super) fn is_grouped(rest: &str) -> bool {
    let query = rest.lines().enumerate().take_while(|(n, line)| *n == 0 || !line.trim().is_empty());
    query.into_iter().any(|(_, line)| line.to_ascii_lowercase().contains("group by"))
}

impl<'a> Cutter<'a> {
    pub(super) fn foreign_operator(
        &mut self,
        start: usize,
        end: usize,
        written: &str,
        meant: TokenKind,
    ) -> TokenKind {
        let around = self.around(start, end);
        self.report(error::foreign_operator(self.span(start, end), written, meant.shown(), around));
        meant
    }

    /// `interval '5' minute`
    pub(super) fn is_behind_interval(&self) -> bool {
        self.out.tokens.last().is_some_and(|t| t.text(self.text).eq_ignore_ascii_case("interval"))
    }

    /// Whether an operator has a text in quotes on one of its sides.
    pub(super) fn is_beside_text(&self, start: usize, end: usize) -> bool {
        let [before, behind] = self.around(start, end);
        before.trim_end().ends_with(['"', '\'']) || behind.trim_start().starts_with(['"', '\''])
    }

    /// How long what is no comment is: `#window.time(5 min)` directly behind a stream.
    pub(super) fn handler_behind(&self, start: usize, slice: &str) -> Option<usize> {
        let is_glued = self.text.get(..start)?.ends_with(ends_operand);
        windows::handler(slice).filter(|_| is_glued)
    }

    /// A word that runs on with a letter outside `A-Za-z`.
    pub(super) fn continues_word(&self, lexer: &Lexer<'a, Main>) -> bool {
        lexer.remainder().chars().next().is_some_and(|c| !c.is_ascii() && c.is_alphanumeric())
    }

    pub(super) fn foreign_word(&mut self, lexer: &mut Lexer<'a, Main>, first_on_line: bool) {
        let rest = lexer.remainder();
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        lexer.bump(length);
        let span = lexer.span();
        self.line_checked_to = span.end;
        self.report(error::unquoted_name(self.span(span.start, span.end), lexer.slice()));
        self.push(TokenKind::Identifier, span.start, span.end, first_on_line);
    }

    pub(super) fn block_comment(&mut self, lexer: &mut Lexer<'a, Main>) {
        let rest = lexer.remainder();
        let length = match rest.find("*/") {
            Some(at) => at + 2,
            None => rest.find(['\r', '\n']).unwrap_or(rest.len()),
        };
        let start = lexer.span().start;
        lexer.bump(length);
        self.report(error::foreign_comment(self.span(start, start + 2), "/*", true));
    }
}
