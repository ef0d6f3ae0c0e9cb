//! E092x: connectors, formats, their options, and what the command line puts in their place.

use super::alternatives;
use crate::program::Writer;
use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span, did_you_mean};

/// `span` is that of its name, `whole` with its options; `reads`: of a source.
pub fn unknown_connector<'n>(
    span: Span,
    whole: Span,
    reads: bool,
    what: &str,
    name: &str,
    nearest: Option<&str>,
    known: impl IntoIterator<Item = &'n str>,
) -> Diagnostic {
    let fault = Diagnostic::new(E0920, span, format!("there is no {what} called `{name}`"))
        .label(format!("unknown {what}"))
        .note(format!("there are {}", alternatives(known).replace(" or ", " and ")));
    let written = match (what, name.to_ascii_lowercase().as_str(), reads) {
        ("connector", "stdin" | "stdout" | "console" | "terminal", true) => {
            Some(("read standard input", "file(\"-\")"))
        }
        ("connector", "stdin" | "stderr" | "console" | "terminal" | "print" | "log", false) => {
            Some(("write to standard output", "stdout"))
        }
        _ => None,
    };
    match (written, nearest) {
        (Some((title, text)), _) => fault.fix(title, whole, text),
        (None, Some(nearest)) => fault.fix(format!("use `{nearest}`"), span, nearest),
        (None, None) => fault,
    }
}

/// A connector that only reads, or only writes.
pub fn wrong_direction(span: Span, name: &str, role: &str) -> Diagnostic {
    Diagnostic::new(E0921, span, format!("`{name}` cannot be used in a {role}"))
        .label(format!("not for a {role}"))
}

pub fn unknown_option<'n>(
    span: Span,
    option: &str,
    of: &str,
    nearest: Option<&str>,
    known: impl IntoIterator<Item = &'n str>,
) -> Diagnostic {
    let known = alternatives(known).replace(" or ", " and ");
    let fault = Diagnostic::new(E0922, span, format!("`{of}` has no option `{option}` here"));
    let fault = fault.label("unknown option");
    let fault = if known.is_empty() { fault } else { fault.note(format!("it has {known}")) };
    match nearest {
        Some(nearest) => fault.fix(format!("use `{nearest}`"), span, nearest),
        None => fault,
    }
}

/// A value for something without any option.
pub fn no_options(span: Span, of: &str) -> Diagnostic {
    Diagnostic::new(E0922, span, format!("`{of}` takes no options here"))
        .label("not taken")
        .help(format!("leave it away: `{of}`"))
}

pub fn missing_option(span: Span, option: &str, of: &str, ty: &str) -> Diagnostic {
    Diagnostic::new(E0923, span, format!("`{of}` needs its option `{option}`"))
        .label("option missing")
        .help(format!("give it: `{option}: …`, of type `{ty}`"))
}

pub fn option_twice(again: Span, first: Span, option: &str) -> Diagnostic {
    Diagnostic::new(E0924, again, format!("the option `{option}` is given twice"))
        .label("given again")
        .also(first, "given here first, as it needs no name")
}

pub fn positional_option(span: Span, of: &str) -> Diagnostic {
    Diagnostic::new(E0924, span, format!("only the first option of `{of}` may be given without its name"))
        .label("needs a name")
}

pub fn no_connector(span: Span, source: &str) -> Diagnostic {
    Diagnostic::new(E0925, span, format!("the source `{source}` does not say where its rows come from"))
        .label("no `from`")
        .help("add `from file(\"…\")`")
}

/// An option of the command line that names nothing in the program. `what`: that which `flag` names.
pub fn unknown_override(place: Span, (flag, what): (&str, &str), name: &str, known: &[&str]) -> Diagnostic {
    let nearest = did_you_mean(name, known.iter().copied());
    let fault = Diagnostic::new(E0926, place, format!("`{flag} {name}=…` names no {what} of this program"))
        .label(format!("no such {what}"));
    let known = alternatives(known.iter().copied()).replace(" or ", " and ");
    let fault = if known.is_empty() {
        fault.note(format!("it has no {what}"))
    } else {
        fault.note(format!("it has {known}"))
    };
    match nearest {
        Some(nearest) => fault.help(format!("did you mean `{flag} {nearest}=…`?")),
        None => fault,
    }
}

pub fn missing_variable(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0927, span, format!("the environment variable `{name}` is not set")).label("read here")
}

pub fn bad_env(span: Span) -> Diagnostic {
    Diagnostic::new(E0927, span, "`env` takes the name of one environment variable, in quotes")
        .label("not a name")
}

/// Two outputs of one file, each with what writes it.
pub(crate) fn same_output(second: (Writer, Span), first: (Writer, Span), path: &str) -> Diagnostic {
    let (who, help) = match (first.0, second.0) {
        (Writer::Sink, Writer::Sink) => ("two sinks", "`union` their streams into one sink"),
        (Writer::Sideline, Writer::Sideline) => ("two sidelines", "give each a file of its own"),
        _ => ("a sink and a sideline", "give each a file of its own"),
    };
    Diagnostic::new(E0928, second.1, format!("{who} write to {path:?}"))
        .label("the same file")
        .also(first.1, "written here too")
        .help(help)
}

/// A source that would find standard input empty, as another reads it, or the compiler did.
pub fn standard_input_twice(place: Span, source: &str, first: Option<(&str, Span)>) -> Diagnostic {
    match first {
        Some((name, first)) => {
            let headline = format!("the sources `{name}` and `{source}` both read standard input");
            Diagnostic::new(E0931, place, headline).label("the second reader").also(first, "the first reader")
        }
        None => {
            let headline =
                format!("the source `{source}` reads standard input, which the program comes from");
            Diagnostic::new(E0931, place, headline).label("nothing is left to read")
        }
    }
    .note("what one has read of standard input, the other does not get")
    .help(format!("read one of them from a file: `--source {source}=FILE`"))
}

pub fn updating_format(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0929, span, format!("the stream is append-only: `{name}` has no changes to write"))
        .label("no changes")
}

/// The ids of rows are to be written in the place of a column.
pub fn id_is_a_column(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(
        E0932,
        span,
        format!("the stream has a column `{name}`, where the ids of rows would stand"),
    )
    .label("two columns of one name")
    .help(format!("call the ids otherwise, such as `id: \"{name}_of_row\"`"))
}

/// A word that is not among those that an option takes.
pub fn unknown_word<'n>(
    span: Span,
    option: &str,
    word: &str,
    nearest: Option<&str>,
    known: impl IntoIterator<Item = &'n str>,
) -> Diagnostic {
    let fault = Diagnostic::new(E0930, span, format!("`{option}` cannot be `{word}`"))
        .label("not a choice")
        .note(format!("it can be {}", alternatives(known)));
    match nearest {
        Some(nearest) => fault.fix(format!("use `{nearest}`"), span, nearest),
        None => fault,
    }
}
