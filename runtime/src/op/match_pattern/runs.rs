//! The runs of one partition where conditions look at events taken before, straight from the definition of matching in the language reference.
//!
//! An event that fits the first step begins a *run*. At each later event a run may *advance* (the event
//! fits the next step), *take* (it fits the repetition in progress) or *skip*; it goes on as all that
//! are possible, each a *way*, preferred in that order. A run is complete at the first event that
//! fulfils the pattern, in the way it prefers. A match uses its events up, if nothing else is said: other
//! runs lose the ways that hold one of them.
//!
//! Ways of a run that stand at the same step with the same count, and that took the same events where
//! conditions still to come look, have the same future; only the preferred one is kept. Without such
//! conditions there are at most as many ways as the pattern has counts; with them the pattern's limit
//! holds. A run that loses an event is computed again from the events since its start, without those
//! used up: that is exactly the ways that do not hold them.

use super::ways::{Taken, Way, keep_preferred, skipped};
use super::{Event, FailedCondition, Pattern, values_bytes};
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::eval::{RowError, eval};
use millstream_ir::flow::{MatchMode, MatchSpec, MatchStep, ReadPart};
use millstream_ir::value::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What a partition keeps.
pub struct Runs {
    /// The events since the start of the oldest run.
    events: VecDeque<Kept>,
    /// The number of the first of `events`.
    first: u64,
    /// In the order of their starts.
    runs: Vec<Run>,
    /// No event before this time begins a run.
    quiet_until: EventTime,
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

impl Default for Runs {
    fn default() -> Runs {
        Runs { events: VecDeque::new(), first: 0, runs: vec![], quiet_until: EventTime::MIN }
    }
}

/// A run at an event, before it is known whether the event is free.
struct Going {
    start: u64,
    /// Its ways before the event.
    before: Vec<Way>,
    /// Those with it.
    ways: Vec<Way>,
    /// The one that it prefers of those that are complete.
    complete: Option<Way>,
}

/// A match: per step, its events.
pub struct Found {
    pub steps: Vec<Vec<Arc<[Value]>>>,
    pub start: EventTime,
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

impl Going {
    fn new(pattern: &Pattern, start: u64, before: Vec<Way>, ways: Vec<Way>) -> Going {
        let complete = ways.iter().find(|way| way.is_complete(&pattern.spec)).cloned();
        Going { start, before, ways, complete }
    }

