//! Computes equal clauses over the same rows once. Clauses in which a row can fail are kept apart:
//! its failure belongs to each of the streams by name.

use crate::plan::{Node, Operator, Plan, PlanId};
use millstream_ir::expr::Expr;
use std::collections::BTreeMap;

pub fn apply(plan: &mut Plan) -> Vec<PlanId> {
    let mut changed: Vec<PlanId> = vec![];
    let mut by_inputs: BTreeMap<Vec<PlanId>, Vec<PlanId>> = BTreeMap::new();
    for id in plan.ids() {
        let beside = by_inputs.entry(plan.node(id).inputs.clone()).or_default();
        let same = beside.iter().find(|other| is_same(plan.node(**other), plan.node(id))).copied();
        let Some(same) = same else {
            beside.push(id);
            continue;
        };
        let names = plan.node(id).names().cloned().collect::<Vec<_>>();
        plan.nodes[same.0].is_shared_with(names);
        plan.redirect(id, same);
        changed.retain(|c| *c != same);
        changed.push(same);
    }
    // The larger shared subtree shows the smaller.
    let inputs: Vec<PlanId> = changed.iter().flat_map(|id| plan.node(*id).inputs.clone()).collect();
    changed.retain(|id| !inputs.contains(id));
    changed
}

fn is_same(a: &Node, b: &Node) -> bool {
    !a.inputs.is_empty()
        && a.inputs == b.inputs
        && a.schema.time == b.schema.time
        && a.schema.sign == b.schema.sign
        && a.schema.key == b.schema.key
        && a.schema.columns.len() == b.schema.columns.len()
        && a.schema
            .columns
            .iter()
            .zip(&b.schema.columns)
            .all(|(a, b)| a.name == b.name && a.ty == b.ty && a.hidden == b.hidden)
        && !a.can_fail()
        && !b.can_fail()
        && same_operator(&a.operator, &b.operator)
}

fn same_operator(a: &Operator, b: &Operator) -> bool {
    match (a, b) {
        (Operator::Filter(a), Operator::Filter(b)) => a.same(b),
        (Operator::Let(a), Operator::Let(b)) | (Operator::Project(a), Operator::Project(b)) => {
            same_exprs(a, b)
        }
        (Operator::Unnest { list: a }, Operator::Unnest { list: b }) => a == b,
        (Operator::Union, Operator::Union) => true,
        (Operator::Breaker(a), Operator::Breaker(b)) => a == b,
        _ => false,
    }
}

fn same_exprs(a: &[Expr], b: &[Expr]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
}
