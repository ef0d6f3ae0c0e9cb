//! The reorder buffer: holds rows until the watermark has passed them, and hands them out in the total
//! order. What stands in front of operators that depend on the order, of patterns, and of `ordered` sinks.
//!
//! Each batch that waits is brought into order for itself when it comes, which nearly always it is in
//! already. A release takes from every batch the rows that are due, and merges these.

use crate::kernel::extent::is_ascending;
use crate::message::{EventTime, Watermark};
use crate::op::interleave::Pick;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting as Waits;
use millstream_ir::batch::{Batch, RowPlace};
use millstream_ir::column::ColumnData;
use millstream_ir::types::Type;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

pub struct ReorderBuffer {
    /// Of each input, the column of the event time.
    times: Vec<usize>,
    /// By number; free ones are reused.
    waiting: Vec<Option<Waiting>>,
    free: Vec<u32>,
    /// The time of the next row of each batch that waits, and the batch.
    next: BinaryHeap<Reverse<(EventTime, u32)>>,
    n_arrived: u64,
}

/// A batch of which not all rows have left.
struct Waiting {
    input: usize,
    /// Which batch it was to come.
    arrival: u64,
    batch: Batch,
    /// Its rows in the total order; none if they are in it as they stand.
    order: Option<Vec<u32>>,
    n_left: usize,
}

/// Rows that are due, on their way out.
pub enum Due<'a> {
    /// A whole batch of an input, in order.
    Whole(usize, Batch),
    /// Of a batch of an input these rows, in this order.
    Rows(usize, &'a Batch, &'a [u32]),
    /// Rows of several batches, each with its input, in this order.
    Mixed(&'a [(usize, &'a Batch)], &'a [Pick]),
}

/// Rows of one batch, by their places in its order.
struct Part {
    waiting: u32,
    from: usize,
    to: usize,
}

/// Where a row stands in the total order. Streams that make rows of one row are in the order of inputs.
type Place = (EventTime, u32, u32, u64, usize, u32);

impl ReorderBuffer {
    /// `times` are the columns of the event time, one per input.
    pub fn new(times: Vec<usize>) -> ReorderBuffer {
        ReorderBuffer { times, waiting: vec![], free: vec![], next: BinaryHeap::new(), n_arrived: 0 }
    }

    pub fn push(&mut self, input: usize, batch: Batch) {
        let Some(times) = times_of(&batch, self.times[input]) else { return };
        if batch.n_rows == 0 {
            return;
        }
        let order = (!is_in_order(&batch, times)).then(|| in_order(&batch, times));
        let first = order.as_ref().and_then(|o| o.first()).map_or(0, |row| *row as usize);
        let first_time = times[first];
        self.n_arrived += 1;
        let waiting = Waiting { input, arrival: self.n_arrived, batch, order, n_left: 0 };
        let number = self.free.pop().unwrap_or_else(|| {
            self.waiting.push(None);
            self.waiting.len() as u32 - 1
        });
        self.waiting[number as usize] = Some(waiting);
        self.next.push(Reverse((first_time, number)));
    }

    /// Hands out the rows before a watermark in order; with `and_at` also those at it.
    pub fn release(&mut self, watermark: Watermark, and_at: bool, visit: &mut dyn FnMut(Due)) {
        let is_due = |time: EventTime| {
            time < watermark.0 || and_at && time == watermark.0 || watermark == Watermark::END
        };
        let mut parts: Vec<Part> = vec![];
        while let Some(Reverse((time, number))) = self.next.peek().copied()
            && is_due(time)
        {
            self.next.pop();
            let Some(waiting) = self.waiting[number as usize].as_mut() else { continue };
            let Some(times) = times_of(&waiting.batch, self.times[waiting.input]) else { continue };
            let from = waiting.n_left;
            let to = match &waiting.order {
                None => from + times[from..].partition_point(|time| is_due(*time)),
                Some(order) => from + order[from..].partition_point(|row| is_due(times[*row as usize])),
            };
            waiting.n_left = to;
            if to < waiting.batch.n_rows {
                self.next.push(Reverse((times[waiting.row(to)], number)));
            }
            parts.push(Part { waiting: number, from, to });
        }
        if parts.is_empty() {
            return;
        }
        self.hand_out(parts, visit);
    }

