//! The vector operations that kernels are written in, and the choice between instruction sets.

use std::sync::LazyLock;

/// An instruction set; without [`Level::best`] only the portable one is known to be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Level(Set);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Level {
    pub const PORTABLE: Level = Level(Set::Portable);

    /// The widest set that this machine has.
    pub fn best() -> Level {
        static BEST: LazyLock<Level> =
            LazyLock::new(|| Level::all().last().copied().unwrap_or(Level::PORTABLE));
        *BEST
    }

    /// All that this machine has, for comparisons.
    pub fn all() -> Vec<Level> {
        let mut levels = vec![Level::PORTABLE];
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            levels.push(Level(Set::Sse2));
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt")
            {
                levels.push(Level(Set::Avx2));
            }
        }
        levels
    }

    /// Runs a kernel, compiled for this set.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Set::Portable => kernel.run::<Portable>(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: every x86-64 machine has SSE2.
            Set::Sse2 => unsafe { run_sse2(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `all` makes this level only where the machine has these features.
            Set::Avx2 => unsafe { run_avx2(kernel) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn run_sse2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Sse2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

/// A loop written once for all instruction sets. `run` is `#[inline(always)]`, so that it is
/// compiled with the features of its caller.
pub trait Kernel {
    type Output;

    fn run<S: Simd>(self) -> Self::Output;
}

/// Comparisons of 32 bytes at once; bit i of a result is byte i.
///
/// # Safety
/// Of all methods: 32 bytes can be read at each pointer, and the machine has the instruction set.
pub unsafe trait Simd {
    unsafe fn equal(a: *const u8, b: *const u8) -> u32;
    unsafe fn equal_byte(p: *const u8, byte: u8) -> u32;
    /// What ends the plain part of a JSON string: a quote, a backslash, a control character.
    unsafe fn string_special(p: *const u8) -> u32;
}

pub struct Portable;

// SAFETY: reads the 32 bytes that the caller vouches for.
unsafe impl Simd for Portable {
    #[inline(always)]
    unsafe fn equal(a: *const u8, b: *const u8) -> u32 {
        // SAFETY: as for the trait.
        let (a, b) = unsafe { (bytes(a), bytes(b)) };
        mask(|i| a[i] == b[i])
    }

    #[inline(always)]
    unsafe fn equal_byte(p: *const u8, byte: u8) -> u32 {
        // SAFETY: as for the trait.
        let a = unsafe { bytes(p) };
        mask(|i| a[i] == byte)
    }

    #[inline(always)]
    unsafe fn string_special(p: *const u8) -> u32 {
        // SAFETY: as for the trait.
        let a = unsafe { bytes(p) };
        mask(|i| a[i] == b'"' || a[i] == b'\\' || a[i] < 0x20)
    }
}

/// # Safety
/// 32 bytes can be read at the pointer.
#[inline(always)]
unsafe fn bytes(p: *const u8) -> [u8; 32] {
    // SAFETY: as above; an array of bytes has no alignment.
    unsafe { (p as *const [u8; 32]).read() }
}

#[inline(always)]
fn mask(is_set: impl Fn(usize) -> bool) -> u32 {
    (0..32).fold(0, |mask, i| mask | (is_set(i) as u32) << i)
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Sse2};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    use std::arch::x86_64::*;

    pub struct Sse2;
    pub struct Avx2;

    /// Both halves of 32 bytes.
    #[inline(always)]
    fn join(mask: impl Fn(usize) -> i32) -> u32 {
        mask(0) as u32 | (mask(16) as u32) << 16
    }

    // SAFETY: reads the 32 bytes that the caller vouches for, as two halves.
    unsafe impl Simd for Sse2 {
        #[inline(always)]
        unsafe fn equal(a: *const u8, b: *const u8) -> u32 {
            // SAFETY: as for the trait.
            join(|i| unsafe {
                let (a, b) = (_mm_loadu_si128(a.add(i) as _), _mm_loadu_si128(b.add(i) as _));
                _mm_movemask_epi8(_mm_cmpeq_epi8(a, b))
            })
        }

        #[inline(always)]
        unsafe fn equal_byte(p: *const u8, byte: u8) -> u32 {
            // SAFETY: as for the trait.
            join(|i| unsafe {
                let v = _mm_loadu_si128(p.add(i) as _);
                _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(byte as i8)))
            })
        }

        #[inline(always)]
        unsafe fn string_special(p: *const u8) -> u32 {
            // SAFETY: as for the trait.
            join(|i| unsafe {
                let v = _mm_loadu_si128(p.add(i) as _);
                let quote = _mm_cmpeq_epi8(v, _mm_set1_epi8(b'"' as i8));
                let backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8(b'\\' as i8));
                let control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
                _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control))
            })
        }
    }

    // SAFETY: reads the 32 bytes that the caller vouches for.
    unsafe impl Simd for Avx2 {
        #[inline(always)]
        unsafe fn equal(a: *const u8, b: *const u8) -> u32 {
            // SAFETY: as for the trait.
            unsafe {
                let (a, b) = (_mm256_loadu_si256(a as _), _mm256_loadu_si256(b as _));
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b)) as u32
            }
        }

        #[inline(always)]
        unsafe fn equal_byte(p: *const u8, byte: u8) -> u32 {
            // SAFETY: as for the trait.
            unsafe {
                let v = _mm256_loadu_si256(p as _);
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(byte as i8))) as u32
            }
        }

        #[inline(always)]
        unsafe fn string_special(p: *const u8) -> u32 {
            // SAFETY: as for the trait.
            unsafe {
                let v = _mm256_loadu_si256(p as _);
                let quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(b'"' as i8));
                let backslash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(b'\\' as i8));
                let control = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1F)), v);
                _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, backslash), control)) as u32
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct All<'a>(&'a [u8; 32], &'a [u8; 32]);

    impl Kernel for All<'_> {
        type Output = [u32; 3];

        #[inline(always)]
        fn run<S: Simd>(self) -> [u32; 3] {
            let (a, b) = (self.0.as_ptr(), self.1.as_ptr());
            // SAFETY: both arrays have 32 bytes.
            unsafe { [S::equal(a, b), S::equal_byte(a, 7), S::string_special(a)] }
        }
    }

    #[test]
    fn all_levels_see_the_same() {
        for shift in 0..=255u8 {
            let a = std::array::from_fn(|i| (i as u8).wrapping_add(shift));
            let b = std::array::from_fn(|i| if i % 3 == 0 { a[i] } else { a[i] ^ 1 });
            let expected = Level::PORTABLE.run(All(&a, &b));
            for level in Level::all() {
                assert_eq!(level.run(All(&a, &b)), expected, "{level:?}, {shift}");
            }
        }
    }
}
