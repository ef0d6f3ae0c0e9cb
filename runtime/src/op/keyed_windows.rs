//! Aggregates of windows that each key has of its own: sessions, a number of rows, `until`.
//!
//! A key keeps its open windows by their starts; nearly always there is one, and then a row looks but at a
//! small [`Head`] of the key. A session takes rows as they
//! come, and where a row lies between two sessions it makes them one. All others, and sessions with a
//! greatest length, stand behind the reorder buffer and see rows in the total order, so that what ends a
//! window is told by events alone.
//!
//! A session and a group with `until` leave when the watermark reaches their end, with the time of that
//! less a microsecond, which is not before any watermark that was passed on. A window of rows leaves with
//! its last row, with that row's time; one that is not full yet leaves at the end of the input, or when its
//! key expires, with a time that is long gone: so the watermark that is passed on waits for the oldest.

mod due;
mod head;
pub(super) mod oldest;
pub(super) mod state;

use crate::accumulate::arena::{Arena, Slot};
use crate::accumulate::side::Row;
use crate::kernel::extent::range;
use crate::kernel::key_index::KeyIndex;
use crate::kernel::prefetch::prefetch;
use crate::message::{EventTime, Message, Watermark};
use crate::op::failed_rows::FailedRows;
use crate::op::segment::json_row;
use crate::operator::{Failure, Operator, Output, Place};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use due::Due;
use head::{Head, NOT_DUE};
use millstream_base::Span;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Column, ColumnBuilder, ColumnData, ColumnRef};
use millstream_ir::flow::{Keep, Node, Schema, WindowAggregate, WindowAssigner};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use oldest::Oldest;
use state::{Groups, KeyState, Kind, Open};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Batches that leave at once when windows close.
const BATCHES_AT_ONCE: usize = 8;

/// How many rows ahead the states of keys are requested.
const AHEAD: usize = 24;
/// Rows are added to accumulators in chunks of this many, which the first-level cache holds.
const CHUNK: usize = 256;

pub struct KeyedWindows {
    kind: Kind,
    key_names: Vec<Arc<str>>,
    key_types: Vec<Type>,
    /// The input columns of the keys and of the event time.
    key_columns: Vec<usize>,
    time: usize,
    /// Which of the keys windows are kept by; the others split the rows of a window.
    by: Vec<usize>,
    others: Vec<usize>,
    place: Span,
    index: KeyIndex,
    /// By the number of the key.
    keys: Vec<KeyState>,
    heads: Vec<Head>,
    arena: Arena,
    failed_rows: FailedRows,
    /// The keys with a window that has an end, by when to look at them; of each key those that its state
    /// does not name are out of date.
    due: Due,
    /// The keys with a window of rows.
    oldest: Oldest,
    /// Windows that leave, each with the number of its key.
    leaving: VecDeque<(u32, Open)>,
    watermark: Watermark,
    /// The last watermark that was passed on.
    passed: Watermark,
    /// The first source behind the rows.
    source: Option<u32>,
    n_rows_out: u64,
    /// The rows of a batch that are not late, and the numbers of their keys; and the keys that may have no window any more.
    rows: Vec<u32>,
    found: Vec<u32>,
    idle: Vec<u32>,
    /// Rows whose windows have been found, and the slots to add them to.
    pending: (Vec<Slot>, Vec<u32>),
}

