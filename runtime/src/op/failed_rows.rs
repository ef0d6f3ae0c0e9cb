//! Rows that aggregates of the program could not add, on their way to `errors(name)`.

use crate::accumulate::side::FailedRow;
use crate::message::Watermark;
use crate::op::segment::json_row;
use crate::operator::{Failure, Output, Place};
use millstream_ir::batch::Batch;
use millstream_ir::flow::Schema;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

/// What there is to say of a row of an operator's input.
pub struct FailedRows {
    /// Numbers, names and types of the columns that the program sees.
    columns: Vec<(usize, Arc<str>, Type)>,
    time: usize,
}

impl FailedRows {
    pub fn of(input: &Schema) -> FailedRows {
        let columns = input.visible().map(|(number, c)| (number, c.name.clone(), c.ty.clone()));
        FailedRows { columns: columns.collect(), time: input.time }
    }

    /// Reports rows of a batch. `watermark` is the last that the operator has given.
    pub fn report(&self, batch: &Batch, failed: Vec<FailedRow>, watermark: Watermark, output: &mut Output) {
        for FailedRow { number, error } in failed {
            let value = |(column, _, ty): &(usize, Arc<str>, Type)| batch.columns[*column].value(number, ty);
            let values: Vec<Value> = self.columns.iter().map(value).collect();
            let fields = self.columns.iter().zip(&values).map(|((_, name, ty), value)| (&**name, value, ty));
            let at = match batch.columns[self.time].value(number, &Type::TIMESTAMP) {
                Value::Timestamp(at) => at,
                _ => watermark.0,
            };
            let (row, place) = (json_row(fields), Place::Program(error.span));
            output.failures.push(Failure { row, reason: error.reason, place, at, time: at.max(watermark.0) });
        }
    }
}
