//! Groups of open slices that memory had no room for. They stand in sorted [runs], and come together again, from
//! the least key to the greatest, when their window closes.

mod runs;

use super::shares::Slice;
use crate::accumulate::order::Order;
use crate::kernel::groups::{Accumulation, Groups};
use crate::spill::{Block, Spill, SpillWriter};
use millstream_ir::types::Type;
use runs::{SortedRun, SortedRuns};
use std::collections::BTreeMap;
use std::io;

/// So many runs of a level become one of the next, so that few are read at a time and few files are open.
const FAN_IN: usize = 16;

pub struct SpilledSlices {
    spill: Spill,
    key_types: Vec<Type>,
    slices: BTreeMap<Slice, SortedRuns>,
    order: Order,
}

impl SpilledSlices {
    pub fn new(spill: &Spill, key_types: &[Type]) -> SpilledSlices {
        SpilledSlices {
            spill: spill.clone(),
            key_types: key_types.to_vec(),
            slices: BTreeMap::new(),
            order: Order::default(),
        }
    }

    /// Writes groups of slices to runs.
    pub fn add(
        &mut self,
        slices: impl Iterator<Item = (Slice, Groups)>,
        accumulation: &mut Accumulation,
    ) -> io::Result<()> {
        let spill = self.spill.clone();
        spill.timed(|| {
            let mut writer = spill.begin()?;
            for (slice, groups) in slices {
                let mut run = SortedRun::new(0);
                self.write(&groups, accumulation, &mut writer, &mut run)?;
                let known = self.slices.entry(slice).or_default();
                known.runs.push(run.end());
                if known.runs.len() >= FAN_IN {
                    self.merge_runs(slice, accumulation, &mut writer)?;
                }
            }
            Ok(())
        })
    }

    fn write(
        &mut self,
        groups: &Groups,
        accumulation: &Accumulation,
        writer: &mut SpillWriter,
        run: &mut SortedRun,
    ) -> io::Result<()> {
        run.write(
            groups,
            accumulation,
            (&self.key_types, &mut self.order),
            (self.spill.block_bytes(), writer),
        )
    }

    /// Makes one run of those of a level, where there are many. What slices become at once stands in one file: a file for
    /// each would be more than a process may have open.
    fn merge_runs(
        &mut self,
        slice: Slice,
        accumulation: &mut Accumulation,
        writer: &mut SpillWriter,
    ) -> io::Result<()> {
        for level in 0.. {
            let Some(known) = self.slices.get_mut(&slice) else { return Ok(()) };
            if known.runs.iter().filter(|run| run.level == level).count() < FAN_IN {
                return Ok(());
            }
            let of_level = known.runs.extract_if(.., |run| run.level == level).collect();
            let mut merging = SortedRuns { runs: of_level, rest: None };
            let mut merged = SortedRun::new(level + 1);
            while !merging.is_empty() {
                let part = merging.next_part(&self.key_types, accumulation)?;
                self.write(&part, accumulation, writer, &mut merged)?;
                accumulation.close(part);
            }
            if let Some(known) = self.slices.get_mut(&slice) {
                known.runs.push(merged.end());
            }
        }
        Ok(())
    }

    /// The slice that ends first.
    pub fn first(&self) -> Option<Slice> {
        self.slices.keys().next().copied()
    }

    pub fn has(&self, slice: Slice) -> bool {
        self.slices.contains_key(&slice)
    }

    /// The next groups of a slice, by their keys, of which there are some; with the last of them it is gone.
    pub fn next_part(&mut self, slice: Slice, accumulation: &mut Accumulation) -> io::Result<Groups> {
        let Some(runs) = self.slices.get_mut(&slice) else { return Ok(accumulation.open()) };
        let part = self.spill.timed(|| runs.next_part(&self.key_types, accumulation))?;
        if runs.is_empty() {
            self.slices.remove(&slice);
        }
        Ok(part)
    }

    /// All that was written, as if it were groups of their slices.
    pub fn blocks(&self) -> impl Iterator<Item = (Slice, &Block)> {
        self.slices.iter().flat_map(|(slice, runs)| runs.blocks().map(|block| (*slice, block)))
    }

    /// How many groups there are, some of them in several runs.
    pub fn n_groups(&self) -> usize {
        self.slices.values().map(SortedRuns::n_groups).sum()
    }

    /// Whether some of them may stand in several places; `known` says which slices are elsewhere as well.
    pub fn are_in_parts(&self, known: impl Fn(&Slice) -> bool) -> bool {
        self.slices.iter().any(|(slice, runs)| known(slice) || !runs.is_one())
    }

    /// Slices and how many of them there are only here, where `known` says which are elsewhere as well.
    pub fn n_slices(&self, known: impl Fn(&Slice) -> bool) -> usize {
        self.slices.keys().filter(|slice| !known(slice)).count()
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        self.slices.values().map(SortedRuns::bytes).sum()
    }
}
