//! JSON lines: one object a line.
//!
//! A row is readable if its line is well-formed JSON and the fields that the program reads fit
//! their types; other fields are skipped without a look at what they hold. Of several entries with
//! one key the last counts. Blank lines are no records.

mod change_log;
mod fast;
mod general;
#[cfg(test)]
mod properties;
mod template;
#[cfg(test)]
mod tests;

pub use self::change_log::ChangeLog;
pub use self::general::object;

use self::fast::FastPath;
use super::columns::Columns;
use super::field::Field;
use super::{Decoded, Decoder, byte_order_mark, too_long};
use crate::kernel::decode::fields::{GROUP, PADDING};
use crate::kernel::decode::lines::line_breaks;
use crate::kernel::simd::Level;
use millstream_ir::batch::BATCH_ROWS;
use millstream_ir::column::Heap;
use std::ops::Range;

#[derive(Clone)]
pub struct JsonDecoder {
    /// The fields to decode, one per column.
    fields: Vec<Field>,
    fast: FastPath,
    max_line: usize,
    /// Set where each object tells a change of a row.
    change_log: Option<ChangeLog>,
    /// No byte of the input has been decoded.
    at_start: bool,
    breaks: Vec<u32>,
    /// The lines of the block that are records.
    lines: Vec<Range<u32>>,
}

impl JsonDecoder {
    pub fn new(fields: Vec<Field>, max_line: usize, change_log: Option<ChangeLog>) -> JsonDecoder {
        let fast = FastPath::new(&fields);
        JsonDecoder { fields, fast, max_line, change_log, at_start: true, breaks: vec![], lines: vec![] }
    }

    fn find_lines(&mut self, block: &[u8], range: Range<usize>) {
        self.breaks.clear();
        line_breaks(Level::best(), block, range.clone(), &mut self.breaks);
        if self.breaks.last().is_none_or(|last| *last as usize + 1 < range.end) {
            self.breaks.push(range.end as u32);
        }
        self.lines.clear();
        let mut start = range.start as u32;
        for &end in &self.breaks {
            let line = &block[start as usize..end as usize];
            let is_record = line.starts_with(b"{")
                || match line.trim_ascii() {
                    b"" => false,
                    // What a broker keeps behind a deletion, which says nothing more.
                    b"null" => self.change_log.is_none(),
                    _ => true,
                };
            if is_record || line.len() > self.max_line {
                // A line over the limit keeps all its bytes, so that it is known as one.
                let carriage_return = line.len() <= self.max_line && line.ends_with(b"\r");
                self.lines.push(start..end - carriage_return as u32);
            }
            start = end + 1;
        }
    }

    /// Decodes the lines that have been found as records of a change log, of which one can be about two rows.
    fn decode_changes(&self, block: &Heap, log: &ChangeLog, decoded: &mut Decoded) {
        for lines in self.lines.chunks(BATCH_ROWS / 2) {
            let (mut rows, mut records) = (vec![], vec![]);
            for (record, line) in (decoded.n_records..).zip(lines) {
                let line = &block[line.start as usize..line.end as usize];
                let read = match line.len() > self.max_line {
                    true => Err(too_long(self.max_line)),
                    false => log.rows(line, &self.fields),
                };
                match read {
                    Ok(read) => {
                        records.extend(read.iter().map(|_| record as u32));
                        rows.extend(read);
                    }
                    Err(reason) => decoded.reject(record, line, reason),
                }
            }
            decoded.n_records += lines.len() as u64;
            let mut columns = Columns::new(&self.fields, rows.len());
            rows.iter().enumerate().for_each(|(number, row)| columns.set_row(number, row));
            columns.finish_records(block, records, decoded);
        }
    }

    /// Which of at most 64 lines the fast path may look at.
    fn readable(&self, block: &[u8], lines: &[Range<u32>], all_utf8: bool) -> u64 {
        let is_readable = |line: &Range<u32>| {
            let line = &block[line.start as usize..line.end as usize];
            line.len() <= self.max_line && (all_utf8 || simdutf8::basic::from_utf8(line).is_ok())
        };
        lines.iter().enumerate().fold(0, |mask, (row, line)| mask | (is_readable(line) as u64) << row)
    }
}

impl Decoder for JsonDecoder {
    fn whole(&mut self, bytes: &[u8], end_of_input: bool) -> usize {
        match memchr::memrchr(b'\n', bytes) {
            _ if end_of_input => bytes.len(),
            last => last.map_or(0, |last| last + 1),
        }
    }

    fn decode(&mut self, block: &Heap, mut range: Range<usize>, decoded: &mut Decoded) {
        if !range.is_empty() && std::mem::take(&mut self.at_start) {
            range.start += byte_order_mark(&block[range.clone()]);
        }
        self.find_lines(block, range.clone());
        let all_utf8 = simdutf8::basic::from_utf8(&block[range.clone()]).is_ok();
        if let Some(log) = &self.change_log {
            return self.decode_changes(block, log, decoded);
        }
        let padded = block.len() >= range.end + PADDING;
        for batch in self.lines.chunks(BATCH_ROWS) {
            let first = decoded.n_records;
            let mut columns = Columns::new(&self.fields, batch.len());
            for (number, lines) in batch.chunks(GROUP).enumerate() {
                let first_row = number * GROUP;
                let mut read = 0;
                if padded {
                    let readable = self.readable(block, lines, all_utf8);
                    read = self.fast.read(block, lines, readable, &mut columns, first_row, &self.fields);
                }
                for (i, line) in lines.iter().enumerate().filter(|(i, _)| read >> i & 1 == 0) {
                    let row = first_row + i;
                    let line = &block[line.start as usize..line.end as usize];
                    let values = match line.len() > self.max_line {
                        true => Err(too_long(self.max_line)),
                        false => general::row(line, &self.fields),
                    };
                    match values {
                        Ok(values) => {
                            columns.set_row(row, &values);
                            self.fast.learn(line, &self.fields);
                        }
                        Err(reason) => {
                            columns.reject(row);
                            decoded.reject(first + row as u64, line, reason);
                        }
                    }
                }
            }
            decoded.n_records += batch.len() as u64;
            columns.finish(block, first, decoded);
        }
    }

    fn copy(&self) -> Option<Box<dyn Decoder>> {
        (!self.at_start).then(|| Box::new(self.clone()) as Box<dyn Decoder>)
    }
}
