//! The hash table of groups: open addressing with linear probing, keys and accumulators inline.
//!
//! A slot is as [`SlotLayout`] says; its first word counts the group's rows, and zero marks it free.
//! The table is at most half full, so a probe rarely leaves the line it starts in. Rows are looked up
//! in chunks, with the lines of later rows requested ahead once the table outgrows half of the
//! second-level cache. A chunk stops where the table is full, so slots never move under a reader.
//!
//! The hash is a multiplication by a constant of the key mixed with a seed, folded; its top bits
//! choose the slot. (An exchange between workers must use other bits.) Nothing that leaves
//! the table depends on seed, capacity or history: groups are handed out by key.

use super::hash::{address_of, hash_key, hash_word, is_long, text_len};
use super::huge_pages::Memory;
use super::key::{Keys, bytes_of, copy_words, key_words};
use super::prefetch::prefetch;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::{AccumulatorField, KeyKind, SlotLayout};
use millstream_ir::column::{Heap, View};
use std::sync::Arc;

/// Rows are looked up and updated in chunks of this many: more, and their lines leave the first-level
/// cache between the two (31 against 24 ns at 4096 rows and 5 M keys).
pub const CHUNK: usize = 512;

const AHEAD: usize = 24;
/// Half of the second-level cache.
const PREFETCH_FROM: usize = 1 << 20;
const SMALLEST: usize = 64;

pub struct Table {
    memory: Memory,
    /// Bytes from slot to slot.
    stride: usize,
    capacity: usize,
    /// How far a hash is shifted to be a slot's number.
    shift: u32,
    n_groups: usize,
    /// How many of the groups have been freed since.
    n_free: usize,
    seed: u64,
    fresh: Box<[u64]>,
    /// The first word of the key, how many there are, and which of them begin a text.
    key_start: usize,
    key_len: usize,
    is_text: Box<[bool]>,
    heap: TextHeap,
}

// SAFETY: the raw pointers into `memory` that a lookup hands out are used while the table is borrowed.
unsafe impl Send for Table {}

/// The slots of some rows, as [`super::groups`] hands them to kernels.
pub(super) type Slots = Vec<*mut u8>;

impl Table {
    pub fn new(layout: &SlotLayout, seed: u64) -> Table {
        let key = key_words(layout);
        let mut is_text = vec![false; key.len()];
        for field in layout.keys.iter().filter(|k| k.kind == KeyKind::Text) {
            is_text[field.offset / 8 - key.start] = true;
        }
        let stride = layout.stride();
        Table {
            memory: Memory::zeroed(stride * SMALLEST),
            stride,
            capacity: SMALLEST,
            shift: 64 - SMALLEST.trailing_zeros(),
            n_groups: 0,
            n_free: 0,
            seed,
            fresh: layout.fresh().into(),
            key_start: key.start,
            key_len: key.len(),
            is_text: is_text.into(),
            heap: TextHeap::default(),
        }
    }

    pub fn n_groups(&self) -> usize {
        self.n_groups
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.memory.len() + self.heap.bytes()
    }

    /// Whether it is so large that lookups request what later ones need.
    pub(super) fn requests_ahead(&self) -> bool {
        self.memory.len() > PREFETCH_FROM
    }

    fn is_full(&self) -> bool {
        self.n_groups >= self.capacity / 2
    }

    /// Finds or makes the slot of each key from number `from` on and counts the row in it.
    /// Stops where the table is full: then [`Table::grow`] and call again with what is left.
    pub(super) fn find(&mut self, keys: &Keys, from: usize, slots: &mut Slots) {
        slots.clear();
        match (self.requests_ahead(), self.key_len) {
            (false, 1) => self.find_word::<0, u64>(&keys.words[from..], slots),
            (true, 1) => self.find_word::<AHEAD, u64>(&keys.words[from..], slots),
            (false, _) => self.find_words::<0>(keys, from, slots),
            (true, _) => self.find_words::<AHEAD>(keys, from, slots),
        }
    }

    /// As [`Table::find`], for a single key column of ints that can't be null; appends the slots.
    pub(super) fn find_plain(&mut self, keys: &[i64], slots: &mut Slots) {
        match self.requests_ahead() {
            false => self.find_word::<0, i64>(keys, slots),
            true => self.find_word::<AHEAD, i64>(keys, slots),
        }
    }

