//! Patterns: what they ask of an event alone is computed in front of them, as machine code over whole batches.

use super::columns::Columns;
use super::{Lowering, Owner};
use crate::hir;
use crate::plan::{Operator, PlanId};
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::Schema;
use millstream_ir::pattern::EventTest;

impl Lowering<'_> {
    /// A match whose outputs are its bindings: `rows` without the time.
    pub(super) fn pattern(&mut self, owner: &Owner, pattern: &hir::Match, rows: &Schema) -> Option<PlanId> {
        let mut spec = pattern.spec.clone();
        let mut inputs = vec![];
        for (number, input) in pattern.inputs.iter().enumerate() {
            let id = self.rows(input.rows)?;
            let schema = self.plan.node(id).schema.clone();
            let mut columns = Columns::of(&schema);
            let keys = input.keys.iter().zip(&rows.columns);
            spec.inputs.get_mut(number)?.keys =
                keys.map(|(key, named)| columns.column(key, &named.name)).collect();
            let mut computing = Computing { schema: &schema, columns };
            // Once to know how many columns there are in front of the variables, and once with that known.
            for test in pattern.spec.tests().filter(|test| test.input == number) {
                let _ = computing.condition(test);
            }
            let n_columns = computing.columns.n_columns();
            for test in spec.tests_mut().filter(|test| test.input == number) {
                let n_before = input.schema.columns.len();
                let behind = |column| if column < n_before { column } else { column - n_before + n_columns };
                test.condition.iter_mut().for_each(|condition| condition.renumber(behind));
                test.condition = computing.condition(test);
            }
            inputs.push(self.with_columns(owner, spec.span, id, computing.columns));
        }
        let span = spec.span;
        Some(self.add(owner, span, inputs, rows.clone(), Operator::Match(Box::new(spec))))
    }
}

/// What tests ask of events of an input, as columns of it.
struct Computing<'a> {
    /// The events' own columns.
    schema: &'a Schema,
    columns: Columns,
}

impl Computing<'_> {
    /// The condition of a test with columns for what looks at the event alone.
    fn condition(&mut self, test: &EventTest) -> Option<Expr> {
        let condition = test.condition.as_ref()?;
        if test.reads.is_empty() {
            return Some(self.computed(condition).unwrap_or_else(|| condition.clone()));
        }
        let mut may_fail = false;
        let mut parts = vec![];
        for part in condition.conjuncts() {
            // What stands behind a part that fails is not asked.
            parts.push(match may_fail {
                false => self.computed(part).unwrap_or_else(|| self.compared(part)),
                true => self.compared(part),
            });
            may_fail |= part.can_fail();
        }
        Expr::all_of(parts)
    }

    /// A comparison with columns for the sides that look at the event alone.
    fn compared(&mut self, part: &Expr) -> Expr {
        use BinaryOp::*;
        match &part.kind {
            ExprKind::Binary(
                operator @ (Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual),
                left,
                right,
            ) => {
                let mut side = |side: &Expr| {
                    let is_constant = side.columns().is_empty();
                    let computed = if is_constant { None } else { self.computed(side) };
                    Box::new(computed.unwrap_or_else(|| side.clone()))
                };
                let kind = ExprKind::Binary(*operator, side(left), side(right));
                Expr::new(kind, part.ty.clone(), part.span)
            }
            _ => part.clone(),
        }
    }

    /// A column for an expression; none if it looks at more than the event, or can fail.
    fn computed(&mut self, expr: &Expr) -> Option<Expr> {
        let read = expr.columns();
        let n_columns = self.schema.columns.len();
        if expr.can_fail() || !read.into_iter().all(|column| column < n_columns) {
            return None;
        }
        let name =
            |column: usize| self.schema.columns.get(column).map_or("?".to_string(), |c| c.name.to_string());
        let column = self.columns.column(expr, &expr.text(&name).to_string());
        Some(Expr::column(column, expr.ty.clone(), expr.span))
    }
}