impl KeyedWindows {
    /// None for windows that a time alone decides on. `seed` is that of the hash table, and changes nothing
    /// that can be seen.
    pub fn new(node: &Node, spec: &WindowAggregate, input: &Schema, seed: u64) -> Option<KeyedWindows> {
        let key_types: Vec<Type> = spec.keys.iter().map(|k| input.columns[*k].ty.clone()).collect();
        let by = match &spec.window {
            WindowAssigner::Session { by, .. } | WindowAssigner::Rows { by, .. } => by.clone(),
            _ => (0..key_types.len()).collect(),
        };
        let kind = Kind::new(&spec.window)?;
        let by_types: Vec<Type> = by.iter().map(|key| key_types[*key].clone()).collect();
        Some(KeyedWindows {
            kind,
            key_names: node.schema.columns.iter().take(key_types.len()).map(|c| c.name.clone()).collect(),
            others: (0..key_types.len()).filter(|key| !by.contains(key)).collect(),
            by,
            key_types,
            key_columns: spec.keys.clone(),
            time: input.time,
            place: node.span,
            index: KeyIndex::new(&by_types, seed),
            keys: vec![],
            heads: vec![],
            arena: Arena::new(&spec.aggregates),
            failed_rows: FailedRows::of(input),
            due: Due::new(kind.granule()),
            oldest: Oldest::default(),
            leaving: VecDeque::new(),
            watermark: Watermark::START,
            passed: Watermark::START,
            source: None,
            n_rows_out: 0,
            rows: vec![],
            found: vec![],
            idle: vec![],
            pending: (vec![], vec![]),
        })
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let source = batch.origin.source;
        self.source = Some(self.source.map_or(source, |known| known.min(source)));
        let all_in_time =
            batch.late.is_empty() && range(times).is_none_or(|(least, _)| least >= self.watermark.0);
        let in_time =
            |row: &u32| times[*row as usize] >= self.watermark.0 && batch.late(*row as usize).is_none();
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        match all_in_time {
            true => rows.extend(0..batch.n_rows as u32),
            false => rows.extend((0..batch.n_rows as u32).filter(in_time)),
        }
        output.n_late_left_out += (batch.n_rows - rows.len()) as u64;
        let columns: Vec<&ColumnRef> =
            self.by.iter().map(|key| &batch.columns[self.key_columns[*key]]).collect();
        let mut found = std::mem::take(&mut self.found);
        self.index.find(&columns, &rows, &mut found);
        self.make_room();
        let gap = self.kind.gap();
        for (i, (row, number)) in rows.iter().zip(&found).enumerate() {
            if let Some(later) = found.get(i + AHEAD) {
                prefetch((&raw const self.heads[*later as usize]) as *const u8);
            }
            let row = Row { batch, times, number: *row as usize };
            match self.kind {
                Kind::Rows { count, keep } => {
                    self.expire(keep, row.times[row.number]);
                    self.count_row(*number, count, row);
                }
                _ => match self.heads[*number as usize]
                    .take(times[row.number], gap)
                    .or_else(|| self.slot_of(*number, row))
                {
                    Some(slot) => {
                        self.arena.request(slot);
                        self.pending.0.push(slot);
                        self.pending.1.push(row.number as u32);
                        if self.pending.0.len() == CHUNK {
                            self.add_pending(batch, times);
                        }
                    }
                    None => {
                        output.n_late_left_out += 1;
                        self.idle.push(*number);
                    }
                },
            }
        }
        self.add_pending(batch, times);
        (self.rows, self.found) = (rows, found);
        self.failed_rows.report(batch, self.arena.take_failed(), self.passed, output);
    }

    fn add_pending(&mut self, batch: &Batch, times: &[EventTime]) {
        let (slots, rows) = &mut self.pending;
        self.arena.add_rows(slots, rows, batch, times);
        slots.clear();
        rows.clear();
    }

    /// Gives each key a state.
    fn make_room(&mut self) {
        self.keys.resize_with(self.index.n_numbers(), KeyState::default);
        self.heads.resize(self.index.n_numbers(), Head::default());
    }

    /// The slot of a row in the window of its key that it lies in; none if it is too late for one. It is added
    /// there after the rows that are pending.
    fn slot_of(&mut self, number: u32, row: Row) -> Option<Slot> {
        let time = row.times[row.number];
        let end = self.kind.end(row);
        let (kind, state) = (self.kind, &mut self.keys[number as usize]);
        self.heads[number as usize].cool(&kind, state);
        if state.windows().filter(|window| kind.takes(window, time)).count() > 1 {
            // They become one, with all that was added to them.
            self.add_pending(row.batch, row.times);
        }
        let state = &mut self.keys[number as usize];
        // Where the row itself has come to its end, it can still be in a window that ends later.
        let known = state.window_of(&kind, (time, end.unwrap_or(time)), &mut self.arena);
        let place = match (known, end) {
            (Some(place), _) => place,
            (None, Some(end)) => state.insert(Open::at(time, end, empty(&self.others, &mut self.arena))),
            (None, None) => return None,
        };
        let window = state.get_mut(place)?;
        let slot = group_of(window, row, &self.others, (&self.key_columns, &self.key_types), &mut self.arena);
        let end = window.end;
        self.heads[number as usize].warm(&kind, &self.keys[number as usize]);
        self.watch(number, end);
        Some(slot)
    }

