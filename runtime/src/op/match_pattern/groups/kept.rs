//! What a match takes from other runs: the events of a partition since its first run began. When some of them are used
//! up, the runs begin again over those that are left: that is where they would be had they never taken the others.

use super::super::arena::{Arena, NONE};
use super::super::event_log::{EventId, Kept};
use super::super::front::Event;
use super::super::rule::Rule;
use super::super::test_columns::Tests;
use super::{Group, Groups, Partition};

/// The events of a partition; each knows the next.
#[derive(Clone, Copy)]
pub struct Chain {
    pub first: u32,
    pub last: u32,
    pub n: u32,
    /// So many were left when those before the first run were last dropped.
    pub n_needed: u32,
}

pub const NO_EVENTS: Chain = Chain { first: NONE, last: NONE, n: 0, n_needed: 0 };

#[derive(Clone, Copy)]
pub struct KeptEvent {
    pub event: EventId,
    pub next: u32,
    /// The tests that it passes.
    pub passes: Tests,
}

/// So many may be kept that nothing looks back to, beside as many as are needed.
const FEW: u32 = 8;

impl Groups {
    pub(super) fn keep(&mut self, event: KeptEvent, partition: u32) {
        self.ground.log.use_one(event.event);
        let kept = self.kept.add(event);
        let chain = &mut self.partitions[partition as usize].chain;
        match chain.last {
            NONE => chain.first = kept,
            last => self.kept[last].next = kept,
        }
        chain.last = kept;
        chain.n += 1;
    }

    /// Uses up the events of the first run of one of the groups that are complete with an event. The others are then
    /// where they would be had these events never been: where they are, if they took none of them.
    pub(super) fn use_up(
        &mut self,
        rule: &Rule,
        event: &Event,
        complete: &mut Vec<(Group, usize)>,
        first: usize,
        partition: u32,
    ) {
        let run = &self.forest.runs[complete[first].0.tree.first];
        let is_alone = self.forest.is_alone(run);
        let taken = self.forest.taken_by(run).map(|(_, event)| event);
        let number = self.partitions[partition as usize].rule;
        let used = [run.event].into_iter().chain(taken).chain(event.id);
        used.for_each(|event| self.ground.log.use_up(event, number));
        if is_alone {
            self.drop_first(&mut complete[first].0, partition);
            let moved = std::mem::take(&mut self.memory.moved);
            for (mut group, _) in complete.drain(..).chain(moved) {
                if group.tree.first != NONE && self.stays(rule, event, &mut group) {
                    self.partitions[partition as usize].groups.push(group);
                } else {
                    self.drop_group(&group, partition);
                }
            }
        } else {
            let has_others = self.partitions[partition as usize].n_runs > 1;
            complete.iter().for_each(|(group, _)| self.drop_group(group, partition));
            self.drop_all(partition);
            if has_others {
                self.replay(rule, partition);
            }
        }
    }

    /// Lets the runs of a partition that has none begin again.
    pub(super) fn replay(&mut self, rule: &Rule, partition: u32) {
        let Partition { chain, rule: number, .. } = &self.partitions[partition as usize];
        let (mut at, number) = (chain.first, *number);
        while at != NONE {
            let KeptEvent { event: id, next, passes } = self.kept[at];
            at = next;
            let is_used = self.ground.log.is_used_up(id, number);
            let kept = self.ground.log.get(id);
            let Kept { input, batch, row } = kept;
            let (columns, time) = (batch.columns.clone(), kept.int(rule.times[input]));
            let mut event = Event { input, columns: &columns, row, time, passes, chunk: 0, id: Some(id) };
            self.advance(rule, &event, partition, is_used);
            // None is complete earlier with fewer events; should one be, it would have been reported then.
            for (group, _) in std::mem::take(&mut self.memory.complete) {
                self.drop_group(&group, partition);
            }
            if !is_used {
                self.go_on(rule, &mut event, partition);
            }
        }
    }

    /// Drops what is kept of a partition that nothing looks back to, if that may be much.
    pub(super) fn settle(&mut self, partition: u32) {
        let Chain { n, n_needed, .. } = self.partitions[partition as usize].chain;
        if self.partitions[partition as usize].groups.is_empty() || n > 2 * n_needed + FEW {
            self.forget_before_runs(partition);
        }
    }

    /// Drops the events of a partition before the first of its runs.
    pub(super) fn forget_before_runs(&mut self, partition: u32) {
        if self.partitions[partition as usize].chain.first == NONE {
            return;
        }
        let groups = &self.partitions[partition as usize].groups;
        let firsts = groups.iter().map(|group| group.tree.first);
        let first = firsts.reduce(|a, b| if self.forest.is_before(b, a, &self.ground.log) { b } else { a });
        let first = first.map(|run| self.forest.runs[run].event);
        let chain = &mut self.partitions[partition as usize].chain;
        while chain.first != NONE && Some(self.kept[chain.first].event) != first {
            let KeptEvent { event, next, .. } = self.kept[chain.first];
            self.ground.log.give_back(event);
            self.kept.free(chain.first);
            chain.first = next;
            chain.n -= 1;
        }
        if chain.first == NONE {
            chain.last = NONE;
        }
        chain.n_needed = chain.n;
    }
}

/// The events of all chains.
pub type KeptEvents = Arena<KeptEvent>;
