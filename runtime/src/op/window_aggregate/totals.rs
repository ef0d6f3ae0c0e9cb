//! What slices of time add up to, group by group, while slices are added at one end and dropped at the other.
//!
//! A group is a number, that of its key, so that what is kept of groups stands in plain arrays. There are two
//! sums per group: of the older slices, the *front*, and of the newer ones, the *back*. A slice is
//! added to the back. When a slice is to be dropped and the front has none left, the slices of the back
//! become the front, the newest first, and each keeps, of the groups it has, what the front was before: so
//! to drop it is to put that back. (Two stacks: Tangwongsan, Hirzel, Schneider: Sliding-Window Aggregation
//! Algorithms. That a slice keeps nothing of groups it does not have is ours.)
//!
//! ```text
//! slices          1      2      3  │  4    5    6
//! keep            23     3      -  │  4    5    6
//! front        123                 │
//! back                             │ 456
//! ```
//!
//! So each group of each slice is looked at three times, however many windows it is in, and a window costs
//! one look at each group that it holds. They leave in the order of keys, which is kept too: numbers are
//! given anew in that order when there are many new keys or many that are gone, and so memory is read
//! nearly from front to end.

mod slices;
mod sums;

use crate::accumulate::order::{merge_numbers, sort_numbers};
use crate::kernel::accumulate::{ManyPairs, merge_pairs};
use crate::kernel::groups::{Accumulation, Groups, NumberedGroups, Sides, fit_narrow_sums, sides};
use crate::kernel::key::copy_words;
use crate::kernel::key_index::KeyIndex;
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::{AggregateCall, SlotLayout};
use millstream_ir::column::Column;
use millstream_ir::types::Type;
use std::collections::VecDeque;
use sums::{Sums, widened};

/// Groups are looked at in chunks of this many, which the first-level cache holds.
const CHUNK: usize = 256;

pub struct Totals {
    aggregates: Vec<AggregateCall>,
    /// Of slots without keys.
    narrow: SlotLayout,
    wide: SlotLayout,
    is_wide: bool,
    /// Per aggregate: the bounds of all slices added up.
    bounds: Vec<u128>,
    /// Whether slices are dropped one by one, or only all at once.
    drops: bool,
    /// Whether each slice keeps its own groups as well.
    keeps_slices: bool,
    index: KeyIndex,
    /// The numbers of all keys, by their keys.
    order: Vec<u32>,
    /// As many keys were numbered in their order.
    n_in_order: usize,
    front: Sums,
    back: Sums,
    /// Of the front, the oldest last; of the back, the oldest first.
    older: Vec<Slice>,
    newer: VecDeque<Slice>,
    /// Memory of a slice that was dropped, for the next.
    spare: NumberedGroups,
    /// The groups that were given last, and their states.
    given: Vec<u32>,
    states: Sides,
}

/// A slice: of the back, its groups; of the front, what was there before them.
struct Slice {
    start: EventTime,
    groups: NumberedGroups,
    /// Of the front, its own groups, if these are kept; they have the same numbers.
    own: Option<Own>,
}

struct Own {
    words: Vec<u64>,
    sides: Sides,
}

impl Totals {
    /// `drops` says whether slices are dropped one by one, or only all at once.
    pub fn new(key_types: &[Type], aggregates: &[AggregateCall], seed: u64, drops: bool) -> Totals {
        let narrow = SlotLayout::narrow(&[], aggregates);
        let sums = || Sums { words: vec![], sides: sides(&narrow, aggregates) };
        Totals {
            front: sums(),
            back: sums(),
            given: vec![],
            states: sides(&narrow, aggregates),
            wide: SlotLayout::wide(&[], aggregates),
            narrow,
            aggregates: aggregates.to_vec(),
            is_wide: false,
            spare: NumberedGroups::default(),
            bounds: vec![0; aggregates.len()],
            drops,
            keeps_slices: false,
            index: KeyIndex::new(key_types, seed),
            order: vec![],
            n_in_order: 0,
            older: vec![],
            newer: VecDeque::new(),
        }
    }

    /// The starts of the oldest and of the newest slice.
    pub fn starts(&self) -> Option<(EventTime, EventTime)> {
        let oldest = self.older.last().or(self.newer.front())?;
        let newest = self.newer.back().or(self.older.first())?;
        Some((oldest.start, newest.start))
    }

    /// As many groups there are at most.
    pub fn n_groups(&self) -> usize {
        self.order.len()
    }

    /// Of the slots that are given.
    pub fn layout(&self) -> &SlotLayout {
        if self.is_wide { &self.wide } else { &self.narrow }
    }

    /// Adds a slice, which is newer than all others.
    pub fn push(&mut self, start: EventTime, groups: Groups, accumulation: &mut Accumulation) {
        let memory = std::mem::take(&mut self.spare);
        let groups = accumulation.number(groups, &mut self.index, memory);
        self.add(Slice { start, groups, own: None });
        self.order_new_keys();
    }

