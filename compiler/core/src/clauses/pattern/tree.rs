//! From the pattern as it is written to its tree: what can be taken, what must not come, what is waited for.

use super::super::head::{check_reference, columns_of, updating_because};
use super::super::{Rows, select};
use super::sight::{Beside, Seen, Sights, Test, perhaps};
use super::{Input, PatternChecker, variables_in};
use crate::errors::clauses::needs_append_only;
use crate::errors::patterns as errors;
use crate::hir::Side;
use millstream_base::Span;
use millstream_ir::pattern::{Link, Pattern};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast::{self, Contiguity};

/// The parts of a pattern, their conditions not yet checked. The tree means them by their numbers.
#[derive(Default)]
pub(super) struct Parts<'q> {
    pub steps: Vec<Step<'q>>,
    pub absences: Vec<Vec<Test<'q>>>,
    pub clocks: Vec<Clock<'q>>,
    pub sights: Sights,
    /// What events that must not come are called.
    pub unbound: Vec<&'q ast::Name>,
    /// The time that a match may take, in microseconds, with any values of the parameters.
    pub within: Option<i64>,
}

pub(super) struct Step<'q> {
    pub variable: Option<&'q ast::Name>,
    pub test: Test<'q>,
    /// Whether its variable is a list.
    pub repeats: bool,
    /// Whether its events are free for other matches.
    pub reuse: bool,
    pub span: Span,
}

pub(super) enum Clock<'q> {
    Fixed(i64),
    Computed { duration: &'q ast::Expr, most: i64, sight: usize },
}

/// How a part of the pattern is joined to its neighbours, and whether it repeats.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    before: Option<Contiguity>,
    behind: Option<Contiguity>,
    repeats: bool,
}

impl Place {
    /// How iterations are joined where nothing is said: as the step is to the one before, the first as the next
    /// one is to it.
    fn of_iterations(self) -> Option<Contiguity> {
        self.before.or(self.behind)
    }
}

