//! What a segment keeps between its stages: the selection, the failed rows, and the temporary columns
//! of lets and kernels. Reused from batch to batch.

use crate::plan::{ColumnSource, Plan};
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Bitmap, Column, ColumnData, Heap, TextColumn, View};
use millstream_ir::engine::MOST_MADE;
use millstream_ir::types::{Layout, Type};
use millstream_ir::value::Value;
use std::sync::Arc;

pub struct Memory {
    /// Row numbers; how many of them count, the running segment knows.
    pub selection: Buffer<u32>,
    pub failed: Buffer<u32>,
    /// A validity bitmap without nulls.
    pub all_valid: Buffer<u64>,
    /// By the number of the column; none for inputs.
    pub columns: Vec<Option<Temporary>>,
}

/// A column by row number. Only rows of the selection hold something.
pub struct Temporary {
    /// Always without a bitmap.
    pub column: Column,
    pub nulls: Buffer<u8>,
    pub errors: Buffer<u8>,
    /// Of a text column: what the views point into, while it is filled.
    heaps: Vec<Vec<u8>>,
    /// The bytes of texts, lists and the like in it, while it is filled.
    pub made: usize,
}

impl Memory {
    pub fn new(plan: &Plan) -> Memory {
        let columns = plan.columns.iter().map(|c| match c.source {
            ColumnSource::Input | ColumnSource::Let { stored: None, .. } => None,
            _ => Some(Temporary::new(&c.ty)),
        });
        Memory {
            selection: Buffer::new(),
            failed: Buffer::new(),
            all_valid: Buffer::new(),
            columns: columns.collect(),
        }
    }

    /// Makes room for a batch of `n` rows.
    pub fn prepare(&mut self, n: usize) {
        if self.selection.len() >= n && self.selection.capacity() > 0 {
            return;
        }
        self.selection.resize(n, 0);
        self.failed.resize(n, 0);
        self.all_valid.resize(n.div_ceil(64), u64::MAX);
        for temporary in self.columns.iter_mut().flatten() {
            temporary.prepare(n);
        }
    }

    /// The value of a column in a row of a batch.
    pub fn value(&self, batch: &Batch, number: usize, row: usize, ty: &Type) -> Value {
        match &self.columns[number] {
            Some(temporary) if temporary.nulls[row] != 0 => Value::Null,
            Some(temporary) => temporary.column.value(row, ty),
            None => batch.columns[number].value(row, ty),
        }
    }

    /// Whether a column has the same word in two rows; text and what is larger than a word is not looked at.
    pub fn repeats(&self, batch: &Batch, number: usize, one: usize, other: usize) -> bool {
        let (column, is_null) = match &self.columns[number] {
            Some(temporary) => (&temporary.column, temporary.nulls[one] | temporary.nulls[other] != 0),
            None => {
                let column = &*batch.columns[number];
                (column, !column.is_valid(one) || !column.is_valid(other))
            }
        };
        match &column.data {
            ColumnData::I64(values) => !is_null && values[one] == values[other],
            _ => false,
        }
    }
}

impl Temporary {
    fn new(ty: &Type) -> Temporary {
        let data = match ty.layout() {
            Layout::Bool => ColumnData::Bool(Buffer::new()),
            Layout::I64 | Layout::Decimal => ColumnData::I64(Buffer::new()),
            Layout::F64 => ColumnData::F64(Buffer::new()),
            Layout::View => ColumnData::Text(TextColumn::default()),
            Layout::Boxed => ColumnData::Boxed(vec![]),
        };
        let column = Column { data, validity: None };
        Temporary { column, nulls: Buffer::new(), errors: Buffer::new(), heaps: vec![], made: 0 }
    }

    fn prepare(&mut self, n: usize) {
        match &mut self.column.data {
            ColumnData::Bool(b) => b.resize(n, 0),
            ColumnData::I64(b) => b.resize(n, 0),
            ColumnData::F64(b) => b.resize(n, 0.0),
            ColumnData::I128(b) => b.resize(n, 0),
            ColumnData::Text(t) => t.views.resize(n, 0),
            ColumnData::Boxed(v) => v.resize(n, Value::Null),
        }
        self.nulls.resize(n, 0);
        self.errors.resize(n, 0);
    }

    /// A loop has filled the column: strings in it point into these.
    pub fn set_heaps(&mut self, heaps: &[Heap]) {
        if let ColumnData::Text(text) = &mut self.column.data {
            text.heaps = heaps.to_vec();
        }
    }

    /// Begins to fill the column anew.
    pub fn begin(&mut self) {
        self.made = 0;
        self.heaps.clear();
        if let ColumnData::Text(text) = &mut self.column.data {
            text.heaps.clear();
        }
    }

