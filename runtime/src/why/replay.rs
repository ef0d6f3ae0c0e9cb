//! The runs of one key, event by event: what becomes of each, and of what it has taken when another is a match.

use super::automaton::Automaton;
use super::event::{Asked, Event};
use super::note::{Note, Notes};
use super::run::{END, Going, Moment, Run, Way, World};
use crate::message::EventTime;
use millstream_ir::batch::RowPlace;
use millstream_ir::pattern::{Event as On, MatchMode};
use millstream_ir::value::Value;
use std::collections::BTreeMap;

/// The replay of the events of one key.
pub struct Replay<'r> {
    automaton: &'r Automaton<'r>,
    key: &'r [Value],
    events: &'r [Event],
    /// How many events have come.
    n_come: usize,
    used: Vec<bool>,
    /// In the order of their starts.
    runs: Vec<Run>,
    /// No event before this time begins a run.
    quiet_until: EventTime,
    /// Of each absence that is asked for before a run begins, when it came last, and last before that time.
    seen: BTreeMap<usize, (EventTime, EventTime)>,
    n_matches: usize,
    limit: usize,
}

/// So many choices of a key are followed where the operator does not keep them one by one.
pub const MOST_CHOICES: usize = 10_000;

/// What happened at a moment.
pub struct Told {
    pub moment: Moment,
    pub time: EventTime,
    /// The runs that were live before it, in the order of their starts, and the one that it began.
    pub runs: Vec<RunTold>,
    /// Why the event began no run, if it did not.
    pub not_begun: Option<NotBegun>,
    pub matches: Vec<Found>,
}

pub enum NotBegun {
    /// What was asked of it.
    Unfit(Vec<Note>),
    /// No run begins before this time: there has been a match.
    Quiet(EventTime),
}

/// What happened to a run at a moment.
pub struct RunTold {
    pub start: usize,
    pub notes: Vec<Note>,
    pub outcome: Outcome,
    /// What leads on from where it stands now, and until when.
    pub waits_for: Vec<(On, Option<EventTime>)>,
    /// Per step, the events of the way that has come furthest.
    pub taken: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Began,
    WentOn,
    Stayed,
    /// It lost ways that held an event of the match of this run.
    Lost(usize),
    /// It is complete, and waits whether it can take more.
    Holds,
    /// It is the match with this number, from 1.
    Completes(usize),
    /// It is reported as far as it came, as the match with this number.
    TimedOut(usize),
    Ended(Ending),
}

/// Why a run ended without a match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Its `within` had passed at this time.
    OutOfTime(EventTime),
    /// An event came that must not, between two steps or at all.
    Absence(usize),
    /// The time of the next step had passed at this time.
    Limit(EventTime),
    /// Something lay in between.
    Parted,
    /// The match of this run used its events up.
    Used(usize),
    /// There was a match, of this run: all others end.
    Once(usize),
    /// The key held more ways than its limit, or more choices than are followed.
    TooMany,
}

/// A match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The run that it is of.
    pub run: usize,
    /// Per step, the numbers of its events.
    pub steps: Vec<Vec<usize>>,
    pub start: EventTime,
    pub end: EventTime,
    /// That of its last event.
    pub place: RowPlace,
    pub is_timeout: bool,
    /// The values of the bindings of the pattern.
    pub bindings: Vec<Value>,
}

