//! E05: sequence patterns.

use crate::clauses::pattern::contradiction::Contradiction;
use millstream_base::codes::*;
use millstream_base::suggest::did_you_mean;
use millstream_base::{Diagnostic, Span};
use millstream_ir::pattern::TooLarge;
use millstream_ir::types::Type;
use millstream_syntax::token::in_backticks;

pub fn unbounded(pattern: Span) -> Diagnostic {
    Diagnostic::new(E0501, pattern, "this pattern has no bound: what it began could wait for ever")
        .label("no `within` behind it")
        .fix("bound it", pattern.at_end(), "\n  within 10m")
}

/// A variable, or key, of the same name twice.
pub fn variable_twice(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::new(E0502, span, format!("`{name}` is defined twice in this pattern"))
        .label("defined again")
        .also(first, "first here")
        .help("call one of them something else")
}

pub fn not_bound_yet(span: Span, name: &str, defined: Span) -> Diagnostic {
    let fault =
        Diagnostic::new(E0503, span, format!("`{name}` is not known yet when this condition is checked"));
    let fault = if defined == span { fault } else { fault.also(defined, "bound only here") };
    fault.label("no event yet").help(
        "a condition sees the columns of its own event bare, and the variables of earlier steps by name",
    )
}

/// What is wrong with the name of an event in its own condition, whose columns stand there without it.
pub fn own_column_bare(fault: Diagnostic, span: Span, column: &str) -> Diagnostic {
    fault.fix("write the column of its own event bare", span, in_backticks(column))
}

/// A repeated variable used as one event.
pub fn list_as_event(span: Span, name: &str, field: &str) -> Diagnostic {
    Diagnostic::new(E0504, span, format!("`{name}` is repeated, so it is a list of events"))
        .label(format!("which one's `{field}`?"))
        .fix("take the first", span, format!("first({name})"))
        .fix("take the last", span, format!("last({name})"))
        .help(format!("or all of them: `sum({name}.{field})`, `[x.{field} for x in {name}]`"))
}

pub fn bad_quantifier(span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(E0505, span, what.to_string())
        .label("counts nothing")
        .help("write `{3}`, `{2,}` or `{2,5}`: at least one event, and no fewer at most than at least")
}

/// A stream of the pattern whose events do not have the key.
pub fn no_key(span: Span, name: &str, stream: &str, read: Span) -> Diagnostic {
    Diagnostic::new(E0506, span, format!("the events of `{stream}` have no `{name}` to be told apart by"))
        .label(format!("not a column of `{stream}`"))
        .also(read, "read here")
        .help(format!(
            "give it one in a stream in front: `stream keyed = from {stream} let {name} = …`, and match `keyed`"
        ))
}

/// A key that is of one type in one stream and of another in the next.
pub fn key_types_differ(span: Span, here: (&str, &Type), there: (&str, &Type)) -> Diagnostic {
    let ((first, first_ty), (other, other_ty)) = (here, there);
    Diagnostic::new(
        E0507,
        span,
        format!("this key is `{first_ty}` in `{first}` and `{other_ty}` in `{other}`"),
    )
    .label("must be of one type")
    .help(format!("convert it in a stream in front: `stream converted = from {other} let … = …`"))
}

/// Values of several repeated variables in one call.
pub fn several_variables(span: Span, names: &[&str]) -> Diagnostic {
    let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    Diagnostic::new(E0508, span, format!("which event of {} belongs to which?", names.join(" and ")))
        .label("speaks of several lists")
        .help("take the values of one variable at a time, and combine the results")
}

/// A pattern whose steps can all be left out.
pub fn empty(pattern: Span) -> Diagnostic {
    Diagnostic::new(E0509, pattern, "this pattern would be complete without any event")
        .label("every step can be left out")
        .help("a match needs an event: `+` in place of `*`, or no `?`")
}

pub fn empty_last_step(step: Span) -> Diagnostic {
    Diagnostic::new(E0510, step, "this last step never takes an event: the match is complete before it")
        .label("can be left out")
        .help("ask for at least one, as `+` does, or add `greedy`, so that the match waits until it can take no more")
}

