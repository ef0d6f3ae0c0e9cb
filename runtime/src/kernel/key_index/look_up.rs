//! Looks keys up without making states for those that have none.

use super::filter::{Candidates, Filter};
use super::{FREE, KEYS_AHEAD, KeyIndex, PREFETCH_FROM, SLOTS_AHEAD, stride};
use crate::kernel::hash::hash_word;
use crate::kernel::key::words_of;
use crate::kernel::prefetch::prefetch;
use crate::kernel::table::CHUNK;
use millstream_ir::column::{ColumnData, ColumnRef};

/// What stands for the number of a key that has no state.
pub const NO_STATE: u32 = u32::MAX;

impl KeyIndex {
    /// Finds the state of each row's key; their numbers, or [`NO_STATE`], replace `numbers`.
    pub fn look_up(&mut self, columns: &[&ColumnRef], rows: &[u32], numbers: &mut Vec<u32>) {
        numbers.clear();
        numbers.resize(rows.len(), NO_STATE);
        self.look_up_each(columns, rows, |at, number| numbers[at] = number);
    }

    /// The same of all rows of columns that have so many.
    pub fn look_up_all(&mut self, columns: &[&ColumnRef], n_rows: usize, numbers: &mut Vec<u32>) {
        numbers.clear();
        numbers.resize(n_rows, NO_STATE);
        self.look_up_each_of_all(columns, n_rows, |row, number| numbers[row] = number);
    }

    /// Calls `found` with the place among `rows` of each whose key may have a state, in their order, and with its number,
    /// or [`NO_STATE`].
    #[inline(always)]
    pub fn look_up_each(&mut self, columns: &[&ColumnRef], rows: &[u32], mut found: impl FnMut(usize, u32)) {
        if columns.is_empty() {
            let only = if self.is_live(0) { 0 } else { NO_STATE };
            return (0..rows.len()).for_each(|at| found(at, only));
        }
        let mut keys = std::mem::take(&mut self.rows);
        let mut hashes = std::mem::take(&mut self.hashes);
        for (chunk, rows) in rows.chunks(CHUNK).enumerate() {
            let found = |at, number| found(chunk * CHUNK + at, number);
            keys.fill(&self.layout, columns, rows);
            if keys.words_per_key == 1 {
                self.look_up_words(&keys.words, &mut hashes, found);
                continue;
            }
            let width = keys.words_per_key;
            hashes.clear();
            hashes.extend(keys.words.chunks_exact(width).map(|key| self.keys.hash_of(key, self.seed)));
            self.look_up_hashed(&keys.words, width, keys.has_long_text, &hashes, found);
        }
        (self.rows, self.hashes) = (keys, hashes);
    }

    /// The same of all rows of columns that have so many.
    #[inline(always)]
    pub fn look_up_each_of_all(
        &mut self,
        columns: &[&ColumnRef],
        n_rows: usize,
        mut found: impl FnMut(usize, u32),
    ) {
        // Keys of one word stand in their column as they are looked up.
        if let ([column], 1) = (columns, self.keys.width())
            && let (ColumnData::I64(keys), None) = (&column.data, &column.validity)
        {
            let mut hashes = std::mem::take(&mut self.hashes);
            for (chunk, keys) in keys.chunks(CHUNK).enumerate() {
                let found = |at, number| found(chunk * CHUNK + at, number);
                self.look_up_words(words_of(keys), &mut hashes, found);
            }
            self.hashes = hashes;
            return;
        }
        let rows: Vec<u32> = (0..n_rows as u32).collect();
        self.look_up_each(columns, &rows, found);
    }

    /// Whether most keys that are looked up have no state, so that a look-up costs less than [`KeyIndex::find_each_of_all`].
    pub fn filters(&self) -> bool {
        self.filter.is_some()
    }

