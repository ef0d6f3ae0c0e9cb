//! Rows of several inputs, each of which comes in the order of its times, as one: by time, then by place.
//!
//! The rows of one input are never exchanged: where they are changes, one that withdraws a row stays behind
//! the one that added it. So a row stands no earlier than those before it, and a late one no earlier than
//! the watermark that it came behind.

use crate::message::{EventTime, Message, Watermark};
use crate::op::interleave::Pick;
use crate::op::union::merged;
use crate::operator::Output;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use millstream_ir::batch::{BATCH_ROWS, Batch, RowPlace};
use millstream_ir::column::ColumnData;
use millstream_ir::types::Type;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

pub struct Merge {
    inputs: Vec<Input>,
    /// The column of the event time.
    time: usize,
}

#[derive(Default)]
struct Input {
    waiting: VecDeque<Part>,
    /// Where its last row stands.
    last: Option<EventTime>,
}

/// A batch of which not all rows have left.
struct Part {
    batch: Batch,
    /// Of each row the time at which it stands, ascending.
    times: Vec<EventTime>,
    n_left: usize,
}

/// Where the next row of an input stands among those of the others.
type Head = (EventTime, RowPlace, usize);

impl Merge {
    pub fn new(n_inputs: usize, time: usize) -> Merge {
        Merge { inputs: (0..n_inputs).map(|_| Input::default()).collect(), time }
    }

    pub fn push(&mut self, input: usize, batch: Batch) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let Some(input) = self.inputs.get_mut(input).filter(|_| batch.n_rows > 0) else { return };
        let mut last = input.last.unwrap_or(EventTime::MIN);
        let stand = |(row, time): (usize, &EventTime)| {
            let from = batch.late(row).map_or(*time, |late| late.watermark);
            last = last.max(from).max(*time);
            last
        };
        let times: Vec<EventTime> = times.iter().enumerate().map(stand).collect();
        input.last = Some(last);
        input.waiting.push_back(Part { batch, times, n_left: 0 });
    }

    /// Puts the rows before a watermark into the output.
    pub fn release(&mut self, watermark: Watermark, types: &[Type], output: &mut Output) {
        let is_due = |time: EventTime| time < watermark.0 || watermark == Watermark::END;
        // The batches of which rows are due, and of each input the number of its first.
        let (mut batches, mut firsts) = (vec![], vec![]);
        for input in &self.inputs {
            firsts.push(batches.len());
            let due = input.waiting.iter().take_while(|part| is_due(part.times[part.n_left]));
            batches.extend(due.map(|part| part.batch.clone()));
        }
        if batches.is_empty() {
            return;
        }
        let heads = self.inputs.iter().enumerate().filter_map(|(number, input)| input.head(number));
        let mut heads: BinaryHeap<Reverse<Head>> = heads.map(Reverse).collect();
        let mut n_gone = vec![0; self.inputs.len()];
        let mut picks: Vec<Pick> = vec![];
        while let Some(Reverse((time, _, number))) = heads.pop()
            && is_due(time)
        {
            let next = heads.peek().map(|Reverse(next)| *next);
            let input = &mut self.inputs[number];
            // As many rows as stand before those of every other input.
            while let Some(head) = input.head(number)
                && is_due(head.0)
                && next.is_none_or(|next| head <= next)
                && let Some(part) = input.waiting.front_mut()
            {
                picks.push(((firsts[number] + n_gone[number]) as u32, part.n_left as u32));
                part.n_left += 1;
                if part.n_left == part.times.len() {
                    n_gone[number] += 1;
                    input.waiting.pop_front();
                }
            }
            heads.extend(input.head(number).map(Reverse));
        }
        match &mut batches[..] {
            [whole] if whole.n_rows == picks.len() => {
                output.messages.extend(batches.pop().map(Message::Batch))
            }
            _ => {
                let batches: Vec<&Batch> = batches.iter().collect();
                let parts = picks.chunks(BATCH_ROWS);
                output.messages.extend(parts.map(|part| Message::Batch(merged(&batches, types, part))));
            }
        }
    }

    pub fn waiting(&self) -> Option<Waiting> {
        let parts = self.inputs.iter().flat_map(|input| &input.waiting);
        let n = parts.map(|part| part.times.len() - part.n_left).sum();
        let firsts = self.inputs.iter().enumerate().filter_map(|(number, input)| input.head(number));
        Some(Waiting { what: "rows", n: Some(n), until: firsts.min()?.0 })
    }

    pub fn state_bytes(&self) -> usize {
        let parts = self.inputs.iter().flat_map(|input| &input.waiting);
        parts.map(|part| part.batch.bytes() + size_of_val(&part.times[..])).sum()
    }

    pub fn snapshot(&self, types: &[Type], writer: &mut SnapshotWriter) {
        for input in &self.inputs {
            writer.bool(input.last.is_some());
            writer.i64(input.last.unwrap_or_default());
            writer.sequence(input.waiting.iter(), |writer, part| {
                let rows: Vec<u32> = (part.n_left as u32..part.times.len() as u32).collect();
                writer.batch(&part.batch.gather(&rows), types);
                part.times[part.n_left..].iter().for_each(|time| writer.i64(*time));
            });
        }
    }

    /// Takes over what [`Merge::snapshot`] wrote.
    pub fn restore(&mut self, types: &[Type], reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        for input in &mut self.inputs {
            let (is_known, last) = (reader.bool()?, reader.i64()?);
            input.last = is_known.then_some(last);
            input.waiting = reader
                .sequence(|reader| {
                    let batch = reader.batch(types)?;
                    if batch.n_rows == 0 {
                        return Err(Corrupt);
                    }
                    let times = (0..batch.n_rows).map(|_| reader.i64()).collect::<Result<_, Corrupt>>()?;
                    Ok(Part { batch, times, n_left: 0 })
                })?
                .into();
        }
        Ok(())
    }
}

impl Input {
    fn head(&self, number: usize) -> Option<Head> {
        let part = self.waiting.front()?;
        Some((part.times[part.n_left], part.batch.origin.place(part.n_left), number))
    }
}
