//! The reorder buffer: holds rows until the watermark has passed them, and hands them out in the total
//! order. What stands in front of operators that depend on the order, of patterns, and of `ordered` sinks.
//!
//! Rows come nearly in order. Of each batch those that come behind later ones of it, the stragglers, become a batch of
//! their own, sorted; the others stand in order as they are. A release puts the rows that are due behind each
//! other, batch by batch, and the stragglers, with whatever overlaps, between them.

mod runs;
mod spilled;

use crate::kernel::simd::{Kernel, Level, Simd};
use crate::message::{EventTime, Watermark};
use crate::op::interleave::Pick;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::Spill;
use crate::waiting::Waiting as Waits;
use millstream_ir::batch::{BATCH_ROWS, Batch, RowPlace};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::ColumnData;
use millstream_ir::types::Type;
use runs::{RowOrder, Rows, order_of};
use spilled::{SpilledBatch, SpilledBatches};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

pub struct ReorderBuffer {
    /// Of each input, the column of the event time.
    times: Vec<usize>,
    /// By number; free ones are reused.
    waiting: Vec<Option<Waiting>>,
    free: Vec<u32>,
    /// The time of the next row of each batch that waits, and the batch.
    next: BinaryHeap<Reverse<(EventTime, u32)>>,
    n_arrived: u64,
    memory: Memory,
    spilled: SpilledBatches,
}

/// What a release works in.
#[derive(Default)]
struct Memory {
    picks: Vec<Pick>,
    strays: Vec<Stray>,
}

/// A batch of which not all rows have left.
struct Waiting {
    input: usize,
    /// Which batch it was to come.
    arrival: u64,
    /// Whether its rows are stragglers.
    are_stragglers: bool,
    batch: Batch,
    /// In the total order.
    rows: Rows,
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

/// Rows of one batch that are due, by their places in its order.
struct Part<'a> {
    waiting: &'a Waiting,
    /// By place.
    times: &'a [EventTime],
    from: usize,
    to: usize,
}

/// So many rows that stand together are handed out by themselves, and fewer with those before.
const FEW: usize = if cfg!(test) { 3 } else { BATCH_ROWS / 4 };

/// So many batches are read again at once.
const RECALLED: usize = if cfg!(test) { 2 } else { 8 };

/// The memory of no more picks, or strays, is kept for the next release.
const MOST_KEPT: usize = 4 * BATCH_ROWS;

/// So many rows are compared with a straggler at once. Few in tests, so that they see several.
const STRETCH: usize = if cfg!(test) { 2 } else { 16 };

/// A row that is put between the others.
#[derive(Clone, Copy)]
struct Stray {
    time: EventTime,
    /// The number of its part, and its own in the batch.
    pick: Pick,
}

/// Where a row stands in the total order, beside its time. Streams that make rows of one row are in the order of
/// inputs, and their rows in that in which they came.
type Place = (u32, u32, u64, usize, u32, u64, u32);

impl ReorderBuffer {
    /// `times` are the columns of the event time, one per input.
    pub fn new(times: Vec<usize>) -> ReorderBuffer {
        ReorderBuffer {
            times,
            waiting: vec![],
            free: vec![],
            next: BinaryHeap::new(),
            n_arrived: 0,
            memory: Memory::default(),
            spilled: SpilledBatches::default(),
        }
    }

    pub fn push(&mut self, input: usize, batch: Batch) {
        let Some(times) = times_of(&batch, self.times[input]) else { return };
        if batch.n_rows == 0 {
            return;
        }
        match order_of(&batch, times) {
            RowOrder::AsTheyAre => self.wait(input, false, batch, Rows::All),
            RowOrder::Stragglers { straight, stragglers, order } => {
                let apart = batch.gather(&stragglers);
                self.wait(input, false, batch, straight);
                self.wait(input, true, apart, order);
            }
        }
    }

    fn wait(&mut self, input: usize, are_stragglers: bool, batch: Batch, rows: Rows) {
        self.n_arrived += 1;
        self.wait_again(Waiting { input, arrival: self.n_arrived, are_stragglers, batch, rows, n_left: 0 });
    }

    fn wait_again(&mut self, waiting: Waiting) {
        let Some(times) = times_of(&waiting.batch, self.times[waiting.input]) else { return };
        let Some(first) = waiting.rows.times(times).first().copied() else { return };
        let number = self.free.pop().unwrap_or_else(|| {
            self.waiting.push(None);
            self.waiting.len() as u32 - 1
        });
        self.waiting[number as usize] = Some(waiting);
        self.next.push(Reverse((first, number)));
    }

