//! Moves a filter below what does not change its answer, so that fewer rows are computed, kept and looked up. Only a
//! filter that cannot fail moves, and only over what cannot fail: the rows that fail stay the same.

mod through_joins;

use crate::plan::{Node, Operator, Plan, PlanId};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::Breaker;
use std::collections::BTreeMap;

pub fn apply(plan: &mut Plan) -> Vec<PlanId> {
    // A filter and the node below it change place as contents, so this stays true.
    let mut n_readers: Vec<usize> = plan.readers().iter().map(Vec::len).collect();
    let mut changed = vec![];
    for id in plan.ids() {
        let mut filters = vec![id];
        while let Some(filter) = filters.pop() {
            let moved = push_down(plan, filter, &n_readers);
            if !moved.is_empty() && changed.last() != Some(&id) {
                changed.push(id);
            }
            // What has been added is read once.
            n_readers.resize(plan.nodes.len(), 1);
            filters.extend(moved);
        }
    }
    changed
}

/// Moves a filter below the node under it, if it may; says where the filter, or its parts, are then.
fn push_down(plan: &mut Plan, id: PlanId, n_readers: &[usize]) -> Vec<PlanId> {
    let Operator::Filter(condition) = &plan.node(id).operator else { return vec![] };
    let below = plan.node(id).inputs[0];
    if condition.can_fail() || n_readers[below.0] != 1 || plan.node(below).can_fail() {
        return vec![];
    }
    if let Operator::Join(_) = plan.node(below).operator {
        return through_joins::push_down(plan, id, below);
    }
    let Some(moved) = condition_below(plan.node(below), condition) else { return vec![] };
    swap(plan, id, below, moved);
    vec![below]
}

/// The condition as the input of this node has its columns, if the filter may move there.
fn condition_below(node: &Node, condition: &Expr) -> Option<Expr> {
    let used = condition.columns();
    let last = used.last().copied();
    let mut moved = condition.clone();
    match &node.operator {
        Operator::Let(values) => {
            let n_inputs = node.schema.columns.len() - values.len();
            (last.is_none_or(|l| l < n_inputs)).then_some(moved)
        }
        Operator::Unnest { .. } => {
            let element = node.schema.columns.len() - 1;
            (!used.contains(&element)).then_some(moved)
        }
        Operator::Project(values) => {
            let columns: Option<Vec<usize>> = used.iter().map(|c| column_of(values.get(*c)?)).collect();
            columns?;
            moved.renumber(|c| values.get(c).and_then(column_of).unwrap_or(c));
            Some(moved)
        }
        Operator::Breaker(breaker) if **breaker == Breaker::LeaveOutLate => {
            (last.is_some() && !condition.can_fail()).then_some(moved)
        }
        Operator::Order => last.is_some().then_some(moved),
        // All rows of a key pass the condition, or none does.
        Operator::Breaker(breaker) if breaker.passes_rows() => {
            let of_keys = used.iter().all(|column| breaker.keys().contains(column));
            (of_keys && last.is_some() && !condition.can_fail()).then_some(moved)
        }
        Operator::Breaker(breaker) => {
            let keys: BTreeMap<usize, usize> = breaker.passed_keys().into_iter().collect();
            if last.is_none() || used.iter().any(|c| !keys.contains_key(c)) {
                return None;
            }
            moved.renumber(|c| keys.get(&c).copied().unwrap_or(c));
            Some(moved)
        }
        _ => None,
    }
}

fn column_of(expr: &Expr) -> Option<usize> {
    match expr.kind {
        ExprKind::Column(column) => Some(column),
        _ => None,
    }
}

fn swap(plan: &mut Plan, filter: PlanId, below: PlanId, condition: Expr) {
    let input = plan.node(below).inputs[0];
    let schema = plan.node(input).schema.clone();
    let old_filter = plan.node(filter).clone();
    let old_below = plan.node(below).clone();
    plan.nodes[below.0] =
        Node { inputs: vec![input], schema, operator: Operator::Filter(condition), ..old_filter };
    plan.nodes[filter.0] = Node { inputs: vec![below], ..old_below };
}
