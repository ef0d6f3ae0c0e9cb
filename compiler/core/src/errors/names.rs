//! E02: names.

use super::alternatives;
use crate::clauses::Closed;
use crate::scope::{OnlyAsked, Scope, ScopeColumn};
use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span, did_you_mean};
use millstream_ir::types::Type;
use millstream_syntax::elsewhere::words::{function_here, type_here, written_here};

/// So many names are told in place of one that does not exist.
const MOST_LISTED: usize = 12;

fn proposing(diagnostic: Diagnostic, span: Span, nearest: Option<&str>) -> Diagnostic {
    match nearest {
        Some(nearest) => diagnostic.fix(format!("did you mean `{nearest}`?"), span, nearest),
        None => diagnostic,
    }
}

pub fn unknown_name(span: Span, name: &str, nearest: Option<&str>, scope: &Scope) -> Diagnostic {
    let fault =
        Diagnostic::new(E0201, span, format!("nothing here is called `{name}`")).label("unknown name");
    let mut columns: Vec<&str> = vec![];
    for column in scope.columns().iter().filter(|c| !c.qualified_only) {
        if !columns.contains(&&*column.name) {
            columns.push(&column.name);
        }
    }
    if let Some(bound) = bound_of_window(name)
        && scope.has_qualifier("window")
    {
        return fault.fix(
            format!("the {bound} of a window is `window.{bound}`"),
            span,
            format!("window.{bound}"),
        );
    }
    let small = name.to_ascii_lowercase();
    if let Some(value) = ["true", "false", "null"].into_iter().find(|value| *value == small) {
        return fault.fix(format!("write `{value}`"), span, value).safe();
    }
    let fault = match columns.len() {
        0 => fault.note("no rows can be seen here, only parameters"),
        1..=MOST_LISTED => {
            fault.note(format!("the columns here are {}", alternatives(columns).replace(" or ", " and ")))
        }
        _ => fault,
    };
    proposing(fault, span, nearest)
}

/// What other languages call `window.start` and `window.end`.
fn bound_of_window(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "window_start" | "windowstart" | "wstart" | "tumble_start" | "hop_start" => Some("start"),
        "window_end" | "windowend" | "wend" | "tumble_end" | "hop_end" => Some("end"),
        _ => None,
    }
}

pub fn unknown_qualified(span: Span, qualifier: &str, name: &str, nearest: Option<&str>) -> Diagnostic {
    let headline = format!("`{qualifier}` has no column `{name}`");
    if qualifier == "window" && nearest.is_none() {
        let fault = Diagnostic::new(E0201, span, headline)
            .label("unknown column")
            .note("a window has `window.start` and `window.end`");
        return match name {
            "size" | "length" | "duration" => fault.help("its size is `window.end - window.start`"),
            _ => fault,
        };
    }
    proposing(Diagnostic::new(E0201, span, headline).label("unknown column"), span, nearest)
}

pub fn duplicate_name(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::new(E0202, span, format!("`{name}` is defined twice"))
        .label("defined again")
        .also(first, "first defined here")
}

/// A source, table or stream that does not exist; `known`: those that do.
pub fn unknown_input(span: Span, name: &str, known: &[&str]) -> Diagnostic {
    let headline = format!("there is no source, table or stream called `{name}`");
    let fault = Diagnostic::new(E0203, span, headline).label("unknown");
    let nearest = did_you_mean(name, known.iter().copied());
    match known.len() {
        _ if nearest.is_some() => proposing(fault, span, nearest),
        0 => fault.help(format!(
            "what is read is declared: `source {name}: {{ id: int, … }} from file(\"FILE\")`; `millstream infer FILE` writes it from data"
        )),
        1 => fault.note(format!("there is `{}`", known.join(""))),
        2..=MOST_LISTED => {
            let known = alternatives(known.iter().copied()).replace(" or ", " and ");
            fault.note(format!("there are {known}"))
        }
        n => {
            let first: Vec<String> =
                known.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect();
            fault.note(format!("there are {} and {} more", first.join(", "), n - MOST_LISTED))
        }
    }
}

pub fn unknown_type(span: Span, name: &str, nearest: Option<&str>) -> Diagnostic {
    let headline = format!("there is no type called `{name}`");
    let nearest = type_here(name).or(nearest);
    proposing(Diagnostic::new(E0204, span, headline).label("unknown type"), span, nearest)
}

