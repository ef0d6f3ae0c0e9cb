//! When something next happens in a partition without an event.
//!
//! Times that are far off stand in slots without an order (Varghese and Lauck, "Hashed and hierarchical timing wheels",
//! 1987). A slot is sorted when its turn comes, so an entry costs a place in a slot and its share of a small sort,
//! however many there are, and what comes next is known: memory can be requested for it. What is added to a slot whose
//! turn it is waits in a heap.

use crate::message::EventTime;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

pub struct Timers {
    /// How far a time is shifted to be that of a slot.
    shift: u32,
    /// Of the slot whose turn it is, the earliest last.
    sorted: Vec<Entry>,
    /// What has been added to it, or before it, since.
    soon: BinaryHeap<Reverse<Entry>>,
    slot: i64,
    later: BTreeMap<i64, Vec<Entry>>,
}

/// A time and a partition.
type Entry = (EventTime, u32);

/// So many slots are about as long as the shortest clock.
const SLOTS: i64 = 256;

impl Timers {
    /// For clocks of which the shortest runs so long.
    pub fn new(shortest: EventTime) -> Timers {
        let shift = (shortest / SLOTS).max(1).ilog2();
        Timers { shift, sorted: vec![], soon: BinaryHeap::new(), slot: i64::MIN, later: BTreeMap::new() }
    }

    pub fn add(&mut self, time: EventTime, partition: u32) {
        let slot = time >> self.shift;
        if slot <= self.slot {
            self.soon.push(Reverse((time, partition)));
        } else {
            self.later.entry(slot).or_default().push((time, partition));
        }
    }

    /// The earliest time.
    pub fn next(&mut self) -> Option<EventTime> {
        if self.sorted.is_empty() && self.soon.is_empty() {
            (self.slot, self.sorted) = self.later.pop_first()?;
            self.sorted.sort_unstable_by(|a, b| b.cmp(a));
        }
        let soon = self.soon.peek().map(|Reverse(entry)| entry);
        self.sorted.last().into_iter().chain(soon).map(|(time, _)| *time).min()
    }

    /// Takes an entry of this time out.
    pub fn pop(&mut self, time: EventTime) -> Option<u32> {
        if let Some((_, partition)) = self.sorted.pop_if(|(next, _)| *next == time) {
            return Some(partition);
        }
        self.soon.peek().filter(|Reverse((next, _))| *next == time)?;
        self.soon.pop().map(|Reverse((_, partition))| partition)
    }

    /// The partition whose turn will come when `n` more have been taken out, as far as that is known.
    pub fn ahead(&self, n: usize) -> Option<u32> {
        let at = self.sorted.len().checked_sub(n + 1)?;
        self.sorted.get(at).map(|(_, partition)| *partition)
    }

    /// Partitions have other numbers now, or none.
    pub fn renumber(&mut self, number: impl Fn(u32) -> Option<u32>) {
        let new = |(time, partition): Entry| number(partition).map(|partition| (time, partition));
        let entries = std::mem::take(&mut self.soon).into_iter();
        self.soon = entries.filter_map(|Reverse(entry)| new(entry)).map(Reverse).collect();
        for entries in self.later.values_mut().chain([&mut self.sorted]) {
            *entries = std::mem::take(entries).into_iter().filter_map(new).collect();
        }
    }

    pub fn len(&self) -> usize {
        self.sorted.len() + self.soon.len() + self.later.values().map(Vec::len).sum::<usize>()
    }
}