/// A step behind which the pattern is complete already.
pub fn never_taken(step: Span) -> Diagnostic {
    Diagnostic::new(E0565, step, "this step never takes an event: wherever it could, the match is complete before it")
        .label("never waited for")
        .help("a match is reported at the first event that completes it; to have it wait for more, make what repeats `greedy`, and write the longer branch of an `or` alone")
}

pub fn not_beside_next(span: Span) -> Diagnostic {
    Diagnostic::new(E0511, span, "`next` lets nothing lie in between, so that `not` has nothing to rule out")
        .label("beside `not`")
        .help("write `then` in place of `next`, or leave the `not` out")
}

/// `limit` where ways are merged.
pub fn needless_limit(span: Span) -> Diagnostic {
    Diagnostic::new(E0512, span, "this pattern has nothing to limit: its ways are always merged")
        .label("limits nothing")
        .help("leave it out; only conditions that look at events taken before, and times that run from one of them, keep ways apart")
}

/// A name behind `reuse` that is no variable of the pattern.
pub fn reuse_of_unknown(span: Span, name: &str, known: &[&str]) -> Diagnostic {
    let fault = Diagnostic::new(E0550, span, format!("this pattern has no variable `{name}`"))
        .label("not one of its variables");
    match did_you_mean(name, known.iter().copied()) {
        Some(near) => fault.fix(format!("did you mean `{near}`?"), span, near),
        None if known.is_empty() => fault.help("give the step whose events are to be free a name: `a: S`"),
        None => fault.help(format!("its variables are `{}`", known.join("`, `"))),
    }
}

/// `reuse` where no match uses events up.
pub fn needless_reuse(span: Span, mode: &str) -> Diagnostic {
    Diagnostic::new(E0551, span, format!("`{mode}` uses no events up, so all are free"))
        .label("nothing to set free")
        .help("leave out `reuse`, or the word behind `match`")
}

/// `not` without a time that nothing stands before, or behind.
pub fn open_not(span: Span, is_first: bool) -> Diagnostic {
    let fault = Diagnostic::new(E0552, span, "this `not` has no step on one of its sides to end it");
    let fault = match is_first {
        true => fault.label("nothing surely stands before it"),
        false => fault.label("nothing surely stands behind it"),
    };
    fault.fix("say for how long nothing may come", span.at_end(), " for 5m").help(
        "`not x: S` rules out what comes between two steps; from the first event to the last, `without` does",
    )
}

/// A timer in `and`, `or` or a repetition with which the pattern begins.
pub fn timer_without_start(span: Span, inside: &str) -> Diagnostic {
    Diagnostic::new(E0553, span, "this time has nothing to run from")
        .label(format!("in {inside} at the start of the pattern"))
        .help("put a step in front: `a: S then (… or not x: S for 5m)`")
        .help(
            "at the very start of a pattern, `not x: S for 5m then …` asks what came before its first event",
        )
}

/// A computed time before the first event.
pub fn computed_before(span: Span) -> Diagnostic {
    Diagnostic::new(E0554, span, "before its first event a pattern has no variables to compute a time from")
        .label("depends on what has not come")
        .help("say how long by a constant: `not x: S for 5m then …`")
}

/// A final `greedy` repetition that ends only when the input does.
pub fn greedy_for_ever(word: Span) -> Diagnostic {
    Diagnostic::new(
        E0555,
        word,
        "this repetition could take more for ever, so the match would never be reported",
    )
    .label("waits until it can take no more")
    .fix("end it at the first event that does not fit", word.at_start(), "adjacent ")
    .help("or bound the pattern: `within 10m` in place of `forever`")
}

pub fn greedy_with_all(word: Span) -> Diagnostic {
    Diagnostic::new(E0556, word, "`all` reports every choice of events, so there is none to prefer")
        .label("prefers nothing")
        .help("leave out `greedy`, or `all`")
}

/// A variable of another part of the same `and`.
pub fn other_part(span: Span, name: &str, defined: Span) -> Diagnostic {
    Diagnostic::new(E0557, span, format!("`{name}` may not have come yet when this condition is checked"))
        .label("perhaps no event yet")
        .also(defined, "may come later: the parts of `and` come in any order")
        .help("compare the two behind the pattern, with `where`, or in a step behind the `and`")
}

