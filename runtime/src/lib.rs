//! The engine: reads sources, runs a [`millstream_ir::flow::Flow`], writes sinks.
//!
//! Knows the compiler only as data and the machine code only through
//! [`millstream_ir::engine::Engine`]. Start at [`message`] and [`operator`].

pub mod accumulate;
pub mod checkpoint;
pub mod connector;
pub mod contents;
pub mod errors;
pub mod format;
pub mod graph;
pub mod intake;
pub mod interp;
pub mod job;
pub mod kernel;
pub mod message;
pub mod op;
pub mod operator;
mod read_ahead;
pub mod reader;
pub mod report;
pub mod seed;
pub mod simulate;
pub mod sink;
pub mod snapshot;
pub mod source;
pub mod spill;
mod tables;
pub mod time;
pub mod waiting;
pub mod watermark;
pub mod why;
pub mod workers;
mod write_behind;
mod writers;
