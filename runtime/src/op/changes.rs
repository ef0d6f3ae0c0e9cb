//! What operators that give changes have in common: columns of signs and times, and lateness that is
//! inherited from the row that caused a change.

use millstream_ir::batch::LateRow;
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use std::sync::Arc;

/// A column of whole numbers, none of them null.
pub fn plain(values: impl Iterator<Item = i64>) -> ColumnRef {
    Arc::new(Column { data: ColumnData::I64(values.collect()), validity: None })
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
