//! Aggregates of sessions and of windows of rows whose results are replaced: at each row, at each multiple of
//! some time, or when a session is over and at late rows after that.
//!
//! A row that comes may make a session longer, and several sessions one. Then the rows of the sessions that were
//! are withdrawn, and those of the session that is are added. With `emit final` the rows that stand are at any
//! time those of the sessions that the watermark has reached the end of: where a late row makes a session
//! longer than that, its rows are withdrawn until the watermark is there.
//!
//! A late row sees the sessions that end, with `lateness`, behind the watermark that it came behind. Others are
//! over for it, even if they are still kept for rows of other partitions.

use crate::accumulate::arena::{Arena, Slot};
use crate::accumulate::side::Row;
use crate::contents::{Around, Contents, Count};
use crate::message::{EventTime, Message, Watermark};
use crate::op::changes::{late_of, plain};
use crate::op::failed_rows::FailedRows;
use crate::op::keyed_windows::state::{Groups, Kind, Open};
use crate::op::multiples::{self, Next, Pending, defer, next_multiple};
use crate::op::order::without_late;
use crate::op::segment::json_row;
use crate::operator::{Failure, Operator, Output, Place};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use millstream_base::Span;
use millstream_ir::batch::{BATCH_ROWS, Batch, LateRow, Origin};
use millstream_ir::column::{ColumnBuilder, ColumnData};
use millstream_ir::flow::{Emission, Keep, Node, Schema, UpdatingWindows};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub struct UpdatingWindowsOperator {
    spec: UpdatingWindows,
    kind: Kind,
    input_types: Vec<Type>,
    time: usize,
    /// Of the keys, which windows are kept by and which split their rows.
    by: Vec<usize>,
    others: Vec<usize>,
    key_names: Vec<Arc<str>>,
    /// Of the rows that leave, without the time and the sign.
    types: Vec<Type>,
    place: Span,
    keys: BTreeMap<Key, State>,
    arena: Arena,
    failed_rows: FailedRows,
    /// Keys by the watermark at which to look at them.
    due: BTreeMap<EventTime, BTreeSet<Key>>,
    /// Rows by the watermark at which they are to be counted.
    pending: Pending,
    watermark: Watermark,
    /// How many windows there have been.
    n_windows: i64,
}

type Key = Vec<Value>;

/// The windows of a key, by their starts.
#[derive(Default)]
struct State {
    windows: Vec<Window>,
    due: Option<EventTime>,
}

struct Window {
    /// The first that had rows of it, of those that have become one; no two others have the same.
    number: i64,
    open: Open,
    /// Its rows that stand, as they came out.
    shown: Vec<Vec<Value>>,
    /// Whether its rows have to be looked at again.
    changed: bool,
    /// Whether it takes no more rows.
    full: bool,
}

/// A row that goes or comes.
struct Change {
    row: Vec<Value>,
    sign: i64,
    /// The row that caused it, of a batch.
    cause: u32,
    time: EventTime,
}

impl UpdatingWindowsOperator {
    /// None for windows that a time alone decides on.
    pub fn new(node: &Node, spec: &UpdatingWindows, input: &Schema) -> Option<UpdatingWindowsOperator> {
        let by = spec.keys_of_windows().to_vec();
        let n_columns = node.schema.columns.len().saturating_sub(2);
        Some(UpdatingWindowsOperator {
            kind: Kind::new(&spec.window)?,
            input_types: input.types(),
            time: input.time,
            others: (0..spec.keys.len()).filter(|key| !by.contains(key)).collect(),
            by,
            key_names: node.schema.columns.iter().take(spec.keys.len()).map(|c| c.name.clone()).collect(),
            types: node.schema.columns.iter().take(n_columns).map(|c| c.ty.clone()).collect(),
            place: node.span,
            keys: BTreeMap::new(),
            arena: Arena::new(&spec.aggregates),
            failed_rows: FailedRows::of(input),
            due: BTreeMap::new(),
            pending: Pending::new(),
            watermark: Watermark::START,
            n_windows: 0,
            spec: spec.clone(),
        })
    }

    fn key(&self, row: Row, keys: &[usize]) -> Key {
        let value = |key: &usize| {
            let column = self.spec.keys[*key];
            row.column(column).value(row.number, &self.input_types[column])
        };
        keys.iter().map(value).collect()
    }

