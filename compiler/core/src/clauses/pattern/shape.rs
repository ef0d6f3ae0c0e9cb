//! What can be said of a pattern by its form alone: whether it needs an event, and whether it can last.

use crate::errors::patterns as errors;
use millstream_base::{Diagnostic, Span};
use millstream_syntax::ast::{Contiguity, Pattern, PatternKind, PatternLink, QuantifierKind};

/// The pattern without parentheses around it.
pub fn ungrouped(pattern: &Pattern) -> &Pattern {
    match &pattern.kind {
        PatternKind::Group(inner) => ungrouped(inner),
        _ => pattern,
    }
}

/// The place of `then` or `next`.
pub fn joining_word(link: &PatternLink) -> Span {
    Span { end: link.span.end.min(link.span.start + 4), ..link.span }
}

/// What is wrong with its form.
pub fn faults(pattern: &Pattern) -> Vec<Diagnostic> {
    let mut faults = vec![];
    if needs_no_event(pattern) {
        faults.push(errors::empty(pattern.span));
    } else if let Some(last) = last_step(pattern)
        && needs_no_event(last)
        && !is_greedy(last)
        && !matches!(ungrouped(last).kind, PatternKind::Absent { .. })
    {
        faults.push(errors::empty_last_step(last.span));
    }
    nots_beside_next(pattern, &mut faults);
    faults
}

/// Whether it is complete before anything happens.
fn needs_no_event(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Event(_) | PatternKind::Error => false,
        PatternKind::Sequence { first, rest } => {
            needs_no_event(first) && rest.iter().all(|link| needs_no_event(&link.pattern))
        }
        PatternKind::Repeat { of, quantifier, .. } => {
            let may_be_left_out =
                matches!(quantifier.kind, QuantifierKind::ZeroOrMore | QuantifierKind::Optional);
            may_be_left_out || needs_no_event(of)
        }
        PatternKind::All(parts) => parts.iter().all(needs_no_event),
        PatternKind::Any(parts) => parts.iter().any(needs_no_event),
        PatternKind::Absent { .. } => true,
        PatternKind::Group(inner) => needs_no_event(inner),
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
    match &pattern.kind {
        PatternKind::Sequence { first, rest } => {
            let parts = || std::iter::once(&**first).chain(rest.iter().map(|link| &link.pattern));
            for (link, before) in rest.iter().zip(parts()) {
                let is_not = |p: &Pattern| matches!(ungrouped(p).kind, PatternKind::Absent { .. });
                let is_next = link.contiguity == Contiguity::Next;
                if is_next && (is_not(before) || is_not(&link.pattern)) {
                    faults.push(errors::not_beside_next(joining_word(link)));
                }
            }
            parts().for_each(|part| nots_beside_next(part, faults));
        }
        PatternKind::Repeat { of, .. } => nots_beside_next(of, faults),
        PatternKind::All(parts) | PatternKind::Any(parts) => {
            parts.iter().for_each(|part| nots_beside_next(part, faults));
        }
        PatternKind::Group(inner) => nots_beside_next(inner, faults),
        PatternKind::Event(_) | PatternKind::Absent { .. } | PatternKind::Error => {}
    }
}

/// Whether it takes a fixed number of events that touch, so that nothing waits.
pub fn has_fixed_extent(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Event(_) => true,
        PatternKind::Sequence { first, rest } => {
            has_fixed_extent(first)
                && rest
                    .iter()
                    .all(|link| link.contiguity == Contiguity::Next && has_fixed_extent(&link.pattern))
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
