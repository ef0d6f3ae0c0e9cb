//! Window aggregates of any rows, in any batches, by machine code and by the reference engine, agree with
//! a reference that is a few lines of maps.

mod support;

use millstream_ir::aggregate::AggregateCall;
use millstream_ir::aggregate::AggregateFunction::{self, *};
use millstream_ir::batch::{Batch, LateRow, Origin};
use millstream_ir::column::ColumnBuilder;
use millstream_ir::engine::{Compiled, Engine};
use millstream_ir::flow::{
    Breaker, Column, Flow, Keep, Node, NodeId, NodeKind, OnError, Schema, WindowAggregate, WindowAssigner,
};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_ir::window::CalendarUnit;
use millstream_jit::Jit;
use millstream_runtime::interp::{ReferenceEngine, reference_keyed_windows, reference_windows};
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::op;
use millstream_runtime::op::table::store::Stores;
use millstream_runtime::operator::{Operator, Output};
use millstream_runtime::snapshot::{SnapshotReader, SnapshotWriter};
use millstream_runtime::watermark::WatermarkGenerator;
use millstream_runtime::workers::WorkerThreads;
use proptest::prelude::*;
use std::sync::Arc;

/// A source of rows of these types, the last of which is the event time, and its window aggregate.
fn flow(types: &[Type], spec: &WindowAggregate) -> Flow {
    let column = |name: &str, ty: &Type| Column { name: name.into(), ty: ty.clone(), hidden: false };
    let input: Vec<Column> = types.iter().map(|ty| column("c", ty)).collect();
    let mut output: Vec<Column> = spec.keys.iter().map(|k| input[*k].clone()).collect();
    output.extend(spec.aggregates.iter().map(|a| column("a", &a.result)));
    output.extend(["start", "end"].map(|name| column(name, &Type::TIMESTAMP)));
    output.extend(spec.window.is_of_rows().then(|| column("number", &Type::INT)));
    output.push(column("time", &Type::TIMESTAMP));
    let node = |inputs, columns: Vec<Column>, kind| Node {
        name: "n".into(),
        span: Default::default(),
        inputs,
        schema: Schema::append_only(columns.clone(), columns.len() - 1),
        kind,
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    let window = NodeKind::Breaker(Arc::new(Breaker::WindowAggregate(spec.clone())));
    let mut nodes = vec![node(vec![], input.clone(), NodeKind::Union)];
    if spec.window.needs_order() {
        nodes.push(node(vec![NodeId(0)], input, NodeKind::Order));
    }
    nodes.push(node(vec![NodeId(nodes.len() as u32 - 1)], output, window));
    Flow { nodes }
}

fn batch(types: &[Type], rows: &[Vec<Value>], first: u64, late: Vec<LateRow>) -> Batch {
    let column = |i: usize| {
        let mut column = ColumnBuilder::new(&types[i]);
        rows.iter().for_each(|row| column.push(&row[i]));
        Arc::new(column.finish())
    };
    let columns = (0..types.len()).map(column).collect();
    Batch { columns, n_rows: rows.len(), origin: Origin { first, ..Origin::default() }, late }
}

struct Answer {
    rows: Vec<Vec<Value>>,
    n_failed: usize,
    n_late: u64,
}

/// Mostly one worker: threads cost more than these few rows.
fn workers() -> impl Strategy<Value = usize> {
    prop_oneof![9 => Just(1), 1 => 2usize..4]
}

/// How rows are fed.
#[derive(Debug)]
struct Feed<'a> {
    disorder: i64,
    /// Of the batches, over and over; a watermark follows each batch.
    sizes: &'a [usize],
    /// Whether a new operator takes over after each.
    restores: bool,
    workers: usize,
}

/// The operators behind the source, one after the other.
struct Chain<'a> {
    flow: &'a Flow,
    compiled: Box<dyn Compiled>,
    threads: WorkerThreads,
    operators: Vec<Box<dyn Operator>>,
    /// What the last gives, and what all leave out.
    output: Output,
}

