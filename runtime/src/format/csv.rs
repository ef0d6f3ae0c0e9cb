//! CSV: records of fields between delimiters, with a header that names them.
//!
//! A field in quotes may hold delimiters, line breaks and doubled quotes; a quote elsewhere is an
//! ordinary character. An empty field is absent: the default, else null, else the empty string;
//! `""` is the empty string. All records have as many fields as the header. Empty lines are no records.

mod fast;
#[cfg(test)]
mod properties;
pub(super) mod record;
#[cfg(test)]
mod tests;

use self::fast::FastPath;
use self::record::{Cell, Syntax};
use super::columns::Columns;
use super::field::Field;
use super::{Decoded, Decoder, byte_order_mark, too_long};
use crate::kernel::decode::fields::{GROUP, PADDING};
use crate::kernel::decode::lines::line_breaks;
use crate::kernel::simd::Level;
use millstream_ir::batch::BATCH_ROWS;
use millstream_ir::column::Heap;
use millstream_ir::flow::{FieldSpec, FormatSpec};
use millstream_ir::value::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

#[derive(Clone)]
pub struct CsvDecoder {
    syntax: Syntax,
    /// The fields to decode, one per column.
    fields: Vec<Field>,
    /// None while the header has not been read.
    header: Option<Header>,
    /// None while the header has not been read, and where it makes a fast path impossible.
    fast: Option<FastPath>,
    max_line: usize,
    /// No byte of the input has been decoded.
    at_start: bool,
    breaks: Vec<u32>,
    records: Vec<Range<u32>>,
    /// Whether each record has quotes.
    quoted: Vec<bool>,
    level: Level,
    /// Records that took the fast path.
    n_fast: u64,
}

/// Where the fields stand in each record.
#[derive(Clone)]
struct Header {
    /// As it stands in the input; nothing where it has none.
    text: Box<[u8]>,
    n_cells: usize,
    /// Per field to decode.
    positions: Vec<Option<usize>>,
    /// Why no record can be read.
    fault: Option<String>,
}

/// How a CSV file is written, as its format clause says.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvOptions {
    pub delimiter: u8,
    pub quote: Option<u8>,
    pub header: bool,
}

impl CsvOptions {
    /// Those of `csv` or `tsv` with the given options, or what is wrong with them.
    pub fn new(format: &FormatSpec) -> Result<CsvOptions, String> {
        let delimiter = if &*format.name == "tsv" { b'\t' } else { b',' };
        let mut options = CsvOptions { delimiter, quote: Some(b'"'), header: true };
        read_options(&format.options, &mut options)?;
        if Some(options.delimiter) == options.quote {
            return Err("`delimiter` and `quote` must differ".to_string());
        }
        Ok(options)
    }
}

fn read_options(given: &BTreeMap<Arc<str>, Value>, options: &mut CsvOptions) -> Result<(), String> {
    for (name, value) in given {
        match (&**name, value) {
            (_, Value::Null) => {}
            ("header", Value::Bool(header)) => options.header = *header,
            ("delimiter", Value::String(text)) => options.delimiter = one_byte(name, text)?,
            ("quote", Value::String(text)) if text.is_empty() => options.quote = None,
            ("quote", Value::String(text)) => options.quote = Some(one_byte(name, text)?),
            // Ids come as a column.
            ("id", Value::String(_)) => {}
            ("header" | "delimiter" | "quote", _) => return Err(format!("`{name}` has the wrong type")),
            _ => return Err(format!("csv has no option `{name}`; it has `delimiter`, `header` and `quote`")),
        }
    }
    Ok(())
}

fn one_byte(name: &str, text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(*byte),
        _ => Err(format!("`{name}` must be one ASCII character and no line break, found {text:?}")),
    }
}

