//! Numbers. Floats go through libm, so that results have the same bits on every machine.

use super::{Result, misuse, partial, scale_of, total};
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::eval::{self, decimal};
use millstream_ir::text;
use millstream_ir::value::{Value, canonical_nan};
use std::cmp::Ordering;

pub static FUNCTIONS: &[ScalarFunction] = &[
    partial("abs", abs),
    total("sign", sign),
    partial("floor", |t, v| whole(t, v, libm::floor, -1)),
    partial("ceil", |t, v| whole(t, v, libm::ceil, 1)),
    total("trunc", |t, v| whole(t, v, libm::trunc, 0)),
    partial("round", round),
    total("sqrt", |t, v| float(t, v, libm::sqrt)),
    total("cbrt", |t, v| float(t, v, libm::cbrt)),
    total("exp", |t, v| float(t, v, libm::exp)),
    total("ln", |t, v| float(t, v, libm::log)),
    total("log10", |t, v| float(t, v, libm::log10)),
    total("log2", |t, v| float(t, v, libm::log2)),
    total("sin", |t, v| float(t, v, libm::sin)),
    total("cos", |t, v| float(t, v, libm::cos)),
    total("tan", |t, v| float(t, v, libm::tan)),
    total("asin", |t, v| float(t, v, libm::asin)),
    total("acos", |t, v| float(t, v, libm::acos)),
    total("atan", |t, v| float(t, v, libm::atan)),
    total("pow", |t, v| floats(t, v, libm::pow)),
    total("hypot", |t, v| floats(t, v, libm::hypot)),
    total("atan2", |t, v| floats(t, v, libm::atan2)),
    total("least", |t, v| extreme(t, v, Ordering::Less)),
    total("greatest", |t, v| extreme(t, v, Ordering::Greater)),
    total("clamp", clamp),
    partial("div", div),
    partial("mod", modulo),
    total("is_nan", |t, v| test(t, v, f64::is_nan)),
    total("is_finite", |t, v| test(t, v, f64::is_finite)),
    total("bit_and", |t, v| ints(t, v, |a, b| a & b)),
    total("bit_or", |t, v| ints(t, v, |a, b| a | b)),
    total("bit_xor", |t, v| ints(t, v, |a, b| a ^ b)),
    partial("shift_left", |t, v| shift(t, v, i64::checked_shl)),
    partial("shift_right", |t, v| shift(t, v, i64::checked_shr)),
    partial("gcd", gcd),
    partial("format_number", format_number),
    partial("to_base", to_base),
    partial("from_base", from_base),
];

fn float(types: &CallTypes, values: &[Value], f: fn(f64) -> f64) -> Result {
    let [Value::Float(x)] = values else { return misuse(types) };
    Ok(Value::Float(canonical_nan(f(*x))))
}

fn floats(types: &CallTypes, values: &[Value], f: fn(f64, f64) -> f64) -> Result {
    let [Value::Float(x), Value::Float(y)] = values else { return misuse(types) };
    Ok(Value::Float(canonical_nan(f(*x, *y))))
}

fn test(types: &CallTypes, values: &[Value], f: fn(f64) -> bool) -> Result {
    let [Value::Float(x)] = values else { return misuse(types) };
    Ok(Value::Bool(f(*x)))
}

fn ints(types: &CallTypes, values: &[Value], f: fn(i64, i64) -> i64) -> Result {
    let [Value::Int(a), Value::Int(b)] = values else { return misuse(types) };
    Ok(Value::Int(f(*a, *b)))
}

fn abs(types: &CallTypes, values: &[Value]) -> Result {
    match values {
        [Value::Float(x)] => Ok(Value::Float(canonical_nan(x.abs()))),
        [Value::Decimal(d)] => Ok(Value::Decimal(d.wrapping_abs())),
        [Value::Int(i)] => i.checked_abs().map(Value::Int).ok_or_else(|| format!("int overflow in abs({i})")),
        [Value::Duration(d)] => {
            let overflow = || format!("duration overflow in abs({})", text::format_duration(*d));
            d.checked_abs().map(Value::Duration).ok_or_else(overflow)
        }
        _ => misuse(types),
    }
}

/// 0 for NaN.
fn sign(types: &CallTypes, values: &[Value]) -> Result {
    Ok(Value::Int(match values {
        [Value::Int(i)] => i.signum(),
        [Value::Decimal(d)] => d.signum() as i64,
        [Value::Float(x)] => (*x > 0.0) as i64 - (*x < 0.0) as i64,
        _ => return misuse(types),
    }))
}

/// Towards the side given: down, up, or zero.
fn whole(types: &CallTypes, values: &[Value], of_float: fn(f64) -> f64, side: i128) -> Result {
    match values {
        [Value::Int(_)] => Ok(values[0].clone()),
        [Value::Float(x)] => Ok(Value::Float(canonical_nan(of_float(*x)))),
        [Value::Decimal(d)] => {
            let scale = scale_of(types.arguments.first());
            let Some(unit) = decimal::power_of_ten(scale as u32) else { return misuse(types) };
            let below = d - d % unit;
            let inexact = d % unit != 0 && d.signum() == side;
            let result = if inexact { decimal::add(below, side * unit) } else { Some(below) };
            result.map(Value::Decimal).ok_or_else(|| too_large(&text::format_decimal(*d, scale)))
        }
        _ => misuse(types),
    }
}

