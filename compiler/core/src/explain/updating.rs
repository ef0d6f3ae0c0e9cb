//! What `top`, `order by` and `dedupe … keep last` keep, and how long results of updating aggregates wait.

use crate::hir::{Aggregate, Clause, ClauseKind, Grouping, Query, SortWindow, Top};
use millstream_ir::expr::Expr;
use millstream_ir::flow::{AmongEquals, Emission, Keep, Schema, TopScope, UpdatingScope, WindowAssigner};
use millstream_ir::text::format_duration;

/// What it takes to find a row among those that are kept.
const PLACE_OF_ROW: usize = 8;

/// What stands beside the values of a row that is ranked: where it stands in its stream, which values are null, and
/// what it takes to find it.
const BESIDE_RANKED_ROW: usize = 72;

/// One sentence per clause.
pub fn state_of(query: &Query, watermark: &str) -> Vec<String> {
    let mut input = &query.schema;
    let mut state = vec![];
    for clause in &query.clauses {
        match &clause.kind {
            ClauseKind::Top(top) => {
                if let Emission::Every(every) = top.emission {
                    state.push(waiting_for_multiple(every, input));
                }
                state.push(of_top(top, input, watermark));
            }
            // Of windows that are over, results or rows that have been gathered.
            ClauseKind::SortWindow(sort) if sort.is_timed_by_window => state.push(format!(
                "the rows of windows that are over, {} bytes each, until {watermark} has passed their end",
                input.bytes_of_row()
            )),
            ClauseKind::SortWindow(sort) => state.push(format!(
                "the rows of each open window, {} bytes each; they leave when {watermark} passes its end{}",
                input.bytes_of_row(),
                if sort.limit.is_some() { ", the best of them" } else { "" }
            )),
            ClauseKind::GatherWindows { .. } => state.push(format!(
                "the rows of each open window, {} bytes each, until it is over",
                input.bytes_of_row() + PLACE_OF_ROW
            )),
            ClauseKind::Aggregate(Aggregate {
                grouping:
                    Grouping::Updating(_, Emission::Every(every))
                    | Grouping::UpdatingWindows { emission: Emission::Every(every), .. },
                ..
            }) => state.push(waiting_for_multiple(*every, input)),
            _ => {}
        }
        input = &clause.schema;
    }
    state
}

fn waiting_for_multiple(every: i64, input: &Schema) -> String {
    let (every, bytes) = (format_duration(every), input.bytes_of_row());
    format!("the rows that have come since the last multiple of {every}, {bytes} bytes each")
}

fn of_top(top: &Top, input: &Schema, watermark: &str) -> String {
    let name = |number: usize| input.columns.get(number).map_or("?".to_string(), |c| c.name.to_string());
    let n_bounds = match top.scope {
        TopScope::Window { .. } => 2,
        TopScope::Numbered { .. } => 1,
        TopScope::All(_) | TopScope::OfKeys { .. } => 0,
    };
    let is_of_window = !matches!(top.scope, TopScope::All(_));
    let keys: Vec<String> =
        top.per.iter().skip(n_bounds).map(|key: &Expr| key.text(&name).to_string()).collect();
    let rows = match (top.among_equals, input.sign, top.limit) {
        (AmongEquals::Latest, ..) => "one row".to_string(),
        (_, Some(_), _) => "all rows that stand".to_string(),
        (_, None, 1) => "one row".to_string(),
        (_, None, limit) => format!("{limit} rows"),
    };
    let per = if keys.is_empty() { String::new() } else { format!(" per {}", keys.join(", ")) };
    let per = if is_of_window { format!("{per} of each open window") } else { per };
    let until = match &top.scope {
        TopScope::Window { lateness: 0 } => format!("until {watermark} passes its end"),
        TopScope::Window { lateness } => {
            format!("until {watermark} passes its end plus {}", format_duration(*lateness))
        }
        TopScope::OfKeys { lateness: 0, .. } | TopScope::Numbered { .. } => "until it is over".to_string(),
        TopScope::OfKeys { lateness, .. } => {
            format!("until {watermark} passes its end plus {}", format_duration(*lateness))
        }
        TopScope::All(Keep::Expire(duration)) => {
            format!("until {} after the last event", format_duration(*duration))
        }
        TopScope::All(Keep::Forever) => "for ever".to_string(),
    };
    // In a partition of its own, one row also takes that.
    let of_partition = if top.limit == 1 { 120 } else { 0 };
    let bytes = input.bytes_of_row() + BESIDE_RANKED_ROW + of_partition;
    let each = if rows == "one row" { "" } else { " each" };
    format!("{rows}{per}, {bytes} bytes{each}, {until}")
}

/// How long a result waits behind the event that it comes from, in microseconds: of an aggregating select of
/// these windows.
pub fn delay(aggregate: &Aggregate, window: Option<&WindowAssigner>) -> i64 {
    match aggregate.grouping {
        Grouping::Updating(_, emission) | Grouping::UpdatingWindows { emission, .. }
            if emission != Emission::Final =>
        {
            match emission {
                Emission::Every(every) => every,
                Emission::Final | Emission::OnChange => 0,
            }
        }
        _ => window.map_or(0, WindowAssigner::longest),
    }
}

/// How much longer late rows correct results that come when their window is over, in microseconds.
pub fn lateness(aggregate: &Aggregate) -> i64 {
    match aggregate.grouping {
        Grouping::Updating(UpdatingScope::Window { lateness, .. }, Emission::Final)
        | Grouping::UpdatingWindows { lateness, emission: Emission::Final, .. } => lateness,
        _ => 0,
    }
}

/// The same of the best rows of windows.
pub fn lateness_of_top(query: &Query) -> i64 {
    let tops = with_inputs(query).map(|(clause, input)| match &clause.kind {
        ClauseKind::Top(top) if tells_ends(top, input) => match top.scope {
            TopScope::Window { lateness } | TopScope::OfKeys { lateness, .. } => lateness,
            TopScope::All(_) | TopScope::Numbered { .. } => 0,
        },
        _ => 0,
    });
    tops.fold(0, i64::saturating_add)
}

/// Whether it tells the best rows of a window when that is over.
fn tells_ends(top: &Top, input: &Schema) -> bool {
    top.emission == Emission::Final && input.sign.is_none()
}

/// The clauses with the columns that each reads.
fn with_inputs(query: &Query) -> impl Iterator<Item = (&Clause, &Schema)> {
    let inputs = [&query.schema].into_iter().chain(query.clauses.iter().map(|clause| &clause.schema));
    query.clauses.iter().zip(inputs)
}

/// Of the rows of a window that are put in order, or that wait for others of it.
pub fn delay_of_order(query: &Query) -> i64 {
    let mut open = None;
    let delays = with_inputs(query).map(|(clause, input)| match &clause.kind {
        ClauseKind::Window { assigner, .. } => {
            open = Some(assigner);
            0
        }
        ClauseKind::SortWindow(SortWindow { is_timed_by_window: false, .. })
        | ClauseKind::GatherWindows { .. } => open.take().map_or(0, WindowAssigner::longest),
        ClauseKind::Top(Top { emission: Emission::Every(every), .. }) => *every,
        ClauseKind::Top(top) if tells_ends(top, input) => open.take().map_or(0, WindowAssigner::longest),
        ClauseKind::History(history) if history.looks_ahead() => open.map_or(0, WindowAssigner::longest),
        _ => 0,
    });
    delays.fold(0, i64::saturating_add)
}
