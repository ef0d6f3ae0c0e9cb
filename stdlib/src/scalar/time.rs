//! Times and calendars. Where a zone is asked for, the last argument names it.

use super::{Result, misuse, partial, total};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::eval;
use millstream_ir::text::pattern::{TimePattern, time_zone};
use millstream_ir::text::timestamp::{
    MICROS_PER_DAY, MICROS_PER_SECOND, civil_from_days, days_from_civil, days_in_month, write_date,
};
use millstream_ir::text::{format_timestamp, quote};
use millstream_ir::value::Value;
use std::cell::RefCell;
use std::sync::Arc;

const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;

pub static FUNCTIONS: &[ScalarFunction] = &[
    partial("bucket", bucket),
    partial("year", |t, v| part(t, v, |p| p.year)),
    partial("quarter", |t, v| part(t, v, |p| (p.month - 1) / 3 + 1)),
    partial("month", |t, v| part(t, v, |p| p.month)),
    partial("week", |t, v| part(t, v, Parts::week)),
    partial("day", |t, v| part(t, v, |p| p.day)),
    partial("day_of_week", |t, v| part(t, v, Parts::day_of_week)),
    partial("day_of_year", |t, v| part(t, v, Parts::day_of_year)),
    partial("hour", |t, v| part(t, v, |p| p.time / MICROS_PER_HOUR)),
    partial("minute", |t, v| part(t, v, |p| p.time / MICROS_PER_MINUTE % 60)),
    partial("days_in_month", |t, v| part(t, v, |p| days_in_month(p.year, p.month))),
    total("second", |t, v| utc_part(t, v, |micros| micros.div_euclid(MICROS_PER_SECOND).rem_euclid(60))),
    total("microsecond", |t, v| utc_part(t, v, |micros| micros.rem_euclid(MICROS_PER_SECOND))),
    total("epoch_s", |t, v| utc_part(t, v, |micros| micros.div_euclid(MICROS_PER_SECOND))),
    total("epoch_ms", |t, v| utc_part(t, v, |micros| micros.div_euclid(1000))),
    total("epoch_us", |t, v| utc_part(t, v, |micros| micros)),
    partial("from_epoch_s", |t, v| from_epoch(t, v, MICROS_PER_SECOND)),
    partial("from_epoch_ms", |t, v| from_epoch(t, v, 1000)),
    total("from_epoch_us", |t, v| from_epoch(t, v, 1)),
    partial("time_of_day", |t, v| with_parts(t, v, |p| Value::Duration(p.time))),
    partial("day_name", |t, v| with_parts(t, v, |p| name(&DAYS, p.day_of_week()))),
    partial("month_name", |t, v| with_parts(t, v, |p| name(&MONTHS, p.month))),
    partial("date", |t, v| with_parts(t, v, |p| Value::string(date_text(p.days)))),
    partial("to_zone", to_zone),
    partial("zone_offset", zone_offset),
    partial("format_time", format_time),
    partial("parse_time", parse_time),
    partial("try_parse_time", try_parse_time),
    partial("start_of", start_of),
    partial("add_months", add_months),
    partial("add_days", add_days),
    partial("make_time", make_time),
];

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn name(names: &[&str], number: i64) -> Value {
    names.get((number - 1) as usize).map_or(Value::Null, Value::string)
}

/// What calendar and clock of a zone show.
struct Parts {
    /// Since 1970-01-01.
    days: i64,
    year: i64,
    month: i64,
    day: i64,
    /// Microseconds since 0:00.
    time: i64,
}

