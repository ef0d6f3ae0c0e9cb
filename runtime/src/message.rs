//! What travels between operators.

use millstream_ir::batch::Batch;

/// When something happened, from the data: microseconds since 1970 UTC.
pub type EventTime = i64;

/// A promise: from here on, no row that is not late has an earlier time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Watermark(pub EventTime);

impl Watermark {
    /// Before the first row: nothing is promised.
    pub const START: Watermark = Watermark(EventTime::MIN);
    /// The input has ended: everything pending is due.
    pub const END: Watermark = Watermark(EventTime::MAX);
}

#[derive(Clone, Debug)]
pub enum Message {
    Batch(Batch),
    /// Never lower than the one before it on the same edge.
    Watermark(Watermark),
}
