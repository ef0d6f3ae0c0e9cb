//! Rows of a join as batches: columns of the left and of the right row of each pair, and the pair's time.

use super::side::{Entry, Side};
use crate::message::EventTime;
use crate::op::interleave::{Pick, interleave};
use millstream_ir::batch::{Batch, LateRow, Origin, RowPlace};
use millstream_ir::column::{Column, ColumnBuilder, ColumnData, ColumnRef};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

/// A row of one side: the time, its batch among those of the [`Gathered`] and its number there.
#[derive(Clone, Copy)]
pub struct Half {
    pub time: EventTime,
    pub pick: Pick,
}

/// A pair that comes, or one that is taken back; one half may be missing.
#[derive(Clone, Copy)]
pub struct Change {
    pub of: [Option<Half>; 2],
    pub at: EventTime,
    /// 1 or -1.
    pub sign: i64,
}

impl Change {
    pub fn added(of: [Option<Half>; 2]) -> Change {
        Change { of, at: time_of(&of), sign: 1 }
    }
}

/// Batches of one side that rows are picked from.
#[derive(Default)]
pub struct Gathered {
    batches: Vec<Batch>,
    /// For each batch that the side keeps, its position here.
    positions: Vec<Option<u32>>,
}

impl Gathered {
    /// Begins with other batches.
    pub fn clear(&mut self) {
        self.batches.clear();
        self.positions.clear();
    }

    pub fn add(&mut self, batch: Batch) -> u32 {
        self.batches.push(batch);
        self.batches.len() as u32 - 1
    }

    /// A row that a side keeps. The side must not change before [`Gathered::clear`].
    pub fn half(&mut self, side: &Side, entry: &Entry) -> Half {
        let position = side.batch_of(entry);
        if self.positions.len() <= position {
            self.positions.resize(side.batches().len().max(position + 1), None);
        }
        let known = self.positions[position];
        let batch = known.unwrap_or_else(|| {
            let added = self.add(side.batches()[position].clone());
            self.positions[position] = Some(added);
            added
        });
        Half { time: entry.time, pick: (batch, entry.row) }
    }

    pub fn place(&self, half: &Half) -> RowPlace {
        self.batches[half.pick.0 as usize].origin.place(half.pick.1 as usize)
    }

    /// The columns, of these types, of the picked rows; null where there is none.
    pub fn columns(&self, types: &[Type], halves: &[Option<Half>]) -> Vec<ColumnRef> {
        let picks: Option<Vec<Pick>> = halves.iter().map(|half| half.map(|half| half.pick)).collect();
        let batches: Vec<&Batch> = self.batches.iter().collect();
        if let Some(picks) = picks {
            return interleave(&batches, types, &picks);
        }
        let column = |(number, ty): (usize, &Type)| -> ColumnRef {
            let mut column = ColumnBuilder::new(&ty.clone().or_null(true));
            for half in halves {
                column.push(&half.map_or(Value::Null, |Half { pick: (batch, row), .. }| {
                    batches[batch as usize].columns[number].value(row as usize, ty)
                }));
            }
            Arc::new(column.finish())
        };
        types.iter().enumerate().map(column).collect()
    }
}

/// The batch of these pairs: their columns and their times. `late_behind` is the watermark behind which a row is
/// late.
pub fn batch_of(
    gathered: [&Gathered; 2],
    types: [&[Type]; 2],
    pairs: &[Change],
    late_behind: EventTime,
) -> Batch {
    let side = |side: usize| -> Vec<Option<Half>> { pairs.iter().map(|pair| pair.of[side]).collect() };
    let mut columns = gathered[0].columns(types[0], &side(0));
    columns.extend(gathered[1].columns(types[1], &side(1)));
    let times: Vec<EventTime> = pairs.iter().map(|pair| pair.at).collect();
    let places: Vec<RowPlace> = pairs.iter().map(|pair| place_of(gathered, &pair.of)).collect();
    let late = (0..).zip(&times).filter(|(_, time)| **time < late_behind);
    let late = late.map(|(row, _)| LateRow { row, watermark: late_behind }).collect();
    columns.push(Arc::new(Column { data: ColumnData::I64(times.into_iter().collect()), validity: None }));
    Batch { columns, n_rows: pairs.len(), origin: Origin::of_places(&places), late }
}

/// The time of a pair is the later one.
pub fn time_of(pair: &[Option<Half>; 2]) -> EventTime {
    pair.iter().flatten().map(|half| half.time).max().unwrap_or(EventTime::MIN)
}

/// A pair stands where its later row stands.
fn place_of(gathered: [&Gathered; 2], pair: &[Option<Half>; 2]) -> RowPlace {
    let place = |side: usize| pair[side].map(|half| (half.time, gathered[side].place(&half)));
    place(0).max(place(1)).map_or_else(RowPlace::default, |(_, place)| place)
}
