//! What is out of time goes.

use super::super::arena::NONE;
use super::super::rule::Rule;
use super::beside::Beside;
use super::store::Partition;
use super::{Group, Groups};
use crate::message::EventTime;

/// So many partitions more than twice those that were left are cleared, whatever the watermark.
const FEW: usize = if cfg!(test) { 2 } else { 1 << 10 };

/// How far ahead is requested what is kept beside partitions, and, when that has come, the first of their events.
const BESIDE_AHEAD: u32 = 24;
const KEPT_AHEAD: u32 = 12;

impl<const N: usize> Groups<N> {
    /// Clears the partitions of what is out of time at a watermark, if there may be much of it. `waiting` are the row and
    /// the time of the first of the events that wait for patterns which begin alike.
    pub fn sweep(&mut self, rules: &[Rule], watermark: EventTime, waiting: Option<(u64, EventTime)>) {
        if watermark == EventTime::MAX {
            // Nothing comes any more.
            return;
        }
        let is_over = self.lasts.is_some_and(|time| watermark.saturating_sub(self.swept) >= time);
        if is_over || self.ground.keys.n_live() >= 2 * self.n_swept + FEW {
            self.swept = watermark;
            let mut gone = vec![];
            for number in 0..self.store.partitions.len() as u32 {
                self.request_beside(number + BESIDE_AHEAD);
                self.request_kept(number + KEPT_AHEAD);
                if self.ground.keys.is_live(number) {
                    let rule = self.partition(number).rule;
                    if !self.sweep_partition(&rules[rule as usize], number, watermark, waiting) {
                        gone.push(number);
                    }
                }
            }
            self.ground.keys.remove_all(&gone);
            self.n_swept = self.ground.keys.n_live();
            self.shrink();
        }
        self.clear();
        self.ground.log.forget();
    }

    /// Gives back what groups that are gone looked back to.
    pub fn clear(&mut self) {
        self.forest.clear(&mut self.ground.log);
    }

    /// Gives back what partitions that are gone have left free, if that is most of it.
    fn shrink(&mut self) {
        let Some(kept) = self.ground.keys.shrink() else { return };
        let mut numbers = vec![None; self.store.partitions.len()];
        (0..).zip(&kept).for_each(|(new, old)| numbers[*old as usize] = Some(new));
        self.store.partitions = kept.iter().map(|old| *self.partition(*old)).collect();
        self.timers.renumber(|old| numbers.get(old as usize).copied().flatten());
    }

    /// Clears a partition; whether anything is left of it.
    fn sweep_partition(
        &mut self,
        rule: &Rule,
        number: u32,
        watermark: EventTime,
        waiting: Option<(u64, EventTime)>,
    ) -> bool {
        self.drop_late_groups_of(rule, number, watermark);
        if self.partition(number).beside != NONE {
            self.forget_before_runs(number);
        }
        let Beside { quiet_until, begun_to, .. } = *self.beside(number);
        // Of what waits it is yet to be told what has begun, and what must not.
        let minds = |(row, time): (u64, EventTime)| begun_to >= row || quiet_until > time;
        if !self.is_empty(number) || quiet_until > watermark || waiting.is_some_and(minds) {
            return true;
        }
        let beside = self.partition(number).beside;
        if beside != NONE {
            self.beside.free(beside);
        }
        *self.partition_mut(number) = Partition::EMPTY;
        false
    }

    /// Drops the groups of a partition of which all runs are out of time.
    fn drop_late_groups_of(&mut self, rule: &Rule, partition: u32, now: EventTime) {
        let Some(within) = rule.course.within else { return };
        let oldest = now.saturating_sub(within);
        let Groups { store, forest, ground, .. } = self;
        let groups = store.groups_mut(partition);
        let is_kept =
            |group: &Group<N>| group.latest >= oldest || rule.pattern.by_clocks[group.place as usize];
        let mut n_left = 0;
        for at in 0..groups.len() {
            let group = groups[at];
            if is_kept(&group) {
                groups[n_left] = group;
                n_left += 1;
            } else {
                forest.drop_all(&group, &mut ground.log);
            }
        }
        if n_left < groups.len() {
            store.truncate(partition, n_left);
        }
    }

    pub fn state_bytes(&self) -> usize {
        let partitions = self.ground.keys.n_live() * size_of::<Partition<N>>() + self.store.bytes_of_lists();
        let runs = self.forest.later.bytes() + self.forest.nodes.bytes();
        let beside = self.beside.bytes() + self.kept.bytes();
        partitions + runs + beside + self.timers.len() * size_of::<(EventTime, u32)>() + self.ground.bytes()
    }
}
