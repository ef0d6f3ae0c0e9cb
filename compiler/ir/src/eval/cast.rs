//! Conversions between types, written (`int(x)`) or implied.
//!
//! What `language.md` leaves open:
//! - A float or decimal becomes an int by dropping its fraction; it fails where the whole part does not fit.
//! - A decimal, a float and a text become a decimal of smaller scale rounded half to even; a float counts as
//!   it is written (its shortest text).
//! - Times become ints, and ints times, in microseconds. Bytes and strings convert as UTF-8.
//! - Text must be the value alone, without blanks around it.
//! - A json string converts as the string in it, other json as [`from_json`] reads it; `string(json)` is the
//!   string in it, or the JSON text of anything else.
//! - Lists, maps and records become strings as JSON text, and convert part by part, records by name.

use super::collections::is_too_long;
use super::decimal;
use crate::text::json::{describe_json, describe_type, shorten};
use crate::text::{self, from_json, json_of, quote};
use crate::types::{Type, TypeKind};
use crate::value::Value;
use serde_json::Value as Json;
use std::sync::Arc;

/// The value in another type, or the reason why there is none. Null stays null.
pub fn cast(value: &Value, from: &Type, to: &Type) -> Result<Value, String> {
    let fail = || format!("cannot convert {} to {}", describe(value, from), to.clone().required());
    let checked = |result: Option<Value>| result.ok_or_else(fail);
    Ok(match (value, &to.kind) {
        (Value::Null, _) => Value::Null,
        (_, TypeKind::Error | TypeKind::Null) => value.clone(),

        (Value::Json(json), _) => return from_json_value(json, to),
        (_, TypeKind::Json) if is_too_long(value) => {
            return Err("the json would be longer than 16 MiB".to_string());
        }
        (_, TypeKind::Json) => Value::Json(Arc::new(json_of(value, from))),

        (Value::Bool(_), TypeKind::Bool) => value.clone(),
        (Value::Bool(b), TypeKind::Int) => Value::Int(*b as i64),

        (Value::Int(_), TypeKind::Int) => value.clone(),
        (Value::Int(i), TypeKind::Float) => Value::Float(*i as f64),
        (Value::Int(i), TypeKind::Decimal(scale)) => {
            checked(decimal::from_int(*i, *scale).map(Value::Decimal))?
        }
        (Value::Int(i), TypeKind::Timestamp) => Value::Timestamp(*i),
        (Value::Int(i), TypeKind::Duration) => Value::Duration(*i),

        (Value::Float(_), TypeKind::Float) => value.clone(),
        (Value::Float(x), TypeKind::Int) => checked(float_to_int(*x).map(Value::Int))?,
        (Value::Float(x), TypeKind::Decimal(scale)) => {
            checked(decimal::from_float(*x, *scale).map(Value::Decimal))?
        }

        (Value::Decimal(d), TypeKind::Decimal(scale)) => {
            checked(decimal::rescale(*d, scale_of(from), *scale).map(Value::Decimal))?
        }
        (Value::Decimal(d), TypeKind::Int) => checked(decimal::to_int(*d, scale_of(from)).map(Value::Int))?,
        (Value::Decimal(d), TypeKind::Float) => Value::Float(decimal::to_float(*d, scale_of(from))),

        (Value::String(_), TypeKind::String) => value.clone(),
        (Value::String(s), _) => checked(from_text(s, to))?,

        (Value::Bytes(_), TypeKind::Bytes) => value.clone(),
        (Value::Bytes(bytes), TypeKind::String) => {
            let text = std::str::from_utf8(bytes).map_err(|_| "the bytes are not UTF-8 text".to_string())?;
            Value::string(text)
        }

        (Value::Timestamp(_), TypeKind::Timestamp) | (Value::Duration(_), TypeKind::Duration) => {
            value.clone()
        }
        (Value::Timestamp(micros) | Value::Duration(micros), TypeKind::Int) => Value::Int(*micros),

        (Value::List(items), TypeKind::List(element)) => {
            let from = if let TypeKind::List(element) = &from.kind { element } else { &Type::ERROR };
            Value::List(items.iter().map(|item| cast(item, from, element)).collect::<Result<_, _>>()?)
        }
        (Value::Map(map), TypeKind::Map(element)) => {
            let from = if let TypeKind::Map(element) = &from.kind { element } else { &Type::ERROR };
            let cast_item =
                |(name, item): (&Arc<str>, &Value)| Ok((name.clone(), cast(item, from, element)?));
            Value::Map(Arc::new(map.iter().map(cast_item).collect::<Result<_, String>>()?))
        }
        (Value::Record(values), TypeKind::Record(target)) => {
            let TypeKind::Record(source) = &from.kind else { return Err(fail()) };
            let fields = target.fields.iter().map(|field| {
                let source_field =
                    source.position(&field.name).and_then(|at| source.fields.get(at).zip(values.get(at)));
                match source_field {
                    Some((source_field, value)) => cast(value, &source_field.ty, &field.ty),
                    None if field.ty.nullable => Ok(Value::Null),
                    None => Err(format!("the field `{}` is missing", field.name)),
                }
            });
            Value::Record(fields.collect::<Result<_, _>>()?)
        }

        (_, TypeKind::String) => Value::string(to_text(value, from)),
        _ => return Err(fail()),
    })
}

