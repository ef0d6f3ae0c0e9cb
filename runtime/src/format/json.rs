//! JSON lines: one object a line.
//!
//! A row is readable if its line is well-formed JSON and the fields that the program reads fit
//! their types; other fields are skipped without a look at what they hold. Of several entries with
//! one key the last counts. Blank lines are no records.

mod general;
#[cfg(test)]
mod tests;
pub mod value;

use super::{Decoded, DecodedRows, Decoder, Unreadable};
use millstream_ir::batch::BATCH_ROWS;
use millstream_ir::column::{ColumnBuilder, Heap};
use millstream_ir::flow::{FieldSpec, SourceSpec};
use std::ops::Range;

pub struct JsonDecoder {
    /// The fields to decode, one per column.
    fields: Vec<FieldSpec>,
    max_line: usize,
    /// No byte of the input has been decoded.
    at_start: bool,
    /// The last block ended inside a line over the limit; its rest is to be dropped.
    inside_long_line: bool,
}

impl JsonDecoder {
    pub fn new(spec: &SourceSpec, max_line: usize) -> JsonDecoder {
        // The event time of an arrival-timed source is no field.
        let fields = spec.columns.iter().filter_map(|c| spec.fields.get(*c).cloned()).collect();
        JsonDecoder { fields, max_line, at_start: true, inside_long_line: false }
    }
}

impl Decoder for JsonDecoder {
    fn whole(&mut self, bytes: &[u8], end_of_input: bool) -> usize {
        match memchr::memrchr(b'\n', bytes) {
            _ if end_of_input => bytes.len(),
            Some(last) => last + 1,
            // The start of a line over the limit: taken as it is, so that the reader need not hold it.
            None if self.inside_long_line || bytes.len() > self.max_line => bytes.len(),
            None => 0,
        }
    }

    fn decode(&mut self, block: &Heap, range: Range<usize>, decoded: &mut Decoded) {
        let mut bytes = &block[range];
        if std::mem::take(&mut self.at_start) {
            bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        }
        if self.inside_long_line {
            let Some(end) = memchr::memchr(b'\n', bytes) else { return };
            self.inside_long_line = false;
            bytes = &bytes[end + 1..];
        }
        let mut rows = Rows::new(&self.fields);
        while !bytes.is_empty() {
            let (line, rest) = match memchr::memchr(b'\n', bytes) {
                Some(end) => (&bytes[..end], &bytes[end + 1..]),
                None => {
                    self.inside_long_line = bytes.len() > self.max_line;
                    (bytes, &bytes[bytes.len()..])
                }
            };
            bytes = rest;
            if line.trim_ascii().is_empty() && line.len() <= self.max_line {
                continue;
            }
            let record = decoded.n_records;
            decoded.n_records += 1;
            let result = if line.len() > self.max_line {
                Err(format!("the line has more than {} bytes", self.max_line))
            } else {
                general::row(line, &self.fields)
            };
            match result {
                Ok(values) => {
                    for (builder, value) in rows.builders.iter_mut().zip(&values) {
                        builder.push(value);
                    }
                    rows.records.push(record as u32);
                }
                Err(reason) => decoded.unreadable.push(Unreadable::new(record, line, reason)),
            }
            if rows.records.len() == BATCH_ROWS {
                decoded.batches.push(std::mem::replace(&mut rows, Rows::new(&self.fields)).finish());
            }
        }
        if !rows.records.is_empty() {
            decoded.batches.push(rows.finish());
        }
    }
}

/// The rows of a batch while it fills.
struct Rows {
    builders: Vec<ColumnBuilder>,
    /// The record number of each row.
    records: Vec<u32>,
}

impl Rows {
    fn new(fields: &[FieldSpec]) -> Rows {
        Rows { builders: fields.iter().map(|f| ColumnBuilder::new(&f.ty)).collect(), records: vec![] }
    }

    fn finish(self) -> DecodedRows {
        let n_rows = self.records.len();
        let first = self.records.first().copied().unwrap_or(0);
        let dense = self.records.iter().enumerate().all(|(i, r)| *r == first + i as u32);
        DecodedRows {
            columns: self.builders.into_iter().map(ColumnBuilder::finish).collect(),
            n_rows,
            first: if dense { first as u64 } else { 0 },
            offsets: (!dense).then_some(self.records),
        }
    }
}