    /// Sees to it that the watermark comes back to a key when a window of it ends.
    fn watch(&mut self, number: u32, end: EventTime) {
        let head = &mut self.heads[number as usize];
        if head.due == NOT_DUE || end < head.due {
            head.due = end;
            self.due.push(end, number);
        }
    }

    /// Adds a row to the window of rows of its key.
    fn count_row(&mut self, number: u32, count: u64, row: Row) {
        let time = row.times[row.number];
        let state = &mut self.keys[number as usize];
        let window = state.last_or(time, || empty(&self.others, &mut self.arena));
        self.kind.extend(window, time, time);
        let slot = group_of(window, row, &self.others, (&self.key_columns, &self.key_types), &mut self.arena);
        self.arena.add(slot, row);
        window.n_rows += 1;
        self.oldest.touch(number);
        if window.n_rows >= count {
            self.end_rows(number);
        }
    }

    /// Ends the window of rows of a key.
    fn end_rows(&mut self, number: u32) {
        self.oldest.remove(number);
        self.leaving.extend(self.keys[number as usize].take_last().map(|window| (number, window)));
        self.idle.push(number);
    }

    /// Ends the windows of rows of keys that are forgotten at this time.
    fn expire(&mut self, keep: Keep, now: EventTime) {
        let Keep::Expire(duration) = keep else { return };
        while let Some(number) = self.oldest.first()
            && let Some(window) = self.keys[number as usize].last()
            && window.last.saturating_add(duration) <= now
        {
            self.end_rows(number);
        }
    }

    /// Frees the numbers of keys that have no window, once all windows that were to leave have left.
    fn forget_idle(&mut self) {
        let mut idle = std::mem::take(&mut self.idle);
        idle.sort_unstable();
        idle.dedup();
        for number in idle.drain(..) {
            if self.keys[number as usize].is_empty() {
                self.keys[number as usize] = KeyState::default();
                self.heads[number as usize] = Head::default();
                self.index.remove(number);
            }
        }
        self.idle = idle;
    }

    /// Finds the windows that the watermark ends.
    fn end_windows(&mut self) {
        let until = self.watermark.0;
        if let Kind::Rows { keep, .. } = self.kind {
            if self.watermark == Watermark::END {
                while let Some(number) = self.oldest.first() {
                    self.end_rows(number);
                }
            } else {
                self.expire(keep, until);
            }
            return;
        }
        while let Some(bucket) = self.due.open(until) {
            for (i, (due, number)) in bucket.iter().enumerate() {
                if let Some((_, later)) = bucket.get(i + AHEAD) {
                    prefetch((&raw const self.heads[*later as usize]) as *const u8);
                }
                if self.heads[*number as usize].due == *due {
                    self.watch_again(*number);
                }
            }
            self.due.close(bucket);
        }
        let due: Vec<(EventTime, u32)> = std::iter::from_fn(|| self.due.pop(until)).collect();
        let mut ended = vec![];
        for (i, (time, number)) in due.iter().enumerate() {
            if let Some((_, later)) = due.get(i + AHEAD) {
                prefetch((&raw const self.heads[*later as usize]) as *const u8);
                prefetch((&raw const self.keys[*later as usize]) as *const u8);
            }
            let head = &mut self.heads[*number as usize];
            if head.due != *time {
                continue;
            }
            let state = &mut self.keys[*number as usize];
            head.cool(&self.kind, state);
            ended.extend(state.take_until(until).map(|window| (*number, window)));
            head.warm(&self.kind, state);
            if !self.watch_again(*number) {
                self.idle.push(*number);
            }
        }
        ended.sort_by(|(a_key, a), (b_key, b)| {
            (a.end, a.start).cmp(&(b.end, b.start)).then_with(|| self.index.compare(*a_key, *b_key))
        });
        self.leaving.extend(ended);
    }

