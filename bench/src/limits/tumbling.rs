//! Count, sum and maximum per key of one window, as one writes it by hand: a table with the accumulators
//! in its slots, probed and updated in one loop that asks for later rows' lines ahead.
//!
//! Raw pointers, since a limit is what can be had without any check.

use super::prefetch;

const AHEAD: usize = 24;

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Slot {
    key: i64,
    /// Zero where the slot is free.
    count: i64,
    sum: i64,
    max: i64,
}

pub struct Table {
    slots: Vec<Slot>,
    shift: u32,
    rows: Vec<[i64; 4]>,
}

impl Table {
    /// The capacity is a power of two, and twice the number of keys or more.
    pub fn new(capacity: usize) -> Table {
        let mut slots: Vec<Slot> = Vec::with_capacity(capacity);
        // SAFETY: advice about memory of our own.
        #[cfg(target_os = "linux")]
        unsafe {
            let bytes = capacity * size_of::<Slot>();
            let start = (slots.as_mut_ptr() as usize).next_multiple_of(4096);
            libc::madvise(start as *mut libc::c_void, bytes.saturating_sub(8192), libc::MADV_HUGEPAGE);
        }
        slots.resize(capacity, Slot::default());
        Table { slots, shift: 64 - capacity.trailing_zeros(), rows: vec![] }
    }

    fn home(&self, key: i64) -> usize {
        ((key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    pub fn add(&mut self, keys: &[i64], values: &[i64]) {
        let mask = self.slots.len() - 1;
        for (i, (key, value)) in keys.iter().zip(values).enumerate() {
            if let Some(later) = keys.get(i + AHEAD) {
                prefetch(self.slots.as_ptr().wrapping_add(self.home(*later)));
            }
            let mut at = self.home(*key);
            loop {
                // SAFETY: hashes are shifted, and steps masked, to less than the capacity.
                let slot = unsafe { self.slots.get_unchecked_mut(at) };
                if slot.count == 0 {
                    *slot = Slot { key: *key, count: 0, sum: 0, max: i64::MIN };
                }
                if slot.key == *key {
                    slot.count += 1;
                    slot.sum += *value;
                    slot.max = slot.max.max(*value);
                    break;
                }
                at = (at + 1) & mask;
            }
        }
    }

    /// What `close` has handed out last.
    pub fn rows(&self) -> &[[i64; 4]] {
        &self.rows
    }

    /// Hands out the groups in no order, forgets them, and gives a checksum.
    pub fn close(&mut self) -> u64 {
        self.rows.clear();
        let mut sum = 0u64;
        for slot in self.slots.iter_mut().filter(|slot| slot.count != 0) {
            self.rows.push([slot.key, slot.count, slot.sum, slot.max]);
            sum = sum.wrapping_add(checksum(slot.key, slot.count, slot.sum, slot.max));
            *slot = Slot::default();
        }
        sum
    }
}

pub fn checksum(key: i64, count: i64, sum: i64, max: i64) -> u64 {
    (key ^ sum.wrapping_mul(3) ^ max.wrapping_mul(5) ^ count.wrapping_mul(7)) as u64
}
