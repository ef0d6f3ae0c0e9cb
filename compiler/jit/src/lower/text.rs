//! Strings in machine code: 16-byte views. They are chosen between and compared with short ones;
//! everything else is done by kernels.
//!
//! Columns have their own heaps. The strings that a loop computes with are views into common heaps:
//! first that of the loop's literals, then the heaps of each column in turn.

use super::{Bits, Lowered, Lowering};
use crate::abi::Operand;
use cranelift::prelude::*;
use millstream_ir::column::View;

impl Lowering<'_, '_> {
    pub(super) fn text_literal(&mut self, text: &str) -> Lowered {
        let view = match View::inline(text.as_bytes()) {
            Some(view) => view.0,
            None => {
                let offset = self.literals.len() as u32;
                self.literals.extend_from_slice(text.as_bytes());
                View::new(text.as_bytes(), 0, offset).0
            }
        };
        let low = self.word(view as u64 as i64);
        let high = self.word((view >> 64) as u64 as i64);
        Lowered::plain(Bits::Text(low, high))
    }

    /// A view of a column, as one into the common heaps.
    pub(super) fn common_view(&mut self, column: usize, low: Value, high: Value) -> Bits {
        let base = self.pointer(Operand::FirstHeap(column));
        let moved = self.builder.ins().iadd(high, base);
        let length = self.builder.ins().ireduce(types::I32, low);
        let inline = View::INLINE as i64;
        let outside = self.builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, length, inline);
        Bits::Text(low, self.builder.ins().select(outside, moved, high))
    }
}
