//! Rows as a table, as a run shows them on a terminal.

use crate::terminal;
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::ColumnBuilder;
use millstream_ir::flow::Schema;
use millstream_ir::value::Value;
use millstream_runtime::format::Encoder;
use millstream_runtime::format::table::TableEncoder;
use std::sync::Arc;

pub const INDENT: &str = "    ";

/// Where no terminal says how wide it is.
const WIDTH: usize = 200;

pub fn table(rows: &[Vec<Value>], schema: &Schema) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let column = |(number, column): (usize, &millstream_ir::flow::Column)| {
        let mut builder = ColumnBuilder::new(&column.ty);
        rows.iter().for_each(|row| builder.push(row.get(number).unwrap_or(&Value::Null)));
        Arc::new(builder.finish())
    };
    let columns = schema.columns.iter().enumerate().map(column).collect();
    let batch = Batch { columns, n_rows: rows.len(), origin: Origin::default(), late: vec![] };
    let width = terminal::stdout_width().unwrap_or(WIDTH).saturating_sub(INDENT.len());
    let mut encoder = TableEncoder::new(schema, width);
    let mut bytes = vec![];
    encoder.encode(&batch, &mut bytes);
    encoder.flush(&mut bytes);
    String::from_utf8_lossy(&bytes).lines().map(|line| format!("{INDENT}{line}\n")).collect()
}
