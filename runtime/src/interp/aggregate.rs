//! Each aggregate from its definition, over the values of all rows of a group.

use crate::kernel::float_sum;
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use std::collections::BTreeSet;

/// The aggregate of a group's rows in their order; none where the result does not fit.
pub fn reference_aggregate(call: &AggregateCall, rows: &[&[Value]]) -> Option<Value> {
    let counts = |row: &&&[Value]| call.filter.is_none_or(|f| row[f] == Value::Bool(true));
    let rows = rows.iter().filter(counts);
    let Some((argument, ty)) = call.argument() else { return Some(Value::Int(rows.count() as i64)) };
    let all: Vec<Value> = rows.map(|row| row[*argument].clone()).collect();
    let some: Vec<Value> = all.iter().filter(|value| !value.is_null()).cloned().collect();
    let placed = if call.ignore_null { &some } else { &all };
    let distinct = |of: &[Value]| {
        let mut seen = BTreeSet::new();
        of.iter().filter(|value| seen.insert((*value).clone())).cloned().collect::<Vec<Value>>()
    };
    let null = |value: Option<&Value>| Some(value.cloned().unwrap_or(Value::Null));
    match call.function {
        AggregateFunction::Count => Some(Value::Int(some.len() as i64)),
        AggregateFunction::CountDistinct => Some(Value::Int(distinct(&some).len() as i64)),
        AggregateFunction::Collect => Some(Value::List(placed.as_slice().into())),
        AggregateFunction::CollectDistinct => Some(Value::List(distinct(placed).into())),
        AggregateFunction::First => null(placed.first()),
        AggregateFunction::Last => null(placed.last()),
        AggregateFunction::Minimum => null(some.iter().min()),
        AggregateFunction::Maximum => null(some.iter().max()),
        _ if some.is_empty() => Some(Value::Null),
        AggregateFunction::Any => Some(Value::Bool(some.contains(&Value::Bool(true)))),
        AggregateFunction::All => Some(Value::Bool(!some.contains(&Value::Bool(false)))),
        AggregateFunction::Sum | AggregateFunction::Average => {
            reference_sum(&some, ty, call.function == AggregateFunction::Average, &call.result)
        }
    }
}

/// Of at least one value, none null.
fn reference_sum(values: &[Value], ty: &Type, average: bool, result: &Type) -> Option<Value> {
    let n = values.len() as i128;
    if ty.kind == TypeKind::Float {
        let mut sum = [0; float_sum::WORDS];
        for value in values {
            if let Value::Float(x) = value {
                float_sum::add(&mut sum, *x);
            }
        }
        let sum = if average { float_sum::mean(&sum, n as u64) } else { float_sum::total(&sum) };
        return Some(Value::Float(sum));
    }
    // Whole numbers and a rest, so that no sum of a test's few rows leaves 128 bits.
    let terms = values.iter().map(|value| match value {
        Value::Int(i) | Value::Duration(i) => *i as i128,
        Value::Decimal(d) => *d,
        _ => 0,
    });
    let unit = 10i128.pow(19);
    let (high, low) =
        terms.fold((0, 0), |(high, low), t| (high + t.div_euclid(unit), low + t.rem_euclid(unit)));
    let (high, low) = (high + low / unit, low % unit);
    match (&ty.kind, &result.kind) {
        (TypeKind::Decimal(from), TypeKind::Decimal(to)) => {
            let n = if average { n } else { 1 };
            let (whole, rest) = (high / n, (high % n) * unit + low);
            let scale = 10i128.pow((to - from) as u32);
            let quotient = whole.checked_mul(unit)?.checked_add(rest / n)?.checked_mul(scale)?;
            let rest = rest % n * scale;
            let (floor, rest) = (quotient.checked_add(rest.div_euclid(n))?, rest.rem_euclid(n));
            let up = 2 * rest > n || 2 * rest == n && floor % 2 != 0;
            let value = floor + up as i128;
            (value.unsigned_abs() < 10u128.pow(38)).then_some(Value::Decimal(value))
        }
        (_, TypeKind::Float) => Some(Value::Float((high * unit + low) as f64 / n as f64)),
        (_, kind) => {
            let sum = i64::try_from(high * unit + low).ok()?;
            Some(if *kind == TypeKind::Duration { Value::Duration(sum) } else { Value::Int(sum) })
        }
    }
}
