//! Windows that overlap, and sessions, as one writes them by hand for this one query.
//!
//! Keys get dense numbers from a table of their own; a pane holds count, sum and maximum of every number, side by
//! side. Overlapping windows are two stacks of panes: what is left of the older ones is kept added up.

use super::tumbling::checksum;

#[derive(Clone, Copy)]
struct Part {
    count: i64,
    sum: i64,
    max: i64,
}

const NOTHING: Part = Part { count: 0, sum: 0, max: i64::MIN };

impl Part {
    fn add(&mut self, value: i64) {
        self.count += 1;
        self.sum += value;
        self.max = self.max.max(value);
    }

    fn and(self, other: Part) -> Part {
        Part { count: self.count + other.count, sum: self.sum + other.sum, max: self.max.max(other.max) }
    }
}

/// Dense numbers of keys.
struct Numbers {
    /// Key and number.
    slots: Vec<(i64, u32)>,
    shift: u32,
    keys: Vec<i64>,
}

impl Numbers {
    fn new(n_keys: usize) -> Numbers {
        let capacity = (n_keys * 2).next_power_of_two();
        Numbers { slots: vec![(0, u32::MAX); capacity], shift: 64 - capacity.trailing_zeros(), keys: vec![] }
    }

    fn of(&mut self, key: i64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = ((key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize;
        loop {
            let slot = &mut self.slots[at];
            if slot.1 == u32::MAX {
                *slot = (key, self.keys.len() as u32);
                self.keys.push(key);
            }
            if slot.0 == key {
                return slot.1 as usize;
            }
            at = (at + 1) & mask;
        }
    }
}

/// Hopping windows of this many panes.
pub struct Hopping {
    n_panes: usize,
    numbers: Numbers,
    /// The oldest last; each with all after it added.
    front: Vec<Vec<Part>>,
    back: Vec<Vec<Part>>,
    back_sum: Vec<Part>,
    open: Vec<Part>,
    free: Vec<Vec<Part>>,
    n_keys: usize,
    rows: Vec<[i64; 4]>,
}

impl Hopping {
    pub fn new(n_panes: usize, n_keys: usize) -> Hopping {
        Hopping {
            n_panes,
            numbers: Numbers::new(n_keys),
            front: vec![],
            back: vec![],
            back_sum: vec![NOTHING; n_keys],
            open: vec![NOTHING; n_keys],
            free: vec![],
            n_keys,
            rows: vec![],
        }
    }

    pub fn add(&mut self, keys: &[i64], values: &[i64]) {
        for (key, value) in keys.iter().zip(values) {
            self.open[self.numbers.of(*key)].add(*value);
        }
    }

    /// Adds to the one key of everything.
    pub fn add_all(&mut self, values: &[i64]) {
        if self.numbers.keys.is_empty() {
            self.numbers.of(0);
        }
        for value in values {
            self.open[0].add(*value);
        }
    }

    /// Closes the open pane and the window that ends with it; a checksum of its rows.
    pub fn close(&mut self) -> u64 {
        let mut next = self.free.pop().unwrap_or_default();
        next.clear();
        next.resize(self.n_keys, NOTHING);
        let pane = std::mem::replace(&mut self.open, next);
        if self.front.len() + self.back.len() == self.n_panes {
            if self.front.is_empty() {
                self.turn();
            }
            self.free.extend(self.front.pop());
        }
        self.back_sum.iter_mut().zip(&pane).for_each(|(sum, part)| *sum = sum.and(*part));
        self.back.push(pane);
        self.rows.clear();
        let mut sum = 0u64;
        for (number, key) in self.numbers.keys.iter().enumerate() {
            let front = self.front.last().map_or(NOTHING, |front| front[number]);
            let part = front.and(self.back_sum[number]);
            if part.count > 0 {
                self.rows.push([*key, part.count, part.sum, part.max]);
                sum = sum.wrapping_add(checksum(*key, part.count, part.sum, part.max));
            }
        }
        sum
    }

    fn turn(&mut self) {
        while let Some(mut pane) = self.back.pop() {
            if let Some(newer) = self.front.last() {
                pane.iter_mut().zip(newer).for_each(|(part, newer)| *part = part.and(*newer));
            }
            self.front.push(pane);
        }
        self.back_sum.fill(NOTHING);
    }

    /// What `close` has handed out last.
    pub fn rows(&self) -> &[[i64; 4]] {
        &self.rows
    }
}

/// Sessions of rows that come in order.
pub struct Sessions {
    gap: i64,
    numbers: Numbers,
    open: Vec<(i64, Part)>,
    rows: Vec<[i64; 4]>,
    sum: u64,
}

impl Sessions {
    pub fn new(gap: i64, n_keys: usize) -> Sessions {
        Sessions {
            gap,
            numbers: Numbers::new(n_keys),
            open: vec![(i64::MIN, NOTHING); n_keys],
            rows: vec![],
            sum: 0,
        }
    }

    /// A session ends with the next row of its key.
    pub fn add(&mut self, keys: &[i64], values: &[i64], times: &[i64]) {
        self.rows.clear();
        for ((key, value), time) in keys.iter().zip(values).zip(times) {
            let number = self.numbers.of(*key);
            let (last, part) = &mut self.open[number];
            if *time - self.gap >= *last && part.count > 0 {
                let ended = std::mem::replace(part, NOTHING);
                self.rows.push([*key, ended.count, ended.sum, ended.max]);
                self.sum = self.sum.wrapping_add(checksum(*key, ended.count, ended.sum, ended.max));
            }
            *last = *time;
            part.add(*value);
        }
    }

    /// Ends all; a checksum of the rows of all sessions since the last time.
    pub fn end(&mut self) -> u64 {
        for (key, (_, part)) in self.numbers.keys.iter().zip(&mut self.open) {
            let ended = std::mem::replace(part, NOTHING);
            if ended.count > 0 {
                self.rows.push([*key, ended.count, ended.sum, ended.max]);
                self.sum = self.sum.wrapping_add(checksum(*key, ended.count, ended.sum, ended.max));
            }
        }
        std::mem::take(&mut self.sum)
    }

    /// What was handed out last.
    pub fn rows(&self) -> &[[i64; 4]] {
        &self.rows
    }
}
