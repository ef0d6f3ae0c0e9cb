//! The steps of a pattern: what is between `match … by` and `within`.

use super::super::head::{check_reference, updating_because};
use super::super::{Rows, select};
use super::{Input, PatternChecker, reads, shape};
use crate::errors::clauses::needs_append_only;
use crate::errors::{patterns as errors, patterns_not_yet as not_yet};
use crate::hir::Side;
use crate::scope::{Events, Lookup, Scope, ScopeColumn};
use millstream_base::Span;
use millstream_ir::expr::Expr;
use millstream_ir::flow::MatchStep;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast::{self, Contiguity};

/// A step of the sequence, its condition not yet checked.
pub(super) struct Step<'q> {
    pub variable: Option<&'q ast::Name>,
    pub input: usize,
    pub repeats: bool,
    /// Whether its events are free for other matches.
    pub reuse: bool,
    pub span: Span,
    next: bool,
    adjacent: bool,
    condition: Option<&'q ast::Expr>,
    min: u32,
    max: Option<u32>,
}

/// How a part of the pattern is joined to its neighbours.
#[derive(Clone, Copy, Default)]
pub(super) struct Joined {
    before: Option<Contiguity>,
    behind: Option<Contiguity>,
}

impl Joined {
    /// How iterations are joined where nothing is said: as the step is to the one before, the first as the next
    /// one is to it.
    fn of_iterations(self) -> Option<Contiguity> {
        self.before.or(self.behind)
    }
}

