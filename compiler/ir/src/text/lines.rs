//! Text made of many short pieces, appended to a buffer that the pieces may write over its end: a piece is
//! stored whole, with what fills it up to a fixed size, and the next one is stored over that. So a number or a
//! name costs a store or two instead of a call to copy as many bytes as it has.

use super::json::{write_json_string, write_json_string_bytes};
use super::number::{Digits, digits, short_float};
use super::timestamp::{MICROS_PER_DAY, date_bytes, time_of_day};
use crate::column::View;
use std::ops::Range;

/// What is being written; ends with [`Lines::finish`].
pub struct Lines<'a> {
    /// Filled with anything from `at` on.
    out: &'a mut Vec<u8>,
    at: usize,
    /// A day, and how its date is written behind a quote, with anything behind it: most times are of the day of the
    /// time before.
    day: i64,
    date: [u8; 16],
    /// The same for a time of day: many rows have the time of the row before.
    micros_of_day: i64,
    time: (u128, usize),
}

/// How much room is made at once.
const ROOM: usize = 4096;
const BLOCK: usize = 16;
/// The longest piece that is stored whole.
const PIECE: usize = 32;

impl<'a> Lines<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Lines<'a> {
        let at = out.len();
        let (day, date) = (0, *b"\"1970-01-01     ");
        Lines { out, at, day, date, micros_of_day: 0, time: time_of_day(0) }
    }

    /// Cuts off what is no text.
    pub fn finish(self) {
        self.out.truncate(self.at);
    }

    /// Stores all of a piece, of which `n` bytes count.
    #[inline(always)]
    pub fn put<const N: usize>(&mut self, piece: &[u8; N], n: usize) {
        if self.at + N > self.out.len() {
            self.make_room(N);
        }
        if let Some(place) = self.out.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = *piece;
            self.at += n;
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, n: usize) {
        self.out.resize(self.at + n + ROOM, 0);
    }

    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        self.put(&[byte], 1);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.at + bytes.len() > self.out.len() {
            self.make_room(bytes.len());
        }
        if let Some(place) = self.out.get_mut(self.at..self.at + bytes.len()) {
            place.copy_from_slice(bytes);
            self.at += bytes.len();
        }
    }

    /// How many bytes stand there, with what stood there before.
    #[inline(always)]
    pub fn position(&self) -> usize {
        self.at
    }

    /// What stands there already, from one [position](Self::position) to another; no further than it reaches.
    #[inline(always)]
    pub fn again(&mut self, range: Range<usize>) {
        let n = range.end.min(self.at).saturating_sub(range.start);
        if self.at + n + PIECE > self.out.len() {
            self.make_room(n + PIECE);
        }
        for done in (0..n).step_by(PIECE) {
            let from = range.start + done;
            self.out.copy_within(from..from + PIECE, self.at + done);
        }
        self.at += n;
    }

    /// Forgets what stands behind a [position](Self::position).
    #[inline(always)]
    pub fn take_back(&mut self, position: usize) {
        self.at = self.at.min(position);
    }

    /// Puts a number over what stands in `n` bytes from a position on; whether it is as long.
    #[inline(always)]
    pub fn int_over(&mut self, position: usize, n: usize, value: i64) -> bool {
        let Digits::Few(digits, n_digits) = digits(value as u64) else { return false };
        let Some(place) = self.out.get_mut(position..).and_then(|rest| rest.first_chunk_mut()) else {
            return false;
        };
        if n_digits != n {
            return false;
        }
        let behind = u64::MAX.checked_shl(8 * n as u32).unwrap_or(0);
        let word = (u64::from_le_bytes(*place) & behind) | (u64::from_le_bytes(digits) & !behind);
        *place = word.to_le_bytes();
        true
    }

    /// What has a length that is known beforehand.
    #[inline(always)]
    pub fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Short(bytes, n) => self.put(bytes, *n),
            Piece::Long(bytes) => self.bytes(bytes),
        }
    }

    /// What other functions write.
    pub fn with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.truncate(self.at);
        write(self.out);
        self.at = self.out.len();
    }

    #[inline(always)]
    pub fn int(&mut self, value: i64) {
        if value < 0 {
            self.byte(b'-');
        }
        self.number(value.unsigned_abs());
    }

    #[inline(always)]
    fn number(&mut self, number: u64) {
        match digits(number) {
            Digits::Few(bytes, n) => self.put(&bytes, n),
            Digits::Many(bytes, n) => self.put(&bytes, n),
        }
    }

    /// A piece and then a number: what most of a line is made of, so both are stored before anything is counted.
    #[inline(always)]
    pub fn piece_and_int(&mut self, piece: &Piece, value: i64) {
        if let (Piece::Short(bytes, n), Digits::Few(digits, n_digits)) = (piece, digits(value as u64)) {
            if self.at + PIECE + 8 > self.out.len() {
                self.make_room(PIECE + 8);
            }
            let room = self.out.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<{ PIECE + 8 }>());
            if let Some(room) = room {
                room[..PIECE].copy_from_slice(bytes);
                if let Some(place) = room.get_mut(*n..).and_then(|rest| rest.first_chunk_mut()) {
                    *place = digits;
                    self.at += n + n_digits;
                }
            }
            return;
        }
        self.piece(piece);
        self.int(value);
    }

    /// A number of so many digits behind the point, which are no more than 18.
    #[inline(always)]
    pub fn decimal(&mut self, value: i64, scale: u8) {
        const UNITS: [u64; 19] = {
            let mut units = [1; 19];
            let mut i = 1;
            while i < 19 {
                units[i] = units[i - 1] * 10;
                i += 1;
            }
            units
        };
        let unit = match UNITS.get(scale as usize) {
            Some(unit) if scale > 0 => *unit,
            _ => return self.with(|out| super::write_decimal(out, value as i128, scale)),
        };
        if value < 0 {
            self.byte(b'-');
        }
        let value = value.unsigned_abs();
        self.number(value / unit);
        // The unit is a one before as many zeros as there are digits; the point takes its place.
        let point = self.at;
        self.number(value % unit + unit);
        self.out[point] = b'.';
    }

    /// As [`write_float`](super::write_float).
    pub fn float(&mut self, x: f64) {
        match short_float(x) {
            Some((bytes, n)) => self.put(&bytes, n),
            None => self.with(|out| super::write_float(out, x)),
        }
    }

    /// A timestamp in quotes.
    #[inline(always)]
    pub fn timestamp(&mut self, micros: i64) {
        let (day, time) = (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY));
        if day != self.day {
            match date_bytes(day) {
                Some(date) => {
                    self.day = day;
                    self.date[1..=date.len()].copy_from_slice(&date);
                }
                None => {
                    return self.with(|out| {
                        out.push(b'"');
                        super::write_timestamp(out, micros);
                        out.push(b'"');
                    });
                }
            }
        }
        if time != self.micros_of_day {
            (self.micros_of_day, self.time) = (time, time_of_day(time));
        }
        let (date, (time, n)) = (self.date, self.time);
        self.put(&date, 1 + "1970-01-01".len());
        self.put(&time.to_le_bytes(), n);
        self.put(b"Z\"", 2);
    }

    /// A string in quotes, escaped as JSON requires and no more. All is copied before it is asked whether anything
    /// had to be escaped.
    #[inline(always)]
    pub fn json_string(&mut self, text: &[u8]) {
        let (start, n) = (self.at, text.len());
        if start + n + 2 + BLOCK > self.out.len() {
            self.make_room(n + 2 + BLOCK);
        }
        let Some([quote, place @ ..]) = self.out.get_mut(start..) else { return };
        *quote = b'"';
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut escaped = [0; BLOCK];
        for (block, to) in blocks.iter().zip(place.as_chunks_mut().0) {
            *to = *block;
            mark_escaped(block, &mut escaped);
        }
        match text.last_chunk::<BLOCK>() {
            _ if rest.is_empty() => {}
            // What comes twice is stored over itself.
            Some(block) => {
                place[n - BLOCK..n].copy_from_slice(block);
                mark_escaped(block, &mut escaped);
            }
            None => {
                let mut block = [b' '; BLOCK];
                block[..n].copy_from_slice(text);
                place[..BLOCK].copy_from_slice(&block);
                mark_escaped(&block, &mut escaped);
            }
        }
        if u128::from_ne_bytes(escaped) != 0 {
            return self.escaped(start, text);
        }
        place[n] = b'"';
        self.at = start + n + 2;
    }

    /// The same of a string that stands in its view.
    #[inline(always)]
    pub fn json_string_inline(&mut self, view: View) {
        /// By length: spaces in place of what is not of the string, and the quote behind it.
        const AROUND: [(u128, u128); View::INLINE + 1] = {
            let mut around = [(0, 0); View::INLINE + 1];
            let mut n = 0;
            while n <= View::INLINE {
                let spaces = u128::from_le_bytes([b' '; 16]) << (8 * n);
                around[n] = (spaces, (b'"' as u128) << (8 + 8 * n));
                n += 1;
            }
            around
        };
        let n = view.len().min(View::INLINE);
        let (spaces, quote) = AROUND[n];
        let text = view.0 >> 32;
        let filled = text | spaces;
        if is_escaped_word(filled as u64) || is_escaped_word((filled >> 64) as u64) {
            return self.escaped(self.at, &text.to_le_bytes()[..n]);
        }
        let quoted = (text << 8) | b'"' as u128 | quote;
        self.put(&quoted.to_le_bytes(), n + 2);
    }

    #[cold]
    #[inline(never)]
    fn escaped(&mut self, start: usize, text: &[u8]) {
        self.at = start;
        self.with(|out| write_json_string_bytes(out, text));
    }
}

