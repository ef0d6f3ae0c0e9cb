//! The waist of Millstream: what compile time and run time share, as data only.
//!
//! The compiler ends in a [`flow::Flow`]; the runtime begins with one. Neither knows the other.
//! Reading order: [`types`], [`value`], [`buffer`], [`mod@column`], [`batch`]: what data is;
//! [`text`]: how values are written and read; [`expr`], [`eval`], [`effort`], [`segment`], [`aggregate`], [`window`], [`pattern`], [`flow`]: what is done with it;
//! [`catalog`], [`engine`]: where functions and machine code come in as values.

pub mod aggregate;
pub mod batch;
pub mod buffer;
pub mod catalog;
pub mod column;
pub mod effort;
pub mod engine;
pub mod eval;
pub mod expr;
pub mod flow;
pub mod pattern;
pub mod segment;
pub mod testing;
pub mod text;
pub mod types;
pub mod value;
pub mod window;

#[cfg(target_endian = "big")]
compile_error!("string views and keys are laid out for little-endian machines");
