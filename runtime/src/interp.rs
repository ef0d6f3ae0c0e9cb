//! The reference engine: runs segments row by row with [`millstream_ir::eval`], and leaves the update
//! of accumulators to its portable form. Slow and plain: the other engine has to agree with it.

mod aggregate;
mod keyed_windows;

pub use aggregate::{is_result, reference_aggregate};
pub use keyed_windows::reference_keyed_windows;

use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnBuilder};
use millstream_ir::engine::{
    AccumulateKernel, CompileError, Compiled, Engine, MOST_MADE, SegmentKernel, SegmentOutput, TransitionCode,
};
use millstream_ir::flow::{Flow, NodeId, NodeKind, WindowAggregate, WindowAssigner};
use millstream_ir::pattern::transitions::Transitions;
use millstream_ir::segment::Segment;
use millstream_ir::value::Value;
use millstream_ir::window::TimeWindows;
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct ReferenceEngine;

impl Engine for ReferenceEngine {
    fn compile(&self, flow: &Flow) -> Result<Box<dyn Compiled>, CompileError> {
        let segments = flow.ids().filter_map(|id| match &flow.node(id).kind {
            NodeKind::Segment(segment) => Some((id, segment.clone())),
            NodeKind::Join(join) => {
                let [left, right] = flow.node(id).inputs[..] else { return None };
                let filter = join.filter(&flow.node(left).schema, &flow.node(right).schema)?;
                Some((id, Arc::new(filter)))
            }
            _ => None,
        });
        Ok(Box::new(Interpreted { segments: segments.collect() }))
    }
}

struct Interpreted {
    segments: BTreeMap<NodeId, Arc<Segment>>,
}

impl Compiled for Interpreted {
    fn segment(&self, node: NodeId) -> Option<Box<dyn SegmentKernel>> {
        let segment = self.segments.get(&node)?;
        Some(Box::new(InterpretedSegment::new(segment.clone())))
    }

    fn accumulate(&self, _node: NodeId) -> Option<Box<dyn AccumulateKernel>> {
        None
    }

    fn transitions(&self, _: &Transitions) -> Option<TransitionCode> {
        None
    }
}

/// A segment that is evaluated row by row.
pub struct InterpretedSegment {
    segment: Arc<Segment>,
}

impl InterpretedSegment {
    pub fn new(segment: Arc<Segment>) -> InterpretedSegment {
        InterpretedSegment { segment }
    }
}

impl SegmentKernel for InterpretedSegment {
    fn run(&mut self, batch: &Batch) -> SegmentOutput {
        let segment = &*self.segment;
        let mut columns: Vec<ColumnBuilder> =
            segment.outputs.iter().map(|number| ColumnBuilder::new(segment.column_type(*number))).collect();
        let (mut kept, mut failed) = (vec![], vec![]);
        let (mut n_taken, mut bytes) = (0, 0);
        for row in 0..batch.n_rows {
            if bytes > MOST_MADE {
                break;
            }
            n_taken += 1;
            let inputs = |number: usize| batch.columns[number].value(row, &segment.inputs[number]);
            match segment.run_row(&inputs) {
                Ok(Some(values)) => {
                    bytes += values.iter().map(|value| value.bytes(MOST_MADE)).sum::<usize>();
                    columns.iter_mut().zip(&values).for_each(|(column, value)| column.push(value));
                    kept.push(row as u32);
                }
                Ok(None) => {}
                Err(_) => failed.push(row as u32),
            }
        }
        let columns: Vec<Arc<Column>> = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
        let batch = Batch {
            n_rows: kept.len(),
            origin: batch.origin.gather(&kept),
            late: millstream_ir::batch::gather_late(&batch.late, &kept),
            columns,
        };
        SegmentOutput { batch, n_taken, failed }
    }
}

/// The rows of windows in their order: by end, then by start, then by key.
type Windows<'a> = BTreeMap<(i64, i64), BTreeMap<Vec<Value>, Vec<(i64, &'a [Value])>>>;

/// What a window aggregation gives for rows in their total order, none of them late; the last column is
/// the event time. Maps of lists, and each aggregate from the definition. Also counts the rows that fail.
pub fn reference_windows(spec: &WindowAggregate, rows: &[Vec<Value>]) -> (Vec<Vec<Value>>, usize) {
    let mut windows = Windows::new();
    for (row, time) in timed(rows) {
        let key: Vec<Value> = spec.keys.iter().map(|k| row[*k].clone()).collect();
        for bounds in windows_of(&spec.window, row, time) {
            windows.entry(bounds).or_default().entry(key.clone()).or_default().push((time, row));
        }
    }
    let (mut output, mut n_failed) = (vec![], 0);
    for ((end, start), groups) in windows {
        for (key, mut rows) in groups {
            rows.sort_by_key(|(time, _)| *time);
            let rows: Vec<&[Value]> = rows.into_iter().map(|(_, row)| row).collect();
            let results: Option<Vec<Value>> =
                spec.aggregates.iter().map(|call| reference_aggregate(call, &rows)).collect();
            let Some(results) = results else {
                n_failed += 1;
                continue;
            };
            let times = [start, end, end - 1].map(Value::Timestamp);
            output.push(key.into_iter().chain(results).chain(times).collect());
        }
    }
    (output, n_failed)
}

fn timed(rows: &[Vec<Value>]) -> impl Iterator<Item = (&[Value], i64)> {
    rows.iter().filter_map(|row| match row.last() {
        Some(Value::Timestamp(time)) => Some((&row[..], *time)),
        _ => None,
    })
}

/// The ends and starts of the windows that a row lies in, by its time or its columns.
fn windows_of(assigner: &WindowAssigner, row: &[Value], time: i64) -> Vec<(i64, i64)> {
    match (TimeWindows::new(assigner), assigner) {
        (Some(windows), _) => windows.of_time(time).map(|w| (w.end, w.start)).collect(),
        (None, WindowAssigner::Assigned { start, end }) => match (&row[*end], &row[*start]) {
            (Value::Timestamp(end), Value::Timestamp(start)) => vec![(*end, *start)],
            _ => vec![],
        },
        (None, _) => vec![],
    }
}