impl Parts {
    fn of_local(micros: i64) -> Parts {
        let days = micros.div_euclid(MICROS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        Parts { days, year, month, day, time: micros.rem_euclid(MICROS_PER_DAY) }
    }

    /// From 1, Monday. The first day of 1970 was a Thursday.
    fn day_of_week(&self) -> i64 {
        (self.days + 3).rem_euclid(7) + 1
    }

    fn day_of_year(&self) -> i64 {
        self.days - days_from_civil(self.year, 1, 1) + 1
    }

    /// That of the Thursday of the same week.
    fn week(&self) -> i64 {
        let thursday = self.days + 4 - self.day_of_week();
        (thursday - days_from_civil(civil_from_days(thursday).0, 1, 1)) / 7 + 1
    }
}

fn zone_named(zone: Option<&Value>) -> Result<TimeZone> {
    match zone {
        None => Ok(TimeZone::UTC),
        Some(Value::String(name)) => {
            time_zone(name).ok_or_else(|| format!("there is no time zone {}", quote(name)))
        }
        Some(_) => Err("a zone is a string".to_string()),
    }
}

fn outside(time: i64) -> String {
    format!("the calendar of time zones does not reach {}", format_timestamp(time))
}

fn offset(time: i64, zone: &TimeZone) -> Result<i64> {
    if *zone == TimeZone::UTC {
        return Ok(0);
    }
    let instant = jiff::Timestamp::from_microsecond(time).map_err(|_| outside(time))?;
    Ok(zone.to_offset(instant).seconds() as i64 * MICROS_PER_SECOND)
}

/// What the clocks of the zone show, as if it were a UTC time.
fn local(time: i64, zone: &TimeZone) -> Result<i64> {
    time.checked_add(offset(time, zone)?).ok_or_else(|| outside(time))
}

/// The instant at which the clocks of the zone show a time.
fn instant(local: i64, zone: &TimeZone) -> Result<i64> {
    if *zone == TimeZone::UTC {
        return Ok(local);
    }
    let parts = Parts::of_local(local);
    let civil = || {
        let (time, part) = (parts.time, |number: i64| i8::try_from(number).ok());
        let datetime = DateTime::new(
            i16::try_from(parts.year).ok()?,
            part(parts.month)?,
            part(parts.day)?,
            part(time / MICROS_PER_HOUR)?,
            part(time / MICROS_PER_MINUTE % 60)?,
            part(time / MICROS_PER_SECOND % 60)?,
            i32::try_from(time % MICROS_PER_SECOND * 1000).ok()?,
        );
        zone.to_ambiguous_timestamp(datetime.ok()?).compatible().ok()
    };
    civil().map(|t| t.as_microsecond()).ok_or_else(|| outside(local))
}

/// The instant of a day of the zone's calendar and a time of day.
fn instant_of_day(days: i64, time: i64, zone: &TimeZone) -> Result<Value> {
    let local = days.checked_mul(MICROS_PER_DAY).and_then(|micros| micros.checked_add(time));
    let local = local.ok_or("the time is out of range")?;
    Ok(Value::Timestamp(instant(local, zone)?))
}

fn with_parts(types: &CallTypes, values: &[Value], map: impl Fn(&Parts) -> Value) -> Result {
    let [Value::Timestamp(time), zone @ ..] = values else { return misuse(types) };
    Ok(map(&Parts::of_local(local(*time, &zone_named(zone.first())?)?)))
}

fn part(types: &CallTypes, values: &[Value], part: impl Fn(&Parts) -> i64) -> Result {
    with_parts(types, values, |parts| Value::Int(part(parts)))
}

fn utc_part(types: &CallTypes, values: &[Value], part: fn(i64) -> i64) -> Result {
    let [Value::Timestamp(time)] = values else { return misuse(types) };
    Ok(Value::Int(part(*time)))
}

fn from_epoch(types: &CallTypes, values: &[Value], unit: i64) -> Result {
    let [Value::Int(number)] = values else { return misuse(types) };
    number
        .checked_mul(unit)
        .map(Value::Timestamp)
        .ok_or_else(|| format!("{number} is out of the range of times"))
}

fn bucket(types: &CallTypes, values: &[Value]) -> Result {
    let (time, size, offset) = match values {
        [Value::Timestamp(time), Value::Duration(size)] => (*time, *size, 0),
        [Value::Timestamp(time), Value::Duration(size), Value::Duration(offset)] => (*time, *size, *offset),
        _ => return misuse(types),
    };
    if size <= 0 {
        return Err("the size of a bucket is above 0s".to_string());
    }
    Ok(Value::Timestamp(eval::bucket(time, size, offset)))
}

fn date_text(days: i64) -> String {
    let mut out = Vec::new();
    write_date(&mut out, days);
    String::from_utf8_lossy(&out).into_owned()
}

fn to_zone(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Timestamp(time), zone] = values else { return misuse(types) };
    let zone = zone_named(Some(zone))?;
    let offset = offset(*time, &zone)?;
    let local = format_timestamp(local(*time, &zone)?);
    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / MICROS_PER_MINUTE);
    let local = local.trim_end_matches('Z');
    Ok(Value::string(format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)))
}

fn zone_offset(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Timestamp(time), zone] = values else { return misuse(types) };
    Ok(Value::Duration(offset(*time, &zone_named(Some(zone))?)?))
}

/// A text that was made last: most times are of the second of the time before.
struct LastText {
    pattern: Arc<str>,
    zone: Option<Value>,
    second: i64,
    text: Value,
}

/// Whether a pattern shows nothing below a second, as far as that is known.
fn shows_seconds(pattern: &str) -> bool {
    let mut directives = pattern.split('%').skip(1);
    directives.all(|directive| {
        let letter = directive.trim_start_matches(['-', '_', '^', '#', '0']).chars().next();
        letter.is_some_and(|letter| "YCymdejHIklMSpPFTRDaAbBhUuwWzZ".contains(letter))
    })
}

