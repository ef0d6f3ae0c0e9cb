//! One value of the language, as literals, boxed columns and the reference evaluator hold it.

use serde_json::Value as Json;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A value without its type: a decimal's scale, a record's names stand in the [`crate::types::Type`] beside it.
///
/// Equality, order and hash are those of keys: `null` equals `null` and comes first,
/// -0.0 is 0.0, NaN is one value after all other floats. (The operators of the language
/// treat null and NaN as `language.md` says; see [`crate::eval`].)
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// The unscaled number: 12.34 of `decimal(2)` is 1234.
    Decimal(i128),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    /// Microseconds since 1970 UTC.
    Timestamp(i64),
    /// Microseconds.
    Duration(i64),
    Json(Arc<Json>),
    List(Arc<[Value]>),
    Map(Arc<BTreeMap<Arc<str>, Value>>),
    /// In the order of the record type's fields.
    Record(Arc<[Value]>),
}

impl Value {
    pub fn string(text: impl AsRef<str>) -> Value {
        Value::String(Arc::from(text.as_ref()))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// About how many bytes it takes beside itself, with all that it is made of, each part as often as it stands
    /// there; no further than it has come to `most`.
    pub fn bytes(&self, most: usize) -> usize {
        match self {
            Value::String(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Json(json) => json_bytes(json, most),
            Value::List(items) | Value::Record(items) => {
                sum(items.iter(), most, |item, most| size_of::<Value>() + item.bytes(most))
            }
            Value::Map(map) => sum(map.iter(), most, |(key, item), most| {
                2 * size_of::<Value>() + key.len() + item.bytes(most)
            }),
            _ => 0,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) => 2,
            Value::Float(_) => 3,
            Value::Decimal(_) => 4,
            Value::String(_) => 5,
            Value::Bytes(_) => 6,
            Value::Timestamp(_) => 7,
            Value::Duration(_) => 8,
            Value::Json(_) => 9,
            Value::List(_) => 10,
            Value::Map(_) => 11,
            Value::Record(_) => 12,
        }
    }
}

fn json_bytes(json: &Json, most: usize) -> usize {
    match json {
        Json::String(text) => text.len(),
        Json::Array(items) => {
            sum(items.iter(), most, |item, most| size_of::<Json>() + json_bytes(item, most))
        }
        Json::Object(members) => sum(members.iter(), most, |(name, item), most| {
            2 * size_of::<Json>() + name.len() + json_bytes(item, most)
        }),
        _ => 0,
    }
}

/// Adds up what parts take, until it is as much as asked for.
fn sum<P>(parts: impl Iterator<Item = P>, most: usize, bytes: impl Fn(P, usize) -> usize) -> usize {
    let mut total = 0usize;
    for part in parts {
        if total >= most {
            break;
        }
        total = total.saturating_add(bytes(part, most - total));
    }
    total
}

/// The same float, but of all NaNs always the same one.
pub fn canonical_nan(x: f64) -> f64 {
    if x.is_nan() { f64::NAN } else { x }
}

/// The float that stands for `x` in keys: -0.0 becomes 0.0 and every NaN the same one.
pub fn canonical_float(x: f64) -> f64 {
    if x.is_nan() {
        f64::NAN
    } else if x == 0.0 {
        0.0
    } else {
        x
    }
}

/// The order of keys: by number, then NaN.
pub fn compare_floats(a: f64, b: f64) -> Ordering {
    canonical_float(a).partial_cmp(&canonical_float(b)).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b))
            | (Value::Timestamp(a), Value::Timestamp(b))
            | (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => compare_floats(*a, *b),
            (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            // Text gives json a total order; numbers keep the spelling they came with.
            (Value::Json(a), Value::Json(b)) => a.to_string().cmp(&b.to_string()),
            (Value::List(a), Value::List(b)) | (Value::Record(a), Value::Record(b)) => a.cmp(b),
            (Value::Map(a), Value::Map(b)) => a.iter().cmp(b.iter()),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Value::Null => {}
            Value::Bool(b) => b.hash(state),
            Value::Int(i) | Value::Timestamp(i) | Value::Duration(i) => i.hash(state),
            Value::Float(x) => canonical_float(*x).to_bits().hash(state),
            Value::Decimal(d) => d.hash(state),
            Value::String(s) => s.hash(state),
            Value::Bytes(b) => b.hash(state),
            Value::Json(j) => j.to_string().hash(state),
            Value::List(v) | Value::Record(v) => v.hash(state),
            Value::Map(m) => m.hash(state),
        }
    }
}
