//! Runs a compiled segment over batches: its loops and kernels in turn, then puts the outputs together.

use crate::abi::Operand;
use crate::call::{Function, LoopCall, Output};
use crate::kernel;
use crate::memory::{Memory, validity};
use crate::plan::{ColumnSource, Plan, PlannedOutput, PlannedStep, Stage};
use crate::segment::LoopCode;
use millstream_ir::batch::{Batch, gather_late};
use millstream_ir::column::{Bitmap, Column, ColumnBuilder, ColumnData, ColumnRef, Heap};
use millstream_ir::engine::{MOST_MADE, SegmentKernel, SegmentOutput};
use millstream_ir::segment::Segment;
use std::sync::Arc;

/// A segment with its code.
pub struct CompiledSegment {
    pub segment: Arc<Segment>,
    pub plan: Plan,
    /// By stage; none for kernels.
    pub loops: Vec<Option<CallableLoop>>,
}

pub struct CallableLoop {
    /// Whether the variants can take turns in one batch.
    pub takes_turns: bool,
    pub without_nulls: (Function, LoopCode),
    pub with_nulls: Option<(Function, LoopCode)>,
}

pub struct SegmentRunner {
    compiled: Arc<CompiledSegment>,
    memory: Memory,
    frame: Vec<u64>,
    /// How many rows are run at once, so that they do not make too much.
    at_once: usize,
}

/// Why code cannot run over a batch.
pub enum Misfit {
    /// A decimal does not fit it.
    Wide,
    /// More than so many rows would make too much.
    TooMuch { n_rows: usize },
}

impl SegmentRunner {
    pub fn new(compiled: Arc<CompiledSegment>) -> SegmentRunner {
        let memory = Memory::new(&compiled.plan);
        SegmentRunner { compiled, memory, frame: vec![], at_once: usize::MAX }
    }

    /// Runs the code over a whole batch.
    fn run_compiled(&mut self, batch: &Batch) -> Result<SegmentOutput, Misfit> {
        let compiled = self.compiled.clone();
        let plan = &compiled.plan;
        let memory = &mut self.memory;
        memory.prepare(batch.n_rows);
        let mut outputs: Vec<Option<Output>> = plan.outputs.iter().map(|_| None).collect();
        let (mut rows, mut n_failed, mut selected) = (batch.n_rows, 0, false);
        // Those of the loop that has run last.
        let mut heaps = vec![];
        for (stage, callable) in plan.stages.iter().zip(&compiled.loops) {
            match (stage, callable) {
                (Stage::Loop(of), Some(callable)) => {
                    let (_, code) = callable.choose(&batch.columns);
                    let is_wide = |c: &usize| matches!(batch.columns[*c].data, ColumnData::I128(_));
                    if code.narrow.iter().any(is_wide) {
                        return Err(Misfit::Wide);
                    }
                    let written = if of.last { &mut outputs[..] } else { &mut [] };
                    for (output, planned) in written.iter_mut().zip(&plan.outputs) {
                        if let PlannedOutput::Written(column) = planned {
                            *output = Some(Output::new(&plan.columns[*column].ty, batch.n_rows));
                        }
                    }
                    let call = LoopCall {
                        code: callable,
                        selected: of.selected,
                        batch,
                        memory,
                        outputs: written,
                        rows,
                        narrows: of.narrows,
                        n_failed,
                    };
                    let outcome = call.run(&mut self.frame).ok_or(Misfit::Wide)?;
                    if outcome.wide {
                        return Err(Misfit::Wide);
                    }
                    (rows, n_failed) = (outcome.n_kept, outcome.n_failed);
                    selected |= of.narrows;
                    for step in &of.steps {
                        if let PlannedStep::Let { column, .. } | PlannedStep::Part { column, .. } = step
                            && let Some(kept) = &mut memory.columns[*column]
                        {
                            kept.set_heaps(&outcome.heaps);
                        }
                    }
                    heaps = outcome.heaps;
                }
                (Stage::Kernel(of), _) => {
                    kernel::run(of, plan, batch, memory, rows)?;
                }
                (Stage::Loop(_), None) => return Err(Misfit::Wide),
            }
        }
        // A selection of all rows is none.
        let kept = (selected && rows < batch.n_rows).then(|| &self.memory.selection[..rows]);
        let columns = plan
            .outputs
            .iter()
            .zip(outputs)
            .map(|(planned, output)| self.output(batch, &compiled.plan, *planned, output, kept, &heaps));
        let columns = columns.collect::<Option<Vec<ColumnRef>>>().ok_or(Misfit::Wide)?;
        let mut failed = self.memory.failed[..n_failed].to_vec();
        failed.sort_unstable();
        let (origin, late) = match kept {
            Some(kept) => (batch.origin.gather(kept), gather_late(&batch.late, kept)),
            None => (batch.origin.clone(), batch.late.clone()),
        };
        let n_taken = batch.n_rows;
        Ok(SegmentOutput { batch: Batch { columns, n_rows: rows, origin, late }, n_taken, failed })
    }

