//! The best rows of sessions that late rows correct, as changes.
//!
//! A row may make a session longer, and several sessions one, whose best rows are the best of theirs. With
//! `emit final` the rows that stand are at any time those of the sessions that the watermark has reached the end
//! of: where a late row makes a session longer than that, its rows are withdrawn until the watermark is there.
//!
//! A late row sees the sessions that end, with `lateness`, behind the watermark that it came behind.

use super::changes::{Changes, Describe, summed};
use super::partition::{Changed, Partition, Rules};
use super::ranked::Ranked;
use super::row::Row;
use crate::accumulate::side::Position;
use crate::contents::{Around, Contents, Count};
use crate::message::{EventTime, Message, Watermark};
use crate::op::multiples::{self, Next, Pending, defer, next_multiple};
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnData;
use millstream_ir::flow::{Emission, Schema, Top, TopScope, WindowAssigner};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{BTreeMap, BTreeSet};

pub struct TopOfSessions {
    spec: Top,
    gap: i64,
    lateness: i64,
    types: Vec<Type>,
    describe: Describe,
    /// The column of the event time.
    time: usize,
    /// The sessions of each key, by their starts.
    keys: BTreeMap<Key, Vec<Session>>,
    /// Keys by the watermark at which to look at them.
    due: BTreeMap<EventTime, BTreeSet<Key>>,
    /// Rows by the watermark at which they are to be counted.
    pending: Pending,
    watermark: Watermark,
}

type Key = Vec<Value>;

struct Session {
    start: EventTime,
    end: EventTime,
    /// Whether its best rows have come out.
    is_told: bool,
    /// When it is looked at next; that may turn out to be too early.
    due: Option<EventTime>,
    /// By what rows are parted by in it.
    partitions: BTreeMap<Key, Partition>,
}

impl TopOfSessions {
    /// None where sessions are not corrected.
    pub fn new(spec: &Top, input: &Schema) -> Option<TopOfSessions> {
        let TopScope::OfKeys { window: WindowAssigner::Session { gap, .. }, lateness: lateness @ 1.. } =
            spec.scope
        else {
            return None;
        };
        Some(TopOfSessions {
            gap,
            lateness,
            types: input.types(),
            describe: Describe::new(spec, input),
            time: input.time,
            keys: BTreeMap::new(),
            due: BTreeMap::new(),
            pending: Pending::new(),
            watermark: Watermark::START,
            spec: spec.clone(),
        })
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        if let Emission::Every(every) = self.spec.emission {
            return defer(batch, times, every, &mut self.pending);
        }
        let mut changes = Changes::default();
        self.rank_rows(batch, times, &mut changes, output);
        changes.give_at_rows(&self.describe, batch, times, output);
    }

    fn rank_rows(&mut self, batch: &Batch, times: &[EventTime], changes: &mut Changes, output: &mut Output) {
        let mut row = vec![];
        for number in 0..batch.n_rows {
            self.describe.layout.pack(batch, number, Position::of_row(batch, times, number), &mut row);
            let late = batch.late(number).map(|late| late.watermark);
            match self.add(&row, times[number], late) {
                Some(caused) => caused.into_iter().for_each(|(sign, row)| changes.push(sign, row, number, 0)),
                None => output.n_late_left_out += 1,
            }
        }
    }

    /// Brings a row in among the others of its session. The answer is what that changes of what has been told; none
    /// if the row is too late.
    fn add(&mut self, row: &[u8], time: EventTime, late: Option<EventTime>) -> Option<Vec<Changed>> {
        let own_end = time.saturating_add(self.gap);
        let is_seen = |end: EventTime| late.is_none_or(|late| end.saturating_add(self.lateness) > late);
        let (key, part) = self.key_and_part(row);
        let mut sessions = self.keys.remove(&key).unwrap_or_default();
        let takes =
            |session: &mut Session| time < session.end && session.start < own_end && is_seen(session.end);
        let mut taking: Vec<Session> = sessions.extract_if(.., takes).collect();
        let is_too_late = taking.is_empty() && !is_seen(own_end);
        let mut caused = vec![];
        if !is_too_late {
            let session = match taking.pop() {
                Some(only) if taking.is_empty() => self.extend(only, (time, own_end), part, row, &mut caused),
                Some(last) => {
                    taking.push(last);
                    let told =
                        taking.iter().filter(|session| session.is_told).flat_map(Session::best).collect();
                    let joined = Session::of_all(taking, self.describe.rules());
                    let session = self.extend(joined, (time, own_end), part, row, &mut vec![]);
                    let now = if session.is_told { session.best().collect() } else { vec![] };
                    caused = self.differences(told, now);
                    session
                }
                None => {
                    let new = Session::new(time, own_end, self.spec.emission != Emission::Final);
                    self.extend(new, (time, own_end), part, row, &mut caused)
                }
            };
            let place = sessions.partition_point(|other| other.start <= session.start);
            sessions.insert(place, session);
        }
        self.watch(&key, &mut sessions);
        if !sessions.is_empty() {
            self.keys.insert(key, sessions);
        }
        (!is_too_late).then_some(caused)
    }

