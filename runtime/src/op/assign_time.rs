//! `time E [disorder D]`: another column becomes the event time, with a watermark of its own.
//!
//! What is older than the new watermark leaves, for `late(name)`; so does a row without a time.

use crate::message::{Message, Watermark};
use crate::op::late::late_rows;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::watermark::WatermarkGenerator;
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnData;

pub struct AssignTime {
    /// The column of the new event time.
    time: usize,
    generator: WatermarkGenerator,
}

impl AssignTime {
    /// `disorder` in microseconds.
    pub fn new(time: usize, disorder: i64) -> AssignTime {
        AssignTime { time, generator: WatermarkGenerator::new(disorder) }
    }

    fn assign(&mut self, mut batch: Batch, output: &mut Output) {
        // Whether a row was late by its old time no longer matters.
        batch.late.clear();
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let mut late = vec![];
        self.generator.observe(times, 0, &mut late);
        let before = output.messages.len();
        if late.is_empty() {
            output.messages.push(Message::Batch(batch));
        } else {
            output.late.push(late_rows(&batch, &late));
            batch.late = late;
            let in_time: Vec<u32> =
                (0..batch.n_rows as u32).filter(|row| batch.late(*row as usize).is_none()).collect();
            if !in_time.is_empty() {
                output.messages.push(Message::Batch(batch.gather(&in_time)));
            }
        }
        if output.messages.len() > before {
            output.messages.push(Message::Watermark(self.generator.watermark()));
        }
    }
}

impl Operator for AssignTime {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) if batch.n_rows > 0 => self.assign(batch, output),
            Message::Batch(_) => {}
            // The old times' watermark says nothing about the new ones, but the end is the end.
            Message::Watermark(Watermark::END) => output.messages.push(message),
            Message::Watermark(_) => {}
        }
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.generator.snapshot(writer);
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.generator.restore(reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::script;

    #[test]
    fn what_is_behind_the_new_watermark_is_set_aside() {
        let lines = "0: 7@10 8@30!40 9@24\n0: ~1000\n0: 5@31 6@20 4@26\n0: ~end";
        let answers = script(&mut AssignTime::new(1, 5), lines);
        insta::assert_snapshot!(answers, @r"
        0: 7@10 8@30!40 9@24 | [9@24!25] ; 7@10 8@30 ; ~25
        0: ~1000 | (nothing)
        0: 5@31 6@20 4@26 | [6@20!26] ; 5@31 4@26 ; ~26
        0: ~end | ~end
        ");
    }
}