    fn output(
        &self,
        batch: &Batch,
        plan: &Plan,
        planned: PlannedOutput,
        written: Option<Output>,
        kept: Option<&[u32]>,
        heaps: &[Heap],
    ) -> Option<ColumnRef> {
        let pick = |column: &Column| match kept {
            Some(kept) => column.gather(kept),
            None => column.clone(),
        };
        match planned {
            PlannedOutput::Shared(number) => {
                let column = batch.columns.get(number)?;
                Some(if kept.is_some() { Arc::new(pick(column)) } else { column.clone() })
            }
            PlannedOutput::Picked(number) => match &self.memory.columns[number] {
                None => {
                    let column = batch.columns.get(number)?;
                    Some(if kept.is_some() { Arc::new(pick(column)) } else { column.clone() })
                }
                Some(temporary) => {
                    let (column, nulls) = temporary.pick(kept, batch.n_rows);
                    Some(Arc::new(Column { data: column.data, validity: validity(&nulls) }))
                }
            },
            PlannedOutput::Written(number) => {
                // Wide decimals that are only passed on: the loop wrote nothing of use.
                if let (ColumnSource::Input, Some(column)) =
                    (&plan.columns[number].source, batch.columns.get(number))
                    && matches!(column.data, ColumnData::I128(_))
                {
                    return Some(if kept.is_some() { Arc::new(pick(column)) } else { column.clone() });
                }
                let Output { mut data, nulls } = written?;
                if let ColumnData::Text(text) = &mut data {
                    let source = match &plan.columns[number].source {
                        ColumnSource::Let { .. } => None,
                        ColumnSource::Input => batch.columns.get(number).map(|c| &c.data),
                        ColumnSource::Part { .. } => {
                            self.memory.columns[number].as_ref().map(|t| &t.column.data)
                        }
                    };
                    text.heaps = match source {
                        Some(ColumnData::Text(source)) => source.heaps.clone(),
                        _ => heaps.to_vec(),
                    };
                }
                Some(Arc::new(Column { data, validity: validity(&nulls) }))
            }
        }
    }

    /// Row by row, by the reference evaluator.
    fn run_reference(&self, batch: &Batch) -> SegmentOutput {
        let segment = &self.compiled.segment;
        let mut builders: Vec<ColumnBuilder> =
            segment.outputs.iter().map(|c| ColumnBuilder::new(segment.column_type(*c))).collect();
        let (mut kept, mut failed) = (vec![], vec![]);
        let (mut n_taken, mut bytes) = (0, 0);
        for row in 0..batch.n_rows {
            if bytes > MOST_MADE {
                break;
            }
            n_taken += 1;
            let value = |c: usize| batch.columns[c].value(row, &segment.inputs[c]);
            match segment.run_row(&value) {
                Ok(None) => {}
                Ok(Some(values)) => {
                    kept.push(row as u32);
                    bytes += values.iter().map(|value| value.bytes(MOST_MADE)).sum::<usize>();
                    builders.iter_mut().zip(&values).for_each(|(b, v)| b.push(v));
                }
                Err(_) => failed.push(row as u32),
            }
        }
        let columns = builders.into_iter().map(|b| Arc::new(b.finish())).collect();
        let batch = Batch {
            columns,
            n_rows: kept.len(),
            origin: batch.origin.gather(&kept),
            late: gather_late(&batch.late, &kept),
        };
        SegmentOutput { batch, n_taken, failed }
    }
}

impl SegmentKernel for SegmentRunner {
    fn run(&mut self, batch: &Batch) -> SegmentOutput {
        loop {
            let n = batch.n_rows.min(self.at_once);
            let first = (n < batch.n_rows).then(|| batch.part(0, n));
            let rows = first.as_ref().unwrap_or(batch);
            match self.run_compiled(rows) {
                Ok(output) => {
                    // Those that follow may make less.
                    self.at_once = self.at_once.saturating_mul(2);
                    return output;
                }
                Err(Misfit::TooMuch { n_rows }) => self.at_once = n_rows,
                Err(Misfit::Wide) => return self.run_reference(rows),
            }
        }
    }
}

impl CallableLoop {
    /// The code for a batch of these columns.
    pub fn choose(&self, columns: &[ColumnRef]) -> &(Function, LoopCode) {
        match &self.with_nulls {
            Some(with_nulls) if !self.bitmaps(columns).is_empty() => with_nulls,
            _ => &self.without_nulls,
        }
    }

    /// The validity of the columns that it reads, of those in which something is null.
    pub fn bitmaps<'c>(&self, columns: &'c [ColumnRef]) -> Vec<&'c Bitmap> {
        let operands = self.with_nulls.iter().flat_map(|(_, code)| &code.operands);
        let bitmap = |operand: &Operand| match operand {
            Operand::Validity(number) => columns.get(*number)?.validity.as_ref(),
            _ => None,
        };
        operands.filter_map(bitmap).collect()
    }
}
