//! Aggregates whose results are replaced as rows come: over all rows so far, or over those of a window, at
//! each row, at each multiple of some time, or when a window ends and at late rows after that.
//!
//! Each change of a result withdraws the row of its group and adds the new one; what alters no result gives
//! none. A change that a row caused has the row's time, and is late if that is; one that the watermark
//! released is timed just before what released it, which no watermark has passed yet. A group without rows
//! has no row. A result that does not fit fails its row; the group goes on.

mod changes;

use crate::accumulate::arena::{Arena, Slot};
use crate::accumulate::side::Row;
use crate::message::{EventTime, Message, Watermark};
use crate::op::expiry::Expiry;
use crate::op::failed_rows::FailedRows;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use changes::{Changes, Describe};
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnData;
use millstream_ir::flow::{Emission, Keep, Node, Schema, UpdatingAggregate, UpdatingScope};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub struct UpdatingAggregateOperator {
    spec: UpdatingAggregate,
    input_types: Vec<Type>,
    describe: Describe,
    /// The input column of the event time.
    time: usize,
    /// The input columns that tell groups apart: the keys, of a window its bounds too.
    group_columns: Vec<usize>,
    groups: HashMap<Key, Group>,
    arena: Arena,
    failed_rows: FailedRows,
    /// Of groups over all rows.
    expiry: Expiry<Key>,
    /// Groups by the watermark at which their first result appears.
    to_release: BTreeMap<EventTime, Vec<Key>>,
    /// Groups of windows by the watermark at which nothing can alter them any more.
    to_forget: BTreeMap<EventTime, Vec<Key>>,
    /// Rows by the watermark at which they are to be counted.
    pending: BTreeMap<EventTime, Vec<Batch>>,
    watermark: Watermark,
}

/// The values of the group columns.
type Key = Vec<Value>;

struct Group {
    slot: Slot,
    /// The greatest event time.
    last: EventTime,
}

impl UpdatingAggregateOperator {
    pub fn new(node: &Node, spec: &UpdatingAggregate, input: &Schema) -> UpdatingAggregateOperator {
        let (bounds, keep) = match spec.scope {
            UpdatingScope::All(keep) => (vec![], keep),
            UpdatingScope::Window { start, end, .. } => (vec![start, end], Keep::Forever),
        };
        let group_columns = [spec.keys.clone(), bounds].concat();
        UpdatingAggregateOperator {
            describe: Describe::new(node, spec, &group_columns, input),
            input_types: input.types(),
            time: input.time,
            group_columns,
            groups: HashMap::new(),
            arena: Arena::new(&spec.aggregates),
            failed_rows: FailedRows::of(input),
            expiry: Expiry::new(keep),
            to_release: BTreeMap::new(),
            to_forget: BTreeMap::new(),
            pending: BTreeMap::new(),
            watermark: Watermark::START,
            spec: spec.clone(),
        }
    }

    fn take_rows(&mut self, batch: Batch, output: &mut Output) {
        let batch = self.without_rows_too_late(batch, output);
        match self.spec.emission {
            Emission::Every(every) => self.defer(&batch, every),
            Emission::Final | Emission::OnChange => self.change_at_each_row(&batch, output),
        }
    }

    /// Leaves out late rows of windows that they cannot correct any more.
    fn without_rows_too_late(&self, batch: Batch, output: &mut Output) -> Batch {
        let UpdatingScope::Window { end, lateness, .. } = self.spec.scope else { return batch };
        let ColumnData::I64(ends) = &batch.columns[end].data else { return batch };
        if batch.late.is_empty() {
            return batch;
        }
        let is_in_time = |row: &u32| {
            let late = batch.late(*row as usize);
            late.is_none_or(|late| {
                lateness > 0 && ends[*row as usize].saturating_add(lateness) > late.watermark
            })
        };
        let rows: Vec<u32> = (0..batch.n_rows as u32).filter(is_in_time).collect();
        output.n_late_left_out += (batch.n_rows - rows.len()) as u64;
        batch.gather(&rows)
    }

