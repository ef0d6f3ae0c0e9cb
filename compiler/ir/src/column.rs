//! A column of a batch: one buffer per layout, and a bitmap where values are null.
//!
//! Fixed-width buffers, bitmaps and string views have Arrow's memory layout.

use crate::buffer::Buffer;
use crate::types::{Layout, Type, TypeKind};
use crate::value::Value;
use std::sync::Arc;

/// Bytes that string views point into; a decoded block of input, or text made by a kernel.
pub type Heap = Arc<Vec<u8>>;

pub type ColumnRef = Arc<Column>;

/// Values under a null are defined (zero, empty), so that branch-free code may read them.
#[derive(Clone, Debug)]
pub struct Column {
    pub data: ColumnData,
    /// None: no value of this batch is null.
    pub validity: Option<Bitmap>,
}

#[derive(Clone, Debug)]
pub enum ColumnData {
    /// 0 or 1.
    Bool(Buffer<u8>),
    /// Ints, timestamps, durations, and decimals that all fit.
    I64(Buffer<i64>),
    F64(Buffer<f64>),
    /// Decimals of a batch in which one does not fit 64 bits.
    I128(Buffer<i128>),
    Text(TextColumn),
    Boxed(Vec<Value>),
}

/// One bit a row, least significant first; 1 is valid.
#[derive(Clone, Debug, Default)]
pub struct Bitmap {
    pub words: Buffer<u64>,
    pub len: usize,
}

impl Bitmap {
    pub fn filled(valid: bool, len: usize) -> Bitmap {
        let mut words = Buffer::filled(if valid { u64::MAX } else { 0 }, len.div_ceil(64));
        if valid
            && !len.is_multiple_of(64)
            && let Some(last) = words.last_mut()
        {
            *last = (1 << (len % 64)) - 1;
        }
        Bitmap { words, len }
    }

    pub fn push(&mut self, valid: bool) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        self.len += 1;
        self.set(self.len - 1, valid);
    }

    pub fn get(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }

    pub fn set(&mut self, row: usize, valid: bool) {
        let word = &mut self.words[row / 64];
        *word = *word & !(1 << (row % 64)) | (valid as u64) << (row % 64);
    }

    pub fn all_valid(&self) -> bool {
        self.words.iter().map(|w| w.count_ones() as usize).sum::<usize>() == self.len
    }
}

/// Sixteen bytes that stand for a string (Arrow's StringView): its length, then either its bytes
/// (up to twelve), or its first four bytes, the number of a heap, and where in that heap it begins.
/// Unused inline bytes are zero, so that equal short strings are equal as numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct View(pub u128);

impl View {
    pub const INLINE: usize = 12;
    pub const EMPTY: View = View(0);

