//! Accumulators of groups that are addressed by a number: what per-row windows, sessions and running
//! aggregates hold, which look at one group at a time and take rows out again.
//!
//! ```text
//! let slot = arena.make();                      // a group of no rows
//! arena.add(slot, row);                         // row: &batch, its times, the number of the row
//! arena.add_rows(&slots, &rows, &batch, times); // many at once, aggregate by aggregate
//! arena.remove(slot, row);                      // if the calls are `removable`
//! arena.merge(into, from);                      // as if all rows of `from` had been added
//! arena.record(slot, &mut results);             // its results now, as one row
//! let columns = arena.columns(results, &mut misfits);
//! arena.free(slot);
//! ```
//!
//! Slots are of the wide layout without keys; their first word counts the group's rows. A slot is a number,
//! so it stays what it is whatever happens to others. What the numbers mean is the caller's: a slot that is
//! freed is used again.

mod each;

use super::result::{Misfit, result_column};
use super::side::{FailedRow, Position, Row, SideStates, side_states};
use crate::kernel::accumulate::{SlotRows, add, merge_slots, remove, takes_part, update_field, update_side};
use crate::kernel::prefetch::prefetch;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::{AccumulatorKind, AggregateCall, SlotLayout};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnBuilder};
use millstream_ir::eval::RowError;
use millstream_ir::value::Value;
use std::collections::HashMap;

/// The number of a group's slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(pub u32);

pub struct Arena {
    aggregates: Vec<AggregateCall>,
    layout: SlotLayout,
    /// Of a slot without rows.
    fresh: Vec<u64>,
    /// All slots, one behind the other.
    words: Vec<u64>,
    /// One per aggregate; none for those whose state stands in the slot.
    sides: Vec<Option<Box<dyn SideStates>>>,
    free: Vec<Slot>,
    /// Whether adding a row can fail, and whether rows are taken out.
    can_fail: bool,
    is_removable: bool,
    failed: Vec<FailedRow>,
    /// Where rows stand that failed and so can't be taken out.
    outside: HashMap<Slot, Vec<Position>>,
}

/// The results of groups at some moments, a row each.
pub struct Results {
    /// Copies of slots.
    words: Vec<u64>,
    /// Of each aggregate whose state stands outside the slot.
    sides: Vec<Option<ColumnBuilder>>,
    n_rows: usize,
    misfits: Vec<Misfit>,
}

impl Results {
    pub fn len(&self) -> usize {
        self.n_rows
    }

    pub fn is_empty(&self) -> bool {
        self.n_rows == 0
    }
}

impl Arena {
    pub fn new(aggregates: &[AggregateCall]) -> Arena {
        let layout = SlotLayout::wide(&[], aggregates);
        let sides =
            layout.accumulators.iter().zip(aggregates).map(|(field, call)| {
                if field.kind == AccumulatorKind::Side { side_states(call) } else { None }
            });
        Arena {
            fresh: layout.fresh(),
            sides: sides.collect(),
            aggregates: aggregates.to_vec(),
            layout,
            words: vec![],
            free: vec![],
            can_fail: aggregates.iter().any(AggregateCall::can_fail),
            is_removable: aggregates.iter().any(|call| call.removable),
            failed: vec![],
            outside: HashMap::new(),
        }
    }

    /// The rows that failed since this was asked last, by their numbers in their batches.
    pub fn take_failed(&mut self) -> Vec<FailedRow> {
        std::mem::take(&mut self.failed)
    }

