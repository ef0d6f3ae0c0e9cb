//! The face for people: headline, picture of the source, facts, and what to do.
//!
//! ```text
//! error[E0301]: `amount` is a decimal(2), not a string
//!    ╭─[ fraud.stream:3:9 ]
//!    │
//!  3 │   where amount == "5"
//!    │         ───┬──
//!    │            ╰──── decimal(2)
//! ───╯
//!   note: both sides of `==` have one type
//!   help: compare with a number
//!       3 │   where amount == 5
//! ```

use super::{Color, fixes, long_lines, picture, printable, tag, wrapped};
use crate::diagnostic::{Diagnostic, Severity};
use crate::span::SourceMap;

/// More than anybody reads. One fault repeated on each line of a long program would take minutes to draw.
const MOST: usize = 100;

/// Every diagnostic with its picture, a blank line between two of them; of very many the first. What is told in words
/// is broken between them where it is wider than `width`.
pub fn full(sources: &SourceMap, diagnostics: &[Diagnostic], color: Color, width: Option<usize>) -> String {
    let mut pictures = picture::Pictures::new(sources, color);
    let shown = diagnostics.iter().take(MOST);
    let look = Look { color, width };
    let mut reports: Vec<String> =
        shown.map(|diagnostic| report(sources, diagnostic, look, &mut pictures)).collect();
    if diagnostics.len() > MOST {
        reports.push(format!("… and {} more\n", diagnostics.len() - MOST));
    }
    reports.join("\n")
}

/// How a report is shown.
#[derive(Clone, Copy)]
struct Look {
    color: Color,
    width: Option<usize>,
}

fn report(
    sources: &SourceMap,
    diagnostic: &Diagnostic,
    look: Look,
    pictures: &mut picture::Pictures,
) -> String {
    let is_plain = long_lines::are_in(sources, diagnostic) || picture::loses_its_place(sources, diagnostic);
    let picture = match is_plain {
        true => long_lines::draw(sources, diagnostic, look.color),
        false => pictures.draw(diagnostic),
    };
    let tag = tag(diagnostic);
    let headline = printable(&diagnostic.headline);
    let mut text = format!(
        "{}: {}\n{picture}",
        painted(&tag, severity_paint(diagnostic.severity), look.color),
        wrapped(&headline, tag.len() + 2, "  ", look.width),
    );
    for note in &diagnostic.notes {
        text += &look.remark("note", note);
    }
    for help in &diagnostic.helps {
        text += &look.remark("help", help);
    }
    for fix in &diagnostic.fixes {
        text += &look.remark("help", &fix.title);
        text += &look.below(&fixes::shown(sources, fix));
    }
    if diagnostic.severity == Severity::Bug {
        text += &look.remark("help", "this is a fault in Millstream; please report it with the program");
    }
    trimmed(&text)
}

/// What stands in front of further lines of a remark.
const BELOW: &str = "        ";

impl Look {
    /// `  note: text`, further lines indented below the text.
    fn remark(self, word: &str, text: &str) -> String {
        const NOTE_PAINT: &str = "\x1b[36m";
        let text = printable(text);
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let first = wrapped(first, word.len() + 4, BELOW, self.width);
        format!("  {}: {first}\n{}", painted(word, NOTE_PAINT, self.color), self.below(rest))
    }

    fn below(self, text: &str) -> String {
        printable(text).lines().map(|line| format!("{BELOW}{line}\n")).collect()
    }
}

pub(super) fn severity_paint(severity: Severity) -> &'static str {
    match severity {
        Severity::Error | Severity::Bug => "\x1b[1;31m",
        Severity::Warning => "\x1b[1;33m",
    }
}

pub(super) fn painted(text: &str, paint: &str, color: Color) -> String {
    match color {
        Color::On => format!("{paint}{text}\x1b[0m"),
        Color::Off => text.to_string(),
    }
}

/// Without the blanks that the picture leaves at the ends of lines, so that snapshots survive editors.
fn trimmed(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