    /// The run behind the event.
    fn gone(self) -> Run {
        Run { start: self.start, ways: self.ways }
    }
}

impl Runs {
    /// Takes the partition's next event; the matches that are complete with it.
    pub fn take(
        &mut self,
        pattern: &Pattern,
        key: &[Value],
        event: Event,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Found> {
        self.expire(pattern, event.time);
        let steps = pattern.spec.steps.iter();
        let fits =
            steps.map(|s| s.reads.is_empty() && self.fits(pattern, key, s, &event, None, failures)).collect();
        let number = self.first + self.events.len() as u64;
        let begins = self.events.len();
        let time = event.time;
        self.events.push_back(Kept { event, fits, used: false });
        let going = std::mem::take(&mut self.runs).into_iter().map(|run| {
            let ways = self.grow(pattern, key, &run.ways, number, failures);
            Going::new(pattern, run.start, run.ways, ways)
        });
        let going: Vec<Going> = going.collect();
        let mut found = vec![];
        match pattern.spec.mode {
            MatchMode::UseUp => self.use_up(pattern, key, (number, going), &mut found, failures),
            MatchMode::Overlapping => {
                for run in going {
                    match &run.complete {
                        Some(way) => found.push(self.found(pattern, way)),
                        None => self.runs.push(run.gone()),
                    }
                }
            }
            MatchMode::Once(_) => match going.iter().find_map(|run| run.complete.as_ref()) {
                Some(way) => found.push(self.found(pattern, way)),
                None => self.runs = going.into_iter().map(Going::gone).collect(),
            },
        }
        self.be_quiet(pattern, &found);
        let mut is_full = self.keep_to_limit(pattern);
        let is_free = !self.events[begins].used && time >= self.quiet_until;
        if is_free && self.begins(pattern, key, begins, failures) {
            let start = Way::first(number);
            let n_ways: usize = self.runs.iter().map(|run| run.ways.len()).sum();
            if start.is_complete(&pattern.spec) {
                self.mark_used(pattern, &start);
                found.push(self.found(pattern, &start));
                self.be_quiet(pattern, &found);
            } else if n_ways < pattern.limit {
                self.runs.push(Run { start: number, ways: vec![start] });
            } else {
                is_full = true;
            }
        }
        if is_full {
            failures.push(too_many(pattern, &self.events[begins].event));
        }
        self.forget();
        found
    }

    /// Reports the runs that are complete with an event, the earliest first. Each uses its events up; the others lose
    /// the ways that hold one of them.
    fn use_up(
        &mut self,
        pattern: &Pattern,
        key: &[Value],
        (number, mut going): (u64, Vec<Going>),
        found: &mut Vec<Found>,
        failures: &mut Vec<FailedCondition>,
    ) {
        while let Some(at) = going.iter().position(|run| run.complete.is_some()) {
            let Some(way) = going.remove(at).complete else { break };
            self.mark_used(pattern, &way);
            found.push(self.found(pattern, &way));
            let is_used = |n: u64| self.events[(n - self.first) as usize].used;
            let others = going.into_iter().filter(|run| !is_used(run.start)).map(|run| {
                // Without the event, if that is used.
                let ways = if is_used(number) { skipped(pattern, &run.before) } else { run.ways };
                let is_touched = ways.iter().any(|way| way.events().any(|taken| is_used(taken.event)));
                let ways = if is_touched { self.replay(pattern, key, run.start, failures) } else { ways };
                Going::new(pattern, run.start, run.before, ways)
            });
            going = others.collect();
        }
        self.runs = going.into_iter().map(Going::gone).collect();
    }

    /// Lets no run begin for a time after a match, where the pattern says so.
    fn be_quiet(&mut self, pattern: &Pattern, found: &[Found]) {
        if let (MatchMode::Once(time), Some(found)) = (pattern.spec.mode, found.first()) {
            self.quiet_until = time.map_or(EventTime::MAX, |time| found.end.saturating_add(time));
        }
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
        !self.runs.is_empty() || self.quiet_until > watermark
    }

    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.u64(self.first);
        writer.sequence(self.events.iter(), |writer, kept| {
            writer.i64(kept.event.time);
            writer.count(kept.event.input);
            writer.value(&Value::Record(kept.event.row.clone()));
            writer.value(&Value::Record(kept.event.record.clone()));
            writer.sequence(kept.fits.iter(), |writer, fits| writer.bool(*fits));
            writer.bool(kept.used);
        });
        // Ways share their beginnings: each link is written once, behind the one before it.
        let mut numbers: HashMap<*const Taken, u64> = HashMap::new();
        let mut links: Vec<&Taken> = vec![];
        for way in self.runs.iter().flat_map(|run| &run.ways) {
            let unknown: Vec<&Taken> =
                way.events().take_while(|taken| !numbers.contains_key(&std::ptr::from_ref(*taken))).collect();
            for taken in unknown.into_iter().rev() {
                links.push(taken);
                numbers.insert(taken, links.len() as u64);
            }
        }
        let number = |link: &Option<Arc<Taken>>| {
            link.as_ref().and_then(|taken| numbers.get(&Arc::as_ptr(taken))).copied().unwrap_or(0)
        };
        writer.sequence(links.iter(), |writer, taken| {
            writer.count(taken.step);
            writer.u64(taken.event);
            writer.u64(number(&taken.before));
        });
        writer.sequence(self.runs.iter(), |writer, run| {
            writer.u64(run.start);
            writer.sequence(run.ways.iter(), |writer, way| {
                writer.count(way.step);
                writer.u32(way.count);
                writer.bool(way.has_missed);
                writer.u64(number(&way.taken));
            });
        });
        writer.i64(self.quiet_until);
    }

