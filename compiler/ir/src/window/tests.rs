//! Windows against their definition, and the calendar against dates that are known.

use super::*;
use crate::text::{format_timestamp, parse_timestamp};
use proptest::prelude::*;
use std::sync::Arc;

fn time(text: &str) -> i64 {
    parse_timestamp(text.as_bytes()).expect("a time")
}

fn calendar(unit: CalendarUnit, zone: &str, offset: i64, at: &str) -> String {
    let window = Calendar::new(unit, time_zone(zone).expect("a zone"), offset).window(time(at));
    format!("{} {}", format_timestamp(window.start), format_timestamp(window.end))
}

#[test]
fn units_follow_the_calendar() {
    use CalendarUnit::*;
    let cases = [
        (Hour, "2024-05-01T12:34:56Z", "2024-05-01T12:00:00Z 2024-05-01T13:00:00Z"),
        (Day, "1969-12-31T23:59:59Z", "1969-12-31T00:00:00Z 1970-01-01T00:00:00Z"),
        (Week, "2024-05-01", "2024-04-29T00:00:00Z 2024-05-06T00:00:00Z"),
        (Week, "1970-01-01", "1969-12-29T00:00:00Z 1970-01-05T00:00:00Z"),
        (Month, "2024-02-29T23:00:00Z", "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z"),
        (Month, "1900-02-28", "1900-02-01T00:00:00Z 1900-03-01T00:00:00Z"),
        (Quarter, "2024-05-01", "2024-04-01T00:00:00Z 2024-07-01T00:00:00Z"),
        (Year, "0001-01-01", "0001-01-01T00:00:00Z 0002-01-01T00:00:00Z"),
        (Year, "9999-12-31", "9999-01-01T00:00:00Z +010000-01-01T00:00:00Z"),
    ];
    for (unit, at, expected) in cases {
        assert_eq!(calendar(unit, "UTC", 0, at), expected, "{unit:?} of {at}");
    }
}

#[test]
fn zones_move_the_bounds() {
    use CalendarUnit::*;
    let cases = [
        // 23 hours, then 25.
        (Day, "Europe/Paris", "2024-03-31T12:00:00Z", "2024-03-30T23:00:00Z 2024-03-31T22:00:00Z"),
        (Day, "Europe/Paris", "2024-10-27T12:00:00Z", "2024-10-26T22:00:00Z 2024-10-27T23:00:00Z"),
        (Month, "America/New_York", "2024-03-15", "2024-03-01T05:00:00Z 2024-04-01T04:00:00Z"),
        // Midnight does not exist.
        (Day, "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z 2018-11-05T02:00:00Z"),
        // The clocks go back from 0:01 to 23:01: the second 23:30 lies in the day that has begun.
        (Day, "America/St_Johns", "2010-11-07T03:00:00Z", "2010-11-07T02:30:00Z 2010-11-08T03:30:00Z"),
        // The day before was left out.
        (Day, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z 2011-12-31T10:00:00Z"),
        // The first 2:45, then the second.
        (Hour, "Europe/Paris", "2024-10-27T00:45:00Z", "2024-10-27T00:00:00Z 2024-10-27T01:00:00Z"),
        (Hour, "Europe/Paris", "2024-10-27T01:45:00Z", "2024-10-27T01:00:00Z 2024-10-27T02:00:00Z"),
        (Hour, "Asia/Kolkata", "2024-05-01T12:00:00Z", "2024-05-01T11:30:00Z 2024-05-01T12:30:00Z"),
        // Clocks that are moved by half an hour cut the hour.
        (Hour, "Australia/Lord_Howe", "2024-10-05T15:40:00Z", "2024-10-05T15:30:00Z 2024-10-05T16:00:00Z"),
    ];
    for (unit, zone, at, expected) in cases {
        assert_eq!(calendar(unit, zone, 0, at), expected, "{unit:?} of {at} in {zone}");
    }
}

#[test]
fn an_offset_is_by_the_clocks() {
    let six = 6 * 3_600_000_000;
    let of = |at| calendar(CalendarUnit::Day, "Europe/Paris", six, at);
    assert_eq!(of("2024-03-31T03:59:59Z"), "2024-03-30T05:00:00Z 2024-03-31T04:00:00Z");
    assert_eq!(of("2024-03-31T04:00:00Z"), "2024-03-31T04:00:00Z 2024-04-01T04:00:00Z");
    let of = |at| calendar(CalendarUnit::Day, "UTC", -six, at);
    assert_eq!(of("2024-03-31T18:00:00Z"), "2024-03-31T18:00:00Z 2024-04-01T18:00:00Z");
}

/// Windows from their definition.
fn even(size: i64, every: i64, offset: i64, time: i64) -> Vec<Window> {
    let starts = -400..400i64;
    let windows = starts.map(|i| Window { start: i * every + offset, end: i * every + offset + size });
    windows.filter(|w| w.contains(time)).collect()
}

fn cumulative(size: i64, every: i64, offset: i64, time: i64) -> Vec<Window> {
    let mut windows = vec![];
    for start in (-400..400i64).map(|i| i * size + offset) {
        let ends = (1..=size).map(|n| (n * every).min(size));
        windows.extend(ends.map(|end| Window { start, end: start + end }));
    }
    windows.dedup();
    windows.retain(|w| w.contains(time));
    windows
}

fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Paris",
        "America/St_Johns",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "Australia/Lord_Howe",
        "Africa/Monrovia",
        "Asia/Kathmandu",
        "Antarctica/Troll",
    ])
}