impl PatternChecker<'_> {
    /// The tree of a pattern; `seen` are the variables of what stands before it, and becomes those of what stands
    /// behind.
    pub fn tree<'q>(
        &mut self,
        pattern: &'q ast::Pattern,
        place: Place,
        seen: &mut Vec<Seen>,
        parts: &mut Parts<'q>,
    ) -> Pattern {
        match &pattern.kind {
            ast::PatternKind::Event(event) => self.step(event, place, seen, parts),
            ast::PatternKind::Sequence { first, rest } => {
                let behind = |number: usize| rest.get(number).map(|link| link.contiguity).or(place.behind);
                let first = self.tree(first, Place { behind: behind(0), ..place }, seen, parts);
                let mut links = vec![Link { next: false, within: None, pattern: first }];
                for (number, link) in rest.iter().enumerate() {
                    let within = link.within.as_ref().and_then(|within| self.fixed_clock(within, parts));
                    let before = Some(link.contiguity);
                    let place = Place { before, behind: behind(number + 1), ..place };
                    let pattern = self.tree(&link.pattern, place, seen, parts);
                    links.push(Link { next: link.contiguity == Contiguity::Next, within, pattern });
                }
                Pattern::Sequence(links)
            }
            ast::PatternKind::Repeat { of, quantifier, adjacent, greedy } => {
                let (min, max) = self.counts(quantifier).unwrap_or((1, None));
                let adjacent = adjacent.is_some() || place.of_iterations() == Some(Contiguity::Next);
                let is_optional = matches!(quantifier.kind, ast::QuantifierKind::Optional);
                let (n_steps, n_sights) = (parts.steps.len(), parts.sights.0.len());
                let inside = Place { repeats: place.repeats || !is_optional, ..place };
                let of = Box::new(self.tree(of, inside, seen, parts));
                let steps = n_steps..parts.steps.len();
                let is_inside = |seen: &Seen| steps.contains(&seen.step);
                if depends_on_parameters(quantifier) {
                    seen.iter_mut().filter(|seen| is_inside(seen)).for_each(|seen| seen.is_fixed = false);
                }
                if !is_optional {
                    let of_one: Vec<Seen> = seen.iter().copied().filter(is_inside).collect();
                    parts.sights.repeat(n_sights..parts.sights.0.len(), &of_one, max);
                }
                seen.iter_mut().filter(|seen| is_inside(seen)).for_each(|seen| seen.repeat(min, max));
                Pattern::Repeat { of, min, max, adjacent, greedy: greedy.is_some() }
            }
            ast::PatternKind::Group(inner) => self.tree(inner, place, seen, parts),
            ast::PatternKind::All(written) => {
                let patterns = self.beside(written, Beside::And, place, seen, parts);
                Pattern::All { parts: patterns, adjacent: place.before == Some(Contiguity::Next) }
            }
            ast::PatternKind::Any(written) => {
                let n_steps = parts.steps.len();
                let patterns = self.beside(written, Beside::Or, place, seen, parts);
                perhaps(seen, &(n_steps..parts.steps.len()));
                Pattern::Any(patterns)
            }
            ast::PatternKind::Absent { of, timer } => {
                let absence = self.absence(of, seen, parts);
                match timer {
                    None => Pattern::Absent(absence),
                    Some(timer) => match self.clock(timer, seen, parts) {
                        Some(clock) => Pattern::Quiet { absence, clock },
                        None => Pattern::Absent(absence),
                    },
                }
            }
            ast::PatternKind::Error => {
                self.is_right = false;
                Pattern::Sequence(vec![])
            }
        }
    }

    /// The parts of `and` or `or`, each of which sees what stands before all of them.
    fn beside<'q>(
        &mut self,
        written: &'q [ast::Pattern],
        how: Beside,
        place: Place,
        seen: &mut Vec<Seen>,
        parts: &mut Parts<'q>,
    ) -> Vec<Pattern> {
        let before = seen.clone();
        let (mut patterns, mut ranges) = (vec![], vec![]);
        for part in written {
            let (n_steps, n_sights) = (parts.steps.len(), parts.sights.0.len());
            let mut seen_inside = before.clone();
            patterns.push(self.tree(part, place, &mut seen_inside, parts));
            seen.extend(seen_inside.into_iter().skip(before.len()));
            ranges.push((n_sights..parts.sights.0.len(), n_steps..parts.steps.len()));
        }
        parts.sights.set_beside(&ranges, how);
        patterns
    }

    fn step<'q>(
        &mut self,
        event: &'q ast::Event,
        place: Place,
        seen: &mut Vec<Seen>,
        parts: &mut Parts<'q>,
    ) -> Pattern {
        let Some(test) = self.test(event, seen, parts) else { return Pattern::Sequence(vec![]) };
        let step = parts.steps.len();
        parts.steps.push(Step {
            variable: event.variable.as_ref(),
            test,
            repeats: place.repeats,
            reuse: false,
            span: event.span,
        });
        seen.push(Seen::once(step));
        Pattern::Step(step)
    }

    /// The number of what must not come.
    pub fn absence<'q>(&mut self, of: &'q ast::Absence, seen: &[Seen], parts: &mut Parts<'q>) -> usize {
        let tests = of.events.iter().filter_map(|event| self.test(event, seen, parts)).collect();
        parts.unbound.extend(of.events.iter().filter_map(|event| event.variable.as_ref()));
        parts.absences.push(tests);
        parts.absences.len() - 1
    }

    fn test<'q>(&mut self, event: &'q ast::Event, seen: &[Seen], parts: &mut Parts<'q>) -> Option<Test<'q>> {
        let input = self.input(event);
        let Some(input) = input else {
            self.is_right = false;
            return None;
        };
        let (variable, condition) = (event.variable.as_ref(), event.condition.as_ref());
        Some(Test { variable, input, condition, sight: parts.sights.add(seen) })
    }

    /// The number of the input that a stream of the pattern is; none if there is no such stream.
    fn input(&mut self, event: &ast::Event) -> Option<usize> {
        let (rows, schema) = check_reference(self.around, &event.stream, self.diagnostics);
        let schema = schema?;
        if schema.sign.is_some() {
            let because = updating_because(self.around, rows);
            self.diagnostics.push(needs_append_only(event.stream.name().span, "match", because));
            self.is_right = false;
        }
        if let Some(known) = self.inputs.iter().position(|i| i.rows.of == rows.of && i.rows.side == rows.side)
        {
            return Some(known);
        }
        let name = event.stream.name();
        let because = updating_because(self.around, rows);
        let columns = Rows::of_schema(&schema, columns_of(self.around, rows), name, because);
        let name = match rows.side {
            Side::Main => name.text.clone(),
            Side::Late => format!("late({})", name.text),
            Side::Errors => format!("errors({})", name.text),
        };
        self.inputs.push(Input { name, rows, columns, keys: vec![] });
        Some(self.inputs.len() - 1)
    }

    fn fixed_clock(&mut self, duration: &ast::Expr, parts: &mut Parts) -> Option<usize> {
        let micros = self.checker().check_positive_duration(duration);
        self.is_right &= micros.is_some();
        parts.clocks.push(Clock::Fixed(micros?));
        Some(parts.clocks.len() - 1)
    }

    fn clock<'q>(
        &mut self,
        timer: &'q ast::PatternTimer,
        seen: &[Seen],
        parts: &mut Parts<'q>,
    ) -> Option<usize> {
        let Some(max) = &timer.max else {
            if let Some(name) = variables_in(&timer.duration, &parts.steps).next() {
                self.fault(errors::timer_without_max(timer.duration.span, &name.text));
                return None;
            }
            return self.fixed_clock(&timer.duration, parts);
        };
        let most = self.checker().check_positive_duration(max);
        self.is_right &= most.is_some();
        let sight = parts.sights.add(seen);
        parts.clocks.push(Clock::Computed { duration: &timer.duration, most: most?, sight });
        Some(parts.clocks.len() - 1)
    }

    /// How often a step repeats.
    fn counts(&mut self, quantifier: &ast::Quantifier) -> Option<(u32, Option<u32>)> {
        use ast::QuantifierKind::*;
        let (min, max) = match &quantifier.kind {
            OneOrMore => return Some((1, None)),
            ZeroOrMore => return Some((0, None)),
            Optional => return Some((0, Some(1))),
            Exactly(count) => {
                let count = self.count(count)?;
                (count, Some(count))
            }
            AtLeast(min) => (self.count(min)?, None),
            Between(min, max) => {
                let (min, max) = (self.count(min), self.count(max));
                (min?, Some(max?))
            }
        };
        if max.is_some_and(|max| max < min) {
            self.fault(errors::bad_quantifier(quantifier.span, "this repetition ends before it begins"));
            return None;
        }
        Some((min, max))
    }

    fn count(&mut self, expr: &ast::Expr) -> Option<u32> {
        let Some(Value::Int(count)) = self.checker().check_constant(expr, &Type::INT) else {
            self.is_right = false;
            return None;
        };
        let count = u32::try_from(count).ok().filter(|c| *c > 0);
        if count.is_none() {
            self.fault(errors::bad_quantifier(expr.span, "this is not a number of events, from 1 up"));
        }
        count
    }
}

/// Whether names, which can only be those of parameters, say how often.
fn depends_on_parameters(quantifier: &ast::Quantifier) -> bool {
    use ast::QuantifierKind::*;
    let counts = match &quantifier.kind {
        OneOrMore | ZeroOrMore | Optional => vec![],
        Exactly(count) | AtLeast(count) => vec![count],
        Between(min, max) => vec![min, max],
    };
    counts.into_iter().any(has_names)
}

/// Whether an expression names anything.
pub(super) fn has_names(expr: &ast::Expr) -> bool {
    let mut names = vec![];
    select::bare_names(expr, &mut names);
    !names.is_empty()
}
