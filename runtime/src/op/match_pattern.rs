//! Sequence patterns: brings events into the total order, hands each to the runs of its partition,
//! lets their clocks run down as the watermark passes, and makes rows of the matches. What a match is stands in
//! [`runs`]; where nothing but their own event decides what it is taken as, [`merged`] finds the same
//! matches for less.

mod growth;
mod merged;
mod pattern;
#[cfg(test)]
mod properties;
mod runs;
mod snapshot;
mod ways;

use crate::message::{EventTime, Message, Watermark};
use crate::op::order::without_late;
use crate::op::reorder::{Due, ReorderBuffer};
use crate::operator::{Failure, Operator, Output, Place};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use crate::watermark::WatermarkTracker;
use growth::fulfils;
use merged::Events;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin, RowPlace};
use millstream_ir::column::{Column as ColumnValues, ColumnBuilder, ColumnData};
use millstream_ir::eval::{RowError, eval};
use millstream_ir::flow::{Column, Flow, NodeId, Schema};
use millstream_ir::pattern::{EventTest, MatchSpec, MatchStep};
use millstream_ir::text::write_json;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use pattern::{Known, Pattern};
use runs::Runs;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub struct MatchPattern {
    pattern: Pattern,
    inputs: Vec<InputColumns>,
    tracker: WatermarkTracker,
    /// Events whose turn has not come: an earlier one may still arrive.
    waiting: ReorderBuffer,
    /// Whether an event at the watermark stands behind all that came before.
    in_order: bool,
    partitions: Partitions,
    /// The watermark that was passed on last.
    passed_on: Watermark,
    /// The watermark at which partitions were last cleared of what is out of time.
    swept: EventTime,
    /// How many were left.
    n_swept: usize,
}

/// So many partitions more than twice those that were left are cleared, whatever the watermark.
const FEW: usize = if cfg!(test) { 2 } else { 1 << 10 };

struct InputColumns {
    schema: Schema,
    types: Vec<Type>,
}

type Key = Arc<[Value]>;

#[derive(Default)]
struct Partitions {
    of_key: HashMap<Key, Partition>,
    /// When something next happens in a partition without an event.
    due: BTreeSet<(EventTime, Key)>,
    /// How many partitions have a match that waits whether it can take more, by when its run began.
    held: BTreeMap<EventTime, usize>,
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

impl Partitions {
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

/// A match: per step, its events.
pub struct Found {
    pub steps: Vec<Vec<Arc<[Value]>>>,
    pub start: EventTime,
    pub end: EventTime,
    /// That of its last event.
    pub place: RowPlace,
    /// Whether it is reported as far as it came.
    pub is_timeout: bool,
}

impl Found {
    /// The values of the spec's bindings.
    pub fn bindings(&self, spec: &MatchSpec, key: &[Value]) -> Vec<Value> {
        let variables = spec.steps.iter().zip(&self.steps).map(|(step, events)| variable(step, events));
        let times = [Value::Timestamp(self.start), Value::Timestamp(self.end), Value::Bool(self.is_timeout)];
        key.iter().cloned().chain(variables).chain(times).collect()
    }
}

/// The value of a step's variable.
fn variable(step: &MatchStep, events: &[Arc<[Value]>]) -> Value {
    let mut records = events.iter().map(|row| Value::Record(row.clone()));
    if step.repeats { Value::List(records.collect()) } else { records.next().unwrap_or(Value::Null) }
}

/// A row of an input at its place in the total order.
#[derive(Clone, Debug)]
pub struct Event {
    pub time: EventTime,
    pub input: usize,
    pub place: RowPlace,
    /// All columns of the row, where conditions are asked for each event.
    pub row: Arc<[Value]>,
    /// What a variable holds of it.
    pub record: Arc<[Value]>,
    /// Per test: whether it passes, where that does not depend on events taken before.
    pub fits: Box<[bool]>,
}

impl MatchPattern {
    pub fn new(flow: &Flow, node: NodeId, spec: Arc<MatchSpec>) -> MatchPattern {
        let inputs: Vec<InputColumns> = flow
            .node(node)
            .inputs
            .iter()
            .map(|id| flow.node(*id).schema.clone())
            .map(|schema| InputColumns { types: schema.types(), schema })
            .collect();
        MatchPattern {
            pattern: Pattern::new(spec),
            tracker: WatermarkTracker::new(inputs.len()),
            waiting: ReorderBuffer::new(inputs.iter().map(|input| input.schema.time).collect()),
            in_order: false,
            inputs,
            partitions: Partitions::default(),
            passed_on: Watermark::START,
            swept: Watermark::START.0,
            n_swept: 0,
        }
    }

