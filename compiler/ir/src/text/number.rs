//! Ints, floats, decimals and booleans as text.

use crate::eval::decimal;
use std::io::Write;

/// A decimal read from text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rounded {
    pub value: i128,
    /// Whether no digit but zeros was lost.
    pub exact: bool,
}

/// `true` or `false`.
pub fn parse_bool(text: &[u8]) -> Option<bool> {
    match text {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// Digits with an optional sign.
pub fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.is_ascii_digit().then(|| (byte - b'0') as i64)?;
        value = value.checked_mul(10)?;
        value = if negative { value.checked_sub(digit)? } else { value.checked_add(digit)? };
    }
    Some(value)
}

/// A number with optional sign, fraction and exponent, or `inf`, `infinity`, `nan` in any case.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let x: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(if x.is_nan() { f64::NAN } else { x })
}

/// A number with optional sign, fraction and exponent, rounded half to even to the scale.
/// `None` if the text is no number or has no room in 38 digits.
pub fn parse_decimal(text: &[u8], scale: u8) -> Option<Rounded> {
    let (negative, rest) = sign(text);
    let (mantissa, exponent) = match rest.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (&rest[..at], parse_exponent(&rest[at + 1..])?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|&b| b == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &mantissa[mantissa.len()..]),
    };
    let digits = || whole.iter().chain(fraction).copied();
    if whole.is_empty() && fraction.is_empty() || !digits().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let significant = || digits().skip_while(|&b| b == b'0');
    let n_digits = significant().count() as i64;
    if n_digits == 0 {
        return Some(Rounded { value: 0, exact: true });
    }
    // The number is its significant digits times 10^shift, in units of the scale.
    let shift = exponent - fraction.len() as i64 + scale as i64;
    let n_kept = n_digits + shift.min(0);
    if n_digits + shift > decimal::MAX_DIGITS as i64 {
        return None;
    }
    let n_kept = n_kept.max(-1);
    let mut value = significant()
        .take(n_kept.max(0) as usize)
        .fold(0i128, |value, byte| value * 10 + (byte - b'0') as i128);
    if shift > 0 {
        value *= decimal::power_of_ten(shift as u32)?;
    }
    // What is dropped: less than, exactly, or more than a half. With n_kept < 0 it is below a tenth.
    let mut dropped = significant().skip(n_kept.max(0) as usize);
    let first = if n_kept < 0 { b'0' } else { dropped.next().unwrap_or(b'0') };
    let rest_is_zero = dropped.all(|b| b == b'0');
    let exact = rest_is_zero && first == b'0';
    let up = first > b'5' || first == b'5' && (!rest_is_zero || value % 2 == 1);
    value = decimal::fit(value + up as i128)?;
    Some(Rounded { value: if negative { -value } else { value }, exact })
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Beyond this, any number with room in memory is zero or out of range.
    let value = digits.iter().fold(0i64, |v, b| (v * 10 + (b - b'0') as i64).min(1 << 40));
    Some(if negative { -value } else { value })
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

pub fn write_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    write_digits(out, value.unsigned_abs());
}

/// Two digits at a time: outputs are mostly numbers.
fn write_digits(out: &mut Vec<u8>, mut number: u64) {
    const PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[0; 2]; 100];
        let mut i = 0;
        while i < 100 {
            pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
            i += 1;
        }
        pairs
    };
    let mut digits = [0; 20];
    let mut at = digits.len();
    while number >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if number > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + number as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// All digits of the scale: 1234 of scale 2 is `12.34`.
pub fn write_decimal(out: &mut Vec<u8>, value: i128, scale: u8) {
    let digits = value.unsigned_abs();
    if value < 0 {
        out.push(b'-');
    }
    match decimal::power_of_ten(scale as u32) {
        Some(unit) if scale > 0 && scale <= 18 && digits <= u64::MAX as u128 => {
            let (digits, unit) = (digits as u64, unit as u64);
            write_digits(out, digits / unit);
            // The unit is a one before as many zeros as there are digits; the point takes its place.
            let point = out.len();
            write_digits(out, digits % unit + unit);
            out[point] = b'.';
        }
        Some(unit) if scale > 0 => {
            let unit = unit as u128;
            let _ = write!(out, "{}.{:0width$}", digits / unit, digits % unit, width = scale as usize);
        }
        _ => {
            let _ = write!(out, "{digits}");
        }
    }
}