    /// Writes what waits to files; `types` are those of the columns of each input.
    pub fn spill(&mut self, types: &[&[Type]], spill: &Spill) -> io::Result<()> {
        if !spill.is_worth(self.bytes_in_memory()) {
            return Ok(());
        }
        self.free.clear();
        self.next.clear();
        for waiting in self.waiting.drain(..).flatten() {
            let times = times_of(&waiting.batch, self.times[waiting.input]);
            let next = times.and_then(|times| waiting.rows.times(times).get(waiting.n_left));
            let Some(first) = next.copied() else { continue };
            let n_rows = waiting.n_rows() - waiting.n_left;
            let Waiting { input, arrival, are_stragglers, .. } = waiting;
            let mut written = SnapshotWriter::default();
            written.batch(&waiting.into_rest(), types[input]);
            let block = self.spilled.files.writer(spill)?.put(&written.finish())?;
            self.spilled.add(first, arrival, SpilledBatch { input, are_stragglers, n_rows, block });
        }
        Ok(())
    }

    /// Reads batches again that have rows before a watermark, or, with `and_at`, at it: some of them. If there are more,
    /// the time before which all rows are there.
    pub fn recall(
        &mut self,
        (watermark, and_at): (Watermark, bool),
        types: &[&[Type]],
    ) -> io::Result<Option<EventTime>> {
        for _ in 0..RECALLED {
            let Some(first) = self.spilled.first().filter(|first| is_due(*first, watermark, and_at)) else {
                return Ok(None);
            };
            let Some((arrival, spilled)) = self.spilled.take_first() else { return Ok(Some(first)) };
            let (input, are_stragglers) = (spilled.input, spilled.are_stragglers);
            let batch = spilled.read(types[input])?;
            self.wait_again(Waiting { input, arrival, are_stragglers, batch, rows: Rows::All, n_left: 0 });
        }
        Ok(self.spilled.first().filter(|first| is_due(*first, watermark, and_at)))
    }

    /// Hands out the rows before a watermark in order; with `and_at` also those at it.
    pub fn release(&mut self, watermark: Watermark, and_at: bool, visit: &mut dyn FnMut(Due)) {
        let is_due = |time: EventTime| is_due(time, watermark, and_at);
        let mut due: Vec<(u32, usize)> = vec![];
        while let Some(Reverse((time, number))) = self.next.peek().copied()
            && is_due(time)
        {
            self.next.pop();
            let Some(waiting) = self.waiting[number as usize].as_mut() else { continue };
            let Some(times) = times_of(&waiting.batch, self.times[waiting.input]) else { continue };
            let (from, times) = (waiting.n_left, waiting.rows.times(times));
            waiting.n_left += times[from..].partition_point(|time| is_due(*time));
            if let Some(next) = times.get(waiting.n_left) {
                self.next.push(Reverse((*next, number)));
            }
            due.push((number, from));
        }
        if due.is_empty() {
            return;
        }
        let mut memory = std::mem::take(&mut self.memory);
        self.hand_out(&due, &mut memory, visit);
        if memory.picks.capacity() <= MOST_KEPT && memory.strays.capacity() <= MOST_KEPT {
            self.memory = memory;
        }
        due.iter().for_each(|(number, _)| self.forget_if_empty(*number));
    }

    /// Hands out what has been found to be due, of each batch from this place on; in memory that is kept.
    fn hand_out(&self, due: &[(u32, usize)], memory: &mut Memory, visit: &mut dyn FnMut(Due)) {
        let Memory { picks: mixed, strays } = memory;
        mixed.clear();
        let mut parts: Vec<Part> =
            due.iter().filter_map(|(number, from)| self.part(*number, *from)).collect();
        parts.sort_unstable_by_key(|part| (part.waiting.are_stragglers, part.waiting.arrival));
        let n_straight = parts.partition_point(|part| !part.waiting.are_stragglers);
        take_strays(&mut parts, n_straight, strays);
        let batches: Vec<(usize, &Batch)> =
            parts.iter().map(|part| (part.waiting.input, &part.waiting.batch)).collect();
        let mix = |picks: &mut Vec<Pick>, visit: &mut dyn FnMut(Due)| {
            if !picks.is_empty() {
                visit(Due::Mixed(&batches, picks));
                picks.clear();
            }
        };
        let mut strays = &strays[..];
        for (number, part) in (0..).zip(&parts[..n_straight]) {
            let Some(last) = part.to.checked_sub(1).filter(|last| part.from <= *last) else { continue };
            let n_before = strays.partition_point(|stray| stray.is_before(&parts, part, last));
            if n_before == 0 && (mixed.is_empty() || last - part.from >= FEW) {
                mix(mixed, visit);
                part.hand_out(visit);
                continue;
            }
            let (before, behind) = strays.split_at(n_before);
            part.merge(number, before, &parts, mixed);
            strays = behind;
        }
        mixed.extend(strays.iter().map(|stray| stray.pick));
        mix(mixed, visit);
    }

