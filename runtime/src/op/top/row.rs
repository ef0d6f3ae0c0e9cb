//! A row as one piece of memory: where it stands in its stream, a word or two for each column, and behind these
//! what has no room in them. Rows that are ranked are looked at one by one, and go one by one.

use crate::accumulate::side::Position;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{Batch, RowPlace};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Bitmap, Column, ColumnBuilder, ColumnData, TextColumn, View};
use millstream_ir::types::{Layout, Type};
use millstream_ir::value::{Value, compare_floats};
use std::cmp::Ordering;
use std::sync::Arc;

/// Shared with the changes that it is in.
pub type Row = Arc<[u8]>;

pub struct RowLayout {
    types: Vec<Type>,
    columns: Vec<Packed>,
    /// Bytes before those that have no room in words.
    size: usize,
}

/// Where a column is.
#[derive(Clone, Copy)]
struct Packed {
    layout: Layout,
    at: usize,
}

/// The bytes of the position, behind which there is a bit for each column, set where it is null.
const POSITION: usize = 32;

impl RowLayout {
    pub fn new(types: Vec<Type>) -> RowLayout {
        let mut size = POSITION + types.len().div_ceil(64) * 8;
        let packed = |ty: &Type| {
            let (layout, at) = (ty.layout(), size);
            size += match layout {
                Layout::Bool | Layout::I64 | Layout::F64 | Layout::Boxed => 8,
                Layout::Decimal | Layout::View => 16,
            };
            Packed { layout, at }
        };
        let columns = types.iter().map(packed).collect();
        RowLayout { types, columns, size }
    }

    pub fn n_columns(&self) -> usize {
        self.columns.len()
    }

    /// Puts a row of a batch into `into`, instead of what is there.
    pub fn pack(&self, batch: &Batch, row: usize, position: Position, into: &mut Vec<u8>) {
        into.clear();
        into.resize(self.size, 0);
        let place = position.place;
        put(into, 0, position.time.to_le_bytes());
        put(into, 8, place.source.to_le_bytes());
        put(into, 12, place.partition.to_le_bytes());
        put(into, 16, place.offset.to_le_bytes());
        put(into, 24, place.branch.to_le_bytes());
        for (number, (packed, column)) in self.columns.iter().zip(&batch.columns).enumerate() {
            let at = packed.at;
            if !column.is_valid(row) {
                into[POSITION + number / 8] |= 1 << (number % 8);
                continue;
            }
            match &column.data {
                ColumnData::Bool(values) => put(into, at, [values[row]]),
                ColumnData::I64(values) if packed.layout == Layout::Decimal => {
                    put(into, at, (values[row] as i128).to_le_bytes());
                }
                ColumnData::I64(values) => put(into, at, values[row].to_le_bytes()),
                ColumnData::F64(values) => put(into, at, values[row].to_le_bytes()),
                ColumnData::I128(values) => put(into, at, values[row].to_le_bytes()),
                ColumnData::Text(texts) => match View(texts.views[row]) {
                    view if view.len() <= View::INLINE => put(into, at, view.0.to_le_bytes()),
                    view => {
                        // As a view, but that the text stands in the row.
                        put(into, at, (view.len() as u32).to_le_bytes());
                        let behind = into.len() as u64;
                        put(into, at + 8, behind.to_le_bytes());
                        into.extend_from_slice(texts.bytes(row));
                    }
                },
                ColumnData::Boxed(values) => {
                    let mut writer = SnapshotWriter::default();
                    writer.value(&values[row]);
                    let behind = into.len() as u64;
                    put(into, at, behind.to_le_bytes());
                    into.extend_from_slice(&writer.finish());
                }
            }
        }
    }

    fn is_null(&self, row: &[u8], column: usize) -> bool {
        row[POSITION + column / 8] >> (column % 8) & 1 == 1
    }

    /// None: the column is not one of whole numbers or times, or is null.
    pub fn int(&self, row: &[u8], column: usize) -> Option<i64> {
        let packed = self.columns.get(column)?;
        (packed.layout == Layout::I64 && !self.is_null(row, column)).then(|| int(row, packed.at))
    }

    pub fn value(&self, row: &[u8], column: usize) -> Value {
        let at = self.columns[column].at;
        match self.columns[column].layout {
            _ if self.is_null(row, column) => Value::Null,
            Layout::Decimal => Value::Decimal(decimal(row, at)),
            Layout::Boxed => boxed(row, at),
            _ => self.column(column, [row].into_iter()).value(0, &self.types[column]),
        }
    }

