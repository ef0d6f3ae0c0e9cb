//! Memory of buffers that are gone, kept for the next ones of the thread. Operators make a few columns for each
//! batch and drop those of an earlier one: of the same size, over and over. The system's allocator is slow
//! at memory that is aligned to lines, since it cuts it out of larger pieces and puts these together again;
//! and what was dropped last is still in the cache.

use super::Line;
use std::cell::RefCell;
use std::mem::MaybeUninit;

/// Memory of a buffer.
pub type Lines = Vec<MaybeUninit<Line>>;

/// Buffers of more lines than this and one are not kept: 64 KiB.
const MOST_LINES: usize = 1 << 10;
/// A thread keeps no more than so many lines: 1 MiB.
const MOST_KEPT: usize = 1 << 14;
/// Between a power of two and the next there are so many sizes, so that an eighth at most is lost.
const STEPS: usize = 8;
const N_SIZES: usize = size_number(MOST_LINES) + 1;

struct Spare {
    /// By size.
    lines: [Vec<Lines>; N_SIZES],
    n_lines: usize,
}

thread_local! {
    static SPARE: RefCell<Spare> = const { RefCell::new(Spare { lines: [const { vec![] }; N_SIZES], n_lines: 0 }) };
}

/// Memory for so many lines and one.
pub fn take(n_lines: usize) -> Lines {
    if n_lines > MOST_LINES {
        return Vec::with_capacity(n_lines + 1);
    }
    let number = size_number(n_lines);
    // A thread that ends has none.
    let known = SPARE.try_with(|spare| {
        let spare = &mut *spare.borrow_mut();
        let lines = spare.lines[number].pop()?;
        spare.n_lines -= lines.capacity();
        Some(lines)
    });
    known.ok().flatten().unwrap_or_else(|| Vec::with_capacity(size(number) + 1))
}

/// Keeps what [`take`] gave, or frees it.
pub fn give(lines: Lines) {
    let n_lines = lines.capacity().saturating_sub(1);
    if n_lines == 0 || n_lines > MOST_LINES {
        return;
    }
    let number = size_number(n_lines);
    // The allocator may give more than was asked for.
    let number = if size(number) == n_lines { number } else { number - 1 };
    let _ = SPARE.try_with(|spare| {
        let spare = &mut *spare.borrow_mut();
        if spare.n_lines + lines.capacity() <= MOST_KEPT {
            spare.n_lines += lines.capacity();
            spare.lines[number].push(lines);
        }
    });
}

/// The number of the least size of at least so many lines.
const fn size_number(n_lines: usize) -> usize {
    if n_lines <= STEPS {
        return n_lines;
    }
    // The power of two below, and how many eighths of it are on top.
    let power = (n_lines - 1).ilog2();
    let step = 1 << (power - STEPS.ilog2());
    let steps = (n_lines - (1 << power)).div_ceil(step);
    STEPS * (power - STEPS.ilog2()) as usize + STEPS + steps
}

/// Lines of the size with this number.
const fn size(number: usize) -> usize {
    if number <= STEPS {
        return number;
    }
    let (power, steps) = ((number - 1) / STEPS - 1, (number - 1) % STEPS + 1);
    (STEPS + steps) << power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_close_and_in_order() {
        for n_lines in 1..=MOST_LINES {
            let number = size_number(n_lines);
            assert!(size(number) >= n_lines && size(number - 1) < n_lines, "{n_lines}");
            assert!(size(number) * STEPS <= n_lines * (STEPS + 1), "{n_lines}");
        }
        assert_eq!(size(N_SIZES - 1), MOST_LINES);
    }

    #[test]
    fn what_was_given_is_taken_again() {
        std::thread::spawn(|| {
            let lines = take(256);
            let place = lines.as_ptr();
            give(lines);
            let others = [take(100), take(255), take(256)];
            assert_eq!(others.map(|lines| lines.as_ptr() == place), [false, true, false]);
        })
        .join()
        .unwrap_or_else(|_| panic!("the assertions hold"));
    }

    #[test]
    fn no_more_than_so_much_is_kept() {
        std::thread::spawn(|| {
            let all: Vec<Lines> = (0..2 * MOST_KEPT / 256).map(|_| take(256)).collect();
            all.into_iter().for_each(give);
            give(Lines::new());
            give(Vec::with_capacity(MOST_LINES + 2));
            SPARE.with(|spare| {
                let spare = spare.borrow();
                let kept: usize = spare.lines.iter().flatten().map(Vec::capacity).sum();
                assert_eq!(kept, spare.n_lines);
                assert!((MOST_KEPT - 257..=MOST_KEPT).contains(&kept));
            });
        })
        .join()
        .unwrap_or_else(|_| panic!("the assertions hold"));
    }
}
