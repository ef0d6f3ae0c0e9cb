//! Groups of open slices that memory had no room for. They stand in sorted [runs], and come together again, from
//! the least key to the greatest, when their window closes. Slices that are in several windows stand in [levels] when
//! the first of these has closed.

mod levels;
mod runs;

use super::shares::Slice;
use crate::accumulate::order::Order;
use crate::kernel::groups::{Accumulation, Groups};
use crate::message::EventTime;
use crate::spill::{Block, Spill, SpillFiles};
use levels::Levels;
use millstream_ir::types::Type;
use runs::SortedRun;
pub use runs::SortedRuns;
use std::collections::BTreeMap;
use std::io;

/// So many runs of a level become one of the next, so that few are read at a time and few files are open.
const FAN_IN: usize = 16;

/// Bytes of a file. Slices leave one after the other.
const LONG: u64 = 64 << 20;

pub struct SpilledSlices {
    writing: Writing,
    slices: BTreeMap<Slice, SortedRuns>,
    /// Those that a closed window has held.
    levels: Levels,
}

/// How runs are written.
pub struct Writing {
    spill: Spill,
    key_types: Vec<Type>,
    files: SpillFiles,
    order: Order,
}

impl Writing {
    /// Writes groups to a run, behind those that are there.
    fn write(&mut self, groups: &Groups, accumulation: &Accumulation, run: &mut SortedRun) -> io::Result<()> {
        let writer = self.files.writer(&self.spill)?;
        let of_blocks = (self.spill.block_bytes(), writer);
        run.write(groups, accumulation, (&self.key_types, &mut self.order), of_blocks)
    }

    /// One run of several.
    fn merge(
        &mut self,
        runs: Vec<SortedRun>,
        level: u32,
        accumulation: &mut Accumulation,
    ) -> io::Result<SortedRun> {
        let (mut merging, mut merged) = (SortedRuns::of(runs), SortedRun::new(level));
        while !merging.is_empty() {
            let part = merging.next_part(&self.key_types, accumulation)?;
            self.write(&part, accumulation, &mut merged)?;
            accumulation.close(part);
        }
        Ok(merged.end())
    }
}

impl SpilledSlices {
    /// `drops` says whether windows leave out slices one by one, where they hold several.
    pub fn new(spill: &Spill, key_types: &[Type], drops: bool) -> SpilledSlices {
        let writing = Writing {
            spill: spill.clone(),
            key_types: key_types.to_vec(),
            files: SpillFiles::new(LONG),
            order: Order::default(),
        };
        SpilledSlices { writing, slices: BTreeMap::new(), levels: Levels::new(drops) }
    }

    /// Writes groups of slices to runs.
    pub fn add(
        &mut self,
        slices: impl Iterator<Item = (Slice, Groups)>,
        accumulation: &mut Accumulation,
    ) -> io::Result<()> {
        let SpilledSlices { writing, slices: known, .. } = self;
        writing.spill.clone().timed(|| {
            for (slice, groups) in slices {
                let mut run = SortedRun::new(0);
                writing.write(&groups, accumulation, &mut run)?;
                let known = known.entry(slice).or_default();
                known.runs.push(run.end());
                for level in 0.. {
                    if known.runs.iter().filter(|run| run.level == level).count() < FAN_IN {
                        break;
                    }
                    let of_level = known.runs.extract_if(.., |run| run.level == level).collect();
                    known.runs.push(writing.merge(of_level, level + 1, accumulation)?);
                }
            }
            Ok(())
        })
    }

    /// A closed window has held a slice, newer than those before it.
    pub fn pass(&mut self, slice: Slice, accumulation: &mut Accumulation) -> io::Result<()> {
        let Some(runs) = self.slices.remove(&slice) else { return Ok(()) };
        let SpilledSlices { writing, levels, .. } = self;
        writing.spill.clone().timed(|| {
            let mut runs = runs.runs;
            let run = match runs.pop() {
                Some(run) if runs.is_empty() => run,
                last => writing.merge(runs.into_iter().chain(last).collect(), 0, accumulation)?,
            };
            levels.push(slice, run, |runs| writing.merge(runs, 0, accumulation))
        })
    }

