//! Sequence patterns: brings events into the total order, hands each to the runs of its partition,
//! and makes rows of the matches. What a match is stands in [`runs`].

mod runs;

use crate::message::{EventTime, Message, Watermark};
use crate::operator::{Failure, Operator, Output, Place};
use crate::watermark::WatermarkTracker;
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::{ColumnBuilder, ColumnData};
use millstream_ir::eval::{RowError, eval};
use millstream_ir::flow::{Flow, MatchSpec, NodeId};
use millstream_ir::text::write_json;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use runs::{Found, Partition};
use std::collections::HashMap;
use std::sync::Arc;

pub struct MatchPattern {
    spec: Arc<MatchSpec>,
    inputs: Vec<InputColumns>,
    tracker: WatermarkTracker,
    /// Events whose turn has not come: an earlier one may still arrive.
    waiting: Vec<Event>,
    partitions: HashMap<Vec<Value>, Partition>,
    /// The watermark at which partitions were last cleared of what is out of time.
    swept: EventTime,
}

struct InputColumns {
    types: Vec<Type>,
    time: usize,
}

/// A row of an input at its place in the total order.
#[derive(Clone, Debug)]
pub struct Event {
    pub time: EventTime,
    source: u32,
    partition: u32,
    offset: u64,
    pub input: usize,
    /// All columns of the row; as a value, the record that a variable is.
    pub row: Arc<[Value]>,
}

impl Event {
    fn position(&self) -> (EventTime, u32, u32, u64) {
        (self.time, self.source, self.partition, self.offset)
    }
}

impl MatchPattern {
    pub fn new(flow: &Flow, node: NodeId, spec: Arc<MatchSpec>) -> MatchPattern {
        let inputs: Vec<InputColumns> = flow
            .node(node)
            .inputs
            .iter()
            .map(|id| &flow.node(*id).schema)
            .map(|schema| InputColumns { types: schema.types(), time: schema.time })
            .collect();
        MatchPattern {
            spec,
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
        let ColumnData::I64(times) = &batch.columns[columns.time].data else { return };
        for row in (0..batch.n_rows).filter(|r| batch.late.binary_search(&(*r as u32)).is_err()) {
            let values = batch.columns.iter().zip(&columns.types).map(|(c, ty)| c.value(row, ty));
            self.waiting.push(Event {
                time: times[row],
                source: batch.origin.source,
                partition: batch.origin.partition,
                offset: batch.origin.offset(row),
                input,
                row: values.collect(),
            });
        }
    }

    /// Works on all events before the watermark, in order.
    fn release(&mut self, watermark: Watermark, output: &mut Output) {
        let due = |e: &Event| e.time < watermark.0 || watermark == Watermark::END;
        let (mut ready, waiting): (Vec<Event>, Vec<Event>) = self.waiting.drain(..).partition(due);
        self.waiting = waiting;
        ready.sort_by_key(Event::position);
        let mut rows = Rows::new(&self.spec);
        for event in ready {
            let key: Vec<Value> = self.spec.keys[event.input].iter().map(|c| event.row[*c].clone()).collect();
            let partition = self.partitions.entry(key.clone()).or_default();
            let position = (event.source, event.partition, event.offset);
            let mut failures = vec![];
            let found = partition.take(&self.spec, &key, event, &mut failures);
            for failure in failures {
                output.failures.push(failure.into_failure(&self.inputs[failure.input].types));
            }
            if let Some(found) = found {
                rows.add(&self.spec, &key, found, position, output);
            }
        }
        rows.finish(output);
        if watermark.0.saturating_sub(self.swept) >= self.spec.within {
            self.swept = watermark.0;
            self.partitions.retain(|_, p| p.sweep(&self.spec, watermark.0));
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
    fn into_failure(&self, types: &[Type]) -> Failure {
        let mut row = vec![];
        let record = Type::record(types.iter().enumerate().map(|(i, ty)| (i.to_string(), ty.clone())));
        write_json(&mut row, &Value::Record(self.row.clone()), &record);
        failure(row, &self.error, self.time)
    }
}

fn failure(row: Vec<u8>, error: &RowError, time: EventTime) -> Failure {
    let row = String::from_utf8_lossy(&row).into_owned();
    Failure { row, reason: error.reason.clone(), place: Place::Program(error.span), at: Some(time) }
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
                let record = Type::record(spec.bindings.iter().cloned());
                let mut row = vec![];
                write_json(&mut row, &Value::Record(bindings.into()), &record);
                output.failures.push(failure(row, &error, end));
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
