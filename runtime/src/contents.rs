//! What operators hold, as rows for people.
//!
//! An operator of which everything leaves when its inputs end need not say what it holds: these rows are it.

use crate::graph::{Graph, Outlet};
use crate::message::{EventTime, Message, Watermark};
use crate::operator::{Operator, Output};
use crate::snapshot::Corrupt;
use crate::workers::Workers;
use millstream_base::SourceMap;
use millstream_ir::batch::Batch;
use millstream_ir::column::Column as ColumnValues;
use millstream_ir::engine::Compiled;
use millstream_ir::flow::{Column, Flow, Node, NodeId, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Some of what an operator holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Contents {
    /// What the rows are.
    pub what: String,
    pub columns: Vec<(Arc<str>, Type)>,
    pub rows: Vec<Vec<Value>>,
}

/// How many of what an operator holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Count {
    pub n: u64,
    pub what: Cow<'static, str>,
}

/// A node and what it reads.
pub struct Around<'a> {
    pub node: &'a Node,
    pub inputs: Vec<&'a Node>,
}

impl Count {
    pub fn of(n: usize, what: &'static str) -> Count {
        Count { n: n as u64, what: Cow::Borrowed(what) }
    }
}

impl<'a> Around<'a> {
    pub fn new(flow: &'a Flow, id: NodeId) -> Around<'a> {
        let node = flow.node(id);
        Around { node, inputs: node.inputs.iter().map(|input| flow.node(*input)).collect() }
    }

    /// Columns that the program sees of an input; where it is none of them, the number stands for the name.
    pub fn input_column(&self, column: usize) -> (Arc<str>, Type) {
        let known = self.inputs.first().and_then(|input| input.schema.columns.get(column));
        known.map_or_else(
            || (format!("#{column}").into(), Type::JSON),
            |column| (column.name.clone(), column.ty.clone()),
        )
    }
}

impl Contents {
    /// Whole rows of a schema, of which what the program sees is shown, and the window that a row is of.
    pub fn rows_of(
        what: impl Into<String>,
        schema: &Schema,
        rows: impl Iterator<Item = Vec<Value>>,
    ) -> Contents {
        let of_window = |column: &Column| column.name.starts_with("window.");
        let columns = schema.columns.iter().enumerate();
        let seen: Vec<(usize, &Column)> =
            columns.filter(|(_, column)| !column.hidden || of_window(column)).collect();
        let columns = seen.iter().map(|(_, column)| (column.name.clone(), column.ty.clone())).collect();
        let value = |row: &Vec<Value>, number: usize| row.get(number).cloned().unwrap_or(Value::Null);
        let rows = rows.map(|row| seen.iter().map(|(number, _)| value(&row, *number)).collect());
        Contents { what: what.into(), columns, rows: rows.collect() }
    }

    /// Adds a column, with a value for each row.
    pub fn with(mut self, name: &str, ty: Type, values: impl IntoIterator<Item = Value>) -> Contents {
        self.columns.push((name.into(), ty));
        self.rows.iter_mut().zip(values).for_each(|(row, value)| row.push(value));
        self
    }

    /// The rows as a batch, and its schema.
    pub fn batch(&self) -> (Batch, Schema) {
        let of_rows = |(number, (_, ty)): (usize, &(Arc<str>, Type))| {
            let mut column = millstream_ir::column::ColumnBuilder::new(ty);
            self.rows.iter().for_each(|row| column.push(row.get(number).unwrap_or(&Value::Null)));
            Arc::new(column.finish())
        };
        let columns = self.columns.iter().enumerate().map(of_rows).collect();
        let named =
            |(name, ty): &(Arc<str>, Type)| Column { name: name.clone(), ty: ty.clone(), hidden: false };
        let schema = Schema::append_only(self.columns.iter().map(named).collect(), 0);
        let origin = millstream_ir::batch::Origin::default();
        (Batch { columns, n_rows: self.rows.len(), origin, late: vec![] }, schema)
    }
}

/// A time, null where there is none.
pub fn time(time: EventTime) -> Value {
    if time == EventTime::MIN || time == EventTime::MAX { Value::Null } else { Value::Timestamp(time) }
}

/// The values of some columns, row by row.
pub fn rows_of_columns(columns: &[(&ColumnValues, &Type)], n_rows: usize) -> Vec<Vec<Value>> {
    (0..n_rows).map(|row| columns.iter().map(|(column, ty)| column.value(row, ty)).collect()).collect()
}

/// The rows of batches, in their order.
pub fn rows_of_batch(batch: &Batch, types: &[Type]) -> Vec<Vec<Value>> {
    let columns: Vec<(&ColumnValues, &Type)> =
        batch.columns.iter().map(|column| &**column).zip(types).collect();
    rows_of_columns(&columns, batch.n_rows)
}

/// What an operator holds; it is of no use afterwards.
pub fn of_operator(operator: &mut dyn Operator, around: &Around) -> Vec<Contents> {
    if let Some(held) = operator.contents(around) {
        return held;
    }
    let types = around.node.schema.types();
    let mut rows = vec![];
    for input in 0..around.inputs.len() {
        let mut output = Output::default();
        operator.step_to_end(input, Message::Watermark(Watermark::END), &mut output);
        for message in &output.messages {
            if let Message::Batch(batch) = message {
                rows.extend(rows_of_batch(batch, &types));
            }
        }
    }
    match rows.is_empty() {
        true => vec![],
        false => {
            vec![Contents::rows_of("rows, as they would leave now", &around.node.schema, rows.into_iter())]
        }
    }
}

/// What a node holds whose state is this snapshot.
pub fn of_snapshot(
    flow: &Flow,
    compiled: &dyn Compiled,
    files: &SourceMap,
    id: NodeId,
    snapshot: &[u8],
) -> Result<Vec<Contents>, Corrupt> {
    let mut graph = Graph::new(flow, compiled, files, &Workers::alone(), Nowhere);
    graph.restore(id, snapshot)?;
    Ok(graph.contents(id))
}

/// Nothing is written while somebody only looks.
struct Nowhere;

impl Outlet for Nowhere {
    fn write(&mut self, _: NodeId, _: &Batch) -> Result<(), crate::graph::Stop> {
        Ok(())
    }
}
