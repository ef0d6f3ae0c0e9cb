//! JSON values.

use super::{Result, misuse, partial, too_long, total};
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::eval::is_too_long;
use millstream_ir::text::json::describe_json;
use millstream_ir::text::{json_of, quote, write_json};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use serde_json::Value as Json;
use std::sync::Arc;

pub static FUNCTIONS: &[ScalarFunction] = &[
    partial("json_parse", json_parse),
    total("try_json_parse", |t, v| json_parse(t, v).or(Ok(Value::Null))),
    total("json_text", json_text),
    partial("to_json", to_json),
    total("json_type", json_type),
    partial("json_get", json_get),
    total("json_list", json_list),
    total("json_map", json_map),
    partial("json_merge", json_merge),
];

/// A part of a json value as a value of its own.
pub fn part(json: &Json) -> Value {
    Value::Json(Arc::new(json.clone()))
}

fn json_parse(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    let json: Json = serde_json::from_str(text).map_err(|e| format!("the text is not JSON: {e}"))?;
    Ok(Value::Json(Arc::new(json)))
}

fn json_text(types: &CallTypes, values: &[Value]) -> Result {
    let [value] = values else { return misuse(types) };
    let mut out = Vec::new();
    write_json(&mut out, value, types.arguments.first().unwrap_or(&Type::ERROR));
    Ok(Value::string(String::from_utf8_lossy(&out)))
}

fn to_json(types: &CallTypes, values: &[Value]) -> Result {
    let [value] = values else { return misuse(types) };
    if is_too_long(value) {
        return Err(too_long("json"));
    }
    Ok(Value::Json(Arc::new(json_of(value, types.arguments.first().unwrap_or(&Type::ERROR)))))
}

fn json_type(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Json(json)] = values else { return misuse(types) };
    Ok(Value::string(match **json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }))
}

/// `a.b[0]`, `[1].c`, `a["b c"]` is not known: such names need `[…]` of the language.
fn json_get(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Json(json), Value::String(path)] = values else { return misuse(types) };
    let wrong = || format!("a path is written like `a.b[0]`, not {}", quote(path));
    let mut found = Some(&**json);
    let mut rest = &**path;
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('[') {
            let (index, tail) = tail.split_once(']').ok_or_else(wrong)?;
            let index: i64 = index.trim().parse().map_err(|_| wrong())?;
            found = found.and_then(Json::as_array).and_then(|items| {
                let at = if index < 0 { index.checked_add(items.len() as i64)? } else { index };
                items.get(usize::try_from(at).ok()?)
            });
            rest = tail;
        } else {
            // The dot between a part and the next.
            let tail = if rest.len() < path.len() { rest.strip_prefix('.').ok_or_else(wrong)? } else { rest };
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            let (name, tail) = tail.split_at(end);
            if name.is_empty() {
                return Err(wrong());
            }
            found = found.and_then(|json| json.get(name));
            rest = tail;
        }
    }
    Ok(match found {
        None | Some(Json::Null) => Value::Null,
        Some(json) => part(json),
    })
}

fn json_list(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Json(json)] = values else { return misuse(types) };
    Ok(json.as_array().map_or(Value::Null, |items| Value::List(items.iter().map(part).collect())))
}

fn json_map(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Json(json)] = values else { return misuse(types) };
    let Some(members) = json.as_object() else { return Ok(Value::Null) };
    Ok(Value::Map(Arc::new(members.iter().map(|(name, json)| (Arc::from(&**name), part(json))).collect())))
}

fn json_merge(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Json(first), Value::Json(second)] = values else { return misuse(types) };
    let object = |json: &Json| match json {
        Json::Object(members) => Ok(members.clone()),
        other => Err(format!("json_merge takes objects, not {}", describe_json(other))),
    };
    let mut merged = object(first)?;
    merged.extend(object(second)?);
    Ok(Value::Json(Arc::new(Json::Object(merged))))
}

#[cfg(test)]
mod tests {
    use super::super::call;
    use super::*;

    #[test]
    fn paths_lead_to_parts_or_to_nothing() {
        let json = part(&serde_json::json!({"a": {"b": [1, null, {"c": "x"}]}, "": 1}));
        let get = |path: &str| {
            let path = (Value::string(path), Type::STRING);
            call("json_get", &[(json.clone(), Type::JSON), path], Type::JSON.nullable())
        };
        assert_eq!(get("a.b[2].c"), Ok(part(&Json::from("x"))));
        assert_eq!(get("a.b[-1].c"), Ok(part(&Json::from("x"))));
        assert_eq!(get("a.b[1]"), Ok(Value::Null));
        assert_eq!(get("a.b[9].c"), Ok(Value::Null));
        assert_eq!(get("a[0]"), Ok(Value::Null));
        assert_eq!(get(""), Ok(json.clone()));
        for path in ["a..b", "a.", ".a", "a[", "a[x]", "a.b[0]c"] {
            assert!(get(path).is_err(), "{path}");
        }
    }
}
