//! An event of a key, and what a pattern asks of it.

use crate::message::EventTime;
use millstream_ir::batch::RowPlace;
use millstream_ir::eval::eval;
use millstream_ir::pattern::{EventTest, MatchSpec};
use millstream_ir::value::Value;
use std::sync::Arc;

/// A row of an input of the pattern.
#[derive(Clone, Debug)]
pub struct Event {
    pub time: EventTime,
    pub input: usize,
    pub place: RowPlace,
    pub row: Arc<[Value]>,
}

/// How an event answers to a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    Fits,
    /// It comes from another stream.
    OfAnother,
    /// The condition does not hold.
    Unfit,
    /// The condition cannot be computed, which counts as no.
    Failed,
}

impl Event {
    /// What a variable holds of it.
    pub fn record(&self, spec: &MatchSpec) -> Value {
        let fields = spec.inputs.get(self.input).map_or(&[][..], |input| &input.fields);
        let value = |column: usize| self.row.get(column).cloned().unwrap_or(Value::Null);
        Value::Record(fields.iter().map(|field| field.map_or(Value::Null, value)).collect())
    }

    pub fn asks(&self, test: &EventTest, bindings: &[Value]) -> Asked {
        if test.input != self.input {
            return Asked::OfAnother;
        }
        let Some(condition) = &test.condition else { return Asked::Fits };
        match eval(condition, &|column| self.column(column, bindings)) {
            Ok(Value::Bool(true)) => Asked::Fits,
            Ok(_) => Asked::Unfit,
            Err(_) => Asked::Failed,
        }
    }

    /// What a condition on it sees: its columns, and behind them what the pattern has taken.
    pub fn column(&self, column: usize, bindings: &[Value]) -> Value {
        let value = self.row.get(column).or_else(|| bindings.get(column.checked_sub(self.row.len())?));
        value.cloned().unwrap_or(Value::Null)
    }
}
