//! Parsed JSON to values of a type.

use crate::format::scalar::{self, expected};
use millstream_ir::flow::Encoding;
use millstream_ir::types::{RecordType, Type, TypeKind};
use millstream_ir::value::Value;
use serde_json::Value as Json;
use std::sync::Arc;

/// The value that `json` stands for, or why it stands for none.
pub fn from_json(json: &Json, ty: &Type, encoding: &Encoding) -> Result<Value, String> {
    if json.is_null() && (ty.nullable || ty.kind == TypeKind::Null) {
        return Ok(Value::Null);
    }
    Ok(match (&ty.kind, json) {
        (TypeKind::Json, json) => Value::Json(Arc::new(json.clone())),
        (TypeKind::Bool, Json::Bool(b)) => Value::Bool(*b),
        (TypeKind::Int, Json::Number(n)) => Value::Int(scalar::int(n.as_str())?),
        (TypeKind::Float, Json::Number(n)) => Value::Float(scalar::float(n.as_str())?),
        (TypeKind::Decimal(scale), Json::Number(n)) => Value::Decimal(scalar::decimal(n.as_str(), *scale)?),
        (TypeKind::Decimal(scale), Json::String(s)) => Value::Decimal(scalar::decimal(s, *scale)?),
        (TypeKind::String, Json::String(s)) => Value::String(s.as_str().into()),
        (TypeKind::OneOf(_) | TypeKind::Duration | TypeKind::Bytes, Json::String(s)) => {
            scalar::from_text(s, ty, encoding)?
        }
        (TypeKind::Timestamp, Json::String(s)) => Value::Timestamp(scalar::encoded_timestamp(s, encoding)?),
        (TypeKind::Timestamp, Json::Number(n)) if is_epoch(encoding) => {
            Value::Timestamp(scalar::encoded_timestamp(n.as_str(), encoding)?)
        }
        (TypeKind::Timestamp, Json::Number(n)) if *encoding == Encoding::Plain => {
            let why = ": numbers are read as times only with `as epoch_ms` or one of its like";
            return Err(expected("timestamp", n.as_str(), why));
        }
        (TypeKind::List(element), Json::Array(elements)) => {
            let mut values = Vec::with_capacity(elements.len());
            for (i, json) in elements.iter().enumerate() {
                values
                    .push(from_json(json, element, encoding).map_err(|why| inside(&format!("[{i}]"), why))?);
            }
            Value::List(values.into())
        }
        (TypeKind::Map(element), Json::Object(entries)) => {
            let entry = |(key, json): (&String, &Json)| {
                let value =
                    from_json(json, element, encoding).map_err(|why| inside(&format!("[{key:?}]"), why))?;
                Ok((Arc::from(key.as_str()), value))
            };
            Value::Map(Arc::new(entries.iter().map(entry).collect::<Result<_, String>>()?))
        }
        (TypeKind::Record(record), Json::Object(entries)) => {
            Value::Record(record_fields(record, entries, encoding)?.into())
        }
        (_, json) => return Err(expected(&ty.clone().required().to_string(), &describe(json), "")),
    })
}

fn record_fields(
    record: &RecordType,
    entries: &serde_json::Map<String, Json>,
    encoding: &Encoding,
) -> Result<Vec<Value>, String> {
    let mut values = Vec::with_capacity(record.fields.len());
    for field in &record.fields {
        let path = format!(".{}", field.name);
        values.push(match entries.get(&*field.name) {
            Some(json) => from_json(json, &field.ty, encoding).map_err(|why| inside(&path, why))?,
            None if field.ty.nullable => Value::Null,
            None => return Err(inside(&path, "it is missing".to_string())),
        });
    }
    Ok(values)
}

fn is_epoch(encoding: &Encoding) -> bool {
    !matches!(encoding, Encoding::Plain | Encoding::Pattern { .. })
}

/// `.b[3]: expected …`: the reason with the place inside a field before it.
fn inside(place: &str, why: String) -> String {
    let separator = if why.starts_with(['.', '[']) { "" } else { ": " };
    format!("{place}{separator}{why}")
}

/// The reason why a field could not be read, with its name: "field `a`: …".
pub fn in_field(name: &str, why: String) -> String {
    match why.split_once(": ") {
        Some((place, why)) if place.starts_with(['.', '[']) => format!("field `{name}{place}`: {why}"),
        _ => format!("field `{name}`: {why}"),
    }
}

/// What a value is, for "expected …, found …".
fn describe(json: &Json) -> String {
    match json {
        Json::Null => "null".to_string(),
        Json::Bool(b) => b.to_string(),
        Json::Number(n) => n.to_string(),
        Json::String(s) => format!("the text {}", scalar::quoted(s)),
        Json::Array(_) => "a list".to_string(),
        Json::Object(_) => "an object".to_string(),
    }
}
