//! Numbers of JSON and CSV, eight digits at a time.

use super::fields::{Group, Nulls, Parse};
use super::literal::Literal;
use crate::kernel::simd::{Level, Simd};

impl Group<'_> {
    /// An int of at most 19 digits.
    pub fn int(&mut self, level: Level, literal: &Literal, out: &mut [i64], nulls: Nulls) {
        self.step(level, literal, Int, out, nulls);
    }

    /// An int times `multiply`, or divided by `divide`; one of them is 1.
    pub fn scaled_int(
        &mut self,
        level: Level,
        literal: &Literal,
        (multiply, divide): (i64, i64),
        out: &mut [i64],
        nulls: Nulls,
    ) {
        if (multiply, divide) == (1000, 1) {
            // By far the most common: with a constant the loop is shorter.
            return self.step(level, literal, Thousands, out, nulls);
        }
        self.step(level, literal, Scaled { multiply, divide: divide.max(1) }, out, nulls);
    }

    /// A decimal of at most 18 digits; with `quotes` it may stand in quotes.
    pub fn decimal(
        &mut self,
        level: Level,
        literal: &Literal,
        (scale, quotes): (u8, bool),
        out: &mut [i64],
        nulls: Nulls,
    ) {
        self.step(level, literal, Decimal { scale: scale.min(18), quotes }, out, nulls);
    }

    pub fn float(&mut self, level: Level, literal: &Literal, out: &mut [f64], nulls: Nulls) {
        self.step(level, literal, Float, out, nulls);
    }

    /// `true` or `false`.
    pub fn bool(&mut self, level: Level, literal: &Literal, out: &mut [u8], nulls: Nulls) {
        self.step(level, literal, Bool, out, nulls);
    }
}

static POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut i = 1;
    while i < 20 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

static FLOAT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The number of digits among the eight bytes `x`, from the first on, and those bytes less `0`.
#[inline(always)]
fn digits_of(x: u64) -> (u32, u64) {
    let x = x ^ 0x3030_3030_3030_3030;
    let others = (x.wrapping_add(0x7676_7676_7676_7676) | x) & 0x8080_8080_8080_8080;
    (others.trailing_zeros() / 8, x)
}

