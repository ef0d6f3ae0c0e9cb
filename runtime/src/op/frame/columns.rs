//! Frames of time by columns: counts, sums and averages of whole numbers, `min` and `max`, as long as no
//! argument is null and no sum can leave 64 bits. What leaves with each row is found once for a batch; then
//! each aggregate is one loop over its columns.
//!
//! Without a key `min` and `max` stand in two stacks (Tangwongsan et al.): a ring whose older part holds in
//! the place of each value the extreme of it and what follows. With keys, the candidates of each key are a
//! list through one ring of all rows, each better than those behind it.

use crate::accumulate::result::divide_exactly;
use crate::kernel::extent::magnitude_bits;
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::types::{Layout, TypeKind};
use millstream_ir::value::canonical_float;

pub struct Columns {
    is_keyed: bool,
    calls: Vec<Call>,
    /// Of each key, how many rows are in its frame.
    n_rows: Vec<i64>,
    n_live: u64,
    /// No argument that is summed has been farther from zero than 2 to this power.
    bits: u32,
    /// The number of the next row, of all that ever came.
    next: u64,
}

/// An aggregate, with the number of its argument's column.
enum Call {
    Count,
    /// With the sum of each key.
    Sum(usize, Vec<i64>),
    Average(usize, Vec<i64>),
    Extreme(usize, Extreme),
}

/// Rows that leave, in the order in which they came.
pub struct Leaving {
    /// Of each row that comes, how many have left by then.
    pub before: Vec<u32>,
    pub numbers: Vec<u32>,
    /// Of each column that is looked at, the values; those of no call are empty.
    pub values: Vec<Vec<i64>>,
}

impl Columns {
    /// None if there is an aggregate among these that is not computed so.
    pub fn new(calls: &[AggregateCall], is_keyed: bool) -> Option<Columns> {
        let calls = calls.iter().map(|call| Call::of(call, is_keyed)).collect::<Option<_>>()?;
        Some(Columns { is_keyed, calls, n_rows: vec![], n_live: 0, bits: 0, next: 0 })
    }

    /// Whether the rows of a batch can be taken.
    pub fn accepts(&mut self, batch: &Batch) -> bool {
        for call in &self.calls {
            let Some(column) = call.column().map(|column| &batch.columns[column]) else { continue };
            match (&column.data, call) {
                _ if column.validity.is_some() => return false,
                (ColumnData::I64(values), Call::Sum(..) | Call::Average(..)) => {
                    self.bits = self.bits.max(magnitude_bits(values));
                }
                (ColumnData::I64(_) | ColumnData::F64(_), Call::Extreme(..)) => {}
                _ => return false,
            }
        }
        let rows = self.n_live as u128 + batch.n_rows as u128;
        rows << self.bits <= i64::MAX as u128
    }

    /// The columns of which [`Leaving`] has to tell the values.
    pub fn summed(&self) -> impl Iterator<Item = usize> {
        self.calls.iter().filter_map(|call| match call {
            Call::Sum(column, _) | Call::Average(column, _) => Some(*column),
            Call::Count | Call::Extreme(..) => None,
        })
    }

    pub fn resize(&mut self, n: usize) {
        let n = n.max(self.n_rows.len());
        self.n_rows.resize(n, 0);
        for call in &mut self.calls {
            match call {
                Call::Sum(_, sums) | Call::Average(_, sums) => sums.resize(n, 0),
                Call::Extreme(_, Extreme { candidates: Candidates::OfKeys(keys, _), .. }) => {
                    keys.resize(n, NONE);
                }
                Call::Count | Call::Extreme(..) => {}
            }
        }
    }

    pub fn n_rows(&self, number: u32) -> i64 {
        self.n_rows[number as usize]
    }

    /// Takes rows, before each of which others leave; a column of results for each aggregate. Keys whose
    /// frames become empty are pushed to `emptied`.
    pub fn take(
        &mut self,
        batch: &Batch,
        numbers: &[u32],
        leaving: &Leaving,
        emptied: &mut Vec<u32>,
    ) -> Vec<Column> {
        let first = self.next;
        let oldest = first - self.n_live;
        self.next += numbers.len() as u64;
        self.n_live += numbers.len() as u64;
        self.n_live -= leaving.numbers.len() as u64;
        let counts = match self.is_keyed {
            true => self.count(numbers, leaving, emptied),
            false => self.count_all(numbers.len(), leaving, emptied),
        };
        let mut columns = vec![];
        for call in &mut self.calls {
            columns.push(match call {
                Call::Count => i64s(counts.iter().copied()),
                Call::Sum(column, sums) => i64s(
                    sum(sums, values(batch, *column), numbers, leaving, &leaving.values[*column]).into_iter(),
                ),
                Call::Average(column, sums) => {
                    let sums = sum(sums, values(batch, *column), numbers, leaving, &leaving.values[*column]);
                    let mean = |(sum, n): (&i64, &i64)| divide_exactly(*sum as i128, *n as u64);
                    let means: Buffer<f64> = sums.iter().zip(&counts).map(mean).collect();
                    Column { data: ColumnData::F64(means), validity: None }
                }
                Call::Extreme(column, extreme) => {
                    extreme.take(&batch.columns[*column].data, numbers, leaving, oldest, first)
                }
            });
        }
        columns
    }

