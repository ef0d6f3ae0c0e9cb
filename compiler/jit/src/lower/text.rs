//! Strings in machine code: views, as far as they fit inline.

use super::{Bits, Lowered, Lowering};
use millstream_ir::column::View;

impl Lowering<'_, '_> {
    /// A string of at most [`View::INLINE`] bytes.
    pub(super) fn text_literal(&mut self, text: &str) -> Lowered {
        let view = View::inline(text.as_bytes()).unwrap_or(View::EMPTY).0;
        let low = self.word(view as u64 as i64);
        let high = self.word((view >> 64) as u64 as i64);
        Lowered::plain(Bits::Text(low, high))
    }
}