    /// What [`Runs::snapshot`] wrote of the same pattern.
    pub fn restore(pattern: &Pattern, reader: &mut SnapshotReader) -> Result<Runs, Corrupt> {
        let n_steps = pattern.spec.steps.len();
        let first = reader.u64()?;
        let events: VecDeque<Kept> = reader
            .sequence(|reader| {
                let (time, input) = (reader.i64()?, reader.count()?);
                let (Value::Record(row), Value::Record(record)) = (reader.value()?, reader.value()?) else {
                    return Err(Corrupt);
                };
                let fits = reader.sequence(SnapshotReader::bool)?;
                let event = Event { time, input, row, record };
                if fits.len() != n_steps || input >= pattern.spec.inputs.len() {
                    return Err(Corrupt);
                }
                Ok(Kept { event, fits, used: reader.bool()? })
            })?
            .into();
        let known = |event: u64| {
            let is_known = event.checked_sub(first).is_some_and(|at| at < events.len() as u64);
            if is_known { Ok(event) } else { Err(Corrupt) }
        };
        let step = |reader: &mut SnapshotReader| {
            reader.count().and_then(|n| if n < n_steps { Ok(n) } else { Err(Corrupt) })
        };
        let mut links: Vec<Arc<Taken>> = vec![];
        let find = |links: &[Arc<Taken>], number: u64| match number.checked_sub(1) {
            None => Ok(None),
            Some(at) => links.get(at as usize).cloned().map(Some).ok_or(Corrupt),
        };
        for _ in 0..reader.count()? {
            let (step, event, before) = (step(reader)?, known(reader.u64()?)?, reader.u64()?);
            let before = find(&links, before)?;
            links.push(Arc::new(Taken { step, event, before }));
        }
        let runs = reader.sequence(|reader| {
            let start = known(reader.u64()?)?;
            let ways = reader.sequence(|reader| {
                let (step, count, has_missed) = (step(reader)?, reader.u32()?, reader.bool()?);
                Ok(Way { step, count, has_missed, taken: find(&links, reader.u64()?)? })
            })?;
            Ok(Run { start, ways })
        })?;
        Ok(Runs { events, first, runs, quiet_until: reader.i64()? })
    }

    pub fn state_bytes(&self) -> usize {
        let bytes = |kept: &Kept| {
            let values = values_bytes(&kept.event.row) + values_bytes(&kept.event.record);
            size_of::<Kept>() + values + kept.fits.len()
        };
        let n_ways: usize = self.runs.iter().map(|run| run.ways.len()).sum();
        // A way has at least a link of its own.
        let of_way = size_of::<Way>() + size_of::<Taken>();
        self.events.iter().map(bytes).sum::<usize>() + n_ways * of_way + self.runs.len() * size_of::<Run>()
    }

    fn begins(
        &self,
        pattern: &Pattern,
        key: &[Value],
        at: usize,
        failures: &mut Vec<FailedCondition>,
    ) -> bool {
        let kept = &self.events[at];
        let first = &pattern.spec.steps[0];
        if first.reads.is_empty() {
            kept.fits[0]
        } else {
            self.fits(pattern, key, first, &kept.event, None, failures)
        }
    }

