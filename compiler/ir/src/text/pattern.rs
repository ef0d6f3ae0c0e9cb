//! Timestamps written after a pattern in a time zone: `as "%d/%m/%Y %H:%M" in "Europe/Paris"`.
//! The patterns are those of strftime; the time zones are compiled in.

use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use std::sync::{Arc, LazyLock};

/// The time zone of an IANA name.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" { Some(TimeZone::UTC) } else { ZONES.get(name).ok() }
}

/// The names of all time zones.
pub fn time_zone_names() -> Vec<String> {
    ZONES.available().map(|name| name.as_str().to_string()).collect()
}

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// What is wrong, without what was being tried.
fn reason(error: &jiff::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(": ").map_or(&*text, |(_, last)| last).to_string()
}

/// How a timestamp is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimePattern {
    pub pattern: Arc<str>,
    /// Of the local times of a pattern without an offset.
    pub zone: TimeZone,
}

impl TimePattern {
    /// The reason, if the pattern cannot be read or written, or lacks what a time needs.
    pub fn new(pattern: &str, zone: TimeZone) -> Result<TimePattern, String> {
        let result = TimePattern { pattern: pattern.into(), zone };
        // 12:34 tells a.m. from p.m., and the day from the month.
        let sample = result.format(982_154_096_000_000).map_err(|e| reason(&e))?;
        let read = BrokenDownTime::parse(pattern, &sample).map_err(|e| reason(&e))?;
        result.instant(&read).map_err(|e| reason(&e))?;
        Ok(result)
    }

    /// Microseconds since 1970. A local time that does not exist moves forward, one that exists twice is
    /// the earlier. Digits beyond microseconds are cut off.
    pub fn parse(&self, text: &str) -> Option<i64> {
        self.instant(&BrokenDownTime::parse(&*self.pattern, text).ok()?).ok()
    }

    fn instant(&self, read: &BrokenDownTime) -> Result<i64, jiff::Error> {
        if read.timestamp().is_some() || read.offset().is_some() {
            return read.to_timestamp().map(whole_micros);
        }
        let zoned = self.zone.to_ambiguous_zoned(read.to_datetime()?).compatible()?;
        Ok(whole_micros(zoned.timestamp()))
    }

    pub fn format(&self, micros: i64) -> Result<String, jiff::Error> {
        strtime::format(&*self.pattern, &local_time(micros, self.zone.clone())?)
    }
}

/// The time in a zone; an error outside the years -9999 to 9999.
pub fn local_time(micros: i64, zone: TimeZone) -> Result<Zoned, jiff::Error> {
    Ok(Timestamp::from_microsecond(micros)?.to_zoned(zone))
}

/// Microseconds since 1970, rounded down.
fn whole_micros(time: Timestamp) -> i64 {
    time.as_nanosecond().div_euclid(1000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{format_timestamp, parse_timestamp};

    fn paris(pattern: &str) -> TimePattern {
        TimePattern::new(pattern, time_zone("Europe/Paris").unwrap()).unwrap()
    }

    #[test]
    fn local_times_that_are_missing_or_twice() {
        let pattern = paris("%d/%m/%Y %H:%M");
        let cases = [
            ("01/05/2024 14:00", "2024-05-01T12:00:00Z"),
            ("31/03/2024 02:30", "2024-03-31T01:30:00Z"), // the clocks jump from 2:00 to 3:00
            ("27/10/2024 02:30", "2024-10-27T00:30:00Z"), // 2:30 comes twice
        ];
        for (text, expected) in cases {
            assert_eq!(pattern.parse(text).map(format_timestamp).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(pattern.parse("31/02/2024 10:00"), None);
        assert_eq!(pattern.parse("01/05/2024"), None);
    }

    #[test]
    fn an_offset_in_the_text_wins_over_the_zone() {
        let time = parse_timestamp(b"2024-05-01T12:00:00Z");
        assert_eq!(paris("%Y-%m-%d %H:%M %z").parse("2024-05-01 13:00 +0100"), time);
        assert_eq!(paris("%s").parse("1714564800"), time);
        assert_eq!(paris("%Y-%m-%d").parse("2024-05-01"), parse_timestamp(b"2024-04-30T22:00Z"));
    }

    #[test]
    fn says_what_a_pattern_lacks() {
        for pattern in ["%H:%M", "%d/%m %H:%M", "%Q!", "%", "day"] {
            assert!(TimePattern::new(pattern, TimeZone::UTC).is_err(), "{pattern}");
        }
        assert_eq!(time_zone("Europe/Pariss"), None);
        assert!(paris("%d/%m/%Y").format(i64::MAX).is_err());
    }
}
