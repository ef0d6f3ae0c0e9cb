//! RFC 3339 times.

use super::fields::{Group, Nulls, Parse};
use super::literal::Literal;
use super::number::digits;
use crate::kernel::simd::{Level, Simd};
use millstream_ir::text::timestamp::{MICROS_PER_DAY, days_from_civil, days_in_month};
use std::cell::Cell;

impl Group<'_> {
    /// A time such as `"2024-05-01T12:00:00.5Z"`, with an offset or none (UTC), in quotes.
    pub fn timestamp(&mut self, level: Level, literal: &Literal, out: &mut [i64], nulls: Nulls) {
        let parse = Timestamp::<true> { date: Cell::new(NO_DATE), midnight: Cell::new(0) };
        self.step(level, literal, parse, out, nulls);
    }

    /// The same without quotes.
    pub fn bare_timestamp(&mut self, level: Level, literal: &Literal, out: &mut [i64], nulls: Nulls) {
        let parse = Timestamp::<false> { date: Cell::new(NO_DATE), midnight: Cell::new(0) };
        self.step(level, literal, parse, out, nulls);
    }
}

/// What is not UTF-8 is no row's date.
const NO_DATE: (u64, u16) = (u64::MAX, u16::MAX);

struct Timestamp<const QUOTED: bool> {
    /// The date of the row before, as text: neighbours mostly share it.
    date: Cell<(u64, u16)>,
    /// Its start in microseconds.
    midnight: Cell<i64>,
}

// SAFETY: reads at most 20 bytes, the 24 of a fraction and 7 more.
unsafe impl<const QUOTED: bool> Parse for Timestamp<QUOTED> {
    type Value = i64;

    #[inline(always)]
    unsafe fn parse<S: Simd>(&self, _: *const u8, p: *const u8, _: *const u8) -> Option<(i64, *const u8)> {
        // SAFETY: as for the trait.
        unsafe {
            if QUOTED && *p != b'"' {
                return None;
            }
            let p = p.add(QUOTED as usize);
            let date = ((p as *const u64).read_unaligned(), (p.add(8) as *const u16).read_unaligned());
            if date != self.date.get() {
                let midnight = midnight(&(p as *const [u8; 10]).read())?;
                self.date.set(date);
                self.midnight.set(midnight);
            }
            // hh:mm:ss behind the T, two digits in every third byte.
            if !matches!(*p.add(10), b'T' | b' ') {
                return None;
            }
            let clock = (p.add(11) as *const u64).read_unaligned();
            let digits_only = clock ^ 0x3030_3A30_303A_3030;
            let above_nine = digits_only.wrapping_add(0x0606_0F06_060F_0606);
            if (digits_only | above_nine) & 0xF0F0_F0F0_F0F0_F0F0 != 0 {
                return None;
            }
            // Tens and units side by side become numbers.
            let pairs = digits_only.wrapping_mul(10).wrapping_add(digits_only >> 8);
            let (hours, minutes, seconds) = (pairs & 0xFF, pairs >> 24 & 0xFF, pairs >> 48 & 0xFF);
            if hours > 23 || minutes > 59 || seconds > 59 {
                return None;
            }
            let seconds = (hours * 60 + minutes) * 60 + seconds;
            let mut micros = self.midnight.get() + seconds as i64 * 1_000_000;
            let mut p = p.add(19);
            if *p == b'.' {
                let (value, n, behind) = digits(p.add(1))?;
                if n > 9 {
                    return None;
                }
                micros += (value * TO_NANOS[n as usize & 15] / 1000) as i64;
                p = behind;
            }
            let (offset, behind) = zone(p)?;
            micros -= offset;
            if !QUOTED {
                return Some((micros, behind));
            }
            (*behind == b'"').then(|| (micros, behind.add(1)))
        }
    }

    #[inline(always)]
    fn zero(&self) -> i64 {
        0
    }
}

/// What makes nanoseconds of a fraction of so many digits.
static TO_NANOS: [u64; 16] =
    [0, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1000, 100, 10, 1, 0, 0, 0, 0, 0, 0];

/// The start of the day `2024-05-01`.
fn midnight(date: &[u8; 10]) -> Option<i64> {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + (b - b'0') as i64))
    };
    let (year, month, day) = (number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?);
    let is_date = date[4] == b'-'
        && date[7] == b'-'
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day);
    is_date.then(|| days_from_civil(year, month, day) * MICROS_PER_DAY)
}

/// `Z`, `+02:00` or nothing: the offset in microseconds, and the place behind it.
///
/// # Safety
/// 6 bytes can be read at `p`.
#[inline(always)]
unsafe fn zone(p: *const u8) -> Option<(i64, *const u8)> {
    // SAFETY: as above.
    unsafe {
        match *p {
            b'Z' => Some((0, p.add(1))),
            b'+' | b'-' => {
                let text = (p as *const [u8; 6]).read();
                let digit = |i: usize| text[i].is_ascii_digit().then(|| (text[i] - b'0') as i64);
                let hours = digit(1)? * 10 + digit(2)?;
                let minutes = digit(4)? * 10 + digit(5)?;
                if text[3] != b':' || hours > 23 || minutes > 59 {
                    return None;
                }
                let offset = (hours * 60 + minutes) * 60_000_000;
                Some((if text[0] == b'+' { offset } else { -offset }, p.add(6)))
            }
            _ => Some((0, p)),
        }
    }
}