fn too_large(number: &str) -> String {
    format!("{number} has no room for its rounded value")
}

/// Half to even, for all types alike. A float counts as it is written.
fn round(types: &CallTypes, values: &[Value]) -> Result {
    let (x, digits) = match values {
        [x] => (x, 0),
        [x, Value::Int(digits)] => (x, (*digits).clamp(-400, 400)),
        _ => return misuse(types),
    };
    match x {
        Value::Int(i) if digits >= 0 => Ok(Value::Int(*i)),
        Value::Int(i) => {
            let rounded = round_decimal(*i as i128, 0, digits).and_then(|r| i64::try_from(r).ok());
            rounded.map(Value::Int).ok_or_else(|| too_large(&i.to_string()))
        }
        Value::Decimal(d) => {
            let scale = scale_of(types.arguments.first());
            let rounded = round_decimal(*d, scale, digits);
            rounded.map(Value::Decimal).ok_or_else(|| too_large(&text::format_decimal(*d, scale)))
        }
        Value::Float(x) => Ok(Value::Float(round_float(*x, digits))),
        _ => misuse(types),
    }
}

/// The decimal at its own scale, with zeros behind so many digits.
fn round_decimal(value: i128, scale: u8, digits: i64) -> Option<i128> {
    let lost = scale as i64 - digits;
    if lost <= 0 {
        return Some(value);
    }
    if lost > decimal::MAX_DIGITS as i64 {
        return Some(0);
    }
    let kept = decimal::rescale(value, lost as u8, 0)?;
    kept.checked_mul(decimal::power_of_ten(lost as u32)?).and_then(decimal::fit)
}

fn round_float(x: f64, digits: i64) -> f64 {
    if digits == 0 {
        return canonical_nan(libm::rint(x));
    }
    // Floats from 2^53 on are whole, and few digits behind the point fit a decimal.
    let magnitude = x.abs();
    if !x.is_finite() || digits > 0 && (magnitude >= 9e15 || digits > 22) {
        return canonical_nan(x);
    }
    if digits > 0 {
        let rounded = decimal::from_float(x, digits as u8);
        return rounded.map_or(x, |r| decimal::to_float(r, digits as u8).copysign(x));
    }
    let places = digits.unsigned_abs();
    if places > 308 {
        return 0f64.copysign(x);
    }
    let text = format!("{x:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return x };
    let exponent = exponent.parse::<i64>().unwrap_or(0).saturating_add(digits);
    let scaled = text::parse_decimal(format!("{mantissa}e{exponent}").as_bytes(), 0);
    // A number too large for 38 digits has none to lose.
    scaled.map_or(x, |scaled| format!("{}e{places}", scaled.value).parse().unwrap_or(x).copysign(x))
}

fn extreme(types: &CallTypes, values: &[Value], wanted: Ordering) -> Result {
    let Some((first, rest)) = values.split_first() else { return misuse(types) };
    let best = rest.iter().fold(first, |best, v| if v.cmp(best) == wanted { v } else { best });
    Ok(best.clone())
}

fn clamp(types: &CallTypes, values: &[Value]) -> Result {
    let [x, low, high] = values else { return misuse(types) };
    Ok(x.min(high).max(low).clone())
}

fn div(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Int(a), Value::Int(b)] = values else { return misuse(types) };
    if *b == 0 {
        return Err(eval::DIVISION_BY_ZERO.to_string());
    }
    a.checked_div(*b).map(Value::Int).ok_or_else(|| format!("int overflow in div({a}, {b})"))
}

fn modulo(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Int(a), Value::Int(b)] = values else { return misuse(types) };
    if *b == 0 {
        return Err(eval::DIVISION_BY_ZERO.to_string());
    }
    let remainder = a.wrapping_rem(*b);
    Ok(Value::Int(if remainder != 0 && (remainder < 0) != (*b < 0) { remainder + b } else { remainder }))
}

fn shift(types: &CallTypes, values: &[Value], shift: fn(i64, u32) -> Option<i64>) -> Result {
    let [Value::Int(x), Value::Int(places)] = values else { return misuse(types) };
    let shifted = u32::try_from(*places).ok().and_then(|places| shift(*x, places));
    shifted.map(Value::Int).ok_or_else(|| format!("bits move by 0 to 63 places, not by {places}"))
}

fn gcd(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Int(a), Value::Int(b)] = values else { return misuse(types) };
    let (mut x, mut y) = (a.unsigned_abs(), b.unsigned_abs());
    while y != 0 {
        (x, y) = (y, x % y);
    }
    i64::try_from(x).map(Value::Int).map_err(|_| format!("int overflow in gcd({a}, {b})"))
}

