//! What clauses about a row and those of its key before keep.

use crate::check::OverRowsFunction;
use crate::hir::{ClauseKind, Grouping, History, HistoryKind, Query};
use millstream_ir::expr::Expr;
use millstream_ir::flow::{self, Keep, KeyHistory, Schema, UpdatingScope};
use millstream_ir::text::format_duration;
use millstream_ir::types::Type;

/// How many bytes a row has that waits until the watermark has passed it, because a clause depends on the order.
pub fn waiting_rows(query: &Query) -> Option<usize> {
    let inputs = [&query.schema].into_iter().chain(query.clauses.iter().map(|clause| &clause.schema));
    let mut waits = query.clauses.iter().zip(inputs).filter(|(clause, input)| match &clause.kind {
        ClauseKind::History(_) | ClauseKind::Frame(_) | ClauseKind::GatherWindows { .. } => true,
        ClauseKind::Top(top) => input.sign.is_none() && top.scope.is_told_by_order(),
        ClauseKind::Aggregate(aggregate) => {
            let expires =
                matches!(aggregate.grouping, Grouping::Updating(UpdatingScope::All(Keep::Expire(_)), _));
            input.sign.is_none() && expires
        }
        _ => false,
    });
    waits.next().map(|(_, input)| input.bytes_of_row())
}

/// What a stream keeps for them, with its bound.
pub fn state_of(query: &Query, watermark: &str) -> Vec<String> {
    let waiting = waiting_rows(query).map(|bytes| {
        format!(
            "the rows that {watermark} has not passed, {bytes} bytes each, to bring them into the order of their times"
        )
    });
    let of_times = times(query).map(|input| {
        let bytes = input.bytes_of_row();
        format!(
            "the rows that {watermark} has not passed, {bytes} bytes each, if they come from several partitions: they get their new times in the order of the old ones"
        )
    });
    waiting.into_iter().chain(of_times).chain(histories(query).map(state_text)).collect()
}

/// Of each `time` clause the rows before it.
pub fn times(query: &Query) -> impl Iterator<Item = &Schema> {
    let inputs = [&query.schema].into_iter().chain(query.clauses.iter().map(|clause| &clause.schema));
    let times =
        query.clauses.iter().zip(inputs).filter(|(clause, _)| matches!(clause.kind, ClauseKind::Time { .. }));
    times.map(|(_, input)| input)
}

/// With the rows that each looks at.
fn histories(query: &Query) -> impl Iterator<Item = (&History, &Schema)> {
    let inputs = [&query.schema].into_iter().chain(query.clauses.iter().map(|clause| &clause.schema));
    query.clauses.iter().zip(inputs).filter_map(|(clause, input)| match &clause.kind {
        ClauseKind::History(history) => Some((history, input)),
        _ => None,
    })
}

fn state_text((history, input): (&History, &Schema)) -> String {
    let (spec, types) = described(history);
    let bytes = spec.bytes_per_key(&types);
    let (what, since) = match &history.kind {
        HistoryKind::Throttle { .. } => ("the time of the first row let through", "that row"),
        HistoryKind::Changes { .. } => ("the row before", "its last row"),
        HistoryKind::Functions { .. } => ("the rows before that functions look at", "its last row"),
    };
    if spec.looks_ahead() {
        // Of each row which ones it looks at, whether that is known, and that it waits.
        let bytes = input.bytes_of_row() + 8 * spec.functions().len() + 9;
        return format!(
            "the rows that wait for those behind them, {bytes} bytes each, until their window is over"
        );
    }
    if spec.window.is_some() {
        let per = if history.keys.len() > spec.keys_of_windows().len() { "key and " } else { "" };
        return format!("{what}, {bytes} bytes per {per}open window");
    }
    if history.keys.is_empty() {
        return format!("{what}, {bytes} bytes");
    }
    let until = match spec.expire() {
        Some(expire) => format!("forgotten {} after {since}", format_duration(expire)),
        None => "never forgotten".to_string(),
    };
    format!("{what}, {bytes} bytes per key; a key is {until}")
}

/// The history as the dataflow has it, over columns of these types: keys, then arguments.
fn described(history: &History) -> (KeyHistory, Vec<Type>) {
    let mut types: Vec<Type> = vec![];
    let mut column = |expr: &Expr| {
        types.push(expr.ty.clone());
        types.len() - 1
    };
    let keys = history.keys.iter().map(&mut column).collect();
    let kind = match &history.kind {
        HistoryKind::Throttle { count, per } => flow::HistoryKind::Throttle { count: *count, per: *per },
        HistoryKind::Changes { of, expire } => {
            flow::HistoryKind::Changes { of: of.iter().map(&mut column).collect(), expire: *expire }
        }
        HistoryKind::Functions { functions, expire } => {
            let function = |function: &OverRowsFunction| function.of_column(&mut column);
            flow::HistoryKind::Functions {
                functions: functions.iter().map(function).collect(),
                expire: *expire,
            }
        }
    };
    (KeyHistory { keys, window: history.window.clone(), kind }, types)
}
