//! Arithmetic of decimals: unscaled 128-bit numbers of at most 38 digits.
//!
//! Every result that has no room in 38 digits is `None`. What is between operands and result
//! (a product before it is rounded, a scaled dividend) has 256 bits. Rounding is half to even.

use crate::text::number::{Rounded, parse_decimal};

/// The greatest unscaled decimal: 38 nines.
pub const MAX: i128 = 10i128.pow(38) - 1;

/// The greatest scale, and the number of digits in all.
pub const MAX_DIGITS: u8 = 38;

/// The value, if it has no more than 38 digits.
pub fn fit(value: i128) -> Option<i128> {
    (value.unsigned_abs() <= MAX as u128).then_some(value)
}

/// `10^exponent`, up to 10^38.
pub fn power_of_ten(exponent: u32) -> Option<i128> {
    (exponent <= MAX_DIGITS as u32).then(|| 10i128.pow(exponent))
}

pub fn add(a: i128, b: i128) -> Option<i128> {
    a.checked_add(b).and_then(fit)
}

pub fn subtract(a: i128, b: i128) -> Option<i128> {
    a.checked_sub(b).and_then(fit)
}

/// The product of decimals of the first two scales, at the third.
pub fn multiply((a, a_scale): (i128, u8), (b, b_scale): (i128, u8), scale: u8) -> Option<i128> {
    let natural = a_scale as u32 + b_scale as u32;
    if natural == scale as u32
        && let Some(product) = a.checked_mul(b)
    {
        return fit(product);
    }
    let product = U256::product(a.unsigned_abs(), b.unsigned_abs());
    let negative = (a < 0) != (b < 0);
    match (scale as u32).checked_sub(natural) {
        Some(up) => quotient(negative, product.times(U256::power_of_ten(up)?)?, U256::ONE),
        None => quotient(negative, product, U256::power_of_ten(natural - scale as u32)?),
    }
}

/// The quotient of decimals of the first two scales, at the third; `None` also for a division by zero.
pub fn divide((a, a_scale): (i128, u8), (b, b_scale): (i128, u8), scale: u8) -> Option<i128> {
    let negative = (a < 0) != (b < 0);
    let dividend = U256::from(a.unsigned_abs());
    let divisor = U256::from(b.unsigned_abs());
    let exponent = scale as i32 + b_scale as i32 - a_scale as i32;
    let factor = U256::power_of_ten(exponent.unsigned_abs())?;
    if exponent >= 0 {
        quotient(negative, dividend.times(factor)?, divisor)
    } else {
        quotient(negative, dividend, divisor.times(factor)?)
    }
}

/// The remainder of decimals of one scale, with the sign of the left one; `None` for a division by zero.
pub fn remainder(a: i128, b: i128) -> Option<i128> {
    (b != 0).then(|| a.wrapping_rem(b))
}

/// The decimal at another scale.
pub fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return value.checked_mul(power_of_ten((to - from) as u32)?).and_then(fit);
    }
    let divisor = power_of_ten((from - to) as u32)?;
    let (quotient, remainder) = (value / divisor, value % divisor);
    let up = match (remainder.unsigned_abs() * 2).cmp(&divisor.unsigned_abs()) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
        std::cmp::Ordering::Greater => true,
    };
    fit(quotient + if up { value.signum() } else { 0 })
}

/// The decimal at another scale, if no digit is lost.
pub fn rescale_exact(value: i128, from: u8, to: u8) -> Option<i128> {
    let result = rescale(value, from, to)?;
    (to >= from || result.checked_mul(power_of_ten((from - to) as u32)?) == Some(value)).then_some(result)
}

pub fn from_int(value: i64, scale: u8) -> Option<i128> {
    rescale(value as i128, 0, scale)
}

/// The float as it is written (its shortest text), rounded to the scale: `decimal(2.675, 2)` is 2.68.
pub fn from_float(x: f64, scale: u8) -> Option<i128> {
    if !x.is_finite() {
        return None;
    }
    let Rounded { value, .. } = parse_decimal(format!("{x:e}").as_bytes(), scale)?;
    Some(value)
}

