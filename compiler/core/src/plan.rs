//! The logical plan: what has to be computed, without the syntax. A graph in which streams that
//! several read stand once; expressions number the columns of their node's first input.

mod text;

use crate::hir;
use millstream_base::Span;
use millstream_ir::expr::Expr;
use millstream_ir::flow::{Breaker, Join, OnError, Partners, Schema, SinkSpec};
use millstream_ir::pattern::{Clock, MatchMode, MatchSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PlanId(pub usize);

/// Inputs stand before their readers.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub nodes: Vec<Node>,
    /// What the program was asked for: its sinks, in the order of their declaration.
    pub roots: Vec<PlanId>,
    /// Whether operators keep rows with all columns that anybody reads of their input, as they do in runs that began
    /// when all did so.
    pub whole_rows: bool,
}

#[derive(Clone, Debug)]
pub struct Node {
    /// The source, stream or sink that it belongs to.
    pub name: Arc<str>,
    /// Streams that have the same clause over the same rows.
    pub shared_with: Vec<Arc<str>>,
    /// The clause that it comes from.
    pub span: Span,
    pub inputs: Vec<PlanId>,
    pub schema: Schema,
    pub operator: Operator,
    /// What happens to a row that fails in it.
    pub on_error: OnError,
}

#[derive(Clone, Debug)]
pub enum Operator {
    /// Reads these fields of a source.
    Scan {
        source: Arc<hir::Source>,
        columns: Vec<usize>,
    },
    /// The late rows of its input.
    Late,
    /// The failed rows of the source or stream that its inputs belong to.
    Errors,
    Filter(Expr),
    /// Adds one column per expression; later ones see earlier ones.
    Let(Vec<Expr>),
    /// Exactly these columns.
    Project(Vec<Expr>),
    Unnest {
        list: usize,
    },
    Union,
    AssignTime {
        disorder: i64,
    },
    Breaker(Box<Breaker>),
    /// The rows of its input in the total order, without late ones.
    Order,
    /// Its columns: the outputs, then the time.
    Match(Box<MatchSpec>),
    Join(Box<Join>),
    Sink(Arc<SinkSpec>),
}

impl Plan {
    pub fn node(&self, id: PlanId) -> &Node {
        &self.nodes[id.0]
    }

    pub fn ids(&self) -> impl DoubleEndedIterator<Item = PlanId> + use<> {
        (0..self.nodes.len()).map(PlanId)
    }

    pub fn add(&mut self, node: Node) -> PlanId {
        self.nodes.push(node);
        PlanId(self.nodes.len() - 1)
    }

    /// The nodes that a root depends on.
    pub fn reachable(&self) -> BTreeSet<PlanId> {
        let mut reached = BTreeSet::new();
        let mut open = self.roots.clone();
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                open.extend(&self.node(id).inputs);
            }
        }
        reached
    }

    /// For each node, the nodes that read it; only those that a root depends on count.
    pub fn readers(&self) -> Vec<Vec<PlanId>> {
        let mut readers = vec![vec![]; self.nodes.len()];
        for id in self.reachable() {
            for input in &self.node(id).inputs {
                readers[input.0].push(id);
            }
        }
        readers
    }

    /// The names of the sources and streams whose failed rows somebody reads.
    pub fn read_errors(&self) -> BTreeSet<Arc<str>> {
        let reads = |id: &PlanId| matches!(self.node(*id).operator, Operator::Errors);
        let inputs = self.reachable().into_iter().filter(reads).map(|id| self.node(id).name.clone());
        inputs.collect()
    }

    /// Makes the readers of one node read another.
    pub fn redirect(&mut self, from: PlanId, to: PlanId) {
        for node in &mut self.nodes {
            node.inputs.iter_mut().filter(|i| **i == from).for_each(|i| *i = to);
        }
    }

    /// Drops what no root depends on and puts inputs before their readers again.
    pub fn compact(&mut self) {
        let order = self.inputs_first();
        let place: BTreeMap<PlanId, PlanId> =
            order.iter().enumerate().map(|(place, id)| (*id, PlanId(place))).collect();
        let place = |id: &PlanId| place.get(id).copied().unwrap_or(*id);
        let nodes = order.iter().map(|id| {
            let node = self.node(*id).clone();
            Node { inputs: node.inputs.iter().map(place).collect(), ..node }
        });
        let nodes = nodes.collect();
        self.roots = self.roots.iter().map(place).collect();
        self.nodes = nodes;
    }

    /// The nodes that a root depends on, each behind its inputs.
    fn inputs_first(&self) -> Vec<PlanId> {
        let mut order = vec![];
        let mut seen = BTreeSet::new();
        // What is open, the next last, with how many of its inputs are done.
        let mut open: Vec<(PlanId, usize)> = self.roots.iter().rev().map(|root| (*root, 0)).collect();
        while let Some((id, n_done)) = open.pop() {
            if n_done == 0 && !seen.insert(id) {
                continue;
            }
            match self.node(id).inputs.get(n_done) {
                Some(input) => open.extend([(id, n_done + 1), (*input, 0)]),
                None => order.push(id),
            }
        }
        order
    }
}

