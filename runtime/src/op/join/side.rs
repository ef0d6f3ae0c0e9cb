//! The rows of one input of a join that may still find a partner: a list per key in a ring that is in the order
//! of arrival.
//!
//! A row is as good as gone when its place is behind the tail of the ring, so lists are never mended: a walk
//! ends at the first entry that is. (A ring with chains costs a third of hash tables of queues where a key has
//! few live rows.) The batches stay as they came, until all their rows are gone.

use crate::kernel::prefetch::prefetch;
use crate::message::{EventTime, Watermark};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::types::Type;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;

/// What stands for the key of a row that equals no other.
pub const NO_KEY: u32 = u32::MAX;

#[derive(Clone, Copy)]
pub struct Entry {
    pub time: EventTime,
    /// The greatest time that a partner can have.
    pub until: EventTime,
    pub key: u32,
    /// How far before it the entry of its key before it stands; none if 0.
    back: u32,
    /// The number of its batch, counted from the first that ever came, cut to 32 bits.
    batch: u32,
    pub row: u32,
    /// Whether it has had a partner, failed looking for one, or left without one.
    pub is_matched: bool,
}

#[derive(Default)]
pub struct Side {
    ring: VecDeque<Entry>,
    /// The number of the first entry of the ring.
    tail: u64,
    /// Of each key, the number of its last entry, plus one.
    heads: Vec<u64>,
    batches: VecDeque<Batch>,
    /// The number of the first of them.
    first_batch: u64,
    /// Of rows that leave if they find no partner, when that is certain, and their entries.
    unmatched: Option<BinaryHeap<Reverse<(EventTime, EventTime, u64)>>>,
}

impl Side {
    /// `yields_unmatched`: whether rows leave that find no partner.
    pub fn new(yields_unmatched: bool) -> Side {
        Side { unmatched: yields_unmatched.then(BinaryHeap::new), ..Side::default() }
    }

    /// All keys have lower numbers.
    pub fn reserve_keys(&mut self, n: usize) {
        if self.heads.len() < n {
            self.heads.resize(n, 0);
        }
    }

    /// Keeps a batch whose rows are then [added](Side::add).
    pub fn keep(&mut self, batch: Batch) {
        self.batches.push_back(batch);
    }

    /// Adds a row of the last batch.
    pub fn add(&mut self, time: EventTime, until: EventTime, key: u32, row: u32, is_matched: bool) {
        let number = self.tail + self.ring.len() as u64;
        let mut back = 0;
        if key != NO_KEY {
            let head = &mut self.heads[key as usize];
            // What stands further back than 32 bits can say has long been gone.
            back = if *head > self.tail { u32::try_from(number + 1 - *head).unwrap_or(0) } else { 0 };
            *head = number + 1;
        }
        let batch = (self.first_batch + self.batches.len() as u64 - 1) as u32;
        self.ring.push_back(Entry { time, until, key, back, batch, row, is_matched });
        if let Some(unmatched) = &mut self.unmatched
            && !is_matched
        {
            unmatched.push(Reverse((until, time, number)));
        }
    }

    pub fn has_key(&self, key: u32) -> bool {
        self.heads.get(key as usize).is_some_and(|head| *head > self.tail)
    }

    pub fn entry(&self, number: u64) -> &Entry {
        &self.ring[(number - self.tail) as usize]
    }

    /// Notes that an entry has a partner; whether it had none before.
    pub fn mark(&mut self, number: u64) -> bool {
        !std::mem::replace(&mut self.ring[(number - self.tail) as usize].is_matched, true)
    }

    /// The position of an entry's batch among those that are kept.
    pub fn batch_of(&self, entry: &Entry) -> usize {
        entry.batch.wrapping_sub(self.first_batch as u32) as usize
    }

    pub fn batches(&self) -> &VecDeque<Batch> {
        &self.batches
    }

    /// Takes one of the rows for which it is now certain that they have no partner, in the order of their times.
    pub fn pop_unmatched(&mut self, other: Watermark) -> Option<u64> {
        while let Some(Reverse((until, _, number))) = self.unmatched.as_ref()?.peek().copied() {
            if !is_over(until, other) {
                return None;
            }
            self.unmatched.as_mut()?.pop();
            if number >= self.tail && self.mark(number) {
                return Some(number);
            }
        }
        None
    }

    /// Forgets the rows that can find no partner any more. How many of them were the last of their key.
    pub fn expire(&mut self, other: Watermark) -> usize {
        let mut n_last = 0;
        while let Some(first) = self.ring.front()
            && is_over(first.until, other)
        {
            let key = first.key;
            self.ring.pop_front();
            self.tail += 1;
            n_last += usize::from(key != NO_KEY && self.heads[key as usize] == self.tail);
        }
        let first = self.ring.front().map_or(self.batches.len(), |entry| self.batch_of(entry));
        self.batches.drain(..first);
        self.first_batch += first as u64;
        n_last
    }

