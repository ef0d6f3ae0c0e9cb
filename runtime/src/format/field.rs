//! One field of a source: from JSON or from plain text to a value of its type, or the reason why not.

use millstream_ir::flow::{Encoding, FieldSpec};
use millstream_ir::text::json::{describe_json, describe_type, shorten};
use millstream_ir::text::{self, TimePattern};
use millstream_ir::types::TypeKind;
use millstream_ir::value::Value;
use serde_json::Value as Json;
use std::sync::Arc;

#[derive(Clone)]
pub struct Field {
    pub spec: FieldSpec,
    pub fast: Fast,
    /// Of a field encoded by a pattern.
    pattern: Option<TimePattern>,
}

/// Which kernel reads the field from JSON or plain text.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Fast {
    Bool,
    Int,
    Float,
    /// Of at most 18 digits after the point.
    Decimal(u8),
    /// Also one of some strings, which has to be checked.
    Text,
    Timestamp,
    /// A timestamp from an int, which is multiplied or divided to microseconds.
    Epoch {
        multiply: i64,
        divide: i64,
    },
    /// None: values are read one by one.
    Place,
}

impl Fast {
    fn of(spec: &FieldSpec) -> Fast {
        match (&spec.ty.kind, &spec.encoding) {
            (TypeKind::Bool, _) => Fast::Bool,
            (TypeKind::Int, _) => Fast::Int,
            (TypeKind::Float, _) => Fast::Float,
            (TypeKind::Decimal(scale @ 0..=18), _) => Fast::Decimal(*scale),
            (TypeKind::String | TypeKind::OneOf(_), _) => Fast::Text,
            (TypeKind::Timestamp, Encoding::Plain) => Fast::Timestamp,
            (TypeKind::Timestamp, Encoding::EpochSeconds) => Fast::Epoch { multiply: 1_000_000, divide: 1 },
            (TypeKind::Timestamp, Encoding::EpochMillis) => Fast::Epoch { multiply: 1000, divide: 1 },
            (TypeKind::Timestamp, Encoding::EpochMicros) => Fast::Epoch { multiply: 1, divide: 1 },
            (TypeKind::Timestamp, Encoding::EpochNanos) => Fast::Epoch { multiply: 1, divide: 1000 },
            _ => Fast::Place,
        }
    }
}

impl Field {
    /// The reason, if the pattern or time zone of its encoding is none.
    pub fn new(spec: &FieldSpec) -> Result<Field, String> {
        let pattern = match &spec.encoding {
            Encoding::Pattern { pattern, zone } => {
                let zone = zone.as_deref().unwrap_or("UTC");
                let zone = text::pattern::time_zone(zone)
                    .ok_or_else(|| format!("there is no time zone `{zone}`"))?;
                Some(TimePattern::new(pattern, zone)?)
            }
            _ => None,
        };
        Ok(Field { spec: spec.clone(), fast: Fast::of(spec), pattern })
    }

    /// The strings that are allowed; none if all are.
    pub fn one_of(&self) -> Option<&[Arc<str>]> {
        match &self.spec.ty.kind {
            TypeKind::OneOf(strings) => Some(strings),
            _ => None,
        }
    }

    /// The value that an entry of an object stands for.
    pub fn value_of_json(&self, json: &Json) -> Result<Value, String> {
        if self.spec.encoding == Encoding::Plain || self.spec.ty.kind != TypeKind::Timestamp {
            return text::from_json(json, &self.spec.ty).map_err(|why| {
                let hint = if self.spec.ty.kind == TypeKind::Timestamp { epoch_hint(json) } else { "" };
                self.reason(&format!("{why}{hint}"))
            });
        }
        let micros = match json {
            Json::Null if self.spec.ty.nullable => return Ok(Value::Null),
            Json::Number(number) if self.pattern.is_none() => self.encoded_timestamp(number.as_str()),
            Json::String(text) => self.encoded_timestamp(text),
            _ => None,
        };
        micros.map(Value::Timestamp).ok_or_else(|| self.mismatch(&describe_json(json)))
    }

