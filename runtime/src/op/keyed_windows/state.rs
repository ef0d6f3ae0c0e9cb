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
    last: Option<Open>,
    /// All but the last, which there nearly never are.
    older: Option<Box<Older>>,
}

#[derive(Default)]
struct Older(Vec<Open>);

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

    /// How long after its last row a session ends.
    pub fn gap(&self) -> i64 {
        if let Kind::Session { gap, .. } = self { *gap } else { 0 }
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
    /// Of windows that were open, by their starts.
    pub fn of(mut windows: Vec<Open>) -> KeyState {
        let last = windows.pop();
        let older = (!windows.is_empty()).then(|| Box::new(Older(windows)));
        KeyState { last, older }
    }

    pub fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// The open windows, by their starts.
    pub fn windows(&self) -> impl Iterator<Item = &Open> {
        self.older.iter().flat_map(|older| &older.0).chain(&self.last)
    }

    /// The window that began last.
    pub fn last(&self) -> Option<&Open> {
        self.last.as_ref()
    }

    /// The same, or a new one of this time.
    pub fn last_or(&mut self, time: EventTime, groups: impl FnOnce() -> Groups) -> &mut Open {
        self.last.get_or_insert_with(|| Open::at(time, time, groups()))
    }

    pub fn take_last(&mut self) -> Option<Open> {
        let last = self.last.take();
        self.settle();
        last
    }

    /// The end of the window that ends first.
    pub fn first_end(&self) -> Option<EventTime> {
        self.windows().map(|window| window.end).min()
    }

    /// The window, if there is but one.
    pub fn only(&self) -> Option<&Open> {
        self.last.as_ref().filter(|_| self.older.is_none())
    }

    /// The place of the window that takes a row of this time, if there is one. Those that the row brings
    /// together become one.
    pub fn window_of(
        &mut self,
        kind: &Kind,
        (time, end): (EventTime, EventTime),
        arena: &mut Arena,
    ) -> Option<usize> {
        if let Some(last) = &mut self.last
            && self.older.is_none()
        {
            let takes = kind.takes(last, time);
            if takes {
                kind.extend(last, time, end);
            }
            return takes.then_some(0);
        }
        let windows = self.all();
        let first = windows.iter().position(|window| kind.takes(window, time));
        if let Some(first) = first {
            while windows.get(first + 1).is_some_and(|next| kind.takes(next, time)) {
                let next = windows.remove(first + 1);
                let window = &mut windows[first];
                kind.extend(window, next.last, next.end);
                window.n_rows += next.n_rows;
                window.groups.merge(next.groups, arena);
            }
            kind.extend(&mut windows[first], time, end);
        }
        self.settle();
        first
    }

    /// Adds a window, which no other overlaps; its place.
    pub fn insert(&mut self, window: Open) -> usize {
        if self.last.is_none() {
            self.last = Some(window);
            return 0;
        }
        let windows = self.all();
        let place = windows.partition_point(|older| older.start < window.start);
        windows.insert(place, window);
        self.settle();
        place
    }

    /// Adds what there is of a session: it becomes one with those that it touches.
    pub fn join(&mut self, kind: &Kind, mut session: Open, arena: &mut Arena) {
        let windows = self.all();
        let touches = |other: &mut Open| other.start < session.end && session.start < other.end;
        let touching: Vec<Open> = windows.extract_if(.., touches).collect();
        for other in touching {
            kind.extend(&mut session, other.start, other.end);
            kind.extend(&mut session, other.last, other.end);
            session.n_rows += other.n_rows;
            session.groups.merge(other.groups, arena);
        }
        let place = windows.partition_point(|older| older.start < session.start);
        windows.insert(place, session);
        self.settle();
    }

    /// Takes out the windows that end at or before a time.
    pub fn take_until(&mut self, time: EventTime) -> impl Iterator<Item = Open> + use<> {
        let ended = |window: &mut Open| window.end <= time;
        let mut older = vec![];
        if self.older.is_some() {
            older.extend(self.all().extract_if(.., ended));
            self.settle();
        }
        let last = if self.last.as_mut().is_some_and(ended) { self.last.take() } else { None };
        older.into_iter().chain(last)
    }

    /// All windows as the older ones, until they are [settled](KeyState::settle).
    fn all(&mut self) -> &mut Vec<Open> {
        let windows = &mut self.older.get_or_insert_default().0;
        windows.extend(self.last.take());
        windows
    }

    fn settle(&mut self) {
        if let Some(older) = &mut self.older {
            self.last = older.0.pop();
        }
        self.older.take_if(|older| older.0.is_empty());
    }

    /// The window at a place.
    pub fn get_mut(&mut self, place: usize) -> Option<&mut Open> {
        match &mut self.older {
            Some(older) if place < older.0.len() => older.0.get_mut(place),
            _ => self.last.as_mut(),
        }
    }

    /// Bytes of memory beside it.
    pub fn owned_bytes(&self) -> usize {
        self.older.as_ref().map_or(0, |older| older.0.capacity() * size_of::<Open>())
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
    /// Without rows.
    pub fn at(time: EventTime, end: EventTime, groups: Groups) -> Open {
        Open { start: time, last: time, end, n_rows: 0, groups }
    }

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
        let (start, last, end, n_rows) = (reader.i64()?, reader.i64()?, reader.i64()?, reader.total()?);
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
