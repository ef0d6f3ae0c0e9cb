//! Which conditions ask no more of events before than how a column stands to one of their values: runs that remember
//! the same then have one future.

use super::{EventTest, MatchSpec};
use crate::expr::{Expr, ExprKind};
use crate::value::Value;

/// A test of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tester {
    Step(usize),
    Absence(usize),
}

impl MatchSpec {
    /// The first test that asks more of events before than that, of steps, or anything, of absences; `n_columns` are those
    /// of an input.
    pub fn asks_more_than_compared(&self, n_columns: &dyn Fn(usize) -> usize) -> Option<Tester> {
        let asks_more = |test: &EventTest| {
            let parts = test.condition.iter().flat_map(|condition| condition.conjuncts());
            parts.into_iter().any(|part| !is_compared(part, n_columns(test.input)))
        };
        let step = self.steps.iter().position(|step| asks_more(&step.test));
        let reads = |test: &EventTest| !test.reads.is_empty();
        let absence = || self.absences.iter().position(|absence| absence.tests.iter().any(reads));
        step.map(Tester::Step).or_else(|| absence().map(Tester::Absence))
    }
}

fn is_compared(part: &Expr, n_columns: usize) -> bool {
    let is_own = |expr: &Expr| matches!(expr.kind, ExprKind::Column(column) if column < n_columns);
    match &part.kind {
        ExprKind::Binary(operator, left, right) => {
            operator.is_comparison()
                && (is_own(left) && is_value(right, n_columns) || is_own(right) && is_value(left, n_columns))
        }
        _ => is_own(part),
    }
}

/// Whether it is a constant, or a value of one event before: the first or the last of those that a variable has.
fn is_value(expr: &Expr, n_columns: usize) -> bool {
    let is_variable = |expr: &Expr| matches!(expr.kind, ExprKind::Column(column) if column >= n_columns);
    match &expr.kind {
        ExprKind::Literal(_) => true,
        ExprKind::Coalesce(first, other) => is_value(first, n_columns) && is_value(other, n_columns),
        ExprKind::Field { record, .. } => match &record.kind {
            ExprKind::Call { function, arguments } => match &arguments[..] {
                [list, Expr { kind: ExprKind::Literal(Value::Int(0 | -1)), .. }] => {
                    function.name == "get" && is_variable(list)
                }
                _ => false,
            },
            _ => is_variable(record),
        },
        _ => false,
    }
}