impl<'a> Chain<'a> {
    fn new(engine: &dyn Engine, flow: &'a Flow, workers: usize) -> Chain<'a> {
        let compiled = engine.compile(flow).expect("a window aggregate compiles");
        let threads = WorkerThreads::start_eager(workers);
        let mut chain = Chain { flow, compiled, threads, operators: vec![], output: Output::default() };
        chain.operators = chain.built();
        chain
    }

    fn built(&self) -> Vec<Box<dyn Operator>> {
        let ids = self.flow.ids().skip(1);
        ids.map(|id| {
            op::build(self.flow, id, &*self.compiled, self.threads.workers(), &mut Stores::default())
                .expect("an operator")
        })
        .collect()
    }

    fn step(&mut self, message: Message) {
        let mut messages = vec![message];
        for operator in &mut self.operators {
            let mut output = Output::default();
            messages.drain(..).for_each(|message| operator.step_to_end(0, message, &mut output));
            messages = std::mem::take(&mut output.messages);
            self.output.failures.append(&mut output.failures);
            self.output.n_late_left_out += output.n_late_left_out;
        }
        self.output.messages.append(&mut messages);
    }

    /// New operators go on from the snapshots of those before.
    fn restore(&mut self) {
        for (operator, mut new) in std::mem::take(&mut self.operators).into_iter().zip(self.built()) {
            let mut writer = SnapshotWriter::default();
            operator.snapshot(&mut writer);
            let bytes = writer.finish();
            let mut reader = SnapshotReader::new(&bytes);
            new.restore(&mut reader).expect("its own snapshot");
            reader.finish().expect("all of it is read");
            self.operators.push(new);
        }
    }
}

fn run(engine: &dyn Engine, flow: &Flow, rows: &[Vec<Value>], feed: &Feed) -> Answer {
    let types = flow.nodes[0].schema.types();
    let mut chain = Chain::new(engine, flow, feed.workers);
    let mut generator = WatermarkGenerator::new(feed.disorder);
    let (mut first, mut sizes) = (0, feed.sizes.iter().cycle());
    while first < rows.len() {
        let n = sizes.next().copied().unwrap_or(1).clamp(1, rows.len() - first);
        let part = &rows[first..first + n];
        let times: Vec<i64> = part.iter().map(|row| time_of(row)).collect();
        let mut late = vec![];
        generator.observe(&times, 0, &mut late);
        chain.step(Message::Batch(batch(&types, part, first as u64, late)));
        chain.step(Message::Watermark(generator.watermark()));
        first += n;
        if feed.restores {
            chain.restore();
        }
    }
    chain.step(Message::Watermark(Watermark::END));
    let types = flow.nodes[flow.nodes.len() - 1].schema.types();
    let mut rows: Vec<Vec<Value>> = vec![];
    let mut watermark = Watermark::START;
    for message in &chain.output.messages {
        match message {
            Message::Batch(batch) => {
                let columns = || batch.columns.iter().zip(&types);
                let first = rows.len();
                rows.extend((0..batch.n_rows).map(|row| columns().map(|(c, ty)| c.value(row, ty)).collect()));
                assert!(rows[first..].iter().all(|row| time_of(row) >= watermark.0), "behind {watermark:?}");
            }
            Message::Watermark(next) => {
                assert!(*next >= watermark);
                watermark = *next;
            }
        }
    }
    assert_eq!(watermark, Watermark::END);
    Answer { rows, n_failed: chain.output.failures.len(), n_late: chain.output.n_late_left_out }
}

fn time_of(row: &[Value]) -> i64 {
    match row.last() {
        Some(Value::Timestamp(t)) => *t,
        other => panic!("{other:?} is no time"),
    }
}

fn call(function: AggregateFunction, argument: Option<(usize, Type)>, result: Type) -> AggregateCall {
    AggregateCall::new(function, argument.into_iter().collect(), result)
}

/// Every type of key and argument, with nulls; the last column is the event time.
fn mixed_types() -> Vec<Type> {
    vec![
        Type::INT.nullable(),
        Type::STRING.nullable(),
        Type::FLOAT.nullable(),
        Type::decimal(2).nullable(),
        Type::BOOL.nullable(),
        Type::list(Type::INT),
        Type::BOOL.nullable(),
        Type::TIMESTAMP,
    ]
}

fn mixed_row() -> impl Strategy<Value = Vec<Value>> {
    let text =
        prop_oneof![Just("a"), Just(""), Just("a text longer than a view"), Just("a text longer than this")];
    let float = prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(f64::NAN),
        Just(1e300),
        Just(-1e300),
        Just(0.1),
        Just(-1e-300),
        Just(f64::INFINITY),
        -10.0..10.0f64,
    ];
    let decimal =
        prop_oneof![-5i128..5, Just(10i128.pow(37)), Just(-(10i128.pow(37))), Just(9 * 10i128.pow(37))];
    (
        prop::option::weighted(0.8, prop_oneof![-3i64..3, Just(i64::MAX)]),
        prop::option::weighted(0.8, text),
        prop::option::weighted(0.8, float),
        prop::option::weighted(0.8, decimal),
        prop::option::weighted(0.8, any::<bool>()),
        prop::collection::vec(0i64..2, 0..3),
        prop::option::weighted(0.8, any::<bool>()),
        -20i64..20,
    )
        .prop_map(|(int, text, float, decimal, bool, list, filter, jitter)| {
            vec![
                int.map_or(Value::Null, Value::Int),
                text.map_or(Value::Null, Value::string),
                float.map_or(Value::Null, Value::Float),
                decimal.map_or(Value::Null, Value::Decimal),
                bool.map_or(Value::Null, Value::Bool),
                Value::List(list.into_iter().map(Value::Int).collect()),
                filter.map_or(Value::Null, Value::Bool),
                Value::Timestamp(jitter),
            ]
        })
}

