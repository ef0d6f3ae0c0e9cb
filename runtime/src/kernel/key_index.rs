//! From partition keys to the numbers of their states, for operators that keep something of each key and
//! forget it again.
//!
//! Open addressing with linear probing. A slot is a number and half of its key's hash, so a probe rarely
//! looks at a key that is not the one, and a forgotten key is closed up without another look at keys. A key of
//! one word stands in its slot, so finding it takes one line of memory.
//! States have small numbers, which are used again: whatever is kept of them stands in plain arrays.

mod filter;
mod look_up;
mod one_by_one;

use super::hash::hash_word;
use super::kept_keys::KeptKeys;
use super::key::{Keys, words_of};
use super::prefetch::prefetch;
use super::table::CHUNK;
use super::words::Words;
use crate::accumulate::order::KeyReader;
use crate::accumulate::result::key_column;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use filter::Filter;
pub use look_up::NO_STATE;
use millstream_ir::aggregate::SlotLayout;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::types::Type;
use std::cmp::Ordering;
use std::sync::Arc;

/// How far ahead slots are requested, and, when these have come, keys.
const SLOTS_AHEAD: usize = 24;
const KEYS_AHEAD: usize = 12;
/// Bytes from which on it pays to request ahead: half of the second-level cache.
const PREFETCH_FROM: usize = 1 << 20;
const SMALLEST: usize = 64;
/// What a slot is that was never taken, or has been given back: as [`Words`] are at first.
const FREE: u64 = 0;

pub struct KeyIndex {
    types: Box<[Type]>,
    layout: SlotLayout,
    /// A slot's first word has in the high half that of the hash, in the low half the number of the state plus
    /// one. A second is the key, if that is one word.
    slots: Words,
    /// How far a hash is shifted to be the number of a slot.
    shift: u32,
    keys: KeptKeys,
    is_live: Vec<bool>,
    free: Vec<u32>,
    seed: u64,
    /// What most keys that are looked up do not pass, while that is so.
    filter: Option<Filter>,
    /// How many have been looked up in vain since there was none.
    n_missed: usize,
    /// Of the rows that are looked up.
    rows: Keys,
    hashes: Vec<u64>,
    /// Of the keys that are looked up some at a time: how many have been, and, unless they are of one word, all
    /// their numbers.
    n_found: usize,
    found: Vec<u32>,
}

// SAFETY: the addresses in `rows` are left over from the last call and never used again.
unsafe impl Send for KeyIndex {}

impl KeyIndex {
    /// `types` are those of the key columns; `seed` is that of the hashes, and changes nothing that can be seen.
    pub fn new(types: &[Type], seed: u64) -> KeyIndex {
        let layout = KeptKeys::layout(types);
        let mut index = KeyIndex {
            types: types.into(),
            keys: KeptKeys::new(&layout),
            layout,
            slots: Words::zeroed(0),
            shift: 0,
            is_live: vec![],
            free: vec![],
            seed,
            filter: None,
            n_missed: 0,
            rows: Keys::default(),
            hashes: vec![],
            n_found: 0,
            found: vec![],
        };
        index.rebuild(SMALLEST);
        index
    }

    /// The words of a slot.
    fn stride(&self) -> usize {
        stride(self.keys.width())
    }

    /// How many keys have a state.
    pub fn n_live(&self) -> usize {
        self.is_live.len() - self.free.len()
    }

    /// All states have lower numbers.
    pub fn n_numbers(&self) -> usize {
        self.is_live.len()
    }

    pub fn is_live(&self, number: u32) -> bool {
        self.is_live.get(number as usize).is_some_and(|live| *live)
    }

