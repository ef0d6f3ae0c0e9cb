//! The rows of its input in the total order, as far as the watermark has come: in front of operators
//! that depend on the order, and of `ordered` sinks. A late row has missed its place and is left out.

use crate::message::{Message, Watermark};
use crate::op::interleave::interleave_batch;
use crate::op::reorder::{Due, ReorderBuffer};
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::Spill;
use crate::waiting::Waiting;
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::column::ColumnData;
use millstream_ir::flow::{Breaker, Flow, NodeId, NodeKind};
use millstream_ir::types::Type;
use std::io;

pub struct Order {
    types: Vec<Type>,
    /// The column of the event time.
    time: usize,
    buffer: ReorderBuffer,
    watermark: Watermark,
    /// Whether what comes at the watermark stands behind all that came before: see [`reads_in_order`].
    in_order: bool,
    /// Whether the watermark has not been given yet.
    is_raised: bool,
}

impl Order {
    /// `types` are those of the rows, `time` is the column of their event time.
    pub fn new(types: Vec<Type>, time: usize) -> Order {
        let buffer = ReorderBuffer::new(vec![time]);
        Order { types, time, buffer, watermark: Watermark::START, in_order: false, is_raised: false }
    }

    fn keep(&mut self, batch: Batch, output: &mut Output) {
        let batch = without_late(batch, output);
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let at_watermark = self.in_order && times.iter().any(|time| *time <= self.watermark.0);
        self.buffer.push(0, batch);
        // No watermark need follow a batch that does not raise it.
        if at_watermark {
            self.release(output);
        }
    }

    /// Hands out what is due, or a part of it, and behind the last a watermark that has come.
    fn release(&mut self, output: &mut Output) {
        let types = &self.types;
        let due = (self.watermark, self.in_order);
        let (watermark, and_at) = match self.buffer.recall(due, &[types]) {
            Ok(None) => due,
            Ok(Some(until)) => (Watermark(until), false),
            Err(error) => return output.fault = Some(error),
        };
        output.more = (watermark, and_at) != due;
        self.buffer.release(watermark, and_at, &mut |due| push_due(due, types, output));
        if !output.more && std::mem::take(&mut self.is_raised) {
            output.messages.push(Message::Watermark(self.watermark));
        }
    }
}

impl Operator for Order {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.keep(batch, output),
            Message::Watermark(watermark) => {
                (self.watermark, self.is_raised) = (watermark, true);
                self.release(output);
            }
        }
    }

    fn resume(&mut self, output: &mut Output) {
        self.release(output);
    }

    fn reads_in_order(&mut self) {
        self.in_order = true;
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        self.buffer.snapshot(&[&self.types], writer);
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        self.buffer.restore(&[&self.types], reader)
    }

    fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        spill.timed(|| self.buffer.spill(&[&self.types], spill))
    }

    fn waiting(&self) -> Option<Waiting> {
        self.buffer.waiting()
    }

    fn state_bytes(&self) -> usize {
        self.buffer.state_bytes()
    }
}

/// The batch less its late rows, which are counted; `late(source)` has them already.
pub fn without_late(batch: Batch, output: &mut Output) -> Batch {
    if batch.late.is_empty() {
        return batch;
    }
    output.n_late_left_out += batch.late.len() as u64;
    let in_time: Vec<u32> =
        (0..batch.n_rows as u32).filter(|row| batch.late(*row as usize).is_none()).collect();
    batch.gather(&in_time)
}

/// Puts rows of one input that are due into the output, as batches of columns of these types.
pub fn push_due(due: Due, types: &[Type], output: &mut Output) {
    match due {
        Due::Whole(_, batch) => output.messages.push(Message::Batch(batch)),
        Due::Rows(_, batch, rows) => output.messages.push(Message::Batch(batch.gather(rows))),
        Due::Mixed(batches, picks) => {
            let batches: Vec<&Batch> = batches.iter().map(|(_, batch)| *batch).collect();
            for picks in picks.chunks(BATCH_ROWS) {
                output.messages.push(Message::Batch(interleave_batch(&batches, types, picks)));
            }
        }
    }
}

