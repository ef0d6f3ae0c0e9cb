//! E0490 and on: tables.

use super::alternatives;
use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span};

pub fn table_as_stream(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(
        E0490,
        span,
        format!("`{name}` is a table: its rows are looked up, not read one after another"),
    )
    .label("not a stream")
    .help(format!("join it, `join {name} on …`, or ask for a key of it, `… in {name}`"))
}

pub fn as_of_without_time(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0491, span, format!("`{name}` has no versions: it is read as it stands"))
        .label("as it was when?")
        .help(format!("a `time` says from when on a row of `{name}` stands; without it leave `as of` out"))
}

/// `as of` a time that says nothing of how old the versions are that rows can ask for.
pub fn as_of_other_time(span: Span) -> Diagnostic {
    Diagnostic::new(E0492, span, "how old the versions are that rows ask for has no bound")
        .label("neither the row's time, nor that plus or minus a duration")
        .help("make it the row's time above the join: `time … disorder 1h`")
}

/// `as of` for rows that replace each other, whose time has no name.
pub fn as_of_of_changes(span: Span, because: Span) -> Diagnostic {
    Diagnostic::new(E0492, span, "a row of an updating stream stands from its change on")
        .label("another time than that of the change")
        .also(because, "this makes rows updating")
        .help("without `as of` it asks for what the table held when the change happened")
}

/// `right join` or `full join` of a table.
pub fn unmatched_of_table(span: Span, kind: &str, name: &str) -> Diagnostic {
    Diagnostic::new(E0493, span, format!("a `{kind}` would yield rows of `{name}` that nothing looks up"))
        .label("when should they leave?")
        .help("a row leaves when an event comes: `join`, `left join`, `semi join` and `anti join` do that")
}

/// A bound as joins of streams have one.
pub fn bound_of_table(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(
        E0494,
        span,
        format!("a row has one partner for each key of `{name}`, however long ago it came"),
    )
    .label("bounds nothing")
    .help("`as of E within 5m` looks at versions that are at most five minutes old")
}

/// `within LOW..HIGH` of versions.
pub fn range_of_age(span: Span) -> Diagnostic {
    Diagnostic::new(E0494, span, "the age of a version is at most one duration")
        .label("a range")
        .help("write `within 5m`")
}

/// A table kept by a query whose rows are withdrawn under another key; `own` names that, if there is one.
pub fn other_key(span: Span, own: Option<Vec<&str>>, because: Span) -> Diagnostic {
    let by = match own.as_deref() {
        None => "without a key".to_string(),
        Some([]) => "as one row".to_string(),
        Some(names) => format!("by {}", alternatives(names.iter().copied())),
    };
    Diagnostic::new(
        E0495,
        span,
        format!("the rows of this query replace each other {by}, which is not the table's key"),
    )
    .label("the table's key")
    .also(because, "this makes rows updating")
    .help("two rows of one key could stand at once: name the table by the key of the rows")
}

pub fn refreshed_source(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(
        E0496,
        span,
        format!("`{name}` is a source: it is read once, from its beginning to its end"),
    )
    .label("only a table is read again")
    .help(format!("declare it as a table: `table {name}: … key …`"))
}

/// `refresh` of a table whose input tells its changes by itself.
pub fn refresh_of_changing(span: Span, is_live: bool) -> Diagnostic {
    let why = match is_live {
        true => "its input tells of changes as they come",
        false => "with `time` its rows stand from their own time on",
    };
    Diagnostic::new(E0496, span, format!("this table is not read again: {why}")).label("has no use").fix(
        "leave it out",
        span,
        "",
    )
}

/// `x in table` where nothing can be looked up.
pub fn in_table_elsewhere(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0497, span, format!("`in {name}` has no place here"))
        .label("a table")
        .help("it may stand in `where`, `let` and a plain `select`; elsewhere name it in a `let` first")
}

/// `x in table` with another number of values than the key has columns.
pub fn in_table_width(span: Span, name: &str, key: &[&str]) -> Diagnostic {
    let expected = match key {
        [key] => format!("one value, its `{key}`"),
        _ => format!("a list of {} values: `[{}] in {name}`", key.len(), key.join(", ")),
    };
    Diagnostic::new(E0497, span, format!("a key of `{name}` is {expected}")).label("not a key of it")
}

/// `x in table` with a value that can fail, which is looked up for all rows.
pub fn in_table_can_fail(span: Span) -> Diagnostic {
    Diagnostic::new(E0497, span, "what is looked up is computed for each row, whatever stands around it")
        .label("can fail")
        .help("compute it in a `let` above")
}

/// `x in STREAM`
pub fn in_stream(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0497, span, format!("`{name}` is no table: it has no keys to look up"))
        .label("not a table")
        .help(format!(
            "join the two, `semi join {name} on … within …`, or keep a table: `table … key … = from {name}`"
        ))
}
