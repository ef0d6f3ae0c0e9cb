//! Which tests rows pass, as far as columns say so that were computed for whole batches.

use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use std::ops::{BitAnd, BitOrAssign, Shl};

/// A set of tests, as bits.
pub type Tests = u64;

/// Per input, its tests, each with the columns that must be true.
#[derive(Clone)]
pub struct TestColumns(pub Vec<Vec<(usize, Vec<usize>)>>);

/// Per row the tests that it passes, or may pass where there is more to them.
pub enum Passed {
    /// Of the first tests, which are all.
    Few(Vec<u8>),
    Many(Vec<Tests>),
}

impl TestColumns {
    /// The tests that a row of an input passes, or may pass where there is more to them.
    pub fn passed(&self, input: usize, columns: &[ColumnRef], row: usize) -> Tests {
        let passes =
            |(_, needed): &&(usize, Vec<usize>)| needed.iter().all(|column| is_true(&columns[*column], row));
        self.0[input].iter().filter(passes).fold(0, |tests, (test, _)| tests | 1 << test)
    }

    /// Replaces `passed` by those of each row of a batch.
    pub fn passed_by_all(&self, input: usize, batch: &Batch, passed: &mut Passed) {
        let are_few = self.0[input].iter().all(|(test, _)| *test < u8::BITS as usize);
        if are_few != matches!(passed, Passed::Few(_)) {
            *passed = if are_few { Passed::Few(vec![]) } else { Passed::Many(vec![]) };
        }
        match passed {
            Passed::Few(passed) => self.mark_all(input, batch, passed),
            Passed::Many(passed) => self.mark_all(input, batch, passed),
        }
    }

    fn mark_all<T: Bits>(&self, input: usize, batch: &Batch, passed: &mut Vec<T>) {
        let always = self.0[input].iter().filter(|(_, needed)| needed.is_empty());
        let always = always.fold(0, |tests, (test, _)| tests | 1 << test);
        passed.clear();
        passed.resize(batch.n_rows, T::of(always));
        // All tests of some rows, before the next: these stay in the first-level cache.
        for (block, passed) in passed.chunks_mut(BLOCK).enumerate() {
            let tests = self.0[input].iter().filter(|(_, needed)| !needed.is_empty());
            tests.for_each(|(test, needed)| mark(*test, needed, batch, block * BLOCK, passed));
        }
    }
}

impl Passed {
    pub fn of(&self, row: usize) -> Tests {
        match self {
            Passed::Few(passed) => passed[row].into(),
            Passed::Many(passed) => passed[row],
        }
    }

    /// Replaces `rows` by those that pass one of these tests.
    pub fn rows_of(&self, tests: Tests, rows: &mut Vec<u32>) {
        match self {
            Passed::Few(passed) => choose(passed, rows, |passed| !(passed & tests as u8).is_none()),
            Passed::Many(passed) => choose(passed, rows, |passed| !(passed & tests).is_none()),
        }
    }

    /// Replaces `rows` by those that pass none of these tests, but, unless `none_will_do`, another.
    pub fn rows_without(&self, tests: Tests, none_will_do: bool, rows: &mut Vec<u32>) {
        match self {
            Passed::Few(passed) => choose(passed, rows, |passed| {
                (passed & tests as u8).is_none() & (none_will_do | !passed.is_none())
            }),
            Passed::Many(passed) => {
                choose(passed, rows, |passed| (passed & tests).is_none() & (none_will_do | !passed.is_none()))
            }
        }
    }

    /// Whether each row passes one.
    pub fn is_of_all(&self) -> bool {
        match self {
            Passed::Few(passed) => passed.iter().fold(true, |all, passed| all & !passed.is_none()),
            Passed::Many(passed) => passed.iter().fold(true, |all, passed| all & !passed.is_none()),
        }
    }
}

/// A set of tests, in as many bits as these need.
trait Bits: Copy + BitAnd<Output = Self> + BitOrAssign + Shl<usize, Output = Self> + From<u8> {
    fn of(tests: Tests) -> Self;

    fn is_none(self) -> bool;
}

impl Bits for u8 {
    fn of(tests: Tests) -> u8 {
        tests as u8
    }

    fn is_none(self) -> bool {
        self == 0
    }
}

impl Bits for Tests {
    fn of(tests: Tests) -> Tests {
        tests
    }

    fn is_none(self) -> bool {
        self == 0
    }
}

const BLOCK: usize = 512;

/// Says of the rows from one on whether they pass a test with these columns.
fn mark<T: Bits>(test: usize, needed: &[usize], batch: &Batch, first: usize, passed: &mut [T]) {
    if let [column] = needed
        && let Column { data: ColumnData::Bool(values), validity: None } = &*batch.columns[*column]
    {
        let values = passed.iter_mut().zip(&values[first..]);
        return values.for_each(|(passed, value)| *passed |= T::from(*value) << test);
    }
    for (row, passed) in (first..).zip(passed) {
        let is_passed = needed.iter().all(|column| is_true(&batch.columns[*column], row));
        *passed |= T::from(u8::from(is_passed)) << test;
    }
}

/// So many rows of which none is wanted are passed over at once.
const STRETCH: usize = 32;

/// Replaces `rows` by those that are wanted; without a branch a row where some are, as nobody can tell which.
fn choose<T: Copy>(passed: &[T], rows: &mut Vec<u32>, is_wanted: impl Fn(T) -> bool) {
    rows.resize(passed.len(), 0);
    let mut n = 0;
    for (stretch, passed) in passed.chunks(STRETCH).enumerate() {
        if !passed.iter().fold(false, |any, passed| any | is_wanted(*passed)) {
            continue;
        }
        for (row, passed) in ((stretch * STRETCH) as u32..).zip(passed) {
            rows[n] = row;
            n += usize::from(is_wanted(*passed));
        }
    }
    rows.truncate(n);
}

/// Whether a condition that was computed for whole batches holds for a row.
pub fn is_true(column: &Column, row: usize) -> bool {
    match &column.data {
        ColumnData::Bool(values) => values[row] != 0 && column.is_valid(row),
        _ => false,
    }
}
