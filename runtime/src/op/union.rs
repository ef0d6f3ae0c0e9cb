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
