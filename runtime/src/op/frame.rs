//! Windows of which each row has its own, `window sliding` and `window running`: behind each row stand the
//! aggregates of the rows of its key up to it. Its input comes in the total order.
//!
//! A key has one group, to which each of its rows is added as it comes, and from which rows are taken again
//! as they leave the frame. Of time: all rows stand in one log in the order of time, each with its key's
//! group, so that those that leave are found at its start ([`sliding`]). Of a number of rows: each key keeps
//! its last ones ([`rows`]).

mod columns;
mod log;
#[cfg(test)]
mod properties;
mod rows;
mod running;
mod sliding;

use crate::accumulate::arena::Arena;
use crate::accumulate::keyed::KeyedArena;
use crate::accumulate::result::Misfit;
use crate::contents::{Around, Contents, Count, rows_of_columns};
use crate::kernel::key_index::KeyIndex;
use crate::message::{EventTime, Message, Watermark};
use crate::op::failed_rows::FailedRows;
use crate::op::segment::json_row;
use crate::operator::{Failure, Operator, Output, Place};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_base::Span;
use millstream_ir::aggregate::AggregateCall;
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::flow::{Frame, FrameAggregate, Node, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub struct FrameOperator {
    input: Schema,
    place: Span,
    /// Columns of the input.
    keys: Vec<usize>,
    /// The columns of the input that aggregates look at, and the time behind them.
    looked_at: Vec<usize>,
    has_bounds: bool,
    failed_rows: FailedRows,
    groups: Groups,
    frames: Box<dyn Frames>,
    numbers: Vec<u32>,
}

/// The groups of keys, by the numbers of these.
struct Groups {
    index: KeyIndex,
    arena: KeyedArena,
    /// The number of the time among the columns that are looked at.
    time: usize,
    /// The types of the columns that are looked at.
    types: Vec<Type>,
}

/// Which rows are in the frame.
trait Frames: Send {
    /// Takes rows, each with the number of its key; a column of results per aggregate, and into `misfits` what
    /// does not fit. Into `bounds` go the times of the first row of each row's frame.
    fn take(
        &mut self,
        groups: &mut Groups,
        batch: Batch,
        numbers: &[u32],
        misfits: &mut Vec<Misfit>,
        bounds: Option<&mut Vec<EventTime>>,
    ) -> Vec<Column>;

    /// Forgets what no row to come looks at.
    fn advance(&mut self, groups: &mut Groups, watermark: Watermark);

    fn bytes(&self) -> usize;

    fn snapshot(&self, groups: &Groups, writer: &mut SnapshotWriter);

    /// Takes over what [`Frames::snapshot`] wrote.
    fn restore(&mut self, groups: &mut Groups, reader: &mut SnapshotReader) -> Result<(), Corrupt>;
}

impl Groups {
    /// The groups of all keys, for rows that come and go one by one.
    fn arena(&mut self) -> &mut Arena {
        self.arena.reach(self.index.n_numbers());
        self.arena.wide()
    }

    /// Forgets a key and its group.
    fn forget(&mut self, number: u32) {
        self.arena.clear(number);
        self.index.remove(number);
    }

    /// Gives memory back that has been forgotten; for each new number of a key the old one.
    fn shrink(&mut self) -> Option<Vec<u32>> {
        let kept = self.index.shrink()?;
        self.arena.renumber(&kept);
        Some(kept)
    }

    fn live(&self) -> Vec<u32> {
        (0..self.index.n_numbers() as u32).filter(|number| self.index.is_live(*number)).collect()
    }
}

impl FrameOperator {
    /// `input` is the schema of the rows; `seed` is that of the hash table, and changes nothing that can be seen.
    pub fn new(node: &Node, spec: &FrameAggregate, input: &Schema, seed: u64) -> FrameOperator {
        let mut looked_at: Vec<usize> = vec![];
        let mut place = |column: usize| {
            looked_at.iter().position(|known| *known == column).unwrap_or_else(|| {
                looked_at.push(column);
                looked_at.len() - 1
            })
        };
        let mut calls: Vec<AggregateCall> = spec.aggregates.clone();
        calls.iter_mut().flat_map(AggregateCall::columns_mut).for_each(|column| *column = place(*column));
        let time = place(input.time);
        let ty = |column: &usize| input.columns[*column].ty.clone();
        let key_types: Vec<Type> = spec.keys.iter().map(ty).collect();
        let groups = Groups {
            index: KeyIndex::new(&key_types, seed),
            arena: match spec.frame {
                Frame::Running(_) => KeyedArena::new(&calls),
                Frame::Sliding { .. } | Frame::Rows { .. } => KeyedArena::new_wide(&calls),
            },
            time,
            types: looked_at.iter().map(ty).collect(),
        };
        let frames: Box<dyn Frames> = match spec.frame {
            Frame::Sliding { size } => Box::new(sliding::Sliding::new(
                size,
                time,
                columns::Columns::new(&calls, !spec.keys.is_empty()),
            )),
            Frame::Rows { n_rows, keep } => Box::new(rows::Rows::new(n_rows, keep)),
            Frame::Running(keep) => Box::new(running::Running::new(keep)),
        };
        FrameOperator {
            input: input.clone(),
            failed_rows: FailedRows::of(input),
            place: node.span,
            keys: spec.keys.clone(),
            looked_at,
            has_bounds: spec.has_bounds,
            groups,
            frames,
            numbers: vec![],
        }
    }

    fn take(&mut self, mut batch: Batch, output: &mut Output) -> Batch {
        let keys: Vec<&ColumnRef> = self.keys.iter().map(|key| &batch.columns[*key]).collect();
        self.groups.index.find_all(&keys, batch.n_rows, &mut self.numbers);
        let looked_at = Batch {
            columns: self.looked_at.iter().map(|column| batch.columns[*column].clone()).collect(),
            n_rows: batch.n_rows,
            origin: batch.origin.clone(),
            late: vec![],
        };
        let (mut firsts, mut misfits) = (vec![], vec![]);
        let bounds = self.has_bounds.then_some(&mut firsts);
        let columns = self.frames.take(&mut self.groups, looked_at, &self.numbers, &mut misfits, bounds);
        let failed = self.groups.arena.take_failed();
        // A row that failed has no result.
        misfits.retain(|misfit| failed.iter().all(|failed| failed.number != misfit.group));
        let fails: BTreeSet<usize> = failed.iter().map(|failed| failed.number).collect();
        self.failed_rows.report(&batch, failed, Watermark::START, output);
        batch.columns = batch.columns.into_iter().chain(columns.into_iter().map(Arc::new)).collect();
        if self.has_bounds {
            let last = batch.columns[self.input.time].clone();
            let first = Column { data: ColumnData::I64(firsts.into_iter().collect()), validity: None };
            batch.columns.extend([Arc::new(first), last]);
        }
        self.without_misfits(batch, misfits, fails, output)
    }

    /// Takes out the rows that failed, and those of which a result does not fit.
    fn without_misfits(
        &self,
        batch: Batch,
        misfits: Vec<Misfit>,
        fails: BTreeSet<usize>,
        output: &mut Output,
    ) -> Batch {
        if misfits.is_empty() && fails.is_empty() {
            return batch;
        }
        // One report a row: that of its first aggregate that does not fit.
        let mut reasons = BTreeMap::new();
        for misfit in misfits {
            reasons.entry(misfit.group).or_insert(misfit.reason);
        }
        let is_left =
            |row: &u32| !reasons.contains_key(&(*row as usize)) && !fails.contains(&(*row as usize));
        let fitting: Vec<u32> = (0..batch.n_rows as u32).filter(is_left).collect();
        let times = times_of(&batch, self.input.time);
        for (row, reason) in reasons {
            let shown: Vec<(&str, Value, &Type)> = self
                .input
                .visible()
                .map(|(number, c)| (&*c.name, batch.columns[number].value(row, &c.ty), &c.ty))
                .collect();
            let text = json_row(shown.iter().map(|(name, value, ty)| (*name, value, *ty)));
            let time = times[row];
            output.failures.push(Failure {
                row: text,
                reason,
                place: Place::Program(self.place),
                at: time,
                time,
            });
        }
        batch.gather(&fitting)
    }
}

impl Operator for FrameOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => {
                let batch = self.take(batch, output);
                output.messages.extend((batch.n_rows > 0).then_some(Message::Batch(batch)));
            }
            Message::Watermark(watermark) => {
                self.frames.advance(&mut self.groups, watermark);
                output.messages.push(message);
            }
        }
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let live = self.groups.live();
        let keys = self.groups.index.columns(&live);
        let columns: Vec<(Arc<str>, Type)> = self.keys.iter().map(|key| around.input_column(*key)).collect();
        let typed: Vec<_> = keys.iter().zip(columns.iter().map(|(_, ty)| ty)).collect();
        let rows = rows_of_columns(&typed, live.len());
        Some(vec![Contents { what: "keys".into(), columns, rows }])
    }

    fn amount(&self) -> Option<Count> {
        Some(Count::of(self.groups.index.n_live(), "keys"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.frames.snapshot(&self.groups, writer);
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let restored = self.frames.restore(&mut self.groups, reader);
        // Rows that are added again fail again; that has been told.
        self.groups.arena.take_failed();
        restored
    }

    fn state_bytes(&self) -> usize {
        self.groups.index.bytes() + self.groups.arena.bytes() + self.frames.bytes()
    }
}

/// The times of a batch.
fn times_of(batch: &Batch, column: usize) -> &[EventTime] {
    match &batch.columns[column].data {
        ColumnData::I64(times) => times,
        _ => &[],
    }
}
