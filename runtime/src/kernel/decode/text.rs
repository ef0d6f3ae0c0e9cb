//! Strings as views into the block.

use super::fields::{Group, Nulls, Parse};
use super::literal::Literal;
use super::skip::{Place, string_end};
use crate::kernel::simd::{Level, Simd};
use std::cell::Cell;

impl Group<'_> {
    /// A string of JSON, behind its opening quote: the literal ends in it, or, where there are
    /// nulls, it is the value's first byte. Views go to `out`, heap 0 being the block; see [`escaped`].
    ///
    /// Whether some strings have escapes.
    pub fn text(&mut self, level: Level, literal: &Literal, out: &mut [u128], nulls: Nulls) -> bool {
        let any_escaped = Cell::new(false);
        match nulls {
            Nulls::None => self.step(level, literal, Text::<false> { any_escaped: &any_escaped }, out, nulls),
            _ => self.step(level, literal, Text::<true> { any_escaped: &any_escaped }, out, nulls),
        }
        any_escaped.get()
    }
}

/// In place of a view of a string with escapes: the place of its content, between the quotes.
pub fn escaped(slot: u128) -> Option<Place> {
    (slot as u32 == ESCAPED).then_some((slot >> 64) as u64)
}

/// In place of a length.
const ESCAPED: u32 = u32::MAX;

/// `QUOTE`: its first byte is the opening quote.
struct Text<'a, const QUOTE: bool> {
    any_escaped: &'a Cell<bool>,
}

// SAFETY: reads 32 bytes where it is not behind `end`; strings end before `end`, or are not read on.
unsafe impl<const QUOTE: bool> Parse for Text<'_, QUOTE> {
    type Value = u128;

    #[inline(always)]
    unsafe fn parse<S: Simd>(
        &self,
        base: *const u8,
        mut p: *const u8,
        end: *const u8,
    ) -> Option<(u128, *const u8)> {
        // SAFETY: as for the trait; the view reads 12 bytes at `p`, which is at most `end + 1`.
        unsafe {
            if QUOTE {
                if *p != b'"' {
                    return None;
                }
                p = p.add(1);
            }
            let mut at = p;
            let mut special = S::string_special(at);
            while special == 0 {
                at = at.add(32);
                if at > end {
                    return None;
                }
                special = S::string_special(at);
            }
            at = at.add(special.trailing_zeros() as usize);
            if *at == b'"' {
                return Some((view(base, p, at.offset_from(p) as u32), at.add(1)));
            }
            let behind = with_escapes::<S>(p, end)?;
            self.any_escaped.set(true);
            let (from, to) = (p.offset_from(base) as u128, behind.offset_from(base) as u128 - 1);
            Some((ESCAPED as u128 | from << 64 | to << 96, behind))
        }
    }

    #[inline(always)]
    fn zero(&self) -> u128 {
        0
    }
}

/// The place behind a string that is not plain.
///
/// # Safety
/// As for `string_end`.
#[cold]
#[inline(always)]
unsafe fn with_escapes<S: Simd>(p: *const u8, end: *const u8) -> Option<*const u8> {
    if p > end {
        return None;
    }
    // SAFETY: as above.
    unsafe { string_end::<S>(p, end) }
}

/// Which of the eight bytes behind the first four an inline string of each length has.
static TAILS: [u64; 16] = {
    let mut masks = [u64::MAX; 16];
    let mut len = 0;
    while len < 12 {
        masks[len] = if len <= 4 { 0 } else { u64::MAX >> (64 - 8 * (len - 4)) };
        len += 1;
    }
    masks
};

/// Which of the first four bytes.
static HEADS: [u32; 16] = {
    let mut masks = [u32::MAX; 16];
    masks[0] = 0;
    masks[1] = 0xFF;
    masks[2] = 0xFFFF;
    masks[3] = 0xFF_FFFF;
    masks
};

/// The view of a string of `len` bytes at `p`, as `millstream_ir::column::View` lays it out.
///
/// # Safety
/// `p` is in the block that begins at `base`, of less than 4 GiB, and 12 bytes can be read at it.
#[inline(always)]
pub(super) unsafe fn view(base: *const u8, p: *const u8, len: u32) -> u128 {
    let short = len.min(13) as usize;
    // SAFETY: as above.
    unsafe {
        let head = (p as *const u32).read_unaligned() & HEADS[short];
        let tail = (p.add(4) as *const u64).read_unaligned() & TAILS[short];
        let place = (p.offset_from(base) as u64) << 32;
        let high = if len <= 12 { tail } else { place };
        len as u128 | (head as u128) << 32 | (high as u128) << 64
    }
}
