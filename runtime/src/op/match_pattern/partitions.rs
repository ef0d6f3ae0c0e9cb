//! What is kept of each partition where runs and their ways are kept one by one, and the way of an event to them.

mod snapshot;

use super::contents::Run;
use super::growth::fulfils;
use super::merged::Events;
use super::pattern::{Known, Pattern};
use super::rows::{Answers, FailedCondition, Found};
use super::runs::Runs;
use super::{Event, Matcher, values_bytes};
use crate::message::{EventTime, Watermark};
use crate::op::reorder::Due;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column as ColumnValues, ColumnData};
use millstream_ir::pattern::EventTest;
use millstream_ir::value::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// So many partitions more than twice those that were left are cleared, whatever the watermark.
const FEW: usize = if cfg!(test) { 2 } else { 1 << 10 };

type Key = Arc<[Value]>;

pub struct Partitions {
    of_key: HashMap<Key, Partition>,
    /// When something next happens in a partition without an event.
    due: BTreeSet<(EventTime, Key)>,
    /// How many partitions have a match that waits whether it can take more, by when its run began.
    held: BTreeMap<EventTime, usize>,
    /// The watermark at which partitions were last cleared of what is out of time.
    swept: EventTime,
    /// How many were left.
    n_swept: usize,
}

/// What is kept of a partition, and where it stands in the lists of all.
struct Partition {
    state: State,
    due: Option<EventTime>,
    held: Option<EventTime>,
}

enum State {
    Merged(Events),
    Apart(Runs),
}

impl State {
    fn new(pattern: &Pattern) -> State {
        match pattern.states {
            Some(_) => State::Merged(Events::default()),
            None => State::Apart(Runs::new(pattern)),
        }
    }

    /// Takes the partition's next event; the matches that are complete with it.
    fn take(
        &mut self,
        pattern: &Pattern,
        key: &[Value],
        event: Event,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Found> {
        match (self, &pattern.states) {
            (State::Merged(events), Some(states)) => {
                events.take(states, &pattern.spec, event).into_iter().collect()
            }
            (State::Apart(runs), _) => runs.take(pattern, key, event, failures),
            (State::Merged(_), None) => vec![],
        }
    }

    /// Drops what is out of time at this watermark; whether anything is left.
    fn sweep(&mut self, pattern: &Pattern, watermark: EventTime) -> bool {
        match (self, &pattern.states) {
            (State::Merged(events), Some(states)) => events.sweep(states, watermark),
            (State::Apart(runs), _) => runs.sweep(pattern, watermark),
            (State::Merged(_), None) => false,
        }
    }
}

impl Partition {
    fn new(state: State) -> Partition {
        Partition { state, due: None, held: None }
    }
}

impl Default for Partitions {
    fn default() -> Partitions {
        Partitions {
            of_key: HashMap::default(),
            due: BTreeSet::new(),
            held: BTreeMap::new(),
            swept: EventTime::MIN,
            n_swept: 0,
        }
    }
}

impl Partitions {
    /// Clears the partitions of what is out of time at a watermark, if there may be much of it.
    fn sweep(&mut self, pattern: &Pattern, watermark: EventTime) {
        let is_over = pattern.lasts().is_some_and(|time| watermark.saturating_sub(self.swept) >= time);
        if is_over || self.of_key.len() >= 2 * self.n_swept + FEW {
            self.swept = watermark;
            let due = &mut self.due;
            self.of_key.retain(|key, partition| {
                let is_kept = partition.state.sweep(pattern, watermark);
                if !is_kept && let Some(time) = partition.due {
                    due.remove(&(time, key.clone()));
                }
                is_kept
            });
            self.n_swept = self.of_key.len();
        }
    }

