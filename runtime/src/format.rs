//! Formats: bytes to columns and rows to bytes. One file per format.

use millstream_ir::column::{Column, Heap};
use std::ops::Range;

/// Turns the bytes of one partition into rows. Keeps what it learns about the input (a CSV header,
/// the order of keys) from block to block.
pub trait Decoder: Send {
    /// How many of these bytes, from the start, are whole records. The reader keeps the rest and
    /// offers it again with what follows; at the end of the input everything is whole.
    fn whole(&mut self, bytes: &[u8], end_of_input: bool) -> usize;

    /// Decodes `block[range]`, which holds whole records. The block is readable for at least
    /// [`PADDING`] bytes past the range; string columns may point into it.
    fn decode(&mut self, block: &Heap, range: Range<usize>, decoded: &mut Decoded);
}

/// Bytes that can be read past the end of a block's records.
pub const PADDING: usize = 128;

/// The rows of a block, in order, in batches of at most `BATCH_ROWS`.
#[derive(Default, Debug)]
pub struct Decoded {
    pub batches: Vec<DecodedRows>,
    pub unreadable: Vec<Unreadable>,
    /// All records seen, readable or not; blank lines are none.
    pub n_records: u64,
}

#[derive(Debug)]
pub struct DecodedRows {
    /// One per entry of the source's `columns`.
    pub columns: Vec<Column>,
    pub n_rows: usize,
    /// The record number of each row, from the start of the block; none where it is `first + row`.
    pub first: u64,
    pub offsets: Option<Vec<u32>>,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// Its number from the start of the block.
    pub record: u64,
    /// Its text, shortened to 1,000 characters; invalid UTF-8 replaced.
    pub text: String,
    /// Why, in the user's words.
    pub reason: String,
}