    /// As [`KeyIndex::look_up_each_of_all`], but rows that `adds` get a state if their key has none: for rows of which many do.
    pub fn find_each_of_all(
        &mut self,
        columns: &[&ColumnRef],
        n_rows: usize,
        adds: impl Fn(usize) -> bool,
        mut found: impl FnMut(usize, u32),
    ) {
        if columns.is_empty() {
            let only = if self.is_live(0) { 0 } else { NO_STATE };
            let mut numbers = vec![];
            if (0..n_rows).any(&adds) {
                self.find(columns, &[0], &mut numbers);
            }
            return (0..n_rows).for_each(|row| found(row, numbers.first().copied().unwrap_or(only)));
        }
        let rows: Vec<u32> = (0..n_rows as u32).collect();
        let mut keys = std::mem::take(&mut self.rows);
        let mut hashes = std::mem::take(&mut self.hashes);
        let mut n_found = 0;
        for (chunk, rows) in rows.chunks(CHUNK).enumerate() {
            let first = chunk * CHUNK;
            let adds = |at| adds(first + at);
            let found = |at, number| {
                n_found += usize::from(number != NO_STATE);
                found(first + at, number);
            };
            keys.fill(&self.layout, columns, rows);
            hashes.clear();
            if keys.words_per_key == 1 {
                hashes.extend(keys.words.iter().map(|word| hash_word(*word, self.seed)));
                // No text has one word.
                self.find_hashed(&keys.words, 1, false, &hashes, adds, found);
                continue;
            }
            let width = keys.words_per_key;
            hashes.extend(keys.words.chunks_exact(width).map(|key| self.keys.hash_of(key, self.seed)));
            self.find_hashed(&keys.words, width, keys.has_long_text, &hashes, adds, found);
        }
        self.adapt(n_found, n_rows);
        (self.rows, self.hashes) = (keys, hashes);
    }

    /// Of keys of one word, which no text has.
    #[inline(always)]
    fn look_up_words(&mut self, keys: &[u64], hashes: &mut Vec<u64>, found: impl FnMut(usize, u32)) {
        let seed = self.seed;
        if let Some(filter) = &self.filter {
            // The hashes of those that do not pass are never written.
            let hash = |at: usize| hash_word(keys[at], seed);
            let candidates = filter.candidates(keys.len(), hash);
            return self.look_up_some(candidates, keys, 1, false, hash, found);
        }
        hashes.clear();
        hashes.extend(keys.iter().map(|word| hash_word(*word, seed)));
        self.look_up_hashed(keys, 1, false, hashes, found);
    }

    /// `width` is the number of words of a key; where it is known, this is compiled for it.
    #[inline(always)]
    fn look_up_hashed(
        &mut self,
        keys: &[u64],
        width: usize,
        has_long_text: bool,
        hashes: &[u64],
        mut found: impl FnMut(usize, u32),
    ) {
        if let Some(filter) = &self.filter {
            let candidates = filter.candidates(hashes.len(), |at| hashes[at]);
            return self.look_up_some(candidates, keys, width, has_long_text, |at| hashes[at], found);
        }
        let ahead = size_of_val(&self.slots[..]) > PREFETCH_FROM;
        let mut n_found = 0;
        for ((at, hash), key) in hashes.iter().enumerate().zip(keys.chunks_exact(width)) {
            if ahead {
                self.request_to_look_up(hashes, at, width);
            }
            let number = self.look_up_one(key, width, *hash, has_long_text);
            found(at, number);
            n_found += usize::from(number != NO_STATE);
        }
        self.adapt(n_found, hashes.len());
    }

    /// Looks these candidates up, and nothing of the other keys.
    #[inline(always)]
    fn look_up_some(
        &mut self,
        candidates: Candidates,
        keys: &[u64],
        width: usize,
        has_long_text: bool,
        hash: impl Fn(usize) -> u64,
        mut found: impl FnMut(usize, u32),
    ) {
        let mut n_found = 0;
        candidates.each(|at| {
            let number = self.look_up_one(&keys[at * width..][..width], width, hash(at), has_long_text);
            found(at, number);
            n_found += usize::from(number != NO_STATE);
        });
        self.adapt(n_found, keys.len() / width);
    }

