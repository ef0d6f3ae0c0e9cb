//! Groups of open slices that memory had no room for. They stand in *runs*, each sorted by key, and come together again,
//! from the least key to the greatest, when their window closes.
//!
//! Runs are merged by parts: of all blocks those that begin below some key are read, and the groups below it leave;
//! what the last block of each run has behind it waits for the next part. (Runs and their merging as in external
//! sorting: Knuth, The Art of Computer Programming, 5.4; in levels as in O'Neil et al., The log-structured merge-tree.)

use super::shares::Slice;
use crate::accumulate::order::{KeyReader, Order};
use crate::kernel::groups::{Accumulation, Groups};
use crate::snapshot::{SnapshotReader, SnapshotWriter};
use crate::spill::{Block, Spill, SpillWriter};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};

/// So many runs of a level become one of the next, so that few are read at a time and few files are open.
const FAN_IN: usize = 16;

/// Of so many blocks for each run a part is made: it is mostly of groups that leave, and few wait.
const BLOCKS_OF_A_RUN: usize = 4;

/// Fewer groups are not worth a block, however large each is.
const FEWEST_GROUPS: usize = 16;

pub struct SpilledSlices {
    spill: Spill,
    key_types: Vec<Type>,
    slices: BTreeMap<Slice, SortedRuns>,
    order: Order,
}

/// What stands in files of one slice.
#[derive(Default)]
struct SortedRuns {
    runs: Vec<SortedRun>,
    /// What was read and does not leave yet.
    rest: Option<Groups>,
}

struct SortedRun {
    level: u32,
    blocks: VecDeque<SortedBlock>,
}

struct SortedBlock {
    /// The key of the first group.
    first: Vec<Value>,
    n_groups: usize,
    block: Block,
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
                let blocks = self.write(&groups, accumulation, &mut writer)?;
                let known = self.slices.entry(slice).or_default();
                known.runs.push(SortedRun { level: 0, blocks });
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
    ) -> io::Result<VecDeque<SortedBlock>> {
        let layout = accumulation.layout(groups);
        let keys = KeyReader { layout, types: &self.key_types, heaps: groups.table.heaps() };
        self.order.sort(&groups.table, &keys);
        let n_groups = self.order.n_groups();
        // As they will be when they have been read.
        let bytes_of_group = groups.bytes() / n_groups.max(1);
        let n_of_block = (self.spill.block_bytes() / bytes_of_group.max(1)).max(FEWEST_GROUPS);
        let block = |first: usize| {
            let these: Vec<u32> = self.order.groups(first..n_groups.min(first + n_of_block)).collect();
            let mut written = SnapshotWriter::default();
            accumulation.write_these(groups, &these, &mut written);
            let first = these
                .first()
                .map_or(vec![], |group| keys.values(groups.table.slot(*group as usize)).collect());
            Ok(SortedBlock { first, n_groups: these.len(), block: writer.put(&written.finish())? })
        };
        (0..n_groups).step_by(n_of_block).map(block).collect()
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
            let mut blocks = VecDeque::new();
            while !merging.is_empty() {
                let part = merging.next_part(&self.key_types, accumulation)?;
                blocks.extend(self.write(&part, accumulation, writer)?);
                accumulation.close(part);
            }
            if let Some(known) = self.slices.get_mut(&slice) {
                known.runs.push(SortedRun { level: level + 1, blocks });
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
        self.slices.iter().flat_map(|(slice, runs)| runs.blocks().map(|block| (*slice, &block.block)))
    }

    /// How many groups there are, some of them in several runs.
    pub fn n_groups(&self) -> usize {
        self.slices.values().flat_map(SortedRuns::blocks).map(|block| block.n_groups).sum()
    }

    /// Slices and how many of them there are only here, where `known` says which are elsewhere as well.
    pub fn n_slices(&self, known: impl Fn(&Slice) -> bool) -> usize {
        self.slices.keys().filter(|slice| !known(slice)).count()
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        let of_block = size_of::<SortedBlock>() + self.key_types.len() * 2 * size_of::<Value>();
        self.slices.values().flat_map(SortedRuns::blocks).count() * of_block
    }
}

impl SortedRuns {
    fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.rest.is_none()
    }

    fn blocks(&self) -> impl Iterator<Item = &SortedBlock> {
        self.runs.iter().flat_map(|run| &run.blocks)
    }

    fn next_part(&mut self, key_types: &[Type], accumulation: &mut Accumulation) -> io::Result<Groups> {
        let bound = self.bound();
        let mut part = self.rest.take().unwrap_or_else(|| accumulation.open());
        for run in &mut self.runs {
            while let Some(next) =
                run.blocks.pop_front_if(|next| bound.as_ref().is_none_or(|b| next.first < *b))
            {
                let bytes = next.block.read()?;
                let mut reader = SnapshotReader::new(&bytes);
                let groups = accumulation.restore(&mut reader);
                let groups = groups.map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
                accumulation.merge(&mut part, &groups);
            }
        }
        self.runs.retain(|run| !run.blocks.is_empty());
        if let Some(bound) = bound {
            let layout = accumulation.layout(&part).clone();
            let rest = accumulation.split_off(&mut part, |table, slot| {
                let keys = KeyReader { layout: &layout, types: key_types, heaps: table.heaps() };
                keys.values(slot).ge(bound.iter().cloned())
            });
            self.rest = (rest.table.n_groups() > 0).then_some(rest);
        }
        Ok(part)
    }

    /// The key that is the first of a later part; none if this is the last. Blocks begin below it: of those that begin
    /// with the same key there is one to a run at most.
    fn bound(&self) -> Option<Vec<Value>> {
        let mut firsts: Vec<&Vec<Value>> = self.blocks().map(|block| &block.first).collect();
        let n = self.runs.len() * BLOCKS_OF_A_RUN;
        (firsts.len() > n).then(|| firsts.select_nth_unstable(n).1.clone())
    }
}