fn format_time(types: &CallTypes, values: &[Value]) -> Result {
    thread_local! {
        static LAST: RefCell<Option<LastText>> = const { RefCell::new(None) };
    }
    let [Value::Timestamp(time), Value::String(pattern), zone @ ..] = values else { return misuse(types) };
    let second = time.div_euclid(MICROS_PER_SECOND);
    let is_same = |last: &&LastText| {
        last.second == second && last.pattern == *pattern && last.zone.as_ref() == zone.first()
    };
    if let Some(text) = LAST.with_borrow(|last| last.as_ref().filter(is_same).map(|last| last.text.clone())) {
        return Ok(text);
    }
    let text = written_time(*time, pattern, zone)?;
    if shows_seconds(pattern) {
        let (pattern, zone, text) = (pattern.clone(), zone.first().cloned(), text.clone());
        LAST.set(Some(LastText { pattern, zone, second, text }));
    }
    Ok(text)
}

fn written_time(time: i64, pattern: &Arc<str>, zone: &[Value]) -> Result {
    let pattern = TimePattern { pattern: pattern.clone(), zone: zone_named(zone.first())? };
    let text = pattern
        .format(time)
        .map_err(|e| format!("the pattern {} cannot be written: {e}", quote(&pattern.pattern)))?;
    Ok(Value::string(text))
}

fn read_time(types: &CallTypes, values: &[Value]) -> Result<(TimePattern, Option<i64>)> {
    let [Value::String(text), Value::String(pattern), zone @ ..] = values else { return misuse(types) };
    let pattern = TimePattern { pattern: pattern.clone(), zone: zone_named(zone.first())? };
    let time = pattern.parse(text);
    Ok((pattern, time))
}

fn usable(pattern: TimePattern) -> Result<()> {
    let reason = |why| format!("the pattern {} reads no time: {why}", quote(&pattern.pattern));
    TimePattern::new(&pattern.pattern, pattern.zone).map(|_| ()).map_err(reason)
}

fn parse_time(types: &CallTypes, values: &[Value]) -> Result {
    let (pattern, time) = read_time(types, values)?;
    if let Some(time) = time {
        return Ok(Value::Timestamp(time));
    }
    let Some(Value::String(text)) = values.first() else { return misuse(types) };
    // A pattern that reads nothing at all is the better reason.
    usable(pattern.clone())?;
    Err(format!("{} does not fit the pattern {}", quote(text), quote(&pattern.pattern)))
}

fn try_parse_time(types: &CallTypes, values: &[Value]) -> Result {
    let (pattern, time) = read_time(types, values)?;
    match time {
        Some(time) => Ok(Value::Timestamp(time)),
        None => usable(pattern).map(|()| Value::Null),
    }
}

fn start_of(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Timestamp(time), Value::String(unit), zone @ ..] = values else { return misuse(types) };
    let zone = zone_named(zone.first())?;
    let local = local(*time, &zone)?;
    // Within an hour the clocks run evenly: go back from the instant itself.
    let back = |size: i64| {
        let start = time.checked_sub(local.rem_euclid(size));
        start.map(Value::Timestamp).ok_or_else(|| "the time is out of range".to_string())
    };
    let parts = Parts::of_local(local);
    let days = match &**unit {
        "second" => return back(MICROS_PER_SECOND),
        "minute" => return back(MICROS_PER_MINUTE),
        "hour" => return back(MICROS_PER_HOUR),
        "day" => parts.days,
        "week" => parts.days + 1 - parts.day_of_week(),
        "month" => days_from_civil(parts.year, parts.month, 1),
        "quarter" => days_from_civil(parts.year, (parts.month - 1) / 3 * 3 + 1, 1),
        "year" => days_from_civil(parts.year, 1, 1),
        other => {
            let units =
                "\"second\", \"minute\", \"hour\", \"day\", \"week\", \"month\", \"quarter\" or \"year\"";
            return Err(format!("a unit is {units}, not {}", quote(other)));
        }
    };
    instant_of_day(days, 0, &zone)
}

fn add_months(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Timestamp(time), Value::Int(months), zone @ ..] = values else { return misuse(types) };
    let zone = zone_named(zone.first())?;
    let parts = Parts::of_local(local(*time, &zone)?);
    // More than any calendar has; keeps the sums below in range.
    let months = (parts.year * 12 + parts.month - 1).saturating_add((*months).clamp(-1 << 30, 1 << 30));
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let day = parts.day.min(days_in_month(year, month));
    instant_of_day(days_from_civil(year, month, day), parts.time, &zone)
}

