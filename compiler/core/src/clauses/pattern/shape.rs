//! What can be said of a pattern by its form alone: whether it needs an event, and whether it can last.

use crate::errors::patterns as errors;
use millstream_base::{Diagnostic, Span};
use millstream_syntax::ast::{
    Contiguity, Match, MatchMode, Pattern, PatternKind, PatternLink, QuantifierKind,
};

/// The pattern without parentheses around it.
fn ungrouped(pattern: &Pattern) -> &Pattern {
    match &pattern.kind {
        PatternKind::Group(inner) => ungrouped(inner),
        _ => pattern,
    }
}

/// The place of `then` or `next`.
fn joining_word(link: &PatternLink) -> Span {
    Span { end: link.span.end.min(link.span.start + 4), ..link.span }
}

/// What is wrong with its form.
pub fn faults(query: &Match) -> Vec<Diagnostic> {
    let pattern = &query.pattern;
    let mut faults = vec![];
    if needs_no_event(pattern, true) {
        faults.push(errors::empty(pattern.span));
    } else if let Some(last) = last_step(pattern)
        && needs_no_event(last, false)
        && !is_greedy(last)
        && !matches!(ungrouped(last).kind, PatternKind::Absent { .. })
    {
        faults.push(errors::empty_last_step(last.span));
    }
    nots_beside_next(pattern, &mut faults);
    open_nots(pattern, Ends { first: true, last: true }, &mut faults);
    timers_at_start(pattern, Start::Pattern, &mut faults);
    if query.mode == MatchMode::All {
        faults.extend(words_of_greed(pattern).into_iter().map(errors::greedy_with_all));
    }
    faults
}

/// Whether it can be complete before anything happens; a timer takes its time, but not at the start, where it
/// looks back.
fn needs_no_event(pattern: &Pattern, is_start: bool) -> bool {
    match &pattern.kind {
        PatternKind::Event(_) | PatternKind::Error => false,
        PatternKind::Sequence { first, rest } => {
            needs_no_event(first, is_start) && rest.iter().all(|link| needs_no_event(&link.pattern, is_start))
        }
        PatternKind::Repeat { of, quantifier, .. } => {
            let may_be_left_out =
                matches!(quantifier.kind, QuantifierKind::ZeroOrMore | QuantifierKind::Optional);
            may_be_left_out || needs_no_event(of, is_start)
        }
        PatternKind::All(parts) => parts.iter().all(|part| needs_no_event(part, is_start)),
        PatternKind::Any(parts) => parts.iter().any(|part| needs_no_event(part, is_start)),
        PatternKind::Absent { timer, .. } => timer.is_none() || is_start,
        PatternKind::Group(inner) => needs_no_event(inner, is_start),
    }
}

/// The last step of several.
fn last_step(pattern: &Pattern) -> Option<&Pattern> {
    match &ungrouped(pattern).kind {
        PatternKind::Sequence { rest, .. } => {
            let last = &rest.last()?.pattern;
            last_step(last).or(Some(last))
        }
        _ => None,
    }
}

fn is_greedy(pattern: &Pattern) -> bool {
    matches!(&ungrouped(pattern).kind, PatternKind::Repeat { greedy: Some(_), .. })
}

