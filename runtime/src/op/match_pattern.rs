//! Sequence patterns: brings events into the total order, hands each to the runs of its partition,
//! and makes rows of the matches. What a match is stands in [`runs`]; where conditions look at
//! nothing but their own event, [`merged`] finds the same matches for less.

mod merged;
#[cfg(test)]
mod properties;
mod runs;

use crate::message::{EventTime, Message, Watermark};
use crate::operator::{Failure, Operator, Output, Place};
use crate::watermark::WatermarkTracker;
use merged::{Events, States};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::{ColumnBuilder, ColumnData};
use millstream_ir::eval::{RowError, eval};
use millstream_ir::flow::{Column, Flow, MatchRead, MatchSpec, NodeId, Schema, keeping_apart};
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
    waiting: Vec<Event>,
    partitions: HashMap<Vec<Value>, Partition>,
    /// The watermark at which partitions were last cleared of what is out of time.
    swept: EventTime,
}

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

    /// Takes the partition's next event; the match that is complete with it, if any.
    fn take(
        &mut self,
        pattern: &Pattern,
        key: &[Value],
        event: Event,
        failures: &mut Vec<FailedCondition>,
    ) -> Option<Found> {
        match (self, &pattern.states) {
            (Partition::Merged(events), Some(states)) => events.take(states, &pattern.spec, event, failures),
            (Partition::Apart(runs), _) => runs.take(pattern, key, event, failures),
            (Partition::Merged(_), None) => None,
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
    source: u32,
    partition: u32,
    offset: u64,
    pub input: usize,
    /// All columns of the row.
    pub row: Arc<[Value]>,
    /// What a variable holds of it.
    pub record: Arc<[Value]>,
}

impl Event {
    /// Streams that make rows of one event are in the order in which the pattern names them.
    fn position(&self) -> (EventTime, u32, u32, u64, usize) {
        (self.time, self.source, self.partition, self.offset, self.input)
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
            inputs,
            waiting: vec![],
            partitions: HashMap::new(),
            swept: Watermark::START.0,
        }
    }

    fn keep(&mut self, input: usize, batch: &Batch, output: &mut Output) {
        output.n_late_left_out += batch.late.len() as u64;
        let columns = &self.inputs[input];
        let ColumnData::I64(times) = &batch.columns[columns.schema.time].data else { return };
        let fields = &self.pattern.spec.inputs[input].fields;
        for number in (0..batch.n_rows).filter(|row| batch.late(*row).is_none()) {
            let values = batch.columns.iter().zip(&columns.types).map(|(c, ty)| c.value(number, ty));
            let row: Arc<[Value]> = values.collect();
            self.waiting.push(Event {
                time: times[number],
                source: batch.origin.source,
                partition: batch.origin.partition,
                offset: batch.origin.offset(number),
                input,
                record: fields.iter().map(|f| f.map_or(Value::Null, |column| row[column].clone())).collect(),
                row,
            });
        }
    }

    /// Works on all events before the watermark, in order.
    fn release(&mut self, watermark: Watermark, output: &mut Output) {
        let due = |e: &Event| e.time < watermark.0 || watermark == Watermark::END;
        let (mut ready, waiting): (Vec<Event>, Vec<Event>) = self.waiting.drain(..).partition(due);
        self.waiting = waiting;
        ready.sort_by_key(Event::position);
        let mut rows = Rows::new(&self.pattern.spec);
        for event in ready {
            let key: Vec<Value> =
                self.pattern.spec.inputs[event.input].keys.iter().map(|c| event.row[*c].clone()).collect();
            let partition =
                self.partitions.entry(key.clone()).or_insert_with(|| Partition::new(&self.pattern));
            let position = (event.source, event.partition, event.offset);
            let mut failures = vec![];
            let found = partition.take(&self.pattern, &key, event, &mut failures);
            // An event fails once, however many conditions and ways it fails in.
            if let Some(failure) = failures.into_iter().next() {
                let schema = &self.inputs[failure.input].schema;
                output.failures.push(failure.into_failure(schema));
            }
            if let Some(found) = found {
                rows.add(&self.pattern.spec, &key, found, position, output);
            }
        }
        rows.finish(output);
        if watermark.0.saturating_sub(self.swept) >= self.pattern.spec.within {
            self.swept = watermark.0;
            self.partitions.retain(|_, p| p.sweep(&self.pattern, watermark.0));
        }
    }
}

impl Operator for MatchPattern {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.keep(input, &batch, output),
            Message::Watermark(watermark) => {
                if let Some(merged) = self.tracker.advance(input, watermark) {
                    self.release(merged, output);
                    output.messages.push(Message::Watermark(merged));
                }
            }
        }
    }
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

/// Rows of matches on their way into batches; a batch holds rows of one source partition.
struct Rows {
    columns: Vec<ColumnBuilder>,
    origin: Option<Origin>,
    offsets: Vec<u32>,
}

impl Rows {
    fn new(spec: &MatchSpec) -> Rows {
        let time = Type::TIMESTAMP;
        let types = spec.outputs.iter().map(|e| &e.ty).chain([&time]);
        Rows { columns: types.map(ColumnBuilder::new).collect(), origin: None, offsets: vec![] }
    }

    fn add(
        &mut self,
        spec: &MatchSpec,
        key: &[Value],
        found: Found,
        (source, partition, offset): (u32, u32, u64),
        output: &mut Output,
    ) {
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
        let fits = |o: &Origin| {
            o.source == source
                && o.partition == partition
                && (o.first..o.first + u32::MAX as u64).contains(&offset)
        };
        if !self.origin.as_ref().is_some_and(fits) {
            let full = std::mem::replace(self, Rows::new(spec));
            full.finish(output);
            self.origin = Some(Origin { source, partition, first: offset, offsets: None });
        }
        let first = self.origin.as_ref().map_or(0, |o| o.first);
        self.offsets.push((offset - first) as u32);
        self.columns.iter_mut().zip(&values).for_each(|(c, v)| c.push(v));
    }

    fn finish(self, output: &mut Output) {
        let Some(origin) = self.origin else { return };
        let n_rows = self.offsets.len();
        let columns = self.columns.into_iter().map(|c| Arc::new(c.finish())).collect();
        let origin = Origin { offsets: Some(self.offsets.into()), ..origin };
        output.messages.push(Message::Batch(Batch { columns, n_rows, origin, late: vec![] }));
    }
}
