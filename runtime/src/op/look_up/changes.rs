//! Rows of an updating stream that look a table up: those that are added ask, those that are withdrawn withdraw
//! what they were given. All stay in the order in which they came: what is withdrawn has been there.

use super::given::{Given, Leaving};
use super::{Access, LookUpOperator, Pairs};
use crate::message::{EventTime, Message};
use crate::op::changes::plain;
use crate::op::multiples::rising;
use crate::op::table::store::Store;
use crate::operator::Output;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use crate::workers::unpoisoned;
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::flow::{Schema, Version};
use millstream_ir::types::Type;
use std::sync::Arc;

pub struct Changes {
    pub sign: usize,
    /// The greatest time that a row has asked for.
    latest: EventTime,
    /// None where the table never changes: then a row that is withdrawn finds what it was given.
    given: Option<Given>,
}

impl Changes {
    /// `leaving`: the types of the columns of the table that leave.
    pub fn new(sign: usize, left: &Schema, leaving: &[Type]) -> Changes {
        let given = Given::new(left, leaving);
        Changes { sign, latest: EventTime::MIN, given: Some(given) }
    }

    pub fn bytes(&self) -> usize {
        self.given.as_ref().map_or(0, Given::bytes)
    }

    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.latest);
        writer.sequence(self.given.iter(), |writer, given| given.snapshot(writer));
    }

    pub fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.latest = reader.i64()?;
        if reader.count()? == 0 {
            self.given = None;
        }
        self.given.iter_mut().try_for_each(|given| given.restore(reader))
    }
}

impl LookUpOperator {
    /// Changes that ask for a time: that at which they count, which is not before those in front of them. It stands
    /// behind the columns of the rows.
    pub(super) fn take_changes(&mut self, mut batch: Batch) {
        let (Version::AsOf { ahead, .. }, Some(changes)) = (self.version, &mut self.changes) else { return };
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let asked = rising(&batch, times, &mut changes.latest);
        batch.columns.push(plain(asked.into_iter().map(|time| time.saturating_add(ahead))));
        self.held.push_back(Message::Batch(batch));
        self.release_changes();
    }

    /// Lets go of the rows in front whose times the table has come to.
    pub(super) fn release_changes(&mut self) {
        while let Some(next) = self.held.pop_front() {
            let Message::Batch(batch) = next else {
                self.todo.push_back(next);
                continue;
            };
            let n_ready = match batch.columns.last().map(|asked| &asked.data) {
                Some(ColumnData::I64(asked)) => asked.partition_point(|time| self.is_before_table(*time)),
                _ => batch.n_rows,
            };
            if n_ready == batch.n_rows {
                self.todo.push_back(Message::Batch(batch));
                continue;
            }
            let (ready, early): (Vec<u32>, Vec<u32>) =
                (0..batch.n_rows as u32).partition(|row| (*row as usize) < n_ready);
            if n_ready > 0 {
                self.todo.push_back(Message::Batch(batch.gather(&ready)));
            }
            self.held.push_front(Message::Batch(if n_ready > 0 { batch.gather(&early) } else { batch }));
            return;
        }
    }

    /// The least time that a row which is held asks for.
    pub(super) fn first_asked(&self) -> Option<EventTime> {
        let (Version::AsOf { .. }, Some(_)) = (self.version, &self.changes) else { return None };
        self.held.iter().find_map(|message| match message {
            Message::Batch(batch) => match &batch.columns.last()?.data {
                ColumnData::I64(asked) => asked.first().copied(),
                _ => None,
            },
            Message::Watermark(_) => None,
        })
    }

    pub(super) fn held_rows(&self) -> Option<Waiting> {
        let rows = self.held.iter().map(|message| match message {
            Message::Batch(batch) => batch.n_rows,
            Message::Watermark(_) => 0,
        });
        Some(Waiting { what: "rows", n: Some(rows.sum()), until: self.first_asked()? })
    }

    /// The types of the columns of rows that are held.
    pub(super) fn types_of_held(&self) -> Vec<Type> {
        let asked = matches!(self.version, Version::AsOf { .. }) && self.changes.is_some();
        self.types.iter().cloned().chain(asked.then_some(Type::TIMESTAMP)).collect()
    }

    /// Whether what rows are given is to be remembered.
    pub(super) fn remembers(&self) -> bool {
        self.changes.as_ref().is_some_and(|changes| changes.given.is_some())
    }

    /// Looks the rows up that are added, and withdraws what those were given that are withdrawn.
    pub(super) fn answer_changes(&mut self, batch: Batch, store: &mut Store, output: &mut Output) {
        let Some(sign) = self.changes.as_ref().map(|changes| changes.sign) else { return };
        let ColumnData::I64(signs) = &batch.columns[sign].data else { return };
        let added: Vec<u32> = (0..batch.n_rows as u32).filter(|row| signs[*row as usize] > 0).collect();
        let asking = if added.len() == batch.n_rows { batch.clone() } else { batch.gather(&added) };
        let found = self.pairs_of(asking, store, output);
        let Some(Changes { given: Some(given), .. }) = &mut self.changes else { return };
        let table: Vec<&ColumnRef> =
            self.leaving.iter().map(|column| store.standing.looked_at(*column)).collect();
        let leaving = given.take(&batch, signs, &found, &table);
        for first in (0..leaving.rows.len()).step_by(BATCH_ROWS) {
            let to = leaving.rows.len().min(first + BATCH_ROWS);
            let mut leaves = batch.gather(&leaving.rows[first..to]);
            leaves.columns.truncate(self.types.len());
            if !self.kind.yields_left_only() {
                let partners = &leaving.partners[first..to];
                leaves.columns.extend(given.partners().iter().map(|kept| Arc::new(kept.gather(partners))));
                leaves.columns.push(leaves.columns[self.time].clone());
            }
            output.messages.push(Message::Batch(leaves));
        }
        given.compact_if_due();
    }

    /// All pairs of rows that ask.
    fn pairs_of(&mut self, asking: Batch, store: &mut Store, output: &mut Output) -> Leaving {
        let mut found = Leaving::default();
        let mut work = self.begin(asking, store);
        while work.row < work.batch.n_rows {
            match (&self.access, &self.filter) {
                (Access::Key { .. }, None) => self.pair_all(&mut work),
                _ => self.pair_some(&mut work, store, output),
            }
            let Pairs { rows, partners } = std::mem::take(&mut work.pairs);
            found.rows.extend(rows);
            found.partners.extend(partners);
        }
        found
    }

    /// A table that will not change need not be remembered.
    pub(super) fn forgets_what_stays(&mut self) {
        if self.remembers()
            && unpoisoned(&self.store).is_final()
            && let Some(changes) = &mut self.changes
        {
            changes.given = None;
        }
    }
}

/// Whether a row of a batch is withdrawn, by the column of the sign.
pub(super) fn is_withdrawn(sign: Option<usize>, batch: &Batch, row: u32) -> bool {
    sign.is_some_and(|sign| match &batch.columns[sign].data {
        ColumnData::I64(signs) => signs[row as usize] < 0,
        _ => false,
    })
}
