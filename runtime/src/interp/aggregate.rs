//! Each aggregate from its definition, over the values of all rows of a group.

use crate::kernel::float_sum;
use millstream_ir::aggregate::{AggregateCall, AggregateFunction, UserAggregate};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use std::collections::BTreeSet;

/// The aggregate of a group's rows in their order; none where the result does not fit.
pub fn reference_aggregate(call: &AggregateCall, rows: &[&[Value]]) -> Option<Value> {
    let counts = |row: &&&[Value]| call.filter.is_none_or(|f| row[f] == Value::Bool(true));
    let rows = rows.iter().filter(counts);
    if let Some(user) = &call.user {
        return of_program(call, user, rows);
    }
    let Some((argument, ty)) = call.argument() else { return Some(Value::Int(rows.count() as i64)) };
    if let Some((second, _)) = call.arguments.get(1) {
        let is_there = |row: &&&[Value]| !row[*argument].is_null() && !row[*second].is_null();
        let pairs: Vec<(Value, Value)> =
            rows.filter(is_there).map(|row| (row[*argument].clone(), row[*second].clone())).collect();
        return Some(of_pairs(call, &pairs));
    }
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
        AggregateFunction::Variance
        | AggregateFunction::Stddev
        | AggregateFunction::VariancePop
        | AggregateFunction::StddevPop => Some(spread(call.function, &numbers(&some, ty))),
        AggregateFunction::Median => between(&some, 0.5, call),
        AggregateFunction::Percentile => between(&some, fraction(call), call),
        AggregateFunction::ApproxPercentile => Some(about(&some, fraction(call), call)),
        AggregateFunction::ApproxDistinct => Some(Value::Int(distinct(&some).len() as i64)),
        AggregateFunction::TopK => Some(greatest(some, count(call))),
        AggregateFunction::TopKDistinct => Some(greatest(distinct(&some), count(call))),
        AggregateFunction::ApproxTop => {
            let n = |value: &Value| some.iter().filter(|other| *other == value).count() as i64;
            let mut counts: Vec<(i64, Value)> =
                distinct(&some).into_iter().map(|value| (-n(&value), value)).collect();
            counts.sort();
            let record = |(n, value): (i64, Value)| Value::Record([value, Value::Int(-n)].into());
            Some(Value::List(counts.into_iter().take(count(call) as usize).map(record).collect()))
        }
        AggregateFunction::StringAgg => Some(joined(&some, call)),
        AggregateFunction::StringAggDistinct => Some(joined(&distinct(&some), call)),
        AggregateFunction::ArgMin
        | AggregateFunction::ArgMax
        | AggregateFunction::Covariance
        | AggregateFunction::Correlation
        | AggregateFunction::User => None,
    }
}

/// An aggregate that the program defines. None where something in it fails.
fn of_program<'a>(
    call: &AggregateCall,
    user: &UserAggregate,
    rows: impl Iterator<Item = &'a &'a [Value]>,
) -> Option<Value> {
    let mut states = user.initial();
    for row in rows {
        let arguments: Vec<Value> = call.arguments.iter().map(|(column, _)| row[*column].clone()).collect();
        if arguments.iter().enumerate().all(|(i, value)| !value.is_null() || call.takes_null(i)) {
            states = user.add(&states, &arguments).ok()?;
        }
    }
    user.result(&states).ok()
}

/// Of two arguments, neither null.
fn of_pairs(call: &AggregateCall, pairs: &[(Value, Value)]) -> Value {
    let best = |found: Option<&(Value, Value)>| found.map_or(Value::Null, |(value, _)| value.clone());
    match call.function {
        // Of several that are equal, these give the first and the last.
        AggregateFunction::ArgMin => best(pairs.iter().min_by(|a, b| a.1.cmp(&b.1))),
        AggregateFunction::ArgMax => best(pairs.iter().rev().max_by(|a, b| a.1.cmp(&b.1))),
        _ => {
            let (x, y): (Vec<Value>, Vec<Value>) = pairs.iter().cloned().unzip();
            let [x, y] = [(x, 0), (y, 1)].map(|(of, i)| numbers(&of, &call.arguments[i].1));
            let n = x.len() as f64;
            match call.function {
                _ if x.len() < 2 => Value::Null,
                _ if x.iter().chain(&y).any(|x| !x.is_finite()) => Value::Float(f64::NAN),
                AggregateFunction::Covariance => Value::Float(moment(&x, &y) / (n - 1.0)),
                _ if moment(&x, &x) == 0.0 || moment(&y, &y) == 0.0 => Value::Null,
                _ => Value::Float(moment(&x, &y) / (moment(&x, &x).sqrt() * moment(&y, &y).sqrt())),
            }
        }
    }
}

fn numbers(values: &[Value], ty: &Type) -> Vec<f64> {
    let number = |value: &Value| match value {
        Value::Int(x) => *x as f64,
        Value::Float(x) => *x,
        Value::Decimal(x) => match ty.kind {
            TypeKind::Decimal(scale) => *x as f64 / 10f64.powi(scale as i32),
            _ => f64::NAN,
        },
        _ => f64::NAN,
    };
    values.iter().map(number).collect()
}

