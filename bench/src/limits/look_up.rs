//! Rows of a table by key, as one writes it by hand: a probe, and a column gathered behind it.

use crate::limits::ranked::row;
use std::ops::Range;

const AHEAD: usize = 24;
const BATCH: usize = 2048;

/// From keys to positions.
struct Index {
    /// A key and its position plus one; zero where none is.
    slots: Vec<(i64, usize)>,
    shift: u32,
}

impl Index {
    /// The capacity is a power of two, and twice the number of keys or more.
    fn new(capacity: usize, keys: &[i64]) -> Index {
        let mut index = Index { slots: vec![(0, 0); capacity], shift: 64 - capacity.trailing_zeros() };
        for (position, key) in keys.iter().enumerate() {
            let mut at = index.home(*key);
            while index.slots[at].1 > 0 {
                at = (at + 1) & (capacity - 1);
            }
            index.slots[at] = (*key, position + 1);
        }
        index
    }

    fn home(&self, key: i64) -> usize {
        ((key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// The position of each key; all are there.
    fn find(&self, keys: &[i64], positions: &mut Vec<usize>) {
        positions.clear();
        for (i, key) in keys.iter().enumerate() {
            #[cfg(target_arch = "x86_64")]
            if let Some(later) = keys.get(i + AHEAD) {
                let line = self.slots.as_ptr().wrapping_add(self.home(*later)) as *const i8;
                // SAFETY: a hint, which no address makes fail.
                unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line) };
            }
            let mut at = self.home(*key);
            while self.slots[at].0 != *key {
                at = (at + 1) & (self.slots.len() - 1);
            }
            positions.push(self.slots[at].1 - 1);
        }
    }
}

/// What stands.
pub struct Standing {
    index: Index,
    values: Vec<i64>,
}

impl Standing {
    pub fn new(capacity: usize, keys: &[i64], values: &[i64]) -> Standing {
        Standing { index: Index::new(capacity, keys), values: values.into() }
    }

    pub fn of(&self, keys: &[i64], events: Range<usize>) -> u64 {
        let (mut checksum, mut positions) = (0u64, vec![]);
        for keys in keys[events].chunks(BATCH) {
            self.index.find(keys, &mut positions);
            let column: Vec<i64> = positions.iter().map(|position| self.values[*position]).collect();
            checksum = keys
                .iter()
                .zip(&column)
                .fold(checksum, |sum, (key, value)| sum.wrapping_add(row(*key, *value)));
        }
        checksum
    }
}

/// A change of a table: time, key, value.
pub type Change = (i64, i64, i64);

/// What stood.
pub struct Stood {
    index: Index,
    /// Of each key since when and what.
    versions: Vec<Vec<(i64, i64)>>,
    changes: Vec<Vec<Change>>,
}

impl Stood {
    /// `changes`: those before each batch ends.
    pub fn new(capacity: usize, keys: &[i64], values: &[i64], changes: Vec<Vec<Change>>) -> Stood {
        let versions = values.iter().map(|value| vec![(i64::MIN, *value)]).collect();
        Stood { index: Index::new(capacity, keys), versions, changes }
    }

    pub fn of(&mut self, keys: &[i64], times: &[i64], events: Range<usize>) -> u64 {
        let (mut checksum, mut positions) = (0u64, vec![]);
        for first in events.step_by(BATCH) {
            let rows = first..keys.len().min(first + BATCH);
            // Nobody asks for what was before.
            let least = times[first];
            let changes = &self.changes[first / BATCH];
            let changed: Vec<i64> = changes.iter().map(|(_, key, _)| *key).collect();
            self.index.find(&changed, &mut positions);
            for ((time, _, value), position) in changes.iter().zip(&positions) {
                let versions = &mut self.versions[*position];
                let dead = versions.partition_point(|(since, _)| *since <= least).saturating_sub(1);
                versions.drain(..dead);
                versions.push((*time, *value));
            }
            self.index.find(&keys[rows.clone()], &mut positions);
            let found = positions.iter().zip(&times[rows.clone()]).map(|(position, time)| {
                self.versions[*position].iter().rev().find(|(since, _)| since <= time).map_or(0, |v| v.1)
            });
            let column: Vec<i64> = found.collect();
            let keys = keys[rows].iter().zip(&column);
            checksum = keys.fold(checksum, |sum, (key, value)| sum.wrapping_add(row(*key, *value)));
        }
        checksum
    }
}