    fn change_at_each_row(&mut self, batch: &Batch, output: &mut Output) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let mut changes = Changes::new(&self.arena);
        for number in 0..batch.n_rows {
            let row = Row { batch, times, number };
            let key = self.key(batch, number);
            let is_shown = self.spec.emission == Emission::OnChange || self.window_has_ended(&key);
            let slot = self.group(&key, row);
            if is_shown && self.arena.n_rows(slot) > 0 {
                changes.record(&self.arena, slot, -1, number);
            }
            self.count(slot, row);
            if is_shown && self.arena.n_rows(slot) > 0 {
                changes.record(&self.arena, slot, 1, number);
            }
            self.forget_if_empty(&key, slot);
            // A row that is withdrawn and the one in its place stay together.
            if changes.are_many() {
                let full = std::mem::replace(&mut changes, Changes::new(&self.arena));
                full.give(&self.arena, &self.describe, batch, times, output);
            }
        }
        changes.give(&self.arena, &self.describe, batch, times, output);
        self.failed_rows.report(batch, self.arena.take_failed(), self.watermark, output);
    }

    fn key(&self, batch: &Batch, row: usize) -> Key {
        let value = |column: &usize| batch.columns[*column].value(row, &self.input_types[*column]);
        self.group_columns.iter().map(value).collect()
    }

    /// Whether the results of this window have appeared.
    fn window_has_ended(&self, key: &Key) -> bool {
        matches!(key.last(), Some(Value::Timestamp(end)) if *end <= self.watermark.0)
    }

    /// The slot of a key's group, for an event.
    fn group(&mut self, key: &Key, row: Row) -> Slot {
        let time = row.times[row.number];
        let now = row.batch.late(row.number).map_or(time, |late| late.watermark);
        let group = match self.groups.entry(key.clone()) {
            Entry::Occupied(known) => {
                let known = known.into_mut();
                if self.expiry.is_over(known.last, now) {
                    self.arena.clear(known.slot);
                    known.last = time;
                }
                known
            }
            Entry::Vacant(new) => {
                let group = new.insert(Group { slot: self.arena.make(), last: time });
                let slot = group.slot;
                self.watch(key, time);
                return slot;
            }
        };
        group.last = group.last.max(time);
        group.slot
    }

    /// Notes when a new group is to be shown and forgotten.
    fn watch(&mut self, key: &Key, time: EventTime) {
        let (UpdatingScope::Window { lateness, .. }, Some(Value::Timestamp(end))) =
            (self.spec.scope, key.last())
        else {
            return self.expiry.watch(key.clone(), time);
        };
        if self.spec.emission == Emission::Final && *end > self.watermark.0 {
            self.to_release.entry(*end).or_default().push(key.clone());
        }
        let last = end.saturating_add(lateness);
        let last = match self.spec.emission {
            // The rows before that are counted at a multiple not before it.
            Emission::Every(every) => next_multiple(last.saturating_sub(1), every),
            Emission::Final | Emission::OnChange => last,
        };
        self.to_forget.entry(last).or_default().push(key.clone());
    }

    fn count(&mut self, slot: Slot, row: Row) {
        let sign = self.spec.sign.map(|sign| &row.batch.columns[sign].data);
        match sign {
            Some(ColumnData::I64(signs)) if signs[row.number] < 0 => self.arena.remove(slot, row),
            _ => self.arena.add(slot, row),
        }
    }

    fn forget_if_empty(&mut self, key: &Key, slot: Slot) {
        if self.spec.sign.is_some() && self.arena.n_rows(slot) == 0 {
            self.groups.remove(key);
            self.arena.free(slot);
        }
    }

    /// Keeps rows for the first multiple of `every` behind them, or behind the watermark that they came
    /// behind.
    fn defer(&mut self, batch: &Batch, every: i64) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let mut parts: BTreeMap<EventTime, Vec<u32>> = BTreeMap::new();
        for row in 0..batch.n_rows {
            let from = batch.late(row).map_or(times[row], |late| times[row].max(late.watermark));
            parts.entry(next_multiple(from, every)).or_default().push(row as u32);
        }
        for (multiple, rows) in parts {
            let part = if rows.len() == batch.n_rows { batch.clone() } else { batch.gather(&rows) };
            self.pending.entry(multiple).or_default().push(part);
        }
    }

    fn advance(&mut self, watermark: Watermark, output: &mut Output) {
        self.watermark = watermark;
        while let Some(entry) = self.pending.first_entry()
            && *entry.key() <= watermark.0
        {
            let (multiple, batches) = entry.remove_entry();
            self.change_at(multiple, &batches, output);
        }
        while let Some(entry) = self.to_release.first_entry()
            && *entry.key() <= watermark.0
        {
            let (end, keys) = entry.remove_entry();
            self.release(end, keys, output);
        }
        self.forget(watermark);
    }

    /// The changes that rows together cause at a multiple of the time between results.
    fn change_at(&mut self, multiple: EventTime, batches: &[Batch], output: &mut Output) {
        let (mut before, mut changed) = (Changes::new(&self.arena), BTreeSet::new());
        let mut shown: BTreeMap<Key, usize> = BTreeMap::new();
        for batch in batches {
            let ColumnData::I64(times) = &batch.columns[self.time].data else { continue };
            for number in 0..batch.n_rows {
                let row = Row { batch, times, number };
                let key = self.key(batch, number);
                let slot = self.group(&key, row);
                if changed.insert(self.in_order(&key)) && self.arena.n_rows(slot) > 0 {
                    shown.insert(key.clone(), before.len());
                    before.record(&self.arena, slot, -1, number);
                }
                self.count(slot, row);
            }
            self.failed_rows.report(batch, self.arena.take_failed(), self.watermark, output);
        }
        let mut after = Changes::new(&self.arena);
        let mut pairs = vec![];
        for key in changed {
            let key = self.out_of_order(key);
            let Some(slot) = self.groups.get(&key).map(|group| group.slot) else { continue };
            let new = (self.arena.n_rows(slot) > 0).then(|| {
                after.record(&self.arena, slot, 1, 0);
                after.len() - 1
            });
            self.forget_if_empty(&key, slot);
            pairs.push((shown.get(&key).copied(), new, key));
        }
        changes::give_pairs(&self.arena, &self.describe, before, after, &pairs, multiple - 1, output);
    }

    /// The first results of windows that end.
    fn release(&mut self, end: EventTime, keys: Vec<Key>, output: &mut Output) {
        let mut keys: Vec<Key> = keys.iter().map(|key| self.in_order(key)).collect();
        keys.sort();
        let (mut results, mut pairs) = (Changes::new(&self.arena), vec![]);
        for key in keys.into_iter().map(|key| self.out_of_order(key)) {
            let Some(group) = self.groups.get(&key) else { continue };
            if self.arena.n_rows(group.slot) > 0 {
                results.record(&self.arena, group.slot, 1, 0);
                pairs.push((None, Some(results.len() - 1), key));
            }
        }
        let none = Changes::new(&self.arena);
        changes::give_pairs(&self.arena, &self.describe, none, results, &pairs, end - 1, output);
    }

    /// Results that appear together come by window, then by key: the bounds in front.
    fn in_order(&self, key: &Key) -> Key {
        let mut key = key.clone();
        key.rotate_right(self.group_columns.len() - self.spec.keys.len());
        key
    }

    fn out_of_order(&self, mut key: Key) -> Key {
        key.rotate_left(self.group_columns.len() - self.spec.keys.len());
        key
    }

    fn forget(&mut self, watermark: Watermark) {
        let (groups, mut over) = (&self.groups, vec![]);
        self.expiry.advance(
            watermark,
            |key| groups.get(key).map(|group| group.last),
            |key| over.push(key.clone()),
        );
        while let Some(entry) = self.to_forget.first_entry()
            && *entry.key() <= watermark.0
        {
            over.extend(entry.remove());
        }
        for key in over {
            if let Some(group) = self.groups.remove(&key) {
                self.arena.free(group.slot);
            }
        }
    }
}

