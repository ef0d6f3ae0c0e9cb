//! `top_k`: the greatest values, in a list from the greatest down.

use crate::accumulate::element::Element;
use crate::accumulate::side::{Row, State};
use crate::accumulate::sorted::Sorted;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::types::Type;
use millstream_ir::value::Value;

pub struct Spec {
    pub argument: (usize, Type),
    pub k: usize,
    /// Each value once.
    pub distinct: bool,
    /// Whether smaller values must be kept, since greater ones may be taken out.
    pub keeps_all: bool,
}

#[derive(Clone)]
pub struct Top(Sorted<Value>);

impl Top {
    fn insert(&mut self, spec: &Spec, value: Value) {
        if spec.keeps_all {
            return self.0.insert(value);
        }
        let is_full = self.0.len() >= spec.k;
        if is_full && self.0.first().is_some_and(|least| value <= *least) {
            return;
        }
        if spec.distinct && self.0.contains(&value) {
            return;
        }
        self.0.insert(value);
        if is_full && let Some(least) = self.0.first().cloned() {
            self.0.remove(|other| other.cmp(&least), |_| true);
        }
    }
}

impl State for Top {
    type Spec = Spec;

    fn new(_: &Spec) -> Top {
        Top(Sorted::default())
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.insert(spec, row.element(&spec.argument));
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        let value: Value = row.element(&spec.argument);
        self.0.remove(|other| other.cmp(&value), |_| true);
    }

    fn merge(&mut self, spec: &Spec, from: &Top) {
        from.0.iter().for_each(|value| self.insert(spec, value.clone()));
    }

    fn result(&self, spec: &Spec) -> Result<Value, String> {
        if self.0.is_empty() {
            return Ok(Value::Null);
        }
        let mut found: Vec<Value> = vec![];
        for value in self.0.iter().rev() {
            if found.len() >= spec.k {
                break;
            }
            if !spec.distinct || found.last() != Some(value) {
                found.push(value.clone());
            }
        }
        Ok(Value::List(found.into()))
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        self.0.bytes() + self.0.iter().map(Element::owned_bytes).sum::<usize>()
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.count(self.0.len());
        self.0.iter().for_each(|value| out.value(value));
    }

    fn restore(_: &Spec, from: &mut SnapshotReader) -> Result<Top, Corrupt> {
        Ok(Top(from.sequence(SnapshotReader::value)?.into_iter().collect()))
    }
}
