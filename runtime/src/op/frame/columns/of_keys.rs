//! Aggregates of each key. What a key knows of all aggregates stands together, and is requested before its
//! row comes or leaves.

use super::Call;
use super::candidates::Candidates;
use crate::accumulate::result::divide_exactly;
use crate::kernel::prefetch::prefetch;
use crate::op::frame::log::{Leaving, Log, from_sortable, sortable};
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData};
use std::borrow::Cow;
use std::ops::Range;

pub struct OfKeys {
    keys: Keys,
    states: Vec<State>,
    /// Of the rows that leave, the numbers of their keys, and values.
    gone_numbers: Vec<u32>,
    gone_values: Vec<i64>,
}

/// What keys know, so many words each: how many rows are in the frame, then what the aggregates do.
struct Keys {
    words: Vec<i64>,
    n_words: usize,
}

/// What an aggregate keeps: its column, where that of a key begins among its words.
enum State {
    Count,
    Sum(usize, usize),
    Average(usize, usize),
    Extreme(usize, usize, Candidates),
}

/// How far ahead keys are requested, and, when these have come, what they lead to.
const KEYS_AHEAD: usize = 24;
const LED_TO_AHEAD: usize = 12;

impl OfKeys {
    pub fn new(calls: &[Call]) -> OfKeys {
        let mut n_words = 1;
        let mut place = |n: usize| {
            n_words += n;
            n_words - n
        };
        let state = |call: &Call| match *call {
            Call::Count(_) => State::Count,
            Call::Sum(column) => State::Sum(column, place(1)),
            Call::Average(column) => State::Average(column, place(1)),
            Call::Minimum(column) => State::Extreme(column, place(2), Candidates::new(0)),
            Call::Maximum(column) => State::Extreme(column, place(2), Candidates::new(-1)),
        };
        let states = calls.iter().map(state).collect();
        let keys = Keys { words: vec![], n_words };
        OfKeys { keys, states, gone_numbers: vec![], gone_values: vec![] }
    }

    /// Makes room for keys with numbers below this.
    pub fn resize(&mut self, n: usize) {
        let n_words = n * self.keys.n_words;
        if n_words > self.keys.words.len() {
            self.keys.words.resize(n_words, 0);
        }
    }

    pub fn is_empty(&self, number: u32) -> bool {
        self.keys.words[number as usize * self.keys.n_words] == 0
    }

    /// Rows come, which stand in the log already and have keys with these numbers, and others leave, which stand
    /// there still. Keys whose frames become empty are pushed to `emptied`.
    pub fn take(
        &mut self,
        log: &Log,
        batch: &Batch,
        numbers: &[u32],
        leaving: &Leaving,
        emptied: &mut Vec<u32>,
    ) -> Vec<Column> {
        let (counts, results) = self.walk(log, Some(batch), numbers, leaving, emptied);
        let columns = self.states.iter().zip(results).map(|(state, results)| match state {
            State::Count | State::Sum(..) => ColumnData::I64(results),
            State::Average(..) => {
                let mean = |(sum, n): (&i64, &i64)| divide_exactly(*sum as i128, *n as u64);
                ColumnData::F64(results.iter().zip(counts.iter()).map(mean).collect())
            }
            State::Extreme(column, ..) => from_sortable(results, &batch.columns[*column].data),
        });
        columns.map(|data| Column { data, validity: None }).collect()
    }

    /// Rows leave, and none come.
    pub fn leave(&mut self, log: &Log, leaving: &Leaving, emptied: &mut Vec<u32>) {
        self.walk(log, None, &[], leaving, emptied);
        for state in &mut self.states {
            if let State::Extreme(_, _, candidates) = state {
                candidates.shrink(leaving.oldest + leaving.n_rows as u64, log.next());
            }
        }
    }

    /// Of the rows that come, how many are in the frame of each, if an aggregate wants that; and of each aggregate
    /// its result for each, of an average the sum.
    fn walk(
        &mut self,
        log: &Log,
        batch: Option<&Batch>,
        numbers: &[u32],
        leaving: &Leaving,
        emptied: &mut Vec<u32>,
    ) -> (Buffer<i64>, Vec<Buffer<i64>>) {
        let OfKeys { keys, states, gone_numbers, gone_values } = self;
        log.numbers_of(leaving, gone_numbers);
        let step = Step { come: numbers, leave: gone_numbers, before: &leaving.before };
        let values = |column: usize| {
            batch.map_or(Cow::Borrowed(&[][..]), |batch| sortable(&batch.columns[column].data))
        };
        let wants_counts = states.iter().any(|state| matches!(state, State::Count | State::Average(..)));
        let mut first = Some(emptied);
        let mut counts = Buffer::new();
        if wants_counts {
            counts = keys.walk(&step, &mut Counting, first.take());
        }
        let mut results = vec![];
        for state in states {
            results.push(match state {
                State::Count => counts.clone(),
                State::Sum(column, place) | State::Average(column, place) => {
                    log.values_of(leaving, *column, gone_values);
                    let mut summing = Summing { come: &values(*column), leave: gone_values, place: *place };
                    keys.walk(&step, &mut summing, first.take())
                }
                State::Extreme(column, place, candidates) => {
                    let (oldest, next) = (leaving.oldest, log.next());
                    let first_row = next - numbers.len() as u64;
                    candidates.reserve(oldest, first_row, next);
                    let (come, place) = (&values(*column)[..], *place);
                    let mut comparing = Comparing { come, place, first: first_row, oldest, candidates };
                    keys.walk(&step, &mut comparing, first.take())
                }
            });
        }
        (counts, results)
    }

