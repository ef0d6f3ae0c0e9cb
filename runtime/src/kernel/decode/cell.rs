//! Cells of CSV records without quotes: what stands between two delimiters.

use super::fields::{Group, Nulls, Parse};
use super::literal::Literal;
use super::skip::Place;
use super::text::view;
use crate::kernel::simd::{Level, Simd};

impl Group<'_> {
    /// A cell as text, which may be empty: views, heap 0 being the block.
    pub fn text_cell(
        &mut self,
        level: Level,
        literal: &Literal,
        delimiter: u8,
        out: &mut [u128],
        nulls: Nulls,
    ) {
        self.step(level, literal, TextCell { delimiter }, out, nulls);
    }

    /// A cell's place.
    pub fn cell_place(&mut self, level: Level, literal: &Literal, delimiter: u8, out: &mut [Place]) {
        self.step(level, literal, CellPlace { delimiter }, out, Nulls::None);
    }

    /// So many cells, at least one, of no interest.
    pub fn skip_cells(&mut self, level: Level, literal: &Literal, delimiter: u8, n_cells: u32) {
        let mut nothing = [(); super::fields::GROUP];
        self.step(level, literal, SkippedCells { delimiter, n_cells }, &mut nothing, Nulls::None);
    }
}

/// The end of the cell at `p`.
///
/// # Safety
/// All up to `end`, which is not before `p`, and `PADDING` bytes more can be read.
#[inline(always)]
unsafe fn cell_end<S: Simd>(mut p: *const u8, end: *const u8, delimiter: u8) -> *const u8 {
    // SAFETY: `p` is at most `end` whenever 32 bytes are read there.
    unsafe {
        loop {
            let found = S::equal_byte(p, delimiter);
            if found != 0 {
                return p.add(found.trailing_zeros() as usize).min(end);
            }
            p = p.add(32);
            if p > end {
                return end;
            }
        }
    }
}

struct TextCell {
    delimiter: u8,
}

// SAFETY: see `cell_end`; the view reads 12 bytes.
unsafe impl Parse for TextCell {
    type Value = u128;

    #[inline(always)]
    unsafe fn parse<S: Simd>(
        &self,
        base: *const u8,
        p: *const u8,
        end: *const u8,
    ) -> Option<(u128, *const u8)> {
        // SAFETY: as for the trait.
        unsafe {
            let behind = cell_end::<S>(p, end, self.delimiter);
            Some((view(base, p, behind.offset_from(p) as u32), behind))
        }
    }

    #[inline(always)]
    fn zero(&self) -> u128 {
        0
    }
}

struct CellPlace {
    delimiter: u8,
}

// SAFETY: see `cell_end`.
unsafe impl Parse for CellPlace {
    type Value = Place;

    #[inline(always)]
    unsafe fn parse<S: Simd>(
        &self,
        base: *const u8,
        p: *const u8,
        end: *const u8,
    ) -> Option<(Place, *const u8)> {
        // SAFETY: as for the trait; both pointers are into the block.
        unsafe {
            let behind = cell_end::<S>(p, end, self.delimiter);
            let (from, to) = (p.offset_from(base) as u64, behind.offset_from(base) as u64);
            Some((from | to << 32, behind))
        }
    }

    #[inline(always)]
    fn zero(&self) -> Place {
        0
    }
}

struct SkippedCells {
    delimiter: u8,
    n_cells: u32,
}

// SAFETY: reads 32 bytes where it is not behind `end`.
unsafe impl Parse for SkippedCells {
    type Value = ();

    #[inline(always)]
    unsafe fn parse<S: Simd>(
        &self,
        _: *const u8,
        mut p: *const u8,
        end: *const u8,
    ) -> Option<((), *const u8)> {
        let mut left = self.n_cells;
        // SAFETY: as for the trait; `p` is at most `end` whenever 32 bytes are read there.
        unsafe {
            loop {
                let mut found = S::equal_byte(p, self.delimiter);
                let room = end.offset_from(p);
                if room < 32 {
                    // What stands behind the end is no delimiter of this record.
                    found &= (1 << room) - 1;
                }
                let n = found.count_ones();
                if n >= left {
                    for _ in 1..left {
                        found &= found - 1;
                    }
                    return Some(((), p.add(found.trailing_zeros() as usize)));
                }
                left -= n;
                if room < 32 {
                    return (left == 1).then_some(((), end));
                }
                p = p.add(32);
            }
        }
    }

    #[inline(always)]
    fn zero(&self) {}
}
