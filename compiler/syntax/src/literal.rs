//! What literals mean: from the text of a token to its value, or why it has none.
//!
//! The lexer calls these to report bad literals; the parser calls them again for the values and
//! takes a stand-in where there is none.

/// Whole numbers, with `_` between digits.
pub fn integer(text: &str) -> Option<i128> {
    plain_digits(text)?.parse().ok()
}

/// `3.140` as its digits and its scale, 38 digits in all.
pub fn decimal(text: &str) -> Option<(i128, u8)> {
    let (whole, fraction) = text.split_once('.')?;
    let (whole, fraction) = (plain_digits(whole)?, plain_digits(fraction)?);
    let digits = format!("{whole}{fraction}");
    if digits.trim_start_matches('0').len() > 38 || fraction.len() > 38 {
        return None;
    }
    Some((digits.parse().ok()?, fraction.len() as u8))
}

/// A number with an exponent.
pub fn float(text: &str) -> Option<f64> {
    let value: f64 = plain_digits(text)?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// Without underscores, which must stand between digits.
fn plain_digits(text: &str) -> Option<String> {
    if text.ends_with('_') || text.contains("__") || text.contains("_.") || text.contains("_e") {
        return None;
    }
    Some(text.replace('_', ""))
}

pub(crate) const UNITS: [(&str, i64); 7] = [
    ("w", 7 * 24 * 3_600_000_000),
    ("d", 24 * 3_600_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

/// `1h30m` in microseconds; each unit at most once, greater ones first.
pub fn duration(text: &str) -> Result<i64, &'static str> {
    let mut rest = text;
    let mut total: i64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let n_digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'_').count();
        let (digits, tail) = rest.split_at(n_digits);
        let n_letters = tail.bytes().take_while(|b| b.is_ascii_alphabetic()).count();
        let (letters, tail) = tail.split_at(n_letters);
        let (unit, (_, size)) = UNITS
            .iter()
            .enumerate()
            .find(|(_, (name, _))| *name == letters)
            .ok_or("the units are us, ms, s, m, h, d and w")?;
        if unit < next_unit {
            return Err("each unit stands once, greater units first");
        }
        next_unit = unit + 1;
        let too_long = "it is longer than 64 bits of microseconds";
        let count: i64 = plain_digits(digits).and_then(|d| d.parse().ok()).ok_or(too_long)?;
        let part = count.checked_mul(*size).ok_or(too_long)?;
        total = total.checked_add(part).ok_or(too_long)?;
        rest = tail;
    }
    Ok(total)
}

/// `@2024-05-01` or `@2024-05-01T12:00:00.5Z` in microseconds since 1970 UTC.
pub fn timestamp(text: &str) -> Result<i64, &'static str> {
    let shape = "timestamps read `@2024-05-01` or `@2024-05-01T12:00:00.5Z`";
    let text = text.strip_prefix('@').ok_or(shape)?;
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = number(parts.next(), 4).ok_or(shape)?;
    let month = number(parts.next(), 2).ok_or(shape)?;
    let day = number(parts.next(), 2).ok_or(shape)?;
    if parts.next().is_some() {
        return Err(shape);
    }
    if year == 0 {
        return Err("years run from 0001 to 9999");
    }
    if !(1..=12).contains(&month) {
        return Err("months run from 01 to 12");
    }
    if !(1..=days_in_month(year, month)).contains(&day) {
        return Err("that month has no such day");
    }
    let midnight = days_since_1970(year, month, day) * 86_400_000_000;
    Ok(midnight + time.map_or(Ok(0), |t| time_of_day(t, shape))?)
}