    fn part(&self, number: u32, from: usize) -> Option<Part<'_>> {
        let waiting = self.waiting[number as usize].as_ref()?;
        let times = times_of(&waiting.batch, self.times[waiting.input])?;
        Some(Part { waiting, times: waiting.rows.times(times), from, to: waiting.n_left })
    }

    fn forget_if_empty(&mut self, number: u32) {
        let place = &mut self.waiting[number as usize];
        if place.as_ref().is_some_and(|waiting| waiting.n_left == waiting.n_rows()) {
            *place = None;
            self.free.push(number);
        }
    }

    /// The time of the first row that waits.
    pub fn first(&self) -> Option<EventTime> {
        let first = self.next.peek().map(|Reverse((time, _))| *time);
        first.into_iter().chain(self.spilled.first()).min()
    }

    /// How many rows wait for the watermark.
    pub fn waiting(&self) -> Option<Waits> {
        let until = self.first()?;
        let n: usize = self.waiting.iter().flatten().map(|waiting| waiting.n_rows() - waiting.n_left).sum();
        let n_spilled: usize = self.spilled.iter().map(|(_, batch)| batch.n_rows).sum();
        Some(Waits { what: "rows", n: Some(n + n_spilled), until })
    }

    pub fn state_bytes(&self) -> usize {
        self.bytes_in_memory() + self.spilled.bytes()
    }

    pub(super) fn bytes_in_memory(&self) -> usize {
        let bytes = |waiting: &Waiting| waiting.batch.bytes() + waiting.rows.bytes();
        self.waiting.iter().flatten().map(bytes).sum()
    }

    /// Writes the rows that wait; `types` are those of the columns of each input.
    pub fn snapshot(&self, types: &[&[Type]], writer: &mut SnapshotWriter) {
        let mut waiting: Vec<&Waiting> = self.waiting.iter().flatten().collect();
        waiting.sort_by_key(|waiting| waiting.arrival);
        let mut spilled: Vec<(u64, &SpilledBatch)> = self.spilled.iter().collect();
        spilled.sort_by_key(|(arrival, _)| *arrival);
        let mut spilled = spilled.into_iter().peekable();
        writer.count(waiting.len() + spilled.len());
        for waiting in waiting {
            while let Some((_, batch)) = spilled.next_if(|(arrival, _)| *arrival < waiting.arrival) {
                batch.snapshot(writer);
            }
            let places = waiting.n_left..waiting.n_rows();
            let mut rows: Vec<u32> = places.map(|at| waiting.rows.get(at) as u32).collect();
            rows.sort_unstable();
            writer.count(waiting.input);
            writer.batch(&waiting.batch.gather(&rows), types[waiting.input]);
        }
        spilled.for_each(|(_, batch)| batch.snapshot(writer));
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

/// Whether rows at this time leave at a watermark; with `and_at` also those at it.
fn is_due(time: EventTime, watermark: Watermark, and_at: bool) -> bool {
    time < watermark.0 || and_at && time == watermark.0 || watermark == Watermark::END
}

impl Waiting {
    /// How many rows are in its order.
    fn n_rows(&self) -> usize {
        match &self.rows {
            Rows::All => self.batch.n_rows,
            Rows::These(rows, _) => rows.len(),
        }
    }

    /// The rows that have not left, in their order.
    fn into_rest(self) -> Batch {
        match &self.rows {
            Rows::All if self.n_left == 0 => self.batch,
            rows => {
                let rest: Vec<u32> = (self.n_left..self.n_rows()).map(|at| rows.get(at) as u32).collect();
                self.batch.gather(&rest)
            }
        }
    }

    /// Where the row at this place of its order stands.
    fn place(&self, at: usize) -> Place {
        let row = self.rows.get(at);
        self.place_of_row(row)
    }

    fn place_of_row(&self, row: usize) -> Place {
        let RowPlace { source, partition, offset, branch } = self.batch.origin.place(row);
        (source, partition, offset, self.input, branch, self.arrival, row as u32)
    }
}

/// The rows that stand between those of straight parts, sorted: the stragglers, and of each straight part what is to
/// leave before the end of one that came before it; into memory that is kept.
fn take_strays(parts: &mut [Part], n_straight: usize, strays: &mut Vec<Stray>) {
    strays.clear();
    let mut last: Option<(EventTime, Place)> = None;
    for (number, part) in parts.iter_mut().enumerate() {
        let end = match last {
            _ if number >= n_straight => part.to,
            Some(last) => part.end_of_those_before(last),
            None => part.from,
        };
        strays.extend((part.from..end).map(|at| Stray {
            time: part.times[at],
            pick: (number as u32, part.waiting.rows.get(at) as u32),
        }));
        part.from = end;
        if number < n_straight && end < part.to {
            last = Some((part.times[part.to - 1], part.waiting.place(part.to - 1)));
        }
    }
    // Each part is a run already, which this sort makes use of.
    let place = |stray: &Stray| parts[stray.pick.0 as usize].waiting.place_of_row(stray.pick.1 as usize);
    strays.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| place(a).cmp(&place(b))));
}