fn format_number(types: &CallTypes, values: &[Value]) -> Result {
    let (x, digits) = match values {
        [x] => (x, 0),
        [x, Value::Int(digits)] => (x, *digits),
        _ => return misuse(types),
    };
    let Some(scale) = u8::try_from(digits).ok().filter(|d| *d <= decimal::MAX_DIGITS) else {
        return Err(format!("a number has 0 to 38 digits after the point, not {digits}"));
    };
    let rounded = match x {
        Value::Int(i) => decimal::from_int(*i, scale),
        Value::Decimal(d) => decimal::rescale(*d, scale_of(types.arguments.first()), scale),
        Value::Float(x) => decimal::from_float(*x, scale),
        _ => return misuse(types),
    };
    let Some(rounded) = rounded else {
        return Err("the number cannot be written with 38 digits in all".to_string());
    };
    let digits = text::format_decimal(rounded, scale);
    let (sign, digits) = digits.strip_prefix('-').map_or(("", &*digits), |rest| ("-", rest));
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut result = sign.to_string();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            result.push(',');
        }
        result.push(digit);
    }
    Ok(Value::string(result + fraction))
}

fn base_of(base: i64) -> Result<u32> {
    match u32::try_from(base) {
        Ok(base @ 2..=36) => Ok(base),
        _ => Err(format!("a base is 2 to 36, not {base}")),
    }
}

fn to_base(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Int(x), Value::Int(base)] = values else { return misuse(types) };
    let base = base_of(*base)?;
    let mut rest = x.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        digits.extend(char::from_digit((rest % base as u64) as u32, base));
        rest /= base as u64;
        if rest == 0 {
            break;
        }
    }
    if *x < 0 {
        digits.push('-');
    }
    Ok(Value::string(digits.into_iter().rev().collect::<String>()))
}

fn from_base(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(digits), Value::Int(base)] = values else { return misuse(types) };
    let number = i64::from_str_radix(digits, base_of(*base)?);
    number.map(Value::Int).map_err(|_| format!("{} is no int in base {base}", text::quote(digits)))
}

#[cfg(test)]
mod tests {
    use super::super::call;
    use super::*;
    use millstream_ir::types::Type;

    fn int(i: i64) -> (Value, Type) {
        (Value::Int(i), Type::INT)
    }

    fn rounded(x: f64, digits: i64) -> f64 {
        match call("round", &[(Value::Float(x), Type::FLOAT), int(digits)], Type::FLOAT) {
            Ok(Value::Float(x)) => x,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn floats_round_as_they_are_written() {
        let cases = [
            (2.675, 2, 2.68),
            (0.125, 2, 0.12),
            (-1.5, 0, -2.0),
            (1234.5, -2, 1200.0),
            (1250.0, -2, 1200.0),
            (1350.0, -2, 1400.0),
            (1e300, -299, 1e300),
            (1e300, 5, 1e300),
            (5.0, -400, 0.0),
            (0.1, 40, 0.1),
        ];
        for (x, digits, expected) in cases {
            assert_eq!(rounded(x, digits), expected, "round({x}, {digits})");
        }
        assert!(rounded(f64::NAN, 2).is_nan());
        assert_eq!(rounded(f64::INFINITY, -2), f64::INFINITY);
    }

    #[test]
    fn decimals_round_at_their_own_scale() {
        let decimal = |value| (Value::Decimal(value), Type::decimal(2));
        let of = |name, arguments: &[(Value, Type)]| call(name, arguments, Type::decimal(2)).unwrap();
        assert_eq!(of("floor", &[decimal(-150)]), Value::Decimal(-200));
        assert_eq!(of("floor", &[decimal(150)]), Value::Decimal(100));
        assert_eq!(of("ceil", &[decimal(150)]), Value::Decimal(200));
        assert_eq!(of("ceil", &[decimal(-150)]), Value::Decimal(-100));
        assert_eq!(of("trunc", &[decimal(-199)]), Value::Decimal(-100));
        assert_eq!(of("round", &[decimal(250)]), Value::Decimal(200));
        assert_eq!(of("round", &[decimal(135), int(1)]), Value::Decimal(140));
        assert_eq!(of("round", &[decimal(12345), int(-1)]), Value::Decimal(12000));
        assert!(call("ceil", &[decimal(decimal::MAX)], Type::decimal(2)).is_err());
    }

    #[test]
    fn whole_division_at_the_edges() {
        assert!(call("div", &[int(i64::MIN), int(-1)], Type::INT).is_err());
        assert!(call("mod", &[int(1), int(0)], Type::INT).is_err());
        assert_eq!(call("mod", &[int(i64::MIN), int(-1)], Type::INT), Ok(Value::Int(0)));
        assert_eq!(call("mod", &[int(7), int(-3)], Type::INT), Ok(Value::Int(-2)));
        assert!(call("abs", &[int(i64::MIN)], Type::INT).is_err());
        assert!(call("shift_left", &[int(1), int(64)], Type::INT).is_err());
    }
}
