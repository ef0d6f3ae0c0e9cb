//! One file per command. Each returns the exit code.

pub mod check;
pub mod completions;
pub mod emit;
mod errors;
pub mod explain;
pub mod fmt;
pub mod graph;
pub mod infer;
pub mod lsp;
pub mod man;
pub mod new;
pub mod preview;
pub mod repl;
pub mod run;
pub mod state;
pub mod test;
pub mod why;