/// The value of the first `n` of eight digits; 0 < n <= 8.
#[inline(always)]
fn value_of(x: u64, n: u32) -> u64 {
    // Digits move to the end, zeros come before them.
    let x = x << ((64 - 8 * n) & 63);
    let x = x.wrapping_mul(10).wrapping_add(x >> 8);
    let high = (x & 0xFF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let low = ((x >> 16) & 0xFF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    high.wrapping_add(low) >> 32
}

/// At most 19 digits at `p`: their value, their number, and the place behind them.
///
/// # Safety
/// 24 bytes can be read at `p`.
#[inline(always)]
pub(super) unsafe fn digits(p: *const u8) -> Option<(u64, u32, *const u8)> {
    // SAFETY: as above.
    unsafe {
        let (n, x) = digits_of((p as *const u64).read_unaligned());
        if n < 8 {
            return (n > 0).then(|| (value_of(x, n), n, p.add(n as usize)));
        }
        let value = value_of(x, 8);
        let (n, x) = digits_of((p.add(8) as *const u64).read_unaligned());
        if n == 0 {
            return Some((value, 8, p.add(8)));
        }
        let value = value * POWERS[n as usize] + value_of(x, n);
        if n < 8 {
            return Some((value, 8 + n, p.add(8 + n as usize)));
        }
        let (n, x) = digits_of((p.add(16) as *const u64).read_unaligned());
        match n {
            0 => Some((value, 16, p.add(16))),
            // 19 digits fit 64 bits.
            1..=3 => Some((value * POWERS[n as usize] + value_of(x, n), 16 + n, p.add(16 + n as usize))),
            _ => None,
        }
    }
}

/// An int with its sign, and the place behind it; no zeros before the first digit.
///
/// # Safety
/// 25 bytes can be read at `p`.
#[inline(always)]
unsafe fn int(p: *const u8) -> Option<(i64, *const u8)> {
    // SAFETY: as above.
    unsafe {
        let negative = *p == b'-';
        let p = p.add(negative as usize);
        let (value, n, behind) = digits(p)?;
        let value = i64::try_from(value).ok()?;
        if *p == b'0' && n > 1 {
            return None;
        }
        Some((if negative { -value } else { value }, behind))
    }
}

struct Int;

// SAFETY: reads at most 25 bytes.
unsafe impl Parse for Int {
    type Value = i64;

    #[inline(always)]
    unsafe fn parse<S: Simd>(&self, _: *const u8, p: *const u8, _: *const u8) -> Option<(i64, *const u8)> {
        // SAFETY: as for the trait.
        unsafe { int(p) }
    }

    #[inline(always)]
    fn zero(&self) -> i64 {
        0
    }
}

struct Thousands;

// SAFETY: reads at most 25 bytes.
unsafe impl Parse for Thousands {
    type Value = i64;

    #[inline(always)]
    unsafe fn parse<S: Simd>(&self, _: *const u8, p: *const u8, _: *const u8) -> Option<(i64, *const u8)> {
        // SAFETY: as for the trait.
        let (value, behind) = unsafe { int(p) }?;
        Some((value.checked_mul(1000)?, behind))
    }

    #[inline(always)]
    fn zero(&self) -> i64 {
        0
    }
}

struct Scaled {
    multiply: i64,
    divide: i64,
}

// SAFETY: reads at most 25 bytes.
unsafe impl Parse for Scaled {
    type Value = i64;

    #[inline(always)]
    unsafe fn parse<S: Simd>(&self, _: *const u8, p: *const u8, _: *const u8) -> Option<(i64, *const u8)> {
        // SAFETY: as for the trait.
        let (value, behind) = unsafe { int(p) }?;
        Some((value.checked_mul(self.multiply)?.div_euclid(self.divide), behind))
    }

    #[inline(always)]
    fn zero(&self) -> i64 {
        0
    }
}

struct Decimal {
    /// At most 18.
    scale: u8,
    quotes: bool,
}

// SAFETY: reads at most two times 24 bytes, and four more.
unsafe impl Parse for Decimal {
    type Value = i64;

    #[inline(always)]
    unsafe fn parse<S: Simd>(&self, _: *const u8, p: *const u8, _: *const u8) -> Option<(i64, *const u8)> {
        // SAFETY: as for the trait.
        unsafe {
            let quoted = self.quotes && *p == b'"';
            let p = p.add(quoted as usize);
            let negative = *p == b'-';
            let p = p.add(negative as usize);
            let (whole, n_whole, mut behind) = digits(p)?;
            let scale = self.scale as u32;
            if n_whole + scale > 18 || (*p == b'0' && n_whole > 1) {
                return None;
            }
            let mut value = whole * POWERS[scale as usize];
            if *behind == b'.' {
                let (fraction, n_fraction, end) = digits(behind.add(1))?;
                if n_fraction > scale {
                    return None;
                }
                value += fraction * POWERS[(scale - n_fraction) as usize];
                behind = end;
            }
            // What follows the number in quotes must close them; an exponent fails the next literal.
            if quoted && *behind != b'"' {
                return None;
            }
            let value = value as i64;
            Some((if negative { -value } else { value }, behind.add(quoted as usize)))
        }
    }

    #[inline(always)]
    fn zero(&self) -> i64 {
        0
    }
}

struct Float;

// SAFETY: reads at most two times 24 bytes, and two more; `long_float` reads up to `end`.
unsafe impl Parse for Float {
    type Value = f64;

    #[inline(always)]
    unsafe fn parse<S: Simd>(&self, _: *const u8, p: *const u8, end: *const u8) -> Option<(f64, *const u8)> {
        // SAFETY: as for the trait.
        unsafe {
            match short_float(p) {
                Some(read) => Some(read),
                None => {
                    let text = std::slice::from_raw_parts(p, end.offset_from(p) as usize);
                    let (value, len) = long_float(text)?;
                    Some((value, p.add(len)))
                }
            }
        }
    }

    #[inline(always)]
    fn zero(&self) -> f64 {
        0.0
    }
}

/// A float of at most 15 digits without an exponent: both its digits and the power of ten are
/// floats exactly, so that one division rounds it correctly (Clinger 1990).
///
/// # Safety
/// 50 bytes can be read at `p`.
#[inline(always)]
unsafe fn short_float(p: *const u8) -> Option<(f64, *const u8)> {
    // SAFETY: as above.
    unsafe {
        let negative = *p == b'-';
        let p = p.add(negative as usize);
        let (mut value, n_whole, mut behind) = digits(p)?;
        if *p == b'0' && n_whole > 1 {
            return None;
        }
        let mut n_digits = n_whole;
        let mut n_fraction = 0;
        if *behind == b'.' {
            let (fraction, n, end) = digits(behind.add(1))?;
            n_digits += n;
            if n_digits > 15 {
                return None;
            }
            value = value * POWERS[n as usize] + fraction;
            n_fraction = n;
            behind = end;
        }
        if n_digits > 15 || *behind | 0x20 == b'e' {
            return None;
        }
        let value = value as f64 / FLOAT_POWERS[n_fraction as usize];
        Some((if negative { -value } else { value }, behind))
    }
}

/// Any other number of JSON that is a finite float, and its length.
#[cold]
fn long_float(text: &[u8]) -> Option<(f64, usize)> {
    let len = super::skip::number_len(text)?;
    let value: f64 = std::str::from_utf8(&text[..len]).ok()?.parse().ok()?;
    value.is_finite().then_some((value, len))
}

struct Bool;

// SAFETY: reads five bytes.
unsafe impl Parse for Bool {
    type Value = u8;

    #[inline(always)]
    unsafe fn parse<S: Simd>(&self, _: *const u8, p: *const u8, _: *const u8) -> Option<(u8, *const u8)> {
        // SAFETY: as for the trait.
        unsafe {
            match &(p as *const [u8; 4]).read() {
                b"true" => Some((1, p.add(4))),
                b"fals" if *p.add(4) == b'e' => Some((0, p.add(5))),
                _ => None,
            }
        }
    }

    #[inline(always)]
    fn zero(&self) -> u8 {
        0
    }
}
