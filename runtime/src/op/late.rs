//! The late rows of a source, or of a clause that assigns times, as a stream: `late(name)`.
//!
//! They are timed by the watermark at which each was set aside, so they are not late themselves.
//! That time is a last column more than the input has.

use crate::message::Message;
use crate::operator::{Operator, Output};
use millstream_ir::batch::{Batch, LateRow};
use millstream_ir::column::{Column, ColumnData};
use std::sync::Arc;

/// Reads the batches of its input and what that set aside as late: of both, the rows marked late.
pub struct Late;

impl Operator for Late {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) if batch.late.is_empty() => {}
            Message::Batch(batch) => {
                let mut rows = late_rows(&batch, &batch.late);
                let watermarks = rows.late.drain(..).map(|late| late.watermark).collect();
                rows.columns.push(Arc::new(Column { data: ColumnData::I64(watermarks), validity: None }));
                output.messages.push(Message::Batch(rows));
            }
            Message::Watermark(_) => output.messages.push(message),
        }
    }
}

/// Of a batch the rows that are late.
pub(super) fn late_rows(batch: &Batch, late: &[LateRow]) -> Batch {
    let numbers: Vec<u32> = late.iter().map(|late| late.row).collect();
    let renumber = |(row, late): (u32, &LateRow)| LateRow { row, ..*late };
    Batch { late: (0..).zip(late).map(renumber).collect(), ..batch.gather(&numbers) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::script;

    #[test]
    fn a_late_row_is_timed_by_the_watermark_that_it_came_behind() {
        let answers = script(&mut Late, "0: 1@10\n0: ~10\n0: 2@3!10 3@12 4@9!12\n0: ~12\n0: ~end");
        insta::assert_snapshot!(answers, @r"
        0: 1@10 | (nothing)
        0: ~10 | ~10
        0: 2@3!10 3@12 4@9!12 | 2@3@10 4@9@12
        0: ~12 | ~12
        0: ~end | ~end
        ");
    }
}
