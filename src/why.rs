//! Why there are these rows and no others: the program's inputs are read again, and what happened on the way to a
//! stream is told. Nothing is written.

mod errors;
mod join;
mod keys;
mod pattern;
mod replay;
mod stream;

pub use pattern::{Asked, why_match};
pub use replay::sink;
pub use stream::why_stream;

#[cfg(test)]
mod tests;
