//! A log of changes as Debezium writes it: an object tells the row before a change and the row after it, with or
//! without an envelope (`payload`) around it.

use super::general::{object, values};
use crate::format::UNKNOWN_TIME;
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
                let before =
                    before.and_then(Json::as_object).filter(|before| self.names_a_row(before, fields));
                let gone = before.map(|before| self.deleted(before, fields)).transpose()?;
                let gone = gone.filter(|gone| !self.is_of_one_key(gone, &after)).map(|mut gone| {
                    self.time.into_iter().for_each(|time| gone[time] = after[time].clone());
                    gone
                });
                Ok(gone.into_iter().chain([after]).collect())
            }
            (_, Some(Json::Object(before))) => {
                let mut gone = self.deleted(before, fields)?;
                self.time_deletion(&mut gone, record.get("ts_ms"))?;
                Ok(vec![gone])
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
        key.all(|(_, field)| row.contains_key(&*field.spec.input))
    }

    fn is_of_one_key(&self, a: &[Value], b: &[Value]) -> bool {
        a.iter().zip(b).enumerate().all(|(number, (a, b))| !self.is_key(number) || a == b)
    }

    /// A row that is gone. Databases often send no more of it than its key.
    fn deleted(&self, before: &Map<String, Json>, fields: &[Field]) -> Result<Vec<Value>, String> {
        let value = |(number, field): (usize, &Field)| match before.get(&*field.spec.input) {
            _ if field.spec.input.is_empty() => Ok(Value::Int(-1)),
            Some(json) if self.is_key(number) => field.value_of_json(json),
            None if self.is_key(number) => field.absent(),
            None | Some(Json::Null) => Ok(field.absent().unwrap_or_else(|_| nothing(&field.spec.ty))),
            Some(json) => field.value_of_json(json),
        };
        fields.iter().enumerate().map(value).collect()
    }

    /// A deletion happens when its record says: the row's own time was long before.
    fn time_deletion(&self, gone: &mut [Value], told: Option<&Json>) -> Result<(), String> {
        let Some(Value::Timestamp(own)) = self.time.and_then(|time| gone.get_mut(time)) else {
            return Ok(());
        };
        let Some(told) = told.filter(|told| !told.is_null()) else { return Ok(()) };
        let Some(told) = told.as_i64().and_then(|ms| ms.checked_mul(1000)) else {
            return Err(format!("`ts_ms`: expected whole milliseconds since 1970, found {told}"));
        };
        *own = told.max(*own);
        Ok(())
    }
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
        Layout::I64 => Value::Timestamp(UNKNOWN_TIME),
        Layout::Boxed => Value::Null,
    }
}
