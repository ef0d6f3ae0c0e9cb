//! The order in which the groups of a window leave: by key, column by column, nulls first.
//!
//! It costs a sort per window, and makes the output independent of the table's size, seed and history.

use super::radix;
use crate::kernel::accumulate::read_wide;
use crate::kernel::key::{bytes_of, decode};
use crate::kernel::key_index::KeyIndex;
use crate::kernel::table::Table;
use millstream_ir::aggregate::{KeyField, KeyKind, SlotLayout};
use millstream_ir::column::{Heap, View};
use millstream_ir::types::{Layout, Type, TypeKind};
use millstream_ir::value::{Value, compare_floats};
use std::cmp::Ordering;
use std::ops::Range;

/// Reads keys out of slots.
pub struct KeyReader<'a, B = Heap> {
    pub layout: &'a SlotLayout,
    pub types: &'a [Type],
    /// What the views of long texts are into.
    pub heaps: &'a [B],
}

/// Bytes that views are into.
pub trait TextBytes {
    fn bytes(&self) -> &[u8];
}

impl TextBytes for Heap {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl TextBytes for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl TextBytes for Box<[u8]> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

/// The groups of a table by key; its memory is used for one table after the other.
#[derive(Default)]
pub struct Order {
    /// In the low half the number of a slot, in the high half what it was sorted by.
    entries: Vec<u64>,
    spare: Vec<u64>,
}

impl Order {
    pub fn n_groups(&self) -> usize {
        self.entries.len()
    }

    /// The numbers of the slots at these places.
    pub fn groups(&self, places: Range<usize>) -> impl Iterator<Item = u32> + '_ {
        self.entries[places].iter().map(|entry| *entry as u32)
    }

    /// Makes this the order of the taken slots.
    pub fn sort<B: TextBytes>(&mut self, table: &Table, keys: &KeyReader<B>) {
        self.forget_unused(table.n_groups());
        let Some((first, ty)) = keys.layout.keys.first().zip(keys.types.first()) else {
            return self.entries.extend(table.groups().map(u64::from));
        };
        if keys.is_sortable() {
            return self.sort_by_word(table, first.offset / 8, |word| sortable(word, ty.layout()));
        }
        let entry = |group: u32| (keys.prefix(table.slot(group as usize), first, ty), group);
        let mut order: Vec<(u64, u32)> = table.groups().map(entry).collect();
        order.sort_unstable_by(|(a_prefix, a), (b_prefix, b)| {
            let slots = (table.slot(*a as usize), table.slot(*b as usize));
            a_prefix.cmp(b_prefix).then_with(|| keys.compare(slots.0, slots.1))
        });
        self.entries.extend(order.into_iter().map(|(_, group)| group as u64));
    }

    /// Sorts by a word that tells all groups apart. Where the words are near each other, word and group
    /// fit one word, which halves what the sort moves.
    fn sort_by_word(&mut self, table: &Table, at: usize, sortable: impl Fn(u64) -> u64) {
        let Order { entries: words, spare } = self;
        let mut groups = vec![];
        table.words(at, words, &mut groups);
        let (mut least, mut greatest) = (u64::MAX, 0);
        for word in words.iter_mut() {
            *word = sortable(*word);
            (least, greatest) = (least.min(*word), greatest.max(*word));
        }
        let range = greatest.saturating_sub(least);
        let bits = 64 - range.leading_zeros();
        if bits > 32 {
            let mut order: Vec<(u64, u32)> = words.iter().map(|word| word - least).zip(groups).collect();
            radix::sort(&mut order, &mut vec![], bits, |(word, _)| *word);
            words.clear();
            return words.extend(order.into_iter().map(|(_, group)| group as u64));
        }
        for (word, group) in words.iter_mut().zip(groups) {
            *word = (*word - least) << 32 | group as u64;
        }
        radix::sort(words, spare, bits, |word| word >> 32);
    }

    /// Empties it, and gives memory back that a much larger table has needed.
    fn forget_unused(&mut self, n_groups: usize) {
        if self.entries.capacity() / 8 > n_groups.max(1 << 10) {
            *self = Order::default();
        }
        self.entries.clear();
    }
}

/// Sorts the numbers of keys by their keys.
pub fn sort_numbers(numbers: &mut [u32], index: &KeyIndex) {
    let words: Option<Vec<(u64, u32)>> = numbers.iter().map(|n| Some((index.sortable(*n)?, *n))).collect();
    let Some(mut words) = words else {
        return numbers.sort_unstable_by(|a, b| index.compare(*a, *b));
    };
    let least = words.iter().map(|(word, _)| *word).min().unwrap_or(0);
    let greatest = words.iter().map(|(word, _)| *word).max().unwrap_or(0);
    let bits = 64 - (greatest - least).leading_zeros();
    radix::sort(&mut words, &mut vec![], bits, |(word, _)| word - least);
    numbers.iter_mut().zip(words).for_each(|(number, (_, sorted))| *number = sorted);
}

