//! The faces in which diagnostics are shown: [`full()`] for people at a terminal, [`concise`] for one line
//! each, [`json()`] for tools. All read the same [`Diagnostic`]s; a test renders every case in all three.
//!
//! Spans that lie outside their file or inside a character are moved to the nearest place that exists, so
//! a renderer never fails.

mod fixes;
mod full;
mod json;
mod long_lines;
mod picture;

use crate::diagnostic::Diagnostic;
use crate::span::{FileId, SourceMap, Span};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

pub use full::full;
pub use json::{json, json_object};

/// Whether text may hold terminal colors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Color {
    On,
    Off,
}

/// `path:line:column: error[E0301]: headline`, one line per diagnostic.
pub fn concise(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let place = printable(&sources.place(clamped(sources, diagnostic.primary.span)));
        let headline = printable(&diagnostic.headline).replace('\n', " ");
        let _ = writeln!(out, "{place}: {}: {headline}", tag(diagnostic));
    }
    out
}

/// `error[E0301]`
fn tag(diagnostic: &Diagnostic) -> String {
    format!("{}[{}]", diagnostic.severity.word(), diagnostic.code)
}

/// Text whose lines are broken between words where they would be wider than `width`; what goes on stands two columns
/// further in.
pub fn within(text: &str, width: Option<usize>) -> String {
    let broken = text.lines().map(|line| {
        let words = line.trim_start();
        let indent = &line[..line.len() - words.len()];
        format!("{indent}{}\n", wrapped(words, indent.len(), &format!("{indent}  "), width))
    });
    broken.collect()
}

/// A text with line breaks between words where it would be wider than what it is shown in. It begins in some column,
/// further lines behind `indent`.
fn wrapped(text: &str, column: usize, indent: &str, width: Option<usize>) -> String {
    /// Anything would be broken at each word.
    const NARROWEST: usize = 40;
    let Some(width) = width.filter(|width| *width >= NARROWEST) else { return text.to_string() };
    let mut out = String::new();
    let mut at = column;
    for (number, word) in text.split(' ').enumerate() {
        let wide = word.width();
        if number > 0 && at + 1 + wide > width {
            out += "\n";
            out += indent;
            at = indent.len();
        } else if number > 0 {
            out.push(' ');
            at += 1;
        }
        out += word;
        at += wide;
    }
    out
}

/// Text in which nothing but line breaks can move the cursor, reorder what is shown or change the terminal's
/// state: names in messages come from the program, and a program may come from anywhere.
fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unprintable(c) && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Controls, Unicode's own line breaks, and marks that reverse the direction of writing.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The nearest span that exists in its file and does not cut a character.
fn clamped(sources: &SourceMap, span: Span) -> Span {
    let text = &sources.file(span.file).text;
    let start = text.floor_char_boundary(span.start as usize);
    let end = text.ceil_char_boundary(span.end as usize).max(start);
    Span::new(span.file, start, end)
}

/// The first line break or the end of the text at or after `offset`.
fn end_of_line(sources: &SourceMap, file: FileId, offset: usize) -> usize {
    let file = sources.file(file);
    file.line_range(file.line_of(offset)).end.max(offset)
}