fn add_days(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Timestamp(time), Value::Int(days), zone @ ..] = values else { return misuse(types) };
    let zone = zone_named(zone.first())?;
    let parts = Parts::of_local(local(*time, &zone)?);
    instant_of_day(parts.days.saturating_add(*days), parts.time, &zone)
}

fn make_time(types: &CallTypes, values: &[Value]) -> Result {
    let (numbers, zone) = match values {
        [numbers @ .., zone @ Value::String(_)] => (numbers, Some(zone)),
        numbers => (numbers, None),
    };
    let mut parts = [0; 6];
    if !(3..=6).contains(&numbers.len()) {
        return misuse(types);
    }
    for (part, value) in parts.iter_mut().zip(numbers) {
        let Value::Int(number) = value else { return misuse(types) };
        *part = *number;
    }
    let [year, month, day, hour, minute, second] = parts;
    let known = (-9999..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    if !known {
        return Err(format!("there is no time {year}-{month}-{day} {hour}:{minute}:{second}"));
    }
    let time = hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE + second * MICROS_PER_SECOND;
    instant_of_day(days_from_civil(year, month, day), time, &zone_named(zone)?)
}

#[cfg(test)]
mod tests {
    use super::super::call;
    use super::*;
    use millstream_ir::text::parse_timestamp;
    use millstream_ir::types::Type;

    fn time(text: &str) -> (Value, Type) {
        (Value::Timestamp(parse_timestamp(text.as_bytes()).unwrap()), Type::TIMESTAMP)
    }

    fn text(s: &str) -> (Value, Type) {
        (Value::string(s), Type::STRING)
    }

    #[test]
    fn weeks_at_the_turn_of_the_year() {
        for (date, week) in
            [("2024-12-30", 1), ("2027-01-03", 53), ("2021-01-04", 1), ("2020-12-31", 53), ("0001-01-01", 1)]
        {
            assert_eq!(call("week", &[time(date)], Type::INT), Ok(Value::Int(week)), "{date}");
        }
    }

    #[test]
    fn units_start_where_the_zone_says() {
        let cases = [
            ("2024-10-27T01:45:00Z", "hour", "Europe/Paris", "2024-10-27T01:00:00Z"), // the second 2:45
            ("2024-05-01T12:00:00Z", "hour", "Asia/Kolkata", "2024-05-01T11:30:00Z"),
            ("2024-05-01T12:00:00Z", "week", "UTC", "2024-04-29"),
            ("1969-12-31T23:00:00Z", "quarter", "UTC", "1969-10-01"),
            ("2018-11-04T12:00:00Z", "day", "America/Sao_Paulo", "2018-11-04T03:00:00Z"), // no midnight
        ];
        for (at, unit, zone, expected) in cases {
            let result = call("start_of", &[time(at), text(unit), text(zone)], Type::TIMESTAMP);
            assert_eq!(result, Ok(time(expected).0), "{at} {unit} {zone}");
        }
    }

    #[test]
    fn reasons_name_what_is_wrong() {
        let at = time("2024-05-01");
        let reason = |name, arguments: &[(Value, Type)]| call(name, arguments, Type::INT).unwrap_err();
        assert_eq!(reason("hour", &[at.clone(), text("Paris")]), "there is no time zone \"Paris\"");
        assert!(reason("start_of", &[at, text("days")]).contains("not \"days\""));
        assert_eq!(
            reason("parse_time", &[text("1 May"), text("%Y-%m-%d")]),
            "\"1 May\" does not fit the pattern \"%Y-%m-%d\""
        );
        assert!(reason("try_parse_time", &[text("12:00"), text("%H:%M")]).contains("reads no time"));
    }

    #[test]
    fn texts_are_of_their_own_time_pattern_and_zone() {
        let patterns = ["%H:%M:%S", "%H:%M", "%S%.f", "%Y %%", "%d. %B"];
        for time in [0, 1, 999_999, 1_000_000, -1, -1_000_000, 1_500_000, 1_500_001] {
            for pattern in patterns {
                for zone in [None, Some("Europe/Paris"), Some("Asia/Kolkata")] {
                    let zones: Vec<Value> = zone.map(Value::string).into_iter().collect();
                    let values = [&[Value::Timestamp(time), Value::string(pattern)][..], &zones].concat();
                    let types = CallTypes { arguments: &[], result: &Type::STRING };
                    let zone = time_zone(zone.unwrap_or("UTC")).expect("a zone");
                    let expected =
                        TimePattern { pattern: pattern.into(), zone }.format(time).expect("a text");
                    for _ in 0..2 {
                        assert_eq!(format_time(&types, &values), Ok(Value::string(&expected)), "{pattern}");
                    }
                }
            }
        }
    }
}
