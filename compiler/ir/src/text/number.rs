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

fn write_digits(out: &mut Vec<u8>, number: u64) {
    match digits(number) {
        Digits::Few(bytes, n) => out.extend_from_slice(&bytes[..n]),
        Digits::Many(bytes, n) => out.extend_from_slice(&bytes[..n]),
    }
}

/// The digits of a number, with zeros or anything behind them, and how many they are.
pub(super) enum Digits {
    Few([u8; 8], usize),
    Many([u8; 24], usize),
}

const EIGHT: u64 = 100_000_000;

/// Eight digits at a time, in one word: outputs are mostly numbers.
#[inline(always)]
pub(super) fn digits(number: u64) -> Digits {
    if number < EIGHT {
        let (word, n) = leading_digits(number);
        return Digits::Few(word.to_le_bytes(), n);
    }
    let (high, low) = (number / EIGHT, eight_digits(number % EIGHT));
    let mut bytes = [0; 24];
    let n = if high < EIGHT {
        let (word, n) = leading_digits(high);
        bytes[..8].copy_from_slice(&word.to_le_bytes());
        n
    } else {
        let (word, n) = leading_digits(high / EIGHT);
        let both = word as u128 | ((eight_digits(high % EIGHT) as u128) << (8 * n));
        bytes[..16].copy_from_slice(&both.to_le_bytes());
        n + 8
    };
    bytes[n..n + 8].copy_from_slice(&low.to_le_bytes());
    Digits::Many(bytes, n + 8)
}

/// Those of a number below 10^8, and how many they are.
#[inline(always)]
fn leading_digits(number: u64) -> (u64, usize) {
    let digits = eight_values(number);
    // The first digit stands lowest. Of zero one stays.
    let n_zeros = ((digits | 1 << 56).trailing_zeros() / 8) as usize;
    ((digits | ASCII_ZEROS) >> (8 * n_zeros), 8 - n_zeros)
}

const ASCII_ZEROS: u64 = 0x3030_3030_3030_3030;

/// All eight of a number below 10^8.
#[inline(always)]
pub(super) fn eight_digits(number: u64) -> u64 {
    eight_values(number) | ASCII_ZEROS
}

/// The same as numbers from 0 to 9, a byte each: halves, then quarters, then digits, side by side.
#[inline(always)]
fn eight_values(number: u64) -> u64 {
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    // x / 100 and x / 10 by multiplying, exact for what has so few digits.
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = hundreds | ((halves - hundreds * 100) << 16);
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((quarters - tens * 10) << 8)
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
    match short_float(x) {
        Some((bytes, n)) => out.extend_from_slice(&bytes[..n]),
        None => {
            let _ = write!(out, "{x:?}");
        }
    }
}

/// The same for what is written without an exponent; none for others.
#[inline]
pub(super) fn short_float(x: f64) -> Option<([u8; 24], usize)> {
    if !(1e-4..1e16).contains(&x.abs()) {
        return None;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(x).as_bytes();
    let mut bytes = [0; 24];
    bytes.get_mut(..text.len())?.copy_from_slice(text);
    Some((bytes, text.len()))
}

pub fn format_decimal(value: i128, scale: u8) -> String {
    super::written(|out| write_decimal(out, value, scale))
}

pub fn format_float(x: f64) -> String {
    super::written(|out| write_float(out, x))
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

    /// As the standard library writes it, but that of two texts that are equally near it may take the other.
    fn is_short(x: f64) -> bool {
        let (text, expected) = (format_float(x), format!("{x:?}"));
        let (Some((start, last)), Some((expected_start, expected_last))) = (
            text.as_bytes().split_at_checked(text.len() - 1),
            expected.as_bytes().split_at_checked(text.len() - 1),
        ) else {
            return false;
        };
        let is_next = start == expected_start
            && expected_last.len() == 1
            && last[0].abs_diff(expected_last[0]) == 1
            && text.parse() == Ok(x);
        text == expected || is_next
    }

    proptest! {
        #[test]
        fn floats_are_as_short_as_can_be(x: f64, a: i64, b: i64, bits in 0u32..64, power in -60i32..60) {
            prop_assert!(is_short(x), "{:?}", x);
            let (a, b) = (a >> bits, b >> (bits / 2));
            for x in [a as f64, a as f64 / (b | 1) as f64, a as f64 * 2f64.powi(power), 2f64.powi(power)] {
                for x in [x, x.next_down(), x.next_up()] {
                    prop_assert!(is_short(x), "{:?}", x);
                }
            }
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
