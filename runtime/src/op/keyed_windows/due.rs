//! When to look at which key again: a queue by time whose front is small.
//!
//! Most entries are put in long before they are due, and not in order, and most keys will have had later rows
//! by then. So entries wait unordered in buckets of time; when a bucket comes up, its keys are asked when
//! they are due indeed, and only those that are due within it go into a heap. The next buckets stand in a
//! ring, where nearly all entries are put; others in a map.

use crate::message::EventTime;
use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};

pub struct Due {
    /// A time is shifted by this to be the number of its bucket.
    shift: u32,
    /// The buckets from `first` on, each at the place that its number leaves when divided by [`RING`].
    near: Box<[Bucket]>,
    first: i64,
    /// Entries in `near`.
    n_near: usize,
    later: BTreeMap<i64, Bucket>,
    soon: BinaryHeap<Reverse<(EventTime, u32)>>,
    /// What is due by then is in `soon`.
    soon_until: EventTime,
}

type Bucket = Vec<(EventTime, u32)>;

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
            soon: BinaryHeap::new(),
            soon_until: EventTime::MIN,
        }
    }

    pub fn push(&mut self, time: EventTime, key: u32) {
        if time <= self.soon_until {
            return self.soon.push(Reverse((time, key)));
        }
        let bucket = time >> self.shift;
        if (bucket.wrapping_sub(self.first) as u64) < RING as u64 {
            self.near[bucket as usize % RING].push((time, key));
            self.n_near += 1;
        } else {
            self.later.entry(bucket).or_default().push((time, key));
        }
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
            let bucket = std::mem::take(&mut self.near[self.first as usize % RING]);
            self.first = self.first.saturating_add(1);
            if !bucket.is_empty() {
                self.n_near -= bucket.len();
                return Some(bucket);
            }
        }
        let bucket = self.later.first_entry()?;
        (*bucket.key() <= last).then(|| bucket.remove())
    }

    /// Takes a bucket back that has been taken out, for its memory.
    pub fn close(&mut self, mut bucket: Bucket) {
        bucket.clear();
        // Where it stood, the bucket goes that is put in last of all.
        let last = &mut self.near[self.first.wrapping_sub(1) as usize % RING];
        if last.capacity() == 0 {
            *last = bucket;
        }
    }

    /// Takes out what is due first, if that is at or before a time.
    pub fn pop(&mut self, until: EventTime) -> Option<(EventTime, u32)> {
        let first = self.soon.peek_mut()?;
        if first.0.0 > until {
            return None;
        }
        Some(PeekMut::pop(first).0)
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        let buckets = self.later.values().chain(&self.near);
        let n_entries = self.soon.capacity() + buckets.map(Vec::capacity).sum::<usize>();
        n_entries * size_of::<(EventTime, u32)>()
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
            let (mut due, mut expected) = (Due::new(granule), vec![]);
            for (time, key, until) in steps {
                due.push(time, key);
                expected.push((time, key));
                expected.sort_unstable();
                let Some(until) = until else { continue };
                while let Some(bucket) = due.open(until) {
                    bucket.iter().for_each(|(time, key)| due.push(*time, *key));
                    due.close(bucket);
                }
                while let Some(entry) = due.pop(until) {
                    prop_assert_eq!(entry, expected.remove(0));
                }
                prop_assert!(expected.first().is_none_or(|(time, _)| *time > until));
            }
            while let Some(bucket) = due.open(EventTime::MAX) {
                bucket.iter().for_each(|(time, key)| due.push(*time, *key));
                due.close(bucket);
            }
            while let Some(entry) = due.pop(EventTime::MAX) {
                prop_assert_eq!(entry, expected.remove(0));
            }
            prop_assert!(expected.is_empty());
        }
    }
}
