//! The runs of one partition where nothing but their own event decides what it is taken as. What a run can become then
//! depends on its first event only by time: whatever completes a later run completes an earlier one
//! too, with its own first event in the place of the later one's. So only the earliest run in time is
//! ever reported, and it is enough to know, for each state that a run can be in, the latest start of one
//! that is: an event costs a step per edge, however many runs there are. The events of a match are
//! looked for when there is one.

use super::rows::Found;
use super::{Event, values_bytes};
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::RowPlace;
use millstream_ir::pattern::{Edge, Event as On, MatchSpec};
use millstream_ir::value::Value;
use std::collections::VecDeque;
use std::sync::Arc;

/// What a run can have reached: the states of the automaton.
pub struct States {
    n_states: usize,
    /// What a run begins with.
    first: Lead,
    /// Per state, where events lead from there, the preferred first.
    leads: Vec<Vec<Lead>>,
    /// The states in which a run is complete, as bits.
    complete: u64,
    within: EventTime,
}

/// An event that fits the step leads to the state.
#[derive(Clone, Copy)]
struct Lead {
    step: usize,
    to: usize,
}

impl States {
    /// The states of a pattern; none if its runs cannot be merged.
    pub fn of(spec: &MatchSpec) -> Option<States> {
        if !spec.is_constant() {
            return None;
        }
        let leads = |edges: &[Edge]| {
            let lead = |edge: &Edge| match edge.on {
                On::Step(step) => Some(Lead { step, to: edge.to }),
                On::Clock(_) => None,
            };
            edges.iter().filter_map(lead).collect::<Vec<_>>()
        };
        let states = &spec.automaton.states;
        let complete = states.iter().enumerate().filter(|(_, state)| state.accepts.is_some());
        Some(States {
            n_states: states.len(),
            first: leads(&states[0].edges).first().copied()?,
            leads: states.iter().map(|state| leads(state.preferred())).collect(),
            complete: complete.fold(0, |complete, (number, _)| complete | 1 << number),
            within: spec.within.unwrap_or(EventTime::MAX),
        })
    }

    fn is_complete(&self, state: usize) -> bool {
        self.complete >> state & 1 == 1
    }

    /// Where an event leads, from and to.
    fn led<'s>(&'s self, fits: &'s [bool]) -> impl Iterator<Item = (usize, usize)> {
        // A run begins in the first state only once.
        let leads = self.leads.iter().enumerate().skip(1);
        leads.flat_map(move |(from, leads)| leads.iter().filter(|l| fits[l.step]).map(move |l| (from, l.to)))
    }
}

/// What a partition keeps.
#[derive(Default)]
pub struct Events {
    /// Since the start of the earliest run in time, which is the first.
    kept: VecDeque<Kept>,
    /// Per state, the latest start of a run that has reached it.
    latest: Vec<Option<EventTime>>,
}

struct Kept {
    time: EventTime,
    place: RowPlace,
    record: Arc<[Value]>,
    /// Per step.
    fits: Box<[bool]>,
    used: bool,
}

impl Events {
    /// Takes the partition's next event; the match that is complete with it, if any.
    pub fn take(&mut self, states: &States, spec: &MatchSpec, event: Event) -> Option<Found> {
        self.expire(states, event.time);
        let fits = event.fits;
        if !fits.contains(&true) || (self.kept.is_empty() && !fits[states.first.step]) {
            return None;
        }
        self.latest.resize(states.n_states, None);
        let is_complete = self.completes(states, &fits, event.time);
        if !is_complete {
            self.reach(states, &fits, event.time);
        }
        self.kept.push_back(Kept {
            time: event.time,
            place: event.place,
            record: event.record,
            fits,
            used: false,
        });
        if !is_complete {
            return None;
        }
        let first = self.kept.front().map(|e| e.time);
        let found = self.use_up(states, spec.steps.len());
        let n_used: usize = found.steps.iter().map(Vec::len).sum();
        self.forget(states);
        let is_next_later = self.kept.front().is_some_and(|e| Some(e.time) > first);
        match n_used {
            // Only the earliest run held its first event, and no run has taken the last.
            ..=2 if is_next_later => self.latest.iter_mut().filter(|l| **l <= first).for_each(|l| *l = None),
            _ => self.reach_again(states),
        }
        Some(found)
    }

