//! `collect`: a list of all values, or of the distinct ones, in the total order.

use super::placed::{self, Placed};
use crate::accumulate::element::{Element, FoldHash};
use crate::accumulate::side::{Position, Row, State};
use crate::accumulate::sorted::Sorted;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cmp::Ordering;
use std::collections::HashMap;

/// All values.
#[derive(Clone)]
pub struct Collected(Sorted<Placed>);

impl State for Collected {
    type Spec = (usize, Type);

    fn new(_: &Self::Spec) -> Collected {
        Collected(Sorted::default())
    }

    fn add(&mut self, argument: &Self::Spec, row: Row) {
        self.0.insert(Placed::of(row, argument));
    }

    fn remove(&mut self, argument: &Self::Spec, row: Row) {
        placed::remove(&mut self.0, &Placed::of(row, argument));
    }

    fn merge(&mut self, _: &Self::Spec, from: &Collected) {
        from.0.iter().for_each(|placed| self.0.insert(placed.clone()));
    }

    fn result(&self, _: &Self::Spec) -> Result<Value, String> {
        Ok(Value::List(self.0.iter().map(|placed| placed.value.clone()).collect()))
    }

    fn owned_bytes(&self, _: &Self::Spec) -> usize {
        placed::bytes(&self.0)
    }

    fn write(&self, _: &Self::Spec, out: &mut SnapshotWriter) {
        placed::write(&self.0, out);
    }

    fn restore(_: &Self::Spec, from: &mut SnapshotReader) -> Result<Collected, Corrupt> {
        placed::restore(from).map(Collected)
    }
}

/// Where a value came: its row, and how many values had come before, for those of one row.
type Place = (Position, u64);

fn write_place((position, number): &Place, out: &mut SnapshotWriter) {
    position.write(out);
    out.u64(*number);
}

fn restore_place(from: &mut SnapshotReader) -> Result<Place, Corrupt> {
    Ok((Position::restore(from)?, from.total()?))
}

fn in_order<'a>(values: impl Iterator<Item = (&'a Value, Place)>) -> Result<Value, String> {
    let mut values: Vec<(&Value, Place)> = values.collect();
    values.sort_unstable_by_key(|(_, place)| *place);
    Ok(Value::List(values.into_iter().map(|(value, _)| value.clone()).collect()))
}

/// Each value with the place at which it came first.
#[derive(Clone)]
pub struct Distinct {
    places: HashMap<Value, Place, FoldHash>,
    n_rows: u64,
}

impl Distinct {
    fn take(&mut self, value: Value, place: Place) {
        let first = self.places.entry(value).or_insert(place);
        *first = place.min(*first);
    }
}

impl State for Distinct {
    type Spec = (usize, Type);

    fn new(_: &Self::Spec) -> Distinct {
        Distinct { places: HashMap::default(), n_rows: 0 }
    }

    fn add(&mut self, argument: &Self::Spec, row: Row) {
        self.take(row.element(argument), (row.position(), self.n_rows));
        self.n_rows += 1;
    }

    fn remove(&mut self, _: &Self::Spec, _: Row) {
        debug_assert!(false, "rows are taken out of `DistinctKept`");
    }

    fn merge(&mut self, _: &Self::Spec, from: &Distinct) {
        let n_rows = self.n_rows;
        for (value, (position, number)) in &from.places {
            self.take(value.clone(), (*position, n_rows + number));
        }
        self.n_rows += from.n_rows;
    }

    fn result(&self, _: &Self::Spec) -> Result<Value, String> {
        in_order(self.places.iter().map(|(value, place)| (value, *place)))
    }

    fn owned_bytes(&self, _: &Self::Spec) -> usize {
        let values: usize = self.places.keys().map(Element::owned_bytes).sum();
        values + self.places.capacity() * (size_of::<(Value, Place)>() + 1)
    }

    fn write(&self, _: &Self::Spec, out: &mut SnapshotWriter) {
        out.u64(self.n_rows);
        out.sequence(self.places.iter(), |out, (value, place)| {
            out.value(value);
            write_place(place, out);
        });
    }

    fn restore(_: &Self::Spec, from: &mut SnapshotReader) -> Result<Distinct, Corrupt> {
        let n_rows = from.total()?;
        let places = from.sequence(|from| Ok((from.value()?, restore_place(from)?)))?;
        Ok(Distinct { places: places.into_iter().collect(), n_rows })
    }
}

/// Each value with all places at which it came.
#[derive(Clone)]
pub struct DistinctKept {
    places: HashMap<Value, Sorted<Place>, FoldHash>,
    n_rows: u64,
}

impl State for DistinctKept {
    type Spec = (usize, Type);

    fn new(_: &Self::Spec) -> DistinctKept {
        DistinctKept { places: HashMap::default(), n_rows: 0 }
    }

    fn add(&mut self, argument: &Self::Spec, row: Row) {
        self.places.entry(row.element(argument)).or_default().insert((row.position(), self.n_rows));
        self.n_rows += 1;
    }

    fn remove(&mut self, argument: &Self::Spec, row: Row) {
        let (value, position): (Value, Position) = (row.element(argument), row.position());
        let Some(places) = self.places.get_mut(&value) else { return };
        // As in `placed::remove`.
        if places.remove(|(other, _)| other.cmp(&position), |_| true).is_none() {
            places.remove(|_| Ordering::Equal, |_| true);
        }
        if places.is_empty() {
            self.places.remove(&value);
        }
    }

    fn merge(&mut self, _: &Self::Spec, from: &DistinctKept) {
        for (value, places) in &from.places {
            let into = self.places.entry(value.clone()).or_default();
            places.iter().for_each(|(position, number)| into.insert((*position, self.n_rows + number)));
        }
        self.n_rows += from.n_rows;
    }

    fn result(&self, _: &Self::Spec) -> Result<Value, String> {
        in_order(self.places.iter().filter_map(|(value, places)| Some((value, *places.first()?))))
    }

    fn owned_bytes(&self, _: &Self::Spec) -> usize {
        let values = self.places.iter().map(|(value, places)| value.owned_bytes() + places.bytes());
        values.sum::<usize>() + self.places.capacity() * (size_of::<(Value, Sorted<Place>)>() + 1)
    }

    fn write(&self, _: &Self::Spec, out: &mut SnapshotWriter) {
        out.u64(self.n_rows);
        out.sequence(self.places.iter(), |out, (value, places)| {
            out.value(value);
            out.count(places.len());
            places.iter().for_each(|place| write_place(place, out));
        });
    }

    fn restore(_: &Self::Spec, from: &mut SnapshotReader) -> Result<DistinctKept, Corrupt> {
        let n_rows = from.total()?;
        let entry = |from: &mut SnapshotReader| {
            Ok((from.value()?, from.sequence(restore_place)?.into_iter().collect()))
        };
        Ok(DistinctKept { places: from.sequence(entry)?.into_iter().collect(), n_rows })
    }
}
