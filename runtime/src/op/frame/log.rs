//! The rows in frames of time, one behind the other in the order of time, each with the number of its key.
//! They stand in the batches in which they came, which others may share; small batches are put together.

use super::times_of;
use crate::kernel::prefetch::prefetch;
use crate::message::EventTime;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::ColumnData;
use millstream_ir::value::canonical_float;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

pub struct Log {
    /// The column of the event time.
    time: usize,
    parts: VecDeque<Part>,
    /// The number of the first row in it. Rows are numbered from 1 on, in the order in which they come.
    oldest: u64,
    n_rows: usize,
}

/// Rows that came together.
pub struct Part {
    pub batch: Batch,
    /// Of each row, the number of its key; none where all rows have one key.
    pub numbers: Vec<u32>,
    /// How many of its rows have left.
    pub n_left: usize,
    /// Whether its columns are shared with nobody, and more rows can be put behind.
    is_open: bool,
}

impl Leaving {
    pub fn bytes(&self) -> usize {
        self.before.capacity() * 4 + self.runs.capacity() * size_of::<Range<usize>>()
    }
}

/// How many times ahead the next one is requested.
const AHEAD: usize = 128;
/// So many times are in a line of memory.
const LINE: usize = 8;
/// Batches with fewer rows are put together.
const SMALL: usize = BATCH_ROWS / 4;

impl Part {
    pub fn number(&self, row: usize) -> u32 {
        self.numbers.get(row).copied().unwrap_or(0)
    }

    /// The rows that have not left.
    pub fn in_frames(&self) -> Batch {
        let rows: Vec<u32> = (self.n_left as u32..self.batch.n_rows as u32).collect();
        self.batch.gather(&rows)
    }
}

/// Rows that leave, in the order in which they came.
#[derive(Default)]
pub struct Leaving {
    /// The number of the first of them.
    pub oldest: u64,
    /// Of each row that comes, how many have left when it is there.
    pub before: Vec<u32>,
    pub n_rows: usize,
    /// Where they are: which rows of the log's first part, of its second and so on.
    runs: Vec<Range<usize>>,
}

impl Log {
    pub fn new(time: usize) -> Log {
        Log { time, parts: VecDeque::new(), oldest: 1, n_rows: 0 }
    }

