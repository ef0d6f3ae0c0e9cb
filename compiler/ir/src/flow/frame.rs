//! Windows of which each row has its own: over the rows up to it.

use super::Keep;
use crate::aggregate::AggregateCall;
use crate::text::format_duration;
use std::fmt;

/// Adds to each row the aggregates of its frame, behind the columns of the input. Its input comes in the total
/// order, without late rows.
#[derive(Clone, PartialEq, Debug)]
pub struct FrameAggregate {
    pub frame: Frame,
    /// Columns of the input.
    pub keys: Vec<usize>,
    pub aggregates: Vec<AggregateCall>,
    /// Whether two columns more hold the times of the first and the last row of the frame.
    pub has_bounds: bool,
}

/// Rows of a row's key, itself the last of them in the total order.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Frame {
    /// Those less than `size` microseconds older.
    Sliding { size: i64 },
    /// As many as these, or all if there are not so many.
    Rows { n_rows: usize, keep: Keep },
    /// All.
    Running(Keep),
}

impl Frame {
    /// How long the rows of a key are kept that no later one of its rows looks at.
    pub fn keep(self) -> Keep {
        match self {
            Frame::Sliding { size } => Keep::Expire(size),
            Frame::Rows { keep, .. } | Frame::Running(keep) => keep,
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Frame::Sliding { size } => write!(f, "sliding({})", format_duration(*size)),
            Frame::Rows { n_rows, keep } => write!(f, "sliding({n_rows} rows, {keep})"),
            Frame::Running(keep) => write!(f, "running({keep})"),
        }
    }
}