fn units() -> impl Strategy<Value = CalendarUnit> {
    use CalendarUnit::*;
    prop::sample::select(vec![Hour, Day, Week, Month, Quarter, Year])
}

proptest! {
    #[test]
    fn windows_are_those_of_the_definition(
        (size, every, offset) in (1i64..20, 1i64..20, -30i64..30),
        (time, is_cumulative) in (-50i64..50, any::<bool>()),
    ) {
        let assigner = match is_cumulative {
            true => WindowAssigner::Cumulative { size, every, offset },
            false => WindowAssigner::Hopping { size, every, offset },
        };
        let windows = TimeWindows::new(&assigner).expect("time decides");
        let expected = match is_cumulative {
            true => cumulative(size, every.min(size), offset, time),
            false => even(size, every, offset, time),
        };
        prop_assert_eq!(windows.of_time(time).collect::<Vec<_>>(), expected.clone());
        let all: Vec<Window> = (time - 60..time + 60).flat_map(|t| windows.of_time(t).collect::<Vec<_>>()).collect();
        for window in &expected {
            let after = all.iter().filter(|w| w.end > window.end).min_by_key(|w| w.end);
            prop_assert_eq!(windows.next(*window), after.copied());
            let Window { start, end } = *window;
            for near in [*window, Window { start: start - 1, end }, Window { start, end: end + 1 }] {
                prop_assert_eq!(windows.has(near), all.contains(&near));
            }
        }
        let slice = windows.slice(time);
        prop_assert!(slice.bounds.contains(time));
        prop_assert_eq!(slice.in_window, !expected.is_empty());
        for time in slice.bounds.start..slice.bounds.end {
            prop_assert_eq!(windows.slice(time), slice);
            prop_assert_eq!(windows.of_time(time).collect::<Vec<_>>(), expected.clone());
        }
    }

    #[test]
    fn any_times_sizes_and_offsets_are_taken(
        (size, every) in (1i64..=i64::MAX, 1i64..=i64::MAX),
        (offset, time) in (any::<i64>(), any::<i64>()),
    ) {
        for assigner in [
            WindowAssigner::Tumbling { size, offset },
            WindowAssigner::Hopping { size: size.min(every.saturating_mul(50)), every, offset },
            WindowAssigner::Cumulative { size, every: every.max(size / 50), offset },
        ] {
            let windows = TimeWindows::new(&assigner).expect("time decides");
            prop_assert!(windows.slice(time).bounds.contains(time));
            prop_assert!(windows.of_time(time).all(|w| w.contains(time) && windows.has(w)));
            prop_assert!(windows.of_time(time).count() <= 52);
        }
    }

    #[test]
    fn the_calendar_leaves_no_time_out_and_none_twice(
        (unit, zone) in (units(), zones()),
        time in prop_oneof![
            Just(i64::MIN), Just(i64::MAX), any::<i64>(),
            -62_135_596_800_000_000i64..253_402_300_800_000_000,
            1_200_000_000_000_000i64..1_700_000_000_000_000,
        ],
    ) {
        let calendar = Calendar::new(unit, time_zone(zone).expect("a zone"), 0);
        let window = calendar.window(time);
        prop_assert!(window.contains(time));
        prop_assert_eq!(calendar.window(window.start), window);
        if window.end < i64::MAX {
            prop_assert_eq!(calendar.window(window.end - 1), window);
            prop_assert_eq!(calendar.window(window.end).start, window.end);
        }
        prop_assert!(window.end.saturating_sub(window.start) <= unit.longest());
    }
}

#[test]
fn only_time_decides_on_time_windows() {
    let zone: Arc<str> = "Europe/Paris".into();
    let day = WindowAssigner::Calendar { unit: CalendarUnit::Day, zone, offset: 0 };
    assert!(TimeWindows::new(&day).is_some());
    assert!(TimeWindows::new(&WindowAssigner::Assigned { start: 0, end: 1 }).is_none());
}
