//! The general path: any JSON object to the values of a row. Slow, and right for everything that
//! the fast path leaves over; the reasons for which a row cannot be read come from here.

use super::ChangeLog;
use crate::format::UNKNOWN_TIME;
use crate::format::field::Field;
use millstream_ir::types::{Layout, Type, TypeKind};
use millstream_ir::value::Value;
use serde_json::{Map, Value as Json};

/// The values of `fields` in the object that `line` holds. Of several entries with one key the last counts.
pub fn row(line: &[u8], fields: &[Field]) -> Result<Vec<Value>, String> {
    values(&object(line)?, fields)
}

/// The row that a record of a change log is about, as Debezium writes it, with or without an envelope around
/// it: as it stands after the change, or, deleted, as it was. The field without a name tells which. Of a deletion
/// the event time tells when it was, if the record says so: the row's own time was long before.
pub fn changed_row(line: &[u8], fields: &[Field], log: &ChangeLog) -> Result<Vec<Value>, String> {
    let mut record = object(line)?;
    if let Some(Json::Object(payload)) = record.remove("payload") {
        record = payload;
    }
    match (record.get("after"), record.get("before")) {
        (Some(Json::Object(after)), _) => values(after, fields),
        (_, Some(Json::Object(before))) => {
            // Databases often send no more of a deleted row than its key.
            let is_key = |number: usize| log.key.get(number) == Some(&true);
            let value = |(number, field): (usize, &Field)| match before.get(&*field.spec.input) {
                _ if field.spec.input.is_empty() => Ok(Value::Int(-1)),
                Some(json) if is_key(number) => field.value_of_json(json),
                None if is_key(number) => field.absent(),
                None | Some(Json::Null) => Ok(field.absent().unwrap_or_else(|_| nothing(&field.spec.ty))),
                Some(json) => field.value_of_json(json),
            };
            let mut row: Vec<Value> = fields.iter().enumerate().map(value).collect::<Result<_, _>>()?;
            let told = record.get("ts_ms").and_then(Json::as_i64).and_then(|ms| ms.checked_mul(1000));
            if let (Some(Value::Timestamp(own)), Some(told)) =
                (log.time.and_then(|time| row.get_mut(time)), told)
            {
                *own = told.max(*own);
            }
            Ok(row)
        }
        _ if record.get("op").and_then(Json::as_str) == Some("t") => {
            Err("the table was truncated, and its log does not tell of which rows".to_string())
        }
        _ => Err("expected a change with a row `after` or `before` it".to_string()),
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

/// The entries of the object that a line holds.
pub fn object(line: &[u8]) -> Result<Map<String, Json>, String> {
    let text = std::str::from_utf8(line)
        .map_err(|e| format!("invalid UTF-8 at byte {} of the line", e.valid_up_to() + 1))?;
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Object(entries)) => Ok(entries),
        Ok(_) => Err("expected a JSON object".to_string()),
        Err(error) => Err(format!("broken JSON: {}", described(&error))),
    }
}

fn values(entries: &Map<String, Json>, fields: &[Field]) -> Result<Vec<Value>, String> {
    let value = |field: &Field| match entries.get(&*field.spec.input) {
        Some(json) if !field.spec.input.is_empty() => field.value_of_json(json),
        _ => field.absent(),
    };
    fields.iter().map(value).collect()
}

/// serde_json's message with the column only: a record is one line.
fn described(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let what = match message.rsplit_once(" at line ").map_or(&*message, |(what, _)| what) {
        "expected ident" | "expected value" => "expected a value",
        "EOF while parsing a value" => "it ends where a value is expected",
        "EOF while parsing an object" => "it ends inside an object",
        "EOF while parsing a list" => "it ends inside a list",
        "EOF while parsing a string" => "it ends inside a string",
        "trailing characters" => "more stands behind its end",
        "key must be a string" => "expected a key in quotes",
        "unexpected end of hex escape" | "lone leading surrogate in hex escape" => {
            "half of a pair of `\\u` escapes"
        }
        "control character (\\u0000-\\u001F) found while parsing a string" => {
            "a control character inside a string, which must be escaped"
        }
        "recursion limit exceeded" => "it is nested too deep",
        what => what,
    };
    format!("{what} at character {}", error.column())
}