    /// How many rows are in it.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The number of the row that comes next.
    pub fn next(&self) -> u64 {
        self.oldest + self.n_rows as u64
    }

    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter()
    }

    pub fn push(&mut self, batch: Batch, numbers: Vec<u32>) {
        self.n_rows += batch.n_rows;
        self.parts.push_back(Part { batch, numbers, n_left: 0, is_open: false });
    }

    /// Puts a batch behind that holds no nulls. Where its rows stood among those of their time may be forgotten.
    pub fn push_together(&mut self, batch: &Batch, numbers: &[u32]) {
        if batch.n_rows >= SMALL {
            return self.push(batch.clone(), numbers.to_vec());
        }
        let is_room = |part: &&mut Part| part.is_open && part.batch.n_rows + batch.n_rows <= BATCH_ROWS;
        let Some(last) = self.parts.back_mut().filter(is_room) else {
            let rows: Vec<u32> = (0..batch.n_rows as u32).collect();
            self.push(batch.gather(&rows), numbers.to_vec());
            self.parts.iter_mut().next_back().into_iter().for_each(|part| part.is_open = true);
            return;
        };
        for (column, more) in last.batch.columns.iter_mut().zip(&batch.columns) {
            match (&mut Arc::make_mut(column).data, &more.data) {
                (ColumnData::I64(values), ColumnData::I64(more)) => values.extend_from_slice(more),
                (ColumnData::F64(values), ColumnData::F64(more)) => values.extend_from_slice(more),
                _ => {}
            }
        }
        last.batch.n_rows += batch.n_rows;
        last.batch.origin = Origin::default();
        last.numbers.extend_from_slice(numbers);
        self.n_rows += batch.n_rows;
    }

    /// Which rows leave when rows come at these times, which stand in it last: those that are older than one of them
    /// by the size or more.
    pub fn leaving(&self, times: &[EventTime], size: i64, leaving: &mut Leaving) {
        self.find(times, leaving, leaves_by(size), &mut ());
    }

    /// The same; and of each row that comes the sum of its frame, of a column, of which those that come have these
    /// values. `sum` is that of all rows before.
    pub fn leaving_summed(
        &self,
        (times, size): (&[EventTime], i64),
        (column, values): (usize, &[i64]),
        sum: &mut i64,
        leaving: &mut Leaving,
    ) -> Buffer<i64> {
        let mut results = Buffer::filled(0, times.len());
        let mut summing = Summing { column, gone: &[], first: 0, values, results: &mut results, sum: *sum };
        self.find(times, leaving, leaves_by(size), &mut summing);
        *sum = summing.sum;
        results
    }

    /// Which rows leave that are no later than this.
    pub fn leaving_until(&self, limit: EventTime, leaving: &mut Leaving) {
        self.find(&[limit], leaving, |limit, there| there <= limit, &mut ());
        leaving.before.clear();
    }

    #[inline(always)]
    fn find<'a>(
        &'a self,
        times: &[EventTime],
        leaving: &mut Leaving,
        leaves: impl Fn(EventTime, EventTime) -> bool + Copy,
        visitor: &mut impl Visitor<'a>,
    ) {
        let Leaving { oldest, before, n_rows, runs } = leaving;
        (*oldest, *n_rows) = (self.oldest, 0);
        runs.clear();
        before.resize(times.len(), 0);
        let mut n_found = 0;
        for (number, part) in self.parts.iter().enumerate() {
            let first = part.n_left;
            if let Some(next) = self.parts.get(number + 1) {
                request_first(times_of(&next.batch, self.time));
                visitor.expect(next);
            }
            let there = &times_of(&part.batch, self.time)[first..];
            let (times, before) = (&times[n_found..], &mut before[n_found..]);
            visitor.enter(part, n_found);
            let (n_times, n_left) = leave_part(there, times, *n_rows as u32, before, leaves, visitor);
            runs.push(first..first + n_left);
            *n_rows += n_left;
            n_found += n_times;
            if n_times == times.len() {
                return;
            }
        }
    }

    /// Lets rows leave.
    pub fn leave(&mut self, leaving: &Leaving) {
        self.parts.iter_mut().zip(&leaving.runs).for_each(|(part, rows)| part.n_left = rows.end);
        while self.parts.front().is_some_and(|part| part.n_left == part.batch.n_rows) {
            self.parts.pop_front();
        }
        self.oldest += leaving.n_rows as u64;
        self.n_rows -= leaving.n_rows;
    }

    /// Lets the rows leave, one by one, that are no later than this; `visit` gets their part, its times, and the
    /// number of each there.
    pub fn leave_until(&mut self, limit: EventTime, mut visit: impl FnMut(&Part, &[EventTime], usize)) {
        while let Some(part) = self.parts.front_mut() {
            let (times, first) = (times_of(&part.batch, self.time), part.n_left);
            let n = times[first..].iter().take_while(|time| **time <= limit).count();
            (first..first + n).for_each(|row| visit(part, times, row));
            let is_over = first + n == times.len();
            part.n_left += n;
            self.oldest += n as u64;
            self.n_rows -= n;
            if !is_over {
                return;
            }
            self.parts.pop_front();
        }
    }

    /// Of rows that leave, the numbers of their keys.
    pub fn numbers_of(&self, leaving: &Leaving, numbers: &mut Vec<u32>) {
        numbers.clear();
        let runs = leaving.runs.iter().zip(&self.parts);
        runs.for_each(|(rows, part)| numbers.extend(&part.numbers[rows.clone()]));
    }

    /// Of rows that leave, the values of a column.
    pub fn values_of(&self, leaving: &Leaving, column: usize, values: &mut Vec<i64>) {
        values.clear();
        let runs = leaving.runs.iter().zip(&self.parts);
        runs.for_each(|(rows, part)| {
            values.extend(&sortable(&part.batch.columns[column].data)[rows.clone()])
        });
    }

    /// The values of the rows with these numbers.
    pub fn values(&self, rows: Range<u64>, column: usize, values: &mut Vec<i64>) {
        values.clear();
        let mut first = self.oldest;
        for part in &self.parts {
            let n = part.batch.n_rows - part.n_left;
            let within = |row: u64| part.n_left + (row.clamp(first, first + n as u64) - first) as usize;
            let (from, to) = (within(rows.start), within(rows.end));
            if from < to {
                values.extend(&sortable(&part.batch.columns[column].data)[from..to]);
            }
            first += n as u64;
        }
    }

    /// Gives keys new numbers.
    pub fn renumber(&mut self, new: &[u32]) {
        let numbers = self.parts.iter_mut().flat_map(|part| part.numbers.iter_mut().skip(part.n_left));
        numbers.for_each(|number| *number = new[*number as usize]);
    }

    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.batch.bytes() + part.numbers.capacity() * 4).sum()
    }
}