fn nots_beside_next(pattern: &Pattern, faults: &mut Vec<Diagnostic>) {
    if let PatternKind::Sequence { first, rest } = &pattern.kind {
        let parts = std::iter::once(&**first).chain(rest.iter().map(|link| &link.pattern));
        for (link, before) in rest.iter().zip(parts) {
            let is_next = link.contiguity == Contiguity::Next;
            if is_next && (has_not_at(before, End::Last) || has_not_at(&link.pattern, End::First)) {
                faults.push(errors::not_beside_next(joining_word(link)));
            }
        }
    }
    children(pattern).into_iter().for_each(|part| nots_beside_next(part, faults));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// Whether a `not` can stand at an end of a pattern, beside what is joined to it there.
fn has_not_at(pattern: &Pattern, end: End) -> bool {
    match &pattern.kind {
        PatternKind::Absent { .. } => true,
        PatternKind::Sequence { .. } => {
            let mut parts = children(pattern);
            if end == End::Last {
                parts.reverse();
            }
            let n_left_out = parts.iter().take_while(|part| needs_no_event(part, false)).count();
            parts.into_iter().take(n_left_out + 1).any(|part| has_not_at(part, end))
        }
        // Behind `next` all events of `and` touch, so a time that passes among them stands beside it too.
        PatternKind::All(parts) if end == End::First => parts.iter().any(has_not),
        _ => children(pattern).into_iter().any(|part| has_not_at(part, end)),
    }
}

fn has_not(pattern: &Pattern) -> bool {
    matches!(pattern.kind, PatternKind::Absent { .. }) || children(pattern).into_iter().any(has_not)
}

/// The direct parts of a pattern.
fn children(pattern: &Pattern) -> Vec<&Pattern> {
    match &pattern.kind {
        PatternKind::Sequence { first, rest } => {
            std::iter::once(&**first).chain(rest.iter().map(|link| &link.pattern)).collect()
        }
        PatternKind::Repeat { of, .. } => vec![of],
        PatternKind::All(parts) | PatternKind::Any(parts) => parts.iter().collect(),
        PatternKind::Group(inner) => vec![inner],
        PatternKind::Event(_) | PatternKind::Absent { .. } | PatternKind::Error => vec![],
    }
}

/// Whether nothing need stand before a part, or behind it.
#[derive(Clone, Copy)]
struct Ends {
    first: bool,
    last: bool,
}

/// Each `not` without a time that has no step on one of its sides.
fn open_nots(pattern: &Pattern, ends: Ends, faults: &mut Vec<Diagnostic>) {
    match &pattern.kind {
        PatternKind::Absent { timer: None, .. } if ends.first || ends.last => {
            faults.push(errors::open_not(pattern.span, ends.first));
        }
        PatternKind::Sequence { .. } => {
            let parts = children(pattern);
            for (number, part) in parts.iter().enumerate() {
                let (before, behind) = (&parts[..number], &parts[number + 1..]);
                let first = ends.first && before.iter().all(|part| needs_no_event(part, ends.first));
                let last = ends.last && behind.iter().all(|part| needs_no_event(part, false));
                open_nots(part, Ends { first, last }, faults);
            }
        }
        // Where the part ends, another may go on, or none.
        PatternKind::All(parts) => {
            parts.iter().for_each(|part| open_nots(part, Ends { last: true, ..ends }, faults));
        }
        _ => children(pattern).into_iter().for_each(|part| open_nots(part, ends, faults)),
    }
}

/// What is at the start of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// The pattern itself, or a sequence.
    Pattern,
    /// A part of `and` or `or`, or a repetition.
    Inside(&'static str),
}

/// Each timer that nothing stands before and that can't look back, and each that can't because its time is not
/// known; says whether more may be at the start behind this.
fn timers_at_start(pattern: &Pattern, start: Start, faults: &mut Vec<Diagnostic>) {
    match &pattern.kind {
        PatternKind::Absent { timer: Some(timer), .. } => match start {
            Start::Inside(word) => faults.push(errors::timer_without_start(pattern.span, word)),
            Start::Pattern if timer.max.is_some() => faults.push(errors::computed_before(timer.span)),
            Start::Pattern => {}
        },
        PatternKind::Sequence { .. } => {
            for part in children(pattern) {
                timers_at_start(part, start, faults);
                if !needs_no_event(part, true) {
                    break;
                }
            }
        }
        PatternKind::Repeat { of, .. } => timers_at_start(of, Start::Inside("a repetition"), faults),
        PatternKind::All(parts) => {
            parts.iter().for_each(|part| timers_at_start(part, Start::Inside("`and`"), faults));
        }
        PatternKind::Any(parts) => {
            parts.iter().for_each(|part| timers_at_start(part, Start::Inside("`or`"), faults));
        }
        PatternKind::Group(inner) => timers_at_start(inner, start, faults),
        PatternKind::Event(_) | PatternKind::Absent { timer: None, .. } | PatternKind::Error => {}
    }
}

/// The places of the words `greedy`, in order.
pub fn words_of_greed(pattern: &Pattern) -> Vec<Span> {
    let inside = children(pattern).into_iter().flat_map(words_of_greed);
    let own = match &pattern.kind {
        PatternKind::Repeat { greedy, .. } => *greedy,
        _ => None,
    };
    inside.chain(own).collect()
}

/// Whether it takes a fixed number of events that touch, and perhaps timers in front and behind, so that nothing
/// waits for an event for longer than that.
pub fn has_fixed_extent(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Event(_) => true,
        PatternKind::Sequence { first, rest } => {
            let is_timer =
                |part: &Pattern| matches!(ungrouped(part).kind, PatternKind::Absent { timer: Some(_), .. });
            let n_timers_in_front = children(pattern).into_iter().take_while(|part| is_timer(part)).count();
            let lasts = |(number, link): (usize, &PatternLink)| {
                let is_last = rest.iter().skip(number).all(|link| is_timer(&link.pattern));
                let touches = link.contiguity == Contiguity::Next || number < n_timers_in_front;
                is_last || touches && has_fixed_extent(&link.pattern)
            };
            (is_timer(first) || has_fixed_extent(first)) && rest.iter().enumerate().all(lasts)
        }
        PatternKind::Repeat { of, quantifier, adjacent, .. } => {
            let has_count = matches!(quantifier.kind, QuantifierKind::Exactly(_));
            has_count && adjacent.is_some() && has_fixed_extent(of)
        }
        PatternKind::Group(inner) => has_fixed_extent(inner),
        PatternKind::All(_) | PatternKind::Any(_) | PatternKind::Absent { .. } => false,
        // Reported already.
        PatternKind::Error => true,
    }
}