    /// Has the watermark come back to a key when its next window ends; whether there is one.
    fn watch_again(&mut self, number: u32) -> bool {
        let head = &mut self.heads[number as usize];
        head.due = NOT_DUE;
        let end = head.first_end(&self.kind, &self.keys[number as usize]);
        end.into_iter().for_each(|end| self.watch(number, end));
        end.is_some()
    }

    /// Puts some of the windows that leave into the output, and the watermark behind the last if there is a
    /// new one.
    fn give(&mut self, output: &mut Output) {
        for _ in 0..BATCHES_AT_ONCE {
            if self.leaving.is_empty() {
                self.forget_idle();
                return self.pass_watermark(output);
            }
            self.give_batch(output);
        }
        output.more = true;
    }

    fn pass_watermark(&mut self, output: &mut Output) {
        let oldest = self.oldest.first().and_then(|number| self.keys[number as usize].last());
        let passed = oldest.map_or(self.watermark, |window| self.watermark.min(Watermark(window.last)));
        if passed > self.passed {
            self.passed = passed;
            output.messages.push(Message::Watermark(passed));
        }
    }

    fn give_batch(&mut self, output: &mut Output) {
        let mut results = self.arena.results();
        let mut others: Vec<ColumnBuilder> =
            self.others.iter().map(|key| ColumnBuilder::new(&self.key_types[*key])).collect();
        let (mut numbers, mut rows) = (vec![], vec![]);
        while results.len() < BATCH_ROWS
            && let Some((number, window)) = self.leaving.pop_front()
        {
            let end = if let Kind::Rows { .. } = self.kind { window.last } else { window.end };
            for (key, slot) in window.groups.slots() {
                // All its rows have failed.
                if self.arena.n_rows(slot) > 0 {
                    others.iter_mut().zip(key).for_each(|(column, value)| column.push(value));
                    self.arena.record(slot, &mut results);
                    numbers.push(number);
                    rows.push([window.start, end, self.kind.time(&window)]);
                }
                self.arena.free(slot);
            }
        }
        let by = self.by.iter().zip(self.index.columns(&numbers));
        let others = self.others.iter().zip(others.into_iter().map(ColumnBuilder::finish));
        let keys: BTreeMap<&usize, Column> = by.chain(others).collect();
        let mut misfits = vec![];
        let results = self.arena.columns(results, &mut misfits);
        let times = (0..3).map(|i| times_column(rows.iter().map(|times| times[i])));
        let columns: Vec<ColumnRef> = keys.into_values().chain(results).map(Arc::new).chain(times).collect();
        let source = self.source.unwrap_or(0);
        let origin = Origin { source, first: self.n_rows_out, ..Origin::default() };
        let batch = Batch { columns, n_rows: rows.len(), origin, late: vec![] };
        self.n_rows_out += rows.len() as u64;
        // One report a row: that of its first aggregate that does not fit.
        let mut reasons = BTreeMap::new();
        for misfit in misfits {
            reasons.entry(misfit.group).or_insert(misfit.reason);
        }
        let fitting: Vec<u32> =
            (0..batch.n_rows as u32).filter(|row| !reasons.contains_key(&(*row as usize))).collect();
        for (row, reason) in &reasons {
            let time = rows[*row][2];
            let (row, reason) = (self.key_row(&batch, *row), reason.clone());
            output.failures.push(Failure { row, reason, place: Place::Program(self.place), at: time, time });
        }
        let batch = if reasons.is_empty() { batch } else { batch.gather(&fitting) };
        if batch.n_rows > 0 {
            output.messages.push(Message::Batch(batch));
        }
    }