    fn take(
        &mut self,
        pattern: &Pattern,
        key: &Key,
        event: Event,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Found> {
        let partition = self.of_key.entry(key.clone()).or_insert_with(|| Partition::new(State::new(pattern)));
        let found = partition.state.take(pattern, key, event, failures);
        self.enlist(pattern, key);
        found
    }

    /// The key of the partition in which something happens next without an event, before a time.
    fn next_due(&self, before: EventTime) -> Option<(EventTime, Key)> {
        self.due.first().filter(|(time, _)| *time < before).cloned()
    }

    /// Lets the clocks of a partition run down that are due at a time.
    fn run_clocks(
        &mut self,
        pattern: &Pattern,
        (time, key): &(EventTime, Key),
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Found> {
        let found = match self.of_key.get_mut(key).map(|partition| &mut partition.state) {
            Some(State::Apart(runs)) => runs.run_clocks(pattern, key, *time, failures),
            _ => vec![],
        };
        self.enlist(pattern, key);
        found
    }

    /// Brings the lists up to what a partition now waits for.
    fn enlist(&mut self, pattern: &Pattern, key: &Key) {
        let Some(partition) = self.of_key.get_mut(key) else { return };
        let State::Apart(runs) = &partition.state else { return };
        let (due, held) = (runs.due(pattern), runs.held());
        if due != partition.due {
            if let Some(time) = partition.due {
                self.due.remove(&(time, key.clone()));
            }
            self.due.extend(due.map(|time| (time, key.clone())));
            partition.due = due;
        }
        if held != partition.held {
            if let Some(time) = partition.held
                && let Some(n) = self.held.get_mut(&time)
            {
                *n -= 1;
                if *n == 0 {
                    self.held.remove(&time);
                }
            }
            if let Some(time) = held {
                *self.held.entry(time).or_default() += 1;
            }
            partition.held = held;
        }
    }
}

impl Matcher for Partitions {
    fn take(&mut self, pattern: &Pattern, due: Due, answers: &mut Answers) {
        let mut finder = Finder::new(pattern, self, answers);
        match due {
            Due::Whole(input, batch) => (0..batch.n_rows).for_each(|row| finder.take(input, &batch, row)),
            Due::Rows(input, batch, numbers) => {
                numbers.iter().for_each(|row| finder.take(input, batch, *row as usize));
            }
            Due::Mixed(batches, picks) => picks.iter().for_each(|(batch, row)| {
                let (input, batch) = batches[*batch as usize];
                finder.take(input, batch, *row as usize);
            }),
        }
    }

    fn pass(&mut self, pattern: &Pattern, watermark: Watermark, answers: &mut Answers) {
        let mut finder = Finder::new(pattern, self, answers);
        finder.run_clocks(watermark.0);
        if watermark == Watermark::END {
            finder.end();
        }
        self.sweep(pattern, watermark.0);
    }

    fn held(&self) -> Option<EventTime> {
        self.held.keys().next().copied()
    }

    fn each_run(&self, _: &Pattern, visit: &mut dyn FnMut(Run)) {
        for (key, partition) in &self.of_key {
            let key = || key.to_vec();
            match &partition.state {
                State::Merged(events) => events.each_reached(&mut |state, began| {
                    visit(Run { key: &key, began, state, holds: None });
                }),
                State::Apart(runs) => runs.each_way(&mut |began, way| {
                    let holds = || {
                        let mut steps: Vec<usize> = way.events().map(|taken| taken.step).collect();
                        steps.reverse();
                        steps
                    };
                    visit(Run { key: &key, began, state: way.state, holds: Some(&holds) });
                }),
            }
        }
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.write(writer);
    }

    fn restore(&mut self, pattern: &Pattern, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.read(pattern, reader)
    }

    fn state_bytes(&self) -> usize {
        let of_each = self.of_key.iter().map(|(key, partition)| {
            let state = match &partition.state {
                State::Merged(events) => events.state_bytes(),
                State::Apart(runs) => runs.state_bytes(),
            };
            size_of::<Partition>() + values_bytes(key) + state
        });
        of_each.sum()
    }
}

/// What hands events, and clocks, to partitions in order.
struct Finder<'a> {
    pattern: &'a Pattern,
    partitions: &'a mut Partitions,
    answers: &'a mut Answers,
    /// Per test, of the event that is looked at: whether it may pass.
    may_fit: Vec<bool>,
    /// Its key.
    key: Vec<Value>,
}

/// Whether a condition that was computed for whole batches holds for a row.
fn is_true(column: &ColumnValues, row: usize) -> bool {
    match &column.data {
        ColumnData::Bool(values) => values[row] != 0 && column.is_valid(row),
        _ => false,
    }
}

impl<'a> Finder<'a> {
    fn new(pattern: &'a Pattern, partitions: &'a mut Partitions, answers: &'a mut Answers) -> Finder<'a> {
        Finder { pattern, partitions, answers, may_fit: vec![], key: vec![] }
    }

    fn take(&mut self, input: usize, batch: &Batch, row: usize) {
        let (pattern, inputs) = (self.pattern, self.answers.inputs.clone());
        let columns = &inputs[input];
        let time = match &batch.columns[columns.schema.time].data {
            ColumnData::I64(times) => times[row],
            _ => EventTime::MIN,
        };
        self.run_clocks(time);
        // As far as columns say it; what has to be asked may be.
        let may_fit = |(test, known): (&EventTest, &Known)| {
            test.input == input
                && match known {
                    Known::Column(column) => is_true(&batch.columns[*column], row),
                    Known::Always | Known::Asked | Known::OfWay => true,
                }
        };
        self.may_fit.clear();
        self.may_fit.extend(pattern.spec.tests().zip(&pattern.known).map(may_fit));
        if !pattern.minds_all && !self.may_fit.contains(&true) {
            return;
        }
        let value = |column: usize| batch.columns[column].value(row, &columns.types[column]);
        self.key.clear();
        self.key.extend(pattern.spec.inputs[input].keys.iter().map(|column| value(*column)));
        let is_known = self.partitions.of_key.contains_key(&self.key[..]);
        let matters = is_known || pattern.begins.iter().any(|test| self.may_fit[*test]);
        if !matters && !pattern.asks_alone {
            return;
        }
        let row_values = match pattern.asks {
            true => (0..batch.columns.len()).map(value).collect(),
            false => Arc::default(),
        };
        let n_steps = pattern.spec.steps.len();
        let record = match self.may_fit[..n_steps].contains(&true) {
            true => {
                let fields = pattern.spec.inputs[input].fields.iter();
                fields.map(|field| field.map_or(Value::Null, value)).collect()
            }
            false => Arc::default(),
        };
        let (place, fits) = (batch.origin.place(row), Box::default());
        let mut event = Event { time, input, place, row: row_values, record, fits };
        let mut failures = vec![];
        let tests = pattern.spec.tests().zip(&pattern.known).zip(&self.may_fit);
        let fits = tests.map(|((test, known), may_fit)| match known {
            Known::Always | Known::Column(_) => *may_fit,
            Known::Asked => *may_fit && fulfils(test, &event, &[], &mut failures),
            Known::OfWay => false,
        });
        event.fits = fits.collect();
        let key: Key = self.key[..].into();
        if !matters {
            // Whatever is kept of its partition, a condition that fails is told.
            return self.report(&key, vec![], failures);
        }
        let found = self.partitions.take(pattern, &key, event, &mut failures);
        self.report(&key, found, failures);
    }

    /// Lets the clocks run down that are due before a time.
    fn run_clocks(&mut self, before: EventTime) {
        while let Some(due) = self.partitions.next_due(before) {
            let mut failures = vec![];
            let found = self.partitions.run_clocks(self.pattern, &due, &mut failures);
            self.report(&due.1, found, failures);
        }
    }

    /// Reports what still waits at the end of the input.
    fn end(&mut self) {
        let waiting = self.partitions.of_key.iter().filter(|(_, partition)| partition.held.is_some());
        let mut keys: Vec<Key> = waiting.map(|(key, _)| key.clone()).collect();
        keys.sort();
        for key in keys {
            let found = match self.partitions.of_key.get_mut(&key).map(|partition| &mut partition.state) {
                Some(State::Apart(runs)) => runs.end(self.pattern, &key),
                _ => vec![],
            };
            self.partitions.enlist(self.pattern, &key);
            self.report(&key, found, vec![]);
        }
    }

    fn report(&mut self, key: &[Value], found: Vec<Found>, failures: Vec<FailedCondition>) {
        // An event fails once, however many conditions and ways it fails in.
        if let Some(failure) = failures.into_iter().next() {
            self.answers.fail(failure);
        }
        for found in &found {
            self.answers.add(key, found);
        }
    }
}