    /// As rows stand by these columns, one after the other.
    pub fn compare_by(&self, columns: &[usize], a: &[u8], b: &[u8]) -> Ordering {
        let mut orders = columns.iter().map(|column| self.compare(a, b, *column));
        orders.find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
    }

    /// As the values of the column are ordered.
    pub fn compare(&self, a: &[u8], b: &[u8], column: usize) -> Ordering {
        let Packed { layout, at } = self.columns[column];
        match (self.is_null(a, column), self.is_null(b, column)) {
            (false, false) => {}
            // Null is the least value.
            (a, b) => return b.cmp(&a),
        }
        match layout {
            Layout::Bool => a[at].cmp(&b[at]),
            Layout::I64 => int(a, at).cmp(&int(b, at)),
            Layout::F64 => compare_floats(float(a, at), float(b, at)),
            Layout::Decimal => decimal(a, at).cmp(&decimal(b, at)),
            Layout::View => text(a, at).cmp(text(b, at)),
            Layout::Boxed => boxed(a, at).cmp(&boxed(b, at)),
        }
    }

    /// A column of rows.
    pub fn column<'a>(&self, column: usize, rows: impl Iterator<Item = &'a [u8]> + Clone) -> Column {
        let Packed { layout, at } = self.columns[column];
        let has_nulls = self.types[column].nullable && rows.clone().any(|row| self.is_null(row, column));
        let validity = has_nulls.then(|| {
            let mut validity = Bitmap::default();
            rows.clone().for_each(|row| validity.push(!self.is_null(row, column)));
            validity
        });
        let data = match layout {
            Layout::Bool => ColumnData::Bool(rows.map(|row| row[at]).collect()),
            Layout::I64 => ColumnData::I64(rows.map(|row| int(row, at)).collect()),
            Layout::F64 => ColumnData::F64(rows.map(|row| float(row, at)).collect()),
            Layout::View => {
                let (mut views, mut heap) = (Buffer::new(), vec![]);
                for row in rows {
                    views.push(match View(bytes(row, at).map_or(0, u128::from_le_bytes)) {
                        view if view.len() <= View::INLINE => view.0,
                        _ => {
                            let text = text(row, at);
                            heap.extend_from_slice(text);
                            View::new(text, 0, (heap.len() - text.len()) as u32).0
                        }
                    });
                }
                ColumnData::Text(TextColumn { views, heaps: vec![Arc::new(heap)] })
            }
            Layout::Decimal | Layout::Boxed => {
                let mut built = ColumnBuilder::new(&self.types[column]);
                for row in rows {
                    built.push(&self.value(row, column));
                }
                return built.finish();
            }
        };
        Column { data, validity }
    }

    /// A row that a snapshot holds.
    pub fn restore(&self, reader: &mut SnapshotReader) -> Result<Row, Corrupt> {
        let row = reader.bytes()?;
        if row.len() < self.size { Err(Corrupt) } else { Ok(row.into()) }
    }
}

/// Where the row stands in its stream.
pub fn position(row: &[u8]) -> Position {
    let half = |at| bytes(row, at).map_or(0, u32::from_le_bytes);
    let place = RowPlace {
        source: half(8),
        partition: half(12),
        offset: bytes(row, 16).map_or(0, u64::from_le_bytes),
        branch: half(24),
    };
    Position { time: int(row, 0), place }
}

fn put<const N: usize>(into: &mut [u8], at: usize, bytes: [u8; N]) {
    into[at..at + N].copy_from_slice(&bytes);
}

#[inline]
fn bytes<const N: usize>(row: &[u8], at: usize) -> Option<[u8; N]> {
    row.get(at..)?.first_chunk().copied()
}

fn int(row: &[u8], at: usize) -> i64 {
    bytes(row, at).map_or(0, i64::from_le_bytes)
}

fn float(row: &[u8], at: usize) -> f64 {
    bytes(row, at).map_or(0.0, f64::from_le_bytes)
}

fn decimal(row: &[u8], at: usize) -> i128 {
    bytes(row, at).map_or(0, i128::from_le_bytes)
}

fn text(row: &[u8], at: usize) -> &[u8] {
    let len = bytes(row, at).map_or(0, u32::from_le_bytes) as usize;
    let from = if len <= View::INLINE { at + 4 } else { int(row, at + 8) as usize };
    row.get(from..).and_then(|rest| rest.get(..len)).unwrap_or_default()
}

fn boxed(row: &[u8], at: usize) -> Value {
    let encoded = row.get(int(row, at) as usize..).unwrap_or_default();
    SnapshotReader::new(encoded).value().unwrap_or(Value::Null)
}
