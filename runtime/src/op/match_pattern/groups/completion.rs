//! What happens to groups that are complete with an event.

use super::super::front::Event;
use super::super::rows::Answers;
use super::super::rule::Rule;
use super::forest::is_before;
use super::group::{Group, Run};
use super::{EventLog, Groups};
use crate::message::EventTime;
use millstream_ir::pattern::MatchMode;

impl<const N: usize> Groups<N> {
    /// Reports the groups that are complete with an event, as the mode says; whether the event is not for others.
    pub(super) fn complete(
        &mut self,
        rule: &Rule,
        event: &mut Event,
        partition: u32,
        answers: &mut Answers,
    ) -> bool {
        let mut complete = std::mem::take(&mut self.memory.complete);
        complete.retain_mut(|(group, _)| self.drop_late_runs(rule, group, event.time));
        let ends_others =
            !complete.is_empty() && (rule.uses_up || matches!(rule.pattern.spec.mode, MatchMode::Once(_)));
        if !ends_others {
            self.report_all(rule, &complete, event, answers);
            complete.iter().for_each(|(group, _)| self.drop_group(group));
        } else {
            let log = &self.ground.log;
            let earlier = |a: usize, b: usize| is_before(&complete[a].0.run(), &complete[b].0.run(), log);
            let first = (1..complete.len()).fold(0, |first, at| if earlier(at, first) { at } else { first });
            let (group, step) = complete[first];
            self.report(rule, &group.run(), Some((event, step)), event.time, answers);
            match rule.pattern.spec.mode {
                MatchMode::Once(quiet) => {
                    complete.iter().for_each(|(group, _)| self.drop_group(group));
                    self.fall_silent(quiet, event.time, partition);
                }
                _ => self.use_up(rule, event, &mut complete, first, partition),
            }
        }
        complete.clear();
        self.memory.complete = complete;
        ends_others
    }

    /// Drops all runs of a partition that has said what it says once in so long.
    pub(super) fn fall_silent(&mut self, quiet: Option<EventTime>, now: EventTime, partition: u32) {
        let until = quiet.map_or(EventTime::MAX, |quiet| now.saturating_add(quiet));
        self.beside_mut(partition).quiet_until = until;
        self.drop_groups(partition);
    }

    /// Reports the runs of groups that are complete with an event, in their order.
    fn report_all(&self, rule: &Rule, complete: &[(Group<N>, usize)], event: &Event, answers: &mut Answers) {
        let mut runs: Vec<(Run, usize)> = vec![];
        for (group, step) in complete {
            runs.extend(self.forest.runs_of(group).map(|run| (run, *step)));
        }
        sort_by_start(&mut runs, &self.ground.log);
        for (run, step) in runs {
            self.report(rule, &run, Some((event, step)), event.time, answers);
        }
    }

    /// Reports the match that a run is, with the event that completes it.
    pub(super) fn report(
        &self,
        rule: &Rule,
        run: &Run,
        last: Option<(&Event, usize)>,
        end: EventTime,
        answers: &mut Answers,
    ) {
        let taken = [(run.how.step(), run.event)].into_iter().chain(self.forest.taken_by(run));
        rule.reporting.report(&self.ground.log, taken, last, (run.began, end), answers);
    }

    /// Drops the groups of a partition, also those that were about to go on.
    pub(super) fn drop_groups(&mut self, partition: u32) {
        let Groups { store, forest, memory, ground, .. } = self;
        memory.moved.drain(..).for_each(|(group, _)| forest.drop_all(&group, &mut ground.log));
        store.groups(partition).iter().for_each(|group| forest.drop_all(group, &mut ground.log));
        store.truncate(partition, 0);
    }
}

/// Sorts runs by where they begin in the total order.
pub(super) fn sort_by_start<T>(runs: &mut [(Run, T)], log: &EventLog) {
    let place = |run: &Run| log.get(run.event).place();
    runs.sort_unstable_by(|(a, _), (b, _)| a.began.cmp(&b.began).then_with(|| place(a).cmp(&place(b))));
}
