//! Text to single values: what all text formats share. Each failure says in the user's words what
//! was expected and what was found.

use jiff::civil;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use millstream_ir::flow::Encoding;
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;

/// An int: any number without a fraction, such as `5`, `5.0` or `1e3`.
pub fn int(text: &str) -> Result<i64, String> {
    match exact(text, 0) {
        Ok(value) => i64::try_from(value).map_err(|_| expected("int", text, ": it does not fit 64 bits")),
        Err(Inexact::NotANumber) => Err(expected("int", text, "")),
        Err(Inexact::Fraction(_)) => Err(expected("int", text, ": it has a fraction")),
        Err(Inexact::TooLarge) => Err(expected("int", text, ": it does not fit 64 bits")),
    }
}

/// A decimal that fits the scale exactly, unscaled.
pub fn decimal(text: &str, scale: u8) -> Result<i128, String> {
    exact(text, scale).map_err(|why| {
        let ty = Type::decimal(scale).to_string();
        match why {
            Inexact::NotANumber => expected(&ty, text, ""),
            Inexact::Fraction(digits) => {
                expected(&ty, text, &format!(": {} after the point", count(digits, "digit")))
            }
            Inexact::TooLarge => expected(&ty, text, ": more than 38 digits"),
        }
    })
}

pub fn float(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && looks_numeric(text) => Ok(value),
        Ok(_) if looks_numeric(text) => Err(expected("float", text, ": it is out of range")),
        _ => Err(expected("float", text, "")),
    }
}

/// An RFC 3339 time.
pub fn timestamp(text: &str) -> Result<i64, String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(micros(time)),
        Err(_) if text.parse::<civil::DateTime>().is_ok() => {
            Err(expected("timestamp", text, ": it has no time zone (`as` with a pattern reads local times)"))
        }
        Err(_) => Err(expected("timestamp", text, ": write it like 2024-05-01T12:00:00Z")),
    }
}

/// A timestamp in the given encoding, which is not `Plain`.
pub fn encoded_timestamp(text: &str, encoding: &Encoding) -> Result<i64, String> {
    let epoch = |scale: u8, name: &str| match exact(text, scale) {
        Ok(micros) => i64::try_from(micros).map_err(|_| expected(name, text, ": it is out of range")),
        Err(Inexact::Fraction(_)) => Err(expected(name, text, ": it is finer than a microsecond")),
        Err(_) => Err(expected(name, text, "")),
    };
    match encoding {
        Encoding::Plain => timestamp(text),
        Encoding::EpochSeconds => epoch(6, "epoch_s"),
        Encoding::EpochMillis => epoch(3, "epoch_ms"),
        Encoding::EpochMicros => epoch(0, "epoch_us"),
        Encoding::EpochNanos => match exact(text, 0) {
            Ok(nanos) => i64::try_from(nanos.div_euclid(1000))
                .map_err(|_| expected("epoch_ns", text, ": it is out of range")),
            Err(_) => Err(expected("epoch_ns", text, "")),
        },
        Encoding::Pattern { pattern, zone } => patterned(text, pattern, zone.as_deref())
            .ok_or_else(|| expected(&format!("a time like {pattern:?}"), text, "")),
    }
}

fn patterned(text: &str, pattern: &str, zone: Option<&str>) -> Option<i64> {
    let broken_down = BrokenDownTime::parse(pattern, text).ok()?;
    // A pattern with an offset or an epoch says by itself which moment it is.
    if let Ok(time) = broken_down.to_timestamp() {
        return Some(micros(time));
    }
    let zone = match zone {
        Some(name) => TimeZone::get(name).ok()?,
        None => TimeZone::UTC,
    };
    let date = broken_down.to_date().ok()?;
    let time = broken_down.to_time().unwrap_or(civil::Time::midnight());
    // `compatible`: a time that does not exist moves forward, one that exists twice is the earlier.
    zone.to_ambiguous_timestamp(date.to_datetime(time)).compatible().ok().map(micros)
}

fn micros(time: jiff::Timestamp) -> i64 {
    time.as_nanosecond().div_euclid(1000) as i64
}

/// A duration as the language writes it: `1h30m`, `250ms`, `-5s`.
pub fn duration(text: &str) -> Result<i64, String> {
    duration_micros(text).ok_or_else(|| expected("duration", text, ": write it like 1h30m"))
}