impl CsvDecoder {
    /// `all` are the fields of the declared type, which a file without a header has in this order;
    /// `columns` those of them that are decoded.
    pub fn new(
        options: &CsvOptions,
        fields: Vec<Field>,
        all: &[FieldSpec],
        columns: &[usize],
        max_line: usize,
    ) -> CsvDecoder {
        let header = (!options.header).then(|| Header {
            text: Box::default(),
            n_cells: all.len(),
            positions: columns.iter().map(|c| Some(*c)).collect(),
            fault: None,
        });
        let syntax = Syntax { delimiter: options.delimiter, quote: options.quote };
        let fast = header.as_ref().and_then(|header| FastPath::new(header, &fields, syntax.delimiter));
        CsvDecoder {
            syntax,
            fields,
            header,
            fast,
            max_line,
            at_start: true,
            breaks: vec![],
            records: vec![],
            quoted: vec![],
            level: Level::best(),
            n_fast: 0,
        }
    }

    /// Takes the header from the start of the bytes.
    fn read_header(&mut self, bytes: &mut &[u8], decoded: &mut Decoded) {
        let Some(record) = self.syntax.next_record(bytes) else { return };
        let names = std::str::from_utf8(record).map_err(|_| "invalid UTF-8".to_string());
        let header = match names.and_then(|text| self.syntax.cells(text)) {
            Ok(names) => Header { text: record.into(), ..Header::new(&names, &self.fields) },
            Err(why) => {
                let fault = format!("the header cannot be read: {why}");
                let positions = vec![None; self.fields.len()];
                Header { text: Box::default(), n_cells: 0, positions, fault: Some(fault) }
            }
        };
        // Nor can what follows, if anything does.
        if let Some(fault) = &header.fault {
            decoded.reject(decoded.n_records, record, fault.clone());
            decoded.n_records += 1;
        }
        self.fast = FastPath::new(&header, &self.fields, self.syntax.delimiter);
        self.header = Some(header);
    }

    /// Finds the records of a range, and which of them have quotes.
    fn find_records(&mut self, block: &[u8], range: Range<usize>) {
        self.records.clear();
        self.quoted.clear();
        let bytes = &block[range.clone()];
        if self.syntax.quote.is_some_and(|quote| memchr::memchr(quote, bytes).is_some()) {
            let mut rest = bytes;
            while let Some(record) = self.syntax.next_record(&mut rest) {
                // The record stands in the block: its place is the difference of the addresses.
                let start = (record.as_ptr() as usize - block.as_ptr() as usize) as u32;
                self.records.push(start..start + record.len() as u32);
                self.quoted.push(self.syntax.quote.is_some_and(|quote| record.contains(&quote)));
            }
            return;
        }
        self.breaks.clear();
        line_breaks(self.level, block, range.clone(), &mut self.breaks);
        if self.breaks.last().map_or(range.start, |last| *last as usize + 1) < range.end {
            self.breaks.push(range.end as u32);
        }
        let mut start = range.start as u32;
        for &line_end in &self.breaks {
            let end = line_end - block[start as usize..line_end as usize].ends_with(b"\r") as u32;
            if start < end {
                self.records.push(start..end);
            }
            start = line_end + 1;
        }
        self.quoted.resize(self.records.len(), false);
    }
}

/// The values of a record, or why it cannot be read: the general path.
fn values(syntax: Syntax, record: &[u8], header: &Header, fields: &[Field]) -> Result<Vec<Value>, String> {
    if let Some(fault) = &header.fault {
        return Err(fault.clone());
    }
    let text = std::str::from_utf8(record)
        .map_err(|e| format!("invalid UTF-8 at byte {} of the record", e.valid_up_to() + 1))?;
    let cells = syntax.cells(text)?;
    if cells.len() != header.n_cells {
        return Err(format!("expected {} fields, found {}", header.n_cells, cells.len()));
    }
    let value = |(field, position): (&Field, &Option<usize>)| match position.and_then(|p| cells.get(p)) {
        Some(cell) => cell_value(field, cell),
        None => field.absent(),
    };
    fields.iter().zip(&header.positions).map(value).collect()
}

fn cell_value(field: &Field, cell: &Cell) -> Result<Value, String> {
    let is_text = field.spec.ty.is_text();
    if !cell.text.is_empty() || (is_text && cell.quoted) {
        return field.value_of_text(&cell.text);
    }
    match field.absent() {
        Err(_) if is_text => field.value_of_text(""),
        Err(_) => Err(field.reason("it is empty")),
        absent => absent,
    }
}

