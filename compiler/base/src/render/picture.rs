//! The source lines of a diagnostic with its labels drawn below them. The only module that knows ariadne.

use super::{Color, clamped, end_of_line, is_unprintable, printable};
use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::span::{FileId, SourceMap, Span};
use ariadne::{Cache, Config, IndexType, Report, ReportKind, Source};
use std::collections::HashMap;
use std::fmt;

/// Draws pictures, preparing each file once.
pub(super) struct Pictures<'a> {
    sources: &'a SourceMap,
    prepared: HashMap<FileId, Source<String>>,
    color: Color,
}

impl<'a> Pictures<'a> {
    pub(super) fn new(sources: &'a SourceMap, color: Color) -> Pictures<'a> {
        Pictures { sources, prepared: HashMap::new(), color }
    }

    /// The picture, each line ended.
    pub(super) fn draw(&mut self, diagnostic: &Diagnostic) -> String {
        let config = Config::new().with_index_type(IndexType::Byte).with_color(self.color == Color::On);
        let primary = self.place(&diagnostic.primary);
        let mut report = Report::build(ReportKind::Error, primary.clone()).with_config(config);
        for (label, place, paint) in self.labels(diagnostic, primary) {
            // An empty message still draws the line below the place; no message would draw nothing.
            report
                .add_label(ariadne::Label::new(place).with_message(printable(&label.text)).with_color(paint));
        }
        let mut out = Vec::new();
        if let Err(fault) = report.finish().write(&mut *self, &mut out) {
            return format!("(the source cannot be shown: {fault})\n");
        }
        // Ariadne's own headline comes first; ours has another form.
        let text = String::from_utf8_lossy(&out);
        text.split_once('\n').map_or(String::new(), |(_, picture)| picture.to_string())
    }

    /// Labels in the order in which ariadne draws each file once: the primary's file first, lines downwards.
    fn labels<'d>(
        &self,
        diagnostic: &'d Diagnostic,
        primary: Place,
    ) -> Vec<(&'d Label, Place, ariadne::Color)> {
        let primary_file = primary.0;
        let paint = match diagnostic.severity {
            Severity::Error | Severity::Bug => ariadne::Color::Red,
            Severity::Warning => ariadne::Color::Yellow,
        };
        let secondary =
            diagnostic.secondary.iter().map(|label| (label, self.place(label), ariadne::Color::Blue));
        let mut labels: Vec<_> =
            std::iter::once((&diagnostic.primary, primary, paint)).chain(secondary).collect();
        labels.sort_by_key(|(_, (file, range), _)| {
            let last_line = self.sources.file(*file).line_of(range.end.saturating_sub(1));
            (*file != primary_file, *file, last_line)
        });
        labels
    }

    /// What is drawn for a label: at least one character wide, and one line only if it has no words.
    fn place(&self, label: &Label) -> Place {
        let Span { file, .. } = label.span;
        let mut range = clamped(self.sources, label.span).range();
        let text = &self.sources.file(file).text;
        if label.text.is_empty() {
            range.end = range.end.min(end_of_line(self.sources, file, range.start).max(range.start));
        }
        if range.is_empty() {
            // At a line's end the line break is taken, at the file's the blank that `fetch` adds.
            range.end = text.ceil_char_boundary(range.start + 1).max(range.start + 1);
        }
        (file, range)
    }
}

/// Whether a label lies in another file than the first one, behind characters of several bytes: ariadne takes its place
/// in characters for one in bytes, and fails where that cuts a character.
pub(super) fn loses_its_place(sources: &SourceMap, diagnostic: &Diagnostic) -> bool {
    let primary = diagnostic.primary.span.file;
    let files = diagnostic.secondary.iter().map(|label| label.span.file);
    files.filter(|file| *file != primary).any(|file| !sources.file(file).text.is_ascii())
}

type Place = (FileId, std::ops::Range<usize>);

impl Cache<FileId> for &mut Pictures<'_> {
    type Storage = String;

    fn fetch(&mut self, id: &FileId) -> Result<&Source<String>, impl fmt::Debug> {
        let text = &self.sources.file(*id).text;
        Ok::<_, fmt::Error>(self.prepared.entry(*id).or_insert_with(|| Source::from(drawable(text))))
    }

    fn display<'a>(&self, id: &'a FileId) -> Option<impl fmt::Display + 'a> {
        Some(printable(&self.sources.file(*id).name))
    }
}

/// The text as ariadne may see it, every byte where it was: only `\n` and `\r\n` end a line (it would also
/// count others, and then number lines unlike the rest of us), no control character reaches the
/// terminal, and there is something to point at behind the last character.
fn drawable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\n' | '\t' => c,
            '\r' if chars.peek() == Some(&'\n') => c,
            c if !is_unprintable(c) => c,
            c if c.len_utf8() == 1 => '?',
            c if c.len_utf8() == 2 => '\u{b7}',
            _ => '\u{fffd}',
        });
    }
    out.push(' ');
    out
}