fn mixed_calls() -> Vec<AggregateCall> {
    let types = mixed_types();
    let mut calls = vec![call(Count, None, Type::INT)];
    for (column, ty) in types.iter().enumerate().take(6) {
        let argument = Some((column, ty.clone()));
        let functions: &[AggregateFunction] = match column {
            0 | 2 | 3 => {
                &[Count, Sum, Average, Minimum, Maximum, First, Last, Collect, CountDistinct, CollectDistinct]
            }
            4 => &[Any, All, Minimum, Maximum, First, CountDistinct],
            _ => &[Count, Minimum, Maximum, First, Last, Collect, CountDistinct, CollectDistinct],
        };
        for function in functions {
            let result = match function {
                Count | CountDistinct => Type::INT,
                Average if column == 3 => Type::decimal(8).nullable(),
                Average => Type::FLOAT.nullable(),
                Collect | CollectDistinct => Type::list(ty.clone()),
                _ => ty.clone().nullable(),
            };
            calls.push(call(*function, argument.clone(), result));
        }
    }
    calls
}

/// Windows that a time decides on.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Tumbling,
    Hopping,
    Cumulative,
    Calendar,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Tumbling, Kind::Hopping, Kind::Cumulative, Kind::Calendar];

    fn assigner(self, size: i64, every: i64, offset: i64) -> WindowAssigner {
        match self {
            Kind::Tumbling => WindowAssigner::Tumbling { size, offset },
            Kind::Hopping => WindowAssigner::Hopping { size, every, offset },
            Kind::Cumulative => WindowAssigner::Cumulative { size, every, offset },
            // Rows lie microseconds apart, on both sides of an hour.
            Kind::Calendar => {
                WindowAssigner::Calendar { unit: CalendarUnit::Hour, zone: "Europe/Paris".into(), offset }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: support::cases(2_000) as u32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_rows_in_any_batches_give_the_answer_of_the_reference(
        mut rows in prop::collection::vec(mixed_row(), 1..60),
        keys in prop::collection::vec(0usize..6, 0..4),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<bool>()), 1..6),
        sizes in prop::collection::vec(1usize..20, 1..4),
        (size, every, offset, disorder) in (1i64..50, 1i64..60, -60i64..60, 0i64..40),
        (kind, restores) in (prop::sample::select(Kind::ALL.to_vec()), any::<bool>()),
        workers in workers(),
    ) {
        for (i, row) in rows.iter_mut().enumerate() {
            if let Some(Value::Timestamp(t)) = row.last_mut() {
                *t += 3 * i as i64;
            }
        }
        let types = mixed_types();
        let calls = mixed_calls();
        let aggregates = picks.iter().map(|(pick, filter, ignore_null)| {
            let call = pick.get(&calls).clone();
            AggregateCall { filter: filter.then_some(6), ignore_null: *ignore_null, ..call }
        });
        let window = kind.assigner(size, every, offset);
        let spec = WindowAggregate { window, keys, aggregates: aggregates.collect() };

        let times: Vec<i64> = rows.iter().map(|row| time_of(row)).collect();
        let mut late = vec![];
        WatermarkGenerator::new(disorder).observe(&times, 0, &mut late);
        let in_time = rows.iter().enumerate().filter(|(i, _)| late.iter().all(|late| late.row as usize != *i));
        let in_time: Vec<Vec<Value>> = in_time.map(|(_, row)| row.clone()).collect();
        let (expected, n_failed) = reference_windows(&spec, &in_time);
        let flow = flow(&types, &spec);
        for engine in [&Jit as &dyn Engine, &ReferenceEngine] {
            let answer = run(engine, &flow, &rows, &Feed { disorder, sizes: &sizes, restores, workers });
            prop_assert_eq!(&answer.rows, &expected);
            prop_assert_eq!(answer.n_failed, n_failed);
            prop_assert_eq!(answer.n_late as usize, late.len());
        }
    }

    #[test]
    fn windows_of_each_key_are_those_of_the_reference(
        mut rows in prop::collection::vec(mixed_row(), 1..60),
        keys in prop::collection::vec(0usize..6, 0..4),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<bool>()), 1..4),
        sizes in prop::collection::vec(1usize..20, 1..4),
        (gap, max, disorder) in (1i64..20, prop::option::of(1i64..60), 0i64..40),
        (which, restores, n_by) in (0..3, any::<bool>(), 0usize..4),
        workers in workers(),
    ) {
        for (i, row) in rows.iter_mut().enumerate() {
            if let Some(Value::Timestamp(t)) = row.last_mut() {
                *t += 3 * i as i64;
            }
        }
        // Of a row the time until which its group lasts; some have passed before the row.
        let mut types = mixed_types();
        types.insert(7, Type::TIMESTAMP);
        for row in &mut rows {
            let offset = match row[0] {
                Value::Int(i) => i.rem_euclid(7) * 4 - 3,
                _ => 15,
            };
            let until = time_of(row) + offset;
            row.insert(7, Value::Timestamp(until));
        }
        let calls = mixed_calls();
        let aggregates = picks.iter().map(|(pick, filter, ignore_null)| {
            let call = pick.get(&calls).clone();
            AggregateCall { filter: filter.then_some(6), ignore_null: *ignore_null, ..call }
        });
        let by: Vec<usize> = (0..keys.len()).take(n_by).collect();
        let window = match which {
            0 => WindowAssigner::Session { gap, max, by },
            1 => WindowAssigner::Rows { count: gap as u64 / 3 + 1, keep: max.map_or(Keep::Forever, Keep::Expire), by },
            _ => WindowAssigner::Until { column: 7 },
        };
        let spec = WindowAggregate { window, keys, aggregates: aggregates.collect() };

        let times: Vec<i64> = rows.iter().map(|row| time_of(row)).collect();
        let mut late = vec![];
        WatermarkGenerator::new(disorder).observe(&times, 0, &mut late);
        let in_time = rows.iter().enumerate().filter(|(i, _)| late.iter().all(|late| late.row as usize != *i));
        let in_time: Vec<Vec<Value>> = in_time.map(|(_, row)| row.clone()).collect();
        let (expected, n_failed, n_late) = reference_keyed_windows(&spec, &in_time);
        let flow = flow(&types, &spec);
        let mut answer = run(&Jit, &flow, &rows, &Feed { disorder, sizes: &sizes, restores, workers });
        if which == 1 {
            // Windows of rows leave with their last row, those that are not full at the end.
            let again = run(&Jit, &flow, &rows, &Feed { disorder, sizes: &[1000], restores: false, workers: 1 });
            prop_assert_eq!(&answer.rows, &again.rows);
            let n = spec.keys.len() + spec.aggregates.len();
            // The number of the window, which the reference does not give.
            answer.rows.iter_mut().for_each(|row| drop(row.remove(n + 2)));
            answer.rows.sort_by(|a, b| {
                let place = |row: &[Value]| (row[n + 2].clone(), row[n].clone(), row[..spec.keys.len()].to_vec());
                place(a).cmp(&place(b))
            });
        }
        prop_assert_eq!(&answer.rows, &expected);
        prop_assert_eq!(answer.n_failed, n_failed);
        prop_assert_eq!(answer.n_late as usize, late.len() + n_late);
    }

    /// With one key of ints, and aggregates that are sums, counts and extremes of ints, rows are added as they are
    /// looked up; and of many keys those are forgotten whose sessions have ended.
    #[test]
    fn sessions_of_ints_are_those_of_the_reference(
        rows in prop::collection::vec((0i64..12, -9i64..9, 0i64..8, prop::bool::weighted(0.2)), 1..150),
        (n_copies, same_keys) in (prop_oneof![3 => 1i64..3, 1 => 200i64..400], any::<bool>()),
        picks in prop::collection::vec(0usize..4, 1..5),
        sizes in prop::collection::vec(1usize..200, 1..4),
        (gap, disorder) in (1i64..40, 0i64..60),
        restores in any::<bool>(),
    ) {
        let types = [Type::INT, Type::INT, Type::TIMESTAMP];
        let mut time = 0;
        let mut all = vec![];
        // Copies of few rows are many rows.
        for copy in 0..n_copies {
            for (key, value, wait, is_late) in rows.iter().take(if n_copies > 3 { 12 } else { 150 }) {
                time += wait;
                let key = key + if same_keys { 0 } else { copy * 12 };
                let at = if *is_late { time - disorder / 2 } else { time };
                all.push(vec![Value::Int(key), Value::Int(value * copy), Value::Timestamp(at)]);
            }
        }
        let calls = [Count, Sum, Minimum, Maximum].map(|function| match function {
            Count => AggregateCall::new(function, vec![], Type::INT),
            _ => AggregateCall::new(function, vec![(1, Type::INT)], Type::INT),
        });
        let aggregates = picks.iter().map(|pick| calls[*pick].clone()).collect();
        let window = WindowAssigner::Session { gap, max: None, by: vec![0] };
        let spec = WindowAggregate { window, keys: vec![0], aggregates };

        let (expected, n_failed, n_late) = reference_keyed_windows(&spec, &all);
        let flow = flow(&types, &spec);
        // Restoring takes long where there are many keys.
        let restores = restores && n_copies <= 3;
        let answer = run(&Jit, &flow, &all, &Feed { disorder, sizes: &sizes, restores, workers: 1 });
        prop_assert_eq!(&answer.rows, &expected);
        prop_assert_eq!(answer.n_failed, n_failed);
        prop_assert_eq!(answer.n_late as usize, n_late);
    }
}
