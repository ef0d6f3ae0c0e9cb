//! The conditions of a pattern, and the times that its variables say: each sees the columns of its event and the
//! variables that are known where it stands.

use super::super::{Rows, select};
use super::contradiction::{self, Around, Variable};
use super::sight::{Beside, Presence, Seen, Sight, Test};
use super::tree::{Clock, Parts, Step};
use super::{PatternChecker, reads};
use crate::errors::patterns as errors;
use crate::facts::Wanted;
use crate::scope::{Events, Lookup, Scope, ScopeColumn};
use millstream_base::{Diagnostic, Span};
use millstream_ir::expr::Expr;
use millstream_ir::pattern::{self as ir, Absence, EventTest, MatchStep};
use millstream_ir::types::Type;
use millstream_syntax::ast;

/// What an event is tested for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Step,
    Absence,
}

impl PatternChecker<'_> {
    pub fn checked_steps(&mut self, parts: &Parts, rows: &Rows, first_variable: usize) -> Vec<MatchStep> {
        let checked = |step: &Step| MatchStep {
            test: self.checked_test(&step.test, Of::Step, parts, rows, first_variable),
            repeats: step.repeats,
            reuse: step.reuse,
        };
        parts.steps.iter().map(checked).collect()
    }

    pub fn checked_absences(&mut self, parts: &Parts, rows: &Rows, first_variable: usize) -> Vec<Absence> {
        let mut checked = |tests: &Vec<Test>| Absence {
            tests: tests
                .iter()
                .map(|test| self.checked_test(test, Of::Absence, parts, rows, first_variable))
                .collect(),
        };
        parts.absences.iter().map(&mut checked).collect()
    }

    pub fn checked_clocks(&mut self, parts: &Parts, rows: &Rows, first_variable: usize) -> Vec<ir::Clock> {
        let mut checked = vec![];
        for clock in &parts.clocks {
            checked.push(match clock {
                Clock::Fixed(micros) => ir::Clock::Fixed(*micros),
                Clock::Computed { duration, most, sight } => {
                    let sight = parts.sights.get(*sight).cloned().unwrap_or_default();
                    let mut scope = Scope::default();
                    add_variables(&mut scope, &sight, &parts.steps, rows, first_variable, 0);
                    let computed = self.seen(duration, None, &sight, parts, &scope).then(|| {
                        let ty = Type::DURATION.nullable();
                        self.checker().check_expr(&scope, duration, Some(&ty))
                    });
                    self.is_right &= computed.as_ref().is_some_and(|expr| !expr.ty.is_error());
                    let Some(duration) = computed else { continue };
                    let reads = reads::of(&duration, first_variable);
                    ir::Clock::Computed { duration, reads, most: *most }
                }
            });
        }
        checked
    }

    fn checked_test(
        &mut self,
        test: &Test,
        of: Of,
        parts: &Parts,
        rows: &Rows,
        first_variable: usize,
    ) -> EventTest {
        let condition = test.condition.and_then(|condition| {
            let columns = &self.inputs.get(test.input)?.columns;
            let (mut scope, n_columns) = (columns.scope(), columns.columns.len());
            let sight = parts.sights.get(test.sight)?;
            add_variables(&mut scope, sight, &parts.steps, rows, first_variable, n_columns);
            if !self.seen(condition, test.variable, sight, parts, &scope) {
                self.misses_own_columns(condition, test);
                return None;
            }
            let (checked, _) = self.checker().check_condition(&scope, condition);
            if checked.ty.is_error() {
                self.is_right = false;
            } else if let Some(fault) =
                self.contradiction(condition, &checked, (test, of), parts, first_variable)
            {
                self.fault(fault);
            }
            Some(checked)
        });
        let n_columns = self.inputs.get(test.input).map_or(0, |i| i.columns.columns.len());
        let reads = condition.as_ref().map(|c| reads::of(c, n_columns + first_variable));
        EventTest { input: test.input, condition, reads: reads.unwrap_or_default() }
    }

    /// That a condition can never hold. One with a parameter may hold with another value.
    fn contradiction(
        &self,
        written: &ast::Expr,
        checked: &Expr,
        (test, of): (&Test, Of),
        parts: &Parts,
        first_variable: usize,
    ) -> Option<Diagnostic> {
        let mut has_fault = false;
        checked.visit(&mut |part| has_fault |= part.ty.is_error());
        if has_fault || self.may_depend_on_parameters(written) {
            return None;
        }
        let columns = &self.inputs.get(test.input)?.columns.columns;
        let mut around = self.around_test(test, parts, columns.len() + first_variable)?;
        // Timers go on behind it, and what must not come while they do.
        around.within = parts.within.filter(|_| of == Of::Step);
        let contradiction = contradiction::of(checked, &around)?;
        let only = match &contradiction.columns.iter().collect::<Vec<_>>()[..] {
            [column] => columns.get(**column).map(|column| &*column.name),
            _ => None,
        };
        Some(errors::never_holds(written.span, &contradiction, only, of == Of::Absence))
    }

    /// Whether an expression could be another with other values of the parameters: it names one, or calls a function of
    /// a program that has some.
    fn may_depend_on_parameters(&self, written: &ast::Expr) -> bool {
        let (names, file) = (self.around.names, self.around.file);
        let mut named = vec![];
        select::bare_names(written, &mut named);
        let calls_own =
            || calls(written, &|name| names.functions(file, name).iter().any(|f| f.module.is_none()));
        named.iter().any(|name| names.param(file, &name.text).is_some())
            || names.params.iter().next().is_some() && calls_own()
    }

    /// What is known of an event where it is tested; the variables have the numbers from `first_variable` on.
    fn around_test(&self, test: &Test, parts: &Parts, first_variable: usize) -> Option<Around> {
        let variable = |seen: &Seen| {
            let input = self.inputs.get(parts.steps.get(seen.step)?.test.input)?;
            let fields = input.columns.visible().map(|(number, _)| input.columns.is_time(number));
            let times = fields.enumerate().filter(|(_, is_time)| *is_time).map(|(field, _)| field).collect();
            let column = first_variable + seen.step;
            let (at_least, at_most) =
                if seen.is_fixed { (seen.at_least, seen.at_most) } else { (seen.at_least.min(1), None) };
            Some(Variable { column, times, at_least, at_most })
        };
        let columns = &self.inputs.get(test.input)?.columns;
        let times = (0..columns.columns.len()).filter(|number| columns.is_time(*number)).collect();
        let variables = parts.sights.get(test.sight)?.seen.iter().filter_map(variable).collect();
        Some(Around { times, variables, within: None })
    }

    /// Whether all variables that an expression names can be seen; says which can't. `own` is what the event is called
    /// whose condition it is.
    fn seen(
        &mut self,
        expr: &ast::Expr,
        own: Option<&ast::Name>,
        sight: &Sight,
        parts: &Parts,
        scope: &Scope,
    ) -> bool {
        let mut names = vec![];
        select::bare_names(expr, &mut names);
        for name in names {
            if !matches!(scope.lookup(&name.text), Lookup::Missing) {
                continue;
            }
            if let Some(fault) = unseen(name, sight, parts) {
                let mut fields = vec![];
                if own.is_some_and(|own| own.text == name.text) {
                    fields_of(&name.text, expr, &mut fields);
                }
                let is_known = |column: &ast::Name| !matches!(scope.lookup(&column.text), Lookup::Missing);
                let field =
                    fields.iter().find(|(span, column)| span.start == name.span.start && is_known(column));
                self.fault(match field {
                    Some((span, column)) => errors::own_column_bare(fault, *span, &column.text),
                    None => fault,
                });
                return false;
            }
        }
        true
    }

    /// Notes which columns could stand behind the name of the event whose condition it is.
    fn misses_own_columns(&self, condition: &ast::Expr, test: &Test) {
        let (Some(variable), Some(input)) = (test.variable, self.inputs.get(test.input)) else { return };
        let mut fields = vec![];
        fields_of(&variable.text, condition, &mut fields);
        for (_, field) in fields {
            self.around.names.facts.misses(field.span, || Wanted::Field(self.event_type(&input.columns)));
        }
    }
}

