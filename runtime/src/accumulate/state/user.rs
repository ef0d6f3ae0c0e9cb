//! Aggregates that a program defines: their states as values, their expressions by the evaluator.

use crate::accumulate::element::Element;
use crate::accumulate::side::{Row, State};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::UserAggregate;
use millstream_ir::eval::RowError;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

pub struct Spec {
    pub definition: Arc<UserAggregate>,
    pub arguments: Vec<(usize, Type)>,
}

impl Spec {
    fn arguments(&self, row: Row) -> Vec<Value> {
        self.arguments.iter().map(|argument| row.element(argument)).collect()
    }
}

#[derive(Clone)]
pub struct Defined {
    states: Vec<Value>,
    /// What a row will make of them, if nothing else fails it.
    prepared: Option<Vec<Value>>,
    /// Why there is no result: a row could not be taken out, or two parts not be put together.
    fault: Option<String>,
}

impl Defined {
    fn take(&mut self, states: Result<Vec<Value>, RowError>) {
        match states {
            Ok(states) => self.states = states,
            Err(error) => self.fault = Some(error.reason),
        }
    }
}

impl State for Defined {
    type Spec = Spec;

    fn new(spec: &Spec) -> Defined {
        Defined { states: spec.definition.initial(), prepared: None, fault: None }
    }

    fn prepare(&mut self, spec: &Spec, row: Row) -> Result<(), RowError> {
        self.prepared = Some(spec.definition.add(&self.states, &spec.arguments(row))?);
        Ok(())
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        match self.prepared.take() {
            Some(states) => self.states = states,
            None => self.take(spec.definition.add(&self.states, &spec.arguments(row))),
        }
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        self.take(spec.definition.remove(&self.states, &spec.arguments(row)));
    }

    fn merge(&mut self, spec: &Spec, from: &Defined) {
        self.fault = self.fault.take().or_else(|| from.fault.clone());
        self.take(spec.definition.merge(&self.states, &from.states));
    }

    fn result(&self, spec: &Spec) -> Result<Value, String> {
        match &self.fault {
            Some(reason) => Err(reason.clone()),
            None => spec.definition.result(&self.states).map_err(|error| error.reason),
        }
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        self.states.iter().map(|value| size_of::<Value>() + value.owned_bytes()).sum()
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.sequence(self.states.iter(), SnapshotWriter::value);
        out.sequence(self.fault.iter(), |out, reason| out.bytes(reason.as_bytes()));
    }

    fn restore(spec: &Spec, from: &mut SnapshotReader) -> Result<Defined, Corrupt> {
        let states = from.sequence(SnapshotReader::value)?;
        let fault = from.sequence(|from| from.text().map(str::to_string))?.pop();
        match states.len() == spec.definition.states.len() {
            true => Ok(Defined { states, prepared: None, fault }),
            false => Err(Corrupt),
        }
    }
}
