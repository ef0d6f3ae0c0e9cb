//! The operator against a few lines of obviously correct code, on any rows, however they are cut into
//! batches, and with its state taken out and put back in between.

use super::*;
use millstream_ir::batch::Origin;
use millstream_ir::column::ColumnBuilder;
use millstream_ir::flow::{Column, HistoryFunction};
use millstream_ir::value::Value;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// Columns: key, value, text, time; in the total order.
type Row = [Value; 4];

fn types() -> [Type; 4] {
    [Type::INT.nullable(), Type::FLOAT.nullable(), Type::STRING.nullable(), Type::TIMESTAMP]
}

fn schema() -> Schema {
    let column = |ty| Column { name: "x".into(), ty, hidden: false };
    Schema { columns: types().map(column).into(), time: 3, sign: None, key: None }
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
    ]
}

/// What the clause says, row by row.
fn expected(spec: &KeyHistory, rows: &[Row]) -> Vec<Vec<Value>> {
    // Per key: its rows as long as they count, and for a throttle those let through since the first.
    let mut kept: HashMap<Vec<Value>, Vec<Row>> = HashMap::new();
    let mut left = vec![];
    let time = |row: &Row| match row[3] {
        Value::Timestamp(time) => time,
        _ => unreachable!(),
    };
    for row in rows {
        let key = spec.keys.iter().map(|key| row[*key].clone()).collect();
        let before = kept.entry(key).or_default();
        let lives_since = match spec.kind {
            HistoryKind::Throttle { .. } => before.first(),
            _ => before.last(),
        };
        if let (Some(since), Some(expire)) = (lives_since, spec.expire())
            && time(row) - time(since) >= expire
        {
            before.clear();
        }
        let mut leaves = row.to_vec();
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
    let mut columns: Vec<ColumnBuilder> = types().iter().map(ColumnBuilder::new).collect();
    rows.iter().for_each(|row| columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value)));
    let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
    Batch { columns, n_rows: rows.len(), origin: Origin::default(), late: vec![] }
}

fn restored(operator: &History, spec: &KeyHistory) -> History {
    let mut writer = SnapshotWriter::default();
    operator.snapshot(&mut writer);
    let bytes = writer.finish();
    let mut reader = SnapshotReader::new(&bytes);
    let mut restored = History::new(spec, &schema(), 2);
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
        keys in proptest::sample::subsequence(vec![0, 2], 0..=2),
        size in 1usize..20,
        restore_every in 1usize..6,
    ) {
        let spec = KeyHistory { keys, kind };
        let mut operator = History::new(&spec, &schema(), 1);
        let mut output = Output::default();
        for (number, part) in rows.chunks(size).enumerate() {
            operator.step(0, Message::Batch(batch(part)), &mut output);
            let Some(Value::Timestamp(last)) = part.last().map(|row| row[3].clone()) else { unreachable!() };
            operator.step(0, Message::Watermark(Watermark(last)), &mut output);
            if number % restore_every == 0 {
                operator = restored(&operator, &spec);
            }
        }
        let types: Vec<Type> =
            types().into_iter().chain(spec.functions().iter().map(HistoryFunction::result)).collect();
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
        let spec = KeyHistory { keys, kind };
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
        HistoryKind::Functions {
            functions: vec![HistoryFunction::Lag { column: 2, n_rows: 2, ty: types()[2].clone() }],
            expire: Some(10),
        },
    ] {
        let mut operator = History::new(&KeyHistory { keys: vec![0], kind }, &schema(), 1);
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
