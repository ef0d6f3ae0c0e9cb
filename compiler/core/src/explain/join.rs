//! What joins keep, and how long rows without a partner wait.

use crate::hir::{ClauseKind, Input, Join, JoinBound, Program, Query};
use millstream_base::Span;
use millstream_ir::flow::{self, Flow, JoinKind, Load, NodeId, NodeKind, Partners, Schema, WindowAssigner};
use millstream_ir::text::format_duration;
use millstream_ir::value::Value;

/// What is kept of a row beside its columns: its time and place, and its share of a chunk that is not full.
const ENTRY: usize = 32;
/// What is kept of a row of changes, or of a key with one row, beside its columns: its slot, in a table that is half full, and its look-up.
const LOOK_UP: usize = 48;

/// What is kept of a row that can be withdrawn beside its columns: its time, how many partners it has, and its key.
const ROW_AND_KEY: usize = 64;

/// One sentence for each side of each join.
pub fn state_of(program: &Program, flow: &Flow, query: &Query) -> Vec<String> {
    let mut state = vec![];
    let mut input = &query.schema;
    for clause in &query.clauses {
        if let ClauseKind::Join(join) = &clause.kind {
            let as_run = as_run(flow, clause.span);
            let bytes = bytes_of_rows(flow, as_run, [input, &join.schema]);
            state.extend(match join.bound {
                JoinBound::AsOf { .. } | JoinBound::AsItStands => {
                    of_look_up(program, join, input.sign.is_some(), bytes)
                }
                JoinBound::Forever
                    if as_run.map_or(settles_as_written(join, input), |(join, _)| settles(join)) =>
                {
                    of_keys(program, join, bytes)
                }
                JoinBound::Within { .. } | JoinBound::Window { .. } | JoinBound::Forever => {
                    of_sides(program, join, bytes)
                }
            });
        }
        input = &clause.schema;
    }
    state
}

/// A join as it will run, with its inputs.
fn as_run(flow: &Flow, span: Span) -> Option<(&flow::Join, [NodeId; 2])> {
    flow.nodes.iter().filter(|node| node.span == span).find_map(|node| match (&node.kind, &node.inputs[..]) {
        (NodeKind::Join(join), [left, right]) => Some((&**join, [*left, *right])),
        _ => None,
    })
}

/// Whether a row on the left is forgotten with its first partner, and of each key one on the right is kept.
fn settles(join: &flow::Join) -> bool {
    join.partners == Partners::Stream(flow::JoinBound::Forever) && join.one_is_enough()
}

/// The same of a join that nothing runs, over these rows.
fn settles_as_written(join: &Join, left: &Schema) -> bool {
    let is_final = left.sign.is_none() && join.schema.sign.is_none();
    is_final && join.kind.yields_left_only() && join.condition.is_none()
}

/// The bytes of a row of either side as the join keeps it, and of what leaves of the right one: columns that nobody
/// reads are left out.
fn bytes_of_rows(
    flow: &Flow,
    as_run: Option<(&flow::Join, [NodeId; 2])>,
    written: [&Schema; 2],
) -> [usize; 2] {
    let Some((join, [left, right])) = as_run else {
        return written.map(Schema::bytes_of_row);
    };
    let [left, right] = [left, right].map(|side| &flow.node(side).schema);
    if join.partners == Partners::Stream(flow::JoinBound::OfChanges) {
        // As values, beside the key and how many partners a row has.
        return [left, right]
            .map(|side| (side.columns.len() + join.keys.len()) * size_of::<Value>() + ROW_AND_KEY);
    }
    let of_right = match join.partners {
        Partners::Stream(_) => right.bytes_of_row(),
        Partners::Table(_) => {
            let [_, leaving] = join.leaving([left, right].map(|side| side.columns.len()));
            leaving
                .into_iter()
                .filter_map(|column| right.columns.get(column))
                .map(|column| column.ty.bytes())
                .sum()
        }
    };
    [left.bytes_of_row(), of_right]
}

fn of_sides(program: &Program, join: &Join, bytes: [usize; 2]) -> Vec<String> {
    let [of_left, of_right] = untils(join);
    let right = program.rows_text(join.right);
    let [left_bytes, right_bytes] = bytes.map(|bytes| bytes + ENTRY);
    let each = match windows_of_a_row(join) {
        1 => "each".to_string(),
        n => format!("each in each of up to {n} windows"),
    };
    vec![
        format!("the rows to be joined with {right}, {left_bytes} bytes {each}, {of_left}"),
        format!("the rows of {right}, {right_bytes} bytes {each}, {of_right}"),
    ]
}

/// How many windows hold a row, each of which keeps it.
fn windows_of_a_row(join: &Join) -> i64 {
    let JoinBound::Window { assigner, .. } = &join.bound else { return 1 };
    match assigner {
        WindowAssigner::Hopping { size, every, .. } | WindowAssigner::Cumulative { size, every, .. } => {
            size.checked_add(every - 1).map_or(i64::MAX, |most| most / every)
        }
        _ => 1,
    }
}

/// As [`of_sides`], of a join in which the first partner of a key decides for ever.
fn of_keys(program: &Program, join: &Join, bytes: [usize; 2]) -> Vec<String> {
    let right = program.rows_text(join.right);
    let (left_bytes, right_bytes) = (bytes[0] + ENTRY, bytes[1] + ENTRY + LOOK_UP);
    vec![
        format!("the rows to be joined with {right}, {left_bytes} bytes each, until a partner comes"),
        format!("the first row of {right} per key, {right_bytes} bytes each, for ever"),
    ]
}

fn of_look_up(
    program: &Program,
    join: &Join,
    is_updating: bool,
    [bytes, of_table]: [usize; 2],
) -> Vec<String> {
    let table = program.rows_text(join.right);
    let waiting = matches!(join.bound, JoinBound::AsOf { .. }).then(|| {
        format!("rows until the watermark of {table} passes the time they ask for, {bytes} bytes each")
    });
    let is_loaded_once = matches!(
        program.input(join.right.of).and_then(Input::source).map(|source| source.load),
        Some(Some(Load { refresh: None }))
    );
    let given = (is_updating && !is_loaded_once).then(|| {
        // Up to half are those of rows that have been withdrawn.
        let of_row = (bytes + LOOK_UP) * 3 / 2;
        let partners = match join.kind.yields_left_only() {
            true => String::new(),
            false => format!(" and {} bytes per row found", of_table * 3 / 2),
        };
        format!("what {table} gave each row that stands, to withdraw it: {of_row} bytes{partners}")
    });
    waiting.into_iter().chain(given).collect()
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
