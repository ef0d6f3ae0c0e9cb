//! How values are written and read: as the language and JSON write them.
//!
//! Nothing here panics on any input, and what reads a single value does not allocate.

pub mod bytes;
pub mod duration;
pub mod json;
pub mod lines;
pub mod number;
pub mod pattern;
pub mod timestamp;

pub use bytes::{parse_base64, write_base64};
pub use duration::{format_duration, parse_duration, write_duration};
pub use json::{from_json, json_of, quote, write_json, write_json_string};
pub use lines::{Lines, Piece};
pub use number::{
    format_decimal, format_float, parse_bool, parse_decimal, parse_float, parse_int, write_decimal,
    write_float, write_int,
};
pub use pattern::TimePattern;
pub use timestamp::{format_timestamp, has_literal, parse_timestamp, write_timestamp};

/// What `write` puts into an empty buffer, as a string.
pub(crate) fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}
