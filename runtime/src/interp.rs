//! The reference engine: runs segments row by row with [`millstream_ir::eval`], and leaves the update
//! of accumulators to its portable form. Slow and plain: the other engine has to agree with it.

use crate::kernel::float_sum;
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnBuilder};
use millstream_ir::engine::{AccumulateKernel, CompileError, Compiled, Engine, SegmentKernel, SegmentOutput};
use millstream_ir::eval::bucket;
use millstream_ir::flow::{Flow, NodeId, NodeKind, WindowAggregate, WindowAssigner};
use millstream_ir::segment::Segment;
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub struct ReferenceEngine;

impl Engine for ReferenceEngine {
    fn compile(&self, flow: &Flow) -> Result<Box<dyn Compiled>, CompileError> {
        let segments = flow.ids().filter_map(|id| match &flow.node(id).kind {
            NodeKind::Segment(segment) => Some((id, segment.clone())),
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
        for row in 0..batch.n_rows {
            let inputs = |number: usize| batch.columns[number].value(row, &segment.inputs[number]);
            match segment.run_row(&inputs) {
                Ok(Some(values)) => {
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
        SegmentOutput { batch, failed }
    }
}

/// The rows of windows in their order: by start, then by key.
type Windows<'a> = BTreeMap<i64, BTreeMap<Vec<Value>, Vec<(i64, &'a [Value])>>>;

/// What a window aggregation gives for rows in their total order, none of them late; the last column is
/// the event time. Maps of lists, and each aggregate from the definition. Also counts the rows that fail.
pub fn reference_windows(spec: &WindowAggregate, rows: &[Vec<Value>]) -> (Vec<Vec<Value>>, usize) {
    let WindowAssigner::Tumbling { size, offset } = spec.window;
    let mut windows = Windows::new();
    for row in rows {
        let Some(Value::Timestamp(time)) = row.last() else { continue };
        let key = spec.keys.iter().map(|k| row[*k].clone()).collect();
        let groups = windows.entry(bucket(*time, size, offset)).or_default();
        groups.entry(key).or_default().push((*time, row));
    }
    let (mut output, mut n_failed) = (vec![], 0);
    for (start, groups) in windows {
        let end = start.saturating_add(size);
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

/// The aggregate of a group's rows in their order; none where the result does not fit.
fn reference_aggregate(call: &AggregateCall, rows: &[&[Value]]) -> Option<Value> {
    let counts = |row: &&&[Value]| call.filter.is_none_or(|f| row[f] == Value::Bool(true));
    let rows = rows.iter().filter(counts);
    let Some((argument, ty)) = &call.argument else { return Some(Value::Int(rows.count() as i64)) };
    let all: Vec<Value> = rows.map(|row| row[*argument].clone()).collect();
    let some: Vec<Value> = all.iter().filter(|value| !value.is_null()).cloned().collect();
    let placed = if call.ignore_null { &some } else { &all };
    let distinct = |of: &[Value]| {
        let mut seen = BTreeSet::new();
        of.iter().filter(|value| seen.insert((*value).clone())).cloned().collect::<Vec<Value>>()
    };
    let null = |value: Option<&Value>| Some(value.cloned().unwrap_or(Value::Null));
    match call.function {
        AggregateFunction::Count => Some(Value::Int(some.len() as i64)),
        AggregateFunction::CountDistinct => Some(Value::Int(distinct(&some).len() as i64)),
        AggregateFunction::Collect => Some(Value::List(placed.as_slice().into())),
        AggregateFunction::CollectDistinct => Some(Value::List(distinct(placed).into())),
        AggregateFunction::First => null(placed.first()),
        AggregateFunction::Last => null(placed.last()),
        AggregateFunction::Minimum => null(some.iter().min()),
        AggregateFunction::Maximum => null(some.iter().max()),
        _ if some.is_empty() => Some(Value::Null),
        AggregateFunction::Any => Some(Value::Bool(some.contains(&Value::Bool(true)))),
        AggregateFunction::All => Some(Value::Bool(!some.contains(&Value::Bool(false)))),
        AggregateFunction::Sum | AggregateFunction::Average => {
            reference_sum(&some, ty, call.function == AggregateFunction::Average, &call.result)
        }
    }
}

/// Of at least one value, none null.
fn reference_sum(values: &[Value], ty: &Type, average: bool, result: &Type) -> Option<Value> {
    let n = values.len() as i128;
    if ty.kind == TypeKind::Float {
        let mut sum = [0; float_sum::WORDS];
        for value in values {
            if let Value::Float(x) = value {
                float_sum::add(&mut sum, *x);
            }
        }
        let sum = if average { float_sum::mean(&sum, n as u64) } else { float_sum::total(&sum) };
        return Some(Value::Float(sum));
    }
    // Whole numbers and a rest, so that no sum of a test's few rows leaves 128 bits.
    let terms = values.iter().map(|value| match value {
        Value::Int(i) | Value::Duration(i) => *i as i128,
        Value::Decimal(d) => *d,
        _ => 0,
    });
    let unit = 10i128.pow(19);
    let (high, low) =
        terms.fold((0, 0), |(high, low), t| (high + t.div_euclid(unit), low + t.rem_euclid(unit)));
    let (high, low) = (high + low / unit, low % unit);
    match (&ty.kind, &result.kind) {
        (TypeKind::Decimal(from), TypeKind::Decimal(to)) => {
            let n = if average { n } else { 1 };
            let (whole, rest) = (high / n, (high % n) * unit + low);
            let scale = 10i128.pow((to - from) as u32);
            let quotient = whole.checked_mul(unit)?.checked_add(rest / n)?.checked_mul(scale)?;
            let rest = rest % n * scale;
            let (floor, rest) = (quotient.checked_add(rest.div_euclid(n))?, rest.rem_euclid(n));
            let up = 2 * rest > n || 2 * rest == n && floor % 2 != 0;
            let value = floor + up as i128;
            (value.unsigned_abs() < 10u128.pow(38)).then_some(Value::Decimal(value))
        }
        (_, TypeKind::Float) => Some(Value::Float((high * unit + low) as f64 / n as f64)),
        (_, kind) => {
            let sum = i64::try_from(high * unit + low).ok()?;
            Some(if *kind == TypeKind::Duration { Value::Duration(sum) } else { Value::Int(sum) })
        }
    }
}