    /// The ways that a run's ways become at an event: advance, take, skip each.
    fn grow(
        &self,
        pattern: &Pattern,
        key: &[Value],
        ways: &[Way],
        number: u64,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Way> {
        let kept = &self.events[(number - self.first) as usize];
        let mut fits = |step: usize, way: &Way| match &pattern.spec.steps[step] {
            s if !s.reads.is_empty() => self.fits(pattern, key, s, &kept.event, Some(way), failures),
            _ => kept.fits[step],
        };
        let mut grown: Vec<Way> = vec![];
        for way in ways {
            let next = way.step + 1;
            if way.may_advance(pattern) && fits(next, way) {
                grown.push(way.grown(next, 1, number));
            }
            if way.may_take(pattern) && fits(way.step, way) {
                grown.push(way.grown(way.step, way.count + 1, number));
            }
            grown.extend(way.skipped(pattern));
        }
        keep_preferred(pattern, &mut grown);
        grown
    }

    /// Uses a way's events up, but those that are free.
    fn mark_used(&mut self, pattern: &Pattern, way: &Way) {
        if pattern.spec.mode == MatchMode::UseUp {
            for taken in way.events().filter(|taken| !pattern.spec.steps[taken.step].reuse) {
                self.events[(taken.event - self.first) as usize].used = true;
            }
        }
    }

    /// The match that a way is.
    fn found(&self, pattern: &Pattern, way: &Way) -> Found {
        let mut steps = vec![vec![]; pattern.spec.steps.len()];
        let (mut start, mut end) = (EventTime::MAX, EventTime::MIN);
        for taken in way.events() {
            let event = &self.events[(taken.event - self.first) as usize].event;
            start = start.min(event.time);
            end = end.max(event.time);
            steps[taken.step].push(event.record.clone());
        }
        steps.iter_mut().for_each(|s: &mut Vec<_>| s.reverse());
        Found { steps, start, end }
    }

    /// The ways of the run that begins with an event, over the events that are not used up.
    fn replay(
        &self,
        pattern: &Pattern,
        key: &[Value],
        start: u64,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Way> {
        let mut ways = vec![Way::first(start)];
        // Failures of conditions have been reported when the events came.
        let reported = failures.len();
        for (i, kept) in self.events.iter().enumerate() {
            let number = self.first + i as u64;
            if number <= start {
                continue;
            }
            ways = match kept.used {
                true => skipped(pattern, &ways),
                false => self.grow(pattern, key, &ways, number, failures),
            };
            ways.truncate(pattern.limit);
        }
        failures.truncate(reported);
        ways
    }

    fn fits(
        &self,
        pattern: &Pattern,
        key: &[Value],
        step: &MatchStep,
        event: &Event,
        way: Option<&Way>,
        failures: &mut Vec<FailedCondition>,
    ) -> bool {
        if step.input != event.input {
            return false;
        }
        let bindings = if step.reads.is_empty() { vec![] } else { self.partial(pattern, key, step, way) };
        fulfils(step, event, &bindings, failures)
    }

    /// The bindings as far as a way has come and the condition of a step looks at them: of a variable of
    /// which it looks at the ends, the events at the ends.
    fn partial(&self, pattern: &Pattern, key: &[Value], step: &MatchStep, way: Option<&Way>) -> Vec<Value> {
        let mut steps: Vec<Vec<Arc<[Value]>>> = vec![vec![]; pattern.spec.steps.len()];
        // In the order of the parts: what looks at all comes last.
        for read in &step.reads {
            let Some(way) = way else { continue };
            let record = |event: u64| self.events[(event - self.first) as usize].event.record.clone();
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
        Found { steps, start: 0, end: 0 }.bindings(&pattern.spec, key)
    }

    /// Ends the runs that exceed `within` at this time.
    fn expire(&mut self, pattern: &Pattern, now: EventTime) {
        let (events, first) = (&self.events, self.first);
        self.runs.retain(|run| {
            let start = events[(run.start - first) as usize].event.time;
            pattern.spec.within.is_none_or(|within| start.saturating_add(within) >= now)
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

/// Whether an event fulfils a step's stream and condition; a condition that fails counts as no.
pub fn fulfils(
    step: &MatchStep,
    event: &Event,
    bindings: &[Value],
    failures: &mut Vec<FailedCondition>,
) -> bool {
    if step.input != event.input {
        return false;
    }
    let Some(condition) = &step.condition else { return true };
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

fn failed(error: RowError, event: &Event) -> FailedCondition {
    FailedCondition { error, time: event.time, input: event.input, row: event.row.clone() }
}

fn too_many(pattern: &Pattern, event: &Event) -> FailedCondition {
    let reason =
        format!("the pattern holds more than {} ways; the least preferred are given up", pattern.limit);
    failed(RowError { reason, span: pattern.spec.span }, event)
}