    fn take_rows(&mut self, batch: Batch, output: &mut Output) {
        if let Emission::Every(every) = self.spec.emission {
            return self.defer(batch, every, output);
        }
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let mut changes = vec![];
        for number in 0..batch.n_rows {
            let row = Row { batch: &batch, times, number };
            let Some(key) = self.count(row, output) else { continue };
            self.show(&key, self.watermark.0, (number as u32, times[number]), &mut changes, output);
            // A row that is withdrawn and the one in its place stay together.
            if changes.len() >= BATCH_ROWS {
                self.give(std::mem::take(&mut changes), Some(&batch), output);
            }
        }
        self.give(changes, Some(&batch), output);
        self.failed_rows.report(&batch, self.arena.take_failed(), self.watermark, output);
    }

    /// Adds a row to the window of its key that takes it. The answer is the key; none if the row is too late.
    fn count(&mut self, row: Row, output: &mut Output) -> Option<Key> {
        let time = row.times[row.number];
        let (key, others) = (self.key(row, &self.by), self.key(row, &self.others));
        let late = row.batch.late(row.number).map(|late| late.watermark);
        let lateness = self.spec.lateness;
        let is_seen = |end: EventTime| late.is_none_or(|w| lateness > 0 && end.saturating_add(lateness) > w);
        let state = self.keys.entry(key.clone()).or_default();
        if let Kind::Rows { keep: Keep::Expire(duration), .. } = self.kind {
            let over = |w: &Window| time.saturating_sub(w.open.last) >= duration;
            state.windows.iter_mut().filter(|w| over(w)).for_each(|w| w.full = true);
        }
        let takes = |window: &Window| match self.kind {
            Kind::Rows { .. } => !window.full,
            _ => self.kind.takes(&window.open, time) && is_seen(window.open.end),
        };
        let mut taking: Vec<usize> =
            (0..state.windows.len()).filter(|at| takes(&state.windows[*at])).collect();
        let own_end = self.kind.end(row).unwrap_or(time);
        let Some(first) = taking.first().copied() else {
            if !is_seen(own_end) {
                output.n_late_left_out += 1;
                self.forget_empty(&key);
                return None;
            }
            let groups = match self.others.is_empty() {
                true => Groups::One(self.arena.make()),
                false => Groups::Split(BTreeMap::new()),
            };
            let open = Open { start: time, last: time, end: own_end, n_rows: 0, groups };
            let place = state.windows.partition_point(|window| window.open.start <= time);
            self.n_windows += 1;
            let number = self.n_windows;
            state.windows.insert(place, Window { number, open, shown: vec![], changed: false, full: false });
            return self.add(key, place, row, others);
        };
        while taking.len() > 1
            && let Some(next) = taking.pop()
        {
            let next = state.windows.remove(next);
            let window = &mut state.windows[first];
            self.kind.extend(&mut window.open, next.open.start, next.open.end);
            self.kind.extend(&mut window.open, next.open.last, next.open.end);
            window.open.n_rows += next.open.n_rows;
            window.open.groups.merge(next.open.groups, &mut self.arena);
            window.shown.extend(next.shown);
        }
        self.kind.extend(&mut state.windows[first].open, time, own_end);
        self.add(key, first, row, others)
    }

    fn add(&mut self, key: Key, at: usize, row: Row, others: Key) -> Option<Key> {
        let window = self.keys.get_mut(&key)?.windows.get_mut(at)?;
        let slot = match &mut window.open.groups {
            Groups::One(slot) => *slot,
            Groups::Split(slots) => *slots.entry(others).or_insert_with(|| self.arena.make()),
        };
        self.arena.add(slot, row);
        window.open.n_rows += 1;
        window.changed = true;
        if let Kind::Rows { count, .. } = self.kind {
            window.full |= window.open.n_rows >= count;
        }
        self.watch(&key);
        Some(key)
    }

    /// Notes when to come back to a key.
    fn watch(&mut self, key: &Key) {
        let Some(state) = self.keys.get(key) else { return };
        let Some(next) = state.windows.iter().filter_map(|window| self.next_look(window)).min() else {
            return;
        };
        if state.due.is_none_or(|due| next < due) {
            self.due.entry(next).or_default().insert(key.clone());
            self.keys.entry(key.clone()).and_modify(|state| state.due = Some(next));
        }
    }

    /// When a window is to be shown or forgotten; none if no time tells.
    fn next_look(&self, window: &Window) -> Option<EventTime> {
        let is_final = self.spec.emission == Emission::Final;
        match self.kind {
            Kind::Rows { keep: Keep::Forever, .. } => None,
            Kind::Rows { keep: Keep::Expire(duration), .. } => {
                Some(self.last_count(window.open.last.saturating_add(duration)))
            }
            _ if is_final && window.changed => Some(window.open.end),
            _ => Some(self.last_count(window.open.end.saturating_add(self.spec.lateness))),
        }
    }

