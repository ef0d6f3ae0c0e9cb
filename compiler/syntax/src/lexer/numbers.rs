//! Numbers: what is wrong with those that are none.

use super::{Cutter, Main};
use crate::error;
use crate::literal;
use crate::token::TokenKind;

impl Cutter<'_> {
    pub(super) fn number(&mut self, token: Main, slice: &str, start: usize) -> TokenKind {
        let span = self.span(start, start + slice.len());
        match token {
            Main::Integer => {
                if literal::integer(slice).is_none() {
                    self.report(error::bad_number(
                        span,
                        slice,
                        "it is too large, or an `_` does not stand between digits",
                    ));
                }
                TokenKind::Integer
            }
            Main::Float => {
                if literal::float(slice).is_none() {
                    self.report(error::bad_number(span, slice, "it is too large for a float"));
                }
                TokenKind::Float
            }
            Main::Decimal => {
                if literal::decimal(slice).is_none() {
                    self.report(error::bad_number(
                        span,
                        slice,
                        "a number has at most 38 digits, with `_` only between digits",
                    ));
                }
                TokenKind::Decimal
            }
            _ => {
                self.report(error::malformed_number(span, slice, self.is_behind_number(start)));
                if slice.starts_with('.') {
                    return TokenKind::Decimal;
                }
                let like_duration =
                    slice.bytes().last().is_some_and(|b| b.is_ascii_alphabetic()) && !slice.starts_with("0x");
                if like_duration { TokenKind::Duration } else { TokenKind::Integer }
            }
        }
    }

    /// `1.00.00`, `5min.5`: a word or number ends where what starts here does.
    pub(super) fn is_behind_number(&self, start: usize) -> bool {
        self.out.tokens.last().is_some_and(|t| {
            t.end as usize == start && t.text(self.text).starts_with(|c: char| c.is_ascii_digit())
        })
    }
}
