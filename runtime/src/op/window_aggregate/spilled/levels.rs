//! Slices in files that are in several windows: each is a run of its own, and so is what four that stand side by side
//! add up to, and four of these, and so on. So a window, however many slices it holds, is read from few runs, and each
//! group is written once for each level at most. (As in a segment tree: Bentley, Solutions to Klee's rectangle
//! problems, 1977.)

use super::super::shares::Slice;
use super::runs::SortedRun;
use crate::message::EventTime;
use std::collections::VecDeque;
use std::io;

/// So many neighbours of a level are one of the next.
const NEIGHBOURS: usize = 4;

pub struct Levels {
    /// Whether slices are forgotten one by one: if not, what they add up to is enough.
    drops: bool,
    /// By the numbers of their first slices.
    levels: Vec<VecDeque<Part>>,
    /// How many slices have come.
    n_slices: u64,
}

/// Slices that stand side by side.
struct Part {
    /// The number of the first of them, which is a multiple of how many they are.
    number: u64,
    /// The first of them.
    slice: Slice,
    run: SortedRun,
}

impl Levels {
    pub fn new(drops: bool) -> Levels {
        Levels { drops, levels: vec![], n_slices: 0 }
    }

    /// Adds a slice, which is newer than all others; `merge` makes one run of several.
    pub fn push(
        &mut self,
        slice: Slice,
        run: SortedRun,
        mut merge: impl FnMut(Vec<SortedRun>) -> io::Result<SortedRun>,
    ) -> io::Result<()> {
        let mut part = Part { number: self.n_slices, slice, run };
        self.n_slices += 1;
        let mut n_slices = 1;
        for level in 0.. {
            n_slices *= NEIGHBOURS as u64;
            if self.levels.len() == level {
                self.levels.push(VecDeque::new());
            }
            let parts = &mut self.levels[level];
            parts.push_back(part);
            let first = parts.len().saturating_sub(NEIGHBOURS);
            // Some of its neighbours are still to come, or are forgotten.
            if !self.n_slices.is_multiple_of(n_slices) || parts.len() < NEIGHBOURS {
                break;
            }
            let (number, slice) = (parts[first].number, parts[first].slice);
            let runs = parts.range(first..).map(|part| part.run.clone()).collect();
            part = Part { number, slice, run: merge(runs)? };
            if !self.drops {
                parts.truncate(first);
            }
        }
        Ok(())
    }

    /// Forgets slices that begin before a time.
    pub fn forget_before(&mut self, time: EventTime) {
        for parts in &mut self.levels {
            while parts.front().is_some_and(|part| start_of(part) < time) {
                parts.pop_front();
            }
        }
    }

    /// The start of the first slice.
    pub fn first(&self) -> Option<EventTime> {
        self.levels.iter().filter_map(|parts| parts.front()).map(start_of).min()
    }

    /// Few runs that hold all slices, each once.
    pub fn cover(&self) -> Vec<SortedRun> {
        self.covering().map(|(part, _)| part.run.clone()).collect()
    }

    /// The parts that these are of, each with how many slices it is.
    fn covering(&self) -> impl Iterator<Item = (&Part, u64)> {
        let first = self.levels.iter().filter_map(|parts| parts.front()).map(|part| part.number).min();
        let mut next = first.unwrap_or(self.n_slices);
        std::iter::from_fn(move || {
            let of_level = |(level, parts): (usize, &'_ VecDeque<Part>)| {
                Some((level as u32, parts.binary_search_by_key(&next, |part| part.number).ok()?))
            };
            let (level, at) = self.levels.iter().enumerate().rev().find_map(of_level)?;
            let n_slices = (NEIGHBOURS as u64).pow(level);
            next += n_slices;
            Some((&self.levels[level as usize][at], n_slices))
        })
    }

    /// All slices, each once; those that are not kept by themselves as the first of several.
    pub fn slices(&self) -> impl Iterator<Item = (Slice, &SortedRun)> {
        let n_levels = if self.drops { 1 } else { self.levels.len() };
        self.levels.iter().take(n_levels).flatten().map(|part| (part.slice, &part.run))
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        self.levels.iter().flatten().map(|part| size_of::<Part>() + part.run.bytes()).sum()
    }
}

fn start_of(part: &Part) -> EventTime {
    part.slice.1
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Levels {
        fn covered(&self) -> Vec<(u64, u64)> {
            self.covering().map(|(part, n)| (part.number, n)).collect()
        }
    }

    /// Adds slices of a second each; of every second those before the last so many are forgotten.
    fn levels(drops: bool, n: i64, kept: i64) -> Levels {
        let mut levels = Levels::new(drops);
        for second in 0..n {
            let push = levels.push((second + 1, second), SortedRun::new(0), |runs| {
                assert_eq!(runs.len(), NEIGHBOURS);
                Ok(SortedRun::new(0))
            });
            push.expect("nothing is written");
            if drops {
                levels.forget_before(second + 1 - kept);
            }
        }
        levels
    }

    #[test]
    fn all_slices_that_are_kept_are_covered_by_few_runs() {
        for kept in [1, 2, 5, 60, 1000] {
            for n in 1..300 {
                let levels = levels(true, n, kept);
                assert_eq!(levels.first(), Some((n - kept).max(0)));
                assert_eq!(levels.slices().count() as i64, n.min(kept));
                let cover = levels.covered();
                let ends = cover.iter().map(|(first, n)| first + n);
                let starts = cover.iter().map(|(first, _)| *first).chain([n as u64]);
                assert_eq!(starts.clone().next(), Some((n - kept).max(0) as u64));
                assert!(ends.eq(starts.skip(1)), "{cover:?}");
                // At most three of each level on each side.
                assert!(cover.len() <= 6 * 5, "{cover:?}");
            }
        }
    }

    #[test]
    fn what_is_dropped_at_once_is_kept_once() {
        let mut levels = levels(false, 100, 0);
        // 64, two of 16, and four.
        assert_eq!(levels.covered(), [(0, 64), (64, 16), (80, 16), (96, 4)]);
        assert_eq!(levels.slices().count(), 4);
        levels.forget_before(100);
        assert_eq!((levels.first(), levels.covered()), (None, vec![]));
    }
}
