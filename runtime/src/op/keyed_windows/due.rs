//! When to look at which key again: a queue by time whose front is small.
//!
//! Most entries are put in long before they are due, and not in order, and most keys will have had later rows
//! by then. So entries wait unordered in buckets of time; when a bucket comes up, its keys are asked when
//! they are due indeed, and only those that are due within it go into a heap.

use crate::message::EventTime;
use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};

pub struct Due {
    /// The length of a bucket.
    granule: i64,
    later: BTreeMap<i64, Bucket>,
    /// Memory for other buckets.
    spare: Vec<Bucket>,
    soon: BinaryHeap<Reverse<(EventTime, u32)>>,
    /// What is due by then is in `soon`.
    soon_until: EventTime,
}

type Bucket = Vec<(EventTime, u32)>;

/// How many buckets that were taken out are kept for others.
const SPARE: usize = 32;

impl Due {
    /// `granule` is how finely times are told apart at first, in microseconds.
    pub fn new(granule: i64) -> Due {
        let (later, soon) = (BTreeMap::new(), BinaryHeap::new());
        Due { granule: granule.max(1), later, spare: vec![], soon, soon_until: EventTime::MIN }
    }

    pub fn push(&mut self, time: EventTime, key: u32) {
        match time <= self.soon_until {
            true => self.soon.push(Reverse((time, key))),
            false => {
                let bucket = self.later.entry(time.div_euclid(self.granule));
                bucket.or_insert_with(|| self.spare.pop().unwrap_or_default()).push((time, key));
            }
        }
    }

    /// Takes out the next bucket that begins at or before a time. What is due of it is to be pushed again, and all
    /// such buckets are to be taken out before anything is [popped](Due::pop).
    pub fn open(&mut self, until: EventTime) -> Option<Bucket> {
        let bucket = self.later.first_entry()?;
        if bucket.key().saturating_mul(self.granule) > until {
            return None;
        }
        let end = (*bucket.key() as i128 + 1) * self.granule as i128;
        self.soon_until = (end - 1).min(EventTime::MAX as i128) as EventTime;
        Some(bucket.remove())
    }

    /// Takes a bucket back that has been taken out.
    pub fn close(&mut self, mut bucket: Bucket) {
        bucket.clear();
        if self.spare.len() < SPARE {
            self.spare.push(bucket);
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
        let buckets = self.later.values().chain(&self.spare);
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
