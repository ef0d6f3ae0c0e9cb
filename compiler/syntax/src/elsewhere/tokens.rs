//! Tokens of a text that is in another language: what stands where, in any case of letters.

use crate::token::{Token, TokenKind};

/// A text and some of its tokens.
#[derive(Clone, Copy)]
pub struct Tokens<'t> {
    pub text: &'t str,
    pub all: &'t [Token],
}

impl<'t> Tokens<'t> {
    pub fn part(&self, range: impl std::slice::SliceIndex<[Token], Output = [Token]>) -> Tokens<'t> {
        Tokens { all: self.all.get(range).unwrap_or_default(), ..*self }
    }

    pub fn kind(&self, at: usize) -> Option<TokenKind> {
        self.all.get(at).map(|token| token.kind)
    }

    pub fn written(&self, at: usize) -> &'t str {
        self.all.get(at).map_or("", |token| token.text(self.text))
    }

    /// A word or sign in small letters.
    pub fn word(&self, at: usize) -> String {
        self.written(at).to_ascii_lowercase()
    }

    pub fn is(&self, at: usize, word: &str) -> bool {
        self.written(at).eq_ignore_ascii_case(word)
    }

    /// What stands between a token and the one before it.
    pub fn gap(&self, at: usize) -> &'t str {
        let before = at.checked_sub(1).and_then(|before| self.all.get(before));
        let (Some(before), Some(token)) = (before, self.all.get(at)) else { return "" };
        self.text.get(before.end as usize..token.start as usize).unwrap_or("")
    }

    /// Where the bracket that opens at a token is closed, unless that is far away: texts that nobody means are read too.
    pub fn close(&self, open: usize) -> Option<usize> {
        const FARTHEST: usize = 5000;
        let mut depth = 0_usize;
        (open..self.all.len()).take(FARTHEST).find(|at| {
            depth += usize::from(self.kind(*at).is_some_and(TokenKind::opens));
            depth = depth.saturating_sub(usize::from(self.kind(*at).is_some_and(TokenKind::closes)));
            depth == 0
        })
    }

    /// The tokens outside of all brackets.
    pub fn outside(&self) -> impl Iterator<Item = usize> + use<'t> {
        let tokens = *self;
        let mut depth = 0_usize;
        (0..self.all.len()).filter(move |at| {
            let kind = tokens.kind(*at);
            let is_outside = depth == 0;
            depth += usize::from(kind.is_some_and(TokenKind::opens));
            depth = depth.saturating_sub(usize::from(kind.is_some_and(TokenKind::closes)));
            is_outside
        })
    }

    /// The parts between commas; none of no token.
    pub fn parts(&self) -> Vec<Tokens<'t>> {
        let mut parts = vec![];
        let mut start = 0;
        for at in self.outside().filter(|at| self.kind(*at) == Some(TokenKind::Comma)) {
            parts.push(self.part(start..at));
            start = at + 1;
        }
        if !self.all.is_empty() {
            parts.push(self.part(start..));
        }
        parts
    }

    /// Nothing but these tokens, blanks and comments stands here.
    pub fn is_all(&self) -> bool {
        let is_blank = |line: &str| line.trim_start().is_empty() || line.trim_start().starts_with("--");
        (1..self.all.len()).all(|at| self.gap(at).lines().all(is_blank))
    }
}
