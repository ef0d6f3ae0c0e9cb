//! The groups of a window, and the one way to add rows to them: find slots, then update accumulators.
//!
//! Slots begin narrow: sums of 64 bits, which hold as long as the number of rows times the greatest
//! argument does. That is known before a batch is added, for one look at each argument; where it could
//! be too much, the slots become wide ones, and nothing has overflowed.

use super::accumulate::{
    ABSENT, Pairs, PortableKernel, add_fallible, merge_slots, update_primitive, update_side,
};
use super::extent::magnitude_bits;
use super::key::{Keys, copy_words};
use super::key_index::KeyIndex;
use super::prefetch::prefetch;
use super::table::{CHUNK, Slots, Table, widen_accumulators};
use crate::accumulate::side::{FailedRow, SideStates, side_states};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::{AccumulatorKind, AggregateCall, KeyKind, SlotLayout};
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::engine::AccumulateKernel;
use millstream_ir::types::Type;
use std::borrow::Cow;

/// How many rows are looked up before arguments of so many others are requested.
const PART: usize = 64;

/// How many cleared groups are kept for later windows.
const SPARE: usize = 2;

/// One per aggregate; none for those whose state stands in the slot.
pub type Sides = Vec<Option<Box<dyn SideStates>>>;

/// No states yet, of accumulators of this layout.
pub fn sides(layout: &SlotLayout, aggregates: &[AggregateCall]) -> Sides {
    let sides = layout.accumulators.iter().zip(aggregates);
    sides
        .map(|(field, call)| if field.kind == AccumulatorKind::Side { side_states(call) } else { None })
        .collect()
}

/// The groups of one window.
pub struct Groups {
    pub table: Table,
    pub sides: Sides,
    /// Of which layout the slots are.
    is_wide: bool,
    /// Per aggregate: no group's sum is farther from zero.
    bounds: Vec<u128>,
    /// Whether an argument was wider than 64 bits.
    has_wide_argument: bool,
}

impl Groups {
    fn new(layout: &SlotLayout, aggregates: &[AggregateCall], seed: u64, is_wide: bool) -> Groups {
        Groups {
            table: Table::new(layout, seed),
            sides: sides(layout, aggregates),
            is_wide,
            bounds: vec![0; aggregates.len()],
            has_wide_argument: false,
        }
    }

    fn clear(&mut self) {
        self.table.clear();
        self.sides.iter_mut().flatten().for_each(|states| states.clear());
        self.bounds.fill(0);
        self.has_wide_argument = false;
    }

    /// Bytes of memory, about; counted anew, so not for every batch.
    pub fn bytes(&self) -> usize {
        let sides: usize = self.sides.iter().flatten().map(|states| states.bytes()).sum();
        self.table.bytes() + sides
    }

    /// Takes into account that these rows of a batch, ascending, will be added.
    fn expect(&mut self, narrow: &SlotLayout, aggregates: &[AggregateCall], batch: &Batch, rows: &[u32]) {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
        for ((call, field), bound) in aggregates.iter().zip(&narrow.accumulators).zip(&mut self.bounds) {
            let Some((column, _)) = call.argument() else { continue };
            match &batch.columns[*column].data {
                ColumnData::I128(_) => self.has_wide_argument = true,
                ColumnData::I64(values) if field.kind == AccumulatorKind::SumNarrow => {
                    let bits = magnitude_bits(&values[*first as usize..*last as usize + 1]);
                    *bound = bound.saturating_add((rows.len() as u128) << bits);
                }
                _ => {}
            }
        }
    }

    fn fit_narrow_slots(&self) -> bool {
        !self.has_wide_argument && fit_narrow_sums(&self.bounds)
    }
}

/// Whether sums that are no farther from zero fit narrow slots.
pub fn fit_narrow_sums(bounds: &[u128]) -> bool {
    bounds.iter().all(|bound| *bound <= i64::MAX as u128)
}

