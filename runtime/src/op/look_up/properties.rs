//! Two joins with one table against a few lines of obviously correct code: on any rows and versions, however both
//! sides come and are cut into batches, and with all state taken out and put back in between.

use super::*;
use crate::op::table::TableOperator;
use millstream_base::Span;
use millstream_ir::batch::{LateRow, Origin};
use millstream_ir::column::ColumnBuilder;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{Breaker, Column as FlowColumn, Node, NodeKind, OnError, Partners, Reading, Table};
use millstream_ir::value::Value;
use proptest::prelude::*;
use std::sync::Arc;

/// Columns: key, group, number, the time that is asked for, time.
fn left_types() -> Vec<Type> {
    vec![Type::INT.nullable(), Type::INT.nullable(), Type::INT, Type::TIMESTAMP.nullable(), Type::TIMESTAMP]
}

/// Columns: key, group, text, number, change, time.
fn table_types() -> Vec<Type> {
    vec![
        Type::INT.nullable(),
        Type::INT.nullable(),
        Type::STRING.nullable(),
        Type::INT,
        Type::INT,
        Type::TIMESTAMP,
    ]
}

const N_LEFT: usize = 5;

fn schema(types: Vec<Type>) -> Schema {
    let time = types.len() - 1;
    let column = |ty| FlowColumn { name: "x".into(), ty, hidden: false };
    Schema::append_only(types.into_iter().map(column).collect(), time)
}

#[derive(Clone, Debug)]
enum Step {
    /// For a join: key, group, whether the asked time is known, and how far after the watermark.
    Left(usize, Vec<(Value, Value, bool, i64)>),
    LeftWatermark(usize, i64),
    /// Key, group, text, whether it ends the row of its key, how long after the row before it.
    Table(Vec<(Value, Value, Value, bool, i64)>),
    TableWatermark(i64),
    Restore,
}

fn number(to: i64) -> impl Strategy<Value = Value> {
    prop_oneof![9 => (0..to).prop_map(Value::Int), 1 => Just(Value::Null)]
}

fn step() -> impl Strategy<Value = Step> {
    let text = prop_oneof![
        Just(Value::Null),
        Just(Value::string("short")),
        (0..9).prop_map(|n| Value::string(format!("a text that is longer than a view, {n}"))),
    ];
    let left = (number(4), number(3), proptest::bool::weighted(0.95), -2i64..12);
    let gap = prop_oneof![3 => Just(0i64), 2 => 1i64..3];
    let row = (number(4), number(3), text, proptest::bool::weighted(0.2), gap);
    prop_oneof![
        6 => (0usize..2, proptest::collection::vec(left, 1..8)).prop_map(|(join, rows)| Step::Left(join, rows)),
        4 => (0usize..2, 0i64..12).prop_map(|(join, by)| Step::LeftWatermark(join, by)),
        6 => proptest::collection::vec(row, 0..30).prop_map(Step::Table),
        3 => (0i64..20).prop_map(Step::TableWatermark),
        1 => Just(Step::Restore),
    ]
}

/// Kind, keys, whether it reads versions, how much earlier, how old they may be, what it reads of the table.
type Spec = (JoinKind, Vec<(usize, usize)>, bool, i64, Option<i64>, Option<Vec<usize>>);

fn join() -> impl Strategy<Value = Spec> {
    let kind =
        prop_oneof![Just(JoinKind::Inner), Just(JoinKind::Left), Just(JoinKind::Semi), Just(JoinKind::Anti)];
    let keys = prop_oneof![
        2 => Just(vec![(0, 0)]),
        1 => Just(vec![(1, 1), (0, 0)]),
        1 => Just(vec![(1, 1)]),
        1 => Just(vec![]),
    ];
    let age = prop_oneof![Just(None), (0i64..20).prop_map(Some)];
    let of_table = prop_oneof![Just(None), Just(Some(vec![2, 3])), Just(Some(vec![0])), Just(Some(vec![]))];
    (kind, keys, any::<bool>(), -4i64..5, age, of_table)
}

/// `number % (number of the table % 5) > 0`, which fails where that is zero.
fn condition() -> Expr {
    let binary =
        |op, a, b, ty| Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty, Span::default());
    let int = |i| Expr::literal(Value::Int(i), Type::INT, Span::default());
    let column = |i| Expr::column(i, Type::INT, Span::default());
    let of_table = binary(BinaryOp::Remainder, column(N_LEFT + 3), int(5), Type::INT);
    let rest = binary(BinaryOp::Remainder, column(2), of_table, Type::INT);
    binary(BinaryOp::Greater, rest, int(0), Type::BOOL)
}

