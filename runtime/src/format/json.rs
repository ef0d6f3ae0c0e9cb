//! JSON lines: one object a line.
//!
//! A row is readable if its line is well-formed JSON and the fields that the program reads fit
//! their types; other fields are skipped without a look at what they hold. Of several entries with
//! one key the last counts. Blank lines are no records.

mod general;
#[cfg(test)]
mod tests;

use super::field::Field;
use super::rows::Rows;
use super::{Decoded, Decoder, byte_order_mark, too_long};
use millstream_ir::column::Heap;
use std::ops::Range;

pub struct JsonDecoder {
    /// The fields to decode, one per column.
    fields: Vec<Field>,
    max_line: usize,
    /// No byte of the input has been decoded.
    at_start: bool,
}

impl JsonDecoder {
    pub fn new(fields: Vec<Field>, max_line: usize) -> JsonDecoder {
        JsonDecoder { fields, max_line, at_start: true }
    }
}

impl Decoder for JsonDecoder {
    fn whole(&mut self, bytes: &[u8], end_of_input: bool) -> usize {
        match memchr::memrchr(b'\n', bytes) {
            _ if end_of_input => bytes.len(),
            last => last.map_or(0, |last| last + 1),
        }
    }

    fn decode(&mut self, block: &Heap, range: Range<usize>, decoded: &mut Decoded) {
        let mut bytes = &block[range];
        if !bytes.is_empty() && std::mem::take(&mut self.at_start) {
            bytes = &bytes[byte_order_mark(bytes)..];
        }
        let mut rows = Rows::new(&self.fields);
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
            let line = &bytes[..end];
            bytes = bytes.get(end + 1..).unwrap_or(&[]);
            if line.len() > self.max_line {
                decoded.reject(line, too_long(self.max_line));
                continue;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match general::row(line, &self.fields) {
                Ok(values) => rows.push(&values, decoded),
                Err(reason) => decoded.reject(line, reason),
            }
        }
        rows.finish(decoded);
    }
}
