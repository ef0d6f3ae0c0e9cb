//! Whose turn it is to be looked at: while the watermark advances by a quarter of the time that a state
//! lives, all states are looked at once, a few per watermark.

use crate::message::{EventTime, Watermark};

/// Whose turn it is to be looked at.
pub struct Sweep {
    /// The watermark of the last look.
    at: EventTime,
    next: u32,
}

impl Default for Sweep {
    fn default() -> Sweep {
        Sweep { at: Watermark::START.0, next: 0 }
    }
}

impl Sweep {
    /// The numbers of the states to look at now, of `n`, and whether the last of all is among them.
    pub fn advance(
        &mut self,
        watermark: Watermark,
        expire: i64,
        n: usize,
    ) -> (impl Iterator<Item = u32> + use<>, bool) {
        let turn = (expire / 4).max(1);
        let advanced = watermark.0.saturating_sub(self.at);
        let due = (n as u128 * advanced.max(0) as u128 / turn as u128).min(n as u128) as u32;
        let first = if self.next as usize >= n { 0 } else { self.next };
        let ends = due > 0 && first as usize + due as usize >= n;
        if due > 0 {
            self.at = watermark.0;
            self.next = if ends { (first + due) - n as u32 } else { first + due };
        }
        let n = n as u32;
        ((first..first + due).map(move |number| if number >= n { number - n } else { number }), ends)
    }
}
