//! What `count(distinct x)` has seen in groups that have numbers, for all filters at once: a value is kept once,
//! with a bit for each of the aggregates that have counted it, and looked for once a row.

mod set;

use crate::accumulate::element::hash_seed;
use crate::kernel::extent::magnitude_bits;
use crate::kernel::prefetch::prefetch;
use millstream_ir::column::ColumnData;
use millstream_ir::value::canonical_float;
use set::{Entry, Long, Set, Short};

/// How many aggregates share the values at most.
pub const MOST: usize = 64;

/// How far ahead sets are requested, and, when these have come, what they lead to.
const SETS_AHEAD: usize = 32;
const ENTRIES_AHEAD: usize = 16;

pub struct Distinct {
    /// The column of the argument.
    pub column: usize,
    sets: Sets,
    seed: u64,
}

/// Those of each group: short ones until a value comes that does not fit there.
enum Sets {
    Short(Vec<Set<Short>>),
    Long(Vec<Set<Long>>),
}

/// Does the same with either.
macro_rules! each {
    ($sets:expr, $name:ident => $with:expr) => {
        match $sets {
            Sets::Short($name) => $with,
            Sets::Long($name) => $with,
        }
    };
}

impl Distinct {
    pub fn new(column: usize) -> Distinct {
        Distinct { column, sets: Sets::Short(vec![]), seed: hash_seed() }
    }

    pub fn reach(&mut self, n: usize) {
        each!(&mut self.sets, sets => sets.resize_with(n, Set::default));
    }

    pub fn clear(&mut self, number: u32) {
        each!(&mut self.sets, sets => sets[number as usize] = Set::default());
    }

    pub fn renumber(&mut self, kept: &[u32]) {
        each!(&mut self.sets, sets => {
            *sets = kept.iter().map(|number| std::mem::take(&mut sets[*number as usize])).collect();
        });
    }

    /// The values that an aggregate has counted.
    pub fn counted(&self, number: u32, bit: usize) -> Vec<u64> {
        each!(&self.sets, sets => {
            let counted = sets[number as usize].entries().filter(|entry| entry.counted() >> bit & 1 == 1);
            counted.map(|entry| entry.value()).collect()
        })
    }

    /// Makes values counted by an aggregate.
    pub fn restore(&mut self, number: u32, bit: usize, values: &[u64]) {
        // Words of floats are large numbers.
        if !is_short(&values.iter().map(|value| *value as i64).collect::<Vec<_>>(), &[1 << bit]) {
            self.lengthen();
        }
        each!(&mut self.sets, sets => values.iter().for_each(|value| {
            sets[number as usize].add(*value, self.seed, 1 << bit);
        }));
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
        let (rows, seed) = ((numbers, starts), self.seed);
        match data {
            ColumnData::I64(values) => {
                let values = &values[first..];
                if !is_short(&values[..bits.len()], bits) {
                    self.lengthen();
                }
                each!(&mut self.sets, sets => add_each(sets, seed, |row| values[row] as u64, rows, bits));
            }
            ColumnData::F64(values) => {
                self.lengthen();
                each!(&mut self.sets, sets => {
                    add_each(sets, seed, |row| word_of(values[first + row]), rows, bits);
                });
            }
            _ => {}
        }
    }

    /// Makes room for any value.
    fn lengthen(&mut self) {
        if let Sets::Short(sets) = &self.sets {
            self.sets = Sets::Long(sets.iter().map(|set| set.converted(self.seed)).collect());
        }
    }

    pub fn bytes(&self) -> usize {
        each!(&self.sets, sets => {
            sets.capacity() * size_of::<Set<Long>>() + sets.iter().map(Set::bytes).sum::<usize>()
        })
    }
}

