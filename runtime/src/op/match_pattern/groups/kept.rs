//! What a match takes from other runs: the events of a partition since its first run began. When some of them are used
//! up, the runs begin again over those that are left: that is where they would be had they never taken the others.

use super::super::arena::{Arena, NONE};
use super::super::event_log::{EventId, Kept};
use super::super::front::{Event, View};
use super::super::rows::Answers;
use super::super::rule::Rule;
use super::super::test_columns::Tests;
use super::Groups;
use super::beside::Beside;
use super::forest::is_before;
use super::group::Group;
use super::stays;
use crate::message::EventTime;
use millstream_ir::column::ColumnRef;
use smallvec::SmallVec;

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

impl<const N: usize> Groups<N> {
    pub(super) fn keep(&mut self, event: KeptEvent, partition: u32) {
        self.ground.log.use_one(event.event);
        let kept = self.kept.add(event);
        let chain = &mut self.beside_mut(partition).chain;
        let last = std::mem::replace(&mut chain.last, kept);
        chain.n += 1;
        match last {
            NONE => chain.first = kept,
            last => self.kept[last].next = kept,
        }
    }

    /// Uses up the events of the first run of one of the groups that are complete with an event. The others are then
    /// where they would be had these events never been: where they are, if they took none of them.
    pub(super) fn use_up(
        &mut self,
        rule: &Rule,
        event: &Event,
        complete: &mut Vec<(Group<N>, usize)>,
        first: usize,
        partition: u32,
    ) {
        let run = complete[first].0.run();
        let is_alone = self.forest.is_alone(&run);
        let taken = self.forest.taken_by(&run).map(|(_, event)| event);
        let number = self.partition(partition).rule;
        let used = [run.event].into_iter().chain(taken).chain(event.id);
        used.for_each(|event| self.ground.log.use_up(event, number));
        if is_alone {
            self.forest.drop_first(&mut complete[first].0, &mut self.ground.log);
            let moved = std::mem::take(&mut self.memory.moved);
            for (mut group, _) in complete.drain(..).chain(moved) {
                if group.has_runs() && stays(rule, event, &mut group) {
                    self.store.push(partition, group);
                } else {
                    self.drop_group(&group);
                }
            }
        } else {
            let is_only = complete.len() == 1 && complete[0].0.below == NONE;
            let has_others = !is_only || !self.memory.moved.is_empty() || !self.is_empty(partition);
            complete.iter().for_each(|(group, _)| self.drop_group(group));
            self.drop_groups(partition);
            if has_others {
                self.replay(rule, partition);
            }
        }
    }

    /// Lets the runs of a partition that has none begin again.
    pub(super) fn replay(&mut self, rule: &Rule, partition: u32) {
        let (mut at, number) = (self.beside(partition).chain.first, self.partition(partition).rule);
        while at != NONE {
            let KeptEvent { event: id, next, passes } = self.kept[at];
            at = next;
            let is_used = self.ground.log.is_used_up(id, number);
            let kept = self.ground.log.get(id);
            let Kept { input, batch, row } = kept;
            let (columns, time) = (batch.columns.clone(), kept.int(rule.times[input]));
            let view = View::of_kept(input, &columns);
            let mut event = Event { of: &view, row, time, passes, id: Some(id) };
            self.advance(rule, &event, partition, is_used);
            // None is complete earlier with fewer events; should one be, it would have been reported then.
            for (group, _) in std::mem::take(&mut self.memory.complete) {
                self.drop_group(&group);
            }
            if !is_used {
                self.go_on(rule, &mut event, partition);
            }
        }
    }

    /// Lets a run begin in a partition with an event that is kept, and takes nothing else there.
    pub fn begin_with(
        &mut self,
        rule: &Rule,
        id: EventId,
        time: EventTime,
        partition: u32,
        answers: &mut Answers,
    ) {
        let kept = self.ground.log.get(id);
        let (row, columns) = (kept.row, SmallVec::<[ColumnRef; 8]>::from(kept.columns()));
        let passes = rule.course.begins;
        let view = View::of_kept(0, &columns);
        let mut event = Event { of: &view, row, time, passes, id: Some(id) };
        self.take_event(rule, &mut event, partition, answers);
    }

    /// Drops what is kept of a partition that nothing looks back to, if that may be much.
    pub(super) fn settle(&mut self, partition: u32) {
        let Chain { n, n_needed, .. } = self.beside(partition).chain;
        if self.is_empty(partition) || n > 2 * n_needed + FEW {
            self.forget_before_runs(partition);
        }
    }

    /// Drops the events of a partition before the first of its runs.
    pub(super) fn forget_before_runs(&mut self, partition: u32) {
        let Chain { first, .. } = self.beside(partition).chain;
        if first == NONE {
            return;
        }
        let Groups { store, ground, kept, beside, .. } = self;
        let runs = store.groups(partition).iter().map(Group::run);
        let needed = runs.reduce(|a, b| if is_before(&b, &a, &ground.log) { b } else { a });
        let needed = needed.map(|run| run.event);
        let Beside { chain, .. } = &mut beside[store.partitions[partition as usize].beside];
        while chain.first != NONE && Some(kept[chain.first].event) != needed {
            let KeptEvent { event, next, .. } = kept[chain.first];
            ground.log.give_back(event);
            kept.free(chain.first);
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
