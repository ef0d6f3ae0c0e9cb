//! The runs of one partition where no condition looks at events taken before. What a run can become then
//! depends on its first event only by time: whatever completes a later run completes an earlier one
//! too, with its own first event in the place of the later one's. So only the earliest run in time is
//! ever reported, and it is enough to know, for each state that a run can be in, the latest start of one
//! that is: an event costs a step per state, however many runs there are. The events of a match are
//! looked for when there is one.

use super::runs::{Found, fulfils};
use super::{Event, FailedCondition, values_bytes};
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::flow::{MatchMode, MatchSpec, MatchStep, ways_of_run};
use millstream_ir::value::Value;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// As many as a mask has bits; more would cost more per event than runs do.
const MOST_STATES: u64 = u64::BITS as u64;

/// What a run can have reached: a step, and how many events of it. Those of one step stand together, by
/// count; what an unbounded repetition has beyond its minimum counts as the minimum. In the last state the
/// pattern is complete.
pub struct States {
    states: Vec<State>,
    /// Per step, the states between which an event that fits it leads.
    leads: Vec<Vec<(usize, usize)>>,
    within: EventTime,
}

struct State {
    step: usize,
    /// The states from which an event that fits the step leads here.
    from: Range<usize>,
    /// Whether a further event of the step leads here again.
    stays: bool,
}

impl States {
    /// The states of a pattern; none if they are too many, if conditions look at events taken before, or if it matters
    /// what lies in between or becomes of events.
    pub fn of(spec: &MatchSpec) -> Option<States> {
        let is_plain = |s: &MatchStep| s.reads.is_empty() && !s.next && !s.adjacent && !s.reuse;
        let are_merged = spec.mode == MatchMode::UseUp && spec.steps.iter().all(is_plain);
        if !are_merged || ways_of_run(&spec.steps) + 1 > MOST_STATES {
            return None;
        }
        let mut states: Vec<State> = vec![];
        let mut may_advance = 0..0;
        for (number, step) in spec.steps.iter().enumerate() {
            let is_last = number + 1 == spec.steps.len();
            let most = if is_last { step.min } else { step.max.unwrap_or(step.min) };
            let first = states.len();
            for count in 1..=most {
                let before = states.len();
                let from = if count == 1 { may_advance.clone() } else { before - 1..before };
                let stays = !is_last && step.max.is_none() && count == most;
                states.push(State { step: number, from, stays });
            }
            may_advance = first + step.min as usize - 1..states.len();
        }
        let leads = |step: usize| {
            let of_step = states.iter().enumerate().filter(move |(_, state)| state.step == step);
            let leads = of_step.flat_map(|(to, state)| {
                let stays = state.stays.then_some(to);
                state.from.clone().chain(stays).map(move |from| (from, to))
            });
            leads.collect()
        };
        let leads = (0..spec.steps.len()).map(leads).collect();
        Some(States { states, leads, within: spec.within.unwrap_or(EventTime::MAX) })
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
    record: Arc<[Value]>,
    /// Per step.
    fits: Box<[bool]>,
    used: bool,
}

impl Events {
    /// Takes the partition's next event; the match that is complete with it, if any.
    pub fn take(
        &mut self,
        states: &States,
        spec: &MatchSpec,
        event: Event,
        failures: &mut Vec<FailedCondition>,
    ) -> Option<Found> {
        self.expire(states, event.time);
        let fits: Box<[bool]> = spec.steps.iter().map(|s| fulfils(s, &event, &[], failures)).collect();
        if !fits.contains(&true) || (self.kept.is_empty() && !fits[0]) {
            return None;
        }
        self.latest.resize(states.states.len(), None);
        let is_complete = self.completes(states, &fits, event.time);
        if !is_complete {
            self.reach(states, &fits, event.time);
        }
        self.kept.push_back(Kept { time: event.time, record: event.record, fits, used: false });
        if !is_complete {
            return None;
        }
        let first = self.kept.front().map(|e| e.time);
        let found = self.use_up(states, spec.steps.len());
        let n_used: usize = found.steps.iter().map(Vec::len).sum();
        self.forget();
        let is_next_later = self.kept.front().is_some_and(|e| Some(e.time) > first);
        match n_used {
            // Only the earliest run held its first event, and no run has taken the last.
            ..=2 if is_next_later => self.latest.iter_mut().filter(|l| **l <= first).for_each(|l| *l = None),
            _ => self.reach_again(states),
        }
        Some(found)
    }

    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.sequence(self.kept.iter(), |writer, kept| {
            writer.i64(kept.time);
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
            let time = reader.i64()?;
            let Value::Record(record) = reader.value()? else { return Err(Corrupt) };
            let fits = (0..n_steps).map(|_| reader.bool()).collect::<Result<_, Corrupt>>()?;
            Ok(Kept { time, record, fits, used: reader.bool()? })
        })?;
        let latest = reader.sequence(|reader| {
            let is_reached = reader.bool()?;
            let start = reader.i64()?;
            Ok(is_reached.then_some(start))
        })?;
        if !latest.is_empty() && latest.len() != states.states.len() {
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
        self.latest.resize(states.states.len(), None);
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
        let Some((number, state)) = states.states.iter().enumerate().next_back() else { return false };
        let start = self.latest_before(number, state, time);
        fits[state.step] && start.is_some_and(|start| start.saturating_add(states.within) >= time)
    }

