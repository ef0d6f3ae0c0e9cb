//! A log of changes as Debezium writes it: an object tells the row before a change and the row after it, with or
//! without an envelope (`payload`) around it.

use super::general::{object, values};
use crate::format::DELETED;
use crate::format::field::Field;
use millstream_ir::types::{Layout, Type, TypeKind};
use millstream_ir::value::Value;
use serde_json::{Map, Value as Json};

#[derive(Clone)]
pub struct ChangeLog {
    /// The position of the event time among the fields that are decoded.
    pub time: Option<usize>,
    /// Whether each of these is part of what names a row.
    pub key: Vec<bool>,
}

impl ChangeLog {
    /// The rows that a record is about: as one stands after the change, or, deleted, as it was. The field without a
    /// name tells which. Where the key changes, the row of the key before is deleted in front of the other.
    pub fn rows(&self, line: &[u8], fields: &[Field]) -> Result<Vec<Vec<Value>>, String> {
        let mut record = object(line)?;
        if let Some(Json::Object(payload)) = record.remove("payload") {
            record = payload;
        }
        match (record.get("after"), record.get("before")) {
            (Some(Json::Object(after)), before) => {
                let after = values(after, fields)?;
                let happened = match self.time.and_then(|time| after.get(time)) {
                    Some(Value::Timestamp(time)) => *time,
                    _ => i64::MIN,
                };
                let before =
                    before.and_then(Json::as_object).filter(|before| self.names_a_row(before, fields));
                let gone = before.map(|before| self.deleted(before, happened, fields)).transpose()?;
                let gone = gone.filter(|gone| !self.is_of_one_key(gone, &after));
                Ok(gone.into_iter().chain([after]).collect())
            }
            (_, Some(Json::Object(before))) => {
                let happened = if self.time.is_some() { told(record.get("ts_ms"))? } else { i64::MIN };
                Ok(vec![self.deleted(before, happened, fields)?])
            }
            _ if record.get("op").and_then(Json::as_str) == Some("t") => {
                Err("the table was truncated, and its log does not tell of which rows".to_string())
            }
            _ => Err("expected a change with a row `after` or `before` it".to_string()),
        }
    }

    fn is_key(&self, field: usize) -> bool {
        self.key.get(field) == Some(&true)
    }

    /// Whether all of the key is there.
    fn names_a_row(&self, row: &Map<String, Json>, fields: &[Field]) -> bool {
        let mut key = fields.iter().enumerate().filter(|(number, _)| self.is_key(*number));
        key.all(|(_, field)| {
            row.get(&*field.spec.input).is_some_and(|json| !json.is_null() || field.spec.ty.nullable)
        })
    }

    fn is_of_one_key(&self, a: &[Value], b: &[Value]) -> bool {
        a.iter().zip(b).enumerate().all(|(number, (a, b))| !self.is_key(number) || a == b)
    }

    /// A row that is gone since a time. Databases often send no more of it than its key.
    fn deleted(
        &self,
        before: &Map<String, Json>,
        happened: i64,
        fields: &[Field],
    ) -> Result<Vec<Value>, String> {
        let value = |(number, field): (usize, &Field)| match before.get(&*field.spec.input) {
            _ if field.spec.input.is_empty() => Ok(Value::Int(DELETED)),
            _ if self.time == Some(number) => Ok(Value::Timestamp(happened)),
            Some(json) if self.is_key(number) => field.value_of_json(json),
            None if self.is_key(number) => field.absent(),
            json => {
                let value = json.and_then(|json| field.value_of_json(json).ok());
                Ok(value.or_else(|| field.absent().ok()).unwrap_or_else(|| nothing(&field.spec.ty)))
            }
        };
        fields.iter().enumerate().map(value).collect()
    }
}

/// When a record says that it was written, in microseconds; before all else if it does not.
fn told(ts_ms: Option<&Json>) -> Result<i64, String> {
    let Some(told) = ts_ms.filter(|told| !told.is_null()) else { return Ok(i64::MIN) };
    let whole = told.as_i64().or_else(|| told.as_f64().filter(|ms| ms.fract() == 0.0).map(|ms| ms as i64));
    let micros = whole.and_then(|ms| ms.checked_mul(1000));
    micros.ok_or_else(|| format!("`ts_ms`: expected whole milliseconds since 1970, found {told}"))
}

/// What stands for a value that is not known of a row that is gone.
fn nothing(ty: &Type) -> Value {
    match ty.layout() {
        Layout::Bool => Value::Bool(false),
        Layout::F64 => Value::Float(0.0),
        Layout::Decimal => Value::Decimal(0),
        Layout::View => Value::string(""),
        Layout::I64 if ty.kind == TypeKind::Int => Value::Int(0),
        Layout::I64 if ty.kind == TypeKind::Duration => Value::Duration(0),
        Layout::I64 => Value::Timestamp(i64::MIN),
        Layout::Boxed => Value::Null,
    }
}
