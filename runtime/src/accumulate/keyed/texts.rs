//! The least or greatest texts of groups that have numbers.

use crate::kernel::prefetch::prefetch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Bitmap, Column, ColumnData, TextColumn, View};
use std::cmp::Ordering;
use std::sync::Arc;

/// How far ahead texts are requested.
const AHEAD: usize = 24;

pub struct Texts {
    /// How the text of a group compares with all others.
    wanted: Ordering,
    /// Of each group.
    best: Vec<Best>,
}

#[derive(Clone, Default)]
enum Best {
    #[default]
    None,
    Short(View),
    Long(Box<[u8]>),
}

/// The texts of groups at some moments.
#[derive(Default)]
pub struct TextResults {
    views: Buffer<u128>,
    heap: Vec<u8>,
    /// Where there was none.
    nulls: Vec<usize>,
}

impl Texts {
    pub fn new(wanted: Ordering) -> Texts {
        Texts { wanted, best: vec![] }
    }

    pub fn reach(&mut self, n: usize) {
        self.best.resize(n, Best::None);
    }

    pub fn clear(&mut self, number: u32) {
        self.best[number as usize] = Best::None;
    }

    pub fn renumber(&mut self, kept: &[u32]) {
        self.best = kept.iter().map(|number| std::mem::take(&mut self.best[*number as usize])).collect();
    }

    /// The text of a group, if it has one.
    pub fn get(&self, number: u32) -> Option<Vec<u8>> {
        match &self.best[number as usize] {
            Best::None => None,
            Best::Short(view) => Some(view.0.to_le_bytes()[4..][..view.len()].to_vec()),
            Best::Long(text) => Some(text.to_vec()),
        }
    }

    pub fn set(&mut self, number: u32, text: &[u8]) {
        self.best[number as usize] = match View::inline(text) {
            Some(view) => Best::Short(view),
            None => Best::Long(text.into()),
        };
    }

    /// Adds a text to a group.
    fn add(&mut self, number: u32, texts: &TextColumn, row: usize) {
        let view = View(texts.views[row]);
        let order = match &self.best[number as usize] {
            Best::None => self.wanted,
            Best::Short(best) if *best == view => return,
            Best::Short(best) => texts.bytes(row).cmp(&best.0.to_le_bytes()[4..][..best.len()]),
            Best::Long(best) => texts.bytes(row).cmp(best),
        };
        if order == self.wanted {
            self.set(number, texts.bytes(row));
        }
    }

    /// Adds rows, each to the group with the number beside it, which is empty before if the row starts it; the
    /// results behind each row, and if `BEFORE`, in front of these those before it, unless it starts its group. There
    /// may be more numbers, of rows that are added next.
    pub fn add_each<const BEFORE: bool>(
        &mut self,
        texts: &TextColumn,
        first: usize,
        numbers: &[u32],
        starts: &[bool],
        takes_part: impl Fn(usize) -> bool,
        results: &mut TextResults,
    ) {
        for (row, (number, starts)) in numbers.iter().zip(starts).enumerate() {
            if let Some(later) = numbers.get(row + AHEAD) {
                prefetch(self.best.as_ptr().wrapping_add(*later as usize) as *const u8);
            }
            if *starts {
                self.clear(*number);
            } else if BEFORE {
                results.push(&self.best[*number as usize]);
            }
            if takes_part(row) {
                self.add(*number, texts, first + row);
            }
            results.push(&self.best[*number as usize]);
        }
    }

    pub fn bytes(&self) -> usize {
        let long = |best: &Best| if let Best::Long(text) = best { text.len() } else { 0 };
        self.best.capacity() * size_of::<Best>() + self.best.iter().map(long).sum::<usize>()
    }
}

impl TextResults {
    /// Room for so many.
    pub fn with_capacity(n: usize) -> TextResults {
        TextResults { views: Buffer::with_capacity(n), ..TextResults::default() }
    }

    fn push(&mut self, best: &Best) {
        let view = match best {
            Best::Short(view) => *view,
            Best::Long(text) => {
                self.heap.extend_from_slice(text);
                View::new(text, 0, (self.heap.len() - text.len()) as u32)
            }
            Best::None => {
                self.nulls.push(self.views.len());
                View::EMPTY
            }
        };
        self.views.push(view.0);
    }

    pub fn finish(self) -> Column {
        let validity = (!self.nulls.is_empty()).then(|| {
            let mut validity = Bitmap::filled(true, self.views.len());
            self.nulls.iter().for_each(|row| validity.set(*row, false));
            validity
        });
        let heaps = vec![Arc::new(self.heap)];
        Column { data: ColumnData::Text(TextColumn { views: self.views, heaps }), validity }
    }
}
