//! A lowered value: its bits, and whether it is null or has failed, as far as the types leave that open.

use cranelift::prelude::Value;

/// A byte of 0 or 1 in the code; `None` is known to be 0.
pub type Flag = Option<Value>;

#[derive(Clone, Copy, Debug)]
pub struct Lowered {
    pub bits: Bits,
    /// Where this is set, `bits` may hold anything.
    pub null: Flag,
    /// Where this is set, the row fails if this value counts.
    pub error: Flag,
}

#[derive(Clone, Copy, Debug)]
pub enum Bits {
    /// A byte of 0 or 1.
    Bool(Value),
    /// Ints, times, decimals.
    Word(Value),
    Float(Value),
    /// The two halves of a string view.
    Text(Value, Value),
    /// A boxed value: only whether it is null can be told.
    Boxed,
}

impl Lowered {
    pub fn plain(bits: Bits) -> Lowered {
        Lowered { bits, null: None, error: None }
    }
}
