//! Asks the processor for a cache line before it is needed. A hint: without it everything stays right.

/// The line at this address will be read and written soon. Any address will do, also an invalid one.
#[inline(always)]
pub fn prefetch(address: *const u8) {
    // SAFETY: the instruction is part of every x86-64 and does not access memory in a way that can fault.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address as *const i8);
    }
    // SAFETY: `prfm` is a hint that never faults and writes no register.
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}