    /// The view of a string that fits inline; None if it does not.
    pub fn inline(text: &[u8]) -> Option<View> {
        if text.len() > View::INLINE {
            return None;
        }
        let mut bytes = [0u8; 16];
        bytes[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
        bytes[4..4 + text.len()].copy_from_slice(text);
        Some(View(u128::from_le_bytes(bytes)))
    }

    /// The view of `text`, which stands at `offset` of heap number `heap`.
    pub fn new(text: &[u8], heap: u32, offset: u32) -> View {
        View::inline(text).unwrap_or_else(|| {
            let mut bytes = [0u8; 16];
            bytes[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
            bytes[4..8].copy_from_slice(&text[..4]);
            bytes[8..12].copy_from_slice(&heap.to_le_bytes());
            bytes[12..].copy_from_slice(&offset.to_le_bytes());
            View(u128::from_le_bytes(bytes))
        })
    }

    pub fn len(self) -> usize {
        self.0 as u32 as usize
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Heap number and offset; meaningful only for views longer than [`View::INLINE`].
    pub fn place(self) -> (u32, u32) {
        ((self.0 >> 64) as u32, (self.0 >> 96) as u32)
    }
}

/// Strings. All are valid UTF-8: decoders and kernels see to it.
#[derive(Clone, Debug, Default)]
pub struct TextColumn {
    /// [`View`]s.
    pub views: Buffer<u128>,
    pub heaps: Vec<Heap>,
}

impl TextColumn {
    /// Appends a string, copying what does not fit inline into the column's own last heap.
    pub fn push(&mut self, text: &str) {
        let view = View::inline(text.as_bytes()).unwrap_or_else(|| {
            if self.heaps.last_mut().and_then(Arc::get_mut).is_none_or(|h| h.len() > 1 << 30) {
                self.heaps.push(Arc::default());
            }
            let number = self.heaps.len() as u32 - 1;
            let offset = match self.heaps.last_mut().and_then(Arc::get_mut) {
                Some(heap) => {
                    heap.extend_from_slice(text.as_bytes());
                    heap.len() - text.len()
                }
                None => 0,
            };
            View::new(text.as_bytes(), number, offset as u32)
        });
        self.views.push(view.0);
    }

    #[inline]
    pub fn bytes(&self, row: usize) -> &[u8] {
        let view = View(self.views[row]);
        let len = view.len();
        if len <= View::INLINE {
            // The inline bytes stand behind the length (little-endian machines only, see `lib.rs`).
            let at = row * 16 + 4;
            let all = self.view_bytes();
            return &all[at..at + len];
        }
        let (heap, offset) = view.place();
        &self.heaps[heap as usize][offset as usize..offset as usize + len]
    }

    pub fn get(&self, row: usize) -> &str {
        // Decoders check UTF-8; a broken invariant shows as an empty string rather than as a crash.
        std::str::from_utf8(self.bytes(row)).unwrap_or("")
    }

    fn view_bytes(&self) -> &[u8] {
        crate::buffer::as_bytes(&self.views)
    }
}

impl Column {
    pub fn len(&self) -> usize {
        match &self.data {
            ColumnData::Bool(b) => b.len(),
            ColumnData::I64(b) => b.len(),
            ColumnData::F64(b) => b.len(),
            ColumnData::I128(b) => b.len(),
            ColumnData::Text(t) => t.views.len(),
            ColumnData::Boxed(v) => v.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes of memory it takes, without what lies behind boxed values.
    pub fn bytes(&self) -> usize {
        let data = match &self.data {
            ColumnData::Bool(b) => b.len(),
            ColumnData::I64(b) => size_of_val(&b[..]),
            ColumnData::F64(b) => size_of_val(&b[..]),
            ColumnData::I128(b) => size_of_val(&b[..]),
            ColumnData::Text(t) => {
                // Heaps are shared with other columns; what counts is what this one keeps of them.
                let lens = t.views.iter().map(|view| View(*view).len()).filter(|len| *len > View::INLINE);
                size_of_val(&t.views[..]) + lens.sum::<usize>()
            }
            ColumnData::Boxed(v) => size_of_val(&v[..]),
        };
        data + self.validity.as_ref().map_or(0, |validity| size_of_val(&validity.words[..]))
    }

    pub fn is_valid(&self, row: usize) -> bool {
        self.validity.as_ref().is_none_or(|v| v.get(row))
    }

    /// The value of a row; the type says what the bits mean.
    pub fn value(&self, row: usize, ty: &Type) -> Value {
        if !self.is_valid(row) {
            return Value::Null;
        }
        match &self.data {
            ColumnData::Bool(b) if ty.kind == TypeKind::Null => {
                let _ = b;
                Value::Null
            }
            ColumnData::Bool(b) => Value::Bool(b[row] != 0),
            ColumnData::I64(b) => match ty.kind {
                TypeKind::Timestamp => Value::Timestamp(b[row]),
                TypeKind::Duration => Value::Duration(b[row]),
                TypeKind::Decimal(_) => Value::Decimal(b[row] as i128),
                _ => Value::Int(b[row]),
            },
            ColumnData::F64(b) => Value::Float(b[row]),
            ColumnData::I128(b) => Value::Decimal(b[row]),
            ColumnData::Text(t) => Value::string(t.get(row)),
            ColumnData::Boxed(v) => v[row].clone(),
        }
    }

    /// Whether two rows have the same value, null being one, and floats being told apart by their bits.
    ///
    /// # Panics
    /// If a number is not that of a row.
    pub fn has_equal(&self, a: usize, b: usize) -> bool {
        match (self.is_valid(a), self.is_valid(b)) {
            (true, true) => match &self.data {
                ColumnData::Bool(values) => values[a] == values[b],
                ColumnData::I64(values) => values[a] == values[b],
                ColumnData::F64(values) => values[a].to_bits() == values[b].to_bits(),
                ColumnData::I128(values) => values[a] == values[b],
                ColumnData::Text(texts) => texts.bytes(a) == texts.bytes(b),
                ColumnData::Boxed(values) => values[a] == values[b],
            },
            (a, b) => a == b,
        }
    }

    /// The rows with these numbers, in this order.
    ///
    /// # Panics
    /// If a number is not that of a row.
    pub fn gather(&self, rows: &[u32]) -> Column {
        fn pick<T: crate::buffer::Plain>(from: &[T], rows: &[u32]) -> Buffer<T> {
            rows.iter().map(|r| from[*r as usize]).collect()
        }
        let data = match &self.data {
            ColumnData::Bool(b) => ColumnData::Bool(pick(b, rows)),
            ColumnData::I64(b) => ColumnData::I64(pick(b, rows)),
            ColumnData::F64(b) => ColumnData::F64(pick(b, rows)),
            ColumnData::I128(b) => ColumnData::I128(pick(b, rows)),
            ColumnData::Text(t) => {
                ColumnData::Text(TextColumn { views: pick(&t.views, rows), heaps: t.heaps.clone() })
            }
            ColumnData::Boxed(v) => ColumnData::Boxed(rows.iter().map(|r| v[*r as usize].clone()).collect()),
        };
        let validity = self.validity.as_ref().map(|v| {
            let mut picked = Bitmap::default();
            rows.iter().for_each(|r| picked.push(v.get(*r as usize)));
            picked
        });
        Column { data, validity }
    }
}

/// Builds a column value by value.
#[derive(Debug)]
pub struct ColumnBuilder {
    layout: Layout,
    column: Column,
}

impl ColumnBuilder {
    pub fn new(ty: &Type) -> ColumnBuilder {
        let layout = ty.layout();
        let data = match layout {
            Layout::Bool => ColumnData::Bool(Buffer::new()),
            Layout::I64 | Layout::Decimal => ColumnData::I64(Buffer::new()),
            Layout::F64 => ColumnData::F64(Buffer::new()),
            Layout::View => ColumnData::Text(TextColumn::default()),
            Layout::Boxed => ColumnData::Boxed(vec![]),
        };
        ColumnBuilder { layout, column: Column { data, validity: None } }
    }

    pub fn len(&self) -> usize {
        self.column.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a value of the column's type. A value of another type counts as null:
    /// checked programs have none.
    pub fn push(&mut self, value: &Value) {
        let valid = match (&mut self.column.data, value) {
            (ColumnData::Bool(b), Value::Bool(x)) => {
                b.push(*x as u8);
                true
            }
            (ColumnData::I64(b), Value::Int(x) | Value::Timestamp(x) | Value::Duration(x)) => {
                b.push(*x);
                true
            }
            (ColumnData::F64(b), Value::Float(x)) => {
                b.push(*x);
                true
            }
            (ColumnData::I64(b), Value::Decimal(x)) if self.layout == Layout::Decimal => {
                match i64::try_from(*x) {
                    Ok(x) => b.push(x),
                    Err(_) => {
                        let mut wide: Buffer<i128> = b.iter().map(|x| *x as i128).collect();
                        wide.push(*x);
                        self.column.data = ColumnData::I128(wide);
                    }
                }
                true
            }
            (ColumnData::I128(b), Value::Decimal(x)) => {
                b.push(*x);
                true
            }
            (ColumnData::Text(t), Value::String(x)) => {
                t.push(x);
                true
            }
            (ColumnData::Boxed(v), value) => {
                v.push(value.clone());
                !value.is_null()
            }
            (data, _) => {
                match data {
                    ColumnData::Bool(b) => b.push(0),
                    ColumnData::I64(b) => b.push(0),
                    ColumnData::F64(b) => b.push(0.0),
                    ColumnData::I128(b) => b.push(0),
                    ColumnData::Text(t) => t.push(""),
                    ColumnData::Boxed(v) => v.push(Value::Null),
                }
                false
            }
        };
        let len = self.column.len();
        match &mut self.column.validity {
            Some(validity) => validity.push(valid),
            None if valid => {}
            none => {
                let mut validity = Bitmap::filled(true, len);
                validity.set(len - 1, false);
                *none = Some(validity);
            }
        }
    }

    pub fn finish(self) -> Column {
        self.column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_pushed() {
        let cases = [
            (Type::BOOL, vec![Value::Bool(true), Value::Null]),
            (Type::decimal(2), vec![Value::Decimal(1), Value::Decimal(i128::MAX), Value::Null]),
            (Type::STRING, vec![Value::string("short"), Value::string("a string over twelve"), Value::Null]),
            (Type::list(Type::INT), vec![Value::List(vec![Value::Int(1)].into()), Value::Null]),
        ];
        for (ty, values) in cases {
            let mut builder = ColumnBuilder::new(&ty);
            values.iter().for_each(|v| builder.push(v));
            let column = builder.finish();
            let back: Vec<Value> = (0..values.len()).map(|i| column.value(i, &ty)).collect();
            assert_eq!(back, values);
            let reversed: Vec<u32> = (0..values.len() as u32).rev().collect();
            let gathered = column.gather(&reversed);
            let back: Vec<Value> = (0..values.len()).rev().map(|i| gathered.value(i, &ty)).collect();
            assert_eq!(back, values);
        }
    }
}