    /// Takes rows, with which none leave and of which no result is wanted.
    pub fn come(&mut self, batch: &Batch, numbers: &[u32]) {
        let values = vec![vec![]; batch.columns.len()];
        let leaving = Leaving { before: vec![0; numbers.len()], numbers: vec![], values };
        self.take(batch, numbers, &leaving, &mut vec![]);
    }

    /// Rows leave, and none come.
    pub fn leave(&mut self, leaving: &Leaving, emptied: &mut Vec<u32>) {
        let oldest = self.next - self.n_live;
        self.n_live -= leaving.numbers.len() as u64;
        match self.is_keyed {
            true => self.count(&[], leaving, emptied),
            false => self.count_all(0, leaving, emptied),
        };
        for call in &mut self.calls {
            match call {
                Call::Count => {}
                Call::Sum(column, sums) | Call::Average(column, sums) => {
                    sum(sums, &[], &[], leaving, &leaving.values[*column]);
                }
                Call::Extreme(_, extreme) => {
                    extreme.best(std::iter::empty(), &[], leaving, oldest, self.next);
                }
            }
        }
    }

    /// How many rows are in the frame of each row.
    fn count(&mut self, numbers: &[u32], leaving: &Leaving, emptied: &mut Vec<u32>) -> Vec<i64> {
        let mut counts = Vec::with_capacity(numbers.len());
        let mut left = 0;
        let mut leave = |n_rows: &mut [i64], until: usize| {
            for number in &leaving.numbers[left..until] {
                n_rows[*number as usize] -= 1;
                if n_rows[*number as usize] == 0 {
                    emptied.push(*number);
                }
            }
            left = until;
        };
        for (number, before) in numbers.iter().zip(&leaving.before) {
            leave(&mut self.n_rows, *before as usize);
            self.n_rows[*number as usize] += 1;
            counts.push(self.n_rows[*number as usize]);
        }
        leave(&mut self.n_rows, leaving.numbers.len());
        counts
    }

    /// The same where all rows have one key.
    fn count_all(&mut self, n: usize, leaving: &Leaving, emptied: &mut Vec<u32>) -> Vec<i64> {
        let Some(in_frame) = self.n_rows.first_mut() else { return vec![] };
        let before = *in_frame;
        *in_frame += n as i64 - leaving.numbers.len() as i64;
        if *in_frame == 0 {
            emptied.push(0);
        }
        (1..).zip(&leaving.before).map(|(come, left)| before + come - *left as i64).collect()
    }

    /// Keeps the keys with these numbers, under new ones from 0 on.
    pub fn renumber(&mut self, kept: &[u32]) {
        let moved = |values: &[i64]| kept.iter().map(|number| values[*number as usize]).collect();
        self.n_rows = moved(&self.n_rows);
        for call in &mut self.calls {
            match call {
                Call::Sum(_, sums) | Call::Average(_, sums) => *sums = moved(sums),
                Call::Extreme(_, Extreme { candidates: Candidates::OfKeys(keys, _), .. }) => {
                    *keys = kept.iter().map(|number| keys[*number as usize]).collect();
                }
                Call::Count | Call::Extreme(..) => {}
            }
        }
    }

    pub fn bytes(&self) -> usize {
        let of = |call: &Call| match call {
            Call::Count => 0,
            Call::Sum(_, sums) | Call::Average(_, sums) => sums.capacity() * 8,
            Call::Extreme(_, extreme) => match &extreme.candidates {
                Candidates::OfAll(stacks) => stacks.ring.items.len() * 8,
                Candidates::OfKeys(keys, ring) => {
                    keys.capacity() * 16 + ring.items.len() * size_of::<Candidate>()
                }
            },
        };
        self.calls.iter().map(of).sum::<usize>() + self.n_rows.capacity() * 8
    }
}

