//! Filters and computed columns: runs the kernel of a segment over each batch.
//!
//! A kernel only marks the rows that fail; the reference evaluator says why.

use crate::message::Message;
use crate::operator::{Failure, Operator, Output, Place};
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnData;
use millstream_ir::engine::SegmentKernel;
use millstream_ir::segment::{Segment, SegmentError};
use millstream_ir::text::{write_json, write_json_string};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

pub struct SegmentOperator {
    segment: Arc<Segment>,
    /// The input column of the event time.
    time: usize,
    kernel: Box<dyn SegmentKernel>,
}

impl SegmentOperator {
    /// Without a kernel, the reference evaluator runs the segment row by row.
    pub fn new(
        segment: Arc<Segment>,
        time: usize,
        kernel: Option<Box<dyn SegmentKernel>>,
    ) -> SegmentOperator {
        let kernel =
            kernel.unwrap_or_else(|| Box::new(crate::interp::InterpretedSegment::new(segment.clone())));
        SegmentOperator { segment, time, kernel }
    }

    fn explain(&self, batch: &Batch, row: usize) -> Option<Failure> {
        let inputs = |number: usize| batch.columns[number].value(row, &self.segment.inputs[number]);
        let SegmentError { error, row: fields, .. } = self.segment.run_row(&inputs).err()?;
        let at = match &batch.columns[self.time].data {
            ColumnData::I64(times) => Some(times[row]),
            _ => None,
        };
        let fields = fields.iter().map(|(name, value, ty)| (&**name, value, ty));
        Some(Failure { row: json_row(fields), reason: error.reason, place: Place::Program(error.span), at })
    }
}

impl Operator for SegmentOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        let Message::Batch(batch) = message else {
            return output.messages.push(message);
        };
        let result = self.kernel.run(&batch);
        for row in result.failed {
            // A row that fails only in machine code would be a fault of ours; it still must not get lost.
            let failure = self.explain(&batch, row as usize).unwrap_or_else(|| Failure {
                row: String::from("null"),
                reason: String::from("the engines disagree about this row; please report it"),
                place: Place::Program(
                    self.segment.steps.first().map_or_else(Default::default, |s| s.clause().span),
                ),
                at: None,
            });
            output.failures.push(failure);
        }
        if result.batch.n_rows > 0 {
            output.messages.push(Message::Batch(result.batch));
        }
    }
}

/// A row as a JSON object.
pub fn json_row<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Value, &'a Type)>) -> String {
    let mut text = vec![b'{'];
    for (name, value, ty) in fields {
        if text.len() > 1 {
            text.push(b',');
        }
        write_json_string(&mut text, name);
        text.push(b':');
        write_json(&mut text, value, ty);
    }
    text.push(b'}');
    String::from_utf8(text).unwrap_or_default()
}
