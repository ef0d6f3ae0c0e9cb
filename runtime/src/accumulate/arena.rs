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
//!
//! Beside those that are made there are those of [keys](Slot::own): one for each number of a key, which is
//! not made, and no other's when it is freed.

mod each;
mod plain;
mod slots;

pub use plain::PlainRows;
pub use slots::{BESIDE, Slot};

use super::result::{Misfit, result_column};
use super::side::{FailedRow, Position, Row, SideStates, side_states};
use crate::kernel::accumulate::{SlotRows, add, merge_slots, remove, takes_part, update_field, update_side};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::{AccumulatorKind, AggregateCall, SlotLayout};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnBuilder};
use millstream_ir::eval::RowError;
use millstream_ir::value::Value;
use slots::{Own, Slots};
use std::collections::HashMap;

pub struct Arena {
    aggregates: Vec<AggregateCall>,
    layout: SlotLayout,
    slots: Slots,
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
        Arena::with_keys(aggregates, false, Default::default())
    }

    /// One that keeps some words of each key, which are so at first, and, if `have_slots`, a slot beside them.
    pub fn with_keys(aggregates: &[AggregateCall], have_slots: bool, words: [u64; BESIDE]) -> Arena {
        let layout = SlotLayout::wide(&[], aggregates);
        let sides =
            layout.accumulators.iter().zip(aggregates).map(|(field, call)| {
                if field.kind == AccumulatorKind::Side { side_states(call) } else { None }
            });
        Arena {
            slots: Slots::new(layout.fresh(), have_slots, words),
            sides: sides.collect(),
            aggregates: aggregates.to_vec(),
            layout,
            free: vec![],
            can_fail: aggregates.iter().any(AggregateCall::can_fail),
            is_removable: aggregates.iter().any(|call| call.removable),
            failed: vec![],
            outside: HashMap::new(),
        }
    }

    /// One like it, without groups and keys, which keeps these words of each key at first.
    pub fn emptied(&self, words: [u64; BESIDE]) -> Arena {
        Arena::with_keys(&self.aggregates, self.slots.own.have_slots(), words)
    }

    /// The rows that failed since this was asked last, by their numbers in their batches.
    pub fn take_failed(&mut self) -> Vec<FailedRow> {
        std::mem::take(&mut self.failed)
    }

    /// Makes a group of no rows.
    pub fn make(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| self.slots.make())
    }

    /// Forgets a group; its number may be given to another.
    pub fn free(&mut self, slot: Slot) {
        self.clear(slot);
        if !slot.is_own() {
            self.free.push(slot);
        }
    }

    /// Makes it a group of no rows.
    pub fn clear(&mut self, slot: Slot) {
        if self.is_removable {
            self.outside.remove(&slot);
        }
        let words = self.slots.get_mut(slot);
        for (field, states) in self.layout.accumulators.iter().zip(&mut self.sides) {
            if let Some(states) = states {
                states.free(words[field.offset / 8]);
            }
        }
        self.slots.clear(slot);
    }

    /// Puts each of two groups in the place of the other.
    pub fn swap(&mut self, a: Slot, b: Slot) {
        let words = [a, b].map(|slot| self.slots.get(slot).to_vec());
        self.slots.get_mut(a).copy_from_slice(&words[1]);
        self.slots.get_mut(b).copy_from_slice(&words[0]);
        let outside = [a, b].map(|slot| self.outside.remove(&slot));
        self.outside.extend([b, a].into_iter().zip(outside).filter_map(|(slot, rows)| Some((slot, rows?))));
    }

    /// Makes room for this many keys.
    pub fn grow(&mut self, n_keys: usize) {
        self.slots.own.grow(n_keys);
    }

    /// The words that the caller keeps of a key.
    ///
    /// # Panics
    /// If there is no room for the key.
    #[inline]
    pub fn kept(&self, number: u32) -> &[u64; BESIDE] {
        self.slots.own.beside(number)
    }

    /// # Panics
    /// As [`Arena::kept`].
    #[inline]
    pub fn kept_mut(&mut self, number: u32) -> &mut [u64; BESIDE] {
        self.slots.own.beside_mut(number)
    }

    /// The words of a key's own group, and those that the caller keeps.
    ///
    /// # Panics
    /// As [`Arena::kept`].
    #[inline]
    pub fn key_mut(&mut self, number: u32) -> (&mut [u64], &mut [u64; BESIDE]) {
        self.slots.own.both_mut(number)
    }

    /// Adds a row as its batch's [`PlainRows`].
    #[inline]
    pub fn add_plain(&mut self, slot: Slot, rows: &PlainRows, row: usize) {
        rows.add(self.slots.get_mut(slot), row);
    }

    /// Calls `look` with the words kept of each key and what comes with its number.
    ///
    /// # Panics
    /// As [`Arena::kept`].
    #[inline]
    pub fn look_at<T>(
        &mut self,
        keys: impl Iterator<Item = (u32, T)>,
        look: impl FnMut(&mut [u64; BESIDE], u32, T),
    ) {
        self.slots.own.look_at(keys, look);
    }

    /// Asks the processor for what there is of a key that will be looked at soon.
    #[inline]
    pub fn request_key(&self, number: u32) {
        self.slots.own.request(number);
    }

    /// Asks the processor for a group that will be looked at soon.
    #[inline]
    pub fn request(&self, slot: Slot) {
        self.slots.request(slot);
    }

    /// How many rows are in it.
    #[inline]
    pub fn n_rows(&self, slot: Slot) -> u64 {
        self.slots.get(slot)[0]
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
        let words = self.slots.get_mut(slot);
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
        // Where all are those of keys, no row asks what it is.
        match slots.iter().all(|slot| slot.is_own()) {
            true => {
                let pairs = OwnPairs { own: &mut self.slots.own, slots, rows };
                add_all(pairs, &self.layout, &self.aggregates, &mut self.sides, batch, times);
            }
            false => {
                let pairs = Pairs { words: &mut self.slots, slots, rows };
                add_all(pairs, &self.layout, &self.aggregates, &mut self.sides, batch, times);
            }
        }
    }

    fn prepare(&mut self, slot: Slot, row: Row) -> Result<(), RowError> {
        let words = self.slots.get_mut(slot);
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
        let words = self.slots.get_mut(slot);
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
        let from_words = self.slots.get(from).to_vec();
        let words = self.slots.get_mut(into);
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
        let words = self.slots.get(slot);
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
        let slots: Vec<&[u64]> = results.words.chunks_exact(self.slots.fresh.len()).collect();
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
        sides + self.slots.bytes() + self.free.capacity() * size_of::<Slot>()
    }

    /// Writes all of a group. Its number is the caller's to write, if it needs one.
    pub fn write(&self, slot: Slot, out: &mut SnapshotWriter) {
        let outside = self.outside.get(&slot).map_or(&[][..], |outside| &outside[..]);
        out.sequence(outside.iter(), |out, position| position.write(out));
        let words = self.slots.get(slot);
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
        self.slots.get_mut(slot).copy_from_slice(words);
    }

    /// Makes a group of what [`Arena::write`] wrote.
    pub fn restore(&mut self, from: &mut SnapshotReader) -> Result<Slot, Corrupt> {
        let outside = from.sequence(Position::restore)?;
        let mut restored = from.words()?;
        if restored.len() != self.slots.fresh.len() {
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
        self.slots.get_mut(slot).copy_from_slice(&restored);
        if !outside.is_empty() {
            self.outside.insert(slot, outside);
        }
        Ok(slot)
    }
}

