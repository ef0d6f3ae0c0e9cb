//! Bids joined with a table of 100 k keys: as it stands, and as it stood while one row of it changes for every ten bids.

use crate::data::Random;
use crate::limits::look_up::{Change, Standing, Stood};
use crate::limits::ranked::row;
use crate::measure::Effort;
use crate::single::{bids, ints, named};
use crate::steady::Steady;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::engine::Engine;
use millstream_ir::flow::{
    Breaker, Flow, Join, JoinKind, Node, NodeId, NodeKind, OnError, Partners, Reading, Schema, Table, Version,
};
use millstream_ir::types::Type;
use millstream_jit::Jit;
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::op;
use millstream_runtime::op::table::store::Stores;
use millstream_runtime::operator::{Operator, Output};
use millstream_runtime::workers::Workers;
use std::collections::VecDeque;
use std::sync::Arc;

const N_KEYS: usize = 100_000;
const N_ROUND: usize = 1_000_000;
const SPAN: i64 = 10_000_000;

pub fn measure(effort: &Effort) {
    let stream = Steady::new(effort, N_ROUND, N_ROUND, N_KEYS as u64, SPAN);
    let mut random = Random(5);
    let keys: Vec<i64> = (0..N_KEYS as i64).map(|key| 1000 + key).collect();
    let values: Vec<i64> = keys.iter().map(|_| random.below(1_000_000) as i64).collect();
    let limit = Standing::new(1 << 18, &keys, &values);
    let engine = Joined::new(Version::AsItStands, &keys, &values, &[]);
    stream.compare("look-up by key, 100 k", Box::new(engine), checksum, |bids, events| {
        limit.of(&bids.auction, events)
    });
    let mut change =
        |time: &i64| (*time, keys[random.below(N_KEYS as u64) as usize], random.below(1_000_000) as i64);
    let mut of_batch = |times: &[i64]| -> Vec<Change> { times.iter().step_by(10).map(&mut change).collect() };
    let changes: Vec<Vec<Change>> = stream.bids.time.chunks(BATCH_ROWS).map(&mut of_batch).collect();
    let engine = Joined::new(Version::AsOf { at: 2, ahead: 0, max_age: None }, &keys, &values, &changes);
    let mut limit = Stood::new(1 << 18, &keys, &values, changes);
    stream.compare("look-up as of a time, 100 k", Box::new(engine), checksum, |bids, events| {
        limit.of(&bids.auction, &bids.time, events)
    });
}

/// Columns: those of the bid, those of the table, the time.
fn checksum(batch: &Batch) -> u64 {
    let rows = ints(batch, 0).iter().zip(ints(batch, 4));
    rows.fold(0, |sum, (key, value)| sum.wrapping_add(row(*key, *value)))
}

/// A table and a join of bids with it. The changes of the table come ahead of each batch of bids.
struct Joined {
    table: Box<dyn Operator>,
    join: Box<dyn Operator>,
    changes: VecDeque<Batch>,
}

impl Joined {
    fn new(version: Version, keys: &[i64], values: &[i64], changes: &[Vec<Change>]) -> Joined {
        let reading = match version {
            Version::AsOf { .. } => Reading::AsOf,
            Version::AsItStands => Reading::AsItStands,
        };
        let of_table =
            vec![named("key", Type::INT), named("value", Type::INT), named("time", Type::TIMESTAMP)];
        let joined = [bids(), of_table.clone(), vec![named("time", Type::TIMESTAMP)]].concat();
        let node = |inputs: &[u32], columns: Vec<_>, kind| Node {
            name: "bids".into(),
            span: Default::default(),
            inputs: inputs.iter().copied().map(NodeId).collect(),
            schema: Schema { time: columns.len() - 1, ..Schema::append_only(columns, 0) },
            kind,
            shared_with: vec![],
            on_error: OnError::Keep,
        };
        let table = Breaker::Table(Table { key: vec![0], change: None, reading, takes_changes: false });
        let join = Join {
            kind: JoinKind::Inner,
            keys: vec![(0, 0)],
            partners: Partners::Table(version),
            condition: None,
            leaving: [None, None],
        };
        let flow = Flow {
            nodes: vec![
                node(&[], bids(), NodeKind::Union),
                node(&[], of_table.clone(), NodeKind::Union),
                node(&[1], of_table, NodeKind::Breaker(Arc::new(table))),
                node(&[0, 2], joined, NodeKind::Join(Arc::new(join))),
            ],
        };
        let compiled = Jit.compile(&flow).expect("it compiles");
        let mut stores = Stores::default();
        let mut operator = |id| {
            op::build(&flow, NodeId(id), &*compiled, &Workers::alone(), &mut stores).expect("an operator")
        };
        let (table, join) = (operator(2), operator(3));
        let mut made =
            Joined { table, join, changes: changes.iter().map(|changes| batch_of(changes)).collect() };
        let first: Vec<Change> = keys.iter().zip(values).map(|(key, value)| (0, *key, *value)).collect();
        first.chunks(BATCH_ROWS).for_each(|rows| made.change(batch_of(rows), 0));
        made
    }

    fn change(&mut self, rows: Batch, until: i64) {
        self.table.step(0, Message::Batch(rows), &mut Output::default());
        let watermark = Message::Watermark(Watermark(until));
        self.table.step(0, watermark.clone(), &mut Output::default());
        self.join.step(1, watermark, &mut Output::default());
    }
}

impl Operator for Joined {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        if let Message::Batch(batch) = &message
            && let Some(changes) = self.changes.pop_front()
        {
            let last = ints(batch, 2).last().copied().unwrap_or_default();
            self.change(changes, last + 1);
        }
        self.join.step(0, message, output);
    }
}

fn batch_of(changes: &[Change]) -> Batch {
    let column = |value: fn(&Change) -> i64| {
        let data = ColumnData::I64(changes.iter().map(value).collect());
        Arc::new(Column { data, validity: None })
    };
    let columns = vec![column(|c| c.1), column(|c| c.2), column(|c| c.0)];
    Batch { columns, n_rows: changes.len(), origin: Origin::default(), late: vec![] }
}