impl Node {
    /// The expressions that it computes.
    pub fn exprs(&self) -> Vec<&Expr> {
        match &self.operator {
            Operator::Filter(condition) => vec![condition],
            Operator::Let(exprs) | Operator::Project(exprs) => exprs.iter().collect(),
            Operator::Match(spec) => {
                let conditions = spec.tests().filter_map(|test| test.condition.as_ref());
                let durations = spec.clocks.iter().filter_map(|clock| match clock {
                    Clock::Computed { duration, .. } => Some(duration),
                    Clock::Fixed(_) => None,
                });
                conditions.chain(durations).chain(&spec.outputs).collect()
            }
            Operator::Join(join) => join.condition.iter().collect(),
            _ => vec![],
        }
    }

    pub fn exprs_mut(&mut self) -> Vec<&mut Expr> {
        match &mut self.operator {
            Operator::Filter(condition) => vec![condition],
            Operator::Let(exprs) | Operator::Project(exprs) => exprs.iter_mut().collect(),
            Operator::Match(spec) => {
                let MatchSpec { steps, absences, clocks, outputs, .. } = &mut **spec;
                let of_steps = steps.iter_mut().map(|step| &mut step.test);
                let tests = of_steps.chain(absences.iter_mut().flat_map(|absence| &mut absence.tests));
                let conditions = tests.filter_map(|test| test.condition.as_mut());
                let durations = clocks.iter_mut().filter_map(|clock| match clock {
                    Clock::Computed { duration, .. } => Some(duration),
                    Clock::Fixed(_) => None,
                });
                conditions.chain(durations).chain(outputs).collect()
            }
            Operator::Join(join) => join.condition.iter_mut().collect(),
            _ => vec![],
        }
    }

    /// The items that it belongs to.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        std::iter::once(&self.name).chain(&self.shared_with)
    }

    pub fn is_shared_with(&mut self, names: impl IntoIterator<Item = Arc<str>>) {
        for name in names {
            if self.names().all(|known| *known != name) {
                self.shared_with.push(name);
            }
        }
    }

    /// Whether it may keep rows of an input, or they wait in front of it until they are in order.
    pub fn keeps_rows_of(&self, input: usize) -> bool {
        match &self.operator {
            Operator::Breaker(breaker) => match &**breaker {
                Breaker::LeaveOutLate | Breaker::AssignWindows(_) => false,
                breaker => breaker.passes_rows() || breaker.defers_rows() || breaker.depends_on_order(),
            },
            // What stands on the other side is a table itself.
            Operator::Join(join) => input == 0 || matches!(join.partners, Partners::Stream(_)),
            Operator::Match(_) | Operator::Order | Operator::AssignTime { .. } | Operator::Union => true,
            Operator::Sink(spec) => spec.ordered,
            _ => false,
        }
    }

    /// Whether a row can fail in it.
    pub fn can_fail(&self) -> bool {
        match &self.operator {
            Operator::Scan { .. } => true,
            Operator::Breaker(breaker) => breaker.can_fail(),
            // There can be more ways than its limit.
            Operator::Match(spec) if spec.mode == MatchMode::All || !spec.keeping_apart().is_empty() => true,
            _ => self.exprs().into_iter().any(Expr::can_fail),
        }
    }
}
