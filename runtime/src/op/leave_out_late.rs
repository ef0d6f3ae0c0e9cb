//! The rows that are not late, as they come: in the scope of a window that no operator closes, where the
//! window of a row follows from its time alone.

use crate::message::Message;
use crate::op::order::without_late;
use crate::operator::{Operator, Output};

pub struct LeaveOutLate;

impl Operator for LeaveOutLate {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        let message = match message {
            Message::Batch(batch) => Message::Batch(without_late(batch, output)),
            watermark => watermark,
        };
        output.messages.push(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::script;

    #[test]
    fn rows_in_time_leave_at_once() {
        insta::assert_snapshot!(script(&mut LeaveOutLate, "0: 1@10 2@3!10 3@12\n0: ~12"), @r"
        0: 1@10 2@3!10 3@12 | 1@10 3@12
        0: ~12 | ~12
        ");
    }
}
