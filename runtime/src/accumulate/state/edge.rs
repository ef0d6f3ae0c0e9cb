//! `first` and `last`: the value of the row that comes first (last) in the total order.

use super::placed::{self, Placed};
use crate::accumulate::element::Element;
use crate::accumulate::side::{Row, State};
use crate::accumulate::sorted::Sorted;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::types::Type;
use millstream_ir::value::Value;

pub struct Spec {
    pub argument: (usize, Type),
    pub is_first: bool,
}

/// The value so far.
#[derive(Clone)]
pub struct Edge(Option<Placed>);

impl Edge {
    fn take(&mut self, spec: &Spec, position: &Placed, value: impl FnOnce() -> Placed) {
        // Of rows at one position, the last is the one that came last.
        let replaces = match &self.0 {
            None => true,
            Some(known) if spec.is_first => position < known,
            Some(known) => position >= known,
        };
        if replaces {
            self.0 = Some(value());
        }
    }
}

impl State for Edge {
    type Spec = Spec;

    fn new(_: &Spec) -> Edge {
        Edge(None)
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        let position = Placed { position: row.position(), value: Value::Null };
        self.take(spec, &position, || Placed::of(row, &spec.argument));
    }

    fn remove(&mut self, _: &Spec, _: Row) {
        debug_assert!(false, "rows are taken out of `Kept`");
    }

    fn merge(&mut self, spec: &Spec, from: &Edge) {
        if let Some(other) = &from.0 {
            self.take(spec, other, || other.clone());
        }
    }

    fn result(&self, _: &Spec) -> Result<Value, String> {
        Ok(self.0.as_ref().map_or(Value::Null, |placed| placed.value.clone()))
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        self.0.as_ref().map_or(0, |placed| placed.value.owned_bytes())
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.sequence(self.0.iter(), |out, placed| placed.write(out));
    }

    fn restore(_: &Spec, from: &mut SnapshotReader) -> Result<Edge, Corrupt> {
        Ok(Edge(from.sequence(Placed::restore)?.pop()))
    }
}

/// All values.
#[derive(Clone)]
pub struct Kept(Sorted<Placed>);

impl State for Kept {
    type Spec = Spec;

    fn new(_: &Spec) -> Kept {
        Kept(Sorted::default())
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.0.insert(Placed::of(row, &spec.argument));
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        placed::remove(&mut self.0, &Placed::of(row, &spec.argument));
    }

    fn merge(&mut self, _: &Spec, from: &Kept) {
        from.0.iter().for_each(|placed| self.0.insert(placed.clone()));
    }

    fn result(&self, spec: &Spec) -> Result<Value, String> {
        let found = if spec.is_first { self.0.first() } else { self.0.last() };
        Ok(found.map_or(Value::Null, |placed| placed.value.clone()))
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        placed::bytes(&self.0)
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        placed::write(&self.0, out);
    }

    fn restore(_: &Spec, from: &mut SnapshotReader) -> Result<Kept, Corrupt> {
        placed::restore(from).map(Kept)
    }
}