    fn add(&mut self, mut slice: Slice) {
        let groups = &mut slice.groups;
        for (sum, bound) in self.bounds.iter_mut().zip(&groups.bounds) {
            *sum = sum.saturating_add(*bound);
        }
        if !self.is_wide && (groups.is_wide || !fit_narrow_sums(&self.bounds)) {
            self.widen();
        }
        if self.is_wide && !groups.is_wide {
            groups.widen(&self.narrow, &self.wide);
        }
        self.make_room();
        let layout = if self.is_wide { &self.wide } else { &self.narrow };
        self.back.add(groups, layout);
        if !self.drops {
            (groups.numbers, groups.words) = (vec![], vec![]);
            groups.sides = sides(layout, &self.aggregates);
        }
        self.newer.push_back(slice);
    }

    fn widen(&mut self) {
        let (narrow, wide) = (&self.narrow, &self.wide);
        for words in [&mut self.front.words, &mut self.back.words] {
            *words = widened(words, narrow, wide);
        }
        let slices = self.older.iter_mut().chain(&mut self.newer);
        for slice in slices {
            slice.groups.widen(narrow, wide);
            if let Some(own) = &mut slice.own {
                own.words = widened(&own.words, narrow, wide);
            }
        }
        self.is_wide = true;
    }

    /// Gives each key its sums.
    fn make_room(&mut self) {
        let fresh = self.layout().fresh();
        for sums in [&mut self.front, &mut self.back] {
            for _ in sums.words.len() / fresh.len()..self.index.n_numbers() {
                sums.words.extend_from_slice(&fresh);
            }
        }
    }

    /// Drops the oldest slice.
    pub fn pop(&mut self) {
        if self.older.is_empty() {
            self.turn();
        }
        if let Some(slice) = self.older.pop() {
            let layout = if self.is_wide { &self.wide } else { &self.narrow };
            for (sum, bound) in self.bounds.iter_mut().zip(&slice.groups.bounds) {
                *sum = sum.saturating_sub(*bound);
            }
            self.front.put_back(&slice.groups, layout);
            self.spare = slice.groups;
        }
    }

    /// Drops all slices.
    pub fn clear(&mut self) {
        self.index.renumber(&[]);
        (self.order, self.n_in_order) = (vec![], 0);
        (self.older, self.newer) = (vec![], VecDeque::new());
        self.spare = NumberedGroups::default();
        for sums in [&mut self.front, &mut self.back] {
            *sums = Sums { words: vec![], sides: sides(&self.narrow, &self.aggregates) };
        }
        self.is_wide = false;
        self.bounds.fill(0);
    }

    /// Makes the back the front.
    fn turn(&mut self) {
        let layout = if self.is_wide { &self.wide } else { &self.narrow };
        while let Some(mut slice) = self.newer.pop_back() {
            let words = self.keeps_slices.then(|| slice.groups.words.clone());
            self.front.put_under(&mut slice.groups, layout);
            let sides = std::mem::replace(&mut slice.groups.sides, sides(layout, &self.aggregates));
            slice.own = words.map(|words| Own { words, sides });
            self.older.push(slice);
        }
        self.back = Sums { words: vec![], sides: sides(layout, &self.aggregates) };
        self.make_room();
        self.forget_keys();
    }

    /// If many keys are new or have no groups any more: forgets these, and numbers the others in their order.
    /// Only where all groups are in the front.
    fn forget_keys(&mut self) {
        let n_words = self.layout().size / 8;
        let has_rows = |number: &u32| self.front.words[*number as usize * n_words] > 0;
        let kept: Vec<u32> = self.order.iter().copied().filter(has_rows).collect();
        let n_new = self.order.len() - self.n_in_order;
        if n_new * 8 <= self.order.len() && kept.len() * 4 >= self.order.len() * 3 {
            return;
        }
        let mut numbers = vec![0; self.order.len()];
        let mut words = Vec::with_capacity(kept.len() * n_words);
        for (new, old) in kept.iter().enumerate() {
            numbers[*old as usize] = new as u32;
            words.extend_from_slice(&self.front.words[*old as usize * n_words..][..n_words]);
        }
        self.front.words = words;
        self.back.words = vec![];
        for slice in &mut self.older {
            slice.groups.numbers.iter_mut().for_each(|number| *number = numbers[*number as usize]);
        }
        self.index.renumber(&kept);
        self.order = (0..kept.len() as u32).collect();
        self.n_in_order = kept.len();
        self.make_room();
    }

    fn order_new_keys(&mut self) {
        let mut new: Vec<u32> = (self.order.len() as u32..self.index.n_numbers() as u32).collect();
        sort_numbers(&mut new, &self.index);
        merge_numbers(&mut self.order, &new, &self.index);
    }

