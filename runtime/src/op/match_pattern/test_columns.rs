//! Which tests rows pass, as far as columns say so that were computed for whole batches.

use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData, ColumnRef};

/// A set of tests, as bits.
pub type Tests = u64;

/// Per input, its tests, each with the columns that must be true.
#[derive(Clone)]
pub struct TestColumns(pub Vec<Vec<(usize, Vec<usize>)>>);

impl TestColumns {
    /// The tests that a row of an input passes, or may pass where there is more to them.
    pub fn passed(&self, input: usize, columns: &[ColumnRef], row: usize) -> Tests {
        let passes =
            |(_, needed): &&(usize, Vec<usize>)| needed.iter().all(|column| is_true(&columns[*column], row));
        self.0[input].iter().filter(passes).fold(0, |tests, (test, _)| tests | 1 << test)
    }

    /// Replaces `passes` by those of each row of a batch.
    pub fn passed_by_all(&self, input: usize, batch: &Batch, passes: &mut Vec<Tests>) {
        let always = self.0[input].iter().filter(|(_, needed)| needed.is_empty());
        let always = always.fold(0, |tests, (test, _)| tests | 1 << test);
        passes.clear();
        passes.resize(batch.n_rows, always);
        // All tests of some rows, before the next: these stay in the first-level cache.
        for (block, passes) in passes.chunks_mut(BLOCK).enumerate() {
            let tests = self.0[input].iter().filter(|(_, needed)| !needed.is_empty());
            tests.for_each(|(test, needed)| mark(*test, needed, batch, block * BLOCK, passes));
        }
    }
}

const BLOCK: usize = 512;

/// Says of the rows from one on whether they pass a test with these columns.
fn mark(test: usize, needed: &[usize], batch: &Batch, first: usize, passes: &mut [Tests]) {
    if let [column] = needed
        && let Column { data: ColumnData::Bool(values), validity: None } = &*batch.columns[*column]
    {
        let values = passes.iter_mut().zip(&values[first..]);
        return values.for_each(|(passes, value)| *passes |= Tests::from(*value) << test);
    }
    for (row, passes) in (first..).zip(passes) {
        let is_passed = needed.iter().all(|column| is_true(&batch.columns[*column], row));
        *passes |= Tests::from(is_passed) << test;
    }
}

/// Whether a condition that was computed for whole batches holds for a row.
pub fn is_true(column: &Column, row: usize) -> bool {
    match &column.data {
        ColumnData::Bool(values) => values[row] != 0 && column.is_valid(row),
        _ => false,
    }
}