/// Adds rows aggregate by aggregate.
fn add_all(
    mut pairs: impl SlotRows,
    layout: &SlotLayout,
    aggregates: &[AggregateCall],
    sides: &mut [Option<Box<dyn SideStates>>],
    batch: &Batch,
    times: &[i64],
) {
    pairs.for_each(|words, _| words[0] += 1);
    for ((field, call), states) in layout.accumulators.iter().zip(aggregates).zip(sides) {
        match states {
            Some(states) => update_side(&mut pairs, &mut **states, field, call, batch, times),
            None => update_field(&mut pairs, field, call, &batch.columns),
        }
    }
}

/// Slots of an arena, each beside a row.
struct Pairs<'a> {
    words: &'a mut Slots,
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
            update(self.words.get_mut(*slot), *row as usize);
        }
    }
}

/// The same of slots of keys.
struct OwnPairs<'a> {
    own: &'a mut Own,
    slots: &'a [Slot],
    rows: &'a [u32],
}

impl SlotRows for OwnPairs<'_> {
    fn n_rows(&self) -> usize {
        self.rows.len()
    }

    #[inline]
    fn for_each(&mut self, update: impl FnMut(&mut [u64], usize)) {
        self.own.for_each(self.slots, self.rows, update);
    }
}

#[cfg(test)]
mod tests;
