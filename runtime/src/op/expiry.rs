//! `expire D`: what belongs to a key is forgotten D after the key's last event.
//!
//! Whether it is forgotten is told by the times of events alone, so no answer depends on when the watermark
//! comes; the watermark only frees what no event can reach any more.

use crate::message::{EventTime, Watermark};
use millstream_ir::flow::Keep;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

pub struct Expiry<K: Ord> {
    keep: Keep,
    /// One entry per key that is watched: not before this time is it due.
    due: BinaryHeap<Reverse<(EventTime, K)>>,
}

impl<K: Ord + Clone> Expiry<K> {
    pub fn new(keep: Keep) -> Expiry<K> {
        Expiry { keep, due: BinaryHeap::new() }
    }

    /// Whether a key whose last event was at `last` is forgotten for an event of time `now` (of a late one:
    /// the watermark that it came behind).
    pub fn is_over(&self, last: EventTime, now: EventTime) -> bool {
        matches!(self.keep, Keep::Expire(duration) if now >= last.saturating_add(duration))
    }

    pub fn expires(&self) -> bool {
        matches!(self.keep, Keep::Expire(_))
    }

    /// A new key is kept, with an event at `last`.
    pub fn watch(&mut self, key: K, last: EventTime) {
        if let Keep::Expire(duration) = self.keep {
            self.due.push(Reverse((last.saturating_add(duration), key)));
        }
    }

    /// Calls `forget` for each key that no event can reach any more, which then is not watched any longer.
    /// `last` tells a key's last event; none if the key is gone already.
    pub fn advance(
        &mut self,
        watermark: Watermark,
        mut last: impl FnMut(&K) -> Option<EventTime>,
        mut forget: impl FnMut(&K),
    ) {
        let Keep::Expire(duration) = self.keep else { return };
        while let Some(Reverse((due, _))) = self.due.peek()
            && *due <= watermark.0
            && let Some(Reverse((_, key))) = self.due.pop()
        {
            match last(&key).map(|last| last.saturating_add(duration)) {
                // At the end of time nothing is due any more.
                Some(later) if later > watermark.0 || later == EventTime::MAX => {
                    self.due.push(Reverse((later, key)));
                    if later == EventTime::MAX {
                        return;
                    }
                }
                Some(_) => forget(&key),
                None => {}
            }
        }
    }
}
