//! The least of the rows of a frame, of each key: a list through all rows leads from a key's best row to the
//! best of those that came after it, and so on to the last.

use super::ring::Ring;
use crate::kernel::prefetch::prefetch;

pub struct Candidates {
    /// What values are turned with so that the least is wanted: all bits for the greatest.
    mask: i64,
    ring: Ring<Candidate>,
}

/// A row that is better than all that came after it, of its key.
#[derive(Clone, Copy, Default)]
struct Candidate {
    value: i64,
    /// How far the candidates of its key before and behind it are away.
    before: u32,
    behind: u32,
}

/// What a key knows: its best and its last candidate; zeros if it has no rows.
pub const BEST: usize = 0;
pub const LAST: usize = 1;

impl Candidates {
    pub fn new(mask: i64) -> Candidates {
        Candidates { mask, ring: Ring::default() }
    }

    /// Makes room for the rows from `first` up to before `end`; there are those up to before `known`.
    pub fn reserve(&mut self, first: u64, known: u64, end: u64) {
        self.ring.reserve(first, known, end);
    }

    /// Asks the processor for what a row of this key will look at.
    pub fn request(&self, key: &[i64]) {
        prefetch(self.ring.address(key[LAST] as u64));
        prefetch(self.ring.address(key[BEST] as u64));
    }

    /// Takes a row out of the candidates of its key.
    #[inline(always)]
    pub fn leave(&self, key: &mut [i64], row: u64) {
        if key[BEST] == row as i64 {
            key[BEST] =
                if key[LAST] == row as i64 { 0 } else { (row + self.ring.get(row).behind as u64) as i64 };
            if key[BEST] == 0 {
                key[LAST] = 0;
            }
        }
    }

    /// Adds a row to the candidates of its key, less those that are no better; the least of all.
    #[inline(always)]
    pub fn come(&mut self, key: &mut [i64], row: u64, value: i64) -> i64 {
        let value = value ^ self.mask;
        let (best, mut last) = (key[BEST] as u64, key[LAST] as u64);
        while last != 0 {
            let candidate = self.ring.get(last);
            if candidate.value < value {
                break;
            }
            last = if last == best { 0 } else { last - candidate.before as u64 };
        }
        let mut before = 0;
        if last == 0 {
            key[BEST] = row as i64;
        } else {
            before = (row - last) as u32;
            self.ring.get_mut(last).behind = before;
        }
        *self.ring.get_mut(row) = Candidate { value, before, behind: 0 };
        key[LAST] = row as i64;
        self.ring.get(key[BEST] as u64).value ^ self.mask
    }

    /// Gives memory back that the rows from `first` up to before `end` do not need.
    pub fn shrink(&mut self, first: u64, end: u64) {
        self.ring.shrink(first, end);
    }

    pub fn bytes(&self) -> usize {
        self.ring.bytes()
    }
}