/// Groups whose keys have got numbers.
#[derive(Default)]
pub struct NumberedGroups {
    pub numbers: Vec<u32>,
    /// Their slots without keys, one behind the other.
    pub words: Vec<u64>,
    pub sides: Sides,
    pub is_wide: bool,
    /// As those of [`Groups`].
    pub bounds: Vec<u128>,
}

/// Adds rows to groups. One per operator; its buffers are shared by all windows.
pub struct Accumulation {
    /// Columns of the input.
    keys: Vec<usize>,
    aggregates: Vec<AggregateCall>,
    /// The column of the event time.
    time: usize,
    /// For narrow slots.
    compiled: Option<Box<dyn AccumulateKernel>>,
    narrow: PortableKernel,
    wide: PortableKernel,
    /// Whether new groups had better be wide from the start.
    starts_wide: bool,
    /// Cleared groups that are kept for later windows.
    spare: Vec<Groups>,
    /// Of the hash tables.
    seed: u64,
    key_rows: Keys,
    slots: Slots,
    /// Whether adding a row can fail.
    can_fail: bool,
    failed: Vec<FailedRow>,
}

// SAFETY: the addresses in `key_rows` and `slots` are left over from the last call and never used again.
unsafe impl Send for Accumulation {}

impl Accumulation {
    /// `key_types` are those of the columns `keys`; `seed` is that of the hash tables, and changes nothing
    /// that can be seen.
    pub fn new(
        (keys, key_types): (Vec<usize>, &[Type]),
        aggregates: Vec<AggregateCall>,
        time: usize,
        compiled: Option<Box<dyn AccumulateKernel>>,
        seed: u64,
    ) -> Accumulation {
        let can_fail = aggregates.iter().any(AggregateCall::can_fail);
        let kernel = |layout| PortableKernel::new(layout, aggregates.clone());
        Accumulation {
            narrow: kernel(SlotLayout::narrow(key_types, &aggregates)),
            wide: kernel(SlotLayout::wide(key_types, &aggregates)),
            keys,
            aggregates,
            time,
            compiled,
            starts_wide: false,
            spare: vec![],
            seed,
            key_rows: Keys::default(),
            slots: vec![],
            can_fail,
            failed: vec![],
        }
    }

    /// The rows that failed since this was asked last, of the batches that were added.
    pub fn take_failed(&mut self) -> Vec<FailedRow> {
        std::mem::take(&mut self.failed)
    }

    /// Of the slots of these groups.
    pub fn layout(&self, groups: &Groups) -> &SlotLayout {
        self.layout_of(groups.is_wide)
    }

    /// Of slots, if they are wide or not.
    pub fn layout_of(&self, is_wide: bool) -> &SlotLayout {
        if is_wide { &self.wide.layout } else { &self.narrow.layout }
    }

    /// Groups of a new window.
    pub fn open(&mut self) -> Groups {
        let is_wide = self.starts_wide;
        let spare = std::iter::from_fn(|| self.spare.pop()).find(|groups| groups.is_wide == is_wide);
        spare.unwrap_or_else(|| {
            let layout = if is_wide { &self.wide.layout } else { &self.narrow.layout };
            Groups::new(layout, &self.aggregates, self.seed, is_wide)
        })
    }

    /// Takes back the groups of a window that has been closed.
    pub fn close(&mut self, mut groups: Groups) {
        self.starts_wide = !groups.fit_narrow_slots();
        groups.clear();
        if self.spare.len() < SPARE {
            self.spare.push(groups);
        }
    }

    /// Gives the memory back that is kept for later windows.
    pub fn forget_spare(&mut self) {
        self.spare.clear();
    }

