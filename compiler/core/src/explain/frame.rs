//! What windows of which each row has its own keep.

use super::aggregate::{BY_INDEX, beside_slot, calls_of};
use crate::hir::{ClauseKind, Frame, Query};
use millstream_ir::aggregate::SlotLayout;
use millstream_ir::flow::{self, Keep};
use millstream_ir::text::format_duration;
use millstream_ir::value::Value;

/// What a stream keeps for them, with its bound.
pub fn state_of(query: &Query) -> Vec<String> {
    let frames = query.clauses.iter().filter_map(|clause| match &clause.kind {
        ClauseKind::Frame(frame) => Some(frame),
        _ => None,
    });
    frames.map(state_text).collect()
}

fn state_text(frame: &Frame) -> String {
    let mut calls = calls_of(&frame.calls);
    let takes_out = !matches!(frame.frame, flow::Frame::Running(_));
    calls.iter_mut().for_each(|call| call.removable = takes_out);
    let by_index = if frame.keys.is_empty() { 0 } else { BY_INDEX };
    let (slot, beside) = (SlotLayout::wide(&[], &calls).size + by_index, beside_slot(&calls));
    let row = bytes_of_row(frame);
    let of_keys = if frame.keys.is_empty() { String::new() } else { " per key".to_string() };
    let group = format!("{slot} bytes{of_keys}{beside}");
    match frame.frame {
        flow::Frame::Sliding { size } => {
            format!("the rows of the last {}, {row} bytes each; {group}", format_duration(size))
        }
        flow::Frame::Rows { n_rows, keep } => {
            format!("the last {n_rows} rows{of_keys}, {row} bytes each; {group}{}", until(frame, keep))
        }
        flow::Frame::Running(keep) => format!("{group}{}", until(frame, keep)),
    }
}

fn until(frame: &Frame, keep: Keep) -> String {
    match keep {
        _ if frame.keys.is_empty() => String::new(),
        Keep::Expire(after) => format!("; a key is forgotten {} after its last row", format_duration(after)),
        Keep::Forever => "; a key is never forgotten".to_string(),
    }
}

/// What is kept of a row: what aggregates look at, its time and its key's number.
fn bytes_of_row(frame: &Frame) -> usize {
    let looked_at = frame.calls.iter().flat_map(|call| call.arguments.iter().chain(&call.filter));
    match frame.frame {
        flow::Frame::Rows { .. } => 80 + looked_at.count() * size_of::<Value>(),
        _ => 12 + looked_at.map(|expr| expr.ty.bytes()).sum::<usize>(),
    }
}
