//! The session in which expressions, queries and definitions are typed one by one.
//!
//! [`prompt`] reads entries from a terminal, [`script`] from standard input; [`answer`] answers each, with the
//! definitions of the [`session`]; [`ask`] is for what is asked about these.

mod answer;
mod ask;
mod commands;
mod complete;
mod elsewhere;
mod entries;
mod errors;
mod expression;
mod help;
mod highlight;
mod history;
mod interrupts;
#[cfg(unix)]
mod keys;
#[cfg(not(unix))]
#[path = "repl/no_keys.rs"]
mod keys;
mod live;
mod operators;
pub mod prompt;
mod rows;
mod run;
mod save;
pub mod script;
mod session;

pub use answer::{Answer, Repl};
