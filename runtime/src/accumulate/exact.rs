//! Sums without any rounding, and the little arithmetic of whole numbers of any size that their results
//! take: variances, covariances and correlations come from such sums of x, y, x², y² and xy.
//!
//! A sum is cut into bins of 32 bits, at fixed places, each with room for far more terms than can come. As
//! nothing is rounded and no bin is ever given up, it depends neither on the order of the terms nor on how
//! they were split, and a term can be taken out again.

use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use std::cmp::Ordering;

/// ± `magnitude` · 2^(32 · `bin`), the digits from the lowest.
pub struct Term<'a> {
    pub negative: bool,
    pub bin: u32,
    pub magnitude: &'a [u32],
}

/// A sum of terms.
#[derive(Clone, Default, Debug)]
pub struct ExactSum {
    /// The number of the first bin that is there.
    lowest: u32,
    bins: Vec<i128>,
}

impl ExactSum {
    pub fn add(&mut self, term: Term) {
        self.change(&term, term.negative);
    }

    pub fn remove(&mut self, term: Term) {
        self.change(&term, !term.negative);
    }

    fn change(&mut self, term: &Term, negative: bool) {
        let Some(highest) = term.magnitude.iter().rposition(|digit| *digit != 0) else { return };
        self.reach(term.bin, term.bin + highest as u32);
        let at = (term.bin - self.lowest) as usize;
        for (bin, digit) in self.bins[at..].iter_mut().zip(&term.magnitude[..=highest]) {
            *bin += if negative { -(*digit as i128) } else { *digit as i128 };
        }
    }

    /// Makes sure that these bins are there.
    fn reach(&mut self, from: u32, to: u32) {
        if self.bins.is_empty() {
            self.lowest = from;
        } else if from < self.lowest {
            self.bins.splice(0..0, std::iter::repeat_n(0, (self.lowest - from) as usize));
            self.lowest = from;
        }
        let wanted = (to - self.lowest) as usize + 1;
        if self.bins.len() < wanted {
            self.bins.resize(wanted, 0);
        }
    }

    pub fn merge(&mut self, from: &ExactSum) {
        if from.bins.is_empty() {
            return;
        }
        self.reach(from.lowest, from.lowest + from.bins.len() as u32 - 1);
        let at = (from.lowest - self.lowest) as usize;
        self.bins[at..].iter_mut().zip(&from.bins).for_each(|(bin, other)| *bin += other);
    }

    pub fn total(&self) -> Whole {
        let mut digits = vec![];
        let mut carry = 0i128;
        for bin in &self.bins {
            let sum = bin + carry;
            digits.push(sum as u32);
            carry = sum >> 32;
        }
        while carry != 0 && carry != -1 {
            digits.push(carry as u32);
            carry >>= 32;
        }
        let negative = carry < 0;
        if negative {
            let mut up = true;
            for digit in &mut digits {
                (*digit, up) = (!*digit).overflowing_add(up as u32);
            }
            // Zero behind the point of two's complement: the digits were those of a whole power.
            if up {
                digits.push(1);
            }
        }
        Whole { negative, low: self.lowest, digits }
    }

    pub fn bytes(&self) -> usize {
        self.bins.capacity() * size_of::<i128>()
    }

    pub fn write(&self, out: &mut SnapshotWriter) {
        out.u32(self.lowest);
        out.sequence(self.bins.iter(), |out, bin| out.i128(*bin));
    }

    pub fn restore(from: &mut SnapshotReader) -> Result<ExactSum, Corrupt> {
        let sum = ExactSum { lowest: from.u32()?, bins: from.sequence(SnapshotReader::i128)? };
        // Products of two floats reach no further.
        let is_in_reach = sum.lowest < 200 && sum.bins.len() < 200 && sum.bins.iter().all(has_room);
        if is_in_reach { Ok(sum) } else { Err(Corrupt) }
    }
}

/// Whether no terms that may still come can be too many for a bin.
pub fn has_room(bin: &i128) -> bool {
    bin.unsigned_abs() < 1 << 120
}

/// ± `digits` · 2^(32 · `low`), the digits of 32 bits from the lowest.
#[derive(Clone, Debug)]
pub struct Whole {
    negative: bool,
    low: u32,
    digits: Vec<u32>,
}

impl Whole {
    pub fn of(number: u64) -> Whole {
        Whole { negative: false, low: 0, digits: vec![number as u32, (number >> 32) as u32] }
    }

    pub fn is_zero(&self) -> bool {
        self.digits.iter().all(|digit| *digit == 0)
    }

    pub fn times(&self, other: &Whole) -> Whole {
        let digits = product(&self.digits, &other.digits);
        Whole { negative: self.negative != other.negative, low: self.low + other.low, digits }
    }

