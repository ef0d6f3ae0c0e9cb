//! Bytes to columns. Each loop is written once, generic over [`super::simd::Simd`]; the portable
//! implementation of that is what Miri runs. Start at [`fields`].

pub mod cell;
pub mod fields;
pub mod lines;
pub mod literal;
pub mod number;
pub mod skip;
pub mod text;
pub mod time;
