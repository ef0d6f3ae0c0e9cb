//! The operator against a few lines of obviously correct code, on any rows, however they are cut into
//! batches, and with its state taken out and put back in between.

use super::*;
use millstream_ir::aggregate::AggregateFunction;
use millstream_ir::batch::Origin;
use millstream_ir::column::ColumnBuilder;
use millstream_ir::flow::{Column as FlowColumn, Keep, NodeKind, OnError};
use proptest::prelude::*;

/// Columns: key, number, float, text, filter, time; in the total order.
type Row = [Value; 6];

fn types() -> [Type; 6] {
    [
        Type::INT.nullable(),
        Type::INT.nullable(),
        Type::FLOAT,
        Type::STRING.nullable(),
        Type::BOOL.nullable(),
        Type::TIMESTAMP,
    ]
}

fn schema() -> Schema {
    let column = |ty| FlowColumn { name: "x".into(), ty, hidden: false };
    Schema { columns: types().map(column).into(), time: 5, sign: None, key: None }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let number = prop_oneof![8 => (-5i64..5).prop_map(Value::Int), 1 => Just(Value::Int(i64::MAX)), 2 => Just(Value::Null)];
    let float = prop_oneof![
        8 => (-4i64..4).prop_map(|x| Value::Float(x as f64 / 2.0)),
        1 => Just(Value::Float(1e300)),
        1 => Just(Value::Float(f64::NAN)),
        1 => Just(Value::Float(f64::INFINITY)),
    ];
    let text = prop_oneof![
        3 => (0u8..3).prop_map(|n| Value::string(format!("{n}"))),
        2 => Just(Value::string("a text that is longer than a view")),
        1 => Just(Value::Null),
    ];
    let key = prop_oneof![4 => (0i64..3).prop_map(Value::Int), 1 => Just(Value::Null)];
    let filter = prop_oneof![4 => any::<bool>().prop_map(Value::Bool), 1 => Just(Value::Null)];
    let row = (key, number, float, text, filter, prop_oneof![4 => 0i64..3, 1 => 5i64..30]);
    (-40i64..40, proptest::collection::vec(row, 0..50)).prop_map(|(start, rows)| {
        let mut now = start;
        let place = |(key, number, float, text, filter, gap)| {
            now += gap;
            [key, number, float, text, filter, Value::Timestamp(now)]
        };
        rows.into_iter().map(place).collect()
    })
}

fn frame() -> impl Strategy<Value = Frame> {
    let keep = prop_oneof![Just(Keep::Forever), (1i64..25).prop_map(Keep::Expire)];
    prop_oneof![
        2 => (1i64..25).prop_map(|size| Frame::Sliding { size }),
        1 => (1usize..5, keep.clone()).prop_map(|(n_rows, keep)| Frame::Rows { n_rows, keep }),
        1 => keep.prop_map(Frame::Running),
    ]
}

fn call(function: AggregateFunction, column: Option<usize>, result: Type) -> AggregateCall {
    let arguments = column.into_iter().map(|column| (column, types()[column].clone())).collect();
    AggregateCall { removable: true, ..AggregateCall::new(function, arguments, result) }
}

fn calls() -> Vec<AggregateCall> {
    use AggregateFunction::*;
    let counted = Type::record([("value", Type::INT), ("count", Type::INT)]);
    let filtered = AggregateCall { filter: Some(4), ..call(Sum, Some(1), Type::INT.nullable()) };
    vec![
        call(Count, None, Type::INT),
        call(Count, Some(1), Type::INT),
        filtered,
        call(Sum, Some(2), Type::FLOAT),
        call(Average, Some(1), Type::FLOAT.nullable()),
        call(Minimum, Some(2), Type::FLOAT),
        call(Maximum, Some(1), Type::INT.nullable()),
        call(Minimum, Some(3), Type::STRING.nullable()),
        call(First, Some(3), Type::STRING.nullable()),
        call(Last, Some(1), Type::INT.nullable()),
        call(CountDistinct, Some(3), Type::INT),
        call(Collect, Some(1), Type::list(Type::INT.nullable())),
        call(CollectDistinct, Some(3), Type::list(Type::STRING.nullable())),
        call(ApproxDistinct, Some(3), Type::INT.nullable()),
        AggregateCall {
            parameter: Some((Value::Int(2), Type::INT)),
            ..call(ApproxTop, Some(1), Type::list(counted).nullable())
        },
    ]
}

