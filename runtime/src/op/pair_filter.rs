//! What has to hold of a pair of rows of a join, beside equal keys and times that are near.

use crate::interp::InterpretedSegment;
use crate::op::segment::SegmentOperator;
use crate::operator::Failure;
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::engine::SegmentKernel;
use millstream_ir::flow::{Join, Schema};
use std::sync::Arc;

pub struct PairFilter {
    kernel: Box<dyn SegmentKernel>,
    /// Says why a pair failed.
    fault: SegmentOperator,
}

/// Pairs that have been looked at.
pub struct Checked<'a> {
    filter: &'a PairFilter,
    pairs: Batch,
    /// The numbers of those that fulfil the condition, and of those that it fails for.
    pub passed: Vec<usize>,
    pub failed: Vec<usize>,
}

impl PairFilter {
    /// None: all pairs are right. Without a kernel the reference evaluator looks at them.
    pub fn new(
        join: &Join,
        [left, right]: [&Schema; 2],
        kernel: Option<Box<dyn SegmentKernel>>,
    ) -> Option<PairFilter> {
        let segment = Arc::new(join.filter(left, right)?);
        let kernel = kernel.unwrap_or_else(|| Box::new(InterpretedSegment::new(segment.clone())));
        Some(PairFilter { kernel, fault: SegmentOperator::new(segment, left, left, None) })
    }

    /// `pairs`: the columns of the left and then of the right rows.
    pub fn check(&mut self, mut pairs: Batch) -> Checked<'_> {
        let numbers = (0..pairs.n_rows as i64).collect();
        pairs.columns.push(Arc::new(Column { data: ColumnData::I64(numbers), validity: None }));
        let (mut passed, mut failed) = (vec![], vec![]);
        let mut first = 0;
        while first < pairs.n_rows {
            let rest = (first > 0).then(|| pairs.part(first, pairs.n_rows));
            let result = self.kernel.run(rest.as_ref().unwrap_or(&pairs));
            if let Some(ColumnData::I64(numbers)) = result.batch.columns.first().map(|column| &column.data) {
                passed.extend(numbers.iter().map(|number| *number as usize));
            }
            failed.extend(result.failed.iter().map(|number| first + *number as usize));
            first += result.n_taken;
        }
        Checked { filter: self, pairs, passed, failed }
    }
}

impl Checked<'_> {
    /// What there is to say of a pair that failed.
    pub fn explain(&self, number: usize) -> Failure {
        self.filter.fault.explain(&self.pairs, number)
    }
}
