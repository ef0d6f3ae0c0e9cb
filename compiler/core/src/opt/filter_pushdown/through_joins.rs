//! A filter behind a join: what it says of one side alone is asked of that side's rows in front of the join, where a row
//! that it refuses could not have brought another one out.

use crate::plan::{Node, Operator, Plan, PlanId};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{Join, JoinKind, Partners, Schema};
use millstream_ir::types::Type;

/// Where the parts are that have moved.
pub(super) fn push_down(plan: &mut Plan, filter: PlanId, below: PlanId) -> Vec<PlanId> {
    let (Operator::Filter(condition), Operator::Join(join)) =
        (&plan.node(filter).operator, &plan.node(below).operator)
    else {
        return vec![];
    };
    let [left, right] = plan.node(below).inputs[..] else { return vec![] };
    let [n_left, n_right] = [left, right].map(|side| plan.node(side).schema.columns.len());
    let may_move = sides(join);
    let side_of = |part: &Expr| {
        let columns = part.columns();
        let all_in = |first: usize, n: usize| columns.iter().all(|c| (first..first + n).contains(c));
        match () {
            () if columns.is_empty() => None,
            () if may_move[0] && all_in(0, n_left) => Some(0),
            () if may_move[1] && all_in(n_left, n_right) => Some(1),
            () => None,
        }
    };
    let (mut of_sides, mut rest) = ([vec![], vec![]], vec![]);
    for part in condition.conjuncts() {
        match side_of(part) {
            Some(side) => of_sides[side].push(part.clone()),
            None => rest.push(part.clone()),
        }
    }
    of_sides[1].iter_mut().for_each(|part| part.renumber(|column| column - n_left));
    let mut moved = vec![];
    let mut joined = plan.node(below).clone();
    for (side, parts) in of_sides.into_iter().enumerate() {
        let input = joined.inputs[side];
        let schema = plan.node(input).schema.clone();
        let Some(condition) = Expr::all_of(guarded(parts, &schema)) else { continue };
        let operator = Operator::Filter(condition);
        let added = plan.add(Node { inputs: vec![input], schema, operator, ..plan.node(filter).clone() });
        joined.inputs[side] = added;
        moved.push(added);
    }
    if moved.is_empty() {
        return moved;
    }
    match Expr::all_of(rest) {
        Some(rest) => {
            plan.nodes[below.0] = joined;
            plan.nodes[filter.0].operator = Operator::Filter(rest);
        }
        None => plan.nodes[filter.0] = joined,
    }
    moved
}

/// Whether every row that leaves has one of the left, of the right, with its values. What a table holds at a time
/// depends on all of its rows.
fn sides(join: &Join) -> [bool; 2] {
    match (join.kind, join.partners) {
        (JoinKind::Inner, Partners::Stream(_)) => [true, true],
        (JoinKind::Right, _) => [false, true],
        (JoinKind::Full, _) => [false, false],
        (JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti, _) => [true, false],
    }
}

/// Columns that hold no null behind the join may do so in front of it; a row with one there does not leave it.
fn guarded(parts: Vec<Expr>, schema: &Schema) -> Vec<Expr> {
    let mut guards: Vec<Expr> = vec![];
    for part in &parts {
        part.visit(&mut |expr| {
            let ExprKind::Column(number) = expr.kind else { return };
            let Some(column) = schema.columns.get(number) else { return };
            if column.ty.nullable && !expr.ty.nullable {
                let column = Expr::column(number, column.ty.clone(), expr.span);
                let is_null = Expr::new(ExprKind::IsNull(Box::new(column)), Type::BOOL, expr.span);
                let guard = Expr::new(ExprKind::Not(Box::new(is_null)), Type::BOOL, expr.span);
                if !guards.iter().any(|known| known.same(&guard)) {
                    guards.push(guard);
                }
            }
        });
    }
    guards.into_iter().chain(parts).collect()
}