    /// The keys of a row that leaves as a JSON object.
    fn key_row(&self, batch: &Batch, row: usize) -> String {
        let keys = batch.columns.iter().zip(&self.key_types);
        let values: Vec<Value> = keys.map(|(column, ty)| column.value(row, ty)).collect();
        let names = self.key_names.iter().map(|name| &**name);
        json_row(names.zip(&values).zip(&self.key_types).map(|((name, value), ty)| (name, value, ty)))
    }
}

/// The groups of a window without rows.
fn empty(others: &[usize], arena: &mut Arena) -> Groups {
    if others.is_empty() { Groups::One(arena.make()) } else { Groups::Split(BTreeMap::new()) }
}

/// The slot of a row's group in a window.
fn group_of(
    window: &mut Open,
    row: Row,
    others: &[usize],
    (key_columns, key_types): (&[usize], &[Type]),
    arena: &mut Arena,
) -> Slot {
    match &mut window.groups {
        Groups::One(slot) => *slot,
        Groups::Split(slots) => {
            let value = |key: &usize| row.column(key_columns[*key]).value(row.number, &key_types[*key]);
            *slots.entry(others.iter().map(value).collect()).or_insert_with(|| arena.make())
        }
    }
}

fn times_column(times: impl Iterator<Item = EventTime>) -> ColumnRef {
    Arc::new(Column { data: ColumnData::I64(times.collect()), validity: None })
}

impl Operator for KeyedWindows {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(&batch, output),
            Message::Watermark(watermark) => {
                self.watermark = watermark;
                self.end_windows();
            }
        }
        self.give(output);
    }

    fn resume(&mut self, output: &mut Output) {
        self.give(output);
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        writer.i64(self.passed.0);
        writer.sequence(self.source.iter(), |writer, source| writer.u32(*source));
        writer.u64(self.n_rows_out);
        let live = |number: &u32| !self.keys[*number as usize].is_empty();
        let numbers: Vec<u32> = match self.kind {
            Kind::Rows { .. } => self.oldest.keys().collect(),
            _ => (0..self.keys.len() as u32).filter(live).collect(),
        };
        writer.sequence(numbers.into_iter(), |writer, number| {
            self.index.snapshot(number, writer);
            let windows: Vec<&Open> = self.keys[number as usize].windows().collect();
            writer.sequence(windows.into_iter(), |writer, window| {
                let bounds = self.heads[number as usize].bounds(&self.kind, window);
                window.snapshot(bounds, &self.arena, writer);
            });
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        self.passed = Watermark(reader.i64()?);
        self.source = reader.sequence(SnapshotReader::u32)?.pop();
        self.n_rows_out = reader.u64()?;
        for _ in 0..reader.count()? {
            let number = self.index.restore(reader)?;
            let restore = |reader: &mut _| Open::restore(self.others.len(), &mut self.arena, reader);
            let state = KeyState::of(reader.sequence(restore)?);
            self.make_room();
            self.heads[number as usize].warm(&self.kind, &state);
            let end = state.first_end();
            self.keys[number as usize] = state;
            match (self.kind, end) {
                (Kind::Rows { .. }, _) => self.oldest.touch(number),
                (_, Some(end)) => self.watch(number, end),
                (_, None) => return Err(Corrupt),
            }
        }
        Ok(())
    }

    fn waiting(&self) -> Option<Waiting> {
        // Windows of rows wait for rows.
        let ended_by_time = || self.heads.iter().zip(&self.keys).filter(|(head, _)| head.due != NOT_DUE);
        let until = ended_by_time().map(|(head, _)| head.due).min()?;
        let n = ended_by_time().map(|(_, key)| key.windows().count()).sum();
        Some(Waiting { what: "windows", n: Some(n), until })
    }

    fn state_bytes(&self) -> usize {
        let older: usize = self.keys.iter().map(KeyState::owned_bytes).sum();
        let of_keys = self.keys.capacity() * size_of::<KeyState>() + older + self.oldest.bytes();
        let of_keys = of_keys + self.heads.capacity() * size_of::<Head>();
        self.arena.bytes() + self.index.bytes() + of_keys + self.due.bytes()
    }
}
