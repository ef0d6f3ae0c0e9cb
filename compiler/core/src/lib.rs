//! The middle of the compiler: names, types, plans. Pure: text and catalogs come in as values.

pub mod hir;
pub mod lower;
pub mod opt;
pub mod physical;
pub mod plan;
