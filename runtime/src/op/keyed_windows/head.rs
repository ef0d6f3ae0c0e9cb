//! What most rows look at of their key: enough to see that a row does nothing but make the one session of its
//! key longer. It is so small that the cache holds many.

use super::state::{Groups, KeyState, Kind, Open};
use crate::accumulate::arena::Slot;
use crate::message::EventTime;

/// No head lies across two cache lines.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub struct Head {
    /// When the watermark is to come back to the key, or [`NOT_DUE`].
    pub due: EventTime,
    /// The time of the last row of the key's one session, which its state does not know; or [`COLD`], and the
    /// state knows all.
    last: EventTime,
    slot: Slot,
}

/// No window ends then.
pub const NOT_DUE: EventTime = EventTime::MIN;
/// No row makes a session longer that ended then.
const COLD: EventTime = EventTime::MAX;

impl Default for Head {
    fn default() -> Head {
        Head { due: NOT_DUE, last: COLD, slot: Slot(0) }
    }
}

impl Head {
    /// The slot for a row that comes behind all others of the key's one session, which `gap` ends. That session
    /// then lasts longer, which changes nothing else.
    #[inline]
    pub fn take(&mut self, time: EventTime, gap: i64) -> Option<Slot> {
        let takes = time >= self.last && time < self.last.saturating_add(gap);
        if takes {
            self.last = time;
        }
        takes.then_some(self.slot)
    }

    /// Tells the state what it does not know.
    pub fn cool(&mut self, kind: &Kind, state: &mut KeyState) {
        let last = std::mem::replace(&mut self.last, COLD);
        if last != COLD
            && let Some(window) = state.get_mut(0)
        {
            kind.extend(window, last, last);
        }
    }

    /// Takes over from the state, where there is but one session.
    pub fn warm(&mut self, kind: &Kind, state: &KeyState) {
        if let Kind::Session { max: None, .. } = kind
            && let Some(Open { last, groups: Groups::One(slot), .. }) = state.only()
        {
            (self.last, self.slot) = (*last, *slot);
        }
    }

    /// The last row and the end of a window of the state.
    pub fn bounds(&self, kind: &Kind, window: &Open) -> (EventTime, EventTime) {
        match kind {
            Kind::Session { gap, .. } if self.last != COLD => (self.last, self.last.saturating_add(*gap)),
            _ => (window.last, window.end),
        }
    }

    /// The end of the window that ends first.
    pub fn first_end(&self, kind: &Kind, state: &KeyState) -> Option<EventTime> {
        match kind {
            Kind::Session { gap, .. } if self.last != COLD => Some(self.last.saturating_add(*gap)),
            _ => state.first_end(),
        }
    }
}
