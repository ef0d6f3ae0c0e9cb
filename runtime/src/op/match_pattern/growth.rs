//! How a run goes on at an event, or when a clock has run down.
//!
//! Each way goes along the edges that the moment fits, the preferred first, and, least preferred, stays where it
//! is. A run is complete at the first moment at which a way is; it then goes on only if that way may
//! yet take more (`greedy` at the end): then what it would rather take is waited for, and a way is
//! given up as soon as a preferred one is complete. This is how a backtracking matcher with priorities runs in step
//! with its input (Pike's simulation; Cox, "Regular expression matching: the virtual machine approach", 2009).

use super::Event;
use super::pattern::{Pattern, Ruled};
use super::rows::FailedCondition;
use super::runs::{Kept, KeptEvents};
use super::ways::{SPENT, Taken, Way, keep_preferred};
use crate::message::EventTime;
use millstream_ir::eval::eval;
use millstream_ir::pattern::{Clock, Edge, Event as On, EventTest, MatchMode, MatchRead, ReadPart};
use millstream_ir::value::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// When something happens to runs: their events and clocks are worked on in this order, clocks behind the events of
/// their time.
#[derive(Clone, Copy)]
pub enum Moment {
    /// The event with this number.
    Event(u64, EventTime),
    Clock(EventTime),
}

/// The time of the clock that ends all runs: that of the end of the input.
pub const END: EventTime = EventTime::MAX;

#[derive(Clone)]
pub struct Run {
    /// The number of its first event, and its time.
    pub start: u64,
    pub began: EventTime,
    /// Its ways at its first event.
    pub begun: Arc<[Way]>,
    /// The preferred first.
    pub ways: Vec<Way>,
    /// The way in which it is complete, if that waits whether it can take more.
    pub best: Option<Way>,
    /// Whether it has had a match: with `all` it can have several.
    pub has_matched: bool,
    /// Whether it is out of time for events.
    pub is_over: bool,
}

/// A run at a moment, before it is known whether its events are free.
pub struct Going {
    /// As it was before the moment.
    pub before: Run,
    /// With it.
    pub run: Run,
    /// The ways in which it is complete: one, but with `all`.
    pub complete: Vec<Way>,
    /// Whether it is over without being complete, and reported as far as it came.
    pub is_timeout: bool,
}

/// What growing a run needs to look at.
pub struct Growth<'a> {
    pub pattern: &'a Pattern,
    pub key: &'a [Value],
    pub events: &'a KeptEvents,
}

