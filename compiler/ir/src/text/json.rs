//! Values as JSON text, and JSON as values of a type: the slow and exact path.
//!
//! Decimals are numbers with their scale, timestamps RFC 3339 in UTC, durations as the language writes
//! them, bytes base64, NaN and infinities null.

use super::number::Rounded;
use crate::eval::decimal;
use crate::types::{Type, TypeKind};
use crate::value::Value;
use serde_json::Value as Json;
use std::sync::Arc;

pub fn write_json(out: &mut Vec<u8>, value: &Value, ty: &Type) {
    match (value, &ty.kind) {
        (Value::Null, _) => out.extend_from_slice(b"null"),
        (Value::Bool(b), _) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        (Value::Int(i), _) => super::write_int(out, *i),
        (Value::Float(x), _) if x.is_finite() => super::write_float(out, *x),
        (Value::Float(_), _) => out.extend_from_slice(b"null"),
        (Value::Decimal(d), TypeKind::Decimal(scale)) => super::write_decimal(out, *d, *scale),
        (Value::Decimal(d), _) => super::write_decimal(out, *d, 0),
        (Value::String(s), _) => write_json_string(out, s),
        (Value::Bytes(bytes), _) => quoted(out, |out| super::write_base64(out, bytes)),
        (Value::Timestamp(t), _) => quoted(out, |out| super::write_timestamp(out, *t)),
        (Value::Duration(d), _) => quoted(out, |out| super::write_duration(out, *d)),
        (Value::Json(json), _) => write_json_value(out, json),
        (Value::List(list), kind) => {
            let element = if let TypeKind::List(element) = kind { element } else { &Type::ERROR };
            out.push(b'[');
            for (i, item) in list.iter().enumerate() {
                separate(out, i);
                write_json(out, item, element);
            }
            out.push(b']');
        }
        (Value::Map(map), kind) => {
            let element = if let TypeKind::Map(element) = kind { element } else { &Type::ERROR };
            out.push(b'{');
            for (i, (name, item)) in map.iter().enumerate() {
                separate(out, i);
                write_json_string(out, name);
                out.push(b':');
                write_json(out, item, element);
            }
            out.push(b'}');
        }
        (Value::Record(values), TypeKind::Record(record)) => {
            out.push(b'{');
            for (i, (field, item)) in record.fields.iter().zip(values.iter()).enumerate() {
                separate(out, i);
                write_json_string(out, &field.name);
                out.push(b':');
                write_json(out, item, &field.ty);
            }
            out.push(b'}');
        }
        // A record whose type could not be checked: without names there is only its order.
        (Value::Record(values), _) => write_json(out, &Value::List(values.clone()), &Type::ERROR),
    }
}

/// Numbers as they came, but for the plus of an exponent, which no other number is written with.
fn write_json_value(out: &mut Vec<u8>, json: &Json) {
    match json {
        Json::Number(number) => {
            let text = number.to_string();
            match text.split_once(['e', 'E']) {
                Some((digits, exponent)) => {
                    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
                    out.extend_from_slice(digits.as_bytes());
                    out.push(b'e');
                    out.extend_from_slice(exponent.as_bytes());
                }
                None => out.extend_from_slice(text.as_bytes()),
            }
        }
        Json::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                separate(out, i);
                write_json_value(out, item);
            }
            out.push(b']');
        }
        Json::Object(members) => {
            out.push(b'{');
            for (i, (name, item)) in members.iter().enumerate() {
                separate(out, i);
                write_json_string(out, name);
                out.push(b':');
                write_json_value(out, item);
            }
            out.push(b'}');
        }
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}

fn separate(out: &mut Vec<u8>, position: usize) {
    if position > 0 {
        out.push(b',');
    }
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// The string in quotes, escaped as JSON requires and no more.
pub fn write_json_string(out: &mut Vec<u8>, text: &str) {
    write_json_string_bytes(out, text.as_bytes());
}

/// The same of a string's bytes.
pub(super) fn write_json_string_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut from = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0..0x20 => b'u',
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..i]);
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            out.extend_from_slice(&[b'0', b'0', HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]);
        }
        from = i + 1;
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// A string in quotes, as messages show it.
pub fn quote(text: &str) -> String {
    super::written(|out| write_json_string(out, text))
}

/// The value as a json value.
pub fn json_of(value: &Value, ty: &Type) -> Json {
    match (value, &ty.kind) {
        (Value::Null, _) => Json::Null,
        (Value::Bool(b), _) => Json::Bool(*b),
        (Value::Int(i), _) => Json::from(*i),
        (Value::String(s), _) => Json::from(&**s),
        (Value::Json(json), _) => (**json).clone(),
        (Value::List(list), TypeKind::List(element)) => list.iter().map(|v| json_of(v, element)).collect(),
        (Value::Map(map), TypeKind::Map(element)) => {
            Json::Object(map.iter().map(|(name, v)| (name.to_string(), json_of(v, element))).collect())
        }
        (Value::Record(values), TypeKind::Record(record)) => {
            let fields = record.fields.iter().zip(values.iter());
            Json::Object(fields.map(|(f, v)| (f.name.to_string(), json_of(v, &f.ty))).collect())
        }
        // What is left is written as one number or string, which keeps its spelling.
        _ => {
            let text = super::written(|out| write_json(out, value, ty));
            serde_json::from_str(&text).unwrap_or(Json::String(text))
        }
    }
}

