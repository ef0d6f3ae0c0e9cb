//! Sums of floats that do not depend on the order of their terms.
//!
//! The idea is that of the binned sum (Ahrens, Demmel, Nguyen: Algorithms for Efficient Reproducible
//! Floating Point Summation, TOMS 2020), with integers for bins. The exponents of doubles are cut into
//! bins of 32 bits, at places that depend on nothing but the format. A term falls apart into its parts
//! in three neighbouring bins. Only the four topmost bins of the greatest term so far are kept; when a
//! greater one comes, the lowest are dropped. What a bin holds in the end is the sum of all terms' parts
//! in it, whenever they came: a term that came before the bin was in reach would have needed a bin
//! above it. No bin carries into another before the end, so dropping one takes nothing else along.
//!
//! ```text
//! bits of a term            1.xxxxxxxxxxxxxxxxxxxx · 2^e
//! bins     …  ┊  top  ┊ top-1 ┊ top-2 ┊ top-3 ┊  (dropped)  …
//!             ┊  ╰────── 53 bits ──╯  ┊ 32 more for smaller terms
//! ```
//!
//! The error is less than n · 2^-84 of the greatest term; a plain loop's is up to n · 2^-53 of the sum.

use millstream_ir::aggregate::FLOAT_SUM_BYTES;

/// Words of a sum: state, four bins from the top, their carries. All zero is the empty sum.
pub const WORDS: usize = FLOAT_SUM_BYTES / 8;

pub const BINS: usize = 4;
/// Each term adds less than 2^32 to a bin, so after this many terms bins are carried out.
const CARRY_AFTER: u64 = 1 << 30;

/// The state word: the number of the top bin, special values that came, terms since the last carry.
const TOP: u64 = 0xFF;
const NAN: u64 = 1 << 8;
const POSITIVE_INFINITY: u64 = 1 << 9;
const NEGATIVE_INFINITY: u64 = 1 << 10;
const TERM: u64 = 1 << 32;

/// Adds a term to the sum in these words.
#[inline]
pub fn add(sum: &mut [u64; WORDS], x: f64) {
    let bits = x.to_bits();
    let exponent = bits >> 52 & 0x7FF;
    if exponent == 0x7FF {
        sum[0] |= match (x.is_nan(), x > 0.0) {
            (true, _) => NAN,
            (_, true) => POSITIVE_INFINITY,
            (_, false) => NEGATIVE_INFINITY,
        };
        return;
    }
    let (x_top, parts) = parts(bits);
    if x_top > sum[0] & TOP {
        raise(sum, x_top);
    }
    let below = (sum[0] & TOP).wrapping_sub(x_top) as usize;
    for (i, part) in parts.into_iter().enumerate() {
        if below + i < BINS {
            let bin = &mut sum[1 + below + i];
            *bin = bin.wrapping_add(part as u64);
        }
    }
    sum[0] += TERM;
    if sum[0] >= CARRY_AFTER * TERM {
        carry(sum);
    }
}

/// Which bin is the topmost that a finite float has a part in, and its parts from there down.
#[inline]
pub fn parts(bits: u64) -> (u64, [i64; 3]) {
    // x is ±mantissa · 2^(position - 1074); subnormal numbers have no leading one.
    let exponent = bits >> 52 & 0x7FF;
    let mantissa = bits & ((1 << 52) - 1) | ((exponent != 0) as u64) << 52;
    let position = exponent.saturating_sub((exponent != 0) as u64);
    let shifted = (mantissa as u128) << (position % 32);
    let sign = bits as i64 >> 63;
    (position / 32 + 2, [64, 32, 0].map(|shift| ((shifted >> shift) as u32 as i64 ^ sign) - sign))
}

/// Adds all terms of another sum.
pub fn merge(sum: &mut [u64; WORDS], from: &[u64; WORDS]) {
    let mut from = *from;
    if from[0] & TOP > sum[0] & TOP {
        raise(sum, from[0] & TOP);
    } else {
        raise(&mut from, sum[0] & TOP);
    }
    if sum[0] / TERM + from[0] / TERM >= CARRY_AFTER / 2 {
        // What is left of a bin after a carry is as much as one term's part.
        carry(sum);
        carry(&mut from);
        sum[0] += 2 * TERM;
    }
    for (bin, other) in sum[1..].iter_mut().zip(&from[1..]) {
        *bin = bin.wrapping_add(*other);
    }
    sum[0] += from[0] & !(TERM - 1);
    sum[0] |= from[0] & (NAN | POSITIVE_INFINITY | NEGATIVE_INFINITY);
}

