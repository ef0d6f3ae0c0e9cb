//! What `count(distinct x)` has seen in groups that have numbers, for all filters at once: a value is kept once,
//! with a bit for each of the aggregates that have counted it, and looked for once a row.

use crate::accumulate::element::hash_seed;
use crate::kernel::prefetch::prefetch;
use millstream_ir::column::ColumnData;
use millstream_ir::value::canonical_float;

/// How many aggregates share the values at most.
pub const MOST: usize = 64;

/// How far ahead sets are requested, and, when these have come, what they lead to.
const SETS_AHEAD: usize = 32;
const ENTRIES_AHEAD: usize = 16;

pub struct Distinct {
    /// The column of the argument.
    pub column: usize,
    /// Of each group.
    sets: Vec<Set>,
    seed: u64,
}

#[derive(Default)]
struct Set {
    /// A power of two of places, of which a quarter at least is free; none before the first value.
    entries: Box<[Entry]>,
    n: usize,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    value: u64,
    /// The aggregates that have counted it; none where the place is free.
    counted: u64,
}

impl Distinct {
    pub fn new(column: usize) -> Distinct {
        Distinct { column, sets: vec![], seed: hash_seed() }
    }

    pub fn reach(&mut self, n: usize) {
        self.sets.resize_with(n, Set::default);
    }

    pub fn clear(&mut self, number: u32) {
        self.sets[number as usize] = Set::default();
    }

    pub fn renumber(&mut self, kept: &[u32]) {
        self.sets = kept.iter().map(|number| std::mem::take(&mut self.sets[*number as usize])).collect();
    }

    /// The values that an aggregate has counted.
    pub fn counted(&self, number: u32, bit: usize) -> impl Iterator<Item = u64> {
        let entries = self.sets[number as usize].entries.iter();
        entries.filter(move |entry| entry.counted >> bit & 1 == 1).map(|entry| entry.value)
    }

    /// Makes values counted by an aggregate.
    pub fn restore(&mut self, number: u32, bit: usize, values: &[u64]) {
        values.iter().for_each(|value| {
            self.sets[number as usize].add(*value, self.seed, 1 << bit);
        });
    }

    /// Adds rows of a batch from `first` on, each to the group with the number beside it, which is empty before if
    /// the row starts it. `bits` are the aggregates that a row takes part in, and then those for which its value
    /// is new. There may be more numbers, of rows that are added next.
    pub fn add(
        &mut self,
        data: &ColumnData,
        first: usize,
        numbers: &[u32],
        starts: &[bool],
        bits: &mut [u64],
    ) {
        match data {
            ColumnData::I64(values) => self.add_each(|row| values[first + row] as u64, numbers, starts, bits),
            ColumnData::F64(values) => {
                self.add_each(|row| word_of(values[first + row]), numbers, starts, bits)
            }
            _ => {}
        }
    }

    #[inline(always)]
    fn add_each(&mut self, value: impl Fn(usize) -> u64, numbers: &[u32], starts: &[bool], bits: &mut [u64]) {
        for (row, (bits, starts)) in bits.iter_mut().zip(starts).enumerate() {
            if let Some(later) = numbers.get(row + SETS_AHEAD) {
                prefetch(self.sets.as_ptr().wrapping_add(*later as usize) as *const u8);
            }
            if let Some(set) =
                numbers.get(row + ENTRIES_AHEAD).and_then(|later| self.sets.get(*later as usize))
            {
                set.request(value(row + ENTRIES_AHEAD), self.seed);
            }
            let set = &mut self.sets[numbers[row] as usize];
            if *starts {
                *set = Set::default();
            }
            if *bits != 0 {
                *bits = set.add(value(row), self.seed, *bits);
            }
        }
    }

    pub fn bytes(&self) -> usize {
        let entries: usize = self.sets.iter().map(|set| set.entries.len()).sum();
        self.sets.capacity() * size_of::<Set>() + entries * size_of::<Entry>()
    }
}

impl Set {
    /// Which of the aggregates had not counted the value.
    #[inline(always)]
    fn add(&mut self, value: u64, seed: u64, counted: u64) -> u64 {
        if (self.n + 1) * 4 > self.entries.len() * 3 {
            self.grow(seed);
        }
        let last = self.entries.len() - 1;
        let mut at = hash(value, seed) & last;
        loop {
            let entry = &mut self.entries[at];
            if entry.counted == 0 {
                *entry = Entry { value, counted };
                self.n += 1;
                return counted;
            }
            if entry.value == value {
                let new = counted & !entry.counted;
                entry.counted |= counted;
                return new;
            }
            at = (at + 1) & last;
        }
    }

    #[inline(never)]
    fn grow(&mut self, seed: u64) {
        let n_places = (self.entries.len() * 2).max(4);
        let old = std::mem::replace(&mut self.entries, vec![Entry::default(); n_places].into());
        self.n = 0;
        for entry in old.iter().filter(|entry| entry.counted != 0) {
            self.add(entry.value, seed, entry.counted);
        }
    }

    #[inline(always)]
    fn request(&self, value: u64, seed: u64) {
        let at = hash(value, seed) & self.entries.len().wrapping_sub(1);
        prefetch(self.entries.as_ptr().wrapping_add(at) as *const u8);
    }
}

/// The same for floats that are the same key.
fn word_of(value: f64) -> u64 {
    canonical_float(value).to_bits()
}

#[inline(always)]
fn hash(value: u64, seed: u64) -> usize {
    let product = (value ^ seed) as u128 * 0x9E37_79B9_7F4A_7C15;
    (product as u64 ^ (product >> 64) as u64) as usize
}
