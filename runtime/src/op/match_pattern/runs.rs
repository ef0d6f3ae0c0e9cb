//! The runs of one partition, straight from the definition of matching in the language reference; how one run
//! goes on is in [`growth`].
//!
//! A match uses its events up, if nothing else is said: other runs lose the ways that hold one of them.
//! Ways of a run that stand in the same state, with the same clocks, and that took the same events
//! where conditions still to come look, have the same future; only the preferred one is kept. Without such
//! conditions there are at most as many ways as the pattern has states; with them the pattern's limit
//! holds. A run that loses an event is computed again from the events since its start, without those
//! used up: that is exactly the ways that do not hold them.
//!
//! [`growth`]: super::growth

use super::growth::{END, Going, Growth, Moment, Run};
use super::pattern::Pattern;
use super::rows::{FailedCondition, Found};
use super::ways::Way;
use super::{BEHIND_EVENTS, Event, values_bytes};
use crate::message::EventTime;
use millstream_ir::batch::RowPlace;
use millstream_ir::eval::RowError;
use millstream_ir::pattern::MatchMode;
use millstream_ir::value::Value;
use std::collections::VecDeque;

/// What a partition keeps.
pub struct Runs {
    pub(super) events: KeptEvents,
    /// In the order of their starts.
    pub(super) runs: Vec<Run>,
    /// No event before this time begins a run.
    pub(super) quiet_until: EventTime,
    /// Of each absence that is asked for before a run begins, when it came last, and last before that time.
    pub(super) seen: Vec<Seen>,
}

/// The events since the start of the oldest run.
#[derive(Default)]
pub struct KeptEvents {
    /// The number of the first.
    pub(super) first: u64,
    pub(super) kept: VecDeque<Kept>,
}

pub struct Kept {
    pub event: Event,
    pub used: bool,
}

#[derive(Clone, Copy)]
pub struct Seen {
    pub last: EventTime,
    pub before: EventTime,
}

impl KeptEvents {
    pub fn get(&self, number: u64) -> &Kept {
        &self.kept[(number - self.first) as usize]
    }

    /// The number that the next event will have.
    pub fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    fn is_used(&self, number: u64) -> bool {
        self.get(number).used
    }
}

impl Runs {
    /// Calls `visit` with each way of each run, and when that began.
    pub fn each_way(&self, visit: &mut dyn FnMut(EventTime, &Way)) {
        for run in &self.runs {
            run.ways.iter().chain(&run.best).for_each(|way| visit(run.began, way));
        }
    }

    pub fn new(pattern: &Pattern) -> Runs {
        let never = Seen { last: EventTime::MIN, before: EventTime::MIN };
        Runs {
            events: KeptEvents::default(),
            runs: vec![],
            quiet_until: EventTime::MIN,
            seen: vec![never; pattern.quiet.len()],
        }
    }

