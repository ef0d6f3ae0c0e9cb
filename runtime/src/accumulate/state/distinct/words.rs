//! `count(distinct x)` where a value is one word: whole numbers, times, floats.
//!
//! Most groups have few values, and among these a look at each is the fastest: they stand in lists of 4, 8 or 16
//! words in one memory for all groups, so that no list is asked of the allocator and all are dropped at once. More
//! values have a table of their own.

use crate::accumulate::element::hash_seed;
use crate::accumulate::side::{Row, SideStates};
use crate::kernel::prefetch::prefetch;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::eval::RowError;
use millstream_ir::value::{Value, canonical_float};
use std::any::Any;

/// The sets of all groups.
pub struct WordSets {
    /// The argument's column.
    column: usize,
    sets: Vec<Set>,
    free: Vec<u64>,
    lists: Lists,
    tables: Vec<Table>,
    free_tables: Vec<u32>,
    /// Of the set that was alone before all were forgotten: most likely the next is as large.
    spare: Option<Table>,
    seed: u64,
}

#[derive(Clone, Copy, Default)]
struct Set {
    /// Where its list is, or the number of its table.
    at: u32,
    /// How many values its list has.
    n: u16,
    /// For how many its list has room: none before its first value, and `TABLE` if it has a table.
    room: u16,
}

const SMALLEST: u16 = 4;
const LARGEST: u16 = 16;
const TABLE: u16 = u16::MAX;

/// How far ahead sets are requested, and, when these have come, what they lead to.
const SETS_AHEAD: usize = 24;
const LED_TO_AHEAD: usize = 12;

impl WordSets {
    pub fn new(column: usize) -> WordSets {
        WordSets {
            column,
            sets: vec![],
            free: vec![],
            lists: Lists::default(),
            tables: vec![],
            free_tables: vec![],
            spare: None,
            seed: hash_seed(),
        }
    }

    fn set(&self, word: u64) -> Set {
        word.checked_sub(1).and_then(|at| self.sets.get(at as usize)).copied().unwrap_or_default()
    }

    fn values(&self, set: Set) -> impl ExactSizeIterator<Item = u64> {
        let (list, table) = match set.room {
            TABLE => (&[][..], Some(&self.tables[set.at as usize])),
            _ => (self.lists.get(set), None),
        };
        let n = self.len(set);
        let mut of_table = table.into_iter().flat_map(Table::values);
        let mut of_list = list.iter().copied();
        (0..n).map(move |_| of_list.next().or_else(|| of_table.next()).unwrap_or(0))
    }

    fn len(&self, set: Set) -> usize {
        if set.room == TABLE { self.tables[set.at as usize].n } else { set.n as usize }
    }

    #[inline(always)]
    fn insert(&mut self, word: u64, value: u64) {
        let Some(set) = self.sets.get_mut((word as usize).wrapping_sub(1)) else { return };
        if set.room == TABLE {
            return self.tables[set.at as usize].insert(value, self.seed);
        }
        if self.lists.contains(*set, value) {
            return;
        }
        if set.n < set.room {
            return self.lists.push(set, value);
        }
        self.grow(word, value);
    }

    /// Adds a value to a set that has no room for it.
    #[inline(never)]
    fn grow(&mut self, word: u64, value: u64) {
        let set = &mut self.sets[word as usize - 1];
        if set.room < LARGEST {
            self.lists.grow(set);
            return self.lists.push(set, value);
        }
        let mut table = self.spare.take().unwrap_or_else(|| Table::new(4 * LARGEST as usize));
        self.lists.get(*set).iter().for_each(|value| table.insert(*value, self.seed));
        table.insert(value, self.seed);
        self.lists.free(*set);
        let at = match self.free_tables.pop() {
            Some(at) => {
                self.tables[at as usize] = table;
                at
            }
            None => {
                self.tables.push(table);
                self.tables.len() as u32 - 1
            }
        };
        *set = Set { at, n: 0, room: TABLE };
    }

