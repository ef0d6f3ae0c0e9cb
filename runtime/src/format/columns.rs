//! The columns of a batch while rows are written into them, in any order.

use super::field::Field;
use super::{Decoded, DecodedRows};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Bitmap, Column, ColumnData, Heap, TextColumn, View};
use millstream_ir::types::Layout;
use millstream_ir::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One column per field, with room for as many rows as records of the batch.
pub struct Columns {
    pub columns: Vec<Writer>,
    /// The rows that have been rejected, ascending.
    rejected: Vec<u32>,
    n_records: usize,
}

pub struct Writer {
    pub data: Data,
    /// Of a nullable field.
    pub validity: Option<Bitmap>,
}

pub enum Data {
    Bool(Buffer<u8>),
    I64(Buffer<i64>),
    F64(Buffer<f64>),
    Decimal {
        narrow: Buffer<i64>,
        /// Rows whose value does not fit 64 bits.
        wide: BTreeMap<usize, i128>,
    },
    Text {
        /// Views: heap 0 is the block, the others are `heaps`.
        views: Buffer<u128>,
        heaps: Vec<Vec<u8>>,
    },
    Boxed(Vec<Value>),
}

impl Columns {
    pub fn new(fields: &[Field], n_records: usize) -> Columns {
        let columns = fields.iter().map(|field| Writer::new(field, n_records)).collect();
        Columns { columns, rejected: vec![], n_records }
    }

    pub fn set_row(&mut self, row: usize, values: &[Value]) {
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.set(row, value);
        }
    }

    /// Leaves a row out. Rows are rejected in ascending order.
    pub fn reject(&mut self, row: usize) {
        self.rejected.push(row as u32);
    }

    /// Adds the rows, of which the first is record number `first`.
    pub fn finish(self, block: &Heap, first: u64, decoded: &mut Decoded) {
        let n_rows = self.n_records - self.rejected.len();
        if n_rows == 0 {
            return;
        }
        let columns = self.columns.into_iter().map(|column| column.finish(block));
        if self.rejected.is_empty() {
            let columns = columns.collect();
            decoded.batches.push(DecodedRows { columns, n_rows, first, offsets: None });
            return;
        }
        let mut rejected = self.rejected.iter().peekable();
        let kept: Vec<u32> =
            (0..self.n_records as u32).filter(|row| rejected.next_if_eq(&row).is_none()).collect();
        let columns = columns.map(|column| column.gather(&kept)).collect();
        let records = kept.iter().map(|row| first as u32 + row).collect();
        decoded.batches.push(DecodedRows::new(columns, records));
    }

    /// Adds the rows, each with the number of its record.
    pub fn finish_records(self, block: &Heap, records: Vec<u32>, decoded: &mut Decoded) {
        if !records.is_empty() {
            let columns = self.columns.into_iter().map(|column| column.finish(block)).collect();
            decoded.batches.push(DecodedRows::new(columns, records));
        }
    }
}

impl Writer {
    fn new(field: &Field, n_records: usize) -> Writer {
        let data = match field.spec.ty.layout() {
            Layout::Bool => Data::Bool(Buffer::filled(0, n_records)),
            Layout::I64 => Data::I64(Buffer::filled(0, n_records)),
            Layout::F64 => Data::F64(Buffer::filled(0.0, n_records)),
            Layout::Decimal => Data::Decimal { narrow: Buffer::filled(0, n_records), wide: BTreeMap::new() },
            Layout::View => Data::Text { views: Buffer::filled(0, n_records), heaps: vec![] },
            Layout::Boxed => Data::Boxed(vec![Value::Null; n_records]),
        };
        let validity = field.spec.ty.nullable.then(|| Bitmap::filled(true, n_records));
        Writer { data, validity }
    }

    /// Writes a value of the column's type.
    pub fn set(&mut self, row: usize, value: &Value) {
        if let Some(validity) = &mut self.validity {
            validity.set(row, !value.is_null());
        }
        match (&mut self.data, value) {
            (Data::Bool(values), value) => values[row] = matches!(value, Value::Bool(true)) as u8,
            (Data::I64(values), Value::Int(x) | Value::Timestamp(x) | Value::Duration(x)) => values[row] = *x,
            (Data::I64(values), _) => values[row] = 0,
            (Data::F64(values), Value::Float(x)) => values[row] = *x,
            (Data::F64(values), _) => values[row] = 0.0,
            (Data::Decimal { narrow, wide }, Value::Decimal(x)) => match i64::try_from(*x) {
                Ok(x) => {
                    narrow[row] = x;
                    wide.remove(&row);
                }
                Err(_) => {
                    wide.insert(row, *x);
                }
            },
            (Data::Decimal { narrow, wide }, _) => {
                narrow[row] = 0;
                wide.remove(&row);
            }
            (Data::Text { views, heaps }, Value::String(text)) => views[row] = view(text.as_bytes(), heaps).0,
            (Data::Text { views, .. }, _) => views[row] = View::EMPTY.0,
            (Data::Boxed(values), value) => values[row] = value.clone(),
        }
    }

    fn finish(self, block: &Heap) -> Column {
        let data = match self.data {
            Data::Bool(values) => ColumnData::Bool(values),
            Data::I64(values) => ColumnData::I64(values),
            Data::F64(values) => ColumnData::F64(values),
            Data::Decimal { narrow, wide } if wide.is_empty() => ColumnData::I64(narrow),
            Data::Decimal { narrow, wide } => {
                let mut values: Buffer<i128> = narrow.iter().map(|x| *x as i128).collect();
                for (row, x) in wide {
                    values[row] = x;
                }
                ColumnData::I128(values)
            }
            Data::Text { views, heaps } => ColumnData::Text(text_column(views, heaps, block)),
            Data::Boxed(values) => ColumnData::Boxed(values),
        };
        Column { data, validity: self.validity.filter(|validity| !validity.all_valid()) }
    }
}

/// The view of a text that is not in the block.
fn view(text: &[u8], heaps: &mut Vec<Vec<u8>>) -> View {
    View::inline(text).unwrap_or_else(|| {
        if heaps.last().is_none_or(|heap| heap.len() + text.len() > u32::MAX as usize) {
            heaps.push(vec![]);
        }
        let number = heaps.len() as u32;
        let offset = heaps.last().map_or(0, Vec::len) as u32;
        heaps.iter_mut().last().into_iter().for_each(|heap| heap.extend_from_slice(text));
        View::new(text, number, offset)
    })
}

fn text_column(views: Buffer<u128>, heaps: Vec<Vec<u8>>, block: &Heap) -> TextColumn {
    // A block that no view points into is free for the next bytes.
    let points_out = |view: &u128| View(*view).len() > View::INLINE;
    if heaps.is_empty() && !views.iter().any(points_out) {
        return TextColumn { views, heaps: vec![] };
    }
    let heaps = std::iter::once(block.clone()).chain(heaps.into_iter().map(Arc::new)).collect();
    TextColumn { views, heaps }
}
