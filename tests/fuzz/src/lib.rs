//! What must hold of any input, one module with a function `property` per fuzz target.
//!
//! A property panics where it does not hold. The tests of the crates that the properties are about
//! include these files, and run them on the corpus and a bounded number of mutants of it (`bounded`).

pub mod check;
pub mod checkpoint;
#[path = "../../support/compiled.rs"]
mod compiled;
pub mod csv;
pub mod draw;
pub mod findings;
pub mod format;
pub mod json;
pub mod parse;
pub mod rows;
pub mod state;