    #[inline(always)]
    fn insert_each(&mut self, words: &[u64], rows: &[u32], value: impl Fn(usize) -> u64) {
        for (i, (word, row)) in words.iter().zip(rows).enumerate() {
            if let Some(later) = words.get(i + SETS_AHEAD) {
                let at = (*later as usize).wrapping_sub(1);
                prefetch(self.sets.as_ptr().wrapping_add(at) as *const u8);
            }
            if let (Some(later), Some(row)) = (words.get(i + LED_TO_AHEAD), rows.get(i + LED_TO_AHEAD)) {
                let set = self.set(*later);
                match set.room {
                    TABLE => self.tables[set.at as usize].request(value(*row as usize), self.seed),
                    _ => self.lists.request(set),
                }
            }
            self.insert(*word, value(*row as usize));
        }
    }
}

impl SideStates for WordSets {
    fn make(&mut self) -> u64 {
        self.free.pop().unwrap_or_else(|| {
            self.sets.push(Set::default());
            self.sets.len() as u64
        })
    }

    fn free(&mut self, word: u64) {
        let set = self.set(word);
        let Some(place) = self.sets.get_mut((word as usize).wrapping_sub(1)) else { return };
        *place = Set::default();
        self.free.push(word);
        if set.room == TABLE {
            self.tables[set.at as usize] = Table::default();
            self.free_tables.push(set.at);
        } else {
            self.lists.free(set);
        }
    }

    fn prepare(&mut self, _: u64, _: Row) -> Result<(), RowError> {
        Ok(())
    }

    fn add(&mut self, word: u64, row: Row) {
        self.insert(word, value_of(row.column(self.column), row.number));
    }

    fn add_each(&mut self, words: &[u64], rows: &[u32], batch: &Batch, _: &[i64]) {
        match &batch.columns[self.column].data {
            ColumnData::I64(values) => self.insert_each(words, rows, |row| values[row] as u64),
            ColumnData::F64(values) => self.insert_each(words, rows, |row| word_of(values[row])),
            _ => {}
        }
    }

    fn remove(&mut self, _: u64, _: Row) {
        debug_assert!(false, "rows are taken out of `Counted`");
    }

    fn merge(&mut self, into: u64, from: u64) {
        if into != from {
            let values: Vec<u64> = self.values(self.set(from)).collect();
            values.into_iter().for_each(|value| self.insert(into, value));
        }
    }

    fn merge_from(&mut self, into: u64, others: &dyn SideStates, from: u64) {
        if let Some(others) = others.as_any().downcast_ref::<WordSets>() {
            others.values(others.set(from)).for_each(|value| self.insert(into, value));
        }
    }

    fn result(&self, word: u64) -> Result<Value, String> {
        Ok(Value::Int(self.len(self.set(word)) as i64))
    }

    fn clear(&mut self) {
        if let (1, Some(mut table)) = (self.sets.len(), self.tables.pop()) {
            table.clear();
            self.spare = Some(table);
        }
        self.sets.clear();
        self.free.clear();
        self.lists.clear();
        self.tables.clear();
        self.free_tables.clear();
    }

    fn bytes(&self) -> usize {
        let tables: usize = self.tables.iter().chain(&self.spare).map(Table::bytes).sum();
        let sets = self.sets.capacity() * size_of::<Set>() + self.free.capacity() * 8;
        sets + self.lists.bytes() + tables + self.tables.capacity() * size_of::<Table>()
    }

    fn write(&self, word: u64, out: &mut SnapshotWriter) {
        out.sequence(self.values(self.set(word)), |out, value| out.u64(value));
    }