/// The float nearest to the decimal.
pub fn to_float(value: i128, scale: u8) -> f64 {
    // Both operands are exact here, and so the quotient is rounded once.
    if value.unsigned_abs() <= 1 << 53 && scale <= 22 {
        return value as f64 / 10f64.powi(scale as i32);
    }
    format!("{value}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// The whole part, if it fits.
pub fn to_int(value: i128, scale: u8) -> Option<i64> {
    i64::try_from(value / power_of_ten(scale as u32)?).ok()
}

/// Rounds `dividend / divisor` half to even.
fn quotient(negative: bool, dividend: U256, divisor: U256) -> Option<i128> {
    let (quotient, remainder) = dividend.divide(divisor)?;
    let rest = divisor.minus(remainder);
    let up = match remainder.cmp(&rest) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient.low & 1 == 1,
        std::cmp::Ordering::Greater => true,
    };
    if quotient.high != 0 || quotient.low > MAX as u128 {
        return None;
    }
    let value = fit(quotient.low as i128 + up as i128)?;
    Some(if negative { -value } else { value })
}

/// An unsigned number of 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct U256 {
    high: u128,
    low: u128,
}

impl U256 {
    const ONE: U256 = U256 { high: 0, low: 1 };

    fn from(low: u128) -> U256 {
        U256 { high: 0, low }
    }

    fn product(a: u128, b: u128) -> U256 {
        const HALF: u128 = u64::MAX as u128;
        let (a1, a0, b1, b0) = (a >> 64, a & HALF, b >> 64, b & HALF);
        let (low, middle_left, middle_right) = (a0 * b0, a1 * b0, a0 * b1);
        let middle = (low >> 64) + (middle_left & HALF) + (middle_right & HALF);
        U256 {
            high: a1 * b1 + (middle_left >> 64) + (middle_right >> 64) + (middle >> 64),
            low: (middle << 64) | (low & HALF),
        }
    }

    fn times(self, other: U256) -> Option<U256> {
        let (wide, narrow) = if self.high == 0 { (other, self.low) } else { (self, other.low) };
        if self.high != 0 && other.high != 0 {
            return None;
        }
        let low = U256::product(wide.low, narrow);
        let high = wide.high.checked_mul(narrow)?;
        Some(U256 { high: low.high.checked_add(high)?, low: low.low })
    }

    /// Up to 10^76.
    fn power_of_ten(exponent: u32) -> Option<U256> {
        let first = exponent.min(MAX_DIGITS as u32);
        let second = power_of_ten(exponent - first)?;
        Some(U256::product(power_of_ten(first)? as u128, second as u128))
    }

    fn minus(self, other: U256) -> U256 {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        U256 { high: self.high.wrapping_sub(other.high).wrapping_sub(borrow as u128), low }
    }

