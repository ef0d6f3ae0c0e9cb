//! Changes that are read by their times: what a table keeps of an updating query, and rows of an updating stream that
//! ask what a table held. For these what makes the changes gets its rows in the total order, so that the answer does
//! not depend on the order in which they came; other readers of the stream have them as before.

use super::Lowering;
use crate::plan::{Node, Operator, PlanId};
use millstream_ir::flow::{Breaker, Emission, TopScope, UpdatingScope};
use std::collections::{BTreeMap, BTreeSet};

impl Lowering<'_> {
    /// The same changes, in the order of their times as far as rows tell them as they come.
    pub(super) fn changes_in_order(&mut self, changes: PlanId) -> PlanId {
        let is_updating = |id: &PlanId| self.plan.node(*id).schema.sign.is_some();
        let (mut behind, mut open) = (BTreeSet::new(), vec![changes]);
        while let Some(id) = open.pop() {
            if is_updating(&id) && behind.insert(id) {
                open.extend(&self.plan.node(id).inputs);
            }
        }
        // Inputs stand before their readers.
        let mut new: BTreeMap<PlanId, PlanId> = BTreeMap::new();
        for id in behind {
            let node = self.plan.node(id).clone();
            let inputs: Vec<PlanId> = match &node.operator {
                Operator::Breaker(breaker) if tells_changes_as_rows_come(breaker) => {
                    node.inputs.iter().map(|input| self.in_order(*input, &node)).collect()
                }
                _ => node.inputs.iter().map(|input| new.get(input).copied().unwrap_or(*input)).collect(),
            };
            if inputs != node.inputs {
                let known = self.ordered.get(&id).copied();
                let id_in_order = known.unwrap_or_else(|| self.plan.add(Node { inputs, ..node }));
                self.ordered.insert(id, id_in_order);
                new.insert(id, id_in_order);
            }
        }
        new.get(&changes).copied().unwrap_or(changes)
    }

    /// The rows of an append-only input in the total order.
    fn in_order(&mut self, input: PlanId, reader: &Node) -> PlanId {
        if let Some(known) = self.ordered.get(&input) {
            return *known;
        }
        let schema = self.plan.node(input).schema.clone();
        let node = Node { inputs: vec![input], schema, operator: Operator::Order, ..reader.clone() };
        let ordered = self.plan.add(node);
        self.ordered.insert(input, ordered);
        ordered
    }
}

/// Whether each row alters a result at once, late rows only because nothing keeps them from it.
fn tells_changes_as_rows_come(breaker: &Breaker) -> bool {
    match breaker {
        Breaker::LatestOfKey(_) => true,
        Breaker::Top(spec) => {
            let is_lenient = matches!(
                spec.scope,
                TopScope::Window { lateness: 1.. } | TopScope::OfKeys { lateness: 1.., .. }
            );
            let is_ordered = spec.scope.is_told_by_order();
            spec.sign.is_none() && spec.emission == Emission::OnChange && !is_lenient && !is_ordered
        }
        Breaker::UpdatingAggregate(spec) => {
            let is_lenient = matches!(spec.scope, UpdatingScope::Window { lateness: 1.., .. });
            spec.sign.is_none() && spec.emission == Emission::OnChange && !is_lenient
        }
        Breaker::UpdatingWindows(spec) => spec.emission == Emission::OnChange && spec.lateness == 0,
        _ => false,
    }
}