/// The sum of the products of the distances from the means.
fn moment(x: &[f64], y: &[f64]) -> f64 {
    let mean = |of: &[f64]| of.iter().map(|x| x / of.len() as f64).sum::<f64>();
    let (mean_x, mean_y) = (mean(x), mean(y));
    x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum()
}

fn spread(function: AggregateFunction, x: &[f64]) -> Value {
    use AggregateFunction::{Stddev, StddevPop, Variance};
    let is_sample = matches!(function, Variance | Stddev);
    if x.is_empty() || is_sample && x.len() == 1 {
        return Value::Null;
    }
    let variance = moment(x, x) / (x.len() - is_sample as usize) as f64;
    Value::Float(if matches!(function, Stddev | StddevPop) { variance.sqrt() } else { variance })
}

fn fraction(call: &AggregateCall) -> f64 {
    if let Some((Value::Float(p), _)) = call.parameter { p } else { f64::NAN }
}

fn count(call: &AggregateCall) -> i64 {
    if let Some((Value::Int(k), _)) = call.parameter { k } else { 0 }
}

/// Between the two values around the place of a percentile. None where a decimal does not fit.
fn between(values: &[Value], p: f64, call: &AggregateCall) -> Option<Value> {
    let mut sorted = values.to_vec();
    sorted.sort();
    let place = p * (sorted.len() - 1) as f64;
    let (low, high) = (&sorted[place as usize], &sorted[(place as usize + 1).min(sorted.len() - 1)]);
    let part = place - place.floor();
    let time = |a: &i64, b: &i64| (*a as f64 + (*b as f64 - *a as f64) * part + 0.5).floor() as i64;
    Some(match (low, high) {
        (Value::Int(a), Value::Int(b)) if part == 0.5 => Value::Float((*a as i128 + *b as i128) as f64 / 2.0),
        (Value::Int(a), Value::Int(b)) => Value::Float(*a as f64 + (*b as f64 - *a as f64) * part),
        (Value::Float(a), Value::Float(_)) if part == 0.0 || low == high => Value::Float(*a),
        (Value::Float(a), Value::Float(b)) if (b - a).is_finite() => Value::Float(a + (b - a) * part),
        (Value::Float(a), Value::Float(b)) => Value::Float(a * (1.0 - part) + b * part),
        (Value::Duration(a), Value::Duration(b)) => Value::Duration(time(a, b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Value::Timestamp(time(a, b)),
        (Value::Decimal(a), Value::Decimal(b)) => {
            let scale = |ty: &Type| if let TypeKind::Decimal(scale) = ty.kind { scale as u32 } else { 0 };
            let unit = 10i128.pow(scale(&call.result) - scale(&call.arguments[0].1));
            let (low, distance) = (a.checked_mul(unit)?, b.checked_sub(*a)?.checked_mul(unit)?);
            let value = low.checked_add((distance as f64 * part).round() as i128)?;
            if value.unsigned_abs() >= 10u128.pow(38) {
                return None;
            }
            Value::Decimal(value)
        }
        _ => Value::Null,
    })
}

/// The value at the place of a percentile, without going on to the next.
fn about(values: &[Value], p: f64, call: &AggregateCall) -> Value {
    let mut sorted = values.to_vec();
    sorted.sort();
    let found = &sorted[(p * (sorted.len() - 1) as f64) as usize];
    match found {
        Value::Duration(_) => found.clone(),
        _ => Value::Float(numbers(std::slice::from_ref(found), &call.arguments[0].1)[0]),
    }
}

fn greatest(mut values: Vec<Value>, k: i64) -> Value {
    values.sort_by(|a, b| b.cmp(a));
    values.truncate(k as usize);
    Value::List(values.into())
}

fn joined(values: &[Value], call: &AggregateCall) -> Value {
    let text = |value: &Value| if let Value::String(text) = value { text.to_string() } else { String::new() };
    let Some((separator, _)) = &call.parameter else { return Value::Null };
    Value::string(values.iter().map(text).collect::<Vec<_>>().join(&text(separator)))
}

/// Whether a result is what the definition gives: to the last bit, or as near as the aggregate promises.
pub fn is_result(call: &AggregateCall, found: &Value, expected: &Value) -> bool {
    use AggregateFunction::*;
    let error = match call.function {
        // The definition in floats is the less exact of the two.
        Variance | Stddev | VariancePop | StddevPop | Covariance | Correlation => 1e-9,
        Median | Percentile => 1e-12,
        ApproxPercentile => 0.010001,
        _ => return found == expected,
    };
    match (found, expected) {
        (Value::Float(a), Value::Float(b)) => {
            (a - b).abs() <= error * b.abs().max(if error < 0.01 { 1.0 } else { 0.0 }) || found == expected
        }
        // Halves of microseconds are where floats differ.
        (Value::Duration(a), Value::Duration(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => {
            a.abs_diff(*b) as f64 <= (error * b.abs() as f64).max(1.0)
        }
        (Value::Decimal(a), Value::Decimal(b)) => a.abs_diff(*b) as f64 <= 1e-9 * b.unsigned_abs() as f64,
        _ => found == expected,
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