/// Of each node, whether all of its rows come from one partition by operators that keep their places. Then
/// a row that comes at the watermark stands behind all that came before, and rows at the watermark
/// need not wait for each other.
pub fn reads_in_order(flow: &Flow, n_partitions: &dyn Fn(NodeId) -> usize) -> Vec<bool> {
    let mut behind: Vec<Option<NodeId>> = vec![];
    // Whether rows pass straight through to there.
    let mut straight: Vec<bool> = vec![];
    let mut in_order = vec![];
    for id in flow.ids() {
        let node = flow.node(id);
        let are_straight = node.inputs.iter().all(|input| straight.get(input.0 as usize) == Some(&true));
        straight.push(match &node.kind {
            NodeKind::Order | NodeKind::Match(_) | NodeKind::Join(_) | NodeKind::Errors { .. } => false,
            NodeKind::Breaker(breaker) => **breaker == Breaker::LeaveOutLate && are_straight,
            _ => are_straight,
        });
        let mut inputs = node.inputs.iter().map(|input| behind.get(input.0 as usize).copied().flatten());
        let first = inputs.next().flatten();
        let of_all = first.filter(|first| inputs.all(|other| other == Some(*first)));
        // What one row became may come to a pattern by several inputs, by one after the other.
        let is_one = node.inputs.len() == 1 || !matches!(node.kind, NodeKind::Match(_));
        in_order.push(of_all.is_some() && is_one);
        behind.push(match &node.kind {
            NodeKind::Source(_) => (n_partitions(id) == 1).then_some(id),
            // What one row became comes by one input now, and by another when it has waited.
            NodeKind::Union if !are_straight => None,
            NodeKind::Segment(_)
            | NodeKind::Dispatch(_)
            | NodeKind::Unnest { .. }
            | NodeKind::Union
            | NodeKind::AssignTime { .. }
            | NodeKind::Late
            | NodeKind::Order => of_all,
            NodeKind::Breaker(breaker)
                if **breaker == Breaker::LeaveOutLate
                    || breaker.passes_rows() && breaker.depends_on_order() =>
            {
                of_all
            }
            NodeKind::Breaker(_)
            | NodeKind::Match(_)
            | NodeKind::Join(_)
            | NodeKind::Errors { .. }
            | NodeKind::Sink(_) => None,
        });
    }
    in_order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::{script, types};
    use crate::watermark::{WatermarkGenerator, WatermarkTracker};
    use millstream_ir::batch::Origin;
    use millstream_ir::column::ColumnBuilder;
    use millstream_ir::value::Value;
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn rows_leave_by_time_then_source_then_offset() {
        let lines = "1: 1@10 2@12\n0: 3@12 4@11 5@10\n0: ~11\n0: 6@2!11\n0: ~12\n0: ~end";
        let answers = script(&mut Order::new(types(), 1), lines);
        insta::assert_snapshot!(answers, @r"
        1: 1@10 2@12 | (nothing)
        0: 3@12 4@11 5@10 | (nothing)
        0: ~11 | 5@10 1@10 ; ~11
        0: 6@2!11 | (nothing)
        0: ~12 | 4@11 ; ~12
        0: ~end | 3@12 2@12 ; ~end
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
        let mut ordered = Order::new(types.to_vec(), 4);
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

    #[test]
    fn late_rows_are_left_out_and_rows_at_the_watermark_wait() {
        let mut order = Order::new(types(), 1);
        let answers = script(&mut order, "0: 1@10 2@12\n0: ~12\n0: 3@11!12 4@12\n0: 5@13\n0: ~13\n0: ~end");
        insta::assert_snapshot!(answers, @r"
        0: 1@10 2@12 | (nothing)
        0: ~12 | 1@10 ; ~12
        0: 3@11!12 4@12 | (nothing)
        0: 5@13 | (nothing)
        0: ~13 | 2@12 ; 4@12 ; ~13
        0: ~end | 5@13 ; ~end
        ");
    }

    #[test]
    fn rows_at_the_watermark_leave_where_nothing_can_come_before_them() {
        let mut order = Order::new(types(), 1);
        order.reads_in_order();
        let answers = script(&mut order, "0: 1@10 2@12\n0: ~12\n0: 3@12\n0: 4@12 5@13\n0: ~13\n0: ~end");
        insta::assert_snapshot!(answers, @r"
        0: 1@10 2@12 | (nothing)
        0: ~12 | 1@10 2@12 ; ~12
        0: 3@12 | 3@12
        0: 4@12 5@13 | 4@12
        0: ~13 | 5@13 ; ~13
        0: ~end | ~end
        ");
    }

    #[test]
    fn a_batch_in_order_is_passed_on_as_it_is() {
        let mut order = Order::new(types(), 1);
        order.reads_in_order();
        let mut output = Output::default();
        let columns: Vec<_> = [[1, 2], [5, 9]].map(|values| int_column(&values)).into();
        let batch = Batch { columns, n_rows: 2, origin: Origin::default(), late: vec![] };
        order.step(0, Message::Batch(batch.clone()), &mut output);
        order.step(0, Message::Watermark(Watermark(9)), &mut output);
        let [Message::Batch(passed), Message::Watermark(_)] = &output.messages[..] else {
            panic!("{:?}", output.messages)
        };
        assert!(Arc::ptr_eq(&passed.columns[0], &batch.columns[0]));
    }

    fn int_column(values: &[i64]) -> millstream_ir::column::ColumnRef {
        let data = ColumnData::I64(values.iter().copied().collect());
        Arc::new(millstream_ir::column::Column { data, validity: None })
    }

    /// A row of a partition: number, time.
    type Row = (i64, i64);

    /// Two partitions of rows, each cut into batches, with the watermark behind each batch.
    fn arrivals() -> impl Strategy<Value = (Vec<[Vec<Row>; 2]>, i64)> {
        let batch = || proptest::collection::vec((0i64..4, -3i64..9), 0..12);
        let step = [batch(), batch()];
        (proptest::collection::vec(step, 1..8), 0i64..8).prop_map(|(steps, disorder)| {
            let mut now = 0;
            let mut number = 0;
            let mut row = |(gap, back): (i64, i64)| {
                now += gap;
                number += 1;
                (number, now - back.max(0))
            };
            let steps = steps
                .into_iter()
                .map(|batches| batches.map(|batch| batch.into_iter().map(&mut row).collect::<Vec<Row>>()));
            (steps.collect(), disorder)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn rows_leave_in_the_total_order(
            (steps, disorder) in arrivals(),
            single in any::<bool>(),
            restore_at in 0usize..8,
            spill_every in prop_oneof![2 => Just(usize::MAX), 1 => 1usize..4],
        ) {
            let folder = tempfile::tempdir().unwrap();
            let spill = Spill::new(folder.path(), 0);
            let mut order = Order::new(types(), 1);
            if single {
                order.reads_in_order();
            }
            let mut generators = [disorder; 2].map(WatermarkGenerator::new);
            let mut tracker = WatermarkTracker::new(if single { 1 } else { 2 });
            let mut firsts = [0u64; 2];
            let (mut expected, mut n_late) = (vec![], 0);
            let mut output = Output::default();
            for (number, batches) in steps.iter().enumerate() {
                for (partition, rows) in batches.iter().enumerate().take(if single { 1 } else { 2 }) {
                    let times: Vec<i64> = rows.iter().map(|row| row.1).collect();
                    let mut late = vec![];
                    generators[partition].observe(&times, 0, &mut late);
                    for (i, (id, time)) in rows.iter().enumerate() {
                        if late.iter().any(|l| l.row as usize == i) {
                            n_late += 1;
                        } else {
                            expected.push((*time, partition, firsts[partition] + i as u64, *id));
                        }
                    }
                    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
                    let origin =
                        Origin { partition: partition as u32, first: firsts[partition], ..Origin::default() };
                    firsts[partition] += rows.len() as u64;
                    let columns = vec![int_column(&ids), int_column(&times)];
                    order.step_to_end(0, Message::Batch(Batch { columns, n_rows: rows.len(), origin, late }), &mut output);
                    if let Some(merged) = tracker.advance(partition, generators[partition].watermark()) {
                        order.step_to_end(0, Message::Watermark(merged), &mut output);
                        // What is behind the watermark has left.
                        let left: i64 = batches_of(&output).map(|batch| batch.n_rows as i64).sum();
                        let due = expected.iter().filter(|row| row.0 < merged.0 || single && row.0 == merged.0);
                        prop_assert_eq!(left, due.count() as i64);
                    }
                }
                if (number + 1) % spill_every == 0 {
                    order.spill(&spill).unwrap();
                    prop_assert_eq!(order.buffer.bytes_in_memory(), 0);
                }
                if number == restore_at {
                    let mut writer = SnapshotWriter::default();
                    order.snapshot(&mut writer);
                    let bytes = writer.finish();
                    order = Order::new(types(), 1);
                    if single {
                        order.reads_in_order();
                    }
                    let mut reader = SnapshotReader::new(&bytes);
                    order.restore(&mut reader).unwrap();
                    reader.finish().unwrap();
                }
            }
            order.step_to_end(0, Message::Watermark(Watermark::END), &mut output);
            expected.sort();
            let mut found = vec![];
            for batch in batches_of(&output) {
                let (ColumnData::I64(ids), ColumnData::I64(times)) = (&batch.columns[0].data, &batch.columns[1].data)
                else {
                    panic!("other columns")
                };
                found.extend((0..batch.n_rows).map(|row| {
                    let place = batch.origin.place(row);
                    (times[row], place.partition as usize, place.offset, ids[row])
                }));
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(output.n_late_left_out, n_late);
            prop_assert_eq!(order.state_bytes(), 0);
        }
    }

    fn batches_of(output: &Output) -> impl Iterator<Item = &Batch> {
        output.messages.iter().filter_map(|message| match message {
            Message::Batch(batch) => Some(batch),
            Message::Watermark(_) => None,
        })
    }
}
