//! `a: price < low then b: rising+ then c: price > high` within a time, per key, as one writes it by hand: each `a`
//! starts a run, which takes each next higher price and ends with the first `c` behind at least one.
//!
//! Runs whose last prices are equal have one future: a key has a stack of groups of runs, the lowest price on
//! top, and an event merges all below its price.

use super::{prefetch, slot_of};
use std::ops::Range;

/// How far ahead slots, and groups, are requested.
const SLOTS_AHEAD: usize = 24;
const GROUPS_AHEAD: usize = 12;
const NONE: u32 = u32::MAX;

/// What is looked for.
#[derive(Clone, Copy)]
pub struct Shape {
    pub low: i64,
    pub high: i64,
    pub within: i64,
}

/// Events, a slice per column.
#[derive(Clone, Copy)]
pub struct Ticks<'a> {
    pub key: &'a [i64],
    pub price: &'a [i64],
    pub time: &'a [i64],
}

#[derive(Clone, Copy)]
struct Slot {
    key: i64,
    is_used: bool,
    /// The top of its stack.
    first: u32,
    latest: i64,
}

/// Lists of starts: of runs that have a rising price, and of those that have none. Their first and last.
#[derive(Clone, Copy)]
struct Group {
    last: i64,
    risen: (u32, u32),
    begun: (u32, u32),
    below: u32,
}

#[derive(Clone, Copy)]
struct Start {
    time: i64,
    next: u32,
}

const NO_STARTS: (u32, u32) = (NONE, NONE);

pub struct Rising {
    shape: Shape,
    slots: Vec<Slot>,
    groups: Vec<Group>,
    free_groups: Vec<u32>,
    starts: Vec<Start>,
    free_starts: u32,
    /// How many keys with runs there are of each of so many buckets: what no run waits for is left at once.
    seen: Option<Vec<u8>>,
}

const BUCKETS: usize = 1 << 16;

impl Rising {
    /// Behind a filter of keys, if few events matter.
    pub fn new(shape: Shape, n_slots: usize, filters: bool) -> Rising {
        let slot = Slot { key: 0, is_used: false, first: NONE, latest: i64::MIN };
        Rising {
            shape,
            slots: vec![slot; n_slots],
            groups: vec![],
            free_groups: vec![],
            starts: vec![],
            free_starts: NONE,
            seen: filters.then(|| vec![0; BUCKETS]),
        }
    }

    /// Calls `found` with the start and the end of each match.
    pub fn of(&mut self, ticks: Ticks, events: Range<usize>, mut found: impl FnMut(i64, i64)) {
        let end = events.end;
        for event in events {
            if event + SLOTS_AHEAD < end {
                let key = ticks.key[event + SLOTS_AHEAD];
                if self.may_know(key) {
                    prefetch(&self.slots[slot_of(key, self.slots.len())]);
                }
            }
            if event + GROUPS_AHEAD < end {
                let key = ticks.key[event + GROUPS_AHEAD];
                let first =
                    if self.may_know(key) { self.slots[slot_of(key, self.slots.len())].first } else { NONE };
                if first != NONE {
                    prefetch(&self.groups[first as usize]);
                }
            }
            let (key, price, time) = (ticks.key[event], ticks.price[event], ticks.time[event]);
            if price >= self.shape.low && !self.may_know(key) {
                continue;
            }
            let Some(slot) = self.slot(key, price < self.shape.low) else { continue };
            let had_runs = self.slots[slot].first != NONE;
            self.event(slot, price, time, &mut found);
            if let Some(seen) = &mut self.seen {
                let count = &mut seen[slot_of(key, BUCKETS)];
                match (had_runs, self.slots[slot].first != NONE) {
                    (false, true) => *count = count.saturating_add(1),
                    (true, false) if *count != u8::MAX => *count -= 1,
                    _ => {}
                }
            }
        }
    }

    fn may_know(&self, key: i64) -> bool {
        self.seen.as_ref().is_none_or(|seen| seen[slot_of(key, BUCKETS)] != 0)
    }

