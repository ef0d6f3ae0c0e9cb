//! Windows of which each row has its own: a sum or a maximum per event, columns in, rows out.

use crate::data::Bids;
use crate::limits::sliding::{Keyed, Maxima, Sums};
use crate::measure::Effort;
use crate::single::{bids as bid_columns, chain, named};
use crate::steady::{Steady, sum_of};
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::flow::{Breaker, Frame, FrameAggregate, NodeKind, Schema};
use millstream_ir::types::Type;
use millstream_runtime::operator::Operator;
use std::ops::Range;
use std::sync::Arc;

const HOUR: i64 = 3_600_000_000;
/// Rows of an hour.
const OF_HOUR: usize = 2_000_000;
const OF_ROUND: usize = 1_000_000;

pub fn measure(effort: &Effort) {
    let stream = Steady::new(effort, OF_HOUR, OF_ROUND, 100_000, HOUR);
    // About 14 k events are in the shorter window.
    let short = HOUR / 140;
    use AggregateFunction::{Maximum, Sum};
    let compare = |name, function, keys: &[usize], size, limit: Limit| {
        stream.compare(name, compile(function, keys, size), |batch| sum_of(batch, 3), limit);
    };
    let mut all = Sums::new(HOUR);
    compare("sliding 1 h, sum per event", Sum, &[], HOUR, &mut |bids, events| {
        all.of(&bids.time, &bids.price, events)
    });
    for (name, size, capacity) in [
        ("sliding, 14 k live, max per event", short, 1 << 15),
        ("sliding, 2 M live, max per event", HOUR, 1 << 22),
    ] {
        let mut all = Maxima::new(size, capacity);
        compare(name, Maximum, &[], size, &mut |bids, events| all.of(&bids.time, &bids.price, events));
    }
    let mut keys = Keyed::new(HOUR, 1 << 18, stream.n_rows());
    compare("sliding 1 h, 100 k keys, sum per event", Sum, &[0], HOUR, &mut |bids, events| {
        keys.sums(&bids.auction, &bids.time, &bids.price, events)
    });
    let mut keys = Keyed::new(HOUR, 1 << 18, stream.n_rows());
    compare("sliding 1 h, 100 k keys, max per event", Maximum, &[0], HOUR, &mut |bids, events| {
        keys.maxima(&bids.auction, &bids.time, &bids.price, events)
    });
}

/// The answer to these events.
type Limit<'a> = &'a mut dyn FnMut(&Bids, Range<usize>) -> u64;

fn compile(function: AggregateFunction, keys: &[usize], size: i64) -> Box<dyn Operator> {
    chain(vec![part(function, keys, size)])
}

/// `window sliding SIZE [by auction] select *, sum(price)`.
pub fn part(function: AggregateFunction, keys: &[usize], size: i64) -> (NodeKind, Schema) {
    let call = AggregateCall::new(function, vec![(1, Type::INT)], Type::INT);
    let aggregates = vec![AggregateCall { removable: true, ..call }];
    let (keys, frame) = (keys.to_vec(), Frame::Sliding { size });
    let breaker = Breaker::Frame(FrameAggregate { frame, keys, aggregates, has_bounds: false });
    let columns = [bid_columns(), vec![named("result", Type::INT)]].concat();
    (NodeKind::Breaker(Arc::new(breaker)), Schema::append_only(columns, 2))
}
