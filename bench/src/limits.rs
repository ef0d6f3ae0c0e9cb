//! Hand-written Rust for each query shape: the speed to compare with. One file per shape.

pub mod decode;
pub mod end_to_end;
pub mod filter;
pub mod history;
pub mod ranked;
pub mod sliding;
pub mod tumbling;
pub mod windows;
