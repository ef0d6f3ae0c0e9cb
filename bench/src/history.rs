//! What looks at a row together with those of its key before: running aggregates, as changes and behind each row,
//! and deduplication.

use crate::limits::history::{Known, change};
use crate::measure::Effort;
use crate::single::{bids, chain, ints, named};
use crate::steady::{Steady, sum_of};
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::Batch;
use millstream_ir::flow::{
    Breaker, Emission, Frame, FrameAggregate, HistoryKind, Keep, KeyHistory, NodeKind, Schema,
    UpdatingAggregate, UpdatingScope,
};
use millstream_ir::types::Type;
use millstream_runtime::operator::Operator;
use std::sync::Arc;

const HOUR: i64 = 3_600_000_000;
/// Rows of an hour.
const OF_HOUR: usize = 2_000_000;
const OF_ROUND: usize = 1_000_000;
const SLOTS: usize = 1 << 18;

pub fn measure(effort: &Effort) {
    let stream = Steady::new(effort, OF_HOUR, OF_ROUND, 100_000, HOUR);
    let mut known = Known::new(SLOTS);
    stream.compare(
        "changes of count and sum, 100 k keys",
        changes(Keep::Forever),
        checksum,
        |bids, events| known.changes::<{ i64::MAX }>(&bids.auction, &bids.time, &bids.price, events),
    );
    let mut known = Known::new(SLOTS);
    stream.compare("the same, keys kept for 1 h", changes(Keep::Expire(HOUR)), checksum, |bids, events| {
        known.changes::<HOUR>(&bids.auction, &bids.time, &bids.price, events)
    });
    let mut known = Known::new(SLOTS);
    stream.compare(
        "running sum per event, 100 k keys",
        running(Keep::Forever),
        |batch| sum_of(batch, 3),
        |bids, events| known.sums::<{ i64::MAX }>(&bids.auction, &bids.time, &bids.price, events),
    );
    let mut known = Known::new(SLOTS);
    stream.compare(
        "the same, keys kept for 1 h",
        running(Keep::Expire(HOUR)),
        |batch| sum_of(batch, 3),
        |bids, events| known.sums::<HOUR>(&bids.auction, &bids.time, &bids.price, events),
    );
    let mut known = Known::new(SLOTS);
    stream.compare(
        "dedupe within 1 h, 100 k keys",
        chain(vec![dedupe(HOUR)]),
        |batch| sum_of(batch, 1),
        |bids, events| known.first(&bids.auction, &bids.time, &bids.price, HOUR, events),
    );
}

fn checksum(batch: &Batch) -> u64 {
    let [keys, counts, sums, times, signs] = [0, 1, 2, 3, 4].map(|column| ints(batch, column));
    let rows = counts.iter().zip(sums).zip(keys.iter().zip(times)).zip(signs);
    rows.fold(0, |checksum, (((count, sum), (key, time)), sign)| {
        checksum.wrapping_add(change(*key, *count, *sum, *time, *sign))
    })
}

type Part = (NodeKind, Schema);

fn breaker(breaker: Breaker, schema: Schema) -> Part {
    (NodeKind::Breaker(Arc::new(breaker)), schema)
}

/// `group by auction KEEP select auction, count(), sum(price)`.
fn changes(keep: Keep) -> Box<dyn Operator> {
    let columns = [
        vec![named("auction", Type::INT), named("count", Type::INT), named("sum", Type::INT)],
        vec![named("time", Type::TIMESTAMP), named("sign", Type::INT)],
    ];
    let spec = UpdatingAggregate {
        keys: vec![0],
        aggregates: vec![
            AggregateCall::new(AggregateFunction::Count, vec![], Type::INT),
            AggregateCall::new(AggregateFunction::Sum, vec![(1, Type::INT)], Type::INT),
        ],
        scope: UpdatingScope::All(keep),
        emission: Emission::OnChange,
        sign: None,
    };
    let schema = Schema { sign: Some(4), ..Schema::append_only(columns.concat(), 3) };
    chain(vec![breaker(Breaker::UpdatingAggregate(spec), schema)])
}

/// `window running by auction KEEP select *, sum(price)`.
fn running(keep: Keep) -> Box<dyn Operator> {
    let call = AggregateCall::new(AggregateFunction::Sum, vec![(1, Type::INT)], Type::INT);
    let frame = Frame::Running(keep);
    let spec = FrameAggregate { frame, keys: vec![0], aggregates: vec![call], has_bounds: false };
    let columns = [bids(), vec![named("result", Type::INT)]].concat();
    chain(vec![breaker(Breaker::Frame(spec), Schema::append_only(columns, 2))])
}

/// `dedupe by auction within SIZE`.
pub fn dedupe(size: i64) -> Part {
    let kind = HistoryKind::Throttle { count: 1, per: size };
    let spec = KeyHistory { keys: vec![0], window: None, kind };
    breaker(Breaker::History(spec), Schema::append_only(bids(), 2))
}
