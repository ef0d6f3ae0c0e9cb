//! Where JSON values end, found without a look at what they mean; what is not well-formed is
//! left to the general path.

use super::fields::{Group, Nulls, Parse};
use super::literal::Literal;
use crate::kernel::simd::{Level, Simd};

/// Where a value stands in the block: the place of its first byte, and the place behind it in the
/// upper half.
pub type Place = u64;

/// The range of a place.
pub fn range(place: Place) -> std::ops::Range<usize> {
    place as u32 as usize..(place >> 32) as usize
}

impl Group<'_> {
    /// Any value; its place goes to `out`.
    pub fn place(&mut self, level: Level, literal: &Literal, out: &mut [Place]) {
        self.step(level, literal, Value, out, Nulls::None);
    }

    /// Any value, of no interest.
    pub fn skip(&mut self, level: Level, literal: &Literal) {
        let mut nothing = [(); super::fields::GROUP];
        self.step(level, literal, Skipped, &mut nothing, Nulls::None);
    }
}

struct Value;

// SAFETY: see `value_end`.
unsafe impl Parse for Value {
    type Value = Place;

    #[inline(always)]
    unsafe fn parse<S: Simd>(
        &self,
        base: *const u8,
        p: *const u8,
        end: *const u8,
    ) -> Option<(Place, *const u8)> {
        // SAFETY: as for the trait; both pointers are into the block.
        unsafe {
            let behind = value_end::<S>(p, end)?;
            let (from, to) = (p.offset_from(base) as u64, behind.offset_from(base) as u64);
            Some((from | to << 32, behind))
        }
    }

    #[inline(always)]
    fn zero(&self) -> Place {
        0
    }
}

struct Skipped;

// SAFETY: see `value_end`.
unsafe impl Parse for Skipped {
    type Value = ();

    #[inline(always)]
    unsafe fn parse<S: Simd>(&self, _: *const u8, p: *const u8, end: *const u8) -> Option<((), *const u8)> {
        // SAFETY: as for the trait.
        unsafe { value_end::<S>(p, end).map(|behind| ((), behind)) }
    }

    #[inline(always)]
    fn zero(&self) {}
}

/// The place behind the value at `p`.
///
/// # Safety
/// All up to `end`, which is not before `p`, and `PADDING` bytes more can be read.
#[inline(always)]
unsafe fn value_end<S: Simd>(p: *const u8, end: *const u8) -> Option<*const u8> {
    // SAFETY: as above; `short_int` reads 25 bytes.
    unsafe {
        if *p == b'"' {
            return string_end::<S>(p.add(1), end);
        }
        if let Some(behind) = short_int(p) {
            return Some(behind);
        }
        let rest = std::slice::from_raw_parts(p, end.offset_from(p) as usize);
        other_len(rest).map(|len| p.add(len))
    }
}

/// An int of at most 19 digits that no fraction or exponent follows.
///
/// # Safety
/// 26 bytes can be read at `p`.
#[inline(always)]
unsafe fn short_int(p: *const u8) -> Option<*const u8> {
    // SAFETY: as above.
    unsafe {
        let p = p.add((*p == b'-') as usize);
        let (_, n, behind) = super::number::digits(p)?;
        let ends = !matches!(*behind, b'.' | b'e' | b'E') && (*p != b'0' || n == 1);
        ends.then_some(behind)
    }
}

/// The place behind the closing quote of a string whose content begins at `p`.
///
/// # Safety
/// As for `value_end`.
#[inline(always)]
pub(super) unsafe fn string_end<S: Simd>(mut p: *const u8, end: *const u8) -> Option<*const u8> {
    // SAFETY: `p` is at most `end` whenever 32 bytes are read there.
    unsafe {
        loop {
            let special = S::string_special(p);
            if special == 0 {
                p = p.add(32);
                if p > end {
                    return None;
                }
                continue;
            }
            let at = p.add(special.trailing_zeros() as usize);
            if *at == b'"' {
                return Some(at.add(1));
            }
            if at >= end {
                return None;
            }
            let rest = std::slice::from_raw_parts(at, end.offset_from(at) as usize);
            p = at.add(escape_len(rest)?);
        }
    }
}

