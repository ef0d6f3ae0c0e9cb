//! What a window does, step by step. That it is right for any rows is held by `tests/windows.rs`
//! of the root package, for both engines.

use super::*;
use crate::watermark::WatermarkGenerator;
use millstream_ir::aggregate::AggregateFunction::{self, *};
use millstream_ir::batch::LateRow;
use millstream_ir::column::ColumnBuilder;
use millstream_ir::flow::{Column as SchemaColumn, NodeKind, OnError};

/// A node over rows of these types; the last is the event time.
fn node(types: &[Type], spec: &WindowAggregate) -> (Node, Schema) {
    let column = |name: String, ty: &Type, hidden| SchemaColumn { name: name.into(), ty: ty.clone(), hidden };
    let columns = types.iter().enumerate().map(|(i, ty)| column(format!("c{i}"), ty, false)).collect();
    let input = Schema::append_only(columns, types.len() - 1);
    let mut columns: Vec<SchemaColumn> = spec.keys.iter().map(|k| input.columns[*k].clone()).collect();
    columns.extend(spec.aggregates.iter().map(|a| column(a.to_string(), &a.result, false)));
    columns.extend(["start", "end", "time"].map(|name| column(name.to_string(), &Type::TIMESTAMP, true)));
    let time = columns.len() - 1;
    let node = Node {
        name: "n".into(),
        span: Span::default(),
        inputs: vec![],
        schema: Schema::append_only(columns, time),
        kind: NodeKind::Union,
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    (node, input)
}

fn batch(types: &[Type], rows: &[Vec<Value>], first: u64, late: Vec<LateRow>) -> Batch {
    let column = |i: usize| {
        let mut column = ColumnBuilder::new(&types[i]);
        rows.iter().for_each(|row| column.push(&row[i]));
        Arc::new(column.finish())
    };
    Batch {
        columns: (0..types.len()).map(column).collect(),
        n_rows: rows.len(),
        origin: Origin { first, ..Origin::default() },
        late,
    }
}

fn call(function: AggregateFunction, argument: Option<(usize, Type)>, result: Type) -> AggregateCall {
    AggregateCall::new(function, argument.into_iter().collect(), result)
}

fn tumbling(size: i64, offset: i64, keys: Vec<usize>, aggregates: Vec<AggregateCall>) -> WindowAggregate {
    WindowAggregate { window: WindowAssigner::Tumbling { size, offset }, keys, aggregates }
}

struct Run {
    rows: Vec<Vec<Value>>,
    failures: Vec<Failure>,
    n_late: u64,
}

/// Feeds rows in batches of these sizes, over and over; a watermark follows each batch.
fn run(types: &[Type], spec: &WindowAggregate, rows: &[Vec<Value>], disorder: i64, sizes: &[usize]) -> Run {
    run_with(types, spec, rows, (disorder, sizes), |_, _| None)
}

/// The same, where `disturb` may put another operator, or what it does to one, between two watermarks.
fn run_with(
    types: &[Type],
    spec: &WindowAggregate,
    rows: &[Vec<Value>],
    (disorder, sizes): (i64, &[usize]),
    mut disturb: impl FnMut(
        &mut WindowAggregateOperator,
        &dyn Fn() -> WindowAggregateOperator,
    ) -> Option<WindowAggregateOperator>,
) -> Run {
    let (node, input) = node(types, spec);
    let new = || WindowAggregateOperator::new(&node, spec, &input, &|| None, (17, &Workers::alone()));
    let mut operator = new();
    let mut generator = WatermarkGenerator::new(disorder);
    let mut output = Output::default();
    let (mut first, mut sizes) = (0, sizes.iter().cycle());
    while first < rows.len() {
        let n = sizes.next().copied().unwrap_or(1).clamp(1, rows.len() - first);
        let part = &rows[first..first + n];
        let times: Vec<i64> = part.iter().map(|row| time_of(row)).collect();
        let mut late = vec![];
        generator.observe(&times, 0, &mut late);
        operator.step_to_end(0, Message::Batch(batch(types, part, first as u64, late)), &mut output);
        operator.step_to_end(0, Message::Watermark(generator.watermark()), &mut output);
        operator = disturb(&mut operator, &new).unwrap_or(operator);
        first += n;
    }
    operator.step_to_end(0, Message::Watermark(Watermark::END), &mut output);
    let out_types = node.schema.types();
    let mut out = vec![];
    let mut watermark = Watermark::START;
    for message in &output.messages {
        match message {
            Message::Batch(batch) => {
                for row in 0..batch.n_rows {
                    let values: Vec<Value> =
                        batch.columns.iter().zip(&out_types).map(|(c, ty)| c.value(row, ty)).collect();
                    assert!(time_of(&values) >= watermark.0, "a row behind the watermark");
                    out.push(values);
                }
            }
            Message::Watermark(next) => {
                assert!(*next >= watermark);
                watermark = *next;
            }
        }
    }
    assert_eq!(watermark, Watermark::END);
    Run { rows: out, failures: output.failures, n_late: output.n_late_left_out }
}

fn time_of(row: &[Value]) -> i64 {
    match row.last() {
        Some(Value::Timestamp(t)) => *t,
        other => panic!("{other:?} is no time"),
    }
}

fn shown(run: &Run) -> Vec<String> {
    let value = |v: &Value| match v {
        Value::Null => "null".to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) | Value::Timestamp(i) | Value::Duration(i) => i.to_string(),
        Value::Float(x) => format!("{x:?}"),
        Value::Decimal(d) => format!("{d}d"),
        Value::String(s) => s.to_string(),
        other => format!("{other:?}"),
    };
    run.rows.iter().map(|row| row.iter().map(value).collect::<Vec<_>>().join(" ")).collect()
}