    /// Asks for the heads that looking up the keys behind these rows will need.
    pub fn request(&self, keys: &[u32], rows: Range<usize>) {
        for key in &keys[(rows.end + GROUP).min(keys.len())..(rows.end + 2 * GROUP).min(keys.len())] {
            prefetch(self.heads.as_ptr().wrapping_add(*key as usize) as *const u8);
        }
        for key in &keys[rows.end..(rows.end + GROUP).min(keys.len())] {
            let head = self.heads.get(*key as usize).copied().unwrap_or(0);
            if let Some(first) = head.checked_sub(self.tail + 1).and_then(|at| self.ring.get(at as usize)) {
                prefetch(&raw const *first as *const u8);
            }
        }
    }

    /// The entries of some keys, at most [`GROUP`]. The lists are walked side by side, one step of each in turn,
    /// so that each waits for memory while the others do (Kocberber, Falsafi, Grot: Asynchronous memory access
    /// chaining, VLDB 2015).
    pub fn walk(&self, keys: &[u32], walked: &mut Walked) {
        walked.found.clear();
        let mut open: Vec<(usize, u64)> = std::mem::take(&mut walked.open);
        let heads = keys.iter().map(|key| self.heads.get(*key as usize).copied().unwrap_or(0));
        open.extend(heads.enumerate().filter(|(_, head)| *head > self.tail));
        while !open.is_empty() {
            open.retain_mut(|(key, next)| {
                let number = *next - 1;
                let entry = self.ring[(number - self.tail) as usize];
                walked.found.push((*key, number, entry));
                *next = if entry.back == 0 { 0 } else { *next - entry.back as u64 };
                let goes_on = *next > self.tail;
                if goes_on {
                    prefetch(&raw const self.ring[(*next - 1 - self.tail) as usize] as *const u8);
                }
                goes_on
            });
        }
        walked.open = open;
    }

    /// How many rows wait to be found without a partner, and the watermark that decides the first.
    pub fn waiting(&self) -> Option<(usize, EventTime)> {
        let unmatched = self.unmatched.as_ref()?;
        let Reverse((until, _, _)) = unmatched.peek()?;
        Some((unmatched.len(), *until))
    }

    pub fn bytes(&self) -> usize {
        let batches: usize = self.batches.iter().map(Batch::bytes).sum();
        let unmatched = self.unmatched.as_ref().map_or(0, |heap| heap.len() * 24);
        batches + self.ring.len() * size_of::<Entry>() + self.heads.len() * 8 + unmatched
    }

    /// Writes the rows that are kept, batch by batch, each with whether it has had a partner.
    pub fn snapshot(&self, types: &[Type], writer: &mut SnapshotWriter) {
        let mut entries = self.ring.iter().peekable();
        writer.sequence(self.batches.iter().enumerate(), |writer, (position, batch)| {
            let mut of_batch = vec![];
            while let Some(entry) = entries.next_if(|entry| self.batch_of(entry) == position) {
                of_batch.push(*entry);
            }
            let rows: Vec<u32> = of_batch.iter().map(|entry| entry.row).collect();
            writer.batch(&batch.gather(&rows), types);
            writer.sequence(of_batch.iter(), |writer, entry| writer.bool(entry.is_matched));
        });
    }

    /// What [`Side::snapshot`] wrote.
    pub fn read(types: &[Type], reader: &mut SnapshotReader) -> Result<Vec<(Batch, Vec<bool>)>, Corrupt> {
        reader.sequence(|reader| {
            let batch = reader.batch(types)?;
            let matched = reader.sequence(|reader| reader.bool())?;
            if matched.len() != batch.n_rows {
                return Err(Corrupt);
            }
            Ok((batch, matched))
        })
    }
}

/// Whether no partner can come any more.
pub fn is_over(until: EventTime, other: Watermark) -> bool {
    until < other.0 || other == Watermark::END
}

/// So many keys are looked up at once.
pub const GROUP: usize = 32;

/// The entries of some keys.
#[derive(Default)]
pub struct Walked {
    /// The number of the key among those that were looked up, and that of the entry.
    found: Vec<(usize, u64, Entry)>,
    open: Vec<(usize, u64)>,
}

impl Walked {
    /// Key by key, of each the first that came first.
    pub fn in_order(&mut self) -> impl Iterator<Item = (usize, u64, &Entry)> {
        self.found.sort_unstable_by_key(|(key, number, _)| (*key, *number));
        self.found.iter().map(|(key, number, entry)| (*key, *number, entry))
    }
}