    /// Keeps the keys with these numbers, under new ones from 0 on.
    pub fn renumber(&mut self, kept: &[u32]) {
        let words = kept.iter().flat_map(|number| self.keys.of(*number)).copied().collect();
        self.keys.words = words;
    }

    pub fn bytes(&self) -> usize {
        let of = |state: &State| if let State::Extreme(_, _, c) = state { c.bytes() } else { 0 };
        let gone = self.gone_numbers.capacity() * 4 + self.gone_values.capacity() * 8;
        gone + self.keys.words.capacity() * 8 + self.states.iter().map(of).sum::<usize>()
    }
}

/// Rows that come and leave, by the numbers of their keys; and of each that comes, how many have left by then.
struct Step<'a> {
    come: &'a [u32],
    leave: &'a [u32],
    before: &'a [u32],
}

/// What an aggregate does with what keys know; rows are counted from the first that comes, or leaves.
trait Visitor {
    /// Asks the processor for what a row of this key will look at.
    fn request(&self, _key: &[i64]) {}

    fn leave(&mut self, key: &mut [i64], row: usize);

    /// The result for a row.
    fn come(&mut self, key: &mut [i64], row: usize) -> i64;
}

impl Keys {
    fn of(&self, number: u32) -> &[i64] {
        &self.words[number as usize * self.n_words..][..self.n_words]
    }

    fn of_mut(&mut self, number: u32) -> &mut [i64] {
        &mut self.words[number as usize * self.n_words..][..self.n_words]
    }

    /// May be asked for any number.
    fn request(&self, number: u32) {
        prefetch(self.words.as_ptr().wrapping_add(number as usize * self.n_words) as *const u8);
    }

    /// Visits the keys of the rows that leave and come; the results. One visit is the first: it tells which keys
    /// have been emptied.
    fn walk(
        &mut self,
        step: &Step,
        visitor: &mut impl Visitor,
        emptied: Option<&mut Vec<u32>>,
    ) -> Buffer<i64> {
        match emptied {
            Some(emptied) => self.walk_through::<true>(step, visitor, emptied),
            None => self.walk_through::<false>(step, visitor, &mut vec![]),
        }
    }

    fn walk_through<const COUNTS: bool>(
        &mut self,
        step: &Step,
        visitor: &mut impl Visitor,
        emptied: &mut Vec<u32>,
    ) -> Buffer<i64> {
        let mut left = 0;
        let rows = step.come.iter().zip(step.before).enumerate();
        let results = rows.map(|(row, (number, before))| {
            if let Some(later) = step.come.get(row + KEYS_AHEAD) {
                self.request(*later);
            }
            if let Some(later) = step.come.get(row + LED_TO_AHEAD) {
                visitor.request(self.of(*later));
            }
            self.let_leave::<COUNTS>(step, left..*before as usize, visitor, emptied);
            left = *before as usize;
            let key = self.of_mut(*number);
            if COUNTS {
                key[0] += 1;
            }
            visitor.come(key, row)
        });
        let results = results.collect();
        self.let_leave::<COUNTS>(step, left..step.leave.len(), visitor, emptied);
        results
    }

    #[inline(always)]
    fn let_leave<const COUNTS: bool>(
        &mut self,
        step: &Step,
        rows: Range<usize>,
        visitor: &mut impl Visitor,
        emptied: &mut Vec<u32>,
    ) {
        for row in rows {
            if let Some(later) = step.leave.get(row + KEYS_AHEAD) {
                self.request(*later);
            }
            let number = step.leave[row];
            let key = self.of_mut(number);
            if COUNTS {
                key[0] -= 1;
                if key[0] == 0 {
                    emptied.push(number);
                }
            }
            visitor.leave(key, row);
        }
    }
}

struct Counting;

impl Visitor for Counting {
    fn leave(&mut self, _key: &mut [i64], _row: usize) {}

    fn come(&mut self, key: &mut [i64], _row: usize) -> i64 {
        key[0]
    }
}

struct Summing<'a> {
    come: &'a [i64],
    leave: &'a [i64],
    place: usize,
}

impl Visitor for Summing<'_> {
    #[inline(always)]
    fn leave(&mut self, key: &mut [i64], row: usize) {
        key[self.place] -= self.leave[row];
    }

    #[inline(always)]
    fn come(&mut self, key: &mut [i64], row: usize) -> i64 {
        key[self.place] += self.come[row];
        key[self.place]
    }
}

struct Comparing<'a> {
    come: &'a [i64],
    place: usize,
    /// The numbers of the first rows that come and leave.
    first: u64,
    oldest: u64,
    candidates: &'a mut Candidates,
}

impl Visitor for Comparing<'_> {
    #[inline(always)]
    fn request(&self, key: &[i64]) {
        self.candidates.request(&key[self.place..]);
    }

    #[inline(always)]
    fn leave(&mut self, key: &mut [i64], row: usize) {
        self.candidates.leave(&mut key[self.place..], self.oldest + row as u64);
    }

    #[inline(always)]
    fn come(&mut self, key: &mut [i64], row: usize) -> i64 {
        self.candidates.come(&mut key[self.place..], self.first + row as u64, self.come[row])
    }
}
