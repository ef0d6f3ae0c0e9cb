//! From the rows that come among the best and leave them to batches of changes.

use super::partition::{Changed, Row};
use crate::message::{EventTime, Message};
use crate::op::changes::{late_of, plain, that_alter_together};
use crate::operator::Output;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{ColumnBuilder, ColumnRef};
use millstream_ir::flow::{Schema, Top, TopScope};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What there is to know of the rows that leave.
pub struct Describe {
    types: Vec<Type>,
    /// The input columns of the event time, and of an updating input of the sign.
    time: usize,
    sign: Option<usize>,
    /// What changes that are told together are ordered by: what parts the rows, then what names them.
    per: Vec<usize>,
    key: Vec<usize>,
    /// Of results of a window the column that says when it is over, which changes without them.
    over: Option<usize>,
}

impl Describe {
    pub fn new(spec: &Top, input: &Schema) -> Describe {
        Describe {
            types: input.types(),
            time: input.time,
            sign: spec.sign,
            per: spec.per.clone(),
            key: input.key.clone().unwrap_or_default(),
            over: if let TopScope::Numbered { over } = spec.scope { Some(over) } else { None },
        }
    }

    /// Whether a value is that of the row, rather than of the change that brought it.
    pub fn is_of_row(&self, column: usize) -> bool {
        self.sign.is_none_or(|sign| column != sign && column != self.time) && self.over != Some(column)
    }

    fn is_same(&self, a: &Row, b: &Row) -> bool {
        (0..a.len()).all(|column| !self.is_of_row(column) || a[column] == b[column])
    }

    /// The columns of changes with these times.
    fn columns(&self, rows: &[Changed], times: impl Iterator<Item = EventTime>) -> Vec<ColumnRef> {
        let mut columns: Vec<ColumnRef> = vec![];
        let times = plain(times);
        let signs = plain(rows.iter().map(|(sign, _)| *sign));
        for (number, ty) in self.types.iter().enumerate() {
            match self.sign {
                Some(sign) if number == sign => columns.push(signs.clone()),
                Some(_) if number == self.time => columns.push(times.clone()),
                _ => {
                    let mut column = ColumnBuilder::new(ty);
                    rows.iter().for_each(|(_, row)| column.push(&row[number]));
                    columns.push(Arc::new(column.finish()));
                }
            }
        }
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
                    && describe.is_same(&self.rows[*before].1, row)
            });
            match undone {
                Some(undone) => kept.retain(|before| *before != undone),
                None => kept.push(change),
            }
        }
        self.causes = kept.iter().map(|change| self.causes[*change]).collect();
        self.rows = kept.into_iter().map(|change| std::mem::take(&mut self.rows[change])).collect();
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
        let mut sums: BTreeMap<Row, (i64, Row)> = BTreeMap::new();
        for (sign, row) in self.rows {
            let columns = row.iter().enumerate().filter(|(column, _)| describe.is_of_row(*column));
            let of_row: Row = columns.map(|(_, value)| value.clone()).collect();
            sums.entry(of_row).or_insert((0, row)).0 += sign;
        }
        let mut rows: Vec<Changed> = vec![];
        for (sum, row) in sums.into_values() {
            rows.extend((0..sum.abs()).map(|_| (sum.signum(), row.clone())));
        }
        let values = |row: &Row, columns: &[usize]| -> Vec<Value> {
            columns.iter().map(|column| row[*column].clone()).collect()
        };
        // Stable: of equal ones the order of their columns.
        rows.sort_by_cached_key(|(sign, row)| {
            (values(row, &describe.per), values(row, &describe.key), *sign)
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