impl Call {
    fn of(call: &AggregateCall, is_keyed: bool) -> Option<Call> {
        use AggregateFunction::*;
        if call.filter.is_some() {
            return None;
        }
        let layout = call.argument().map(|(_, ty)| ty.layout());
        let column = call.argument().map(|(column, _)| *column);
        Some(match (call.function, layout, column) {
            (Count, None, None) => Call::Count,
            (Sum, Some(Layout::I64 | Layout::Decimal), Some(column)) => Call::Sum(column, vec![]),
            (Average, Some(Layout::I64), Some(column)) if call.result.kind == TypeKind::Float => {
                Call::Average(column, vec![])
            }
            (Minimum | Maximum, Some(Layout::I64 | Layout::Decimal | Layout::F64), Some(column)) => {
                let is_max = call.function == Maximum;
                Call::Extreme(column, Extreme { is_max, candidates: Candidates::new(is_keyed) })
            }
            _ => return None,
        })
    }

    fn column(&self) -> Option<usize> {
        match self {
            Call::Count => None,
            Call::Sum(column, _) | Call::Average(column, _) | Call::Extreme(column, _) => Some(*column),
        }
    }
}

fn values(batch: &Batch, column: usize) -> &[i64] {
    match &batch.columns[column].data {
        ColumnData::I64(values) => values,
        _ => &[],
    }
}

fn i64s(values: impl Iterator<Item = i64>) -> Column {
    Column { data: ColumnData::I64(values.collect()), validity: None }
}

/// The sum of each row's frame.
fn sum(sums: &mut [i64], values: &[i64], numbers: &[u32], leaving: &Leaving, gone: &[i64]) -> Vec<i64> {
    let mut results = Vec::with_capacity(values.len());
    let mut left = 0;
    if let [sum] = sums {
        for (value, before) in values.iter().zip(&leaving.before) {
            let until = *before as usize;
            *sum += value - gone[left..until].iter().sum::<i64>();
            left = until;
            results.push(*sum);
        }
        *sum -= gone[left..].iter().sum::<i64>();
        return results;
    }
    let mut leave = |sums: &mut [i64], until: usize| {
        for (number, value) in leaving.numbers[left..until].iter().zip(&gone[left..until]) {
            sums[*number as usize] -= value;
        }
        left = until;
    };
    for ((number, value), before) in numbers.iter().zip(values).zip(&leaving.before) {
        leave(sums, *before as usize);
        let sum = &mut sums[*number as usize];
        *sum += value;
        results.push(*sum);
    }
    leave(sums, gone.len());
    results
}

/// The least or the greatest. Values are compared as whole numbers in the order of the values, those of
/// `max` negated bit by bit, so that the least of them is wanted in any case.
struct Extreme {
    is_max: bool,
    candidates: Candidates,
}

enum Candidates {
    OfAll(TwoStacks),
    /// Of each key its best and its last candidate.
    OfKeys(Vec<(u64, u64)>, Ring<Candidate>),
}

/// A key without rows.
const NONE: (u64, u64) = (u64::MAX, u64::MAX);

/// A row that is better than all that came after it, of its key.
#[derive(Clone, Copy, Default)]
struct Candidate {
    value: i64,
    /// How far the candidates of its key before and behind it are away.
    before: u32,
    behind: u32,
}

impl Candidates {
    fn new(is_keyed: bool) -> Candidates {
        match is_keyed {
            true => Candidates::OfKeys(vec![], Ring::default()),
            false => Candidates::OfAll(TwoStacks::default()),
        }
    }
}

impl Extreme {
    /// `oldest` is the number of the first row in any frame, `first` that of the first row that comes.
    fn take(
        &mut self,
        data: &ColumnData,
        numbers: &[u32],
        leaving: &Leaving,
        oldest: u64,
        first: u64,
    ) -> Column {
        let mask = if self.is_max { -1 } else { 0 };
        match data {
            ColumnData::I64(values) => {
                let best = self.best(values.iter().map(|x| x ^ mask), numbers, leaving, oldest, first);
                i64s(best.into_iter().map(|x| x ^ mask))
            }
            ColumnData::F64(values) => {
                let values = values.iter().map(|x| sortable(*x) ^ mask);
                let best = self.best(values, numbers, leaving, oldest, first);
                let best = best.into_iter().map(|x| unsortable(x ^ mask)).collect();
                Column { data: ColumnData::F64(best), validity: None }
            }
            _ => i64s(std::iter::empty()),
        }
    }

