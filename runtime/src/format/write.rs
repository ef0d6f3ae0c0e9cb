//! Single values to text: what all text formats share.

use super::scalar::DURATION_UNITS;

pub fn int(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(value.unsigned_abs(), out);
}

pub fn unsigned(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    while value >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(two_digits(value % 100));
        value /= 100;
    }
    if value >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(two_digits(value));
    } else {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

static PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut i = 0;
    while i < 100 {
        pairs[2 * i] = b'0' + (i / 10) as u8;
        pairs[2 * i + 1] = b'0' + (i % 10) as u8;
        i += 1;
    }
    pairs
};

/// The two digits of a number under 100.
fn two_digits(value: u64) -> &'static [u8] {
    let at = value as usize * 2;
    &PAIRS[at..at + 2]
}

/// An unscaled decimal, with all digits of its scale: `12.30`.
pub fn decimal(value: i128, scale: u8, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let magnitude = value.unsigned_abs();
    let scale = scale as usize;
    match (u64::try_from(magnitude), 10u64.checked_pow(scale as u32)) {
        (Ok(small), Some(unit)) => {
            unsigned(small / unit, out);
            if scale > 0 {
                out.push(b'.');
                padded(small % unit, scale, out);
            }
        }
        _ => {
            let digits = format!("{magnitude:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            out.extend_from_slice(whole.as_bytes());
            if scale > 0 {
                out.push(b'.');
                out.extend_from_slice(fraction.as_bytes());
            }
        }
    }
}

/// A number with zeros before it, `width` digits in all.
fn padded(value: u64, width: usize, out: &mut Vec<u8>) {
    let end = out.len() + width;
    out.resize(end, b'0');
    let mut rest = value;
    for digit in out[end - width..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// The shortest text that reads as the same finite float; always with a point or an exponent.
pub fn float(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{value:?}").as_bytes());
}

/// RFC 3339 in UTC with the shortest fraction: `2024-05-01T12:00:00.5Z`.
pub fn timestamp(micros: i64, out: &mut Vec<u8>) {
    let days = micros.div_euclid(86_400_000_000);
    let (year, month, day) = civil_from_days(days);
    let in_day = micros.rem_euclid(86_400_000_000) as u64;
    let seconds = in_day / 1_000_000;
    if (0..=9999).contains(&year) {
        padded(year as u64, 4, out);
    } else {
        // Outside of RFC 3339: ISO 8601's expanded form.
        out.push(if year < 0 { b'-' } else { b'+' });
        padded(year.unsigned_abs(), 6, out);
    }
    for (separator, value) in
        [(b'-', month), (b'-', day), (b'T', seconds / 3600), (b':', seconds / 60 % 60), (b':', seconds % 60)]
    {
        out.push(separator);
        out.extend_from_slice(two_digits(value));
    }
    let mut fraction = in_day % 1_000_000;
    if fraction > 0 {
        let mut width = 6;
        while fraction % 10 == 0 {
            fraction /= 10;
            width -= 1;
        }
        out.push(b'.');
        padded(fraction, width, out);
    }
    out.push(b'Z');
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible
/// low-level date algorithms").
fn civil_from_days(days: i64) -> (i64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097) as u64;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era as i64 + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

/// As the language writes it: `1h30m`, `-250ms`, `0s`.
pub fn duration(micros: i64, out: &mut Vec<u8>) {
    if micros == 0 {
        return out.extend_from_slice(b"0s");
    }
    if micros < 0 {
        out.push(b'-');
    }
    let mut rest = micros.unsigned_abs();
    for (name, unit) in DURATION_UNITS {
        let n = rest / *unit as u64;
        if n > 0 {
            unsigned(n, out);
            out.extend_from_slice(name.as_bytes());
            rest %= *unit as u64;
        }
    }
}

pub fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    use ::base64::Engine;
    out.extend_from_slice(::base64::engine::general_purpose::STANDARD.encode(bytes).as_bytes());
}

/// A JSON string with its quotes.
pub fn json_string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (i, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0C => b"\\f",
            0..0x20 => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[copied..i]);
        match escape {
            b"" => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.extend_from_slice(escape),
        }
        copied = i + 1;
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}