    /// Puts the next groups of all slices, by their keys, into `rows`: at most `n`, as slots without keys. `at`
    /// says how far the caller has come.
    pub fn give(&mut self, n: usize, at: &mut usize, rows: &mut Vec<u64>) {
        rows.clear();
        self.given.clear();
        self.states.iter_mut().flatten().for_each(|states| states.clear());
        let n_words = self.layout().size / 8;
        while *at < self.order.len() && self.given.len() < n {
            let numbers = &self.order[*at..][..(n - self.given.len()).min(CHUNK).min(self.order.len() - *at)];
            *at += numbers.len();
            for number in numbers {
                self.front.request(*number, n_words);
                self.back.request(*number, n_words);
            }
            let first = self.given.len();
            rows.resize((first + numbers.len()) * n_words, 0);
            for number in numbers {
                let front = self.front.slot(*number, n_words);
                let count = front[0] + self.back.slot(*number, n_words)[0];
                if count > 0 {
                    let row = &mut rows[self.given.len() * n_words..][..n_words];
                    copy_words(front, row);
                    row[0] = count;
                    self.given.push(*number);
                }
            }
            rows.truncate(self.given.len() * n_words);
            self.add_back(first, &mut rows[first * n_words..]);
        }
    }

    /// Adds what the back has of the groups from this one on, of those that are given, to rows that hold what
    /// the front has of them.
    fn add_back(&mut self, first: usize, rows: &mut [u64]) {
        let layout = if self.is_wide { &self.wide } else { &self.narrow };
        let (n_words, numbers) = (layout.size / 8, &self.given[first..]);
        let mut pairs = ManyPairs {
            n: numbers.len(),
            into: rows,
            into_at: |i| i * n_words,
            from: &self.back.words,
            from_at: |i| numbers[i] as usize * n_words,
        };
        merge_pairs(layout, &mut pairs);
        for (i, field) in layout.accumulators.iter().enumerate() {
            let (Some(states), Some(front), Some(back)) =
                (&mut self.states[i], &self.front.sides[i], &self.back.sides[i])
            else {
                continue;
            };
            let at = field.offset / 8;
            for (row, number) in rows.chunks_exact_mut(n_words).zip(numbers) {
                let made = states.make();
                states.merge_from(made, &**front, row[at]);
                states.merge_from(made, &**back, self.back.slot(*number, n_words)[at]);
                row[at] = made;
            }
        }
    }

    /// The key columns of the groups that were given last.
    pub fn keys(&self) -> Vec<Column> {
        self.index.columns(&self.given)
    }

    /// The states of the groups that were given last.
    pub fn states(&self) -> &Sides {
        &self.states
    }

    /// Bytes of memory, about; counted anew.
    pub fn bytes(&self) -> usize {
        let slices = self.older.iter().chain(&self.newer).map(Slice::bytes);
        let sums = self.front.bytes() + self.back.bytes();
        self.index.bytes() + self.order.capacity() * 4 + sums + slices.sum::<usize>()
    }

    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.bool(self.is_wide);
        let numbers = 0..self.index.n_numbers() as u32;
        writer.sequence(numbers, |writer, number| self.index.snapshot(number, writer));
        let layout = self.layout();
        self.front.write(layout, writer);
        // What was there before has its states in the front.
        writer.sequence(self.older.iter(), |writer, slice| slice.write(&self.front.sides, layout, writer));
        writer.sequence(self.newer.iter(), |writer, slice| slice.write(&slice.groups.sides, layout, writer));
        if !self.drops {
            self.back.write(layout, writer);
        }
    }

    pub fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.clear();
        self.is_wide = reader.bool()?;
        for _ in 0..reader.count()? {
            self.index.restore(reader)?;
        }
        self.order_new_keys();
        let n_keys = self.index.n_numbers();
        let layout = if self.is_wide { &self.wide } else { &self.narrow };
        let no_states = || sides(layout, &self.aggregates);
        let front = &mut self.front;
        front.restore(n_keys, layout, reader)?;
        self.older = reader.sequence(|reader| {
            let mut slice = Slice::read(n_keys, &mut front.sides, (layout, self.is_wide), reader)?;
            slice.groups.sides = no_states();
            for (sum, bound) in self.bounds.iter_mut().zip(&slice.groups.bounds) {
                *sum = sum.saturating_add(*bound);
            }
            Ok(slice)
        })?;
        let newer = reader.sequence(|reader| {
            let mut states = no_states();
            let mut slice = Slice::read(n_keys, &mut states, (layout, self.is_wide), reader)?;
            slice.groups.sides = states;
            Ok(slice)
        })?;
        newer.into_iter().for_each(|slice| self.add(slice));
        if !self.drops {
            let layout = if self.is_wide { &self.wide } else { &self.narrow };
            self.back.restore(n_keys, layout, reader)?;
        }
        self.make_room();
        Ok(())
    }
}
