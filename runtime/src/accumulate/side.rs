//! States of aggregates that do not fit a slot: texts, first and last rows, lists, sets.

use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::{Batch, RowPlace};
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cmp::Ordering;
use std::collections::HashMap;

/// Where a row stands in the total order of its stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    pub time: i64,
    pub place: RowPlace,
}

impl Position {
    pub fn of_row(batch: &Batch, times: &[i64], row: usize) -> Position {
        Position { time: times[row], place: batch.origin.place(row) }
    }
}

/// The states of one aggregate for all groups of a window. A group's slot holds the number of its
/// state plus one, or zero before its first row.
pub struct SideStates {
    kind: Kind,
    states: States,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// Keeps the value that compares so with all others.
    Extreme(Ordering),
    /// Keeps the value at the position that compares so with all others.
    Edge(Ordering),
    Collect,
    CountDistinct,
    CollectDistinct,
}

enum States {
    /// Null before the first value.
    Values(Vec<Value>),
    Placed(Vec<Option<(Position, Value)>>),
    Lists(Vec<Vec<(Position, Value)>>),
    /// With the position at which each value came first.
    Sets(Vec<HashMap<Value, Position>>),
}

/// The number of a group's state.
#[derive(Clone, Copy)]
pub struct StateNumber(usize);

impl SideStates {
    /// None for an aggregate whose state stands in the slot.
    pub fn new(call: &AggregateCall) -> Option<SideStates> {
        let (kind, states) = match call.function {
            AggregateFunction::Minimum => (Kind::Extreme(Ordering::Less), States::Values(vec![])),
            AggregateFunction::Maximum => (Kind::Extreme(Ordering::Greater), States::Values(vec![])),
            AggregateFunction::First => (Kind::Edge(Ordering::Less), States::Placed(vec![])),
            AggregateFunction::Last => (Kind::Edge(Ordering::Greater), States::Placed(vec![])),
            AggregateFunction::Collect => (Kind::Collect, States::Lists(vec![])),
            AggregateFunction::CountDistinct => (Kind::CountDistinct, States::Sets(vec![])),
            AggregateFunction::CollectDistinct => (Kind::CollectDistinct, States::Sets(vec![])),
            AggregateFunction::Count
            | AggregateFunction::Sum
            | AggregateFunction::Average
            | AggregateFunction::Any
            | AggregateFunction::All => return None,
        };
        Some(SideStates { kind, states })
    }

    /// `first`, `last` and `collect` take nulls, unless told otherwise.
    pub fn skips_nulls(&self, call: &AggregateCall) -> bool {
        call.ignore_null || !matches!(self.kind, Kind::Edge(_) | Kind::Collect | Kind::CollectDistinct)
    }

    /// The state that a slot's word stands for, made at its first use.
    pub fn of_word(&mut self, word: &mut u64) -> StateNumber {
        if *word == 0 {
            *word = match &mut self.states {
                States::Values(all) => push(all, Value::Null),
                States::Placed(all) => push(all, None),
                States::Lists(all) => push(all, vec![]),
                States::Sets(all) => push(all, HashMap::new()),
            };
        }
        StateNumber(*word as usize - 1)
    }

    /// Adds the value of a row, which takes part.
    pub fn add(
        &mut self,
        state: StateNumber,
        column: &Column,
        row: usize,
        ty: &Type,
        position: impl FnOnce() -> Position,
    ) {
        match (&mut self.states, self.kind) {
            (States::Values(all), Kind::Extreme(wanted)) => {
                let best = &mut all[state.0];
                if best.is_null() || compare(column, row, ty, best) == wanted {
                    *best = column.value(row, ty);
                }
            }
            (States::Placed(all), Kind::Edge(wanted)) => {
                let position = position();
                let best = &mut all[state.0];
                if best.as_ref().is_none_or(|(known, _)| position.cmp(known) == wanted) {
                    *best = Some((position, column.value(row, ty)));
                }
            }
            (States::Lists(all), _) => all[state.0].push((position(), column.value(row, ty))),
            (States::Sets(all), _) => {
                let position = position();
                let first = all[state.0].entry(column.value(row, ty)).or_insert(position);
                *first = position.min(*first);
            }
            (States::Values(_) | States::Placed(_), _) => {}
        }
    }

    /// The result of the group whose slot holds this word.
    pub fn result(&mut self, word: u64) -> Value {
        let Some(state) = (word as usize).checked_sub(1) else { return Value::Null };
        match &mut self.states {
            States::Values(all) => std::mem::replace(&mut all[state], Value::Null),
            States::Placed(all) => all[state].take().map_or(Value::Null, |(_, value)| value),
            States::Lists(all) => in_order(std::mem::take(&mut all[state])),
            States::Sets(all) => {
                let set = std::mem::take(&mut all[state]);
                match self.kind {
                    Kind::CountDistinct => Value::Int(set.len() as i64),
                    _ => in_order(set.into_iter().map(|(value, position)| (position, value)).collect()),
                }
            }
        }
    }

    /// Forgets all states.
    pub fn clear(&mut self) {
        match &mut self.states {
            States::Values(all) => all.clear(),
            States::Placed(all) => all.clear(),
            States::Lists(all) => all.clear(),
            States::Sets(all) => all.clear(),
        }
    }
}

fn push<T>(all: &mut Vec<T>, state: T) -> u64 {
    all.push(state);
    all.len() as u64
}

fn in_order(mut rows: Vec<(Position, Value)>) -> Value {
    // Elements of one list of one row share a position, and came in their order.
    rows.sort_by_key(|(position, _)| *position);
    Value::List(rows.into_iter().map(|(_, value)| value).collect())
}

/// How a row's value compares with another; texts without copying them.
fn compare(column: &Column, row: usize, ty: &Type, other: &Value) -> Ordering {
    match (&column.data, other) {
        (ColumnData::Text(texts), Value::String(other)) => texts.bytes(row).cmp(other.as_bytes()),
        _ => column.value(row, ty).cmp(other),
    }
}
