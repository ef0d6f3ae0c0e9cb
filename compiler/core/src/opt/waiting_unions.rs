//! Unions whose rows wait for each other, as those of windows do, once for all who read them. They keep all columns that
//! their streams select, so that a reader to come finds in what waits what it looks at.

use crate::plan::{Operator, Plan, PlanId};
use millstream_ir::expr::{Expr, ExprKind};
use std::collections::BTreeSet;

/// Those of which each stream says what columns it has.
pub fn of_selected(plan: &Plan) -> BTreeSet<PlanId> {
    let mut unions = BTreeSet::new();
    let (mut selected, mut released) = (vec![], vec![]);
    for id in plan.ids() {
        let inputs = &plan.node(id).inputs;
        let all = |of: &[bool]| inputs.iter().all(|input| of[input.0]);
        let (is_selected, is_released) =
            (selects(plan, id, all(&selected)), releases(plan, id, all(&released)));
        let n_released = inputs.iter().filter(|input| released[input.0]).count();
        let waits = matches!(plan.node(id).operator, Operator::Union) && n_released > 1;
        unions.extend((waits && is_selected && !plan.whole_rows).then_some(id));
        selected.push(is_selected);
        released.push(is_released);
    }
    unions
}

/// Whether the rows of a node have the columns that a stream names, and no others.
fn selects(plan: &Plan, id: PlanId, all_inputs: bool) -> bool {
    let node = plan.node(id);
    match &node.operator {
        Operator::Project(exprs) => {
            let is_same =
                |(number, expr): (usize, &Expr)| matches!(expr.kind, ExprKind::Column(c) if c == number);
            let passes_all = exprs.len() == plan.node(node.inputs[0]).schema.columns.len();
            all_inputs || !passes_all || !exprs.iter().enumerate().all(is_same)
        }
        Operator::Breaker(breaker) => all_inputs || !breaker.passes_rows(),
        Operator::Match(_) => true,
        Operator::Filter(_) | Operator::Order | Operator::Union | Operator::AssignTime { .. } => all_inputs,
        Operator::Scan { .. }
        | Operator::Late
        | Operator::Errors
        | Operator::Let(_)
        | Operator::Unnest { .. }
        | Operator::Join(_)
        | Operator::Sink(_) => false,
    }
}

/// Whether the rows of a node may come in the order of their times, as watermarks release them.
fn releases(plan: &Plan, id: PlanId, all_inputs: bool) -> bool {
    match &plan.node(id).operator {
        Operator::Order | Operator::Match(_) => true,
        Operator::Breaker(breaker) => {
            !breaker.gives_rows_of_the_past()
                && (breaker.depends_on_order() || !breaker.passes_rows() && !breaker.answers_at_once())
        }
        Operator::Filter(_)
        | Operator::Let(_)
        | Operator::Project(_)
        | Operator::Unnest { .. }
        | Operator::Union => all_inputs,
        Operator::Scan { .. }
        | Operator::Late
        | Operator::Errors
        | Operator::AssignTime { .. }
        | Operator::Join(_)
        | Operator::Sink(_) => false,
    }
}
