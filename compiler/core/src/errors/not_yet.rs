//! E0612 and on: what the language has but this version does not carry out, one code per family.

use millstream_base::codes::*;
use millstream_base::{Code, Diagnostic, Span};

fn not_yet(code: Code, span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(code, span, format!("`{what}` is not carried out yet")).label("not yet")
}

pub fn retry(span: Span) -> Diagnostic {
    not_yet(E0612, span, "on error retry").help("`fail` and `sideline to file(…)` are carried out")
}

pub fn sideline(span: Span, connector: &str) -> Diagnostic {
    Diagnostic::new(E0614, span, format!("setting rows aside in `{connector}` is not carried out yet"))
        .label("not a file")
        .help("write them to a file: `sideline to file(\"rejected.ndjson\")`")
}

/// A query with more clauses than anybody writes.
pub fn query_too_long(span: Span, n_clauses: usize, most: usize) -> Diagnostic {
    Diagnostic::new(
        E0617,
        span,
        format!("this query has {n_clauses} clauses; at most {most} are carried out"),
    )
    .label("one too many")
    .help("divide it into several streams")
}
