//! E0451 and on: what can be wrong with clauses and functions that look at the rows of a key before.

use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span};

/// A clause whose keys are never forgotten.
pub fn unbounded_clause(span: Span, clause: &str) -> Diagnostic {
    Diagnostic::new(E0451, span, format!("`{clause}` would keep a row of every key for ever"))
        .label("never forgets a key")
        .fix("forget a key one day after its last row", span.at_end(), " expire 1d")
        .fix("keep every key", span.at_end(), " forever")
}

/// A function whose keys are never forgotten.
pub fn unbounded_function(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0451, span, format!("`{name}` would keep a row of every key for ever"))
        .label("never forgets a key")
        .fix("forget a key one day after its last row", before_end(span), ", expire: 1d")
        .fix("keep every key", before_end(span), ", forever: true")
}

/// In front of the last character, the parenthesis of a call.
fn before_end(span: Span) -> Span {
    let end = span.end.saturating_sub(1).max(span.start);
    Span { start: end, end, ..span }
}

pub fn misplaced(span: Span, name: &str, inside_another: bool) -> Diagnostic {
    let fault = if inside_another {
        Diagnostic::new(E0452, span, format!("`{name}` cannot stand in a function that looks at other rows"))
            .label("inside another")
    } else {
        Diagnostic::new(
            E0452,
            span,
            format!("`{name}` looks at other rows: it stands in a `let` or a plain `select`"),
        )
        .label("not here")
    };
    fault.help(format!("compute it above: `let before = {name}(…)`"))
}

pub fn both_bounds(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0453, span, format!("`{name}` forgets keys and keeps them for ever"))
        .label("contradicts `expire`")
        .help("give one of `expire` and `forever`")
}

/// A clause about rows of several windows in the scope of one.
pub fn inside_window(span: Span, clause: &str, window: Span) -> Diagnostic {
    Diagnostic::new(E0454, span, format!("`{clause}` looks beyond the rows of a window"))
        .label("inside a window")
        .also(window, "the window")
        .help(format!("put `{clause}` above the window"))
}

/// `group by` below `window sliding` or `running`.
pub fn group_in_frame(span: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0456, span, "there is no `group by` below a window of each row")
        .label("each row gets a result")
        .also(window, "a window of each row")
        .help("put the key into the window: `window sliding 10m by key`")
}

/// An aggregate that a sliding window cannot take rows out of.
pub fn cannot_forget(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0455, span, format!("`{name}` cannot forget the rows that leave a sliding window"))
        .label("cannot forget")
        .help("take an exact aggregate, or a `window hopping`, of which each window is counted anew")
}
