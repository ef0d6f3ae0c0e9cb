//! One row per element of a list; none for an empty list or null. The element is a last column more.

use crate::message::Message;
use crate::operator::{Operator, Output};
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::column::{ColumnBuilder, ColumnData};
use millstream_ir::flow::Schema;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

pub struct Unnest {
    /// The column of the list.
    list: usize,
    element: Type,
}

impl Unnest {
    /// `schema` is that of the rows that leave.
    pub fn new(list: usize, schema: &Schema) -> Unnest {
        Unnest { list, element: schema.columns.last().map_or(Type::ERROR, |c| c.ty.clone()) }
    }

    fn finish(&self, batch: &Batch, rows: &mut Vec<u32>, elements: ColumnBuilder, output: &mut Output) {
        let mut part = batch.gather(rows);
        part.columns.push(Arc::new(elements.finish()));
        output.messages.push(Message::Batch(part));
        rows.clear();
    }
}

impl Operator for Unnest {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        let Message::Batch(batch) = message else {
            return output.messages.push(message);
        };
        let ColumnData::Boxed(lists) = &batch.columns[self.list].data else { return };
        let mut rows = vec![];
        let mut elements = ColumnBuilder::new(&self.element);
        for (row, list) in lists.iter().enumerate() {
            let Value::List(list) = list else { continue };
            for element in &**list {
                rows.push(row as u32);
                elements.push(element);
                if rows.len() == BATCH_ROWS {
                    let full = std::mem::replace(&mut elements, ColumnBuilder::new(&self.element));
                    self.finish(&batch, &mut rows, full, output);
                }
            }
        }
        if !rows.is_empty() {
            self.finish(&batch, &mut rows, elements, output);
        }
    }
}
