//! The operator against a few lines of obviously correct code, on any rows, however they are cut into
//! batches, and with its state taken out and put back in between.

use super::*;
use millstream_ir::batch::Origin;
use millstream_ir::column::ColumnBuilder;
use millstream_ir::flow::{Column, HistoryFunction, Keep, WindowAssigner};
use millstream_ir::value::Value;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// Columns: key, value, text, time; in the total order. Behind them stand the bounds of a window of [`SIZE`].
type Row = [Value; 4];

fn types() -> [Type; 4] {
    [Type::INT.nullable(), Type::FLOAT.nullable(), Type::STRING.nullable(), Type::TIMESTAMP]
}

const SIZE: i64 = 10;

fn all_types() -> Vec<Type> {
    types().into_iter().chain([Type::TIMESTAMP, Type::TIMESTAMP]).collect()
}

fn schema() -> Schema {
    let column = |ty| Column { name: "x".into(), ty, hidden: false };
    Schema::append_only(all_types().into_iter().map(column).collect(), 3)
}

fn time(row: &Row) -> i64 {
    match row[3] {
        Value::Timestamp(time) => time,
        _ => unreachable!(),
    }
}

fn bounds(row: &Row) -> [Value; 2] {
    let start = time(row).div_euclid(SIZE) * SIZE;
    [Value::Timestamp(start), Value::Timestamp(start + SIZE)]
}

/// What the rows of a clause are in, if anything, and how many keys stand in front because of it.
fn window() -> impl Strategy<Value = Option<WindowAssigner>> {
    let keep = proptest::option::of(1i64..25).prop_map(|keep| keep.map_or(Keep::Forever, Keep::Expire));
    let by = || prop_oneof![Just(vec![]), Just(vec![0])];
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(WindowAssigner::Assigned { start: 4, end: 5 })),
        1 => (1i64..9, proptest::option::of(1i64..20), by())
            .prop_map(|(gap, max, by)| Some(WindowAssigner::Session { gap, max, by })),
        1 => (1u64..5, keep, by())
            .prop_map(|(count, keep, by)| Some(WindowAssigner::Rows { count, keep, by })),
    ]
}

/// Of each row, which window it is in: a number, of all that there are.
fn windows_of(spec: &KeyHistory, rows: &[Row]) -> Vec<usize> {
    let mut windows: Vec<(Value, Vec<Row>)> = vec![];
    let mut numbers = vec![];
    for row in rows {
        let of = match (&spec.window, spec.keys_of_windows()) {
            (Some(WindowAssigner::Assigned { .. }), _) => bounds(row)[0].clone(),
            (_, [key]) => row[*key].clone(),
            _ => Value::Null,
        };
        let open = windows.iter().rposition(|(key, _)| *key == of).filter(|number| {
            let rows = &windows[*number].1;
            let (start, last) = (time(&rows[0]), time(&rows[rows.len() - 1]));
            match &spec.window {
                Some(WindowAssigner::Session { gap, max, .. }) => {
                    time(row) - last < *gap && max.is_none_or(|max| time(row) - start < max)
                }
                Some(WindowAssigner::Rows { count, keep, .. }) => {
                    let lives = |expire: i64| time(row) - last < expire;
                    (rows.len() as u64) < *count && (!matches!(keep, Keep::Expire(d) if !lives(*d)))
                }
                _ => true,
            }
        });
        let number = open.unwrap_or_else(|| {
            windows.push((of, vec![]));
            windows.len() - 1
        });
        windows[number].1.push(row.clone());
        numbers.push(number);
    }
    numbers
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let value = prop_oneof![
        4 => (0i64..3).prop_map(|x| Value::Float(x as f64)),
        1 => Just(Value::Float(-0.0)),
        1 => Just(Value::Float(f64::NAN)),
        1 => Just(Value::Null),
    ];
    let text = prop_oneof![
        3 => Just(Value::string("short")),
        2 => Just(Value::string("a text that is longer than a view")),
        2 => Just(Value::string("and another text that is so long")),
        1 => Just(Value::Null),
    ];
    let key = prop_oneof![5 => (0i64..4).prop_map(Value::Int), 1 => Just(Value::Null)];
    let row = (key, value, text, prop_oneof![4 => 0i64..3, 1 => 5i64..30]);
    (-40i64..40, proptest::collection::vec(row, 0..60)).prop_map(|(start, rows)| {
        let mut now = start;
        let place = |(key, value, text, gap)| {
            now += gap;
            [key, value, text, Value::Timestamp(now)]
        };
        rows.into_iter().map(place).collect()
    })
}

