//! When to look at which key again: a queue by time whose front is small.
//!
//! Most entries are put in long before they are due, and not in order, and most keys will have had later rows
//! by then. So entries wait unordered in buckets of time; when a bucket comes up, its keys are asked when
//! they are due indeed, and only those that are due within it are sorted, once. What is put in for that time
//! later on, which is rare, goes into a heap. The next buckets stand in a ring, where nearly all entries are
//! put; others in a map.

use crate::message::EventTime;
use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};

pub struct Due {
    /// A time is shifted by this to be the number of its bucket.
    shift: u32,
    /// The buckets from `first` on, each at the place that its number leaves when divided by [`RING`].
    near: Box<[Vec<u32>]>,
    first: i64,
    /// Entries in `near`.
    n_near: usize,
    later: BTreeMap<i64, Vec<u32>>,
    /// What is due by `soon_until`: the last first, if it `is_sorted`; and what was put in since it was.
    soon: Vec<(EventTime, u32)>,
    is_sorted: bool,
    sooner: BinaryHeap<Reverse<(EventTime, u32)>>,
    soon_until: EventTime,
}

/// Keys to look at; those that are not [due](Due::is_due) in it any more are out of date.
pub struct Bucket {
    number: i64,
    pub keys: Vec<u32>,
}

/// A power of two.
const RING: usize = 64;

impl Due {
    /// `granule` is how finely times are told apart at first, in microseconds, at most.
    pub fn new(granule: i64) -> Due {
        let shift = granule.max(1).ilog2();
        Due {
            shift,
            near: vec![vec![]; RING].into(),
            first: EventTime::MIN >> shift,
            n_near: 0,
            later: BTreeMap::new(),
            soon: vec![],
            is_sorted: true,
            sooner: BinaryHeap::new(),
            soon_until: EventTime::MIN,
        }
    }

    pub fn push(&mut self, time: EventTime, key: u32) {
        if time <= self.soon_until {
            match self.is_sorted {
                true => self.sooner.push(Reverse((time, key))),
                false => self.soon.push((time, key)),
            }
            return;
        }
        let bucket = time >> self.shift;
        if (bucket.wrapping_sub(self.first) as u64) < RING as u64 {
            self.near[bucket as usize % RING].push(key);
            self.n_near += 1;
        } else {
            self.later.entry(bucket).or_default().push(key);
        }
    }

    /// Whether a key that is due at this time is to be looked at with the bucket.
    #[inline]
    pub fn is_due(&self, time: EventTime, bucket: &Bucket) -> bool {
        time >> self.shift == bucket.number
    }

    /// Takes out a bucket that begins at or before a time. What is due of it is to be pushed again, and all
    /// such buckets are to be taken out before anything is [popped](Due::pop).
    pub fn open(&mut self, until: EventTime) -> Option<Bucket> {
        let last = until >> self.shift;
        // The last moment of that bucket.
        self.soon_until = self.soon_until.max(until | ((1 << self.shift) - 1));
        while self.first <= last {
            if self.n_near == 0 {
                self.first = last.saturating_add(1);
                break;
            }
            let (number, keys) = (self.first, std::mem::take(&mut self.near[self.first as usize % RING]));
            self.first = self.first.saturating_add(1);
            if !keys.is_empty() {
                self.n_near -= keys.len();
                self.is_sorted = false;
                return Some(Bucket { number, keys });
            }
        }
        let bucket = self.later.first_entry().filter(|bucket| *bucket.key() <= last)?;
        self.is_sorted = false;
        let (number, keys) = bucket.remove_entry();
        Some(Bucket { number, keys })
    }

    /// Takes a bucket back that has been taken out, for its memory.
    pub fn close(&mut self, bucket: Bucket) {
        let mut keys = bucket.keys;
        keys.clear();
        // Where it stood, the bucket goes that is put in last of all.
        let last = &mut self.near[self.first.wrapping_sub(1) as usize % RING];
        if last.capacity() == 0 {
            *last = keys;
        }
    }

    /// Takes out what is due first, if that is at or before a time.
    pub fn pop(&mut self, until: EventTime) -> Option<(EventTime, u32)> {
        if !self.is_sorted {
            self.soon.sort_unstable_by(|a, b| b.cmp(a));
            self.is_sorted = true;
        }
        let sooner = self.sooner.peek_mut().filter(|sooner| sooner.0.0 <= until);
        match (self.soon.last().filter(|soon| soon.0 <= until), sooner) {
            (Some(soon), Some(sooner)) if sooner.0 < *soon => Some(PeekMut::pop(sooner).0),
            (Some(_), _) => self.soon.pop(),
            (None, sooner) => Some(PeekMut::pop(sooner?).0),
        }
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        let buckets = self.later.values().chain(&self.near);
        let n_soon = self.soon.capacity() + self.sooner.len();
        n_soon * size_of::<(EventTime, u32)>() + buckets.map(Vec::capacity).sum::<usize>() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_come_by_their_times(
            steps in prop::collection::vec((-200i64..200, 0u32..5, prop::option::of(-200i64..200)), 0..60),
            granule in 1i64..50,
        ) {
            // When each key is due, if it is: the last that was said.
            let (mut due, mut expected) = (Due::new(granule), BTreeMap::new());
            let steps = steps.into_iter().map(Some).chain([None]);
            for step in steps {
                let until = match step {
                    Some((time, key, until)) => {
                        expected.insert(key, time);
                        due.push(time, key);
                        until
                    }
                    None => Some(EventTime::MAX),
                };
                let Some(until) = until else { continue };
                while let Some(bucket) = due.open(until) {
                    for key in &bucket.keys {
                        if let Some(time) = expected.get(key).filter(|time| due.is_due(**time, &bucket)) {
                            due.push(*time, *key);
                        }
                    }
                    due.close(bucket);
                }
                let mut popped = vec![];
                while let Some((time, key)) = due.pop(until) {
                    if expected.get(&key) == Some(&time) {
                        expected.remove(&key);
                        popped.push((time, key));
                    }
                }
                prop_assert!(popped.is_sorted());
                prop_assert!(expected.values().all(|time| *time > until));
            }
            prop_assert!(expected.is_empty());
        }
    }
}
