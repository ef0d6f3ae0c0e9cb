//! Joins of a stream with a table: looks the partners of each row up among the rows that the table stores.
//!
//! A row that asks for what stood at a time waits until all changes up to then have come; then it goes with the
//! others in the order of time. A row that asks for what stands waits only while the table is first loaded.
//! Where rows on the left are withdrawn, all stay in the order in which they came.

mod changes;
mod given;
mod pairs;
#[cfg(test)]
mod properties;

use crate::message::{EventTime, Message, Watermark};
use crate::op::order::{push_due, without_late};
use crate::op::pair_filter::PairFilter;
use crate::op::reorder::ReorderBuffer;
use crate::op::table::store::{SharedStore, Store};
use crate::op::table::{Asked, NO_ROW, are_equal};
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use crate::workers::unpoisoned;
use changes::Changes;
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::engine::SegmentKernel;
use millstream_ir::flow::{Join, JoinKind, Schema, Version};
use millstream_ir::types::{Type, TypeKind};
use pairs::Pairs;
use std::collections::VecDeque;

pub struct LookUpOperator {
    kind: JoinKind,
    version: Version,
    access: Access,
    /// Columns of the left and of the table that are the same in every pair, bit by bit.
    equal: Vec<(usize, usize)>,
    /// The types of the left columns, and which is the event time.
    types: Vec<Type>,
    time: usize,
    /// The columns of the table that leave.
    leaving: Vec<usize>,
    filter: Option<PairFilter>,
    store: SharedStore,
    reader: usize,
    watermarks: [Watermark; 2],
    /// The watermark that was given last.
    given: Watermark,
    /// What came while the table was loading; of changes that ask for a time, what is to wait for it.
    held: VecDeque<Message>,
    /// Rows that ask for times that the table has not come to.
    waiting: ReorderBuffer,
    /// Rows that can be looked up, and watermarks behind them; empty between messages.
    todo: VecDeque<Message>,
    work: Option<Work>,
    /// Where rows on the left are withdrawn.
    changes: Option<Changes>,
}

/// How the partners of a row are found: by these columns on the left.
enum Access {
    /// By the table's key, so that there is one at most. The other pairs of columns are compared.
    Key { left: Vec<usize>, others: Vec<(usize, usize)> },
    /// By an index of the table.
    Index { left: Vec<usize>, index: usize },
}

/// Rows that are being looked up.
struct Work {
    batch: Batch,
    /// Of each row the partner, or by an index the number of its value there.
    found: Vec<u32>,
    /// The next row.
    row: usize,
    /// What is to leave, and how much of it has.
    pairs: Pairs,
    n_left: usize,
    /// Rows of which a pair failed.
    has_failed: Vec<bool>,
}

/// So many batches leave at once; more are asked for.
const BATCHES_AT_ONCE: usize = 16;

impl LookUpOperator {
    /// `inputs`: of the stream and of the table, whose rows are in `store`. Without a kernel the reference
    /// evaluator checks pairs.
    pub fn new(
        spec: &Join,
        version: Version,
        [left, right]: [&Schema; 2],
        kernel: Option<Box<dyn SegmentKernel>>,
        store: SharedStore,
    ) -> LookUpOperator {
        let (access, reader) = {
            let mut store = unpoisoned(&store);
            let read = spec.reads_of_table(left.columns.len(), right.columns.len());
            let access = Access::new(&spec.keys, &mut store);
            if let Access::Key { others, .. } = &access {
                store.will_look_at(others.iter().map(|(_, right)| *right));
            }
            // What rows were given that may be withdrawn is copied as it is.
            if left.sign.is_some() {
                store.will_look_at(read.iter().copied());
            }
            (access, store.add_reader(&read))
        };
        let at = match version {
            Version::AsOf { at, .. } => at,
            Version::AsItStands => left.time,
        };
        let types = left.types();
        let [_, leaving] = spec.leaving([left.columns.len(), right.columns.len()]);
        let leaving_types: Vec<Type> =
            leaving.iter().filter_map(|column| right.columns.get(*column)).map(|c| c.ty.clone()).collect();
        let changes = left.sign.map(|sign| Changes::new(sign, left, &leaving_types));
        LookUpOperator {
            kind: spec.kind,
            access,
            equal: spec.keys.iter().copied().filter(|(column, _)| is_exact(&types[*column])).collect(),
            types,
            time: left.time,
            leaving,
            filter: PairFilter::new(spec, [left, right], kernel),
            store,
            reader,
            watermarks: [Watermark::START; 2],
            given: Watermark::START,
            held: VecDeque::new(),
            waiting: ReorderBuffer::new(vec![at]),
            todo: VecDeque::new(),
            work: None,
            version: if changes.is_some() { version.asking_in(left.columns.len()) } else { version },
            changes,
        }
    }

