//! `count(distinct x)`.

mod words;

pub use words::WordSets;

use crate::accumulate::element::{Element, FoldHash};
use crate::accumulate::side::{Row, State};
use crate::kernel::prefetch::prefetch;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::column::ColumnData;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{HashMap, HashSet};

/// The distinct values, where these are more than a word.
#[derive(Clone)]
pub enum Seen<E> {
    /// Most groups have few, and among these a look at each is the fastest.
    Few(Vec<E>),
    Many(HashSet<E, FoldHash>),
}

const FEW: usize = 16;

impl<E: Element> Seen<E> {
    fn insert(&mut self, value: E) {
        match self {
            Seen::Many(values) => {
                values.insert(value);
            }
            Seen::Few(values) if values.contains(&value) => {}
            Seen::Few(values) if values.len() < FEW => values.push(value),
            Seen::Few(values) => *self = Seen::Many(values.drain(..).chain([value]).collect()),
        }
    }

    fn values(&self) -> impl Iterator<Item = &E> {
        let (few, many) = match self {
            Seen::Few(values) => (Some(values), None),
            Seen::Many(values) => (None, Some(values)),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten())
    }

    fn len(&self) -> usize {
        match self {
            Seen::Few(values) => values.len(),
            Seen::Many(values) => values.len(),
        }
    }
}

impl<E: Element> State for Seen<E> {
    type Spec = (usize, Type);

    fn new(_: &Self::Spec) -> Seen<E> {
        Seen::Few(vec![])
    }

    fn add(&mut self, argument: &Self::Spec, row: Row) {
        self.insert(row.element(argument));
    }

    fn request(&self) {
        if let Seen::Few(values) = self {
            prefetch(values.as_ptr() as *const u8);
        }
    }

    fn remove(&mut self, _: &Self::Spec, _: Row) {
        debug_assert!(false, "rows are taken out of `Counted`");
    }

    fn merge(&mut self, _: &Self::Spec, from: &Seen<E>) {
        from.values().for_each(|value| self.insert(value.clone()));
    }

    fn result(&self, _: &Self::Spec) -> Result<Value, String> {
        Ok(Value::Int(self.len() as i64))
    }

    fn owned_bytes(&self, _: &Self::Spec) -> usize {
        let outside = match self {
            Seen::Few(values) => values.capacity() * size_of::<E>(),
            Seen::Many(values) => values.capacity() * (size_of::<E>() + 1),
        };
        outside + self.values().map(Element::owned_bytes).sum::<usize>()
    }

    fn write(&self, _: &Self::Spec, out: &mut SnapshotWriter) {
        match self {
            Seen::Few(values) => out.sequence(values.iter(), |out, value| value.write(out)),
            Seen::Many(values) => out.sequence(values.iter(), |out, value| value.write(out)),
        }
    }

    fn restore(_: &Self::Spec, from: &mut SnapshotReader) -> Result<Seen<E>, Corrupt> {
        let mut seen = Seen::Few(vec![]);
        from.sequence(E::restore)?.into_iter().for_each(|value| seen.insert(value));
        Ok(seen)
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
        let entries = from.sequence(|from| Ok((E::restore(from)?, from.total()?)))?;
        Ok(Counted(entries.into_iter().collect()))
    }
}