fn kind() -> impl Strategy<Value = HistoryKind> {
    let expire = || proptest::option::of(1i64..25);
    let functions = vec![
        HistoryFunction::Lag { column: 1, n_rows: 1, ty: types()[1].clone() },
        HistoryFunction::Lag { column: 2, n_rows: 2, ty: types()[2].clone() },
        HistoryFunction::RowNumber,
        HistoryFunction::Lag { column: 0, n_rows: 3, ty: types()[0].clone() },
    ];
    prop_oneof![
        (1u64..4, 1i64..25).prop_map(|(count, per)| HistoryKind::Throttle { count, per }),
        (proptest::sample::subsequence(vec![1, 2], 0..=2), expire())
            .prop_map(|(of, expire)| HistoryKind::Changes { of, expire }),
        expire().prop_map(move |expire| HistoryKind::Functions { functions: functions.clone(), expire }),
        Just(HistoryKind::Functions {
            functions: vec![
                HistoryFunction::Lead { column: 1, n_rows: 2, ty: types()[1].clone() },
                HistoryFunction::Lead { column: 2, n_rows: 1, ty: types()[2].clone() },
            ],
            expire: None,
        }),
    ]
}

/// What the clause says, row by row.
fn expected(spec: &KeyHistory, rows: &[Row]) -> Vec<Vec<Value>> {
    // Per key: its rows as long as they count, and for a throttle those let through since the first.
    let mut kept: HashMap<(usize, Vec<Value>), Vec<Row>> = HashMap::new();
    let mut left = vec![];
    let windows = windows_of(spec, rows);
    let key_of = |at: usize| -> (usize, Vec<Value>) {
        (windows[at], spec.keys.iter().map(|key| rows[at][*key].clone()).collect())
    };
    for (at, row) in rows.iter().enumerate() {
        let before = kept.entry(key_of(at)).or_default();
        let lives_since = match spec.kind {
            HistoryKind::Throttle { .. } => before.first(),
            _ => before.last(),
        };
        if let (Some(since), Some(expire)) = (lives_since, spec.expire())
            && time(row) - time(since) >= expire
        {
            before.clear();
        }
        let mut leaves = [row.to_vec(), bounds(row).to_vec()].concat();
        match &spec.kind {
            HistoryKind::Throttle { count, .. } => {
                if before.len() as u64 == *count {
                    continue;
                }
            }
            HistoryKind::Changes { of, .. } => {
                if let Some(last) = before.last()
                    && of.iter().all(|column| last[*column] == row[*column])
                {
                    before.push(row.clone());
                    continue;
                }
            }
            HistoryKind::Functions { functions, .. } => {
                leaves.extend(functions.iter().map(|function| match function {
                    HistoryFunction::Lag { column, n_rows, .. } => {
                        let place = before.len().checked_sub(*n_rows);
                        place.map_or(Value::Null, |place| before[place][*column].clone())
                    }
                    HistoryFunction::Lead { column, n_rows, .. } => {
                        let mut behind = (at + 1..rows.len()).filter(|other| key_of(*other) == key_of(at));
                        behind.nth(n_rows - 1).map_or(Value::Null, |other| rows[other][*column].clone())
                    }
                    HistoryFunction::RowNumber => Value::Int(before.len() as i64 + 1),
                }));
            }
        }
        before.push(row.clone());
        left.push(leaves);
    }
    left
}

fn batch(rows: &[Row]) -> Batch {
    let mut columns: Vec<ColumnBuilder> = all_types().iter().map(ColumnBuilder::new).collect();
    for row in rows {
        let values = row.iter().cloned().chain(bounds(row));
        columns.iter_mut().zip(values).for_each(|(column, value)| column.push(&value));
    }
    let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
    Batch { columns, n_rows: rows.len(), origin: Origin::default(), late: vec![] }
}

fn built(spec: &KeyHistory, seed: u64) -> Box<dyn Operator> {
    match lead::LeadOperator::new(spec, &schema(), seed) {
        Some(operator) => Box::new(operator),
        None => Box::new(History::new(spec, &schema(), seed)),
    }
}

fn restored(operator: &dyn Operator, spec: &KeyHistory) -> Box<dyn Operator> {
    let mut writer = SnapshotWriter::default();
    operator.snapshot(&mut writer);
    let bytes = writer.finish();
    let mut reader = SnapshotReader::new(&bytes);
    let mut restored = built(spec, 2);
    assert_eq!(restored.restore(&mut reader), Ok(()));
    assert_eq!(reader.finish(), Ok(()));
    restored
}