    /// The watermark at which all rows have been counted that come before a time.
    fn last_count(&self, time: EventTime) -> EventTime {
        match self.spec.emission {
            Emission::Every(every) => next_multiple(time.saturating_sub(1), every),
            Emission::Final | Emission::OnChange => time,
        }
    }

    /// The changes of the rows of a key's windows that have changed, because of a row or a watermark.
    /// `reached`: the watermark that sessions end at which are over.
    fn show(
        &mut self,
        key: &Key,
        reached: EventTime,
        (cause, time): (u32, EventTime),
        changes: &mut Vec<Change>,
        output: &mut Output,
    ) {
        let Some(mut state) = self.keys.remove(key) else { return };
        for window in state.windows.iter_mut().filter(|window| window.changed) {
            let is_shown = self.spec.emission != Emission::Final || window.open.end <= reached;
            if self.spec.emission == Emission::Final && !is_shown && window.shown.is_empty() {
                // Its time will come.
                continue;
            }
            window.changed = !is_shown;
            let now = if is_shown { self.rows_of(key, window, time, output) } else { vec![] };
            let mut before = std::mem::take(&mut window.shown);
            if let Some(number) = self.column_of_number() {
                // Those of windows that have become part of this go first, all together.
                let is_own = |row: &Vec<Value>| row[number] == Value::Int(window.number);
                let others = before.extract_if(.., |row| !is_own(row));
                changes.extend(others.map(|row| Change { row, sign: -1, cause, time }));
            }
            for row in &now {
                let of_group = |old: &Vec<Value>| old[..self.spec.keys.len()] == row[..self.spec.keys.len()];
                let mut olds: Vec<Vec<Value>> = before.extract_if(.., |old| of_group(old)).collect();
                if let [old] = &olds[..]
                    && self.says_the_same(old, row)
                {
                    continue;
                }
                let gone = olds.drain(..).map(|row| Change { row, sign: -1, cause, time });
                changes.extend(gone);
                changes.push(Change { row: row.clone(), sign: 1, cause, time });
            }
            changes.extend(before.into_iter().map(|row| Change { row, sign: -1, cause, time }));
            window.shown = now;
        }
        state.windows.retain(|window| {
            let is_over = window.full && !window.changed;
            if is_over {
                free(&window.open, &mut self.arena);
            }
            !is_over
        });
        if !state.windows.is_empty() {
            self.keys.insert(key.clone(), state);
        }
    }

    /// Whether a row is the one before, as far as somebody looks at it.
    fn says_the_same(&self, old: &[Value], new: &[Value]) -> bool {
        let n_numbers = if self.spec.is_numbered { 2 } else { 0 };
        let n_results = new.len().saturating_sub(2 + n_numbers);
        let is_shown = |at: usize| {
            let bound = at.checked_sub(n_results).and_then(|bound| self.spec.shows.get(bound));
            bound.is_none_or(|is_shown| *is_shown)
        };
        let shown = (0..new.len()).filter(|at| is_shown(*at));
        shown.into_iter().all(|at| old[at] == new[at])
    }

    /// Where the rows have the number of their window, if they have it.
    fn column_of_number(&self) -> Option<usize> {
        self.spec.is_numbered.then(|| self.types.len().saturating_sub(2))
    }

    /// From when on nothing changes the rows of a window as it is.
    fn over(&self, window: &Window) -> EventTime {
        match self.kind {
            Kind::Rows { count, .. } if window.open.n_rows >= count => window.open.last,
            Kind::Rows { keep: Keep::Expire(duration), .. } => window.open.last.saturating_add(duration),
            Kind::Rows { .. } => EventTime::MAX,
            _ => window.open.end.saturating_add(self.spec.lateness),
        }
    }