pub fn unknown_function(span: Span, name: &str, nearest: Option<&str>) -> Diagnostic {
    let headline = format!("there is no function called `{name}`");
    let fault = Diagnostic::new(E0205, span, headline).label("unknown function");
    match (function_here(name), written_here(name)) {
        (Some(function), _) => fault.fix(format!("write `{function}`"), span, function),
        (None, Some(help)) => fault.help(help),
        (None, None) => proposing(fault, span, nearest),
    }
}

pub fn stream_cycle(span: Span, from: &str, to: &str, declared: Span) -> Diagnostic {
    let headline = if from == to {
        format!("`{from}` reads itself")
    } else {
        format!("`{from}` reads `{to}`, which is made from `{from}`")
    };
    Diagnostic::new(E0206, span, headline)
        .label("closes the circle")
        .also(declared, "declared here")
        .help("break the circle: one of these streams must read a source only")
}

pub fn file_cycle(span: Span) -> Diagnostic {
    Diagnostic::new(E0207, span, "this file uses a file that uses it")
        .label("closes the circle")
        .help("move what both files need to a third one")
}

pub fn ambiguous_column(span: Span, name: &str, columns: &[&ScopeColumn]) -> Diagnostic {
    let mut fault = Diagnostic::new(E0208, span, format!("more than one value here is called `{name}`"))
        .label("which one?");
    for column in columns {
        fault = fault.also(column.span, "one of them");
        let tells = |qualifier: &&std::sync::Arc<str>| {
            columns.iter().filter(|other| other.qualifier.as_ref() == Some(qualifier)).count() == 1
        };
        if let Some(qualifier) = column.qualifier.as_ref().filter(tells) {
            let full = format!("{qualifier}.{name}");
            fault = fault.fix(format!("write `{full}`"), span, full);
        }
    }
    if columns.iter().any(|column| column.qualifier.is_none()) {
        fault = fault.help(format!(
            "a `select` made one that no alias names: call it otherwise there, `{name} as other`"
        ));
    }
    fault
}

pub fn type_cycle(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0209, span, format!("the type `{name}` is made of itself"))
        .label("contains itself")
        .help("use `json` where the depth of a value is not known")
}

pub fn recursive_function(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0210, span, format!("the function `{name}` calls itself")).label("recursive").note(
        "functions become part of the expressions that call them, so that each row costs a bounded time",
    )
}

pub fn unknown_module(span: Span, name: &str, nearest: Option<&str>) -> Diagnostic {
    let headline = format!("the standard library has no module `{name}`");
    let fault = Diagnostic::new(E0211, span, headline).label("unknown module");
    match nearest {
        Some(_) => proposing(fault, span, nearest),
        None => fault.help("a file is named by its path, in quotes: `use \"FILE.stream\"`"),
    }
}

pub fn not_in_file(span: Span, name: &str, nearest: Option<&str>) -> Diagnostic {
    let headline = format!("the used file does not define `{name}`");
    proposing(Diagnostic::new(E0212, span, headline).label("not defined there"), span, nearest)
}

pub fn not_in_module(span: Span, name: &str, module: &str, nearest: Option<&str>) -> Diagnostic {
    let headline = format!("`{module}` does not define `{name}`");
    proposing(Diagnostic::new(E0212, span, headline).label("not defined there"), span, nearest)
}

/// A parameter without a value: the program is right, but can't be run so.
pub fn missing_param(span: Span, name: &str, ty: &Type) -> Diagnostic {
    Diagnostic::new(E0213, span, format!("the parameter `{name}: {ty}` has no value"))
        .label("has no default")
        .help(format!("run with `--set {name}=…`, or set MILLSTREAM_{}", name.to_uppercase()))
}

pub fn missing_secret(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0213, span, format!("the secret `{name}` has no value"))
        .label("has no default")
        .help(format!("set MILLSTREAM_{}", name.to_uppercase()))
}

pub fn bad_param_value(span: Span, name: &str, ty: &Type, text: &str) -> Diagnostic {
    Diagnostic::new(E0214, span, format!("the value given for `{name}` is not of type `{ty}`"))
        .label(format!("declared as {ty}"))
        .note(format!("the value given is {text:?}"))
}

pub fn secret_in_expression(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0215, span, format!("the secret `{name}` cannot be part of an expression"))
        .label("a secret")
        .note("a secret is never shown in results, logs or plans; it may only be handed to a connector")
}

pub fn not_a_value(span: Span, name: &str, what: &str) -> Diagnostic {
    let fault = Diagnostic::new(E0217, span, format!("`{name}` is {what}, not a value")).label(what);
    match what {
        "a stream" => fault.help(format!("name one of its columns: `{name}.…`")),
        "a function" => fault.help(format!("call it: `{name}(…)`")),
        "a function over rows" => fault.help(format!("call it with a column of the rows: `{name}(…)`")),
        "an aggregate" => {
            fault.help(format!("call it where rows are grouped: `window tumbling 1m select {name}(…)`"))
        }
        _ => fault,
    }
}

