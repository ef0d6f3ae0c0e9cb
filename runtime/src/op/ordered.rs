//! Holds rows until the watermark has passed them, and releases them in the total order.
//!
//! For `ordered` sinks. A late row has missed its place: it leaves with the next release.

use crate::accumulate::side::Position;
use crate::message::{Message, Watermark};
use crate::op::interleave::{Pick, interleave};
use crate::operator::{Operator, Output};
use crate::watermark::WatermarkTracker;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::ColumnData;
use millstream_ir::types::Type;

pub struct Ordered {
    types: Vec<Type>,
    /// The column of the event time.
    time: usize,
    tracker: WatermarkTracker,
    waiting: Vec<Batch>,
    n_released: u64,
}

/// A row that is released: where it stands, its batch among the waiting ones, its number there.
type Entry = (Position, u32, u32);

impl Ordered {
    /// `types` are those of the rows, `time` is the column of their event time.
    pub fn new(types: Vec<Type>, time: usize, n_inputs: usize) -> Ordered {
        Ordered { types, time, tracker: WatermarkTracker::new(n_inputs), waiting: vec![], n_released: 0 }
    }

    fn release(&mut self, watermark: Watermark, output: &mut Output) {
        let mut entries: Vec<Entry> = vec![];
        let mut held: Vec<Vec<u32>> = vec![];
        for (number, batch) in self.waiting.iter().enumerate() {
            let mut later = vec![];
            if let ColumnData::I64(times) = &batch.columns[self.time].data {
                for row in 0..batch.n_rows {
                    // A row at the watermark itself may still get a neighbour.
                    if times[row] < watermark.0 || watermark == Watermark::END {
                        entries.push((Position::of_row(batch, times, row), number as u32, row as u32));
                    } else {
                        later.push(row as u32);
                    }
                }
            }
            held.push(later);
        }
        // Rows that were made of one row share its position, and came in their order.
        entries.sort_by_key(|(position, _, _)| *position);
        for part in entries.chunks(BATCH_ROWS) {
            output.messages.push(Message::Batch(self.batch(part)));
            self.n_released += part.len() as u64;
        }
        let waiting = std::mem::take(&mut self.waiting).into_iter().zip(held);
        self.waiting = waiting
            .filter(|(_, rows)| !rows.is_empty())
            .map(|(batch, rows)| if rows.len() == batch.n_rows { batch } else { batch.gather(&rows) })
            .collect();
    }

    fn batch(&self, entries: &[Entry]) -> Batch {
        let picks: Vec<Pick> = entries.iter().map(|(_, batch, row)| (*batch, *row)).collect();
        Batch {
            columns: interleave(&self.waiting, &self.types, &picks),
            n_rows: entries.len(),
            origin: Origin { first: self.n_released, ..Origin::default() },
            late: vec![],
        }
    }
}

impl Operator for Ordered {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.waiting.push(batch),
            Message::Watermark(watermark) => {
                if let Some(merged) = self.tracker.advance(input, watermark) {
                    self.release(merged, output);
                    output.messages.push(Message::Watermark(merged));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::{script, types};
    use millstream_ir::column::ColumnBuilder;
    use millstream_ir::value::Value;
    use std::sync::Arc;

    #[test]
    fn rows_leave_by_time_then_source_then_offset() {
        let lines = "1: 1@10 2@12\n0: 3@12 4@11 5@10\n0: ~11\n1: ~12\n0: 6@2!11\n0: ~end\n1: ~end";
        let answers = script(&mut Ordered::new(types(), 1, 2), lines);
        insta::assert_snapshot!(answers, @r"
        1: 1@10 2@12 | (nothing)
        0: 3@12 4@11 5@10 | (nothing)
        0: ~11 | (nothing)
        1: ~12 | 5@10 1@10 ; ~11
        0: 6@2!11 | (nothing)
        0: ~end | 6@2 4@11 ; ~12
        1: ~end | 3@12 2@12 ; ~end
        ");
    }

    #[test]
    fn columns_of_every_kind_are_put_together() {
        let types = [Type::STRING.nullable(), Type::decimal(0), Type::FLOAT, Type::BOOL, Type::TIMESTAMP];
        let row = |text: Option<&str>, number: i128, time: i64| {
            [
                text.map_or(Value::Null, Value::string),
                Value::Decimal(number),
                Value::Float(number as f64),
                Value::Bool(number > 1),
                Value::Timestamp(time),
            ]
        };
        let batch = |rows: &[[Value; 5]], source| {
            let column = |i: usize| {
                let mut column = ColumnBuilder::new(&types[i]);
                rows.iter().for_each(|row| column.push(&row[i]));
                Arc::new(column.finish())
            };
            let columns = (0..types.len()).map(column).collect();
            Batch {
                columns,
                n_rows: rows.len(),
                origin: Origin { source, ..Origin::default() },
                late: vec![],
            }
        };
        let (a, b) = (row(Some("a text longer than a view"), 1, 5), row(None, 2, 1));
        let (c, d) = (row(Some("short"), i128::MAX, 3), row(Some("another text as long as that"), 4, 9));
        let mut ordered = Ordered::new(types.to_vec(), 4, 1);
        let mut output = Output::default();
        ordered.step(0, Message::Batch(batch(&[a.clone(), b.clone()], 0)), &mut output);
        ordered.step(0, Message::Batch(batch(&[c.clone(), d.clone()], 1)), &mut output);
        ordered.step(0, Message::Watermark(Watermark::END), &mut output);
        let Some(Message::Batch(batch)) = output.messages.first() else { panic!("no rows") };
        for (number, expected) in [b, c, a, d].iter().enumerate() {
            let values = batch.columns.iter().zip(&types).map(|(column, ty)| column.value(number, ty));
            assert!(values.eq(expected.iter().cloned()), "row {number}");
        }
    }
}