/// A variable of another branch of the same `or`.
pub fn other_branch(span: Span, name: &str, defined: Span) -> Diagnostic {
    Diagnostic::new(E0558, span, format!("where this condition is checked, there is no `{name}`"))
        .label("never an event")
        .also(defined, "in another branch of the same `or`, of which one is taken")
        .help("a condition sees the variables of earlier steps, and of earlier steps of its own branch")
}

/// A name of what must not come.
pub fn never_bound(span: Span, name: &str, defined: Span) -> Diagnostic {
    Diagnostic::new(E0559, span, format!("nothing is ever called `{name}`: no such event came"))
        .label("has no event")
        .also(defined, "what must not come")
        .help("its columns are known, bare, in its own condition only")
}

/// `match.timeout` of a pattern that has none.
pub fn never_times_out(span: Span) -> Diagnostic {
    Diagnostic::new(E0560, span, "the matches of this pattern are all complete")
        .label("never true")
        .help("to have those reported that ran out of time, write `or timeout` behind `within …`")
}

/// A pattern whose automaton would be too large.
pub fn too_large(span: Span, what: TooLarge) -> Diagnostic {
    let fault = Diagnostic::new(E0561, span, "this pattern is too large");
    match what {
        TooLarge::States => fault
            .label("more than 4096 states")
            .note("counts of groups are written out, and `and` has a state for each of its parts that can be open")
            .help("use smaller counts, or `{2,}`, and count in a `where` behind the pattern: `where count(a) >= 1000`"),
        TooLarge::Guards => fault
            .label("more than 64 `not`, times and parts of `and`")
            .help("find a part of it in a stream of its own, and match that: `from` a pattern is a stream like any other"),
        TooLarge::Terms => fault
            .label("too many ways through it")
            .note("where many steps can be left out, each of them can follow on each other")
            .help("leave out `?` and `*` around what is itself optional or repeated"),
    }
}

/// A condition that no event meets; `column` if what excludes itself is asked of that alone.
pub(crate) fn never_holds(
    span: Span,
    because: &Contradiction,
    column: Option<&str>,
    is_absence: bool,
) -> Diagnostic {
    let mut fault = Diagnostic::new(E0562, span, "no event can meet this condition").label(match column {
        Some(column) if because.parts.len() > 1 => format!("asks of `{column}` what excludes itself"),
        _ if because.parts.len() > 1 => "its parts exclude each other".into(),
        _ => "never true".into(),
    });
    if !because.is_all {
        for (number, part) in because.parts.iter().enumerate() {
            fault = fault.also(
                *part,
                match number {
                    _ if because.parts.len() == 1 => "this is never true",
                    0 => "this",
                    _ => "and this are never true together",
                },
            );
        }
    }
    for (has_a_share, note) in [
        (because.means.order, "events are taken in the order of their times"),
        (because.means.within, "all events of a match lie within the time behind `within`"),
        (because.means.counts, "a repetition holds as many events as its quantifier says"),
    ] {
        if has_a_share {
            fault = fault.note(note);
        }
    }
    match column {
        Some(_) if because.parts.len() > 1 => fault.help("did you mean `or` in place of `and`?"),
        _ if is_absence => {
            fault.help("leave the absence out, as it rules nothing out, or mend its condition")
        }
        _ => fault.help("leave the step out, or mend its condition"),
    }
}

/// A time that depends on a variable, without the most that it can be.
pub fn timer_without_max(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0563, span, format!("this time depends on `{name}`, so it could be of any length"))
        .label("no `max` behind it")
        .fix("say the most that it can be", span.at_end(), " max 1d")
}

/// A timer that starts again whenever it has run down.
pub fn endless_timer(pattern: Span) -> Diagnostic {
    Diagnostic::new(E0564, pattern, "without any event the timers of this pattern would run for ever")
        .label("what is repeated here needs no event")
        .help("say how often: `{3}` in place of `+` or `*`; or put an event into the repetition")
}
