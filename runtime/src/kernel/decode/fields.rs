//! Rows decoded field by field: one step takes the same field of up to 64 rows.
//!
//! Rows do not depend on each other, so that the processor works on many of them at once; a row
//! that does not look as expected is marked as failed and left to a general path.

use super::literal::Literal;
use crate::kernel::simd::{Kernel, Level, Simd};

/// Rows of a group; one word of a bitmap.
pub const GROUP: usize = 64;

/// Bytes that must be readable behind the end of each record.
pub const PADDING: usize = 96;

/// Up to 64 records, each with the place up to which it has been read.
pub struct Group<'a> {
    block: &'a [u8],
    n: usize,
    /// Per record, at most `end`.
    at: [u32; GROUP],
    /// Per record; `PADDING` bytes of the block are behind it.
    end: [u32; GROUP],
    /// The number of each record's row.
    row: [u8; GROUP],
    /// The records that did not look as expected, as a mask of their positions here.
    failed: u64,
}

/// Reads one value.
///
/// # Safety
/// `parse` reads at most [`PADDING`] bytes behind `end`, and nothing before `p`.
pub(super) unsafe trait Parse {
    type Value: Copy;

    /// The value at `p` and the place behind it; none if this is left to the general path.
    ///
    /// # Safety
    /// `p` is at most `end`, all up to `end` and [`PADDING`] bytes more can be read, and `base` is
    /// the start of the block.
    unsafe fn parse<S: Simd>(
        &self,
        base: *const u8,
        p: *const u8,
        end: *const u8,
    ) -> Option<(Self::Value, *const u8)>;

    /// The value under a null.
    fn zero(&self) -> Self::Value;
}

/// What is read as null. `validity` is one bit a row, 1 where it holds a value.
pub enum Nulls<'a> {
    None,
    /// The word `null`.
    Word {
        validity: &'a mut u64,
    },
    /// An empty cell before this delimiter or the end.
    Empty {
        validity: &'a mut u64,
        delimiter: u8,
    },
}

const NO_NULLS: u8 = 0;
const WORDS: u8 = 1;
const EMPTY_CELLS: u8 = 2;

impl<'a> Group<'a> {
    pub fn new(block: &'a [u8]) -> Group<'a> {
        Group { block, n: 0, at: [0; GROUP], end: [0; GROUP], row: [0; GROUP], failed: 0 }
    }

    /// Adds the record `block[start..end]`, which is row number `row`.
    ///
    /// # Panics
    /// If the group is full, or the record is not in the block with `PADDING` bytes behind it.
    pub fn push(&mut self, start: u32, end: u32, row: u8) {
        assert!(start <= end && end as usize + PADDING <= self.block.len() && row < GROUP as u8);
        self.at[self.n] = start;
        self.end[self.n] = end;
        self.row[self.n] = row;
        self.n += 1;
    }

    pub fn block(&self) -> &'a [u8] {
        self.block
    }

    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    pub fn clear(&mut self) {
        self.n = 0;
        self.failed = 0;
    }

    /// Whether no record looks as expected any more.
    pub fn all_failed(&self) -> bool {
        self.failed.count_ones() as usize == self.n
    }

    /// The rows, as a mask, of the records that have not failed.
    pub fn rows_read(&self) -> u64 {
        let read = (0..self.n).filter(|k| self.failed >> k & 1 == 0);
        read.fold(0, |rows, k| rows | 1 << self.row[k])
    }

    /// Marks the records that do not end in this literal, right where they have been read up to.
    pub fn expect_end(&mut self, level: Level, literal: &Literal) {
        level.run(ExpectEnd { group: self, literal });
    }

    /// Expects the literal and then a value, which goes to `out` at the row's number.
    pub(super) fn step<P: Parse>(
        &mut self,
        level: Level,
        literal: &Literal,
        parse: P,
        out: &mut [P::Value],
        nulls: Nulls,
    ) {
        assert!(out.len() >= GROUP || self.row[..self.n].iter().all(|row| (*row as usize) < out.len()));
        let rows = self.row[..self.n].iter().fold(0u64, |rows, row| rows | 1 << row);
        match nulls {
            Nulls::None => {
                level.run(Step::<P, NO_NULLS> { group: self, literal, parse, out, delimiter: 0 });
            }
            Nulls::Word { validity } => {
                let valid = level.run(Step::<P, WORDS> { group: self, literal, parse, out, delimiter: 0 });
                *validity = *validity & !rows | valid;
            }
            Nulls::Empty { validity, delimiter } => {
                let valid = level.run(Step::<P, EMPTY_CELLS> { group: self, literal, parse, out, delimiter });
                *validity = *validity & !rows | valid;
            }
        }
    }
}

struct Step<'a, 'b, P: Parse, const NULLS: u8> {
    group: &'a mut Group<'b>,
    literal: &'a Literal,
    parse: P,
    out: &'a mut [P::Value],
    /// Behind an empty cell.
    delimiter: u8,
}

const NULL: u32 = u32::from_le_bytes(*b"null");

impl<P: Parse, const NULLS: u8> Kernel for Step<'_, '_, P, NULLS> {
    /// The rows that hold a value.
    type Output = u64;

    #[inline(always)]
    fn run<S: Simd>(self) -> u64 {
        let Step { group, literal, parse, out, delimiter } = self;
        let base = group.block.as_ptr();
        let len = literal.len();
        let mut failed = 0u64;
        let mut valid = 0u64;
        for k in 0..group.n.min(GROUP) {
            let (at, stop) = (group.at[k] as usize, group.end[k] as usize);
            // SAFETY: `push` and the last line of this loop keep `at <= end`, with `PADDING` bytes of
            // the block behind `end`, so that the literal (only read where `at + len <= end`), the four
            // bytes of `null` and what `parse` reads are in the block. `step` has checked the rows.
            unsafe {
                let end = base.add(stop);
                if at + len > stop || !literal.stands_at::<S>(base.add(at)) {
                    failed |= 1 << k;
                    continue;
                }
                let p = base.add(at + len);
                let row = group.row[k];
                let slot = out.get_unchecked_mut(row as usize);
                let behind = if NULLS == WORDS && (p as *const u32).read_unaligned() == NULL {
                    *slot = parse.zero();
                    p.add(4)
                } else if NULLS == EMPTY_CELLS && (p == end || *p == delimiter) {
                    *slot = parse.zero();
                    p
                } else if let Some((value, behind)) = parse.parse::<S>(base, p, end) {
                    *slot = value;
                    valid |= 1 << row;
                    behind
                } else {
                    failed |= 1 << k;
                    continue;
                };
                if behind > end {
                    failed |= 1 << k;
                    continue;
                }
                group.at[k] = behind.offset_from(base) as u32;
            }
        }
        group.failed |= failed;
        valid
    }
}

struct ExpectEnd<'a, 'b> {
    group: &'a mut Group<'b>,
    literal: &'a Literal,
}

impl Kernel for ExpectEnd<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let ExpectEnd { group, literal } = self;
        for k in 0..group.n.min(GROUP) {
            let (at, end) = (group.at[k] as usize, group.end[k] as usize);
            // SAFETY: the literal is only read where it fits before the end.
            let stands =
                at + literal.len() == end && unsafe { literal.stands_at::<S>(group.block.as_ptr().add(at)) };
            group.failed |= (!stands as u64) << k;
        }
    }
}