    /// Without key columns there is one group: of everything.
    pub(super) fn find_only(&mut self, n_rows: usize, slots: &mut Slots) {
        if self.n_groups == 0 {
            self.occupy(0, &[]);
            self.slot_mut(0)[0] = 0;
        }
        let slot = self.slot_mut(0);
        slot[0] += n_rows as u64;
        let slot = slot.as_mut_ptr() as *mut u8;
        slots.clear();
        slots.resize(n_rows, slot);
    }

    /// Keys of one word that can't be null: the loop that most programs spend their time in.
    fn find_word<const AHEAD: usize, K: Word>(&mut self, keys: &[K], slots: &mut Slots) {
        slots.reserve(keys.len());
        let before = slots.len();
        // SAFETY: there is as much memory.
        let found = unsafe { slots.as_mut_ptr().add(before) };
        let (start, stride, shift, seed) = (self.memory.start(), self.stride, self.shift, self.seed);
        let request = |key: &K| {
            prefetch(start.wrapping_add((hash_word(key.word(), seed) >> shift) as usize * stride));
        };
        keys.iter().take(AHEAD).for_each(request);
        for (i, key) in keys.iter().enumerate() {
            if AHEAD > 0
                && let Some(later) = keys.get(i + AHEAD)
            {
                request(later);
            }
            let key = key.word();
            let mut at = (hash_word(key, seed) >> shift) as usize;
            let slot = loop {
                // SAFETY: `at` is below the capacity, so the slot's words lie inside the memory; each slot
                // has at least two, is aligned to eight bytes, and nobody else refers to it now.
                let (count, slot_key) = unsafe {
                    let slot = start.add(at * stride) as *mut u64;
                    (&mut *slot, &mut *slot.add(1))
                };
                if *slot_key == key && *count != 0 {
                    *count += 1;
                    break count as *mut u64;
                }
                if *count == 0 {
                    if self.is_full() {
                        // SAFETY: as below, of the rows before this one.
                        return unsafe { slots.set_len(before + i) };
                    }
                    break self.occupy(at, std::slice::from_ref(&key));
                }
                at = (at + 1) & (self.capacity - 1);
            };
            // SAFETY: there is room for as many as there are keys.
            unsafe { found.add(i).write(slot as *mut u8) };
        }
        // SAFETY: all of them have been written.
        unsafe { slots.set_len(before + keys.len()) }
    }

    fn find_words<const AHEAD: usize>(&mut self, keys: &Keys, from: usize, slots: &mut Slots) {
        let words = &keys.words[from * self.key_len..];
        let hashes: Vec<u64> = words
            .chunks_exact(self.key_len)
            .map(|k| hash_key(k, &self.is_text, self.seed, address_of))
            .collect();
        hashes.iter().take(AHEAD).for_each(|hash| self.prefetch((*hash >> self.shift) as u32));
        for (i, key) in words.chunks_exact(self.key_len).enumerate() {
            if AHEAD > 0
                && let Some(later) = hashes.get(i + AHEAD)
            {
                self.prefetch((*later >> self.shift) as u32);
            }
            let mut at = (hashes[i] >> self.shift) as usize;
            let slot = loop {
                let slot = self.slot(at);
                if slot[0] == 0 {
                    if self.is_full() {
                        return;
                    }
                    break self.occupy(at, key);
                }
                let slot_key = &slot[self.key_start..][..key.len()];
                if slot_key.iter().zip(key).all(|(a, b)| a == b)
                    || keys.has_long_text && self.is_same_text(slot_key, key)
                {
                    let slot = self.slot_mut(at);
                    slot[0] += 1;
                    break slot.as_mut_ptr();
                }
                at = (at + 1) & (self.capacity - 1);
            };
            slots.push(slot as *mut u8);
        }
    }

    /// Whether the key of a slot equals one whose long texts are given by address.
    #[cold]
    fn is_same_text(&self, slot_key: &[u64], key: &[u64]) -> bool {
        (0..key.len()).all(|i| {
            let text = i.wrapping_sub(1);
            match self.is_text.get(text) {
                Some(true) if is_long(key[text]) => {
                    slot_key[text] == key[text]
                        && self.heap.get(slot_key[i], text_len(key[text])) == address_of(key[text], key[i])
                }
                _ => slot_key[i] == key[i],
            }
        })
    }

