//! What is noted down while a run goes on.

use crate::message::EventTime;
use millstream_ir::value::Value;

#[derive(Clone, Debug)]
pub enum Note {
    /// The event was taken as this step.
    Took(usize),
    /// This clock has run down, and the way went on with it.
    RanDown(usize),
    /// The event was not taken as this step.
    Refused(usize, Refusal),
    /// An event of this absence came.
    Broke(usize),
    /// An event came that must not between the first and the last.
    Intruder(usize),
}

/// Why an event was not taken as a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It is of another stream.
    Stream,
    /// The condition does not hold, with these bindings.
    Condition(Vec<Value>),
    /// Something lay in between, where nothing may.
    Parted,
    /// An event of this absence came before.
    Absence(usize),
    /// It came after this clock had run down.
    Limit(usize),
    /// The run was out of time.
    OutOfTime(EventTime),
    /// An event of this absence came less than this clock before.
    NotQuiet { absence: usize, clock: usize },
}

/// Where notes go.
pub struct Notes {
    /// Whether somebody wants to know why events were not taken, which takes long.
    with_refusals: bool,
    pub notes: Vec<Note>,
    /// Whether a condition could not be computed.
    pub has_failed: bool,
}

impl Notes {
    pub fn new(with_refusals: bool) -> Notes {
        Notes { with_refusals, notes: vec![], has_failed: false }
    }

    pub fn push(&mut self, note: Note) {
        self.notes.push(note);
    }

    pub fn refuse(&mut self, step: usize, refusal: impl FnOnce() -> Refusal) {
        if self.with_refusals {
            self.notes.push(Note::Refused(step, refusal()));
        }
    }
}