/// Merges sorted numbers of keys into others.
pub fn merge_numbers(sorted: &mut Vec<u32>, new: &[u32], index: &KeyIndex) {
    // From the last on, so that they move to where they stay.
    let (mut old, mut left) = (sorted.len(), new);
    sorted.resize(old + new.len(), 0);
    while let Some((last, before)) = left.split_last() {
        let place = old + before.len();
        if old > 0 && index.compare(sorted[old - 1], *last).is_gt() {
            sorted[place] = sorted[old - 1];
            old -= 1;
        } else {
            sorted[place] = *last;
            left = before;
        }
    }
}

/// A word of a key as a number in the order of keys.
fn sortable(word: u64, layout: Layout) -> u64 {
    const SIGN: u64 = 1 << 63;
    match layout {
        Layout::I64 => word ^ SIGN,
        // Canonical, so that the one NaN is above infinity.
        Layout::F64 => word ^ if word & SIGN == 0 { SIGN } else { u64::MAX },
        _ => word,
    }
}

impl<B: TextBytes> KeyReader<'_, B> {
    pub fn is_null(&self, slot: &[u64], key: usize) -> bool {
        self.layout.key_nulls.is_some_and(|nulls| slot[nulls / 8] >> key & 1 == 1)
    }

    /// The bytes of a key that is a text.
    pub fn text<'a>(&'a self, slot: &'a [u64], field: &KeyField) -> &'a [u8] {
        let at = field.offset / 8;
        let view = View(slot[at] as u128 | (slot[at + 1] as u128) << 64);
        if view.len() <= View::INLINE {
            return &bytes_of(&slot[at..at + 2])[4..4 + view.len()];
        }
        let (heap, offset) = view.place();
        &self.heaps[heap as usize].bytes()[offset as usize..][..view.len()]
    }

    /// A key as a value.
    pub fn value(&self, slot: &[u64], key: usize) -> Value {
        let (field, ty) = (&self.layout.keys[key], &self.types[key]);
        if self.is_null(slot, key) {
            return Value::Null;
        }
        let word = slot[field.offset / 8];
        match (&ty.kind, ty.layout()) {
            (TypeKind::Null | TypeKind::Error, _) => Value::Null,
            (_, Layout::Bool) => Value::Bool(word != 0),
            (TypeKind::Timestamp, _) => Value::Timestamp(word as i64),
            (TypeKind::Duration, _) => Value::Duration(word as i64),
            (_, Layout::I64) => Value::Int(word as i64),
            (_, Layout::F64) => Value::Float(f64::from_bits(word)),
            (_, Layout::Decimal) => Value::Decimal(wide(slot, field)),
            (_, Layout::View) => Value::string(String::from_utf8_lossy(self.text(slot, field))),
            (_, Layout::Boxed) => decode(self.text(slot, field)),
        }
    }

    /// All keys of a slot.
    pub fn values(&self, slot: &[u64]) -> impl Iterator<Item = Value> {
        (0..self.types.len()).map(|key| self.value(slot, key))
    }

    /// Whether a word in the order of keys tells them apart.
    fn is_sortable(&self) -> bool {
        matches!(self.types, [ty] if !ty.nullable) && self.layout.keys[0].kind == KeyKind::Word
    }

    /// Of a key that is such a word: it, in the order of keys.
    pub fn sortable(&self, slot: &[u64]) -> Option<u64> {
        self.is_sortable().then(|| sortable(slot[self.layout.keys[0].offset / 8], self.types[0].layout()))
    }

    fn prefix(&self, slot: &[u64], field: &KeyField, ty: &Type) -> u64 {
        const SIGN: u64 = 1 << 63;
        if self.is_null(slot, 0) {
            return 0;
        }
        let word = slot[field.offset / 8];
        match ty.layout() {
            Layout::Bool | Layout::I64 | Layout::F64 => sortable(word, ty.layout()),
            Layout::Decimal => slot[field.offset / 8 + 1] ^ SIGN,
            Layout::View => {
                let text = self.text(slot, field);
                let mut bytes = [0; 8];
                let len = text.len().min(8);
                bytes[..len].copy_from_slice(&text[..len]);
                u64::from_be_bytes(bytes)
            }
            Layout::Boxed => 0,
        }
    }

    /// Column by column.
    pub fn compare(&self, a: &[u64], b: &[u64]) -> Ordering {
        let by_key = self.layout.keys.iter().zip(self.types).enumerate().map(|(key, (field, ty))| {
            match (self.is_null(a, key), self.is_null(b, key)) {
                (false, false) => {}
                (a, b) => return b.cmp(&a),
            }
            let (x, y) = (a[field.offset / 8], b[field.offset / 8]);
            match ty.layout() {
                Layout::Bool => x.cmp(&y),
                Layout::I64 => (x as i64).cmp(&(y as i64)),
                Layout::F64 => compare_floats(f64::from_bits(x), f64::from_bits(y)),
                Layout::Decimal => wide(a, field).cmp(&wide(b, field)),
                Layout::View => self.text(a, field).cmp(self.text(b, field)),
                Layout::Boxed => self.value(a, key).cmp(&self.value(b, key)),
            }
        });
        by_key.into_iter().find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}

fn wide(slot: &[u64], field: &KeyField) -> i128 {
    read_wide(&slot[field.offset / 8..])
}