    /// Makes a free slot that of a key and counts its first row.
    #[inline(never)]
    fn occupy(&mut self, at: usize, key: &[u64]) -> *mut u64 {
        let start = self.key_start;
        assert!(at < self.capacity);
        // SAFETY: as in `slot_mut`, which would borrow what is copied.
        let slot = unsafe {
            let slot = self.memory.start().add(at * self.stride) as *mut u64;
            std::slice::from_raw_parts_mut(slot, self.fresh.len())
        };
        copy_words(&self.fresh, slot);
        slot[0] = 1;
        copy_words(key, &mut slot[start..start + key.len()]);
        for i in 0..key.len() {
            if self.is_text[i] && is_long(key[i]) {
                let place = self.heap.push(address_of(key[i], key[i + 1]));
                self.slot_mut(at)[start + i + 1] = place;
            }
        }
        self.n_groups += 1;
        self.slot_mut(at).as_mut_ptr()
    }

    /// Doubles the capacity (or more, while the table is small). Slots move.
    #[cold]
    pub(super) fn grow(&mut self) {
        self.rehash(self.capacity * if self.memory.len() < PREFETCH_FROM / 4 { 4 } else { 2 });
    }

    /// Makes the table as large as another whose groups will be added. These come in the order of their hashes,
    /// and would crowd the beginning of a smaller table.
    pub(super) fn grow_to(&mut self, other: &Table) {
        if self.capacity < other.capacity {
            self.rehash(other.capacity);
        }
    }

    fn rehash(&mut self, capacity: usize) {
        let old = std::mem::replace(&mut self.memory, Memory::zeroed(self.stride * capacity));
        let old_capacity = std::mem::replace(&mut self.capacity, capacity);
        self.shift = 64 - capacity.trailing_zeros();
        for at in 0..old_capacity {
            // SAFETY: `at` is below the old capacity, and nobody else refers to the old memory.
            let slot = unsafe {
                let start = old.start().add(at * self.stride) as *const u64;
                std::slice::from_raw_parts(start, self.fresh.len())
            };
            if slot[0] == 0 {
                continue;
            }
            let key = &slot[self.key_start..][..self.key_len];
            let hash =
                hash_key(key, &self.is_text, self.seed, |view, place| self.heap.get(place, text_len(view)));
            let mut to = (hash >> self.shift) as usize;
            while self.slot(to)[0] != 0 {
                to = (to + 1) & (capacity - 1);
            }
            self.slot_mut(to).copy_from_slice(slot);
        }
    }

    /// Makes narrow slots wide ones. Each keeps its number.
    pub(super) fn widen(&mut self, narrow: &SlotLayout, wide: &SlotLayout) {
        let stride = wide.stride();
        let old = std::mem::replace(&mut self.memory, Memory::zeroed(stride * self.capacity));
        let (old_stride, old_len) = (std::mem::replace(&mut self.stride, stride), self.fresh.len());
        self.fresh = wide.fresh().into();
        let key_end = self.key_start + self.key_len;
        for at in 0..self.capacity {
            // SAFETY: `at` is below the capacity, and nobody else refers to the old memory.
            let slot = unsafe {
                std::slice::from_raw_parts(old.start().add(at * old_stride) as *const u64, old_len)
            };
            if slot[0] == 0 {
                continue;
            }
            for word in 0..self.fresh.len() {
                let fresh = self.fresh[word];
                self.slot_mut(at)[word] = fresh;
            }
            let widened = self.slot_mut(at);
            widened[..key_end].copy_from_slice(&slot[..key_end]);
            widen_accumulators((slot, narrow), (widened, wide));
        }
    }

    /// The keys of these slots, as [`Table::find`] takes them. They borrow the table in secret.
    pub(super) fn keys_of(&self, groups: &[u32], keys: &mut Keys) {
        keys.words.clear();
        keys.words_per_key = self.key_len;
        keys.has_long_text = false;
        for group in groups {
            let key = &self.slot(*group as usize)[self.key_start..][..self.key_len];
            let start = keys.words.len();
            keys.words.extend_from_slice(key);
            for (i, _) in self.is_text.iter().enumerate().filter(|(_, is_text)| **is_text) {
                if is_long(key[i]) {
                    let text = self.heap.get(key[i + 1], text_len(key[i]));
                    keys.words[start + i + 1] = text.as_ptr().expose_provenance() as u64;
                    keys.has_long_text = true;
                }
            }
        }
    }

    /// Writes a slot's key; texts with their bytes.
    pub(super) fn write_key(&self, group: u32, out: &mut SnapshotWriter) {
        let key = &self.slot(group as usize)[self.key_start..][..self.key_len];
        let mut i = 0;
        while i < key.len() {
            if !self.is_text[i] {
                out.u64(key[i]);
                i += 1;
                continue;
            }
            let words = &key[i..i + 2];
            match is_long(key[i]) {
                true => out.bytes(self.heap.get(key[i + 1], text_len(key[i]))),
                false => out.bytes(&bytes_of(words)[4..4 + text_len(key[i])]),
            }
            i += 2;
        }
    }