    /// Finds or makes the state of each row's key; their numbers replace `numbers`.
    pub fn find(&mut self, columns: &[&ColumnRef], rows: &[u32], numbers: &mut Vec<u32>) {
        numbers.clear();
        if columns.is_empty() {
            if self.is_live.is_empty() {
                self.is_live.push(true);
            }
            return numbers.resize(rows.len(), 0);
        }
        numbers.reserve(rows.len());
        let mut keys = std::mem::take(&mut self.rows);
        for rows in rows.chunks(CHUNK) {
            keys.fill(&self.layout, columns, rows);
            self.find_chunk(&keys, numbers);
        }
        self.rows = keys;
    }

    /// As [`KeyIndex::find`], of all rows of columns that have so many.
    pub fn find_all(&mut self, columns: &[&ColumnRef], n_rows: usize, numbers: &mut Vec<u32>) {
        // Keys of one word stand in their column as they are looked up.
        if let ([column], 1) = (columns, self.keys.width())
            && let (ColumnData::I64(keys), None) = (&column.data, &column.validity)
        {
            numbers.clear();
            return keys.chunks(CHUNK).for_each(|keys| self.find_words(words_of(keys), numbers));
        }
        if columns.is_empty() {
            // All rows have the one key.
            self.find(columns, &[0][..n_rows.min(1)], numbers);
            return numbers.resize(n_rows, numbers.first().copied().unwrap_or(0));
        }
        let rows: Buffer<u32> = (0..n_rows as u32).collect();
        self.find(columns, &rows, numbers);
    }

    /// As [`KeyIndex::find_chunk`], of keys of one word.
    fn find_words(&mut self, keys: &[u64], numbers: &mut Vec<u32>) {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(keys.iter().map(|word| hash_word(*word, self.seed)));
        let first = numbers.len();
        numbers.resize(first + hashes.len(), 0);
        let found = |at: usize, number| numbers[first + at] = number;
        self.find_hashed(keys, 1, false, &hashes, |_| true, found);
        self.hashes = hashes;
    }

    /// As [`KeyIndex::find`], of one key after the other; their numbers are appended.
    pub(super) fn find_chunk(&mut self, keys: &Keys, numbers: &mut Vec<u32>) {
        if keys.words_per_key == 1 {
            // No text has one word.
            return self.find_words(&keys.words, numbers);
        }
        let (mut hashes, width) = (std::mem::take(&mut self.hashes), keys.words_per_key);
        hashes.clear();
        hashes.extend(keys.words.chunks_exact(width).map(|key| self.keys.hash_of(key, self.seed)));
        let first = numbers.len();
        numbers.resize(first + hashes.len(), 0);
        let found = |at: usize, number| numbers[first + at] = number;
        self.find_hashed(&keys.words, width, keys.has_long_text, &hashes, |_| true, found);
        self.hashes = hashes;
    }

    /// Finds the states of keys; makes those that are not there yet of the keys that `adds`. `width` is the number of words of
    /// a key; where it is known, this is compiled for it.
    #[inline(always)]
    fn find_hashed(
        &mut self,
        keys: &[u64],
        width: usize,
        has_long_text: bool,
        hashes: &[u64],
        adds: impl Fn(usize) -> bool,
        mut found: impl FnMut(usize, u32),
    ) {
        self.reserve(hashes.len());
        let stride = stride(width);
        let ahead = size_of_val(&self.slots[..]) > PREFETCH_FROM;
        if ahead {
            hashes.iter().take(SLOTS_AHEAD).for_each(|hash| self.request_to_find(*hash, stride));
        }
        for (i, (hash, key)) in hashes.iter().zip(keys.chunks_exact(width)).enumerate() {
            if ahead {
                if let Some(later) = hashes.get(i + SLOTS_AHEAD) {
                    self.request_to_find(*later, stride);
                }
                if width > 1
                    && let Some(later) = hashes.get(i + KEYS_AHEAD)
                {
                    let number = (self.slots[self.home(*later)] as u32).wrapping_sub(1);
                    prefetch(self.keys.start_of(number) as *const u8);
                }
            }
            found(i, self.find_one(key, width, *hash, has_long_text, adds(i)));
        }
    }

