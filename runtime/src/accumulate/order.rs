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
    let mut order: Vec<Entry> = Vec::with_capacity(table.n_groups());
    order.extend(table.groups().map(|group| {
        let slot = table.slot(group as usize);
        Entry { prefix: keys.prefix(slot, first, ty), group }
    }));
    if keys.types.len() == 1 && first.kind == KeyKind::Word && !ty.nullable {
        sort_by_prefix(&mut order);
    } else {
        order.sort_unstable_by(|a, b| {
            let (a_slot, b_slot) = (a.group as usize, b.group as usize);
            a.prefix.cmp(&b.prefix).then_with(|| keys.compare(table.slot(a_slot), table.slot(b_slot)))
        });
    }
    order.into_iter().map(|entry| entry.group).collect()
}

#[derive(Clone, Copy, Default)]
struct Entry {
    /// Orders as the first key column does, as far as it tells keys apart.
    prefix: u64,
    group: u32,
}

/// Sorts by prefix alone: byte by byte from the lowest, skipping bytes that are the same in all.
fn sort_by_prefix(order: &mut Vec<Entry>) {
    if order.len() < 256 {
        return order.sort_unstable_by_key(|e| e.prefix);
    }
    let mut counts = [[0u32; 256]; 8];
    for entry in &*order {
        for (counts, byte) in counts.iter_mut().zip(entry.prefix.to_le_bytes()) {
            counts[byte as usize] += 1;
        }
    }
    let mut from = std::mem::take(order);
    let mut to = vec![Entry::default(); from.len()];
    for (digit, counts) in counts.iter_mut().enumerate() {
        if counts.iter().any(|n| *n as usize == from.len()) {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for entry in &from {
            let place = &mut counts[(entry.prefix >> (8 * digit)) as usize & 0xFF];
            to[*place as usize] = *entry;
            *place += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    *order = from;
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
