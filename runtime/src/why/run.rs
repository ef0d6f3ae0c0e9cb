//! One run of a pattern, as the reference of patterns describes it: at each moment its ways advance, take or stay, and
//! what they did, or why they could not, is noted down. Plain and slow: nothing is shared or prepared.

use super::automaton::{Automaton, Closed};
use super::event::{Asked, Event};
use super::note::{Note, Notes, Refusal};
use crate::message::EventTime;
use millstream_ir::eval::eval;
use millstream_ir::pattern::{Clock, Edge, Event as On, EventTest, Guards, MatchMode, MatchRead, ReadPart};
use millstream_ir::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// When something happens to runs. Clocks come behind the events of their time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// The event with this number.
    Event(usize),
    /// Clocks run down at this time.
    Clock(EventTime),
}

/// The time of the clock that ends all runs: that of the end of the input.
pub const END: EventTime = EventTime::MAX;

#[derive(Clone)]
pub struct Run {
    /// The number of its first event, by which it is known.
    pub start: usize,
    pub began: EventTime,
    /// Its ways at its first event.
    pub begun: Vec<Way>,
    /// The preferred first.
    pub ways: Vec<Way>,
    /// The way in which it is complete, while it waits whether it can take more.
    pub best: Option<Way>,
    pub has_matched: bool,
    /// Whether it is out of time for events.
    pub is_over: bool,
}

/// A choice of events, and where in the pattern it stands.
#[derive(Clone)]
pub struct Way {
    pub state: usize,
    /// The guards that are broken, of those that are watched for here.
    broken: Guards,
    /// When the clocks of its state run down; none for one that has, and along which the way did not go.
    deadlines: BTreeMap<usize, Option<EventTime>>,
    /// The time of its last event or clock.
    pub since: EventTime,
    /// The furthest in the pattern that it has been.
    rank: usize,
    /// Steps, and the events that they took.
    pub taken: Vec<(usize, usize)>,
}

/// A run at a moment, before it is known whether its events are free.
#[derive(Clone)]
pub struct Going {
    pub before: Run,
    pub run: Run,
    /// The ways in which it is complete: one, but with `all`.
    pub complete: Vec<Way>,
    pub is_timeout: bool,
}

/// What the runs of a key look at.
pub struct World<'w> {
    pub automaton: &'w Automaton<'w>,
    pub key: &'w [Value],
    pub events: &'w [Event],
    /// How many of them have come.
    pub n_come: usize,
    /// Per event: whether a match has used it up.
    pub used: &'w [bool],
    /// Ways that the key may hold.
    pub limit: usize,
}

impl Way {
    fn nowhere() -> Way {
        let deadlines = BTreeMap::new();
        Way { state: 0, broken: 0, deadlines, since: EventTime::MIN, rank: 0, taken: vec![] }
    }

    fn deadline(&self, clock: usize) -> Option<EventTime> {
        self.deadlines.get(&clock).copied().flatten()
    }

    pub fn events(&self) -> impl Iterator<Item = usize> {
        self.taken.iter().map(|(_, event)| *event)
    }

    fn events_of(&self, step: usize) -> Vec<usize> {
        self.taken.iter().filter(|(s, _)| *s == step).map(|(_, event)| *event).collect()
    }
}

