//! E024x, E0486 and E0487: what can be wrong with a `test` and its rows.

use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span};

pub fn given_not_a_source(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0240, span, format!("rows can be given only to a source, and `{name}` is none"))
        .label("not a source")
}

pub fn unknown_column(span: Span, column: &str, of: &str, nearest: Option<&str>) -> Diagnostic {
    let fault =
        Diagnostic::new(E0241, span, format!("`{of}` has no column `{column}`")).label("unknown column");
    match nearest {
        Some(nearest) => fault.fix(format!("use `{nearest}`"), span, nearest),
        None => fault,
    }
}

pub fn missing_column(span: Span, column: &str, of: &str) -> Diagnostic {
    Diagnostic::new(E0242, span, format!("a row of `{of}` needs a `{column}`"))
        .label(format!("no `{column}`"))
        .note("only fields that can be null or have a default may be left out")
}

/// A test that holds whatever comes.
pub fn tests_nothing(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0486, span, format!("the test {name:?} expects nothing, so it tests nothing"))
        .label("no `expect`")
        .help("say which rows a stream has then: `expect NAME [ … ]`, or `expect NAME empty`")
}

pub fn test_twice(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::new(E0487, span, format!("two tests are called {name:?}"))
        .label("the same name again")
        .also(first, "first here")
        .help("give each a name of its own: a failing test is known by it")
}

pub fn row_not_a_record(span: Span) -> Diagnostic {
    Diagnostic::new(E0243, span, "a row is written as a record: `{ column: value, … }`").label("not a record")
}
