//! Keyed tumbling windows of 10 s: count, sum and maximum per key, columns in, rows out.
//!
//! The engine also sorts the groups of a window by key and makes batches of them, which the limit
//! does not: with few rows a key that is most of the difference.

use crate::data::Bids;
use crate::limits::tumbling::{Table, checksum};
use crate::measure::{Cpu, Effort, Job, compare};
use crate::single::{Single, ints, named, rounds, step};
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::flow::{self, Breaker, WindowAggregate, WindowAssigner};
use millstream_ir::types::Type;
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::operator::Operator;
use millstream_runtime::workers::Workers;

const WINDOW: i64 = 10_000_000;
const ROWS: usize = 4_000_000;

pub fn measure(effort: &Effort) {
    run(effort, "tumbling, 1 k keys", 1000, 4 * WINDOW, 1 << 12);
    run(effort, "tumbling, 100 k keys", 100_000, 4 * WINDOW, 1 << 18);
    run(effort, "tumbling, 5 M keys drawn in 1 window", 5_000_000, WINDOW, 1 << 23);
}

fn run(effort: &Effort, name: &str, keys: u64, span: i64, capacity: usize) {
    let n_rows = effort.of(ROWS);
    let bids = Bids::new(n_rows, keys, span);
    let mut table = Table::new(capacity);
    let limit = || {
        let (mut sum, mut first) = (0u64, 0);
        while first < n_rows {
            let window = bids.time[first] / WINDOW;
            let mut end = (first + BATCH_ROWS).min(n_rows);
            end = first + bids.time[first..end].partition_point(|t| t / WINDOW == window);
            table.add(&bids.auction[first..end], &bids.price[first..end]);
            if bids.time.get(end).is_none_or(|t| t / WINDOW != window) {
                sum = sum.wrapping_add(table.close());
            }
            first = end;
        }
        sum
    };
    let mut rounds = rounds(&bids, effort.rounds + 1, span).into_iter();
    let mut operator = compile(WindowAssigner::Tumbling { size: WINDOW, offset: 0 }, true, &Workers::alone());
    let mut end = bids.time[0];
    let engine = || {
        let mut sum = 0u64;
        let mut step =
            |message| step(&mut *operator, message, |batch| sum = sum.wrapping_add(checksum_of(batch, true)));
        for batch in rounds.next().expect("a round's batches") {
            let last = ints(&batch, 2).last().copied().unwrap_or_default();
            step(Message::Batch(batch));
            step(Message::Watermark(Watermark(last)));
        }
        // Closes the last window of the round.
        end += span;
        step(Message::Watermark(Watermark(end)));
        sum
    };
    let job = Job { name, n_events: n_rows, cpu: Cpu::Thread, target: 2.0 };
    compare(effort, job, limit, engine);
}

/// Of the rows of a window; without a key, as of key 0.
pub fn checksum_of(batch: &Batch, is_keyed: bool) -> u64 {
    let first = is_keyed as usize;
    let [counts, sums, maxima] = [first, first + 1, first + 2].map(|column| ints(batch, column));
    let keys = if is_keyed { ints(batch, 0) } else { &[] };
    let key = |row: usize| keys.get(row).copied().unwrap_or(0);
    (0..batch.n_rows)
        .fold(0, |sum: u64, row| sum.wrapping_add(checksum(key(row), counts[row], sums[row], maxima[row])))
}

/// `window … [group by auction] select auction, count(), sum(price), max(price)`.
pub fn compile(window: WindowAssigner, is_keyed: bool, workers: &Workers) -> Box<dyn Operator> {
    let of_price = |function| AggregateCall::new(function, vec![(1, Type::INT)], Type::INT);
    let aggregates = vec![
        AggregateCall::new(AggregateFunction::Count, vec![], Type::INT),
        of_price(AggregateFunction::Sum),
        of_price(AggregateFunction::Maximum),
    ];
    let mut columns: Vec<flow::Column> = is_keyed.then(|| named("auction", Type::INT)).into_iter().collect();
    columns.extend(["count", "sum", "max"].map(|name| named(name, Type::INT)));
    columns.extend(["start", "end", "time"].map(|name| named(name, Type::TIMESTAMP)));
    let keys = if is_keyed { vec![0] } else { vec![] };
    let breaker = Breaker::WindowAggregate(WindowAggregate { window, keys, aggregates });
    Single { breaker, time: columns.len() - 1, columns, workers: workers.clone() }.build()
}