fn spec(frame: Frame, keys: Vec<usize>, calls: Vec<AggregateCall>) -> FrameAggregate {
    FrameAggregate { frame, keys, aggregates: calls, has_bounds: true }
}

fn operator(spec: &FrameAggregate, seed: u64) -> FrameOperator {
    let node = Node {
        name: "n".into(),
        span: Span::default(),
        inputs: vec![],
        schema: schema(),
        kind: NodeKind::Union,
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    FrameOperator::new(&node, spec, &schema(), seed)
}

fn time(row: &Row) -> EventTime {
    match row[5] {
        Value::Timestamp(time) => time,
        _ => unreachable!(),
    }
}

/// For each row the rows of its frame.
fn frames(spec: &FrameAggregate, rows: &[Row]) -> Vec<Vec<Row>> {
    let frame = |number: usize| {
        let row = &rows[number];
        let of_key = |other: &&Row| spec.keys.iter().all(|key| other[*key] == row[*key]);
        let mut frame: Vec<Row> = rows[..=number].iter().filter(of_key).cloned().collect();
        // What came before a silence as long as keys are kept is forgotten.
        if let Frame::Rows { keep: Keep::Expire(after), .. } | Frame::Running(Keep::Expire(after)) =
            spec.frame
            && let Some(silence) = frame.windows(2).rposition(|pair| time(&pair[1]) - time(&pair[0]) >= after)
        {
            frame.drain(..=silence);
        }
        match spec.frame {
            Frame::Sliding { size } => frame.retain(|other| time(other) > time(row) - size),
            Frame::Rows { n_rows, .. } => {
                frame.drain(..frame.len().saturating_sub(n_rows));
            }
            Frame::Running(_) => {}
        }
        frame
    };
    (0..rows.len()).map(frame).collect()
}

/// The result of an aggregate over these rows, or none if it does not fit.
fn result(call: &AggregateCall, frame: &[Row]) -> Option<Value> {
    use AggregateFunction::*;
    let counted = frame.iter().filter(|row| call.filter.is_none_or(|f| row[f] == Value::Bool(true)));
    let Some((column, _)) = call.argument() else { return Some(Value::Int(counted.count() as i64)) };
    let all: Vec<Value> = counted.map(|row| row[*column].clone()).collect();
    let values: Vec<Value> = all.iter().filter(|value| !value.is_null()).cloned().collect();
    let mut distinct: Vec<Value> = vec![];
    for value in &all {
        if !distinct.contains(value) {
            distinct.push(value.clone());
        }
    }
    let ints: Vec<i128> =
        values.iter().filter_map(|v| if let Value::Int(i) = v { Some(*i as i128) } else { None }).collect();
    let floats: Vec<f64> =
        values.iter().filter_map(|v| if let Value::Float(x) = v { Some(*x) } else { None }).collect();
    Some(match call.function {
        Count => Value::Int(values.len() as i64),
        CountDistinct => Value::Int(distinct.iter().filter(|v| !v.is_null()).count() as i64),
        Sum | Average | Minimum | Maximum | ApproxDistinct | ApproxTop if values.is_empty() => Value::Null,
        Sum if !floats.is_empty() => Value::Float(floats.iter().sum()),
        Sum => Value::Int(i64::try_from(ints.iter().sum::<i128>()).ok()?),
        Average => Value::Float(ints.iter().sum::<i128>() as f64 / ints.len() as f64),
        Minimum => values.iter().min().cloned().unwrap_or(Value::Null),
        Maximum => values.iter().max().cloned().unwrap_or(Value::Null),
        First => all.first().cloned().unwrap_or(Value::Null),
        Last => all.last().cloned().unwrap_or(Value::Null),
        Collect => Value::List(all.into()),
        CollectDistinct => Value::List(distinct.into()),
        // Of so few values both are exact.
        ApproxDistinct => Value::Int(distinct.iter().filter(|v| !v.is_null()).count() as i64),
        ApproxTop => {
            let count = |value: &Value| values.iter().filter(|other| *other == value).count() as i64;
            let known = distinct.iter().filter(|value| !value.is_null());
            let mut counts: Vec<(i64, Value)> = known.map(|value| (count(value), value.clone())).collect();
            counts.sort_by(|(n, a), (m, b)| m.cmp(n).then(a.cmp(b)));
            let record = |(n, value): (i64, Value)| Value::Record([value, Value::Int(n)].into());
            Value::List(counts.into_iter().take(2).map(record).collect())
        }
        _ => unreachable!(),
    })
}

fn expected(spec: &FrameAggregate, rows: &[Row]) -> (Vec<Vec<Value>>, usize) {
    let mut n_failed = 0;
    let mut left = vec![];
    for (row, frame) in rows.iter().zip(frames(spec, rows)) {
        let results: Option<Vec<Value>> = spec.aggregates.iter().map(|call| result(call, &frame)).collect();
        let Some(results) = results else {
            n_failed += 1;
            continue;
        };
        let start = match spec.frame {
            Frame::Sliding { size } => time(row) - size,
            _ => time(&frame[0]),
        };
        let bounds = [start, time(row)].map(Value::Timestamp);
        left.push(row.iter().cloned().chain(results).chain(bounds).collect());
    }
    (left, n_failed)
}

fn batch(rows: &[Row], first: u64) -> Batch {
    let mut columns: Vec<ColumnBuilder> = types().iter().map(ColumnBuilder::new).collect();
    rows.iter().for_each(|row| columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value)));
    let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
    Batch { columns, n_rows: rows.len(), origin: Origin { first, ..Origin::default() }, late: vec![] }
}