    /// Asks the processor for the slot where a key with this hash stands, or is near.
    #[inline(always)]
    fn request(&self, hash: u64, stride: usize) {
        prefetch(self.slots.as_ptr().wrapping_add(self.home(hash) * stride) as *const u8);
    }

    /// As [`KeyIndex::request`], of a key that may be added.
    #[inline(always)]
    fn request_to_find(&self, hash: u64, stride: usize) {
        self.request(hash, stride);
        if let Some(filter) = &self.filter {
            filter.request(hash);
        }
    }

    fn home(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }

    /// What is taken of the number of a slot that lies behind the last.
    fn mask(&self) -> usize {
        self.slots.len() / self.stride() - 1
    }

    #[inline(always)]
    fn find_one(&mut self, key: &[u64], width: usize, hash: u64, has_long_text: bool, adds: bool) -> u32 {
        let stride = stride(width);
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at * stride];
            if slot == FREE {
                break;
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
        if !adds {
            return NO_STATE;
        }
        self.number_key(at, key, hash)
    }

    /// Gives a key a number, and a slot that is free.
    #[inline(never)]
    fn number_key(&mut self, at: usize, key: &[u64], hash: u64) -> u32 {
        let number = self.new_number();
        self.keys.set(number, key);
        self.fill_slot(at, number, hash);
        number
    }

    fn fill_slot(&mut self, at: usize, number: u32, hash: u64) {
        if let Some(filter) = &mut self.filter {
            filter.add(hash);
        }
        let stride = self.stride();
        let slot = &mut self.slots[at * stride..][..stride];
        slot[0] = hash >> 32 << 32 | (number as u64 + 1);
        if let Some(word) = slot.get_mut(1) {
            *word = self.keys.key(number)[0];
        }
    }

    fn new_number(&mut self) -> u32 {
        if let Some(number) = self.free.pop() {
            self.is_live[number as usize] = true;
            return number;
        }
        self.is_live.push(true);
        self.keys.resize(self.is_live.len());
        self.is_live.len() as u32 - 1
    }

    /// Makes room for `n` more keys: slots are at most three quarters full.
    fn reserve(&mut self, n: usize) {
        let needed = (self.n_live() + n) * 4 / 3 + 1;
        if needed > self.slots.len() / self.stride() {
            self.rebuild(needed.next_power_of_two());
        }
    }

    /// Gives all slots new places, of so many. A slot has the half of the hash that says where: so they are read, and
    /// nearly written, one behind the other.
    fn rebuild(&mut self, n_slots: usize) {
        let stride = self.stride();
        let old = std::mem::replace(&mut self.slots, Words::zeroed(n_slots * stride));
        self.shift = 64 - n_slots.trailing_zeros();
        for slot in old.chunks_exact(stride).filter(|slot| slot[0] != FREE) {
            let at = self.free_slot(slot[0]);
            self.slots[at * stride..][..stride].copy_from_slice(slot);
        }
        self.renew_filter();
    }

    /// The slot that is free for a key with this hash.
    fn free_slot(&self, hash: u64) -> usize {
        let (stride, mask) = (self.stride(), self.mask());
        let mut at = self.home(hash);
        while self.slots[at * stride] != FREE {
            at = (at + 1) & mask;
        }
        at
    }

    /// Makes the filter, if there is one, anew.
    fn renew_filter(&mut self) {
        if self.filter.is_some() {
            self.filter = Some(Filter::of(&self.slots, self.stride()));
        }
    }

    fn insert(&mut self, number: u32) {
        let hash = self.keys.hash(number, self.seed);
        let at = self.free_slot(hash);
        self.fill_slot(at, number, hash);
    }

    /// Forgets a key. Its state's number will be used again.
    pub fn remove(&mut self, number: u32) {
        if self.is_live(number) && self.keys.width() > 0 {
            self.remove_hashed(number, self.keys.hash(number, self.seed));
        }
    }

