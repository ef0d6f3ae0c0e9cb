//! Rows of several batches in an order of their own, as columns.

use millstream_ir::batch::Batch;
use millstream_ir::buffer::{Buffer, Plain};
use millstream_ir::column::{Bitmap, Column, ColumnBuilder, ColumnData, ColumnRef, TextColumn, View};
use millstream_ir::types::Type;
use std::sync::Arc;

/// A row: the number of its batch, its number there.
pub type Pick = (u32, u32);

/// The columns, of these types, of the picked rows.
pub fn interleave(batches: &[&Batch], types: &[Type], picks: &[Pick]) -> Vec<ColumnRef> {
    let columns = types.iter().enumerate();
    columns.map(|(number, ty)| Arc::new(interleave_column(batches, number, ty, picks))).collect()
}

/// The values of one column of these rows.
fn interleave_column(batches: &[&Batch], number: usize, ty: &Type, picks: &[Pick]) -> Column {
    let columns: Vec<&Column> = batches.iter().map(|batch| &*batch.columns[number]).collect();
    fn all<'a, T: Plain>(
        columns: &[&'a Column],
        values: impl Fn(&'a ColumnData) -> Option<&'a Buffer<T>>,
        picks: &[Pick],
    ) -> Option<Buffer<T>> {
        let columns: Vec<&Buffer<T>> = columns.iter().map(|c| values(&c.data)).collect::<Option<_>>()?;
        Some(picks.iter().map(|(batch, row)| columns[*batch as usize][*row as usize]).collect())
    }
    fn i64s(data: &ColumnData) -> Option<&Buffer<i64>> {
        if let ColumnData::I64(b) = data { Some(b) } else { None }
    }
    fn f64s(data: &ColumnData) -> Option<&Buffer<f64>> {
        if let ColumnData::F64(b) = data { Some(b) } else { None }
    }
    let data = if let Some(values) = all(&columns, i64s, picks) {
        ColumnData::I64(values)
    } else if let Some(values) = all(&columns, f64s, picks) {
        ColumnData::F64(values)
    } else if let Some(texts) = interleave_texts(&columns, picks) {
        ColumnData::Text(texts)
    } else {
        let mut column = ColumnBuilder::new(ty);
        for (batch, row) in picks {
            column.push(&columns[*batch as usize].value(*row as usize, ty));
        }
        return column.finish();
    };
    let mut validity = None;
    if columns.iter().any(|column| column.validity.is_some()) {
        let mut bits = Bitmap::default();
        picks.iter().for_each(|(batch, row)| bits.push(columns[*batch as usize].is_valid(*row as usize)));
        validity = Some(bits);
    }
    Column { data, validity }
}

fn interleave_texts(columns: &[&Column], picks: &[Pick]) -> Option<TextColumn> {
    let mut heaps = vec![];
    let mut texts = vec![];
    for column in columns {
        let ColumnData::Text(text) = &column.data else { return None };
        texts.push((text, heaps.len() as u128));
        heaps.extend(text.heaps.iter().cloned());
    }
    let views = picks.iter().map(|(batch, row)| {
        let (text, first_heap) = &texts[*batch as usize];
        let view = text.views[*row as usize];
        if View(view).len() > View::INLINE { view + (first_heap << 64) } else { view }
    });
    Some(TextColumn { views: views.collect(), heaps })
}
