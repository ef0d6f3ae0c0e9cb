//! Which numbers of a column ascend.

use super::simd::{Kernel, Level, Simd};
use millstream_ir::buffer::Buffer;

/// Whether no number is less than the one before it.
pub fn is_ascending(numbers: &[i64]) -> bool {
    let after = numbers.get(1..).unwrap_or(&[]);
    Level::best().run(Ascending { numbers: &numbers[..after.len()], after })
}

/// Numbers by whether a greater one stands before them.
pub struct Parted {
    /// The places of those before which none is greater, and these numbers.
    pub straight: Buffer<u32>,
    pub straight_numbers: Buffer<i64>,
    /// The places of the others.
    pub behind: Buffer<u32>,
}

/// Parts numbers.
pub fn part_ascending(numbers: &[i64]) -> Parted {
    let n = numbers.len();
    let mut straight = Buffer::<u32>::with_capacity(n);
    let mut straight_numbers = Buffer::<i64>::with_capacity(n);
    let mut behind = Buffer::<u32>::with_capacity(n);
    let (rows, times, others) = (straight.as_mut_ptr(), straight_numbers.as_mut_ptr(), behind.as_mut_ptr());
    let (mut n_straight, mut n_behind) = (0, 0);
    let mut greatest = i64::MIN;
    for (place, number) in (0..).zip(numbers) {
        // Without a branch, since nobody can tell which it is.
        // SAFETY: neither count exceeds the places before this one, and there is room for `n` of each.
        unsafe {
            rows.add(n_straight).write(place);
            times.add(n_straight).write(*number);
            others.add(n_behind).write(place);
        }
        let is_straight = *number >= greatest;
        n_straight += is_straight as usize;
        n_behind += !is_straight as usize;
        greatest = greatest.max(*number);
    }
    // SAFETY: so many have been written of each.
    unsafe {
        straight.set_len(n_straight);
        straight_numbers.set_len(n_straight);
        behind.set_len(n_behind);
    }
    Parted { straight, straight_numbers, behind }
}

struct Ascending<'a> {
    numbers: &'a [i64],
    /// Each its neighbour.
    after: &'a [i64],
}

impl Kernel for Ascending<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self) -> bool {
        self.numbers.iter().zip(self.after).fold(true, |ascending, (a, b)| ascending & (a <= b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_behind_a_greater_one_is_told_apart() {
        let parted = part_ascending(&[5, 5, 3, 7, 4, 7, i64::MAX, i64::MIN]);
        assert_eq!(parted.straight[..], [0, 1, 3, 5, 6]);
        assert_eq!(parted.straight_numbers[..], [5, 5, 7, 7, i64::MAX]);
        assert_eq!(parted.behind[..], [2, 4, 7]);
        assert_eq!(part_ascending(&[]).behind.len(), 0);
    }

    #[test]
    fn one_step_down_is_found_wherever_it_is() {
        for n in [0, 1, 2, 3, 100] {
            let mut numbers: Vec<i64> = (0..n).map(|i| i / 2).collect();
            assert!(is_ascending(&numbers));
            for at in 1..n as usize {
                numbers[at] = -1;
                assert!(!is_ascending(&numbers), "{at} of {n}");
                numbers[at] = at as i64 / 2;
            }
        }
    }
}
