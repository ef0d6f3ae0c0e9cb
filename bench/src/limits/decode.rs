//! Decoding of bids by hand: a line index, then each line against the one expected order of keys,
//! digits eight at a time, strings scanned 32 bytes at a time and kept as (start, length).
//!
//! It does not check UTF-8, and no line that looks otherwise is read.

use std::arch::x86_64::*;

#[derive(Default)]
pub struct Columns {
    pub auction: Vec<i64>,
    pub bidder: Vec<i64>,
    pub price: Vec<i64>,
    pub channel: Vec<(u32, u32)>,
    pub url: Vec<(u32, u32)>,
    pub time: Vec<i64>,
    pub extra: Vec<(u32, u32)>,
    breaks: Vec<u32>,
}

impl Columns {
    fn clear(&mut self) {
        for column in [&mut self.auction, &mut self.bidder, &mut self.price, &mut self.time] {
            column.clear();
        }
        for column in [&mut self.channel, &mut self.url, &mut self.extra] {
            column.clear();
        }
    }
}

/// Whether the hand-written decoders can run here.
pub fn is_supported() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

/// Bytes that must be readable behind the input.
pub const PADDING: usize = 128;

/// Decodes `block[..len]`, whole lines; ALL: the seven fields, else auction, price and time.
///
/// # Panics
/// If a line looks otherwise, or the machine is too old.
pub fn json<const ALL: bool>(block: &[u8], len: usize, columns: &mut Columns) {
    assert!(is_supported() && len + PADDING <= block.len());
    columns.clear();
    // SAFETY: the machine has the features, and `PADDING` bytes are behind the input.
    unsafe { json_avx2::<ALL>(block, len, columns) }
}

/// The same for CSV without quotes.
///
/// # Panics
/// As for `json`.
pub fn csv<const ALL: bool>(block: &[u8], len: usize, columns: &mut Columns) {
    assert!(is_supported() && len + PADDING <= block.len());
    columns.clear();
    // SAFETY: the machine has the features, and `PADDING` bytes are behind the input.
    unsafe { csv_avx2::<ALL>(block, len, columns) }
}

#[target_feature(enable = "avx2,bmi1,lzcnt,popcnt")]
unsafe fn json_avx2<const ALL: bool>(block: &[u8], len: usize, columns: &mut Columns) {
    // SAFETY: as for the caller.
    unsafe {
        all_lines::<ALL>(block, len, columns, |p, base, end, row, columns| {
            json_line::<ALL>(p, base, end, row, columns)
        })
    }
}

#[target_feature(enable = "avx2,bmi1,lzcnt,popcnt")]
unsafe fn csv_avx2<const ALL: bool>(block: &[u8], len: usize, columns: &mut Columns) {
    // SAFETY: as for the caller.
    unsafe {
        all_lines::<ALL>(block, len, columns, |p, base, end, row, columns| {
            csv_line::<ALL>(p, base, end, row, columns)
        })
    }
}

/// Decodes with `line` what stands before each line break.
#[inline(always)]
unsafe fn all_lines<const ALL: bool>(
    block: &[u8],
    len: usize,
    columns: &mut Columns,
    line: impl Fn(&mut *const u8, *const u8, *const u8, usize, &mut Columns) -> Option<()>,
) {
    let base = block.as_ptr();
    let mut breaks = std::mem::take(&mut columns.breaks);
    // SAFETY: see `json`; each line is read at most 64 bytes past its end.
    unsafe {
        line_breaks(base, len, &mut breaks);
        for column in [&mut columns.auction, &mut columns.bidder, &mut columns.price, &mut columns.time] {
            column.reserve(breaks.len());
        }
        for column in [&mut columns.channel, &mut columns.url, &mut columns.extra] {
            column.reserve(breaks.len());
        }
        let mut start = 0;
        for (row, &end) in breaks.iter().enumerate() {
            let mut p = base.add(start as usize);
            start = end + 1;
            let read = line(&mut p, base, base.add(end as usize), row, columns);
            assert!(read.is_some(), "a line that does not look like a bid");
        }
        let n = breaks.len();
        for column in [&mut columns.auction, &mut columns.price, &mut columns.time] {
            column.set_len(n);
        }
        if ALL {
            columns.bidder.set_len(n);
            for column in [&mut columns.channel, &mut columns.url, &mut columns.extra] {
                column.set_len(n);
            }
        }
    }
    columns.breaks = breaks;
}

#[inline(always)]
unsafe fn json_line<const ALL: bool>(
    p: &mut *const u8,
    base: *const u8,
    end: *const u8,
    row: usize,
    columns: &mut Columns,
) -> Option<()> {
    // SAFETY: see `all_lines`, which has reserved the rows.
    unsafe {
        literal(p, b"{\"auction\":")?;
        *columns.auction.as_mut_ptr().add(row) = int(p)?;
        literal(p, b",\"bidder\":")?;
        let bidder = int(p)?;
        literal(p, b",\"price\":")?;
        *columns.price.as_mut_ptr().add(row) = int(p)?;
        literal(p, b",\"channel\":\"")?;
        let channel = string(p, base)?;
        literal(p, b",\"url\":\"")?;
        let url = string(p, base)?;
        literal(p, b",\"dateTime\":")?;
        *columns.time.as_mut_ptr().add(row) = millis(p)? * 1000;
        if !ALL {
            return ((end.sub(2) as *const [u8; 2]).read() == *b"\"}").then_some(());
        }
        *columns.bidder.as_mut_ptr().add(row) = bidder;
        *columns.channel.as_mut_ptr().add(row) = channel;
        *columns.url.as_mut_ptr().add(row) = url;
        literal(p, b",\"extra\":\"")?;
        *columns.extra.as_mut_ptr().add(row) = string(p, base)?;
        literal(p, b"}\n")
    }
}