    fn slot(&mut self, key: i64, adds: bool) -> Option<usize> {
        let mut at = slot_of(key, self.slots.len());
        loop {
            let slot = &mut self.slots[at];
            if !slot.is_used {
                (slot.is_used, slot.key) = (adds, key);
                return adds.then_some(at);
            }
            if slot.key == key {
                return Some(at);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn event(&mut self, slot: usize, price: i64, time: i64, found: &mut impl FnMut(i64, i64)) {
        let begins = price < self.shape.low;
        if self.slots[slot].first != NONE && time - self.slots[slot].latest > self.shape.within {
            self.drop_all(slot);
        }
        if price > self.shape.high {
            self.complete(slot, time, found);
        }
        let mut risen = NO_STARTS;
        let mut first = self.slots[slot].first;
        while first != NONE && self.groups[first as usize].last < price {
            let group = self.groups[first as usize];
            let both = self.joined(group.risen, group.begun);
            risen = self.joined(risen, both);
            self.free_groups.push(first);
            first = group.below;
        }
        self.slots[slot].first = first;
        if risen == NO_STARTS && !begins {
            return;
        }
        let begun = if begins { self.start(time) } else { NO_STARTS };
        if begins {
            self.slots[slot].latest = time;
        }
        if first != NONE && self.groups[first as usize].last == price {
            let group = self.groups[first as usize];
            let (risen, begun) = (self.joined(risen, group.risen), self.joined(begun, group.begun));
            self.groups[first as usize] = Group { risen, begun, ..group };
            return;
        }
        let group = Group { last: price, risen, begun, below: first };
        self.slots[slot].first = match self.free_groups.pop() {
            Some(free) => {
                self.groups[free as usize] = group;
                free
            }
            None => {
                self.groups.push(group);
                self.groups.len() as u32 - 1
            }
        };
    }

    /// Reports the runs that have risen.
    fn complete(&mut self, slot: usize, time: i64, found: &mut impl FnMut(i64, i64)) {
        let (mut at, mut before) = (self.slots[slot].first, NONE);
        while at != NONE {
            let Group { risen, begun, below, .. } = self.groups[at as usize];
            let mut next = risen.0;
            while next != NONE {
                let start = self.starts[next as usize];
                if time - start.time <= self.shape.within {
                    found(start.time, time);
                }
                next = if next == risen.1 { NONE } else { start.next };
            }
            self.drop_starts(risen);
            self.groups[at as usize].risen = NO_STARTS;
            if begun == NO_STARTS {
                match before {
                    NONE => self.slots[slot].first = below,
                    before => self.groups[before as usize].below = below,
                }
                self.free_groups.push(at);
            } else {
                before = at;
            }
            at = below;
        }
    }

    fn start(&mut self, time: i64) -> (u32, u32) {
        let start = Start { time, next: NONE };
        let at = match self.free_starts {
            NONE => {
                self.starts.push(start);
                self.starts.len() as u32 - 1
            }
            free => {
                self.free_starts = self.starts[free as usize].next;
                self.starts[free as usize] = start;
                free
            }
        };
        (at, at)
    }

    fn joined(&mut self, one: (u32, u32), other: (u32, u32)) -> (u32, u32) {
        match (one.0, other.0) {
            (NONE, _) => other,
            (_, NONE) => one,
            _ => {
                self.starts[one.1 as usize].next = other.0;
                (one.0, other.1)
            }
        }
    }

    fn drop_starts(&mut self, starts: (u32, u32)) {
        if starts.0 != NONE {
            self.starts[starts.1 as usize].next = self.free_starts;
            self.free_starts = starts.0;
        }
    }

    fn drop_all(&mut self, slot: usize) {
        let mut at = std::mem::replace(&mut self.slots[slot].first, NONE);
        while at != NONE {
            let group = self.groups[at as usize];
            self.drop_starts(group.begun);
            self.drop_starts(group.risen);
            self.free_groups.push(at);
            at = group.below;
        }
    }
}

/// `a then not b for a time` per key, where every event is both: an event of a key begins a run, and ends the one before
/// it. Each key's time is in a ring by when it runs out.
pub struct Silent {
    within: i64,
    /// Per slot: key, and when it runs out.
    slots: Vec<(i64, i64)>,
    ring: std::collections::VecDeque<(i64, u32)>,
}

impl Silent {
    pub fn new(within: i64, n_slots: usize) -> Silent {
        Silent { within, slots: vec![(i64::MIN, 0); n_slots], ring: Default::default() }
    }

    /// Calls `found` with the time at which each key has been silent for so long.
    pub fn of(&mut self, ticks: Ticks, events: Range<usize>, mut found: impl FnMut(i64, i64)) {
        let end = events.end;
        for event in events {
            if event + SLOTS_AHEAD < end {
                prefetch(&self.slots[slot_of(ticks.key[event + SLOTS_AHEAD], self.slots.len())]);
            }
            let (key, time) = (ticks.key[event], ticks.time[event]);
            self.run_out(time, &mut found);
            let mut at = slot_of(key, self.slots.len());
            while self.slots[at].0 != i64::MIN && self.slots[at].0 != key {
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = (key, time + self.within);
            self.ring.push_back((time + self.within, at as u32));
        }
    }

    /// All that has run out before a time.
    pub fn run_out(&mut self, before: i64, found: &mut impl FnMut(i64, i64)) {
        while let Some((due, slot)) = self.ring.front().copied().filter(|(due, _)| *due < before) {
            self.ring.pop_front();
            if self.slots[slot as usize].1 == due {
                found(due - self.within, due);
            }
        }
    }
}
