//! The numbers of the keys of a join, of which a side may or may not have rows.
//!
//! Keys mostly come back: they are forgotten when half of all may have no row, all at once.

use super::side::{NO_KEY, Side};
use crate::kernel::key_index::KeyIndex;
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnRef;
use millstream_ir::types::Type;

pub struct JoinKeys {
    index: KeyIndex,
    /// How often a key has been left without a row since keys were forgotten last.
    n_left: usize,
}

/// So few keys are not worth a look.
const FEW: usize = 256;

impl JoinKeys {
    pub fn new(types: &[Type], seed: u64) -> JoinKeys {
        JoinKeys { index: KeyIndex::new(types, seed), n_left: 0 }
    }

    /// All keys have lower numbers.
    pub fn n_numbers(&self) -> usize {
        self.index.n_numbers()
    }

    /// The number of each row's key in these columns; none has one that is null, which equals nothing.
    pub fn of(&mut self, columns: &[usize], batch: &Batch) -> Vec<u32> {
        let columns: Vec<&ColumnRef> = columns.iter().map(|key| &batch.columns[*key]).collect();
        let is_whole = |row: &u32| columns.iter().all(|column| column.is_valid(*row as usize));
        let rows: Vec<u32> = (0..batch.n_rows as u32).filter(is_whole).collect();
        let mut numbers = vec![];
        self.index.find(&columns, &rows, &mut numbers);
        if rows.len() == batch.n_rows {
            return numbers;
        }
        let mut keys = vec![NO_KEY; batch.n_rows];
        rows.iter().zip(numbers).for_each(|(row, number)| keys[*row as usize] = number);
        keys
    }

    /// So many times a key may have been left without a row.
    pub fn were_left(&mut self, n: usize, sides: &[Side; 2]) {
        self.n_left += n;
        if self.n_left < FEW || self.n_left < self.index.n_live() / 2 {
            return;
        }
        self.n_left = 0;
        for number in 0..self.index.n_numbers() as u32 {
            if self.index.is_live(number) && !sides.iter().any(|side| side.has_key(number)) {
                self.index.remove(number);
            }
        }
    }

    pub fn bytes(&self) -> usize {
        self.index.bytes()
    }
}
