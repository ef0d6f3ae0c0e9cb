//! Rows as JSON lines.
//!
//! Decimals are numbers with their scale, timestamps RFC 3339 in UTC with the shortest fraction,
//! durations as the language writes them, bytes base64; NaN and infinities are null.

mod changes;
mod replacing;

pub use changes::{DebeziumEncoder, RetractEncoder};

use super::Encoder;
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
            rows.write(row, &mut lines, |_, _| ());
            lines.byte(b'\n');
        }
        lines.finish();
    }
}

struct Rows<'a>(Vec<Cells<'a>>);

impl Rows<'_> {
    /// One row, without a newline; tells of each field where it ends.
    #[inline(always)]
    fn write(&self, row: usize, lines: &mut Lines, mut mark: impl FnMut(usize, usize)) {
        if self.0.is_empty() {
            lines.byte(b'{');
        }
        for (field, cells) in self.0.iter().enumerate() {
            match cells.ints() {
                Some(values) => lines.piece_and_int(cells.prefix, values[row]),
                None => {
                    lines.piece(cells.prefix);
                    cells.write(row, lines);
                }
            }
            mark(field, lines.position());
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
    /// Whole numbers of which none is missing.
    #[inline(always)]
    fn ints(&self) -> Option<&[i64]> {
        match self.values {
            Values::Ints(values) if self.column.validity.is_none() => Some(values),
            _ => None,
        }
    }

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
