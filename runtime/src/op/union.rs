//! The rows of several streams as one. Its watermark is the least of theirs.
//!
//! Rows that several inputs have from one batch of a source are held until all of them have come, and
//! leave in the order in which they were read, those of one row in the order of the inputs.

use crate::message::{Message, Watermark};
use crate::op::interleave::{Pick, interleave};
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::watermark::WatermarkTracker;
use millstream_ir::batch::{BATCH_ROWS, Batch, LateRow, Origin, RowPlace};
use millstream_ir::flow::{Flow, Node, NodeId, NodeKind};
use millstream_ir::types::Type;
use std::collections::BTreeSet;

pub struct Union {
    types: Vec<Type>,
    /// Of each input, whether it may bring rows of a batch that another one also brings rows of.
    held_back: Vec<bool>,
    tracker: WatermarkTracker,
    /// Rows of one batch of a source, with the inputs that they came by.
    held: Vec<(usize, Batch)>,
    /// The watermark behind them, if it has risen.
    risen: Option<Watermark>,
}

impl Union {
    /// `types` are those of the rows; `held_back` comes from [`reads_together`].
    pub fn new(types: Vec<Type>, held_back: Vec<bool>) -> Union {
        let tracker = WatermarkTracker::new(held_back.len());
        Union { types, held_back, tracker, held: vec![], risen: None }
    }

    /// Brings the rows that are held into the order in which they were read.
    fn release(&mut self, output: &mut Output) {
        let mut held = std::mem::take(&mut self.held);
        held.sort_by_key(|(input, batch)| (batch.origin.offset(0), *input));
        let (inputs, batches): (Vec<usize>, Vec<Batch>) = held.into_iter().unzip();
        let follows = |pair: &[Batch]| pair[0].origin.offset(pair[0].n_rows - 1) < pair[1].origin.offset(0);
        if batches.windows(2).all(follows) {
            output.messages.extend(batches.into_iter().map(Message::Batch));
            return;
        }
        let mut rows: Vec<(u64, usize, Pick)> = vec![];
        for (number, (input, batch)) in inputs.iter().zip(&batches).enumerate() {
            let row = |row: usize| (batch.origin.offset(row), *input, (number as u32, row as u32));
            rows.extend((0..batch.n_rows).map(row));
        }
        rows.sort_by_key(|(offset, input, _)| (*offset, *input));
        for part in rows.chunks(BATCH_ROWS) {
            output.messages.push(Message::Batch(merged(&batches, &self.types, part)));
        }
    }
}

/// A batch of rows, each with its offset, of batches that were read at once.
fn merged(batches: &[Batch], types: &[Type], rows: &[(u64, usize, Pick)]) -> Batch {
    let picks: Vec<Pick> = rows.iter().map(|(_, _, pick)| *pick).collect();
    let place = |(batch, row): &Pick| batches[*batch as usize].origin.place(*row as usize);
    let places: Vec<RowPlace> = picks.iter().map(place).collect();
    let is_late = |(row, (batch, number)): (u32, &Pick)| {
        let late = batches[*batch as usize].late(*number as usize)?;
        Some(LateRow { row, ..late })
    };
    Batch {
        columns: interleave(&batches.iter().collect::<Vec<_>>(), types, &picks),
        n_rows: rows.len(),
        origin: Origin::of_places(&places),
        late: (0..).zip(&picks).filter_map(is_late).collect(),
    }
}

impl Operator for Union {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(mut batch) => {
                let is_held = self.held_back[input];
                // What is held leaves in the order of its inputs; what comes later has a branch of its own.
                let branch = if is_held { self.held_back.iter().position(|held| *held) } else { Some(input) };
                batch.origin = batch.origin.through(branch.unwrap_or(input), self.held_back.len());
                if is_held {
                    self.held.extend((batch.n_rows > 0).then_some((input, batch)));
                } else {
                    output.messages.push(Message::Batch(batch));
                }
            }
            Message::Watermark(watermark) => {
                self.risen = self.tracker.advance(input, watermark).or(self.risen);
                if self.held.is_empty() {
                    self.settle(output);
                }
            }
        }
    }

    // Between messages of sources, when a snapshot is taken, no rows are held.
    fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.tracker.snapshot(writer);
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.tracker.restore(reader)
    }

    fn settle(&mut self, output: &mut Output) {
        self.release(output);
        output.messages.extend(self.risen.take().map(Message::Watermark));
    }
}

