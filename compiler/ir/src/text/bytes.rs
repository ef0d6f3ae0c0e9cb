//! Bytes as base64 text.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

pub fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
}

/// With or without padding.
pub fn parse_base64(text: &[u8]) -> Option<Vec<u8>> {
    let engine = if text.len().is_multiple_of(4) { STANDARD } else { STANDARD_NO_PAD };
    engine.decode(text).ok()
}
