//! Runs of groups in files, each sorted by key, and how they are merged.
//!
//! Runs are merged by parts: of all blocks those that begin below some key are read, and the groups below it leave;
//! what the last block of each run has behind it waits for the next part. (Runs and their merging as in external
//! sorting: Knuth, The Art of Computer Programming, 5.4; in levels as in O'Neil et al., The log-structured merge-tree.)

use crate::accumulate::order::{KeyReader, Order};
use crate::kernel::groups::{Accumulation, Groups};
use crate::snapshot::{SnapshotReader, SnapshotWriter};
use crate::spill::{Block, SpillWriter};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, ErrorKind};

/// Of so many blocks for each run a part is made: it is mostly of groups that leave, and few wait.
const BLOCKS_OF_A_RUN: usize = 4;

/// Fewer groups are not worth a block, however large each is.
const FEWEST_GROUPS: usize = 16;

/// What stands in files of one slice.
#[derive(Default)]
pub struct SortedRuns {
    pub runs: Vec<SortedRun>,
    /// What was read and does not leave yet.
    pub rest: Option<Groups>,
}

#[derive(Clone)]
pub struct SortedRun {
    pub level: u32,
    blocks: VecDeque<SortedBlock>,
    /// The keys of the first groups of blocks, one behind the other: what lives as long as this and is many small things
    /// would leave holes in the memory from which blocks come and to which they go.
    firsts: Vec<u8>,
}

#[derive(Clone)]
struct SortedBlock {
    /// Where its first key begins.
    first: usize,
    n_groups: usize,
    block: Block,
}

impl SortedRun {
    pub fn new(level: u32) -> SortedRun {
        SortedRun { level, blocks: VecDeque::new(), firsts: vec![] }
    }

    /// Writes groups behind those that are there, whose keys are less, in blocks of about so many bytes.
    pub fn write(
        &mut self,
        groups: &Groups,
        accumulation: &Accumulation,
        (key_types, order): (&[Type], &mut Order),
        (block_bytes, writer): (usize, &mut SpillWriter),
    ) -> io::Result<()> {
        let keys =
            KeyReader { layout: accumulation.layout(groups), types: key_types, heaps: groups.table.heaps() };
        order.sort(&groups.table, &keys);
        let n_groups = order.n_groups();
        // As they will be when they have been read.
        let bytes_of_group = groups.bytes() / n_groups.max(1);
        let n_of_block = (block_bytes / bytes_of_group.max(1)).max(FEWEST_GROUPS);
        for first in (0..n_groups).step_by(n_of_block) {
            let these: Vec<u32> = order.groups(first..n_groups.min(first + n_of_block)).collect();
            let mut written = SnapshotWriter::default();
            accumulation.write_these(groups, &these, &mut written);
            let block = writer.put(&written.finish())?;
            let mut key = SnapshotWriter::default();
            if let Some(group) = these.first() {
                keys.values(groups.table.slot(*group as usize)).for_each(|value| key.value(&value));
            }
            self.blocks.push_back(SortedBlock { first: self.firsts.len(), n_groups: these.len(), block });
            self.firsts.extend_from_slice(&key.finish());
        }
        Ok(())
    }

    /// Gives back memory for blocks that do not come: where slices are small there are many runs, of a block each.
    pub fn end(mut self) -> SortedRun {
        self.blocks.shrink_to_fit();
        self.firsts.shrink_to_fit();
        self
    }

    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().map(|block| &block.block)
    }

    pub fn n_groups(&self) -> usize {
        self.blocks.iter().map(|block| block.n_groups).sum()
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<SortedBlock>() + self.firsts.capacity()
    }

    /// The key of the first group of a block.
    fn first(&self, block: usize, n_keys: usize) -> Option<Vec<Value>> {
        let mut reader = SnapshotReader::new(self.firsts.get(self.blocks.get(block)?.first..)?);
        (0..n_keys).map(|_| reader.value().ok()).collect()
    }

    /// Takes out the next block, if it begins below a key.
    fn pop_below(&mut self, bound: Option<&Vec<Value>>, n_keys: usize) -> Option<Block> {
        if let Some(bound) = bound
            && self.first(0, n_keys)? >= *bound
        {
            return None;
        }
        self.blocks.pop_front().map(|next| next.block)
    }
}

impl SortedRuns {
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.rest.is_none()
    }

    pub fn of(runs: Vec<SortedRun>) -> SortedRuns {
        SortedRuns { runs, rest: None }
    }

    /// Whether all groups stand in one place.
    pub fn is_one(&self) -> bool {
        self.runs.len() + usize::from(self.rest.is_some()) == 1
    }

    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.runs.iter().flat_map(SortedRun::blocks)
    }

    /// How many groups stand in files, some of them in several runs.
    pub fn n_groups(&self) -> usize {
        self.runs.iter().map(SortedRun::n_groups).sum()
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        self.runs.iter().map(SortedRun::bytes).sum()
    }

    pub fn next_part(&mut self, key_types: &[Type], accumulation: &mut Accumulation) -> io::Result<Groups> {
        let bound = self.bound(key_types.len());
        let mut part = self.rest.take().unwrap_or_else(|| accumulation.open());
        for run in &mut self.runs {
            while let Some(next) = run.pop_below(bound.as_ref(), key_types.len()) {
                let bytes = next.read()?;
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
    fn bound(&self, n_keys: usize) -> Option<Vec<Value>> {
        let n = self.runs.len() * BLOCKS_OF_A_RUN;
        if self.blocks().count() <= n {
            return None;
        }
        let next =
            |run: usize, block: usize| Some(Reverse((self.runs[run].first(block, n_keys)?, run, block)));
        let mut heads: BinaryHeap<_> = (0..self.runs.len()).filter_map(|run| next(run, 0)).collect();
        for _ in 0..n {
            let Reverse((_, run, block)) = heads.pop()?;
            heads.extend(next(run, block + 1));
        }
        heads.pop().map(|Reverse((first, _, _))| first)
    }
}