fn restored(before: &FrameOperator, spec: &FrameAggregate) -> FrameOperator {
    let mut writer = SnapshotWriter::default();
    before.snapshot(&mut writer);
    let bytes = writer.finish();
    let mut reader = SnapshotReader::new(&bytes);
    let mut restored = operator(spec, 2);
    assert_eq!(restored.restore(&mut reader), Ok(()));
    assert_eq!(reader.finish(), Ok(()));
    restored
}

/// Of the rows that left: their values.
fn values(spec: &FrameAggregate, output: &Output) -> Vec<Vec<Value>> {
    let results = spec.aggregates.iter().map(|call| call.result.clone());
    let types: Vec<Type> =
        types().into_iter().chain(results).chain([Type::TIMESTAMP, Type::TIMESTAMP]).collect();
    let mut found = vec![];
    for message in &output.messages {
        let Message::Batch(batch) = message else { continue };
        found.extend((0..batch.n_rows).map(|row| {
            batch.columns.iter().zip(&types).map(|(c, ty)| c.value(row, ty)).collect::<Vec<Value>>()
        }));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn results_are_those_of_the_definition(
        rows in rows(),
        frame in frame(),
        keys in proptest::sample::subsequence(vec![0, 3], 0..=2),
        calls in proptest::sample::subsequence(calls(), 1..=4),
        size in 1usize..20,
        restore_every in 1usize..6,
    ) {
        let spec = spec(frame, keys, calls);
        let mut frames = operator(&spec, 1);
        let mut output = Output::default();
        let mut first = 0;
        for (number, part) in rows.chunks(size).enumerate() {
            frames.step(0, Message::Batch(batch(part, first)), &mut output);
            first += part.len() as u64;
            let last = part.last().map_or(0, time);
            frames.step(0, Message::Watermark(Watermark(last)), &mut output);
            if number % restore_every == 0 {
                frames = restored(&frames, &spec);
            }
        }
        let (expected, n_failed) = expected(&spec, &rows);
        prop_assert_eq!(values(&spec, &output), expected);
        prop_assert_eq!(output.failures.len(), n_failed);
    }
}

/// Aggregates that are computed by columns where values allow it.
fn plain_calls() -> Vec<AggregateCall> {
    use AggregateFunction::*;
    vec![
        call(Count, None, Type::INT),
        call(Sum, Some(1), Type::INT.nullable()),
        call(Average, Some(1), Type::FLOAT.nullable()),
        call(Minimum, Some(1), Type::INT.nullable()),
        call(Maximum, Some(1), Type::INT.nullable()),
        call(Minimum, Some(2), Type::FLOAT),
        call(Maximum, Some(2), Type::FLOAT),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn results_by_columns_are_those_of_the_definition(
        mut rows in rows(),
        with_nulls_from in 0usize..100,
        size in 1i64..25,
        keys in proptest::sample::subsequence(vec![0, 3], 0..=2),
        calls in proptest::sample::subsequence(plain_calls(), 1..=4),
        batch_size in 1usize..20,
        restore_every in 1usize..6,
    ) {
        // Nulls and large numbers, with which columns give up, come late if at all.
        for row in rows.iter_mut().take(with_nulls_from) {
            row[1] = match row[1] {
                Value::Int(i) if i < 100 => Value::Int(i),
                _ => Value::Int(3),
            };
        }
        let spec = spec(Frame::Sliding { size }, keys, calls);
        let mut frames = operator(&spec, 1);
        let mut output = Output::default();
        let mut first = 0;
        for (number, part) in rows.chunks(batch_size).enumerate() {
            frames.step(0, Message::Batch(batch(part, first)), &mut output);
            first += part.len() as u64;
            frames.step(0, Message::Watermark(Watermark(part.last().map_or(0, time))), &mut output);
            if number % restore_every == 0 {
                frames = restored(&frames, &spec);
            }
        }
        let (expected, n_failed) = expected(&spec, &rows);
        prop_assert_eq!(values(&spec, &output), expected);
        prop_assert_eq!(output.failures.len(), n_failed);
        frames.step(0, Message::Watermark(Watermark::END), &mut output);
        let n_left = if spec.keys.is_empty() { 1 } else { 0 };
        prop_assert!(frames.groups.index.n_live() <= n_left);
    }
}

#[test]
fn what_has_left_gives_its_memory_back() {
    let per_second = |second: i64| -> Vec<Row> {
        let row = |key: i64| {
            let text = Value::string(format!("a text of key {key}"));
            [Value::Int(key), Value::Int(1), Value::Float(1.0), text, Value::Null, Value::Timestamp(second)]
        };
        (second * 500..(second + 1) * 500).map(row).collect()
    };
    for frame in [
        Frame::Sliding { size: 10 },
        Frame::Rows { n_rows: 3, keep: Keep::Expire(10) },
        Frame::Running(Keep::Expire(10)),
    ] {
        let spec = spec(frame, vec![0], calls());
        let mut frames = operator(&spec, 1);
        let mut most = 0;
        for second in 0..60 {
            frames.step(0, Message::Batch(batch(&per_second(second), 0)), &mut Output::default());
            frames.step(0, Message::Watermark(Watermark(second)), &mut Output::default());
            assert!(frames.groups.index.n_live() <= 500 * 14, "{}", frames.groups.index.n_live());
            most = most.max(frames.state_bytes());
        }
        frames.step(0, Message::Watermark(Watermark(200)), &mut Output::default());
        assert_eq!(frames.groups.index.n_live(), 0);
        assert!(frames.state_bytes() < most / 10, "{frame}: {} of {most}", frames.state_bytes());
    }
}
