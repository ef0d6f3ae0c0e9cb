//! Filters and computed columns: runs the kernel of a segment over each batch.
//!
//! A kernel only marks the rows that fail; the reference evaluator says why.

use crate::message::{Message, Watermark};
use crate::op::changes::that_alter;
use crate::operator::{Failure, Operator, Output, Place};
use millstream_ir::batch::{Batch, gather_late};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::engine::SegmentKernel;
use millstream_ir::flow::Schema;
use millstream_ir::segment::{Segment, SegmentError};
use millstream_ir::text::{write_json, write_json_string};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

pub struct SegmentOperator {
    segment: Arc<Segment>,
    /// The input column of the event time.
    time: usize,
    /// Of an updating input the column of the sign.
    sign: Option<usize>,
    /// Of an updating output the columns of the time and the sign.
    changes: Option<(usize, usize)>,
    kernel: Box<dyn SegmentKernel>,
    /// Which columns of the input are looked at.
    reads: Box<[bool]>,
    /// What stands in the place of the others where rows are picked.
    unread: ColumnRef,
    /// What the kernel has left of a batch of which it would have made too much at once.
    rest: Option<Batch>,
}

impl SegmentOperator {
    /// Without a kernel, the reference evaluator runs the segment row by row.
    pub fn new(
        segment: Arc<Segment>,
        input: &Schema,
        output: &Schema,
        kernel: Option<Box<dyn SegmentKernel>>,
    ) -> SegmentOperator {
        let kernel =
            kernel.unwrap_or_else(|| Box::new(crate::interp::InterpretedSegment::new(segment.clone())));
        let changes = output.sign.map(|sign| (output.time, sign));
        let reads = columns_read(&segment, input.columns.len());
        let unread = Arc::new(Column { data: ColumnData::Bool(Buffer::new()), validity: None });
        SegmentOperator {
            segment,
            time: input.time,
            sign: input.sign,
            changes,
            kernel,
            reads,
            unread,
            rest: None,
        }
    }

    fn is_withdrawn(&self, batch: &Batch, row: usize) -> bool {
        let sign = self.sign.map(|sign| &batch.columns[sign].data);
        matches!(sign, Some(ColumnData::I64(signs)) if signs[row] < 0)
    }

    /// What there is to say of a row that failed.
    pub fn explain(&self, batch: &Batch, row: usize) -> Failure {
        let inputs = |number: usize| batch.columns[number].value(row, &self.segment.inputs[number]);
        let (text, reason, span) = match self.segment.run_row(&inputs) {
            Err(SegmentError { error, row: fields, .. }) => {
                let fields = fields.iter().map(|(name, value, ty)| (&**name, value, ty));
                (json_row(fields), error.reason, error.span)
            }
            // A row that fails only in machine code would be a fault of ours; it still must not get lost.
            Ok(_) => {
                let reason = String::from("the engines disagree about this row; please report it");
                let clause = self.segment.steps.first();
                let span = clause.map_or_else(Default::default, |step| step.clause().span);
                (String::from("null"), reason, span)
            }
        };
        let at = match &batch.columns[self.time].data {
            ColumnData::I64(times) => times[row],
            _ => Watermark::START.0,
        };
        // What follows from rows alone is the same however they are batched.
        let time = batch.late(row).map_or(at, |late| late.watermark);
        Failure { row: text, reason, place: Place::Program(span), at, time }
    }
}

impl Operator for SegmentOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.run(batch, output),
            Message::Watermark(_) => output.messages.push(message),
        }
    }

    fn step_rows(&mut self, _input: usize, batch: &Batch, rows: &[u32], output: &mut Output) {
        let columns = batch.columns.iter().zip(&self.reads).map(|(column, is_read)| match is_read {
            true => Arc::new(column.gather(rows)),
            false => self.unread.clone(),
        });
        let picked = Batch {
            columns: columns.collect(),
            n_rows: rows.len(),
            origin: batch.origin.gather(rows),
            late: gather_late(&batch.late, rows),
        };
        self.run(picked, output);
    }

    fn resume(&mut self, output: &mut Output) {
        if let Some(rest) = self.rest.take() {
            self.run(rest, output);
        }
    }
}

