//! E0620 and on: what a pattern can say but this version does not carry out.

use millstream_base::codes::*;
use millstream_base::{Code, Diagnostic, Span};

fn not_yet(code: Code, span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(code, span, format!("`{what}` in a pattern is not carried out yet")).label("not yet")
}

/// `all`
pub fn mode(span: Span, mode: &str) -> Diagnostic {
    not_yet(E0620, span, mode).help("`overlapping` reports each run on its own; that is carried out")
}

pub fn without(span: Span) -> Diagnostic {
    not_yet(E0621, span, "without")
}

pub fn or_timeout(span: Span) -> Diagnostic {
    not_yet(E0622, span, "or timeout").help("`within D` alone is carried out")
}

pub fn then_within(span: Span) -> Diagnostic {
    not_yet(E0626, span, "then within")
        .help("`within D` behind the pattern, for the time of the whole match, is carried out")
}

/// `?`, `*`
pub fn optional_step(span: Span, quantifier: &str) -> Diagnostic {
    not_yet(E0627, span, quantifier).help("`+`, `{3}`, `{2,}` and `{2,5}` are carried out")
}

pub fn greedy(span: Span) -> Diagnostic {
    not_yet(E0629, span, "greedy")
        .help("without it, a repetition goes on to the next step where it can; that is carried out")
}

pub fn repeated_group(span: Span) -> Diagnostic {
    Diagnostic::new(E0630, span, "the repetition of a group is not carried out yet")
        .label("not yet")
        .help("the repetition of one event is carried out")
}

pub fn any_order(span: Span) -> Diagnostic {
    not_yet(E0631, span, "and").help("`then`, for events in this order, is carried out")
}

pub fn either(span: Span) -> Diagnostic {
    not_yet(E0632, span, "or")
        .help("for events of one stream, join the conditions: `a: S[price < 1 or price > 100]`")
}

pub fn absence(span: Span) -> Diagnostic {
    not_yet(E0633, span, "not")
}