fn key_value_time(rows: &[(Option<i64>, i64, i64)]) -> Vec<Vec<Value>> {
    let key = |k: &Option<i64>| k.map_or(Value::Null, Value::Int);
    rows.iter().map(|(k, v, t)| vec![key(k), Value::Int(*v), Value::Timestamp(*t)]).collect()
}

#[test]
fn windows_leave_in_order_and_groups_by_key_with_null_first() {
    let types = [Type::INT.nullable(), Type::INT, Type::TIMESTAMP];
    let aggregates = vec![
        call(Count, None, Type::INT),
        call(Sum, Some((1, Type::INT)), Type::INT),
        call(Maximum, Some((1, Type::INT)), Type::INT),
    ];
    let spec = tumbling(10, 3, vec![0], aggregates);
    let rows = key_value_time(&[
        (Some(2), 5, 4),
        (None, 7, 12),
        (Some(-1), 1, 5),
        (Some(2), -6, 13),
        (Some(2), 9, 2),
        (Some(2), 100, -8),
    ]);
    let run = run(&types, &spec, &rows, 11, &[3]);
    assert_eq!(run.n_late, 1);
    let expected =
        ["2 1 9 9 -7 3 2", "null 1 7 7 3 13 12", "-1 1 1 1 3 13 12", "2 1 5 5 3 13 12", "2 1 -6 -6 13 23 22"];
    assert_eq!(shown(&run), expected);
}

#[test]
fn without_keys_everything_is_one_group() {
    let types = [Type::INT, Type::TIMESTAMP];
    let spec = tumbling(10, 0, vec![], vec![call(Count, None, Type::INT)]);
    let rows: Vec<Vec<Value>> = (0..1000).map(|i| vec![Value::Int(i), Value::Timestamp(i / 100)]).collect();
    assert_eq!(shown(&run(&types, &spec, &rows, 0, &[1000])), ["1000 0 10 9"]);
    assert_eq!(shown(&run(&types, &spec, &rows, 0, &[1])), ["1000 0 10 9"]);
}