    /// Adds these rows of a batch, ascending, to the groups of their window.
    ///
    /// # Panics
    /// If a row is not one of the batch, or the batch is not of the node's input.
    pub fn add(&mut self, groups: &mut Groups, batch: &Batch, rows: &[u32]) {
        // Without a branch a row: all are looked at, several at once.
        assert!(rows.iter().fold(true, |fine, row| fine & ((*row as usize) < batch.n_rows)));
        assert!(batch.columns.iter().all(|column| column.len() == batch.n_rows));
        let key_columns: Vec<&ColumnRef> = self.keys.iter().map(|k| &batch.columns[*k]).collect();
        let arguments = arguments_of(&self.aggregates, batch);
        for rows in rows.chunks(CHUNK) {
            groups.expect(&self.narrow.layout, &self.aggregates, batch, rows);
            if !groups.is_wide && !groups.fit_narrow_slots() {
                groups.table.widen(&self.narrow.layout, &self.wide.layout);
                groups.is_wide = true;
            }
            if key_columns.is_empty() {
                groups.table.find_only(rows.len(), &mut self.slots);
                self.update(groups, batch, rows);
                continue;
            }
            let is_word = self.narrow.layout.keys.iter().all(|key| key.kind == KeyKind::Word);
            let plain =
                plain_keys(&key_columns, rows).filter(|_| is_word && self.narrow.layout.key_nulls.is_none());
            if plain.is_none() {
                self.key_rows.fill(&self.narrow.layout, &key_columns, rows);
            }
            let mut from = 0;
            while from < rows.len() {
                match plain {
                    Some(keys) => {
                        self.slots.clear();
                        let part = if groups.table.requests_ahead() { CHUNK } else { PART };
                        for (i, keys) in keys[from..].chunks(part).enumerate() {
                            if part == PART {
                                // The arguments of later rows come while these are looked up.
                                request(&arguments, rows[from] as usize + CHUNK + i * PART);
                            }
                            groups.table.find_plain(keys, &mut self.slots);
                            if self.slots.len() < i * part + keys.len() {
                                break;
                            }
                        }
                    }
                    None => groups.table.find(&self.key_rows, from, &mut self.slots),
                }
                let found = from + self.slots.len();
                self.update(groups, batch, &rows[from..found]);
                from = found;
                if from < rows.len() {
                    groups.table.grow();
                }
            }
        }
    }

    /// Adds all rows of other groups, key by key, to those of the same keys, of which there may be none yet.
    /// Both are groups of this accumulation, or of another of the same node.
    pub fn merge(&mut self, into: &mut Groups, from: &Groups) {
        for (bound, other) in into.bounds.iter_mut().zip(&from.bounds) {
            *bound = bound.saturating_add(*other);
        }
        into.has_wide_argument |= from.has_wide_argument;
        if !into.is_wide && (from.is_wide || !into.fit_narrow_slots()) {
            into.table.widen(&self.narrow.layout, &self.wide.layout);
            into.is_wide = true;
        }
        into.table.grow_to(&from.table);
        let groups: Vec<u32> = from.table.groups().collect();
        self.merge_these(into, from, &groups);
    }

    /// The same of some groups, after it has been seen to that their sums fit.
    fn merge_these(&mut self, into: &mut Groups, from: &Groups, groups: &[u32]) {
        for groups in groups.chunks(CHUNK) {
            if self.keys.is_empty() {
                into.table.find_only(groups.len(), &mut self.slots);
                self.merge_slots(into, from, groups);
                continue;
            }
            from.table.keys_of(groups, &mut self.key_rows);
            let mut start = 0;
            while start < groups.len() {
                into.table.find(&self.key_rows, start, &mut self.slots);
                let found = start + self.slots.len();
                self.merge_slots(into, from, &groups[start..found]);
                start = found;
                if start < groups.len() {
                    into.table.grow();
                }
            }
        }
    }