/// The same; none if it fails.
fn holds(left: &[Value], right: &[Value]) -> Option<bool> {
    match (&left[2], &right[3]) {
        (Value::Int(_), Value::Int(n)) if n % 5 == 0 => None,
        (Value::Int(left), Value::Int(n)) => Some(left % (n % 5) > 0),
        _ => None,
    }
}

type Row = Vec<Value>;

/// What leaves a join: rows and watermarks, and the times of rows that fail.
#[derive(Debug, Default, PartialEq)]
struct Given {
    messages: Vec<Result<Row, i64>>,
    failed: Vec<i64>,
    n_late: u64,
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(i) | Value::Timestamp(i) => *i,
        _ => panic!("{value:?}"),
    }
}

/// The rows of a table, in the order in which they came.
#[derive(Clone, Default)]
struct Model {
    rows: Vec<Row>,
    /// Of a load that has begun.
    loading: Option<Vec<Row>>,
    is_loaded: bool,
    watermark: i64,
}

impl Model {
    fn standing(&self, key: &[usize], version: Version, left: &Row) -> Vec<Row> {
        let mut standing: Vec<Row> = vec![];
        for row in &self.rows {
            if matches!(version, Version::AsOf { .. }) && (left[3].is_null() || int(&row[5]) > int(&left[3]))
            {
                continue;
            }
            standing.retain(|other| key.iter().any(|key| other[*key] != row[*key]));
            if int(&row[4]) > 0 {
                standing.push(row.clone());
            }
        }
        if let Version::AsOf { max_age: Some(age), .. } = version {
            standing.retain(|row| int(&left[3]) - int(&row[5]) <= age);
        }
        standing
    }
}

/// A join as it should be.
struct ModelJoin {
    spec: Join,
    /// The columns of the table that leave.
    leaving: Vec<usize>,
    version: Version,
    watermark: i64,
    given_watermark: i64,
    waiting: Vec<Result<Row, i64>>,
    given: Given,
}

impl ModelJoin {
    fn answer(&mut self, left: Row, table: &Model, key: &[usize]) {
        let partners = table
            .standing(key, self.version, &left)
            .into_iter()
            .filter(|row| self.spec.keys.iter().all(|(l, r)| !left[*l].is_null() && left[*l] == row[*r]));
        let checked: Vec<(Row, Option<bool>)> = partners
            .map(|row| (row.clone(), self.spec.condition.as_ref().map_or(Some(true), |_| holds(&left, &row))))
            .collect();
        let has_failed = checked.iter().any(|(_, holds)| holds.is_none());
        if has_failed {
            self.given.failed.push(int(&left[4]));
        }
        let partners: Vec<Row> =
            checked.into_iter().filter(|(_, holds)| *holds == Some(true)).map(|(row, _)| row).collect();
        let kind = self.spec.kind;
        if matches!(kind, JoinKind::Inner | JoinKind::Left) {
            for partner in &partners {
                let leaves: Row = self.leaving.iter().map(|column| partner[*column].clone()).collect();
                self.given.messages.push(Ok([&left[..], &leaves, &left[4..]].concat()));
            }
        }
        match kind {
            _ if has_failed => {}
            JoinKind::Left if partners.is_empty() => {
                let nulls = vec![Value::Null; self.leaving.len()];
                self.given.messages.push(Ok([&left[..], &nulls, &left[4..]].concat()));
            }
            JoinKind::Semi if !partners.is_empty() => self.given.messages.push(Ok(left)),
            JoinKind::Anti if partners.is_empty() => self.given.messages.push(Ok(left)),
            _ => {}
        }
    }

    fn take(&mut self, left: Row, is_late: bool, table: &Model, key: &[usize]) {
        match self.version {
            Version::AsOf { .. } if is_late => self.given.n_late += 1,
            Version::AsOf { .. } if left[3].is_null() || int(&left[3]) < table.watermark => {
                self.answer(left, table, key);
            }
            Version::AsItStands if table.is_loaded => self.answer(left, table, key),
            _ => self.waiting.push(Ok(left)),
        }
    }

    fn take_watermark(&mut self, watermark: i64, table: &Model, key: &[usize]) {
        self.watermark = watermark;
        match self.version {
            Version::AsItStands if !self.waiting.is_empty() => self.waiting.push(Err(watermark)),
            Version::AsItStands => self.given.messages.push(Err(watermark)),
            Version::AsOf { .. } => self.advance(table, key),
        }
    }

