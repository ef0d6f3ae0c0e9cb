//! The runs of one partition, straight from the definition of matching in the language reference.
//!
//! An event that fits the first step begins a *run*. At each later event a run may *advance* (the event
//! fits the next step), *take* (it fits the repetition in progress) or *skip*; it goes on as all that
//! are possible, each a *way*, preferred in that order. A run is complete at the first event that
//! fulfils the pattern, in the way it prefers. A match uses its events up: other runs lose the ways
//! that hold one of them.
//!
//! Ways of a run that stand at the same step with the same count have the same future if no condition
//! looks at the events taken; then only the preferred one is kept, and there are at most as many ways
//! as the pattern has counts. A run that loses an event is computed again from the events since its
//! start, without those used up: that is exactly the ways that do not hold them.

use super::{Event, FailedCondition};
use crate::message::EventTime;
use millstream_ir::eval::{RowError, eval};
use millstream_ir::flow::{MatchSpec, MatchStep};
use millstream_ir::value::Value;
use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Default)]
pub struct Partition {
    /// The events since the start of the oldest run.
    events: VecDeque<Kept>,
    /// The number of the first of `events`.
    first: u64,
    /// In the order of their starts.
    runs: Vec<Run>,
}

struct Kept {
    event: Event,
    /// Per step: whether it fits, where that does not depend on events taken before.
    fits: Vec<bool>,
    used: bool,
}

struct Run {
    /// The number of its first event.
    start: u64,
    /// The preferred first.
    ways: Vec<Way>,
}

/// Where a way of a run stands.
#[derive(Clone)]
struct Way {
    step: usize,
    count: u32,
    taken: Option<Arc<Taken>>,
}

/// The events of a way, last first; ways share their beginnings.
struct Taken {
    step: usize,
    event: u64,
    before: Option<Arc<Taken>>,
}

/// A match: per step, its events.
pub struct Found {
    steps: Vec<Vec<Arc<[Value]>>>,
    start: EventTime,
    pub end: EventTime,
}

impl Found {
    /// The values of the spec's bindings.
    pub fn bindings(&self, spec: &MatchSpec, key: &[Value]) -> Vec<Value> {
        let variables = spec.steps.iter().zip(&self.steps).map(|(step, events)| variable(step, events));
        let times = [Value::Timestamp(self.start), Value::Timestamp(self.end)];
        key.iter().cloned().chain(variables).chain(times).collect()
    }
}

fn variable(step: &MatchStep, events: &[Arc<[Value]>]) -> Value {
    let mut records = events.iter().map(|row| Value::Record(row.clone()));
    if step.repeats { Value::List(records.collect()) } else { records.next().unwrap_or(Value::Null) }
}

impl Way {
    fn grown(&self, step: usize, count: u32, event: u64) -> Way {
        Way { step, count, taken: Some(Arc::new(Taken { step, event, before: self.taken.clone() })) }
    }

    fn is_complete(&self, spec: &MatchSpec) -> bool {
        self.step + 1 == spec.steps.len() && self.count >= spec.steps[self.step].min
    }

    fn events(&self) -> impl Iterator<Item = &Taken> {
        std::iter::successors(self.taken.as_deref(), |t| t.before.as_deref())
    }
}

impl Partition {
    /// Takes the partition's next event; the match that is complete with it, if any.
    pub fn take(
        &mut self,
        spec: &MatchSpec,
        key: &[Value],
        event: Event,
        failures: &mut Vec<FailedCondition>,
    ) -> Option<Found> {
        self.expire(spec, event.time);
        let fits = spec
            .steps
            .iter()
            .map(|s| !s.correlated && self.fits(spec, key, s, &event, None, failures))
            .collect();
        let number = self.first + self.events.len() as u64;
        let begins = self.events.len();
        self.events.push_back(Kept { event, fits, used: false });
        let mut grown: Vec<Vec<Way>> = Vec::with_capacity(self.runs.len());
        for run in &self.runs {
            let ways = self.grow(spec, key, &run.ways, number, failures);
            if let Some(way) = ways.iter().find(|w| w.is_complete(spec)) {
                let way = way.clone();
                return Some(self.report(spec, key, way, failures));
            }
            grown.push(ways);
        }
        for (run, ways) in self.runs.iter_mut().zip(grown) {
            run.ways = ways;
        }
        if self.begins(spec, key, begins, failures) {
            let start = Way { step: 0, count: 0, taken: None }.grown(0, 1, number);
            if start.is_complete(spec) {
                return Some(self.report(spec, key, start, failures));
            }
            self.runs.push(Run { start: number, ways: vec![start] });
        }
        self.forget();
        None
    }

    /// Drops what is out of time at this watermark; whether anything is left.
    pub fn sweep(&mut self, spec: &MatchSpec, watermark: EventTime) -> bool {
        self.expire(spec, watermark);
        self.forget();
        !self.runs.is_empty()
    }

    fn begins(
        &self,
        spec: &MatchSpec,
        key: &[Value],
        at: usize,
        failures: &mut Vec<FailedCondition>,
    ) -> bool {
        let kept = &self.events[at];
        let first = &spec.steps[0];
        if first.correlated { self.fits(spec, key, first, &kept.event, None, failures) } else { kept.fits[0] }
    }

