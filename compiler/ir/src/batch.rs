//! Rows on their way from one operator to the next, in columns.

use crate::column::ColumnRef;
use std::sync::Arc;

/// Rows between two operators fit in this many, so that producer, consumer and table share a cache.
pub const BATCH_ROWS: usize = 2048;

/// A batch: columns of equal length. Rows are dense; selections live only inside a segment.
#[derive(Clone, Debug)]
pub struct Batch {
    pub columns: Vec<ColumnRef>,
    pub n_rows: usize,
    pub origin: Origin,
    /// The rows, ascending, that were late when their source read them. Operators that order or
    /// close by time leave them out; all others pass them on.
    pub late: Vec<LateRow>,
}

/// A row that came behind the watermark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LateRow {
    /// Its number in the batch.
    pub row: u32,
    /// The watermark of the rows before it, which is later than its time; in microseconds since 1970 UTC.
    pub watermark: i64,
}

/// Where a batch's rows stand in the order of their stream: among rows of one time, by the order in
/// which sources are declared, then partition, then offset.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The position of the source among the program's sources; for rows that an operator made,
    /// that of the first source behind it.
    pub source: u32,
    pub partition: u32,
    /// The offset of row 0 as it was read: a count of rows from the start of the partition.
    pub first: u64,
    /// Where rows have been dropped or doubled: the offset of each, relative to `first`.
    pub offsets: Option<Arc<[u32]>>,
}

impl Origin {
    /// The offset in its partition of a row.
    pub fn offset(&self, row: usize) -> u64 {
        self.first + self.offsets.as_ref().map_or(row as u64, |o| o[row] as u64)
    }

    /// The origin of the rows with these numbers.
    pub fn gather(&self, rows: &[u32]) -> Origin {
        let offsets = match &self.offsets {
            Some(offsets) => rows.iter().map(|r| offsets[*r as usize]).collect(),
            None => rows.into(),
        };
        Origin { offsets: Some(offsets), ..*self }
    }
}

impl Batch {
    /// What makes the row with this number late; none if it is in time.
    pub fn late(&self, row: usize) -> Option<LateRow> {
        find_late(&self.late, row as u32)
    }

    /// The rows with these ascending numbers.
    pub fn gather(&self, rows: &[u32]) -> Batch {
        Batch {
            columns: self.columns.iter().map(|c| Arc::new(c.gather(rows))).collect(),
            n_rows: rows.len(),
            origin: self.origin.gather(rows),
            late: gather_late(&self.late, rows),
        }
    }
}

/// Of the late rows those that are among `rows` (both ascending), with their new numbers.
pub fn gather_late(late: &[LateRow], rows: &[u32]) -> Vec<LateRow> {
    if late.is_empty() {
        return vec![];
    }
    let kept = |(number, row): (usize, &u32)| {
        find_late(late, *row).map(|found| LateRow { row: number as u32, ..found })
    };
    rows.iter().enumerate().filter_map(kept).collect()
}

fn find_late(late: &[LateRow], row: u32) -> Option<LateRow> {
    late.binary_search_by_key(&row, |l| l.row).ok().map(|found| late[found])
}