    fn hand_out(&mut self, mut parts: Vec<Part>, visit: &mut dyn FnMut(Due)) {
        parts.sort_by_key(|part| (self.place(part, part.from), self.arrival(part)));
        let follows = |pair: &[Part]| {
            let (before, after) = (self.place(&pair[0], pair[0].to - 1), self.place(&pair[1], pair[1].from));
            before < after || before == after && self.arrival(&pair[0]) < self.arrival(&pair[1])
        };
        if !parts.windows(2).all(follows) {
            self.hand_out_mixed(&parts, visit);
            return parts.iter().for_each(|part| self.forget_if_empty(part));
        }
        for part in &parts {
            let Some(waiting) = &self.waiting[part.waiting as usize] else { continue };
            match &waiting.order {
                None if part.from == 0 && part.to == waiting.batch.n_rows => {
                    if let Some(waiting) = self.waiting[part.waiting as usize].take() {
                        self.free.push(part.waiting);
                        visit(Due::Whole(waiting.input, waiting.batch));
                    }
                    continue;
                }
                None => {
                    let rows: Vec<u32> = (part.from as u32..part.to as u32).collect();
                    visit(Due::Rows(waiting.input, &waiting.batch, &rows));
                }
                Some(order) => {
                    visit(Due::Rows(waiting.input, &waiting.batch, &order[part.from..part.to]));
                }
            }
            self.forget_if_empty(part);
        }
    }

    /// Merges rows of several batches.
    fn hand_out_mixed(&self, parts: &[Part], visit: &mut dyn FnMut(Due)) {
        let found = |part: &Part| {
            self.waiting[part.waiting as usize].as_ref().map(|waiting| (waiting, part.from, part.to))
        };
        let mut parts: Vec<(&Waiting, usize, usize)> = parts.iter().filter_map(found).collect();
        parts.sort_by_key(|(waiting, ..)| waiting.arrival);
        let batches: Vec<(usize, &Batch)> = parts.iter().map(|(w, ..)| (w.input, &w.batch)).collect();
        let n_rows = parts.iter().map(|(_, from, to)| to - from).sum();
        let picks = match one_partition(&batches) {
            // Within one partition the offset alone tells where a row stands.
            true => sorted(
                &parts,
                n_rows,
                |waiting, row, time| (time, waiting.batch.origin.offset(row)),
                &self.times,
            ),
            false => sorted(&parts, n_rows, |waiting, row, time| waiting.place_at(row, time), &self.times),
        };
        visit(Due::Mixed(&batches, &picks));
    }

    fn place(&self, part: &Part, at: usize) -> Option<Place> {
        let waiting = self.waiting[part.waiting as usize].as_ref()?;
        let times = times_of(&waiting.batch, self.times[waiting.input])?;
        let row = waiting.row(at);
        Some(waiting.place_at(row, times[row]))
    }

    fn arrival(&self, part: &Part) -> u64 {
        self.waiting[part.waiting as usize].as_ref().map_or(0, |waiting| waiting.arrival)
    }

    fn forget_if_empty(&mut self, part: &Part) {
        let place = &mut self.waiting[part.waiting as usize];
        if place.as_ref().is_some_and(|waiting| waiting.n_left == waiting.batch.n_rows) {
            *place = None;
            self.free.push(part.waiting);
        }
    }

    /// How many rows wait for the watermark.
    pub fn waiting(&self) -> Option<Waits> {
        let Reverse((until, _)) = self.next.peek()?;
        let n = self.waiting.iter().flatten().map(|waiting| waiting.batch.n_rows - waiting.n_left).sum();
        Some(Waits { what: "rows", n: Some(n), until: *until })
    }

    pub fn state_bytes(&self) -> usize {
        let bytes = |waiting: &Waiting| {
            let order = waiting.order.as_ref().map_or(0, |order| order.len() * size_of::<u32>());
            waiting.batch.bytes() + order
        };
        self.waiting.iter().flatten().map(bytes).sum()
    }

    /// Writes the rows that wait; `types` are those of the columns of each input.
    pub fn snapshot(&self, types: &[&[Type]], writer: &mut SnapshotWriter) {
        let mut waiting: Vec<&Waiting> = self.waiting.iter().flatten().collect();
        waiting.sort_by_key(|waiting| waiting.arrival);
        writer.sequence(waiting.into_iter(), |writer, waiting| {
            let mut rows: Vec<u32> =
                (waiting.n_left..waiting.batch.n_rows).map(|at| waiting.row(at) as u32).collect();
            rows.sort_unstable();
            writer.count(waiting.input);
            writer.batch(&waiting.batch.gather(&rows), types[waiting.input]);
        });
    }

