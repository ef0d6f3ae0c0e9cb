//! The rows of a table by columns other than its key: of each value a chain of the rows that have it.

use super::columns::NO_ROW;
use crate::kernel::key_index::{KeyIndex, NO_STATE};
use millstream_ir::column::ColumnRef;
use millstream_ir::types::Type;

pub struct ColumnIndex {
    columns: Vec<usize>,
    types: Vec<Type>,
    seed: u64,
    values: KeyIndex,
    /// Of each value its last row.
    heads: Vec<u32>,
    /// Of each row the one before it that has the same.
    before: Vec<u32>,
    numbers: Vec<u32>,
}

impl ColumnIndex {
    /// `types` are those of the columns.
    pub fn new(columns: &[usize], types: &[Type], seed: u64) -> ColumnIndex {
        ColumnIndex {
            columns: columns.into(),
            types: types.into(),
            seed,
            values: KeyIndex::new(types, seed),
            heads: vec![],
            before: vec![],
            numbers: vec![],
        }
    }

    /// Adds these rows of the table's columns; they are the table's from number `first` on.
    pub fn append(&mut self, columns: &[ColumnRef], rows: &[u32], first: u32) {
        let own: Vec<&ColumnRef> = self.columns.iter().map(|column| &columns[*column]).collect();
        self.before.resize(first as usize + rows.len(), NO_ROW);
        // Null equals nothing.
        let is_whole = |row: u32| own.iter().all(|column| column.is_valid(row as usize));
        let whole = (first..).zip(rows.iter().copied()).filter(|(_, row)| is_whole(*row));
        let (places, whole): (Vec<u32>, Vec<u32>) = whole.unzip();
        let mut numbers = std::mem::take(&mut self.numbers);
        self.values.find(&own, &whole, &mut numbers);
        self.heads.resize(self.values.n_numbers(), NO_ROW);
        for (place, number) in places.into_iter().zip(&numbers) {
            self.before[place as usize] = std::mem::replace(&mut self.heads[*number as usize], place);
        }
        self.numbers = numbers;
    }

    /// The number of each row's value, or [`NO_STATE`]: of all rows, or of these alone.
    pub fn look_up(
        &mut self,
        columns: &[&ColumnRef],
        rows: Option<&[u32]>,
        n_rows: usize,
        numbers: &mut Vec<u32>,
    ) {
        match rows {
            Some(rows) => self.values.look_up(columns, rows, numbers),
            None => self.values.look_up_all(columns, n_rows, numbers),
        }
    }

    /// The rows that have the value with this number, the last first.
    pub fn rows(&self, number: u32) -> impl Iterator<Item = u32> {
        let last = self.heads.get(number as usize).copied().filter(|_| number != NO_STATE);
        let before = |row: &u32| self.before.get(*row as usize).copied().filter(|row| *row != NO_ROW);
        std::iter::successors(last.filter(|row| *row != NO_ROW), before)
    }

    pub fn clear(&mut self) {
        self.values = KeyIndex::new(&self.types, self.seed);
        self.heads.clear();
        self.before.clear();
    }

    pub fn bytes(&self) -> usize {
        self.values.bytes() + (self.heads.capacity() + self.before.capacity()) * 4
    }
}
