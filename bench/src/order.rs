//! Rows brought into order, one in ten of which comes up to ten seconds late, beside the same rows in order; with what
//! reads them behind.

use crate::data::Bids;
use crate::history::dedupe;
use crate::measure::{Cpu, Effort, Job, compare_two};
use crate::single::{batches, bids, chain, ints, step};
use crate::sliding;
use crate::steady::sum_of;
use millstream_ir::aggregate::AggregateFunction;
use millstream_ir::batch::Batch;
use millstream_ir::flow::{NodeKind, Schema};
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::operator::Operator;

const HOUR: i64 = 3_600_000_000;
const DISORDER: i64 = 10_000_000;
/// Rows of an hour, which are those of a round.
const OF_HOUR: usize = 1_000_000;

pub fn measure(effort: &Effort) {
    let n_rows = effort.of(OF_HOUR) * (effort.rounds + 1);
    let in_order = Bids::new(n_rows, 100_000, HOUR * (effort.rounds as i64 + 1));
    let out_of_order = batches(&in_order.with_late_ones(DISORDER));
    let in_order = batches(&in_order);
    let order = || (NodeKind::Order, Schema::append_only(bids(), 2));
    let both = |name, operator: &dyn Fn() -> Box<dyn Operator>, sum: fn(&Batch) -> u64| {
        let n_batches = in_order.len() / (effort.rounds + 1);
        let mut runs =
            [&in_order, &out_of_order].map(|batches| Run::new(operator(), batches, n_batches, sum));
        let [first, second] = &mut runs;
        let job = Job { name, n_events: effort.of(OF_HOUR), cpu: Cpu::Thread, target: 1.5 };
        if compare_two(effort, job, ["in order", "late"], || first.go_on(), || second.go_on()) {
            assert_eq!(first.finish(), second.finish(), "{name}: the order of arrival changes the answer");
        }
    };
    both("order, dedupe within 1 h, up to 10 s late", &|| chain(vec![order(), dedupe(HOUR)]), |batch| {
        sum_of(batch, 1)
    });
    both(
        "order, sliding sum 1 h, up to 10 s late",
        &|| chain(vec![order(), sliding::part(AggregateFunction::Sum, &[], HOUR)]),
        |batch| sum_of(batch, 3),
    );
}

/// An operator on its way through batches.
struct Run<'a> {
    operator: Box<dyn Operator>,
    batches: std::slice::Iter<'a, Batch>,
    /// How many it gets at a time.
    n: usize,
    sum: fn(&Batch) -> u64,
    latest: i64,
    checksum: u64,
}

impl Run<'_> {
    fn new(operator: Box<dyn Operator>, batches: &[Batch], n: usize, sum: fn(&Batch) -> u64) -> Run<'_> {
        Run { operator, batches: batches.iter(), n, sum, latest: i64::MIN, checksum: 0 }
    }

    /// What has left is not the same at each moment, so only the end is compared.
    fn go_on(&mut self) -> u64 {
        for batch in self.batches.by_ref().take(self.n) {
            self.latest = ints(batch, 2).iter().fold(self.latest, |latest, time| latest.max(*time));
            let watermark = Watermark(self.latest - DISORDER);
            let sum = self.sum;
            for message in [Message::Batch(batch.clone()), Message::Watermark(watermark)] {
                step(&mut *self.operator, message, |batch| {
                    self.checksum = self.checksum.wrapping_add(sum(batch));
                });
            }
        }
        0
    }

    /// The sum of all that the operator has answered, when all rows have come.
    fn finish(&mut self) -> u64 {
        self.n = self.batches.len();
        self.go_on();
        let sum = self.sum;
        step(&mut *self.operator, Message::Watermark(Watermark::END), |batch| {
            self.checksum = self.checksum.wrapping_add(sum(batch));
        });
        self.checksum
    }
}
