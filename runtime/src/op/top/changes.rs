//! From the rows that come among the best and leave them to batches of changes.

use super::partition::{Changed, Ranking, Rules};
use super::row::{Row, RowLayout};
use crate::message::{EventTime, Message};
use crate::op::changes::{late_of, plain, that_alter_together};
use crate::operator::Output;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::ColumnRef;
use millstream_ir::flow::{Schema, Top, TopScope};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// What there is to know of the rows, and of the changes that leave.
pub struct Describe {
    pub layout: RowLayout,
    ranking: Ranking,
    /// How many rows are the best.
    limit: usize,
    /// The input columns of the event time, and of an updating input of the sign.
    time: usize,
    sign: Option<usize>,
    /// Those whose values are those of the row, rather than of the change that brought it.
    of_row: Vec<usize>,
    /// What changes that are told together are ordered by: what parts the rows, then what names them.
    per: Vec<usize>,
    key: Vec<usize>,
    /// Of results of a window the column that says when it is over, which changes without them.
    over: Option<usize>,
}

impl Describe {
    pub fn new(spec: &Top, input: &Schema) -> Describe {
        let over = if let TopScope::Numbered { over } = spec.scope { Some(over) } else { None };
        let is_of_row = |column: &usize| {
            spec.sign.is_none_or(|sign| ![sign, input.time].contains(column)) && over != Some(*column)
        };
        let of_row: Vec<usize> = (0..input.columns.len()).filter(is_of_row).collect();
        Describe {
            layout: RowLayout::new(input.types()),
            ranking: Ranking::new(spec, &of_row),
            limit: spec.limit,
            time: input.time,
            sign: spec.sign,
            of_row,
            per: spec.per.clone(),
            key: input.key.clone().unwrap_or_default(),
            over,
        }
    }

    /// What decides which rows are kept.
    pub fn rules(&self) -> Rules<'_> {
        Rules {
            layout: &self.layout,
            ranking: &self.ranking,
            limit: self.limit,
            keeps_all: self.sign.is_some(),
        }
    }

    pub fn compare(&self, a: &Row, b: &Row) -> Ordering {
        self.layout.compare_by(&self.of_row, a, b)
    }

    /// The columns of changes with these times.
    fn columns(&self, rows: &[Changed], times: impl Iterator<Item = EventTime>) -> Vec<ColumnRef> {
        let (times, signs) = (plain(times), plain(rows.iter().map(|(sign, _)| *sign)));
        let column = |number: usize| match self.sign {
            Some(sign) if number == sign => signs.clone(),
            Some(_) if number == self.time => times.clone(),
            _ => Arc::new(self.layout.column(number, rows.iter().map(|(_, row)| &row[..]))),
        };
        let mut columns: Vec<ColumnRef> = (0..self.layout.n_columns()).map(column).collect();
        if self.sign.is_none() {
            columns.extend([times, signs]);
        }
        columns
    }
}

/// The changes that rows cause.
#[derive(Default)]
pub struct Changes {
    rows: Vec<Changed>,
    /// Of each, the row of the batch that caused it.
    causes: Vec<u32>,
    /// Of each, the number of the partition.
    partitions: Vec<u32>,
}

impl Changes {
    /// For so many rows, of which each may push out another.
    pub fn with_room_for(n_rows: usize) -> Changes {
        let n = 2 * n_rows;
        Changes {
            rows: Vec::with_capacity(n),
            causes: Vec::with_capacity(n),
            partitions: Vec::with_capacity(n),
        }
    }

    pub fn push(&mut self, sign: i64, row: Row, cause: usize, partition: u32) {
        self.rows.push((sign, row));
        self.causes.push(cause as u32);
        self.partitions.push(partition);
    }