    /// The rows of a window as it is.
    fn rows_of(&self, key: &Key, window: &Window, time: EventTime, output: &mut Output) -> Vec<Vec<Value>> {
        let open = &window.open;
        let slots = open.groups.slots();
        let slots: Vec<(&[Value], Slot)> =
            slots.into_iter().filter(|(_, slot)| self.arena.n_rows(*slot) > 0).collect();
        let mut results = self.arena.results();
        slots.iter().for_each(|(_, slot)| self.arena.record(*slot, &mut results));
        let mut misfits = vec![];
        let columns = self.arena.columns(results, &mut misfits);
        let end = if let Kind::Rows { .. } = self.kind { open.last } else { open.end };
        let mut rows = vec![];
        for (number, (others, _)) in slots.into_iter().enumerate() {
            let mut row = vec![Value::Null; self.spec.keys.len()];
            let keys = self.by.iter().zip(key).chain(self.others.iter().zip(others));
            keys.for_each(|(at, value)| row[*at] = value.clone());
            if let Some(misfit) = misfits.iter().find(|misfit| misfit.group == number) {
                let named = self.key_names.iter().map(|name| &**name).zip(&row).zip(&self.types);
                let row = json_row(named.map(|((name, value), ty)| (name, value, ty)));
                let (reason, place) = (misfit.reason.clone(), Place::Program(self.place));
                output.failures.push(Failure { row, reason, place, at: time, time });
                continue;
            }
            let types = self.types.iter().skip(self.spec.keys.len());
            row.extend(columns.iter().zip(types).map(|(column, ty)| column.value(number, ty)));
            row.extend([open.start, end].map(Value::Timestamp));
            if self.spec.is_numbered {
                row.extend([Value::Int(window.number), Value::Timestamp(self.over(window))]);
            }
            rows.push(row);
        }
        rows
    }

    /// Puts changes into the output: of rows of a batch, or at a watermark.
    fn give(&self, changes: Vec<Change>, batch: Option<&Batch>, output: &mut Output) {
        let mut rest = &changes[..];
        while !rest.is_empty() {
            let mut n = rest.len().min(BATCH_ROWS);
            // A row that is withdrawn and the one in its place stay together.
            while batch.is_none() && rest.get(n).is_some_and(|next| next.sign > 0 && rest[n - 1].sign < 0) {
                n += 1;
            }
            if batch.is_some() {
                n = rest.len();
            }
            let (part, later) = rest.split_at(n);
            rest = later;
            let mut columns: Vec<ColumnBuilder> = self.types.iter().map(ColumnBuilder::new).collect();
            for change in part {
                columns.iter_mut().zip(&change.row).for_each(|(column, value)| column.push(value));
            }
            let mut columns: Vec<_> = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
            columns.push(plain(part.iter().map(|change| change.time)));
            columns.push(plain(part.iter().map(|change| change.sign)));
            let causes: Vec<u32> = part.iter().map(|change| change.cause).collect();
            let (origin, late): (Origin, Vec<LateRow>) = match batch {
                Some(batch) => (batch.origin.gather(&causes), late_of(&batch.late, &causes)),
                None => (Origin::default(), vec![]),
            };
            output.messages.push(Message::Batch(Batch { columns, n_rows: part.len(), origin, late }));
        }
    }

    /// Keeps rows for the first multiple of `every` behind them.
    fn defer(&mut self, batch: Batch, every: i64, output: &mut Output) {
        let batch = if self.spec.lateness == 0 { without_late(batch, output) } else { batch };
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        defer(&batch, times, every, &mut self.pending);
    }

    fn advance(&mut self, watermark: Watermark, output: &mut Output) {
        self.watermark = watermark;
        while let Some(next) = multiples::next(&self.pending, self.due.keys().next().copied(), watermark) {
            match next {
                Next::Count(multiple) => self.change_at(multiple, output),
                Next::Due => self.look_at_next(output),
            }
        }
    }

    /// Counts the rows of a multiple of the time between results.
    fn change_at(&mut self, multiple: EventTime, output: &mut Output) {
        let batches = self.pending.remove(&multiple).unwrap_or_default();
        let mut touched = BTreeSet::new();
        for batch in &batches {
            let ColumnData::I64(times) = &batch.columns[self.time].data else { continue };
            for number in 0..batch.n_rows {
                touched.extend(self.count(Row { batch, times, number }, output));
            }
            self.failed_rows.report(batch, self.arena.take_failed(), self.watermark, output);
        }
        let mut changes = vec![];
        for key in touched {
            self.show(&key, multiple, (0, multiple - 1), &mut changes, output);
        }
        self.give(changes, None, output);
    }