#[inline(always)]
fn add_each<E: Entry>(
    sets: &mut [Set<E>],
    seed: u64,
    value: impl Fn(usize) -> u64,
    (numbers, starts): (&[u32], &[bool]),
    bits: &mut [u64],
) {
    for (row, (bits, starts)) in bits.iter_mut().zip(starts).enumerate() {
        if let Some(later) = numbers.get(row + SETS_AHEAD) {
            prefetch(sets.as_ptr().wrapping_add(*later as usize) as *const u8);
        }
        if let Some(set) = numbers.get(row + ENTRIES_AHEAD).and_then(|later| sets.get(*later as usize)) {
            set.request(value(row + ENTRIES_AHEAD), seed);
        }
        let set = &mut sets[numbers[row] as usize];
        if *starts {
            *set = Set::default();
        }
        if *bits != 0 {
            *bits = set.add(value(row), seed, *bits);
        }
    }
}

/// Whether values that these aggregates count fit into short places.
fn is_short(values: &[i64], bits: &[u64]) -> bool {
    let aggregates = bits.iter().fold(0, |all, bits| all | bits);
    aggregates >> Short::AGGREGATES == 0 && magnitude_bits(values) <= Short::MAGNITUDE
}

/// The same for floats that are the same key.
fn word_of(value: f64) -> u64 {
    canonical_float(value).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing::{Random, cases};
    use std::collections::BTreeSet;

    /// What has to be counted: a group, an aggregate and a value.
    type Counted = BTreeSet<(u32, usize, u64)>;

    fn check(distinct: &Distinct, counted: &Counted, n_groups: u32) {
        let of_bit =
            |group, bit| distinct.counted(group, bit).into_iter().map(move |value| (group, bit, value));
        let all = (0..n_groups).flat_map(|group| (0..MOST).flat_map(move |bit| of_bit(group, bit)));
        assert_eq!(all.collect::<Counted>(), *counted);
    }

    #[test]
    fn values_are_counted_once_however_large_they_are() {
        const N_GROUPS: u32 = 5;
        for seed in 0..cases(200) {
            let random = &mut Random::new(seed);
            let (mut distinct, mut counted) = (Distinct::new(0), Counted::new());
            distinct.reach(N_GROUPS as usize);
            // Batches become larger in values and in aggregates, some soon and some never.
            let (largest, most) = (random.below(40), random.below(40));
            for batch in 0..20 {
                let n_rows = random.below(60);
                let extreme = if batch < largest { 1 << 55 } else { i64::MAX };
                let values: Vec<i64> = (0..n_rows)
                    .map(|_| [0, random.below(40) as i64, extreme - 1, -extreme][random.below(4)])
                    .collect();
                let n_bits = if batch < most { Short::AGGREGATES as usize } else { MOST };
                let numbers: Vec<u32> = (0..n_rows).map(|_| random.below(N_GROUPS as usize) as u32).collect();
                let starts: Vec<bool> = (0..n_rows).map(|_| random.one_in(50)).collect();
                let mut bits: Vec<u64> =
                    (0..n_rows).map(|_| 1 << random.below(n_bits) | 1 << random.below(n_bits)).collect();
                let expected: Vec<u64> = (0..n_rows)
                    .map(|row| {
                        let (group, value) = (numbers[row], values[row] as u64);
                        if starts[row] {
                            counted.retain(|(of, ..)| *of != group);
                        }
                        let takes_part = (0..MOST).filter(|bit| bits[row] >> bit & 1 == 1);
                        takes_part
                            .filter(|bit| counted.insert((group, *bit, value)))
                            .map(|bit| 1 << bit)
                            .sum()
                    })
                    .collect();
                let data = ColumnData::I64(values.iter().copied().collect());
                distinct.add(&data, 0, &numbers, &starts, &mut bits);
                assert_eq!(bits, expected, "seed {seed}");
            }
            check(&distinct, &counted, N_GROUPS);
            let mut restored = Distinct::new(0);
            restored.reach(N_GROUPS as usize);
            for group in 0..N_GROUPS {
                (0..MOST).for_each(|bit| restored.restore(group, bit, &distinct.counted(group, bit)));
            }
            check(&restored, &counted, N_GROUPS);
        }
    }
}
