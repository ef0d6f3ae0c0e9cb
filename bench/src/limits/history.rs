//! What looks at a row together with those of its key before, as one writes it by hand: a table of keys with what
//! is known of each, requested ahead.

use super::prefetch;
use std::ops::Range;

const AHEAD: usize = 24;

#[derive(Clone, Copy, Default)]
struct Slot {
    /// Zero where the slot is free.
    key: i64,
    time: i64,
    count: i64,
    sum: i64,
}

/// A table of keys; each call goes on with the next events.
pub struct Known {
    slots: Vec<Slot>,
    shift: u32,
    changes: Changes,
    passed: Vec<[i64; 3]>,
}

/// Rows that leave, in columns.
#[derive(Default)]
struct Changes {
    key: Vec<i64>,
    count: Vec<i64>,
    sum: Vec<i64>,
    time: Vec<i64>,
    sign: Vec<i64>,
}

impl Changes {
    fn push(&mut self, slot: &Slot, time: i64, sign: i64) {
        self.key.push(slot.key);
        self.count.push(slot.count);
        self.sum.push(slot.sum);
        self.time.push(time);
        self.sign.push(sign);
    }

    fn clear(&mut self) {
        let columns = [&mut self.key, &mut self.count, &mut self.sum, &mut self.time, &mut self.sign];
        columns.into_iter().for_each(Vec::clear);
    }

    fn checksum(&self) -> u64 {
        let rows = self.count.iter().zip(&self.sum).zip(self.key.iter().zip(&self.time)).zip(&self.sign);
        rows.fold(0, |checksum, (((count, sum), (key, time)), sign)| {
            checksum.wrapping_add(change(*key, *count, *sum, *time, *sign))
        })
    }
}

/// What a change of a count and a sum adds to the checksum.
pub fn change(key: i64, count: i64, sum: i64, time: i64, sign: i64) -> u64 {
    ((count ^ sum).wrapping_add(key ^ time).wrapping_mul(sign + 2)) as u64
}

impl Known {
    /// The capacity is a power of two, and twice the number of keys or more.
    pub fn new(capacity: usize) -> Known {
        Known {
            slots: vec![Slot::default(); capacity],
            shift: 64 - capacity.trailing_zeros(),
            changes: Changes::default(),
            passed: vec![],
        }
    }

    fn home(&self, key: i64) -> usize {
        ((key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    fn find(&mut self, keys: &[i64], event: usize) -> &mut Slot {
        if let Some(key) = keys.get(event + AHEAD) {
            prefetch(self.slots.as_ptr().wrapping_add(self.home(*key)));
        }
        let (key, mask) = (keys[event], self.slots.len() - 1);
        let mut at = self.home(key);
        while self.slots[at].key != key {
            if self.slots[at].key == 0 {
                self.slots[at] = Slot { key, time: i64::MIN, ..Slot::default() };
                break;
            }
            at = (at + 1) & mask;
        }
        &mut self.slots[at]
    }

    /// The same; what is known of a key whose last event was `EXPIRE` before is forgotten.
    fn find_kept<const EXPIRE: i64>(&mut self, keys: &[i64], time: &[i64], event: usize) -> &mut Slot {
        let slot = self.find(keys, event);
        if EXPIRE < i64::MAX {
            if slot.count > 0 && time[event] - slot.time >= EXPIRE {
                (slot.count, slot.sum) = (0, 0);
            }
            slot.time = time[event];
        }
        slot
    }

    /// Count and sum of each event's key so far as changes: what goes and what comes.
    pub fn changes<const EXPIRE: i64>(
        &mut self,
        keys: &[i64],
        time: &[i64],
        price: &[i64],
        events: Range<usize>,
    ) -> u64 {
        let mut checksum = 0u64;
        for first in events.clone().step_by(2048) {
            let mut changes = std::mem::take(&mut self.changes);
            for event in first..events.end.min(first + 2048) {
                let slot = self.find_kept::<EXPIRE>(keys, time, event);
                if slot.count > 0 {
                    changes.push(slot, time[event], -1);
                }
                slot.count += 1;
                slot.sum += price[event];
                changes.push(slot, time[event], 1);
            }
            checksum = checksum.wrapping_add(changes.checksum());
            changes.clear();
            self.changes = changes;
        }
        checksum
    }

    /// The sum of each event's key so far, added up.
    pub fn sums<const EXPIRE: i64>(
        &mut self,
        keys: &[i64],
        time: &[i64],
        price: &[i64],
        events: Range<usize>,
    ) -> u64 {
        let mut checksum = 0u64;
        for event in events {
            let slot = self.find_kept::<EXPIRE>(keys, time, event);
            if EXPIRE < i64::MAX {
                slot.count += 1;
            }
            slot.sum += price[event];
            checksum = checksum.wrapping_add(slot.sum as u64);
        }
        checksum
    }

    /// The events of whose keys none passed within `size`: the prices of those that pass, added up.
    pub fn first(
        &mut self,
        keys: &[i64],
        time: &[i64],
        price: &[i64],
        size: i64,
        events: Range<usize>,
    ) -> u64 {
        let mut passed = std::mem::take(&mut self.passed);
        for event in events {
            let slot = self.find(keys, event);
            if slot.time == i64::MIN || time[event] - slot.time >= size {
                slot.time = time[event];
                passed.push([keys[event], price[event], time[event]]);
            }
        }
        let checksum = passed.iter().fold(0u64, |sum, [_, price, _]| sum.wrapping_add(*price as u64));
        passed.clear();
        self.passed = passed;
        checksum
    }
}