    /// Quotient and remainder: schoolbook division, bit by bit, where 128 bits do not do.
    fn divide(self, divisor: U256) -> Option<(U256, U256)> {
        if divisor == U256::from(0) {
            return None;
        }
        if self.high == 0 && divisor.high == 0 {
            return Some((U256::from(self.low / divisor.low), U256::from(self.low % divisor.low)));
        }
        let (mut quotient, mut remainder) = (U256::from(0), U256::from(0));
        for bit in (0..256).rev() {
            let next = if bit >= 128 { self.high >> (bit - 128) } else { self.low >> bit } & 1;
            let carry = remainder.high >> 127 == 1;
            remainder =
                U256 { high: remainder.high << 1 | remainder.low >> 127, low: remainder.low << 1 | next };
            if carry || remainder >= divisor {
                remainder = remainder.minus(divisor);
                if bit >= 128 {
                    quotient.high |= 1 << (bit - 128);
                } else {
                    quotient.low |= 1 << bit;
                }
            }
        }
        Some((quotient, remainder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounds_half_to_even_when_rescaling() {
        let cases =
            [(125, 12), (135, 14), (-125, -12), (-135, -14), (126, 13), (124, 12), (-126, -13), (5, 0)];
        for (value, expected) in cases {
            assert_eq!(rescale(value, 2, 1), Some(expected), "{value}");
        }
        assert_eq!(rescale(MAX, 38, 0), Some(1));
        assert_eq!(rescale(MAX, 0, 1), None);
        assert_eq!(rescale_exact(1230, 3, 2), Some(123));
        assert_eq!(rescale_exact(1231, 3, 2), None);
    }

    #[test]
    fn fails_beyond_38_digits() {
        assert_eq!(add(MAX, 1), None);
        assert_eq!(add(MAX, MAX), None);
        assert_eq!(subtract(-MAX, 1), None);
        assert_eq!(subtract(-MAX, -1), Some(-MAX + 1));
        assert_eq!(multiply((MAX, 0), (10, 0), 0), None);
        assert_eq!(multiply((MAX, 2), (1, 0), 2), Some(MAX));
        assert_eq!(multiply((MAX, 38), (MAX, 38), 38), Some(MAX - 1));
        assert_eq!(divide((MAX, 0), (1, 38), 0), None);
        assert_eq!(
            divide((-10i128.pow(32), 0), (1, 0), 6),
            None,
            "it has room in 128 bits, not in 38 digits"
        );
        assert_eq!(divide((1, 0), (0, 0), 6), None);
    }

    #[test]
    fn divides_with_a_dividend_beyond_128_bits() {
        assert_eq!(divide((MAX, 10), (MAX, 10), 16), Some(10i128.pow(16)));
        assert_eq!(divide((1, 0), (3, 0), 6), Some(333_333));
        assert_eq!(divide((-2, 0), (3, 0), 6), Some(-666_667));
        assert_eq!(divide((10i128.pow(37), 0), (3, 32), 0), None);
        assert_eq!(divide((5, 1), (1, 0), 0), Some(0), "0.5 rounds to even");
        assert_eq!(divide((15, 1), (1, 0), 0), Some(2), "1.5 rounds to even");
    }

    #[test]
    fn converts_floats_as_they_are_written() {
        assert_eq!(from_float(2.675, 2), Some(268));
        assert_eq!(from_float(0.1, 20), Some(10i128.pow(19)));
        assert_eq!(from_float(-0.0, 2), Some(0));
        assert_eq!(from_float(1e38, 0), None);
        assert_eq!(from_float(f64::NAN, 0), None);
        assert_eq!(to_float(1, 1), 0.1);
        assert_eq!(to_float(MAX, 0), 1e38);
    }

    proptest! {
        /// The product and quotient by long multiplication and division of decimal digits.
        #[test]
        fn agrees_with_school_arithmetic(a in -MAX..=MAX, b in -MAX..=MAX, a_shift in 0u32..127, b_shift in 0u32..127) {
            let (a, b) = (a >> a_shift, b >> b_shift);
            let product = multiply((a, 0), (b, 0), 0);
            prop_assert_eq!(product, a.checked_mul(b).and_then(fit));
            if b != 0 && let Some(scaled) = a.checked_mul(1_000_000) {
                let (down, rest) = (scaled / b, (scaled % b).unsigned_abs() * 2);
                let up = rest > b.unsigned_abs() || rest == b.unsigned_abs() && down % 2 != 0;
                let away = if (scaled < 0) == (b < 0) { 1 } else { -1 };
                let expected = fit(down + if up { away } else { 0 });
                prop_assert_eq!(divide((a, 0), (b, 0), 6), expected);
            }
        }

        #[test]
        fn a_wide_quotient_times_the_divisor_is_the_dividend(
            high in 0u128.., low in 0u128.., d_high in 0u128..4, d_low in 1u128..
        ) {
            let (n, d) = (U256 { high, low }, U256 { high: d_high, low: d_low });
            let (q, r) = n.divide(d).unwrap();
            prop_assert!(r < d);
            let back = q.times(d).unwrap();
            prop_assert_eq!(n.minus(back), r);
        }
    }
}
