//! Nodes of expressions that are computed in Rust, for all rows of a selection at once:
//! in general by the reference evaluator, row by row.

use crate::memory::Memory;
use crate::plan::{Kernel, Plan};
use millstream_ir::batch::Batch;
use millstream_ir::eval::eval;

/// Fills a kernel's column for the first `rows` rows of the selection, or of the batch.
/// Gives no if a decimal does not fit the column.
pub fn run(kernel: &Kernel, plan: &Plan, batch: &Batch, memory: &mut Memory, rows: usize) -> bool {
    let Some(mut target) = memory.columns[kernel.column].take() else { return false };
    target.begin();
    let row_of = |i: usize| if kernel.selected { memory.selection[i] as usize } else { i };
    let mut fits = true;
    if kernel.inputs.is_empty() {
        let value = eval(&kernel.expr, &|_| millstream_ir::value::Value::Null);
        for i in 0..rows {
            match &value {
                Ok(value) => fits &= target.set(row_of(i), value),
                Err(_) => target.fail(row_of(i)),
            }
        }
    } else {
        for i in 0..rows {
            let row = row_of(i);
            let value =
                eval(&kernel.expr, &|column| memory.value(batch, column, row, &plan.columns[column].ty));
            match value {
                Ok(value) => fits &= target.set(row, &value),
                Err(_) => target.fail(row),
            }
        }
    }
    target.finish();
    memory.columns[kernel.column] = Some(target);
    fits
}
