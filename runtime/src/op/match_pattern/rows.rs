//! Rows of matches, and of what failed.

use super::{Event, InputColumns};
use crate::message::{EventTime, Message};
use crate::operator::{Failure, Output, Place};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin, RowPlace};
use millstream_ir::column::ColumnBuilder;
use millstream_ir::eval::{RowError, eval};
use millstream_ir::expr::ExprKind;
use millstream_ir::flow::{Column, Schema};
use millstream_ir::pattern::{MatchSpec, MatchStep};
use millstream_ir::text::write_json;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::borrow::Borrow;
use std::sync::Arc;

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
    /// The value of one of the spec's bindings.
    fn binding(&self, spec: &MatchSpec, key: &[Value], number: usize) -> Value {
        let Some(step) = number.checked_sub(key.len()) else { return key[number].clone() };
        match (spec.steps.get(step), step.saturating_sub(spec.steps.len())) {
            (Some(taken), _) => variable(taken, &self.steps[step]),
            (None, 0) => Value::Timestamp(self.start),
            (None, 1) => Value::Timestamp(self.end),
            (None, _) => Value::Bool(self.is_timeout),
        }
    }
}

/// The value of a step's variable.
pub fn variable(step: &MatchStep, events: &[Arc<[Value]>]) -> Value {
    let mut records = events.iter().map(|row| Value::Record(row.clone()));
    if step.repeats { Value::List(records.collect()) } else { records.next().unwrap_or(Value::Null) }
}

/// An event for which a condition failed.
pub struct FailedCondition {
    pub error: RowError,
    pub time: EventTime,
    pub input: usize,
    pub row: Arc<[Value]>,
}

impl FailedCondition {
    pub fn new(error: RowError, event: &Event) -> FailedCondition {
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

/// The rows of matches, and the events that failed, on their way out.
pub struct Answers {
    spec: Arc<MatchSpec>,
    pub inputs: Arc<[InputColumns]>,
    output: Output,
    /// None before the first match: most batches have none.
    columns: Vec<ColumnBuilder>,
    places: Vec<RowPlace>,
    /// Of the row that is made.
    values: Vec<Value>,
}

impl Answers {
    pub fn new(spec: Arc<MatchSpec>, inputs: Arc<[InputColumns]>) -> Answers {
        let output = Output::default();
        Answers { spec, inputs, output, columns: vec![], places: vec![], values: vec![] }
    }

    /// Adds a match of a key.
    pub fn add(&mut self, key: &[Value], found: &Found) {
        let spec = &*self.spec;
        let value = |number: usize| found.binding(spec, key, number);
        self.values.clear();
        for expr in &spec.outputs {
            match &expr.kind {
                ExprKind::Column(number) => self.values.push(value(*number)),
                _ => match eval(expr, &value) {
                    Ok(value) => self.values.push(value),
                    Err(error) => {
                        let bindings: Vec<Value> = (0..spec.bindings.len()).map(value).collect();
                        self.output.failures.push(failure(&spec.bindings, &bindings, &error, found.end));
                        return;
                    }
                },
            }
        }
        let values = std::mem::take(&mut self.values);
        self.say(values.iter(), found.end, found.place);
        self.values = values;
    }

    /// Adds a match of which these are the outputs.
    pub fn say(
        &mut self,
        outputs: impl Iterator<Item = impl Borrow<Value>>,
        end: EventTime,
        place: RowPlace,
    ) {
        if self.places.is_empty() {
            self.columns = columns(&self.spec);
        }
        self.places.push(place);
        let mut columns = self.columns.iter_mut();
        outputs.zip(&mut columns).for_each(|(value, column)| column.push(value.borrow()));
        columns.for_each(|time| time.push(&Value::Timestamp(end)));
        if self.places.len() == BATCH_ROWS {
            self.end_batch();
        }
    }

    /// Says of an event that it failed.
    pub fn fail(&mut self, failed: FailedCondition) {
        let schema = &self.inputs[failed.input].schema;
        self.output.failures.push(failed.into_failure(schema));
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.output.messages.is_empty() && self.output.failures.is_empty()
    }

    /// Hands out what there is.
    pub fn hand_out(&mut self, output: &mut Output) {
        self.end_batch();
        output.messages.append(&mut self.output.messages);
        output.failures.append(&mut self.output.failures);
    }

    fn end_batch(&mut self) {
        if self.places.is_empty() {
            return;
        }
        let places = std::mem::take(&mut self.places);
        let built = std::mem::take(&mut self.columns);
        let columns = built.into_iter().map(|column| Arc::new(column.finish())).collect();
        let (n_rows, origin) = (places.len(), Origin::of_places(&places));
        self.output.messages.push(Message::Batch(Batch { columns, n_rows, origin, late: vec![] }));
    }
}

fn columns(spec: &MatchSpec) -> Vec<ColumnBuilder> {
    let types = spec.outputs.iter().map(|output| &output.ty);
    types.chain([&Type::TIMESTAMP]).map(ColumnBuilder::new).collect()
}
