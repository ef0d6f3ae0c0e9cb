//! Snapshots: the state of an operator as bytes, and back.
//!
//! A snapshot is read by a new operator of the same node, so it holds what happened, not what the plan
//! says: no types, no names, no sizes of slots. Integers are little-endian and of fixed width.

use millstream_ir::batch::{Batch, LateRow, Origin, RowPlace};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnBuilder, ColumnRef};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// The bytes are not a snapshot of this operator: cut off, damaged, or of another program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Corrupt;

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the snapshot is damaged or of another program")
    }
}

impl std::error::Error for Corrupt {}

#[derive(Default)]
pub struct SnapshotWriter<'w> {
    bytes: Vec<u8>,
    /// Who takes the bytes in parts, as they come.
    onward: Option<&'w mut Onward<'w>>,
    /// Whether they have taken any.
    has_handed_on: bool,
    failed: Option<io::Error>,
}

/// Takes a part.
type Onward<'w> = dyn FnMut(&[u8]) + 'w;

/// No run counts so far.
pub const MOST: u64 = 1 << 56;

/// No program nests its types deeper.
const MOST_NESTED: usize = 256;

/// Bytes that are handed on together.
const PART: usize = 1 << 20;

/// Rows of a column that are there together.
const PART_ROWS: usize = 1 << 14;

impl<'w> SnapshotWriter<'w> {
    /// Hands on what is written, so that it need not be kept all.
    pub fn in_parts(onward: &'w mut Onward<'w>) -> SnapshotWriter<'w> {
        SnapshotWriter { onward: Some(onward), ..SnapshotWriter::default() }
    }

    /// What has been written and not handed on.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.has_handed_on
    }

    /// Notes that something cannot be had that belongs there: what is written is no snapshot.
    pub fn fail(&mut self, error: io::Error) {
        self.failed = Some(error);
    }

    /// Why it is none, if it is not.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// What another writer has written.
    pub fn written(&mut self, bytes: &[u8]) {
        self.put(bytes);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= PART {
            self.hand_on();
        }
    }

    /// Hands on what has come up to here, if somebody takes it.
    pub fn hand_on(&mut self) {
        if let Some(onward) = &mut self.onward {
            onward(&self.bytes);
            self.bytes.clear();
            self.has_handed_on = true;
        }
    }

    pub fn bool(&mut self, value: bool) {
        self.put(&[value as u8]);
    }

    pub fn u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    /// A count or an index.
    pub fn count(&mut self, value: usize) {
        self.u64(value as u64);
    }

    pub fn i64(&mut self, value: i64) {
        self.put(&value.to_le_bytes());
    }

    pub fn i128(&mut self, value: i128) {
        self.put(&value.to_le_bytes());
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.put(value);
    }

    pub fn words(&mut self, values: &[u64]) {
        self.count(values.len());
        values.iter().for_each(|word| self.u64(*word));
    }

    /// A sequence: how many, then each.
    pub fn sequence<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut SnapshotWriter<'w>, T),
    ) {
        self.count(items.len());
        items.for_each(|item| write(self, item));
    }

    pub fn value(&mut self, value: &Value) {
        let tag = |writer: &mut SnapshotWriter, tag: u8| writer.put(&[tag]);
        match value {
            Value::Null => tag(self, 0),
            Value::Bool(value) => {
                tag(self, 1);
                self.bool(*value);
            }
            Value::Int(value) => {
                tag(self, 2);
                self.i64(*value);
            }
            Value::Float(value) => {
                tag(self, 3);
                self.u64(value.to_bits());
            }
            Value::Decimal(value) => {
                tag(self, 4);
                self.i128(*value);
            }
            Value::String(text) => {
                tag(self, 5);
                self.bytes(text.as_bytes());
            }
            Value::Bytes(bytes) => {
                tag(self, 6);
                self.bytes(bytes);
            }
            Value::Timestamp(value) => {
                tag(self, 7);
                self.i64(*value);
            }
            Value::Duration(value) => {
                tag(self, 8);
                self.i64(*value);
            }
            Value::Json(json) => {
                tag(self, 9);
                self.bytes(json.to_string().as_bytes());
            }
            Value::List(items) => {
                tag(self, 10);
                self.sequence(items.iter(), SnapshotWriter::value);
            }
            Value::Map(map) => {
                tag(self, 11);
                self.sequence(map.iter(), |writer, (key, value)| {
                    writer.bytes(key.as_bytes());
                    writer.value(value);
                });
            }
            Value::Record(fields) => {
                tag(self, 12);
                self.sequence(fields.iter(), SnapshotWriter::value);
            }
        }
    }

    pub fn place(&mut self, place: &RowPlace) {
        self.u32(place.source);
        self.u32(place.partition);
        self.u64(place.offset);
        self.u32(place.branch);
    }

    /// The rows of a batch whose columns have these types.
    pub fn batch(&mut self, batch: &Batch, types: &[Type]) {
        self.count(batch.n_rows);
        for (column, ty) in batch.columns.iter().zip(types) {
            self.column(column, batch.n_rows, ty);
        }
        self.behind_columns(batch);
    }

    /// A batch of so many rows without a place, of which a part of a column is there at a time: `part` has them by the
    /// number of the column and those of the rows.
    pub fn batch_in_parts(
        &mut self,
        n_rows: usize,
        types: &[Type],
        mut part: impl FnMut(usize, Range<usize>) -> io::Result<ColumnRef>,
    ) {
        self.count(n_rows);
        for (number, ty) in types.iter().enumerate() {
            for first in (0..n_rows).step_by(PART_ROWS) {
                let rows = first..n_rows.min(first + PART_ROWS);
                match part(number, rows.clone()) {
                    Ok(column) => self.column(&column, rows.len(), ty),
                    Err(error) => return self.fail(error),
                }
            }
        }
        self.behind_columns(&Batch { columns: vec![], n_rows, origin: Origin::default(), late: vec![] });
    }

    fn column(&mut self, column: &Column, n_rows: usize, ty: &Type) {
        (0..n_rows).for_each(|row| self.value(&column.value(row, ty)));
    }

    fn behind_columns(&mut self, batch: &Batch) {
        self.u32(batch.origin.source);
        self.u32(batch.origin.partition);
        self.u64(batch.origin.first);
        self.bool(batch.origin.offsets.is_some());
        if let Some(offsets) = &batch.origin.offsets {
            offsets.iter().for_each(|offset| self.u32(*offset));
        }
        self.u32(batch.origin.branch);
        self.bool(batch.origin.mixed.is_some());
        for place in batch.origin.mixed.iter().flat_map(|places| places.iter()) {
            self.place(place);
        }
        self.sequence(batch.late.iter(), |writer, late| {
            writer.u32(late.row);
            writer.i64(late.watermark);
        });
    }
}

