//! How the rows of one input of a join stand in memory: which columns are words of a row, and which stay in the
//! batches in which they came.

use crate::kernel::key::{words_of, words_of_floats};
use crate::kernel::row_lists::{RowLists, ZEROS};
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Bitmap, Column, ColumnData, ColumnRef};
use millstream_ir::types::{Layout, Type};
use std::sync::Arc;

/// The word that is the row's time; and the one that is its [place](super::places::Places), of which the lowest bit
/// says whether the row has had a partner, failed looking for one, or left without one.
pub const TIME: usize = 0;
pub const PLACE: usize = 1;

pub struct RowLayout {
    columns: Vec<Kept>,
    /// How many words a row has.
    pub width: usize,
    /// The words with a bit for each column that may be null: 1 where it is.
    nulls: std::ops::Range<usize>,
    /// The word that says where the other columns are, and these with their types.
    pub pick: Option<usize>,
    pub left_behind: Vec<(usize, Type)>,
}

/// Where the values of a column are.
struct Kept {
    layout: Layout,
    /// The first word; of those that are not in the row, which of them it is; of those of the key, which value.
    at: usize,
    null_bit: Option<usize>,
    is_key: bool,
}

/// One word of each row of a batch.
pub enum RowWords {
    Column(ColumnRef),
    Made(Vec<u64>),
}

impl RowWords {
    pub fn as_slice(&self) -> &[u64] {
        match self {
            RowWords::Made(words) => words,
            RowWords::Column(column) => match &column.data {
                ColumnData::I64(numbers) => words_of(numbers),
                ColumnData::F64(numbers) => words_of_floats(numbers),
                _ => &[],
            },
        }
    }
}

impl RowLayout {
    /// Of rows of these types, with the column of their time. `keys` are columns that rows of pairs have from their
    /// key: the columns with these numbers, and which value of the key that is.
    pub fn new(types: &[Type], time: usize, keys: &[(usize, usize)]) -> RowLayout {
        let (mut width, mut left_behind, mut n_nullable) = (PLACE + 1, vec![], 0);
        let mut kept = |(number, ty): (usize, &Type)| {
            let layout = ty.layout();
            if let Some((_, key)) = keys.iter().find(|(column, _)| *column == number) {
                return Kept { layout, at: *key, null_bit: None, is_key: true };
            }
            let words = match layout {
                Layout::I64 if number == time => 0,
                Layout::Bool | Layout::I64 | Layout::F64 => 1,
                Layout::Decimal => 2,
                Layout::View | Layout::Boxed => {
                    left_behind.push((number, ty.clone()));
                    return Kept { layout, at: left_behind.len() - 1, null_bit: None, is_key: false };
                }
            };
            let at = if words == 0 { TIME } else { width };
            width += words;
            n_nullable += usize::from(ty.nullable);
            Kept { layout, at, null_bit: ty.nullable.then(|| n_nullable - 1), is_key: false }
        };
        let columns = types.iter().enumerate().map(&mut kept).collect();
        let nulls = width..width + n_nullable.div_ceil(64);
        let pick = (!left_behind.is_empty()).then_some(nulls.end);
        let width = nulls.end + usize::from(pick.is_some());
        RowLayout { columns, width, nulls, pick, left_behind }
    }

    /// Whether columns are those of the key: then no row is without one.
    pub fn has_keys(&self) -> bool {
        self.columns.iter().any(|kept| kept.is_key)
    }