    fn advance(&mut self, table: &Model, key: &[usize]) {
        let waiting = std::mem::take(&mut self.waiting);
        let Version::AsOf { ahead, .. } = self.version else {
            if !table.is_loaded {
                self.waiting = waiting;
                return;
            }
            for message in waiting {
                match message {
                    Ok(row) => self.answer(row, table, key),
                    Err(watermark) => self.given.messages.push(Err(watermark)),
                }
            }
            return;
        };
        let mut waiting: Vec<Row> = waiting.into_iter().flatten().collect();
        waiting.sort_by_key(|row| (int(&row[3]), int(&row[2])));
        for row in waiting {
            match int(&row[3]) < table.watermark || table.watermark == i64::MAX {
                true => self.answer(row, table, key),
                false => self.waiting.push(Ok(row)),
            }
        }
        let of_table = match table.watermark {
            i64::MIN | i64::MAX => table.watermark,
            watermark => watermark - ahead,
        };
        let promised = self.watermark.min(of_table);
        if promised > self.given_watermark {
            self.given_watermark = promised;
            self.given.messages.push(Err(promised));
        }
    }
}

fn batch(types: &[Type], rows: &[Row], first: u64, late: Vec<LateRow>) -> Batch {
    let column = |(number, ty): (usize, &Type)| {
        let mut column = ColumnBuilder::new(ty);
        rows.iter().for_each(|row| column.push(&row[number]));
        Arc::new(column.finish())
    };
    let columns = types.iter().enumerate().map(column).collect();
    Batch { columns, n_rows: rows.len(), origin: Origin { first, ..Origin::default() }, late }
}

/// The operators.
struct Running {
    table: TableOperator,
    joins: Vec<LookUpOperator>,
}

