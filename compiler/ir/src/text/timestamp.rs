//! Timestamps as RFC 3339 text, and the days of the calendar.
//!
//! Years outside 0000..=9999 are written with a sign and six digits, as ISO 8601 does.

use super::number::eight_digits;
use std::io::Write;

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// In UTC, with the shortest fraction.
pub fn write_timestamp(out: &mut Vec<u8>, micros: i64) {
    write_date(out, micros.div_euclid(MICROS_PER_DAY));
    let (time, n) = time_of_day(micros.rem_euclid(MICROS_PER_DAY));
    out.extend_from_slice(&time.to_le_bytes()[..n]);
    out.push(b'Z');
}

/// `T08:30:00.25`, from the lowest byte on, with anything behind it, and how long it is. It is never taken apart in
/// memory, from which a processor reads slowly what it has just stored in parts.
#[inline(always)]
pub(super) fn time_of_day(micros_of_day: i64) -> (u128, usize) {
    let (seconds, fraction) = (micros_of_day / MICROS_PER_SECOND, micros_of_day % MICROS_PER_SECOND);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    // As eight digits, in which one more stands between hours, minutes and seconds.
    let clock = hours * 1_000_000 + minutes * 1000 + seconds % 60;
    const COLONS: u64 = (b':' as u64) << 16 | (b':' as u64) << 40;
    let clock = eight_digits(clock as u64) & !(0xff << 16 | 0xff << 40) | COLONS;
    let fraction = eight_digits(fraction as u64 * 100);
    let n_digits = 8 - ((fraction ^ eight_digits(0)).leading_zeros() / 8) as usize;
    let time = b'T' as u128 | (clock as u128) << 8 | (b'.' as u128) << 72 | (fraction as u128) << 80;
    (time, if n_digits == 0 { 9 } else { 10 + n_digits })
}

/// `2024-05-01`, of a number of days since 1970; none of a year that has not four digits.
pub(super) fn date_bytes(days: i64) -> Option<[u8; 10]> {
    let (year, month, day) = civil_from_days(days);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let mut bytes = [b'-'; 10];
    for (at, number) in [(0, year / 100), (2, year % 100), (5, month), (8, day)] {
        bytes[at] = b'0' + (number / 10) as u8;
        bytes[at + 1] = b'0' + (number % 10) as u8;
    }
    Some(bytes)
}

/// `2024-05-01`, of a number of days since 1970.
pub fn write_date(out: &mut Vec<u8>, days: i64) {
    if let Some(bytes) = date_bytes(days) {
        return out.extend_from_slice(&bytes);
    }
    let (year, month, day) = civil_from_days(days);
    let sign = if year < 0 { '-' } else { '+' };
    let _ = write!(out, "{sign}{:06}-{month:02}-{day:02}", year.unsigned_abs());
}

/// Whether it is a time that the language has a literal for: of the years 0001 to 9999.
pub fn has_literal(micros: i64) -> bool {
    let (year, _, _) = civil_from_days(micros.div_euclid(MICROS_PER_DAY));
    (1..=9999).contains(&year)
}

pub fn format_timestamp(micros: i64) -> String {
    super::written(|out| write_timestamp(out, micros))
}

/// `2024-05-01`, or that with `T` or a space, a time of at least hours and minutes, and `Z`, an offset or
/// neither (UTC). Digits of the fraction beyond the sixth are cut off.
pub fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let mut rest = text;
    let days = take_date(&mut rest)?;
    let midnight = days.checked_mul(MICROS_PER_DAY as i128)?;
    if rest.is_empty() {
        return i64::try_from(midnight).ok();
    }
    if !take(&mut rest, |b| matches!(b, b'T' | b't' | b' ')) {
        return None;
    }
    let hours = take_number(&mut rest, 2, 23)?;
    take(&mut rest, |b| b == b':').then_some(())?;
    let minutes = take_number(&mut rest, 2, 59)?;
    let mut micros = (hours * 60 + minutes) * 60 * MICROS_PER_SECOND;
    if take(&mut rest, |b| b == b':') {
        // 60 is a leap second; it falls together with the first second of the next minute.
        micros += take_number(&mut rest, 2, 60)? * MICROS_PER_SECOND;
        if take(&mut rest, |b| matches!(b, b'.' | b',')) {
            micros += take_fraction(&mut rest)?;
        }
    }
    let offset = take_offset(&mut rest)?;
    if !rest.is_empty() {
        return None;
    }
    i64::try_from(midnight + (micros - offset) as i128).ok()
}

/// The date, as days since 1970.
fn take_date(rest: &mut &[u8]) -> Option<i128> {
    let year = match rest.first()? {
        b'+' | b'-' => {
            let negative = rest[0] == b'-';
            *rest = &rest[1..];
            let year = take_number(rest, 6, 999_999)?;
            if negative { -year } else { year }
        }
        _ => take_number(rest, 4, 9999)?,
    };
    take(rest, |b| b == b'-').then_some(())?;
    let month = take_number(rest, 2, 12)?;
    take(rest, |b| b == b'-').then_some(())?;
    let day = take_number(rest, 2, 31)?;
    (month >= 1 && (1..=days_in_month(year, month)).contains(&day))
        .then(|| days_from_civil(year, month, day) as i128)
}