    /// The ways that a run's ways become at an event: advance, take, skip each.
    fn grow(
        &self,
        spec: &MatchSpec,
        key: &[Value],
        ways: &[Way],
        number: u64,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Way> {
        let kept = &self.events[(number - self.first) as usize];
        let mut fits = |step: usize, way: &Way| match &spec.steps[step] {
            s if s.correlated => self.fits(spec, key, s, &kept.event, Some(way), failures),
            _ => kept.fits[step],
        };
        let mut grown: Vec<Way> = vec![];
        for way in ways {
            let step = &spec.steps[way.step];
            let next = way.step + 1;
            if next < spec.steps.len() && way.count >= step.min && fits(next, way) {
                grown.push(way.grown(next, 1, number));
            }
            if step.max.is_none_or(|max| way.count < max) && fits(way.step, way) {
                grown.push(way.grown(way.step, way.count + 1, number));
            }
            grown.push(way.clone());
        }
        if !spec.steps.iter().any(|s| s.correlated) {
            keep_preferred(spec, &mut grown);
        }
        if grown.len() > spec.limit {
            let reason =
                format!("the pattern holds more than {} ways; the least preferred are given up", spec.limit);
            failures.push(failed(RowError { reason, span: spec.span }, &kept.event));
            grown.truncate(spec.limit);
        }
        grown
    }

    /// Uses a way's events up and makes a match of them.
    fn report(
        &mut self,
        spec: &MatchSpec,
        key: &[Value],
        way: Way,
        failures: &mut Vec<FailedCondition>,
    ) -> Found {
        let mut steps = vec![vec![]; spec.steps.len()];
        let (mut start, mut end) = (EventTime::MAX, EventTime::MIN);
        for taken in way.events() {
            let kept = &mut self.events[(taken.event - self.first) as usize];
            kept.used = true;
            start = start.min(kept.event.time);
            end = end.max(kept.event.time);
            steps[taken.step].push(kept.event.record.clone());
        }
        steps.iter_mut().for_each(|s: &mut Vec<_>| s.reverse());
        let runs = std::mem::take(&mut self.runs);
        for run in runs {
            let is_used = |n: u64| self.events[(n - self.first) as usize].used;
            if is_used(run.start) {
                continue;
            }
            let touched = run.ways.iter().any(|w| w.events().any(|t| is_used(t.event)));
            let ways = if touched { self.replay(spec, key, run.start, failures) } else { run.ways };
            self.runs.push(Run { start: run.start, ways });
        }
        self.forget();
        Found { steps, start, end }
    }

    /// The ways of the run that begins with an event, over the events that are not used up.
    fn replay(
        &self,
        spec: &MatchSpec,
        key: &[Value],
        start: u64,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Way> {
        let mut ways = vec![Way { step: 0, count: 0, taken: None }.grown(0, 1, start)];
        // Failures of conditions have been reported when the events came.
        let reported = failures.len();
        for (i, kept) in self.events.iter().enumerate() {
            let number = self.first + i as u64;
            if number > start && !kept.used {
                ways = self.grow(spec, key, &ways, number, failures);
            }
        }
        failures.truncate(reported);
        ways
    }

    /// Whether an event fulfils a step's stream and condition; a condition that fails counts as no.
    fn fits(
        &self,
        spec: &MatchSpec,
        key: &[Value],
        step: &MatchStep,
        event: &Event,
        way: Option<&Way>,
        failures: &mut Vec<FailedCondition>,
    ) -> bool {
        if step.input != event.input {
            return false;
        }
        let Some(condition) = &step.condition else { return true };
        let bindings = if step.correlated { self.partial(spec, key, way) } else { vec![] };
        let n_columns = event.row.len();
        let column = |i: usize| event.row.get(i).or_else(|| bindings.get(i - n_columns)).cloned();
        match eval(condition, &|i| column(i).unwrap_or(Value::Null)) {
            Ok(value) => matches!(value, Value::Bool(true)),
            Err(error) => {
                failures.push(failed(error, event));
                false
            }
        }
    }

    /// The bindings as far as a way has come.
    fn partial(&self, spec: &MatchSpec, key: &[Value], way: Option<&Way>) -> Vec<Value> {
        let mut steps = vec![vec![]; spec.steps.len()];
        for taken in way.into_iter().flat_map(Way::events) {
            steps[taken.step].push(self.events[(taken.event - self.first) as usize].event.record.clone());
        }
        steps.iter_mut().for_each(|s: &mut Vec<_>| s.reverse());
        Found { steps, start: 0, end: 0 }.bindings(spec, key)
    }

    /// Ends the runs that exceed `within` at this time.
    fn expire(&mut self, spec: &MatchSpec, now: EventTime) {
        let (events, first) = (&self.events, self.first);
        self.runs.retain(|run| {
            let start = events[(run.start - first) as usize].event.time;
            start.saturating_add(spec.within) >= now
        });
    }

    /// Drops the events that no run looks back to.
    fn forget(&mut self) {
        let end = self.first + self.events.len() as u64;
        let needed = self.runs.first().map_or(end, |r| r.start);
        while self.first < needed {
            self.events.pop_front();
            self.first += 1;
        }
    }
}

fn failed(error: RowError, event: &Event) -> FailedCondition {
    FailedCondition { error, time: event.time, input: event.input, row: event.row.clone() }
}

/// Of ways at the same step with the same count (above the minimum, of an unbounded repetition, all
/// counts are the same), keeps the first.
fn keep_preferred(spec: &MatchSpec, ways: &mut Vec<Way>) {
    let mut seen: Vec<(usize, u32)> = vec![];
    ways.retain(|way| {
        let step = &spec.steps[way.step];
        let count = if step.max.is_none() { way.count.min(step.min) } else { way.count };
        let state = (way.step, count);
        let new = !seen.contains(&state);
        if new {
            seen.push(state);
        }
        new
    });
}