    fn restore(&mut self, from: &mut SnapshotReader) -> Result<u64, Corrupt> {
        let values = from.sequence(SnapshotReader::u64)?;
        let word = self.make();
        values.into_iter().for_each(|value| self.insert(word, value));
        Ok(word)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn value_of(column: &Column, row: usize) -> u64 {
    match &column.data {
        ColumnData::I64(values) => values[row] as u64,
        ColumnData::F64(values) => word_of(values[row]),
        _ => 0,
    }
}

/// The same for floats that are the same key.
fn word_of(value: f64) -> u64 {
    canonical_float(value).to_bits()
}

/// The words of all lists, of which each has `SMALLEST` or twice or four times as many. What it has no value for
/// yet holds one that it has, so that whole lines can be compared.
#[derive(Default)]
struct Lists {
    words: Vec<[u64; SMALLEST as usize]>,
    /// Where lists of each size are free.
    free: [Vec<u32>; 3],
}

impl Lists {
    fn get(&self, set: Set) -> &[u64] {
        self.words[set.at as usize..][..(set.room / SMALLEST) as usize]
            .as_flattened()
            .get(..set.n as usize)
            .unwrap_or(&[])
    }

    #[inline(always)]
    fn contains(&self, set: Set, value: u64) -> bool {
        let n = set.n.div_ceil(SMALLEST) as usize;
        let lines = self.words[set.at as usize..][..n].iter();
        lines.fold(false, |known, line| line.iter().fold(known, |known, word| known | (*word == value)))
    }

    /// Adds a value to a list that has room for it.
    #[inline(always)]
    fn push(&mut self, set: &mut Set, value: u64) {
        let line = &mut self.words[set.at as usize + (set.n / SMALLEST) as usize];
        match set.n % SMALLEST {
            0 => *line = [value; SMALLEST as usize],
            at => line[at as usize] = value,
        }
        set.n += 1;
    }

    /// Gives a list more room.
    fn grow(&mut self, set: &mut Set) {
        let room = if set.room == 0 { SMALLEST } else { set.room * 2 };
        let at = self.free[class(room)].pop().unwrap_or_else(|| {
            let at = self.words.len();
            self.words.resize(at + (room / SMALLEST) as usize, [0; SMALLEST as usize]);
            at as u32
        });
        let from = set.at as usize;
        self.words.copy_within(from..from + (set.room / SMALLEST) as usize, at as usize);
        self.free(*set);
        *set = Set { at, room, ..*set };
    }

    fn free(&mut self, set: Set) {
        if set.room > 0 {
            self.free[class(set.room)].push(set.at);
        }
    }

    fn request(&self, set: Set) {
        let first = self.words.as_ptr().wrapping_add(set.at as usize);
        prefetch(first as *const u8);
        // The next value goes to the line of the last, or behind it.
        prefetch(first.wrapping_add((set.n / SMALLEST) as usize) as *const u8);
    }

    fn clear(&mut self) {
        self.words.clear();
        self.free.iter_mut().for_each(Vec::clear);
    }

    fn bytes(&self) -> usize {
        let free: usize = self.free.iter().map(|free| free.capacity() * 4).sum();
        self.words.capacity() * size_of::<[u64; SMALLEST as usize]>() + free
    }
}

fn class(room: u16) -> usize {
    (room / SMALLEST).trailing_zeros() as usize
}

/// Many values: open addressing, at most half full. Zero stands for none, so it is counted apart.
#[derive(Default)]
struct Table {
    /// A power of two.
    words: Vec<u64>,
    shift: u32,
    has_zero: bool,
    /// How many values, zero among them.
    n: usize,
}

impl Table {
    fn new(capacity: usize) -> Table {
        Table { words: vec![0; capacity], shift: 64 - capacity.trailing_zeros(), has_zero: false, n: 0 }
    }

    #[inline(always)]
    fn home(&self, value: u64, seed: u64) -> usize {
        let product = (value ^ seed) as u128 * 0x9E37_79B9_7F4A_7C15;
        ((product as u64 ^ (product >> 64) as u64) >> self.shift) as usize
    }

    #[inline(always)]
    fn request(&self, value: u64, seed: u64) {
        prefetch(self.words.as_ptr().wrapping_add(self.home(value, seed)) as *const u8);
    }

    #[inline(always)]
    fn insert(&mut self, value: u64, seed: u64) {
        if value == 0 {
            self.n += !self.has_zero as usize;
            self.has_zero = true;
            return;
        }
        let mask = self.words.len() - 1;
        let mut at = self.home(value, seed);
        while self.words[at] != value {
            if self.words[at] == 0 {
                self.words[at] = value;
                self.n += 1;
                if self.n * 2 > self.words.len() {
                    self.grow(seed);
                }
                return;
            }
            at = (at + 1) & mask;
        }
    }

    #[inline(never)]
    fn grow(&mut self, seed: u64) {
        let mut larger = Table::new(self.words.len() * 2);
        self.values().for_each(|value| larger.insert(value, seed));
        *self = larger;
    }

    fn values(&self) -> impl Iterator<Item = u64> {
        let zero = self.has_zero.then_some(0);
        zero.into_iter().chain(self.words.iter().copied().filter(|word| *word != 0))
    }

    fn clear(&mut self) {
        self.words.fill(0);
        (self.has_zero, self.n) = (false, 0);
    }

    fn bytes(&self) -> usize {
        self.words.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::sync::Arc;

    #[derive(Clone, Debug)]
    enum Step {
        Add(Vec<(usize, i64)>),
        Merge(usize, usize),
        Free(usize),
        Restore(usize),
        Clear,
    }

    const GROUPS: usize = 5;

    fn step() -> impl Strategy<Value = Step> {
        let group = || 0..GROUPS;
        // Few values in some, many in others.
        let row = (group(), -40i64..40).prop_map(|(group, value)| (group, value % (8 << group) as i64));
        prop_oneof![
            6 => prop::collection::vec(row, 0..60).prop_map(Step::Add),
            2 => (group(), group()).prop_map(|(into, from)| Step::Merge(into, from)),
            2 => group().prop_map(Step::Free),
            2 => group().prop_map(Step::Restore),
            1 => Just(Step::Clear),
        ]
    }

    fn batch_of(values: &[i64]) -> Batch {
        let data = ColumnData::I64(values.iter().copied().collect());
        let columns = vec![Arc::new(Column { data, validity: None })];
        Batch { columns, n_rows: values.len(), origin: Default::default(), late: vec![] }
    }

    proptest! {
        #[test]
        fn sets_are_those_of_the_standard_library(steps in prop::collection::vec(step(), 1..30)) {
            let mut sets = WordSets::new(0);
            let mut words: Vec<u64> = (0..GROUPS).map(|_| sets.make()).collect();
            let mut expected = vec![HashSet::new(); GROUPS];
            for step in steps {
                match step {
                    Step::Add(rows) => {
                        let values: Vec<i64> = rows.iter().map(|row| row.1).collect();
                        let of_rows: Vec<u64> = rows.iter().map(|row| words[row.0]).collect();
                        let numbers: Vec<u32> = (0..rows.len() as u32).collect();
                        sets.add_each(&of_rows, &numbers, &batch_of(&values), &[]);
                        rows.iter().for_each(|(group, value)| {
                            expected[*group].insert(*value as u64);
                        });
                    }
                    Step::Merge(into, from) => {
                        sets.merge(words[into], words[from]);
                        let values = expected[from].clone();
                        expected[into].extend(values);
                    }
                    Step::Free(group) => {
                        sets.free(words[group]);
                        words[group] = sets.make();
                        expected[group].clear();
                    }
                    Step::Restore(group) => {
                        let mut writer = SnapshotWriter::default();
                        sets.write(words[group], &mut writer);
                        let bytes = writer.finish();
                        sets.free(words[group]);
                        words[group] = sets.restore(&mut SnapshotReader::new(&bytes)).unwrap();
                    }
                    Step::Clear => {
                        sets.clear();
                        words = (0..GROUPS).map(|_| sets.make()).collect();
                        expected.iter_mut().for_each(HashSet::clear);
                    }
                }
                for (word, expected) in words.iter().zip(&expected) {
                    prop_assert_eq!(sets.result(*word), Ok(Value::Int(expected.len() as i64)));
                    let values: HashSet<u64> = sets.values(sets.set(*word)).collect();
                    prop_assert_eq!(&values, expected);
                }
            }
        }
    }

    #[test]
    fn the_table_of_a_lone_group_is_emptied_for_the_next() {
        let mut sets = WordSets::new(0);
        for values in [0..100, 50..90] {
            let word = sets.make();
            let values: Vec<i64> = values.collect();
            let rows: Vec<u32> = (0..values.len() as u32).collect();
            sets.add_each(&vec![word; values.len()], &rows, &batch_of(&values), &[]);
            assert_eq!(sets.result(word), Ok(Value::Int(values.len() as i64)));
            sets.clear();
        }
    }
}
