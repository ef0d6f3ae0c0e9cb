//! Findings about a text lie in the text and can be shown.

use millstream_base::render::{self, Color};
use millstream_base::{Diagnostic, FileId, SourceMap, Span};

/// Rendering takes long beside parsing; the first few findings stand for all.
const SHOWN: usize = 3;

pub fn check(text: &str, findings: &[Diagnostic]) {
    for finding in findings {
        let labels = std::iter::once(&finding.primary).chain(&finding.secondary).map(|label| label.span);
        let edits = finding.fixes.iter().flat_map(|fix| &fix.edits).map(|edit| edit.span);
        for span in labels.chain(edits) {
            assert!(lies_in(span, text), "{span:?} is no place of the text: {finding:?}");
        }
    }
    let mut sources = SourceMap::default();
    sources.add("any.stream", text);
    let first = &findings[..findings.len().min(SHOWN)];
    render::full(&sources, first, Color::Off, None);
    render::concise(&sources, first);
    render::json(&sources, first);
}

/// Whether a span begins and ends between characters of the only file.
pub fn lies_in(span: Span, text: &str) -> bool {
    span.file == FileId(0) && text.get(span.range()).is_some()
}
