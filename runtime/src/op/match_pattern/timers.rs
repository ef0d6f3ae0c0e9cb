//! When something next happens in a partition without an event.
//!
//! Times that are far off stand in slots without an order (Varghese and Lauck, "Hashed and hierarchical timing wheels",
//! 1987). A slot is sorted when its turn comes, so an entry costs a place in a slot and its share of a small sort,
//! however many there are, and what comes next is known: memory can be requested for it. What is added to a slot whose
//! turn it is waits in a heap. Slots that come soon stand in a row, others in a tree.

use crate::message::EventTime;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

pub struct Timers {
    /// How far a time is shifted to be that of a slot.
    shift: u32,
    /// Of the slot whose turn it is, the earliest last.
    sorted: Vec<Timer>,
    /// What has been added to it, or before it, since.
    soon: BinaryHeap<Reverse<Timer>>,
    slot: i64,
    /// The slots from one on, of which there are at most [`NEAR`].
    near: VecDeque<Vec<Timer>>,
    first_near: i64,
    /// All others.
    far: BTreeMap<i64, Vec<Timer>>,
}

/// A time and a partition.
type Timer = (EventTime, u32);

/// So many slots are about as long as the shortest clock.
const SLOTS: i64 = 256;
const NEAR: i64 = 2 * SLOTS;

impl Timers {
    /// For clocks of which the shortest runs so long.
    pub fn new(shortest: EventTime) -> Timers {
        let shift = (shortest / SLOTS).max(1).ilog2();
        Timers {
            shift,
            sorted: vec![],
            soon: BinaryHeap::new(),
            slot: i64::MIN,
            near: VecDeque::new(),
            first_near: 0,
            far: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, time: EventTime, partition: u32) {
        let slot = time >> self.shift;
        if slot <= self.slot {
            return self.soon.push(Reverse((time, partition)));
        }
        if self.near.is_empty() {
            self.first_near = slot;
        }
        let slots = match slot.checked_sub(self.first_near) {
            Some(at @ 0..NEAR) => {
                let n = self.near.len().max(at as usize + 1);
                self.near.resize_with(n, Vec::new);
                &mut self.near[at as usize]
            }
            _ => self.far.entry(slot).or_default(),
        };
        slots.push((time, partition));
    }

    /// The earliest time.
    pub fn next(&mut self) -> Option<EventTime> {
        if self.sorted.is_empty() && self.soon.is_empty() {
            self.turn()?;
        }
        let soon = self.soon.peek().map(|Reverse(entry)| entry);
        self.sorted.last().into_iter().chain(soon).map(|(time, _)| *time).min()
    }

    /// Goes on to the next slot.
    fn turn(&mut self) -> Option<()> {
        while self.near.pop_front_if(|timers| timers.is_empty()).is_some() {
            self.first_near += 1;
        }
        let near = (!self.near.is_empty()).then_some(self.first_near);
        let far = self.far.first_key_value().map(|(slot, _)| *slot);
        self.slot = near.into_iter().chain(far).min()?;
        self.sorted = self.far.remove(&self.slot).unwrap_or_default();
        if near == Some(self.slot) {
            self.sorted.extend(self.near.pop_front().unwrap_or_default());
            self.first_near += 1;
        }
        self.sorted.sort_unstable_by(|a, b| b.cmp(a));
        Some(())
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
        let new = |(time, partition): Timer| number(partition).map(|partition| (time, partition));
        let entries = std::mem::take(&mut self.soon).into_iter();
        self.soon = entries.filter_map(|Reverse(entry)| new(entry)).map(Reverse).collect();
        let apart = self.near.iter_mut().chain(self.far.values_mut());
        for entries in apart.chain([&mut self.sorted]) {
            *entries = std::mem::take(entries).into_iter().filter_map(new).collect();
        }
    }

    pub fn len(&self) -> usize {
        let apart = self.near.iter().chain(self.far.values());
        self.sorted.len() + self.soon.len() + apart.map(Vec::len).sum::<usize>()
    }
}
