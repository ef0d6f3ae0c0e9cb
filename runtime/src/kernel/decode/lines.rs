//! Where lines end.

use crate::kernel::simd::{Kernel, Level, Simd};
use std::ops::Range;

/// Appends the positions of the line breaks in `block[range]`.
///
/// # Panics
/// If the range is not inside the block, or the block is larger than 4 GiB.
pub fn line_breaks(level: Level, block: &[u8], range: Range<usize>, out: &mut Vec<u32>) {
    assert!(range.start <= range.end && range.end <= block.len() && block.len() <= u32::MAX as usize);
    level.run(LineBreaks { block, range, out });
}

struct LineBreaks<'a> {
    block: &'a [u8],
    range: Range<usize>,
    out: &'a mut Vec<u32>,
}

impl Kernel for LineBreaks<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let LineBreaks { block, range, out } = self;
        let mut at = range.start;
        while at < range.end {
            if block.len() - at < 64 {
                let rest = block[at..range.end].iter().enumerate();
                out.extend(rest.filter(|(_, b)| **b == b'\n').map(|(i, _)| (at + i) as u32));
                return;
            }
            // SAFETY: 64 bytes of the block stand at `at`.
            let mut mask = unsafe {
                let p = block.as_ptr().add(at);
                S::equal_byte(p, b'\n') as u64 | (S::equal_byte(p.add(32), b'\n') as u64) << 32
            };
            if range.end - at < 64 {
                mask &= (1 << (range.end - at)) - 1;
            }
            out.reserve(64);
            let mut n = out.len();
            while mask != 0 {
                // SAFETY: a mask has at most 64 bits, for which there is room.
                unsafe { out.as_mut_ptr().add(n).write(at as u32 + mask.trailing_zeros()) };
                n += 1;
                mask &= mask - 1;
            }
            // SAFETY: the elements up to `n` have been written.
            unsafe { out.set_len(n) };
            at += 64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_line_break() {
        let text: Vec<u8> = (0..300u32).map(|i| if i * i % 7 == 1 { b'\n' } else { b'x' }).collect();
        for (start, end) in [(0, 300), (1, 64), (63, 200), (100, 100), (250, 299)] {
            let expected: Vec<u32> = (start..end).filter(|i| text[*i as usize] == b'\n').collect();
            for level in Level::all() {
                let mut found = vec![];
                line_breaks(level, &text, start as usize..end as usize, &mut found);
                assert_eq!(found, expected);
            }
        }
    }
}
