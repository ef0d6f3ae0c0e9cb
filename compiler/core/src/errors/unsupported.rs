//! E065x: what the language has but this version does not carry out in expressions.

use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span};

pub fn aggregate(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0651, span, format!("`{name}` of the events of a pattern is not carried out yet"))
        .label("not yet")
        .note("`count sum avg min max first last any all collect` of events are")
}

pub fn nested_input_data(span: Span, field: Span) -> Diagnostic {
    Diagnostic::new(E0654, span, "`from`, `as` and `=` apply to the columns of a row only, not inside them")
        .label("would be ignored")
        .also(field, "inside this column")
        .help("read the column as `json` and convert its parts")
}

pub fn computed_pattern(span: Span, operator: &str) -> Diagnostic {
    Diagnostic::new(E0655, span, format!("the pattern of `{operator}` must be known before the program runs"))
        .label("depends on rows")
        .help("use a literal or a parameter")
}

pub fn relative_time(span: Span) -> Diagnostic {
    Diagnostic::new(E0656, span, "a time like `+5m` has a meaning only in the rows of a test")
        .label("relative to what?")
}
