//! The language server: what an editor asks of programs, answered from the compiler's own phases.
//!
//! [`analysis`] answers questions about a program as pure functions over byte offsets; it knows neither
//! the protocol nor an editor. Around it, from the editor inwards: [`serve`] takes messages one by one,
//! `requests` has a file for each request, `convert` is where values of the protocol are built, `workspace`
//! knows the open files and the programs that they belong to.

mod address;
pub mod analysis;
mod client;
mod convert;
mod documents;
mod line_index;
mod requests;
mod server;
mod stdio;
mod tree;
mod workspace;

pub use server::{Ended, serve, serve_stdio};