    /// Shows and forgets the windows that are due first.
    fn look_at_next(&mut self, output: &mut Output) {
        let Some((due, keys)) = self.due.pop_first() else { return };
        let mut changes: Vec<(EventTime, Vec<Change>)> = vec![];
        for key in keys {
            let Some(state) = self.keys.get_mut(&key).filter(|state| state.due == Some(due)) else {
                continue;
            };
            state.due = None;
            let is_final = self.spec.emission == Emission::Final;
            let shows = |window: &Window| is_final && window.changed && window.open.end == due;
            if let Some(window) = state.windows.iter().find(|window| shows(window)) {
                let (start, mut shown) = (window.open.start, vec![]);
                // Others that have changed end later: of these nothing is shown.
                self.show(&key, due, (0, due - 1), &mut shown, output);
                changes.push((start, shown));
            }
            let Some(mut state) = self.keys.remove(&key) else { continue };
            state.windows.retain(|window| {
                let is_over = !(is_final && window.changed)
                    && match self.kind {
                        Kind::Rows { keep: Keep::Expire(duration), .. } => {
                            self.last_count(window.open.last.saturating_add(duration)) <= due
                        }
                        Kind::Rows { .. } => false,
                        _ => self.last_count(window.open.end.saturating_add(self.spec.lateness)) <= due,
                    };
                if is_over {
                    free(&window.open, &mut self.arena);
                }
                !is_over
            });
            if !state.windows.is_empty() {
                self.keys.insert(key.clone(), state);
                self.watch(&key);
            }
        }
        changes.sort_by_key(|(start, _)| *start);
        self.give(changes.into_iter().flat_map(|(_, changes)| changes).collect(), None, output);
    }

    fn forget_empty(&mut self, key: &Key) {
        if self.keys.get(key).is_some_and(|state| state.windows.is_empty()) {
            self.keys.remove(key);
        }
    }
}

fn free(open: &Open, arena: &mut Arena) {
    open.groups.slots().into_iter().for_each(|(_, slot)| arena.free(slot));
}

impl Operator for UpdatingWindowsOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(batch, output),
            Message::Watermark(watermark) => {
                self.advance(watermark, output);
                output.messages.push(message);
            }
        }
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let windows = self.keys.iter().flat_map(|(key, state)| state.windows.iter().map(move |w| (key, w)));
        let rows = windows
            .flat_map(|(key, window)| self.rows_of(key, window, window.open.last, &mut Output::default()));
        Some(vec![Contents::rows_of("rows of windows that may still change", &around.node.schema, rows)])
    }

    fn amount(&self) -> Option<Count> {
        Some(Count::of(self.keys.values().map(|state| state.windows.len()).sum(), "windows"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        writer.i64(self.n_windows);
        writer.sequence(self.keys.iter(), |writer, (key, state)| {
            key.iter().for_each(|value| writer.value(value));
            writer.sequence(state.windows.iter(), |writer, window| {
                writer.i64(window.number);
                window.open.snapshot(&self.arena, writer);
                writer.bool(window.changed);
                writer.bool(window.full);
                writer.sequence(window.shown.iter(), |writer, row| {
                    row.iter().for_each(|value| writer.value(value));
                });
            });
        });
        writer.sequence(self.pending.iter(), |writer, (multiple, batches)| {
            writer.i64(*multiple);
            writer.sequence(batches.iter(), |writer, batch| writer.batch(batch, &self.input_types));
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        self.n_windows = reader.i64()?;
        let (n_by, n_others, n_columns) = (self.by.len(), self.others.len(), self.types.len());
        let values = |n: usize, reader: &mut SnapshotReader| -> Result<Vec<Value>, Corrupt> {
            (0..n).map(|_| reader.value()).collect()
        };
        for _ in 0..reader.count()? {
            let key = values(n_by, reader)?;
            let windows = reader.sequence(|reader| {
                let number = reader.i64()?;
                let open = Open::restore(n_others, &mut self.arena, reader)?;
                let (changed, full) = (reader.bool()?, reader.bool()?);
                let shown = reader.sequence(|reader| values(n_columns, reader))?;
                Ok(Window { number, open, shown, changed, full })
            })?;
            self.keys.insert(key.clone(), State { windows, due: None });
            self.watch(&key);
        }
        for _ in 0..reader.count()? {
            let multiple = reader.i64()?;
            let batches = reader.sequence(|reader| reader.batch(&self.input_types))?;
            self.pending.insert(multiple, batches);
        }
        Ok(())
    }

    fn waiting(&self) -> Option<Waiting> {
        let until = *self.due.first_key_value()?.0;
        let n = self.keys.values().map(|state| state.windows.len()).sum();
        Some(Waiting { what: "windows", n: Some(n), until })
    }

    fn state_bytes(&self) -> usize {
        let of_window = |window: &Window| {
            size_of::<Window>() + window.shown.len() * self.types.len() * size_of::<Value>()
        };
        let of_key = |state: &State| {
            self.by.len() * size_of::<Value>() + state.windows.iter().map(of_window).sum::<usize>()
        };
        let n_pending: usize = self.pending.values().flatten().map(|batch| batch.n_rows).sum();
        self.arena.bytes()
            + self.keys.values().map(of_key).sum::<usize>()
            + n_pending * 16 * self.input_types.len()
    }
}