pub struct SnapshotReader<'a> {
    bytes: &'a [u8],
}

impl<'a> SnapshotReader<'a> {
    pub fn new(bytes: &'a [u8]) -> SnapshotReader<'a> {
        SnapshotReader { bytes }
    }

    /// All that was written has been read.
    pub fn finish(self) -> Result<(), Corrupt> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Corrupt) }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(Corrupt)?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub fn bool(&mut self) -> Result<bool, Corrupt> {
        match self.take::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Corrupt),
        }
    }

    pub fn u32(&mut self) -> Result<u32, Corrupt> {
        self.take().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Corrupt> {
        self.take().map(u64::from_le_bytes)
    }

    /// A count of things of which each takes at least a byte of what is left, or an index.
    pub fn count(&mut self) -> Result<usize, Corrupt> {
        usize::try_from(self.u64()?).map_err(|_| Corrupt)
    }

    /// How many there have been, or which of them it is: none has counted so far that it could not go on.
    pub fn total(&mut self) -> Result<u64, Corrupt> {
        self.u64().and_then(|n| if n < MOST { Ok(n) } else { Err(Corrupt) })
    }

    pub fn i64(&mut self) -> Result<i64, Corrupt> {
        self.take().map(i64::from_le_bytes)
    }

    pub fn i128(&mut self) -> Result<i128, Corrupt> {
        self.take().map(i128::from_le_bytes)
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Corrupt> {
        let len = self.count()?;
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(Corrupt)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub fn text(&mut self) -> Result<&'a str, Corrupt> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Corrupt)
    }

    pub fn words(&mut self) -> Result<Vec<u64>, Corrupt> {
        self.sequence(SnapshotReader::u64)
    }

    /// What [`SnapshotWriter::sequence`] wrote.
    pub fn sequence<T>(
        &mut self,
        mut read: impl FnMut(&mut SnapshotReader<'a>) -> Result<T, Corrupt>,
    ) -> Result<Vec<T>, Corrupt> {
        let n = self.count()?;
        // A damaged count must not ask for all memory: but for the one key of those that have no columns, each item takes
        // a byte at least.
        if n > self.bytes.len().max(1) {
            return Err(Corrupt);
        }
        let mut items = Vec::with_capacity(n);
        for _ in 0..n {
            items.push(read(self)?);
        }
        Ok(items)
    }

    pub fn value(&mut self) -> Result<Value, Corrupt> {
        self.value_within(MOST_NESTED)
    }

    /// A value that is nested no deeper.
    fn value_within(&mut self, depth: usize) -> Result<Value, Corrupt> {
        let [tag] = self.take()?;
        let element = |reader: &mut Self| reader.value_within(depth.checked_sub(1).ok_or(Corrupt)?);
        Ok(match tag {
            0 => Value::Null,
            1 => Value::Bool(self.bool()?),
            2 => Value::Int(self.i64()?),
            3 => Value::Float(f64::from_bits(self.u64()?)),
            4 => Value::Decimal(self.i128()?),
            5 => Value::String(self.text()?.into()),
            6 => Value::Bytes(self.bytes()?.into()),
            7 => Value::Timestamp(self.i64()?),
            8 => Value::Duration(self.i64()?),
            9 => Value::Json(Arc::new(serde_json::from_slice(self.bytes()?).map_err(|_| Corrupt)?)),
            10 => Value::List(self.sequence(element)?.into()),
            11 => {
                let entries = self.sequence(|reader| Ok((reader.text()?.into(), element(reader)?)))?;
                Value::Map(Arc::new(entries.into_iter().collect::<BTreeMap<_, _>>()))
            }
            12 => Value::Record(self.sequence(element)?.into()),
            _ => return Err(Corrupt),
        })
    }

    /// A batch whose columns have these types.
    pub fn batch(&mut self, types: &[Type]) -> Result<Batch, Corrupt> {
        let n_rows = self.count()?;
        if n_rows > self.bytes.len() {
            return Err(Corrupt);
        }
        let mut columns = vec![];
        for ty in types {
            let mut column = ColumnBuilder::new(ty);
            for _ in 0..n_rows {
                column.push(&self.value()?);
            }
            columns.push(Arc::new(column.finish()));
        }
        let (source, partition, first) = (self.u32()?, self.u32()?, self.total()?);
        let offsets = match self.bool()? {
            false => None,
            true => {
                Some(Arc::new((0..n_rows).map(|_| self.u32()).collect::<Result<Buffer<u32>, Corrupt>>()?))
            }
        };
        let branch = self.u32()?;
        let mixed = match self.bool()? {
            false => None,
            true => {
                Some((0..n_rows).map(|_| self.place()).collect::<Result<Vec<RowPlace>, Corrupt>>()?.into())
            }
        };
        let late = self.sequence(|r| Ok(LateRow { row: r.u32()?, watermark: r.i64()? }))?;
        if !late.is_sorted_by(|a, b| a.row < b.row) || late.last().is_some_and(|l| l.row as usize >= n_rows) {
            return Err(Corrupt);
        }
        let origin = Origin { source, partition, branch, first, offsets, mixed, marks: None };
        Ok(Batch { columns, n_rows, origin, late })
    }

    pub fn place(&mut self) -> Result<RowPlace, Corrupt> {
        let (source, partition) = (self.u32()?, self.u32()?);
        Ok(RowPlace { source, partition, offset: self.total()?, branch: self.u32()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_ir::testing::{Generator, cases};

    #[test]
    fn values_come_back_as_they_went() {
        for seed in 0..cases(500) {
            let mut random = Generator::new(seed as u64);
            let segment = random.segment();
            let values: Vec<Value> = segment.inputs.iter().map(|ty| random.value(ty, false)).collect();
            let mut writer = SnapshotWriter::default();
            writer.sequence(values.iter(), SnapshotWriter::value);
            let bytes = writer.finish();
            let mut reader = SnapshotReader::new(&bytes);
            assert_eq!(reader.sequence(SnapshotReader::value), Ok(values), "seed {seed}");
            assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn a_snapshot_that_is_cut_off_is_corrupt() {
        let mut writer = SnapshotWriter::default();
        writer.value(&Value::List([Value::string("a text"), Value::Int(1), Value::Null].into()));
        let bytes = writer.finish();
        for end in 0..bytes.len() {
            assert_eq!(SnapshotReader::new(&bytes[..end]).value(), Err(Corrupt), "{end}");
        }
        assert_eq!(SnapshotReader::new(&u64::MAX.to_le_bytes()).sequence(SnapshotReader::u64), Err(Corrupt));
    }

    #[test]
    fn a_value_that_is_nested_without_an_end_is_corrupt() {
        let list_of_one = [10, 1, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(SnapshotReader::new(&list_of_one.repeat(1_000_000)).value(), Err(Corrupt));
    }
}