/// `12:00`, `12:00:00.5Z`, `12:00:00+02:00` in microseconds since midnight UTC.
fn time_of_day(text: &str, shape: &'static str) -> Result<i64, &'static str> {
    let (clock, offset) = match text.find(['Z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, "Z"),
    };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = clock.split(':');
    let hour = number(parts.next(), 2).ok_or(shape)?;
    let minute = number(parts.next(), 2).ok_or(shape)?;
    let second = match parts.next() {
        Some(second) => number(Some(second), 2).ok_or(shape)?,
        None if fraction.is_none() => 0,
        None => return Err(shape),
    };
    if parts.next().is_some() {
        return Err(shape);
    }
    // As in data: 60 is a leap second, and falls together with the first second of the next minute.
    if hour > 23 || minute > 59 || second > 60 {
        return Err("times run from 00:00:00 to 23:59:59, and second 60 is a leap second");
    }
    let micros = match fraction {
        None => 0,
        Some(f) if f.len() > 6 => return Err("a fraction has at most six digits: microseconds"),
        Some(f) => number(Some(f), f.len()).ok_or(shape)? * 10_i64.pow(6 - f.len() as u32),
    };
    let seconds = hour * 3600 + minute * 60 + second - zone_offset(offset, shape)?;
    Ok(seconds * 1_000_000 + micros)
}

/// `Z`, `+02:00` or `-0330` in seconds east of UTC.
fn zone_offset(text: &str, shape: &'static str) -> Result<i64, &'static str> {
    if text == "Z" {
        return Ok(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.get(1..).ok_or(shape)?.replacen(':', "", 1);
    if digits.len() != 4 {
        return Err(shape);
    }
    let hours = number(digits.get(..2), 2).ok_or(shape)?;
    let minutes = number(digits.get(2..), 2).ok_or(shape)?;
    if hours > 18 || minutes > 59 {
        return Err("offsets run from -18:00 to +18:00");
    }
    Ok(sign * (hours * 3600 + minutes * 60))
}

fn number(text: Option<&str>, n_digits: usize) -> Option<i64> {
    let text = text?;
    (text.len() == n_digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (years counted from March).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Where escaped text differs from what it means: an escape that is none.
#[derive(Debug, PartialEq, Eq)]
pub struct BadEscape {
    /// Bytes of the content, backslash included.
    pub start: usize,
    pub end: usize,
}

/// Text between quotes with its escapes resolved; bad ones stay as written and are listed.
pub fn unescape(content: &str, braces: Braces) -> (String, Vec<BadEscape>) {
    let mut out = String::with_capacity(content.len());
    let mut bad = vec![];
    let mut chars = content.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if c != '\\' {
            out.push(c);
            let doubled = braces == Braces::Doubled && (c == '{' || c == '}');
            if doubled && chars.peek().is_some_and(|(_, next)| *next == c) {
                chars.next();
            }
            continue;
        }
        let plain = match chars.next() {
            Some((_, 'n')) => Some('\n'),
            Some((_, 't')) => Some('\t'),
            Some((_, 'r')) => Some('\r'),
            Some((_, '0')) => Some('\0'),
            Some((_, c @ ('\\' | '"'))) => Some(c),
            Some((_, 'u')) => {
                let digits = content
                    .get(start + 2..)
                    .and_then(|rest| rest.strip_prefix('{'))
                    .and_then(|rest| rest.split_once('}'));
                // Parsing alone takes a sign as well.
                let digits = digits.map(|(d, _)| d).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                let value = digits.filter(|d| d.len() <= 6).and_then(|d| u32::from_str_radix(d, 16).ok());
                let value = value.and_then(char::from_u32);
                if value.is_some() {
                    chars.by_ref().find(|(_, c)| *c == '}');
                }
                value
            }
            _ => None,
        };
        match plain {
            Some(c) => out.push(c),
            None => {
                let end = chars.peek().map_or(content.len(), |(i, _)| *i);
                out.push_str(content.get(start..end).unwrap_or(""));
                bad.push(BadEscape { start, end });
            }
        }
    }
    (out, bad)
}

/// What `{{` means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Braces {
    /// Two braces: in plain text.
    Plain,
    /// One brace: in f-strings.
    Doubled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_count_microseconds_since_1970() {
        assert_eq!(timestamp("@1970-01-01"), Ok(0));
        assert_eq!(timestamp("@2024-05-01"), Ok(1_714_521_600_000_000));
        assert_eq!(timestamp("@2024-05-01T12:00:00.5Z"), Ok(1_714_564_800_500_000));
        assert_eq!(timestamp("@2024-05-01T12:00:00-05:00"), Ok(1_714_582_800_000_000));
        assert_eq!(timestamp("@1969-12-31T23:59:59.999999Z"), Ok(-1));
        assert_eq!(timestamp("@2000-02-29"), Ok(951_782_400_000_000));
    }

    #[test]
    fn a_leap_second_is_the_first_of_the_next_minute() {
        assert_eq!(timestamp("@2016-12-31T23:59:60Z"), timestamp("@2017-01-01T00:00:00Z"));
        assert_eq!(timestamp("@2016-12-31T23:59:60.5Z"), timestamp("@2017-01-01T00:00:00.5Z"));
    }

    #[test]
    fn dates_that_do_not_exist_are_rejected() {
        for text in [
            "@1900-02-29",
            "@2023-02-29",
            "@2024-13-01",
            "@2024-00-01",
            "@2024-04-31",
            "@2024-5-1",
            "@0000-01-01",
            "@2024-05-01T24:00:00Z",
            "@2024-05-01T12:60:00Z",
            "@2024-05-01T12:00:61Z",
            "@2024-05-01T12:00:00.1234567Z",
            "@2024-05-01T",
            "@",
            "@2024-05-01T12:00:00+19:00",
        ] {
            assert!(timestamp(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_add_up() {
        assert_eq!(duration("1h30m"), Ok(5_400_000_000));
        assert_eq!(duration("250us"), Ok(250));
        assert_eq!(duration("1w2d3h4m5s6ms7us"), Ok(788_645_006_007));
        assert!(duration("30m1h").is_err());
        assert!(duration("1m1m").is_err());
        assert!(duration("99999999999w").is_err());
    }

    #[test]
    fn decimals_keep_their_scale() {
        assert_eq!(decimal("3.140"), Some((3140, 3)));
        assert_eq!(decimal("1_000.5"), Some((10005, 1)));
        assert_eq!(decimal(&format!("{}.5", "9".repeat(38))), None);
        assert_eq!(integer("1_000_000"), Some(1_000_000));
        assert_eq!(integer("1_"), None);
    }

    #[test]
    fn escapes_are_resolved_and_bad_ones_kept() {
        assert_eq!(unescape(r#"a\n\"\u{e9}"#, Braces::Plain), ("a\n\"é".to_string(), vec![]));
        assert_eq!(unescape("{{x}}", Braces::Doubled).0, "{x}");
        assert_eq!(unescape("{{x}}", Braces::Plain).0, "{{x}}");
        let (text, bad) = unescape(r"a\qb\u{110000}", Braces::Plain);
        assert_eq!(text, r"a\qb\u{110000}");
        assert_eq!(bad, [BadEscape { start: 1, end: 3 }, BadEscape { start: 4, end: 6 }]);
    }
}
