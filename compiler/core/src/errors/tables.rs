//! E0490 and on: tables.

use super::alternatives;
use millstream_base::codes::*;
use millstream_base::diagnostic::{Edit, Safety};
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

/// `clause`: from the end of `on` to that of `as of`.
pub fn as_of_without_time(span: Span, name: &str, clause: Span) -> Diagnostic {
    Diagnostic::new(E0491, span, format!("`{name}` has no versions: it is read as it stands"))
        .label("as it was when?")
        .help(format!("a `time` says from when on a row of `{name}` stands"))
        .fix("leave `as of` out", clause, "")
}

/// `as of` a time that says nothing of how old the versions are that rows can ask for.
/// `column`: as it is written, if it is a column of the row; `above` the join; `own`: the row's time, where nothing of
/// the row is asked for.
pub fn as_of_other_time(span: Span, column: Option<String>, above: Span, own: Option<String>) -> Diagnostic {
    let fault = Diagnostic::new(E0492, span, "how old the versions are that rows ask for has no bound")
        .label("neither the row's time, nor that plus or minus a duration");
    match (column, own) {
        (Some(column), _) => {
            fault.fix("make it the row's time above the join", above, format!("time {column} disorder 1h "))
        }
        (None, Some(own)) => fault.fix("ask as of the row's time", span, own),
        (None, None) => fault.help("make it the row's time above the join: `time … disorder 1h`"),
    }
}

/// `as of` for rows that replace each other, whose time has no name.
pub fn as_of_of_changes(span: Span, because: Span, clause: Span) -> Diagnostic {
    Diagnostic::new(E0492, span, "a row of an updating stream stands from its change on")
        .label("another time than that of the change")
        .also(because, "this makes rows updating")
        .fix("ask for what the table held when the change happened", clause, "")
}

/// `right join` or `full join` of a table; `words` are these. What is left of them without the table's rows.
pub fn unmatched_of_table(span: Span, kind: &str, name: &str, words: Span) -> Diagnostic {
    let left = if kind == "full join" { "left join " } else { "join " };
    Diagnostic::new(E0493, span, format!("a `{kind}` would yield rows of `{name}` that nothing looks up"))
        .label("when should they leave?")
        .help("a row leaves when an event comes: `join`, `left join`, `semi join` and `anti join` do that")
        .fix("let only rows that look it up leave", words, left)
}

/// A bound as joins of streams have one; `clause` is all of it. Of a table with versions, the time by which their age
/// could be bounded.
pub fn bound_of_table(span: Span, name: &str, clause: Span, age: Option<(Span, String)>) -> Diagnostic {
    let fault = Diagnostic::new(
        E0494,
        span,
        format!("a row has one partner for each key of `{name}`, however long ago it came"),
    )
    .label("bounds nothing")
    .fix("leave it out", clause, "");
    match age {
        Some((on_end, time)) => fault.fix("bound the age of versions", on_end, format!(" as of {time}")),
        None => fault,
    }
}

/// `as of E within 0s`; `clause` is the bound with the space before it.
pub fn no_age(span: Span, name: &str, clause: Span) -> Diagnostic {
    Diagnostic::new(E0319, span, format!("no version of `{name}` is younger than this"))
        .label("the greatest age, which must be more than zero")
        .fix("take a version however long it has stood", clause, "")
}

/// `within LOW..HIGH` of versions.
pub fn range_of_age(span: Span, low: Span) -> Diagnostic {
    Diagnostic::new(E0494, span, "the age of a version is at most one duration").label("a range").fix(
        "say how old it may be at most",
        low,
        "",
    )
}

/// A table kept by a query whose rows are withdrawn under another key; `own` names that, if there is one.
pub fn other_key(span: Span, own: Option<Vec<&str>>, because: Span) -> Diagnostic {
    let by = match own.as_deref() {
        None => "without a key".to_string(),
        Some([]) => "as one row".to_string(),
        Some(names) => format!("by {}", alternatives(names.iter().copied())),
    };
    let fault = Diagnostic::new(
        E0495,
        span,
        format!("the rows of this query replace each other {by}, which is not the table's key"),
    )
    .label("the table's key")
    .also(because, "this makes rows updating")
    .help("two rows of one key could stand at once");
    match own.as_deref() {
        Some(names @ [_, ..]) => fault.fix("name the table by the key of the rows", span, names.join(", ")),
        _ => fault,
    }
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

/// `x in table` where nothing can be looked up: the table, and all of it. `named`: where a `let` may stand, and x.
pub fn in_table_elsewhere(
    (span, asked): (Span, Span),
    name: &str,
    named: Option<(Span, String)>,
) -> Diagnostic {
    let fault = Diagnostic::new(E0497, span, format!("`in {name}` has no place here")).label("a table");
    let Some((above, value)) = named else {
        return fault
            .help("it may stand in `where`, `let` and a plain `select`; elsewhere name it in a `let` first");
    };
    let edits = vec![
        Edit { span: above.at_start(), text: format!("let is_known = {value} in {name}\n  ") },
        Edit { span: asked, text: "is_known".into() },
    ];
    fault.note("it may stand in `where`, `let` and a plain `select`").fix_edits(
        "name it in a `let` above",
        edits,
        Safety::Unsafe,
    )
}

/// `x in table` with another number of values than the key has columns. `is_known`: whether the rows that ask
/// have columns of these names.
pub fn in_table_width(span: Span, name: &str, key: &[&str], is_known: bool) -> Diagnostic {
    let expected = match key {
        [key] => format!("one value, its `{key}`"),
        _ => format!("a list of {} values: `[{}] in {name}`", key.len(), key.join(", ")),
    };
    let fault =
        Diagnostic::new(E0497, span, format!("a key of `{name}` is {expected}")).label("not a key of it");
    match key {
        _ if !is_known => fault,
        [key] => fault.fix("ask for the column of this name", span, *key),
        _ => fault.fix("ask for the columns of these names", span, format!("[{}]", key.join(", "))),
    }
}

/// `x in table` with a value that can fail, which is looked up for all rows.
/// `conversion`: the name of the function that can fail, where the value is that of one.
pub fn in_table_can_fail(span: Span, conversion: Option<Span>) -> Diagnostic {
    let headline = "what is looked up is computed for each row, whatever stands around it";
    let fault = Diagnostic::new(E0497, span, headline).label("can fail");
    match conversion {
        Some(name) => fault
            .fix("let what cannot be converted be null, which is in no table", name.at_start(), "try_")
            .help("or compute it in a `let` above, where a row fails that cannot be converted"),
        None => fault.help("compute it in a `let` above"),
    }
}

/// `x in STREAM`
pub fn in_stream(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0497, span, format!("`{name}` is no table: it has no keys to look up"))
        .label("not a table")
        .help(format!(
            "join the two, `semi join {name} on … within …`, or keep a table: `table … key … = from {name}`"
        ))
}