    /// Writes groups of a slice that is nowhere else and whose groups come by their keys, in parts.
    pub fn add_part(&mut self, slice: Slice, part: &Groups, accumulation: &Accumulation) -> io::Result<()> {
        let SpilledSlices { writing, slices, .. } = self;
        writing.spill.clone().timed(|| {
            let known = slices.entry(slice).or_default();
            if known.runs.is_empty() {
                known.runs.push(SortedRun::new(0));
            }
            known.runs.iter_mut().try_for_each(|run| writing.write(part, accumulation, run))
        })
    }

    /// Forgets slices that begin before a time, of those that a closed window has held.
    pub fn forget_before(&mut self, start: EventTime) {
        self.levels.forget_before(start);
    }

    /// The groups of all slices that closed windows have held and that are not forgotten.
    pub fn of_window(&self) -> SortedRuns {
        SortedRuns::of(self.levels.cover())
    }

    /// The next groups of a window, by their keys, of which there are some.
    pub fn next_of_window(
        &self,
        runs: &mut SortedRuns,
        accumulation: &mut Accumulation,
    ) -> io::Result<Groups> {
        self.writing.spill.timed(|| runs.next_part(&self.writing.key_types, accumulation))
    }

    /// The start of the first slice that a closed window has held.
    pub fn first_held(&self) -> Option<EventTime> {
        self.levels.first()
    }

    /// The starts of slices that an open window may hold.
    pub fn starts(&self) -> impl Iterator<Item = EventTime> {
        self.slices.keys().map(|(_, start)| *start).chain(self.levels.slices().map(|(slice, _)| slice.1))
    }

    /// The slice that ends first, of those that no closed window has held.
    pub fn first(&self) -> Option<Slice> {
        self.slices.keys().next().copied()
    }

    pub fn has(&self, slice: Slice) -> bool {
        self.slices.contains_key(&slice)
    }

    /// The next groups of a slice, by their keys, of which there are some; with the last of them it is gone.
    pub fn next_part(&mut self, slice: Slice, accumulation: &mut Accumulation) -> io::Result<Groups> {
        let Some(runs) = self.slices.get_mut(&slice) else { return Ok(accumulation.open()) };
        let part = self.writing.spill.timed(|| runs.next_part(&self.writing.key_types, accumulation))?;
        if runs.is_empty() {
            self.slices.remove(&slice);
        }
        Ok(part)
    }

    /// Forgets a slice that no closed window has held.
    pub fn remove(&mut self, slice: Slice) {
        self.slices.remove(&slice);
    }

    /// All that was written, as if it were groups of their slices.
    pub fn blocks(&self) -> impl Iterator<Item = (Slice, &Block)> {
        let open = self.slices.iter().flat_map(|(slice, runs)| runs.blocks().map(|block| (*slice, block)));
        let held =
            self.levels.slices().flat_map(|(slice, run)| run.blocks().map(move |block| (slice, block)));
        open.chain(held)
    }

    /// How many groups there are, some of them in several runs.
    pub fn n_groups(&self) -> usize {
        let held = self.levels.slices().map(|(_, run)| run.n_groups());
        self.slices.values().map(SortedRuns::n_groups).chain(held).sum()
    }

    /// Whether some of them may stand in several places; `known` says which slices are elsewhere as well.
    pub fn are_in_parts(&self, known: impl Fn(&Slice) -> bool) -> bool {
        self.levels.slices().nth(1).is_some()
            || self.slices.iter().any(|(slice, runs)| known(slice) || !runs.is_one())
    }

    /// Slices and how many of them there are only here, where `known` says which are elsewhere as well.
    pub fn n_slices(&self, known: impl Fn(&Slice) -> bool) -> usize {
        self.slices.keys().filter(|slice| !known(slice)).count()
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        self.slices.values().map(SortedRuns::bytes).sum::<usize>() + self.levels.bytes()
    }
}