#[test]
fn windows_at_the_ends_of_time_are_cut_off() {
    let types = [Type::INT, Type::TIMESTAMP];
    let spec = tumbling(10, 0, vec![0], vec![call(Count, None, Type::INT)]);
    let rows: Vec<Vec<Value>> = [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX]
        .map(|t| vec![Value::Int(1), Value::Timestamp(t)])
        .into();
    let expected = [
        "1 2 -9223372036854775808 -9223372036854775800 -9223372036854775801",
        "1 2 9223372036854775800 9223372036854775807 9223372036854775806",
    ];
    assert_eq!(shown(&run(&types, &spec, &rows, 100, &[4])), expected);
}

#[test]
fn a_sum_that_does_not_fit_fails_its_row_and_no_other() {
    let types = [Type::INT.nullable(), Type::INT, Type::TIMESTAMP];
    let aggregates =
        vec![call(Sum, Some((1, Type::INT)), Type::INT), call(Average, Some((1, Type::INT)), Type::FLOAT)];
    let spec = tumbling(10, 0, vec![0], aggregates);
    let rows = key_value_time(&[(None, i64::MAX, 1), (None, 1, 2), (Some(1), i64::MAX, 3), (Some(1), -1, 4)]);
    let run = run(&types, &spec, &rows, 0, &[2]);
    assert_eq!(shown(&run), ["1 9223372036854775806 4.611686018427388e18 0 10 9"]);
    let failure = Failure {
        row: r#"{"c0":null}"#.to_string(),
        reason: "the sum 9223372036854775808 does not fit 64 bits".to_string(),
        place: Place::Program(Span::default()),
        at: 9,
        time: 9,
    };
    assert_eq!(run.failures, [failure]);
}

#[test]
fn tables_grow_shrink_and_are_used_again() {
    let types = [Type::INT, Type::INT, Type::TIMESTAMP];
    let spec = tumbling(10, 0, vec![0], vec![call(Sum, Some((1, Type::INT)), Type::INT)]);
    let mut rows = vec![];
    for (window, n_keys) in [50_000, 10, 3000, 3000].into_iter().enumerate() {
        for i in 0..n_keys * 2 {
            let key = i % n_keys * 7919;
            rows.push(vec![Value::Int(key), Value::Int(i), Value::Timestamp(window as i64 * 10)]);
        }
    }
    let run = run(&types, &spec, &rows, 0, &[2048]);
    let expected = [(50_000i64, 0), (10, 1), (3000, 2), (3000, 3)].into_iter().flat_map(|(n, window)| {
        (0..n).map(move |i| {
            format!("{} {} {} {} {}", i * 7919, i + i + n, window * 10, window * 10 + 10, window * 10 + 9)
        })
    });
    assert_eq!(shown(&run), expected.collect::<Vec<_>>());
}

/// Of three keys, one of them a text that may be long; with states in slots and outside.
fn grouped_by_texts() -> ([Type; 5], WindowAggregate, Vec<Vec<Value>>) {
    let types = [Type::STRING.nullable(), Type::INT, Type::FLOAT, Type::INT, Type::TIMESTAMP];
    let aggregates = vec![
        call(Count, None, Type::INT),
        call(Sum, Some((3, Type::INT)), Type::INT),
        call(Maximum, Some((3, Type::INT)), Type::INT),
        call(Sum, Some((2, Type::FLOAT)), Type::FLOAT),
        call(CountDistinct, Some((3, Type::INT)), Type::INT),
        call(Median, Some((3, Type::INT)), Type::FLOAT.nullable()),
    ];
    let row = |i: i64| {
        let key = i * 7919 % 701;
        let text = match key % 5 {
            0 => Value::Null,
            1 => Value::string(format!("{key}")),
            _ => Value::string(format!("a text that no view holds, number {key}")),
        };
        // Now and then so large that sums need wide slots.
        let value = if i % 997 == 0 { i64::MAX / 2 } else { i % 13 };
        let x = Value::Float(1e17 / (i + 1) as f64);
        let time = Value::Timestamp(i / 4 + i % 7 * 100);
        vec![text, Value::Int(key % 3), x, Value::Int(value), time]
    };
    (types, tumbling(1000, 0, vec![0, 1], aggregates), (0..12_000).map(row).collect())
}

