//! Why there is a match, or none: the events of one key replayed against a pattern, run by run.
//!
//! This is a second, plain implementation of patterns. It shares nothing with the operator
//! ([`crate::op::match_pattern`]) but what a pattern is, and finds the same matches, which tests hold.

mod automaton;
pub mod condition;
mod event;
mod note;
mod replay;
mod run;
mod survey;
mod tell;
mod words;

pub use automaton::Automaton;
pub use event::{Asked, Event};
pub use note::{Note, Refusal};
pub use replay::{Ending, Found, NotBegun, Outcome, Replay, RunTold, Told};
pub use run::{END, Moment};
pub use tell::{Question, answer};
pub use words::Words;