    fn best(
        &mut self,
        values: impl Iterator<Item = i64>,
        numbers: &[u32],
        leaving: &Leaving,
        oldest: u64,
        first: u64,
    ) -> Vec<i64> {
        let mut results = Vec::with_capacity(numbers.len());
        match &mut self.candidates {
            Candidates::OfAll(stacks) => {
                for (value, before) in values.zip(&leaving.before) {
                    stacks.leave(oldest + *before as u64);
                    results.push(stacks.push(value));
                }
                stacks.leave(oldest + leaving.numbers.len() as u64);
            }
            Candidates::OfKeys(keys, ring) => {
                let mut left = 0;
                for ((value, number), (row, before)) in
                    values.zip(numbers).zip((first..).zip(&leaving.before))
                {
                    leave(keys, ring, leaving, left..*before as usize, oldest);
                    left = *before as usize;
                    ring.reserve(oldest + left as u64, row);
                    results.push(push(&mut keys[*number as usize], ring, row, value));
                }
                leave(keys, ring, leaving, left..leaving.numbers.len(), oldest);
            }
        }
        results
    }
}

/// Takes rows out of the candidates of their keys.
fn leave(
    keys: &mut [(u64, u64)],
    ring: &Ring<Candidate>,
    leaving: &Leaving,
    rows: std::ops::Range<usize>,
    oldest: u64,
) {
    for (row, number) in (oldest + rows.start as u64..).zip(&leaving.numbers[rows]) {
        let key = &mut keys[*number as usize];
        if key.0 == row {
            *key = if key.1 == row { NONE } else { (row + ring.get(row).behind as u64, key.1) };
        }
    }
}

/// Adds a row to the candidates of its key, less those that are no better; the best of them.
fn push(key: &mut (u64, u64), ring: &mut Ring<Candidate>, row: u64, value: i64) -> i64 {
    let (mut best, mut last) = *key;
    while last != NONE.1 {
        let candidate = ring.get(last);
        if candidate.value < value {
            break;
        }
        last = if last == best { NONE.1 } else { last - candidate.before as u64 };
    }
    let mut before = 0;
    if last == NONE.1 {
        best = row;
    } else {
        before = (row - last) as u32;
        ring.get_mut(last).behind = before;
    }
    *ring.get_mut(row) = Candidate { value, before, behind: 0 };
    *key = (best, row);
    ring.get(best).value
}

/// The least of the rows of a frame without key.
#[derive(Default)]
struct TwoStacks {
    ring: Ring<i64>,
    /// The rows in the frame, by number; before `split` each stands for itself and what follows up to there.
    head: u64,
    split: u64,
    tail: u64,
    /// The least from `split` on, if there are any.
    rest: Option<i64>,
}

impl TwoStacks {
    /// Drops the rows before this one.
    fn leave(&mut self, head: u64) {
        if head <= self.head {
            return;
        }
        self.head = head;
        if head <= self.split {
            return;
        }
        let mut least = i64::MAX;
        for row in (head..self.tail).rev() {
            let value = self.ring.get_mut(row);
            least = least.min(*value);
            *value = least;
        }
        self.split = self.tail;
        self.rest = None;
    }

    /// Adds a row; the least of all.
    fn push(&mut self, value: i64) -> i64 {
        self.ring.reserve(self.head, self.tail);
        *self.ring.get_mut(self.tail) = value;
        self.tail += 1;
        let rest = self.rest.map_or(value, |rest| rest.min(value));
        self.rest = Some(rest);
        if self.head < self.split { rest.min(self.ring.get(self.head)) } else { rest }
    }
}

/// What belongs to rows, by their numbers.
#[derive(Default)]
struct Ring<T> {
    /// A power of two, or none.
    items: Vec<T>,
}

impl<T: Copy + Default> Ring<T> {
    /// Makes room for the rows from `first` to `last`.
    fn reserve(&mut self, first: u64, last: u64) {
        let n = (last - first) as usize + 1;
        if n <= self.items.len() {
            return;
        }
        let mut items = vec![T::default(); (n * 2).next_power_of_two().max(1 << 10)];
        let mask = items.len() - 1;
        for row in first..last {
            if !self.items.is_empty() {
                items[row as usize & mask] = self.get(row);
            }
        }
        self.items = items;
    }

    fn get(&self, row: u64) -> T {
        self.items[row as usize & (self.items.len() - 1)]
    }

    fn get_mut(&mut self, row: u64) -> &mut T {
        let mask = self.items.len() - 1;
        &mut self.items[row as usize & mask]
    }
}

/// A float as a whole number in the order of floats, NaN last.
fn sortable(x: f64) -> i64 {
    let bits = canonical_float(x).to_bits() as i64;
    bits ^ (bits >> 63) & i64::MAX
}

fn unsortable(x: i64) -> f64 {
    f64::from_bits((x ^ (x >> 63) & i64::MAX) as u64)
}
