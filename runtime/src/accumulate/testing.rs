//! Rows of all types and all aggregates over them, for tests.

use super::side::Row;
use millstream_base::Span;
use millstream_ir::aggregate::{AggregateCall, AggregateFunction, Update, UserAggregate, UserState};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::{ColumnBuilder, ColumnData};
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use proptest::prelude::*;
use std::sync::Arc;

/// The column that filters look at.
pub const FILTER: usize = 7;
/// The column of the event time.
pub const TIME: usize = 8;

pub fn types() -> Vec<Type> {
    let mut types = vec![
        Type::INT,
        Type::STRING,
        Type::FLOAT,
        Type::decimal(2),
        Type::BOOL,
        Type::list(Type::INT),
        Type::DURATION,
        Type::BOOL,
    ];
    types.iter_mut().for_each(|ty| ty.nullable = true);
    types.push(Type::TIMESTAMP);
    // Numbers that floats hold well, for what is not compared to the last bit.
    types.extend([Type::INT.nullable(), Type::FLOAT.nullable()]);
    types
}

/// Few values of each type, so that keys meet and values come twice; and the greatest.
pub fn row() -> impl Strategy<Value = Vec<Value>> {
    let int = prop::option::weighted(0.9, prop_oneof![-3i64..4, Just(i64::MAX), Just(i64::MIN)]);
    let text = prop::option::weighted(
        0.8,
        prop_oneof![Just(""), Just("a"), Just("a text of some length"), Just("a text of some other length")],
    );
    let float = prop_oneof![
        4 => -3i32..4,
        1 => Just(100),
    ];
    let float = prop::option::weighted(0.9, (float, 0usize..9)).prop_map(|f| {
        f.map(|(n, kind)| match kind {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => 1e300 * n as f64,
            3 => 1e-300 * n as f64,
            4 => -0.0,
            _ => n as f64 / 8.0,
        })
    });
    let decimal = prop::option::weighted(
        0.9,
        prop_oneof![5 => -500i128..500, 1 => Just(10i128.pow(38) - 1), 1 => Just(1 - 10i128.pow(38))],
    );
    let bool = prop::option::weighted(0.8, any::<bool>());
    let list = prop::collection::vec(0i64..2, 0..2);
    let duration = prop::option::weighted(0.9, -5i64..5);
    let filter = prop::option::weighted(0.9, prop::bool::weighted(0.7));
    let small = prop::option::weighted(0.9, -9i64..9);
    (int, text, float, decimal, bool, list, (duration, filter), (0i64..20, small)).prop_map(
        |(int, text, float, decimal, bool, list, (duration, filter), (time, small))| {
            vec![
                int.map_or(Value::Null, Value::Int),
                text.map_or(Value::Null, Value::string),
                float.map_or(Value::Null, Value::Float),
                decimal.map_or(Value::Null, Value::Decimal),
                bool.map_or(Value::Null, Value::Bool),
                Value::List(list.into_iter().map(Value::Int).collect()),
                duration.map_or(Value::Null, Value::Duration),
                filter.map_or(Value::Null, Value::Bool),
                Value::Timestamp(time),
                small.map_or(Value::Null, Value::Int),
                small.map_or(Value::Null, |x| Value::Float(x as f64 / 4.0)),
            ]
        },
    )
}

/// The rows as one batch: their order is that of time, and then that in the list.
pub fn batch(rows: &[Vec<Value>]) -> Batch {
    let columns = types().into_iter().enumerate().map(|(i, ty)| {
        let mut column = ColumnBuilder::new(&ty);
        rows.iter().for_each(|row| column.push(&row[i]));
        Arc::new(column.finish())
    });
    Batch { columns: columns.collect(), n_rows: rows.len(), origin: Origin::default(), late: vec![] }
}

pub fn row_of(batch: &Batch, number: usize) -> Row<'_> {
    let times: &[i64] = match &batch.columns[TIME].data {
        ColumnData::I64(times) => times,
        _ => &[],
    };
    Row { batch, times, number }
}