/// The length of the escape that the text begins with. Surrogates are left to the general path.
#[inline(never)]
fn escape_len(text: &[u8]) -> Option<usize> {
    match text {
        [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(2),
        [b'\\', b'u', hex @ ..] => {
            let hex = hex.get(..4)?;
            let surrogate = matches!(hex, [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
            (hex.iter().all(u8::is_ascii_hexdigit) && !surrogate).then_some(6)
        }
        _ => None,
    }
}

/// The length of the value, not a short one, that the text begins with.
#[cold]
fn other_len(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'-' | b'0'..=b'9' => number_len(text),
        b'{' | b'[' => nested_len(text),
        b'"' => string_len(text),
        _ => [&b"null"[..], b"true", b"false"]
            .iter()
            .find(|word| text.starts_with(word))
            .map(|word| word.len()),
    }
}

/// The length of the number that the text begins with.
pub fn number_len(text: &[u8]) -> Option<usize> {
    let n_digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut len = text.starts_with(b"-") as usize;
    let whole = n_digits(len);
    if whole == 0 || (text[len] == b'0' && whole > 1) {
        return None;
    }
    len += whole;
    if text.get(len) == Some(&b'.') {
        let fraction = n_digits(len + 1);
        if fraction == 0 {
            return None;
        }
        len += 1 + fraction;
    }
    if matches!(text.get(len), Some(b'e' | b'E')) {
        let sign = matches!(text.get(len + 1), Some(b'+' | b'-')) as usize;
        let exponent = n_digits(len + 1 + sign);
        if exponent == 0 {
            return None;
        }
        len += 1 + sign + exponent;
    }
    Some(len)
}

/// The length of the string in quotes that the text begins with.
fn string_len(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += escape_len(&text[at..])?,
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// Deeper values are left to the general path, which refuses them beyond its own limit.
const DEEPEST: u32 = 100;

/// The length of the list or object that the text begins with.
fn nested_len(text: &[u8]) -> Option<usize> {
    // One bit a level, the innermost last: 1 is an object.
    let mut levels = 0u128;
    let mut depth = 0;
    let mut at = 0;
    loop {
        // A value begins here.
        at += blanks(&text[at..]);
        match text.get(at)? {
            open @ (b'{' | b'[') => {
                depth += 1;
                if depth > DEEPEST {
                    return None;
                }
                levels = levels << 1 | (*open == b'{') as u128;
                at += 1;
                at += blanks(&text[at..]);
                let close = if levels & 1 == 1 { b'}' } else { b']' };
                if text.get(at)? != &close {
                    if levels & 1 == 1 {
                        at += key_len(&text[at..])?;
                    }
                    continue;
                }
            }
            _ => at += other_len(&text[at..])?,
        }
        // A value has ended here, or the closing bracket of an empty one stands here.
        loop {
            at += blanks(&text[at..]);
            match (text.get(at)?, levels & 1) {
                (b',', 1) => {
                    at += 1;
                    at += key_len(&text[at..])?;
                    break;
                }
                (b',', _) => {
                    at += 1;
                    break;
                }
                (b'}', 1) | (b']', 0) => {
                    at += 1;
                    levels >>= 1;
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                _ => return None,
            }
        }
    }
}

/// The length of a key with the colon behind it.
fn key_len(text: &[u8]) -> Option<usize> {
    let mut at = blanks(text);
    if text.get(at) != Some(&b'"') {
        return None;
    }
    at += string_len(&text[at..])?;
    at += blanks(&text[at..]);
    (text.get(at) == Some(&b':')).then_some(at + 1)
}

fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// The length of the value that the text begins with; none if it is not well-formed or too deep.
pub fn value_len(text: &[u8]) -> Option<usize> {
    other_len(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_parser() {
        let values = [
            "1",
            "-0",
            "01",
            "1.",
            ".5",
            "1.5e+10",
            "1e",
            "-",
            "12345678901234567890",
            "\"\"",
            "\"a\\n\\u00e9\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"a",
            "true",
            "nul",
            "[]",
            "{}",
            "[1,[2,{\"a\":[]}] , {} ]",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{\"a\" : {\"b\":null}, \"c\":[true]}",
            "[}",
            "{]",
            "[1 2]",
            "\"\t\"",
            "[[[[]]]]",
            "{1:2}",
            "{\"a\":}",
            "[,]",
        ];
        for value in values {
            let well_formed = serde_json::from_str::<serde_json::Value>(value).is_ok();
            let len = value_len(value.as_bytes()).filter(|len| *len == value.len());
            assert_eq!(len.is_some(), well_formed, "{value}");
        }
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(value_len(deep(100).as_bytes()), Some(200));
        assert_eq!(value_len(deep(101).as_bytes()), None);
    }
}
