//! Hand-written Rust for each query shape: the speed to compare with. One file per shape.

pub mod choices;
pub mod decode;
pub mod end_to_end;
pub mod filter;
pub mod history;
pub mod join;
pub mod look_up;
pub mod pattern;
pub mod ranked;
pub mod sliding;
pub mod tumbling;
pub mod windows;

/// The slot or bucket of a key among so many, a power of two.
fn slot_of(key: i64, n: usize) -> usize {
    ((key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - n.trailing_zeros())) as usize
}

/// Asks for what a look at it will need soon.
fn prefetch<T>(of: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which any address may be given to.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(of as *const i8)
    };
}
