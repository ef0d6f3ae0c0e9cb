//! What operators that give changes have in common: columns of signs and times, and lateness that is
//! inherited from the row that caused a change.

use millstream_ir::batch::{Batch, LateRow};
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use std::sync::Arc;

/// A column of whole numbers, none of them null.
pub fn plain(values: impl Iterator<Item = i64>) -> ColumnRef {
    Arc::new(Column { data: ColumnData::I64(values.collect()), validity: None })
}

/// The changes less those that alter nothing: what one row brought and took away again, but for the times.
pub fn that_alter(batch: Batch, time: usize, sign: usize) -> Batch {
    that_alter_together(batch, time, sign, |_, _| true)
}

/// The same, of those rows of which this is true that they may belong together.
pub fn that_alter_together(
    batch: Batch,
    time: usize,
    sign: usize,
    are_together: impl Fn(usize, usize) -> bool,
) -> Batch {
    let ColumnData::I64(signs) = &batch.columns[sign].data else { return batch };
    let undoes = |row: usize, before: usize| {
        let mut columns = batch.columns.iter().enumerate();
        signs[row] != signs[before]
            && are_together(row, before)
            && batch.origin.place(row) == batch.origin.place(before)
            && columns.all(|(number, column)| [time, sign].contains(&number) || column.has_equal(row, before))
    };
    let mut kept: Vec<u32> = Vec::with_capacity(batch.n_rows);
    for row in 0..batch.n_rows {
        match kept.last() {
            Some(before) if undoes(row, *before as usize) => {
                kept.pop();
            }
            _ => kept.push(row as u32),
        }
    }
    if kept.len() == batch.n_rows { batch } else { batch.gather(&kept) }
}

/// Of a batch's late rows those that are among `causes`, which may repeat; numbered as they stand there.
pub fn late_of(late: &[LateRow], causes: &[u32]) -> Vec<LateRow> {
    if late.is_empty() {
        return vec![];
    }
    let of = |cause: u32| late.binary_search_by_key(&cause, |l| l.row).ok().map(|found| late[found]);
    let numbered = (0..).zip(causes);
    numbered.filter_map(|(row, cause)| of(*cause).map(|found| LateRow { row, ..found })).collect()
}
