//! The general path: any JSON object to the values of a row. Slow, and right for everything that
//! the fast path leaves over; the reasons for which a row cannot be read come from here.

use super::value::{from_json, in_field};
use millstream_ir::flow::FieldSpec;
use millstream_ir::value::Value;
use serde_json::Value as Json;

/// The values of `fields` in the object that `line` holds. Of several entries with one key the last counts.
pub fn row(line: &[u8], fields: &[FieldSpec]) -> Result<Vec<Value>, String> {
    let text = std::str::from_utf8(line)
        .map_err(|e| format!("invalid UTF-8 at byte {} of the line", e.valid_up_to() + 1))?;
    let entries = match serde_json::from_str::<Json>(text) {
        Ok(Json::Object(entries)) => entries,
        Ok(_) => return Err("expected a JSON object".to_string()),
        Err(error) => return Err(format!("broken JSON: {}", described(&error))),
    };
    fields.iter().map(|field| value(field, entries.get(&*field.input))).collect()
}

/// What a field holds, of which the row has this entry or none.
fn value(field: &FieldSpec, entry: Option<&Json>) -> Result<Value, String> {
    match entry {
        Some(json) => from_json(json, &field.ty, &field.encoding).map_err(|why| in_field(&field.input, why)),
        None => absent(field),
    }
}

/// The value of a field that the row lacks.
pub fn absent(field: &FieldSpec) -> Result<Value, String> {
    match &field.default {
        Some(default) => Ok(default.clone()),
        None if field.ty.nullable => Ok(Value::Null),
        None => Err(format!("field `{}` is missing", field.input)),
    }
}

/// serde_json's message with the column only: a record is one line.
fn described(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let what = match message.rsplit_once(" at line ").map_or(&*message, |(what, _)| what) {
        "expected ident" => "expected a value",
        what => what,
    };
    format!("{what} at character {}", error.column())
}
