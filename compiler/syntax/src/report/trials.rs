//! What a piece would be with another word or sign where it is stuck: fixes are proposed of which it can be read.

use super::Site;
use crate::parser;
use crate::token::{Token, TokenKind};

impl Site<'_> {
    /// The one word with which the piece would be whole.
    pub(super) fn missing_word(&self) -> Option<&'static str> {
        let mut words = self.expected.words();
        words.retain(|word| TokenKind::word(word).is_some_and(|kind| !kind.is_item_word()));
        words.retain(|word| !self.before.is_empty() && self.is_whole_with(word, 0));
        match words[..] {
            [word] => Some(word),
            // What a source reads has to be said, what else could be has not.
            _ => words.into_iter().find(|word| *word == "from"),
        }
    }

    /// Whether the piece can be read with a word in the place of so many tokens.
    pub(super) fn is_whole_with(&self, word: &str, n_replaced: usize) -> bool {
        let (Some(kind), Some(found)) = (TokenKind::word(word), self.slice.get(self.before.len())) else {
            return false;
        };
        let rest = self.slice.get(self.before.len() + n_replaced..).unwrap_or_default();
        let tokens = [self.before, &[Token { kind, ..*found }], rest].concat();
        parser::run(self.input, self.mode, &tokens).is_ok()
    }

    /// Whether the token behind the one found fits with a word in its place, in this piece or one that begins with it.
    pub(super) fn reads_on_with(&self, word: &str) -> bool {
        use TokenKind::*;
        let at = self.before.len();
        let (Some(kind), Some(found), Some(rest)) =
            (TokenKind::word(word), self.slice.get(at), self.slice.get(at + 1..))
        else {
            return true;
        };
        let own = [&[Token { kind, ..*found }], rest].concat();
        let reads_on = |mode: TokenKind, before: &[Token]| {
            let stuck = parser::run(self.input, mode, &[before, &own].concat()).err();
            stuck.is_none_or(|stuck| stuck.at > before.len() + 1)
        };
        let begin = [StartClause, StartSourceOption, StartSinkOption, StartTestStep, StartMember, StartItem];
        rest.is_empty()
            || reads_on(self.mode, self.before)
            || begin.into_iter().any(|mode| reads_on(mode, &[]))
    }

    /// The word that begins another, `where` and `amount` of `whereamount`.
    pub(super) fn glued<'t>(&self, text: &'t str) -> Option<(&'static str, &'t str)> {
        const SHORTEST: usize = 4;
        let begins =
            |word: &&str| word.len() >= SHORTEST && text.len() > word.len() && text.starts_with(*word);
        let word = self.expected.words().into_iter().filter(begins).max_by_key(|word| word.len())?;
        Some((word, text.get(word.len()..)?))
    }

    /// Whether the piece can be read with a sign in front of the token found.
    pub(super) fn is_whole_behind(&self, sign: TokenKind) -> bool {
        let Some(found) = self.slice.get(self.before.len()) else { return false };
        let rest = self.slice.get(self.before.len()..).unwrap_or_default();
        let made_up = Token { kind: sign, end: found.start, ..*found };
        parser::run(self.input, self.mode, &[self.before, &[made_up], rest].concat()).is_ok()
    }
}
