//! Operators: one file each. To add one: a node in `ir::flow`, a file here, a line in `build`.

pub mod match_pattern;
