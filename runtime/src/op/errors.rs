//! The rows that failed in other nodes, as a stream: `errors(name)`.
//!
//! The node itself unites what [`error_batch`] makes of the failures of each node it collects from,
//! and those nodes' watermarks.

use crate::operator::{Failure, Place};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::{Column, ColumnBuilder};
use millstream_ir::flow::{Column as ColumnSpec, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

/// The columns of [`error_batch`].
pub fn error_schema() -> Schema {
    let column = |(name, ty): (&str, Type)| ColumnSpec { name: name.into(), ty, hidden: false };
    let shown =
        [("row", Type::JSON), ("reason", Type::STRING), ("place", Type::STRING), ("at", Type::TIMESTAMP)];
    let mut columns: Vec<ColumnSpec> = shown.map(column).into();
    let time = columns.len();
    columns.push(ColumnSpec { name: "time".into(), ty: Type::TIMESTAMP, hidden: true });
    Schema::append_only(columns, time)
}

/// The columns `row`, `reason`, `place`, `at`, and the event time. `place` says where in the program a
/// failure happened; `first` counts the rows before these.
pub fn error_batch(failures: &[Failure], first: u64, place: impl Fn(&Place) -> String) -> Batch {
    let json = |text: &str| {
        let value = serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text));
        Value::Json(Arc::new(value))
    };
    let columns = [
        column(&Type::JSON, failures.iter().map(|f| json(&f.row))),
        column(&Type::STRING, failures.iter().map(|f| Value::string(&f.reason))),
        column(&Type::STRING, failures.iter().map(|f| Value::string(place(&f.place)))),
        column(&Type::TIMESTAMP, failures.iter().map(|f| Value::Timestamp(f.at))),
        column(&Type::TIMESTAMP, failures.iter().map(|f| Value::Timestamp(f.time))),
    ];
    Batch {
        columns: columns.into(),
        n_rows: failures.len(),
        origin: Origin { first, ..Origin::default() },
        late: vec![],
    }
}

fn column(ty: &Type, values: impl Iterator<Item = Value>) -> Arc<Column> {
    let mut column = ColumnBuilder::new(ty);
    values.for_each(|value| column.push(&value));
    Arc::new(column.finish())
}
