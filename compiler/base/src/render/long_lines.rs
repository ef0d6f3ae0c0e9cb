//! The picture of a diagnostic in lines too long to be drawn whole: what stands around each place.
//!
//! A program that a machine wrote, or that is none, may be one line of a megabyte; drawn whole for each
//! finding, it would bury all of them.

use super::full::{painted, severity_paint};
use super::{Color, clamped, printable};
use crate::diagnostic::{Diagnostic, Label};
use crate::span::{SourceFile, SourceMap};
use unicode_width::UnicodeWidthStr;

/// Lines up to this many bytes are drawn whole.
pub(super) const LONGEST: usize = 400;
/// Characters shown on each side of a place.
const AROUND: usize = 40;
/// Characters shown of the place itself.
const MOST_MARKED: usize = 60;

/// Whether a place of the diagnostic begins or ends in a line that is too long.
pub(super) fn are_in(sources: &SourceMap, diagnostic: &Diagnostic) -> bool {
    labels(diagnostic).any(|label| {
        let span = clamped(sources, label.span);
        let file = sources.file(span.file);
        let is_long = |at: u32| file.line_range(file.line_of(at as usize)).len() > LONGEST;
        is_long(span.start) || is_long(span.end)
    })
}

/// The picture, each line ended.
pub(super) fn draw(sources: &SourceMap, diagnostic: &Diagnostic, color: Color) -> String {
    let line_numbers =
        labels(diagnostic).map(|label| sources.file(label.span.file).line_of(label.span.start as usize) + 1);
    let margin = line_numbers.max().unwrap_or(1).to_string().len() + 1;
    let mut out = String::new();
    for (i, label) in labels(diagnostic).enumerate() {
        let span = clamped(sources, label.span);
        let corner = if i == 0 { '╭' } else { '├' };
        let place = printable(&sources.place(span));
        let excerpt = Excerpt::new(sources.file(span.file), span.range());
        let Excerpt { line, before, marked, after } = &excerpt;
        let mark = painted(&"─".repeat(marked.width().max(1)), severity_paint(diagnostic.severity), color);
        let text = printable(&label.text);
        out += &format!("{:margin$} {corner}─[ {place} ]\n{:margin$} │\n", "", "");
        out += &format!("{line:>margin$} │ {before}{marked}{after}\n");
        out += &format!("{:margin$} │ {:indent$}{mark} {text}\n", "", "", indent = before.width());
    }
    out + &"─".repeat(margin + 1) + "╯\n"
}

fn labels(diagnostic: &Diagnostic) -> impl Iterator<Item = &Label> {
    std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary)
}

/// A place and a little of its line on both sides.
struct Excerpt {
    /// From 1.
    line: usize,
    before: String,
    marked: String,
    after: String,
}

impl Excerpt {
    fn new(file: &SourceFile, place: std::ops::Range<usize>) -> Excerpt {
        let index = file.line_of(place.start);
        let line = file.line_range(index);
        let start = place.start.min(line.end);
        let end = place.end.clamp(start, line.end);
        let (before, marked, after) =
            (&file.text[line.start..start], &file.text[start..end], &file.text[end..line.end]);
        let left = before.char_indices().rev().nth(AROUND - 1).map_or(0, |(at, _)| at);
        let dots = if left > 0 { "…" } else { "" };
        let whole = marked.chars().nth(MOST_MARKED).is_none();
        Excerpt {
            line: index + 1,
            before: format!("{dots}{}", shown(&before[left..])),
            marked: beginning(marked, MOST_MARKED),
            after: if whole { beginning(after, AROUND) } else { String::new() },
        }
    }
}

/// So many characters of a text, and dots where there are more.
fn beginning(text: &str, n_chars: usize) -> String {
    match text.char_indices().nth(n_chars) {
        Some((end, _)) => shown(&text[..end]) + "…",
        None => shown(text),
    }
}

/// As it may stand in one line of a terminal.
fn shown(text: &str) -> String {
    printable(&text.replace('\t', " "))
}