/// Whether an expression calls such a function.
fn calls(expr: &ast::Expr, is_such: &dyn Fn(&str) -> bool) -> bool {
    matches!(&expr.kind, ast::ExprKind::Call(call) if is_such(&call.function.text))
        || crate::check::direct_parts(expr).into_iter().any(|part| calls(part, is_such))
}

/// What is read of a variable: each place, and the name behind its point.
fn fields_of<'e>(variable: &str, expr: &'e ast::Expr, found: &mut Vec<(Span, &'e ast::Name)>) {
    if let ast::ExprKind::Field { of, name } = &expr.kind
        && matches!(&of.kind, ast::ExprKind::Name(of) if of.text == variable)
    {
        found.push((expr.span, name));
    }
    crate::check::direct_parts(expr).into_iter().for_each(|part| fields_of(variable, part, found));
}

/// Why a condition does not know a name of the pattern; none if it is not one.
fn unseen(name: &ast::Name, sight: &Sight, parts: &Parts) -> Option<Diagnostic> {
    let is_it = |variable: &&ast::Name| variable.text == name.text;
    let step = parts.steps.iter().position(|step| step.variable.as_ref().is_some_and(is_it));
    let Some(step) = step else {
        let unbound = parts.unbound.iter().find(|v| v.text == name.text)?;
        return Some(errors::never_bound(name.span, &name.text, unbound.span));
    };
    let defined = parts.steps.get(step)?.variable?.span;
    let beside = sight.beside.iter().find(|(other, _)| *other == step).map(|(_, how)| *how);
    Some(match beside {
        Some(Beside::And) => errors::other_part(name.span, &name.text, defined),
        Some(Beside::Or) => errors::other_branch(name.span, &name.text, defined),
        None => errors::not_bound_yet(name.span, &name.text, defined),
    })
}

/// Makes the variables that are seen known behind so many columns.
fn add_variables(
    scope: &mut Scope,
    sight: &Sight,
    steps: &[Step],
    rows: &Rows,
    first_variable: usize,
    n_columns: usize,
) {
    for seen in &sight.seen {
        let number = first_variable + seen.step;
        let (Some(step), Some(column)) = (steps.get(seen.step), rows.columns.get(number)) else { continue };
        let Some(variable) = step.variable else { continue };
        let (ty, events) = match (step.repeats, seen.presence()) {
            (true, Presence::Surely) => (column.ty.clone(), Events::Some),
            (true, Presence::Perhaps) => (column.ty.clone(), Events::SoFar),
            (false, Presence::Surely) => (column.ty.clone().required(), Events::One),
            (false, Presence::Perhaps) => (column.ty.clone().nullable(), Events::One),
        };
        let place = n_columns + number;
        scope.add_column(
            ScopeColumn::new(variable.text.as_str(), place, ty, variable.span).events(Some(events)),
        );
    }
}
