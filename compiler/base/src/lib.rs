//! What every phase of the compiler shares: places in the text, diagnostics and their codes,
//! and the faces in which diagnostics are shown. Knows no other crate of Millstream.

pub mod codes;
pub mod diagnostic;
pub mod explain;
pub mod render;
pub mod span;
pub mod suggest;

pub use codes::Code;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use span::{FileId, SourceMap, Span};
pub use suggest::{did_you_mean, edit_distance};
