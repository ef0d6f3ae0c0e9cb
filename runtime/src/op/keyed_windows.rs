//! Aggregates of windows that each key has of its own: sessions, a number of rows, `until`.
//!
//! A key keeps its open windows by their starts; nearly always there is one, and of a session all then stands in
//! one place: a small [`Head`], beside the group. A session takes [rows] as they come, and where a row lies
//! between two sessions it makes them one. All others, and sessions with a greatest length, stand behind the
//! reorder buffer and see rows in the total order, so that what ends a window is told by events alone.
//!
//! A session and a group with `until` leave when the watermark reaches their end, with the time of that
//! less a microsecond, which is not before any watermark that was passed on. Sessions for which there is no room in
//! memory wait in files until they may end ([spilled]), windows of rows until a row of their key comes ([unfilled]). A window of rows leaves with
//! its last row, with that row's time; one that is not full yet leaves at the end of the input, or when its
//! key expires, with a time that is long gone: so the watermark that is passed on waits for the oldest.

mod due;
mod head;
pub(super) mod oldest;
mod rows;
mod spilled;
pub(super) mod state;
mod unfilled;

use crate::accumulate::arena::{Arena, Slot};
use crate::contents::Count;
use crate::kernel::key_index::KeyIndex;
use crate::message::{EventTime, Message, Watermark};
use crate::op::failed_rows::FailedRows;
use crate::op::segment::json_row;
use crate::operator::{Failure, Operator, Output, Place};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::Spill;
use crate::waiting::Waiting;
use due::Due;
use head::{Head, IDLE, NOT_DUE};
use millstream_base::Span;
use millstream_ir::aggregate::AggregateCall;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Column, ColumnBuilder, ColumnData, ColumnRef};
use millstream_ir::flow::{Keep, Node, Schema, WindowAggregate, WindowAssigner};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use oldest::Oldest;
use spilled::SpilledSessions;
use state::{Groups, KeyState, Kind, Open};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use unfilled::{Unfilled, is_forgotten};

/// Batches that leave at once when windows close.
const BATCHES_AT_ONCE: usize = 8;