/// The sum of what stands in the bins from number `top` down, as if it had been added term by term.
pub fn of_bins(top: u64, bins: [i128; BINS]) -> [u64; WORDS] {
    let mut sum = [0; WORDS];
    sum[0] = top;
    for (i, bin) in bins.into_iter().enumerate() {
        sum[1 + i] = bin as u32 as u64;
        sum[1 + BINS + i] = (bin >> 32) as u64;
    }
    sum
}

/// Marks that such special values are among the terms.
pub fn mark(sum: &mut [u64; WORDS], nan: bool, positive_infinity: bool, negative_infinity: bool) {
    for (came, mark) in
        [(nan, NAN), (positive_infinity, POSITIVE_INFINITY), (negative_infinity, NEGATIVE_INFINITY)]
    {
        sum[0] |= if came { mark } else { 0 };
    }
}

/// Makes room for greater terms: bins move down, the lowest drop out.
#[cold]
fn raise(sum: &mut [u64; WORDS], top: u64) {
    let by = ((top - (sum[0] & TOP)) as usize).min(BINS);
    let (bins, carries) = sum[1..].split_at_mut(BINS);
    for part in [bins, carries] {
        part.copy_within(..BINS - by, by);
        part[..by].fill(0);
    }
    sum[0] = sum[0] & !TOP | top;
}

/// Takes what exceeds 32 bits out of each bin into a word of its own; not into the next bin, which
/// may outlive this one.
#[cold]
fn carry(sum: &mut [u64; WORDS]) {
    let (bins, carries) = sum[1..].split_at_mut(BINS);
    for (bin, carry) in bins.iter_mut().zip(carries) {
        *carry = carry.wrapping_add((*bin as i64 >> 32) as u64);
        *bin &= u32::MAX as u64;
    }
    sum[0] &= TERM - 1;
}

/// The sum as a double, rounded once.
pub fn total(sum: &[u64; WORDS]) -> f64 {
    scaled_total(sum, 0)
}

/// The sum divided by a count; also where the sum itself is too great for a double.
pub fn mean(sum: &[u64; WORDS], n: u64) -> f64 {
    let total = total(sum);
    if total.is_infinite() && sum[0] & (POSITIVE_INFINITY | NEGATIVE_INFINITY) == 0 {
        return libm::ldexp(scaled_total(sum, -64) / n as f64, 64);
    }
    total / n as f64
}

