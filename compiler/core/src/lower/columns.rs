//! Expressions that operators read as columns: computed in front of them, and dropped behind.

use super::{Lowering, Owner};
use crate::hir;
use crate::plan::{Operator, PlanId};
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{Column, Schema, SortKey};
use millstream_ir::types::Type;

/// Expressions as columns: those that rows have, and hidden ones behind them.
#[derive(Clone)]
pub(super) struct Columns {
    schema: Schema,
    n_before: usize,
    added: Vec<Expr>,
}

impl Columns {
    pub fn of(schema: &Schema) -> Columns {
        Columns { schema: schema.clone(), n_before: schema.columns.len(), added: vec![] }
    }

    /// How many there are.
    pub fn n_columns(&self) -> usize {
        self.schema.columns.len()
    }

    /// The number of the column that holds this expression, which is added if there is none.
    pub fn column(&mut self, expr: &Expr, name: &str) -> usize {
        if let ExprKind::Column(column) = expr.kind {
            return column;
        }
        if let Some(same) = self.added.iter().position(|added| added.same(expr)) {
            return self.n_before + same;
        }
        self.add(expr, name)
    }

    /// The number of a column that is added for this expression alone.
    pub fn add(&mut self, expr: &Expr, name: &str) -> usize {
        self.schema.columns.push(Column { name: name.into(), ty: expr.ty.clone(), hidden: true });
        self.added.push(expr.clone());
        self.schema.columns.len() - 1
    }

    /// What rows are sorted by, as columns.
    pub fn sort_keys(&mut self, by: &[(Expr, bool)]) -> Vec<SortKey> {
        by.iter()
            .map(|(value, descending)| SortKey {
                column: self.column(value, "rank"),
                descending: *descending,
            })
            .collect()
    }
}

impl Lowering<'_> {
    /// An operator over the input with further columns, which are dropped behind it. It passes the columns
    /// of its rows on and may add some, which are the last of the clause's.
    pub(super) fn over_columns(
        &mut self,
        owner: &Owner,
        input: PlanId,
        columns: Columns,
        operator: Operator,
        clause: &hir::Clause,
    ) -> PlanId {
        let (n_before, n_added) = (columns.n_before, columns.added.len());
        let input = self.with_columns(owner, clause.span, input, columns);
        if n_added == 0 {
            return self.add(owner, clause.span, vec![input], clause.schema.clone(), operator);
        }
        let place = |column: usize| if column < n_before { column } else { column + n_added };
        let mut schema = self.plan.node(input).schema.clone();
        schema.columns.extend(clause.schema.columns.iter().skip(n_before).cloned());
        schema.time = place(clause.schema.time);
        schema.sign = clause.schema.sign.map(place);
        schema.key = clause.schema.key.clone();
        let kept = (0..clause.schema.columns.len()).map(|c| column_expr(&schema, place(c), clause.span));
        let kept = kept.collect();
        let with_all = self.add(owner, clause.span, vec![input], schema, operator);
        self.add(owner, clause.span, vec![with_all], clause.schema.clone(), Operator::Project(kept))
    }

    /// The rows with these columns added.
    pub(super) fn with_columns(
        &mut self,
        owner: &Owner,
        span: Span,
        input: PlanId,
        columns: Columns,
    ) -> PlanId {
        if columns.added.is_empty() {
            return input;
        }
        self.add(owner, span, vec![input], columns.schema, Operator::Let(columns.added))
    }
}

pub(super) fn column_expr(schema: &Schema, number: usize, span: Span) -> Expr {
    let ty = schema.columns.get(number).map_or(Type::ERROR, |c| c.ty.clone());
    Expr::column(number, ty, span)
}
