//! How an event stands to a group: whether it passes a test, and what the group remembers of it.

use super::super::course::{Comparison, Course, From, Kind, Passage, Test, passes};
use super::super::event_log::{EventId, EventLog};
use super::super::front::Event;
use super::super::rule::Rule;
use super::Group;
use crate::message::EventTime;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::pattern::Guards;
use std::cmp::Ordering;

/// Whether an event passes a test.
#[inline]
pub fn fits(test: &Test, event: &Event, group: &Group, log: &EventLog) -> bool {
    event.passes >> test.number & 1 == 1
        && test.comparisons.iter().all(|comparison| holds(comparison, event, group, log))
        && test.constants.iter().all(|constant| {
            let column = &event.columns[constant.column];
            column.is_valid(event.row)
                && passes(constant.operator, compare(column, event.row, constant.kind, constant.value))
        })
}

/// Of these guards, the absences that an event breaks.
pub fn broken_by(course: &Course, watched: Guards, event: &Event) -> Guards {
    let absences = course.absences.iter().enumerate();
    let broken =
        absences.filter(|(absence, tests)| watched >> absence & 1 == 1 && event.passes & **tests != 0);
    broken.fold(0, |broken, (absence, _)| broken | 1 << absence)
}

#[inline]
fn holds(comparison: &Comparison, event: &Event, group: &Group, log: &EventLog) -> bool {
    let (column, row, word) = (&*event.columns[comparison.column], event.row, comparison.word);
    let value = group.words[word];
    // The plain case first.
    if let (ColumnData::I64(values), None, Kind::Int | Kind::Decimal) =
        (&column.data, &column.validity, comparison.kind)
        && (group.nulls | group.far) >> word & 1 == 0
    {
        return passes(comparison.operator, Some(values[row].cmp(&value)));
    }
    if group.nulls >> word & 1 == 1 || !column.is_valid(row) {
        return false;
    }
    let ordering = if group.far >> word & 1 == 1 {
        let kept = log.get(value as EventId);
        compare_with_kept(column, row, &kept.columns()[comparison.of], kept.row)
    } else {
        compare(column, row, comparison.kind, value)
    };
    passes(comparison.operator, ordering)
}

fn compare_with_kept(column: &Column, row: usize, kept: &Column, kept_row: usize) -> Option<Ordering> {
    let wide = |data: &ColumnData, row: usize| match data {
        ColumnData::I128(values) => Some(values[row]),
        ColumnData::I64(values) => Some(i128::from(values[row])),
        _ => None,
    };
    match (&column.data, &kept.data) {
        (ColumnData::Text(texts), ColumnData::Text(others)) => {
            Some(texts.bytes(row).cmp(others.bytes(kept_row)))
        }
        (data, kept) => Some(wide(data, row)?.cmp(&wide(kept, kept_row)?)),
    }
}

/// How a value stands to one in a word.
fn compare(column: &Column, row: usize, kind: Kind, word: i64) -> Option<Ordering> {
    match (&column.data, kind) {
        (ColumnData::I64(values), Kind::Int | Kind::Decimal) => Some(values[row].cmp(&word)),
        (ColumnData::I128(values), Kind::Decimal) => Some(values[row].cmp(&i128::from(word))),
        (ColumnData::F64(values), Kind::Float) => values[row].partial_cmp(&f64::from_bits(word as u64)),
        (ColumnData::Bool(values), Kind::Bool) => Some(i64::from(values[row]).cmp(&word)),
        _ => None,
    }
}

/// What brings a group to another place.
pub enum Taker<'t, 'e> {
    /// An event, which can be kept in the log.
    Event(&'t mut Event<'e>, &'t mut EventLog),
    /// A clock, at a time.
    Clock(EventTime),
}

/// Brings a group to another place.
pub fn pass(rule: &Rule, way: &Passage, group: &mut Group, mut by: Taker) {
    let course = &rule.course;
    let carried = way.carried_guards & course.places[way.to].guards;
    let mut broken = Guards::from(group.broken) & carried;
    if let Taker::Event(event, _) = &by
        && carried != 0
    {
        broken |= carried & rule.pattern.touches;
        broken |= broken_by(course, carried & !broken, event);
    }
    let time = match &by {
        Taker::Event(event, _) => event.time,
        Taker::Clock(time) => *time,
    };
    let Group { words, nulls, far, .. } = *group;
    (group.nulls, group.far) = (0, 0);
    for source in &way.words {
        match source {
            From::Word { from, to } => {
                group.words[*to] = words[*from];
                group.nulls |= (nulls >> from & 1) << to;
                group.far |= (far >> from & 1) << to;
            }
            From::Event { column, to } => {
                if let Taker::Event(event, log) = &mut by {
                    remember(event, log, *column, *to, group);
                }
            }
            From::Clock { duration, to } => group.words[*to] = time.saturating_add(*duration),
        }
    }
    // What is not remembered does not keep groups apart.
    group.words[way.words.len()..].fill(0);
    group.broken = broken as u32;
    group.place = way.to as u16;
}

fn remember(event: &mut Event, log: &mut EventLog, column: usize, to: usize, group: &mut Group) {
    let (column, row) = (&event.columns[column], event.row);
    group.words[to] = 0;
    if !column.is_valid(row) {
        group.nulls |= 1 << to;
        return;
    }
    let word = match &column.data {
        ColumnData::Bool(values) => Some(i64::from(values[row])),
        ColumnData::I64(values) => Some(values[row]),
        ColumnData::F64(values) => Some(values[row].to_bits() as i64),
        ColumnData::I128(values) => i64::try_from(values[row]).ok(),
        ColumnData::Text(_) | ColumnData::Boxed(_) => None,
    };
    group.words[to] = word.unwrap_or_else(|| {
        group.far |= 1 << to;
        event.id_in(log) as i64
    });
}
