//! Groups of runs as bytes, and back.

use super::super::arena::NONE;
use super::super::course::MOST_WORDS;
use super::super::event_log::{EventId, EventLog, Moved};
use super::super::ground::Ground;
use super::super::rule::Rule;
use super::super::test_columns::Tests;
use super::beside::Beside;
use super::forest::{Node, Taken};
use super::group::{Group, How, NO_EVENT, Run};
use super::kept::KeptEvent;
use super::{Groups, RuleNumber};
use crate::message::EventTime;
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

    /// What was taken, and which of the nodes stands right above that, if one does.
    fn taken(
        &self,
        log: &EventLog,
        nodes: &[u32],
        reader: &mut SnapshotReader,
    ) -> Result<(Taken, u32), Corrupt> {
        let event = match reader.u64()? {
            NO_EVENT => NO_EVENT,
            event => self.known(event, log)?,
        };
        let (step, is_shared) = (reader.u32()? as usize, reader.bool()?);
        if step >= self.rule.pattern.spec.steps.len() {
            return Err(Corrupt);
        }
        let above = match reader.u32()?.checked_sub(1) {
            Some(place) => *nodes.get(place as usize).ok_or(Corrupt)?,
            None => NONE,
        };
        Ok((Taken { event, how: How::new(step, is_shared) }, above))
    }
}

impl Rule {
    /// The tests that events pass which have been read with all their columns.
    pub fn passes(&self, log: &EventLog) -> HashMap<EventId, Tests> {
        let events = log.events().filter(|_| self.uses_up);
        events.map(|(id, kept)| (id, self.tests.passed(kept.input, kept.columns(), kept.row))).collect()
    }
}

impl<const N: usize> Groups<N> {
    /// Writes when these partitions, which are all of a rule, were last cleared.
    pub fn write_head(&self, n_partitions: usize, writer: &mut SnapshotWriter) {
        writer.i64(self.swept);
        writer.count(n_partitions.min(self.n_swept));
    }

    pub fn read_head(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.swept = self.swept.max(reader.i64()?);
        self.n_swept += reader.total()? as usize;
        Ok(())
    }

    /// Writes these partitions.
    pub fn write(
        &self,
        rules: &[Rule],
        mut partitions: Vec<u32>,
        names: &Names,
        writer: &mut SnapshotWriter,
    ) {
        partitions.sort_by(|a, b| self.ground.keys.compare(*a, *b));
        writer.sequence(partitions.into_iter(), |writer, number| {
            (names.key)(number, writer);
            let rule = &rules[self.partition(number).rule as usize];
            self.write_partition(rule, number, names, writer);
        });
    }

    fn write_partition(&self, rule: &Rule, number: u32, names: &Names, writer: &mut SnapshotWriter) {
        let event = |event: EventId| if event == NO_EVENT { NO_EVENT } else { (names.event)(event) };
        let Beside { chain, quiet_until, .. } = self.beside(number);
        writer.i64(*quiet_until);
        writer.u32(NO_COUNT);
        writer.u32(chain.n_needed);
        let kept = listed(chain.first, |kept| self.kept[kept].next);
        writer.sequence(kept.into_iter(), |writer, kept| {
            let id = self.kept[kept].event;
            writer.u64(event(id));
            writer.bool(self.ground.log.is_used_up(id, self.partition(number).rule));
        });
        let groups = self.store.groups(number);
        let mut above = Above::default();
        for run in groups.iter().flat_map(|group| self.forest.runs_of(group)) {
            above.add(run.above, |node| self.forest.nodes[node].above);
        }
        let write_taken = |taken: Taken, next: u32, writer: &mut SnapshotWriter| {
            writer.u64(event(taken.event));
            writer.u32(taken.how.step() as u32);
            writer.bool(taken.how.is_shared());
            writer.u32(above.number(next));
        };
        writer.sequence(above.nodes.iter(), |writer, node| {
            let Node { event, above, how, .. } = self.forest.nodes[*node];
            write_taken(Taken { event, how }, above, writer);
        });
        writer.sequence(groups.iter(), |writer, group| {
            writer.u32(group.place.into());
            writer.u32(group.nulls().into());
            writer.u32(group.far().into());
            writer.u32(rule.broken(group) as u32);
            for word in 0..MOST_WORDS {
                let value = if word < rule.course.n_words { group.words[word] } else { 0 };
                writer.i64(if group.is_far(word) { event(value as EventId) as i64 } else { value });
            }
            writer.count(self.forest.runs_of(group).count());
            for Run { began, event, above, how } in self.forest.runs_of(group) {
                writer.i64(began);
                write_taken(Taken { event, how }, above, writer);
            }
        });
    }