/// Asks the processor for the first of these.
fn request_first(values: &[i64]) {
    let lines = values.iter().step_by(LINE).take(AHEAD / LINE);
    lines.for_each(|value| prefetch(std::ptr::from_ref(value) as *const u8));
}

/// Whether a row at a time lets one go that is no later.
fn leaves_by(size: i64) -> impl Fn(EventTime, EventTime) -> bool + Copy {
    // The difference is not negative.
    move |time, there| time.wrapping_sub(there) as u64 >= size as u64
}

/// What is done with rows as they leave and come.
trait Visitor<'a> {
    /// Those that leave stand in this part from now on, counted from the first that has not left; those that come are
    /// counted from this one on.
    fn enter(&mut self, part: &'a Part, first: usize);
    /// This part is entered next.
    fn expect(&self, part: &'a Part);
    fn leave(&mut self, row: usize);
    fn come(&mut self, row: usize);
}

impl<'a> Visitor<'a> for () {
    fn enter(&mut self, _: &'a Part, _: usize) {}

    fn expect(&self, _: &'a Part) {}

    fn leave(&mut self, _: usize) {}

    fn come(&mut self, _: usize) {}
}

/// Sums up a column.
struct Summing<'a, 'b> {
    column: usize,
    gone: &'a [i64],
    /// How many have come before those that are counted.
    first: usize,
    /// Of all rows that come, and what their results are.
    values: &'b [i64],
    results: &'b mut [i64],
    sum: i64,
}

impl<'a> Visitor<'a> for Summing<'a, '_> {
    fn enter(&mut self, part: &'a Part, first: usize) {
        if let ColumnData::I64(gone) = &part.batch.columns[self.column].data {
            self.gone = &gone[part.n_left..];
        }
        self.first = first;
    }

    fn expect(&self, part: &'a Part) {
        if let ColumnData::I64(gone) = &part.batch.columns[self.column].data {
            request_first(gone);
        }
    }

    #[inline(always)]
    fn leave(&mut self, row: usize) {
        self.sum -= self.gone[row];
        prefetch(self.gone.as_ptr().wrapping_add(row + AHEAD) as *const u8);
    }

    #[inline(always)]
    fn come(&mut self, row: usize) {
        self.sum += self.values[self.first + row];
        self.results[self.first + row] = self.sum;
    }
}

/// For how many of `times` it is told by rows `there` alone how many have left, and how many of these have. Into
/// `before` goes how many have left at each, with those of the parts before.
#[inline(always)]
fn leave_part<'a>(
    there: &[EventTime],
    times: &[EventTime],
    n_before: u32,
    before: &mut [u32],
    leaves: impl Fn(EventTime, EventTime) -> bool,
    visitor: &mut impl Visitor<'a>,
) -> (usize, usize) {
    let mut n_left = 0;
    for (number, (time, before)) in times.iter().zip(before).enumerate() {
        loop {
            let Some(oldest) = there.get(n_left) else { return (number, n_left) };
            if !leaves(*time, *oldest) {
                break;
            }
            visitor.leave(n_left);
            n_left += 1;
        }
        visitor.come(number);
        prefetch(there.as_ptr().wrapping_add(n_left + AHEAD) as *const u8);
        *before = n_before + n_left as u32;
    }
    (times.len(), n_left)
}

/// Whole numbers in the order of the values: those of floats in that of floats, NaN last.
pub fn sortable(data: &ColumnData) -> Cow<'_, [i64]> {
    match data {
        ColumnData::I64(values) => Cow::Borrowed(values),
        ColumnData::F64(values) => values
            .iter()
            .map(|x| {
                let bits = canonical_float(*x).to_bits() as i64;
                bits ^ (bits >> 63) & i64::MAX
            })
            .collect(),
        _ => Cow::Borrowed(&[]),
    }
}

/// What [`sortable`] made whole numbers of, of the kind of `like`.
pub fn from_sortable(values: Buffer<i64>, like: &ColumnData) -> ColumnData {
    match like {
        ColumnData::F64(_) => ColumnData::F64(
            values.iter().map(|x| f64::from_bits((x ^ (x >> 63) & i64::MAX) as u64)).collect(),
        ),
        _ => ColumnData::I64(values),
    }
}
