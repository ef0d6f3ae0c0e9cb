//! How far the numbers of a column reach. Each batch asks for its times and its summands, so these are
//! vector loops, which the compiler makes of plain ones where it may use the machine's instructions.

use super::simd::{Kernel, Level, Simd};

/// The least and the greatest.
pub fn range(numbers: &[i64]) -> Option<(i64, i64)> {
    let first = *numbers.first()?;
    Some(Level::best().run(Range { numbers, first }))
}

/// No number is farther from zero than 2 to this power.
pub fn magnitude_bits(numbers: &[i64]) -> u32 {
    64 - Level::best().run(Bits { numbers }).leading_zeros()
}

struct Range<'a> {
    numbers: &'a [i64],
    first: i64,
}

impl Kernel for Range<'_> {
    type Output = (i64, i64);

    #[inline(always)]
    fn run<S: Simd>(self) -> (i64, i64) {
        let start = (self.first, self.first);
        self.numbers.iter().fold(start, |(least, greatest), x| (least.min(*x), greatest.max(*x)))
    }
}

struct Bits<'a> {
    numbers: &'a [i64],
}

impl Kernel for Bits<'_> {
    type Output = i64;

    #[inline(always)]
    fn run<S: Simd>(self) -> i64 {
        self.numbers.iter().fold(0, |bits, x| bits | (x ^ (x >> 63)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_are_those_of_all_numbers() {
        assert_eq!(range(&[]), None);
        assert_eq!(magnitude_bits(&[]), 0);
        for extreme in [0, 1, -1, 2, -2, 255, 256, -256, -257, i64::MAX, i64::MIN] {
            for n in [1, 5, 100] {
                let mut numbers = vec![0; n];
                numbers[n - 1] = extreme;
                let least = if n == 1 { extreme } else { extreme.min(0) };
                let greatest = if n == 1 { extreme } else { extreme.max(0) };
                assert_eq!(range(&numbers), Some((least, greatest)));
                let bits = magnitude_bits(&numbers);
                assert!(extreme.unsigned_abs() <= 1 << bits, "{extreme}");
                assert!(bits == 0 || extreme.unsigned_abs() >= 1 << (bits - 1), "{extreme}");
            }
        }
    }
}