    pub fn minus(&self, other: &Whole) -> Whole {
        let low = self.low.min(other.low);
        let (a, b) = (self.digits_from(low), other.digits_from(low));
        if self.negative != other.negative {
            return Whole { negative: self.negative, low, digits: sum(&a, &b) };
        }
        match compare(&a, &b) {
            Ordering::Less => Whole { negative: !self.negative, low, digits: difference(&b, &a) },
            _ => Whole { negative: self.negative, low, digits: difference(&a, &b) },
        }
    }

    fn digits_from(&self, low: u32) -> Vec<u32> {
        let mut digits = vec![0; (self.low - low) as usize];
        digits.extend_from_slice(&self.digits);
        digits
    }

    /// A float of between 2^63 and 2^64, or 0, and the power of two to multiply it with. Rounded once.
    pub fn scaled(&self) -> (f64, i32) {
        let Some(highest) = self.digits.iter().rposition(|digit| *digit != 0) else { return (0.0, 0) };
        let digit = |i: usize| highest.checked_sub(i).map_or(0, |at| self.digits[at]) as u128;
        let top = digit(0) << 64 | digit(1) << 32 | digit(2);
        let shift = top.leading_zeros() - 32;
        let mut leading = ((top << shift) >> 32) as u64;
        let below =
            (top << shift) as u32 != 0 || self.digits[..highest.saturating_sub(2)].iter().any(|d| *d != 0);
        leading |= below as u64;
        let exponent = 32 * (highest as i32 + self.low as i32 - 1) - shift as i32;
        (if self.negative { -(leading as f64) } else { leading as f64 }, exponent)
    }
}

/// The product of two numbers of digits from the lowest.
pub fn product(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut product = vec![0u32; a.len() + b.len()];
    for (i, x) in a.iter().enumerate() {
        let mut carry = 0u64;
        for (j, y) in b.iter().enumerate() {
            let sum = *x as u64 * *y as u64 + product[i + j] as u64 + carry;
            product[i + j] = sum as u32;
            carry = sum >> 32;
        }
        product[i + b.len()] = carry as u32;
    }
    product
}

fn sum(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut carry = 0u64;
    let mut digits: Vec<u32> = (0..a.len().max(b.len()))
        .map(|i| {
            let digit = |of: &[u32]| of.get(i).copied().unwrap_or(0) as u64;
            let sum = digit(a) + digit(b) + carry;
            carry = sum >> 32;
            sum as u32
        })
        .collect();
    digits.push(carry as u32);
    digits
}

/// Of a number and one that is not greater.
fn difference(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut borrow = 0i64;
    (0..a.len())
        .map(|i| {
            let difference = a[i] as i64 - b.get(i).copied().unwrap_or(0) as i64 + borrow;
            borrow = difference >> 32;
            difference as u32
        })
        .collect()
}

fn compare(a: &[u32], b: &[u32]) -> Ordering {
    let digit = |of: &[u32], i: usize| of.get(i).copied().unwrap_or(0);
    (0..a.len().max(b.len()))
        .rev()
        .map(|i| digit(a, i).cmp(&digit(b, i)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digits(mut magnitude: u128) -> Vec<u32> {
        let mut digits = vec![];
        while magnitude > 0 {
            digits.push(magnitude as u32);
            magnitude >>= 32;
        }
        digits
    }

    fn sum_of(terms: &[i64]) -> ExactSum {
        let mut sum = ExactSum::default();
        for term in terms {
            let magnitude = digits(term.unsigned_abs() as u128);
            sum.add(Term { negative: *term < 0, bin: 3, magnitude: &magnitude });
        }
        sum
    }

    fn value(whole: &Whole) -> f64 {
        let (mantissa, exponent) = whole.scaled();
        mantissa * 2f64.powi(exponent)
    }

    proptest! {
        #[test]
        fn adds_multiplies_and_subtracts(
            a in prop::collection::vec(any::<i64>(), 0..20),
            b in prop::collection::vec(-5i64..5, 0..20),
        ) {
            let plain = |terms: &[i64]| terms.iter().map(|t| *t as i128).sum::<i128>();
            let unit = 2f64.powi(96);
            let (x, y) = (sum_of(&a).total(), sum_of(&b).total());
            prop_assert_eq!(value(&x), plain(&a) as f64 * unit);
            prop_assert_eq!(value(&x.times(&y)), (plain(&a) * plain(&b)) as f64 * unit * unit);
            prop_assert_eq!(value(&x.minus(&y)), (plain(&a) - plain(&b)) as f64 * unit);
            prop_assert_eq!(value(&y.minus(&x)), (plain(&b) - plain(&a)) as f64 * unit);
            prop_assert!(x.minus(&x).is_zero());
        }
    }
}
