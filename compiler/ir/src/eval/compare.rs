//! Comparison of two values that are not null.

use crate::value::Value;
use std::cmp::Ordering;

/// How two values of one type stand to each other; `None` where one of two floats is NaN.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        _ => Some(a.cmp(b)),
    }
}

/// Whether `a == b`: not of NaN, not even with itself.
pub fn equal(a: &Value, b: &Value) -> bool {
    compare(a, b) == Some(Ordering::Equal)
}
