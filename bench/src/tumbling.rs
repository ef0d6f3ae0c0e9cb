//! Keyed tumbling windows of 10 s: count, sum and maximum per key, columns in, rows out.
//!
//! The engine also sorts the groups of a window by key and makes batches of them, which the limit
//! does not: with few rows a key that is most of the difference.

use crate::data::Bids;
use crate::limits::tumbling::{Table, checksum};
use crate::measure::{Cpu, Effort, Job, compare};
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::engine::Engine;
use millstream_ir::flow::{
    self, Breaker, Flow, Node, NodeId, NodeKind, OnError, Schema, WindowAggregate, WindowAssigner,
};
use millstream_ir::types::Type;
use millstream_jit::Jit;
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::op;
use millstream_runtime::operator::{Operator, Output};
use std::sync::Arc;

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
    // Watermarks never return, so each round has later times.
    let column = |values: &[i64], add: i64| -> ColumnRef {
        let data = ColumnData::I64(values.iter().map(|value| value + add).collect());
        Arc::new(Column { data, validity: None })
    };
    let parts = || (0..n_rows).step_by(BATCH_ROWS).map(|first| first..(first + BATCH_ROWS).min(n_rows));
    let shared: Vec<[ColumnRef; 2]> =
        parts().map(|part| [column(&bids.auction[part.clone()], 0), column(&bids.price[part], 0)]).collect();
    let mut times = (0..=effort.rounds as i64)
        .map(|round| parts().map(|part| column(&bids.time[part], round * span)).collect::<Vec<_>>())
        .collect::<Vec<_>>()
        .into_iter();
    let mut operator =
        compile(WindowAssigner::Tumbling { size: WINDOW, offset: 0 }, true, op::Crewing::ALONE);
    let engine = || {
        let mut sum = 0u64;
        let mut step = |message| {
            let mut output = Output::default();
            operator.step(0, message, &mut output);
            loop {
                for message in output.messages.drain(..) {
                    if let Message::Batch(batch) = message {
                        sum = sum.wrapping_add(checksum_of(&batch, true));
                    }
                }
                if !std::mem::take(&mut output.more) {
                    return;
                }
                operator.resume(&mut output);
            }
        };
        for ([auction, price], time) in shared.iter().zip(times.next().expect("a round's times")) {
            let ColumnData::I64(known) = &time.data else { continue };
            let (n_in_batch, last) = (known.len(), known.last().copied());
            let columns = vec![auction.clone(), price.clone(), time];
            step(Message::Batch(Batch {
                columns,
                n_rows: n_in_batch,
                origin: Origin::default(),
                late: vec![],
            }));
            step(Message::Watermark(Watermark(last.unwrap_or_default())));
        }
        // Closes the last window of the round.
        let round = effort.rounds as i64 - times.len() as i64;
        step(Message::Watermark(Watermark(bids.time[0] + (round + 1) * span)));
        sum
    };
    let job = Job { name, n_events: n_rows, cpu: Cpu::Thread, target: 2.0 };
    compare(effort, job, limit, engine);
}

/// Of the rows of a window; without a key, as of key 0.
pub fn checksum_of(batch: &Batch, is_keyed: bool) -> u64 {
    let values = |column: usize| match &batch.columns[column].data {
        ColumnData::I64(values) => &**values,
        _ => &[],
    };
    let first = is_keyed as usize;
    let [counts, sums, maxima] = [first, first + 1, first + 2].map(values);
    let keys = if is_keyed { values(0) } else { &[] };
    let key = |row: usize| keys.get(row).copied().unwrap_or(0);
    (0..batch.n_rows)
        .fold(0, |sum: u64, row| sum.wrapping_add(checksum(key(row), counts[row], sums[row], maxima[row])))
}

/// `window … [group by auction] select auction, count(), sum(price), max(price)`.
pub fn compile(window: WindowAssigner, is_keyed: bool, crewing: op::Crewing) -> Box<dyn Operator> {
    let column = |name: &str, ty| flow::Column { name: name.into(), ty, hidden: false };
    let bids =
        vec![column("auction", Type::INT), column("price", Type::INT), column("time", Type::TIMESTAMP)];
    let of_price = |function| AggregateCall {
        function,
        arguments: vec![(1, Type::INT)],
        parameter: None,
        filter: None,
        ignore_null: false,
        result: Type::INT,
        removable: false,
        user: None,
    };
    let aggregates = vec![
        AggregateCall { arguments: vec![], ..of_price(AggregateFunction::Count) },
        of_price(AggregateFunction::Sum),
        of_price(AggregateFunction::Maximum),
    ];
    let mut columns: Vec<flow::Column> = is_keyed.then(|| column("auction", Type::INT)).into_iter().collect();
    columns.extend(["count", "sum", "max"].map(|name| column(name, Type::INT)));
    columns.extend(["start", "end", "time"].map(|name| column(name, Type::TIMESTAMP)));
    let node = |inputs, columns: Vec<flow::Column>, kind| Node {
        name: "bids".into(),
        span: Default::default(),
        inputs,
        schema: Schema::append_only(columns.clone(), columns.len() - 1),
        kind,
        on_error: OnError::Keep,
    };
    let spec = Breaker::WindowAggregate(WindowAggregate {
        window,
        keys: if is_keyed { vec![0] } else { vec![] },
        aggregates,
    });
    let flow = Flow {
        nodes: vec![
            node(vec![], bids, NodeKind::Union),
            node(vec![NodeId(0)], columns, NodeKind::Breaker(Arc::new(spec))),
        ],
    };
    let compiled = Jit.compile(&flow).expect("it compiles");
    op::build(&flow, NodeId(1), &*compiled, crewing).expect("a window aggregate is an operator")
}
