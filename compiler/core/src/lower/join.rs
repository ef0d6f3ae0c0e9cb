//! Joins: keys and windows as columns of both inputs, the pairs, then without those columns.

use super::columns::{Columns, column_expr};
use super::{Lowering, Owner};
use crate::hir::{self, JoinBound};
use crate::plan::{Operator, PlanId};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{self, Breaker, Column, Partners, Schema, Version};
use millstream_ir::types::Type;

impl Lowering<'_> {
    /// None if the other stream is wrong, which has been reported.
    pub(super) fn join(
        &mut self,
        owner: &Owner,
        input: PlanId,
        join: &hir::Join,
        clause: &hir::Clause,
    ) -> Option<PlanId> {
        let span = clause.span;
        let right = self.rows(join.right)?;
        let input = match join.bound {
            JoinBound::AsOf { .. } => self.changes_in_order(input),
            _ => input,
        };
        let (n_left, n_right) = (self.width(input), self.width(right));
        let mut of_left = Columns::of(&self.plan.node(input).schema);
        let mut of_right = Columns::of(&self.plan.node(right).schema);
        let mut keys: Vec<(usize, usize)> = join
            .keys
            .iter()
            .map(|(left, right)| (of_left.column(left, "key"), of_right.column(right, "key")))
            .collect();
        let at = match &join.bound {
            JoinBound::AsOf { at, .. } => of_left.column(at, "as of"),
            _ => 0,
        };
        let left = self.with_columns(owner, span, input, of_left);
        let mut right = self.with_columns(owner, span, right, of_right);
        let partners = match &join.bound {
            JoinBound::AsItStands => Partners::Table(Version::AsItStands),
            JoinBound::AsOf { ahead, max_age, .. } => {
                Partners::Table(Version::AsOf { at, ahead: *ahead, max_age: *max_age })
            }
            JoinBound::Within { low, high } => {
                Partners::Stream(flow::JoinBound::Within { low: *low, high: *high })
            }
            JoinBound::Forever => {
                let is_changed = [left, right].iter().any(|side| self.plan.node(*side).schema.sign.is_some());
                let bound = if is_changed { flow::JoinBound::OfChanges } else { flow::JoinBound::Forever };
                Partners::Stream(bound)
            }
            JoinBound::Window { assigner, start, end } => {
                let (own_start, own_end) = (self.width(right), self.width(right) + 1);
                let mut schema = self.plan.node(right).schema.clone();
                schema.columns.extend(["start", "end"].map(hidden_time));
                let assign = Operator::Breaker(Box::new(Breaker::AssignWindows(assigner.clone())));
                right = self.add(owner, span, vec![right], schema, assign);
                keys.extend([(*start, own_start), (*end, own_end)]);
                let ends = [*end, own_end];
                Partners::Stream(flow::JoinBound::Window { ends, longest: assigner.longest() })
            }
        };
        // Behind the columns of the left rows stand those that were added.
        let n_left_now = self.width(left);
        let place = |column: usize| if column < n_left { column } else { column - n_left + n_left_now };
        let mut condition = join.condition.clone();
        condition.iter_mut().for_each(|condition| condition.renumber(place));
        let spec = flow::Join { kind: join.kind, keys, partners, condition, leaving: [None, None] };
        let (schema, n_added) = (self.pairs(left, right, &spec, &clause.schema), spec.n_added());
        let pairs = self.add(owner, span, vec![left, right], schema, Operator::Join(Box::new(spec)));
        let n_right = if join.kind.yields_left_only() { 0 } else { n_right };
        let added = self.width(pairs) - n_added..self.width(pairs);
        let kept: Vec<usize> = (0..n_left).chain((0..n_right).map(|c| n_left_now + c)).chain(added).collect();
        if kept.len() == self.width(pairs) {
            return Some(pairs);
        }
        let schema = self.plan.node(pairs).schema.clone();
        let mut kept: Vec<Expr> = kept.into_iter().map(|c| column_expr(&schema, c, span)).collect();
        if let (JoinBound::Window { start, end, .. }, [_, true]) = (&join.bound, join.kind.yields_unmatched())
        {
            // Of a row on the right without a partner the window is its own.
            let own_end = n_left_now + self.width(right) - 1;
            for (bound, own) in [(*start, own_end - 1), (*end, own_end)] {
                let bounds = [bound, own].map(|column| Box::new(column_expr(&schema, column, span)));
                let [bound_of_left, bound_of_right] = bounds;
                let either = ExprKind::Coalesce(bound_of_left, bound_of_right);
                kept[bound] = Expr::new(either, Type::TIMESTAMP, span);
            }
        }
        Some(self.add(owner, span, vec![pairs], clause.schema.clone(), Operator::Project(kept)))
    }

    fn width(&self, id: PlanId) -> usize {
        self.plan.node(id).schema.columns.len()
    }

    /// The rows of a join before what was added for it is dropped.
    fn pairs(&self, left: PlanId, right: PlanId, join: &flow::Join, clause: &Schema) -> Schema {
        let left = &self.plan.node(left).schema;
        if join.n_added() == 0 {
            return left.clone();
        }
        let [of_left, of_right] = join.kind.yields_unmatched();
        let nullable = |column: &Column, may_be_missing: bool| Column {
            ty: column.ty.clone().or_null(may_be_missing),
            ..column.clone()
        };
        let mut columns: Vec<Column> = left.columns.iter().map(|c| nullable(c, of_right)).collect();
        if !join.kind.yields_left_only() {
            let right = &self.plan.node(right).schema;
            columns.extend(right.columns.iter().map(|c| nullable(c, of_left)));
        }
        let time = columns.len();
        columns.push(hidden_time("time"));
        if join.is_updating() {
            columns.push(Column { name: "sign".into(), ty: Type::INT, hidden: true });
        }
        // What a table gives leaves and is withdrawn with the row that it is given to.
        let sign = if join.is_updating() { Some(time + 1) } else { left.sign };
        Schema { columns, time, sign, key: clause.key.clone() }
    }
}

fn hidden_time(name: &str) -> Column {
    Column { name: name.into(), ty: Type::TIMESTAMP, hidden: true }
}
