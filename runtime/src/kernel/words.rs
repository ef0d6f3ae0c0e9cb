//! Words that begin at a cache line, in huge pages where they are many.

use super::huge_pages::Memory;
use std::ops::{Deref, DerefMut};

/// As a `Vec<u64>` that only grows; what it grows by is zero.
pub struct Words {
    memory: Memory,
    len: usize,
}

impl Words {
    pub fn zeroed(len: usize) -> Words {
        Words { memory: Memory::zeroed(len * 8), len }
    }

    /// Makes it longer.
    pub fn grow(&mut self, len: usize) {
        if len * 8 > self.memory.len() {
            self.memory.grow((len * 8).max(self.memory.len() * 2));
        }
        self.len = self.len.max(len);
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.memory.len()
    }
}

impl Deref for Words {
    type Target = [u64];

    #[inline]
    fn deref(&self) -> &[u64] {
        // SAFETY: the memory is aligned to lines, has room for as many words, and all of it was zero once.
        unsafe { std::slice::from_raw_parts(self.memory.start() as *const u64, self.len) }
    }
}

impl DerefMut for Words {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u64] {
        // SAFETY: as above, and the memory belongs to this value alone.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start() as *mut u64, self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_when_they_grow() {
        let mut words = Words::zeroed(0);
        assert!(words.is_empty());
        for len in [1, 3, 8, 9, 100, 600_000, 600_001, 1_500_000, 4_000_000] {
            let before = words.len();
            words.grow(len);
            assert_eq!(words.len(), len);
            assert!(words[before..].iter().all(|word| *word == 0));
            assert!(words[..before].iter().enumerate().all(|(i, word)| *word == i as u64));
            words.iter_mut().enumerate().for_each(|(i, word)| *word = i as u64);
            assert_eq!(words.as_ptr() as usize % 64, 0);
        }
    }
}
