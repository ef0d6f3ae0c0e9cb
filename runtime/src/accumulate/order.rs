//! The order in which the groups of a window leave: by key, column by column, nulls first.
//!
//! It costs a sort per window, and makes the output independent of the table's size, seed and history.

use crate::kernel::accumulate::read_wide;
use crate::kernel::key::{bytes_of, decode};
use crate::kernel::table::Table;
use millstream_ir::aggregate::{KeyField, KeyKind, SlotLayout};
use millstream_ir::column::{Heap, View};
use millstream_ir::types::{Layout, Type, TypeKind};
use millstream_ir::value::{Value, compare_floats};
use std::cmp::Ordering;

/// Reads keys out of slots.
pub struct KeyReader<'a> {
    pub layout: &'a SlotLayout,
    pub types: &'a [Type],
    /// Of the table.
    pub heaps: &'a [Heap],
}

/// The numbers of the taken slots, by key.
pub fn sorted_groups(table: &Table, keys: &KeyReader) -> Vec<u32> {
    let Some((first, ty)) = keys.layout.keys.first().zip(keys.types.first()) else {
        return table.groups().collect();
    };
    if keys.types.len() == 1 && first.kind == KeyKind::Word && !ty.nullable {
        return sorted_by_word(table, |slot| keys.prefix(slot, first, ty));
    }
    let entry = |group: u32| (keys.prefix(table.slot(group as usize), first, ty), group);
    let mut order: Vec<(u64, u32)> = table.groups().map(entry).collect();
    order.sort_unstable_by(|(a_prefix, a), (b_prefix, b)| {
        let slots = (table.slot(*a as usize), table.slot(*b as usize));
        a_prefix.cmp(b_prefix).then_with(|| keys.compare(slots.0, slots.1))
    });
    order.into_iter().map(|(_, group)| group).collect()
}

/// Sorts by a word that tells all groups apart. Where the words are near each other, word and group fit
/// one word, which halves what the sort moves.
fn sorted_by_word(table: &Table, word: impl Fn(&[u64]) -> u64) -> Vec<u32> {
    let mut words: Vec<u64> = Vec::with_capacity(table.n_groups());
    let mut groups: Vec<u32> = Vec::with_capacity(table.n_groups());
    let (mut least, mut greatest) = (u64::MAX, 0);
    for group in table.groups() {
        let word = word(table.slot(group as usize));
        (least, greatest) = (least.min(word), greatest.max(word));
        words.push(word);
        groups.push(group);
    }
    let range = greatest.saturating_sub(least);
    if range > u32::MAX as u64 {
        let order = words.iter().zip(groups).map(|(word, group)| (*word - least, group)).collect();
        return sorted_by_bytes(order, range, |(word, _)| *word)
            .into_iter()
            .map(|(_, group)| group)
            .collect();
    }
    for (word, group) in words.iter_mut().zip(groups) {
        *word = (*word - least) << 32 | group as u64;
    }
    let sorted = sorted_by_bytes(words, range, |word| word >> 32);
    sorted.into_iter().map(|word| word as u32).collect()
}

/// Sorts by a key of at most `greatest`, byte by byte from the lowest; equal ones keep their order.
fn sorted_by_bytes<T: Copy>(mut items: Vec<T>, greatest: u64, key: impl Fn(&T) -> u64) -> Vec<T> {
    let mut sorted = items.clone();
    for shift in (0..64).step_by(8).take_while(|shift| greatest >> shift > 0) {
        let byte = |item: &T| (key(item) >> shift) as u8 as usize;
        let mut places = [0usize; 256];
        items.iter().for_each(|item| places[byte(item)] += 1);
        let mut start = 0;
        for place in &mut places {
            start += std::mem::replace(place, start);
        }
        for item in &items {
            let place = &mut places[byte(item)];
            sorted[*place] = *item;
            *place += 1;
        }
        std::mem::swap(&mut items, &mut sorted);
    }
    items
}

impl KeyReader<'_> {
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
        &self.heaps[heap as usize][offset as usize..][..view.len()]
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

    fn prefix(&self, slot: &[u64], field: &KeyField, ty: &Type) -> u64 {
        const SIGN: u64 = 1 << 63;
        if self.is_null(slot, 0) {
            return 0;
        }
        let word = slot[field.offset / 8];
        match ty.layout() {
            Layout::Bool => word,
            Layout::I64 => word ^ SIGN,
            // Canonical, so that the one NaN is above infinity.
            Layout::F64 => word ^ if word & SIGN == 0 { SIGN } else { u64::MAX },
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

    fn compare(&self, a: &[u64], b: &[u64]) -> Ordering {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_bytes() {
        for range in [0, 1, 255, 256, 70_000, u64::MAX] {
            let word = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) % range.saturating_add(1).max(1);
            let items: Vec<(u64, u64)> = (0..1000).map(|i| (word(i), i)).collect();
            let mut expected = items.clone();
            expected.sort();
            assert_eq!(sorted_by_bytes(items, range, |(word, _)| *word), expected);
        }
    }
}