    /// Drops what the rows of one place bring and take away again in a partition: the results of a window come
    /// anew with each of its rows.
    fn drop_undone(&mut self, describe: &Describe, batch: &Batch) {
        let mut kept: Vec<usize> = vec![];
        let place = |change: usize| batch.origin.place(self.causes[change] as usize);
        for change in 0..self.rows.len() {
            let (sign, row) = &self.rows[change];
            let before = kept.iter().rev().take_while(|before| place(**before) == place(change));
            let undone = before.copied().find(|before| {
                self.rows[*before].0 != *sign
                    && self.partitions[*before] == self.partitions[change]
                    && describe.compare(&self.rows[*before].1, row).is_eq()
            });
            match undone {
                Some(undone) => kept.retain(|before| *before != undone),
                None => kept.push(change),
            }
        }
        self.causes = kept.iter().map(|change| self.causes[*change]).collect();
        self.rows = kept.into_iter().map(|change| self.rows[change].clone()).collect();
    }

    /// Puts them into the output in batches; what rows of one place cause stays together.
    pub fn give_at_rows(
        mut self,
        describe: &Describe,
        batch: &Batch,
        times: &[EventTime],
        output: &mut Output,
    ) {
        if describe.over.is_some() {
            self.drop_undone(describe, batch);
        }
        let mut from = 0;
        while from < self.rows.len() {
            let mut to = self.rows.len().min(from + BATCH_ROWS);
            let place = |change: usize| batch.origin.place(self.causes[change] as usize);
            while to < self.rows.len() && place(to) == place(to - 1) {
                to += 1;
            }
            output.messages.push(Message::Batch(self.at_rows(describe, batch, times, from..to)));
            from = to;
        }
    }

    fn at_rows(&self, describe: &Describe, batch: &Batch, times: &[EventTime], part: Range<usize>) -> Batch {
        let (rows, causes) = (&self.rows[part.clone()], &self.causes[part]);
        let columns = describe.columns(rows, causes.iter().map(|cause| times[*cause as usize]));
        let origin = batch.origin.gather(causes);
        let made = Batch { columns, n_rows: rows.len(), origin, late: late_of(&batch.late, causes) };
        match describe.sign {
            // A row that replaces another can bring back what its going brought up. It came directly behind that,
            // whichever rows other workers have.
            Some(sign) if describe.over.is_none() => {
                let marks = batch.origin.marks.as_deref();
                let mark = |change: usize| {
                    let cause = causes[change];
                    marks.and_then(|marks| marks.get(cause as usize).copied()).unwrap_or(cause)
                };
                let are_together =
                    |change: usize, before: usize| mark(change).saturating_sub(mark(before)) <= 1;
                that_alter_together(made, describe.time, sign, are_together)
            }
            _ => made,
        }
    }

    /// Puts what they come to together into the output, as changes of one time.
    pub fn give_together(self, describe: &Describe, time: EventTime, output: &mut Output) {
        let mut rows = summed(self.rows, |a, b| describe.compare(a, b));
        // Of equal ones the order of their columns.
        let layout = &describe.layout;
        rows.sort_by(|(sign, a), (other, b)| {
            let parts = layout.compare_by(&describe.per, a, b);
            parts.then_with(|| layout.compare_by(&describe.key, a, b)).then(sign.cmp(other))
        });
        let mut rows = &rows[..];
        while !rows.is_empty() {
            let mut n = rows.len().min(BATCH_ROWS);
            // A row that is withdrawn and the one in its place stay together.
            if rows[n - 1].0 < 0 && n < rows.len() {
                n += 1;
            }
            let (part, rest) = rows.split_at(n);
            rows = rest;
            let columns = describe.columns(part, part.iter().map(|_| time));
            let (n_rows, origin) = (part.len(), Origin::default());
            output.messages.push(Message::Batch(Batch { columns, n_rows, origin, late: vec![] }));
        }
    }
}

/// What changes of rows come to, in the order of these; the first of equal ones stands for all.
pub fn summed(mut changes: Vec<Changed>, order: impl Fn(&Row, &Row) -> Ordering) -> Vec<Changed> {
    changes.sort_by(|(_, a), (_, b)| order(a, b));
    let mut rows: Vec<Changed> = vec![];
    for equal in changes.chunk_by(|(_, a), (_, b)| order(a, b).is_eq()) {
        let sum: i64 = equal.iter().map(|(sign, _)| sign).sum();
        rows.extend((0..sum.abs()).map(|_| (sum.signum(), equal[0].1.clone())));
    }
    rows
}
