//! One operator by itself: batches of columns in, batches out.

use crate::data::Bids;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::engine::Engine;
use millstream_ir::flow::{self, Breaker, Flow, Join, Node, NodeId, NodeKind, OnError, Schema};
use millstream_ir::types::Type;
use millstream_jit::Jit;
use millstream_runtime::message::Message;
use millstream_runtime::op;
use millstream_runtime::op::table::store::Stores;
use millstream_runtime::operator::{Operator, Output};
use millstream_runtime::workers::Workers;
use std::sync::Arc;

/// What reads bids and makes rows of the columns added.
pub struct Single {
    pub breaker: Breaker,
    /// Names and types of what its rows have; the bids' own columns are named by [`bids`].
    pub columns: Vec<flow::Column>,
    /// Which of them is the event time.
    pub time: usize,
    pub workers: Workers,
}

impl Single {
    /// The operator, with the code that it runs.
    pub fn build(self) -> Box<dyn Operator> {
        let mut nodes = vec![node(None, Schema::append_only(bids(), 2), NodeKind::Union)];
        let schema = Schema::append_only(self.columns, self.time);
        nodes.push(node(Some(nodes.len() as u32 - 1), schema, NodeKind::Breaker(Arc::new(self.breaker))));
        let flow = Flow { nodes };
        let compiled = Jit.compile(&flow).expect("it compiles");
        let last = NodeId(flow.nodes.len() as u32 - 1);
        op::build(&flow, last, &*compiled, &self.workers, &mut Stores::default())
            .expect("a breaker is an operator")
    }
}

fn node(input: Option<u32>, schema: Schema, kind: NodeKind) -> Node {
    let inputs = input.map(NodeId).into_iter().collect();
    Node {
        name: "bids".into(),
        span: Default::default(),
        inputs,
        schema,
        kind,
        shared_with: vec![],
        on_error: OnError::Keep,
    }
}

/// `auction, price, time`.
pub fn bids() -> Vec<flow::Column> {
    vec![named("auction", Type::INT), named("price", Type::INT), named("time", Type::TIMESTAMP)]
}

pub fn named(name: &str, ty: Type) -> flow::Column {
    flow::Column { name: name.into(), ty, hidden: false }
}

/// Bids as batches, once for each round, each so much later than the one before: watermarks never return.
pub fn rounds(bids: &Bids, n: usize, apart: i64) -> Vec<Vec<Batch>> {
    let first: Vec<Batch> = batches(bids);
    let later = |batch: &Batch, by: i64| {
        let times = column(ints(batch, 2), by);
        Batch { columns: [&batch.columns[..2], &[times]].concat(), ..batch.clone() }
    };
    let round = |number: i64| first.iter().map(|batch| later(batch, number * apart)).collect();
    (0..n as i64).map(round).collect()
}

pub fn batches(bids: &Bids) -> Vec<Batch> {
    let part = |first: usize| {
        let rows = first..(first + BATCH_ROWS).min(bids.time.len());
        let columns = [&bids.auction, &bids.price, &bids.time].map(|of| column(&of[rows.clone()], 0));
        let origin = Origin { first: first as u64, ..Origin::default() };
        Batch { columns: columns.into(), n_rows: rows.len(), origin, late: vec![] }
    };
    (0..bids.time.len()).step_by(BATCH_ROWS).map(part).collect()
}

fn column(values: &[i64], add: i64) -> ColumnRef {
    let data = ColumnData::I64(values.iter().map(|value| value + add).collect());
    Arc::new(Column { data, validity: None })
}

/// The values of a column of ints or times.
pub fn ints(batch: &Batch, column: usize) -> &[i64] {
    match &batch.columns[column].data {
        ColumnData::I64(values) => values,
        _ => &[],
    }
}

/// Gives the operator a message and takes all batches that it answers.
pub fn step(operator: &mut dyn Operator, message: Message, mut take: impl FnMut(&Batch)) {
    let mut output = Output::default();
    operator.step(0, message, &mut output);
    loop {
        for message in output.messages.drain(..) {
            if let Message::Batch(batch) = message {
                take(&batch);
            }
        }
        if !std::mem::take(&mut output.more) {
            return;
        }
        operator.resume(&mut output);
    }
}

/// Operators behind each other, each with the schema of its rows; the first reads bids.
pub fn chain(parts: Vec<(NodeKind, Schema)>) -> Box<dyn Operator> {
    let mut nodes = vec![node(None, Schema::append_only(bids(), 2), NodeKind::Union)];
    for (kind, schema) in parts {
        nodes.push(node(Some(nodes.len() as u32 - 1), schema, kind));
    }
    let flow = Flow { nodes };
    let compiled = Jit.compile(&flow).expect("it compiles");
    let mut stores = Stores::default();
    let operator =
        |id| op::build(&flow, NodeId(id), &*compiled, &Workers::alone(), &mut stores).expect("an operator");
    Box::new(Chain((1..flow.nodes.len() as u32).map(operator).collect()))
}

/// A join of bids with bids.
pub fn joined(join: Join, schema: Schema) -> Box<dyn Operator> {
    let input = || node(None, Schema::append_only(bids(), 2), NodeKind::Late);
    let join =
        Node { inputs: vec![NodeId(0), NodeId(1)], ..node(None, schema, NodeKind::Join(Arc::new(join))) };
    let flow = Flow { nodes: vec![input(), input(), join] };
    let compiled = Jit.compile(&flow).expect("it compiles");
    op::build(&flow, NodeId(2), &*compiled, &Workers::alone(), &mut Stores::default()).expect("an operator")
}

struct Chain(Vec<Box<dyn Operator>>);

impl Operator for Chain {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        let mut messages = vec![message];
        for operator in &mut self.0 {
            let mut next = Output::default();
            messages.into_iter().for_each(|message| operator.step_to_end(input, message, &mut next));
            messages = next.messages;
        }
        output.messages.extend(messages);
    }
}
