//! The clock: the only place that reads it. Operators never do; they are told the time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Processing time in microseconds since 1970 UTC.
pub trait Clock: Send {
    fn now(&self) -> i64;
}

/// A clock that stands until it is moved.
pub struct ManualClock(i64);

impl ManualClock {
    pub fn at(now: i64) -> ManualClock {
        ManualClock(now)
    }

    /// To a time, unless it is there or past it already.
    pub fn advance(&mut self, to: i64) {
        self.0 = self.0.max(to);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> i64 {
        self.0
    }
}

/// The wall clock.
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64)
    }
}