    /// Reads a key that was written, as [`Table::find`] takes it. It borrows the snapshot in secret.
    pub(super) fn restore_key(&self, from: &mut SnapshotReader, keys: &mut Keys) -> Result<(), Corrupt> {
        keys.words.clear();
        keys.words_per_key = self.key_len;
        keys.has_long_text = false;
        while keys.words.len() < self.key_len {
            if !self.is_text[keys.words.len()] {
                keys.words.push(from.u64()?);
                continue;
            }
            let text = from.bytes()?;
            let view = View::new(text, 0, 0).0;
            keys.words.push(view as u64);
            if text.len() > View::INLINE {
                keys.words.push(text.as_ptr().expose_provenance() as u64);
                keys.has_long_text = true;
            } else {
                keys.words.push((view >> 64) as u64);
            }
        }
        Ok(())
    }

    /// The slots that are taken, by number.
    pub fn groups(&self) -> impl Iterator<Item = u32> + '_ {
        // As a signed number, the first word of an absent group is negative.
        (0..self.capacity).filter(|at| self.slot(*at)[0] as i64 > 0).map(|at| at as u32)
    }

    /// Appends a word of each taken slot, and the slot's number. Faster than [`Table::groups`]: which
    /// slots are taken is as random as keys, so there is no branch on it.
    pub fn words(&self, word: usize, words: &mut Vec<u64>, groups: &mut Vec<u32>) {
        assert!(word < self.fresh.len());
        words.reserve(self.n_groups + 1);
        groups.reserve(self.n_groups + 1);
        let (start, mut n) = (self.memory.start() as *const u64, 0);
        let (words_start, groups_start) = (words.len(), groups.len());
        for at in 0..self.capacity {
            // SAFETY: the slot lies inside the memory and has this word. No more slots are taken than there
            // are groups, so there is room, if only for one more word that does not count.
            unsafe {
                let slot = start.add(at * (self.stride / 8));
                words.as_mut_ptr().add(words_start + n).write(*slot.add(word));
                groups.as_mut_ptr().add(groups_start + n).write(at as u32);
                n += (*slot as i64 > 0) as usize;
            }
        }
        // SAFETY: as many have been written.
        unsafe {
            words.set_len(words_start + n);
            groups.set_len(groups_start + n);
        }
    }

    /// The words of a slot.
    ///
    /// # Panics
    /// If the table has no slot of this number.
    pub fn slot(&self, at: usize) -> &[u64] {
        assert!(at < self.capacity);
        // SAFETY: the slot lies inside the memory, is aligned, and is written only through `&mut self`
        // or through pointers that `find` gave out under `&mut self` and that are not used any more.
        unsafe {
            let start = self.memory.start().add(at * self.stride) as *const u64;
            std::slice::from_raw_parts(start, self.fresh.len())
        }
    }

    fn slot_mut(&mut self, at: usize) -> &mut [u64] {
        assert!(at < self.capacity);
        // SAFETY: as in `slot`, and we are borrowed mutably.
        unsafe {
            let start = self.memory.start().add(at * self.stride) as *mut u64;
            std::slice::from_raw_parts_mut(start, self.fresh.len())
        }
    }

    #[inline(always)]
    fn prefetch(&self, at: u32) {
        prefetch(self.memory.start().wrapping_add(at as usize * self.stride));
    }

    /// The bytes that long texts of keys stand in; a slot's two words are a view into them.
    pub fn heaps(&self) -> &[Vec<u8>] {
        &self.heap.heaps
    }

    /// The same bytes. They leave the table, so this comes before [`Table::clear`].
    pub fn take_heaps(&mut self) -> Vec<Heap> {
        std::mem::take(&mut self.heap.heaps).into_iter().map(Arc::new).collect()
    }

    /// Copies slots into `rows`, one behind the other, and frees them; gives the words of each row.
    /// They stand in no order in memory, so later ones are requested ahead, and each is visited once.
    ///
    /// # Panics
    /// If the table has no slot of such a number.
    pub fn take(&mut self, groups: &[u32], rows: &mut Vec<u64>) -> usize {
        let n_words = self.stride / 8;
        rows.clear();
        rows.resize(groups.len() * n_words, 0);
        match n_words {
            2 => self.copy_and_free::<2>(groups, rows.as_chunks_mut().0.iter_mut()),
            4 => self.copy_and_free::<4>(groups, rows.as_chunks_mut().0.iter_mut()),
            8 => self.copy_and_free::<8>(groups, rows.as_chunks_mut().0.iter_mut()),
            _ => {
                for (row, group) in rows.chunks_exact_mut(n_words).zip(groups) {
                    let slot = self.slot_mut(*group as usize);
                    row[..slot.len()].copy_from_slice(slot);
                    slot[0] = 0;
                }
            }
        }
        self.n_free += groups.len();
        n_words
    }

    /// Copies slots of `N` words.
    fn copy_and_free<'a, const N: usize>(
        &mut self,
        groups: &[u32],
        rows: impl Iterator<Item = &'a mut [u64; N]>,
    ) {
        assert!(self.stride == N * 8);
        groups.iter().take(AHEAD).for_each(|group| self.prefetch(*group));
        for (i, (row, group)) in rows.zip(groups).enumerate() {
            if let Some(later) = groups.get(i + AHEAD) {
                self.prefetch(*later);
            }
            assert!((*group as usize) < self.capacity);
            // SAFETY: the slot of `N` words lies inside the memory, is aligned, and we are borrowed mutably.
            let slot = unsafe { &mut *(self.memory.start() as *mut [u64; N]).add(*group as usize) };
            *row = *slot;
            slot[0] = 0;
        }
    }

    /// Forgets all groups, and keeps the memory for another window unless most of it lay idle.
    pub fn clear(&mut self) {
        self.heap.heaps.clear();
        let wanted = (self.n_groups * 2).next_power_of_two().max(SMALLEST);
        let n_taken = self.n_groups - std::mem::take(&mut self.n_free);
        self.n_groups = 0;
        if wanted * 8 <= self.capacity {
            self.capacity = wanted * 2;
            self.shift = 64 - self.capacity.trailing_zeros();
            self.memory = Memory::zeroed(self.stride * self.capacity);
        } else if n_taken > 0 {
            (0..self.capacity).for_each(|at| self.slot_mut(at)[0] = 0);
        }
    }
}