impl<'r> Replay<'r> {
    /// `events` are those of the key in the total order.
    pub fn new(automaton: &'r Automaton<'r>, key: &'r [Value], events: &'r [Event]) -> Replay<'r> {
        Replay {
            automaton,
            key,
            events,
            n_come: 0,
            used: vec![false; events.len()],
            runs: vec![],
            quiet_until: EventTime::MIN,
            seen: automaton.quiet_before().keys().map(|a| (*a, (EventTime::MIN, EventTime::MIN))).collect(),
            n_matches: 0,
            limit: match () {
                () if automaton.merges_ways() => usize::MAX,
                () if automaton.has_compact_choices() => MOST_CHOICES,
                () => automaton.spec.limit,
            },
        }
    }

    /// Goes through all events, to the end of the input. `visit` is told what happened; why events were not taken
    /// only where it is wanted, by the moment.
    pub fn run(mut self, wanted: &dyn Fn(Moment, EventTime) -> bool, visit: &mut dyn FnMut(Told)) {
        for number in 0..self.events.len() {
            let time = self.events[number].time;
            self.run_clocks(time, wanted, visit);
            let moment = Moment::Event(number);
            visit(self.take(number, wanted(moment, time)));
        }
        self.run_clocks(END, wanted, visit);
        if self.runs.iter().any(|run| run.best.is_some()) {
            let moment = Moment::Clock(END);
            visit(self.at_clock(END, wanted(moment, END)));
        }
    }

    fn run_clocks(
        &mut self,
        before: EventTime,
        wanted: &dyn Fn(Moment, EventTime) -> bool,
        visit: &mut dyn FnMut(Told),
    ) {
        while let Some(due) = self.due().filter(|due| *due < before) {
            visit(self.at_clock(due, wanted(Moment::Clock(due), due)));
        }
    }

    fn due(&self) -> Option<EventTime> {
        self.runs.iter().filter_map(|run| self.world(&self.used).due(run)).min()
    }

    fn world<'w>(&'w self, used: &'w [bool]) -> World<'w> {
        World {
            automaton: self.automaton,
            key: self.key,
            events: self.events,
            n_come: self.n_come,
            used,
            limit: self.limit,
        }
    }

    fn take(&mut self, number: usize, wanted: bool) -> Told {
        let (moment, time) = (Moment::Event(number), self.events[number].time);
        self.n_come = number + 1;
        let mut told = Told { moment, time, runs: vec![], not_begun: None, matches: vec![] };
        self.expire(time, &mut told);
        let (mut going, mut notes) = self.grown(moment, wanted);
        if time < self.quiet_until {
            told.not_begun = Some(NotBegun::Quiet(self.quiet_until));
        } else {
            let is_quiet = |absence: usize, duration: i64| {
                let (last, before) =
                    self.seen.get(&absence).copied().unwrap_or((EventTime::MIN, EventTime::MIN));
                let last = if last < time { last } else { before };
                last < time.saturating_sub(duration)
            };
            let mut asked = Notes::new(wanted);
            match self.world(&self.used).begin(number, &is_quiet, &mut asked) {
                Some(begun) => {
                    going.push(begun);
                    notes.push(asked.notes);
                }
                None => told.not_begun = Some(NotBegun::Unfit(asked.notes)),
            }
        }
        self.conclude(moment, going, notes, &mut told);
        self.see(number);
        told
    }

    fn at_clock(&mut self, time: EventTime, wanted: bool) -> Told {
        let moment = Moment::Clock(time);
        let mut told = Told { moment, time, runs: vec![], not_begun: None, matches: vec![] };
        let (going, notes) = self.grown(moment, wanted);
        self.conclude(moment, going, notes, &mut told);
        told
    }

    /// What becomes of all runs, each by itself.
    fn grown(&mut self, moment: Moment, wanted: bool) -> (Vec<Going>, Vec<Vec<Note>>) {
        let runs = std::mem::take(&mut self.runs);
        let world = self.world(&self.used);
        let grow = |run| {
            let mut notes = Notes::new(wanted);
            (world.grow(run, moment, &mut notes), notes.notes)
        };
        runs.into_iter().map(grow).unzip()
    }

    /// What of the runs is a match, and what that does to the others.
    fn conclude(&mut self, moment: Moment, going: Vec<Going>, notes: Vec<Vec<Note>>, told: &mut Told) {
        let mut fates: Vec<Fate> =
            going.into_iter().zip(notes).map(|(going, notes)| Fate::new(going, notes)).collect();
        match self.automaton.spec.mode {
            MatchMode::UseUp => self.use_up(moment, &mut fates, told),
            MatchMode::Overlapping | MatchMode::All => {
                if self.automaton.has_compact_choices() {
                    self.keep_to_limit(&mut fates);
                }
                for fate in &mut fates {
                    self.report(fate, told);
                }
            }
            MatchMode::Once(time) => {
                if let Some(first) = fates.iter().position(|fate| !fate.going.complete.is_empty()) {
                    self.report(&mut fates[first], told);
                    let by = fates[first].going.run.start;
                    for (number, fate) in fates.iter_mut().enumerate() {
                        fate.going.run.ways.clear();
                        if number != first {
                            fate.outcome = Some(Outcome::Ended(Ending::Once(by)));
                        }
                    }
                    if let Some(found) = told.matches.first() {
                        self.quiet_until = time.map_or(EventTime::MAX, |time| found.end.saturating_add(time));
                    }
                }
            }
        }
        let mut room = self.limit;
        for fate in &mut fates {
            let run = &mut fate.going.run;
            if !run.ways.is_empty() && room == 0 {
                fate.outcome = Some(Outcome::Ended(Ending::TooMany));
            }
            run.ways.truncate(room);
            room -= run.ways.len();
        }
        for fate in fates {
            let told_of = self.tell(moment, &fate);
            told.runs.push(told_of);
            self.runs.extend(Some(fate.going.run).filter(|run| !run.ways.is_empty()));
        }
    }

    /// Gives up the choices with which an event completes more than are reported: those whose events, from the last to the
    /// first, are the earliest.
    fn keep_to_limit(&self, fates: &mut [Fate]) {
        let complete = fates.iter().flat_map(|fate| &fate.going.complete);
        let mut orders: Vec<_> = complete.map(|way| self.automaton.order_of(&way.taken)).collect();
        let n_over = orders.len().saturating_sub(self.automaton.spec.limit);
        if n_over == 0 {
            return;
        }
        orders.sort_unstable();
        let first = orders.swap_remove(n_over);
        for fate in fates {
            fate.going.complete.retain(|way| self.automaton.order_of(&way.taken) >= first);
        }
    }

    /// Reports the runs that are complete, the earliest first. Each uses its events up; the others lose the ways
    /// that hold one of them.
    fn use_up(&mut self, moment: Moment, fates: &mut [Fate], told: &mut Told) {
        while let Some(at) =
            fates.iter().position(|fate| !fate.is_reported() && !fate.going.complete.is_empty())
        {
            let by = fates[at].going.run.start;
            for way in &fates[at].going.complete {
                for (step, event) in &way.taken {
                    self.used[*event] |= !self.automaton.spec.steps[*step].reuse;
                }
            }
            self.report(&mut fates[at], told);
            fates[at].going.run.ways.clear();
            let world = self.world(&self.used);
            for fate in fates.iter_mut().filter(|fate| !fate.is_reported()) {
                let going = &fate.going;
                let holds_used = |run: &Run| {
                    let mut ways = run.ways.iter().chain(&run.best);
                    ways.any(|way| way.events().any(|event| self.used[event]))
                };
                if self.used[going.run.start] {
                    fate.lose(by, None);
                    continue;
                }
                let is_clock = matches!(moment, Moment::Clock(_));
                if holds_used(&going.before) || is_clock && holds_used(&going.run) {
                    fate.lose(by, Some(world.replay(going.before.clone(), moment)));
                } else if let Moment::Event(number) = moment
                    && self.used[number]
                    && going.before.start < number
                {
                    // Without the event, which is used.
                    let had_it =
                        going.run.ways.iter().chain(&going.run.best).any(|w| w.events().any(|e| e == number));
                    let without = world.pass_over(going.before.clone(), number, &mut Notes::new(false));
                    if had_it || !going.complete.is_empty() {
                        fate.lose(by, Some(without));
                    } else {
                        fate.going = without;
                    }
                }
            }
        }
    }

    /// Takes down the matches of a run that is complete.
    fn report(&mut self, fate: &mut Fate, told: &mut Told) {
        for way in &fate.going.complete {
            self.n_matches += 1;
            fate.outcome = Some(match fate.going.is_timeout {
                true => Outcome::TimedOut(self.n_matches),
                false => Outcome::Completes(self.n_matches),
            });
            told.matches.push(self.found(fate.going.run.start, way, fate.going.is_timeout));
        }
    }

    fn found(&self, run: usize, way: &Way, is_timeout: bool) -> Found {
        let world = self.world(&self.used);
        let steps = world.events_by_step(way);
        let times = way.events().map(|event| self.events[event].time);
        let start = times.min().unwrap_or(way.since);
        let place = way.taken.last().map_or(RowPlace::default(), |(_, event)| self.events[*event].place);
        let of_match = [Value::Timestamp(start), Value::Timestamp(way.since), Value::Bool(is_timeout)];
        let variables = world.variables(&steps);
        let bindings = self.key.iter().cloned().chain(variables).chain(of_match).collect();
        Found { run, start, end: way.since, place, is_timeout, bindings, steps }
    }

    fn tell(&self, moment: Moment, fate: &Fate) -> RunTold {
        let world = self.world(&self.used);
        let run = &fate.going.run;
        let went_on = fate.notes.iter().any(|note| matches!(note, Note::Took(_) | Note::RanDown(_)));
        let outcome = match fate.outcome {
            Some(Outcome::Lost(by)) if run.ways.is_empty() => Outcome::Ended(Ending::Used(by)),
            Some(outcome) => outcome,
            None if run.ways.is_empty() => Outcome::Ended(self.ending(moment, fate)),
            None if moment == Moment::Event(run.start) => Outcome::Began,
            None if run.best.is_some() && (went_on || fate.going.before.best.is_none()) => Outcome::Holds,
            None if went_on => Outcome::WentOn,
            None => Outcome::Stayed,
        };
        let ways = if run.ways.is_empty() { &fate.going.before.ways } else { &run.ways };
        let best = run.best.as_ref().or_else(|| world.furthest(ways));
        let way = fate.going.complete.first().filter(|_| fate.is_reported()).or(best);
        RunTold {
            start: run.start,
            notes: fate.notes.clone(),
            outcome,
            waits_for: world.waits_for(run),
            taken: way.map_or(vec![], |way| world.events_by_step(way)),
        }
    }

    /// Why a run has no way left.
    fn ending(&self, moment: Moment, fate: &Fate) -> Ending {
        let time = match moment {
            Moment::Event(number) => self.events[number].time,
            Moment::Clock(time) => time,
        };
        let world = self.world(&self.used);
        let broken = fate.notes.iter().find_map(|note| match note {
            Note::Broke(absence) | Note::Intruder(absence) => Some(*absence),
            _ => None,
        });
        let over = world.over(fate.going.run.began).filter(|over| *over <= time);
        let waited = world.waits_for(&fate.going.before);
        let limit = waited.iter().filter_map(|(_, until)| *until).filter(|until| *until <= time).max();
        match (broken, over, limit) {
            (Some(absence), ..) => Ending::Absence(absence),
            (None, Some(over), _) => Ending::OutOfTime(over),
            (None, None, Some(limit)) => Ending::Limit(limit),
            (None, None, None) => Ending::Parted,
        }
    }

    /// Ends the runs that exceed `within` at this time.
    fn expire(&mut self, now: EventTime, told: &mut Told) {
        let runs = std::mem::take(&mut self.runs);
        for mut run in runs {
            let over = self.world(&self.used).over(run.began).filter(|over| *over < now);
            let Some(over) = over.filter(|_| run.best.is_none()) else {
                self.runs.push(run);
                continue;
            };
            let taken = {
                let world = self.world(&self.used);
                world.furthest(&run.ways).map_or(vec![], |way| world.events_by_step(way))
            };
            let waits_for = self.world(&self.used).waits_for(&run);
            run.ways.retain(|way| self.automaton.ends_by_clocks(way.state));
            if run.ways.is_empty() {
                let outcome = Outcome::Ended(Ending::OutOfTime(over));
                told.runs.push(RunTold { start: run.start, notes: vec![], outcome, waits_for, taken });
            } else {
                self.runs.push(run);
            }
        }
    }

    /// Remembers the absences that an event breaks.
    fn see(&mut self, number: usize) {
        let event = &self.events[number];
        for (absence, (last, before)) in &mut self.seen {
            let tests = &self.automaton.spec.absences[*absence].tests;
            if tests.iter().any(|test| event.asks(test, &[]) == Asked::Fits) && *last < event.time {
                (*last, *before) = (event.time, *last);
            }
        }
    }
}

/// A run at a moment, and what is to be told of it.
struct Fate {
    going: Going,
    notes: Vec<Note>,
    outcome: Option<Outcome>,
}

impl Fate {
    fn new(going: Going, notes: Vec<Note>) -> Fate {
        Fate { going, notes, outcome: None }
    }

    fn is_reported(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Completes(_) | Outcome::TimedOut(_)))
    }

    /// It loses ways to the match of a run: what is left of it, if anything.
    fn lose(&mut self, by: usize, left: Option<Going>) {
        self.outcome = Some(Outcome::Lost(by));
        match left {
            Some(left) => self.going = left,
            None => {
                self.going.run.ways.clear();
                self.going.complete.clear();
            }
        }
    }
}