#[test]
fn what_was_spilled_leaves_as_if_it_had_not_been() {
    let (types, mut spec, rows) = grouped_by_texts();
    for keys in [vec![0, 1], vec![1], vec![]] {
        spec.keys = keys;
        let whole = run(&types, &spec, &rows, 700, &[100]);
        let folder = tempfile::tempdir().expect("a folder can be made");
        let spill = Spill::new(folder.path(), 1);
        let mut n = 0;
        let spilled = run_with(&types, &spec, &rows, (700, &[100]), |operator, new| {
            n += 1;
            operator.spill(&spill).expect("there is room");
            if n % 25 > 0 {
                return None;
            }
            // What has been spilled is in snapshots.
            let mut writer = SnapshotWriter::default();
            operator.snapshot(&mut writer);
            assert!(writer.failure().is_none());
            let mut restored = new();
            let written = writer.finish();
            restored.restore(&mut SnapshotReader::new(&written)).expect("it can be restored");
            Some(restored)
        });
        assert_eq!(shown(&spilled), shown(&whole));
        assert!(spilled.failures == whole.failures && spilled.n_late == whole.n_late);
        assert!(spill.spilled().is_some_and(|spilled| spilled.read > 0));
        assert!(spill.files().is_empty(), "files are there that nobody needs");
    }
}

#[test]
fn a_window_of_which_much_was_spilled_is_merged_in_parts() {
    let types = [Type::INT, Type::INT, Type::TIMESTAMP];
    let spec = tumbling(1_000_000, 0, vec![0], vec![call(Sum, Some((1, Type::INT)), Type::INT)]);
    let row = |i: i64| vec![Value::Int(i * 7919 % 9973), Value::Int(i), Value::Timestamp(i)];
    let rows: Vec<Vec<Value>> = (0..60_000).map(row).collect();
    let whole = run(&types, &spec, &rows, 0, &[1000]);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (spill, mut most) = (Spill::new(folder.path(), 1), 0);
    let spilled = run_with(&types, &spec, &rows, (0, &[1000]), |operator, _| {
        operator.spill(&spill).expect("there is room");
        most = most.max(spill.files().len());
        None
    });
    assert_eq!(shown(&spilled), shown(&whole));
    // Runs of a level are merged.
    assert!(most <= 3 * 16, "{most} files were open");
}

#[test]
fn sums_outgrow_their_slots_within_a_window() {
    let types = [Type::INT, Type::decimal(2).nullable(), Type::TIMESTAMP];
    let of = |function| call(function, Some((1, Type::decimal(2).nullable())), Type::decimal(2).nullable());
    let aggregates = [Sum, Minimum, Maximum].map(of).into();
    let spec = tumbling(10, 0, vec![0], aggregates);
    let huge = 7 * 10i128.pow(30);
    let rows = [(1, Some(5), 1), (2, None, 1), (1, Some(-2), 2), (1, Some(huge), 3), (2, None, 3)];
    let later = [(1, Some(-4), 11), (1, Some(9), 12), (1, Some(i64::MAX as i128), 21), (1, Some(7), 22)];
    let rows = rows.into_iter().chain(later).map(|(key, decimal, time)| {
        vec![Value::Int(key), decimal.map_or(Value::Null, Value::Decimal), Value::Timestamp(time)]
    });
    let run = run(&types, &spec, &rows.collect::<Vec<_>>(), 0, &[1]);
    let expected = [
        "1 7000000000000000000000000000003d -2d 7000000000000000000000000000000d 0 10 9",
        "2 null null null 0 10 9",
        "1 5d -4d 9d 10 20 19",
        "1 9223372036854775814d 7d 9223372036854775807d 20 30 29",
    ];
    assert_eq!(shown(&run), expected);
}
