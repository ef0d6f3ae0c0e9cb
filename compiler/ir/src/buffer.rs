//! Memory that columns are made of: aligned to cache lines and padded by one,
//! so that over-wide vector reads and writes past the last value stay inside the allocation.

mod spare;

use spare::Lines;
use std::fmt;
use std::marker::PhantomData;
use std::mem::size_of;
use std::ops::{Deref, DerefMut};

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Types of which every bit pattern is a value.
///
/// # Safety
/// Implement it only for types without padding, pointers or invalid bit patterns, of alignment at most 64.
pub unsafe trait Plain: Copy + 'static {}
// SAFETY: integers and floats have no padding, and every bit pattern is one of their values.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for i64 {}
// SAFETY: as above.
unsafe impl Plain for f64 {}
// SAFETY: as above.
unsafe impl Plain for i128 {}
// SAFETY: as above.
unsafe impl Plain for u128 {}

/// A growable array of plain values, 64-byte aligned, with at least 64 writable bytes past its capacity.
pub struct Buffer<T: Plain> {
    lines: Lines,
    len: usize,
    _values: PhantomData<T>,
}

impl<T: Plain> Buffer<T> {
    pub fn new() -> Buffer<T> {
        Buffer { lines: Lines::new(), len: 0, _values: PhantomData }
    }

    pub fn with_capacity(n: usize) -> Buffer<T> {
        let mut buffer = Buffer::new();
        buffer.reserve(n);
        buffer
    }

    /// A buffer of `n` times `value`.
    pub fn filled(value: T, n: usize) -> Buffer<T> {
        let mut buffer = Buffer::with_capacity(n);
        buffer.resize(n, value);
        buffer
    }

    /// How many values fit without a new allocation.
    pub fn capacity(&self) -> usize {
        (self.lines.capacity().saturating_sub(1) * size_of::<Line>()) / size_of::<T>()
    }

    /// Makes room for `additional` more values.
    pub fn reserve(&mut self, additional: usize) {
        let needed = self.len + additional;
        if needed <= self.capacity() && self.lines.capacity() > 0 {
            return;
        }
        let n_lines = (needed.max(self.len * 2) * size_of::<T>()).div_ceil(size_of::<Line>());
        let mut lines = spare::take(n_lines);
        // SAFETY: both allocations hold at least `len` values, and they do not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.lines.as_ptr() as *const u8,
                lines.as_mut_ptr() as *mut u8,
                self.len * size_of::<T>(),
            );
        }
        spare::give(std::mem::replace(&mut self.lines, lines));
    }

    pub fn push(&mut self, value: T) {
        if self.len == self.capacity() {
            self.reserve(1);
        }
        // SAFETY: there is room for one more value, and the allocation is aligned for `T`.
        unsafe { self.as_mut_ptr().add(self.len).write(value) };
        self.len += 1;
    }

    pub fn extend_from_slice(&mut self, values: &[T]) {
        self.reserve(values.len());
        // SAFETY: `reserve` made room; a borrowed slice cannot overlap our own allocation.
        unsafe {
            std::ptr::copy_nonoverlapping(values.as_ptr(), self.as_mut_ptr().add(self.len), values.len())
        };
        self.len += values.len();
    }

    pub fn resize(&mut self, n: usize, value: T) {
        self.reserve(n.saturating_sub(self.len));
        for i in self.len..n {
            // SAFETY: `i < n`, for which there is room.
            unsafe { self.as_mut_ptr().add(i).write(value) };
        }
        self.len = n;
    }

    pub fn truncate(&mut self, n: usize) {
        self.len = self.len.min(n);
    }

    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// The start of the values; 64-byte aligned. Dangling (but aligned) while nothing is allocated.
    pub fn as_ptr(&self) -> *const T {
        self.lines.as_ptr() as *const T
    }

    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.lines.as_mut_ptr() as *mut T
    }

    /// Says that the first `n` values are there.
    ///
    /// # Safety
    /// `n` is at most the capacity, and the first `n` values have been written.
    pub unsafe fn set_len(&mut self, n: usize) {
        debug_assert!(n <= self.capacity());
        self.len = n;
    }
}

/// The bytes of a buffer's values.
pub fn as_bytes<T: Plain>(buffer: &Buffer<T>) -> &[u8] {
    // SAFETY: plain values have no padding, so all of their bytes are written; `u8` has no alignment.
    unsafe { std::slice::from_raw_parts(buffer.as_ptr() as *const u8, buffer.len() * size_of::<T>()) }
}

impl<T: Plain> Drop for Buffer<T> {
    fn drop(&mut self) {
        spare::give(std::mem::take(&mut self.lines));
    }
}

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` values have been written, and the pointer is aligned and not null.
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.len) }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and we are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr(), self.len) }
    }
}

impl<T: Plain> Default for Buffer<T> {
    fn default() -> Buffer<T> {
        Buffer::new()
    }
}

impl<T: Plain> Clone for Buffer<T> {
    fn clone(&self) -> Buffer<T> {
        Buffer::from(&self[..])
    }
}

impl<T: Plain> From<&[T]> for Buffer<T> {
    fn from(values: &[T]) -> Buffer<T> {
        let mut buffer = Buffer::new();
        buffer.extend_from_slice(values);
        buffer
    }
}

impl<T: Plain> FromIterator<T> for Buffer<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Buffer<T> {
        let mut values = values.into_iter();
        let mut buffer = Buffer::<T>::with_capacity(values.size_hint().0);
        let (start, room) = (buffer.as_mut_ptr(), buffer.capacity());
        let mut n = 0;
        // Nearly always all of them, and without a look at the capacity at each.
        values.by_ref().take(room).for_each(|value| {
            // SAFETY: `n < room`, for which there is room; the allocation is aligned for `T`.
            unsafe { start.add(n).write(value) };
            n += 1;
        });
        buffer.len = n;
        values.for_each(|value| buffer.push(value));
        buffer
    }
}

impl<T: Plain + fmt::Debug> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_keeps_its_values() {
        let mut buffer = Buffer::new();
        for i in 0..1000i64 {
            buffer.push(i);
        }
        assert_eq!(buffer.len(), 1000);
        assert!(buffer.iter().enumerate().all(|(i, v)| i as i64 == *v));
        assert_eq!(buffer.as_ptr() as usize % 64, 0);
    }

    #[test]
    fn an_empty_buffer_is_an_empty_slice() {
        assert_eq!(Buffer::<u128>::new().len(), 0);
        assert_eq!(Buffer::<u8>::with_capacity(0).iter().count(), 0);
    }
}