/// Values that say the same, down to the sign of a zero.
fn text(rows: &[Vec<Value>]) -> Vec<String> {
    rows.iter().map(|row| format!("{row:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_of_the_definition(
        rows in rows(),
        kind in kind(),
        window in window(),
        keys in proptest::sample::subsequence(vec![0, 2], 0..=2),
        size in 1usize..20,
        restore_every in 1usize..6,
    ) {
        let looks_ahead = |function: &HistoryFunction| matches!(function, HistoryFunction::Lead { .. });
        let no_end = matches!(&kind, HistoryKind::Functions { functions, .. } if functions.iter().any(looks_ahead));
        let window = if no_end { window.or(Some(WindowAssigner::Assigned { start: 4, end: 5 })) } else { window };
        let of_windows = match &window {
            Some(WindowAssigner::Session { by, .. } | WindowAssigner::Rows { by, .. }) => by.clone(),
            _ => vec![],
        };
        let keys = [of_windows, keys].concat();
        let kind = match kind {
            // Windows are the bound of what is in them.
            HistoryKind::Changes { of, .. } if window.is_some() => HistoryKind::Changes { of, expire: None },
            HistoryKind::Functions { functions, .. } if window.is_some() => {
                HistoryKind::Functions { functions, expire: None }
            }
            kind => kind,
        };
        let spec = KeyHistory { keys, window, kind };
        let mut operator = built(&spec, 1);
        let mut output = Output::default();
        for (number, part) in rows.chunks(size).enumerate() {
            operator.step(0, Message::Batch(batch(part)), &mut output);
            let Some(Value::Timestamp(last)) = part.last().map(|row| row[3].clone()) else { unreachable!() };
            operator.step(0, Message::Watermark(Watermark(last)), &mut output);
            if number % restore_every == 0 {
                operator = restored(&*operator, &spec);
            }
        }
        operator.step(0, Message::Watermark(Watermark::END), &mut output);
        let types: Vec<Type> =
            all_types().into_iter().chain(spec.functions().iter().map(HistoryFunction::result)).collect();
        let mut found = vec![];
        for message in &output.messages {
            let Message::Batch(batch) = message else { continue };
            found.extend((0..batch.n_rows).map(|row| {
                batch.columns.iter().zip(&types).map(|(c, ty)| c.value(row, ty)).collect::<Vec<Value>>()
            }));
        }
        prop_assert_eq!(text(&found), text(&expected(&spec, &rows)));
    }
}

/// `n` rows a second, of keys that never come again.
fn keys_of_second(n: i64, second: i64) -> Vec<Row> {
    let row = |key: i64| [Value::Int(key), Value::Float(key as f64), Value::Null, Value::Timestamp(second)];
    (second * n..(second + 1) * n).map(row).collect()
}

#[test]
fn a_key_takes_no_more_than_is_said() {
    let lag = |column: usize, n_rows| HistoryFunction::Lag { column, n_rows, ty: types()[column].clone() };
    for (keys, kind) in [
        (vec![0], HistoryKind::Throttle { count: 1, per: 100 }),
        (vec![0, 1], HistoryKind::Throttle { count: 5, per: 100 }),
        (vec![0], HistoryKind::Changes { of: vec![1, 0], expire: None }),
        (vec![0], HistoryKind::Functions { functions: vec![lag(1, 1)], expire: None }),
        (
            vec![1],
            HistoryKind::Functions { functions: vec![lag(2, 3), HistoryFunction::RowNumber], expire: None },
        ),
    ] {
        let spec = KeyHistory { keys, window: None, kind };
        let said = spec.bytes_per_key(&types());
        for n in [5_000, 11_000, 14_000, 40_000] {
            let mut operator = History::new(&spec, &schema(), 1);
            operator.step(0, Message::Batch(batch(&keys_of_second(n, 0))), &mut Output::default());
            let measured = operator.state_bytes() as f64 / n as f64;
            assert!(
                measured <= said as f64 * 2.0 && measured >= said as f64 / 2.0,
                "{measured} of {said}: {spec:?}"
            );
        }
    }
}

#[test]
fn what_is_due_gives_its_memory_back() {
    let per_second = |second: i64| -> Vec<Row> {
        let row = |key: i64| {
            [
                Value::Int(key),
                Value::Null,
                Value::string(format!("a text of key {key}")),
                Value::Timestamp(second),
            ]
        };
        (second * 2_000..(second + 1) * 2_000).map(row).collect()
    };
    for kind in [
        HistoryKind::Throttle { count: 2, per: 10 },
        HistoryKind::Changes { of: vec![2], expire: Some(10) },
        // In windows of ten seconds.
        HistoryKind::Changes { of: vec![2], expire: None },
        HistoryKind::Functions {
            functions: vec![HistoryFunction::Lag { column: 2, n_rows: 2, ty: types()[2].clone() }],
            expire: Some(10),
        },
    ] {
        let expires = kind != HistoryKind::Changes { of: vec![2], expire: None };
        let window = (!expires).then_some(WindowAssigner::Assigned { start: 4, end: 5 });
        let mut operator = History::new(&KeyHistory { keys: vec![0], window, kind }, &schema(), 1);
        let mut output = Output::default();
        let mut most = 0;
        for second in 0..100 {
            operator.step(0, Message::Batch(batch(&per_second(second))), &mut output);
            operator.step(0, Message::Watermark(Watermark(second)), &mut output);
            // No more keys than came in the last ten seconds, and in the quarter that a sweep takes.
            assert!(operator.index.n_live() <= 2_000 * 14, "{}", operator.index.n_live());
            most = most.max(operator.state_bytes());
        }
        operator.step(0, Message::Watermark(Watermark(200)), &mut output);
        assert_eq!(operator.index.n_live(), 0);
        assert!(operator.state_bytes() < most / 20, "{} of {most}", operator.state_bytes());
    }
}