    #[inline(always)]
    fn request_to_look_up(&self, hashes: &[u64], at: usize, width: usize) {
        if let Some(later) = hashes.get(at + SLOTS_AHEAD) {
            self.request(*later, stride(width));
        }
        if width > 1
            && let Some(later) = hashes.get(at + KEYS_AHEAD)
        {
            let number = (self.slots[self.home(*later)] as u32).wrapping_sub(1);
            prefetch(self.keys.start_of(number) as *const u8);
        }
    }

    /// Begins to filter when a slot has been looked at in vain for each that there is, and ends when that no longer pays.
    fn adapt(&mut self, n_found: usize, n_looked_up: usize) {
        if n_found * 2 > n_looked_up {
            (self.filter, self.n_missed) = (None, 0);
        } else if self.filter.is_none() {
            self.n_missed += n_looked_up - n_found;
            if self.n_missed >= self.slots.len() / self.stride() {
                self.filter = Some(Filter::of(&self.slots, self.stride()));
            }
        }
    }

    #[inline(always)]
    fn look_up_one(&self, key: &[u64], width: usize, hash: u64, has_long_text: bool) -> u32 {
        let stride = stride(width);
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at * stride];
            if slot == FREE {
                return NO_STATE;
            }
            let number = slot as u32 - 1;
            let is_it = match width {
                1 => self.slots[at * stride + 1] == key[0],
                _ => slot >> 32 == hash >> 32 && self.keys.is(number, key, has_long_text),
            };
            if is_it {
                return number;
            }
            at = (at + 1) & (self.slots.len() / stride - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_ir::column::ColumnBuilder;
    use millstream_ir::types::Type;
    use millstream_ir::value::Value;
    use std::sync::Arc;

    fn column(values: impl Iterator<Item = i64>) -> ColumnRef {
        let mut column = ColumnBuilder::new(&Type::INT);
        values.for_each(|value| column.push(&Value::Int(value)));
        Arc::new(column.finish())
    }

    #[test]
    fn what_a_filter_lets_pass_is_found_while_keys_come_and_go() {
        for width in [1, 2] {
            let types = vec![Type::INT; width];
            let mut index = KeyIndex::new(&types, 1);
            let mut numbers = vec![];
            let mut was_filtered = vec![];
            for round in 0..60 {
                // Every third round forgets what the others have added; in some most are known, in others few.
                let known = column((0..100).map(|i| i * (round % 5 + 1)));
                let rows: Vec<u32> = (0..100).collect();
                index.find(&vec![&known; width], &rows, &mut numbers);
                let live = numbers.clone();
                let sought =
                    column((0..4_000).map(|i| if round % 20 < 15 { i } else { i % 100 * (round % 5 + 1) }));
                let rows: Vec<u32> = (0..4_000).collect();
                let mut found = vec![];
                index.look_up(&vec![&sought; width], &rows, &mut numbers);
                index.look_up_all(&vec![&sought; width], rows.len(), &mut found);
                assert_eq!(numbers, found);
                let ColumnData::I64(values) = &sought.data else { panic!() };
                for (value, number) in values.iter().zip(&found) {
                    let mut one = vec![];
                    let key = column([*value].into_iter());
                    let keys = vec![&key; width];
                    // As it is found where nothing is filtered.
                    let filter = index.filter.take();
                    index.look_up(&keys, &[0], &mut one);
                    index.filter = filter;
                    assert_eq!(one, [*number], "{value} in round {round}");
                }
                was_filtered.push(index.filter.is_some());
                if round % 3 == 2 {
                    let numbers: std::collections::BTreeSet<u32> = live.into_iter().collect();
                    numbers.into_iter().for_each(|number| index.remove(number));
                }
            }
            assert!(was_filtered.contains(&true) && was_filtered.contains(&false));
        }
    }
}
