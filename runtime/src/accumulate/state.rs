//! What single aggregates keep of a group where it does not fit a slot.

pub mod cardinality;
pub mod collect;
pub mod distinct;
pub mod edge;
pub mod extreme;
pub mod float_sum;
pub mod frequent;
pub mod histogram;
pub mod joined;
pub mod moments;
pub mod percentile;
pub mod placed;
pub mod ranked;
pub mod top;
pub mod user;
