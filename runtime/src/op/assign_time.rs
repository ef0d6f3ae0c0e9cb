//! `time E [disorder D]`: another column becomes the event time, with a watermark of its own.
//!
//! What is older than the new watermark leaves, for `late(name)`; so does a row without a time. The new watermark
//! is that of the rows before a row. Of one partition these are the rows that were read before it. How rows of
//! several partitions come to lie among each other is told by the sizes of blocks: these are brought into the
//! order of their old times first.

use crate::message::{Message, Watermark};
use crate::op::late::late_rows;
use crate::op::order::push_due;
use crate::op::reorder::ReorderBuffer;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use crate::watermark::WatermarkGenerator;
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::flow::Schema;
use millstream_ir::types::Type;
use std::sync::Arc;

pub struct AssignTime {
    /// The column of the new event time.
    time: usize,
    generator: WatermarkGenerator,
    by_old_time: ByOldTime,
    /// Whether rows come in an order that nothing but the input tells.
    in_order: bool,
}

/// Rows that wait for the watermark of their old times.
struct ByOldTime {
    /// The column of the old event time.
    time: usize,
    /// Of the columns of the rows, and behind these of one for their places: see [`ByOldTime::push`].
    types: Vec<Type>,
    buffer: ReorderBuffer,
}

impl AssignTime {
    /// `input` and `rows` are the same columns, with the old and with the new time; `disorder` is in microseconds.
    /// `in_order`: the rows come in the total order of their old times.
    pub fn new(input: &Schema, rows: &Schema, disorder: i64, in_order: bool) -> AssignTime {
        let mut types = input.types();
        types.push(Type::TIMESTAMP);
        let buffer = ReorderBuffer::new(vec![types.len() - 1]);
        let by_old_time = ByOldTime { time: input.time, types, buffer };
        AssignTime { time: rows.time, generator: WatermarkGenerator::new(disorder), by_old_time, in_order }
    }

