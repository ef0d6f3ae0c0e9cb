//! Durations as the language writes them: `1h30m`, `-250ms`, `0s`.

use std::io::Write;

const UNITS: [(&str, u64); 7] = [
    ("w", 604_800_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

/// Days are the greatest unit written.
pub fn write_duration(out: &mut Vec<u8>, micros: i64) {
    if micros == 0 {
        return out.extend_from_slice(b"0s");
    }
    if micros < 0 {
        out.push(b'-');
    }
    let mut rest = micros.unsigned_abs();
    for (name, size) in &UNITS[1..] {
        if rest >= *size {
            let _ = write!(out, "{}{name}", rest / size);
            rest %= size;
        }
    }
}

pub fn format_duration(micros: i64) -> String {
    super::written(|out| write_duration(out, micros))
}

/// Whole numbers, each with a unit, from greater to smaller units; a sign may stand in front.
pub fn parse_duration(text: &[u8]) -> Option<i64> {
    let (negative, mut rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut total = 0u64;
    let mut units = UNITS.iter();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let n_digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, tail) = rest.split_at(n_digits);
        let n_letters = tail.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let (unit, tail) = tail.split_at(n_letters);
        let (_, size) = units.find(|(name, _)| name.as_bytes() == unit)?;
        if digits.is_empty() {
            return None;
        }
        let mut number = 0u64;
        for digit in digits {
            number = number.checked_mul(10)?.checked_add((digit - b'0') as u64)?;
        }
        total = total.checked_add(number.checked_mul(*size)?)?;
        rest = tail;
    }
    if negative { 0i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_and_reads_durations() {
        let cases = [
            (0, "0s"),
            (5_400_000_000, "1h30m"),
            (-250_000, "-250ms"),
            (1_500_001, "1s500ms1us"),
            (14 * 86_400_000_000, "14d"),
            (i64::MIN, "-106751991d4h54s775ms808us"),
        ];
        for (micros, text) in cases {
            assert_eq!(format_duration(micros), text);
            assert_eq!(parse_duration(text.as_bytes()), Some(micros));
        }
        assert_eq!(parse_duration(b"2w1d"), Some(15 * 86_400_000_000));
        for text in
            ["", "-", "5", "s", "5x", "30m1h", "1h1h", "1.5s", "99999999w", "18446744073709551616us", " 1s"]
        {
            assert_eq!(parse_duration(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_written_duration_reads_back(micros: i64) {
            prop_assert_eq!(parse_duration(format_duration(micros).as_bytes()), Some(micros));
        }
    }
}