impl SegmentOperator {
    fn run(&mut self, batch: Batch, output: &mut Output) {
        let result = self.kernel.run(&batch);
        if result.n_taken < batch.n_rows {
            self.rest = Some(batch.part(result.n_taken, batch.n_rows));
            output.more = true;
        }
        for row in result.failed.iter().map(|row| *row as usize) {
            // What failed when it was added never came out: there is nothing to withdraw.
            if !self.is_withdrawn(&batch, row) {
                output.failures.push(self.explain(&batch, row));
            }
        }
        let result = match self.changes {
            Some((time, sign)) => that_alter(result.batch, time, sign),
            None => result.batch,
        };
        if result.n_rows > 0 {
            output.messages.push(Message::Batch(result));
        }
    }
}

/// Which of so many input columns a segment looks at: all that it can show, where a row may fail.
fn columns_read(segment: &Segment, n_columns: usize) -> Box<[bool]> {
    let mut reads = vec![segment.steps.iter().any(|step| step.expr().can_fail()); n_columns];
    let of_steps = segment.steps.iter().flat_map(|step| step.expr().columns());
    for column in of_steps.chain(segment.outputs.iter().copied()).filter(|column| *column < n_columns) {
        reads[column] = true;
    }
    reads.into()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::script;
    use millstream_base::Span;
    use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
    use millstream_ir::segment::{Clause, Step};

    /// `where x > 0 let y = 10 / x - 3` over rows of `x: int` and a time; then `y` and the time.
    fn segment() -> Arc<Segment> {
        let binary =
            |op, a, b, ty| Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty, Span::default());
        let x = || Expr::column(0, Type::INT, Span::default());
        let int = |i| Expr::literal(Value::Int(i), Type::INT, Span::default());
        let row = vec![("x".into(), 0, Type::INT)];
        let clause = Arc::new(Clause { span: Span::default(), row });
        let condition = binary(BinaryOp::Greater, x(), int(0), Type::BOOL);
        let rest = binary(
            BinaryOp::Remainder,
            int(10),
            binary(BinaryOp::Subtract, x(), int(3), Type::INT),
            Type::INT,
        );
        Arc::new(Segment {
            inputs: vec![Type::INT, Type::TIMESTAMP],
            steps: vec![
                Step::Filter { condition, clause: clause.clone() },
                Step::Let { value: rest, clause },
            ],
            outputs: vec![2, 1],
        })
    }

    fn input() -> Schema {
        Schema { time: 1, ..Schema::default() }
    }

    #[test]
    fn rows_pass_in_order_and_late_ones_stay_marked() {
        let answers = script(
            &mut SegmentOperator::new(segment(), &input(), &input(), None),
            "0: 1@1 0@2 7@3!9 -1@4 10@5\n0: 0@6\n0: ~7",
        );
        insta::assert_snapshot!(answers, @r"
        0: 1@1 0@2 7@3!9 -1@4 10@5 | 0@1 2@3!9 3@5
        0: 0@6 | (nothing)
        0: ~7 | ~7
        ");
    }

    #[test]
    fn a_failing_row_leaves_as_it_entered_its_clause() {
        let mut columns: Vec<_> =
            segment().inputs.iter().map(millstream_ir::column::ColumnBuilder::new).collect();
        for x in [-5, 3, 4] {
            columns[0].push(&Value::Int(x));
            columns[1].push(&Value::Timestamp(100 + x));
        }
        let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
        let batch = Batch { columns, n_rows: 3, origin: Default::default(), late: vec![] };
        let mut output = Output::default();
        SegmentOperator::new(segment(), &input(), &input(), None).step(0, Message::Batch(batch), &mut output);
        let [failure] = &output.failures[..] else { panic!("{:?}", output.failures) };
        assert_eq!((failure.row.as_str(), failure.at), (r#"{"x":3}"#, 103));
        assert!(failure.reason.contains("zero"), "{}", failure.reason);
        let [Message::Batch(batch)] = &output.messages[..] else { panic!("one batch") };
        assert_eq!(batch.n_rows, 1);
    }
}