impl PatternChecker<'_> {
    /// Adds the steps of a pattern, in order.
    pub fn steps_of<'q>(&mut self, pattern: &'q ast::Pattern, joined: Joined, steps: &mut Vec<Step<'q>>) {
        match &pattern.kind {
            ast::PatternKind::Event(event) => self.step(event, (1, Some(1)), None, joined, steps),
            ast::PatternKind::Sequence { first, rest } => {
                let behind = |number: usize| rest.get(number).map(|link| link.contiguity).or(joined.behind);
                self.steps_of(first, Joined { before: joined.before, behind: behind(0) }, steps);
                for (number, link) in rest.iter().enumerate() {
                    if let Some(within) = &link.within {
                        self.checker().check_positive_duration(within);
                        self.fault(not_yet::then_within(within.span));
                    }
                    let joined = Joined { before: Some(link.contiguity), behind: behind(number + 1) };
                    self.steps_of(&link.pattern, joined, steps);
                }
            }
            ast::PatternKind::Repeat { of, quantifier, adjacent, greedy } => {
                greedy.iter().for_each(|word| self.fault(not_yet::greedy(*word)));
                let counts = self.counts(quantifier);
                match &shape::ungrouped(of).kind {
                    ast::PatternKind::Event(event) => {
                        let adjacent = adjacent.is_some() || joined.of_iterations() == Some(Contiguity::Next);
                        self.step(event, counts.unwrap_or((1, None)), Some(adjacent), joined, steps);
                    }
                    _ => {
                        self.fault(not_yet::repeated_group(pattern.span));
                        self.steps_of(of, joined, steps);
                    }
                }
            }
            // `a then (b then c)` is `a then b then c`.
            ast::PatternKind::Group(inner) => self.steps_of(inner, joined, steps),
            ast::PatternKind::All(parts) => {
                self.fault(not_yet::any_order(pattern.span));
                parts.iter().for_each(|p| self.steps_of(p, joined, steps));
            }
            ast::PatternKind::Any(parts) => {
                self.fault(not_yet::either(pattern.span));
                parts.iter().for_each(|p| self.steps_of(p, joined, steps));
            }
            ast::PatternKind::Absent { of, .. } => {
                self.fault(not_yet::absence(pattern.span));
                of.events.iter().for_each(|e| self.stream_of(e));
            }
            ast::PatternKind::Error => self.is_right = false,
        }
    }

    /// Checks that the stream of an event that is not carried out exists.
    pub fn stream_of(&mut self, event: &ast::Event) {
        check_reference(self.around, &event.stream, self.diagnostics);
    }

    /// Adds a step; `adjacent` is said where it repeats.
    fn step<'q>(
        &mut self,
        event: &'q ast::Event,
        (min, max): (u32, Option<u32>),
        adjacent: Option<bool>,
        joined: Joined,
        steps: &mut Vec<Step<'q>>,
    ) {
        let (rows, schema) = check_reference(self.around, &event.stream, self.diagnostics);
        let Some(schema) = schema else {
            self.is_right = false;
            return;
        };
        if schema.sign.is_some() {
            let because = updating_because(self.around, rows);
            self.diagnostics.push(needs_append_only(event.stream.name().span, "match", because));
            self.is_right = false;
        }
        let known = self.inputs.iter().position(|i| i.rows.of == rows.of && i.rows.side == rows.side);
        let input = known.unwrap_or(self.inputs.len());
        if known.is_none() {
            let name = event.stream.name();
            let columns =
                Rows::of_schema(&schema, &name.text, name.span, updating_because(self.around, rows));
            let name = match rows.side {
                Side::Main => name.text.clone(),
                Side::Late => format!("late({})", name.text),
                Side::Errors => format!("errors({})", name.text),
            };
            self.inputs.push(Input { name, rows, columns, keys: vec![] });
        }
        steps.push(Step {
            variable: event.variable.as_ref(),
            input,
            repeats: adjacent.is_some(),
            next: joined.before == Some(Contiguity::Next),
            adjacent: adjacent == Some(true),
            reuse: false,
            span: event.span,
            condition: event.condition.as_ref(),
            min,
            max,
        });
    }

    /// How often a step repeats.
    fn counts(&mut self, quantifier: &ast::Quantifier) -> Option<(u32, Option<u32>)> {
        use ast::QuantifierKind::*;
        let (min, max) = match &quantifier.kind {
            OneOrMore => return Some((1, None)),
            ZeroOrMore => {
                self.fault(not_yet::optional_step(quantifier.span, "*"));
                return None;
            }
            Optional => {
                self.fault(not_yet::optional_step(quantifier.span, "?"));
                return None;
            }
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

    /// The steps with their conditions, which see the columns of their event and earlier variables.
    pub fn conditions(&mut self, steps: &[Step], rows: &Rows, first_variable: usize) -> Vec<MatchStep> {
        let mut checked = vec![];
        for (number, step) in steps.iter().enumerate() {
            let condition = step.condition.and_then(|condition| {
                let scope = self.condition_scope(steps, number, rows, first_variable)?;
                self.condition(condition, steps, number, &scope)
            });
            let n_columns = self.inputs.get(step.input).map_or(0, |i| i.columns.columns.len());
            let reads = condition.as_ref().map(|c| reads::of(c, n_columns + first_variable));
            checked.push(MatchStep {
                input: step.input,
                condition,
                reads: reads.unwrap_or_default(),
                min: step.min,
                max: step.max,
                repeats: step.repeats,
                next: step.next,
                adjacent: step.adjacent,
                reuse: step.reuse,
            });
        }
        checked
    }

    fn condition_scope(
        &self,
        steps: &[Step],
        number: usize,
        rows: &Rows,
        first_variable: usize,
    ) -> Option<Scope> {
        let step = steps.get(number)?;
        let columns = &self.inputs.get(step.input)?.columns;
        let mut scope = columns.scope();
        for (i, other) in steps.iter().enumerate().take(number + 1) {
            let events = match (other.repeats, i == number) {
                (true, true) => Some(Events::SoFar),
                (true, false) => Some(Events::Some),
                // Nothing has been taken.
                (false, true) => continue,
                (false, false) => None,
            };
            let (Some(variable), Some(column)) = (other.variable, rows.columns.get(first_variable + i))
            else {
                continue;
            };
            let place = columns.columns.len() + first_variable + i;
            scope.add_column(
                ScopeColumn::new(variable.text.as_str(), place, column.ty.clone(), variable.span)
                    .events(events),
            );
        }
        Some(scope)
    }

    fn condition(
        &mut self,
        condition: &ast::Expr,
        steps: &[Step],
        number: usize,
        scope: &Scope,
    ) -> Option<Expr> {
        let mut names = vec![];
        select::bare_names(condition, &mut names);
        for name in names {
            let later = steps.iter().skip(number).filter_map(|s| s.variable).find(|v| v.text == name.text);
            if let Some(variable) = later
                && matches!(scope.lookup(&name.text), Lookup::Missing)
            {
                self.fault(errors::not_bound_yet(name.span, &name.text, variable.span));
                return None;
            }
        }
        let (condition, _) = self.checker().check_condition(scope, condition);
        self.is_right &= !condition.ty.is_error();
        Some(condition)
    }
}
