//! Which rows a window takes, and the open windows of a key.

use crate::accumulate::arena::{Arena, Slot};
use crate::accumulate::side::Row;
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::column::ColumnData;
use millstream_ir::flow::{Keep, WindowAssigner};
use millstream_ir::value::Value;
use std::collections::BTreeMap;

/// What ends a window.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Session {
        gap: i64,
        max: Option<i64>,
    },
    Rows {
        count: u64,
        keep: Keep,
    },
    /// The greatest time in this column.
    Until {
        column: usize,
    },
}

/// A window that can still take rows.
pub struct Open {
    pub start: EventTime,
    /// The time of its last row.
    pub last: EventTime,
    /// Unless it is a window of rows.
    pub end: EventTime,
    pub n_rows: u64,
    pub groups: Groups,
}

/// The groups of a window: one, unless keys split its rows.
pub enum Groups {
    One(Slot),
    Split(BTreeMap<Vec<Value>, Slot>),
}

/// The open windows of a key, by their starts.
#[derive(Default)]
pub struct KeyState {
    /// What the windows are kept by.
    pub key: Vec<Value>,
    /// All but the last, which there nearly never are.
    pub older: Vec<Open>,
    pub last: Option<Open>,
    /// When the watermark is to come back to it.
    pub due: Option<EventTime>,
}

impl Kind {
    /// None for windows that a time alone decides on.
    pub fn new(assigner: &WindowAssigner) -> Option<Kind> {
        Some(match assigner {
            WindowAssigner::Session { gap, max, .. } => Kind::Session { gap: *gap, max: *max },
            WindowAssigner::Rows { count, keep, .. } => Kind::Rows { count: *count, keep: *keep },
            WindowAssigner::Until { column } => Kind::Until { column: *column },
            _ => return None,
        })
    }

    /// How finely the ends of windows are told apart at first.
    pub fn granule(&self) -> i64 {
        match self {
            Kind::Session { gap, .. } => gap / 16,
            Kind::Rows { .. } | Kind::Until { .. } => 1_000_000,
        }
    }

    /// The end of a window that a row opens; none if the row is too late to open one.
    pub fn end(&self, row: Row) -> Option<EventTime> {
        let time = row.times[row.number];
        match self {
            Kind::Session { gap, max } => Some(session_end(time, time, *gap, *max)),
            Kind::Rows { .. } => Some(time),
            Kind::Until { column } => match &row.column(*column).data {
                ColumnData::I64(ends) => Some(ends[row.number]).filter(|end| *end > time),
                _ => None,
            },
        }
    }

    /// Whether a row of this time lies in the window.
    pub fn takes(&self, window: &Open, time: EventTime) -> bool {
        let nearest = match self {
            Kind::Session { gap, .. } => time.saturating_add(*gap),
            _ => time.saturating_add(1),
        };
        time < window.end && window.start < nearest
    }

    /// Takes a row's time, and the end of the window that it would have opened, into account.
    pub fn extend(&self, window: &mut Open, time: EventTime, end: EventTime) {
        window.start = window.start.min(time);
        window.last = window.last.max(time);
        window.end = match self {
            Kind::Session { gap, max } => session_end(window.start, window.last, *gap, *max),
            Kind::Until { .. } => window.end.max(end),
            Kind::Rows { .. } => window.last,
        };
    }

    /// The event time of the window's rows.
    pub fn time(&self, window: &Open) -> EventTime {
        if let Kind::Rows { .. } = self { window.last } else { window.end - 1 }
    }
}

fn session_end(start: EventTime, last: EventTime, gap: i64, max: Option<i64>) -> EventTime {
    let end = last.saturating_add(gap);
    max.map_or(end, |max| end.min(start.saturating_add(max)))
}

impl KeyState {
    pub fn is_empty(&self) -> bool {
        self.last.is_none() && self.older.is_empty()
    }

    /// The open windows, by their starts.
    pub fn windows(&self) -> impl Iterator<Item = &Open> {
        self.older.iter().chain(&self.last)
    }

    /// The end of the window that ends first.
    pub fn first_end(&self) -> Option<EventTime> {
        self.windows().map(|window| window.end).min()
    }

