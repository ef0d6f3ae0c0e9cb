//! Why there are these rows and no others: the program's inputs are read again, and what happened on the way to a
//! stream is told. Nothing is written.

pub mod errors;
pub mod keys;
mod pattern;
mod stream;

pub use pattern::{Asked, why_match};
pub use stream::why_stream;

#[cfg(test)]
mod tests;