    /// Merges these slots into those in `self.slots`.
    fn merge_slots(&mut self, into: &mut Groups, from: &Groups, groups: &[u32]) {
        let layout = if into.is_wide { &self.wide.layout } else { &self.narrow.layout };
        let widen = into.is_wide && !from.is_wide;
        let mut widened = vec![];
        for (slot, group) in self.slots.iter().zip(groups) {
            // SAFETY: the table has just found this slot, of this layout, and does not move it before its next
            // `find` or `grow`; nothing else refers to it.
            let words = unsafe { std::slice::from_raw_parts_mut(*slot as *mut u64, layout.size / 8) };
            let mut other = from.table.slot(*group as usize);
            // One row has been counted by the lookup.
            words[0] = (words[0] & !ABSENT) + other[0] - 1;
            if widen {
                widened = layout.fresh();
                widen_accumulators((other, &self.narrow.layout), (&mut widened, layout));
                other = &widened;
            }
            merge_slots(layout, words, other);
            for (i, field) in layout.accumulators.iter().enumerate() {
                let at = field.offset / 8;
                if let (Some(states), Some(others)) = (&mut into.sides[i], &from.sides[i]) {
                    if words[at] == 0 {
                        words[at] = states.make();
                    }
                    states.merge_from(words[at], &**others, other[at]);
                }
            }
        }
    }

    /// Takes groups out of their table, and gives their keys numbers. `memory` is used for them.
    pub fn number(
        &mut self,
        mut groups: Groups,
        index: &mut KeyIndex,
        memory: NumberedGroups,
    ) -> NumberedGroups {
        let layout = self.layout(&groups);
        let accumulators = 1 + index.width()..layout.size / 8;
        let fresh_sides = sides(layout, &self.aggregates);
        let NumberedGroups { mut numbers, mut words, mut bounds, .. } = memory;
        // A key of one word is read with the slots, without another look at them.
        let (mut firsts, mut slots, mut taken) = (vec![], vec![], vec![]);
        let first = if index.width() == 1 { 1 } else { 0 };
        groups.table.words(first, &mut firsts, &mut slots);
        numbers.clear();
        words.clear();
        words.resize(slots.len() * (1 + accumulators.len()), 0);
        let mut rows = words.chunks_exact_mut(1 + accumulators.len());
        for (slots, firsts) in slots.chunks(CHUNK).zip(firsts.chunks(CHUNK)) {
            match index.width() {
                0 => index.find(&[], slots, &mut numbers),
                1 => {
                    self.key_rows.fill_words(firsts);
                    index.find_chunk(&self.key_rows, &mut numbers);
                }
                _ => {
                    groups.table.keys_of(slots, &mut self.key_rows);
                    index.find_chunk(&self.key_rows, &mut numbers);
                }
            }
            // Each is freed as it is read, so the table has not to be cleared.
            let n_words = groups.table.take(slots, &mut taken);
            for (slot, row) in taken.chunks_exact(n_words).zip(&mut rows) {
                row[0] = slot[0];
                copy_words(&slot[accumulators.clone()], &mut row[1..]);
            }
        }
        let sides = std::mem::replace(&mut groups.sides, fresh_sides);
        let is_wide = groups.is_wide;
        bounds.clone_from(&groups.bounds);
        self.close(groups);
        NumberedGroups { numbers, words, sides, is_wide, bounds }
    }

    /// Groups of these keys, with what slots without keys hold of each: what [`Accumulation::number`] undoes.
    pub fn named(
        &self,
        keys: &[ColumnRef],
        slots: &[&[u64]],
        (sides, is_wide, bounds): (&Sides, bool, &[u128]),
    ) -> Groups {
        let layout = self.layout_of(is_wide);
        let mut groups = Groups::new(layout, &self.aggregates, self.seed, is_wide);
        groups.bounds = bounds.to_vec();
        let (mut key_rows, mut found) = (Keys::default(), vec![]);
        let columns: Vec<&ColumnRef> = keys.iter().collect();
        let rows: Vec<u32> = (0..slots.len() as u32).collect();
        for (rows, slots) in rows.chunks(CHUNK).zip(slots.chunks(CHUNK)) {
            key_rows.fill(layout, &columns, rows);
            let mut from = 0;
            while from < rows.len() {
                match columns.is_empty() {
                    true => groups.table.find_only(rows.len(), &mut found),
                    false => groups.table.find(&key_rows, from, &mut found),
                }
                for (into, slot) in found.iter().zip(&slots[from..]) {
                    // SAFETY: as in `merge_slots`.
                    let words = unsafe { std::slice::from_raw_parts_mut(*into as *mut u64, layout.size / 8) };
                    words[0] = slot[0];
                    let accumulators = words.len() + 1 - slot.len()..;
                    copy_words(&slot[1..], &mut words[accumulators]);
                    for (i, field) in layout.accumulators.iter().enumerate() {
                        let at = field.offset / 8;
                        if let (Some(states), Some(others)) = (&mut groups.sides[i], &sides[i])
                            && words[at] != 0
                        {
                            let made = states.make();
                            states.merge_from(made, &**others, words[at]);
                            words[at] = made;
                        }
                    }
                }
                from += found.len();
                if from < rows.len() {
                    groups.table.grow();
                }
            }
        }
        groups
    }

