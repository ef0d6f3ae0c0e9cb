//! The rows of several streams as one. Its watermark is the least of theirs.

use crate::message::Message;
use crate::operator::{Operator, Output};
use crate::watermark::WatermarkTracker;

pub struct Union {
    tracker: WatermarkTracker,
}

impl Union {
    pub fn new(n_inputs: usize) -> Union {
        Union { tracker: WatermarkTracker::new(n_inputs) }
    }
}

impl Operator for Union {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(_) => output.messages.push(message),
            Message::Watermark(watermark) => {
                output.messages.extend(self.tracker.advance(input, watermark).map(Message::Watermark));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::script;

    #[test]
    fn the_watermark_is_that_of_the_input_furthest_behind() {
        let answers = script(&mut Union::new(2), "0: 1@10\n0: ~10\n1: 2@3\n1: ~5\n1: ~20\n0: ~end\n1: ~end");
        insta::assert_snapshot!(answers, @r"
        0: 1@10 | 1@10
        0: ~10 | (nothing)
        1: 2@3 | 2@3
        1: ~5 | ~5
        1: ~20 | ~10
        0: ~end | ~20
        1: ~end | ~end
        ");
    }
}