impl World<'_> {
    /// The run that begins with an event, if it fits.
    pub fn begin(
        &self,
        number: usize,
        is_quiet: &dyn Fn(usize, i64) -> bool,
        notes: &mut Notes,
    ) -> Option<Going> {
        let moment = Moment::Event(number);
        let nowhere = Way::nowhere();
        let mut begun = vec![];
        for edge in self.automaton.edges(0) {
            let On::Step(step) = edge.on else { continue };
            let loud = edge.quiet.iter().find(|(absence, clock)| match self.automaton.spec.clocks[*clock] {
                Clock::Fixed(time) => !is_quiet(*absence, time),
                Clock::Computed { .. } => false,
            });
            if let Some((absence, clock)) = loud {
                notes.refuse(step, || Refusal::NotQuiet { absence: *absence, clock: *clock });
            } else if self.fits_step(step, number, &nowhere, notes) {
                notes.push(Note::Took(step));
                begun.push(self.along(&nowhere, edge, moment, notes));
            }
        }
        self.keep_preferred(&mut begun);
        if begun.is_empty() {
            return None;
        }
        let began = self.events[number].time;
        let ways = begun.iter().map(|way| (way.clone(), true)).collect();
        let run =
            Run { start: number, began, begun, ways: vec![], best: None, has_matched: false, is_over: false };
        Some(self.settle(run, ways, moment))
    }

    /// What becomes of a run at a moment.
    pub fn grow(&self, run: Run, moment: Moment, notes: &mut Notes) -> Going {
        let mut grown = vec![];
        for way in &run.ways {
            for edge in self.automaton.edges(way.state) {
                if self.leads(way, edge, moment, run.began, notes) {
                    notes.push(match edge.on {
                        On::Step(step) => Note::Took(step),
                        On::Clock(clock) => Note::RanDown(clock),
                    });
                    grown.push((self.along(way, edge, moment, notes), true));
                }
            }
            grown.extend(self.stay(way, moment, run.best.is_some(), notes).map(|way| (way, false)));
        }
        self.settle(run, grown, moment)
    }

    /// What becomes of a run at an event that a match has used up.
    pub fn pass_over(&self, run: Run, number: usize, notes: &mut Notes) -> Going {
        let moment = Moment::Event(number);
        let stay = |way: &Way| Some((self.stay(way, moment, run.best.is_some(), notes)?, false));
        let grown = run.ways.iter().filter_map(stay).collect();
        self.settle(run, grown, moment)
    }

    /// Brings a run from its start up to a moment, over the events that are not used up.
    pub fn replay(&self, run: Run, until: Moment) -> Going {
        let notes = &mut Notes::new(false);
        let started = Moment::Event(run.start);
        let begun = run.begun.iter().map(|way| (way.clone(), true)).collect();
        let fresh = Run { ways: vec![], best: None, is_over: false, ..run };
        let first = fresh.start + 1;
        let mut going = self.settle(fresh, begun, started);
        let last = match until {
            Moment::Event(number) => number,
            Moment::Clock(_) => self.n_come.saturating_sub(1),
        };
        for number in first..=last {
            going = self.run_clocks(going, self.events[number].time, false, notes);
            if !going.complete.is_empty() {
                break;
            }
            going = match self.used[number] {
                true => self.pass_over(going.run, number, notes),
                false => self.grow(going.run, Moment::Event(number), notes),
            };
            going.run.ways.truncate(self.limit);
            if !going.complete.is_empty() {
                break;
            }
        }
        if let Moment::Clock(time) = until {
            going = self.run_clocks(going, time, true, notes);
            if time == END && going.complete.is_empty() {
                going = self.grow(going.run, until, notes);
            }
        }
        let is_now = |way: &Way| until == Moment::Clock(way.since);
        if going.is_timeout && !going.complete.iter().all(is_now) {
            // What kept it going beyond its time is gone.
            going.complete.clear();
        }
        going
    }

    fn run_clocks(&self, mut going: Going, until: EventTime, and_at: bool, notes: &mut Notes) -> Going {
        while going.complete.is_empty()
            && let Some(due) = self.due(&going.run)
            && (due < until || and_at && due == until)
        {
            going = self.grow(going.run, Moment::Clock(due), notes);
        }
        going
    }

    /// When something next happens to a run without an event.
    pub fn due(&self, run: &Run) -> Option<EventTime> {
        let mut due = vec![];
        for way in &run.ways {
            for edge in self.automaton.edges(way.state).iter().filter(|edge| edge.guards & way.broken == 0) {
                match edge.on {
                    On::Clock(clock) => due.extend(way.deadline(clock)),
                    On::Step(_) if run.best.is_some() => {
                        due.extend(edge.limits.iter().filter_map(|clock| way.deadline(*clock)));
                    }
                    On::Step(_) => {}
                }
            }
        }
        if self.automaton.minds_expiry() && !run.is_over {
            due.extend(self.over(run.began));
        }
        due.into_iter().min()
    }

    /// When a run that began then is out of time.
    pub fn over(&self, began: EventTime) -> Option<EventTime> {
        self.automaton.spec.within.map(|within| began.saturating_add(within))
    }

    /// Takes what a run's ways have become; each is said to have gone on, or to have stayed.
    fn settle(&self, run: Run, grown: Vec<(Way, bool)>, moment: Moment) -> Going {
        let is_over = !self.takes_events(run.began, moment);
        let mut after = Run { ways: vec![], is_over, ..run.clone() };
        let is_complete = |way: &Way| self.automaton.is_complete(way.state);
        let mut complete = vec![];
        if self.automaton.spec.mode == MatchMode::All {
            let mut choices = BTreeSet::new();
            for (way, has_gone_on) in grown {
                if has_gone_on && is_complete(&way) && choices.insert(way.taken.clone()) {
                    complete.push(way.clone());
                }
                after.ways.push(way);
            }
        } else if run.best.is_some() {
            // What is preferred to being complete is waited for, and nothing else.
            for (way, has_gone_on) in grown {
                let ends = is_complete(&way);
                if ends && has_gone_on {
                    after.best = Some(way.clone());
                }
                after.ways.push(way);
                if ends {
                    break;
                }
            }
        } else {
            after.ways = grown.into_iter().map(|(way, _)| way).collect();
            if let Some(way) = after.ways.iter().find(|way| is_complete(way)).cloned() {
                after.best = Some(way.clone());
                after.ways = vec![way];
            }
        }
        self.keep_preferred(&mut after.ways);
        let furthest = self.timed_out(&after, moment);
        if moment == Moment::Clock(END) {
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
        Going { before: run, run: after, complete, is_timeout }
    }

    /// The way that came furthest, where a run is out of time at a moment and that is reported.
    fn timed_out(&self, run: &Run, moment: Moment) -> Option<Way> {
        let Moment::Clock(time) = moment else { return None };
        if !self.automaton.spec.or_timeout || run.best.is_some() || self.over(run.began) != Some(time) {
            return None;
        }
        let alive = run.ways.iter().filter(|way| self.is_alive(way, true, moment));
        // Of those that came equally far, the first.
        let furthest = alive.rev().max_by_key(|way| way.rank)?;
        Some(Way { since: time, ..furthest.clone() })
    }

    fn takes_events(&self, began: EventTime, moment: Moment) -> bool {
        self.over(began).is_none_or(|over| match moment {
            Moment::Event(number) => self.events[number].time <= over,
            Moment::Clock(time) => time < over,
        })
    }

    fn time(&self, moment: Moment) -> EventTime {
        match moment {
            Moment::Event(number) => self.events[number].time,
            Moment::Clock(time) => time,
        }
    }

    /// Whether a way may be complete, or take more, behind a moment.
    fn is_alive(&self, way: &Way, takes_events: bool, moment: Moment) -> bool {
        let edges = &self.automaton.state(way.state).edges;
        let has_run_down = |(clock, at): &(&usize, &Option<EventTime>)| match at {
            None => true,
            Some(at) => *at < self.time(moment) && edges.iter().any(|edge| edge.limits.contains(clock)),
        };
        let run_down = way.deadlines.iter().filter(has_run_down).map(|(clock, _)| *clock).collect();
        self.automaton.can_end(way.state, &Closed { broken: way.broken, run_down }, takes_events)
    }

    fn leads(&self, way: &Way, edge: &Edge, moment: Moment, began: EventTime, notes: &mut Notes) -> bool {
        let blocked = edge.guards & way.broken;
        match (edge.on, moment) {
            (On::Step(step), Moment::Event(number)) => {
                let time = self.events[number].time;
                let is_late = |clock: &&usize| way.deadline(**clock).is_none_or(|at| at < time);
                let refusal = if blocked & self.automaton.touch_guards() != 0 {
                    Some(Refusal::Parted)
                } else if blocked != 0 {
                    Some(Refusal::Absence(blocked.trailing_zeros() as usize))
                } else if let Some(over) = self.over(began).filter(|over| *over < time) {
                    Some(Refusal::OutOfTime(over))
                } else {
                    edge.limits.iter().find(is_late).map(|clock| Refusal::Limit(*clock))
                };
                if let Some(refusal) = refusal {
                    notes.refuse(step, || refusal);
                    return false;
                }
                self.fits_step(step, number, way, notes)
            }
            (On::Clock(clock), Moment::Clock(time)) => blocked == 0 && way.deadline(clock) == Some(time),
            _ => false,
        }
    }

    /// A way, gone on along an edge.
    fn along(&self, way: &Way, edge: &Edge, moment: Moment, notes: &mut Notes) -> Way {
        let state = self.automaton.state(edge.to);
        let rank = way.rank.max(self.automaton.rank(edge.on));
        let mut next = Way { state: edge.to, rank, since: self.time(moment), ..way.clone() };
        let carried = edge.carried_guards & state.guards;
        next.broken = way.broken & carried;
        if let (On::Step(step), Moment::Event(number)) = (edge.on, moment) {
            next.taken.push((step, number));
            next.broken |= carried & self.automaton.touch_guards();
            next.broken |= self.broken_by(carried & !next.broken, number, way, notes);
        }
        next.deadlines = BTreeMap::new();
        for clock in &state.clocks {
            let at = match edge.carried_clocks.contains(clock) {
                true => way.deadline(*clock),
                false => Some(next.since.saturating_add(self.duration(*clock, &next))),
            };
            next.deadlines.insert(*clock, at);
        }
        next
    }

    /// A way behind a moment at which it did not go on; none if it is over.
    fn stay(&self, way: &Way, moment: Moment, waits: bool, notes: &mut Notes) -> Option<Way> {
        let mut stayed = way.clone();
        let state = self.automaton.state(way.state);
        match moment {
            Moment::Event(number) => {
                if let Some(without) = self.automaton.spec.without
                    && self.broken_by(1 << without, number, way, notes) != 0
                {
                    notes.push(Note::Intruder(without));
                    return None;
                }
                stayed.broken |= state.guards & self.automaton.touch_guards();
                let newly = self.broken_by(state.guards & !stayed.broken, number, way, notes);
                for absence in (0..self.automaton.spec.absences.len()).filter(|i| newly >> i & 1 == 1) {
                    notes.push(Note::Broke(absence));
                }
                stayed.broken |= newly;
            }
            Moment::Clock(time) => {
                // What a complete match still waits for must be known to be over when it is.
                for (clock, at) in &mut stayed.deadlines {
                    let runs_down = state.edges.iter().any(|edge| edge.on == On::Clock(*clock));
                    if (runs_down || waits) && *at == Some(time) {
                        *at = None;
                    }
                }
            }
        }
        Some(stayed)
    }

    /// Of these guards, the absences that an event breaks.
    fn broken_by(&self, watched: Guards, number: usize, way: &Way, notes: &mut Notes) -> Guards {
        let mut broken = 0;
        for (absence, spec) in self.automaton.spec.absences.iter().enumerate() {
            let mut fits = |test: &EventTest| self.asks(test, number, way, notes) == Asked::Fits;
            if watched >> absence & 1 == 1 && spec.tests.iter().any(&mut fits) {
                broken |= 1 << absence;
            }
        }
        broken
    }

    fn duration(&self, clock: usize, way: &Way) -> i64 {
        match &self.automaton.spec.clocks[clock] {
            Clock::Fixed(duration) => *duration,
            Clock::Computed { duration, reads, most } => {
                let bindings = self.bindings(reads, way);
                match eval(duration, &|i| bindings.get(i).cloned().unwrap_or(Value::Null)) {
                    Ok(Value::Duration(duration)) => duration.clamp(1, *most),
                    _ => *most,
                }
            }
        }
    }

    fn fits_step(&self, step: usize, number: usize, way: &Way, notes: &mut Notes) -> bool {
        let test = &self.automaton.spec.steps[step].test;
        let asked = self.asks(test, number, way, notes);
        if asked != Asked::Fits {
            notes.refuse(step, || match asked {
                Asked::OfAnother => Refusal::Stream,
                _ => Refusal::Condition(self.bindings(&test.reads, way)),
            });
        }
        asked == Asked::Fits
    }

    fn asks(&self, test: &EventTest, number: usize, way: &Way, notes: &mut Notes) -> Asked {
        let asked = self.events[number].asks(test, &self.bindings(&test.reads, way));
        notes.has_failed |= asked == Asked::Failed;
        asked
    }

    /// The bindings as far as a way has come and someone looks at them: where only the ends of a variable
    /// are looked at, the events at its ends.
    fn bindings(&self, reads: &[MatchRead], way: &Way) -> Vec<Value> {
        let spec = self.automaton.spec;
        let mut seen: Vec<Vec<usize>> = vec![vec![]; spec.steps.len()];
        for read in reads {
            let events = way.events_of(read.step);
            match read.part {
                ReadPart::First => seen[read.step].extend(events.first()),
                ReadPart::Last => seen[read.step].extend(events.last()),
                ReadPart::Count | ReadPart::All => seen[read.step] = events,
            }
        }
        self.key.iter().cloned().chain(self.variables(&seen)).collect()
    }

    /// The values of variables that hold these events.
    pub fn variables(&self, events: &[Vec<usize>]) -> Vec<Value> {
        let value = |(step, events): (usize, &Vec<usize>)| {
            let step = &self.automaton.spec.steps[step];
            let mut records = events.iter().map(|event| self.events[*event].record(self.automaton.spec));
            match step.repeats {
                true => Value::List(records.collect::<Arc<[Value]>>()),
                false => records.next().unwrap_or(Value::Null),
            }
        };
        events.iter().enumerate().map(value).collect()
    }

    /// The events that a way took, by steps.
    pub fn events_by_step(&self, way: &Way) -> Vec<Vec<usize>> {
        (0..self.automaton.spec.steps.len()).map(|step| way.events_of(step)).collect()
    }

    /// Of ways with the same future, keeps the preferred.
    fn keep_preferred(&self, ways: &mut Vec<Way>) {
        let spec = self.automaton.spec;
        let mut seen = BTreeSet::new();
        ways.retain(|way| {
            let future = match spec.mode {
                // Each choice of events counts.
                MatchMode::All => way.taken.clone(),
                _ => self.looked_at(way),
            };
            let rank = if spec.or_timeout { way.rank } else { 0 };
            seen.insert((way.state, way.broken, way.deadlines.clone(), rank, future))
        });
    }

    /// The events that conditions still to come look at; of counts, how many there are.
    fn looked_at(&self, way: &Way) -> Vec<(usize, usize)> {
        let mut seen = vec![];
        for read in self.automaton.still_read(way.state) {
            let events = way.events_of(read.step);
            match read.part {
                ReadPart::First => seen.push((read.step, events.first().copied().unwrap_or(usize::MAX))),
                ReadPart::Last => seen.push((read.step, events.last().copied().unwrap_or(usize::MAX))),
                ReadPart::Count => seen.push((read.step, events.len())),
                ReadPart::All => {
                    seen.extend(events.into_iter().map(|event| (read.step, event)));
                    seen.push((read.step, usize::MAX));
                }
            }
        }
        seen
    }

    /// What a run waits for: the steps and clocks that lead on from its ways, the preferred first, and until when.
    pub fn waits_for(&self, run: &Run) -> Vec<(On, Option<EventTime>)> {
        let mut waits: Vec<(On, Option<EventTime>)> = vec![];
        for way in &run.ways {
            for edge in self.automaton.edges(way.state).iter().filter(|edge| edge.guards & way.broken == 0) {
                let until = match edge.on {
                    On::Clock(clock) => way.deadline(clock),
                    On::Step(_) => edge.limits.iter().filter_map(|clock| way.deadline(*clock)).min(),
                };
                let is_over = matches!(edge.on, On::Clock(_)) && until.is_none();
                if !is_over && !waits.iter().any(|(on, _)| *on == edge.on) {
                    waits.push((edge.on, until));
                }
            }
        }
        waits
    }

    /// How far a run has come: its preferred way among the furthest.
    pub fn furthest<'r>(&self, ways: &'r [Way]) -> Option<&'r Way> {
        let mut furthest: Option<&Way> = None;
        for way in ways {
            if furthest.is_none_or(|other| (way.rank, way.taken.len()) > (other.rank, other.taken.len())) {
                furthest = Some(way);
            }
        }
        furthest
    }
}