    fn take(&mut self, batch: Batch, output: &mut Output) {
        self.forgets_what_stays();
        let Version::AsOf { at, .. } = self.version else {
            match unpoisoned(&self.store).is_loaded() {
                true => self.todo.push_back(Message::Batch(batch)),
                false => self.held.push_back(Message::Batch(batch)),
            }
            return;
        };
        if self.changes.is_some() {
            return self.take_changes(batch);
        }
        let batch = without_late(batch, output);
        let ColumnData::I64(times) = &batch.columns[at].data else { return };
        // Where it is not known when, nothing stood.
        let can_go =
            |row: u32| self.is_before_table(times[row as usize]) || !batch.columns[at].is_valid(row as usize);
        let (ready, early): (Vec<u32>, Vec<u32>) = (0..batch.n_rows as u32).partition(|row| can_go(*row));
        // They go in the order in which they came, however they are cut into batches: what waits is later.
        if early.is_empty() {
            self.todo.extend((batch.n_rows > 0).then_some(Message::Batch(batch)));
        } else if ready.is_empty() {
            self.waiting.push(0, batch);
        } else {
            self.todo.push_back(Message::Batch(batch.gather(&ready)));
            self.waiting.push(0, batch.gather(&early));
        }
    }

    /// Whether the table has all changes up to a time.
    fn is_before_table(&self, time: EventTime) -> bool {
        time < self.watermarks[1].0 || self.watermarks[1] == Watermark::END
    }

    /// A watermark has risen: rows may be looked up, and a watermark follows them.
    fn advance(&mut self) {
        let Version::AsOf { ahead, .. } = self.version else {
            let is_loaded = unpoisoned(&self.store).is_loaded();
            if is_loaded {
                self.todo.extend(self.held.drain(..));
            }
            return;
        };
        if self.changes.is_some() {
            return self.release_changes();
        }
        let [left, table] = self.watermarks;
        let mut due = Output::default();
        self.waiting.release(table, false, &mut |rows| push_due(rows, &self.types, &mut due));
        self.todo.extend(due.messages);
        let of_waiting = match table {
            Watermark::START | Watermark::END => table,
            // Only the end of both inputs is one.
            Watermark(time) => Watermark(time.saturating_sub(ahead).min(EventTime::MAX - 1)),
        };
        let promised = left.min(of_waiting);
        if promised > self.given {
            self.given = promised;
            self.todo.push_back(Message::Watermark(promised));
        }
    }

    /// Answers what can be answered, until that is a lot.
    fn go_on(&mut self, output: &mut Output) {
        let store = self.store.clone();
        let mut store = unpoisoned(&store);
        while output.messages.len() < BATCHES_AT_ONCE {
            match self.work.take() {
                Some(mut work) => self.work = self.answer(&mut work, &store, output).then_some(work),
                None => match self.todo.pop_front() {
                    Some(Message::Batch(batch)) if self.remembers() => {
                        self.answer_changes(batch, &mut store, output);
                    }
                    Some(Message::Batch(batch)) => self.work = Some(self.begin(batch, &mut store)),
                    Some(watermark) => output.messages.push(watermark),
                    None => break,
                },
            }
        }
        output.fault = store.standing.take_fault().or(output.fault.take());
        output.more = output.fault.is_none() && (self.work.is_some() || !self.todo.is_empty());
        if !output.more {
            store.will_not_ask_before(self.reader, self.least());
        }
    }

    /// The least time that rows can still ask for.
    fn least(&self) -> EventTime {
        let Version::AsOf { ahead, .. } = self.version else { return EventTime::MIN };
        let to_come = match self.watermarks[0] {
            Watermark::START | Watermark::END => self.watermarks[0].0,
            Watermark(time) => time.saturating_add(ahead),
        };
        let first = self.waiting.waiting().map(|waiting| waiting.until).or_else(|| self.first_asked());
        first.map_or(to_come, |first| first.min(to_come))
    }