    /// Brings a row into a session, which lasts as long as this at least. `caused`: what that changes of what has
    /// been told.
    fn extend(
        &self,
        mut session: Session,
        (start, end): (EventTime, EventTime),
        part: Key,
        row: &[u8],
        caused: &mut Vec<Changed>,
    ) -> Session {
        (session.start, session.end) = (session.start.min(start), session.end.max(end));
        let is_told = self.spec.emission != Emission::Final || session.end <= self.watermark.0;
        if session.is_told && !is_told {
            caused.extend(session.best().map(|row| (-1, row)));
        }
        let partition = session.partitions.entry(part).or_insert_with(|| Partition::new(start, 0));
        let mut changes = vec![];
        partition.add(row, self.describe.rules(), |changed| changes.push(changed));
        match (session.is_told, is_told) {
            (true, true) => caused.extend(changes),
            (false, true) => caused.extend(session.best().map(|row| (1, row))),
            (_, false) => {}
        }
        session.is_told = is_told;
        session
    }

    /// What goes of the rows that stood, and what comes to them.
    fn differences(&self, before: Vec<Row>, now: Vec<Row>) -> Vec<Changed> {
        let (gone, came) = (before.into_iter().map(|row| (-1, row)), now.into_iter().map(|row| (1, row)));
        let mut changes = summed(gone.chain(came).collect(), |a, b| self.describe.compare(a, b));
        // Stable: of those that go and those that come the order of their columns.
        changes.sort_by_key(|(sign, _)| *sign);
        changes
    }

    /// Sees to it that sessions of a key are looked at when they are to be told or forgotten.
    fn watch(&mut self, key: &Key, sessions: &mut [Session]) {
        for session in sessions {
            let next = self.next_look(session);
            // One that was told and no longer is, is to be told long before it was to be forgotten.
            if session.due.is_none_or(|due| next < due) {
                session.due = Some(next);
                self.due.entry(next).or_default().insert(key.clone());
            }
        }
    }

    /// The key that the sessions of a row are kept by, and what parts the rows of one.
    fn key_and_part(&self, row: &[u8]) -> (Key, Key) {
        let n_keys = self.spec.keys_of_windows().len();
        let mut key: Key =
            self.spec.per.iter().map(|column| self.describe.layout.value(row, *column)).collect();
        let part = key.split_off(n_keys.min(key.len()));
        (key, part)
    }

    /// When a session as it is is to be told or forgotten.
    fn next_look(&self, session: &Session) -> EventTime {
        if session.is_told { self.over(session) } else { session.end }
    }

    /// The watermark at which all rows have been counted that a session can see.
    fn over(&self, session: &Session) -> EventTime {
        let over = session.end.saturating_add(self.lateness);
        match self.spec.emission {
            Emission::Every(every) => next_multiple(over.saturating_sub(1), every),
            Emission::Final | Emission::OnChange => over,
        }
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
        let mut changes = Changes::default();
        for batch in self.pending.remove(&multiple).unwrap_or_default() {
            let ColumnData::I64(times) = &batch.columns[self.time].data else { continue };
            self.rank_rows(&batch, times, &mut changes, output);
        }
        changes.give_together(&self.describe, multiple - 1, output);
    }

    /// Tells and forgets the sessions that are due first.
    fn look_at_next(&mut self, output: &mut Output) {
        let Some((due, keys)) = self.due.pop_first() else { return };
        let mut changes = Changes::default();
        for key in keys {
            let Some(mut sessions) = self.keys.remove(&key) else { continue };
            for session in sessions.iter_mut().filter(|session| session.due <= Some(due)) {
                session.due = None;
                if !session.is_told && session.end <= due {
                    session.is_told = true;
                    session.best().for_each(|row| changes.push(1, row, 0, 0));
                }
            }
            sessions.retain(|session| !session.is_told || self.over(session) > due);
            self.watch(&key, &mut sessions);
            if !sessions.is_empty() {
                self.keys.insert(key, sessions);
            }
        }
        changes.give_together(&self.describe, due - 1, output);
    }
}

