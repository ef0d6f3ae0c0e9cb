//! The columns of a table's rows, one row behind the other. Texts are copied with them: a view into a block of
//! input would keep all of that.

use millstream_ir::buffer::{Buffer, Plain};
use millstream_ir::column::{Bitmap, Column, ColumnBuilder, ColumnData, ColumnRef, TextColumn, View};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

/// What stands for the row of no partner.
pub const NO_ROW: u32 = u32::MAX;

/// Heaps of this size are not added to.
const LARGE_HEAP: usize = 1 << 22;

/// A column that grows.
pub struct KeptColumn {
    /// Nobody else has it.
    column: ColumnRef,
    /// Of each heap of texts, the first row that may be in it.
    first_rows: Vec<u32>,
}

impl KeptColumn {
    pub fn new(ty: &Type) -> KeptColumn {
        KeptColumn { column: Arc::new(ColumnBuilder::new(ty).finish()), first_rows: vec![] }
    }

    pub fn column(&self) -> &ColumnRef {
        &self.column
    }

    /// Adds these rows of a column of the same type.
    pub fn append(&mut self, from: &Column, rows: &[u32]) {
        let column = Arc::make_mut(&mut self.column);
        let n_before = column.len();
        match (&mut column.data, &from.data) {
            (ColumnData::Bool(to), ColumnData::Bool(from)) => add(to, from, rows),
            (ColumnData::I64(to), ColumnData::I64(from)) => add(to, from, rows),
            (ColumnData::F64(to), ColumnData::F64(from)) => add(to, from, rows),
            (ColumnData::I128(to), ColumnData::I128(from)) => add(to, from, rows),
            (ColumnData::I128(to), ColumnData::I64(from)) => {
                rows.iter().for_each(|row| to.push(from[*row as usize] as i128));
            }
            (ColumnData::I64(narrow), ColumnData::I128(from)) => {
                let mut wide: Buffer<i128> = narrow.iter().map(|value| *value as i128).collect();
                add(&mut wide, from, rows);
                column.data = ColumnData::I128(wide);
            }
            (ColumnData::Text(to), ColumnData::Text(from)) => add_texts(to, &mut self.first_rows, from, rows),
            (ColumnData::Boxed(to), ColumnData::Boxed(from)) => {
                to.extend(rows.iter().map(|row| from[*row as usize].clone()));
            }
            // A column of a type has one of its layouts.
            _ => {}
        }
        let validity = match (&mut column.validity, &from.validity) {
            (None, None) => return,
            (Some(validity), _) => validity,
            (none, Some(_)) => none.insert(Bitmap::filled(true, n_before)),
        };
        rows.iter().for_each(|row| validity.push(from.is_valid(*row as usize)));
    }

    /// The rows with these numbers; null for [`NO_ROW`].
    pub fn gather(&self, rows: &[u32]) -> Column {
        fn pick<T: Plain>(from: &[T], rows: &[u32], none: T) -> Buffer<T> {
            rows.iter().map(|row| from.get(*row as usize).copied().unwrap_or(none)).collect()
        }
        let data = match &self.column.data {
            ColumnData::Bool(values) => ColumnData::Bool(pick(values, rows, 0)),
            ColumnData::I64(values) => ColumnData::I64(pick(values, rows, 0)),
            ColumnData::F64(values) => ColumnData::F64(pick(values, rows, 0.0)),
            ColumnData::I128(values) => ColumnData::I128(pick(values, rows, 0)),
            ColumnData::Text(texts) => {
                let views = pick(&texts.views, rows, View::EMPTY.0);
                ColumnData::Text(TextColumn { views, heaps: texts.heaps.clone() })
            }
            ColumnData::Boxed(values) => {
                let value = |row: &u32| values.get(*row as usize).cloned().unwrap_or(Value::Null);
                ColumnData::Boxed(rows.iter().map(value).collect())
            }
        };
        let can_be_null = self.column.validity.is_some() || rows.contains(&NO_ROW);
        let is_valid = |row| row != NO_ROW as usize && self.column.is_valid(row);
        Column { data, validity: can_be_null.then(|| bits(rows, is_valid)) }
    }

    pub fn bytes(&self) -> usize {
        self.column.bytes()
    }
}

fn add<T: Plain>(to: &mut Buffer<T>, from: &[T], rows: &[u32]) {
    to.reserve(rows.len());
    rows.iter().for_each(|row| to.push(from[*row as usize]));
}

fn bits(rows: &[u32], is_set: impl Fn(usize) -> bool) -> Bitmap {
    let word = |rows: &[u32]| {
        rows.iter().enumerate().fold(0, |word, (bit, row)| word | (is_set(*row as usize) as u64) << bit)
    };
    Bitmap { words: rows.chunks(64).map(word).collect(), len: rows.len() }
}

fn add_texts(to: &mut TextColumn, first_rows: &mut Vec<u32>, from: &TextColumn, rows: &[u32]) {
    let is_long = |row: &u32| View(from.views[*row as usize]).len() > View::INLINE;
    let n_bytes = rows.iter().filter(|row| is_long(row)).map(|row| from.bytes(*row as usize).len()).sum();
    let mut heap = if n_bytes > 0 { open_heap(to, first_rows, n_bytes) } else { vec![] };
    let number = to.heaps.len() as u32;
    to.views.reserve(rows.len());
    for row in rows {
        let mut view = from.views[*row as usize];
        if is_long(row) {
            let text = from.bytes(*row as usize);
            view = View::new(text, number, heap.len() as u32).0;
            heap.extend_from_slice(text);
        }
        to.views.push(view);
    }
    if n_bytes > 0 {
        to.heaps.push(Arc::new(heap));
    }
}

/// Takes out the last heap, to be added to and put back. If batches hold it that were gathered before, or it is
/// full, it is a new one, into which the last ones are copied as long as together they are not larger than it: so
/// however few rows come at a time, there are few heaps, and a text is copied a few times.
fn open_heap(texts: &mut TextColumn, first_rows: &mut Vec<u32>, n_bytes: usize) -> Vec<u8> {
    if texts.heaps.last().is_some_and(|heap| heap.len() + n_bytes <= LARGE_HEAP)
        && let Some(last) = texts.heaps.pop()
    {
        match Arc::try_unwrap(last) {
            Ok(heap) => return heap,
            Err(shared) => texts.heaps.push(shared),
        }
    }
    let (mut kept, mut total) = (texts.heaps.len(), n_bytes);
    while let Some(before) = kept.checked_sub(1).and_then(|last| texts.heaps.get(last))
        && before.len() <= total
        && before.len() + total <= LARGE_HEAP
    {
        total += before.len();
        kept -= 1;
    }
    let first_row = first_rows.get(kept).copied().unwrap_or(texts.views.len() as u32);
    let mut heap = Vec::with_capacity(total);
    for row in first_row as usize..texts.views.len() {
        if View(texts.views[row]).len() > View::INLINE && View(texts.views[row]).place().0 as usize >= kept {
            let text = texts.bytes(row);
            let view = View::new(text, kept as u32, heap.len() as u32);
            heap.extend_from_slice(text);
            texts.views[row] = view.0;
        }
    }
    texts.heaps.truncate(kept);
    first_rows.truncate(kept);
    first_rows.push(first_row);
    heap
}
