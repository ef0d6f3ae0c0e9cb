//! Keys of groups as rows of words: what the table hashes and compares.
//!
//! A key's words are those that stand in its slot ([`SlotLayout`]): null bits if any key can be null,
//! then one word or two per key column. Of a text longer than a view holds inline, the second word is
//! the address of its bytes here and its place in the table's heap there.

use millstream_ir::aggregate::{KeyKind, SlotLayout};
use millstream_ir::column::{Column, ColumnData, ColumnRef, View};
use millstream_ir::value::{Value, canonical_float};
use std::ops::Range;
use std::sync::Arc;

/// The keys of some rows. Holds addresses into the columns that it was filled from, so it stays inside
/// this folder, and is read only while the batch is borrowed.
#[derive(Default)]
pub(super) struct Keys {
    pub words: Vec<u64>,
    pub words_per_key: usize,
    /// Whether a text is too long for its view, so that words alone do not tell equality.
    pub has_long_text: bool,
    /// Encodings of boxed values, and which words are to point where in them.
    encoded: Vec<u8>,
    long_encoded: Vec<(usize, usize)>,
}

impl Keys {
    /// Takes the key columns of these rows.
    pub fn fill(&mut self, layout: &SlotLayout, columns: &[&ColumnRef], rows: &[u32]) {
        let words = key_words(layout);
        self.words_per_key = words.len();
        self.has_long_text = false;
        self.words.clear();
        self.words.resize(words.len() * rows.len(), 0);
        self.encoded.clear();
        self.long_encoded.clear();
        for (i, (field, column)) in layout.keys.iter().zip(columns).enumerate() {
            let at = field.offset / 8 - words.start;
            self.fill_column(at, field.kind, column, rows);
            if let Some(validity) = &column.validity {
                let keys = self.words.chunks_exact_mut(words.len()).zip(rows);
                for (key, _) in keys.filter(|(_, row)| !validity.get(**row as usize)) {
                    key[at..at + field.kind.bytes() / 8].fill(0);
                    key[0] |= 1 << i;
                }
            }
        }
        // Addresses are taken only now that the buffer has stopped moving.
        for (word, offset) in &self.long_encoded {
            self.words[*word] = self.encoded[*offset..].as_ptr().expose_provenance() as u64;
        }
    }

    /// Takes keys of one word.
    pub fn fill_words(&mut self, words: &[u64]) {
        self.words_per_key = 1;
        self.has_long_text = false;
        self.words.clear();
        self.words.extend_from_slice(words);
    }

    fn fill_column(&mut self, at: usize, kind: KeyKind, column: &Column, rows: &[u32]) {
        let keys = self.words.chunks_exact_mut(self.words_per_key).zip(rows.iter().map(|r| *r as usize));
        match (&column.data, kind) {
            (ColumnData::I64(b), KeyKind::Word) => match (self.words_per_key, next_to_each_other(rows)) {
                (1, Some(rows)) => {
                    self.words.iter_mut().zip(&b[rows]).for_each(|(key, value)| *key = *value as u64);
                }
                _ => keys.for_each(|(key, row)| key[at] = b[row] as u64),
            },
            (ColumnData::Bool(b), _) => keys.for_each(|(key, row)| key[at] = b[row] as u64),
            (ColumnData::F64(b), _) => {
                keys.for_each(|(key, row)| key[at] = canonical_float(b[row]).to_bits());
            }
            (ColumnData::I64(b), _) => keys.for_each(|(key, row)| {
                key[at] = b[row] as u64;
                key[at + 1] = (b[row] >> 63) as u64;
            }),
            (ColumnData::I128(b), _) => keys.for_each(|(key, row)| {
                key[at] = b[row] as u64;
                key[at + 1] = (b[row] >> 64) as u64;
            }),
            (ColumnData::Text(t), _) => {
                let mut has_long_text = false;
                keys.for_each(|(key, row)| {
                    let view = t.views[row];
                    key[at] = view as u64;
                    key[at + 1] = (view >> 64) as u64;
                    if View(view).len() > View::INLINE {
                        key[at + 1] = t.bytes(row).as_ptr().expose_provenance() as u64;
                        has_long_text = true;
                    }
                });
                self.has_long_text |= has_long_text;
            }
            (ColumnData::Boxed(values), _) => {
                for (i, (key, row)) in keys.enumerate() {
                    let start = self.encoded.len();
                    encode(&values[row], &mut self.encoded);
                    let text = &self.encoded[start..];
                    let view = View::new(text, 0, 0).0;
                    key[at] = view as u64;
                    key[at + 1] = (view >> 64) as u64;
                    if text.len() > View::INLINE {
                        self.long_encoded.push((i * self.words_per_key + at + 1, start));
                        self.has_long_text = true;
                    }
                }
            }
        }
    }
}

/// These rows, which ascend, if there is none between them.
fn next_to_each_other(rows: &[u32]) -> Option<Range<usize>> {
    let (first, last) = (*rows.first()? as usize, *rows.last()? as usize);
    (first + rows.len() == last + 1).then_some(first..last + 1)
}

/// Which words of a slot make up its key.
pub(super) fn key_words(layout: &SlotLayout) -> Range<usize> {
    let start = layout.key_nulls.or(layout.keys.first().map(|k| k.offset)).unwrap_or(8) / 8;
    start..layout.keys.last().map_or(start, |k| (k.offset + k.kind.bytes()) / 8)
}

