//! `min` and `max`: of values that do not fit a slot, and of rows that may be taken out again.

use crate::accumulate::element::Element;
use crate::accumulate::side::{Row, State};
use crate::accumulate::sorted::Sorted;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::column::ColumnData;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cmp::Ordering;

pub struct Spec {
    pub argument: (usize, Type),
    /// How the result compares with all other values.
    pub wanted: Ordering,
}

/// The extreme so far; null before the first row.
#[derive(Clone)]
pub struct Extreme(Value);

impl State for Extreme {
    type Spec = Spec;

    fn new(_: &Spec) -> Extreme {
        Extreme(Value::Null)
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        let (column, ty) = &spec.argument;
        let column = row.column(*column);
        let order = match (&column.data, &self.0) {
            (_, Value::Null) => spec.wanted,
            // Texts without copying them.
            (ColumnData::Text(texts), Value::String(best)) => texts.bytes(row.number).cmp(best.as_bytes()),
            (_, best) => column.value(row.number, ty).cmp(best),
        };
        if order == spec.wanted {
            self.0 = column.value(row.number, ty);
        }
    }

    fn remove(&mut self, _: &Spec, _: Row) {
        debug_assert!(false, "rows are taken out of `Kept`");
    }

    fn merge(&mut self, spec: &Spec, from: &Extreme) {
        if self.0.is_null() || !from.0.is_null() && from.0.cmp(&self.0) == spec.wanted {
            self.0 = from.0.clone();
        }
    }

    fn result(&self, _: &Spec) -> Result<Value, String> {
        Ok(self.0.clone())
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        self.0.owned_bytes()
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.value(&self.0);
    }

    fn restore(_: &Spec, from: &mut SnapshotReader) -> Result<Extreme, Corrupt> {
        from.value().map(Extreme)
    }
}

/// All values.
#[derive(Clone)]
pub struct Kept<E>(Sorted<E>);

impl<E: Element> State for Kept<E> {
    type Spec = Spec;

    fn new(_: &Spec) -> Kept<E> {
        Kept(Sorted::default())
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.0.insert(row.element(&spec.argument));
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        let value: E = row.element(&spec.argument);
        self.0.remove(|other| other.cmp(&value), |_| true);
    }

    fn merge(&mut self, _: &Spec, from: &Kept<E>) {
        from.0.iter().for_each(|value| self.0.insert(value.clone()));
    }

    fn result(&self, spec: &Spec) -> Result<Value, String> {
        let found = if spec.wanted.is_lt() { self.0.first() } else { self.0.last() };
        Ok(found.map_or(Value::Null, |value| value.value(&spec.argument.1)))
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        self.0.bytes() + self.0.iter().map(Element::owned_bytes).sum::<usize>()
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.count(self.0.len());
        self.0.iter().for_each(|value| value.write(out));
    }

    fn restore(_: &Spec, from: &mut SnapshotReader) -> Result<Kept<E>, Corrupt> {
        Ok(Kept(from.sequence(E::restore)?.into_iter().collect()))
    }
}
