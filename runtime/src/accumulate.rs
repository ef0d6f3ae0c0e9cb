//! Aggregates: their states outside of slots, and what comes out of both at the end of a window.

pub mod arena;
mod element;
mod exact;
pub mod keyed;
pub mod order;
mod radix;
pub mod result;
pub mod side;
mod sorted;
mod state;
#[cfg(test)]
pub(crate) mod testing;
