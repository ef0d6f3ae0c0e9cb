//! Lists, and the functions that lists share with text, maps and json.

use super::{Result, element_kind, list_result, misuse, partial, too_long, total};
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::eval::{LONGEST_RESULT, decimal};
use millstream_ir::types::TypeKind;
use millstream_ir::value::{Value, canonical_nan};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::ops::Range;

pub static FUNCTIONS: &[ScalarFunction] = &[
    total("length", length),
    total("contains", contains),
    total("index_of", index_of),
    total("get", get),
    total("slice", slice),
    total("take", |t, v| split_at(t, v, |at, _| 0..at)),
    total("drop", |t, v| split_at(t, v, |at, len| at..len)),
    total("sort", |t, v| changed(t, v, |items| items.sort())),
    total("sort_descending", |t, v| changed(t, v, |items| items.sort_by(|a, b| b.cmp(a)))),
    total("reverse", reverse),
    total("unique", |t, v| changed(t, v, keep_first)),
    total("compact", |t, v| changed(t, v, |items| items.retain(|v| !v.is_null()))),
    partial("concat", concat),
    partial("append", append),
    partial("flatten", flatten),
    partial("range", range),
    total("intersection", |t, v| compared(t, v, |found| found)),
    total("difference", |t, v| compared(t, v, |found| !found)),
    total("overlaps", overlaps),
    partial("list_sum", sum),
    total("list_avg", average),
    total("list_min", |t, v| extreme(t, v, |items| items.min())),
    total("list_max", |t, v| extreme(t, v, |items| items.max())),
    total("list_any", |t, v| decided(t, v, true)),
    total("list_all", |t, v| decided(t, v, false)),
];

type Items<'a> = std::iter::Filter<std::slice::Iter<'a, Value>, fn(&&Value) -> bool>;

fn length(types: &CallTypes, values: &[Value]) -> Result {
    let n = match values {
        [Value::String(text)] => text.chars().count(),
        [Value::Bytes(bytes)] => bytes.len(),
        [Value::List(items)] => items.len(),
        [Value::Map(map)] => map.len(),
        [Value::Json(json)] => match &**json {
            Json::Array(items) => items.len(),
            Json::Object(members) => members.len(),
            _ => return Ok(Value::Null),
        },
        _ => return misuse(types),
    };
    Ok(Value::Int(n as i64))
}

fn contains(types: &CallTypes, values: &[Value]) -> Result {
    match values {
        [Value::String(text), Value::String(part)] => Ok(Value::Bool(text.contains(&**part))),
        [Value::List(items), element] => Ok(Value::Bool(items.contains(element))),
        _ => misuse(types),
    }
}

fn index_of(types: &CallTypes, values: &[Value]) -> Result {
    let position = match values {
        [Value::String(text), Value::String(part)] => {
            text.find(&**part).map(|at| text.get(..at).unwrap_or_default().chars().count())
        }
        [Value::List(items), element] => items.iter().position(|item| item == element),
        _ => return misuse(types),
    };
    Ok(position.map_or(Value::Null, |at| Value::Int(at as i64)))
}

fn get(types: &CallTypes, values: &[Value]) -> Result {
    match values {
        [Value::List(items), Value::Int(at)] => {
            let at = if *at < 0 { at.saturating_add(items.len() as i64) } else { *at };
            Ok(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned().unwrap_or(Value::Null))
        }
        [Value::Map(map), Value::String(name)] => Ok(map.get(name).cloned().unwrap_or(Value::Null)),
        _ => misuse(types),
    }
}

fn slice(types: &CallTypes, values: &[Value]) -> Result {
    let (items, start, stop) = match values {
        [Value::List(items), Value::Int(start)] => (items, *start, i64::MAX),
        [Value::List(items), Value::Int(start), Value::Int(stop)] => (items, *start, *stop),
        _ => return misuse(types),
    };
    let len = items.len() as i64;
    let inside = |at: i64| (if at < 0 { at.saturating_add(len) } else { at }).clamp(0, len) as usize;
    Ok(Value::List(items.get(inside(start)..inside(stop)).unwrap_or_default().into()))
}