fn running(table: &Table, is_loaded: bool, specs: &[(Join, Version)]) -> Running {
    let node = Node {
        name: "table".into(),
        span: Span::default(),
        inputs: vec![],
        schema: schema(table_types()),
        kind: NodeKind::Breaker(Arc::new(Breaker::Table(table.clone()))),
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    let operator = TableOperator::new(&node, table, is_loaded, 7);
    let inputs = [schema(left_types()), schema(table_types())];
    let join = |(spec, version): &(Join, Version)| {
        LookUpOperator::new(spec, *version, [&inputs[0], &inputs[1]], None, operator.store().clone())
    };
    Running { joins: specs.iter().map(join).collect(), table: operator }
}

fn give(operator: &mut dyn Operator, input: usize, message: Message, types: &[Type], given: &mut Given) {
    let mut output = Output::default();
    operator.step_to_end(input, message, &mut output);
    given.n_late += output.n_late_left_out;
    given.failed.extend(output.failures.iter().map(|failure| failure.at));
    for message in output.messages {
        match message {
            Message::Watermark(watermark) => given.messages.push(Err(watermark.0)),
            Message::Batch(batch) => {
                assert_eq!(batch.columns.len(), types.len());
                for row in 0..batch.n_rows {
                    let values = batch.columns.iter().zip(types).map(|(column, ty)| column.value(row, ty));
                    given.messages.push(Ok(values.collect()));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_find_what_stands_for_them(
        steps in proptest::collection::vec(step(), 0..40),
        as_of in any::<bool>(),
        is_loaded in any::<bool>(),
        wide_key in any::<bool>(),
        has_changes in any::<bool>(),
        joins in [join(), join()],
    ) {
        let key = if wide_key { vec![0, 1] } else { vec![0] };
        let table = Table {
            key: key.clone(),
            change: has_changes.then_some(4),
            reading: if as_of { Reading::AsOf } else { Reading::AsItStands },
            takes_changes: false,
        };
        let specs: Vec<(Join, Version)> = joins.into_iter().map(|(kind, keys, filtered, ahead, max_age, of_table)| {
            let version = if as_of { Version::AsOf { at: 3, ahead, max_age } } else { Version::AsItStands };
            let condition = filtered.then(condition);
            (Join { kind, keys, partners: Partners::Table(version), condition, leaving: [None, of_table] }, version)
        }).collect();
        let mut operators = running(&table, is_loaded, &specs);
        let mut models: Vec<ModelJoin> = specs.iter().map(|(spec, version)| ModelJoin {
            spec: spec.clone(),
            leaving: spec.leaving([N_LEFT, table_types().len()])[1].clone(),
            version: *version,
            watermark: i64::MIN,
            given_watermark: i64::MIN,
            waiting: vec![],
            given: Given::default(),
        }).collect();
        let mut model = Model { watermark: i64::MIN, ..Model::default() };
        let mut found = [Given::default(), Given::default()];
        let outputs: Vec<Vec<Type>> = specs.iter().map(|(spec, _)| {
            spec.types(&left_types(), &table_types().into_iter().map(Type::nullable).collect::<Vec<_>>())
        }).collect();
        let (mut n_rows, mut n_table_rows, mut now) = (0, 0, 0);
        let mut left_now = [0; 2];
        let end = [
            Step::LeftWatermark(0, -1), Step::TableWatermark(-1), Step::LeftWatermark(1, -1),
        ];
        for step in steps.into_iter().chain(end) {
            match step {
                Step::Left(join, rows) => {
                    let ahead = match specs[join].1 { Version::AsOf { ahead, .. } => ahead, _ => 0 };
                    let first = n_rows;
                    let left: Vec<Row> = rows.into_iter().map(|(key, group, is_known, after)| {
                        n_rows += 1;
                        let time = left_now[join] + after;
                        let at = if is_known { Value::Timestamp(time + ahead) } else { Value::Null };
                        vec![key, group, Value::Int(n_rows), at, Value::Timestamp(time)]
                    }).collect();
                    let watermark = models[join].watermark;
                    let is_late = |row: &Row| int(&row[4]) < watermark;
                    let late: Vec<LateRow> = (0..).zip(&left).filter(|(_, row)| is_late(row))
                        .map(|(row, _)| LateRow { row, watermark }).collect();
                    let message = Message::Batch(batch(&left_types(), &left, first as u64, late));
                    give(&mut operators.joins[join], 0, message, &outputs[join], &mut found[join]);
                    for row in left {
                        let is_late = is_late(&row);
                        models[join].take(row, is_late, &model, &key);
                    }
                }
                Step::LeftWatermark(join, by) => {
                    left_now[join] += by.max(0);
                    let to = if by < 0 { i64::MAX } else { left_now[join] };
                    let message = Message::Watermark(Watermark(to));
                    give(&mut operators.joins[join], 0, message, &outputs[join], &mut found[join]);
                    models[join].take_watermark(to, &model, &key);
                }
                Step::Table(rows) => {
                    let rows: Vec<Row> = rows.into_iter().map(|(key, group, text, ends, gap)| {
                        n_table_rows += 1;
                        now += gap;
                        let change = Value::Int(if ends && has_changes { -1 } else { 1 });
                        vec![key, group, text, Value::Int(n_table_rows), change, Value::Timestamp(now)]
                    }).collect();
                    let mut output = Output::default();
                    let message = Message::Batch(batch(&table_types(), &rows, 0, vec![]));
                    operators.table.step(0, message, &mut output);
                    prop_assert!(output.messages.is_empty());
                    let loads = !as_of && is_loaded;
                    if loads && !has_changes {
                        let mut all = model.loading.clone().unwrap_or_default();
                        let replaced = rows.iter().filter(|row| {
                            let known = all.iter().any(|other| key.iter().all(|key| other[*key] == row[*key]));
                            all.push((*row).clone());
                            known
                        });
                        prop_assert_eq!(output.n_replaced, replaced.count() as u64);
                    }
                    // One without rows takes the place of the others, too.
                    if loads { model.loading.get_or_insert_default() } else { &mut model.rows }.extend(rows);
                }
                Step::TableWatermark(by) => {
                    now += by.max(0);
                    let to = if by < 0 { i64::MAX } else { now };
                    let message = Message::Watermark(Watermark(to));
                    operators.table.step(0, message.clone(), &mut Output::default());
                    model.watermark = to;
                    model.is_loaded = true;
                    if let Some(loaded) = model.loading.take() {
                        model.rows = loaded;
                    }
                    for (number, join) in operators.joins.iter_mut().enumerate() {
                        give(join, 1, message.clone(), &outputs[number], &mut found[number]);
                        models[number].advance(&model, &key);
                    }
                }
                Step::Restore => {
                    let mut writer = SnapshotWriter::default();
                    operators.table.snapshot(&mut writer);
                    operators.joins.iter().for_each(|join| join.snapshot(&mut writer));
                    let bytes = writer.finish();
                    operators = running(&table, is_loaded, &specs);
                    let mut reader = SnapshotReader::new(&bytes);
                    operators.table.restore(&mut reader).expect("what was written");
                    operators.joins.iter_mut().for_each(|join| join.restore(&mut reader).expect("what was written"));
                    reader.finish().expect("the end");
                }
            }
        }
        for (join, found) in models.iter().zip(&found) {
            prop_assert_eq!(&join.given, found);
        }
    }
}