    /// The column is filled.
    pub fn finish(&mut self) {
        if let ColumnData::Text(text) = &mut self.column.data {
            text.heaps.extend(self.heaps.drain(..).map(Arc::new));
        }
    }

    /// These rows (or the first `n`), and which of them are null.
    pub fn pick(&self, kept: Option<&[u32]>, n: usize) -> (Column, Vec<u8>) {
        let all: Vec<u32>;
        let rows = match kept {
            Some(rows) => rows,
            None => {
                all = (0..n as u32).collect();
                &all
            }
        };
        (self.column.gather(rows), rows.iter().map(|r| self.nulls[*r as usize]).collect())
    }

    /// Sets the value of a row to that of another, which has not failed.
    pub fn repeat(&mut self, from: usize, row: usize) {
        (self.errors[row], self.nulls[row]) = (0, self.nulls[from]);
        match &mut self.column.data {
            ColumnData::Bool(values) => values[row] = values[from],
            ColumnData::I64(values) => values[row] = values[from],
            ColumnData::F64(values) => values[row] = values[from],
            ColumnData::I128(values) => values[row] = values[from],
            ColumnData::Text(texts) => texts.views[row] = texts.views[from],
            ColumnData::Boxed(values) => values[row] = values[from].clone(),
        }
    }

    pub fn fail(&mut self, row: usize) {
        self.set(row, &Value::Null);
        self.errors[row] = 1;
    }

    /// Sets the value of a row. A decimal that does not fit 64 bits is not set: gives no.
    pub fn set(&mut self, row: usize, value: &Value) -> bool {
        self.errors[row] = 0;
        self.nulls[row] = value.is_null() as u8;
        match (&mut self.column.data, value) {
            (ColumnData::Bool(b), value) => b[row] = matches!(value, Value::Bool(true)) as u8,
            (ColumnData::I64(b), Value::Int(x) | Value::Timestamp(x) | Value::Duration(x)) => b[row] = *x,
            (ColumnData::I64(b), Value::Decimal(x)) => match i64::try_from(*x) {
                Ok(x) => b[row] = x,
                Err(_) => return false,
            },
            (ColumnData::I64(b), _) => b[row] = 0,
            (ColumnData::F64(b), Value::Float(x)) => b[row] = *x,
            (ColumnData::F64(b), _) => b[row] = 0.0,
            (ColumnData::I128(b), Value::Decimal(x)) => b[row] = *x,
            (ColumnData::I128(b), _) => b[row] = 0,
            (ColumnData::Text(t), Value::String(x)) => {
                self.made += x.len();
                let view = View::inline(x.as_bytes()).unwrap_or_else(|| copy(&mut self.heaps, x.as_bytes()));
                t.views[row] = view.0;
            }
            (ColumnData::Text(t), _) => t.views[row] = 0,
            (ColumnData::Boxed(v), value) => {
                self.made += value.bytes(MOST_MADE);
                v[row] = value.clone();
            }
        }
        true
    }
}

/// Copies a string into the last heap.
fn copy(heaps: &mut Vec<Vec<u8>>, text: &[u8]) -> View {
    if heaps.last().is_none_or(|h| h.len() + text.len() > u32::MAX as usize) {
        heaps.push(vec![]);
    }
    let number = heaps.len() as u32 - 1;
    let offset = heaps.last().map_or(0, Vec::len) as u32;
    if let Some(heap) = heaps.last_mut() {
        heap.extend_from_slice(text);
    }
    View::new(text, number, offset)
}

/// The bitmap of values that are not null, given which are; none if none is.
pub fn validity(nulls: &[u8]) -> Option<Bitmap> {
    // Eight bytes of 0 or 1 times this have them side by side in the topmost byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, rest) = nulls.as_chunks::<8>();
    let mut any = 0;
    let mut words = Buffer::with_capacity(nulls.len().div_ceil(64));
    for chunk in eights.chunks(8) {
        let mut word = 0;
        for (i, eight) in chunk.iter().enumerate() {
            word |= (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (i * 8);
        }
        any |= word;
        words.push(word);
    }
    for (i, null) in (eights.len() * 8..).zip(rest) {
        if i % 64 == 0 {
            words.push(0);
        }
        let last = i / 64;
        words[last] |= (*null as u64) << (i % 64);
        any |= *null as u64;
    }
    if any == 0 {
        return None;
    }
    let mut bitmap = Bitmap { words, len: nulls.len() };
    bitmap.words.iter_mut().for_each(|w| *w = !*w);
    if !nulls.len().is_multiple_of(64)
        && let Some(last) = bitmap.words.last_mut()
    {
        *last &= (1 << (nulls.len() % 64)) - 1;
    }
    Some(bitmap)
}
