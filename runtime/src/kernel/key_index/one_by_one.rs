//! The numbers of keys some at a time, for loops that have other work to do while memory comes.
//!
//! ```text
//! index.begin(&columns, &rows);
//! index.find_next(32, &mut numbers); // the first 32, if there are so many
//! ```

use super::{KeyIndex, SLOTS_AHEAD, stride};
use crate::kernel::hash::hash_word;
use crate::kernel::prefetch::prefetch;
use millstream_ir::column::ColumnRef;

impl KeyIndex {
    /// As [`KeyIndex::find`], but the numbers come by [`KeyIndex::find_next`].
    pub fn begin(&mut self, columns: &[&ColumnRef], rows: &[u32]) {
        self.n_found = 0;
        if !self.finds_one_by_one() {
            // These may point into the columns.
            let mut found = std::mem::take(&mut self.found);
            self.find(columns, rows, &mut found);
            self.found = found;
            return;
        }
        self.rows.fill(&self.layout, columns, rows);
        self.hashes.clear();
        self.hashes.extend(self.rows.words.iter().map(|word| hash_word(*word, self.seed)));
    }

    /// Appends the numbers of the next `n` keys, or of those that are left.
    pub fn find_next(&mut self, n: usize, numbers: &mut Vec<u32>) {
        let first = self.n_found;
        if !self.finds_one_by_one() {
            self.n_found = self.found.len().min(first + n);
            return numbers.extend_from_slice(&self.found[first..self.n_found]);
        }
        self.n_found = self.hashes.len().min(first + n);
        self.expect(self.n_found - first);
        numbers.extend((first..self.n_found).map(|place| self.find_at(place)));
    }

    /// Whether [`KeyIndex::find_at`] can be asked: keys have one word.
    pub fn finds_one_by_one(&self) -> bool {
        self.width() == 1
    }

    /// Makes room for the keys of `n` more rows to be [found](KeyIndex::find_at).
    pub fn expect(&mut self, n: usize) {
        self.reserve(n);
    }

    /// The number of the key of a row, by its place in those that this was [begun](KeyIndex::begin) with.
    ///
    /// # Panics
    /// If there is no such row. It is not found where no room was [made](KeyIndex::expect).
    #[inline]
    pub fn find_at(&mut self, place: usize) -> u32 {
        if let Some(later) = self.hashes.get(place + SLOTS_AHEAD) {
            prefetch(self.slots.as_ptr().wrapping_add(self.home(*later) * stride(1)) as *const u8);
        }
        self.find_one(&[self.rows.words[place]], 1, self.hashes[place], false, true)
    }
}
