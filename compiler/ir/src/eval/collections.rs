//! Joining, members and elements: strings, lists, maps, json.

use crate::value::Value;
use serde_json::Value as Json;
use std::sync::Arc;

/// The longest text or list that an operator or function makes, in bytes.
pub const LONGEST_RESULT: usize = 16 << 20;

/// Whether a value is longer, with all that it is made of, than an operator or function makes it.
pub fn is_too_long(value: &Value) -> bool {
    value.bytes(LONGEST_RESULT + 1) > LONGEST_RESULT
}

/// How long a list is that is made element by element.
pub struct Length {
    bytes: usize,
    /// Whether it can become too long.
    grows: bool,
}

impl Length {
    pub fn new(grows: bool) -> Length {
        Length { bytes: 0, grows }
    }

    /// With one element more, and all that this is made of.
    pub fn add(&mut self, element: &Value) -> Result<(), String> {
        if self.grows {
            self.bytes += size_of::<Value>() + element.bytes(LONGEST_RESULT);
        }
        match self.bytes > LONGEST_RESULT {
            true => Err("the list would be longer than 16 MiB".to_string()),
            false => Ok(()),
        }
    }
}

/// Strings (or lists) one after the other; null if one of them is.
pub fn concat(values: &[Value]) -> Result<Value, String> {
    if values.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    if let Some(Value::List(_)) = values.first() {
        let items = values.iter().flat_map(|v| if let Value::List(items) = v { &items[..] } else { &[] });
        let joined = Value::List(items.cloned().collect());
        if is_too_long(&joined) {
            return Err("the joined list is longer than 16 MiB".to_string());
        }
        return Ok(joined);
    }
    let mut text = String::new();
    for value in values {
        match value {
            Value::String(part) => text.push_str(part),
            _ => return Err("only strings and lists can be joined".to_string()),
        }
        if text.len() > LONGEST_RESULT {
            return Err("the joined text is longer than 16 MiB".to_string());
        }
    }
    Ok(Value::string(text))
}

/// A member of a json object; null if there is none.
pub fn member(json: &Value, name: &str) -> Value {
    match json {
        Value::Json(json) => json_part(json.get(name)),
        _ => Value::Null,
    }
}

/// An element by its position or name.
pub fn index(base: &Value, index: &Value) -> Result<Value, String> {
    match (base, index) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::List(items), Value::Int(index)) => {
            let item = position(items.len(), *index).and_then(|at| items.get(at));
            item.cloned().ok_or_else(|| match items.len() {
                1 => format!("index {index} is out of range: the list has 1 element"),
                n => format!("index {index} is out of range: the list has {n} elements"),
            })
        }
        (Value::Json(json), Value::Int(index)) => Ok(match &**json {
            Json::Array(items) => json_part(position(items.len(), *index).and_then(|at| items.get(at))),
            _ => Value::Null,
        }),
        (Value::Json(_), Value::String(name)) => Ok(member(base, name)),
        (Value::Map(map), Value::String(name)) => Ok(map.get(name).cloned().unwrap_or(Value::Null)),
        _ => Err("this value cannot be indexed so".to_string()),
    }
}

/// A negative index counts from the end.
fn position(len: usize, index: i64) -> Option<usize> {
    let len = len as i64;
    let at = if index < 0 { len.checked_add(index)? } else { index };
    usize::try_from(at).ok()
}

fn json_part(part: Option<&Json>) -> Value {
    match part {
        None | Some(Json::Null) => Value::Null,
        Some(part) => Value::Json(Arc::new(part.clone())),
    }
}
