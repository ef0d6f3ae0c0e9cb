//! Rows of a join as batches: columns of the left and of the right row of each pair, and the pair's time.

use super::side::Side;
use crate::message::EventTime;
use crate::op::changes::plain;
use crate::op::interleave::{Pick, interleave};
use millstream_ir::batch::{Batch, LateRow, Origin, RowPlace};
use millstream_ir::column::{ColumnBuilder, ColumnData, ColumnRef};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

/// What stands where a pair has no row of a side.
pub const MISSING: Pick = (u32::MAX, 0);

/// Pairs that come, or that are taken back. Of each the row of either side, by its batch among those that are
/// gathered, and the time of the change.
#[derive(Default)]
pub struct Pairs {
    pub picks: [Vec<Pick>; 2],
    pub times: Vec<EventTime>,
    /// 1 or -1.
    pub signs: Vec<i64>,
    /// The watermarks that the rows came behind by which they come, where any of these is late.
    pub behind: Vec<EventTime>,
}

impl Pairs {
    pub fn len(&self) -> usize {
        self.times.len()
    }

    pub fn push(&mut self, picks: [Pick; 2], time: EventTime, sign: i64) {
        let [left, right] = &mut self.picks;
        left.push(picks[0]);
        right.push(picks[1]);
        self.times.push(time);
        self.signs.push(sign);
    }

    /// The pair with this number, without the row of one side perhaps.
    pub fn picks_of(&self, number: usize) -> [Pick; 2] {
        [self.picks[0][number], self.picks[1][number]]
    }

    /// Those with these numbers.
    pub fn gather(&self, numbers: &[usize]) -> Pairs {
        fn all<T: Copy>(of: &[T], numbers: &[usize]) -> Vec<T> {
            numbers.iter().map(|number| of[*number]).collect()
        }
        Pairs {
            picks: [0, 1].map(|side| all(&self.picks[side], numbers)),
            times: all(&self.times, numbers),
            signs: all(&self.signs, numbers),
            behind: if self.behind.is_empty() { vec![] } else { all(&self.behind, numbers) },
        }
    }

    /// The columns of both sides.
    pub fn columns(&self, batches: [&[&Batch]; 2], types: [&[Type]; 2]) -> Vec<ColumnRef> {
        let mut columns = columns_of(batches[0], types[0], &self.picks[0]);
        columns.extend(columns_of(batches[1], types[1], &self.picks[1]));
        columns
    }

    /// The pair that was pushed last comes by this row of a batch.
    pub fn came_by(&mut self, batch: &Batch, row: u32) {
        if !batch.late.is_empty() {
            self.behind.push(batch.late(row as usize).map_or(EventTime::MIN, |late| late.watermark));
        }
    }

    /// Those that are late, as the rows were by which they come, in their order.
    pub fn late(&self) -> Vec<LateRow> {
        let late = (0..).zip(self.times.iter().zip(&self.behind)).filter(|(_, (time, behind))| time < behind);
        late.map(|(row, (_, watermark))| LateRow { row, watermark: *watermark }).collect()
    }

    pub fn times_column(&self) -> ColumnRef {
        plain(self.times.iter().copied())
    }

    pub fn signs_column(&self) -> ColumnRef {
        plain(self.signs.iter().copied())
    }

    /// A pair stands where its later row stands. `times` are the columns of the event time.
    pub fn origin(&self, batches: [&[&Batch]; 2], times: [usize; 2]) -> Origin {
        let times = [0, 1].map(|side| -> Vec<&[EventTime]> {
            batches[side].iter().map(|batch| times_of(batch, times[side])).collect()
        });
        let half = |side: usize, (batch, row): Pick| {
            let time = times[side].get(batch as usize)?[row as usize];
            Some((time, &batches[side][batch as usize].origin, row as usize))
        };
        let place = |(left, right): (&Pick, &Pick)| match (half(0, *left), half(1, *right)) {
            (Some((left, origin, row)), Some((right, _, _))) if left > right => origin.place(row),
            (Some((left, _, _)), Some((right, origin, row))) if left < right => origin.place(row),
            (Some((_, one, row)), Some((_, other, of_other))) => one.place(row).max(other.place(of_other)),
            (Some((_, origin, row)), None) | (None, Some((_, origin, row))) => origin.place(row),
            (None, None) => RowPlace::default(),
        };
        let places: Vec<RowPlace> = self.picks[0].iter().zip(&self.picks[1]).map(place).collect();
        Origin::of_places(&places)
    }
}

fn times_of(batch: &Batch, column: usize) -> &[EventTime] {
    match &batch.columns[column].data {
        ColumnData::I64(times) => times,
        _ => &[],
    }
}

/// The columns, of these types, of the picked rows; null where there is none.
fn columns_of(batches: &[&Batch], types: &[Type], picks: &[Pick]) -> Vec<ColumnRef> {
    if !picks.iter().any(|pick| pick.0 == MISSING.0) {
        if let [batch] = batches {
            let rows: Vec<u32> = picks.iter().map(|pick| pick.1).collect();
            return batch.columns.iter().map(|column| Arc::new(column.gather(&rows))).collect();
        }
        return interleave(batches, types, picks);
    }
    let column = |(number, ty): (usize, &Type)| -> ColumnRef {
        let mut column = ColumnBuilder::new(&ty.clone().or_null(true));
        for (batch, row) in picks {
            column.push(&match batches.get(*batch as usize) {
                Some(batch) => batch.columns[number].value(*row as usize, ty),
                None => Value::Null,
            });
        }
        Arc::new(column.finish())
    };
    types.iter().enumerate().map(column).collect()
}

/// Which of a side's batches rows are picked from.
#[derive(Default)]
pub struct Gathered {
    /// Their positions among those that the side keeps.
    positions: Vec<usize>,
    /// For each batch of the side its number here, and in which round it got that.
    numbers: Vec<(u32, u32)>,
    round: u32,
}

impl Gathered {
    /// Begins anew.
    pub fn clear(&mut self) {
        self.positions.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.numbers.clear();
            self.round = 1;
        }
    }

    /// The number here of the batch at a position of the side.
    pub fn number(&mut self, position: usize) -> u32 {
        if self.numbers.len() <= position {
            self.numbers.resize(position + 1, (0, 0));
        }
        let known = &mut self.numbers[position];
        if known.1 != self.round {
            *known = (self.positions.len() as u32, self.round);
            self.positions.push(position);
        }
        known.0
    }

    pub fn batches<'s>(&self, side: &'s Side) -> Vec<&'s Batch> {
        self.positions.iter().filter_map(|position| side.batches().get(*position)).collect()
    }
}
