//! An operator in the midst of a stream: the first rows fill what it keeps, while memory grows, and are not
//! measured; each round gives it the next ones.

use crate::data::Bids;
use crate::measure::{Cpu, Effort, Job, compare};
use crate::single::{batches, ints, step};
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::operator::Operator;
use std::ops::Range;

pub struct Steady<'a> {
    effort: &'a Effort,
    pub bids: Bids,
    batches: Vec<Batch>,
    n_first: usize,
    n_round: usize,
}

impl Steady<'_> {
    /// Bids on so many auctions, `n_first` in `span` microseconds before the first round, and as dense on.
    pub fn new(effort: &Effort, n_first: usize, n_round: usize, keys: u64, span: i64) -> Steady<'_> {
        let whole = |n: usize| effort.of(n).next_multiple_of(BATCH_ROWS);
        let (n_first, n_round) = (whole(n_first), whole(n_round));
        let n_rows = n_first + n_round * effort.rounds;
        let bids = Bids::new(n_rows, keys, (span as i128 * n_rows as i128 / n_first as i128) as i64);
        let batches = batches(&bids);
        Steady { effort, bids, batches, n_first, n_round }
    }

    pub fn n_rows(&self) -> usize {
        self.bids.time.len()
    }

    /// Gives both the same rows. `sum` makes a number of what the operator answers; the limit makes the same of
    /// these events.
    pub fn compare(
        &self,
        name: &str,
        mut operator: Box<dyn Operator>,
        mut sum: impl FnMut(&Batch) -> u64,
        mut limit: impl FnMut(&Bids, Range<usize>) -> u64,
    ) {
        let mut events = 0..0;
        let limit = || {
            events = events.end..events.end + if events.end == 0 { self.n_first } else { self.n_round };
            limit(&self.bids, events.clone())
        };
        let mut left = &self.batches[..];
        let mut is_first = true;
        let engine = || {
            let n = if std::mem::take(&mut is_first) { self.n_first } else { self.n_round };
            let (round, later) = left.split_at(n / BATCH_ROWS);
            left = later;
            let mut checksum = 0u64;
            for batch in round {
                let last = ints(batch, 2).last().copied().unwrap_or_default();
                for message in [Message::Batch(batch.clone()), Message::Watermark(Watermark(last))] {
                    step(&mut *operator, message, |batch| checksum = checksum.wrapping_add(sum(batch)));
                }
            }
            checksum
        };
        compare(
            self.effort,
            Job { name, n_events: self.n_round, cpu: Cpu::Thread, target: 2.0 },
            limit,
            engine,
        );
    }
}

/// The sum of a column.
pub fn sum_of(batch: &Batch, column: usize) -> u64 {
    ints(batch, column).iter().fold(0, |sum, value| sum.wrapping_add(*value as u64))
}
