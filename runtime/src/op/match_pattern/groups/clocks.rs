//! What happens to groups without an event, when their clocks have run down.

use super::super::arena::NONE;
use super::super::course::ClockLead;
use super::super::rows::Answers;
use super::super::rule::Rule;
use super::completion::sort_by_start;
use super::group::Run;
use super::passage::{Taker, pass};
use super::{Group, Groups};
use crate::message::EventTime;
use millstream_ir::pattern::MatchMode;

impl<const N: usize> Groups<N> {
    /// Lets the clocks run down that are due before a time; whether any has.
    pub fn run_clocks(&mut self, rules: &[Rule], before: EventTime, answers: &mut [Answers]) -> bool {
        let mut has_run = false;
        while let Some(time) = self.timers.next().filter(|time| *time < before) {
            let mut due = std::mem::take(&mut self.memory.due);
            while let Some(partition) = self.timers.pop(time) {
                self.request(|n| self.timers.ahead(n));
                let listed = &mut self.partition_mut(partition).due;
                if *listed == time {
                    *listed = EventTime::MAX;
                    due.push(partition);
                }
            }
            // Timers of one instant stand in the order of their keys.
            due.sort_unstable_by(|a, b| self.ground.keys.compare(*a, *b));
            for partition in due.drain(..) {
                let rule = self.partition(partition).rule as usize;
                self.run_clocks_of(&rules[rule], partition, time, &mut answers[rule]);
            }
            self.memory.due = due;
            has_run = true;
        }
        has_run
    }

    fn run_clocks_of(&mut self, rule: &Rule, partition: u32, time: EventTime, answers: &mut Answers) {
        let Groups { store, memory, .. } = self;
        let mut complete = std::mem::take(&mut memory.complete);
        let mut gone_on = std::mem::take(&mut memory.fresh);
        let groups = store.groups_mut(partition);
        let mut n_left = 0;
        for at in 0..groups.len() {
            let mut group = groups[at];
            let clock = rule.course.places[group.place as usize].clock.as_ref();
            let runs_down = |lead: &&ClockLead| {
                group.words[lead.word] == time && lead.way.guards & rule.broken(&group) == 0
            };
            match clock.filter(runs_down) {
                Some(lead) if rule.course.places[lead.way.to].is_complete => complete.push((group, 0)),
                Some(lead) => {
                    pass(rule, &lead.way, &mut group, Taker::Clock(time));
                    gone_on.push(group);
                }
                None => {
                    groups[n_left] = group;
                    n_left += 1;
                }
            }
        }
        store.truncate(partition, n_left);
        gone_on.drain(..).for_each(|group| self.meet(rule, group, partition));
        self.report_clocks(rule, partition, &complete, time, answers);
        for at in 0..self.store.groups(partition).len() {
            let group = self.store.groups(partition)[at];
            self.list_clock(rule, &group, partition);
        }
        complete.clear();
        (self.memory.complete, self.memory.fresh) = (complete, gone_on);
    }

    /// Reports groups that are complete without an event, as the mode says.
    fn report_clocks(
        &mut self,
        rule: &Rule,
        partition: u32,
        complete: &[(Group<N>, usize)],
        time: EventTime,
        answers: &mut Answers,
    ) {
        let mode = rule.pattern.spec.mode;
        if let ([(group, _)], false) = (complete, matches!(mode, MatchMode::Once(_)))
            && group.below == NONE
        {
            self.report(rule, &group.run(), None, time, answers);
            return self.drop_group(group);
        }
        let runs = complete.iter().flat_map(|(group, _)| self.forest.runs_of(group));
        let mut runs: Vec<(Run, ())> = runs.map(|run| (run, ())).collect();
        sort_by_start(&mut runs, &self.ground.log);
        if matches!(mode, MatchMode::Once(_)) {
            runs.truncate(1);
        }
        runs.iter().for_each(|(run, ())| self.report(rule, run, None, time, answers));
        complete.iter().for_each(|(group, _)| self.drop_group(group));
        if let MatchMode::Once(quiet) = mode
            && !runs.is_empty()
        {
            self.fall_silent(quiet, time, partition);
        }
    }

    /// Sees to it that a partition is looked at when a clock of the group has run down.
    pub(super) fn list_clock(&mut self, rule: &Rule, group: &Group<N>, partition: u32) {
        let Some(lead) = &rule.course.places[group.place as usize].clock else { return };
        let due = group.words[lead.word];
        let listed = &mut self.partition_mut(partition).due;
        if due < *listed {
            *listed = due;
            self.timers.add(due, partition);
        }
    }
}
