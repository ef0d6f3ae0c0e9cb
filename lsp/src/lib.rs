//! The language server: what an editor asks of programs, answered from the compiler's own phases.
//!
//! [`analysis`] answers questions about a program as pure functions over byte offsets; it knows neither
//! the protocol nor an editor.

pub mod analysis;
