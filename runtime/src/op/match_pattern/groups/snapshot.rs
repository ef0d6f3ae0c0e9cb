//! Groups of runs as bytes, and back.

use super::super::arena::NONE;
use super::super::course::N_WORDS;
use super::super::event_log::EventId;
use super::super::pattern::Pattern;
use super::forest::{NO_EVENT, Node, Taken, Tree};
use super::{Group, Groups};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use std::collections::HashMap;

impl Groups {
    pub(super) fn write(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.swept);
        writer.count(self.n_swept);
        self.front.snapshot_log(writer);
        let mut live: Vec<u32> =
            (0..self.partitions.len() as u32).filter(|n| self.front.keys.is_live(*n)).collect();
        live.sort_by(|a, b| self.front.keys.compare(*a, *b));
        writer.sequence(live.into_iter(), |writer, number| {
            self.front.keys.snapshot(number, writer);
            self.snapshot_partition(number, writer);
        });
    }

    fn snapshot_partition(&self, partition: u32, writer: &mut SnapshotWriter) {
        let partition = &self.partitions[partition as usize];
        writer.i64(partition.quiet_until);
        writer.u32(partition.n_in_time);
        writer.u32(partition.chain.n_needed);
        let kept = listed(partition.chain.first, |kept| self.kept[kept].next);
        writer.sequence(kept.into_iter(), |writer, kept| {
            writer.u64(self.kept[kept].event);
            writer.bool(self.front.log.is_used_up(self.kept[kept].event));
        });
        let mut above = Above::default();
        for group in &partition.groups {
            for (_, run) in self.forest.runs_of(&group.tree) {
                above.add(run.above, |node| self.forest.nodes[node].above);
            }
        }
        writer.sequence(above.nodes.iter(), |writer, node| {
            let Node { event, above: next, step, is_shared, .. } = self.forest.nodes[*node];
            writer.u64(event);
            writer.u32(step.into());
            writer.bool(is_shared);
            writer.u32(above.number(next));
        });
        writer.sequence(partition.groups.iter(), |writer, group| {
            writer.u32(group.place.into());
            writer.u32(group.nulls.into());
            writer.u32(group.far.into());
            writer.u32(group.broken);
            group.words.iter().for_each(|word| writer.i64(*word));
            writer.count(self.forest.runs_of(&group.tree).count());
            for (_, run) in self.forest.runs_of(&group.tree) {
                writer.i64(run.began);
                writer.u64(run.event);
                writer.u32(run.step.into());
                writer.bool(run.is_shared);
                writer.u32(above.number(run.above));
            }
        });
    }

    /// Takes over what was written of the same pattern; nothing has been taken before.
    pub(super) fn read(&mut self, pattern: &Pattern, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.swept = reader.i64()?;
        self.n_swept = reader.count()?;
        self.front.restore_log(reader)?;
        for _ in 0..reader.count()? {
            let number = self.front.keys.restore(reader)?;
            self.add_partitions();
            self.restore_partition(pattern, number, reader)?;
        }
        Ok(())
    }

    fn restore_partition(
        &mut self,
        pattern: &Pattern,
        partition: u32,
        reader: &mut SnapshotReader,
    ) -> Result<(), Corrupt> {
        self.partitions[partition as usize].quiet_until = reader.i64()?;
        self.partitions[partition as usize].n_in_time = reader.u32()?;
        let n_needed = reader.u32()?;
        for _ in 0..reader.count()? {
            let (event, is_used) = (self.known(reader.u64()?)?, reader.bool()?);
            self.keep(event, partition);
            if is_used {
                self.front.log.use_up(event);
            }
        }
        self.partitions[partition as usize].chain.n_needed = n_needed;
        let n_steps = pattern.spec.steps.len();
        let mut nodes: Vec<u32> = vec![];
        for _ in 0..reader.count()? {
            let event = reader.u64()?;
            let taken = taken(event, n_steps, reader)?;
            let above = reader.u32()?;
            if event != NO_EVENT {
                self.known(event)?;
            }
            let node = self.forest.node(taken, &mut self.front.log);
            if above > 0 {
                let tree = Tree { root: node, first: NONE };
                self.forest.hang(&tree, numbered(&nodes, above)?);
            }
            nodes.push(node);
        }
        for _ in 0..reader.count()? {
            self.restore_group(pattern, partition, &nodes, reader)?;
        }
        Ok(())
    }

    fn restore_group(
        &mut self,
        pattern: &Pattern,
        partition: u32,
        nodes: &[u32],
        reader: &mut SnapshotReader,
    ) -> Result<(), Corrupt> {
        let mut small = || u16::try_from(reader.u32()?).map_err(|_| Corrupt);
        let (place, nulls, far) = (small()?, small()? as u8, small()? as u8);
        if place as usize >= pattern.spec.automaton.states.len() {
            return Err(Corrupt);
        }
        let broken = reader.u32()?;
        let mut words = [0; N_WORDS];
        for word in &mut words {
            *word = reader.i64()?;
        }
        for (word, value) in words.iter().enumerate() {
            if far >> word & 1 == 1 {
                self.known(*value as EventId)?;
            }
        }
        let mut tree = Tree { root: NONE, first: NONE };
        let mut latest = i64::MIN;
        for _ in 0..reader.count()? {
            let (began, event) = (reader.i64()?, self.known(reader.u64()?)?);
            let taken = taken(event, pattern.spec.steps.len(), reader)?;
            let above = reader.u32()?;
            let own = self.forest.plant(taken, began, &mut self.front.log);
            if above > 0 {
                self.forest.hang(&own, numbered(nodes, above)?);
            }
            match tree.first {
                NONE => tree = own,
                _ => self.forest.join(&mut tree, &own, &self.front.log),
            }
            latest = latest.max(began);
            self.partitions[partition as usize].n_runs += 1;
        }
        if tree.first == NONE {
            return Err(Corrupt);
        }
        let mut above = self.forest.runs[tree.first].above;
        while above != NONE {
            (tree.root, above) = (above, self.forest.nodes[above].above);
        }
        let group = Group { tree, place, nulls, far, broken, latest, words };
        self.list_clock(&group, partition);
        self.partitions[partition as usize].groups.push(group);
        Ok(())
    }

    fn known(&self, event: EventId) -> Result<EventId, Corrupt> {
        if self.front.log.has(event) { Ok(event) } else { Err(Corrupt) }
    }
}