    /// Takes the partition's next event; the matches that are complete with it.
    pub fn take(
        &mut self,
        pattern: &Pattern,
        key: &[Value],
        event: Event,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Found> {
        let (number, time) = (self.events.end(), event.time);
        self.events.kept.push_back(Kept { event, used: false });
        self.expire(pattern, time);
        let moment = Moment::Event(number, time);
        let growth = Growth { pattern, key, events: &self.events };
        let runs = std::mem::take(&mut self.runs).into_iter();
        let mut going: Vec<Going> = runs.map(|run| growth.grow(run, moment, failures)).collect();
        if time >= self.quiet_until {
            let seen = &self.seen;
            let is_quiet = |absence: usize, duration: i64| {
                let Seen { last, before } = seen[absence];
                let last = if last < time { last } else { before };
                last < time.saturating_sub(duration)
            };
            going.extend(growth.begin(number, &is_quiet, failures));
        }
        let found = self.report(pattern, key, moment, going, failures);
        if self.keep_to_limit(pattern) {
            failures.push(FailedCondition::new(too_many(pattern), &self.events.get(number).event));
        }
        self.see(pattern, key, number, failures);
        self.forget();
        found
    }

    /// Lets the clocks run down that are due at a time, behind the events of that time; the matches that are complete then.
    pub fn run_clocks(
        &mut self,
        pattern: &Pattern,
        key: &[Value],
        time: EventTime,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Found> {
        let growth = Growth { pattern, key, events: &self.events };
        let runs = std::mem::take(&mut self.runs).into_iter();
        let going = runs.map(|run| growth.grow(run, Moment::Clock(time), failures)).collect();
        let found = self.report(pattern, key, Moment::Clock(time), going, failures);
        self.keep_to_limit(pattern);
        self.forget();
        found
    }

    /// When something next happens without an event.
    pub fn due(&self, pattern: &Pattern) -> Option<EventTime> {
        let growth = Growth { pattern, key: &[], events: &self.events };
        self.runs.iter().filter_map(|run| growth.due(run)).min()
    }

    /// No match that waits whether it can take more is of an earlier time. One that loses an event to another
    /// may yet end earlier than it seems now.
    pub fn held(&self) -> Option<EventTime> {
        self.runs.iter().filter(|run| run.best.is_some()).map(|run| run.began).min()
    }

    /// The matches that were waiting whether they can take more when the input ended.
    pub fn end(&mut self, pattern: &Pattern, key: &[Value]) -> Vec<Found> {
        self.run_clocks(pattern, key, END, &mut vec![])
    }

    /// What of the runs at a moment is a match; the others go on.
    fn report(
        &mut self,
        pattern: &Pattern,
        key: &[Value],
        moment: Moment,
        going: Vec<Going>,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Found> {
        let mut found = vec![];
        match pattern.spec.mode {
            MatchMode::UseUp => self.use_up(pattern, key, (moment, going), &mut found, failures),
            MatchMode::Overlapping | MatchMode::All => {
                for run in going {
                    found.extend(run.complete.iter().map(|way| self.found(pattern, way, run.is_timeout)));
                    self.runs.push(run.run);
                }
            }
            MatchMode::Once(_) => match going.iter().find(|run| !run.complete.is_empty()) {
                Some(run) => {
                    found.extend(run.complete.iter().map(|way| self.found(pattern, way, run.is_timeout)))
                }
                None => self.runs = going.into_iter().map(|going| going.run).collect(),
            },
        }
        self.runs.retain(|run| !run.ways.is_empty());
        if let (MatchMode::Once(time), Some(found)) = (pattern.spec.mode, found.first()) {
            self.quiet_until = time.map_or(EventTime::MAX, |time| found.end.saturating_add(time));
        }
        found
    }

    /// Reports the runs that are complete at a moment, the earliest first. Each uses its events up; the others lose
    /// the ways that hold one of them.
    fn use_up(
        &mut self,
        pattern: &Pattern,
        key: &[Value],
        (moment, mut going): (Moment, Vec<Going>),
        found: &mut Vec<Found>,
        failures: &mut Vec<FailedCondition>,
    ) {
        while let Some(at) = going.iter().position(|run| !run.complete.is_empty()) {
            let complete = going.remove(at);
            for way in &complete.complete {
                self.mark_used(pattern, way);
                found.push(self.found(pattern, way, complete.is_timeout));
            }
            let growth = Growth { pattern, key, events: &self.events };
            let is_used = |number: u64| growth.events.is_used(number);
            let others = going.into_iter().filter(|other| !is_used(other.run.start)).map(|other| {
                let holds_used = |way: &Way| way.events().any(|taken| is_used(taken.event));
                let of = |run: &Run| run.ways.iter().chain(&run.best).any(holds_used);
                let is_clock = matches!(moment, Moment::Clock(_));
                if of(&other.before) || is_clock && of(&other.run) {
                    return growth.replay(other.before, moment, failures);
                }
                match moment {
                    // Without the event, if that is used.
                    Moment::Event(number, _) if is_used(number) && other.before.start < number => {
                        growth.pass_over(other.before, number, failures)
                    }
                    _ => other,
                }
            });
            going = others.collect();
        }
        self.runs = going.into_iter().map(|going| going.run).collect();
    }

    /// Gives up the ways over the limit, of the latest runs first; whether there are such.
    fn keep_to_limit(&mut self, pattern: &Pattern) -> bool {
        let mut room = pattern.limit;
        let mut is_full = false;
        for run in &mut self.runs {
            is_full |= run.ways.len() > room;
            run.ways.truncate(room);
            room -= run.ways.len();
        }
        self.runs.retain(|run| !run.ways.is_empty());
        is_full
    }

    /// Drops what is out of time at this watermark; whether anything is left.
    pub fn sweep(&mut self, pattern: &Pattern, watermark: EventTime) -> bool {
        self.expire(pattern, watermark);
        self.forget();
        let is_recent = |(seen, quiet): (&Seen, &Option<i64>)| {
            quiet.is_some_and(|quiet| seen.last >= watermark.saturating_sub(quiet))
        };
        !self.runs.is_empty()
            || self.quiet_until > watermark
            || self.seen.iter().zip(&pattern.quiet).any(is_recent)
    }

    pub fn state_bytes(&self) -> usize {
        let bytes = |kept: &Kept| {
            let values = values_bytes(&kept.event.row) + values_bytes(&kept.event.record);
            size_of::<Kept>() + values + kept.event.fits.len()
        };
        let n_ways: usize =
            self.runs.iter().map(|run| run.ways.len() + usize::from(run.best.is_some())).sum();
        // A way has at least a link of its own.
        let of_way = size_of::<Way>() + size_of::<super::ways::Taken>();
        let events = self.events.kept.iter().map(bytes).sum::<usize>();
        events + n_ways * of_way + self.runs.len() * size_of::<Run>() + self.seen.len() * size_of::<Seen>()
    }

    /// Uses a way's events up, but those that are free.
    fn mark_used(&mut self, pattern: &Pattern, way: &Way) {
        for taken in way.events().filter(|taken| !pattern.spec.steps[taken.step].reuse) {
            let at = (taken.event - self.events.first) as usize;
            self.events.kept[at].used = true;
        }
    }

    /// The match that a way is.
    fn found(&self, pattern: &Pattern, way: &Way, is_timeout: bool) -> Found {
        let mut steps = vec![vec![]; pattern.spec.steps.len()];
        let mut start = way.since;
        let mut place = RowPlace::default();
        for (back, taken) in way.events().enumerate() {
            let event = &self.events.get(taken.event).event;
            if back == 0 {
                place = event.place;
            }
            start = event.time;
            steps[taken.step].push(event.record.clone());
        }
        steps.iter_mut().for_each(|s: &mut Vec<_>| s.reverse());
        if way.is_by_clock || is_timeout {
            place = BEHIND_EVENTS;
        }
        Found { steps, start, end: way.since, place, is_timeout }
    }

    /// Remembers the absences that an event breaks, as a way sees it that has taken nothing.
    fn see(&mut self, pattern: &Pattern, key: &[Value], number: u64, failures: &mut Vec<FailedCondition>) {
        let growth = Growth { pattern, key, events: &self.events };
        let time = self.events.get(number).event.time;
        for absence in (0..pattern.quiet.len()).filter(|absence| pattern.quiet[*absence].is_some()) {
            let seen = &mut self.seen[absence];
            let is_seen = growth.broken_by(1 << absence, number, &Way::nowhere(), failures) != 0;
            if is_seen && seen.last < time {
                *seen = Seen { last: time, before: seen.last };
            }
        }
    }

    /// Ends the runs that exceed `within` at this time.
    fn expire(&mut self, pattern: &Pattern, now: EventTime) {
        let Some(within) = pattern.spec.within else { return };
        self.runs.retain_mut(|run| {
            if run.began.saturating_add(within) >= now || run.best.is_some() {
                return true;
            }
            run.ways.retain(|way| pattern.by_clocks[way.state]);
            !run.ways.is_empty()
        });
    }

    /// Drops the events that no run looks back to.
    fn forget(&mut self) {
        let needed = self.runs.first().map_or(self.events.end(), |r| r.start);
        while self.events.first < needed {
            self.events.kept.pop_front();
            self.events.first += 1;
        }
    }
}

/// Why an event fails with which a partition holds more ways than it may.
pub fn too_many(pattern: &Pattern) -> RowError {
    let reason =
        format!("the pattern holds more than {} ways; the least preferred are given up", pattern.limit);
    RowError { reason, span: pattern.spec.span }
}