fn split_at(types: &CallTypes, values: &[Value], part: fn(usize, usize) -> Range<usize>) -> Result {
    let [Value::List(items), Value::Int(count)] = values else { return misuse(types) };
    let at = (*count).clamp(0, items.len() as i64) as usize;
    Ok(Value::List(items.get(part(at, items.len())).unwrap_or_default().into()))
}

fn changed(types: &CallTypes, values: &[Value], change: impl Fn(&mut Vec<Value>)) -> Result {
    let [Value::List(items)] = values else { return misuse(types) };
    let mut items = items.to_vec();
    change(&mut items);
    Ok(Value::List(items.into()))
}

fn keep_first(items: &mut Vec<Value>) {
    let mut seen = BTreeSet::new();
    items.retain(|item| seen.insert(item.clone()));
}

fn reverse(types: &CallTypes, values: &[Value]) -> Result {
    match values {
        [Value::String(text)] => Ok(Value::string(text.chars().rev().collect::<String>())),
        _ => changed(types, values, |items| items.reverse()),
    }
}

fn concat(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::List(first), Value::List(second)] = values else { return misuse(types) };
    list_result(first.iter().chain(second.iter()).cloned().collect())
}

fn append(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::List(items), element] = values else { return misuse(types) };
    list_result(items.iter().chain([element]).cloned().collect())
}

fn flatten(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::List(lists)] = values else { return misuse(types) };
    let mut result = Vec::new();
    for list in lists.iter() {
        let Value::List(items) = list else { continue };
        if result.len() + items.len() > LONGEST_RESULT / size_of::<Value>() {
            return Err(too_long("list"));
        }
        result.extend(items.iter().cloned());
    }
    Ok(Value::List(result.into()))
}

fn range(types: &CallTypes, values: &[Value]) -> Result {
    let (start, stop, step) = match values {
        [Value::Int(start), Value::Int(stop)] => (*start, *stop, 1),
        [Value::Int(start), Value::Int(stop), Value::Int(step)] => (*start, *stop, *step),
        _ => return misuse(types),
    };
    if step == 0 {
        return Err("the step of a range is not 0".to_string());
    }
    let distance = (stop as i128 - start as i128) * (step as i128).signum();
    let step_size = (step as i128).abs();
    let count = if distance <= 0 { 0 } else { (distance + step_size - 1) / step_size };
    if count > (LONGEST_RESULT / size_of::<Value>()) as i128 {
        return Err(too_long("list"));
    }
    // Every one of them lies between start and stop.
    Ok(Value::List((0..count).map(|i| Value::Int((start as i128 + i * step as i128) as i64)).collect()))
}

/// Elements of the first list, once each, by whether the second has them.
fn compared(types: &CallTypes, values: &[Value], wanted: fn(bool) -> bool) -> Result {
    let [first @ Value::List(_), Value::List(second)] = values else { return misuse(types) };
    let second: BTreeSet<&Value> = second.iter().collect();
    changed(types, std::slice::from_ref(first), |items| {
        items.retain(|item| wanted(second.contains(item)));
        keep_first(items);
    })
}

fn overlaps(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::List(first), Value::List(second)] = values else { return misuse(types) };
    let second: BTreeSet<&Value> = second.iter().collect();
    Ok(Value::Bool(first.iter().any(|item| second.contains(item))))
}

/// The elements that are not null.
fn items<'a>(types: &CallTypes, values: &'a [Value]) -> Result<Items<'a>> {
    let [Value::List(items)] = values else { return misuse(types) };
    Ok(items.iter().filter((|v| !v.is_null()) as fn(&&Value) -> bool))
}