    /// The words of the rows of a batch, in the order in which they stand in a row. `places` and `picks` are those
    /// that others make.
    pub fn words_of(&self, batch: &Batch, places: Vec<u64>, picks: Option<Vec<u64>>) -> Vec<RowWords> {
        let n = batch.n_rows;
        let mut words: Vec<RowWords> = vec![];
        words.resize_with(self.width, || RowWords::Made(vec![]));
        words[PLACE] = RowWords::Made(places);
        let mut nulls = vec![vec![0; n]; self.nulls.len()];
        for (column, kept) in batch.columns.iter().zip(&self.columns) {
            let made = match (kept.layout, &column.data) {
                _ if kept.is_key => continue,
                (Layout::View | Layout::Boxed, _) => continue,
                (Layout::Decimal, ColumnData::I64(numbers)) => {
                    let high = numbers.iter().map(|number| (number >> 63) as u64).collect();
                    words[kept.at + 1] = RowWords::Made(high);
                    RowWords::Column(column.clone())
                }
                (Layout::Decimal, ColumnData::I128(numbers)) => {
                    let high = numbers.iter().map(|number| (number >> 64) as u64).collect();
                    words[kept.at + 1] = RowWords::Made(high);
                    RowWords::Made(numbers.iter().map(|number| *number as u64).collect())
                }
                (Layout::Bool, ColumnData::Bool(bits)) => {
                    RowWords::Made(bits.iter().map(|bit| *bit as u64).collect())
                }
                (_, ColumnData::I64(_) | ColumnData::F64(_)) => RowWords::Column(column.clone()),
                _ => RowWords::Made(vec![0; n]),
            };
            words[kept.at] = made;
            if let (Some(bit), Some(validity)) = (kept.null_bit, &column.validity) {
                let of_rows = nulls[bit / 64].iter_mut().enumerate();
                of_rows.for_each(|(row, nulls)| *nulls |= u64::from(!validity.get(row)) << (bit % 64));
            }
        }
        for (at, nulls) in self.nulls.clone().zip(nulls) {
            words[at] = RowWords::Made(nulls);
        }
        if let (Some(at), Some(picks)) = (self.pick, picks) {
            words[at] = RowWords::Made(picks);
        }
        words
    }

    /// Columns with these numbers of these rows, null where there is none ([`ZEROS`]); None for those that are not in
    /// the row. `keys` are the values of their keys, as far as they are asked for.
    pub fn columns(
        &self,
        lists: &RowLists,
        rows: &[u64],
        keys: &[Option<ColumnRef>],
        wanted: &[usize],
    ) -> Vec<Option<ColumnRef>> {
        let is_missing = rows.contains(&ZEROS);
        let nulls: Vec<Buffer<u64>> =
            self.nulls.clone().map(|at| lists.gather(rows, at, |word| word)).collect();
        let any: Vec<u64> = nulls.iter().map(|words| words.iter().fold(0, |any, word| any | word)).collect();
        let column = |kept: &Kept| {
            let i64s = |at| lists.gather(rows, at, |word| word as i64);
            let data = match kept.layout {
                _ if kept.is_key => return keys.get(kept.at).cloned().flatten(),
                Layout::View | Layout::Boxed => return None,
                Layout::Bool => ColumnData::Bool(lists.gather(rows, kept.at, |word| word as u8)),
                Layout::I64 => ColumnData::I64(i64s(kept.at)),
                Layout::F64 => ColumnData::F64(lists.gather(rows, kept.at, f64::from_bits)),
                Layout::Decimal => decimals(i64s(kept.at), i64s(kept.at + 1)),
            };
            let bit = kept.null_bit.filter(|bit| any[bit / 64] >> (bit % 64) & 1 == 1);
            let validity = match bit {
                Some(bit) => {
                    let nulls = nulls[bit / 64].iter().zip(rows);
                    Some(bitmap(nulls.map(|(nulls, row)| nulls >> (bit % 64) & 1 == 0 && *row != ZEROS)))
                }
                None => is_missing.then(|| bitmap(rows.iter().map(|row| *row != ZEROS))),
            };
            Some(Arc::new(Column { data, validity }))
        };
        wanted.iter().map(|number| column(&self.columns[*number])).collect()
    }
}

fn decimals(low: Buffer<i64>, high: Buffer<i64>) -> ColumnData {
    if low.iter().zip(&high[..]).all(|(low, high)| low >> 63 == *high) {
        return ColumnData::I64(low);
    }
    let wide = low.iter().zip(&high[..]).map(|(low, high)| (*high as i128) << 64 | *low as u64 as i128);
    ColumnData::I128(wide.collect())
}

fn bitmap(mut valid: impl ExactSizeIterator<Item = bool>) -> Bitmap {
    let len = valid.len();
    let word = |_| (0..64).fold(0, |word, bit| word | u64::from(valid.next() == Some(true)) << bit);
    Bitmap { words: (0..len.div_ceil(64)).map(word).collect(), len }
}
