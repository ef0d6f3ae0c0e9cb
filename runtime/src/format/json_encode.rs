//! Rows as JSON lines.
//!
//! Decimals are numbers with their scale, timestamps RFC 3339 in UTC with the shortest fraction,
//! durations as the language writes them, bytes base64; NaN and infinities are null.

use super::Encoder;
use super::changes::{Change, Changes};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData, TextColumn, View};
use millstream_ir::flow::Schema;
use millstream_ir::text::{self, Lines, Piece};
use millstream_ir::types::{Type, TypeKind};

pub struct JsonEncoder {
    fields: Vec<Field>,
}

struct Field {
    /// The column's number in the batch.
    column: usize,
    /// `,"name":`; for the first `{"name":`.
    prefix: Piece,
    ty: Type,
}

impl JsonEncoder {
    pub fn new(schema: &Schema) -> JsonEncoder {
        let fields = schema.visible().enumerate().map(|(i, (number, column))| {
            let before: &[u8] = if i == 0 { b"{" } else { b"," };
            let prefix = Piece::name(before, &column.name, b":");
            Field { column: number, prefix, ty: column.ty.clone() }
        });
        JsonEncoder { fields: fields.collect() }
    }

    /// What there is to write of a batch.
    fn rows<'a>(&'a self, batch: &'a Batch) -> Rows<'a> {
        let cells = |field: &'a Field| {
            let column = &*batch.columns[field.column];
            Cells { prefix: &field.prefix, values: Values::of(column, &field.ty), column, ty: &field.ty }
        };
        Rows(self.fields.iter().map(cells).collect())
    }
}

impl Encoder for JsonEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        let (rows, mut lines) = (self.rows(batch), Lines::new(out));
        for row in 0..batch.n_rows {
            rows.write(row, &mut lines);
            lines.byte(b'\n');
        }
        lines.finish();
    }
}

struct Rows<'a>(Vec<Cells<'a>>);

impl Rows<'_> {
    /// One row, without a newline.
    #[inline]
    fn write(&self, row: usize, lines: &mut Lines) {
        if self.0.is_empty() {
            lines.byte(b'{');
        }
        for cells in &self.0 {
            match &cells.values {
                Values::Ints(values) if cells.column.validity.is_none() => {
                    lines.piece_and_int(cells.prefix, values[row]);
                }
                _ => {
                    lines.piece(cells.prefix);
                    cells.write(row, lines);
                }
            }
        }
        lines.byte(b'}');
    }
}

/// The values of one field.
struct Cells<'a> {
    prefix: &'a Piece,
    values: Values<'a>,
    column: &'a Column,
    ty: &'a Type,
}

/// Those that are written often enough to be worth a way of their own.
enum Values<'a> {
    Ints(&'a [i64]),
    Decimals(&'a [i64], u8),
    Timestamps(&'a [i64]),
    Floats(&'a [f64]),
    Texts(&'a TextColumn),
    Other,
}

impl<'a> Values<'a> {
    fn of(column: &'a Column, ty: &Type) -> Values<'a> {
        match (&column.data, &ty.kind) {
            (ColumnData::I64(values), TypeKind::Int) => Values::Ints(values),
            (ColumnData::I64(values), TypeKind::Decimal(scale)) => Values::Decimals(values, *scale),
            (ColumnData::I64(values), TypeKind::Timestamp) => Values::Timestamps(values),
            (ColumnData::F64(values), TypeKind::Float) => Values::Floats(values),
            (ColumnData::Text(strings), _) => Values::Texts(strings),
            _ => Values::Other,
        }
    }
}

impl Cells<'_> {
    #[inline(always)]
    fn write(&self, row: usize, lines: &mut Lines) {
        if !self.column.is_valid(row) {
            return lines.put(b"null", 4);
        }
        match &self.values {
            Values::Ints(values) => lines.int(values[row]),
            Values::Decimals(values, scale) => lines.decimal(values[row], *scale),
            Values::Timestamps(values) => lines.timestamp(values[row]),
            Values::Floats(values) if values[row].is_finite() => lines.float(values[row]),
            Values::Floats(_) => lines.put(b"null", 4),
            Values::Texts(strings) => match View(strings.views[row]) {
                view if view.len() <= View::INLINE => lines.json_string_inline(view),
                _ => lines.json_string(strings.bytes(row)),
            },
            Values::Other => lines.with(|out| match &self.column.data {
                ColumnData::Boxed(values) => text::write_json(out, &values[row], self.ty),
                _ => text::write_json(out, &self.column.value(row, self.ty), self.ty),
            }),
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
}

impl Encoder for DebeziumEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        let (rows, mut lines) = (self.rows.rows(batch), Lines::new(out));
        let write = |row: Option<usize>, lines: &mut Lines| match row {
            Some(row) => rows.write(row, lines),
            None => lines.put(b"null", 4),
        };
        let times = match &batch.columns[self.time].data {
            ColumnData::I64(times) => &times[..],
            _ => &[],
        };
        for change in self.changes.of(batch) {
            let (before, after, op, cause) = match change {
                Change::Added(row) => (None, Some(row), b'c', row),
                Change::Withdrawn(row) => (Some(row), None, b'd', row),
                Change::Replaced(before, after) => (Some(before), Some(after), b'u', after),
            };
            lines.bytes(b"{\"before\":");
            write(before, &mut lines);
            lines.bytes(b",\"after\":");
            write(after, &mut lines);
            lines.bytes(b",\"op\":\"");
            lines.put(&[op, b'"'], 2);
            if let Some(time) = times.get(cause) {
                lines.bytes(b",\"ts_ms\":");
                lines.int(time.div_euclid(1000));
            }
            lines.put(b"}\n", 2);
        }
        lines.finish();
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
        let (rows, mut lines) = (self.rows.rows(batch), Lines::new(out));
        for row in 0..batch.n_rows {
            let begin =
                if signs[row] < 0 { b"{\"change\":\"-\",\"row\":" } else { b"{\"change\":\"+\",\"row\":" };
            lines.put(begin, begin.len());
            rows.write(row, &mut lines);
            lines.put(b"}\n", 2);
        }
        lines.finish();
    }
}