/// Copies words, as many as there are places; where there are few, without a call.
#[inline(always)]
pub fn copy_words(from: &[u64], to: &mut [u64]) {
    fn few<const N: usize>(from: &[u64], to: &mut [u64]) {
        if let (Some(from), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut::<N>()) {
            *to = *from;
        }
    }
    match to.len() {
        1 => few::<1>(from, to),
        2 => few::<2>(from, to),
        3 => few::<3>(from, to),
        4 => few::<4>(from, to),
        _ => to.copy_from_slice(from),
    }
}

/// Numbers as words of the same bits.
pub fn words_of(numbers: &[i64]) -> &[u64] {
    // SAFETY: both have the same size and alignment, and every bit pattern is a value of either.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr() as *const u64, numbers.len()) }
}

/// The bits of floats.
pub fn words_of_floats(numbers: &[f64]) -> &[u64] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr() as *const u64, numbers.len()) }
}

/// The bytes of words, as they stand in memory.
pub fn bytes_of(words: &[u64]) -> &[u8] {
    // SAFETY: words have no padding, and bytes no alignment.
    unsafe { std::slice::from_raw_parts(words.as_ptr() as *const u8, size_of_val(words)) }
}

/// Appends bytes that are equal exactly for equal values, and from which [`decode`] makes the value again.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    fn text(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
        out.push(tag);
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    fn number(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
        out.push(tag);
        out.extend_from_slice(bytes);
    }
    match value {
        Value::Null => out.push(0),
        Value::Bool(b) => number(1, &[*b as u8], out),
        Value::Int(i) => number(2, &i.to_le_bytes(), out),
        Value::Float(x) => number(3, &canonical_float(*x).to_le_bytes(), out),
        Value::Decimal(d) => number(4, &d.to_le_bytes(), out),
        Value::String(s) => text(5, s.as_bytes(), out),
        Value::Bytes(b) => text(6, b, out),
        Value::Timestamp(t) => number(7, &t.to_le_bytes(), out),
        Value::Duration(d) => number(8, &d.to_le_bytes(), out),
        Value::Json(j) => text(9, j.to_string().as_bytes(), out),
        Value::List(values) | Value::Record(values) => {
            let tag = if matches!(value, Value::List(_)) { 10 } else { 12 };
            number(tag, &(values.len() as u32).to_le_bytes(), out);
            values.iter().for_each(|v| encode(v, out));
        }
        Value::Map(map) => {
            number(11, &(map.len() as u32).to_le_bytes(), out);
            for (name, value) in &**map {
                text(5, name.as_bytes(), out);
                encode(value, out);
            }
        }
    }
}

/// The value that was [`encode`]d. Bytes that `encode` did not write give `null`.
pub fn decode(mut bytes: &[u8]) -> Value {
    decode_from(&mut bytes).unwrap_or(Value::Null)
}

fn decode_from(bytes: &mut &[u8]) -> Option<Value> {
    fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
        let (taken, rest) = bytes.split_first_chunk::<N>()?;
        *bytes = rest;
        Some(*taken)
    }
    fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
        let len = u32::from_le_bytes(take(bytes)?) as usize;
        let (taken, rest) = bytes.split_at_checked(len)?;
        *bytes = rest;
        Some(taken)
    }
    let string = |bytes: &[u8]| std::str::from_utf8(bytes).map(Arc::<str>::from).ok();
    Some(match take::<1>(bytes)?[0] {
        1 => Value::Bool(take::<1>(bytes)?[0] != 0),
        2 => Value::Int(i64::from_le_bytes(take(bytes)?)),
        3 => Value::Float(f64::from_le_bytes(take(bytes)?)),
        4 => Value::Decimal(i128::from_le_bytes(take(bytes)?)),
        5 => Value::String(string(text(bytes)?)?),
        6 => Value::Bytes(text(bytes)?.into()),
        7 => Value::Timestamp(i64::from_le_bytes(take(bytes)?)),
        8 => Value::Duration(i64::from_le_bytes(take(bytes)?)),
        9 => Value::Json(Arc::new(serde_json::from_slice(text(bytes)?).ok()?)),
        tag @ (10 | 12) => {
            let n = u32::from_le_bytes(take(bytes)?);
            let values: Arc<[Value]> = (0..n).map(|_| decode_from(bytes)).collect::<Option<_>>()?;
            if tag == 10 { Value::List(values) } else { Value::Record(values) }
        }
        11 => {
            let n = u32::from_le_bytes(take(bytes)?);
            let entries = (0..n).map(|_| match decode_from(bytes)? {
                Value::String(name) => Some((name, decode_from(bytes)?)),
                _ => None,
            });
            Value::Map(Arc::new(entries.collect::<Option<_>>()?))
        }
        _ => Value::Null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boxed_value_survives_its_encoding() {
        let inner: Arc<[Value]> = vec![Value::Int(-1), Value::Null, Value::Float(2.5)].into();
        let map = [(Arc::from("a"), Value::string("x")), (Arc::from("b"), Value::Bool(true))];
        for value in [
            Value::List(inner.clone()),
            Value::Record(vec![Value::List(inner), Value::Decimal(i128::MIN), Value::Timestamp(7)].into()),
            Value::Map(Arc::new(map.into())),
            Value::Bytes([0, 255].as_slice().into()),
            Value::Json(Arc::new(serde_json::json!({ "a": [1, null, "b"] }))),
            Value::Duration(3),
        ] {
            let mut bytes = vec![];
            encode(&value, &mut bytes);
            assert_eq!(decode(&bytes), value);
            assert_eq!(decode(&bytes[..bytes.len() - 1]), Value::Null);
        }
    }
}
