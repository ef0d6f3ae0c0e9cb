//! Operators on numbers and times, and comparisons.

use super::{compare, decimal};
use crate::expr::BinaryOp;
use crate::text::{format_decimal, format_duration, format_timestamp};
use crate::types::{Type, TypeKind};
use crate::value::{Value, canonical_nan};
use std::cmp::Ordering;

/// The reason of a division by zero.
pub const DIVISION_BY_ZERO: &str = "division by zero";

/// The operator's result; null if an operand is. Both operands come with their types.
pub fn binary(
    op: BinaryOp,
    (a, a_type): (&Value, &Type),
    (b, b_type): (&Value, &Type),
    result: &Type,
) -> Result<Value, String> {
    use BinaryOp::*;
    if a.is_null() || b.is_null() {
        return Ok(Value::Null);
    }
    if let Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual = op {
        return Ok(Value::Bool(holds(op, compare(a, b))));
    }
    let overflow = |what: &str, show: fn(i64) -> String, a: i64, b: i64| {
        format!("{what} overflow in {} {} {}", show(a), op.symbol(), show(b))
    };
    let whole = |value: Option<i64>, make: fn(i64) -> Value, what: &str, show: fn(i64) -> String, a, b| {
        value.map(make).ok_or_else(|| overflow(what, show, a, b))
    };
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => {
            let value = match op {
                Add => a.checked_add(*b),
                Subtract => a.checked_sub(*b),
                Multiply => a.checked_mul(*b),
                Remainder | Divide if *b == 0 => return Err(DIVISION_BY_ZERO.to_string()),
                Divide if result.kind == TypeKind::Float => return Ok(float(*a as f64 / *b as f64)),
                Remainder => Some(a.wrapping_rem(*b)),
                Divide => a.checked_div(*b),
                _ => None,
            };
            whole(value, Value::Int, "int", |i| i.to_string(), *a, *b)
        }
        (Value::Float(a), Value::Float(b)) => Ok(float(match op {
            Add => a + b,
            Subtract => a - b,
            Multiply => a * b,
            Divide => a / b,
            _ => libm::fmod(*a, *b),
        })),
        (Value::Decimal(a), Value::Decimal(b)) => {
            let (a_scale, b_scale, scale) = (scale_of(a_type), scale_of(b_type), scale_of(result));
            if matches!(op, Divide | Remainder) && *b == 0 {
                return Err(DIVISION_BY_ZERO.to_string());
            }
            let value = match op {
                Add => decimal::add(*a, *b),
                Subtract => decimal::subtract(*a, *b),
                Multiply => decimal::multiply((*a, a_scale), (*b, b_scale), scale),
                Divide => decimal::divide((*a, a_scale), (*b, b_scale), scale),
                _ => decimal::remainder(*a, *b),
            };
            value.map(Value::Decimal).ok_or_else(|| {
                let (a, b) = (format_decimal(*a, a_scale), format_decimal(*b, b_scale));
                format!("decimal overflow in {a} {} {b}: more than 38 digits", op.symbol())
            })
        }
        (Value::Duration(a), Value::Duration(b)) => match op {
            Divide => Ok(float(*a as f64 / *b as f64)),
            Remainder if *b == 0 => Err(DIVISION_BY_ZERO.to_string()),
            Remainder => Ok(Value::Duration(a.wrapping_rem(*b))),
            Add => whole(a.checked_add(*b), Value::Duration, "duration", format_duration, *a, *b),
            _ => whole(a.checked_sub(*b), Value::Duration, "duration", format_duration, *a, *b),
        },
        (Value::Duration(d), Value::Int(n)) | (Value::Int(n), Value::Duration(d)) => {
            let value = match op {
                Divide if *n == 0 => return Err(DIVISION_BY_ZERO.to_string()),
                Divide => d.checked_div(*n),
                _ => d.checked_mul(*n),
            };
            let symbol = op.symbol();
            value
                .map(Value::Duration)
                .ok_or_else(|| format!("duration overflow in {} {symbol} {n}", format_duration(*d)))
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => {
            whole(a.checked_sub(*b), Value::Duration, "duration", format_timestamp, *a, *b)
        }
        (Value::Timestamp(t), Value::Duration(d)) | (Value::Duration(d), Value::Timestamp(t)) => {
            let value = if op == Add { t.checked_add(*d) } else { t.checked_sub(*d) };
            value.map(Value::Timestamp).ok_or_else(|| {
                format!(
                    "timestamp overflow in {} {} {}",
                    format_timestamp(*t),
                    op.symbol(),
                    format_duration(*d)
                )
            })
        }
        _ => Err(format!("cannot apply {} to {a_type} and {b_type}", op.symbol())),
    }
}

pub fn negate(value: &Value, ty: &Type) -> Result<Value, String> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Int(i) => i.checked_neg().map(Value::Int).ok_or_else(|| format!("int overflow in -({i})")),
        Value::Duration(d) => d
            .checked_neg()
            .map(Value::Duration)
            .ok_or_else(|| format!("duration overflow in -({})", format_duration(*d))),
        Value::Float(x) => Ok(float(-x)),
        Value::Decimal(d) => Ok(Value::Decimal(-d)),
        _ => Err(format!("cannot negate {ty}")),
    }
}

/// The start of the tumbling window of this size that the time lies in; at the very beginning of time,
/// the first instant there is.
pub fn bucket(time: i64, size: i64, offset: i64) -> i64 {
    let since = time as i128 - offset as i128;
    let start = since - since.rem_euclid((size as i128).max(1)) + offset as i128;
    i64::try_from(start).unwrap_or(i64::MIN)
}

/// Every NaN is the same one.
fn float(x: f64) -> Value {
    Value::Float(canonical_nan(x))
}

fn scale_of(ty: &Type) -> u8 {
    if let TypeKind::Decimal(scale) = ty.kind { scale } else { 0 }
}

fn holds(op: BinaryOp, order: Option<Ordering>) -> bool {
    match op {
        BinaryOp::Equal => order == Some(Ordering::Equal),
        BinaryOp::NotEqual => order != Some(Ordering::Equal),
        BinaryOp::Less => order == Some(Ordering::Less),
        BinaryOp::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        BinaryOp::Greater => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}