/// The shortest text that reads back as the same float, with a point or an exponent; `NaN`, `inf`, `-inf`.
pub fn write_float(out: &mut Vec<u8>, x: f64) {
    let _ = write!(out, "{x:?}");
}

pub fn format_decimal(value: i128, scale: u8) -> String {
    super::written(|out| write_decimal(out, value, scale))
}

pub fn format_float(x: f64) -> String {
    format!("{x:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn writes_numbers_as_the_standard_library_does(x: i64, bits in 0u32..64, scale in 0u8..=38) {
            let x = x >> bits;
            let written = super::super::written(|out| write_int(out, x));
            prop_assert_eq!(written, x.to_string());
            let digits = format!("{:0width$}", x.unsigned_abs(), width = scale as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
            let point = if scale > 0 { "." } else { "" };
            let sign = if x < 0 { "-" } else { "" };
            prop_assert_eq!(format_decimal(x as i128, scale), format!("{sign}{whole}{point}{fraction}"));
        }
    }

    #[test]
    fn reads_decimals_with_the_right_rounding() {
        type Expected = Option<(i128, bool)>;
        let cases: &[(&str, u8, Expected)] = &[
            ("12.34", 2, Some((1234, true))),
            ("-12.34", 2, Some((-1234, true))),
            ("+1", 2, Some((100, true))),
            ("1.2300", 2, Some((123, true))),
            ("1.235", 2, Some((124, false))),
            ("1.245", 2, Some((124, false))),
            ("1.2450000000001", 2, Some((125, false))),
            ("0.005", 2, Some((0, false))),
            ("0.015", 2, Some((2, false))),
            ("0.0049", 2, Some((0, false))),
            ("0.0009", 2, Some((0, false))),
            ("9.995", 2, Some((1000, false))),
            ("1e3", 0, Some((1000, true))),
            ("1.5E-2", 2, Some((2, false))),
            ("1.5e-2", 3, Some((15, true))),
            ("1e-99999999999999999999", 3, Some((0, false))),
            ("1e99999999999999999999", 3, None),
            ("0e99999999999999999999", 3, Some((0, true))),
            ("99999999999999999999999999999999999999", 0, Some((decimal::MAX, true))),
            ("100000000000000000000000000000000000000", 0, None),
            ("99999999999999999999999999999999999999.5", 0, None),
            ("0.000000000000000000000000000000000000000000001", 38, Some((0, false))),
            ("", 0, None),
            (".", 0, None),
            ("-", 0, None),
            ("1.2.3", 0, None),
            ("1e", 0, None),
            ("0x10", 0, None),
            (" 1", 0, None),
        ];
        for (text, scale, expected) in cases {
            let found = parse_decimal(text.as_bytes(), *scale).map(|r| (r.value, r.exact));
            assert_eq!(found, *expected, "{text:?} at {scale}");
        }
    }

    #[test]
    fn reads_ints_up_to_both_ends() {
        assert_eq!(parse_int(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_int(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_int(b"9223372036854775808"), None);
        for text in ["", "-", "+", "1.0", " 1", "1_000", "١"] {
            assert_eq!(parse_int(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn writes_floats_and_decimals() {
        assert_eq!(format_float(5.0), "5.0");
        assert_eq!(format_float(1e300), "1e300");
        assert_eq!(format_float(-0.0), "-0.0");
        assert_eq!(format_decimal(-5, 2), "-0.05");
        assert_eq!(format_decimal(i128::MIN, 0), i128::MIN.to_string());
        assert_eq!(format_decimal(decimal::MAX, 38), format!("0.{}", "9".repeat(38)));
    }

    proptest! {
        #[test]
        fn a_written_decimal_reads_back(value in -decimal::MAX..=decimal::MAX, scale in 0u8..=38) {
            let text = format_decimal(value, scale);
            prop_assert_eq!(parse_decimal(text.as_bytes(), scale), Some(Rounded { value, exact: true }));
        }
    }
}
