//! Improves a plan without changing its answer. One file per rule; a rule says whether it changed
//! anything and the trace shows which subtree it changed.

pub mod constant_folding;
mod event_fields;
pub mod filter_pushdown;
pub mod projection_pushdown;
pub mod share_prefixes;
mod waiting_unions;

use crate::plan::{Plan, PlanId};
use std::fmt;

pub struct Rule {
    pub name: &'static str,
    /// Returns the nodes whose subtrees it has changed.
    pub apply: fn(&mut Plan) -> Vec<PlanId>,
}

/// In the order in which they run.
pub const RULES: &[Rule] = &[
    Rule { name: "constant_folding", apply: constant_folding::apply },
    Rule { name: "filter_pushdown", apply: filter_pushdown::apply },
    Rule { name: "share_prefixes", apply: share_prefixes::apply },
    Rule { name: "projection_pushdown", apply: projection_pushdown::apply },
];

/// Which rule did what.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub rule: &'static str,
    /// The changed subtree, as it is now.
    pub subtree: String,
}

/// Runs every rule once, in order.
pub fn optimize(plan: &mut Plan) -> Trace {
    let mut trace = Trace::default();
    for rule in RULES {
        let changed = (rule.apply)(plan);
        trace.steps.extend(changed.iter().map(|id| Step { rule: rule.name, subtree: plan.subtree(*id) }));
        plan.compact();
    }
    trace
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{}:", step.rule)?;
            step.subtree.lines().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}
