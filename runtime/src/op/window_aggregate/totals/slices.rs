//! The slices that have been added up, each with its own groups, so that these can stand elsewhere.

use super::{Own, Slice, Totals};
use crate::kernel::groups::{Accumulation, Groups, Sides};
use crate::message::EventTime;
use crate::snapshot::SnapshotWriter;
use std::io;

/// So many groups are given at a time.
const PART: usize = 4096;

impl Totals {
    /// Keeps of each slice that is added from now on what it adds, also where sums alone are needed.
    pub fn keep_slices(&mut self) {
        self.keeps_slices = true;
    }

    /// Whether slices are dropped one by one.
    pub fn drops(&self) -> bool {
        self.drops
    }

    /// Whether all slices can be had. Those of a snapshot of sums cannot.
    pub fn has_slices(&self) -> bool {
        self.keeps_slices && self.older.iter().all(|slice| slice.own.is_some())
    }

    /// In how many parts slices are [given](Totals::give_slices).
    pub fn n_parts(&self) -> usize {
        match self.drops {
            true => self.slices().map(|slice| slice.groups.numbers.len().div_ceil(PART)).sum(),
            false => self.numbers_of_back().len().div_ceil(PART),
        }
    }

    /// Gives the groups of all slices that [can be had](Totals::has_slices), the oldest slice first, those of each by
    /// their keys and in parts. Slices that are dropped at once are given as one, the first of them.
    pub fn give_slices(
        &self,
        accumulation: &Accumulation,
        mut give: impl FnMut(EventTime, Groups) -> io::Result<()>,
    ) -> io::Result<()> {
        let n_words = self.layout().size / 8;
        if !self.drops {
            let Some(first) = self.newer.front() else { return Ok(()) };
            return self.numbers_of_back().chunks(PART).try_for_each(|numbers| {
                let slots: Vec<&[u64]> = numbers.iter().map(|n| self.back.slot(*n, n_words)).collect();
                let groups = self.named(accumulation, numbers, &slots, (&self.back.sides, &self.bounds));
                give(first.start, groups)
            });
        }
        let mut ranks = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(rank, number)| ranks[*number as usize] = rank);
        for Slice { start, groups, own } in self.slices() {
            let (words, sides) = match own {
                Some(Own { words, sides }) => (words, sides),
                None => (&groups.words, &groups.sides),
            };
            let mut places: Vec<usize> = (0..groups.numbers.len()).collect();
            places.sort_unstable_by_key(|place| ranks[groups.numbers[*place] as usize]);
            for places in places.chunks(PART) {
                let numbers: Vec<u32> = places.iter().map(|place| groups.numbers[*place]).collect();
                let slots: Vec<&[u64]> =
                    places.iter().map(|place| &words[place * n_words..][..n_words]).collect();
                give(*start, self.named(accumulation, &numbers, &slots, (sides, &groups.bounds)))?;
            }
        }
        Ok(())
    }

    /// The oldest first.
    fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.older.iter().rev().chain(&self.newer)
    }

    /// The groups that have rows, by their keys, where all slices are added up in the back.
    fn numbers_of_back(&self) -> Vec<u32> {
        let n_words = self.layout().size / 8;
        let has_rows = |number: &u32| self.back.slot(*number, n_words)[0] > 0;
        self.order.iter().copied().filter(has_rows).collect()
    }

    fn named(
        &self,
        accumulation: &Accumulation,
        numbers: &[u32],
        slots: &[&[u64]],
        (sides, bounds): (&Sides, &[u128]),
    ) -> Groups {
        let keys: Vec<_> = self.index.columns(numbers).into_iter().map(Into::into).collect();
        accumulation.named(&keys, slots, (sides, self.is_wide, bounds))
    }

    /// Writes a snapshot without slices.
    pub fn snapshot_of_none(&self, writer: &mut SnapshotWriter) {
        writer.bool(false);
        writer.count(0);
        writer.words(&[]);
        writer.count(0);
        writer.count(0);
        if !self.drops {
            writer.words(&[]);
        }
    }
}
