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
            let keys = keys.map(|(key, named)| columns.column(key, &named.name)).collect();
            let first = columns.n_columns();
            let mut computing = Computing { schema: &schema, columns, by_text: self.plan.whole_rows };
            let mut counting = computing.clone();
            for test in pattern.spec.tests().filter(|test| test.input == number) {
                counting.condition(test);
            }
            // Variables stand behind all columns.
            let n_columns = counting.columns.n_columns();
            for test in spec.tests_mut().filter(|test| test.input == number) {
                let n_before = input.schema.columns.len();
                let behind = |column| if column < n_before { column } else { column - n_before + n_columns };
                test.condition.iter_mut().for_each(|condition| condition.renumber(behind));
                test.condition = computing.condition(test);
            }
            let described = spec.inputs.get_mut(number)?;
            described.keys = keys;
            if !computing.by_text {
                described.computed = (first..n_columns).collect();
            }
            let columns = computing.columns;
            inputs.push(self.with_columns(owner, spec.span, id, columns));
        }
        let span = spec.span;
        Some(self.add(owner, span, inputs, rows.clone(), Operator::Match(Box::new(spec))))
    }
}

/// What tests ask of events of an input, as columns of it.
#[derive(Clone)]
struct Computing<'a> {
    /// The events' own columns.
    schema: &'a Schema,
    columns: Columns,
    /// Whether a column is known by what it says, so that equal ones of several tests are one: in runs that began when
    /// all were. Else each is of one place in one test, whatever is asked there: so runs outlive an edit of that.
    by_text: bool,
}

impl Computing<'_> {
    /// The condition of a test with columns for what looks at the event alone.
    fn condition(&mut self, test: &EventTest) -> Option<Expr> {
        let condition = test.condition.as_ref()?;
        if test.reads.is_empty() {
            return Some(self.computed(condition).unwrap_or_else(|| condition.clone()));
        }
        let conjuncts = condition.conjuncts().into_iter().cloned().collect();
        let conjuncts = if self.by_text { conjuncts } else { self.joined(conjuncts) };
        let mut may_fail = false;
        let mut parts = vec![];
        for part in &conjuncts {
            // What stands behind a part that fails is not asked.
            parts.push(match may_fail {
                false => self.computed(part).unwrap_or_else(|| self.compared(part)),
                true => self.compared(part),
            });
            may_fail |= part.can_fail();
        }
        Expr::all_of(parts)
    }

    /// Parts of a condition of which those that look at the event alone are one, which stands in front: it has one
    /// column, however much it asks.
    fn joined(&self, conjuncts: Vec<Expr>) -> Vec<Expr> {
        let n_sure = conjuncts.iter().position(Expr::can_fail).unwrap_or(conjuncts.len());
        let (of_event, mut others): (Vec<Expr>, Vec<Expr>) =
            conjuncts[..n_sure].iter().cloned().partition(|part| self.is_of_event(part));
        others.extend_from_slice(&conjuncts[n_sure..]);
        Expr::all_of(of_event).into_iter().chain(others).collect()
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
                    let is_there = matches!(side.kind, ExprKind::Column(_)) || side.columns().is_empty();
                    let computed = if is_there { None } else { self.computed(side) };
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
        if expr.can_fail() || !self.is_of_event(expr) {
            return None;
        }
        let name =
            |column: usize| self.schema.columns.get(column).map_or("?".to_string(), |c| c.name.to_string());
        let text = expr.text(&name).to_string();
        let column =
            if self.by_text { self.columns.column(expr, &text) } else { self.columns.add(expr, &text) };
        Some(Expr::column(column, expr.ty.clone(), expr.span))
    }

    fn is_of_event(&self, expr: &Expr) -> bool {
        expr.columns().into_iter().all(|column| column < self.schema.columns.len())
    }
}