    fn assign(&mut self, mut batch: Batch, output: &mut Output) {
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

impl ByOldTime {
    /// A row that was late by its old time stands at the watermark that it came behind: that is told by the rows before
    /// it in its partition, and no watermark of its stream was later.
    fn push(&mut self, mut batch: Batch) {
        let Some(place) = batch.columns.get(self.time).cloned() else { return };
        let place = match &place.data {
            ColumnData::I64(times) if !batch.late.is_empty() => {
                let mut times: Buffer<i64> = times.iter().copied().collect();
                for late in batch.late.drain(..) {
                    times[late.row as usize] = late.watermark;
                }
                Arc::new(Column { data: ColumnData::I64(times), validity: None })
            }
            _ => place,
        };
        batch.columns.push(place);
        self.buffer.push(0, batch);
    }

    /// The rows before the watermark.
    fn release(&mut self, watermark: Watermark) -> Vec<Batch> {
        let (mut due, types) = (Output::default(), &self.types);
        self.buffer.release(watermark, false, &mut |rows| push_due(rows, types, &mut due));
        let batches = due.messages.into_iter().filter_map(|message| match message {
            Message::Batch(mut batch) => {
                batch.columns.pop();
                Some(batch)
            }
            Message::Watermark(_) => None,
        });
        batches.collect()
    }
}

impl Operator for AssignTime {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) if batch.n_rows == 0 => {}
            Message::Batch(mut batch) if self.in_order => {
                // Whether a row was late by its old time no longer matters.
                batch.late.clear();
                self.assign(batch, output);
            }
            Message::Batch(batch) => self.by_old_time.push(batch),
            // The old times' watermark says nothing about the new ones, but the end is the end.
            Message::Watermark(watermark) => {
                for batch in self.by_old_time.release(watermark) {
                    self.assign(batch, output);
                }
                if watermark == Watermark::END {
                    output.messages.push(message);
                }
            }
        }
    }

    fn reads_in_order(&mut self) {
        self.in_order = true;
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.generator.snapshot(writer);
        self.by_old_time.buffer.snapshot(&[&self.by_old_time.types], writer);
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.generator.restore(reader)?;
        self.by_old_time.buffer.restore(&[&self.by_old_time.types], reader)
    }

    fn state_bytes(&self) -> usize {
        self.by_old_time.buffer.state_bytes()
    }

    fn waiting(&self) -> Option<Waiting> {
        self.by_old_time.buffer.waiting()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::{script, show_batch, types};
    use crate::watermark::WatermarkTracker;
    use millstream_ir::batch::{LateRow, Origin};
    use millstream_ir::flow;
    use proptest::prelude::*;

    /// Of rows of an old time and a new one.
    fn assign_time(disorder: i64) -> AssignTime {
        let column = |ty| flow::Column { name: "c".into(), ty, hidden: false };
        let columns: Vec<flow::Column> = types().into_iter().map(column).collect();
        let [old, new] = [0, 1].map(|time| Schema::append_only(columns.clone(), time));
        AssignTime::new(&old, &new, disorder, false)
    }

    #[test]
    fn what_is_behind_the_new_watermark_is_set_aside() {
        let lines = "0: 7@10 8@30!40 9@24\n0: ~1000\n0: 5@31 6@20 4@26\n0: ~end";
        let mut of_one = assign_time(5);
        of_one.reads_in_order();
        insta::assert_snapshot!(script(&mut of_one, lines), @r"
        0: 7@10 8@30!40 9@24 | [9@24!25] ; 7@10 8@30 ; ~25
        0: ~1000 | (nothing)
        0: 5@31 6@20 4@26 | [6@20!26] ; 5@31 4@26 ; ~26
        0: ~end | ~end
        ");
    }

    #[test]
    fn rows_of_several_partitions_wait_for_each_other() {
        let lines = "0: 10@11 30@31\n0: 20@21 40@41\n0: ~30\n0: 5@33!30\n0: 32@27\n0: ~end";
        insta::assert_snapshot!(script(&mut assign_time(5), lines), @r"
        0: 10@11 30@31 | (nothing)
        0: 20@21 40@41 | (nothing)
        0: ~30 | 10@11 ; ~6 ; 20@21 ; ~16
        0: 5@33!30 | (nothing)
        0: 32@27 | (nothing)
        0: ~end | [32@27!28] ; 30@31 ; ~26 ; 5@33 40@41 ; ~36 ; ~end
        ");
    }

    /// Of a row: how long after the one before it, how much of that is taken back, the new time less the old.
    type Drawn = (i64, i64, i64);

    /// A row: its old and its new time, and if it is late the watermark that it came behind.
    type Row = (i64, i64, Option<i64>);

    fn rows_of(drawn: &[Drawn], disorder: i64) -> Vec<Row> {
        let (mut now, mut watermark) = (0, i64::MIN);
        let row = |(gap, back, ahead): &Drawn| {
            now += gap;
            let old = now - back;
            let late = (old < watermark).then_some(watermark);
            watermark = watermark.max(old - disorder);
            (old, old + ahead, late)
        };
        drawn.iter().map(row).collect()
    }

    fn batch_of(rows: &[Row], partition: usize, first: usize) -> Batch {
        let column = |values: Buffer<i64>| Arc::new(Column { data: ColumnData::I64(values), validity: None });
        let columns = vec![
            column(rows.iter().map(|row| row.0).collect()),
            column(rows.iter().map(|row| row.1).collect()),
        ];
        let late = |(row, (_, _, late)): (u32, &Row)| late.map(|watermark| LateRow { row, watermark });
        let late = (0..).zip(rows).filter_map(late).collect();
        let origin = Origin { partition: partition as u32, first: first as u64, ..Origin::default() };
        Batch { columns, n_rows: rows.len(), origin, late }
    }

    /// The rows as a test shows them, each in a line.
    fn lines_of(batches: impl Iterator<Item = Batch>) -> Vec<String> {
        batches
            .flat_map(|batch| show_batch(&batch).split(' ').map(str::to_string).collect::<Vec<_>>())
            .collect()
    }

    fn restored(before: &AssignTime, disorder: i64) -> AssignTime {
        let mut writer = SnapshotWriter::default();
        before.snapshot(&mut writer);
        let bytes = writer.finish();
        let mut after = assign_time(disorder);
        let mut reader = SnapshotReader::new(&bytes);
        after.restore(&mut reader).expect("a snapshot");
        reader.finish().expect("no more than that");
        after
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn how_partitions_are_read_changes_nothing(
            drawn in proptest::array::uniform3(proptest::collection::vec((0i64..6, 0i64..8, -4i64..8), 0..20)),
            reads in proptest::collection::vec((0usize..3, 1usize..6, any::<bool>()), 0..40),
            (old_disorder, disorder) in (0i64..8, 0i64..8),
        ) {
            let partitions = drawn.map(|drawn| rows_of(&drawn, old_disorder));
            let mut expected = vec![];
            for (partition, rows) in partitions.iter().enumerate() {
                let place = |(offset, row): (usize, &Row)| (row.2.unwrap_or(row.0), partition, offset, *row);
                expected.extend(rows.iter().enumerate().map(place));
            }
            expected.sort();
            let (mut in_time, mut late, mut watermark) = (vec![], vec![], i64::MIN);
            for (_, _, _, (old, new, _)) in expected {
                match new < watermark {
                    true => late.push(format!("{old}@{new}!{watermark}")),
                    false => in_time.push(format!("{old}@{new}")),
                }
                watermark = watermark.max(new - disorder);
            }

            let mut operator = assign_time(disorder);
            let mut output = Output::default();
            let mut tracker = WatermarkTracker::new(3);
            let (mut n_read, mut watermarks) = ([0usize; 3], [i64::MIN; 3]);
            // What is left is read partition by partition.
            let rest = (0..3).map(|partition| (partition, usize::MAX, false));
            for (partition, n, restores) in reads.into_iter().chain(rest) {
                let (rows, from) = (&partitions[partition], n_read[partition]);
                let to = from.saturating_add(n).min(rows.len());
                n_read[partition] = to;
                let of_rows = rows[from..to].iter().map(|row| row.0 - old_disorder).max();
                watermarks[partition] = watermarks[partition].max(of_rows.unwrap_or(i64::MIN));
                operator.step(0, Message::Batch(batch_of(&rows[from..to], partition, from)), &mut output);
                let watermark = if to == rows.len() { i64::MAX } else { watermarks[partition] };
                if let Some(merged) = tracker.advance(partition, Watermark(watermark)) {
                    operator.step(0, Message::Watermark(merged), &mut output);
                }
                if restores {
                    operator = restored(&operator, disorder);
                }
            }

            prop_assert_eq!(lines_of(output.late.into_iter()), late);
            let mut watermark = i64::MIN;
            let mut batches = vec![];
            for message in output.messages {
                match message {
                    Message::Watermark(next) => watermark = next.0,
                    Message::Batch(batch) => {
                        let ColumnData::I64(times) = &batch.columns[1].data else { panic!("another column") };
                        prop_assert!(times.iter().all(|time| *time >= watermark));
                        batches.push(batch);
                    }
                }
            }
            prop_assert_eq!(watermark, i64::MAX);
            prop_assert_eq!(lines_of(batches.into_iter()), in_time);
            prop_assert_eq!(operator.state_bytes(), 0);
        }
    }
}
