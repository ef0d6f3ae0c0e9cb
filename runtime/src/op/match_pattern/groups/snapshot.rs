//! Groups of runs as bytes, and back.

use super::super::arena::NONE;
use super::super::course::N_WORDS;
use super::super::event_log::{EventId, EventLog, Moved};
use super::super::ground::Ground;
use super::super::rule::Rule;
use super::super::test_columns::Tests;
use super::forest::{NO_EVENT, Node, Taken, Tree};
use super::kept::KeptEvent;
use super::{Group, Groups, RuleNumber};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use std::collections::HashMap;

/// How what is kept in common is called in the snapshot of one rule.
pub struct Names<'a> {
    /// Writes the key of a partition.
    pub key: &'a dyn Fn(u32, &mut SnapshotWriter),
    pub event: &'a dyn Fn(EventId) -> EventId,
}

/// A rule whose snapshot is read.
pub struct Restored<'a> {
    pub rule: &'a Rule,
    pub number: RuleNumber,
    /// Reads the key of a partition, and makes one of it.
    pub key: &'a dyn Fn(&mut Ground, &mut SnapshotReader) -> Result<u32, Corrupt>,
    /// Where the events stand that the snapshot tells of.
    pub moved: Moved,
    /// The tests that these pass, where matches take events from other runs.
    pub passes: HashMap<EventId, Tests>,
}

impl Restored<'_> {
    fn known(&self, event: EventId, log: &EventLog) -> Result<EventId, Corrupt> {
        self.moved.event(event).filter(|event| log.has(*event)).ok_or(Corrupt)
    }
}

impl Rule {
    /// The tests that events pass which have been read with all their columns.
    pub fn passes(&self, log: &EventLog) -> HashMap<EventId, Tests> {
        let events = log.events().filter(|_| self.uses_up);
        events.map(|(id, kept)| (id, self.tests.passed(kept.input, kept.columns(), kept.row))).collect()
    }
}

impl Groups {
    /// Writes when these partitions, which are all of a rule, were last cleared.
    pub fn write_head(&self, n_partitions: usize, writer: &mut SnapshotWriter) {
        writer.i64(self.swept);
        writer.count(n_partitions.min(self.n_swept));
    }

    pub fn read_head(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.swept = self.swept.max(reader.i64()?);
        self.n_swept += reader.count()?;
        Ok(())
    }

    /// Writes these partitions.
    pub fn write(&self, mut partitions: Vec<u32>, names: &Names, writer: &mut SnapshotWriter) {
        partitions.sort_by(|a, b| self.ground.keys.compare(*a, *b));
        writer.sequence(partitions.into_iter(), |writer, number| {
            (names.key)(number, writer);
            self.write_partition(number, names, writer);
        });
    }

    fn write_partition(&self, partition: u32, names: &Names, writer: &mut SnapshotWriter) {
        let partition = &self.partitions[partition as usize];
        let event = |event: EventId| if event == NO_EVENT { NO_EVENT } else { (names.event)(event) };
        writer.i64(partition.quiet_until);
        writer.u32(partition.n_in_time);
        writer.u32(partition.chain.n_needed);
        let kept = listed(partition.chain.first, |kept| self.kept[kept].next);
        writer.sequence(kept.into_iter(), |writer, kept| {
            let id = self.kept[kept].event;
            writer.u64(event(id));
            writer.bool(self.ground.log.is_used_up(id, partition.rule));
        });
        let mut above = Above::default();
        for group in &partition.groups {
            for (_, run) in self.forest.runs_of(&group.tree) {
                above.add(run.above, |node| self.forest.nodes[node].above);
            }
        }
        writer.sequence(above.nodes.iter(), |writer, node| {
            let Node { event: id, above: next, step, is_shared, .. } = self.forest.nodes[*node];
            writer.u64(event(id));
            writer.u32(step.into());
            writer.bool(is_shared);
            writer.u32(above.number(next));
        });
        writer.sequence(partition.groups.iter(), |writer, group| {
            writer.u32(group.place.into());
            writer.u32(group.nulls.into());
            writer.u32(group.far.into());
            writer.u32(group.broken);
            for (word, value) in group.words.iter().enumerate() {
                let is_event = group.far >> word & 1 == 1;
                writer.i64(if is_event { event(*value as EventId) as i64 } else { *value });
            }
            writer.count(self.forest.runs_of(&group.tree).count());
            for (_, run) in self.forest.runs_of(&group.tree) {
                writer.i64(run.began);
                writer.u64(event(run.event));
                writer.u32(run.step.into());
                writer.bool(run.is_shared);
                writer.u32(above.number(run.above));
            }
        });
    }

