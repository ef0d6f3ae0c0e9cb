//! Where rows go: each to the window of its key that it lies in.
//!
//! A row needs the line of memory of its key in the index, and then that of its own: so rows are worked on in
//! chunks, and while one is added, the lines of the next are on their way.

use super::KeyedWindows;
use super::head;
use super::state::{Groups, Kind, Open};
use crate::accumulate::arena::{Arena, PlainRows, Slot};
use crate::accumulate::side::Row;
use crate::kernel::extent::range;
use crate::message::EventTime;
use crate::operator::Output;
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::types::Type;
use std::collections::BTreeMap;
use std::io;

/// Rows in a chunk.
const CHUNK: usize = 32;

impl KeyedWindows {
    pub(super) fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
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
        if let Some(last) = rows.last()
            && let Err(error) = self.take_expiring(times[*last as usize])
        {
            return output.fault = Some(error);
        }
        let columns: Vec<&ColumnRef> =
            self.by.iter().map(|key| &batch.columns[self.key_columns[*key]]).collect();
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        self.index.begin(&columns, &rows);
        let plain = self.arena.plain_rows(batch).filter(|_| self.has_sessions_in_heads);
        match plain.filter(|_| self.index.finds_one_by_one()) {
            Some(plain) => self.take_plain(&rows, plain, (batch, times), &mut found),
            None => {
                self.find_next(&mut found);
                for (i, rows) in rows.chunks(CHUNK).enumerate() {
                    // While the lines come of the rows behind these.
                    self.find_next(&mut found);
                    let numbers = &found[i * CHUNK..][..rows.len()];
                    if let Err(error) = self.take_chunk((numbers, rows), (batch, times), output) {
                        return output.fault = Some(error);
                    }
                }
            }
        }
        (self.rows, self.found) = (rows, found);
        let mut failed = self.arena.take_failed();
        failed.sort_by_key(|failed| failed.number);
        self.failed_rows.report(batch, failed, self.passed, output);
    }

    /// Adds rows to the sessions of their keys, each at once, while lines come of the rows behind it.
    fn take_plain(
        &mut self,
        rows: &[u32],
        plain: PlainRows,
        (batch, times): (&Batch, &[EventTime]),
        found: &mut Vec<u32>,
    ) {
        let gap = self.kind.gap();
        found.resize(rows.len() + CHUNK, 0);
        for first in (0..rows.len() + CHUNK).step_by(CHUNK) {
            // Of this chunk the keys are found, of the one before it the rows are added.
            self.index.expect(CHUNK);
            self.arena.grow(self.index.n_numbers() + CHUNK);
            plain.request(first + CHUNK, CHUNK);
            for place in first..first + CHUNK {
                if place < rows.len() {
                    let number = self.index.find_at(place);
                    self.arena.request_key(number);
                    found[place] = number;
                }
                let Some(place) = place.checked_sub(CHUNK).filter(|place| *place < rows.len()) else {
                    continue;
                };
                let (number, row) = (found[place], rows[place] as usize);
                let (slot, head) = self.arena.key_mut(number);
                if head::take(head, times[row], gap) {
                    plain.add(slot, row);
                } else if let Some(slot) = self.slot_of(number, Row { batch, times, number: row }) {
                    self.arena.add_plain(slot, &plain, row);
                }
            }
        }
    }

    /// Finds the keys of the next chunk.
    fn find_next(&mut self, found: &mut Vec<u32>) {
        let first = found.len();
        self.index.find_next(CHUNK, found);
        self.arena.grow(self.index.n_numbers());
        found[first..].iter().for_each(|number| self.arena.request_key(*number));
    }

    /// Adds rows to the windows of their keys, which have these numbers.
    fn take_chunk(
        &mut self,
        (numbers, rows): (&[u32], &[u32]),
        (batch, times): (&Batch, &[EventTime]),
        output: &mut Output,
    ) -> io::Result<()> {
        if let Kind::Rows { count, keep } = self.kind {
            for (number, row) in numbers.iter().zip(rows) {
                let row = Row { batch, times, number: *row as usize };
                self.expire(keep, times[row.number]);
                self.count_row(*number, count, row)?;
            }
            return Ok(());
        }
        let gap = self.kind.gap();
        let (slots, pending) = &mut self.pending;
        let mut others = [(0, 0); CHUNK];
        let mut n_others = 0;
        self.arena.look_at(numbers.iter().copied().zip(rows), |head, number, row| {
            if head::take(head, times[*row as usize], gap) {
                slots.push(Slot::own(number));
                pending.push(*row);
            } else {
                others[n_others] = (number, *row);
                n_others += 1;
            }
        });
        // Rows of sessions of heads come in any order, so it makes no difference that these come behind the others.
        for (number, row) in &others[..n_others] {
            match self.slot_of(*number, Row { batch, times, number: *row as usize }) {
                Some(slot) => {
                    self.pending.0.push(slot);
                    self.pending.1.push(*row);
                }
                None => output.n_late_left_out += 1,
            }
        }
        self.add_pending(batch, times);
        Ok(())
    }

    fn add_pending(&mut self, batch: &Batch, times: &[EventTime]) {
        let (slots, rows) = &mut self.pending;
        self.arena.add_rows(slots, rows, batch, times);
        slots.clear();
        rows.clear();
    }

    /// The slot of a row in the window of its key that it lies in; none if it is too late for one. It is added
    /// there after the rows that are pending.
    fn slot_of(&mut self, number: u32, row: Row) -> Option<Slot> {
        let (time, gap) = (row.times[row.number], self.kind.gap());
        if self.has_sessions_in_heads {
            let head = self.head(number);
            if head.is_idle() {
                self.set_head(number, head.with_session(time, time));
                self.watch(number, time.saturating_add(gap));
                return Some(Slot::own(number));
            }
            if let Some(head) = head.with_row(time, gap) {
                self.set_head(number, head);
                return Some(Slot::own(number));
            }
        }
        self.take_from_head(number);
        let end = self.kind.end(row);
        let (kind, state) = (self.kind, self.state(number));
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
        self.give_to_head(number, &mut []);
        self.watch(number, end);
        // There it has another.
        Some(if self.head(number).has_session() { Slot::own(number) } else { slot })
    }

    /// Adds a row to the window of rows of its key.
    fn count_row(&mut self, number: u32, count: u64, row: Row) -> io::Result<()> {
        let time = row.times[row.number];
        if self.state(number).is_empty() {
            self.take_unfilled(number)?;
        }
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
        Ok(())
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
