//! `string_agg`: what `collect` collects, written one behind the other.

use crate::accumulate::side::{Row, State};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

/// The longest text that an aggregate may write.
const LONGEST: usize = millstream_ir::eval::LONGEST_RESULT;

pub struct Spec {
    pub argument: (usize, Type),
    /// Between two texts.
    pub separator: Arc<str>,
}

/// The texts, as a state of `collect` holds them.
#[derive(Clone)]
pub struct Joined<S>(S);

impl<S: State<Spec = (usize, Type)>> State for Joined<S> {
    type Spec = Spec;

    fn new(spec: &Spec) -> Joined<S> {
        Joined(S::new(&spec.argument))
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.0.add(&spec.argument, row);
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        self.0.remove(&spec.argument, row);
    }

    fn merge(&mut self, spec: &Spec, from: &Joined<S>) {
        self.0.merge(&spec.argument, &from.0);
    }

    fn result(&self, spec: &Spec) -> Result<Value, String> {
        let Value::List(texts) = self.0.result(&spec.argument)? else { return Ok(Value::Null) };
        if texts.is_empty() {
            return Ok(Value::Null);
        }
        let mut joined = String::new();
        for (i, text) in texts.iter().enumerate() {
            let Value::String(text) = text else { continue };
            if i > 0 {
                joined.push_str(&spec.separator);
            }
            joined.push_str(text);
            if joined.len() > LONGEST {
                return Err(format!("the text is longer than {LONGEST} bytes"));
            }
        }
        Ok(Value::string(joined))
    }

    fn owned_bytes(&self, spec: &Spec) -> usize {
        self.0.owned_bytes(&spec.argument)
    }

    fn write(&self, spec: &Spec, out: &mut SnapshotWriter) {
        self.0.write(&spec.argument, out);
    }

    fn restore(spec: &Spec, from: &mut SnapshotReader) -> Result<Joined<S>, Corrupt> {
        S::restore(&spec.argument, from).map(Joined)
    }
}