    /// Lets every run go on with an event that completes none.
    fn reach(&mut self, states: &States, fits: &[bool], time: EventTime) {
        // From the last state on, so that an event is taken once.
        for (number, state) in states.states.iter().enumerate().rev() {
            if fits[state.step] {
                let latest = self.latest_before(number, state, time);
                self.latest[number] = self.latest[number].max(latest);
            }
        }
    }

    /// The latest start of a run that an event at this time leads to a state.
    fn latest_before(&self, number: usize, state: &State, time: EventTime) -> Option<EventTime> {
        match number {
            0 => Some(time),
            _ => self.latest[state.from.clone()].iter().copied().max().flatten(),
        }
    }

    /// The match of the earliest run, which is complete with the last event.
    fn use_up(&mut self, states: &States, n_steps: usize) -> Found {
        let completes = self.completing(states);
        let mut steps = vec![vec![]; n_steps];
        let (mut start, mut end) = (EventTime::MAX, EventTime::MIN);
        let mut state: Option<usize> = None;
        for (number, kept) in self.kept.iter_mut().enumerate() {
            // The steps come in the order of preference: on to the next, then further in this one.
            let next = match state {
                None => Some(0),
                Some(state) => states.after(state, kept).find(|to| completes[number] & (1 << *to) != 0),
            };
            let Some(next) = next else { continue };
            state = Some(next);
            kept.used = true;
            start = start.min(kept.time);
            end = end.max(kept.time);
            steps[states.states[next].step].push(kept.record.clone());
        }
        Found { steps, start, end }
    }

    /// Per event, a bit per state: whether a run that has reached the state with that event can be complete
    /// with the last one.
    fn completing(&self, states: &States) -> Vec<u64> {
        let mut completes = vec![0u64; self.kept.len()];
        if let Some(last) = completes.last_mut() {
            *last = 1 << (states.states.len() - 1);
        }
        // The same, of a run that has reached the state before that event.
        let mut later = 0;
        for (kept, completes) in self.kept.iter().zip(&mut completes).rev() {
            *completes |= later;
            for leads in kept.fits.iter().zip(&states.leads).filter(|(fits, _)| **fits && !kept.used) {
                let reaching = leads.1.iter().filter(|(_, to)| *completes & (1 << *to) != 0);
                later = reaching.fold(later, |later, (from, _)| later | 1 << *from);
            }
        }
        completes
    }

    /// Ends the runs that are out of time.
    fn expire(&mut self, states: &States, now: EventTime) {
        while self.kept.front().is_some_and(|e| e.time.saturating_add(states.within) < now) {
            self.kept.pop_front();
        }
        self.forget();
    }

    /// Drops what stands before the earliest run.
    fn forget(&mut self) {
        while self.kept.front().is_some_and(|e| e.used || !e.fits[0]) {
            self.kept.pop_front();
        }
        if self.kept.is_empty() {
            self.latest.clear();
        }
    }
}

impl States {
    /// The states to which an event leads from another, the preferred first.
    fn after<'s>(&'s self, state: usize, event: &'s Kept) -> impl Iterator<Item = usize> + use<'s> {
        let step = self.states[state].step;
        let leads = move |to: &usize| {
            let target = &self.states[*to];
            let leads_here = target.from.contains(&state) || (*to == state && target.stays);
            leads_here && event.fits[target.step] && !event.used
        };
        let onward = (state + 1..self.states.len()).filter(move |to| self.states[*to].step == step + 1);
        onward
            .take(1)
            .chain([state + 1].into_iter().filter(|to| *to < self.states.len()))
            .chain([state])
            .filter(leads)
    }
}
