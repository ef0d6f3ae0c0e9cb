//! Joins by hand: the numbers of the rows of each pair, no columns of them. Rows come in the order of their times.

use super::{prefetch, slot_of};

/// Rows of one side in the order of time, a chain per bucket of keys: no key is ever deleted, chains end at the
/// first row that is too old.
pub struct Ring {
    heads: Vec<u32>,
    ring: Vec<Entry>,
    /// The number of the oldest row, and that of the next.
    tail: u32,
    end: u32,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    key: i64,
    time: i64,
    row: u32,
    next: u32,
}

impl Ring {
    pub fn new(n_buckets: usize, capacity: usize) -> Ring {
        let capacity = capacity.next_power_of_two();
        Ring { heads: vec![0; n_buckets], ring: vec![Entry::default(); capacity], tail: 1, end: 1 }
    }

    fn at(&self, number: u32) -> usize {
        number as usize & (self.ring.len() - 1)
    }

    pub fn expire(&mut self, least: i64) {
        while self.tail < self.end && self.ring[self.at(self.tail)].time < least {
            self.tail += 1;
        }
    }

    pub fn insert(&mut self, key: i64, time: i64, row: u32) {
        if (self.end - self.tail) as usize == self.ring.len() {
            self.grow();
        }
        let bucket = slot_of(key, self.heads.len());
        let (next, place) = (self.heads[bucket], self.at(self.end));
        self.ring[place] = Entry { key, time, row, next };
        self.heads[bucket] = self.end;
        self.end += 1;
    }

    #[cold]
    fn grow(&mut self) {
        let mut ring = vec![Entry::default(); self.ring.len() * 2];
        for number in self.tail..self.end {
            let place = number as usize & (ring.len() - 1);
            ring[place] = self.ring[self.at(number)];
        }
        self.ring = ring;
    }

    pub fn probe(&self, key: i64, least: i64, mut found: impl FnMut(u32)) {
        let mut number = self.heads[slot_of(key, self.heads.len())];
        while number >= self.tail {
            let entry = self.ring[self.at(number)];
            if entry.time < least {
                break;
            }
            if entry.key == key {
                found(entry.row);
            }
            number = entry.next;
        }
    }
}

/// Rows of one side by key, in blocks of eight.
pub struct Blocks {
    slots: Vec<Slot>,
    blocks: Vec<Block>,
    free: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Slot {
    key: i64,
    head: u32,
    is_used: bool,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Block {
    before: u32,
    n: u32,
    times: [i64; 8],
    rows: [u32; 8],
}

const NONE: u32 = u32::MAX;

impl Blocks {
    pub fn new(n_slots: usize) -> Blocks {
        Blocks {
            slots: vec![Slot { key: 0, head: NONE, is_used: false }; n_slots],
            blocks: vec![],
            free: vec![],
        }
    }

    pub fn touch_slot(&self, key: i64) {
        prefetch(&self.slots[slot_of(key, self.slots.len())]);
    }

    pub fn touch_block(&self, key: i64) {
        if let Some(block) = self.blocks.get(self.slots[slot_of(key, self.slots.len())].head as usize) {
            prefetch(block);
            prefetch(&block.rows);
        }
    }

    fn slot(&mut self, key: i64) -> usize {
        let mut at = slot_of(key, self.slots.len());
        while self.slots[at].is_used && self.slots[at].key != key {
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }

    pub fn insert(&mut self, key: i64, time: i64, row: u32) {
        let slot = self.slot(key);
        if !self.slots[slot].is_used {
            self.slots[slot] = Slot { key, head: NONE, is_used: true };
        }
        let head = self.slots[slot].head;
        if head == NONE || self.blocks[head as usize].n == 8 {
            let block = Block { before: head, n: 0, times: [0; 8], rows: [0; 8] };
            self.slots[slot].head = match self.free.pop() {
                Some(free) => {
                    self.blocks[free as usize] = block;
                    free
                }
                None => {
                    self.blocks.push(block);
                    self.blocks.len() as u32 - 1
                }
            };
        }
        let block = &mut self.blocks[self.slots[slot].head as usize];
        let n = block.n as usize;
        (block.times[n], block.rows[n]) = (time, row);
        block.n += 1;
    }

    pub fn probe(&mut self, key: i64, least: i64, mut found: impl FnMut(u32)) {
        let slot = self.slot(key);
        if !self.slots[slot].is_used {
            return;
        }
        let (mut number, mut newer) = (self.slots[slot].head, NONE);
        while number != NONE {
            let block = &self.blocks[number as usize];
            if block.times[block.n as usize - 1] < least {
                self.cut(slot, newer, number);
                return;
            }
            let rows = block.times.iter().zip(block.rows).take(block.n as usize).rev();
            rows.take_while(|(time, _)| **time >= least).for_each(|(_, row)| found(row));
            (newer, number) = (number, block.before);
        }
    }

    /// Frees a block that is too old, and those behind it.
    fn cut(&mut self, slot: usize, newer: u32, mut old: u32) {
        match newer {
            NONE => self.slots[slot].head = NONE,
            newer => self.blocks[newer as usize].before = NONE,
        }
        while old != NONE {
            self.free.push(old);
            old = self.blocks[old as usize].before;
        }
    }
}

/// Events of both sides in the order of their times: which side each is of.
pub struct Sides<'e> {
    pub key: &'e [i64],
    pub time: &'e [i64],
    pub is_right: &'e [bool],
}

/// Pairs at most `distance` apart, found by rings.
pub fn by_rings(sides: &Sides, distance: i64, pair: &mut dyn FnMut(u32, u32)) {
    let (mut left, mut right) = (Ring::new(1 << 18, 1 << 18), Ring::new(1 << 18, 1 << 18));
    for first in (0..sides.key.len()).step_by(4096) {
        left.expire(sides.time[first] - distance);
        right.expire(sides.time[first] - distance);
        for row in first..(first + 4096).min(sides.key.len()) {
            let (key, time, number) = (sides.key[row], sides.time[row], row as u32);
            if sides.is_right[row] {
                left.probe(key, time - distance, |other| pair(other, number));
                right.insert(key, time, number);
            } else {
                right.probe(key, time - distance, |other| pair(number, other));
                left.insert(key, time, number);
            }
        }
    }
}

/// The same, by blocks.
pub fn by_blocks(sides: &Sides, distance: i64, pair: &mut dyn FnMut(u32, u32)) {
    let (mut left, mut right) = (Blocks::new(1 << 18), Blocks::new(1 << 18));
    for row in 0..sides.key.len() {
        if let Some(later) = sides.key.get(row + 24) {
            left.touch_slot(*later);
            right.touch_slot(*later);
        }
        if let Some(later) = sides.key.get(row + 12) {
            left.touch_block(*later);
            right.touch_block(*later);
        }
        let (key, time, number) = (sides.key[row], sides.time[row], row as u32);
        if sides.is_right[row] {
            left.probe(key, time - distance, |other| pair(other, number));
            right.insert(key, time, number);
        } else {
            right.probe(key, time - distance, |other| pair(number, other));
            left.insert(key, time, number);
        }
    }
}
