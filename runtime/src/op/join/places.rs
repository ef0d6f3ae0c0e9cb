//! Places of rows in the total order, one word each.

use millstream_ir::batch::{Origin, RowPlace};
use millstream_ir::buffer::Buffer;
use std::collections::HashMap;
use std::sync::Arc;

/// A word is the number of a partition, and of how its rows came, above the low bits of an offset; the lowest bit
/// is free for its owner.
#[derive(Default)]
pub struct Places {
    /// The places with these numbers, with the high bits of their offsets.
    known: Vec<RowPlace>,
    numbers: HashMap<RowPlace, u64>,
}

const OFFSET_BITS: u32 = 40;
const LOW: u64 = (1 << OFFSET_BITS) - 1;
const NUMBER_FROM: u32 = OFFSET_BITS + 1;
/// There are never so many ways to so many partitions; rows of those beyond would stand as if they were of one.
const GREATEST: u64 = (1 << (64 - NUMBER_FROM)) - 1;

impl Places {
    /// The places of the rows of a batch.
    pub fn words(&mut self, origin: &Origin, n_rows: usize) -> Vec<u64> {
        let is_plain = origin.mixed.is_none() && origin.offsets.is_none();
        if is_plain && n_rows > 0 && origin.first & LOW <= LOW - n_rows as u64 {
            let of = RowPlace { offset: origin.first & !LOW, ..origin.place(0) };
            let first = self.number(of) << NUMBER_FROM | (origin.first & LOW) << 1;
            return (0..n_rows as u64).map(|row| first + (row << 1)).collect();
        }
        let mut last = (RowPlace::default(), None);
        let word = |row: usize| {
            let place = origin.place(row);
            let of = RowPlace { offset: place.offset & !LOW, ..place };
            let number = match last {
                (known, Some(number)) if known == of => number,
                _ => self.number(of),
            };
            last = (of, Some(number));
            number << NUMBER_FROM | (place.offset & LOW) << 1
        };
        (0..n_rows).map(word).collect()
    }

    fn number(&mut self, of: RowPlace) -> u64 {
        *self.numbers.entry(of).or_insert_with(|| {
            if self.known.len() as u64 <= GREATEST {
                self.known.push(of);
            }
            self.known.len() as u64 - 1
        })
    }

    pub fn place(&self, word: u64) -> RowPlace {
        let of = self.known[(word >> NUMBER_FROM) as usize];
        RowPlace { offset: of.offset | word >> 1 & LOW, ..of }
    }

    /// The later of two.
    pub fn later(&self, one: u64, other: u64) -> u64 {
        let is_later = if one >> NUMBER_FROM == other >> NUMBER_FROM {
            one >> 1 > other >> 1
        } else {
            self.place(one) > self.place(other)
        };
        if is_later { one } else { other }
    }

    /// The origin of rows at these places.
    pub fn origin(&self, words: &[u64]) -> Origin {
        let Some(first) = words.first() else { return Origin::default() };
        let (mut least, mut greatest, mut differs) = (u64::MAX, 0, 0);
        for word in words {
            (least, greatest) = (least.min(*word), greatest.max(*word));
            differs |= (word ^ first) >> NUMBER_FROM;
        }
        if differs == 0 && (greatest >> 1) - (least >> 1) <= u32::MAX as u64 {
            let least = least >> 1;
            let offsets: Buffer<u32> = words.iter().map(|word| ((word >> 1) - least) as u32).collect();
            let RowPlace { source, partition, offset, branch } = self.place(least << 1);
            let offsets = Some(Arc::new(offsets));
            return Origin { source, partition, branch, first: offset, offsets, ..Origin::default() };
        }
        let mixed: Arc<[RowPlace]> = words.iter().map(|word| self.place(*word)).collect();
        let source = mixed.iter().map(|place| place.source).min().unwrap_or_default();
        Origin { source, mixed: Some(mixed), ..Origin::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_where_rows_stand() {
        let place = |source, partition, offset, branch| RowPlace { source, partition, offset, branch };
        let mixed = [
            place(1, 0, 7, 0),
            place(1, 0, 7, 1),
            place(0, 3, (1 << 40) + 7, 0),
            place(0, 3, 1 << 40, 0),
            place(0, 3, (1 << 40) - 1, 0),
            place(1, 0, u64::MAX, 0),
        ];
        let mut places = Places::default();
        for first in [0, 5, (1 << 40) - 2, u64::MAX - 3] {
            let origin = Origin { source: 2, first, ..Origin::default() };
            let words = places.words(&origin, 4);
            assert!((0..4).all(|row| places.place(words[row]) == origin.place(row)));
        }
        let origin = Origin { mixed: Some(mixed.into()), ..Origin::default() };
        let words = places.words(&origin, mixed.len());
        assert!(words.iter().map(|word| places.place(*word)).eq(mixed));
        for (one, word) in mixed.iter().zip(&words) {
            for (other, of_other) in mixed.iter().zip(&words) {
                assert_eq!(places.place(places.later(*word, *of_other)), *one.max(other));
            }
        }
        for n in 1..=mixed.len() {
            let origin = places.origin(&words[..n]);
            assert!((0..n).all(|row| origin.place(row) == mixed[row]));
        }
        let of_one = places.origin(&words[2..4]);
        assert!(of_one.mixed.is_none() && of_one.place(0) == mixed[2] && of_one.place(1) == mixed[3]);
    }
}