/// The value of the type that the JSON stands for, or the reason why it stands for none, with the path to it.
pub fn from_json(json: &Json, ty: &Type) -> Result<Value, String> {
    let mut path = String::new();
    read(json, ty, &mut path).map_err(|reason| match path.trim_start_matches('.') {
        "" => reason,
        path => format!("in `{path}`: {reason}"),
    })
}

/// On failure, `path` leads to the part that failed.
fn read(json: &Json, ty: &Type, path: &mut String) -> Result<Value, String> {
    let mismatch = || format!("expected {}, found {}", describe_type(ty), describe_json(json));
    match (&ty.kind, json) {
        (TypeKind::Json, Json::Null) if !ty.nullable => Ok(Value::Json(Arc::new(Json::Null))),
        (_, Json::Null) if ty.nullable => Ok(Value::Null),
        (TypeKind::Json | TypeKind::Error, _) => Ok(Value::Json(Arc::new(json.clone()))),
        (TypeKind::Bool, Json::Bool(b)) => Ok(Value::Bool(*b)),
        (TypeKind::Int, Json::Number(n)) => read_int(n).map(Value::Int).ok_or_else(mismatch),
        (TypeKind::Float, Json::Number(n)) => {
            let x = super::parse_float(n.as_str().as_bytes()).filter(|x| x.is_finite());
            x.map(Value::Float).ok_or_else(mismatch)
        }
        (TypeKind::Decimal(scale), Json::Number(n)) => read_decimal(n.as_str(), *scale).ok_or_else(mismatch),
        (TypeKind::Decimal(scale), Json::String(s)) => read_decimal(s, *scale).ok_or_else(mismatch),
        (TypeKind::String, Json::String(s)) => Ok(Value::string(s)),
        (TypeKind::OneOf(strings), Json::String(s)) => {
            let found = strings.iter().find(|known| ***known == **s).ok_or_else(mismatch)?;
            Ok(Value::String(found.clone()))
        }
        (TypeKind::Bytes, Json::String(s)) => {
            super::parse_base64(s.as_bytes()).map(|b| Value::Bytes(b.into())).ok_or_else(mismatch)
        }
        (TypeKind::Timestamp, Json::String(s)) => {
            super::parse_timestamp(s.as_bytes()).map(Value::Timestamp).ok_or_else(mismatch)
        }
        (TypeKind::Duration, Json::String(s)) => {
            super::parse_duration(s.as_bytes()).map(Value::Duration).ok_or_else(mismatch)
        }
        (TypeKind::List(element), Json::Array(items)) => {
            let mut values = Vec::with_capacity(items.len());
            for (i, item) in items.iter().enumerate() {
                values
                    .push(read(item, element, path).inspect_err(|_| path.insert_str(0, &format!("[{i}]")))?);
            }
            Ok(Value::List(values.into()))
        }
        (TypeKind::Map(element), Json::Object(members)) => {
            let mut map = std::collections::BTreeMap::new();
            for (name, item) in members {
                let value = read(item, element, path)
                    .inspect_err(|_| path.insert_str(0, &format!("[{}]", quote(name))))?;
                map.insert(Arc::from(&**name), value);
            }
            Ok(Value::Map(Arc::new(map)))
        }
        (TypeKind::Record(record), Json::Object(members)) => {
            let mut values = Vec::with_capacity(record.fields.len());
            for field in &record.fields {
                let value = match members.get(&*field.name) {
                    Some(item) => read(item, &field.ty, path)
                        .inspect_err(|_| path.insert_str(0, &format!(".{}", field.name)))?,
                    None if field.ty.nullable => Value::Null,
                    None => return Err(format!("the field `{}` is missing", field.name)),
                };
                values.push(value);
            }
            Ok(Value::Record(values.into()))
        }
        _ => Err(mismatch()),
    }
}

/// `5`, `5.0` and `5e0` are the int 5.
pub fn read_int(number: &serde_json::Number) -> Option<i64> {
    let text = number.as_str().as_bytes();
    super::parse_int(text).or_else(|| match super::parse_decimal(text, 0)? {
        Rounded { value, exact: true } => i64::try_from(value).ok(),
        _ => None,
    })
}

/// Only what fits the scale exactly.
fn read_decimal(text: &str, scale: u8) -> Option<Value> {
    match super::parse_decimal(text.as_bytes(), scale)? {
        Rounded { value, exact: true } => Some(Value::Decimal(value)),
        _ => None,
    }
}