/// The name of a stream or a table whose rows are not here.
pub fn rows_as_value(span: Span, name: &str, what: &str) -> Diagnostic {
    let fault = Diagnostic::new(E0217, span, format!("`{name}` is {what}, not a value")).label(what);
    match what {
        "a table" => {
            fault.help(format!("`… in {name}` asks for a key of it, `join {name} on …` for its columns"))
        }
        _ => fault.help(format!("`join {name} on …` brings its columns along")),
    }
}

/// `NAME.column` below a join that only asked for rows of it.
pub(crate) fn only_asked(span: Span, asked: &OnlyAsked) -> Diagnostic {
    let OnlyAsked { name, join, words } = asked;
    let fault = Diagnostic::new(E0217, span, format!("no row of `{name}` stands beside these"))
        .label("only asked for")
        .also(*words, format!("passes rows on, without those of `{name}`"));
    match *join {
        "semi join" => fault.fix("have a row for each partner, with its columns", *words, "join "),
        _ => fault.help(format!("what an `{join}` passes on has no partner")),
    }
}

/// `NAME.column` where no rows of it are.
pub fn rows_elsewhere(span: Span, name: &str, what: &str, scope: &Scope) -> Diagnostic {
    let fault =
        Diagnostic::new(E0217, span, format!("`{name}` is {what} whose rows are not here")).label(what);
    let mut here: Vec<&str> = vec![];
    for column in scope.columns().iter().filter(|column| !column.qualified_only) {
        here.extend(column.qualifier.as_deref().filter(|name| !here.contains(name)));
    }
    let fault = match here.is_empty() {
        true => fault,
        false => fault.note(format!("the rows here are of {}", alternatives(here).replace(" or ", " and "))),
    };
    fault.help(format!("a join brings them along: `join {name} on …`"))
}

pub fn not_grouped(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0218, span, format!("`{name}` differs from row to row of a group"))
        .label("not a key")
        .help(format!(
            "add `{name}` to `group by`, or say which row you mean: `first({name})`, `max({name})`"
        ))
}

pub fn builtin_name(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0219, span, format!("`{name}` is part of the language and cannot be defined"))
        .label("choose another name")
}

pub fn unreadable_file(span: Span, reason: &str) -> Diagnostic {
    Diagnostic::new(E0220, span, reason.to_string()).label("used here")
}

/// The time until which a group lasts, beside its keys.
pub fn end_of_group(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0218, span, format!("`{name}` differs from row to row of a group"))
        .label("not a key")
        .fix(
            format!("write `window.end`, the greatest `{name}`, at which the group ends"),
            span,
            "window.end",
        )
}

/// `closed`: the clause below which the window is no longer open, if there was one.
pub(crate) fn no_window(span: Span, qualifier: &str, name: &str, closed: Option<Closed>) -> Diagnostic {
    if let Some(Closed { clause, span: at }) = closed.filter(|_| qualifier == "window") {
        let headline = format!("`window.{name}` is not known below the `{clause}` that closes the window");
        let fault =
            Diagnostic::new(E0221, span, headline).label("no window here").also(at, "closes the window");
        return match clause {
            "select" => fault.help(format!("make it a column there: `select …, window.{name} as {name}`")),
            _ => fault.help(format!("make it a column above: `let {name} = window.{name}`")),
        };
    }
    let clause = if qualifier == "window" { "a `window` clause" } else { "a `match`" };
    Diagnostic::new(E0221, span, format!("`{qualifier}.{name}` is known only below {clause}"))
        .label("no window here".replace("window", qualifier))
}

pub fn function_too_large(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0222, span, format!("the function `{name}`, with all that it calls, is too large"))
        .label("too large")
        .note("functions become part of the expressions that call them")
        .help("compute shared parts once, in a `let` of the stream")
}

/// A declaration of the library without its implementation.
pub fn no_native(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(B0201, span, format!("the library declares `{name}` but does not implement it"))
}

/// A declaration of the library is wrong by itself.
pub fn library_wrong(span: Span, fault: &str) -> Diagnostic {
    Diagnostic::new(B0202, span, format!("the standard library is wrong: {fault}"))
        .note("this is a fault in Millstream: please report it")
}

/// The body of a generic function of the library does not fit its own declaration.
pub fn library_fault(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(B0202, span, format!("the library's own text of `{name}` is wrong for these arguments"))
        .note("this is a fault in Millstream: please report it")
}
