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

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_ir::batch::{LateRow, Origin};
    use millstream_ir::flow::Column;

    #[test]
    fn a_row_per_element_and_none_for_null() {
        let types = [Type::list(Type::INT).nullable(), Type::TIMESTAMP];
        let list = |n: i64| Value::List((0..n).map(Value::Int).collect());
        let mut columns: Vec<ColumnBuilder> = types.iter().map(ColumnBuilder::new).collect();
        for (time, value) in [list(2), Value::Null, list(0), list(BATCH_ROWS as i64)].iter().enumerate() {
            columns[0].push(value);
            columns[1].push(&Value::Timestamp(time as i64));
        }
        let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
        let batch = Batch {
            columns,
            n_rows: 4,
            origin: Origin::default(),
            late: [0, 1].map(|row| LateRow { row, watermark: 9 }).into(),
        };
        let element = Column { name: "x".into(), ty: Type::INT, hidden: false };
        let mut output = Output::default();
        let mut unnest = Unnest::new(0, &Schema::append_only(vec![element], 1));
        unnest.step(0, Message::Batch(batch), &mut output);
        let mut rows = vec![];
        for message in &output.messages {
            let Message::Batch(batch) = message else { panic!("no rows") };
            assert!(batch.n_rows <= BATCH_ROWS);
            rows.extend((0..batch.n_rows).map(|row| {
                let late = batch.late(row) == Some(LateRow { row: row as u32, watermark: 9 });
                (batch.columns[1].value(row, &Type::INT), batch.columns[2].value(row, &Type::INT), late)
            }));
        }
        let expected = (0..2).map(|i| (Value::Int(0), Value::Int(i), true));
        let expected = expected.chain((0..BATCH_ROWS as i64).map(|i| (Value::Int(3), Value::Int(i), false)));
        assert!(rows.into_iter().eq(expected));
    }
}