fn take_fraction(rest: &mut &[u8]) -> Option<i64> {
    let n_digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if n_digits == 0 {
        return None;
    }
    let micros =
        (0..6).fold(0, |v, i| v * 10 + rest.get(i).filter(|_| i < n_digits).map_or(0, |b| (b - b'0') as i64));
    *rest = &rest[n_digits..];
    Some(micros)
}

/// `Z`, `+02:00`, `+0200`, `+02` or nothing, in microseconds.
fn take_offset(rest: &mut &[u8]) -> Option<i64> {
    let sign = match rest.first() {
        None => return Some(0),
        Some(b'Z' | b'z') => {
            *rest = &rest[1..];
            return Some(0);
        }
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    *rest = &rest[1..];
    let hours = take_number(rest, 2, 23)?;
    let minutes = if rest.is_empty() {
        0
    } else {
        take(rest, |b| b == b':');
        take_number(rest, 2, 59)?
    };
    Some(sign * (hours * 60 + minutes) * 60 * MICROS_PER_SECOND)
}

fn take(rest: &mut &[u8], accept: impl Fn(u8) -> bool) -> bool {
    match rest {
        [first, tail @ ..] if accept(*first) => {
            *rest = tail;
            true
        }
        _ => false,
    }
}

/// Exactly so many digits.
fn take_number(rest: &mut &[u8], n_digits: usize, maximum: i64) -> Option<i64> {
    let mut value = 0;
    for &byte in rest.get(..n_digits)? {
        value = value * 10 + byte.is_ascii_digit().then(|| (byte - b'0') as i64)?;
    }
    *rest = &rest[n_digits..];
    (value <= maximum).then_some(value)
}

/// Days since 1970 of a date of the proleptic Gregorian calendar.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that a leap day is the last day of its year.
    let year = year - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + (month <= 2) as i64, month, day)
}

pub fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_the_shortest_fraction_in_any_year() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_714_564_800_500_000, "2024-05-01T12:00:00.5Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
            (-62_135_596_800_000_001, "0000-12-31T23:59:59.999999Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (253_402_300_800_000_000, "+010000-01-01T00:00:00Z"),
            (i64::MAX, "+294247-01-10T04:00:54.775807Z"),
            (i64::MIN, "-290308-12-21T19:59:05.224192Z"),
        ];
        for (micros, text) in cases {
            assert_eq!(format_timestamp(micros), text);
            assert_eq!(parse_timestamp(text.as_bytes()), Some(micros), "{text}");
        }
    }

    #[test]
    fn reads_dates_offsets_and_fractions() {
        let noon = Some(1_714_564_800_000_000);
        for text in [
            "2024-05-01T12:00:00Z",
            "2024-05-01 12:00",
            "2024-05-01t12:00:00z",
            "2024-05-01T14:00:00+02:00",
            "2024-05-01T14:00:00.0000000009+0200",
            "2024-05-01T06:30-05:30",
            "2024-05-01T11:00:00,0-01",
        ] {
            assert_eq!(parse_timestamp(text.as_bytes()), noon, "{text}");
        }
        assert_eq!(parse_timestamp(b"2024-05-01"), Some(1_714_521_600_000_000));
        assert_eq!(parse_timestamp(b"2024-12-31T23:59:60Z"), parse_timestamp(b"2025-01-01"));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2024",
            "2024-5-1",
            "2024-13-01",
            "2024-00-01",
            "2024-02-30",
            "2023-02-29",
            "2024-04-00",
            "2024-05-01T",
            "2024-05-01T24:00:00Z",
            "2024-05-01T12",
            "2024-05-01T12:60",
            "2024-05-01T12:00:61",
            "2024-05-01T12:00:00.Z",
            "2024-05-01T12:00:00+",
            "2024-05-01T12:00:00+1",
            "2024-05-01T12:00:00Zx",
            "2024-05-01x",
            "+294247-01-10T04:00:54.775808Z",
            "-999999-01-01",
            "20240501",
            "1714564800",
        ] {
            assert_eq!(parse_timestamp(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_written_timestamp_reads_back(micros: i64) {
            prop_assert_eq!(parse_timestamp(format_timestamp(micros).as_bytes()), Some(micros));
        }

        #[test]
        fn agrees_with_jiff(micros in -62_000_000_000_000_000i64..253_000_000_000_000_000) {
            let theirs = jiff::Timestamp::from_microsecond(micros).unwrap().to_string();
            prop_assert_eq!(format_timestamp(micros), theirs);
        }

        #[test]
        fn reading_never_panics(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            parse_timestamp(&text);
        }
    }
}