    /// Calls `visit` with each event that a partition looks back to, some of them more than once; of those that matches
    /// take from other runs, with the tests that it passes.
    pub fn each_event(&self, partition: u32, visit: &mut dyn FnMut(EventId, Tests)) {
        for kept in listed(self.beside(partition).chain.first, |kept| self.kept[kept].next) {
            visit(self.kept[kept].event, self.kept[kept].passes);
        }
        for group in self.store.groups(partition) {
            let far = (0..MOST_WORDS.min(N)).filter(|word| group.is_far(*word));
            far.for_each(|word| visit(group.words[word] as EventId, 0));
            for run in self.forest.runs_of(group) {
                visit(run.event, 0);
                self.forest.taken_by(&run).for_each(|(_, event)| visit(event, 0));
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
        let (quiet_until, _, n_needed) = (reader.i64()?, reader.u32()?, reader.u32()?);
        for _ in 0..reader.count()? {
            let id = reader.u64()?;
            let (event, is_used) = (of.known(id, &self.ground.log)?, reader.bool()?);
            let passes = of.passes.get(&id).copied().unwrap_or_default();
            self.keep(KeptEvent { event, next: NONE, passes }, partition);
            if is_used {
                self.ground.log.use_up(event, of.number);
            }
        }
        if (quiet_until, n_needed) != (EventTime::MIN, 0) {
            let beside = self.beside_mut(partition);
            // No more were needed than there are, whatever a damaged state says.
            (beside.quiet_until, beside.chain.n_needed) = (quiet_until, n_needed.min(beside.chain.n));
        }
        let mut nodes: Vec<u32> = vec![];
        for _ in 0..reader.count()? {
            let (taken, above) = of.taken(&self.ground.log, &nodes, reader)?;
            let node = self.forest.node(taken, &mut self.ground.log);
            if above != NONE {
                self.forest.nodes[node].above = above;
                self.forest.nodes[above].n_below += 1;
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
        if place as usize >= of.rule.pattern.spec.automaton.states.len() {
            return Err(Corrupt);
        }
        let mut group = Group { place, ..Group::NOTHING };
        group.set_nulls_and_far(nulls, far);
        of.rule.set_broken(&mut group, reader.u32()?.into());
        for word in 0..MOST_WORDS {
            let value = match (reader.i64()?, group.is_far(word)) {
                (event, true) => of.known(event as EventId, &self.ground.log)? as i64,
                (value, false) => value,
            };
            if word < of.rule.course.n_words {
                group.words[word] = value;
            }
        }
        for _ in 0..reader.count()? {
            let began = reader.i64()?;
            let (taken, above) = of.taken(&self.ground.log, nodes, reader)?;
            if taken.event == NO_EVENT {
                return Err(Corrupt);
            }
            let mut own = Group::NOTHING;
            self.forest.plant(&mut own, taken, began, &mut self.ground.log);
            if above != NONE {
                self.forest.hang(&mut own, above);
            }
            if group.has_runs() {
                self.forest.join(&mut group, &own, &self.ground.log);
            } else {
                group.set_run(own.run());
                group.latest = began;
            }
        }
        if !group.has_runs() {
            return Err(Corrupt);
        }
        let mut above = group.above;
        while above != NONE {
            (group.root, above) = (above, self.forest.nodes[above].above);
        }
        self.list_clock(of.rule, &group, partition);
        self.store.push(partition, group);
        Ok(())
    }
}

/// Where a count stood that nobody keeps any more.
const NO_COUNT: u32 = 0;

/// The numbers in a list, of which each knows the next.
fn listed(first: u32, next: impl Fn(u32) -> u32) -> Vec<u32> {
    let is_there = |number: &u32| *number != NONE;
    std::iter::successors(Some(first).filter(is_there), |number| Some(next(*number)).filter(is_there))
        .collect()
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
