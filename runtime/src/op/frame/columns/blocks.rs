//! The least of the rows of a frame, where all rows have one key.
//!
//! Rows stand in blocks. Of a frame's oldest block it is known for each row what the least is from there to
//! the block's end; of the blocks behind, what the least of each is; of the newest, the least so far. So no
//! row makes more work than a block is long, however many rows are in the frame; two stacks would turn over
//! all of them at once.

use crate::op::frame::log::{Leaving, Log};
use std::collections::VecDeque;

/// Rows of a block; those of one number divided by this stand together. Few in tests, so that they see many.
const BLOCK: u64 = if cfg!(test) { 4 } else { 1 << 11 };

pub struct Blocks {
    /// What values are turned with so that the least is wanted: all bits for the greatest.
    mask: i64,
    /// Of the rows from `front_first` up to before `split`, the least of each and those behind it there.
    front: Vec<i64>,
    front_first: u64,
    split: u64,
    /// Whole blocks behind `split`, each less than all that follow: number, least.
    middle: VecDeque<(u64, i64)>,
    /// The least of the rows behind those.
    back: i64,
}

impl Blocks {
    pub fn new(mask: i64) -> Blocks {
        Blocks { mask, front: vec![], front_first: 1, split: 1, middle: VecDeque::new(), back: i64::MAX }
    }

    /// Puts the least of the frame of each row that comes, with these values, into `results`. `column` is what the
    /// log calls theirs.
    pub fn take(&mut self, log: &Log, column: usize, values: &[i64], leaving: &Leaving, results: &mut [i64]) {
        let mut row = log.next() - values.len() as u64;
        let mut rows = values.iter().zip(&leaving.before).zip(results);
        while rows.len() > 0 {
            let end = (row / BLOCK + 1) * BLOCK;
            let mut middle = self.middle();
            for ((value, left), result) in rows.by_ref().take((end - row) as usize) {
                let oldest = leaving.oldest + *left as u64;
                if oldest >= self.split {
                    self.turn(log, column, oldest, row);
                    middle = self.middle();
                }
                self.back = self.back.min(value ^ self.mask);
                let front = self.front.get((oldest - self.front_first) as usize).copied().unwrap_or(i64::MAX);
                *result = front.min(middle).min(self.back) ^ self.mask;
                row += 1;
            }
            if row == end {
                self.close(row / BLOCK - 1);
            }
        }
    }

    fn middle(&self) -> i64 {
        self.middle.front().map_or(i64::MAX, |(_, least)| *least)
    }

    /// A block is whole.
    fn close(&mut self, block: u64) {
        while self.middle.back().is_some_and(|(_, least)| *least >= self.back) {
            self.middle.pop_back();
        }
        self.middle.push_back((block, self.back));
        self.back = i64::MAX;
    }

    /// The front has left: what is to be the front now, of a frame that starts at `oldest` and ends before `row`.
    #[inline(never)]
    fn turn(&mut self, log: &Log, column: usize, oldest: u64, row: u64) {
        let newest_block = row / BLOCK;
        let block = oldest / BLOCK;
        self.front_first = oldest;
        self.split = if block < newest_block { (block + 1) * BLOCK } else { row };
        log.values(oldest..self.split, column, &mut self.front);
        let mut least = i64::MAX;
        for value in self.front.iter_mut().rev() {
            least = least.min(*value ^ self.mask);
            *value = least;
        }
        while self.middle.front().is_some_and(|(known, _)| *known <= block) {
            self.middle.pop_front();
        }
        if block == newest_block {
            self.back = i64::MAX;
        }
    }

    pub fn bytes(&self) -> usize {
        self.front.capacity() * 8 + self.middle.capacity() * 16
    }
}
