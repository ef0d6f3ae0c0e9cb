//! The clock: the only place that reads it. Operators never do; they are told the time.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub trait Clock: Send {
    /// Processing time in microseconds since 1970 UTC. Somebody may set it, to any other time.
    fn now(&self) -> i64;

    /// Microseconds since some moment, whoever sets the time meanwhile: for what is measured, or done every so often.
    fn elapsed(&self) -> i64;
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

    fn elapsed(&self) -> i64 {
        self.0
    }
}

/// The wall clock.
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64)
    }

    fn elapsed(&self) -> i64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed().as_micros() as i64
    }
}
