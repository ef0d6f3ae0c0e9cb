//! What machine code is given: one table of 64-bit words, in and out.
//!
//! The first words are fixed ([`header`]), the rest are pointers, one per [`Operand`] that the code
//! uses, in the order in which the lowering met them. Row numbers are 32-bit, flags are bytes of 0 or 1.

/// The fixed words of a frame.
pub mod header {
    /// In: where to stop, a place in the selection, or a row of the batch.
    pub const ROWS: usize = 0;
    /// In: the selection, row numbers ascending. Written in place by loops that narrow it.
    pub const SELECTION: usize = 1;
    /// In: where the numbers of failed rows go.
    pub const FAILED: usize = 2;
    /// In and out: how many rows were kept.
    pub const N_KEPT: usize = 3;
    /// In and out: how many rows have failed.
    pub const N_FAILED: usize = 4;
    /// Out: not zero when a decimal did not fit 64 bits; nothing else that was written then counts.
    pub const WIDE: usize = 5;
    /// In: where to begin.
    pub const START: usize = 6;
    pub const LEN: usize = 7;
}

/// What a word of a frame points to. Columns are numbered as in the plan of the segment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operand {
    /// The values of a column.
    Data(usize),
    /// The validity bitmap of an input column, all ones if this batch has none.
    Validity(usize),
    /// Per row, whether a temporary column is null.
    Nulls(usize),
    /// Per row, whether the kernel that computed a temporary column failed.
    Errors(usize),
    /// The values of an output.
    Output(usize),
    /// Per row, whether an output is null.
    OutputNulls(usize),
    /// Not a pointer: the number of the column's first heap among the common heaps of the loop.
    FirstHeap(usize),
    /// The slots that accumulators stand in: one pointer per row.
    Slots,
}
