//! Aggregates of windows that each key has of its own: sessions, a number of rows, `until`.
//!
//! A key keeps its open windows by their starts; nearly always there is one. A session takes rows as they
//! come, and where a row lies between two sessions it makes them one. All others, and sessions with a
//! greatest length, stand behind the reorder buffer and see rows in the total order, so that what ends a
//! window is told by events alone.
//!
//! A session and a group with `until` leave when the watermark reaches their end, with the time of that
//! less a microsecond, which is not before any watermark that was passed on. A window of rows leaves with
//! its last row, with that row's time; one that is not full yet leaves at the end of the input, or when its
//! key expires, with a time that is long gone: so the watermark that is passed on waits for the oldest.

mod due;
pub(super) mod oldest;
pub(super) mod state;

use crate::accumulate::arena::Arena;
use crate::accumulate::side::Row;
use crate::kernel::key_index::KeyIndex;
use crate::kernel::prefetch::prefetch;
use crate::message::{EventTime, Message, Watermark};
use crate::op::failed_rows::FailedRows;
use crate::op::segment::json_row;
use crate::operator::{Failure, Operator, Output, Place};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use due::Due;
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

/// How many rows ahead the states of keys are requested, and, when these have come, their slots.
const STATES_AHEAD: usize = 16;
const SLOTS_AHEAD: usize = 8;

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
    arena: Arena,
    failed_rows: FailedRows,
    /// The keys with a window that has an end, by when to look at them; of each key those that its state
    /// does not name are out of date.
    due: Due,
    /// The keys with a window of rows.
    oldest: Oldest,
    /// Windows that leave, each with what it is kept by.
    leaving: VecDeque<(Vec<Value>, Open)>,
    watermark: Watermark,
    /// The last watermark that was passed on.
    passed: Watermark,
    /// The first source behind the rows.
    source: Option<u32>,
    n_rows_out: u64,
    /// Of the rows of a batch, the numbers of their keys; and the keys that may have no window any more.
    found: Vec<u32>,
    idle: Vec<u32>,
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
            arena: Arena::new(&spec.aggregates),
            failed_rows: FailedRows::of(input),
            due: Due::new(kind.granule()),
            oldest: Oldest::default(),
            leaving: VecDeque::new(),
            watermark: Watermark::START,
            passed: Watermark::START,
            source: None,
            n_rows_out: 0,
            found: vec![],
            idle: vec![],
        })
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let source = batch.origin.source;
        self.source = Some(self.source.map_or(source, |known| known.min(source)));
        let is_late =
            |row: &u32| times[*row as usize] < self.watermark.0 || batch.late(*row as usize).is_some();
        let rows: Vec<u32> = (0..batch.n_rows as u32).filter(|row| !is_late(row)).collect();
        output.n_late_left_out += (batch.n_rows - rows.len()) as u64;
        let columns: Vec<&ColumnRef> =
            self.by.iter().map(|key| &batch.columns[self.key_columns[*key]]).collect();
        let mut found = std::mem::take(&mut self.found);
        self.index.find(&columns, &rows, &mut found);
        self.keys.resize_with(self.index.n_numbers(), KeyState::default);
        for (i, (row, number)) in rows.iter().zip(&found).enumerate() {
            self.request(&found, i);
            let row = Row { batch, times, number: *row as usize };
            match self.kind {
                Kind::Rows { count, keep } => {
                    self.expire(keep, row.times[row.number]);
                    self.count_row(*number, count, row);
                }
                _ => self.take_row(*number, row, output),
            }
        }
        self.found = found;
        self.failed_rows.report(batch, self.arena.take_failed(), self.passed, output);
        self.forget_idle();
    }

    /// Asks for what later rows will need.
    fn request(&self, found: &[u32], row: usize) {
        if let Some(later) = found.get(row + STATES_AHEAD) {
            let state = (&raw const self.keys[*later as usize]) as *const u8;
            prefetch(state);
            prefetch(state.wrapping_add(64));
        }
        if let Some(later) = found.get(row + SLOTS_AHEAD)
            && let Some(Open { groups: Groups::One(slot), .. }) = &self.keys[*later as usize].last
        {
            self.arena.request(*slot);
        }
    }

    /// Adds a row to the window of its key that it lies in.
    fn take_row(&mut self, number: u32, row: Row, output: &mut Output) {
        let time = row.times[row.number];
        let end = self.kind.end(row);
        let state = &mut self.keys[number as usize];
        if state.is_empty() {
            state.key = key_of(row, &self.by, (&self.key_columns, &self.key_types));
        }
        // Where the row itself has come to its end, it can still be in a window that ends later.
        let known = state.window_of(&self.kind, (time, end.unwrap_or(time)), &mut self.arena);
        let window = match (known, end) {
            (Some(window), _) => Some(window),
            (None, Some(end)) => {
                let groups = empty(&self.others, &mut self.arena);
                state.insert(Open { start: time, last: time, end, n_rows: 0, groups })
            }
            (None, None) => None,
        };
        let Some(window) = window else {
            output.n_late_left_out += 1;
            return self.idle.push(number);
        };
        let end = window.end;
        add(window, row, &self.others, (&self.key_columns, &self.key_types), &mut self.arena);
        if state.due.is_none_or(|due| end < due) {
            state.due = Some(end);
            self.due.push(end, number);
        }
    }

    /// Adds a row to the window of rows of its key.
    fn count_row(&mut self, number: u32, count: u64, row: Row) {
        let time = row.times[row.number];
        let state = &mut self.keys[number as usize];
        if state.is_empty() {
            state.key = key_of(row, &self.by, (&self.key_columns, &self.key_types));
        }
        let window = state.last.get_or_insert_with(|| {
            let groups = empty(&self.others, &mut self.arena);
            Open { start: time, last: time, end: time, n_rows: 0, groups }
        });
        self.kind.extend(window, time, time);
        add(window, row, &self.others, (&self.key_columns, &self.key_types), &mut self.arena);
        self.oldest.touch(number);
        if window.n_rows >= count {
            self.end_rows(number);
        }
    }

    /// Ends the window of rows of a key.
    fn end_rows(&mut self, number: u32) {
        self.oldest.remove(number);
        if let Some(window) = self.keys[number as usize].last.take() {
            self.leaving.push_back((self.keys[number as usize].key.clone(), window));
        }
        self.idle.push(number);
    }

    /// Ends the windows of rows of keys that are forgotten at this time.
    fn expire(&mut self, keep: Keep, now: EventTime) {
        let Keep::Expire(duration) = keep else { return };
        while let Some(number) = self.oldest.first()
            && let Some(window) = &self.keys[number as usize].last
            && window.last.saturating_add(duration) <= now
        {
            self.end_rows(number);
        }
    }

    /// Frees the numbers of keys that have no window; only between batches, while nobody knows the numbers.
    fn forget_idle(&mut self) {
        let mut idle = std::mem::take(&mut self.idle);
        idle.sort_unstable();
        idle.dedup();
        for number in idle.drain(..) {
            if self.keys[number as usize].is_empty() {
                self.keys[number as usize] = KeyState::default();
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
            return self.forget_idle();
        }
        let mut ended = vec![];
        while let Some((due, number)) = self.due.pop(until) {
            let state = &mut self.keys[number as usize];
            if state.due != Some(due) {
                continue;
            }
            let taken = state.take_until(until);
            ended.extend(taken.into_iter().map(|window| (state.key.clone(), window)));
            state.due = state.first_end();
            match state.due {
                Some(next) => self.due.push(next, number),
                None => self.idle.push(number),
            }
        }
        ended.sort_by(|(a_key, a), (b_key, b)| {
            (a.end, a.start).cmp(&(b.end, b.start)).then_with(|| a_key.cmp(b_key))
        });
        self.leaving.extend(ended);
        self.forget_idle();
    }

    /// Puts some of the windows that leave into the output, and the watermark behind the last if there is a
    /// new one.
    fn give(&mut self, output: &mut Output) {
        for _ in 0..BATCHES_AT_ONCE {
            if self.leaving.is_empty() {
                return self.pass_watermark(output);
            }
            self.give_batch(output);
        }
        output.more = true;
    }

    fn pass_watermark(&mut self, output: &mut Output) {
        let oldest = self.oldest.first().and_then(|number| self.keys[number as usize].last.as_ref());
        let passed = oldest.map_or(self.watermark, |window| self.watermark.min(Watermark(window.last)));
        if passed > self.passed {
            self.passed = passed;
            output.messages.push(Message::Watermark(passed));
        }
    }

    fn give_batch(&mut self, output: &mut Output) {
        let mut results = self.arena.results();
        let mut keys: Vec<ColumnBuilder> = self.key_types.iter().map(ColumnBuilder::new).collect();
        let (mut rows, mut windows) = (vec![], vec![]);
        while results.len() < BATCH_ROWS
            && let Some((by, window)) = self.leaving.pop_front()
        {
            let end = if let Kind::Rows { .. } = self.kind { window.last } else { window.end };
            for (others, slot) in window.groups.slots() {
                // All its rows have failed.
                if self.arena.n_rows(slot) == 0 {
                    self.arena.free(slot);
                    continue;
                }
                let of_by = self.by.iter().zip(&by);
                for (key, value) in of_by.chain(self.others.iter().zip(others)) {
                    keys[*key].push(value);
                }
                self.arena.record(slot, &mut results);
                self.arena.free(slot);
                rows.push([window.start, end, self.kind.time(&window)]);
            }
            windows.push(window);
        }
        let mut misfits = vec![];
        let results = self.arena.columns(results, &mut misfits);
        let times = (0..3).map(|i| times_column(rows.iter().map(|times| times[i])));
        let keys = keys.into_iter().map(ColumnBuilder::finish);
        let columns: Vec<ColumnRef> = keys.chain(results).map(Arc::new).chain(times).collect();
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

/// Some of a row's keys.
fn key_of(row: Row, keys: &[usize], (columns, types): (&[usize], &[Type])) -> Vec<Value> {
    keys.iter().map(|key| row.column(columns[*key]).value(row.number, &types[*key])).collect()
}

/// Adds a row to its group in a window.
fn add(
    window: &mut Open,
    row: Row,
    others: &[usize],
    (key_columns, key_types): (&[usize], &[Type]),
    arena: &mut Arena,
) {
    let slot = match &mut window.groups {
        Groups::One(slot) => *slot,
        Groups::Split(slots) => {
            let key = key_of(row, others, (key_columns, key_types));
            *slots.entry(key).or_insert_with(|| arena.make())
        }
    };
    arena.add(slot, row);
    window.n_rows += 1;
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
            let state = &self.keys[number as usize];
            state.key.iter().for_each(|value| writer.value(value));
            let windows: Vec<&Open> = state.windows().collect();
            writer.sequence(windows.into_iter(), |writer, window| window.snapshot(&self.arena, writer));
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        self.passed = Watermark(reader.i64()?);
        self.source = reader.sequence(SnapshotReader::u32)?.pop();
        self.n_rows_out = reader.u64()?;
        let (n_others, n_by) = (self.others.len(), self.by.len());
        let keys = reader.sequence(|reader| {
            let key = (0..n_by).map(|_| reader.value()).collect::<Result<Vec<Value>, Corrupt>>()?;
            let windows = reader.sequence(|reader| Open::restore(n_others, &mut self.arena, reader))?;
            Ok((key, windows))
        })?;
        let column = |(i, key): (usize, &usize)| {
            let mut column = ColumnBuilder::new(&self.key_types[*key]);
            keys.iter().for_each(|(values, _)| column.push(&values[i]));
            Arc::new(column.finish())
        };
        let columns: Vec<ColumnRef> = self.by.iter().enumerate().map(column).collect();
        let rows: Vec<u32> = (0..keys.len() as u32).collect();
        let mut found = vec![];
        self.index.find(&columns.iter().collect::<Vec<_>>(), &rows, &mut found);
        self.keys.resize_with(self.index.n_numbers(), KeyState::default);
        for ((key, mut windows), number) in keys.into_iter().zip(found) {
            let state = &mut self.keys[number as usize];
            state.key = key;
            state.last = windows.pop();
            state.older = windows;
            if let Kind::Rows { .. } = self.kind {
                self.oldest.touch(number);
                continue;
            }
            state.due = state.first_end();
            state.due.into_iter().for_each(|due| self.due.push(due, number));
        }
        Ok(())
    }

    fn waiting(&self) -> Option<Waiting> {
        // Windows of rows wait for rows.
        let ended_by_time = || self.keys.iter().filter(|key| key.due.is_some());
        let until = ended_by_time().filter_map(|key| key.due).min()?;
        let n = ended_by_time().map(|key| key.older.len() + key.last.iter().len()).sum();
        Some(Waiting { what: "windows", n: Some(n), until })
    }

    fn state_bytes(&self) -> usize {
        let of_keys = self.keys.capacity() * size_of::<KeyState>() + self.oldest.bytes();
        self.arena.bytes() + self.index.bytes() + of_keys + self.due.bytes()
    }
}
