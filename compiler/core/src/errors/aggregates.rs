//! E035x: calls and definitions of aggregates.

use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span, did_you_mean};

pub fn fraction_range(span: Span, p: f64) -> Diagnostic {
    let fault =
        Diagnostic::new(E0350, span, format!("a percentile is asked for by a part from 0 to 1, not by {p}"))
            .label("not from 0 to 1");
    if 1.0 < p && p <= 100.0 {
        return fault.fix("write it as a part of 1", span, format!("{:?}", p / 100.0));
    }
    fault
}

pub fn member_missing(span: Span, name: &str, word: &str) -> Diagnostic {
    let example = match word {
        "state" => "`state n: int = 0`",
        "add" => "`add n = n + 1`",
        _ => "`result n`",
    };
    Diagnostic::new(E0351, span, format!("the aggregate `{name}` has no `{word}`"))
        .label(format!("lacks `{word}`"))
        .help(format!("add one, such as {example}"))
}

pub fn member_twice(span: Span, word: &str) -> Diagnostic {
    Diagnostic::new(E0352, span, format!("an aggregate has one `{word}`"))
        .label("given again")
        .help("write all updates behind one word, with commas between them")
}

pub fn no_state(span: Span, name: &str, known: &[&str]) -> Diagnostic {
    let fault =
        Diagnostic::new(E0353, span, format!("`{name}` is no state of this aggregate")).label("no state");
    match did_you_mean(name, known.iter().copied()) {
        Some(nearest) => fault.fix(format!("did you mean `{nearest}`?"), span, nearest),
        None => fault.help(format!("declare it: `state {name}: … = …`")),
    }
}

pub fn merge_incomplete(span: Span, missing: &[&str]) -> Diagnostic {
    let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    Diagnostic::new(E0354, span, format!("`merge` does not say what becomes of {}", names.join(" and ")))
        .label("leaves a state out")
        .help("give each state a value, made of those of both sides")
}