/// What was expected, in the language's terms.
pub fn describe_type(ty: &Type) -> String {
    match &ty.kind {
        TypeKind::OneOf(strings) => {
            let all: Vec<String> = strings.iter().map(|s| quote(s)).collect();
            match all.as_slice() {
                [one] => one.clone(),
                _ => format!("one of {}", all.join(", ")),
            }
        }
        TypeKind::Record(_) => "a record".to_string(),
        TypeKind::List(_) => "a list".to_string(),
        TypeKind::Map(_) => "a map".to_string(),
        TypeKind::Decimal(scale) => {
            format!("decimal({scale}), up to {} digits with {scale} after the point", decimal::MAX_DIGITS)
        }
        TypeKind::Timestamp => "timestamp, such as \"2024-05-01T12:00:00Z\"".to_string(),
        TypeKind::Duration => "duration, such as \"1h30m\"".to_string(),
        TypeKind::Bytes => "bytes as base64".to_string(),
        _ => ty.clone().required().to_string(),
    }
}

/// What was found, cut to a readable length.
pub fn describe_json(json: &Json) -> String {
    match json {
        Json::Array(_) => "an array".to_string(),
        Json::Object(_) => "an object".to_string(),
        Json::String(s) => quote(&shorten(s)),
        other => shorten(&other.to_string()).into_owned(),
    }
}

/// The first characters of a long text.
pub fn shorten(text: &str) -> std::borrow::Cow<'_, str> {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Type {
        Type::record([
            ("id", Type::INT),
            ("price", Type::decimal(2)),
            ("at", Type::TIMESTAMP),
            ("tags", Type::list(Type::one_of(["a", "b"])).nullable()),
            ("wait", Type::DURATION.nullable()),
            ("extra", Type::map(Type::FLOAT.nullable())),
        ])
    }

    fn read_text(text: &str, ty: &Type) -> Result<Value, String> {
        from_json(&serde_json::from_str(text).unwrap(), ty)
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let text = r#"{"id":5,"price":12.30,"at":"2024-05-01T12:00:00.5Z","tags":["a","b"],"wait":"1h30m","extra":{"x":1.5,"y":null}}"#;
        let value = read_text(text, &order()).unwrap();
        assert_eq!(super::super::written(|out| write_json(out, &value, &order())), text);
        assert_eq!(json_of(&value, &order()).to_string(), text);
    }

    #[test]
    fn reads_numbers_by_their_value() {
        assert_eq!(read_text("5.0", &Type::INT), Ok(Value::Int(5)));
        assert_eq!(read_text("5e2", &Type::INT), Ok(Value::Int(500)));
        assert_eq!(read_text("-9223372036854775808.0", &Type::INT), Ok(Value::Int(i64::MIN)));
        assert_eq!(read_text("1e1", &Type::decimal(2)), Ok(Value::Decimal(1000)));
        assert_eq!(read_text("\"12.3\"", &Type::decimal(2)), Ok(Value::Decimal(1230)));
        assert_eq!(read_text("null", &Type::JSON), Ok(Value::Json(Arc::new(Json::Null))));
        assert_eq!(read_text("null", &Type::JSON.nullable()), Ok(Value::Null));
    }

    #[test]
    fn says_what_was_expected_and_where() {
        let cases = [
            ("\"abc\"", Type::INT, "expected int, found \"abc\""),
            ("5.5", Type::INT, "expected int, found 5.5"),
            ("9223372036854775808", Type::INT, "expected int, found 9223372036854775808"),
            (
                "1.005",
                Type::decimal(2),
                "expected decimal(2), up to 38 digits with 2 after the point, found 1.005",
            ),
            ("null", Type::STRING, "expected string, found null"),
            ("\"c\"", Type::one_of(["a", "b"]), "expected one of \"a\", \"b\", found \"c\""),
            ("[]", Type::map(Type::INT), "expected a map, found an array"),
            ("{}", order(), "the field `id` is missing"),
        ];
        for (text, ty, expected) in cases {
            assert_eq!(read_text(text, &ty).unwrap_err(), expected);
        }
        let nested = Type::record([("a", Type::list(Type::record([("b", Type::map(Type::INT))])))]);
        let reason = read_text(r#"{"a":[{"b":{}},{"b":{"k":true}}]}"#, &nested).unwrap_err();
        assert_eq!(reason, "in `a[1].b[\"k\"]`: expected int, found true");
    }

    #[test]
    fn escapes_what_json_requires() {
        let text = "a\"b\\c\n\u{1}\u{7f}é\u{1F600}";
        assert_eq!(quote(text), serde_json::to_string(text).unwrap());
        let not_numbers = Value::List([Value::Float(f64::NAN), Value::Float(f64::INFINITY)].into());
        let list = Type::list(Type::FLOAT);
        assert_eq!(super::super::written(|out| write_json(out, &not_numbers, &list)), "[null,null]");
    }
}
