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

/// A window of each row whose rows are never forgotten.
pub fn unbounded_frame(span: Span, has_keys: bool) -> Diagnostic {
    if has_keys {
        return Diagnostic::new(E0451, span, "nothing says how long this window keeps each key")
            .label("never forgets a key")
            .fix("forget a key one day after its last row", span.at_end(), " expire 1d")
            .fix("keep every key", span.at_end(), " forever");
    }
    Diagnostic::new(E0451, span, "nothing says how long this window goes on")
        .label("over all rows so far")
        .fix("aggregate all rows from the first on", span.at_end(), " forever")
        .fix("begin anew where no row has come for a day", span.at_end(), " expire 1d")
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

/// A clause or function about other rows where each row has a window of its own.
pub fn inside_frame(span: Span, what: &str, window: Span) -> Diagnostic {
    Diagnostic::new(
        E0454,
        span,
        format!("`{what}` looks at other rows, and here each row has a window of its own"),
    )
    .label("whose window?")
    .also(window, "a window of each row")
    .help(format!("put `{what}` above the window"))
}

/// `dedupe … keep last`, whose rows replace each other, in a window.
pub fn keep_last_in_window(span: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0454, span, "`dedupe … keep last` replaces rows, and those of a window are final")
        .label("in a window")
        .also(window, "the window")
        .help("take the latest row of each key of the window: `top 1 by TIME desc per KEY`")
}

/// `lead`, where nothing says how long a row waits for those to come.
pub fn lead_outside_window(span: Span) -> Diagnostic {
    Diagnostic::new(E0442, span, "nothing says how long `lead` waits for the rows to come")
        .label("not inside a window")
        .help("open a window above it, such as `window tumbling 1h`: it looks no further than its end")
        .help("or turn it round: `lag` gives the later row the value of the earlier one")
}

/// `expire` or `forever` of a function in a window.
pub fn bound_in_window(span: Span, name: &str, window: Option<Span>) -> Diagnostic {
    let fault = Diagnostic::new(E0411, span, format!("the window says how long `{name}` remembers rows"))
        .label("one bound too many");
    match window {
        Some(window) => fault.also(window, "the window").help("leave it away"),
        None => fault
            .help("leave it away: it numbers the rows of each window")
            .help("to number the rows of all windows, do so in a stream that reads this one"),
    }
}

/// Late rows that are to correct a window, and a clause that needs rows in order.
pub fn order_with_lateness(span: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0441, span, "this looks at rows in their order, in which late rows have no place")
        .label("needs rows in order")
        .also(window, "late rows correct this window")
        .help("leave `lateness` away, and give the source as much `disorder` as rows are late")
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
        .help(format!("say in `aggregate {name}` with `remove` how a row is taken out"))
        .help("or take a `window hopping`, of which each window is counted anew")
}