impl Growth<'_> {
    /// The run that begins with an event, if it fits.
    pub fn begin(
        &self,
        number: u64,
        is_quiet: &dyn Fn(usize, i64) -> bool,
        failures: &mut Vec<FailedCondition>,
    ) -> Option<Going> {
        let kept = self.events.get(number);
        let began = kept.event.time;
        let quiet = |edge: &&Edge| {
            edge.quiet.iter().all(|(absence, clock)| match self.pattern.spec.clocks[*clock] {
                Clock::Fixed(duration) => is_quiet(*absence, duration),
                Clock::Computed { .. } => true,
            })
        };
        let nowhere = Way::nowhere();
        let mut begun = vec![];
        for edge in self.pattern.edges(0).iter().filter(quiet) {
            if let On::Step(step) = edge.on
                && self.fits_step(step, kept, &nowhere, failures)
            {
                begun.push(self.along(&nowhere, edge, Moment::Event(number, began), failures));
            }
        }
        keep_preferred(self.pattern, &mut begun);
        if begun.is_empty() {
            return None;
        }
        let begun: Arc<[Way]> = begun.into();
        let run = Run {
            start: number,
            began,
            begun: begun.clone(),
            ways: vec![],
            best: None,
            has_matched: false,
            is_over: false,
        };
        let going =
            self.settle(&run, begun.iter().map(|way| (way.clone(), true)), Moment::Event(number, began));
        Some(going)
    }

    /// What becomes of a run at a moment.
    pub fn grow(&self, run: Run, moment: Moment, failures: &mut Vec<FailedCondition>) -> Going {
        let mut grown = vec![];
        for way in &run.ways {
            for edge in self.pattern.edges(way.state) {
                if way.is_open(edge) && self.leads(way, edge, moment, run.began, failures) {
                    grown.push((self.along(way, edge, moment, failures), true));
                }
            }
            grown.extend(self.stay(way, moment, run.best.is_some(), failures).map(|way| (way, false)));
        }
        self.settle(&run, grown.into_iter(), moment)
    }

    /// What becomes of a run at an event that another match has used up.
    pub fn pass_over(&self, run: Run, number: u64, failures: &mut Vec<FailedCondition>) -> Going {
        let moment = Moment::Event(number, self.events.get(number).event.time);
        let mut grown = vec![];
        for way in &run.ways {
            grown.extend(self.stay(way, moment, run.best.is_some(), failures).map(|way| (way, false)));
        }
        self.settle(&run, grown.into_iter(), moment)
    }

    /// Brings a run from its start up to a moment, over the events that are not used up.
    pub fn replay(&self, run: Run, until: Moment, failures: &mut Vec<FailedCondition>) -> Going {
        // Failures of conditions have been reported when the events came.
        let reported = failures.len();
        let fresh = Run { ways: vec![], best: None, is_over: false, ..run };
        let started = Moment::Event(fresh.start, fresh.began);
        let mut going = self.settle(&fresh, fresh.begun.iter().map(|way| (way.clone(), true)), started);
        let last = match until {
            Moment::Event(number, _) => number,
            Moment::Clock(_) => self.events.end().saturating_sub(1),
        };
        for number in fresh.start + 1..=last {
            if !going.complete.is_empty() {
                break;
            }
            let kept = self.events.get(number);
            going = self.run_clocks(going, kept.event.time, false, failures);
            if !going.complete.is_empty() {
                break;
            }
            going = if kept.used {
                self.pass_over(going.run, number, failures)
            } else {
                self.grow(going.run, Moment::Event(number, kept.event.time), failures)
            };
            going.run.ways.truncate(self.pattern.limit);
        }
        if let Moment::Clock(time) = until {
            going = self.run_clocks(going, time, true, failures);
            if time == END && going.complete.is_empty() {
                going = self.grow(going.run, until, failures);
            }
        }
        let is_now = |way: &Way| matches!(until, Moment::Clock(time) if time == way.since);
        if going.is_timeout && !going.complete.iter().all(is_now) {
            // What kept it going beyond its time is gone.
            going.complete.clear();
        }
        failures.truncate(reported);
        going
    }

    /// Lets the clocks of a run that has no match run down which are due before a time, or at it.
    fn run_clocks(
        &self,
        mut going: Going,
        until: EventTime,
        and_at: bool,
        failures: &mut Vec<FailedCondition>,
    ) -> Going {
        while let Some(due) = self.due(&going.run)
            && going.complete.is_empty()
            && (due < until || and_at && due == until)
        {
            going = self.grow(going.run, Moment::Clock(due), failures);
        }
        going
    }

    /// When something next happens to a run without an event.
    pub fn due(&self, run: &Run) -> Option<EventTime> {
        let clocks = run.ways.iter().flat_map(|way| {
            let edges = self.pattern.edges(way.state).iter().filter(|edge| way.is_open(edge));
            let clocks = edges.flat_map(|edge| match edge.on {
                On::Clock(clock) => vec![clock],
                On::Step(_) if run.best.is_some() => edge.limits.clone(),
                On::Step(_) => vec![],
            });
            clocks.map(|clock| way.deadline(self.pattern, clock)).filter(|at| *at != SPENT)
        });
        let mut due = clocks.min();
        if self.pattern.minds_expiry
            && !run.is_over
            && let Some(within) = self.pattern.spec.within
        {
            let over = run.began.saturating_add(within);
            due = Some(due.map_or(over, |due| due.min(over)));
        }
        due
    }

    /// Takes what a run's ways have become; each is said to have gone on, or to have stayed.
    fn settle(&self, run: &Run, grown: impl Iterator<Item = (Way, bool)>, moment: Moment) -> Going {
        let mut after = Run { ways: vec![], is_over: !self.takes_events(run.began, moment), ..run.clone() };
        let mut complete = vec![];
        if self.pattern.spec.mode == MatchMode::All {
            for (way, has_gone_on) in grown {
                if has_gone_on && self.pattern.is_complete(way.state) {
                    complete.push(way.clone());
                }
                after.ways.push(way);
            }
            let mut seen = HashSet::new();
            complete.retain(|way: &Way| seen.insert(way.choice()));
        } else if run.best.is_some() {
            for (way, has_gone_on) in grown {
                let is_complete = self.pattern.is_complete(way.state);
                if is_complete && has_gone_on {
                    after.best = Some(way.clone());
                }
                after.ways.push(way);
                if is_complete {
                    break;
                }
            }
        } else {
            after.ways = grown.map(|(way, _)| way).collect();
            if let Some(way) = after.ways.iter().find(|way| self.pattern.is_complete(way.state)) {
                after.best = Some(way.clone());
                after.ways = vec![way.clone()];
            }
        }
        keep_preferred(self.pattern, &mut after.ways);
        let furthest = self.timed_out(&after, moment);
        if matches!(moment, Moment::Clock(END)) {
            after.ways.clear();
        }
        let takes_events = !after.is_over;
        after.ways.retain(|way| self.is_alive(way, takes_events, moment));
        let mut is_timeout = false;
        if after.ways.is_empty() {
            complete.extend(after.best.take());
            if complete.is_empty()
                && !after.has_matched
                && let Some(way) = furthest
            {
                is_timeout = true;
                complete.push(way);
            }
        }
        after.has_matched |= !complete.is_empty();
        Going { before: run.clone(), run: after, complete, is_timeout }
    }

    /// The way that came furthest, where a run is out of time at a moment.
    fn timed_out(&self, run: &Run, moment: Moment) -> Option<Way> {
        let Moment::Clock(time) = moment else { return None };
        let within = self.pattern.spec.within.filter(|_| self.pattern.spec.or_timeout)?;
        if run.best.is_some() || run.began.saturating_add(within) != time {
            return None;
        }
        let alive = run.ways.iter().filter(|way| self.is_alive(way, true, moment));
        // Of those that came equally far, the first.
        let furthest = alive.rev().max_by_key(|way| way.rank)?;
        Some(Way { since: time, ..furthest.clone() })
    }

    /// Whether a run may take events behind a moment.
    fn takes_events(&self, began: EventTime, moment: Moment) -> bool {
        self.pattern.spec.within.is_none_or(|within| match moment {
            Moment::Event(_, time) => time <= began.saturating_add(within),
            Moment::Clock(time) => time < began.saturating_add(within),
        })
    }

    /// Whether a way may be complete, or take more, behind a moment.
    fn is_alive(&self, way: &Way, takes_events: bool, moment: Moment) -> bool {
        let (Moment::Event(_, time) | Moment::Clock(time)) = moment;
        let state = self.pattern.state(way.state);
        let run_down = state.clocks.iter().zip(&way.deadlines).filter(|(clock, at)| {
            **at == SPENT || **at < time && state.edges.iter().any(|edge| edge.limits.contains(clock))
        });
        let run_down = run_down.fold(0, |all, (clock, _)| all | 1 << clock);
        self.pattern.can_end(way.state, Ruled { broken: way.broken, run_down }, takes_events)
    }

    fn leads(
        &self,
        way: &Way,
        edge: &Edge,
        moment: Moment,
        began: EventTime,
        failures: &mut Vec<FailedCondition>,
    ) -> bool {
        match (edge.on, moment) {
            (On::Step(step), Moment::Event(number, time)) => {
                self.pattern.spec.within.is_none_or(|within| time <= began.saturating_add(within))
                    && way.is_in_time(self.pattern, edge, time)
                    && self.fits_step(step, self.events.get(number), way, failures)
            }
            (On::Clock(clock), Moment::Clock(time)) => way.deadline(self.pattern, clock) == time,
            _ => false,
        }
    }

    /// A way, gone on along an edge.
    fn along(&self, way: &Way, edge: &Edge, moment: Moment, failures: &mut Vec<FailedCondition>) -> Way {
        let state = self.pattern.state(edge.to);
        let mut next = Way { state: edge.to, rank: way.rank.max(self.pattern.rank(edge.on)), ..way.clone() };
        let carried = edge.carried_guards & state.guards;
        next.broken = way.broken & carried;
        next.is_by_clock = matches!(edge.on, On::Clock(_));
        match (edge.on, moment) {
            (On::Step(step), Moment::Event(number, time)) => {
                next.since = time;
                next.taken = Some(Arc::new(Taken { step, event: number, before: way.taken.clone() }));
                next.broken |= carried & self.pattern.touches;
                next.broken |= self.broken_by(carried & !next.broken, number, way, failures);
            }
            (_, Moment::Clock(time) | Moment::Event(_, time)) => next.since = time,
        }
        next.deadlines = state
            .clocks
            .iter()
            .map(|clock| match edge.carried_clocks.contains(clock) {
                true => way.deadline(self.pattern, *clock),
                false => next.since.saturating_add(self.duration(*clock, &next)),
            })
            .collect();
        next
    }

    /// A way behind a moment at which it did not go on; nothing if it is over.
    fn stay(
        &self,
        way: &Way,
        moment: Moment,
        waits: bool,
        failures: &mut Vec<FailedCondition>,
    ) -> Option<Way> {
        let mut stayed = way.clone();
        match moment {
            Moment::Event(number, _) => {
                if let Some(without) = self.pattern.spec.without
                    && self.broken_by(1 << without, number, way, failures) != 0
                {
                    return None;
                }
                let watched = self.pattern.state(way.state).guards;
                stayed.broken |= watched & self.pattern.touches;
                stayed.broken |= self.broken_by(watched & !stayed.broken, number, way, failures);
            }
            Moment::Clock(time) => {
                let state = self.pattern.state(way.state);
                // What a complete match still waits for must be known to be over when it is.
                for (clock, at) in state.clocks.iter().zip(&mut stayed.deadlines) {
                    let runs_down = state.edges.iter().any(|edge| edge.on == On::Clock(*clock));
                    if (runs_down || waits) && *at == time {
                        *at = SPENT;
                    }
                }
            }
        }
        Some(stayed)
    }

    /// Of these guards, the absences that an event breaks.
    pub fn broken_by(
        &self,
        watched: u64,
        number: u64,
        way: &Way,
        failures: &mut Vec<FailedCondition>,
    ) -> u64 {
        let mut broken = 0;
        for absence in (0..self.pattern.tests.len()).filter(|i| watched >> i & 1 == 1) {
            let mut tests =
                self.pattern.spec.absences[absence].tests.iter().zip(self.pattern.tests[absence].clone());
            let kept = self.events.get(number);
            if tests.any(|(test, place)| self.fits(test, place, kept, way, failures)) {
                broken |= 1 << absence;
            }
        }
        broken
    }

    fn duration(&self, clock: usize, way: &Way) -> i64 {
        match &self.pattern.spec.clocks[clock] {
            Clock::Fixed(duration) => *duration,
            Clock::Computed { duration, reads, most } => {
                let bindings = self.bindings(reads, way);
                match eval(duration, &|i| bindings.get(i).cloned().unwrap_or(Value::Null)) {
                    // A clock that has run down when it starts would never stop doing so.
                    Ok(Value::Duration(duration)) => duration.clamp(1, *most),
                    _ => *most,
                }
            }
        }
    }

    fn fits_step(&self, step: usize, kept: &Kept, way: &Way, failures: &mut Vec<FailedCondition>) -> bool {
        self.fits(&self.pattern.spec.steps[step].test, step, kept, way, failures)
    }

    /// Whether an event passes a test, which stands at a place among all.
    fn fits(
        &self,
        test: &EventTest,
        place: usize,
        kept: &Kept,
        way: &Way,
        failures: &mut Vec<FailedCondition>,
    ) -> bool {
        if test.reads.is_empty() {
            return kept.event.fits[place];
        }
        test.input == kept.event.input
            && fulfils(test, &kept.event, &self.bindings(&test.reads, way), failures)
    }

    /// The bindings as far as a way has come and someone looks at them: of a variable of which the ends
    /// are looked at, the events at the ends.
    fn bindings(&self, reads: &[MatchRead], way: &Way) -> Vec<Value> {
        let spec = &self.pattern.spec;
        let mut steps: Vec<Vec<Arc<[Value]>>> = vec![vec![]; spec.steps.len()];
        // In the order of the parts: what looks at all comes last.
        for read in reads {
            let record = |event: u64| self.events.get(event).event.record.clone();
            let mut taken = way.events_of(read.step).map(record);
            match read.part {
                ReadPart::First => steps[read.step].extend(taken.last()),
                ReadPart::Last => steps[read.step].extend(taken.next()),
                ReadPart::Count | ReadPart::All => {
                    let mut all: Vec<_> = taken.collect();
                    all.reverse();
                    steps[read.step] = all;
                }
            }
        }
        let variables =
            spec.steps.iter().zip(&steps).map(|(step, events)| super::rows::variable(step, events));
        self.key.iter().cloned().chain(variables).collect()
    }
}

/// Whether an event fulfils a test's condition; a condition that fails counts as no.
pub fn fulfils(
    test: &EventTest,
    event: &Event,
    bindings: &[Value],
    failures: &mut Vec<FailedCondition>,
) -> bool {
    if test.input != event.input {
        return false;
    }
    let Some(condition) = &test.condition else { return true };
    let n_columns = event.row.len();
    let column = |i: usize| event.row.get(i).or_else(|| bindings.get(i - n_columns)).cloned();
    match eval(condition, &|i| column(i).unwrap_or(Value::Null)) {
        Ok(value) => matches!(value, Value::Bool(true)),
        Err(error) => {
            failures.push(FailedCondition::new(error, event));
            false
        }
    }
}
