//! How a fix is shown to people: the lines as they would be, or what replaces what.

use super::{clamped, long_lines};
use crate::diagnostic::{Edit, Fix};
use crate::span::{FileId, SourceMap};

/// The lines that the fix changes with its edits applied, if those are few and in one file; else one
/// sentence per edit. Without a line break at the end.
pub(super) fn shown(sources: &SourceMap, fix: &Fix) -> String {
    match changed_lines(sources, fix) {
        Some(lines) => lines,
        None => fix.edits.iter().map(|edit| sentence(sources, edit)).collect::<Vec<_>>().join("\n"),
    }
}

fn changed_lines(sources: &SourceMap, fix: &Fix) -> Option<String> {
    const MOST_LINES: usize = 6;
    let mut edits: Vec<(std::ops::Range<usize>, &str)> =
        fix.edits.iter().map(|edit| (clamped(sources, edit.span).range(), edit.text.as_str())).collect();
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let file: FileId = fix.edits.first()?.span.file;
    let overlapping = edits.windows(2).any(|pair| matches!(pair, [a, b] if b.0.start < a.0.end));
    if overlapping || fix.edits.iter().any(|edit| edit.span.file != file) {
        return None;
    }
    let source = sources.file(file);
    let first_line = source.line_of(edits.first()?.0.start);
    let last_line = source.line_of(edits.iter().map(|(range, _)| range.end).max()?);
    let end = source.line_range(last_line).end.max(edits.last()?.0.end);
    let mut at = source.line_range(first_line).start;
    let mut text = String::new();
    for (range, replacement) in edits {
        text += source.text.get(at..range.start)?;
        text += replacement;
        at = range.end;
    }
    text += source.text.get(at..end)?;
    let lines: Vec<&str> = text.lines().collect();
    let is_long = last_line - first_line >= MOST_LINES
        || lines.len() > MOST_LINES
        || lines.iter().any(|line| line.len() > long_lines::LONGEST);
    if is_long || text.trim().is_empty() {
        return None;
    }
    let width = (first_line + lines.len()).to_string().len();
    let numbered = lines.iter().enumerate().map(|(i, line)| {
        let line = line.replace('\t', "    ");
        format!("{:>width$} │ {line}", first_line + 1 + i)
    });
    Some(numbered.collect::<Vec<_>>().join("\n"))
}

fn sentence(sources: &SourceMap, edit: &Edit) -> String {
    let span = clamped(sources, edit.span);
    let place = sources.place(span);
    match (span.is_empty(), edit.text.is_empty()) {
        (_, true) => format!("{place}: remove {}", quoted(sources.text(span))),
        (true, false) => format!("{place}: insert {}", quoted(&edit.text)),
        (false, false) => format!("{place}: replace with {}", quoted(&edit.text)),
    }
}

/// The text between backticks, cut where it gets long.
fn quoted(text: &str) -> String {
    const MOST_CHARS: usize = 60;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(MOST_CHARS).collect();
    let dots = if cut.len() < line.len() { "…" } else { "" };
    format!("`{cut}{dots}`")
}
