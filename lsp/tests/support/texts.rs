//! Lines and columns as an editor counts them, written apart from the server's own.

use serde_json::{Value, json};
use std::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    Utf8,
    Utf16,
    Utf32,
}

pub const ENCODINGS: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16 => "utf-16",
            Encoding::Utf32 => "utf-32",
        }
    }

    fn length(self, text: &str) -> usize {
        match self {
            Encoding::Utf8 => text.len(),
            Encoding::Utf16 => text.encode_utf16().count(),
            Encoding::Utf32 => text.chars().count(),
        }
    }
}

/// The lines of a text, without their ends, with where they begin.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let mut lines = vec![];
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let Some(length) = rest.find(['\n', '\r']) else {
            lines.push((at, rest));
            return lines;
        };
        lines.push((at, &rest[..length]));
        at += length + if rest[length..].starts_with("\r\n") { 2 } else { 1 };
    }
}

pub fn position(text: &str, offset: usize, encoding: Encoding) -> Value {
    let lines = lines(text);
    let line = lines.iter().rposition(|(start, _)| *start <= offset).expect("the first begins at 0");
    let (start, content) = lines[line];
    let column = encoding.length(&content[..(offset - start).min(content.len())]);
    json!({ "line": line, "character": column })
}

pub fn offset(text: &str, position: &Value, encoding: Encoding) -> usize {
    let number = |name: &str| position[name].as_u64().expect("a number") as usize;
    let (start, content) = lines(text)[number("line")];
    let ends = content.char_indices().map(|(at, _)| at).chain([content.len()]);
    let at = ends.into_iter().find(|at| encoding.length(&content[..*at]) == number("character"));
    start + at.unwrap_or_else(|| panic!("{position} is no place in {text:?}"))
}

pub fn span(text: &str, range: &Value, encoding: Encoding) -> Range<usize> {
    offset(text, &range["start"], encoding)..offset(text, &range["end"], encoding)
}

/// What becomes of a text by edits that are all of that text.
pub fn edited(text: &str, edits: &Value, encoding: Encoding) -> String {
    let edits = edits.as_array().expect("a list of edits");
    let span_of = |edit: &Value| span(text, &edit["range"], encoding);
    let mut edits: Vec<_> =
        edits.iter().map(|e| (span_of(e), e["newText"].as_str().expect("text"))).collect();
    edits.sort_by_key(|(span, _)| (span.start, span.end));
    for pair in edits.windows(2) {
        assert!(pair[0].0.end <= pair[1].0.start, "edits overlap: {pair:?}");
    }
    let mut out = text.to_string();
    for (span, new) in edits.into_iter().rev() {
        out.replace_range(span, new);
    }
    out
}

/// A text without its marks `‸`, and where they stood.
pub fn marked(text: &str) -> (String, Vec<usize>) {
    let parts: Vec<&str> = text.split('‸').collect();
    let lengths = parts[..parts.len() - 1].iter().scan(0, |at, part| {
        *at += part.len();
        Some(*at)
    });
    (parts.concat(), lengths.collect())
}
