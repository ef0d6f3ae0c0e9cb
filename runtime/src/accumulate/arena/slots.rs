//! Where groups stand: those that are made, one behind the other; and those that keys have of their own, by the
//! numbers of the keys, each with a few words of the caller's beside it, so that a row of a key looks at one
//! place in memory, nearly always one line.

use crate::kernel::prefetch::prefetch;
use crate::kernel::words::Words;

/// The number of a group's slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(pub u32);

/// How many words of the caller's stand beside a slot.
pub const BESIDE: usize = 3;
/// Marks the slots of keys.
const OWN: u32 = 1 << 31;
/// The words of a line.
const LINE: usize = 8;

impl Slot {
    /// That of the key with this number.
    #[inline]
    pub fn own(number: u32) -> Slot {
        Slot(number | OWN)
    }

    #[inline]
    pub(super) fn is_own(self) -> bool {
        self.0 & OWN != 0
    }
}

pub(super) struct Slots {
    /// Of a slot without rows.
    pub fresh: Box<[u64]>,
    pub made: Vec<u64>,
    pub own: Own,
}

/// Those of keys.
pub(super) struct Own {
    words: Words,
    /// Words from slot to slot, and those of a slot; the caller's come behind these.
    stride: usize,
    n_words: usize,
    fresh: Box<[u64]>,
}

impl Slots {
    /// Slots that are `fresh` at first; keys have some if `of_keys`, and in any case such words.
    pub fn new(fresh: Vec<u64>, of_keys: bool, beside: [u64; BESIDE]) -> Slots {
        let own = Own::new(if of_keys { &fresh } else { &[] }, beside);
        Slots { fresh: fresh.into(), made: vec![], own }
    }

    /// Makes a slot that is fresh.
    pub fn make(&mut self) -> Slot {
        let slot = Slot((self.made.len() / self.fresh.len()) as u32);
        self.made.extend_from_slice(&self.fresh);
        slot
    }

    #[inline]
    pub fn get(&self, slot: Slot) -> &[u64] {
        match slot.is_own() {
            true => self.own.get(slot),
            false => &self.made[slot.0 as usize * self.fresh.len()..][..self.fresh.len()],
        }
    }

    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut [u64] {
        match slot.is_own() {
            true => self.own.get_mut(slot),
            false => &mut self.made[slot.0 as usize * self.fresh.len()..][..self.fresh.len()],
        }
    }

    pub fn clear(&mut self, slot: Slot) {
        match slot.is_own() {
            true => self.own.get_mut(slot).copy_from_slice(&self.fresh),
            false => {
                let at = slot.0 as usize * self.fresh.len();
                self.made[at..][..self.fresh.len()].copy_from_slice(&self.fresh);
            }
        }
    }

    /// Asks the processor for a slot that will be looked at soon.
    #[inline]
    pub fn request(&self, slot: Slot) {
        if slot.is_own() {
            return self.own.request(slot.0 & !OWN);
        }
        let first = self.made.as_ptr().wrapping_add(slot.0 as usize * self.fresh.len());
        prefetch(first as *const u8);
        // Most slots are shorter than a line, but lie across two.
        prefetch(first.wrapping_add(self.fresh.len() - 1) as *const u8);
    }

    pub fn bytes(&self) -> usize {
        self.made.capacity() * 8 + self.own.words.bytes()
    }
}

impl Own {
    fn new(fresh: &[u64], beside: [u64; BESIDE]) -> Own {
        let n_words = fresh.len();
        let size = n_words + BESIDE;
        Own {
            words: Words::zeroed(0),
            // None lies across two lines that has room in one.
            stride: if size <= LINE { size.next_power_of_two() } else { size.next_multiple_of(LINE) },
            n_words,
            fresh: fresh.iter().copied().chain(beside).collect(),
        }
    }

    /// Whether there is a group beside the caller's words.
    pub fn have_slots(&self) -> bool {
        self.n_words > 0
    }

    /// Makes them this many at least.
    pub fn grow(&mut self, n: usize) {
        let before = self.words.len();
        self.words.grow(n * self.stride);
        for slot in self.words[before..].chunks_exact_mut(self.stride) {
            slot[..self.fresh.len()].copy_from_slice(&self.fresh);
        }
    }

    #[inline]
    fn get(&self, slot: Slot) -> &[u64] {
        &self.words[(slot.0 & !OWN) as usize * self.stride..][..self.n_words]
    }

    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut [u64] {
        &mut self.words[(slot.0 & !OWN) as usize * self.stride..][..self.n_words]
    }

    /// Calls `update` with the words of each slot and the row beside it.
    #[inline]
    pub fn for_each(&mut self, slots: &[Slot], rows: &[u32], mut update: impl FnMut(&mut [u64], usize)) {
        let (stride, n_words) = (self.stride, self.n_words);
        let words = &mut self.words[..];
        for (slot, row) in slots.iter().zip(rows) {
            let start = (slot.0 & !OWN) as usize * stride;
            update(&mut words[start..start + n_words], *row as usize);
        }
    }

    /// The words of a key's slot, and the caller's.
    #[inline]
    pub fn both_mut(&mut self, number: u32) -> (&mut [u64], &mut [u64; BESIDE]) {
        let words = &mut self.words[number as usize * self.stride..];
        let (slot, beside) = words.split_at_mut(self.n_words);
        (slot, beside.first_chunk_mut().expect("as many words as there are keys"))
    }

    /// Calls `look` with the caller's words of each key and what comes with its number.
    #[inline]
    pub fn look_at<T>(
        &mut self,
        keys: impl Iterator<Item = (u32, T)>,
        mut look: impl FnMut(&mut [u64; BESIDE], u32, T),
    ) {
        let (stride, n_words) = (self.stride, self.n_words);
        let words = &mut self.words[..];
        for (number, of_key) in keys {
            let start = number as usize * stride + n_words;
            if let Some(beside) = words[start..].first_chunk_mut() {
                look(beside, number, of_key);
            }
        }
    }

    /// The caller's words of a key.
    #[inline]
    pub fn beside(&self, number: u32) -> &[u64; BESIDE] {
        let beside = self.words[number as usize * self.stride + self.n_words..].first_chunk();
        beside.expect("as many words as there are keys")
    }

    #[inline]
    pub fn beside_mut(&mut self, number: u32) -> &mut [u64; BESIDE] {
        let beside = self.words[number as usize * self.stride + self.n_words..].first_chunk_mut();
        beside.expect("as many words as there are keys")
    }

    #[inline]
    pub fn request(&self, number: u32) {
        let first = self.words.as_ptr().wrapping_add(number as usize * self.stride);
        prefetch(first as *const u8);
        if self.stride > LINE {
            // Most have no more than two lines.
            prefetch(first.wrapping_add(LINE) as *const u8);
        }
    }
}
