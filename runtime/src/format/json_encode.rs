//! Rows as JSON lines.
//!
//! Decimals are numbers with their scale, timestamps RFC 3339 in UTC with the shortest fraction,
//! durations as the language writes them, bytes base64; NaN and infinities are null.

use super::Encoder;
use super::changes::{Change, Changes};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::flow::Schema;
use millstream_ir::text;
use millstream_ir::types::{Type, TypeKind};

pub struct JsonEncoder {
    fields: Vec<Field>,
}

struct Field {
    /// The column's number in the batch.
    column: usize,
    /// `,"name":`; for the first `{"name":`.
    prefix: Vec<u8>,
    ty: Type,
}

impl JsonEncoder {
    pub fn new(schema: &Schema) -> JsonEncoder {
        let fields = schema.visible().enumerate().map(|(i, (number, column))| {
            let mut prefix = vec![if i == 0 { b'{' } else { b',' }];
            text::write_json_string(&mut prefix, &column.name);
            prefix.push(b':');
            Field { column: number, prefix, ty: column.ty.clone() }
        });
        JsonEncoder { fields: fields.collect() }
    }

    /// One row, without a newline.
    pub fn row(&self, batch: &Batch, row: usize, out: &mut Vec<u8>) {
        if self.fields.is_empty() {
            out.push(b'{');
        }
        for field in &self.fields {
            out.extend_from_slice(&field.prefix);
            write_cell(out, &batch.columns[field.column], row, &field.ty);
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

/// The changes of an updating stream as Debezium writes them: the row before and after each, `op` (`c` for
/// one that is added, `u` replaced, `d` withdrawn), and `ts_ms`, the event time of the change.
pub struct DebeziumEncoder {
    changes: Changes,
    /// The column of the event time.
    time: usize,
    rows: JsonEncoder,
}

impl DebeziumEncoder {
    pub fn new(schema: &Schema, changes: Changes) -> DebeziumEncoder {
        DebeziumEncoder { changes, time: schema.time, rows: JsonEncoder::new(schema) }
    }

    fn field(&self, name: &str, batch: &Batch, row: Option<usize>, out: &mut Vec<u8>) {
        out.extend_from_slice(name.as_bytes());
        match row {
            Some(row) => self.rows.row(batch, row, out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

impl Encoder for DebeziumEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        for change in self.changes.of(batch) {
            let (before, after, op, cause) = match change {
                Change::Added(row) => (None, Some(row), "c", row),
                Change::Withdrawn(row) => (Some(row), None, "d", row),
                Change::Replaced(before, after) => (Some(before), Some(after), "u", after),
            };
            self.field("{\"before\":", batch, before, out);
            self.field(",\"after\":", batch, after, out);
            out.extend_from_slice(format!(",\"op\":\"{op}\"").as_bytes());
            if let ColumnData::I64(times) = &batch.columns[self.time].data {
                out.extend_from_slice(format!(",\"ts_ms\":{}", times[cause].div_euclid(1000)).as_bytes());
            }
            out.extend_from_slice(b"}\n");
        }
    }
}

/// Each row that is added or withdrawn: `{"change":"+","row":{…}}`.
pub struct RetractEncoder {
    /// The column of the sign.
    sign: usize,
    rows: JsonEncoder,
}

impl RetractEncoder {
    pub fn new(schema: &Schema, sign: usize) -> RetractEncoder {
        RetractEncoder { sign, rows: JsonEncoder::new(schema) }
    }
}

impl Encoder for RetractEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        let ColumnData::I64(signs) = &batch.columns[self.sign].data else { return };
        for row in 0..batch.n_rows {
            let change = if signs[row] < 0 { '-' } else { '+' };
            out.extend_from_slice(format!("{{\"change\":\"{change}\",\"row\":").as_bytes());
            self.rows.row(batch, row, out);
            out.extend_from_slice(b"}\n");
        }
    }
}

/// A column's value in a row, as JSON.
pub fn write_cell(out: &mut Vec<u8>, column: &Column, row: usize, ty: &Type) {
    if !column.is_valid(row) {
        return out.extend_from_slice(b"null");
    }
    match (&column.data, &ty.kind) {
        (ColumnData::I64(values), TypeKind::Int) => text::write_int(out, values[row]),
        (ColumnData::I64(values), TypeKind::Decimal(scale)) => {
            text::write_decimal(out, values[row] as i128, *scale);
        }
        (ColumnData::Text(strings), _) => text::write_json_string(out, strings.get(row)),
        (ColumnData::Boxed(values), _) => text::write_json(out, &values[row], ty),
        _ => text::write_json(out, &column.value(row, ty), ty),
    }
}