    /// Makes a group of no rows.
    pub fn make(&mut self) -> Slot {
        match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = Slot((self.words.len() / self.fresh.len()) as u32);
                self.words.extend_from_slice(&self.fresh);
                slot
            }
        }
    }

    /// Forgets a group; its number may be given to another.
    pub fn free(&mut self, slot: Slot) {
        self.clear(slot);
        self.free.push(slot);
    }

    /// Makes it a group of no rows.
    pub fn clear(&mut self, slot: Slot) {
        self.outside.remove(&slot);
        let words = slot_of(&mut self.words, self.fresh.len(), slot);
        for (field, states) in self.layout.accumulators.iter().zip(&mut self.sides) {
            if let Some(states) = states {
                states.free(words[field.offset / 8]);
            }
        }
        words.copy_from_slice(&self.fresh);
    }

    /// Asks the processor for a group that will be looked at soon.
    pub fn request(&self, slot: Slot) {
        let first = self.words.as_ptr().wrapping_add(slot.0 as usize * self.fresh.len());
        prefetch(first as *const u8);
        // Most slots are shorter than a line, but lie across two.
        prefetch(first.wrapping_add(self.fresh.len() - 1) as *const u8);
    }

    /// How many rows are in it.
    pub fn n_rows(&self, slot: Slot) -> u64 {
        self.words[slot.0 as usize * self.fresh.len()]
    }

    /// Adds a row; or, where an aggregate of the program fails it, keeps it for [`Arena::take_failed`].
    ///
    /// # Panics
    /// If the batch is not of the node's input, or has no such row.
    pub fn add(&mut self, slot: Slot, row: Row) {
        if self.can_fail
            && let Err(error) = self.prepare(slot, row)
        {
            if self.is_removable {
                self.outside.entry(slot).or_default().push(row.position());
            }
            return self.failed.push(FailedRow { number: row.number, error });
        }
        let words = slot_of(&mut self.words, self.fresh.len(), slot);
        words[0] += 1;
        let sides = self.sides.iter_mut();
        for ((field, call), states) in self.layout.accumulators.iter().zip(&self.aggregates).zip(sides) {
            if !takes_part(call, &row.batch.columns, row.number) {
                continue;
            }
            if let Some(seen) = field.seen {
                words[seen / 8] += 1;
            }
            let accumulator = &mut words[field.offset / 8..];
            if let Some(states) = states {
                if accumulator[0] == 0 {
                    accumulator[0] = states.make();
                }
                states.add(accumulator[0], row);
            } else if let Some((column, _)) = call.argument() {
                add(field.kind, accumulator, row.column(*column), row.number);
            }
        }
    }

    /// Adds rows, each to the slot beside it, as [`Arena::add`] does one after the other.
    ///
    /// # Panics
    /// As [`Arena::add`].
    pub fn add_rows(&mut self, slots: &[Slot], rows: &[u32], batch: &Batch, times: &[i64]) {
        if self.can_fail {
            let rows = slots.iter().zip(rows);
            return rows.for_each(|(slot, row)| self.add(*slot, Row { batch, times, number: *row as usize }));
        }
        let mut pairs = Pairs { words: &mut self.words, n_words: self.fresh.len(), slots, rows };
        pairs.for_each(|words, _| words[0] += 1);
        let sides = self.sides.iter_mut();
        for ((field, call), states) in self.layout.accumulators.iter().zip(&self.aggregates).zip(sides) {
            match states {
                Some(states) => update_side(&mut pairs, &mut **states, field, call, batch, times),
                None => update_field(&mut pairs, field, call, &batch.columns),
            }
        }
    }

    fn prepare(&mut self, slot: Slot, row: Row) -> Result<(), RowError> {
        let words = slot_of(&mut self.words, self.fresh.len(), slot);
        let sides = self.sides.iter_mut();
        for ((field, call), states) in self.layout.accumulators.iter().zip(&self.aggregates).zip(sides) {
            let Some(states) = states.as_mut().filter(|_| call.can_fail()) else { continue };
            if takes_part(call, &row.batch.columns, row.number) {
                let word = &mut words[field.offset / 8];
                if *word == 0 {
                    *word = states.make();
                }
                states.prepare(*word, row)?;
            }
        }
        Ok(())
    }

    /// Takes out a row that was added. For calls that are `removable`.
    ///
    /// # Panics
    /// As [`Arena::add`].
    pub fn remove(&mut self, slot: Slot, row: Row) {
        if self.can_fail && self.was_outside(slot, row.position()) {
            return;
        }
        let words = slot_of(&mut self.words, self.fresh.len(), slot);
        words[0] = words[0].saturating_sub(1);
        let sides = self.sides.iter_mut();
        for ((field, call), states) in self.layout.accumulators.iter().zip(&self.aggregates).zip(sides) {
            if !takes_part(call, &row.batch.columns, row.number) {
                continue;
            }
            if let Some(seen) = field.seen {
                words[seen / 8] = words[seen / 8].saturating_sub(1);
            }
            let accumulator = &mut words[field.offset / 8..];
            if let Some(states) = states {
                states.remove(accumulator[0], row);
            } else if let Some((column, _)) = call.argument() {
                remove(field.kind, accumulator, row.column(*column), row.number);
            }
        }
    }

    /// Whether a row that leaves was never in the group; then it is forgotten.
    fn was_outside(&mut self, slot: Slot, position: Position) -> bool {
        let Some(outside) = self.outside.get_mut(&slot) else { return false };
        let found = outside.iter().position(|known| *known == position);
        found.map(|place| outside.swap_remove(place)).is_some()
    }

    /// Adds the rows of a group to another; the group itself stays as it is.
    pub fn merge(&mut self, into: Slot, from: Slot) {
        if into == from {
            return;
        }
        let n_words = self.fresh.len();
        let from_words = self.words[from.0 as usize * n_words..][..n_words].to_vec();
        let words = slot_of(&mut self.words, n_words, into);
        words[0] += from_words[0];
        merge_slots(&self.layout, words, &from_words);
        for (field, states) in self.layout.accumulators.iter().zip(&mut self.sides) {
            let (at, states) = match states {
                Some(states) if from_words[field.offset / 8] != 0 => (field.offset / 8, states),
                _ => continue,
            };
            if words[at] == 0 {
                words[at] = states.make();
            }
            states.merge(words[at], from_words[at]);
        }
    }

    /// An empty list of results.
    pub fn results(&self) -> Results {
        let sides = self.sides.iter().zip(&self.aggregates);
        let sides = sides.map(|(states, call)| states.is_some().then(|| ColumnBuilder::new(&call.result)));
        Results { words: vec![], sides: sides.collect(), n_rows: 0, misfits: vec![] }
    }

    /// Appends the results of a group as they are now.
    pub fn record(&self, slot: Slot, results: &mut Results) {
        let n_words = self.fresh.len();
        let words = &self.words[slot.0 as usize * n_words..][..n_words];
        results.words.extend_from_slice(words);
        let calls = self.aggregates.iter().zip(&self.layout.accumulators);
        for (((call, field), states), builder) in calls.zip(&self.sides).zip(&mut results.sides) {
            if let (Some(states), Some(builder)) = (states, builder) {
                let value = states.result(words[field.offset / 8]).unwrap_or_else(|reason| {
                    let reason = call.misfit(&reason);
                    results.misfits.push(Misfit { group: results.n_rows, reason });
                    Value::Null
                });
                builder.push(&value);
            }
        }
        results.n_rows += 1;
    }

    /// The columns of what was recorded, one per aggregate. Where a result does not fit its type, the
    /// column holds null, and `misfits` tells its row.
    pub fn columns(&self, results: Results, misfits: &mut Vec<Misfit>) -> Vec<Column> {
        misfits.extend(results.misfits);
        let slots: Vec<&[u64]> = results.words.chunks_exact(self.fresh.len()).collect();
        let calls = self.aggregates.iter().zip(&self.layout.accumulators).zip(results.sides);
        let column = |((call, field), side): ((_, _), Option<ColumnBuilder>)| match side {
            Some(column) => column.finish(),
            None => result_column(call, field, None, &slots, misfits),
        };
        calls.map(column).collect()
    }

    /// Bytes of memory, about; counted anew, so not for every row.
    pub fn bytes(&self) -> usize {
        let sides: usize = self.sides.iter().flatten().map(|states| states.bytes()).sum();
        sides + self.words.capacity() * 8 + self.free.capacity() * size_of::<Slot>()
    }

    /// Writes all of a group. Its number is the caller's to write, if it needs one.
    pub fn write(&self, slot: Slot, out: &mut SnapshotWriter) {
        let outside = self.outside.get(&slot).map_or(&[][..], |outside| &outside[..]);
        out.sequence(outside.iter(), |out, position| position.write(out));
        let n_words = self.fresh.len();
        let words = &self.words[slot.0 as usize * n_words..][..n_words];
        out.words(words);
        for (field, states) in self.layout.accumulators.iter().zip(&self.sides) {
            if let Some(states) = states
                && words[field.offset / 8] != 0
            {
                states.write(words[field.offset / 8], out);
            }
        }
    }

    /// What [`Arena::write`] writes of a group that is nothing but these words.
    pub(super) fn write_words(words: &[u64], out: &mut SnapshotWriter) {
        out.count(0);
        out.words(words);
    }

    /// The words of such a group.
    pub(super) fn restore_words(from: &mut SnapshotReader) -> Result<Vec<u64>, Corrupt> {
        let outside = from.sequence(Position::restore)?;
        if outside.is_empty() { from.words() } else { Err(Corrupt) }
    }

    /// Makes a group of no rows one of these words.
    pub(super) fn set_words(&mut self, slot: Slot, words: &[u64]) {
        slot_of(&mut self.words, self.fresh.len(), slot).copy_from_slice(words);
    }

    /// Makes a group of what [`Arena::write`] wrote.
    pub fn restore(&mut self, from: &mut SnapshotReader) -> Result<Slot, Corrupt> {
        let outside = from.sequence(Position::restore)?;
        let mut restored = from.words()?;
        if restored.len() != self.fresh.len() {
            return Err(Corrupt);
        }
        for (field, states) in self.layout.accumulators.iter().zip(&mut self.sides) {
            if let Some(states) = states
                && restored[field.offset / 8] != 0
            {
                restored[field.offset / 8] = states.restore(from)?;
            }
        }
        let slot = self.make();
        slot_of(&mut self.words, self.fresh.len(), slot).copy_from_slice(&restored);
        if !outside.is_empty() {
            self.outside.insert(slot, outside);
        }
        Ok(slot)
    }
}

/// Slots of an arena, each beside a row.
struct Pairs<'a> {
    words: &'a mut [u64],
    n_words: usize,
    slots: &'a [Slot],
    rows: &'a [u32],
}

impl SlotRows for Pairs<'_> {
    fn n_rows(&self) -> usize {
        self.rows.len()
    }

    #[inline]
    fn for_each(&mut self, mut update: impl FnMut(&mut [u64], usize)) {
        for (slot, row) in self.slots.iter().zip(self.rows) {
            update(slot_of(self.words, self.n_words, *slot), *row as usize);
        }
    }
}

fn slot_of(words: &mut [u64], n_words: usize, slot: Slot) -> &mut [u64] {
    &mut words[slot.0 as usize * n_words..][..n_words]
}

#[cfg(test)]
mod tests;