    /// Calls `visit` with each state that a run has reached, and when the latest of these began.
    pub fn each_reached(&self, visit: &mut dyn FnMut(usize, EventTime)) {
        let reached = self.latest.iter().enumerate();
        reached.for_each(|(state, latest)| latest.iter().for_each(|began| visit(state, *began)));
    }

    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.sequence(self.kept.iter(), |writer, kept| {
            writer.i64(kept.time);
            writer.place(&kept.place);
            writer.value(&Value::Record(kept.record.clone()));
            kept.fits.iter().for_each(|fits| writer.bool(*fits));
            writer.bool(kept.used);
        });
        writer.sequence(self.latest.iter(), |writer, latest| {
            writer.bool(latest.is_some());
            writer.i64(latest.unwrap_or(0));
        });
    }

    /// What [`Events::snapshot`] wrote of a pattern with these states and so many steps.
    pub fn restore(states: &States, n_steps: usize, reader: &mut SnapshotReader) -> Result<Events, Corrupt> {
        let kept = reader.sequence(|reader| {
            let (time, place) = (reader.i64()?, reader.place()?);
            let Value::Record(record) = reader.value()? else { return Err(Corrupt) };
            let fits = (0..n_steps).map(|_| reader.bool()).collect::<Result<_, Corrupt>>()?;
            Ok(Kept { time, place, record, fits, used: reader.bool()? })
        })?;
        let latest = reader.sequence(|reader| {
            let is_reached = reader.bool()?;
            let start = reader.i64()?;
            Ok(is_reached.then_some(start))
        })?;
        if !latest.is_empty() && latest.len() != states.n_states {
            return Err(Corrupt);
        }
        Ok(Events { kept: kept.into(), latest })
    }

    pub fn state_bytes(&self) -> usize {
        let bytes = |kept: &Kept| size_of::<Kept>() + values_bytes(&kept.record) + kept.fits.len();
        self.kept.iter().map(bytes).sum::<usize>() + self.latest.len() * size_of::<Option<EventTime>>()
    }

    /// Lets the runs take all events that are left.
    fn reach_again(&mut self, states: &States) {
        self.latest.clear();
        self.latest.resize(states.n_states, None);
        let kept = std::mem::take(&mut self.kept);
        for event in kept.iter().filter(|e| !e.used) {
            self.reach(states, &event.fits, event.time);
        }
        self.kept = kept;
    }

    /// Drops what is out of time at this watermark; whether anything is left.
    pub fn sweep(&mut self, states: &States, watermark: EventTime) -> bool {
        self.expire(states, watermark);
        !self.kept.is_empty()
    }

    /// Whether a run is complete with an event.
    fn completes(&self, states: &States, fits: &[bool], time: EventTime) -> bool {
        let is_in_time = |start: EventTime| start.saturating_add(states.within) >= time;
        let completes =
            |(from, to): (usize, usize)| states.is_complete(to) && self.latest[from].is_some_and(is_in_time);
        fits[states.first.step] && states.is_complete(states.first.to) || states.led(fits).any(completes)
    }

    /// Lets every run go on with an event that completes none.
    fn reach(&mut self, states: &States, fits: &[bool], time: EventTime) {
        let before = self.latest.clone();
        for (from, to) in states.led(fits) {
            self.latest[to] = self.latest[to].max(before[from]);
        }
        if fits[states.first.step] {
            self.latest[states.first.to] = Some(time);
        }
    }

    /// The match of the earliest run, which is complete with the last event.
    fn use_up(&mut self, states: &States, n_steps: usize) -> Found {
        let completes = self.completing(states);
        let mut steps = vec![vec![]; n_steps];
        let (mut start, mut end, mut place) = (EventTime::MAX, EventTime::MIN, RowPlace::default());
        let mut state: Option<usize> = None;
        for (number, kept) in self.kept.iter_mut().enumerate() {
            let next = match state {
                None => Some(states.first),
                Some(state) => {
                    let fits = |lead: &&Lead| kept.fits[lead.step] && !kept.used;
                    let completes = |lead: &&Lead| completes[number] >> lead.to & 1 == 1;
                    states.leads[state].iter().filter(fits).find(completes).copied()
                }
            };
            let Some(next) = next else { continue };
            state = Some(next.to);
            kept.used = true;
            start = start.min(kept.time);
            end = end.max(kept.time);
            place = kept.place;
            steps[next.step].push(kept.record.clone());
        }
        Found { steps, start, end, place, is_timeout: false }
    }

    /// Per event, a bit per state: whether a run that has reached the state with that event can be complete
    /// with the last one.
    fn completing(&self, states: &States) -> Vec<u64> {
        let mut completes = vec![0u64; self.kept.len()];
        if let Some(last) = completes.last_mut() {
            *last = states.complete;
        }
        // The same, of a run that has reached the state before that event.
        let mut later = 0;
        for (kept, completes) in self.kept.iter().zip(&mut completes).rev() {
            *completes |= later;
            if !kept.used {
                let reaching = states.led(&kept.fits).filter(|(_, to)| *completes >> to & 1 == 1);
                later = reaching.fold(later, |later, (from, _)| later | 1 << from);
            }
        }
        completes
    }

    /// Ends the runs that are out of time.
    fn expire(&mut self, states: &States, now: EventTime) {
        while self.kept.front().is_some_and(|e| e.time.saturating_add(states.within) < now) {
            self.kept.pop_front();
        }
        self.forget(states);
    }

    /// Drops what stands before the earliest run.
    fn forget(&mut self, states: &States) {
        while self.kept.front().is_some_and(|e| e.used || !e.fits[states.first.step]) {
            self.kept.pop_front();
        }
        if self.kept.is_empty() {
            self.latest.clear();
        }
    }
}
