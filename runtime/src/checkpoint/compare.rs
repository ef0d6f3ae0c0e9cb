//! What becomes of a checkpoint under a program, perhaps another than the one that it was made of.

use super::takers::{takers, without};
use super::{Identity, Manifest, SourceProgress, identities};
use crate::connector::flag_option;
use crate::op::union::come_in_order;
use millstream_ir::flow::{Breaker, Flow, Node, NodeId, NodeKind, Partners, Version};
use std::collections::BTreeSet;

/// What becomes of a state, or of how far a source has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Its operator goes on with it.
    Kept,
    /// This operator, of another shape, can take it over.
    Migrated(NodeId, Migration),
    /// What it was made of is there to be read again, from its start.
    Rebuilt,
    /// There is no such table any more. It would be loaded again.
    NotNeeded,
    /// The same operator is there and means something else: this one.
    OfAnotherShape(NodeId),
    /// There is no such operator, or source.
    Gone,
}

/// Why a state fits an operator of another shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Migration {
    /// It holds nothing of the columns of the table that are others.
    OfStreamAlone,
    /// Columns may be null now.
    Widened,
    /// It holds no rows, whatever columns these have.
    WithoutRows,
}

impl Fate {
    /// Whether nothing is lost.
    pub fn is_fine(self) -> bool {
        !matches!(self, Fate::OfAnotherShape(_) | Fate::Gone)
    }
}

#[derive(Debug)]
pub struct Comparison<'m> {
    /// Of each source that has been read, by name.
    pub sources: Vec<(&'m str, Fate)>,
    /// Of each state.
    pub operators: Vec<(&'m Identity, Fate)>,
    /// Of each state the nodes that go on with it.
    pub takers: Vec<Vec<NodeId>>,
    /// Streams that shared a state with others who go on with it, and cannot.
    pub left_without: Vec<(&'m Identity, &'m str)>,
    /// Operators that keep state and have none there: they begin with the rows that come from now on.
    pub new: Vec<Identity>,
}

impl Comparison<'_> {
    pub fn new<'m>(manifest: &'m Manifest, flow: &Flow) -> Comparison<'m> {
        let nodes = identities(flow);
        let known: Vec<&Identity> = manifest.operators.iter().map(|operator| &operator.identity).collect();
        let mut takers = takers(&known, &nodes);
        let is_taken = |takers: &[Vec<NodeId>], id: NodeId| takers.iter().any(|takers| takers.contains(&id));
        let fate = |(number, identity): (usize, &&Identity)| {
            let node = nodes.iter().position(|node| node.is_of(identity));
            let is_loaded = || {
                identity.kind == "table" && manifest.source(&identity.item).is_some_and(can_be_loaded_again)
            };
            match node.map(|node| NodeId(node as u32)) {
                _ if !takers[number].is_empty() => Fate::Kept,
                Some(id) if is_taken(&takers, id) => Fate::OfAnotherShape(id),
                Some(_) if is_loaded() && is_loaded_by(flow, &identity.item) => Fate::Rebuilt,
                Some(id) => match migration(identity, flow, id, &nodes[id.0 as usize]) {
                    Some(how) => Fate::Migrated(id, how),
                    None => Fate::OfAnotherShape(id),
                },
                None if is_loaded() && !is_declared(flow, &identity.item) => Fate::NotNeeded,
                None => Fate::Gone,
            }
        };
        let fates: Vec<Fate> = known.iter().enumerate().map(fate).collect();
        let left_without = known.iter().zip(&takers).filter(|(_, takers)| !takers.is_empty());
        let left_without = left_without.flat_map(|(state, takers)| {
            without(state, takers, &nodes).into_iter().map(|item| (*state, item))
        });
        let left_without = left_without.collect();
        for (takers, fate) in takers.iter_mut().zip(&fates) {
            takers.extend(if let Fate::Migrated(id, _) = fate { Some(*id) } else { None });
        }
        let operators: Vec<(&Identity, Fate)> = known.iter().copied().zip(fates).collect();
        let is_new = |(id, node): &(NodeId, &Identity)| {
            keeps_state(&flow.node(*id).kind)
                && !known.iter().any(|known| known.is_of(node))
                && !is_taken(&takers, *id)
        };
        let fate_of_source = |source: &SourceProgress| {
            let is_rebuilt =
                |(identity, fate): &(&Identity, Fate)| *fate == Fate::Rebuilt && identity.item == source.name;
            match is_declared(flow, &source.name) {
                true if operators.iter().any(is_rebuilt) => Fate::Rebuilt,
                true => Fate::Kept,
                false if can_be_loaded_again(source) => Fate::NotNeeded,
                false => Fate::Gone,
            }
        };
        Comparison {
            sources: manifest.sources.iter().map(|s| (&*s.name, fate_of_source(s))).collect(),
            new: flow.ids().zip(&nodes).filter(is_new).map(|(_, node)| node.clone()).collect(),
            operators,
            takers,
            left_without,
        }
    }

    /// The items that would lose what there is of them.
    pub fn losers(&self) -> BTreeSet<&str> {
        let sources = self.sources.iter().filter(|(_, fate)| !fate.is_fine()).map(|(name, _)| *name);
        let operators = self.operators.iter().filter(|(_, fate)| !fate.is_fine());
        let without = self.left_without.iter().map(|(_, item)| *item);
        sources.chain(operators.map(|(identity, _)| &*identity.item)).chain(without).collect()
    }

    /// What a run is told to go on without all that would be lost.
    pub fn drop_options(&self) -> String {
        let options: Vec<String> = self.losers().iter().map(|item| format!("--drop-state {item}")).collect();
        options.join(" ")
    }

    /// The sources that are read again from their start.
    pub fn rebuilt(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().filter(|(_, fate)| *fate == Fate::Rebuilt).map(|(name, _)| *name)
    }
}

