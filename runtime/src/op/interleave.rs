//! Rows of several batches in an order of their own, as columns.

pub use crate::kernel::picks::Pick;
use crate::kernel::picks::Picks;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::buffer::{Buffer, Plain};
use millstream_ir::column::{Bitmap, Column, ColumnBuilder, ColumnData, ColumnRef, TextColumn, View};
use millstream_ir::types::Type;
use std::sync::Arc;

/// The columns, of these types, of the picked rows.
pub fn interleave(batches: &[&Batch], types: &[Type], picks: &[Pick]) -> Vec<ColumnRef> {
    let picks = picks_of(batches, picks);
    let columns = types.iter().enumerate();
    columns.map(|(number, ty)| Arc::new(interleave_column(batches, number, ty, &picks))).collect()
}

/// The picked rows as a batch. None of them is late.
pub fn interleave_batch(batches: &[&Batch], types: &[Type], picks: &[Pick]) -> Batch {
    let picks = picks_of(batches, picks);
    let columns = types.iter().enumerate();
    Batch {
        columns: columns.map(|(n, ty)| Arc::new(interleave_column(batches, n, ty, &picks))).collect(),
        n_rows: picks.len(),
        origin: interleave_origin(batches, &picks),
        late: vec![],
    }
}

fn picks_of<'a>(batches: &[&Batch], picks: &'a [Pick]) -> Picks<'a> {
    Picks::new(picks, batches.iter().map(|batch| batch.n_rows).collect())
}

/// Where the picked rows stand in the order of their stream.
fn interleave_origin(batches: &[&Batch], picks: &Picks) -> Origin {
    of_one_partition(batches, picks).unwrap_or_else(|| {
        let place = |(batch, row): (usize, usize)| batches[batch].origin.place(row);
        Origin::of_places(&picks.iter().map(place).collect::<Vec<_>>())
    })
}

/// The offsets of rows of which none has been dropped.
static NUMBERS: [u32; BATCH_ROWS] = {
    let mut numbers = [0; BATCH_ROWS];
    let mut row = 0;
    while row < BATCH_ROWS {
        numbers[row] = row as u32;
        row += 1;
    }
    numbers
};

/// That of rows of batches of one partition, of which offsets alone tell the rows.
fn of_one_partition(batches: &[&Batch], picks: &Picks) -> Option<Origin> {
    let of = |origin: &Origin| (origin.source, origin.partition, origin.branch);
    let one = &batches.first()?.origin;
    let first = batches.iter().map(|batch| batch.origin.first).min()?;
    let mut offsets: Vec<(u32, &[u32])> = vec![];
    for batch in batches {
        let origin = &batch.origin;
        let start = u32::try_from(origin.first - first).ok()?;
        let (of_rows, last) = match &origin.offsets {
            Some(offsets) => (&offsets[..], offsets.iter().copied().max().unwrap_or(0)),
            None => (NUMBERS.get(..batch.n_rows)?, batch.n_rows as u32),
        };
        let fits = start.checked_add(last).is_some();
        if origin.mixed.is_some() || of(origin) != of(one) || !fits {
            return None;
        }
        offsets.push((start, of_rows));
    }
    let offsets = picks.offsets_of(&offsets);
    let (source, partition, branch) = of(one);
    Some(Origin { source, partition, branch, first, offsets: Some(Arc::new(offsets)), ..Origin::default() })
}

/// The values of one column of these rows.
fn interleave_column(batches: &[&Batch], number: usize, ty: &Type, picks: &Picks) -> Column {
    let columns: Vec<&Column> = batches.iter().map(|batch| &*batch.columns[number]).collect();
    fn all<'a, T: Plain>(
        columns: &[&'a Column],
        values: impl Fn(&'a ColumnData) -> Option<&'a Buffer<T>>,
        picks: &Picks,
    ) -> Option<Buffer<T>> {
        let of = |column: &&'a Column| values(&column.data).map(|values| &values[..]);
        let columns: Vec<&[T]> = columns.iter().map(of).collect::<Option<_>>()?;
        Some(picks.of(&columns))
    }
    fn i64s(data: &ColumnData) -> Option<&Buffer<i64>> {
        if let ColumnData::I64(b) = data { Some(b) } else { None }
    }
    fn f64s(data: &ColumnData) -> Option<&Buffer<f64>> {
        if let ColumnData::F64(b) = data { Some(b) } else { None }
    }
    fn i128s(data: &ColumnData) -> Option<&Buffer<i128>> {
        if let ColumnData::I128(b) = data { Some(b) } else { None }
    }
    fn bools(data: &ColumnData) -> Option<&Buffer<u8>> {
        if let ColumnData::Bool(b) = data { Some(b) } else { None }
    }
    let data = if let Some(values) = all(&columns, i64s, picks) {
        ColumnData::I64(values)
    } else if let Some(values) = all(&columns, f64s, picks) {
        ColumnData::F64(values)
    } else if let Some(values) = all(&columns, i128s, picks) {
        ColumnData::I128(values)
    } else if let Some(values) = all(&columns, bools, picks) {
        ColumnData::Bool(values)
    } else if let Some(texts) = interleave_texts(&columns, picks) {
        ColumnData::Text(texts)
    } else {
        let mut column = ColumnBuilder::new(ty);
        for (batch, row) in picks.iter() {
            column.push(&columns[batch].value(row, ty));
        }
        return column.finish();
    };
    let mut validity = None;
    if columns.iter().any(|column| column.validity.is_some()) {
        let mut bits = Bitmap::default();
        picks.iter().for_each(|(batch, row)| bits.push(columns[batch].is_valid(row)));
        validity = Some(bits);
    }
    Column { data, validity }
}

fn interleave_texts(columns: &[&Column], picks: &Picks) -> Option<TextColumn> {
    let mut heaps = vec![];
    let mut texts = vec![];
    for column in columns {
        let ColumnData::Text(text) = &column.data else { return None };
        texts.push((text, heaps.len() as u128));
        heaps.extend(text.heaps.iter().cloned());
    }
    let views = picks.iter().map(|(batch, row)| {
        let (text, first_heap) = &texts[batch];
        let view = text.views[row];
        if View(view).len() > View::INLINE { view + (first_heap << 64) } else { view }
    });
    Some(TextColumn { views: views.collect(), heaps })
}
