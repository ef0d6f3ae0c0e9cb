//! When to look at which key again: a queue by time whose front is small.
//!
//! Most entries are put in long before they are due, and not in order. So they wait unordered in buckets of time;
//! only the bucket that is due next is a heap, which the cache holds.

use crate::message::EventTime;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

pub struct Due {
    /// The length of a bucket.
    granule: i64,
    later: BTreeMap<i64, Vec<Reverse<(EventTime, u32)>>>,
    soon: BinaryHeap<Reverse<(EventTime, u32)>>,
    /// What is due before this is in `soon`.
    soon_until: EventTime,
}

impl Due {
    /// `granule` is how finely times are told apart at first, in microseconds.
    pub fn new(granule: i64) -> Due {
        let (later, soon) = (BTreeMap::new(), BinaryHeap::new());
        Due { granule: granule.max(1), later, soon, soon_until: EventTime::MIN }
    }

    pub fn push(&mut self, time: EventTime, key: u32) {
        match time < self.soon_until {
            true => self.soon.push(Reverse((time, key))),
            false => {
                self.later.entry(time.div_euclid(self.granule)).or_default().push(Reverse((time, key)));
            }
        }
    }

    /// Takes out what is due first, if that is at or before a time.
    pub fn pop(&mut self, until: EventTime) -> Option<(EventTime, u32)> {
        loop {
            if let Some(Reverse((time, _))) = self.soon.peek() {
                return if *time <= until { self.soon.pop().map(|Reverse(entry)| entry) } else { None };
            }
            let bucket = self.later.first_entry()?;
            if bucket.key().saturating_mul(self.granule) > until {
                return None;
            }
            self.soon_until = (bucket.key() + 1).saturating_mul(self.granule);
            self.soon = BinaryHeap::from(bucket.remove());
        }
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        let n_entries = self.soon.capacity() + self.later.values().map(Vec::capacity).sum::<usize>();
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
                while let Some(entry) = due.pop(until) {
                    prop_assert_eq!(entry, expected.remove(0));
                }
                prop_assert!(expected.first().is_none_or(|(time, _)| *time > until));
            }
            while let Some(entry) = due.pop(EventTime::MAX) {
                prop_assert_eq!(entry, expected.remove(0));
            }
            prop_assert!(expected.is_empty());
        }
    }
}
