//! What single aggregates keep of a group where it does not fit a slot.

pub mod collect;
pub mod distinct;
pub mod edge;
pub mod extreme;
pub mod float_sum;
pub mod placed;
