//! Groups that see an event where they stand: where nothing but its group knows that a run has gone on, as nobody
//! looks at its path, and it has no clock.

use super::super::event_log::EventLog;
use super::super::front::Event;
use super::super::ground::Ground;
use super::super::rows::Answers;
use super::super::rule::Rule;
use super::super::transitions::Code;
use super::forest::Forest;
use super::group::Group;
use super::passage::{Taker, pass};
use super::{Groups, drop_late, lead_by_tables, outcome_of, stays};
use crate::kernel::transitions::Outcome;

/// What becomes of a group with an event.
enum Fate {
    /// It is complete, with this step.
    Completes(usize),
    GoesOn,
    Stays,
    /// Its runs are gone.
    Ends,
}

impl<const N: usize> Groups<N> {
    /// As [`Groups::take_event`].
    #[inline]
    pub(super) fn take_in_place(
        &mut self,
        rule: &Rule,
        event: &mut Event,
        partition: u32,
        answers: &mut Answers,
    ) -> bool {
        self.advance_in_place(rule, event, partition);
        let completes = !self.memory.complete.is_empty();
        let is_last = completes && self.complete(rule, event, partition, answers);
        if !is_last && event.passes & rule.course.begins != 0 {
            self.begin(rule, event, false, partition);
        }
        completes
    }

    /// Lets each group see an event, and go on with it; those that it completes leave the partition's list.
    #[inline]
    fn advance_in_place(&mut self, rule: &Rule, event: &mut Event, partition: u32) {
        let Groups { ground: Ground { log, .. }, code, store, forest, memory, .. } = self;
        memory.complete.clear();
        memory.places.clear();
        let groups = store.groups_mut(partition);
        let mut n_left = 0;
        for at in 0..groups.len() {
            let (before, rest) = groups.split_at_mut(at);
            let group = &mut rest[0];
            let goes_on = match see(rule, code.as_ref(), event, group, forest, log) {
                Fate::Completes(step) => {
                    memory.complete.push((*group, step));
                    continue;
                }
                Fate::Ends => continue,
                Fate::GoesOn => true,
                Fate::Stays => false,
            };
            // Only one that has gone on can have come to where another is.
            let is_met = |other: &usize| before[*other].has_future_of(group);
            let met = match goes_on {
                true => (0..n_left).find(is_met),
                false => memory.places.iter().copied().find(is_met),
            };
            if let Some(other) = met {
                forest.join(&mut before[other], group, log);
                continue;
            }
            if goes_on {
                memory.places.push(n_left);
            }
            if n_left < at {
                before[n_left] = *group;
            }
            n_left += 1;
        }
        if n_left < groups.len() {
            store.truncate(partition, n_left);
        }
    }
}

/// Lets a group see an event, and go on with it.
#[inline(always)]
fn see<const N: usize>(
    rule: &Rule,
    code: Option<&Code<N>>,
    event: &mut Event,
    group: &mut Group<N>,
    forest: &mut Forest,
    log: &mut EventLog,
) -> Fate {
    if !drop_late(rule, event, group, forest, log) {
        return Fate::Ends;
    }
    let led = match outcome_of(code, event, group) {
        Outcome::Moved(_) => return Fate::GoesOn,
        Outcome::Leads(number) => {
            return Fate::Completes(rule.course.places[group.place as usize].leads[number].step);
        }
        Outcome::Stays => None,
        Outcome::Unknown => go_by_tables(rule, event, group, log),
    };
    let fate = match led {
        Some(fate) => fate,
        None if stays(rule, event, group) => Fate::Stays,
        None => Fate::Ends,
    };
    if matches!(fate, Fate::Ends) {
        forest.drop_all(group, log);
    }
    fate
}

/// Lets a group go on with an event, if it does, as the tables say.
fn go_by_tables<const N: usize>(
    rule: &Rule,
    event: &mut Event,
    group: &mut Group<N>,
    log: &mut EventLog,
) -> Option<Fate> {
    let (_, lead) = lead_by_tables(rule, event, group, log)?;
    if rule.course.places[lead.way.to].is_complete {
        return Some(Fate::Completes(lead.step));
    }
    Some(match pass(rule, &lead.way, group, Taker::Event(event, log)) {
        broken if broken != 0 && !rule.can_end(group.place, broken) => Fate::Ends,
        _ => Fate::GoesOn,
    })
}