/// Whether the conversion between these types can fail for some value.
pub fn can_fail(from: &Type, to: &Type) -> bool {
    match (&from.kind, &to.kind) {
        (a, b) if a == b => false,
        (TypeKind::Json, _) => true,
        (_, TypeKind::Json) if from.is_collection() => true,
        (TypeKind::Null | TypeKind::Error, _) | (_, TypeKind::Error | TypeKind::Null | TypeKind::Json) => {
            false
        }
        (TypeKind::Bytes, TypeKind::String) => true,
        (_, TypeKind::String) => false,
        (TypeKind::String | TypeKind::OneOf(_), TypeKind::Bytes) => false,
        (TypeKind::OneOf(from), TypeKind::OneOf(to)) => !from.iter().all(|s| to.contains(s)),
        (TypeKind::Bool, TypeKind::Int) => false,
        (TypeKind::Int, TypeKind::Decimal(scale)) => *scale > 19,
        (TypeKind::Int, TypeKind::Float | TypeKind::Timestamp | TypeKind::Duration) => false,
        (TypeKind::Timestamp | TypeKind::Duration, TypeKind::Int) => false,
        (TypeKind::Decimal(_), TypeKind::Float) => false,
        (TypeKind::Decimal(from), TypeKind::Decimal(to)) => to > from,
        (TypeKind::List(from), TypeKind::List(to)) | (TypeKind::Map(from), TypeKind::Map(to)) => {
            can_fail(from, to)
        }
        (TypeKind::Record(from), TypeKind::Record(to)) => to.fields.iter().any(|field| {
            match from.position(&field.name).and_then(|at| from.fields.get(at)) {
                Some(source) => can_fail(&source.ty, &field.ty),
                None => !field.ty.nullable,
            }
        }),
        _ => true,
    }
}

/// The whole part, if it fits.
pub fn float_to_int(x: f64) -> Option<i64> {
    // -2^63 is a float; 2^63 is the first one above the range.
    (x >= i64::MIN as f64 && x < 9_223_372_036_854_775_808.0).then_some(x as i64)
}

/// The value as `string(x)` writes it.
pub fn to_text(value: &Value, ty: &Type) -> String {
    match value {
        Value::String(s) => s.to_string(),
        Value::Float(x) => text::format_float(*x),
        Value::Timestamp(t) => text::format_timestamp(*t),
        Value::Duration(d) => text::format_duration(*d),
        Value::Json(json) => match &**json {
            Json::String(s) => s.clone(),
            other => other.to_string(),
        },
        Value::Bytes(bytes) => text::written(|out| text::write_base64(out, bytes)),
        _ => text::written(|out| text::write_json(out, value, ty)),
    }
}

fn from_text(s: &Arc<str>, to: &Type) -> Option<Value> {
    let bytes = s.as_bytes();
    Some(match &to.kind {
        TypeKind::Bool => Value::Bool(text::parse_bool(bytes)?),
        TypeKind::Int => Value::Int(text::parse_int(bytes)?),
        TypeKind::Float => Value::Float(text::parse_float(bytes)?),
        TypeKind::Decimal(scale) => Value::Decimal(text::parse_decimal(bytes, *scale)?.value),
        TypeKind::Timestamp => Value::Timestamp(text::parse_timestamp(bytes)?),
        TypeKind::Duration => Value::Duration(text::parse_duration(bytes)?),
        TypeKind::Bytes => Value::Bytes(bytes.into()),
        TypeKind::OneOf(strings) => Value::String(strings.iter().find(|known| *known == s)?.clone()),
        _ => return None,
    })
}

fn from_json_value(json: &Arc<Json>, to: &Type) -> Result<Value, String> {
    let fail = || format!("cannot convert the json {} to {}", describe_json(json), describe_type(to));
    match (&**json, &to.kind) {
        (_, TypeKind::Json) => Ok(Value::Json(json.clone())),
        (Json::Null, _) if to.nullable => Ok(Value::Null),
        (Json::Null, _) => Err(fail()),
        (Json::String(s), TypeKind::Bytes) => Ok(Value::Bytes(s.as_bytes().into())),
        (Json::String(s), TypeKind::String) => Ok(Value::string(s)),
        (Json::String(s), _) => from_text(&Arc::from(&**s), to).ok_or_else(fail),
        (other, TypeKind::String) => Ok(Value::string(other.to_string())),
        // Explicit conversions round; reading does not.
        (Json::Number(n), TypeKind::Decimal(scale)) => {
            let number = text::parse_decimal(n.as_str().as_bytes(), *scale).ok_or_else(fail)?;
            Ok(Value::Decimal(number.value))
        }
        _ => from_json(json, to),
    }
}

fn scale_of(ty: &Type) -> u8 {
    if let TypeKind::Decimal(scale) = ty.kind { scale } else { 0 }
}

/// The value as a message shows it.
fn describe(value: &Value, ty: &Type) -> String {
    match value {
        Value::String(s) => quote(&shorten(s)),
        _ => format!("the {} {}", ty.clone().required(), shorten(&to_text(value, ty))),
    }
}
