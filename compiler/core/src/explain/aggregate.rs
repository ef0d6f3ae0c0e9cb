//! What aggregates keep. The bytes are what is taken, not what is used: `tests/state.rs` holds them to that.

use super::window;
use crate::hir::{Aggregate, Clause, ClauseKind, Grouping, Query};
use millstream_ir::aggregate::{AccumulatorKind, AggregateCall, SlotLayout};
use millstream_ir::flow::{Emission, Keep, UpdatingScope, WindowAssigner};
use millstream_ir::text::format_duration;
use millstream_ir::types::Type;
use millstream_ir::value::Value;

/// What a group takes beside its slot, in bytes, where it is found by an index of keys: its key, its places there
/// and here, and when it was last looked at.
pub const BY_INDEX: usize = 104;

/// How many slots a table has for each group, on average: it doubles when half of them are taken.
const SLOTS_PER_GROUP: usize = 3;

/// What a window that a key has of its own takes beside its slot: the same, its times and its turn.
const WINDOW_OF_KEY: usize = 168;

/// What a row that its group knows takes beside its values.
const ROW_OF_GROUP: usize = 64;

/// One sentence per aggregating select.
pub fn state_of(query: &Query, watermark: &str) -> Vec<String> {
    let of_aggregates = window::aggregates(query).map(|(aggregate, assigner)| {
        let beside = &beside_slot(&calls_of(&aggregate.calls));
        let names = key_names(aggregate).join(", ");
        match (&aggregate.grouping, assigner) {
            (Grouping::Updating(UpdatingScope::All(keep), _), _) => running_state(aggregate, *keep, beside),
            (Grouping::Updating(UpdatingScope::Window { lateness, .. }, emission), open) => {
                // What appears by window keeps the key as values, to be sorted.
                let n_sorted = if *emission == Emission::OnChange { 0 } else { aggregate.keys.len() + 2 };
                let group = slot(aggregate).size + BY_INDEX + n_sorted * size_of::<Value>();
                window::updating_state(group, &names, open, *lateness, beside, watermark)
            }
            (Grouping::UpdatingWindows { window, lateness, .. }, _) => {
                let per_key = if names.is_empty() { names } else { names + " and " };
                // With its row as it came out.
                let row = aggregate.grouped.columns.len() * size_of::<Value>();
                let group = slot(aggregate).size + BY_INDEX + row;
                let text = window::state_text(aggregate, window, group, &per_key, beside, watermark);
                let late = match lateness {
                    0 => String::new(),
                    lateness => format!("; kept for late rows {} more", format_duration(*lateness)),
                };
                format!("{text}{late}")
            }
            (Grouping::Window(own), open) => {
                let per_key = if names.is_empty() { names } else { names + " and " };
                // Where each row says its window, the clause that opened them knows more.
                let assigner = match own {
                    WindowAssigner::Assigned { .. } => open.unwrap_or(own),
                    own => own,
                };
                let group = match assigner {
                    WindowAssigner::Session { .. }
                    | WindowAssigner::Rows { .. }
                    | WindowAssigner::Until { .. } => slot(aggregate).size + WINDOW_OF_KEY,
                    // Slices of a window are told by their slots.
                    WindowAssigner::Hopping { size, every, .. } if every < size => slot(aggregate).size,
                    WindowAssigner::Cumulative { .. } => 2 * slot(aggregate).size + BY_INDEX,
                    _ if aggregate.keys.is_empty() => slot(aggregate).size,
                    _ => SLOTS_PER_GROUP * slot(aggregate).stride(),
                };
                window::state_text(aggregate, assigner, group, &per_key, beside, watermark)
            }
        }
    });
    of_aggregates
        .chain(window::aggregates(query).filter_map(|(aggregate, _)| rows_state(query, aggregate)))
        .collect()
}

/// Where a group is forgotten whose rows can be withdrawn, only a row that it has is taken out of it.
fn rows_state(query: &Query, aggregate: &Aggregate) -> Option<String> {
    let forgets = matches!(aggregate.grouping, Grouping::Updating(UpdatingScope::All(Keep::Expire(_)), _));
    let n_columns = key_names(aggregate).len() + n_columns_of(aggregate);
    let bytes = n_columns * size_of::<Value>() + ROW_OF_GROUP;
    (forgets && takes_updating(query, aggregate))
        .then(|| format!("each row of these groups, {bytes} bytes, as it can be withdrawn"))
}

/// What an aggregate of all rows so far keeps.
fn running_state(aggregate: &Aggregate, keep: Keep, beside: &str) -> String {
    let per_key = match &key_names(aggregate)[..] {
        [] => return format!("{} bytes{beside}, for ever", slot(aggregate).size),
        names => names.join(", "),
    };
    let bytes = slot(aggregate).size + BY_INDEX;
    let until = match keep {
        Keep::Expire(duration) => format!("until {} after its last event", format_duration(duration)),
        Keep::Forever => "for ever".to_string(),
    };
    format!("{bytes} bytes per {per_key}{beside}, {until}")
}

/// How many columns its aggregates are made of.
fn n_columns_of(aggregate: &Aggregate) -> usize {
    aggregate.calls.iter().map(|call| call.arguments.len() + usize::from(call.filter.is_some())).sum()
}

/// Whether the rows that it takes can be withdrawn.
fn takes_updating(query: &Query, aggregate: &Aggregate) -> bool {
    let is_it = |clause: &Clause| match &clause.kind {
        ClauseKind::Aggregate(other) => std::ptr::eq(other, aggregate),
        _ => false,
    };
    let above = query.clauses.iter().take_while(|clause| !is_it(clause)).last();
    above.map_or(&query.schema, |clause| &clause.schema).sign.is_some()
}

fn key_names(aggregate: &Aggregate) -> Vec<String> {
    aggregate.grouped.columns.iter().take(aggregate.keys.len()).map(|c| c.name.to_string()).collect()
}

pub fn calls_of(calls: &[crate::hir::AggregateCall]) -> Vec<AggregateCall> {
    calls.iter().map(|call| call.of_columns(|_, _| 0, false)).collect()
}

fn slot(aggregate: &Aggregate) -> SlotLayout {
    let keys: Vec<Type> = aggregate.keys.iter().map(|k| k.ty.clone()).collect();
    SlotLayout::wide(&keys, &calls_of(&aggregate.calls))
}

/// The aggregates whose state lies beside the slot, each once.
pub fn beside_slot(calls: &[AggregateCall]) -> String {
    let layout = SlotLayout::wide(&[], calls);
    let mut names: Vec<String> = vec![];
    for (call, field) in calls.iter().zip(&layout.accumulators) {
        let distinct = if call.function.is_distinct() { " distinct" } else { "" };
        let of_program = call.user.as_ref().map(|user| &*user.name);
        let name = format!("`{}{distinct}`", of_program.unwrap_or(call.function.name()));
        if field.kind == AccumulatorKind::Side && !names.contains(&name) {
            names.push(name);
        }
    }
    match &names[..] {
        [] => String::new(),
        names => format!(", and beside it what {} keeps", names.join(" and ")),
    }
}