fn sum(types: &CallTypes, values: &[Value]) -> Result {
    let items = items(types, values)?;
    let element = element_kind(types.arguments.first());
    if element == Some(&TypeKind::Float) {
        let sum: f64 = items.map(|v| if let Value::Float(x) = v { *x } else { 0.0 }).fold(0.0, |a, b| a + b);
        return Ok(Value::Float(canonical_nan(sum)));
    }
    let mut total = 0i128;
    for item in items {
        let number = match item {
            Value::Int(i) => *i as i128,
            Value::Decimal(d) => *d,
            _ => return misuse(types),
        };
        total = total.checked_add(number).ok_or("the sum of the list is too large")?;
    }
    match element {
        Some(TypeKind::Decimal(_)) => decimal::fit(total).map(Value::Decimal),
        _ => i64::try_from(total).ok().map(Value::Int),
    }
    .ok_or_else(|| "the sum of the list is too large".to_string())
}

fn average(types: &CallTypes, values: &[Value]) -> Result {
    let items = items(types, values)?;
    let (mut n, mut floats, mut ints) = (0u32, 0.0, 0i128);
    for item in items {
        n += 1;
        match item {
            Value::Float(x) => floats += x,
            Value::Int(i) => ints += *i as i128,
            _ => return misuse(types),
        }
    }
    Ok(if n == 0 { Value::Null } else { Value::Float(canonical_nan((floats + ints as f64) / n as f64)) })
}

fn extreme(types: &CallTypes, values: &[Value], choose: fn(Items) -> Option<&Value>) -> Result {
    Ok(choose(items(types, values)?).cloned().unwrap_or(Value::Null))
}

fn decided(types: &CallTypes, values: &[Value], deciding: bool) -> Result {
    let found = items(types, values)?.any(|v| *v == Value::Bool(deciding));
    Ok(Value::Bool(found == deciding))
}

#[cfg(test)]
mod tests {
    use super::super::call;
    use super::*;
    use millstream_ir::types::Type;

    fn ints(items: &[i64]) -> (Value, Type) {
        (Value::List(items.iter().map(|i| Value::Int(*i)).collect()), Type::list(Type::INT))
    }

    fn int(i: i64) -> (Value, Type) {
        (Value::Int(i), Type::INT)
    }

    #[test]
    fn slices_stay_inside() {
        let cases: &[(i64, i64, &[i64])] = &[
            (0, 2, &[1, 2]),
            (-2, 99, &[2, 3]),
            (2, 1, &[]),
            (i64::MIN, i64::MAX, &[1, 2, 3]),
            (1, -1, &[2]),
        ];
        for (start, stop, expected) in cases {
            let result = call("slice", &[ints(&[1, 2, 3]), int(*start), int(*stop)], Type::list(Type::INT));
            assert_eq!(result, Ok(ints(expected).0), "{start}..{stop}");
        }
    }

    #[test]
    fn ranges_are_bounded() {
        let range =
            |start, stop, step| call("range", &[int(start), int(stop), int(step)], Type::list(Type::INT));
        assert_eq!(range(5, 0, -2), Ok(ints(&[5, 3, 1]).0));
        assert_eq!(range(i64::MIN, i64::MAX, i64::MAX).unwrap(), ints(&[i64::MIN, -1, i64::MAX - 1]).0);
        assert_eq!(range(0, 5, -1), Ok(ints(&[]).0));
        assert!(range(i64::MIN, i64::MAX, 1).is_err());
        assert!(range(0, 1, 0).is_err());
    }

    #[test]
    fn a_sum_fails_only_if_it_does_not_fit_at_the_end() {
        let sum = |items: &[i64]| call("list_sum", &[ints(items)], Type::INT);
        assert_eq!(sum(&[i64::MAX, 1, -2]), Ok(Value::Int(i64::MAX - 1)));
        assert!(sum(&[i64::MAX, 1]).is_err());
        assert_eq!(sum(&[]), Ok(Value::Int(0)));
    }
}
