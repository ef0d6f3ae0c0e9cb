//! What can be wrong with a question: one constructor per code.

use crate::command_line::Said;
use millstream_base::codes;
use millstream_base::{Diagnostic, Span, did_you_mean};
use millstream_core::hir::Program;

/// What is named is no source, table or stream of the program.
pub fn unknown_input(program: &Program, name: &Said) -> Diagnostic {
    let known: Vec<&str> = program.inputs.iter().flatten().map(|input| &**input.name()).collect();
    let nearest = did_you_mean(&name.text, known.iter().copied());
    unknown_stream(name.span, &name.text, "stream", nearest, &known)
}

/// `what`: `match` or `stream`. `known`: those that there are.
pub fn unknown_stream(
    span: Span,
    name: &str,
    what: &str,
    nearest: Option<&str>,
    known: &[&str],
) -> Diagnostic {
    let plural = if what == "match" { "matches" } else { "streams" };
    let fault = Diagnostic::new(codes::E0940, span, format!("the program has no {what} called `{name}`"))
        .label(format!("unknown {what}"));
    let fault = match known {
        [] => fault.note(format!("it has no {plural}")),
        known => fault.note(format!("its {plural} are {}", listed(known))),
    };
    match nearest {
        Some(nearest) => fault.fix(format!("ask for `{nearest}`"), span, nearest),
        None => fault,
    }
}

/// `is`: what it is instead, such as `source`.
pub fn not_a_match(span: Span, name: &str, is: &str, defined: Span) -> Diagnostic {
    let fault = Diagnostic::new(codes::E0941, span, format!("`{name}` is a {is} without a pattern"))
        .label("not a match")
        .also(defined, "defined here");
    match is {
        "stream" => fault.help(format!("to ask what its clauses do with rows: `--stream {name}`")),
        _ => fault.help("name a stream whose query begins with `match`"),
    }
}

/// `keys`: the columns of `by`; `most`: those that most events have, with how many these are.
pub fn key_missing(span: Span, keys: &str, defined: Span, most: &[(String, u64)]) -> Diagnostic {
    let fault =
        Diagnostic::new(codes::E0942, span, format!("the pattern is matched for each {keys} by itself"))
            .label("of which one?")
            .also(defined, "this pattern");
    let Some((first, _)) = most.first() else { return fault.note("no event has come of any") };
    let most: Vec<String> = most.iter().map(|(key, n)| format!("{key} ({n})")).collect();
    fault.note(format!("most events are of {}", most.join(", "))).help(format!("say which: `--key {first}`"))
}

pub fn needless_key(span: Span, defined: Span) -> Diagnostic {
    Diagnostic::new(codes::E0943, span, "the pattern has no `by`: its events are not told apart by a key")
        .label("needless key")
        .also(defined, "this pattern")
        .help("leave `--key` out")
}

/// A stream that has nothing that its rows are told apart by.
pub fn stream_without_key(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(codes::E0943, span, format!("no clause of `{name}` tells rows apart by columns"))
        .label("needless key")
        .help("leave `--key` out")
}

pub fn parts_of_key(span: Span, n_given: usize, keys: &[String]) -> Diagnostic {
    let parts = if keys.len() == 1 { "part" } else { "parts" };
    let are = if n_given == 1 { "is" } else { "are" };
    let headline = format!("the key has {} {parts}, and {n_given} {are} given", keys.len());
    let fault = Diagnostic::new(codes::E0943, span, headline)
        .label(format!("expected {}", keys.len()))
        .note(format!("it is made of {}", keys.join(", ")));
    match keys.len() {
        1 => fault.help("give `--key` once; to ask about several keys, ask for each"),
        _ => fault
            .help("separate the parts by commas, or give `--key` for each: `--key DE,7`, `--key DE --key 7`"),
    }
}

/// `ty`: the type of the key's part that is called `name`.
pub fn key_of_other_type(span: Span, text: &str, name: &str, ty: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(codes::E0944, span, format!("`{text}` is no {ty}, as {name} is"))
        .label(format!("expected {ty}"))
        .note(reason.to_string())
}

/// A source that is read for ever.
pub fn never_ends(span: Span, source: &str) -> Diagnostic {
    Diagnostic::new(codes::E0945, span, format!("`{source}` is followed, so reading it would not end"))
        .label("read for ever")
        .help(format!("read what there is by now: `--source {source}=FILE`"))
}

pub fn listed(names: &[&str]) -> String {
    const MOST: usize = 12;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &more
}