/// How an event was taken.
fn taken(event: EventId, n_steps: usize, reader: &mut SnapshotReader) -> Result<Taken, Corrupt> {
    let (step, is_shared) = (reader.u32()?, reader.bool()?);
    match u16::try_from(step) {
        Ok(step) if usize::from(step) < n_steps => Ok(Taken { event, step, is_shared }),
        _ => Err(Corrupt),
    }
}

/// The numbers in a list, of which each knows the next.
fn listed(first: u32, next: impl Fn(u32) -> u32) -> Vec<u32> {
    let is_there = |number: &u32| *number != NONE;
    std::iter::successors(Some(first).filter(is_there), |number| Some(next(*number)).filter(is_there))
        .collect()
}

/// The node that was written with a number.
fn numbered(nodes: &[u32], number: u32) -> Result<u32, Corrupt> {
    let place = number.checked_sub(1).ok_or(Corrupt)?;
    nodes.get(place as usize).copied().ok_or(Corrupt)
}

/// Nodes in an order in which those above come first.
#[derive(Default)]
struct Above {
    nodes: Vec<u32>,
    /// From 1 on.
    numbers: HashMap<u32, u32>,
}

impl Above {
    fn add(&mut self, first: u32, above: impl Fn(u32) -> u32) {
        let is_new = |node: &u32| *node != NONE && !self.numbers.contains_key(node);
        let next = |node: &u32| Some(above(*node)).filter(is_new);
        let unknown: Vec<u32> = std::iter::successors(Some(first).filter(is_new), next).collect();
        for node in unknown.into_iter().rev() {
            self.nodes.push(node);
            self.numbers.insert(node, self.nodes.len() as u32);
        }
    }

    /// 0 if there is no node.
    fn number(&self, node: u32) -> u32 {
        self.numbers.get(&node).copied().unwrap_or(0)
    }
}