/// Takes the accumulators of a narrow slot over into a fresh wide one.
pub fn widen_accumulators((slot, narrow): (&[u64], &SlotLayout), (widened, wide): (&mut [u64], &SlotLayout)) {
    for (from, to) in narrow.accumulators.iter().zip(&wide.accumulators) {
        widen_accumulator(slot, from, widened, to);
    }
}

fn widen_accumulator(slot: &[u64], from: &AccumulatorField, widened: &mut [u64], to: &AccumulatorField) {
    let seen = from.seen.map_or(0, |seen| seen / 8);
    if let Some(seen_widened) = to.seen {
        widened[seen_widened / 8] = slot[seen];
    }
    let (at, to_at) = (from.offset / 8, to.offset / 8);
    if from.kind == to.kind {
        let n_words = from.kind.bytes() / 8;
        widened[to_at..to_at + n_words].copy_from_slice(&slot[at..at + n_words]);
    } else if slot[seen] > 0 {
        // What no row has come to stays as it is in a fresh slot.
        widened[to_at] = slot[at];
        widened[to_at + 1] = (slot[at] as i64 >> 63) as u64;
    }
}

/// What a key of one word comes as.
trait Word: Copy {
    fn word(self) -> u64;
}

impl Word for u64 {
    fn word(self) -> u64 {
        self
    }
}

impl Word for i64 {
    fn word(self) -> u64 {
        self as u64
    }
}

/// Texts of keys that are too long for their view.
#[derive(Default)]
struct TextHeap {
    heaps: Vec<Vec<u8>>,
}

impl TextHeap {
    /// Keeps a text; its place as the second word of a view.
    fn push(&mut self, text: &[u8]) -> u64 {
        if self.heaps.last().is_none_or(|h| h.capacity() - h.len() < text.len()) {
            let capacity = self.heaps.last().map_or(1 << 12, |h| (h.capacity() * 2).min(1 << 22));
            self.heaps.push(Vec::with_capacity(capacity.max(text.len())));
        }
        let number = self.heaps.len() as u64 - 1;
        match self.heaps.last_mut() {
            Some(heap) => {
                heap.extend_from_slice(text);
                number | ((heap.len() - text.len()) as u64) << 32
            }
            None => number,
        }
    }

    fn get(&self, place: u64, len: usize) -> &[u8] {
        let offset = (place >> 32) as usize;
        &self.heaps[place as u32 as usize][offset..offset + len]
    }

    fn bytes(&self) -> usize {
        self.heaps.iter().map(Vec::capacity).sum()
    }
}
