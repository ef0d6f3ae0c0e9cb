//! What happens to groups without an event, when their clocks have run down.

use super::super::rows::Answers;
use super::super::rule::Rule;
use super::passage::{Taker, pass};
use super::{Group, Groups};
use crate::message::EventTime;
use millstream_ir::pattern::MatchMode;

impl Groups {
    /// Lets the clocks run down that are due before a time; whether any has.
    pub fn run_clocks(&mut self, rules: &[Rule], before: EventTime, answers: &mut [Answers]) -> bool {
        let mut has_run = false;
        while let Some(time) = self.timers.next().filter(|time| *time < before) {
            let mut due = std::mem::take(&mut self.memory.due);
            while let Some(partition) = self.timers.pop(time) {
                self.request(|n| self.timers.ahead(n));
                let listed = &mut self.partitions[partition as usize].due;
                if *listed == time {
                    *listed = EventTime::MAX;
                    due.push(partition);
                }
            }
            // Timers of one instant stand in the order of their keys.
            due.sort_unstable_by(|a, b| self.ground.keys.compare(*a, *b));
            for partition in due.drain(..) {
                let rule = self.partitions[partition as usize].rule as usize;
                self.run_clocks_of(&rules[rule], partition, time, &mut answers[rule]);
            }
            self.memory.due = due;
            has_run = true;
        }
        has_run
    }

    fn run_clocks_of(&mut self, rule: &Rule, partition: u32, time: EventTime, answers: &mut Answers) {
        let (mut complete, mut gone_on) = (vec![], vec![]);
        let mut groups = std::mem::take(&mut self.partitions[partition as usize].groups);
        groups.retain(|group| match &rule.course.places[group.place as usize].clock {
            Some(lead)
                if group.words[lead.word] == time && lead.way.guards & u64::from(group.broken) == 0 =>
            {
                match rule.course.places[lead.way.to].is_complete {
                    true => complete.push(*group),
                    false => {
                        let mut group = *group;
                        pass(rule, &lead.way, &mut group, Taker::Clock(time));
                        gone_on.push(group);
                    }
                }
                false
            }
            _ => true,
        });
        self.partitions[partition as usize].groups = groups;
        gone_on.into_iter().for_each(|group| self.meet(rule, group, partition));
        self.report_clocks(rule, partition, &complete, time, answers);
        for at in 0..self.partitions[partition as usize].groups.len() {
            let group = self.partitions[partition as usize].groups[at];
            self.list_clock(rule, &group, partition);
        }
    }

    /// Reports groups that are complete without an event, as the mode says.
    fn report_clocks(
        &mut self,
        rule: &Rule,
        partition: u32,
        complete: &[Group],
        time: EventTime,
        answers: &mut Answers,
    ) {
        let runs = complete.iter().flat_map(|group| self.forest.runs_of(&group.tree));
        let mut runs: Vec<(EventTime, u32, ())> = runs.map(|(number, run)| (run.began, number, ())).collect();
        self.sort_by_start(&mut runs);
        if let MatchMode::Once(quiet) = rule.pattern.spec.mode
            && !runs.is_empty()
        {
            runs.truncate(1);
            let until = quiet.map_or(EventTime::MAX, |quiet| time.saturating_add(quiet));
            self.partitions[partition as usize].quiet_until = until;
        }
        runs.iter().for_each(|(_, run, ())| self.report(rule, *run, None, time, answers));
        complete.iter().for_each(|group| self.drop_group(group, partition));
        if matches!(rule.pattern.spec.mode, MatchMode::Once(_)) && !runs.is_empty() {
            self.drop_all(partition);
        }
    }

    /// Sees to it that a partition is looked at when a clock of the group has run down.
    pub(super) fn list_clock(&mut self, rule: &Rule, group: &Group, partition: u32) {
        let Some(lead) = &rule.course.places[group.place as usize].clock else { return };
        let due = group.words[lead.word];
        let listed = &mut self.partitions[partition as usize].due;
        if due < *listed {
            *listed = due;
            self.timers.add(due, partition);
        }
    }
}
