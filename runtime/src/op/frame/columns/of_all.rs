//! Aggregates where all rows have one key.

use super::Call;
use super::blocks::Blocks;
use crate::accumulate::result::divide_exactly;
use crate::message::EventTime;
use crate::op::frame::log::{Leaving, Log, from_sortable, sortable};
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData};

pub struct OfAll {
    states: Vec<State>,
    /// Of the rows that leave, sums up to each.
    gone: Vec<i64>,
}

/// What an aggregate keeps, with its column.
enum State {
    Count,
    /// The sum of all rows in the frame.
    Sum(usize, i64),
    Average(usize, i64),
    Extreme(usize, Blocks),
}

impl OfAll {
    pub fn new(calls: &[Call]) -> OfAll {
        let state = |call: &Call| match *call {
            Call::Count(_) => State::Count,
            Call::Sum(column) => State::Sum(column, 0),
            Call::Average(column) => State::Average(column, 0),
            Call::Minimum(column) => State::Extreme(column, Blocks::new(0)),
            Call::Maximum(column) => State::Extreme(column, Blocks::new(-1)),
        };
        OfAll { states: calls.iter().map(state).collect(), gone: vec![] }
    }

    /// Rows come, which stand in the log already, and others leave, which do so still: those that are older by the
    /// size or more.
    pub fn take(
        &mut self,
        log: &Log,
        (batch, times): (&Batch, &[EventTime]),
        size: i64,
        leaving: &mut Leaving,
    ) -> Vec<Column> {
        // One sum is made while it is looked for what leaves.
        let mut first = None;
        for (number, state) in self.states.iter_mut().enumerate() {
            if let State::Sum(column, sum) | State::Average(column, sum) = state
                && let ColumnData::I64(values) = &batch.columns[*column].data
            {
                first = Some((number, log.leaving_summed((times, size), (*column, values), sum, leaving)));
                break;
            }
        }
        if first.is_none() {
            log.leaving(times, size, leaving);
        }
        let mut columns = vec![];
        let there = (log.n_rows() - batch.n_rows) as i64;
        let counts = || (there + 1..).zip(&leaving.before).map(|(come, left)| come - *left as i64);
        for (number, state) in self.states.iter_mut().enumerate() {
            let known = first.take_if(|(of, _)| *of == number).map(|(_, sums)| sums);
            let sums = |column: usize, sum: &mut i64| {
                known.unwrap_or_else(|| sums(sum, column, log, batch, leaving, &mut self.gone))
            };
            let data = match state {
                State::Count => ColumnData::I64(counts().collect()),
                State::Sum(column, sum) => ColumnData::I64(sums(*column, sum)),
                State::Average(column, sum) => {
                    let sums = sums(*column, sum);
                    let mean = |(sum, n): (&i64, i64)| divide_exactly(*sum as i128, n as u64);
                    ColumnData::F64(sums.iter().zip(counts()).map(mean).collect())
                }
                State::Extreme(column, blocks) => {
                    let data = &batch.columns[*column].data;
                    let mut results = Buffer::filled(0, batch.n_rows);
                    blocks.take(log, *column, &sortable(data), leaving, &mut results);
                    from_sortable(results, data)
                }
            };
            columns.push(Column { data, validity: None });
        }
        columns
    }

    /// Rows leave, and none come.
    pub fn leave(&mut self, log: &Log, leaving: &Leaving) {
        for state in &mut self.states {
            if let State::Sum(column, sum) | State::Average(column, sum) = state {
                log.values_of(leaving, *column, &mut self.gone);
                *sum -= self.gone.iter().sum::<i64>();
            }
        }
    }

    pub fn bytes(&self) -> usize {
        let of = |state: &State| if let State::Extreme(_, blocks) = state { blocks.bytes() } else { 0 };
        self.gone.capacity() * 8 + self.states.iter().map(of).sum::<usize>()
    }
}

/// The sum of the frame of each row. What has left is looked up, so that nothing depends on how many rows leave
/// at each.
fn sums(
    sum: &mut i64,
    column: usize,
    log: &Log,
    batch: &Batch,
    leaving: &Leaving,
    gone: &mut Vec<i64>,
) -> Buffer<i64> {
    log.values_of(leaving, column, gone);
    let mut gone_before = 0i64;
    for value in gone.iter_mut() {
        gone_before += std::mem::replace(value, gone_before);
    }
    gone.push(gone_before);
    let ColumnData::I64(values) = &batch.columns[column].data else { return Buffer::new() };
    let results = values.iter().zip(&leaving.before).map(|(value, left)| {
        *sum += value;
        *sum - gone[*left as usize]
    });
    let results = results.collect();
    *sum -= gone_before;
    results
}
