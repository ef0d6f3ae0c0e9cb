//! Windows of which each row has its own: a sum or a maximum per event, columns in, rows out.

use crate::data::Bids;
use crate::limits::sliding::{Keyed, maxima, sums};
use crate::measure::{Cpu, Effort, Job, compare};
use crate::single::{Single, batches, bids as bid_columns, ints, named, step};
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::flow::{Breaker, Frame, FrameAggregate, NodeKind};
use millstream_ir::types::Type;
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::operator::Operator;
use millstream_runtime::workers::Workers;

const HOUR: i64 = 3_600_000_000;
const ROWS: usize = 4_000_000;

pub fn measure(effort: &Effort) {
    let n_rows = effort.of(ROWS);
    let bids = Bids::new(n_rows, 100_000, 2 * HOUR);
    // About 14 k events are in the shorter window.
    let short = HOUR / 140;
    let (time, price, keys) = (&bids.time, &bids.price, &bids.auction);
    let of_all = |name, function, size, limit: &mut dyn FnMut() -> u64| {
        run(effort, name, &bids, (function, vec![], size), limit);
    };
    use AggregateFunction::{Maximum, Sum};
    of_all("sliding 1 h, sum per event", Sum, HOUR, &mut || sums(time, price, HOUR));
    of_all("sliding, 14 k live, max per event", Maximum, short, &mut || maxima(time, price, short, 1 << 15));
    of_all("sliding, 2 M live, max per event", Maximum, HOUR, &mut || maxima(time, price, HOUR, 1 << 22));
    let mut table = Keyed::new(1 << 18, n_rows);
    let mut of_keys = |name, function, limit: &dyn Fn(&mut Keyed) -> u64| {
        run(effort, name, &bids, (function, vec![0], HOUR), &mut || limit(&mut table));
    };
    of_keys("sliding 1 h, 100 k keys, sum per event", Sum, &|table| table.sums(keys, time, price, HOUR));
    of_keys("sliding 1 h, 100 k keys, max per event", Maximum, &|table| {
        table.maxima(keys, time, price, HOUR)
    });
}

fn run(
    effort: &Effort,
    name: &str,
    bids: &Bids,
    (function, keys, size): (AggregateFunction, Vec<usize>, i64),
    limit: &mut dyn FnMut() -> u64,
) {
    let batches = batches(bids);
    // Each round has its own, so that none begins with rows of the one before.
    let mut operators: Vec<Box<dyn Operator>> =
        (0..=effort.rounds).map(|_| compile(function, keys.clone(), size)).collect();
    let mut done = vec![];
    let engine = || {
        let mut operator = operators.pop().expect("one per round");
        let mut sum = 0u64;
        let mut step = |message| {
            step(&mut *operator, message, |batch| {
                sum = ints(batch, 3).iter().fold(sum, |sum, result| sum.wrapping_add(*result as u64));
            })
        };
        for batch in &batches {
            let last = ints(batch, 2).last().copied().unwrap_or_default();
            step(Message::Batch(batch.clone()));
            step(Message::Watermark(Watermark(last)));
        }
        done.push(operator);
        sum
    };
    compare(effort, Job { name, n_events: bids.time.len(), cpu: Cpu::Thread, target: 2.0 }, limit, engine);
}

/// `window sliding SIZE [by auction] select *, sum(price)`.
fn compile(function: AggregateFunction, keys: Vec<usize>, size: i64) -> Box<dyn Operator> {
    let call = AggregateCall::new(function, vec![(1, Type::INT)], Type::INT);
    let aggregates = vec![AggregateCall { removable: true, ..call }];
    let frame = Frame::Sliding { size };
    let breaker = Breaker::Frame(FrameAggregate { frame, keys, aggregates, has_bounds: false });
    let columns = [bid_columns(), vec![named("result", Type::INT)]].concat();
    let before = &[NodeKind::Order];
    Single { breaker, columns, time: 2, workers: Workers::alone(), before }.build()
}