    /// Takes out the groups whose slots `leave`.
    pub fn split_off(&mut self, groups: &mut Groups, leave: impl Fn(&Table, &[u64]) -> bool) -> Groups {
        let leaves = |group: &u32| leave(&groups.table, groups.table.slot(*group as usize));
        let leaving: Vec<u32> = groups.table.groups().filter(leaves).collect();
        let layout = if groups.is_wide { &self.wide.layout } else { &self.narrow.layout };
        let mut split = Groups::new(layout, &self.aggregates, self.seed, groups.is_wide);
        (split.bounds, split.has_wide_argument) = (groups.bounds.clone(), groups.has_wide_argument);
        // As in `merge`.
        split.table.grow_to(&groups.table);
        self.merge_these(&mut split, groups, &leaving);
        groups.table.take(&leaving, &mut vec![]);
        split
    }

    /// Writes all groups.
    pub fn write(&self, groups: &Groups, out: &mut SnapshotWriter) {
        let all: Vec<u32> = groups.table.groups().collect();
        self.write_these(groups, &all, out);
    }

    /// Writes these groups as if they were all.
    pub fn write_these(&self, groups: &Groups, these: &[u32], out: &mut SnapshotWriter) {
        out.bool(groups.is_wide);
        out.bool(groups.has_wide_argument);
        groups.bounds.iter().for_each(|bound| out.i128(*bound as i128));
        let layout = self.layout(groups);
        out.count(these.len());
        for group in these {
            groups.table.write_key(*group, out);
            let slot = groups.table.slot(*group as usize);
            out.u64(slot[0]);
            for (field, states) in layout.accumulators.iter().zip(&groups.sides) {
                field.seen.iter().for_each(|seen| out.u64(slot[seen / 8]));
                let words = &slot[field.offset / 8..][..field.kind.bytes() / 8];
                match states {
                    Some(states) => states.write(words[0], out),
                    None => words.iter().for_each(|word| out.u64(*word)),
                }
            }
        }
    }

    /// The groups that [`Accumulation::write`] wrote.
    pub fn restore(&mut self, from: &mut SnapshotReader) -> Result<Groups, Corrupt> {
        let is_wide = from.bool()?;
        let layout = if is_wide { &self.wide.layout } else { &self.narrow.layout };
        let mut groups = Groups::new(layout, &self.aggregates, self.seed, is_wide);
        groups.has_wide_argument = from.bool()?;
        for bound in &mut groups.bounds {
            *bound = from.i128()? as u128;
        }
        let n_groups = from.count()?;
        for _ in 0..n_groups {
            if self.keys.is_empty() {
                groups.table.find_only(1, &mut self.slots);
            } else {
                groups.table.restore_key(from, &mut self.key_rows)?;
                groups.table.find(&self.key_rows, 0, &mut self.slots);
                if self.slots.is_empty() {
                    groups.table.grow();
                    groups.table.find(&self.key_rows, 0, &mut self.slots);
                }
            }
            let slot = *self.slots.first().ok_or(Corrupt)?;
            // SAFETY: as in `merge_slots`.
            let words = unsafe { std::slice::from_raw_parts_mut(slot as *mut u64, layout.size / 8) };
            words[0] = from.total()?;
            if words[0] == 0 {
                return Err(Corrupt);
            }
            for (field, states) in layout.accumulators.iter().zip(&mut groups.sides) {
                if let Some(seen) = field.seen {
                    words[seen / 8] = from.total()?;
                }
                let words = &mut words[field.offset / 8..][..field.kind.bytes() / 8];
                match states {
                    Some(states) => words[0] = states.restore(from)?,
                    None => {
                        for word in words {
                            *word = from.u64()?;
                        }
                    }
                }
            }
        }
        if groups.table.n_groups() == n_groups { Ok(groups) } else { Err(Corrupt) }
    }

