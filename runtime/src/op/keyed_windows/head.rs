//! What most rows look at of their key, beside the slot of its own: enough to see that a row does nothing but
//! make the one session of its key longer.
//!
//! A session stands either here, and its group in the slot of the key, or in the key's [state](super::state),
//! with all others that the key has.

use crate::accumulate::arena::{BESIDE, Slot};
use crate::message::EventTime;
use crate::op::keyed_windows::state::{Groups, Open};

pub type Words = [u64; BESIDE];

#[derive(Clone, Copy)]
pub struct Head {
    /// When the watermark is to come back to the key, or [`NOT_DUE`].
    pub due: EventTime,
    /// The times of the last and of the first row of the key's one session; or [`ELSEWHERE`] with another time:
    /// 0 where the state has windows, [`ELSEWHERE`] where there are none.
    last: EventTime,
    start: EventTime,
}

/// No window ends then.
pub const NOT_DUE: EventTime = EventTime::MIN;
/// No row makes a session longer that ended then.
const ELSEWHERE: EventTime = EventTime::MAX;

/// Of a key without windows.
pub const IDLE: Words = words(Head { due: NOT_DUE, last: ELSEWHERE, start: ELSEWHERE });

const fn words(head: Head) -> Words {
    [head.due as u64, head.last as u64, head.start as u64]
}

/// Whether a row comes behind all others of the key's one session, which `gap` ends. That session then lasts
/// longer, which changes nothing else.
#[inline]
pub fn take(words: &mut Words, time: EventTime, gap: i64) -> bool {
    let last = words[1] as i64;
    let takes = time >= last && time < last.saturating_add(gap);
    if takes {
        words[1] = time as u64;
    }
    takes
}

impl Head {
    #[inline]
    pub fn of(words: &Words) -> Head {
        Head { due: words[0] as i64, last: words[1] as i64, start: words[2] as i64 }
    }

    #[inline]
    pub fn write(self, to: &mut Words) {
        *to = words(self);
    }

    #[inline]
    pub fn due_at(self, due: EventTime) -> Head {
        Head { due, ..self }
    }

    /// Of a session of these rows.
    #[inline]
    pub fn with_session(self, start: EventTime, last: EventTime) -> Head {
        Head { last, start, ..self }
    }

    /// Where the state has all windows; `some` tells whether there are any.
    #[inline]
    pub fn without_session(self, some: bool) -> Head {
        Head { last: ELSEWHERE, start: if some { 0 } else { ELSEWHERE }, ..self }
    }

    #[inline]
    pub fn has_session(self) -> bool {
        self.last != ELSEWHERE
    }

    #[inline]
    pub fn is_idle(self) -> bool {
        self.last == ELSEWHERE && self.start == ELSEWHERE
    }

    /// Takes a row into the session, if there is one that it lies in.
    pub fn with_row(self, time: EventTime, gap: i64) -> Option<Head> {
        let lies_in = time < self.last.saturating_add(gap) && self.start < time.saturating_add(gap);
        let (start, last) = (self.start.min(time), self.last.max(time));
        (self.has_session() && lies_in).then(|| self.with_session(start, last))
    }

    /// When the session ends, if there is one.
    #[inline]
    pub fn end(self, gap: i64) -> Option<EventTime> {
        self.has_session().then(|| self.last.saturating_add(gap))
    }

    /// The session of a key, if there is one.
    #[inline]
    pub fn session(self, number: u32, gap: i64) -> Option<Open> {
        let groups = Groups::One(Slot::own(number));
        self.end(gap).map(|end| Open { start: self.start, last: self.last, end, n_rows: 0, groups })
    }
}