    /// The value of a field of CSV that is not null.
    pub fn value_of_text(&self, given: &str) -> Result<Value, String> {
        let ty = &self.spec.ty;
        let bytes = given.trim_ascii().as_bytes();
        let value = match &ty.kind {
            TypeKind::String => Some(Value::string(given)),
            TypeKind::Bool if bytes.eq_ignore_ascii_case(b"true") => Some(Value::Bool(true)),
            TypeKind::Bool if bytes.eq_ignore_ascii_case(b"false") => Some(Value::Bool(false)),
            TypeKind::Bool => None,
            TypeKind::Int => exact(bytes, 0).and_then(|v| i64::try_from(v).ok()).map(Value::Int),
            TypeKind::Float => text::parse_float(bytes).map(Value::Float),
            TypeKind::Decimal(scale) => exact(bytes, *scale).map(Value::Decimal),
            TypeKind::Timestamp => self.encoded_timestamp(given.trim_ascii()).map(Value::Timestamp),
            TypeKind::Duration => text::parse_duration(bytes).map(Value::Duration),
            TypeKind::OneOf(_) | TypeKind::Bytes => text::from_json(&Json::from(given), ty).ok(),
            _ => {
                let json: Json = serde_json::from_str(given).map_err(|_| {
                    self.reason(&format!("expected JSON, found {}", text::quote(&shorten(given))))
                })?;
                return text::from_json(&json, ty).map_err(|why| self.reason(&why));
            }
        };
        value.ok_or_else(|| self.mismatch(&text::quote(&shorten(given))))
    }

    /// The value of a field that the record lacks.
    pub fn absent(&self) -> Result<Value, String> {
        match &self.spec.default {
            Some(default) => Ok(default.clone()),
            None if self.spec.ty.nullable => Ok(Value::Null),
            None => Err(format!("field `{}` is missing", self.spec.input)),
        }
    }

    fn encoded_timestamp(&self, given: &str) -> Option<i64> {
        let bytes = given.as_bytes();
        let micros = match &self.spec.encoding {
            Encoding::Plain => return text::parse_timestamp(bytes),
            Encoding::Pattern { .. } => return self.pattern.as_ref()?.parse(given),
            Encoding::EpochSeconds => exact(bytes, 6)?,
            Encoding::EpochMillis => exact(bytes, 3)?,
            Encoding::EpochMicros => exact(bytes, 0)?,
            Encoding::EpochNanos => exact(bytes, 0)?.div_euclid(1000),
        };
        i64::try_from(micros).ok()
    }

    fn mismatch(&self, found: &str) -> String {
        let expected = match &self.spec.encoding {
            Encoding::EpochSeconds => "epoch_s, seconds since 1970".to_string(),
            Encoding::EpochMillis => "epoch_ms, milliseconds since 1970".to_string(),
            Encoding::EpochMicros => "epoch_us, microseconds since 1970".to_string(),
            Encoding::EpochNanos => "epoch_ns, nanoseconds since 1970".to_string(),
            Encoding::Pattern { pattern, .. } => format!("a time like {}", text::quote(pattern)),
            Encoding::Plain => describe_type(&self.spec.ty),
        };
        self.reason(&format!("expected {expected}, found {found}"))
    }

    /// "field `amount`: …", with the name that the input uses.
    pub fn reason(&self, why: &str) -> String {
        format!("field `{}`: {why}", self.spec.input)
    }
}

/// How a number that stands where a time is expected could be read: by its size, if it is of our days.
fn epoch_hint(json: &Json) -> &'static str {
    let Json::Number(number) = json else { return "" };
    match number.as_f64().unwrap_or(0.0).abs() {
        ..1e11 => "; seconds since 1970 are declared `timestamp as epoch_s`",
        ..1e14 => "; milliseconds since 1970 are declared `timestamp as epoch_ms`",
        ..1e17 => "; microseconds since 1970 are declared `timestamp as epoch_us`",
        _ => "; nanoseconds since 1970 are declared `timestamp as epoch_ns`",
    }
}

/// The unscaled decimal, if the text is a number that fits the scale exactly.
fn exact(text: &[u8], scale: u8) -> Option<i128> {
    text::parse_decimal(text, scale).filter(|rounded| rounded.exact).map(|rounded| rounded.value)
}
