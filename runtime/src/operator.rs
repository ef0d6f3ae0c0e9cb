//! The one interface of everything that runs: state in, messages out, no clock, no files, no network.

use crate::message::{EventTime, Message};
use millstream_base::Span;
use millstream_ir::batch::Batch;

/// A running node of the flow.
pub trait Operator: Send {
    /// Takes one message on an input (numbered as the node's `inputs`) and puts what follows from it
    /// into `output`, in order. After `Watermark::END` on every input nothing is left pending.
    fn step(&mut self, input: usize, message: Message, output: &mut Output);
}

/// What a step produced.
#[derive(Default, Debug)]
pub struct Output {
    /// For the readers of the node.
    pub messages: Vec<Message>,
    /// Rows that left through a row error, for `errors(name)`.
    pub failures: Vec<Failure>,
    /// Rows that left because they are late, for `late(name)`; the columns are the node's.
    pub late: Vec<Batch>,
    /// Late rows that an operator left out; they are counted, `late(source)` has them already.
    pub n_late_left_out: u64,
}

/// A row that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The row as it entered the failing clause, as JSON text.
    pub row: String,
    /// Why, in the user's words.
    pub reason: String,
    pub place: Place,
    /// The row's own time, where it has one.
    pub at: Option<EventTime>,
}

/// Where a row failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// In this expression of the program.
    Program(Span),
    /// It could not be read: the partition and the number of the record in it, from 1.
    Input(String),
}
