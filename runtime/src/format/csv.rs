//! CSV: records of fields between delimiters, with a header that names them.
//!
//! A field in quotes may hold delimiters, line breaks and doubled quotes; a quote elsewhere is an
//! ordinary character. An empty field is absent: the default, else null, else the empty string;
//! `""` is the empty string. All records have as many fields as the header. Empty lines are no records.

mod record;
#[cfg(test)]
mod tests;

use self::record::{Cell, Syntax};
use super::field::Field;
use super::rows::Rows;
use super::{Decoded, Decoder, byte_order_mark, too_long};
use millstream_ir::column::Heap;
use millstream_ir::flow::{FieldSpec, FormatSpec};
use millstream_ir::types::TypeKind;
use millstream_ir::value::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

pub struct CsvDecoder {
    syntax: Syntax,
    /// The fields to decode, one per column.
    fields: Vec<Field>,
    /// None while the header has not been read.
    header: Option<Header>,
    max_line: usize,
    /// No byte of the input has been decoded.
    at_start: bool,
}

/// Where the fields stand in each record.
struct Header {
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
            n_cells: all.len(),
            positions: columns.iter().map(|c| Some(*c)).collect(),
            fault: None,
        });
        let syntax = Syntax { delimiter: options.delimiter, quote: options.quote };
        CsvDecoder { syntax, fields, header, max_line, at_start: true }
    }

    /// The values of a record, or why it cannot be read.
    fn row(&self, record: &[u8], header: &Header) -> Result<Vec<Value>, String> {
        if let Some(fault) = &header.fault {
            return Err(fault.clone());
        }
        let text = std::str::from_utf8(record)
            .map_err(|e| format!("invalid UTF-8 at byte {} of the record", e.valid_up_to() + 1))?;
        let cells = self.syntax.cells(text)?;
        if cells.len() != header.n_cells {
            return Err(format!("expected {} fields, found {}", header.n_cells, cells.len()));
        }
        let value = |(field, position): (&Field, &Option<usize>)| match position.and_then(|p| cells.get(p)) {
            Some(cell) => cell_value(field, cell),
            None => field.absent(),
        };
        self.fields.iter().zip(&header.positions).map(value).collect()
    }
}

fn cell_value(field: &Field, cell: &Cell) -> Result<Value, String> {
    let ty = &field.spec.ty;
    let is_string = ty.kind == TypeKind::String;
    if !cell.text.is_empty() || (is_string && cell.quoted) {
        return field.from_text(&cell.text);
    }
    match field.absent() {
        Err(_) if is_string => Ok(Value::string("")),
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
        Header { n_cells: names.len(), positions, fault }
    }

    /// Of a file whose header cannot be read.
    fn broken(fields: &[Field], why: &str) -> Header {
        let positions = vec![None; fields.len()];
        Header { n_cells: 0, positions, fault: Some(format!("the header cannot be read: {why}")) }
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

    fn decode(&mut self, block: &Heap, range: Range<usize>, decoded: &mut Decoded) {
        let mut bytes = &block[range];
        if !bytes.is_empty() && std::mem::take(&mut self.at_start) {
            bytes = &bytes[byte_order_mark(bytes)..];
        }
        if self.header.is_none() {
            let Some(record) = self.syntax.next_record(&mut bytes) else { return };
            let names = std::str::from_utf8(record).map_err(|_| "invalid UTF-8".to_string());
            self.header = Some(match names.and_then(|text| self.syntax.cells(text)) {
                Ok(names) => Header::new(&names, &self.fields),
                Err(why) => {
                    let header = Header::broken(&self.fields, &why);
                    decoded.reject(decoded.n_records, record, format!("the header cannot be read: {why}"));
                    decoded.n_records += 1;
                    header
                }
            });
        }
        let Some(header) = &self.header else { return };
        let mut rows = Rows::new(&self.fields);
        while let Some(record) = self.syntax.next_record(&mut bytes) {
            if record.len() > self.max_line {
                decoded.reject(decoded.n_records, record, too_long(self.max_line));
                decoded.n_records += 1;
                continue;
            }
            match self.row(record, header) {
                Ok(values) => rows.push(&values, decoded),
                Err(reason) => {
                    decoded.reject(decoded.n_records, record, reason);
                    decoded.n_records += 1;
                }
            }
        }
        rows.finish(decoded);
    }
}
