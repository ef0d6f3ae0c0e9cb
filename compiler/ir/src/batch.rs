//! Rows on their way from one operator to the next, in columns.

use crate::buffer::Buffer;
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
    /// that of the first source behind it. Of mixed rows the least.
    pub source: u32,
    pub partition: u32,
    /// By which inputs of unions the rows came, as [`Origin::through`] counts them.
    pub branch: u32,
    /// The offset of row 0 as it was read: a count of rows from the start of the partition.
    pub first: u64,
    /// Where rows have been dropped or doubled: the offset of each, relative to `first`.
    pub offsets: Option<Arc<Buffer<u32>>>,
    /// Where rows of several partitions have been mixed: the place of each, instead of all the others.
    pub mixed: Option<Arc<[RowPlace]>>,
    /// Of rows that workers have shared among them: the number that each had in the batch before.
    pub marks: Option<Arc<[u32]>>,
}

/// The place of a row among those of its time. Rows that were made of one row share it, and stand in
/// the order in which they come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RowPlace {
    pub source: u32,
    pub partition: u32,
    pub offset: u64,
    pub branch: u32,
}

impl Origin {
    /// The origin of rows at these places.
    pub fn of_places(places: &[RowPlace]) -> Origin {
        let Some(start) = places.first().copied() else { return Origin::default() };
        let same = |p: &RowPlace| (p.source, p.partition, p.branch);
        let first = places.iter().map(|p| p.offset).min().unwrap_or(0);
        let relative =
            |p: &RowPlace| u32::try_from(p.offset - first).ok().filter(|_| same(p) == same(&start));
        let RowPlace { source, partition, branch, .. } = start;
        match places.iter().map(relative).collect::<Option<Buffer<u32>>>().map(Arc::new) {
            Some(offsets) => {
                Origin { source, partition, branch, first, offsets: Some(offsets), ..Origin::default() }
            }
            None => Origin {
                source: places.iter().map(|p| p.source).min().unwrap_or(source),
                mixed: Some(places.into()),
                ..Origin::default()
            },
        }
    }

    /// The place of a row.
    pub fn place(&self, row: usize) -> RowPlace {
        match &self.mixed {
            Some(places) => places[row],
            None => RowPlace {
                source: self.source,
                partition: self.partition,
                offset: self.first + self.offsets.as_ref().map_or(row as u64, |o| o[row] as u64),
                branch: self.branch,
            },
        }
    }

    /// The offset in its partition of a row.
    pub fn offset(&self, row: usize) -> u64 {
        self.place(row).offset
    }

    /// The number that a row had in the batch before workers shared that.
    pub fn mark(&self, row: usize) -> u32 {
        self.marks.as_ref().map_or(row as u32, |marks| marks[row])
    }

    /// The origin of the rows with these numbers.
    pub fn gather(&self, rows: &[u32]) -> Origin {
        let marks = self.marks.as_ref().map(|marks| rows.iter().map(|r| marks[*r as usize]).collect());
        if let Some(places) = &self.mixed {
            let mixed = rows.iter().map(|r| places[*r as usize]).collect();
            return Origin { offsets: None, mixed: Some(mixed), marks, ..*self };
        }
        let offsets = match &self.offsets {
            Some(offsets) => rows.iter().map(|r| offsets[*r as usize]).collect(),
            None => Buffer::from(rows),
        };
        Origin { offsets: Some(Arc::new(offsets)), mixed: None, marks, ..*self }
    }

    /// The origin of the same rows behind a union of `n_inputs`, to which they came by `input`: what one row
    /// gave by several ways stands in the order of these, however late it comes by one of them.
    pub fn through(self, input: usize, n_inputs: usize) -> Origin {
        let counted = |branch: u32| branch.wrapping_mul(n_inputs as u32).wrapping_add(input as u32);
        let mixed = self.mixed.map(|places| {
            places.iter().map(|p| RowPlace { branch: counted(p.branch), ..*p }).collect::<Arc<[RowPlace]>>()
        });
        Origin { branch: counted(self.branch), mixed, ..self }
    }
}

impl Batch {
    /// What makes the row with this number late; none if it is in time.
    pub fn late(&self, row: usize) -> Option<LateRow> {
        find_late(&self.late, row as u32)
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(|column| column.bytes()).sum()
    }

    /// The rows from one number to before another.
    pub fn part(&self, from: usize, to: usize) -> Batch {
        self.gather(&(from as u32..to as u32).collect::<Vec<_>>())
    }

    /// The rows with these numbers, which ascend if rows can be late.
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
