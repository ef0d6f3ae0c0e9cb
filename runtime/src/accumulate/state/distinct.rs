//! `count(distinct x)`.

use crate::accumulate::element::{Element, FoldHash};
use crate::accumulate::side::{Row, State};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::column::ColumnData;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{HashMap, HashSet};

/// The distinct values.
#[derive(Clone)]
pub struct Seen<E>(HashSet<E, FoldHash>);

impl<E: Element> State for Seen<E> {
    type Spec = (usize, Type);

    fn new(_: &Self::Spec) -> Seen<E> {
        Seen(HashSet::default())
    }

    fn add(&mut self, argument: &Self::Spec, row: Row) {
        self.0.insert(row.element(argument));
    }

    fn remove(&mut self, _: &Self::Spec, _: Row) {
        debug_assert!(false, "rows are taken out of `Counted`");
    }

    fn merge(&mut self, _: &Self::Spec, from: &Seen<E>) {
        self.0.extend(from.0.iter().cloned());
    }

    fn result(&self, _: &Self::Spec) -> Result<Value, String> {
        Ok(Value::Int(self.0.len() as i64))
    }

    fn owned_bytes(&self, _: &Self::Spec) -> usize {
        self.0.iter().map(Element::owned_bytes).sum::<usize>() + self.0.capacity() * (size_of::<E>() + 1)
    }

    fn write(&self, _: &Self::Spec, out: &mut SnapshotWriter) {
        out.sequence(self.0.iter(), |out, value| value.write(out));
    }

    fn restore(_: &Self::Spec, from: &mut SnapshotReader) -> Result<Seen<E>, Corrupt> {
        Ok(Seen(from.sequence(E::restore)?.into_iter().collect()))
    }
}

/// The distinct texts. Those that are known are looked up without copying them.
#[derive(Clone)]
pub struct SeenTexts(HashSet<Box<[u8]>, FoldHash>);

impl State for SeenTexts {
    type Spec = (usize, Type);

    fn new(_: &Self::Spec) -> SeenTexts {
        SeenTexts(HashSet::default())
    }

    fn add(&mut self, (column, _): &Self::Spec, row: Row) {
        let ColumnData::Text(texts) = &row.column(*column).data else { return };
        let text = texts.bytes(row.number);
        if !self.0.contains(text) {
            self.0.insert(text.into());
        }
    }

    fn remove(&mut self, _: &Self::Spec, _: Row) {
        debug_assert!(false, "rows are taken out of `Counted`");
    }

    fn merge(&mut self, _: &Self::Spec, from: &SeenTexts) {
        for text in &from.0 {
            if !self.0.contains(text) {
                self.0.insert(text.clone());
            }
        }
    }

    fn result(&self, _: &Self::Spec) -> Result<Value, String> {
        Ok(Value::Int(self.0.len() as i64))
    }

    fn owned_bytes(&self, _: &Self::Spec) -> usize {
        let texts: usize = self.0.iter().map(|text| text.len()).sum();
        texts + self.0.capacity() * (size_of::<Box<[u8]>>() + 1)
    }

    fn write(&self, _: &Self::Spec, out: &mut SnapshotWriter) {
        out.sequence(self.0.iter(), |out, text| out.bytes(text));
    }

    fn restore(_: &Self::Spec, from: &mut SnapshotReader) -> Result<SeenTexts, Corrupt> {
        Ok(SeenTexts(from.sequence(|from| from.bytes().map(Box::from))?.into_iter().collect()))
    }
}

/// The distinct values, each with how many rows have it.
#[derive(Clone)]
pub struct Counted<E>(HashMap<E, u64, FoldHash>);

impl<E: Element> State for Counted<E> {
    type Spec = (usize, Type);

    fn new(_: &Self::Spec) -> Counted<E> {
        Counted(HashMap::default())
    }

    fn add(&mut self, argument: &Self::Spec, row: Row) {
        *self.0.entry(row.element(argument)).or_default() += 1;
    }

    fn remove(&mut self, argument: &Self::Spec, row: Row) {
        let value: E = row.element(argument);
        if let Some(n_rows) = self.0.get_mut(&value) {
            *n_rows -= 1;
            if *n_rows == 0 {
                self.0.remove(&value);
            }
        }
    }

    fn merge(&mut self, _: &Self::Spec, from: &Counted<E>) {
        for (value, n_rows) in &from.0 {
            *self.0.entry(value.clone()).or_default() += n_rows;
        }
    }

    fn result(&self, _: &Self::Spec) -> Result<Value, String> {
        Ok(Value::Int(self.0.len() as i64))
    }

    fn owned_bytes(&self, _: &Self::Spec) -> usize {
        let values: usize = self.0.keys().map(Element::owned_bytes).sum();
        values + self.0.capacity() * (size_of::<(E, u64)>() + 1)
    }

    fn write(&self, _: &Self::Spec, out: &mut SnapshotWriter) {
        out.sequence(self.0.iter(), |out, (value, n_rows)| {
            value.write(out);
            out.u64(*n_rows);
        });
    }

    fn restore(_: &Self::Spec, from: &mut SnapshotReader) -> Result<Counted<E>, Corrupt> {
        let entries = from.sequence(|from| Ok((E::restore(from)?, from.u64()?)))?;
        Ok(Counted(entries.into_iter().collect()))
    }
}