impl Part<'_> {
    /// The first place whose row does not stand before this.
    fn end_of_those_before(&self, (time, place): (EventTime, Place)) -> usize {
        let times = &self.times[..self.to];
        let mut end = self.from + times[self.from..].partition_point(|other| *other < time);
        while times.get(end) == Some(&time) && self.waiting.place(end) < place {
            end += 1;
        }
        end
    }

    /// By itself.
    fn hand_out(&self, visit: &mut dyn FnMut(Due)) {
        let Waiting { input, batch, rows, .. } = self.waiting;
        match rows {
            Rows::All if self.from == 0 && self.to == batch.n_rows => {
                visit(Due::Whole(*input, batch.clone()))
            }
            Rows::All => {
                let rows: Buffer<u32> = (self.from as u32..self.to as u32).collect();
                visit(Due::Rows(*input, batch, &rows));
            }
            Rows::These(rows, _) => visit(Due::Rows(*input, batch, &rows[self.from..self.to])),
        }
    }

    /// With strays between its rows, of which the last stands behind all of them; it has this number.
    fn merge(&self, number: u32, strays: &[Stray], parts: &[Part], picks: &mut Vec<Pick>) {
        let all: Buffer<u32>;
        let rows = match &self.waiting.rows {
            Rows::All => {
                all = (self.from as u32..self.to as u32).collect();
                &all[..]
            }
            Rows::These(rows, _) => &rows[self.from..self.to],
        };
        let times = &self.times[self.from..self.to];
        let is_before = |stray: &Stray, at: usize| stray.is_before(parts, self, self.from + at);
        Level::best().run(Merge { number, rows, times, strays, is_before, picks });
    }
}

/// Puts rows of a part, at these times, and strays behind each other.
struct Merge<'a, F> {
    /// That of the part.
    number: u32,
    rows: &'a [u32],
    times: &'a [EventTime],
    strays: &'a [Stray],
    /// Whether a stray stands before the row at this place.
    is_before: F,
    picks: &'a mut Vec<Pick>,
}

impl<F: Fn(&Stray, usize) -> bool> Kernel for Merge<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Merge { number, rows, times, strays, is_before, picks } = self;
        let mut n = picks.len();
        picks.resize(n + strays.len() + rows.len() + STRETCH, (0, 0));
        let mut at = 0;
        for stray in strays {
            // Without a branch a row, since nobody can tell where the next straggler stands.
            while let (Some(rows), Some(times)) = (rows.get(at..at + STRETCH), times.get(at..at + STRETCH)) {
                let n_earlier: i64 = times.iter().map(|time| (*time < stray.time) as i64).sum();
                picks[n..n + STRETCH].iter_mut().zip(rows).for_each(|(pick, row)| *pick = (number, *row));
                (at, n) = (at + n_earlier as usize, n + n_earlier as usize);
                if n_earlier < STRETCH as i64 {
                    break;
                }
            }
            while at < rows.len() && !is_before(stray, at) {
                picks[n] = (number, rows[at]);
                (at, n) = (at + 1, n + 1);
            }
            picks[n] = stray.pick;
            n += 1;
        }
        picks.truncate(n);
        picks.extend(rows[at..].iter().map(|row| (number, *row)));
    }
}

impl Stray {
    /// Whether it stands before the row at this place of a part.
    fn is_before(&self, parts: &[Part], part: &Part, at: usize) -> bool {
        let place = || parts[self.pick.0 as usize].waiting.place_of_row(self.pick.1 as usize);
        self.time < part.times[at] || self.time == part.times[at] && place() < part.waiting.place(at)
    }
}

fn times_of(batch: &Batch, column: usize) -> Option<&[EventTime]> {
    match &batch.columns.get(column)?.data {
        ColumnData::I64(times) => Some(times),
        _ => None,
    }
}