    /// Updates the accumulators in `self.slots` by these rows.
    fn update(&mut self, groups: &mut Groups, batch: &Batch, rows: &[u32]) {
        let mut rows = Cow::Borrowed(rows);
        if let ColumnData::I64(times) = &batch.columns[self.time].data
            && self.can_fail
        {
            let layout = if groups.is_wide { &self.wide.layout } else { &self.narrow.layout };
            let pairs = (&mut self.slots[..], &mut rows.to_mut()[..]);
            let (calls, sides) = (&self.aggregates, &mut groups.sides);
            let left = add_fallible(pairs, layout, calls, sides, (batch, times), &mut self.failed);
            self.slots.truncate(left);
            rows.to_mut().truncate(left);
        }
        let rows = &rows[..];
        let kernel: &mut dyn AccumulateKernel = match &mut self.compiled {
            _ if groups.is_wide => &mut self.wide,
            Some(compiled) => &mut **compiled,
            None => &mut self.narrow,
        };
        // SAFETY: the table has just found these slots, of this layout, and does not move them before its
        // next `find` or `grow`; rows and columns were checked by `add`.
        unsafe { kernel.update(&self.slots, rows, &batch.columns) };
        let layout = if groups.is_wide { &self.wide.layout } else { &self.narrow.layout };
        // SAFETY: as above.
        let mut pairs = unsafe { Pairs::new(&self.slots, rows, layout.size) };
        let sides = groups.sides.iter_mut();
        for ((field, call), side) in layout.accumulators.iter().zip(&self.aggregates).zip(sides) {
            update_primitive(&mut pairs, field, call, &batch.columns);
            // Those that can fail have been.
            if let Some(states) = side
                && !call.can_fail()
                && let ColumnData::I64(times) = &batch.columns[self.time].data
            {
                update_side(&mut pairs, &mut **states, field, call, batch, times);
            }
        }
    }
}

/// The columns of arguments that are 64-bit numbers, each once.
fn arguments_of<'a>(aggregates: &[AggregateCall], batch: &'a Batch) -> Vec<&'a [i64]> {
    let mut numbers: Vec<usize> =
        aggregates.iter().filter_map(|call| call.argument()).map(|(column, _)| *column).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let column = |number: usize| match &batch.columns[number].data {
        ColumnData::I64(values) => Some(&values[..]),
        _ => None,
    };
    numbers.into_iter().filter_map(column).collect()
}

/// Asks the processor for arguments of [`PART`] rows from one on.
#[inline]
fn request(arguments: &[&[i64]], first: usize) {
    /// The numbers of a line of memory.
    const LINE: usize = 8;
    for values in arguments {
        for row in (first..first + PART).step_by(LINE) {
            prefetch(values.as_ptr().wrapping_add(row) as *const u8);
        }
    }
}

/// The keys of these rows as they stand in their column, if there is one column of 64-bit numbers and the
/// rows are next to each other. (Of decimals they are half of a key.)
fn plain_keys<'a>(key_columns: &[&'a ColumnRef], rows: &[u32]) -> Option<&'a [i64]> {
    let ([column], [first, .., last]) = (key_columns, rows) else { return None };
    match &column.data {
        ColumnData::I64(keys) if (last - first) as usize + 1 == rows.len() => {
            Some(&keys[*first as usize..*last as usize + 1])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
