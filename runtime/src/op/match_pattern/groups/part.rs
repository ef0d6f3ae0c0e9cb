//! What is found of all rows of a batch at once: which tests they pass, and their partitions.

use super::super::course::Tests;
use super::super::event_log::ChunkNumber;
use super::super::pattern::Pattern;
use super::super::rows::Answers;
use super::{Event, Groups, Memory, Partition};
use crate::kernel::key_index::NO_STATE;
use crate::kernel::prefetch::prefetch;
use crate::message::EventTime;
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};

/// How far ahead partitions are requested, and, when these have come, their groups.
const PARTITIONS_AHEAD: usize = 16;
const GROUPS_AHEAD: usize = 8;

/// Rows of one input.
pub struct Part {
    input: usize,
    batch: Batch,
    /// Where events of them are kept.
    chunk: ChunkNumber,
    /// Per row: the tests that it passes, or may pass.
    passes: Vec<Tests>,
    /// Per row: the number of its partition, if it matters to one.
    partitions: Vec<u32>,
}

impl Part {
    /// The rows that may matter.
    fn rows(&self) -> Vec<(usize, u32)> {
        let numbers = (0..).zip(&self.partitions);
        numbers.filter(|(_, partition)| **partition != NO_STATE).map(|(row, _)| (0, row)).collect()
    }
}

impl Groups {
    /// Looks at rows of an input, which follow those of the last part that was taken.
    pub fn prepare(&mut self, pattern: &Pattern, input: usize, batch: Batch) -> Part {
        // Memory is used again: that of a batch is large enough to be given back to the system each time.
        let Memory { rows, numbers, parts, .. } = &mut self.memory;
        let (mut passes, partitions) =
            parts.pop().map_or_else(Default::default, |p| (p.passes, p.partitions));
        self.course.passes_of_all(input, &batch, &mut passes);
        let keys = pattern.spec.inputs[input].keys.iter().map(|column| &batch.columns[*column]);
        let keys: Vec<&ColumnRef> = keys.collect();
        let begins = self.course.begins;
        choose(rows, &passes, |passes| passes & begins != 0);
        if !rows.is_empty() {
            self.keys.find(&keys, rows, numbers);
        }
        self.add_partitions();
        let chunk = self.log.open(input, &batch);
        Part { input, batch, chunk, passes, partitions }
    }

    /// Finds the partitions of a part, when all events of the others that begin runs have theirs.
    fn locate(&mut self, pattern: &Pattern, part: &mut Part) {
        let Part { input, batch, passes, partitions, .. } = part;
        let Memory { rows, numbers, .. } = &mut self.memory;
        let keys = pattern.spec.inputs[*input].keys.iter().map(|column| &batch.columns[*column]);
        let keys: Vec<&ColumnRef> = keys.collect();
        let minds = |passes: Tests| pattern.minds_all || passes != 0;
        partitions.clear();
        if self.keys.n_live() == 0 {
            partitions.resize(batch.n_rows, NO_STATE);
        } else if passes.iter().all(|passes| minds(*passes)) {
            self.keys.look_up_all(&keys, batch.n_rows, partitions);
        } else {
            choose(rows, passes, minds);
            self.keys.look_up(&keys, rows, numbers);
            partitions.resize(batch.n_rows, NO_STATE);
            rows.iter().zip(&*numbers).for_each(|(row, number)| partitions[*row as usize] = *number);
        }
    }

    /// Makes room for the partitions of new keys.
    pub(super) fn add_partitions(&mut self) {
        let n = self.partitions.len().max(self.keys.n_numbers());
        self.partitions.resize_with(n, || Partition::EMPTY);
    }

    /// Takes rows of parts in their order: for each, the part and the row. Of a single part, all rows.
    pub fn take(
        &mut self,
        pattern: &Pattern,
        mut parts: Vec<Part>,
        order: Option<Vec<(usize, u32)>>,
        answers: &mut Answers,
    ) {
        parts.iter_mut().for_each(|part| self.locate(pattern, part));
        let rows = order.unwrap_or_else(|| parts.first().map_or_else(Vec::new, Part::rows));
        let partition_of = |(part, row): &(usize, u32)| parts[*part].partitions[*row as usize] as usize;
        let mut next_partitions = rows.iter().skip(PARTITIONS_AHEAD).map(partition_of);
        let mut next_groups = rows.iter().skip(GROUPS_AHEAD).map(partition_of);
        for (part, row) in rows.iter().copied() {
            if let Some(partition) = next_partitions.next() {
                prefetch(self.partitions.as_ptr().wrapping_add(partition).cast());
            }
            if let Some(partition) = next_groups.next().and_then(|partition| self.partitions.get(partition)) {
                prefetch(partition.groups.as_ptr().cast());
                prefetch(partition.groups.as_ptr().wrapping_add(1).cast());
            }
            let Part { input, batch, chunk, passes, partitions } = &parts[part];
            let (partition, row) = (partitions[row as usize], row as usize);
            let passes = passes[row];
            if partition == NO_STATE
                || passes & self.course.begins == 0 && self.partitions[partition as usize].groups.is_empty()
            {
                continue;
            }
            let time = match &batch.columns[self.times[*input]].data {
                ColumnData::I64(times) => times[row],
                _ => EventTime::MIN,
            };
            if self.course.shortest_clock.is_some() {
                self.run_clocks(pattern, time, answers);
            }
            let columns = &batch.columns;
            let mut event = Event { input: *input, columns, row, time, passes, chunk: *chunk, id: None };
            self.take_event(pattern, &mut event, partition, answers);
        }
        self.log.close();
        self.memory.parts.extend(parts);
    }
}

/// Replaces `rows` by those with such tests.
fn choose(rows: &mut Vec<u32>, passes: &[Tests], chosen: impl Fn(Tests) -> bool) {
    rows.clear();
    rows.extend((0..).zip(passes).filter(|(_, passes)| chosen(**passes)).map(|(row, _)| row));
}