impl Session {
    fn new(start: EventTime, end: EventTime, is_told: bool) -> Session {
        Session { start, end, is_told, due: None, partitions: BTreeMap::new() }
    }

    /// The one that several, which are in their order, have become.
    fn of_all(sessions: Vec<Session>, rules: Rules) -> Session {
        let mut sessions = sessions.into_iter();
        let mut all = sessions.next().unwrap_or_else(|| Session::new(EventTime::MAX, EventTime::MIN, false));
        for session in sessions {
            all.end = all.end.max(session.end);
            for (part, partition) in session.partitions {
                let known = all.partitions.entry(part).or_insert_with(|| Partition::new(all.start, 0));
                partition.best.iter().for_each(|row| known.add(row, rules, |_| ()));
            }
        }
        // Not told as it is.
        (all.is_told, all.due) = (false, None);
        all
    }

    /// Its best rows.
    fn best(&self) -> impl Iterator<Item = Row> {
        self.partitions.values().flat_map(|partition| partition.best.iter().cloned())
    }
}

impl TopOfSessions {
    fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.keys.values().flatten().flat_map(|session| session.partitions.values())
    }
}

impl Operator for TopOfSessions {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(&batch, output),
            Message::Watermark(watermark) => {
                self.advance(watermark, output);
                output.messages.push(message);
            }
        }
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let layout = &self.describe.layout;
        let row = |row: &Row| (0..layout.n_columns()).map(|column| layout.value(row, column)).collect();
        let rows = self.partitions().flat_map(|partition| partition.best.iter()).map(row);
        Some(vec![Contents::rows_of("best rows", &around.inputs.first()?.schema, rows)])
    }

    fn amount(&self) -> Option<Count> {
        Some(Count::of(self.partitions().map(|partition| partition.best.len()).sum(), "rows"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        let values = |writer: &mut SnapshotWriter, values: &[Value]| {
            values.iter().for_each(|value| writer.value(value));
        };
        writer.i64(self.watermark.0);
        writer.sequence(self.keys.iter(), |writer, (key, sessions)| {
            values(writer, key);
            writer.sequence(sessions.iter(), |writer, session| {
                writer.i64(session.start);
                writer.i64(session.end);
                writer.bool(session.is_told);
                writer.sequence(session.partitions.values(), |writer, partition| {
                    partition.best.snapshot(writer);
                });
            });
        });
        writer.sequence(self.pending.iter(), |writer, (multiple, batches)| {
            writer.i64(*multiple);
            writer.sequence(batches.iter(), |writer, batch| writer.batch(batch, &self.types));
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        let values = |n: usize, reader: &mut SnapshotReader| -> Result<Vec<Value>, Corrupt> {
            (0..n).map(|_| reader.value()).collect()
        };
        for _ in 0..reader.count()? {
            let key: Key = values(self.spec.keys_of_windows().len(), reader)?;
            let mut sessions = reader.sequence(|reader| {
                let (start, end, is_told) = (reader.i64()?, reader.i64()?, reader.bool()?);
                let mut session = Session::new(start, end, is_told);
                for best in reader.sequence(|reader| Ranked::restore(&self.describe.layout, reader))? {
                    // None is without rows.
                    let Some((_, part)) = best.iter().next().map(|row| self.key_and_part(row)) else {
                        continue;
                    };
                    session.partitions.insert(part, Partition { best, ..Partition::new(start, 0) });
                }
                Ok(session)
            })?;
            self.watch(&key, &mut sessions);
            self.keys.insert(key, sessions);
        }
        for _ in 0..reader.count()? {
            let multiple = reader.i64()?;
            let batches = reader.sequence(|reader| reader.batch(&self.types))?;
            self.pending.insert(multiple, batches);
        }
        Ok(())
    }

    fn waiting(&self) -> Option<Waiting> {
        let until = *self.due.first_key_value()?.0;
        let n = self.keys.values().map(Vec::len).sum();
        Some(Waiting { what: "windows", n: Some(n), until })
    }

    fn state_bytes(&self) -> usize {
        let sessions = self.keys.values().flatten();
        let rows: usize = sessions.flat_map(|s| s.partitions.values()).map(Partition::bytes).sum();
        let n_sessions: usize = self.keys.values().map(Vec::len).sum();
        let of_key = self.spec.per.len() * 2 * size_of::<Value>();
        let pending: usize = self.pending.values().flatten().map(Batch::bytes).sum();
        rows + n_sessions * (size_of::<Session>() + of_key) + pending
    }
}
