//! The rows of several streams as one. Its watermark is the least of theirs.
//!
//! Rows that several inputs have from one batch of a source are held until all of them have come, and
//! leave in the order in which they were read, those of one row in the order of the inputs. Rows of inputs
//! that come in the order of their times, as watermarks release them, are merged by time.

use crate::message::{Message, Watermark};
use crate::op::interleave::{Pick, interleave};
use crate::op::merge::Merge;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
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
    /// Of each input, whether its rows come in the order of their times; these wait here for each other.
    in_order: Vec<bool>,
    merge: Merge,
}

impl Union {
    /// `types` are those of the rows; `held_back` comes from [`reads_together`].
    pub fn new(types: Vec<Type>, held_back: Vec<bool>) -> Union {
        let n = held_back.len();
        let (tracker, merge) = (WatermarkTracker::new(n), Merge::new(n, 0));
        Union { types, held_back, tracker, held: vec![], risen: None, in_order: vec![false; n], merge }
    }

    /// With the inputs whose rows come in the order of their times, see [`come_in_order`], and the column of
    /// the time.
    pub fn merging(mut self, in_order: Vec<bool>, time: usize) -> Union {
        self.merge = Merge::new(in_order.len(), time);
        self.in_order = in_order;
        self
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
        let picks: Vec<Pick> = rows.into_iter().map(|(_, _, pick)| pick).collect();
        let batches: Vec<&Batch> = batches.iter().collect();
        for part in picks.chunks(BATCH_ROWS) {
            output.messages.push(Message::Batch(merged(&batches, &self.types, part)));
        }
    }
}

/// A batch of picked rows of several ones.
pub fn merged(batches: &[&Batch], types: &[Type], picks: &[Pick]) -> Batch {
    let place = |(batch, row): &Pick| batches[*batch as usize].origin.place(*row as usize);
    let places: Vec<RowPlace> = picks.iter().map(place).collect();
    let late = |(row, (batch, number)): (u32, &Pick)| {
        let late = batches[*batch as usize].late(*number as usize)?;
        Some(LateRow { row, ..late })
    };
    Batch {
        columns: interleave(batches, types, picks),
        n_rows: picks.len(),
        origin: Origin::of_places(&places),
        late: (0..).zip(picks).filter_map(late).collect(),
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
                if self.in_order[input] {
                    self.merge.push(input, batch);
                } else if is_held {
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
        self.merge.snapshot(&self.types, writer);
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.tracker.restore(reader)?;
        self.merge.restore(&self.types, reader)
    }

    fn state_bytes(&self) -> usize {
        self.merge.state_bytes()
    }

    fn waiting(&self) -> Option<Waiting> {
        self.merge.waiting()
    }

    fn settles(&self) -> bool {
        true
    }

    fn settle(&mut self, output: &mut Output) {
        self.release(output);
        if let Some(watermark) = self.risen.take() {
            self.merge.release(watermark, &self.types, output);
            output.messages.push(Message::Watermark(watermark));
        }
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
            | NodeKind::Dispatch(_)
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

/// Of each input of a node, whether its rows come in the order of their times, as a watermark releases them.
/// Where there is but one such input nothing has to be merged.
pub fn come_in_order(flow: &Flow, node: &Node) -> Vec<bool> {
    fn is_released(flow: &Flow, id: NodeId) -> bool {
        let node = flow.node(id);
        match &node.kind {
            NodeKind::Union | NodeKind::Segment(_) | NodeKind::Dispatch(_) | NodeKind::Unnest { .. } => {
                node.inputs.iter().all(|input| is_released(flow, *input))
            }
            _ => flow.gives_in_order(id),
        }
    }
    let in_order: Vec<bool> = node.inputs.iter().map(|input| is_released(flow, *input)).collect();
    let merges = in_order.iter().filter(|in_order| **in_order).count() > 1;
    in_order.into_iter().map(|in_order| in_order && merges).collect()
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
    fn rows_that_watermarks_release_are_merged_by_time() {
        let lines =
            "0: 1@5 2@9\n1: 3@4 4@9\n2: 5@1\n0: ~10\n1: ~9\n2: ~9\n1: 6@9 7@3!11\n1: ~end\n0: ~end\n2: ~end";
        let union = || Union::new(types(), vec![false; 3]).merging(vec![true, true, false], 1);
        insta::assert_snapshot!(script(&mut union(), lines), @r"
        0: 1@5 2@9 | (nothing)
        1: 3@4 4@9 | (nothing)
        2: 5@1 | 5@1
        0: ~10 | (nothing)
        1: ~9 | (nothing)
        2: ~9 | 3@4 1@5 ; ~9
        1: 6@9 7@3!11 | (nothing)
        1: ~end | (nothing)
        0: ~end | (nothing)
        2: ~end | 2@9 4@9 6@9 7@3!11 ; ~end
        ");
        let mut before = union();
        script(&mut before, "0: 1@5 2@9\n1: 3@4 4@9\n0: ~8\n1: ~5\n2: ~6");
        let mut writer = SnapshotWriter::default();
        before.snapshot(&mut writer);
        let mut after = union();
        let bytes = writer.finish();
        after.restore(&mut SnapshotReader::new(&bytes)).expect("a snapshot");
        insta::assert_snapshot!(script(&mut after, "0: ~end\n1: ~end\n2: ~end"), @r"
        0: ~end | (nothing)
        1: ~end | 1@5 ; ~6
        2: ~end | 2@9 4@9 ; ~end
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
            let offsets = Arc::new(values.iter().map(|value| *value as u32).collect());
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
