//! Filter and project: a compiled segment beside hand-written loops, columns in, in cache.

use crate::data::Bids;
use crate::limits::filter::{Scratch, filter_project};
use crate::measure::{Cpu, Effort, Job, compare};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Bitmap, Column, ColumnData};
use millstream_ir::engine::{Engine, SegmentKernel};
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{Flow, Node, NodeId, NodeKind, OnError, Schema};
use millstream_ir::segment::{Clause, Segment, Step};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_jit::Jit;
use std::sync::Arc;

const LEAST: i64 = 5_000_000;
/// Rows that all caches hold, gone through this many times.
const ROWS: usize = 16 * BATCH_ROWS;
const TIMES: usize = 100;

pub fn measure(effort: &Effort) {
    let bids = Bids::new(ROWS, 100_000, 3_600_000_000);
    let plain = batches(&bids, 0);
    let some_null = batches(&bids, 100);
    run::<123>(effort, "filter, project 4 columns, 0.4 % pass", &bids, &plain, false);
    run::<2>(effort, "filter, project 4 columns, 25 % pass", &bids, &plain, false);
    run::<2>(effort, "same, columns that may be null, none is", &bids, &plain, true);
    let mut segment = compile(2, true);
    let mut kept = 0;
    let before = Cpu::Thread.nanos();
    let times = effort.of(TIMES);
    for _ in 0..times {
        kept += some_null.iter().map(|b| segment.run(b).batch.n_rows).sum::<usize>();
    }
    let nanos = (Cpu::Thread.nanos() - before) / (ROWS * times) as f64;
    println!("same, 1 % null: engine {nanos:.2} ns ({kept} rows)");
}

fn run<const M: u64>(effort: &Effort, name: &str, bids: &Bids, batches: &[Batch], nullable: bool) {
    let times = effort.of(TIMES);
    let mut scratch = Scratch::new(BATCH_ROWS);
    let mut segment = compile(M as i64, nullable);
    let limit = || {
        let mut sum = 0;
        for _ in 0..times {
            for first in (0..ROWS).step_by(BATCH_ROWS) {
                let cut = |column: &'static str| {
                    let column = match column {
                        "auction" => &bids.auction,
                        "bidder" => &bids.bidder,
                        "price" => &bids.price,
                        _ => &bids.time,
                    };
                    &column[first..first + BATCH_ROWS]
                };
                let columns = ["auction", "bidder", "price", "time"].map(cut);
                let n = filter_project::<M, LEAST>(columns, &mut scratch);
                sum += scratch.columns.iter().filter_map(|c| c.last()).sum::<i64>() as u64 + n as u64;
            }
        }
        sum
    };
    let engine = || {
        let mut sum = 0;
        for _ in 0..times {
            for batch in batches {
                let output = segment.run(batch).batch;
                let last = |c: &Arc<Column>| match &c.data {
                    ColumnData::I64(values) => values.last().copied(),
                    _ => None,
                };
                sum += output.columns.iter().filter_map(last).sum::<i64>() as u64 + output.n_rows as u64;
            }
        }
        sum
    };
    let job = Job { name, n_events: ROWS * times, cpu: Cpu::Thread, target: 2.0 };
    compare(effort, job, limit, engine);
}

/// The bids in batches; of `nulls` rows about one is null, in each column.
fn batches(bids: &Bids, nulls: usize) -> Vec<Batch> {
    let columns = [&bids.auction, &bids.bidder, &bids.price, &bids.time];
    let cut = |first: usize| {
        let column = |(i, values): (usize, &&Vec<i64>)| {
            let validity = (nulls > 0).then(|| {
                let mut bitmap = Bitmap::filled(true, BATCH_ROWS);
                (i..BATCH_ROWS).step_by(nulls).for_each(|row| bitmap.set(row, false));
                bitmap
            });
            let data = ColumnData::I64(values[first..first + BATCH_ROWS].iter().copied().collect());
            Arc::new(Column { data, validity })
        };
        let columns = columns.iter().enumerate().map(column).collect();
        Batch { columns, n_rows: BATCH_ROWS, origin: Origin::default(), late: vec![] }
    };
    (0..ROWS).step_by(BATCH_ROWS).map(cut).collect()
}

fn compile(divisor: i64, nullable: bool) -> Box<dyn SegmentKernel> {
    let int = Type::INT.or_null(nullable);
    let of = |kind, ty: &Type| Expr::new(kind, ty.clone(), Default::default());
    let column = |i| of(ExprKind::Column(i), &int);
    let literal = |x| of(ExprKind::Literal(Value::Int(x)), &Type::INT);
    let binary = |op, a: Expr, b: Expr, ty: &Type| of(ExprKind::Binary(op, a.into(), b.into()), ty);
    let boolean = Type::BOOL.or_null(nullable);
    let dear = binary(BinaryOp::Greater, column(2), literal(LEAST), &boolean);
    let rest = binary(BinaryOp::Remainder, column(0), literal(divisor), &int);
    let chosen = binary(BinaryOp::Equal, rest, literal(0), &boolean);
    let condition = of(ExprKind::And(dear.into(), chosen.into()), &boolean);
    let euros = binary(BinaryOp::Multiply, column(2), literal(908), &int);
    let euros = binary(BinaryOp::Divide, euros, literal(1000), &int);
    let millis = binary(BinaryOp::Divide, column(3), literal(1000), &int);
    let clause = Arc::new(Clause { span: Default::default(), row: vec![] });
    let segment = Segment {
        inputs: vec![int.clone(); 4],
        steps: vec![
            Step::Filter { condition, clause: clause.clone() },
            Step::Let { value: euros, clause: clause.clone() },
            Step::Let { value: millis, clause },
        ],
        outputs: vec![0, 1, 4, 5],
    };
    let node = Node {
        name: "filter".into(),
        span: Default::default(),
        inputs: vec![],
        schema: Schema::default(),
        kind: NodeKind::Segment(Arc::new(segment)),
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    let compiled = Jit.compile(&Flow { nodes: vec![node] }).expect("it compiles");
    compiled.segment(NodeId(0)).expect("the node is a segment")
}