fn duration_micros(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let n: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = DURATION_UNITS.iter().find(|(name, _)| *name == &rest[..letters])?.1;
        total = total.checked_add(n.checked_mul(unit)?)?;
        rest = &rest[letters..];
    }
    Some(if negative { -total } else { total })
}

/// The units of durations in microseconds, largest first.
pub const DURATION_UNITS: &[(&str, i64)] = &[
    ("w", 604_800_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1000),
    ("us", 1),
];

/// A scalar of this type from text without quotes, as a field of CSV holds it.
pub fn from_text(text: &str, ty: &Type, encoding: &Encoding) -> Result<Value, String> {
    Ok(match &ty.kind {
        TypeKind::Bool => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(expected("bool", text, "")),
        },
        TypeKind::Int => Value::Int(int(text)?),
        TypeKind::Float => Value::Float(float(text)?),
        TypeKind::Decimal(scale) => Value::Decimal(decimal(text, *scale)?),
        TypeKind::String => Value::string(text),
        TypeKind::OneOf(strings) => match strings.iter().find(|s| &***s == text) {
            Some(string) => Value::String(string.clone()),
            None => return Err(expected(&ty.clone().required().to_string(), &quoted(text), "")),
        },
        TypeKind::Timestamp => Value::Timestamp(encoded_timestamp(text, encoding)?),
        TypeKind::Duration => Value::Duration(duration(text)?),
        TypeKind::Bytes => Value::Bytes(base64(text)?.into()),
        TypeKind::Json | TypeKind::List(_) | TypeKind::Map(_) | TypeKind::Record(_) => {
            let json: serde_json::Value =
                serde_json::from_str(text).map_err(|e| format!("expected JSON: {e}"))?;
            crate::format::json::value::from_json(&json, ty, encoding)?
        }
        TypeKind::Null | TypeKind::Error => return Err(expected("null", text, "")),
    })
}

pub fn base64(text: &str) -> Result<Vec<u8>, String> {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|_| expected("bytes", &quoted(text), ": they are written in base64"))
}

enum Inexact {
    NotANumber,
    /// It has this many significant digits after the point.
    Fraction(i64),
    TooLarge,
}

/// The number `text × 10^scale`, if it is whole and has at most 38 digits.
fn exact(text: &str, scale: u8) -> Result<i128, Inexact> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => {
            let exponent = &rest[at + 1..];
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if !all_digits(digits) {
                return Err(Inexact::NotANumber);
            }
            // Beyond this all that matters is whether it is large or small.
            (
                &rest[..at],
                exponent.parse::<i64>().unwrap_or(if exponent.starts_with('-') { -1 << 40 } else { 1 << 40 }),
            )
        }
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !all_digits(whole) || (mantissa.contains('.') && !all_digits(fraction)) {
        return Err(Inexact::NotANumber);
    }
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let Some(first) = digits.iter().position(|d| *d != b'0') else { return Ok(0) };
    let end = digits.iter().rposition(|d| *d != b'0').map_or(0, |last| last + 1);
    let significant = &digits[first..end];
    let exponent = exponent.clamp(-1 << 40, 1 << 40) - fraction.len() as i64 + (digits.len() - end) as i64;
    if exponent + (scale as i64) < 0 {
        return Err(Inexact::Fraction(-exponent));
    }
    let zeros = exponent + scale as i64;
    if significant.len() as i64 + zeros > 38 {
        return Err(Inexact::TooLarge);
    }
    let value = significant.iter().fold(0i128, |n, d| n * 10 + (d - b'0') as i128) * 10i128.pow(zeros as u32);
    Ok(if negative { -value } else { value })
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Rules out the words that Rust also reads as floats (`inf`, `nan`).
fn looks_numeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
}

/// `expected int, found 5.5: it has a fraction`
pub fn expected(what: &str, found: &str, why: &str) -> String {
    format!("expected {what}, found {}{why}", shortened(found))
}

pub fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

/// Reasons stay readable whatever the input holds.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

/// `one digit`, `three digits`, `14 digits`
fn count(n: i64, noun: &str) -> String {
    const WORDS: [&str; 10] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let number = WORDS.get(n as usize).map_or_else(|| n.to_string(), |word| word.to_string());
    format!("{number} {noun}{}", if n == 1 { "" } else { "s" })
}
