//! The numbers of the keys of a join, and the lists of their rows on either side.
//!
//! Keys mostly come back: they are forgotten when half of all have no row, all at once.

use super::side::{NO_KEY, Side};
use crate::kernel::key_index::KeyIndex;
use crate::kernel::prefetch::prefetch;
use crate::kernel::row_lists::EMPTY;
use crate::message::Watermark;
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnRef;
use millstream_ir::types::Type;
use std::sync::Arc;

pub struct JoinKeys {
    index: KeyIndex,
    /// Of each key.
    pub lists: Vec<[u32; 2]>,
}

/// So few keys are not worth being forgotten.
const FEW: usize = 256;

impl JoinKeys {
    pub fn new(types: &[Type], seed: u64) -> JoinKeys {
        JoinKeys { index: KeyIndex::new(types, seed), lists: vec![] }
    }

    /// The number of each row's key in these columns; none has one that is null, which equals nothing.
    pub fn of(&mut self, columns: &[usize], batch: &Batch) -> Vec<u32> {
        let columns: Vec<&ColumnRef> = columns.iter().map(|key| &batch.columns[*key]).collect();
        let mut numbers = vec![];
        if columns.iter().all(|column| column.validity.is_none()) {
            self.index.find_all(&columns, batch.n_rows, &mut numbers);
        } else {
            let is_whole = |row: &u32| columns.iter().all(|column| column.is_valid(*row as usize));
            let rows: Vec<u32> = (0..batch.n_rows as u32).filter(is_whole).collect();
            let mut found = vec![];
            self.index.find(&columns, &rows, &mut found);
            numbers = vec![NO_KEY; batch.n_rows];
            rows.iter().zip(found).for_each(|(row, number)| numbers[*row as usize] = number);
        }
        self.lists.resize(self.index.n_numbers(), [EMPTY; 2]);
        numbers
    }

    /// Asks for the lists of a key.
    #[inline]
    pub fn request(&self, key: u32) {
        prefetch(self.lists.as_ptr().wrapping_add(key as usize) as *const u8);
    }

    /// Forgets rows that can find no partner any more, and then perhaps keys.
    pub fn expire(&mut self, sides: &mut [Side; 2], watermarks: [Watermark; 2]) {
        let mut occupied = vec![false; self.lists.len()];
        for side in 0..2 {
            sides[side].expire(&mut self.lists, side, watermarks[1 - side], &mut occupied);
        }
        // Numbers without a key have no rows either.
        let n_empty = self.index.n_live() - occupied.iter().filter(|has_rows| **has_rows).count();
        if n_empty < FEW || n_empty < self.index.n_live() / 2 {
            return;
        }
        for number in 0..self.lists.len() as u32 {
            if !occupied[number as usize] && self.index.is_live(number) {
                let lists = &mut self.lists[number as usize];
                sides.iter_mut().zip(lists).for_each(|(side, list)| side.forget_list(list));
                self.index.remove(number);
            }
        }
    }

    /// The values of the keys with these numbers.
    pub fn columns(&self, numbers: &[u32]) -> Vec<Option<ColumnRef>> {
        self.index.columns(numbers).into_iter().map(|column| Some(Arc::new(column))).collect()
    }

    pub fn bytes(&self) -> usize {
        self.index.bytes() + self.lists.len() * 8
    }
}