    /// Forgets the keys of these numbers, which have a state, each once.
    pub fn remove_all(&mut self, numbers: &[u32]) {
        if self.keys.width() == 0 {
            return;
        }
        let (mut hashes, stride) = (std::mem::take(&mut self.hashes), self.stride());
        for numbers in numbers.chunks(CHUNK) {
            hashes.clear();
            hashes.extend(numbers.iter().map(|number| self.keys.hash(*number, self.seed)));
            for (at, (number, hash)) in numbers.iter().zip(&hashes).enumerate() {
                if let Some(later) = hashes.get(at + SLOTS_AHEAD) {
                    self.request(*later, stride);
                }
                self.remove_hashed(*number, *hash);
            }
        }
        self.hashes = hashes;
    }

    fn remove_hashed(&mut self, number: u32, hash: u64) {
        let (stride, mask) = (self.stride(), self.mask());
        let mut hole = self.home(hash);
        while self.slots[hole * stride] as u32 != number + 1 {
            hole = (hole + 1) & mask;
        }
        // What stands behind moves up, unless it stands where it belongs.
        let mut at = (hole + 1) & mask;
        while self.slots[at * stride] != FREE {
            let home = self.home(self.slots[at * stride]);
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.slots.copy_within(at * stride..(at + 1) * stride, hole * stride);
                hole = at;
            }
            at = (at + 1) & mask;
        }
        self.slots[hole * stride] = FREE;
        self.keys.clear(number);
        self.is_live[number as usize] = false;
        self.free.push(number);
        if self.filter.as_mut().is_some_and(Filter::has_lost_much) {
            self.renew_filter();
        }
    }

    /// If most numbers are free: gives all that the others do not need back. They get new numbers: the
    /// answer says for each new number the old one.
    pub fn shrink(&mut self) -> Option<Vec<u32>> {
        if self.is_live.len() < SMALLEST * 4 || self.n_live() * 4 > self.is_live.len() {
            return None;
        }
        let kept: Vec<u32> = (0..self.is_live.len() as u32).filter(|n| self.is_live[*n as usize]).collect();
        self.renumber(&kept);
        Some(kept)
    }

    /// Keeps the keys with these numbers, under new ones from 0 on.
    pub fn renumber(&mut self, kept: &[u32]) {
        self.keys.renumber(kept);
        self.is_live = vec![true; kept.len()];
        self.free = vec![];
        self.slots = Words::zeroed(0);
        self.rebuild((kept.len() * 2).next_power_of_two().max(SMALLEST));
        (0..kept.len() as u32).for_each(|number| self.insert(number));
    }

    /// How many words a key has.
    pub fn width(&self) -> usize {
        self.keys.width()
    }

    /// The columns of these keys.
    pub fn columns(&self, numbers: &[u32]) -> Vec<Column> {
        let (mut words, mut heap) = (vec![0; numbers.len() * self.width()], vec![]);
        if self.width() == 0 {
            return vec![];
        }
        for (i, (number, words)) in numbers.iter().zip(words.chunks_exact_mut(self.width())).enumerate() {
            if let Some(later) = numbers.get(i + KEYS_AHEAD) {
                prefetch(self.keys.start_of(*later) as *const u8);
            }
            self.keys.copy(*number, words, &mut heap);
        }
        let keys = KeyReader { layout: &self.layout, types: &self.types, heaps: &[Arc::new(heap)] };
        let slots: Vec<&[u64]> = words.chunks_exact(self.width()).collect();
        (0..self.types.len()).map(|key| key_column(&keys, key, &slots)).collect()
    }

    /// The order of two keys: column by column, nulls first.
    pub fn compare(&self, a: u32, b: u32) -> Ordering {
        let keys = KeyReader { layout: &self.layout, types: &self.types, heaps: self.keys.texts() };
        keys.compare(self.keys.key(a), self.keys.key(b))
    }

    /// A number in the order of keys that tells them apart, if there is one.
    pub fn sortable(&self, number: u32) -> Option<u64> {
        let keys = KeyReader { layout: &self.layout, types: &self.types, heaps: self.keys.texts() };
        keys.sortable(self.keys.key(number))
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        let filter = self.filter.as_ref().map_or(0, Filter::bytes);
        self.slots.len() * 8 + self.keys.bytes() + self.is_live.capacity() + self.free.capacity() * 4 + filter
    }

    /// One like it, of no keys.
    pub fn emptied(&self) -> KeyIndex {
        KeyIndex::new(&self.types, self.seed)
    }

    /// The hash of the key of a state.
    pub fn hash(&self, number: u32) -> u64 {
        self.keys.hash(number, self.seed)
    }

    /// Writes the key of a state.
    pub fn snapshot(&self, number: u32, writer: &mut SnapshotWriter) {
        self.keys.snapshot(number, writer);
    }

    /// Takes over what [`KeyIndex::snapshot`] wrote, as the key of a new state.
    pub fn restore(&mut self, reader: &mut SnapshotReader) -> Result<u32, Corrupt> {
        if self.keys.width() == 0 && self.n_live() > 0 {
            return Err(Corrupt);
        }
        self.reserve(1);
        let number = self.new_number();
        if self.keys.width() > 0 {
            self.keys.restore(number, reader)?;
            self.insert(number);
        }
        Ok(number)
    }

    /// The same of a key that may have a state already, which is then its.
    pub fn restore_known(&mut self, reader: &mut SnapshotReader) -> Result<u32, Corrupt> {
        if self.keys.width() == 0 && self.n_live() > 0 {
            return Ok(0);
        }
        if self.keys.width() == 0 {
            return self.restore(reader);
        }
        self.reserve(1);
        let number = self.new_number();
        self.keys.restore(number, reader)?;
        let hash = self.keys.hash(number, self.seed);
        let (stride, mask) = (self.stride(), self.mask());
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at * stride];
            if slot == FREE {
                self.fill_slot(at, number, hash);
                return Ok(number);
            }
            let known = slot as u32 - 1;
            if slot >> 32 == hash >> 32 && self.compare(known, number).is_eq() {
                self.keys.clear(number);
                self.is_live[number as usize] = false;
                self.free.push(number);
                return Ok(known);
            }
            at = (at + 1) & mask;
        }
    }
}