    /// Takes over what [`ReorderBuffer::snapshot`] wrote.
    pub fn restore(&mut self, types: &[&[Type]], reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let batches = reader.sequence(|reader| {
            let input = reader.count()?;
            Ok((input, reader.batch(types.get(input).ok_or(Corrupt)?)?))
        })?;
        batches.into_iter().for_each(|(input, batch)| self.push(input, batch));
        Ok(())
    }
}

impl Waiting {
    /// The number of the row at this place of the order.
    fn row(&self, at: usize) -> usize {
        self.order.as_ref().map_or(at, |order| order[at] as usize)
    }

    fn place_at(&self, row: usize, time: EventTime) -> Place {
        let RowPlace { source, partition, offset, branch } = self.batch.origin.place(row);
        (time, source, partition, offset, self.input, branch)
    }
}

/// The rows of parts by `key`; equal ones stay in the order of the parts and in that of each.
fn sorted<K: Ord + Copy>(
    parts: &[(&Waiting, usize, usize)],
    n_rows: usize,
    key: impl Fn(&Waiting, usize, EventTime) -> K,
    time_columns: &[usize],
) -> Vec<Pick> {
    let mut entries: Vec<(K, Pick)> = Vec::with_capacity(n_rows);
    for (number, (waiting, from, to)) in parts.iter().enumerate() {
        let Some(times) = times_of(&waiting.batch, time_columns[waiting.input]) else { continue };
        entries.extend((*from..*to).map(|at| {
            let row = waiting.row(at);
            (key(waiting, row, times[row]), (number as u32, row as u32))
        }));
    }
    // Each part is a run already, which this sort makes use of.
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter().map(|(_, pick)| pick).collect()
}

fn one_partition(batches: &[(usize, &Batch)]) -> bool {
    let of = |(input, batch): &(usize, &Batch)| {
        let origin = &batch.origin;
        (*input, origin.source, origin.partition, origin.branch)
    };
    batches.iter().all(|batch| batch.1.origin.mixed.is_none() && of(batch) == of(&batches[0]))
}

fn times_of(batch: &Batch, column: usize) -> Option<&[EventTime]> {
    match &batch.columns.get(column)?.data {
        ColumnData::I64(times) => Some(times),
        _ => None,
    }
}

/// The rows in the total order. Most stand in it as they come; only those that come behind later ones are sorted,
/// and put between the others.
fn in_order(batch: &Batch, times: &[EventTime]) -> Vec<u32> {
    let place = |row: u32| batch.origin.place(row as usize);
    let compare = |a: &u32, b: &u32| {
        let by_time = times[*a as usize].cmp(&times[*b as usize]);
        by_time.then_with(|| place(*a).cmp(&place(*b))).then(a.cmp(b))
    };
    let (mut straight, mut astray): (Vec<u32>, Vec<u32>) = (vec![], vec![]);
    for row in 0..batch.n_rows as u32 {
        let stands = straight.last().is_none_or(|last| compare(last, &row).is_lt());
        if stands { &mut straight } else { &mut astray }.push(row);
    }
    astray.sort_unstable_by(compare);
    let mut order = Vec::with_capacity(batch.n_rows);
    let mut straight = straight.into_iter().peekable();
    for row in astray {
        while let Some(before) = straight.next_if(|other| compare(other, &row).is_lt()) {
            order.push(before);
        }
        order.push(row);
    }
    order.extend(straight);
    order
}

/// Whether the rows stand in the total order already.
fn is_in_order(batch: &Batch, times: &[EventTime]) -> bool {
    if !is_ascending(times) {
        return false;
    }
    let origin = &batch.origin;
    let ties_stand =
        |tied: &dyn Fn(usize) -> bool| (1..times.len()).all(|row| times[row - 1] < times[row] || tied(row));
    match (&origin.mixed, &origin.offsets) {
        (Some(places), _) => ties_stand(&|row| places[row - 1] <= places[row]),
        (None, Some(offsets)) => ties_stand(&|row| offsets[row - 1] <= offsets[row]),
        (None, None) => true,
    }
}
