//! Byte strings that input is compared with again and again.

use crate::kernel::simd::Simd;

/// Padded to whole vectors.
#[derive(Clone, Debug)]
pub struct Literal {
    padded: Vec<u8>,
    len: usize,
    /// The bits of the bytes that count in the last vector.
    last: u32,
}

impl PartialEq for Literal {
    fn eq(&self, other: &Literal) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Literal {
    pub fn new(bytes: &[u8]) -> Literal {
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().max(1).next_multiple_of(32), 0);
        let rest = bytes.len() - (padded.len() - 32);
        let last = if rest == 32 { u32::MAX } else { (1 << rest) - 1 };
        Literal { padded, len: bytes.len(), last }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn bytes(&self) -> &[u8] {
        &self.padded[..self.len]
    }

    /// Whether the literal stands at `p`.
    ///
    /// # Safety
    /// The literal's length, and 32 bytes more, can be read at `p`.
    #[inline(always)]
    pub(super) unsafe fn stands_at<S: Simd>(&self, p: *const u8) -> bool {
        let literal = self.padded.as_ptr();
        let before_last = self.padded.len() - 32;
        let mut at = 0;
        // SAFETY: `padded` is whole vectors, and the caller vouches for as many bytes at `p`.
        unsafe {
            while at < before_last {
                if S::equal(p.add(at), literal.add(at)) != u32::MAX {
                    return false;
                }
                at += 32;
            }
            S::equal(p.add(at), literal.add(at)) & self.last == self.last
        }
    }
}
