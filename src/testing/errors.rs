//! What a test can find: one constructor per code.

use millstream_base::codes;
use millstream_base::{Diagnostic, Span};

/// The rows are not those that the test expects. `label`: in a few words, how they differ.
pub fn not_as_expected(span: Span, headline: String, label: String) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(codes::E0810, span, headline).label(label))
}

/// The answer is another one although nothing changed that may change it. `manner`: `in batches of 7`.
pub fn other_answer(span: Span, stream: &str, manner: &str) -> Box<Diagnostic> {
    let headline = format!("`{stream}` gives other rows {manner}");
    Box::new(Diagnostic::new(codes::B0801, span, headline).label("depends on how it runs"))
}

/// A snapshot of the program's state cannot be read back.
pub fn not_restored(span: Span) -> Box<Diagnostic> {
    let headline = "a snapshot of the state of this test cannot be read back";
    Box::new(Diagnostic::new(codes::B0801, span, headline).label("while this test runs"))
}

pub fn not_compiled(span: Span, fault: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(codes::B0701, span, fault).label("this program"))
}