/// How many keys ahead their heads are requested when they are due.
const AHEAD: usize = 24;
/// Keys without windows are forgotten when there are more keys than these, and twice as many as were left then.
const KEYS_AT_LEAST: usize = 1024;

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
    /// By the numbers of keys, up to the last of one that has had windows here.
    keys: Vec<KeyState>,
    /// With the [head](Head) of each key.
    arena: Arena,
    /// Whether sessions that are their key's only one stand in its head.
    has_sessions_in_heads: bool,
    failed_rows: FailedRows,
    /// The keys with a window that has an end, by when to look at them; of each key those that its state
    /// does not name are out of date.
    due: Due,
    /// The keys with a window of rows.
    oldest: Oldest,
    /// Windows that leave, each with the number of its key.
    leaving: VecDeque<(u32, Open)>,
    /// Whether the watermark may end others.
    is_ending: bool,
    /// Whether what is written of a session and what comes later can become one.
    can_join: bool,
    /// Once memory was too small for some.
    spilled: Option<SpilledSessions>,
    unfilled: Option<Unfilled>,
    watermark: Watermark,
    /// The last watermark that was passed on.
    passed: Watermark,
    /// The first source behind the rows.
    source: Option<u32>,
    n_rows_out: u64,
    /// How many windows of rows have left, which numbers them.
    n_windows_out: i64,
    /// How many keys there are to be when those without windows are forgotten.
    n_keys_at_most: usize,
    /// The rows of a batch that are not late, and the numbers of their keys.
    rows: Vec<u32>,
    found: Vec<u32>,
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
        let others: Vec<usize> = (0..key_types.len()).filter(|key| !by.contains(key)).collect();
        let can_join = matches!(kind, Kind::Session { max: None, .. })
            && !by.is_empty()
            && !spec.aggregates.iter().any(AggregateCall::needs_order);
        let has_sessions_in_heads = others.is_empty() && matches!(kind, Kind::Session { max: None, .. });
        Some(KeyedWindows {
            kind,
            key_names: node.schema.columns.iter().take(key_types.len()).map(|c| c.name.clone()).collect(),
            others,
            by,
            key_types,
            key_columns: spec.keys.clone(),
            time: input.time,
            place: node.span,
            index: KeyIndex::new(&by_types, seed),
            keys: vec![],
            arena: Arena::with_keys(&spec.aggregates, has_sessions_in_heads, IDLE),
            has_sessions_in_heads,
            failed_rows: FailedRows::of(input),
            due: Due::new(kind.granule()),
            oldest: Oldest::default(),
            leaving: VecDeque::new(),
            is_ending: false,
            can_join,
            spilled: None,
            unfilled: None,
            watermark: Watermark::START,
            passed: Watermark::START,
            source: None,
            n_rows_out: 0,
            n_windows_out: 0,
            n_keys_at_most: KEYS_AT_LEAST,
            rows: vec![],
            found: vec![],
            pending: (vec![], vec![]),
        })
    }

    fn head(&self, number: u32) -> Head {
        Head::of(self.arena.kept(number))
    }

    fn set_head(&mut self, number: u32, head: Head) {
        head.write(self.arena.kept_mut(number));
    }

    fn state(&mut self, number: u32) -> &mut KeyState {
        if self.keys.len() <= number as usize {
            self.keys.resize_with(number as usize + 1, KeyState::default);
        }
        &mut self.keys[number as usize]
    }

    /// Puts the session of a key's head into its state.
    fn take_from_head(&mut self, number: u32) {
        let head = self.head(number);
        if let Some(session) = head.session(number, self.kind.gap()) {
            self.state(number).insert(session);
            self.set_head(number, head.without_session(true));
        }
    }

    /// Puts the session of a key's state into its head, if there is but one and heads are for sessions. Windows
    /// of the key that have `ended`, but not left, stay out of its way.
    fn give_to_head(&mut self, number: u32, ended: &mut [(u32, Open)]) {
        let head = self.head(number);
        let Some(state) = self.keys.get_mut(number as usize) else { return };
        let is_in_head = self.has_sessions_in_heads && state.only().is_some();
        let session = if is_in_head { state.take_last() } else { None };
        let Some(Open { start, last, groups: Groups::One(slot), .. }) = session else {
            let has_windows = !state.is_empty();
            return self.set_head(number, head.without_session(has_windows));
        };
        let own = Slot::own(number);
        if slot != own {
            self.arena.swap(slot, own);
            match ended
                .iter_mut()
                .find(|(_, window)| matches!(window.groups, Groups::One(slot) if slot == own))
            {
                Some((_, window)) => window.groups = Groups::One(slot),
                None => self.arena.free(slot),
            }
        }
        self.set_head(number, head.with_session(start, last));
    }

    /// Sees to it that the watermark comes back to a key when a window of it ends.
    fn watch(&mut self, number: u32, end: EventTime) {
        let head = self.head(number);
        if head.due == NOT_DUE || end < head.due {
            self.set_head(number, head.due_at(end));
            self.due.push(end, number);
        }
    }

    /// Bytes of memory, without what stands for files.
    fn state_bytes_in_memory(&self) -> usize {
        let older: usize = self.keys.iter().map(KeyState::owned_bytes).sum();
        let of_keys = self.keys.capacity() * size_of::<KeyState>() + older + self.oldest.bytes();
        self.arena.bytes() + self.index.bytes() + of_keys + self.due.bytes()
    }

    fn n_windows(&self, number: u32) -> usize {
        let of_state = self.keys.get(number as usize).map_or(0, |state| state.windows().count());
        of_state + self.head(number).has_session() as usize
    }

    /// Ends the window of rows of a key.
    fn end_rows(&mut self, number: u32) {
        self.oldest.remove(number);
        self.leaving.extend(self.keys[number as usize].take_last().map(|window| (number, window)));
    }

    /// Ends the windows of rows of keys that are forgotten at this time.
    fn expire(&mut self, keep: Keep, now: EventTime) {
        while let Some(number) = self.oldest.first()
            && let Some(window) = self.keys[number as usize].last()
            && is_forgotten(keep, window.last, now)
        {
            self.end_rows(number);
        }
    }

    /// Frees the numbers of keys that have no window, if there may be many. All windows that were to leave have
    /// left.
    fn forget_idle(&mut self) {
        if self.index.n_live() < self.n_keys_at_most {
            return;
        }
        for number in 0..self.index.n_numbers() as u32 {
            let has_windows = self.keys.get(number as usize).is_some_and(|state| !state.is_empty());
            if !has_windows && !self.head(number).has_session() && self.index.is_live(number) {
                self.arena.kept_mut(number).copy_from_slice(&IDLE);
                self.index.remove(number);
            }
        }
        self.n_keys_at_most = (self.index.n_live() * 2).max(KEYS_AT_LEAST);
    }

    /// Finds windows that the watermark ends, unless some leave already. Where sessions come back from files, those that
    /// end before leave first.
    fn end_windows(&mut self) -> io::Result<()> {
        while self.is_ending && self.leaving.is_empty() {
            self.forget_idle();
            if let Kind::Rows { keep, .. } = self.kind {
                self.is_ending = self.end_some_rows(keep)?;
                continue;
            }
            let back = self.spilled.as_ref().and_then(SpilledSessions::first);
            let Some(back) = back.filter(|back| *back <= self.watermark.0) else {
                self.is_ending = false;
                self.end_windows_until(self.watermark.0);
                return Ok(());
            };
            self.end_windows_until(back.saturating_sub(1));
            if self.leaving.is_empty() {
                self.take_back()?;
            }
        }
        Ok(())
    }

    fn end_windows_until(&mut self, until: EventTime) {
        let gap = self.kind.gap();
        while let Some(bucket) = self.due.open(until) {
            for (i, number) in bucket.keys.iter().enumerate() {
                if let Some(later) = bucket.keys.get(i + AHEAD) {
                    self.arena.request_key(*later);
                }
                let head = self.head(*number);
                if !self.due.is_due(head.due, &bucket) {
                    continue;
                }
                match head.end(gap) {
                    Some(end) => {
                        self.set_head(*number, head.due_at(end));
                        self.due.push(end, *number);
                    }
                    None => self.watch_again(*number),
                }
            }
            self.due.close(bucket);
        }
        let due: Vec<(EventTime, u32)> = std::iter::from_fn(|| self.due.pop(until)).collect();
        let mut ended = vec![];
        for (i, (time, number)) in due.iter().enumerate() {
            if let Some((_, later)) = due.get(i + AHEAD) {
                self.arena.request_key(*later);
            }
            let head = self.head(*number);
            if head.due != *time {
                continue;
            }
            match head.session(*number, gap) {
                Some(session) if session.end <= until => {
                    ended.push((*number, session));
                    *self.arena.kept_mut(*number) = IDLE;
                }
                Some(_) => self.watch_again(*number),
                None => {
                    let first = ended.len();
                    ended.extend(self.state(*number).take_until(until).map(|window| (*number, window)));
                    self.give_to_head(*number, &mut ended[first..]);
                    self.watch_again(*number);
                }
            }
        }
        ended.sort_by(|(a_key, a), (b_key, b)| {
            (a.end, a.start).cmp(&(b.end, b.start)).then_with(|| self.index.compare(*a_key, *b_key))
        });
        self.leaving.extend(ended);
    }

    /// Has the watermark come back to a key when its next window ends, if there is one.
    fn watch_again(&mut self, number: u32) {
        let head = self.head(number).due_at(NOT_DUE);
        self.set_head(number, head);
        let of_state = || self.keys.get(number as usize).and_then(KeyState::first_end);
        if let Some(end) = head.end(self.kind.gap()).or_else(of_state) {
            self.watch(number, end);
        }
    }

    /// Puts some of the windows that leave into the output, and the watermark behind the last if there is a
    /// new one.
    fn give(&mut self, output: &mut Output) {
        for _ in 0..BATCHES_AT_ONCE {
            if let Err(error) = self.end_windows() {
                return output.fault = Some(error);
            }
            if self.leaving.is_empty() {
                self.forget_idle();
                return self.pass_watermark(output);
            }
            self.give_batch(output);
        }
        output.more = true;
    }

    fn pass_watermark(&mut self, output: &mut Output) {
        let in_memory = || Some(self.keys[self.oldest.first()? as usize].last()?.last);
        let oldest = self.unfilled.as_ref().and_then(Unfilled::first).or_else(in_memory);
        let passed = oldest.map_or(self.watermark, |last| self.watermark.min(Watermark(last)));
        if passed > self.passed {
            self.passed = passed;
            output.messages.push(Message::Watermark(passed));
        }
    }

    fn give_batch(&mut self, output: &mut Output) {
        let mut results = self.arena.results();
        let mut others: Vec<ColumnBuilder> =
            self.others.iter().map(|key| ColumnBuilder::new(&self.key_types[*key])).collect();
        let (mut numbers, mut rows, mut window_numbers) = (vec![], vec![], vec![]);
        while results.len() < BATCH_ROWS
            && let Some((number, window)) = self.leaving.pop_front()
        {
            let end = if let Kind::Rows { .. } = self.kind { window.last } else { window.end };
            let times = [window.start, end, self.kind.time(&window)];
            let mut give = |key: &[Value], slot: Slot| {
                // Otherwise all its rows have failed.
                if self.arena.n_rows(slot) > 0 {
                    others.iter_mut().zip(key).for_each(|(column, value)| column.push(value));
                    self.arena.record(slot, &mut results);
                    numbers.push(number);
                    rows.push(times);
                    window_numbers.push(self.n_windows_out);
                }
                self.arena.free(slot);
            };
            match &window.groups {
                Groups::One(slot) => give(&[], *slot),
                Groups::Split(slots) => slots.iter().for_each(|(key, slot)| give(key, *slot)),
            }
            self.n_windows_out += 1;
        }
        let by = self.by.iter().zip(self.index.columns(&numbers));
        let others = self.others.iter().zip(others.into_iter().map(ColumnBuilder::finish));
        let keys: BTreeMap<&usize, Column> = by.chain(others).collect();
        let mut misfits = vec![];
        let results = self.arena.columns(results, &mut misfits);
        let [start, end, time] = [0, 1, 2].map(|i| times_column(rows.iter().map(|times| times[i])));
        let is_of_rows = matches!(self.kind, Kind::Rows { .. });
        let window_numbers = is_of_rows.then(|| times_column(window_numbers.into_iter()));
        let of_window = [start, end].into_iter().chain(window_numbers).chain([time]);
        let columns: Vec<ColumnRef> =
            keys.into_values().chain(results).map(Arc::new).chain(of_window).collect();
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

fn times_column(times: impl Iterator<Item = EventTime>) -> ColumnRef {
    Arc::new(Column { data: ColumnData::I64(times.collect()), validity: None })
}

impl Operator for KeyedWindows {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(&batch, output),
            Message::Watermark(watermark) => {
                self.watermark = watermark;
                self.is_ending = true;
            }
        }
        self.give(output);
    }

    fn resume(&mut self, output: &mut Output) {
        self.give(output);
    }

    fn amount(&self) -> Option<Count> {
        let keys = 0..self.index.n_numbers() as u32;
        let n_spilled = self.spilled.as_ref().map_or(0, SpilledSessions::n_keys);
        let what = if n_spilled > 0 { "parts of windows" } else { "windows" };
        let n_unfilled = self.unfilled.as_ref().map_or(0, Unfilled::len);
        let n = keys.map(|number| self.n_windows(number)).sum::<usize>() + n_spilled + n_unfilled;
        Some(Count::of(n, what))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        writer.i64(self.passed.0);
        writer.sequence(self.source.iter(), |writer, source| writer.u32(*source));
        writer.u64(self.n_rows_out);
        writer.i64(self.n_windows_out);
        let numbers: Vec<u32> = match self.kind {
            Kind::Rows { .. } => self.oldest.keys().collect(),
            _ => (0..self.index.n_numbers() as u32).filter(|number| self.n_windows(*number) > 0).collect(),
        };
        let n_spilled = self.spilled.as_ref().map_or(0, SpilledSessions::n_keys);
        let n_unfilled = self.unfilled.as_ref().map_or(0, Unfilled::len);
        writer.count(numbers.len() + n_spilled + n_unfilled);
        for windows in self.unfilled.iter().flat_map(Unfilled::written) {
            match windows {
                Ok(windows) => writer.written(&windows),
                Err(error) => return writer.fail(error),
            }
        }
        numbers.into_iter().for_each(|number| self.write_key(number, writer));
        for block in self.spilled.iter().flat_map(SpilledSessions::blocks) {
            match block.read() {
                Ok(keys) => writer.written(&keys),
                Err(error) => return writer.fail(error),
            }
        }
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        self.passed = Watermark(reader.i64()?);
        self.source = reader.sequence(SnapshotReader::u32)?.pop();
        self.n_rows_out = reader.total()?;
        self.n_windows_out = reader.i64()?;
        (0..reader.count()?).try_for_each(|_| self.take_key(reader).map(drop))
    }

    fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        match self.kind {
            _ if self.can_join => spill.timed(|| self.spill_sessions(spill)),
            Kind::Rows { .. } if !self.by.is_empty() => spill.timed(|| self.spill_unfilled(spill)),
            _ => Ok(()),
        }
    }

    fn waiting(&self) -> Option<Waiting> {
        // Windows of rows wait for rows.
        let numbers = || 0..self.index.n_numbers() as u32;
        let in_memory = numbers().map(|number| self.head(number).due).filter(|due| *due != NOT_DUE);
        let until = in_memory.chain(self.spilled.iter().filter_map(SpilledSessions::first)).min()?;
        // Which of those in files are parts of one is known when they are put together.
        let is_known = self.spilled.as_ref().is_none_or(SpilledSessions::is_empty);
        let n = is_known.then(|| numbers().map(|number| self.n_windows(number)).sum());
        Some(Waiting { what: "windows", n, until })
    }

    fn state_bytes(&self) -> usize {
        let of_sessions = self.spilled.as_ref().map_or(0, SpilledSessions::bytes);
        self.state_bytes_in_memory() + of_sessions + self.unfilled.as_ref().map_or(0, Unfilled::bytes)
    }
}
