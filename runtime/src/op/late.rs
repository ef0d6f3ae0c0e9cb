//! The late rows of a source, or of a clause that assigns times, as a stream: `late(name)`.
//!
//! They are timed by the watermark at which they were set aside, so they are not late themselves.
//! That time is a last column more than the input has.

use crate::message::{Message, Watermark};
use crate::operator::{Operator, Output};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData};
use std::sync::Arc;

/// Reads the batches of its input and what that set aside as late: of both, the rows marked late.
pub struct Late {
    watermark: Watermark,
}

impl Late {
    pub fn new() -> Late {
        Late { watermark: Watermark::START }
    }
}

impl Default for Late {
    fn default() -> Late {
        Late::new()
    }
}

impl Operator for Late {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) if batch.late.is_empty() => {}
            Message::Batch(batch) => {
                let mut rows = batch.gather(&batch.late);
                rows.late = vec![];
                rows.columns.push(times(self.watermark, rows.n_rows));
                output.messages.push(Message::Batch(rows));
            }
            Message::Watermark(watermark) => {
                self.watermark = watermark;
                output.messages.push(message);
            }
        }
    }
}

/// A column in which every row has the watermark's time.
pub(super) fn times(watermark: Watermark, n_rows: usize) -> Arc<Column> {
    let times = std::iter::repeat_n(watermark.0, n_rows).collect();
    Arc::new(Column { data: ColumnData::I64(times), validity: None })
}

/// A batch all of whose rows are late.
pub(super) fn all_late(batch: Batch) -> Batch {
    Batch { late: (0..batch.n_rows as u32).collect(), ..batch }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::script;

    #[test]
    fn late_rows_are_timed_by_the_watermark() {
        let answers = script(&mut Late::new(), "0: 1@10\n0: ~10\n0: 2@3! 3@12 4@9!\n0: ~12\n0: ~end");
        insta::assert_snapshot!(answers, @r"
        0: 1@10 | (nothing)
        0: ~10 | ~10
        0: 2@3! 3@12 4@9! | 2@3@10 4@9@10
        0: ~12 | ~12
        0: ~end | ~end
        ");
    }
}
