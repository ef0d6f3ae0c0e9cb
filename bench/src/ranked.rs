//! Tumbling windows of 10 s whose groups are ranked, or count distinct values.

use crate::limits::ranked::{Best, Distinct, row};
use crate::measure::Effort;
use crate::single::{chain, ints, named};
use crate::steady::Steady;
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::Batch;
use millstream_ir::flow::{
    self, Breaker, NodeKind, Schema, SortKey, SortWindow, WindowAggregate, WindowAssigner,
};
use millstream_ir::types::Type;
use millstream_runtime::operator::Operator;
use std::sync::Arc;

const WINDOW: i64 = 10_000_000;
const OF_WINDOW: usize = 1_000_000;

pub fn measure(effort: &Effort) {
    let stream = Steady::new(effort, OF_WINDOW, OF_WINDOW, 100_000, WINDOW);
    let mut best = Best::new(1 << 18, WINDOW);
    stream.compare("top 10 of 100 k keys per window", top(), checksum, |bids, events| {
        best.of(&bids.auction, &bids.time, &bids.price, events)
    });
    let mut distinct = Distinct::new(1 << 18, 2, WINDOW);
    stream.compare("distinct keys per window, 100 k", distinct_keys(), checksum_of_all, |bids, events| {
        distinct.of(&bids.time, |event| (1, bids.auction[event]), events)
    });
    let mut distinct = Distinct::new(1 << 21, 1 << 18, WINDOW);
    stream.compare(
        "distinct values of 100 k keys per window",
        distinct_prices(),
        checksum,
        |bids, events| distinct.of(&bids.time, |event| (bids.auction[event], bids.price[event]), events),
    );
}

fn checksum(batch: &Batch) -> u64 {
    let rows = ints(batch, 0).iter().zip(ints(batch, 1));
    rows.fold(0, |sum, (key, result)| sum.wrapping_add(row(*key, *result)))
}

fn checksum_of_all(batch: &Batch) -> u64 {
    ints(batch, 0).iter().fold(0, |sum, result| sum.wrapping_add(row(1, *result)))
}

fn window(keys: Vec<usize>, call: AggregateCall) -> (NodeKind, Schema) {
    let window = WindowAssigner::Tumbling { size: WINDOW, offset: 0 };
    let keyed: Vec<flow::Column> = keys.iter().map(|_| named("auction", Type::INT)).collect();
    let times = ["start", "end", "time"].map(|name| named(name, Type::TIMESTAMP));
    let columns = [&keyed[..], &[named("result", Type::INT)], &times].concat();
    let time = columns.len() - 1;
    let breaker = Breaker::WindowAggregate(WindowAggregate { window, keys, aggregates: vec![call] });
    (NodeKind::Breaker(Arc::new(breaker)), Schema::append_only(columns, time))
}

/// `window tumbling 10s group by auction select auction, sum(price) as s top 10 by s desc`.
fn top() -> Box<dyn Operator> {
    let sum = AggregateCall::new(AggregateFunction::Sum, vec![(1, Type::INT)], Type::INT);
    let (window, schema) = window(vec![0], sum);
    let by = vec![SortKey { column: 1, descending: true }];
    let sort = SortWindow {
        start: 2,
        end: 3,
        of: vec![],
        is_timed_by_window: true,
        per: vec![],
        by,
        limit: Some(10),
    };
    let columns = [schema.columns.clone(), vec![named("time", Type::TIMESTAMP)]].concat();
    let sorted = Schema::append_only(columns, 5);
    chain(vec![(window, schema), (NodeKind::Breaker(Arc::new(Breaker::SortWindow(sort))), sorted)])
}

fn count_distinct(column: usize) -> AggregateCall {
    AggregateCall::new(AggregateFunction::CountDistinct, vec![(column, Type::INT)], Type::INT)
}

/// `window tumbling 10s select count(distinct auction)`.
fn distinct_keys() -> Box<dyn Operator> {
    chain(vec![window(vec![], count_distinct(0))])
}

/// `window tumbling 10s group by auction select auction, count(distinct price)`.
fn distinct_prices() -> Box<dyn Operator> {
    chain(vec![window(vec![0], count_distinct(1))])
}
