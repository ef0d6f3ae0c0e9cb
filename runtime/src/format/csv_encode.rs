//! Rows as CSV: null is an empty field, the empty string is `""`, nested values are JSON.

use super::csv::CsvOptions;
use super::{BYTE_ORDER_MARK, Encoder};
use millstream_ir::batch::Batch;
use millstream_ir::column::Column;
use millstream_ir::flow::Schema;
use millstream_ir::text;
use millstream_ir::types::Type;
use millstream_ir::value::Value;

pub struct CsvEncoder {
    options: CsvOptions,
    fields: Vec<Field>,
    /// A value before it is quoted.
    scratch: Vec<u8>,
}

struct Field {
    name: String,
    /// The column's number in the batch.
    column: usize,
    ty: Type,
}

impl CsvEncoder {
    pub fn new(schema: &Schema, options: &CsvOptions) -> CsvEncoder {
        let field = |(number, column): (usize, &millstream_ir::flow::Column)| Field {
            name: column.name.to_string(),
            column: number,
            ty: column.ty.clone(),
        };
        let fields = schema.visible().map(field).collect();
        CsvEncoder { options: options.clone(), fields, scratch: vec![] }
    }
}

impl Encoder for CsvEncoder {
    fn header(&mut self, out: &mut Vec<u8>) {
        if !self.options.header {
            return;
        }
        for (i, field) in self.fields.iter().enumerate() {
            if i > 0 {
                out.push(self.options.delimiter);
            }
            write_text(out, field.name.as_bytes(), &self.options);
        }
        out.push(b'\n');
    }

    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        for row in 0..batch.n_rows {
            let start = out.len();
            for (i, field) in self.fields.iter().enumerate() {
                if i > 0 {
                    out.push(self.options.delimiter);
                }
                self.scratch.clear();
                if write_cell(&mut self.scratch, &batch.columns[field.column], row, &field.ty) {
                    write_text(out, &self.scratch, &self.options);
                }
            }
            if out.len() == start {
                // An empty line would be no record.
                out.extend(self.options.quote.iter().flat_map(|quote| [*quote; 2]));
            }
            out.push(b'\n');
        }
    }
}

/// A column's value in a row, as a field without quotes; false if it is null.
pub fn write_cell(out: &mut Vec<u8>, column: &Column, row: usize, ty: &Type) -> bool {
    match column.value(row, ty) {
        Value::Null => return false,
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bytes(bytes) => text::write_base64(out, &bytes),
        Value::Float(x) => text::write_float(out, x),
        Value::Timestamp(micros) => text::write_timestamp(out, micros),
        Value::Duration(micros) => text::write_duration(out, micros),
        value => text::write_json(out, &value, ty),
    }
    true
}

/// A field, in quotes where it could be misread.
fn write_text(out: &mut Vec<u8>, text: &[u8], options: &CsvOptions) {
    let special = |byte: &u8| {
        *byte == options.delimiter || Some(*byte) == options.quote || matches!(byte, b'\n' | b'\r')
    };
    // At the beginning of a file it would be read as no text.
    let is_mark = text.starts_with(BYTE_ORDER_MARK);
    match options.quote {
        Some(quote) if text.is_empty() || is_mark || text.iter().any(special) => {
            out.push(quote);
            for byte in text {
                if *byte == quote {
                    out.push(quote);
                }
                out.push(*byte);
            }
            out.push(quote);
        }
        _ => out.extend_from_slice(text),
    }
}
