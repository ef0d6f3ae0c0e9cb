//! What windows keep, and for how long, in plain words.

use crate::hir::{Aggregate, Clause, ClauseKind, Grouping, Query};
use millstream_ir::flow::{Keep, WindowAggregate, WindowAssigner};
use millstream_ir::text::format_duration;
use millstream_ir::value::Value;

/// The aggregating selects of a query, each with the windows that it closes, if it closes any.
pub fn aggregates(query: &Query) -> impl Iterator<Item = (&Aggregate, Option<&WindowAssigner>)> {
    let mut open = None;
    query.clauses.iter().filter_map(move |clause| match &clause.kind {
        ClauseKind::Window { assigner, .. } => {
            open = Some(assigner);
            None
        }
        ClauseKind::Aggregate(aggregate) => {
            let own = match &aggregate.grouping {
                Grouping::Window(window) => Some(window),
                Grouping::UpdatingWindows { window, .. } => Some(window),
                Grouping::Updating(..) => None,
            };
            Some((aggregate, open.take().or(own)))
        }
        _ => None,
    })
}

/// What an aggregation keeps; `keys` are its keys with `and` behind them.
pub fn state_text(
    aggregate: &Aggregate,
    assigner: &WindowAssigner,
    bytes: usize,
    keys: &str,
    beside: &str,
    watermark: &str,
) -> String {
    let own = match assigner {
        WindowAssigner::Session { gap, max: None, .. } => {
            Some(format!("session, which ends {} after its last row", format_duration(*gap)))
        }
        WindowAssigner::Session { gap, max: Some(max), .. } => Some(format!(
            "session, which ends {} after its last row and {} after its first; and rows until {watermark} passes them",
            format_duration(*gap),
            format_duration(*max)
        )),
        WindowAssigner::Rows { count, keep, .. } => Some(format!(
            "unfinished window of {count} rows{}; and rows until {watermark} passes them",
            match keep {
                Keep::Expire(duration) =>
                    format!(", until {} after its last row", format_duration(*duration)),
                Keep::Forever => String::new(),
            }
        )),
        WindowAssigner::Until { .. } => {
            Some(format!("group until {watermark} passes its end; and rows until {watermark} passes them"))
        }
        _ => None,
    };
    if let Some(own) = own {
        return format!("{bytes} bytes per {keys}{own}{beside}");
    }
    let until = format!("until {watermark} passes its end");
    let size = match assigner {
        WindowAssigner::Calendar { unit, .. } => format!("a {}", unit.name()),
        other => format!("a window of {}", format_duration(other.longest())),
    };
    match assigner {
        _ if matches!(aggregate.grouping, Grouping::Window(WindowAssigner::Assigned { .. })) => {
            format!("{bytes} bytes per {keys}open window{beside}; {size} stays open {until}")
        }
        WindowAssigner::Hopping { size: length, every, .. } if every < length => {
            // A window that is not a multiple of its step ends between two starts.
            let n_slices = match length % every {
                0 => length / every,
                _ => length / every * 2 + 1,
            };
            // The sums of a window's slices hold a key's slot for as many of them as it has rows behind.
            let per = if keys.is_empty() {
                String::new()
            } else {
                format!(" per {}", keys.trim_end_matches(" and "))
            };
            format!(
                "at most {} slots of {bytes} bytes{per}{beside}: one for each of the {n_slices} slices of a window, three for their sums; {size} stays open {until}",
                n_slices + 3
            )
        }
        WindowAssigner::Cumulative { every, .. } => format!(
            "{bytes} bytes per {keys}open {} of a window with the sum of all before{beside}; {size} stays open {until}",
            format_duration(*every)
        ),
        _ => format!("{bytes} bytes per {keys}open window{beside}; {size} stays open {until}"),
    }
}

/// What an aggregation keeps whose results are replaced as rows come.
pub fn updating_state(
    bytes: usize,
    keys: &str,
    window: Option<&WindowAssigner>,
    lateness: i64,
    beside: &str,
    watermark: &str,
) -> String {
    let keys = if keys.is_empty() { String::new() } else { format!("{keys} and ") };
    let behind = match lateness {
        0 => String::new(),
        lateness => format!(" and {} more", format_duration(lateness)),
    };
    let size = match window {
        Some(WindowAssigner::Calendar { unit, .. }) => format!("a {}", unit.name()),
        Some(other) => format!("a window of {}", format_duration(other.longest())),
        None => "a window".to_string(),
    };
    format!(
        "{bytes} bytes per {keys}open window{beside}; {size} stays open until {watermark} passes its end{behind}"
    )
}

/// What is kept to fill windows without rows.
pub fn fill_text(clause: &Clause) -> Option<String> {
    let ClauseKind::Aggregate(aggregate) = &clause.kind else { return None };
    let fill = aggregate.fill.as_ref()?;
    let keys: Vec<&str> =
        aggregate.grouped.columns.iter().take(aggregate.keys.len()).map(|c| &*c.name).collect();
    let per = if keys.is_empty() { String::new() } else { format!(" per {}", keys.join(", ")) };
    let replaced = match aggregate.grouping.is_updating() {
        true => " and those that rows can still change",
        false => "",
    };
    Some(format!(
        "the last results{per}{replaced}, {} bytes, to fill windows, until {} after the last row",
        match aggregate.grouping.is_updating() {
            // As values, found by their windows.
            true => aggregate.grouped.columns.len() * size_of::<Value>() + 64,
            // The key and the results as values, in a table.
            false => (aggregate.keys.len() + aggregate.calls.len()) * size_of::<Value>() + 112,
        },
        format_duration(fill.duration)
    ))
}

pub fn how_it_runs(name: &str, aggregate: &WindowAggregate) -> String {
    let state = if aggregate.keys.is_empty() { "one group" } else { "a hash table" };
    let part = match aggregate.window {
        WindowAssigner::Hopping { size, every, .. } if every < size => "slice of time",
        WindowAssigner::Cumulative { .. } => "slice of time",
        WindowAssigner::Session { .. } | WindowAssigner::Rows { .. } | WindowAssigner::Until { .. } => {
            return format!("aggregates of {name} in {}, the open windows per key", aggregate.window);
        }
        _ => "open window",
    };
    format!("aggregates of {name} in {}, {state} per {part}", aggregate.window)
}
