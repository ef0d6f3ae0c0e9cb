//! Sequence patterns: brings events into the total order, hands each to the runs of its partition,
//! and makes rows of the matches. What a match is stands in [`runs`]; where conditions look at
//! nothing but their own event, [`merged`] finds the same matches for less.

mod merged;
#[cfg(test)]
mod properties;
mod runs;
mod ways;

use crate::message::{EventTime, Message, Watermark};
use crate::op::order::without_late;
use crate::op::reorder::{Due, ReorderBuffer};
use crate::operator::{Failure, Operator, Output, Place};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use crate::watermark::WatermarkTracker;
use merged::{Events, States};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin, RowPlace};
use millstream_ir::column::{ColumnBuilder, ColumnData};
use millstream_ir::eval::{RowError, eval};
use millstream_ir::flow::{Column, Flow, MatchMode, MatchRead, MatchSpec, NodeId, Schema, keeping_apart};
use millstream_ir::text::write_json;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use runs::{Found, Runs};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub struct MatchPattern {
    pattern: Pattern,
    inputs: Vec<InputColumns>,
    tracker: WatermarkTracker,
    /// Events whose turn has not come: an earlier one may still arrive.
    waiting: ReorderBuffer,
    /// Whether an event at the watermark stands behind all that came before.
    in_order: bool,
    partitions: HashMap<Vec<Value>, Partition>,
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

/// A pattern, with what can be known of it before any event.
struct Pattern {
    spec: Arc<MatchSpec>,
    /// Per step: what conditions may look at from there on.
    still_read: Vec<Vec<MatchRead>>,
    /// Ways that a partition may hold.
    limit: usize,
    /// What runs can reach, where they can be merged.
    states: Option<States>,
}

impl Pattern {
    fn new(spec: Arc<MatchSpec>) -> Pattern {
        let read_from = |number: usize| {
            let to_come = spec.steps.iter().enumerate().skip(number);
            let asked = to_come.filter(|(i, step)| *i > number || step.repeats);
            let read: BTreeSet<MatchRead> = asked.flat_map(|(_, step)| &step.reads).copied().collect();
            read.into_iter().collect()
        };
        let still_read: Vec<Vec<MatchRead>> = (0..spec.steps.len()).map(read_from).collect();
        let merges_all = keeping_apart(&spec.steps).is_empty();
        let limit = if merges_all { usize::MAX } else { spec.limit };
        Pattern { states: States::of(&spec), spec, still_read, limit }
    }
}

impl Pattern {
    /// How long something is kept of a partition at most, if that is known.
    fn lasts(&self) -> Option<i64> {
        match (self.spec.within, self.spec.mode) {
            (_, MatchMode::Once(None)) => None,
            (within, MatchMode::Once(Some(time))) => Some(within?.max(time)),
            (within, _) => within,
        }
    }
}

/// What is kept of a partition.
enum Partition {
    Merged(Events),
    Apart(Runs),
}

impl Partition {
    fn new(pattern: &Pattern) -> Partition {
        match pattern.states {
            Some(_) => Partition::Merged(Events::default()),
            None => Partition::Apart(Runs::default()),
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
            (Partition::Merged(events), Some(states)) => {
                events.take(states, &pattern.spec, event, failures).into_iter().collect()
            }
            (Partition::Apart(runs), _) => runs.take(pattern, key, event, failures),
            (Partition::Merged(_), None) => vec![],
        }
    }

    /// Drops what is out of time at this watermark; whether anything is left.
    fn sweep(&mut self, pattern: &Pattern, watermark: EventTime) -> bool {
        match (self, &pattern.states) {
            (Partition::Merged(events), Some(states)) => events.sweep(states, watermark),
            (Partition::Apart(runs), _) => runs.sweep(pattern, watermark),
            (Partition::Merged(_), None) => false,
        }
    }
}

/// A row of an input at its place in the total order.
#[derive(Clone, Debug)]
pub struct Event {
    pub time: EventTime,
    pub input: usize,
    /// All columns of the row.
    pub row: Arc<[Value]>,
    /// What a variable holds of it.
    pub record: Arc<[Value]>,
}

impl Event {
    fn of_row(pattern: &Pattern, columns: &InputColumns, input: usize, batch: &Batch, row: usize) -> Event {
        let values = batch.columns.iter().zip(&columns.types).map(|(c, ty)| c.value(row, ty));
        let values: Arc<[Value]> = values.collect();
        let fields = &pattern.spec.inputs[input].fields;
        let time = match &batch.columns[columns.schema.time].data {
            ColumnData::I64(times) => times[row],
            _ => EventTime::MIN,
        };
        Event {
            time,
            input,
            record: fields.iter().map(|f| f.map_or(Value::Null, |column| values[column].clone())).collect(),
            row: values,
        }
    }
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
            partitions: HashMap::new(),
            swept: Watermark::START.0,
            n_swept: 0,
        }
    }

    fn types(&self) -> Vec<&[Type]> {
        self.inputs.iter().map(|input| &input.types[..]).collect()
    }

    /// Works on all events that the watermark has passed, in order.
    fn release(&mut self, output: &mut Output) {
        let watermark = self.tracker.watermark();
        let MatchPattern { pattern, inputs, waiting, partitions, .. } = self;
        let mut rows = Rows::new(&pattern.spec);
        let mut take = |input: usize, batch: &Batch, row: usize, place: RowPlace| {
            let event = Event::of_row(pattern, &inputs[input], input, batch, row);
            let key: Vec<Value> =
                pattern.spec.inputs[input].keys.iter().map(|c| event.row[*c].clone()).collect();
            let partition = partitions.entry(key.clone()).or_insert_with(|| Partition::new(pattern));
            let mut failures = vec![];
            let found = partition.take(pattern, &key, event, &mut failures);
            // An event fails once, however many conditions and ways it fails in.
            if let Some(failure) = failures.into_iter().next() {
                let schema = &inputs[failure.input].schema;
                output.failures.push(failure.into_failure(schema));
            }
            for found in found {
                rows.add(&pattern.spec, &key, found, place, output);
            }
        };
        waiting.release(watermark, self.in_order, &mut |due| match due {
            Due::Whole(input, batch) => {
                (0..batch.n_rows).for_each(|row| take(input, &batch, row, batch.origin.place(row)));
            }
            Due::Rows(input, batch, numbers) => {
                let numbers = numbers.iter().map(|row| *row as usize);
                numbers.for_each(|row| take(input, batch, row, batch.origin.place(row)));
            }
            Due::Mixed(batches, picks) => picks.iter().for_each(|(batch, row)| {
                let (input, batch) = batches[*batch as usize];
                take(input, batch, *row as usize, batch.origin.place(*row as usize));
            }),
        });
        rows.finish(output);
        let is_over = self.pattern.lasts().is_some_and(|time| watermark.0.saturating_sub(self.swept) >= time);
        if is_over || self.partitions.len() >= 2 * self.n_swept + FEW {
            self.swept = watermark.0;
            self.partitions.retain(|_, p| p.sweep(&self.pattern, watermark.0));
            self.n_swept = self.partitions.len();
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
                    output.messages.push(Message::Watermark(merged));
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
        let mut partitions: Vec<_> = self.partitions.iter().collect();
        partitions.sort_by_key(|(key, _)| *key);
        writer.sequence(partitions.into_iter(), |writer, (key, partition)| {
            writer.sequence(key.iter(), SnapshotWriter::value);
            match partition {
                Partition::Merged(events) => events.snapshot(writer),
                Partition::Apart(runs) => runs.snapshot(writer),
            }
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.tracker.restore(reader)?;
        let types: Vec<&[Type]> = self.inputs.iter().map(|input| &input.types[..]).collect();
        self.waiting.restore(&types, reader)?;
        self.swept = reader.i64()?;
        let pattern = &self.pattern;
        let partitions = reader.sequence(|reader| {
            let key = reader.sequence(SnapshotReader::value)?;
            let partition = match &pattern.states {
                Some(states) => Partition::Merged(Events::restore(states, pattern.spec.steps.len(), reader)?),
                None => Partition::Apart(Runs::restore(pattern, reader)?),
            };
            Ok((key, partition))
        })?;
        self.partitions = partitions.into_iter().collect();
        Ok(())
    }

    fn waiting(&self) -> Option<Waiting> {
        self.waiting.waiting()
    }

    fn state_bytes(&self) -> usize {
        let partitions = self.partitions.iter().map(|(key, partition)| {
            let state = match partition {
                Partition::Merged(events) => events.state_bytes(),
                Partition::Apart(runs) => runs.state_bytes(),
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

    fn add(&mut self, spec: &MatchSpec, key: &[Value], found: Found, place: RowPlace, output: &mut Output) {
        let end = found.end;
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
