//! Windows: their kinds, sizes and options.

use super::Place;
use crate::elsewhere::{windows, words};
use crate::token::{Token, TokenKind};
use millstream_base::diagnostic::Edit;

/// What may be said behind a complete window, by its tokens from `window` on; each kind has its own.
pub fn window_options(window: &[Token]) -> Option<&'static [&'static str]> {
    use TokenKind::*;
    let [first, kind, size @ ..] = window else { return None };
    let counts_rows = size.iter().any(|t| t.kind == Rows);
    let is_calendar = size.first().is_some_and(|t| is_calendar(t.kind));
    (first.kind == Window).then_some(())?;
    Some(match kind.kind {
        Tumbling | Sliding if counts_rows => &["by", "expire", "forever"],
        Tumbling if is_calendar => &["fill", "in", "lateness", "offset"],
        Tumbling | Hopping | Cumulative => &["fill", "lateness", "offset"],
        Session => &["by", "lateness", "max"],
        Sliding => &["by"],
        Running => &["by", "expire", "forever"],
        _ => return None,
    })
}

fn is_calendar(kind: TokenKind) -> bool {
    use TokenKind::*;
    matches!(kind, Hour | Day | Week | Month | Quarter | Year)
}

impl Place<'_> {
    pub(super) fn of_window(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        let word = self.word(0);
        if self.kind(-1) == Some(Window) && self.wants("tumbling") {
            return match (self.kind(0)?, word) {
                (Duration, _) if self.kind(1) == Some(Every) => {
                    Some(self.insert("write the kind of window", 0, "hopping "))
                }
                (Duration, _) => Some(self.insert("write the kind of window", 0, "tumbling ")),
                (_, "tumble" | "fixed") => Some(self.replace(0, 0, "tumbling")),
                (_, "hop") => Some(self.replace(0, 0, "hopping")),
                _ => None,
            };
        }
        let is_behind_word = matches!(self.kind(-2), Some(Within | Every | For | DotDot));
        if self.kind(-1) == Some(Integer)
            && (is_behind_word || !self.expected.has("as"))
            && let Some(unit) = words::unit(word)
        {
            let text = format!("{}{unit}", self.word(-1));
            return Some(self.replace(-1, 0, &text));
        }
        if self.wants("every") && self.kind(0) == Some(Duration) {
            return Some(self.insert("say that it is how much later each window starts", 0, "every "));
        }
        if let Some(found) = self.of_ksqldb() {
            return Some(found);
        }
        if self.wants("every") && matches!(word, "slide" | "step" | "advance" | "each" | "by") {
            let last = if self.kind(1) == Some(By) { 1 } else { 0 };
            return Some(self.replace(0, last, "every"));
        }
        let options = self.options?;
        let may_be_late = options.contains(&"lateness");
        match word {
            "grace" if may_be_late && self.word(1) == "period" => Some(self.replace(0, 1, "lateness")),
            "grace" | "allowed_lateness" if may_be_late => Some(self.replace(0, 0, "lateness")),
            "allowed" if may_be_late && self.word(1) == "lateness" => Some(self.replace(0, 1, "lateness")),
            "partition" if options.contains(&"by") && self.kind(1) == Some(By) => {
                Some(self.replace(0, 1, "by"))
            }
            "gap" | "timeout" if self.kind(-2) == Some(Session) => {
                let (_, edits) = self.replace(-1, 0, self.word(-1));
                Some(("a session lasts until so long nothing comes".into(), edits))
            }
            _ if self.kind(0) == Some(Duration)
                && self.word(-1) == "gap"
                && self.kind(-2) == Some(Session) =>
            {
                Some(self.replace(-1, 0, word))
            }
            _ => None,
        }
    }

    /// `window tumbling (size 5 minutes)`
    fn of_ksqldb(&self) -> Option<(String, Vec<Edit>)> {
        const FARTHEST: usize = 12;
        let start = self.at.saturating_sub(FARTHEST);
        let window =
            self.tokens.get(start..self.at)?.iter().rposition(|t| t.kind == TokenKind::Window)? + start;
        let close = self.part(..).close(window + 2).filter(|close| *close >= self.at)?;
        let text = windows::of_ksqldb(self.part(window + 1..=close))?.clause(&[]);
        let span = self.span(window)?.to(self.span(close)?);
        Some((format!("write `{text}`"), vec![Edit { span, text }]))
    }
}