/// The sum times a power of two.
fn scaled_total(sum: &[u64; WORDS], scale: i32) -> f64 {
    match sum[0] & (NAN | POSITIVE_INFINITY | NEGATIVE_INFINITY) {
        0 => {}
        POSITIVE_INFINITY => return f64::INFINITY,
        NEGATIVE_INFINITY => return f64::NEG_INFINITY,
        _ => return f64::NAN,
    }
    // Carry from the lowest bin up: the sum is `high` · 2^96 + three digits of 32 bits.
    let bin = |i: usize| sum[1 + i] as i64 as i128 + ((sum[1 + BINS + i] as i64 as i128) << 32);
    let mut high = 0;
    let mut low = 0u128;
    for (digit, i) in (0..BINS).rev().enumerate() {
        high += bin(i);
        if i > 0 {
            low |= (high as u32 as u128) << (32 * digit);
            high >>= 32;
        }
    }
    let negative = high < 0;
    if negative {
        low = low.wrapping_neg() & ((1 << 96) - 1);
        high = -high - (low != 0) as i128;
    }
    // The leading 64 bits or more, with a last bit for whatever is below them.
    let (leading, exponent) = match high as u128 {
        0 => (low, 0),
        high => {
            let room = high.leading_zeros().min(96);
            (
                high << room | low >> (96 - room) | (low.checked_shl(32 + room).unwrap_or(0) != 0) as u128,
                96 - room as i32,
            )
        }
    };
    // All is a whole multiple of 2^-1074, so what is subnormal is exact and is not rounded twice.
    let lowest = 32 * ((sum[0] & TOP) as i32 - 3) - 1074;
    let magnitude = libm::ldexp(leading as f64, exponent + lowest + scale);
    if negative { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum_of(terms: &[f64]) -> [u64; WORDS] {
        let mut sum = [0; WORDS];
        terms.iter().for_each(|x| add(&mut sum, *x));
        sum
    }

    #[test]
    fn adds_up() {
        for terms in [&[][..], &[1.5], &[0.1, 0.2, 0.3], &[1e300, -1e300, 1.0], &[-0.0], &[-2.5, 1.25]] {
            // Few terms of like size: the plain sum is exact or rounds once.
            let exact =
                if terms.len() == 3 && terms[0] == 0.1 { 0.6 } else { terms.iter().sum::<f64>() + 0.0 };
            let exact = if terms.first() == Some(&1e300) { 0.0 } else { exact };
            assert_eq!(total(&sum_of(terms)), exact, "{terms:?}");
        }
        assert_eq!(total(&sum_of(&[1.0, 2f64.powi(-53), 2f64.powi(-60)])), 1.0 + 2f64.powi(-52));
        assert_eq!(total(&sum_of(&[f64::MAX, f64::MAX, -f64::MAX])), f64::MAX);
        assert_eq!(total(&sum_of(&[f64::MAX, f64::MAX])), f64::INFINITY);
        assert_eq!(mean(&sum_of(&[f64::MAX, f64::MAX]), 2), f64::MAX);
        assert_eq!(total(&sum_of(&[5e-324, 5e-324, f64::MIN_POSITIVE])), f64::MIN_POSITIVE + 1e-323);
        assert_eq!(total(&sum_of(&[-5e-324; 3])), -1.5e-323);
    }

    #[test]
    fn special_values_decide() {
        let infinity = f64::INFINITY;
        assert_eq!(total(&sum_of(&[1.0, infinity])), infinity);
        assert_eq!(total(&sum_of(&[-infinity, 1.0])), -infinity);
        assert!(total(&sum_of(&[-infinity, infinity])).is_nan());
        assert!(mean(&sum_of(&[1.0, f64::NAN]), 2).is_nan());
    }

    #[test]
    fn carries_change_nothing() {
        let terms = [1e10, -3.5, 7e-9, -1e10, 0.1];
        let plain = sum_of(&terms);
        let mut carried = [0; WORDS];
        for x in terms {
            add(&mut carried, x);
            carry(&mut carried);
        }
        assert_eq!(total(&carried), total(&plain));
    }

    proptest! {
        #[test]
        fn the_order_of_terms_does_not_matter(
            bits in prop::collection::vec(any::<u64>(), 1..40),
            near in any::<bool>(),
            rotate in any::<prop::sample::Index>(),
        ) {
            // Any doubles at all, or doubles near one, where cancellation and ties happen.
            let near_one = |b: u64| f64::from_bits(b & !(0x7FF << 52) | (1000 + (b >> 52 & 31)) << 52);
            let mut terms: Vec<f64> =
                bits.iter().map(|b| if near { near_one(*b) } else { f64::from_bits(*b) }).collect();
            let forward = total(&sum_of(&terms)).to_bits();
            terms.reverse();
            prop_assert_eq!(forward, total(&sum_of(&terms)).to_bits());
            let middle = rotate.index(terms.len());
            terms.rotate_left(middle);
            prop_assert_eq!(forward, total(&sum_of(&terms)).to_bits());
            terms.sort_by(f64::total_cmp);
            prop_assert_eq!(forward, total(&sum_of(&terms)).to_bits());
        }

        #[test]
        fn how_terms_are_split_does_not_matter(
            bits in prop::collection::vec(any::<u64>(), 1..40),
            near in any::<bool>(),
            middle in any::<prop::sample::Index>(),
            carried in any::<bool>(),
        ) {
            let near_one = |b: u64| f64::from_bits(b & !(0x7FF << 52) | (1000 + (b >> 52 & 31)) << 52);
            let terms: Vec<f64> =
                bits.iter().map(|b| if near { near_one(*b) } else { f64::from_bits(*b) }).collect();
            let (left, right) = terms.split_at(middle.index(terms.len()));
            let (mut left, right) = (sum_of(left), sum_of(right));
            if carried {
                left[0] |= (CARRY_AFTER / 2) * TERM;
            }
            merge(&mut left, &right);
            prop_assert_eq!(total(&left).to_bits(), total(&sum_of(&terms)).to_bits());
        }

        #[test]
        fn sums_of_multiples_of_a_power_of_two_are_exact(terms in prop::collection::vec(any::<i32>(), 0..50)) {
            let floats: Vec<f64> = terms.iter().map(|t| *t as f64 / 1024.0).collect();
            let exact = terms.iter().map(|t| *t as i64).sum::<i64>() as f64 / 1024.0;
            prop_assert_eq!(total(&sum_of(&floats)), exact);
        }
    }
}