/// Marks bytes that JSON does not take as they are.
#[inline(always)]
fn mark_escaped(block: &[u8; BLOCK], escaped: &mut [u8; BLOCK]) {
    for (mark, byte) in escaped.iter_mut().zip(block) {
        *mark |= ((*byte < 0x20) | (*byte == b'"') | (*byte == b'\\')) as u8;
    }
}

/// Whether there is one among eight bytes in a word, without a vector: sets the top bit of bytes that are (and maybe of others above
/// such a one), after Mycroft's test for a zero byte.
#[inline(always)]
fn is_escaped_word(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let equal = |byte: u8| below(word ^ (ONES * byte as u64), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & (ONES << 7) != 0
}

/// Text that is written again and again.
pub enum Piece {
    Short([u8; PIECE], usize),
    Long(Vec<u8>),
}

impl Piece {
    pub fn new(bytes: &[u8]) -> Piece {
        let mut short = [0; PIECE];
        match short.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Piece::Short(short, bytes.len())
            }
            None => Piece::Long(bytes.to_vec()),
        }
    }

    /// In bytes.
    pub fn size(&self) -> usize {
        match self {
            Piece::Short(_, n) => *n,
            Piece::Long(bytes) => bytes.len(),
        }
    }

    /// A name in quotes between these.
    pub fn name(before: &[u8], name: &str, after: &[u8]) -> Piece {
        let mut bytes = before.to_vec();
        write_json_string(&mut bytes, name);
        bytes.extend_from_slice(after);
        Piece::new(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::TextColumn;
    use crate::text;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Int(i64),
        Decimal(i64, u8),
        Timestamp(i64),
        Float(f64),
        Text(String),
        Piece(Vec<u8>, i64),
        /// So many thousandths of what stands there, from so many thousandths on.
        Again(usize, usize),
        Other,
    }

    fn step() -> impl Strategy<Value = Step> {
        let number = || (any::<i64>(), 0u32..64).prop_map(|(x, bits)| x >> bits);
        let text = prop_oneof![".{0,40}", "[a-z]{0,40}", "[a-z\"\\\\\n\u{1}é]{0,20}"];
        prop_oneof![
            number().prop_map(Step::Int),
            (number(), 0u8..=38).prop_map(|(x, scale)| Step::Decimal(x, scale)),
            number().prop_map(Step::Timestamp),
            (0i64..2_000_000_000, 0i64..6).prop_map(|(s, zeros)| {
                Step::Timestamp(s * 1_000_000 + 123_456 / 10i64.pow(zeros as u32) * 10i64.pow(zeros as u32))
            }),
            any::<f64>().prop_map(Step::Float),
            (number(), number()).prop_map(|(x, y)| Step::Float(x as f64 / (y | 1) as f64)),
            number().prop_map(|x| Step::Float(x as f64)),
            text.prop_map(Step::Text),
            (prop::collection::vec(any::<u8>(), 0..50), number())
                .prop_map(|(bytes, x)| Step::Piece(bytes, x)),
            (0..1000usize, 0..1000usize).prop_map(|(from, n)| Step::Again(from, n)),
            Just(Step::Other),
        ]
    }

    proptest! {
        #[test]
        fn lines_are_what_the_plain_functions_write(
            begun in prop::collection::vec(any::<u8>(), 0..10),
            steps in prop::collection::vec(step(), 0..400),
        ) {
            let (mut expected, mut out) = (begun.clone(), begun);
            let mut lines = Lines::new(&mut out);
            for step in steps {
                match step {
                    Step::Int(x) => {
                        text::write_int(&mut expected, x);
                        lines.int(x);
                    }
                    Step::Decimal(x, scale) => {
                        text::write_decimal(&mut expected, x as i128, scale);
                        lines.decimal(x, scale);
                    }
                    Step::Timestamp(micros) => {
                        expected.push(b'"');
                        text::write_timestamp(&mut expected, micros);
                        expected.push(b'"');
                        lines.timestamp(micros);
                    }
                    Step::Float(x) => {
                        text::write_float(&mut expected, x);
                        lines.float(x);
                    }
                    Step::Text(string) => {
                        text::write_json_string(&mut expected, &string);
                        let mut column = TextColumn::default();
                        column.push(&string);
                        match string.len() {
                            0..=View::INLINE => lines.json_string_inline(View(column.views[0])),
                            _ => lines.json_string(column.bytes(0)),
                        }
                        write_json_string(&mut expected, &string);
                        lines.json_string(string.as_bytes());
                    }
                    Step::Piece(bytes, x) => {
                        expected.extend_from_slice(&bytes);
                        lines.piece(&Piece::new(&bytes));
                        expected.extend_from_slice(&bytes);
                        text::write_int(&mut expected, x);
                        lines.piece_and_int(&Piece::new(&bytes), x);
                    }
                    Step::Again(from, n) => {
                        let from = expected.len() * from / 1000;
                        let to = from + ((expected.len() - from) * n / 1000).min(200);
                        expected.extend_from_within(from..to);
                        assert_eq!(lines.position() + to - from, expected.len());
                        lines.again(from..to);
                    }
                    Step::Other => {
                        expected.extend_from_slice(b"other");
                        lines.with(|out| out.extend_from_slice(b"other"));
                    }
                }
            }
            lines.finish();
            prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected));
        }
    }
}