impl Header {
    fn new(names: &[Cell], fields: &[Field]) -> Header {
        let position = |field: &Field| names.iter().rposition(|name| *name.text == *field.spec.input);
        let positions: Vec<_> = fields.iter().map(position).collect();
        let missing = fields.iter().zip(&positions).find(|(f, p)| p.is_none() && f.absent().is_err());
        let fault = missing.map(|(field, _)| {
            let known: Vec<&str> = names.iter().map(|name| &*name.text).collect();
            format!("the header has no column `{}`; it has: {}", field.spec.input, known.join(", "))
        });
        Header { text: Box::default(), n_cells: names.len(), positions, fault }
    }

    /// Whether a record is this header once more; one that cannot be used says so of all that follows.
    fn is_again(&self, record: &[u8]) -> bool {
        self.fault.is_none() && !self.text.is_empty() && *record == *self.text
    }
}

impl Decoder for CsvDecoder {
    fn whole(&mut self, bytes: &[u8], end_of_input: bool) -> usize {
        if end_of_input {
            return bytes.len();
        }
        // A quote behind the mark opens a field.
        let mark = if self.at_start { byte_order_mark(bytes) } else { 0 };
        match self.syntax.whole(&bytes[mark..]) {
            0 => 0,
            whole => mark + whole,
        }
    }

    fn decode(&mut self, block: &Heap, mut range: Range<usize>, decoded: &mut Decoded) {
        if !range.is_empty() && std::mem::take(&mut self.at_start) {
            range.start += byte_order_mark(&block[range.clone()]);
        }
        if self.header.is_none() {
            let mut rest = &block[range.clone()];
            self.read_header(&mut rest, decoded);
            range.start = range.end - rest.len();
        }
        self.find_records(block, range.clone());
        let Some(header) = &self.header else { return };
        let all_utf8 = simdutf8::basic::from_utf8(&block[range.clone()]).is_ok();
        let padded = block.len() >= range.end + PADDING;
        for (number, batch) in self.records.chunks(BATCH_ROWS).enumerate() {
            let first = decoded.n_records;
            let quoted = &self.quoted[number * BATCH_ROWS..];
            let mut columns = Columns::new(&self.fields, batch.len());
            for (number, records) in batch.chunks(GROUP).enumerate() {
                let first_row = number * GROUP;
                let bytes = |record: &Range<u32>| &block[record.start as usize..record.end as usize];
                let readable = |(i, record): (usize, &Range<u32>)| {
                    let record = bytes(record);
                    !quoted[first_row + i]
                        && record.len() <= self.max_line
                        && (all_utf8 || simdutf8::basic::from_utf8(record).is_ok())
                };
                let mut read = 0;
                if let (true, Some(fast)) = (padded, &mut self.fast) {
                    let rows = records.iter().enumerate().map(readable);
                    let rows = rows.enumerate().fold(0, |mask, (i, readable)| mask | (readable as u64) << i);
                    read =
                        fast.read(self.level, block, (records, rows), &mut columns, first_row, &self.fields);
                    self.n_fast += read.count_ones() as u64;
                }
                for (i, record) in records.iter().enumerate().filter(|(i, _)| read >> i & 1 == 0) {
                    let row = first_row + i;
                    let record = bytes(record);
                    let values = if record.len() > self.max_line {
                        Err(too_long(self.max_line))
                    } else {
                        values(self.syntax, record, header, &self.fields)
                    };
                    match values {
                        Ok(values) => columns.set_row(row, &values),
                        // Files that have been put together, or that take each other's place, begin with it again.
                        Err(_) if header.is_again(record) => columns.reject(row),
                        Err(reason) => {
                            columns.reject(row);
                            decoded.reject(first + row as u64, record, reason);
                        }
                    }
                }
            }
            decoded.n_records += batch.len() as u64;
            columns.finish(block, first, decoded);
        }
    }

    fn copy(&self) -> Option<Box<dyn Decoder>> {
        (!self.at_start && self.header.is_some()).then(|| Box::new(self.clone()) as Box<dyn Decoder>)
    }

    fn missing_start(&self) -> Option<&'static str> {
        self.header.is_none().then_some("expected a line with the names of the columns, found nothing")
    }
}
