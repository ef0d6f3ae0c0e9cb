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

use super::{Color, fixes, long_lines, picture, printable, tag};
use crate::diagnostic::{Diagnostic, Severity};
use crate::span::SourceMap;

/// More than anybody reads. One fault repeated on each line of a long program would take minutes to draw.
const MOST: usize = 100;

/// Every diagnostic with its picture, a blank line between two of them; of very many the first.
pub fn full(sources: &SourceMap, diagnostics: &[Diagnostic], color: Color) -> String {
    let mut pictures = picture::Pictures::new(sources, color);
    let shown = diagnostics.iter().take(MOST);
    let mut reports: Vec<String> =
        shown.map(|diagnostic| report(sources, diagnostic, color, &mut pictures)).collect();
    if diagnostics.len() > MOST {
        reports.push(format!("… and {} more\n", diagnostics.len() - MOST));
    }
    reports.join("\n")
}

fn report(
    sources: &SourceMap,
    diagnostic: &Diagnostic,
    color: Color,
    pictures: &mut picture::Pictures,
) -> String {
    let is_plain = long_lines::are_in(sources, diagnostic) || picture::loses_its_place(sources, diagnostic);
    let picture = match is_plain {
        true => long_lines::draw(sources, diagnostic, color),
        false => pictures.draw(diagnostic),
    };
    let mut text = format!(
        "{}: {}\n{picture}",
        painted(&tag(diagnostic), severity_paint(diagnostic.severity), color),
        printable(&diagnostic.headline),
    );
    for note in &diagnostic.notes {
        text += &remark("note", note, color);
    }
    for help in &diagnostic.helps {
        text += &remark("help", help, color);
    }
    for fix in &diagnostic.fixes {
        text += &remark("help", &format!("{}\n{}", fix.title, fixes::shown(sources, fix)), color);
    }
    if diagnostic.severity == Severity::Bug {
        text += &remark("help", "this is a fault in Millstream; please report it with the program", color);
    }
    trimmed(&text)
}

/// `  note: text`, further lines indented below the text.
fn remark(word: &str, text: &str, color: Color) -> String {
    const NOTE_PAINT: &str = "\x1b[36m";
    let mut out = String::new();
    for (i, line) in printable(text).lines().enumerate() {
        match i {
            0 => out += &format!("  {}: {line}\n", painted(word, NOTE_PAINT, color)),
            _ => out += &format!("        {line}\n"),
        }
    }
    out
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
