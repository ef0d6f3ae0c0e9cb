//! The middle of the compiler: names, types, plans. Pure: text and catalogs come in as values.

pub mod check;
pub mod errors;
pub mod hir;
pub mod lower;
pub mod names;
pub mod opt;
pub mod physical;
pub mod plan;
pub mod resolve;
pub mod scope;