    /// The window that takes a row of this time, if there is one. Those that the row brings together
    /// become one.
    pub fn window_of(
        &mut self,
        kind: &Kind,
        (time, end): (EventTime, EventTime),
        arena: &mut Arena,
    ) -> Option<&mut Open> {
        let is_last = self.last.as_ref().is_some_and(|last| kind.takes(last, time))
            && !self.older.last().is_some_and(|older| kind.takes(older, time));
        if is_last {
            let last = self.last.as_mut()?;
            kind.extend(last, time, end);
            return Some(last);
        }
        self.older.extend(self.last.take());
        let first = self.older.iter().position(|window| kind.takes(window, time));
        if let Some(first) = first {
            while self.older.get(first + 1).is_some_and(|next| kind.takes(next, time)) {
                let next = self.older.remove(first + 1);
                let window = &mut self.older[first];
                kind.extend(window, next.last, next.end);
                window.n_rows += next.n_rows;
                window.groups.merge(next.groups, arena);
            }
            kind.extend(&mut self.older[first], time, end);
        }
        self.last = self.older.pop();
        let n_older = self.older.len();
        match first? {
            first if first == n_older => self.last.as_mut(),
            first => self.older.get_mut(first),
        }
    }

    /// Adds a window, which no other overlaps.
    pub fn insert(&mut self, window: Open) -> Option<&mut Open> {
        self.older.extend(self.last.take());
        let place = self.older.partition_point(|older| older.start < window.start);
        self.older.insert(place, window);
        self.last = self.older.pop();
        if place == self.older.len() { self.last.as_mut() } else { self.older.get_mut(place) }
    }

    /// Takes out the windows that end at or before a time.
    pub fn take_until(&mut self, time: EventTime) -> Vec<Open> {
        let ended = |window: &mut Open| window.end <= time;
        let mut taken: Vec<Open> = self.older.extract_if(.., ended).collect();
        if self.last.as_mut().is_some_and(ended) {
            taken.extend(self.last.take());
            self.last = self.older.pop();
        }
        taken
    }
}

impl Groups {
    pub fn merge(&mut self, other: Groups, arena: &mut Arena) {
        let mut merge = |into: Slot, from: Slot| {
            arena.merge(into, from);
            arena.free(from);
        };
        match (self, other) {
            (Groups::One(into), Groups::One(from)) => merge(*into, from),
            (Groups::Split(into), Groups::Split(from)) => {
                for (key, from) in from {
                    match into.get(&key) {
                        Some(into) => merge(*into, from),
                        None => {
                            into.insert(key, from);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// The keys by which rows are split, with the slot of each.
    pub fn slots(&self) -> Vec<(&[Value], Slot)> {
        match self {
            Groups::One(slot) => vec![(&[], *slot)],
            Groups::Split(slots) => slots.iter().map(|(key, slot)| (&key[..], *slot)).collect(),
        }
    }
}

impl Open {
    pub fn snapshot(&self, arena: &Arena, writer: &mut SnapshotWriter) {
        writer.i64(self.start);
        writer.i64(self.last);
        writer.i64(self.end);
        writer.u64(self.n_rows);
        writer.sequence(self.groups.slots().into_iter(), |writer, (key, slot)| {
            key.iter().for_each(|value| writer.value(value));
            arena.write(slot, writer);
        });
    }

    /// `n_others` are the keys that split its rows.
    pub fn restore(n_others: usize, arena: &mut Arena, reader: &mut SnapshotReader) -> Result<Open, Corrupt> {
        let (start, last, end, n_rows) = (reader.i64()?, reader.i64()?, reader.i64()?, reader.u64()?);
        let slots = reader.sequence(|reader| {
            let key = (0..n_others).map(|_| reader.value()).collect::<Result<Vec<Value>, Corrupt>>()?;
            Ok((key, arena.restore(reader)?))
        })?;
        let groups = match (n_others, &slots[..]) {
            (0, [(_, slot)]) => Groups::One(*slot),
            (0, _) => return Err(Corrupt),
            _ => Groups::Split(slots.into_iter().collect()),
        };
        Ok(Open { start, last, end, n_rows, groups })
    }
}
