//! Zeroed memory for tables: from 4 MiB on in huge pages where the system has them, because a random
//! access to half a gigabyte costs 154 ns with huge pages and 244 ns with small ones.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Tables smaller than this live in ordinary memory.
#[cfg(all(target_os = "linux", not(miri)))]
const HUGE_FROM: usize = 4 << 20;

/// Memory that belongs to one table; aligned to cache lines, and zero at first.
pub struct Memory {
    start: NonNull<u8>,
    len: usize,
    mapped: bool,
}

// SAFETY: the memory belongs to this value alone, like that of a `Box<[u8]>`.
unsafe impl Send for Memory {}

impl Memory {
    /// # Panics
    /// As all allocations do: if there is no memory.
    pub fn zeroed(len: usize) -> Memory {
        #[cfg(all(target_os = "linux", not(miri)))]
        if len >= HUGE_FROM {
            return map(len);
        }
        let layout = layout(len);
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        match NonNull::new(start) {
            Some(start) => Memory { start, len, mapped: false },
            None => handle_alloc_error(layout),
        }
    }

    /// Makes it longer; what it grows by is zero. Huge pages are moved, not copied: nothing is touched.
    pub fn grow(&mut self, len: usize) {
        let mut grown = Memory::zeroed(len.max(self.len));
        #[cfg(all(target_os = "linux", not(miri)))]
        if self.mapped && grown.mapped {
            match take_pages(self, &grown) {
                true => std::mem::forget(std::mem::replace(self, grown)),
                false => {
                    // The system may have let go of what was to be replaced: others may stand there now.
                    std::mem::forget(grown);
                    grown = Memory::zeroed(len.max(self.len));
                    grown.copy_from(self);
                    *self = grown;
                }
            }
            return;
        }
        grown.copy_from(self);
        *self = grown;
    }

    /// What the other, which is no longer, has at its start.
    fn copy_from(&mut self, other: &Memory) {
        // SAFETY: both are initialized, the other is no longer, and they belong to different values.
        unsafe { std::ptr::copy_nonoverlapping(other.start(), self.start(), other.len) }
    }

    pub fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    pub fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        #[cfg(all(target_os = "linux", not(miri)))]
        if self.mapped {
            // SAFETY: the range was mapped by `map` and nothing points into it any more.
            unsafe { libc::munmap(self.start() as *mut libc::c_void, self.len) };
            return;
        }
        debug_assert!(!self.mapped);
        // SAFETY: allocated by `zeroed` with this layout.
        unsafe { dealloc(self.start(), layout(self.len)) }
    }
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(len.max(64), 64).unwrap_or_else(|_| handle_alloc_error(Layout::new::<u64>()))
}

/// Maps memory that begins at a huge page. The kernel gives pages as they are first touched.
#[cfg(all(target_os = "linux", not(miri)))]
fn map(len: usize) -> Memory {
    const HUGE: usize = 2 << 20;
    let len = len.next_multiple_of(HUGE);
    let wanted = len + HUGE;
    // SAFETY: an anonymous private mapping at an address of the kernel's choice touches nothing of ours;
    // what is unmapped below are parts of that very mapping, outside the part that is kept.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let all = libc::mmap(std::ptr::null_mut(), wanted, protection, flags, -1, 0);
        if all == libc::MAP_FAILED {
            handle_alloc_error(layout(len));
        }
        let head = (all as usize).next_multiple_of(HUGE) - all as usize;
        let start = (all as *mut u8).add(head);
        if head > 0 {
            libc::munmap(all, head);
        }
        if wanted > head + len {
            libc::munmap(start.add(len) as *mut libc::c_void, wanted - head - len);
        }
        libc::madvise(start as *mut libc::c_void, len, libc::MADV_HUGEPAGE);
        match NonNull::new(start) {
            Some(start) => Memory { start, len, mapped: true },
            None => handle_alloc_error(layout(len)),
        }
    }
}

/// Moves the pages of mapped memory to the start of such that is longer and was not touched, where it is zero behind
/// them. Whether that could be done: then the first is gone.
#[cfg(all(target_os = "linux", not(miri)))]
fn take_pages(from: &Memory, to: &Memory) -> bool {
    // SAFETY: the target is a mapping of ours that nothing points into, and of the length that is given; nothing
    // uses the source under its old address when this has gone well.
    let moved = unsafe {
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        libc::mremap(from.start() as *mut libc::c_void, from.len, to.len, flags, to.start())
    };
    moved == to.start() as *mut libc::c_void
}
