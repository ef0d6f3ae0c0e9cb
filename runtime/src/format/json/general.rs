//! The general path: any JSON object to the values of a row. Slow, and right for everything that
//! the fast path leaves over; the reasons for which a row cannot be read come from here.

use crate::format::field::Field;
use millstream_ir::value::Value;
use serde_json::{Map, Value as Json};

/// The values of `fields` in the object that `line` holds. Of several entries with one key the last counts.
pub fn row(line: &[u8], fields: &[Field]) -> Result<Vec<Value>, String> {
    values(&object(line)?, fields)
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

pub fn values(entries: &Map<String, Json>, fields: &[Field]) -> Result<Vec<Value>, String> {
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
