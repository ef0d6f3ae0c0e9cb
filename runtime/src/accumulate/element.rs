//! Values of a column as states keep them: as numbers where the type allows it, boxed where not.

use crate::seed;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::{Value, canonical_float, compare_floats};
use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash, Hasher};

/// A value that is not null (a boxed one may be), in the order and equality of keys.
pub trait Element: Clone + Ord + Hash + Send + 'static {
    fn read(column: &Column, row: usize, ty: &Type) -> Self;
    fn value(&self, ty: &Type) -> Value;
    /// Bytes of memory outside of it, about.
    fn owned_bytes(&self) -> usize;
    fn write(&self, out: &mut SnapshotWriter);
    fn restore(from: &mut SnapshotReader) -> Result<Self, Corrupt>;
}

/// Ints, timestamps, durations.
impl Element for i64 {
    fn read(column: &Column, row: usize, _: &Type) -> i64 {
        if let ColumnData::I64(numbers) = &column.data { numbers[row] } else { 0 }
    }

    fn value(&self, ty: &Type) -> Value {
        match ty.kind {
            TypeKind::Timestamp => Value::Timestamp(*self),
            TypeKind::Duration => Value::Duration(*self),
            _ => Value::Int(*self),
        }
    }

    fn owned_bytes(&self) -> usize {
        0
    }

    fn write(&self, out: &mut SnapshotWriter) {
        out.i64(*self);
    }

    fn restore(from: &mut SnapshotReader) -> Result<i64, Corrupt> {
        from.i64()
    }
}

/// Decimals.
impl Element for i128 {
    fn read(column: &Column, row: usize, _: &Type) -> i128 {
        match &column.data {
            ColumnData::I64(numbers) => numbers[row] as i128,
            ColumnData::I128(numbers) => numbers[row],
            _ => 0,
        }
    }

    fn value(&self, _: &Type) -> Value {
        Value::Decimal(*self)
    }

    fn owned_bytes(&self) -> usize {
        0
    }

    fn write(&self, out: &mut SnapshotWriter) {
        out.i128(*self);
    }

    fn restore(from: &mut SnapshotReader) -> Result<i128, Corrupt> {
        from.i128()
    }
}

/// A float in the order of keys.
#[derive(Clone, Copy, Debug)]
pub struct Float(pub f64);

impl PartialEq for Float {
    fn eq(&self, other: &Float) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Float {}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Float) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Float {
    fn cmp(&self, other: &Float) -> Ordering {
        compare_floats(self.0, other.0)
    }
}

impl Hash for Float {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.to_bits());
    }
}

impl Element for Float {
    fn read(column: &Column, row: usize, _: &Type) -> Float {
        Float(if let ColumnData::F64(numbers) = &column.data { canonical_float(numbers[row]) } else { 0.0 })
    }

    fn value(&self, _: &Type) -> Value {
        Value::Float(self.0)
    }

    fn owned_bytes(&self) -> usize {
        0
    }

    fn write(&self, out: &mut SnapshotWriter) {
        out.u64(self.0.to_bits());
    }

    fn restore(from: &mut SnapshotReader) -> Result<Float, Corrupt> {
        from.u64().map(|bits| Float(f64::from_bits(bits)))
    }
}

impl Element for Value {
    fn read(column: &Column, row: usize, ty: &Type) -> Value {
        column.value(row, ty)
    }

    fn value(&self, _: &Type) -> Value {
        self.clone()
    }

    fn owned_bytes(&self) -> usize {
        match self {
            Value::String(text) => text.len() + 16,
            Value::Bytes(bytes) => bytes.len() + 16,
            Value::List(values) | Value::Record(values) => {
                values.iter().map(|v| size_of::<Value>() + v.owned_bytes()).sum::<usize>() + 16
            }
            Value::Map(map) => {
                map.iter().map(|(k, v)| k.len() + 16 + 2 * size_of::<Value>() + v.owned_bytes()).sum()
            }
            Value::Json(json) => json.to_string().len() * 2,
            _ => 0,
        }
    }

    fn write(&self, out: &mut SnapshotWriter) {
        out.value(self);
    }

    fn restore(from: &mut SnapshotReader) -> Result<Value, Corrupt> {
        from.value()
    }
}

/// Hashes by multiplying and folding: a few times faster than the standard one on numbers. Seeded, so that
/// a chosen set of values that collide under one seed does not under another.
#[derive(Clone)]
pub struct FoldHash(u64);

impl Default for FoldHash {
    fn default() -> FoldHash {
        FoldHash(hash_seed())
    }
}

/// One seed a process is enough against chosen values, and leaves equal states of equal shape.
pub fn hash_seed() -> u64 {
    static SEED: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *SEED.get_or_init(seed::drawn)
}

impl BuildHasher for FoldHash {
    type Hasher = FoldHasher;

    fn build_hasher(&self) -> FoldHasher {
        FoldHasher(self.0)
    }
}

pub struct FoldHasher(u64);

impl Hasher for FoldHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // With the length, or zeros at the end would not count.
        self.write_u64(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte as u64);
    }

    fn write_u64(&mut self, word: u64) {
        let product = (word ^ self.0) as u128 * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product as u64 ^ (product >> 64) as u64).rotate_left(23);
    }

    fn write_i64(&mut self, word: i64) {
        self.write_u64(word as u64);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}
