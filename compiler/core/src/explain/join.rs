//! What joins keep, and how long rows without a partner wait.

use crate::hir::{ClauseKind, Join, JoinBound, Program, Query};
use millstream_ir::flow::JoinKind;
use millstream_ir::text::format_duration;

/// What is kept of a row beside its columns: its place among those of its key.
const ENTRY: usize = 40;

/// One sentence for each side of each join.
pub fn state_of(program: &Program, query: &Query) -> Vec<String> {
    let mut state = vec![];
    let mut input = &query.schema;
    for clause in &query.clauses {
        if let ClauseKind::Join(Join { bound: JoinBound::AsOf { .. }, right, .. }) = &clause.kind {
            let (table, bytes) = (program.rows_text(*right), input.bytes_of_row());
            state.push(format!(
                "rows until the watermark of {table} passes the time they ask for, {bytes} bytes each"
            ));
        } else if let ClauseKind::Join(join) = &clause.kind
            && !matches!(join.bound, JoinBound::AsItStands)
        {
            let [of_left, of_right] = untils(join);
            let bytes = input.bytes_of_row() + ENTRY;
            let right = program.rows_text(join.right);
            state.push(format!("the rows to be joined with {right}, {bytes} bytes each, {of_left}"));
            let bytes = join.schema.bytes_of_row() + ENTRY;
            state.push(format!("the rows of {right}, {bytes} bytes each, {of_right}"));
        }
        input = &clause.schema;
    }
    state
}

/// Until when the rows of each side are kept.
fn untils(join: &Join) -> [String; 2] {
    let until = |later: i64| match later {
        ..=0 => "until the watermark of the other side passes them".to_string(),
        later => format!("until the watermark of the other side is {} past them", format_duration(later)),
    };
    match &join.bound {
        JoinBound::Within { low, high } => [until(*high), until(low.saturating_neg())],
        JoinBound::Window { .. } => ["left", "right"]
            .map(|_| "until the watermark of the other side passes the end of their window".into()),
        JoinBound::Forever | JoinBound::AsOf { .. } | JoinBound::AsItStands => {
            ["left", "right"].map(|_| "for ever".into())
        }
    }
}

/// How long the watermark stays behind rows that may be found to have no partner, in microseconds.
pub fn delay(query: &Query) -> i64 {
    let joins = query.clauses.iter().filter_map(|clause| match &clause.kind {
        ClauseKind::Join(join) => Some(join),
        _ => None,
    });
    joins.map(delay_of).fold(0, i64::saturating_add)
}

fn delay_of(join: &Join) -> i64 {
    if let JoinBound::AsOf { ahead, .. } = &join.bound {
        return (*ahead).max(0);
    }
    let [left, right] = join.kind.yields_unmatched();
    let (after_left, after_right) = match &join.bound {
        JoinBound::Within { low, high } => (*high, low.saturating_neg()),
        JoinBound::Window { assigner, .. } => (assigner.longest(), assigner.longest()),
        JoinBound::Forever | JoinBound::AsOf { .. } | JoinBound::AsItStands => (0, 0),
    };
    let left = if left || join.kind == JoinKind::Semi { after_left } else { 0 };
    let right = if right { after_right } else { 0 };
    left.max(right).max(0)
}