    /// Calls `visit` with each event that a partition looks back to, some of them more than once; of those that matches
    /// take from other runs, with the tests that it passes.
    pub fn each_event(&self, partition: u32, visit: &mut dyn FnMut(EventId, Tests)) {
        let partition = &self.partitions[partition as usize];
        for kept in listed(partition.chain.first, |kept| self.kept[kept].next) {
            visit(self.kept[kept].event, self.kept[kept].passes);
        }
        for group in &partition.groups {
            let far = (0..N_WORDS).filter(|word| group.far >> word & 1 == 1);
            far.for_each(|word| visit(group.words[word] as EventId, 0));
            for (_, run) in self.forest.runs_of(&group.tree) {
                visit(run.event, 0);
                self.forest.taken_by(run).for_each(|(_, event)| visit(event, 0));
            }
        }
    }

    /// Takes over the partitions that were written of a rule of which there are none yet.
    pub fn read(&mut self, of: &Restored, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        for _ in 0..reader.count()? {
            let number = (of.key)(&mut self.ground, reader)?;
            self.add_partitions();
            self.belongs(number, of.number);
            self.read_partition(of, number, reader)?;
        }
        Ok(())
    }

    fn read_partition(
        &mut self,
        of: &Restored,
        partition: u32,
        reader: &mut SnapshotReader,
    ) -> Result<(), Corrupt> {
        self.partitions[partition as usize].quiet_until = reader.i64()?;
        self.partitions[partition as usize].n_in_time = reader.u32()?;
        let n_needed = reader.u32()?;
        for _ in 0..reader.count()? {
            let id = reader.u64()?;
            let (event, is_used) = (of.known(id, &self.ground.log)?, reader.bool()?);
            let passes = of.passes.get(&id).copied().unwrap_or_default();
            self.keep(KeptEvent { event, next: NONE, passes }, partition);
            if is_used {
                self.ground.log.use_up(event, of.number);
            }
        }
        self.partitions[partition as usize].chain.n_needed = n_needed;
        let n_steps = of.rule.pattern.spec.steps.len();
        let mut nodes: Vec<u32> = vec![];
        for _ in 0..reader.count()? {
            let event = match reader.u64()? {
                NO_EVENT => NO_EVENT,
                event => of.known(event, &self.ground.log)?,
            };
            let taken = taken(event, n_steps, reader)?;
            let above = reader.u32()?;
            let node = self.forest.node(taken, &mut self.ground.log);
            if above > 0 {
                let tree = Tree { root: node, first: NONE };
                self.forest.hang(&tree, numbered(&nodes, above)?);
            }
            nodes.push(node);
        }
        for _ in 0..reader.count()? {
            self.read_group(of, partition, &nodes, reader)?;
        }
        Ok(())
    }

    fn read_group(
        &mut self,
        of: &Restored,
        partition: u32,
        nodes: &[u32],
        reader: &mut SnapshotReader,
    ) -> Result<(), Corrupt> {
        let mut small = || u16::try_from(reader.u32()?).map_err(|_| Corrupt);
        let (place, nulls, far) = (small()?, small()? as u8, small()? as u8);
        let spec = &of.rule.pattern.spec;
        if place as usize >= spec.automaton.states.len() {
            return Err(Corrupt);
        }
        let broken = reader.u32()?;
        let mut words = [0; N_WORDS];
        for (number, word) in words.iter_mut().enumerate() {
            *word = reader.i64()?;
            if far >> number & 1 == 1 {
                *word = of.known(*word as EventId, &self.ground.log)? as i64;
            }
        }
        let mut tree = Tree { root: NONE, first: NONE };
        let mut latest = i64::MIN;
        for _ in 0..reader.count()? {
            let began = reader.i64()?;
            let event = of.known(reader.u64()?, &self.ground.log)?;
            let taken = taken(event, spec.steps.len(), reader)?;
            let above = reader.u32()?;
            let own = self.forest.plant(taken, began, &mut self.ground.log);
            if above > 0 {
                self.forest.hang(&own, numbered(nodes, above)?);
            }
            match tree.first {
                NONE => tree = own,
                _ => self.forest.join(&mut tree, &own, &self.ground.log),
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
        self.list_clock(of.rule, &group, partition);
        self.partitions[partition as usize].groups.push(group);
        Ok(())
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