/// The words of a slot, by those of a key.
#[inline(always)]
fn stride(width: usize) -> usize {
    if width == 1 { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_ir::column::ColumnBuilder;
    use millstream_ir::value::Value;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::sync::Arc;

    fn column(ty: &Type, values: &[Value]) -> ColumnRef {
        let mut column = ColumnBuilder::new(ty);
        values.iter().for_each(|value| column.push(value));
        Arc::new(column.finish())
    }

    fn key(number: u8) -> (Value, Value) {
        let text = match number % 5 {
            0 => Value::Null,
            1 => Value::string(format!("{number}")),
            2 => Value::string(format!("a text that no view holds, {number}")),
            3 => Value::string(format!("one that is longer, and as long as others: {number}")),
            _ => Value::string(""),
        };
        (if number.is_multiple_of(7) { Value::Null } else { Value::Int(number as i64 / 4) }, text)
    }

    #[derive(Clone, Debug)]
    enum Step {
        Find(Vec<u8>),
        Remove(Vec<u8>),
        Shrink,
        Restore,
    }

    fn step() -> impl Strategy<Value = Step> {
        let keys = || proptest::collection::vec(any::<u8>(), 0..40);
        prop_oneof![
            4 => keys().prop_map(Step::Find),
            3 => keys().prop_map(Step::Remove),
            1 => Just(Step::Shrink),
            1 => Just(Step::Restore),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_key_has_a_number_until_it_is_removed(steps in proptest::collection::vec(step(), 0..40), seed in any::<u64>()) {
            let types = [Type::INT.nullable(), Type::STRING.nullable()];
            let mut index = KeyIndex::new(&types, seed);
            let mut known: HashMap<(Value, Value), u32> = HashMap::new();
            for step in steps {
                match step {
                    Step::Find(numbers) => {
                        let keys: Vec<_> = numbers.iter().map(|n| key(*n)).collect();
                        let (a, b): (Vec<Value>, Vec<Value>) = keys.iter().cloned().unzip();
                        let columns = [column(&types[0], &a), column(&types[1], &b)];
                        let rows: Vec<u32> = (0..keys.len() as u32).collect();
                        let mut found = vec![];
                        index.find(&[&columns[0], &columns[1]], &rows, &mut found);
                        for (key, number) in keys.into_iter().zip(found) {
                            let other = known.iter().find(|(k, n)| **n == number && **k != key);
                            prop_assert!(other.is_none(), "two keys have one number");
                            prop_assert_eq!(*known.entry(key).or_insert(number), number);
                        }
                    }
                    Step::Remove(numbers) => {
                        for number in numbers {
                            if let Some(state) = known.remove(&key(number)) {
                                index.remove(state);
                            }
                        }
                    }
                    Step::Shrink => {
                        if let Some(kept) = index.shrink() {
                            for state in known.values_mut() {
                                *state = kept.iter().position(|old| old == state).unwrap() as u32;
                            }
                        }
                    }
                    Step::Restore => {
                        let mut writer = SnapshotWriter::default();
                        let live: Vec<u32> = (0..index.n_numbers() as u32).filter(|n| index.is_live(*n)).collect();
                        live.iter().for_each(|number| index.snapshot(*number, &mut writer));
                        let bytes = writer.finish();
                        let mut reader = SnapshotReader::new(&bytes);
                        let mut restored = KeyIndex::new(&types, !seed);
                        let new: HashMap<u32, u32> =
                            live.iter().map(|old| (*old, restored.restore(&mut reader).unwrap())).collect();
                        reader.finish().unwrap();
                        let mut again = SnapshotReader::new(&bytes);
                        for old in &live {
                            prop_assert_eq!(restored.restore_known(&mut again), Ok(new[old]));
                        }
                        known.values_mut().for_each(|state| *state = new[state]);
                        index = restored;
                    }
                }
                prop_assert_eq!(index.n_live(), known.len());
            }
        }
    }

    #[test]
    fn keys_of_one_word_are_found_in_their_column() {
        let mut index = KeyIndex::new(&[Type::INT], 1);
        let values: Vec<Value> = (0..3_000i64).map(|i| Value::Int(i * i % 1_009 - 500)).collect();
        let (keys, rows): (ColumnRef, Vec<u32>) = (column(&Type::INT, &values), (0..3_000).collect());
        let (mut all, mut chosen) = (vec![], vec![]);
        for n_keys in [0, 505, 505] {
            assert_eq!(index.n_live(), n_keys);
            index.find_all(&[&keys], rows.len(), &mut all);
            index.find(&[&keys], &rows, &mut chosen);
            assert_eq!(all, chosen);
        }
        let mut known = HashMap::new();
        values
            .iter()
            .zip(&all)
            .for_each(|(value, number)| assert_eq!(known.entry(value).or_insert(number), &number));
    }

    #[test]
    fn memory_is_given_back() {
        let mut index = KeyIndex::new(&[Type::INT], 1);
        let keys = column(&Type::INT, &(0..100_000).map(Value::Int).collect::<Vec<_>>());
        let rows: Vec<u32> = (0..100_000).collect();
        let mut numbers = vec![];
        index.find(&[&keys], &rows, &mut numbers);
        assert!(index.bytes() < 100_000 * 64, "{}", index.bytes());
        numbers.iter().skip(1).for_each(|number| index.remove(*number));
        assert_eq!(index.shrink(), Some(vec![numbers[0]]));
        assert!(index.bytes() < 3_000, "{}", index.bytes());
    }
}