    /// When the partners of a batch's rows are to stand.
    fn asked(version: Version, batch: &Batch) -> Asked<'_> {
        match version {
            Version::AsOf { at, max_age, .. } => Asked::At(&batch.columns[at], max_age),
            Version::AsItStands => Asked::Now,
        }
    }

    fn begin(&self, batch: Batch, store: &mut Store) -> Work {
        let columns: Vec<&ColumnRef> =
            self.access.left().iter().map(|column| &batch.columns[*column]).collect();
        // Null equals nothing.
        let is_whole = |row: &u32| columns.iter().all(|column| column.is_valid(*row as usize));
        let can_be_null = columns.iter().any(|column| column.validity.is_some());
        let whole: Option<Vec<u32>> =
            can_be_null.then(|| (0..batch.n_rows as u32).filter(is_whole).collect());
        let mut found = vec![];
        match &self.access {
            Access::Key { .. } => {
                let asked = LookUpOperator::asked(self.version, &batch);
                store.standing.find(&columns, whole.as_deref(), batch.n_rows, asked, &mut found);
            }
            Access::Index { index, .. } => {
                store.standing.look_up(*index, &columns, whole.as_deref(), batch.n_rows, &mut found);
            }
        }
        if let Some(whole) = whole {
            let mut of_all = vec![NO_ROW; batch.n_rows];
            whole.iter().zip(found).for_each(|(row, found)| of_all[*row as usize] = found);
            found = of_all;
        }
        if let Access::Key { others, .. } = &self.access {
            for (left, right) in others {
                let (left, right) = (&batch.columns[*left], store.standing.looked_at(*right));
                for (row, partner) in (0..).zip(&mut found).filter(|(_, partner)| **partner != NO_ROW) {
                    if !are_equal((left, row), (right, *partner)) {
                        *partner = NO_ROW;
                    }
                }
            }
        }
        let has_failed = vec![false; if self.filter.is_some() { batch.n_rows } else { 0 }];
        Work { batch, found, row: 0, pairs: Pairs::default(), n_left: 0, has_failed }
    }
}

/// Whether values of a type that are equal are the same: zero has two signs.
fn is_exact(ty: &Type) -> bool {
    matches!(ty.kind, TypeKind::Int | TypeKind::Timestamp | TypeKind::Duration | TypeKind::String)
}

impl Access {
    fn new(keys: &[(usize, usize)], store: &mut Store) -> Access {
        let of_key = |key: &usize| keys.iter().position(|(_, right)| right == key);
        let places: Option<Vec<usize>> = store.key().iter().map(of_key).collect();
        match places.filter(|places| !places.is_empty()) {
            Some(places) => Access::Key {
                left: places.iter().map(|place| keys[*place].0).collect(),
                others: (0..keys.len()).filter(|key| !places.contains(key)).map(|key| keys[key]).collect(),
            },
            None => {
                let (left, right): (Vec<usize>, Vec<usize>) = keys.iter().copied().unzip();
                Access::Index { left, index: store.index_by(&right) }
            }
        }
    }

    fn left(&self) -> &[usize] {
        match self {
            Access::Key { left, .. } | Access::Index { left, .. } => left,
        }
    }
}

impl Operator for LookUpOperator {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) if input == 0 => self.take(batch, output),
            // The table keeps its rows.
            Message::Batch(_) => return,
            Message::Watermark(watermark) => {
                self.watermarks[input] = watermark;
                let keeps_place = self.version == Version::AsItStands || self.changes.is_some();
                if input == 0 && keeps_place {
                    let behind = if self.held.is_empty() { &mut self.todo } else { &mut self.held };
                    behind.push_back(message);
                } else {
                    self.advance();
                }
            }
        }
        self.go_on(output);
    }

    fn resume(&mut self, output: &mut Output) {
        self.go_on(output);
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.watermarks.iter().for_each(|watermark| writer.i64(watermark.0));
        writer.i64(self.given.0);
        writer.sequence(self.held.iter(), |writer, message| match message {
            Message::Batch(batch) => {
                writer.bool(true);
                writer.batch(batch, &self.types_of_held());
            }
            Message::Watermark(watermark) => {
                writer.bool(false);
                writer.i64(watermark.0);
            }
        });
        self.waiting.snapshot(&[&self.types], writer);
        self.changes.iter().for_each(|changes| changes.snapshot(writer));
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermarks = [Watermark(reader.i64()?), Watermark(reader.i64()?)];
        self.given = Watermark(reader.i64()?);
        let types = self.types_of_held();
        let held = reader.sequence(|reader| match reader.bool()? {
            true => reader.batch(&types).map(Message::Batch),
            false => reader.i64().map(|time| Message::Watermark(Watermark(time))),
        })?;
        self.held = held.into();
        self.waiting.restore(&[&self.types], reader)?;
        self.changes.iter_mut().try_for_each(|changes| changes.restore(reader))
    }

    fn state_bytes(&self) -> usize {
        let held = self.held.iter().map(|message| match message {
            Message::Batch(batch) => batch.bytes(),
            Message::Watermark(_) => 0,
        });
        let given = self.changes.as_ref().map_or(0, Changes::bytes);
        self.waiting.state_bytes() + held.sum::<usize>() + given
    }

    fn waiting(&self) -> Option<Waiting> {
        self.waiting.waiting().or_else(|| self.held_rows())
    }

    /// The table.
    fn waits_for(&self) -> Option<usize> {
        Some(1)
    }
}