    fn types(&self) -> Vec<&[Type]> {
        self.inputs.iter().map(|input| &input.types[..]).collect()
    }

    /// Works on all events that the watermark has passed, in order, and lets the clocks run down between them.
    fn release(&mut self, output: &mut Output) {
        let watermark = self.tracker.watermark();
        let MatchPattern { pattern, inputs, waiting, partitions, .. } = self;
        let rows = Rows::new(&pattern.spec);
        let mut finder = Finder { pattern, inputs, partitions, rows, output, may_fit: vec![], key: vec![] };
        waiting.release(watermark, self.in_order, &mut |due| match due {
            Due::Whole(input, batch) => (0..batch.n_rows).for_each(|row| finder.take(input, &batch, row)),
            Due::Rows(input, batch, numbers) => {
                numbers.iter().for_each(|row| finder.take(input, batch, *row as usize));
            }
            Due::Mixed(batches, picks) => picks.iter().for_each(|(batch, row)| {
                let (input, batch) = batches[*batch as usize];
                finder.take(input, batch, *row as usize);
            }),
        });
        finder.run_clocks(watermark.0);
        if watermark == Watermark::END {
            finder.end();
        }
        finder.rows.finish(output);
        let is_over = self.pattern.lasts().is_some_and(|time| watermark.0.saturating_sub(self.swept) >= time);
        if is_over || self.partitions.of_key.len() >= 2 * self.n_swept + FEW {
            self.swept = watermark.0;
            self.partitions.of_key.retain(|_, p| p.state.sweep(&self.pattern, watermark.0));
            self.n_swept = self.partitions.of_key.len();
        }
    }

    /// Passes the watermark on, as far as no match that still waits stands in its way.
    fn pass_on(&mut self, watermark: Watermark, output: &mut Output) {
        let held = self.partitions.held.keys().next().map_or(watermark, |time| Watermark(*time));
        let free = watermark.min(held);
        if free > self.passed_on {
            self.passed_on = free;
            output.messages.push(Message::Watermark(free));
        }
    }
}

/// What hands events, and clocks, to partitions in order.
struct Finder<'a> {
    pattern: &'a Pattern,
    inputs: &'a [InputColumns],
    partitions: &'a mut Partitions,
    rows: Rows,
    output: &'a mut Output,
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

impl Finder<'_> {
    fn take(&mut self, input: usize, batch: &Batch, row: usize) {
        let (pattern, columns) = (self.pattern, &self.inputs[input]);
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
        if !is_known && !pattern.begins.iter().any(|test| self.may_fit[*test]) {
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
            let schema = &self.inputs[failure.input].schema;
            self.output.failures.push(failure.into_failure(schema));
        }
        for found in found {
            self.rows.add(&self.pattern.spec, key, found, self.output);
        }
    }
}

impl Operator for MatchPattern {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => {
                let batch = without_late(batch, output);
                let ColumnData::I64(times) = &batch.columns[self.inputs[input].schema.time].data else {
                    return;
                };
                let watermark = self.tracker.watermark();
                let at_watermark = self.in_order && times.iter().any(|time| *time <= watermark.0);
                self.waiting.push(input, batch);
                // No watermark need follow a batch that does not raise it.
                if at_watermark {
                    self.release(output);
                }
            }
            Message::Watermark(watermark) => {
                if let Some(merged) = self.tracker.advance(input, watermark) {
                    self.release(output);
                    self.pass_on(merged, output);
                }
            }
        }
    }

    fn reads_in_order(&mut self) {
        self.in_order = true;
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.tracker.snapshot(writer);
        self.waiting.snapshot(&self.types(), writer);
        writer.i64(self.swept);
        writer.i64(self.passed_on.0);
        let mut partitions: Vec<_> = self.partitions.of_key.iter().collect();
        partitions.sort_by_key(|(key, _)| *key);
        writer.sequence(partitions.into_iter(), |writer, (key, partition)| {
            writer.sequence(key.iter(), SnapshotWriter::value);
            match &partition.state {
                State::Merged(events) => events.snapshot(writer),
                State::Apart(runs) => runs.snapshot(writer),
            }
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.tracker.restore(reader)?;
        let types: Vec<&[Type]> = self.inputs.iter().map(|input| &input.types[..]).collect();
        self.waiting.restore(&types, reader)?;
        self.swept = reader.i64()?;
        self.passed_on = Watermark(reader.i64()?);
        let pattern = &self.pattern;
        for _ in 0..reader.count()? {
            let key: Key = reader.sequence(SnapshotReader::value)?.into();
            let state = match &pattern.states {
                Some(states) => State::Merged(Events::restore(states, pattern.spec.steps.len(), reader)?),
                None => State::Apart(Runs::restore(pattern, reader)?),
            };
            self.partitions.of_key.insert(key.clone(), Partition::new(state));
            self.partitions.enlist(pattern, &key);
        }
        Ok(())
    }

    fn waiting(&self) -> Option<Waiting> {
        self.waiting.waiting()
    }

    fn state_bytes(&self) -> usize {
        let partitions = self.partitions.of_key.iter().map(|(key, partition)| {
            let state = match &partition.state {
                State::Merged(events) => events.state_bytes(),
                State::Apart(runs) => runs.state_bytes(),
            };
            size_of::<Partition>() + values_bytes(key) + state
        });
        self.waiting.state_bytes() + partitions.sum::<usize>()
    }
}

/// About how many bytes values take, with the text that they hold.
fn values_bytes(values: &[Value]) -> usize {
    let held = |value: &Value| match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(values) | Value::Record(values) => values_bytes(values),
        _ => 0,
    };
    values.iter().map(|value| size_of::<Value>() + held(value)).sum()
}