/// The least multiple of `every` that is later.
fn next_multiple(time: EventTime, every: i64) -> EventTime {
    time.div_euclid(every).saturating_add(1).saturating_mul(every)
}

impl Operator for UpdatingAggregateOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(batch, output),
            Message::Watermark(watermark) => {
                self.advance(watermark, output);
                output.messages.push(message);
            }
        }
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        writer.sequence(self.groups.iter(), |writer, (key, group)| {
            key.iter().for_each(|value| writer.value(value));
            writer.i64(group.last);
            self.arena.write(group.slot, writer);
        });
        writer.sequence(self.pending.iter(), |writer, (multiple, batches)| {
            writer.i64(*multiple);
            writer.sequence(batches.iter(), |writer, batch| writer.batch(batch, &self.input_types));
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        for _ in 0..reader.len()? {
            let key: Key = self.group_columns.iter().map(|_| reader.value()).collect::<Result<_, _>>()?;
            let last = reader.i64()?;
            let slot = self.arena.restore(reader)?;
            self.watch(&key, last);
            self.groups.insert(key, Group { slot, last });
        }
        for _ in 0..reader.len()? {
            let multiple = reader.i64()?;
            let batches = reader.sequence(|reader| reader.batch(&self.input_types))?;
            self.pending.insert(multiple, batches);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let n_pending: usize = self.pending.values().flatten().map(|batch| batch.n_rows).sum();
        let key = size_of::<Value>() * self.group_columns.len();
        self.arena.bytes()
            + self.groups.capacity() * (size_of::<Group>() + key)
            + n_pending * 16 * self.input_types.len()
    }
}
