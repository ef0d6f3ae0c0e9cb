//! Rows as JSON lines.
//!
//! Decimals are numbers with their scale, timestamps RFC 3339 in UTC with the shortest fraction,
//! durations as the language writes them, bytes base64; NaN and infinities are null.

use super::Encoder;
use super::write;
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::flow::Schema;
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;

pub struct JsonEncoder {
    columns: Vec<Field>,
}

struct Field {
    /// The column's number in the batch.
    number: usize,
    /// `,"name":`; for the first `{"name":`.
    prefix: Vec<u8>,
    ty: Type,
}

impl JsonEncoder {
    pub fn new(schema: &Schema) -> JsonEncoder {
        let visible = schema.visible().enumerate().map(|(i, (number, column))| {
            let mut prefix = vec![if i == 0 { b'{' } else { b',' }];
            write::json_string(&column.name, &mut prefix);
            prefix.push(b':');
            Field { number, prefix, ty: column.ty.clone() }
        });
        JsonEncoder { columns: visible.collect() }
    }

    /// One row, without a newline.
    pub fn row(&self, batch: &Batch, row: usize, out: &mut Vec<u8>) {
        if self.columns.is_empty() {
            out.push(b'{');
        }
        for field in &self.columns {
            out.extend_from_slice(&field.prefix);
            match batch.columns.get(field.number) {
                Some(column) => cell(column, row, &field.ty, out),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
    }
}

impl Encoder for JsonEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        for row in 0..batch.n_rows {
            self.row(batch, row, out);
            out.push(b'\n');
        }
    }
}

/// The value of a row of a column as JSON.
pub fn cell(column: &Column, row: usize, ty: &Type, out: &mut Vec<u8>) {
    if !column.is_valid(row) {
        return out.extend_from_slice(b"null");
    }
    match (&column.data, &ty.kind) {
        (ColumnData::I64(values), TypeKind::Int) => write::int(values[row], out),
        (ColumnData::I64(values), TypeKind::Decimal(scale)) => {
            write::decimal(values[row] as i128, *scale, out)
        }
        (ColumnData::I64(values), TypeKind::Timestamp) => {
            out.push(b'"');
            write::timestamp(values[row], out);
            out.push(b'"');
        }
        (ColumnData::Text(text), _) => write::json_string(text.get(row), out),
        (ColumnData::Boxed(values), _) => json(&values[row], ty, out),
        _ => json(&column.value(row, ty), ty, out),
    }
}

/// A value of this type as JSON.
pub fn json(value: &Value, ty: &Type, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        Value::Int(i) => write::int(*i, out),
        Value::Float(x) if x.is_finite() => write::float(*x, out),
        Value::Float(_) => out.extend_from_slice(b"null"),
        Value::Decimal(d) => match ty.kind {
            TypeKind::Decimal(scale) => write::decimal(*d, scale, out),
            _ => write::decimal(*d, 0, out),
        },
        Value::String(s) => write::json_string(s, out),
        Value::Bytes(b) => quoted(out, |out| write::base64(b, out)),
        Value::Timestamp(t) => quoted(out, |out| write::timestamp(*t, out)),
        Value::Duration(d) => quoted(out, |out| write::duration(*d, out)),
        // Writing to a vector cannot fail.
        Value::Json(j) => drop(serde_json::to_writer(out, &**j)),
        Value::List(values) => {
            let element = match &ty.kind {
                TypeKind::List(element) => &**element,
                _ => &Type::ERROR,
            };
            out.push(b'[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                json(value, element, out);
            }
            out.push(b']');
        }
        Value::Map(entries) => {
            let element = match &ty.kind {
                TypeKind::Map(element) => &**element,
                _ => &Type::ERROR,
            };
            object(entries.iter().map(|(key, value)| (&**key, value, element)), out)
        }
        Value::Record(values) => match &ty.kind {
            TypeKind::Record(record) => {
                object(record.fields.iter().zip(values.iter()).map(|(f, v)| (&*f.name, v, &f.ty)), out)
            }
            _ => out.extend_from_slice(b"null"),
        },
    }
}

fn object<'a>(entries: impl Iterator<Item = (&'a str, &'a Value, &'a Type)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, (key, value, ty)) in entries.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write::json_string(key, out);
        out.push(b':');
        json(value, ty, out);
    }
    out.push(b'}');
}

fn quoted(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    content(out);
    out.push(b'"');
}
