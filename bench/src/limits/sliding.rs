//! A result per event over the last hour or so, as one writes it by hand: sums with subtraction of what leaves,
//! the maximum without key in two stacks, per key in lists through the log of events.
//!
//! Unchecked where that costs, since a limit is what can be had without any check.

use super::prefetch;
use std::ops::Range;

/// Sums over the last `size` of all events; each call goes on with the next ones.
pub struct Sums {
    size: i64,
    sum: i64,
    oldest: usize,
}

impl Sums {
    pub fn new(size: i64) -> Sums {
        Sums { size, sum: 0, oldest: 0 }
    }

    /// The sum of each event's window, added up.
    pub fn of(&mut self, time: &[i64], price: &[i64], events: Range<usize>) -> u64 {
        let (mut checksum, mut sum, mut oldest) = (0u64, self.sum, self.oldest);
        for (now, value) in time[events.clone()].iter().zip(&price[events]) {
            while time[oldest] <= now - self.size {
                sum -= price[oldest];
                oldest += 1;
            }
            sum += value;
            checksum = checksum.wrapping_add(sum as u64);
        }
        (self.sum, self.oldest) = (sum, oldest);
        checksum
    }
}

/// Maxima over the last `size` of all events; each call goes on with the next ones.
pub struct Maxima {
    size: i64,
    stacks: TwoStacks,
}

impl Maxima {
    pub fn new(size: i64, capacity: usize) -> Maxima {
        Maxima { size, stacks: TwoStacks::new(capacity) }
    }

    /// The maximum of each event's window, added up.
    pub fn of(&mut self, time: &[i64], price: &[i64], events: Range<usize>) -> u64 {
        let stacks = &mut self.stacks;
        let mut checksum = 0u64;
        for (now, value) in time[events.clone()].iter().zip(&price[events]) {
            while stacks.head < stacks.tail && time[stacks.head] <= now - self.size {
                if stacks.head >= stacks.split {
                    stacks.flip();
                }
                stacks.head += 1;
            }
            stacks.push(*value);
            checksum = checksum.wrapping_add(stacks.query() as u64);
        }
        checksum
    }
}

/// A ring of values; those before `split` are the greatest of themselves and what follows up to there.
struct TwoStacks {
    items: Vec<i64>,
    head: usize,
    split: usize,
    tail: usize,
    rest: i64,
}

impl TwoStacks {
    fn new(capacity: usize) -> TwoStacks {
        TwoStacks { items: vec![0; capacity.next_power_of_two()], head: 0, split: 0, tail: 0, rest: i64::MIN }
    }

    fn push(&mut self, value: i64) {
        let mask = self.items.len() - 1;
        self.items[self.tail & mask] = value;
        self.tail += 1;
        self.rest = self.rest.max(value);
    }

    fn query(&self) -> i64 {
        let front =
            if self.head < self.split { self.items[self.head & (self.items.len() - 1)] } else { i64::MIN };
        front.max(self.rest)
    }

    #[inline(never)]
    fn flip(&mut self) {
        let (mask, mut greatest) = (self.items.len() - 1, i64::MIN);
        for row in (self.head..self.tail).rev() {
            greatest = greatest.max(self.items[row & mask]);
            self.items[row & mask] = greatest;
        }
        (self.split, self.rest) = (self.tail, i64::MIN);
    }
}

const AHEAD: usize = 24;

#[derive(Clone, Copy)]
struct Slot {
    /// Zero where the slot is free.
    key: i64,
    sum: i64,
    best: u32,
    last: u32,
}

/// A table of keys, and of each event the number of its key's slot; each call goes on with the next events.
pub struct Keyed {
    size: i64,
    oldest: usize,
    slots: Vec<Slot>,
    shift: u32,
    slot_of: Vec<u32>,
    /// Of each event that is a candidate for the maximum of its key, the candidates before and behind it.
    links: Vec<(u32, u32)>,
}

const NONE: u32 = u32::MAX;
const FREE: Slot = Slot { key: 0, sum: 0, best: NONE, last: NONE };

impl Keyed {
    /// The capacity is a power of two, and twice the number of keys or more.
    pub fn new(size: i64, capacity: usize, n_events: usize) -> Keyed {
        Keyed {
            size,
            oldest: 0,
            slots: vec![FREE; capacity],
            shift: 64 - capacity.trailing_zeros(),
            slot_of: vec![0; n_events],
            links: vec![(0, 0); n_events],
        }
    }

    fn home(&self, key: i64) -> usize {
        ((key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    fn find(&mut self, key: i64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(key);
        while self.slots[at].key != key {
            if self.slots[at].key == 0 {
                self.slots[at].key = key;
                break;
            }
            at = (at + 1) & mask;
        }
        at
    }

    fn request(&self, keys: &[i64], event: usize) {
        if let Some(key) = keys.get(event + AHEAD) {
            prefetch(self.slots.as_ptr().wrapping_add(self.home(*key)));
        }
    }

    /// The sum of each event's window of its key, added up.
    pub fn sums(&mut self, keys: &[i64], time: &[i64], price: &[i64], events: Range<usize>) -> u64 {
        let (mut checksum, mut oldest) = (0u64, self.oldest);
        for event in events {
            self.request(keys, event);
            while time[oldest] <= time[event] - self.size {
                self.slots[self.slot_of[oldest] as usize].sum -= price[oldest];
                oldest += 1;
            }
            let slot = self.find(keys[event]);
            self.slot_of[event] = slot as u32;
            self.slots[slot].sum += price[event];
            checksum = checksum.wrapping_add(self.slots[slot].sum as u64);
        }
        self.oldest = oldest;
        checksum
    }

    /// The maximum of each event's window of its key, added up.
    pub fn maxima(&mut self, keys: &[i64], time: &[i64], price: &[i64], events: Range<usize>) -> u64 {
        let (mut checksum, mut oldest) = (0u64, self.oldest);
        for event in events {
            self.request(keys, event);
            while time[oldest] <= time[event] - self.size {
                let slot = &mut self.slots[self.slot_of[oldest] as usize];
                if slot.best == oldest as u32 {
                    let is_only = slot.last == slot.best;
                    (slot.best, slot.last) =
                        if is_only { (NONE, NONE) } else { (self.links[oldest].1, slot.last) };
                }
                oldest += 1;
            }
            let at = self.find(keys[event]);
            self.slot_of[event] = at as u32;
            let slot = &mut self.slots[at];
            while slot.last != NONE && price[slot.last as usize] <= price[event] {
                slot.last = if slot.last == slot.best { NONE } else { self.links[slot.last as usize].0 };
            }
            if slot.last == NONE {
                slot.best = event as u32;
            } else {
                self.links[slot.last as usize].1 = event as u32;
            }
            self.links[event].0 = slot.last;
            slot.last = event as u32;
            checksum = checksum.wrapping_add(price[slot.best as usize] as u64);
        }
        self.oldest = oldest;
        checksum
    }
}
