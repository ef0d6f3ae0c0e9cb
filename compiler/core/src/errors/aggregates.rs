//! E035x: calls and definitions of aggregates.

use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span};

pub fn fraction_range(span: Span, p: f64) -> Diagnostic {
    let fault =
        Diagnostic::new(E0350, span, format!("a percentile is asked for by a part from 0 to 1, not by {p}"))
            .label("not from 0 to 1");
    if 1.0 < p && p <= 100.0 {
        return fault.fix("as a part of 1", span, format!("{:?}", p / 100.0));
    }
    fault
}
