//! Windows of which each row has its own: a sum or a maximum per event, columns in, rows out.

use crate::data::Bids;
use crate::limits::sliding::{Keyed, maxima, sums};
use crate::measure::{Cpu, Effort, Job, compare};
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::engine::Engine;
use millstream_ir::flow::{
    self, Breaker, Flow, Frame, FrameAggregate, Node, NodeId, NodeKind, OnError, Schema,
};
use millstream_ir::types::Type;
use millstream_jit::Jit;
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::op;
use millstream_runtime::operator::{Operator, Output};
use std::sync::Arc;

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
    let n_rows = bids.time.len();
    let column = |values: &[i64]| -> ColumnRef {
        let data = ColumnData::I64(values.iter().copied().collect());
        Arc::new(Column { data, validity: None })
    };
    let parts = (0..n_rows).step_by(BATCH_ROWS).map(|first| first..(first + BATCH_ROWS).min(n_rows));
    let batches: Vec<Batch> = parts
        .map(|part| Batch {
            n_rows: part.len(),
            origin: Origin { first: part.start as u64, ..Origin::default() },
            columns: [&bids.auction, &bids.price, &bids.time]
                .map(|values| column(&values[part.clone()]))
                .into(),
            late: vec![],
        })
        .collect();
    // Each round has its own, so that none begins with rows of the one before.
    let mut operators: Vec<Box<dyn Operator>> =
        (0..=effort.rounds).map(|_| compile(function, keys.clone(), size)).collect();
    let mut done = vec![];
    let engine = || {
        let mut operator = operators.pop().expect("one per round");
        let mut sum = 0u64;
        let mut output = Output::default();
        for batch in &batches {
            let ColumnData::I64(times) = &batch.columns[2].data else { continue };
            let last = times.last().copied().unwrap_or_default();
            operator.step(0, Message::Batch(batch.clone()), &mut output);
            operator.step(0, Message::Watermark(Watermark(last)), &mut output);
            for message in output.messages.drain(..) {
                if let Message::Batch(batch) = message
                    && let ColumnData::I64(results) = &batch.columns[3].data
                {
                    sum = results.iter().fold(sum, |sum, result| sum.wrapping_add(*result as u64));
                }
            }
        }
        done.push(operator);
        sum
    };
    compare(effort, Job { name, n_events: n_rows, cpu: Cpu::Thread, target: 2.0 }, limit, engine);
}

/// `window sliding SIZE [by auction] select *, sum(price)`.
fn compile(function: AggregateFunction, keys: Vec<usize>, size: i64) -> Box<dyn Operator> {
    let column = |name: &str, ty| flow::Column { name: name.into(), ty, hidden: false };
    let bids =
        vec![column("auction", Type::INT), column("price", Type::INT), column("time", Type::TIMESTAMP)];
    let call = AggregateCall {
        function,
        arguments: vec![(1, Type::INT)],
        parameter: None,
        filter: None,
        ignore_null: false,
        result: Type::INT,
        removable: true,
        user: None,
    };
    let node = |inputs, columns: Vec<flow::Column>, kind| Node {
        name: "bids".into(),
        span: Default::default(),
        inputs,
        schema: Schema::append_only(columns, 2),
        kind,
        on_error: OnError::Keep,
    };
    let frame = Frame::Sliding { size };
    let spec = FrameAggregate { frame, keys, aggregates: vec![call], has_bounds: false };
    let with_result = [bids.clone(), vec![column("result", Type::INT)]].concat();
    let flow = Flow {
        nodes: vec![
            node(vec![], bids.clone(), NodeKind::Union),
            node(vec![NodeId(0)], bids, NodeKind::Order),
            node(vec![NodeId(1)], with_result, NodeKind::Breaker(Arc::new(Breaker::Frame(spec)))),
        ],
    };
    let compiled = Jit.compile(&flow).expect("it compiles");
    op::build(&flow, NodeId(2), &*compiled, op::Crewing::ALONE).expect("a frame is an operator")
}
