//! What becomes of a checkpoint under a program, perhaps another than the one that it was made of.

use super::{Identity, Manifest, identities};
use millstream_ir::flow::{Flow, NodeId, NodeKind};

/// What becomes of a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Its operator goes on with it.
    Kept,
    /// The same operator is there and means something else: this one.
    OfAnotherShape(NodeId),
    /// There is no such operator, or source.
    Gone,
}

#[derive(Debug)]
pub struct Comparison<'m> {
    /// Of each source that has been read, by name.
    pub sources: Vec<(&'m str, Fate)>,
    /// Of each state.
    pub operators: Vec<(&'m Identity, Fate)>,
    /// Operators that keep state and have none there: they begin with the rows that come from now on.
    pub new: Vec<Identity>,
}

impl Comparison<'_> {
    pub fn new<'m>(manifest: &'m Manifest, flow: &Flow) -> Comparison<'m> {
        let nodes = identities(flow);
        let fate = |identity: &Identity| match nodes.iter().position(|node| node.is_of(identity)) {
            Some(node) if nodes[node] == *identity => Fate::Kept,
            Some(node) => Fate::OfAnotherShape(NodeId(node as u32)),
            None => Fate::Gone,
        };
        let known: Vec<&Identity> = manifest.operators.iter().map(|operator| &operator.identity).collect();
        let is_new = |(id, node): &(NodeId, &Identity)| {
            keeps_state(&flow.node(*id).kind) && !known.iter().any(|known| known.is_of(node))
        };
        let is_source = |name: &str| {
            flow.nodes.iter().any(|node| matches!(node.kind, NodeKind::Source(_)) && *node.name == *name)
        };
        let fate_of_source = |name: &str| if is_source(name) { Fate::Kept } else { Fate::Gone };
        Comparison {
            sources: manifest.sources.iter().map(|s| (&*s.name, fate_of_source(&s.name))).collect(),
            operators: known.iter().map(|identity| (*identity, fate(identity))).collect(),
            new: flow.ids().zip(&nodes).filter(is_new).map(|(_, node)| node.clone()).collect(),
        }
    }

    /// The items that would lose what there is of them.
    pub fn losers(&self) -> impl Iterator<Item = &str> {
        let sources = self.sources.iter().filter(|(_, fate)| *fate != Fate::Kept).map(|(name, _)| *name);
        let operators = self.operators.iter().filter(|(_, fate)| *fate != Fate::Kept);
        sources.chain(operators.map(|(identity, _)| &*identity.item))
    }
}

/// Whether a node keeps anything from one batch to the next.
fn keeps_state(kind: &NodeKind) -> bool {
    match kind {
        NodeKind::Breaker(_) | NodeKind::Match(_) | NodeKind::Join(_) | NodeKind::Order => true,
        NodeKind::Sink(spec) => spec.ordered || spec.id().is_some(),
        NodeKind::Source(_)
        | NodeKind::Late
        | NodeKind::Errors { .. }
        | NodeKind::Segment(_)
        | NodeKind::Dispatch(_)
        | NodeKind::Union
        | NodeKind::Unnest { .. }
        | NodeKind::AssignTime { .. } => false,
    }
}