/// Whether it is one of a table that has been loaded, from files.
fn can_be_loaded_again(source: &SourceProgress) -> bool {
    source.loaded.is_some()
        && !source.partitions.is_empty()
        && source.partitions.iter().all(|partition| partition.mark.is_some())
}

/// Whether the program has a table of this name that is loaded from files, each of them whole.
fn is_loaded_by(flow: &Flow, name: &str) -> bool {
    let loads = |node: &Node| match &node.kind {
        NodeKind::Source(spec) => {
            spec.load.is_some() && &*spec.connector.name == "file" && !flag_option(&spec.connector, "follow")
        }
        _ => false,
    };
    flow.nodes.iter().any(|node| *node.name == *name && loads(node))
}

fn is_declared(flow: &Flow, source: &str) -> bool {
    flow.nodes.iter().any(|node| matches!(node.kind, NodeKind::Source(_)) && *node.name == *source)
}

/// How a node can take over a state of the same operator that had another shape; none if it cannot.
fn migration(before: &Identity, flow: &Flow, id: NodeId, now: &Identity) -> Option<Migration> {
    let node = flow.node(id);
    let input = |number: usize| node.inputs.get(number).map(|input| &flow.node(*input).schema);
    match &node.kind {
        // It holds rows of the stream while the table is loading, and nothing of the table's.
        NodeKind::Join(join) if matches!(join.partners, Partners::Table(Version::AsItStands)) => {
            let stream = input(0).filter(|stream| stream.sign.is_none())?;
            let (_, rows) = before.shape.split_once(" Table(AsItStands) of ")?;
            rows.starts_with(&format!("{stream} ")).then_some(Migration::OfStreamAlone)
        }
        NodeKind::Union if !come_in_order(flow, node).contains(&true) => {
            (n_inputs(&before.shape) == node.inputs.len()).then_some(Migration::WithoutRows)
        }
        // They write whole rows, of which each value says whether it is null.
        NodeKind::Order | NodeKind::Union | NodeKind::Sink(_) | NodeKind::Join(_) => {
            is_widened(&before.shape, &now.shape).then_some(Migration::Widened)
        }
        _ => None,
    }
}

/// How many inputs a shape tells the rows of.
fn n_inputs(shape: &str) -> usize {
    shape.matches("] [").count() + 1
}

/// Whether two shapes differ only in columns that may be null now and could not before.
fn is_widened(before: &str, now: &str) -> bool {
    let (mut before, mut now) = (before.chars().peekable(), now.chars().peekable());
    while let Some(next) = now.next() {
        let ends_type = now.peek().is_some_and(|behind| matches!(behind, ',' | ']'));
        match before.peek() {
            Some(same) if *same == next => {
                before.next();
            }
            _ if next == '?' && ends_type => {}
            _ => return false,
        }
    }
    before.next().is_none()
}

/// Whether a node keeps anything from one batch to the next.
fn keeps_state(kind: &NodeKind) -> bool {
    match kind {
        NodeKind::Breaker(breaker) => !matches!(**breaker, Breaker::LeaveOutLate | Breaker::AssignWindows(_)),
        NodeKind::Match(_) | NodeKind::Join(_) | NodeKind::Order => true,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_null_now_is_wider_and_nothing_else() {
        let before = "[id: int, k: \"a\" | \"b\", (time): timestamp]";
        assert!(is_widened(before, before));
        assert!(is_widened(before, "[id: int?, k: \"a\" | \"b\", (time): timestamp]"));
        assert!(is_widened(before, "[id: int, k: \"a\" | \"b\"?, (time): timestamp]"));
        assert!(!is_widened(before, "[id: int, k: \"a\" | \"b?\", (time): timestamp]"));
        assert!(!is_widened("[id: int?]", "[id: int]"));
        assert!(!is_widened(before, "[id: int, k: \"a\" | \"b\", (time): timestamp, n: int?]"));
        assert!(!is_widened(before, "[id: int"));
    }
}