/// Of each input of a node, whether rows of one batch of a source come by it and by another one too: rows
/// that pass straight through leave in the order in which they were read, however many are read at once.
pub fn reads_together(flow: &Flow, node: &Node) -> Vec<bool> {
    let mut sources: Vec<BTreeSet<NodeId>> = vec![];
    for id in flow.ids() {
        let before = |inputs: &[NodeId]| {
            let known = inputs.iter().filter_map(|input| sources.get(input.0 as usize));
            known.flatten().copied().collect()
        };
        sources.push(match &flow.node(id).kind {
            NodeKind::Source(_) => [id].into(),
            NodeKind::Segment(_)
            | NodeKind::Unnest { .. }
            | NodeKind::Union
            | NodeKind::AssignTime { .. }
            | NodeKind::Late => before(&flow.node(id).inputs),
            NodeKind::Breaker(breaker) if breaker.answers_at_once() => before(&flow.node(id).inputs),
            // What these give has a place of its own in the order.
            NodeKind::Breaker(_)
            | NodeKind::Match(_)
            | NodeKind::Join(_)
            | NodeKind::Order
            | NodeKind::Errors { .. }
            | NodeKind::Sink(_) => BTreeSet::new(),
        });
    }
    let of = |input: &NodeId| &sources[input.0 as usize];
    let shares = |(number, input): (usize, &NodeId)| {
        let others = node.inputs.iter().enumerate().filter(|(other, _)| *other != number);
        others.map(|(_, other)| of(other)).any(|other| !other.is_disjoint(of(input)))
    };
    node.inputs.iter().enumerate().map(shares).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::{script, show_batch, types};
    use millstream_ir::column::ColumnBuilder;
    use millstream_ir::value::Value;
    use std::sync::Arc;

    #[test]
    fn the_watermark_is_that_of_the_input_furthest_behind() {
        let answers = script(
            &mut Union::new(types(), vec![false; 2]),
            "0: 1@10\n0: ~10\n1: 2@3\n1: ~5\n1: ~20\n0: ~end\n1: ~end",
        );
        insta::assert_snapshot!(answers, @r"
        0: 1@10 | 1@10
        0: ~10 | (nothing)
        1: 2@3 | 2@3
        1: ~5 | ~5
        1: ~20 | ~10
        0: ~end | ~20
        1: ~end | ~end
        ");
    }

    #[test]
    fn rows_of_one_batch_leave_in_the_order_they_were_read() {
        let mut union = Union::new(types(), vec![true, true, false]);
        let batch = |values: &[i64], late: Vec<LateRow>| {
            let mut columns: Vec<ColumnBuilder> = types().iter().map(ColumnBuilder::new).collect();
            for value in values {
                columns[0].push(&Value::Int(*value));
                columns[1].push(&Value::Timestamp(*value));
            }
            let offsets = values.iter().map(|value| *value as u32).collect();
            let origin = Origin { first: 100, offsets: Some(offsets), ..Origin::default() };
            let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
            Message::Batch(Batch { columns, n_rows: values.len(), origin, late })
        };
        let mut output = Output::default();
        union.step(1, batch(&[1, 2, 4], vec![]), &mut output);
        union.step(0, batch(&[2, 3, 5], vec![LateRow { row: 1, watermark: 7 }]), &mut output);
        (0..3).for_each(|input| union.step(input, Message::Watermark(Watermark(9)), &mut output));
        assert!(output.messages.is_empty());
        union.settle(&mut output);
        let [Message::Batch(batch), Message::Watermark(Watermark(9))] = &output.messages[..] else {
            panic!("{:?}", output.messages)
        };
        assert_eq!(show_batch(batch), "1@1 2@2 2@2 3@3!7 4@4 5@5");
        assert_eq!(
            (0..6).map(|row| batch.origin.offset(row)).collect::<Vec<_>>(),
            [101, 102, 102, 103, 104, 105]
        );
    }
}