/// An event for which a condition failed.
pub struct FailedCondition {
    error: RowError,
    time: EventTime,
    input: usize,
    row: Arc<[Value]>,
}

impl FailedCondition {
    fn new(error: RowError, event: &Event) -> FailedCondition {
        FailedCondition { error, time: event.time, input: event.input, row: event.row.clone() }
    }

    fn into_failure(self, schema: &Schema) -> Failure {
        failure(&schema.columns, &self.row, &self.error, self.time)
    }
}

/// A failure of the row with these columns, as far as the program sees them.
fn failure(columns: &[Column], row: &[Value], error: &RowError, time: EventTime) -> Failure {
    let shown = || columns.iter().zip(row).filter(|(column, _)| !column.hidden);
    let record = Type::record(shown().map(|(column, _)| (column.name.clone(), column.ty.clone())));
    let mut text = vec![];
    write_json(&mut text, &Value::Record(shown().map(|(_, value)| value.clone()).collect()), &record);
    let row = String::from_utf8_lossy(&text).into_owned();
    Failure { row, reason: error.reason.clone(), place: Place::Program(error.span), at: time, time }
}

/// Rows of matches on their way into batches.
struct Rows {
    columns: Vec<ColumnBuilder>,
    places: Vec<RowPlace>,
}

impl Rows {
    fn new(spec: &MatchSpec) -> Rows {
        let time = Type::TIMESTAMP;
        let types = spec.outputs.iter().map(|e| &e.ty).chain([&time]);
        Rows { columns: types.map(ColumnBuilder::new).collect(), places: vec![] }
    }

    fn add(&mut self, spec: &MatchSpec, key: &[Value], found: Found, output: &mut Output) {
        let (end, place) = (found.end, found.place);
        let bindings = found.bindings(spec, key);
        let values: Result<Vec<Value>, RowError> = spec
            .outputs
            .iter()
            .map(|e| eval(e, &|i| bindings.get(i).cloned().unwrap_or(Value::Null)))
            .collect();
        let mut values = match values {
            Ok(values) => values,
            Err(error) => {
                output.failures.push(failure(&spec.bindings, &bindings, &error, end));
                return;
            }
        };
        values.push(Value::Timestamp(end));
        if self.places.len() == BATCH_ROWS {
            std::mem::replace(self, Rows::new(spec)).finish(output);
        }
        self.places.push(place);
        self.columns.iter_mut().zip(&values).for_each(|(c, v)| c.push(v));
    }

    fn finish(self, output: &mut Output) {
        if self.places.is_empty() {
            return;
        }
        let (n_rows, origin) = (self.places.len(), Origin::of_places(&self.places));
        let columns = self.columns.into_iter().map(|c| Arc::new(c.finish())).collect();
        output.messages.push(Message::Batch(Batch { columns, n_rows, origin, late: vec![] }));
    }
}
