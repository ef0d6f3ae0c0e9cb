//! When something next happens in a partition without an event.
//!
//! Times that are far off stand in slots without an order, those of the next slot in a heap: an entry costs a place in a
//! slot and a step in a small heap, however many there are (Varghese and Lauck, "Hashed and hierarchical
//! timing wheels", 1987).

use crate::message::EventTime;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

pub struct Timers {
    /// How far a time is shifted to be that of a slot.
    shift: u32,
    soon: BinaryHeap<Reverse<(EventTime, u32)>>,
    /// All of `soon` stand in this slot, or before it.
    slot: i64,
    later: BTreeMap<i64, Vec<Reverse<(EventTime, u32)>>>,
}

/// So many slots are about as long as the shortest clock.
const SLOTS: i64 = 256;

impl Timers {
    /// For clocks of which the shortest runs so long.
    pub fn new(shortest: EventTime) -> Timers {
        let shift = (shortest / SLOTS).max(1).ilog2();
        Timers { shift, soon: BinaryHeap::new(), slot: i64::MIN, later: BTreeMap::new() }
    }

    pub fn add(&mut self, time: EventTime, partition: u32) {
        let slot = time >> self.shift;
        let entry = Reverse((time, partition));
        if slot <= self.slot {
            self.soon.push(entry);
        } else {
            self.later.entry(slot).or_default().push(entry);
        }
    }

    /// The earliest time.
    pub fn next(&mut self) -> Option<EventTime> {
        while self.soon.is_empty() {
            let (slot, entries) = self.later.pop_first()?;
            (self.slot, self.soon) = (slot, entries.into());
        }
        self.soon.peek().map(|Reverse((time, _))| *time)
    }

    /// Takes an entry of this time out.
    pub fn pop(&mut self, time: EventTime) -> Option<u32> {
        self.soon.peek().filter(|Reverse((next, _))| *next == time)?;
        self.soon.pop().map(|Reverse((_, partition))| partition)
    }

    /// Partitions have other numbers now, or none.
    pub fn renumber(&mut self, number: impl Fn(u32) -> Option<u32>) {
        let new = |Reverse((time, partition))| number(partition).map(|partition| Reverse((time, partition)));
        self.soon = std::mem::take(&mut self.soon).into_iter().filter_map(new).collect();
        for entries in self.later.values_mut() {
            *entries = std::mem::take(entries).into_iter().filter_map(new).collect();
        }
    }

    pub fn len(&self) -> usize {
        self.soon.len() + self.later.values().map(Vec::len).sum::<usize>()
    }
}
