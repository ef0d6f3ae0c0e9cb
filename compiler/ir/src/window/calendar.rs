//! Windows of the calendar in a time zone: hours, days, weeks from Monday, months, quarters, years.
//!
//! Each is found by its number (days since 1970, months since year 0 …), and its bounds are the instants
//! at which the zone's clocks show its start and that of the next: so a day has 23 or 25 hours where the
//! clocks change, and none where the calendar leaves one out. Hours follow the clocks too; where those are
//! moved by less than an hour, the hour ends at the change.

use super::{Window, clamp};
use crate::text::timestamp::{MICROS_PER_DAY, MICROS_PER_SECOND, civil_from_days, days_from_civil};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CalendarUnit {
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

const HOUR: i64 = 3600 * MICROS_PER_SECOND;

impl CalendarUnit {
    /// As the language calls it.
    pub fn name(self) -> &'static str {
        match self {
            CalendarUnit::Hour => "hour",
            CalendarUnit::Day => "day",
            CalendarUnit::Week => "week",
            CalendarUnit::Month => "month",
            CalendarUnit::Quarter => "quarter",
            CalendarUnit::Year => "year",
        }
    }

    /// What the clocks advance in the shortest of them, in microseconds: an offset is less.
    pub fn shortest(self) -> i64 {
        match self {
            CalendarUnit::Hour => HOUR,
            CalendarUnit::Day => MICROS_PER_DAY,
            CalendarUnit::Week => 7 * MICROS_PER_DAY,
            CalendarUnit::Month => 28 * MICROS_PER_DAY,
            CalendarUnit::Quarter => 90 * MICROS_PER_DAY,
            CalendarUnit::Year => 365 * MICROS_PER_DAY,
        }
    }

    /// No window is longer, in any zone: clocks have been moved by a day and less.
    pub fn longest(self) -> i64 {
        match self {
            CalendarUnit::Hour => 2 * HOUR,
            CalendarUnit::Day => 2 * MICROS_PER_DAY,
            CalendarUnit::Week => 8 * MICROS_PER_DAY,
            CalendarUnit::Month => 32 * MICROS_PER_DAY,
            CalendarUnit::Quarter => 93 * MICROS_PER_DAY,
            CalendarUnit::Year => 367 * MICROS_PER_DAY,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Calendar {
    unit: CalendarUnit,
    zone: TimeZone,
    /// How much later than the unit each window starts by the zone's clocks.
    offset: i64,
}

impl Calendar {
    pub fn new(unit: CalendarUnit, zone: TimeZone, offset: i64) -> Calendar {
        Calendar { unit, zone, offset }
    }

    /// The window that a time lies in.
    pub fn window(&self, time: i64) -> Window {
        if self.unit == CalendarUnit::Hour {
            return self.hour(time);
        }
        let mut number = self.number(time as i128 + self.utc_offset(time) as i128 - self.offset as i128);
        // Around a change of the clocks, a time's date is not always that of the window it lies in.
        while self.start(number) > time as i128 {
            number -= 1;
        }
        let mut end = self.start(number + 1);
        while end <= time as i128 {
            number += 1;
            end = self.start(number + 1);
        }
        Window::of(self.start(number), end)
    }

    /// The number of the unit in which a local time lies.
    fn number(&self, local: i128) -> i64 {
        let days = local.div_euclid(MICROS_PER_DAY as i128) as i64;
        let (year, month, _) = civil_from_days(days);
        match self.unit {
            CalendarUnit::Hour | CalendarUnit::Day => days,
            // The first day of 1970 was a Thursday.
            CalendarUnit::Week => (days + 3).div_euclid(7),
            CalendarUnit::Month => year * 12 + month - 1,
            CalendarUnit::Quarter => year * 4 + (month - 1) / 3,
            CalendarUnit::Year => year,
        }
    }

    /// The instant at which the window of this number starts.
    fn start(&self, number: i64) -> i128 {
        let days = match self.unit {
            CalendarUnit::Hour | CalendarUnit::Day => number,
            CalendarUnit::Week => number * 7 - 3,
            CalendarUnit::Month => days_from_civil(number.div_euclid(12), number.rem_euclid(12) + 1, 1),
            CalendarUnit::Quarter => days_from_civil(number.div_euclid(4), number.rem_euclid(4) * 3 + 1, 1),
            CalendarUnit::Year => days_from_civil(number, 1, 1),
        };
        self.instant(days as i128 * MICROS_PER_DAY as i128 + self.offset as i128)
    }

    fn hour(&self, time: i64) -> Window {
        let utc_offset = self.utc_offset(time) as i128;
        let local = time as i128 + utc_offset - self.offset as i128;
        let mut start = time as i128 - local.rem_euclid(HOUR as i128);
        let mut end = start + HOUR as i128;
        // A change by whole hours goes on in the rhythm of the hours before.
        let cuts = |at: i64| {
            let before = self.utc_offset(at.saturating_sub(1));
            (self.utc_offset(at) - before).rem_euclid(HOUR) != 0
        };
        let instant = |time: i64| Timestamp::from_microsecond(time).ok();
        let micros = |t: jiff::tz::TimeZoneTransition| t.timestamp().as_microsecond();
        if self.zone == TimeZone::UTC {
            return Window::of(start, end);
        }
        let after = instant(time.saturating_add(1)).and_then(|t| self.zone.preceding(t).next()).map(micros);
        if let Some(after) = after.filter(|at| *at as i128 > start && *at <= time && cuts(*at)) {
            start = after as i128;
        }
        let before = instant(time).and_then(|t| self.zone.following(t).next()).map(micros);
        if let Some(before) = before.filter(|at| (*at as i128) < end && *at > time && cuts(*at)) {
            end = before as i128;
        }
        Window::of(start, end)
    }

    /// How far the zone's clocks are ahead of UTC. Beyond the calendar of time zones, as at its end.
    fn utc_offset(&self, time: i64) -> i64 {
        if self.zone == TimeZone::UTC {
            return 0;
        }
        let least = Timestamp::MIN.as_microsecond() + MICROS_PER_DAY;
        let greatest = Timestamp::MAX.as_microsecond() - MICROS_PER_DAY;
        let instant = Timestamp::from_microsecond(time.clamp(least, greatest)).unwrap_or_default();
        self.zone.to_offset(instant).seconds() as i64 * MICROS_PER_SECOND
    }

    /// The instant at which the zone's clocks show a time: the earlier of two; where they leave it out,
    /// as much later as they are moved.
    fn instant(&self, local: i128) -> i128 {
        if self.zone == TimeZone::UTC {
            return local;
        }
        let clamped = clamp(local);
        match self.ambiguous(clamped) {
            Some(AmbiguousOffset::Unambiguous { offset }) => local - micros(offset),
            Some(AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. }) => {
                local - micros(before)
            }
            None => local - self.utc_offset(clamped) as i128,
        }
    }

    fn ambiguous(&self, local: i64) -> Option<AmbiguousOffset> {
        // The same fields, read as if they were UTC.
        let datetime = TimeZone::UTC.to_datetime(Timestamp::from_microsecond(local).ok()?);
        Some(self.zone.to_ambiguous_timestamp(datetime).offset())
    }
}

fn micros(offset: jiff::tz::Offset) -> i128 {
    offset.seconds() as i128 * MICROS_PER_SECOND as i128
}