/// Each aggregate of each type.
pub fn calls() -> Vec<AggregateCall> {
    use AggregateFunction::*;
    let mut calls = vec![call(Count, vec![], Type::INT)];
    let number = Type::FLOAT.nullable();
    for (x, y) in [(9, 9), (10, 10)] {
        calls.extend([Covariance, Correlation].map(|f| call(f, vec![x, y], number.clone())));
    }
    for column in [9, 10] {
        let functions = [Variance, Stddev, VariancePop, StddevPop];
        calls.extend(functions.map(|f| call(f, vec![column], number.clone())));
    }
    for (column, ty) in types().into_iter().enumerate() {
        if column == FILTER {
            continue;
        }
        calls.extend([0, 1, 6].map(|by| call(ArgMin, vec![column, by], ty.clone())));
        calls.extend([2, 3].map(|by| call(ArgMax, vec![column, by], ty.clone())));
        let list = Type::list(ty.clone().required()).nullable();
        let counted = Type::record([("value", ty.clone().required()), ("count", Type::INT)]);
        calls.extend([TopK, TopKDistinct].map(|f| with(Value::Int(3), f, column, list.clone())));
        calls.push(with(Value::Int(3), ApproxTop, column, Type::list(counted).nullable()));
        calls.push(call(ApproxDistinct, vec![column], Type::INT.nullable()));
    }
    for (column, result) in [
        (0, number.clone()),
        (2, number.clone()),
        (3, Type::decimal(8).nullable()),
        (6, Type::DURATION.nullable()),
        (9, number.clone()),
        (TIME, Type::TIMESTAMP.nullable()),
    ] {
        calls.push(call(Median, vec![column], result.clone()));
        calls
            .extend([0.0, 0.3, 0.95, 1.0].map(|p| with(Value::Float(p), Percentile, column, result.clone())));
        if column == TIME {
            continue;
        }
        let about = if column == 3 { number.clone() } else { result };
        calls.extend([0.0, 0.3, 1.0].map(|p| with(Value::Float(p), ApproxPercentile, column, about.clone())));
    }
    let (of_program, small) = (Some(Arc::new(sum_of_program())), Type::INT.nullable());
    calls.push(AggregateCall { user: of_program, ..call(User, vec![9], small) });
    for function in [StringAgg, StringAggDistinct] {
        calls.push(with(Value::string(", "), function, 1, Type::STRING.nullable()));
    }
    for (column, ty) in types().into_iter().enumerate().take(FILTER) {
        let of_any = [Count, CountDistinct, First, Last, Collect, CollectDistinct];
        let of_ordered = [Minimum, Maximum];
        let of_numbers: &[AggregateFunction] = match ty.kind {
            TypeKind::Int | TypeKind::Float | TypeKind::Decimal(_) => &[Sum, Average],
            TypeKind::Bool => &[Any, All],
            _ => &[],
        };
        for function in of_any.iter().chain(&of_ordered).chain(of_numbers) {
            let result = match (function, &ty.kind) {
                (Count | CountDistinct, _) => Type::INT,
                (Collect | CollectDistinct, _) => Type::list(ty.clone()),
                (Average, TypeKind::Decimal(scale)) => Type::decimal(scale + 6).nullable(),
                (Average, _) => Type::FLOAT.nullable(),
                _ => ty.clone(),
            };
            calls.push(call(*function, vec![column], result));
        }
    }
    calls
}

/// `state n = 0 state sum = 0 add n = n + 1, sum = sum + x …`; null of no rows.
fn sum_of_program() -> UserAggregate {
    let span = Span::default();
    let column = |number| Expr::column(number, Type::INT, span);
    let one = || Expr::literal(Value::Int(1), Type::INT, span);
    let binary =
        |op, a: Expr, b: Expr| Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(b)), Type::INT, span);
    let updates = |op, of_n: [Expr; 2], of_sum: [Expr; 2]| {
        let [n, other_n] = of_n;
        let [sum, other_sum] = of_sum;
        let (n, sum) = (binary(op, n, other_n), binary(op, sum, other_sum));
        vec![Update { state: 0, value: n }, Update { state: 1, value: sum }]
    };
    let state = |name: &str| UserState { name: name.into(), ty: Type::INT, initial: Value::Int(0) };
    let rows = |op| updates(op, [column(1), one()], [column(2), column(0)]);
    let none = binary(BinaryOp::Less, column(1), one());
    let result = ExprKind::If {
        condition: Box::new(Expr { ty: Type::BOOL, ..none }),
        then: Box::new(Expr::literal(Value::Null, Type::INT.nullable(), span)),
        otherwise: Box::new(column(2)),
    };
    UserAggregate {
        name: "total".into(),
        params: vec![Type::INT],
        states: vec![state("n"), state("sum")],
        add: rows(BinaryOp::Add),
        remove: Some(rows(BinaryOp::Subtract)),
        merge: Some(updates(BinaryOp::Add, [column(0), column(2)], [column(1), column(3)])),
        result: Expr::new(result, Type::INT.nullable(), span),
    }
}

fn with(parameter: Value, function: AggregateFunction, column: usize, result: Type) -> AggregateCall {
    let ty = match parameter {
        Value::Float(_) => Type::FLOAT,
        Value::Int(_) => Type::INT,
        _ => Type::STRING,
    };
    AggregateCall { parameter: Some((parameter, ty)), ..call(function, vec![column], result) }
}

fn call(function: AggregateFunction, columns: Vec<usize>, result: Type) -> AggregateCall {
    let arguments = columns.into_iter().map(|column| (column, types()[column].clone())).collect();
    AggregateCall::new(function, arguments, result)
}

/// Some of them, with and without a filter.
pub fn some_calls() -> impl Strategy<Value = Vec<AggregateCall>> {
    let pick = (prop::sample::select(calls()), any::<bool>(), any::<bool>());
    let pick = pick.prop_map(|(call, filter, ignore_null)| {
        let takes_nulls = call.takes_null(0);
        AggregateCall { filter: filter.then_some(FILTER), ignore_null: takes_nulls && ignore_null, ..call }
    });
    prop::collection::vec(pick, 1..6)
}