#[inline(always)]
unsafe fn csv_line<const ALL: bool>(
    p: &mut *const u8,
    base: *const u8,
    end: *const u8,
    row: usize,
    columns: &mut Columns,
) -> Option<()> {
    // SAFETY: see `all_lines`, which has reserved the rows.
    unsafe {
        *columns.auction.as_mut_ptr().add(row) = int(p)?;
        literal(p, b",")?;
        let bidder = int(p)?;
        literal(p, b",")?;
        *columns.price.as_mut_ptr().add(row) = int(p)?;
        literal(p, b",")?;
        let channel = text(p, base, b',')?;
        let url = text(p, base, b',')?;
        *columns.time.as_mut_ptr().add(row) = millis(p)? * 1000;
        literal(p, b",")?;
        if !ALL {
            return Some(());
        }
        *columns.bidder.as_mut_ptr().add(row) = bidder;
        *columns.channel.as_mut_ptr().add(row) = channel;
        *columns.url.as_mut_ptr().add(row) = url;
        *columns.extra.as_mut_ptr().add(row) = text(p, base, b'\n')?;
        (*p == end.add(1)).then_some(())
    }
}

#[inline(always)]
unsafe fn line_breaks(base: *const u8, len: usize, out: &mut Vec<u32>) {
    out.clear();
    let mut at = 0;
    while at < len {
        out.reserve(64);
        // SAFETY: the padding covers the last vectors; 64 elements fit.
        unsafe {
            let mut mask = equal(base.add(at), b'\n') as u64 | (equal(base.add(at + 32), b'\n') as u64) << 32;
            if len - at < 64 {
                mask &= (1 << (len - at)) - 1;
            }
            let mut n = out.len();
            while mask != 0 {
                out.as_mut_ptr().add(n).write(at as u32 + mask.trailing_zeros());
                n += 1;
                mask &= mask - 1;
            }
            out.set_len(n);
        }
        at += 64;
    }
}

#[inline(always)]
unsafe fn equal(p: *const u8, byte: u8) -> u32 {
    // SAFETY: the caller can read 32 bytes.
    unsafe {
        let v = _mm256_loadu_si256(p as _);
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(byte as i8))) as u32
    }
}

#[inline(always)]
unsafe fn literal<const N: usize>(p: &mut *const u8, expected: &[u8; N]) -> Option<()> {
    // SAFETY: the caller can read the literal's length.
    unsafe {
        let found = (*p as *const [u8; N]).read() == *expected;
        *p = p.add(N);
        found.then_some(())
    }
}

#[inline(always)]
fn value_of(x: u64) -> u64 {
    let x = x.wrapping_mul(10).wrapping_add(x >> 8);
    let high = (x & 0xFF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    high.wrapping_add(((x >> 16) & 0xFF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001)) >> 32
}

/// At most eight digits.
#[inline(always)]
unsafe fn int(p: &mut *const u8) -> Option<i64> {
    // SAFETY: the caller can read eight bytes.
    let x = unsafe { (*p as *const u64).read_unaligned() } ^ 0x3030_3030_3030_3030;
    let others = (x.wrapping_add(0x7676_7676_7676_7676) | x) & 0x8080_8080_8080_8080;
    let bits = others.trailing_zeros() & !7;
    if bits == 0 {
        return None;
    }
    // SAFETY: as above.
    *p = unsafe { p.add(bits as usize / 8) };
    Some(value_of(x << ((64 - bits) & 63)) as i64)
}

/// Thirteen digits.
#[inline(always)]
unsafe fn millis(p: &mut *const u8) -> Option<i64> {
    // SAFETY: the caller can read thirteen bytes.
    unsafe {
        let x = (*p as *const u64).read_unaligned() ^ 0x3030_3030_3030_3030;
        let y = (p.add(5) as *const u64).read_unaligned() ^ 0x3030_3030_3030_3030;
        let others =
            (x.wrapping_add(0x7676_7676_7676_7676) | x) | (y.wrapping_add(0x7676_7676_7676_7676) | y);
        if others & 0x8080_8080_8080_8080 != 0 {
            return None;
        }
        *p = p.add(13);
        Some((value_of(x) * 100_000 + value_of(y) % 100_000) as i64)
    }
}

/// A string without escapes, behind its opening quote.
#[inline(always)]
unsafe fn string(p: &mut *const u8, base: *const u8) -> Option<(u32, u32)> {
    // SAFETY: as for the caller.
    unsafe { until(p, base, b'"', b'\\') }
}

/// A cell without quotes, and the delimiter behind it.
#[inline(always)]
unsafe fn text(p: &mut *const u8, base: *const u8, delimiter: u8) -> Option<(u32, u32)> {
    // SAFETY: as for the caller.
    unsafe { until(p, base, delimiter, b'"') }
}

#[inline(always)]
unsafe fn until(p: &mut *const u8, base: *const u8, end: u8, unexpected: u8) -> Option<(u32, u32)> {
    let start = *p;
    // SAFETY: the caller can read 32 bytes past the end of the line.
    unsafe {
        loop {
            let mask = equal(*p, end) | equal(*p, unexpected);
            if mask != 0 {
                *p = p.add(mask.trailing_zeros() as usize);
                break;
            }
            *p = p.add(32);
        }
        let place = (start.offset_from(base) as u32, p.offset_from(start) as u32);
        let plain = **p == end;
        *p = p.add(1);
        plain.then_some(place)
    }
}
