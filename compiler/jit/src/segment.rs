//! The loops of a segment as machine code. A loop goes over the rows of the selection (or over all),
//! without branches: a row that passes is written and the write position moves on, a row that does not
//! is overwritten by the next.

use crate::abi::{Operand, header};
use crate::lower::{Flag, Lowered, Lowering};
use crate::module::CodeBuilder;
use crate::plan::{ColumnSource, Loop, Plan, PlannedOutput, PlannedStep};
use cranelift::codegen::ir::BlockArg;
use cranelift::prelude::*;
use cranelift_module::FuncId;
use millstream_ir::column::Heap;
use millstream_ir::engine::CompileError;

/// The code of one loop.
pub struct LoopCode {
    pub function: FuncId,
    pub operands: Vec<Operand>,
    /// The input columns of decimals that it computes with: they must be in 64 bits.
    pub narrow: Vec<usize>,
    /// The text of literals that are views into heap 0 of the loop's common heaps.
    pub literals: Heap,
    /// Of each output, whether the loop writes which of its values are null.
    pub output_nulls: Vec<bool>,
}

/// The code of a loop for rows in which the input columns that it reads have no nulls, and for those in
/// which some may have; the same where their types exclude nulls.
pub struct LoopVariants {
    pub without_nulls: LoopCode,
    pub with_nulls: Option<LoopCode>,
}

impl LoopCode {
    /// Whether two variants can take turns in one batch: strings that they write point into the same heaps.
    pub fn agrees_with(&self, other: &LoopCode) -> bool {
        let heaps = |code: &LoopCode| -> Vec<Operand> {
            code.operands.iter().filter(|o| matches!(o, Operand::FirstHeap(_))).copied().collect()
        };
        self.literals[..] == other.literals[..] && heaps(self) == heaps(other)
    }
}

pub fn compile_loop(
    code: &mut CodeBuilder,
    name: &str,
    plan: &Plan,
    stage: usize,
    of: &Loop,
) -> Result<LoopVariants, CompileError> {
    let general = compile_variant(code, name, plan, stage, of, true)?;
    if !general.operands.iter().any(|o| matches!(o, Operand::Validity(_))) {
        return Ok(LoopVariants { without_nulls: general, with_nulls: None });
    }
    let without_nulls = compile_variant(code, &format!("{name} no_nulls"), plan, stage, of, false)?;
    Ok(LoopVariants { without_nulls, with_nulls: Some(general) })
}

fn compile_variant(
    code: &mut CodeBuilder,
    name: &str,
    plan: &Plan,
    stage: usize,
    of: &Loop,
    input_nulls: bool,
) -> Result<LoopCode, CompileError> {
    let mut operands = vec![];
    let (mut narrow, mut literals) = (vec![], vec![]);
    let mut output_nulls = vec![];
    let function = code.function(name, |builder, frame| {
        let mut lowering = Lowering::new(builder, frame, plan, stage, input_nulls, &mut operands);
        output_nulls = lower_loop(&mut lowering, plan, stage, of);
        narrow = lowering.narrow.iter().copied().collect();
        literals = std::mem::take(&mut lowering.literals);
    })?;
    Ok(LoopCode { function, operands, narrow, literals: Heap::new(literals), output_nulls })
}

/// Gives which outputs may be null.
fn lower_loop(lowering: &mut Lowering, plan: &Plan, stage: usize, of: &Loop) -> Vec<bool> {
    let body = lowering.builder.create_block();
    let exit = lowering.builder.create_block();
    for block in [body, exit] {
        // The row's place in the selection, rows kept, rows failed; whether a decimal did not fit.
        for ty in [types::I64, types::I64, types::I64, types::I8] {
            lowering.builder.append_block_param(block, ty);
        }
    }
    let rows = lowering.header(header::ROWS);
    let start = lowering.header(header::START);
    let [n_kept, n_failed] = [header::N_KEPT, header::N_FAILED].map(|word| {
        let flags = MemFlagsData::trusted();
        lowering.builder.ins().load(types::I64, flags, lowering.frame, word as i32 * 8)
    });
    let never = lowering.builder.ins().iconst(types::I8, 0);
    let any = lowering.builder.ins().icmp(IntCC::UnsignedLessThan, start, rows);
    branch(lowering, any, body, exit, [start, n_kept, n_failed, never]);

    lowering.builder.switch_to_block(body);
    let [place, kept, failed, wide] = parameters(lowering, body);
    let selection = lowering.header(header::SELECTION);
    let row = match of.selected {
        true => {
            let at = lowering.element(selection, place, 4);
            lowering.builder.ins().uload32(MemFlagsData::trusted(), at, 0)
        }
        false => place,
    };
    lowering.begin_row(row);
    let outcome = lower_steps(lowering, plan, stage, of);
    let written = if of.narrows { kept } else { place };
    let output_nulls = match of.last {
        true => write_outputs(lowering, plan, written),
        false => vec![],
    };
    // What the outputs computed again counts as well.
    let rest = lowering.take_wide();
    let rest = lowering.and_kept(rest, outcome.alive);
    let row_wide = lowering.or(outcome.wide, rest);

    let kept = match of.narrows {
        true => {
            let at = lowering.element(selection, kept, 4);
            lowering.builder.ins().istore32(MemFlagsData::trusted(), row, at, 0);
            advance(lowering, kept, outcome.alive)
        }
        false => kept,
    };
    let failed = match of.can_fail {
        true => {
            let base = lowering.header(header::FAILED);
            let at = lowering.element(base, failed, 4);
            lowering.builder.ins().istore32(MemFlagsData::trusted(), row, at, 0);
            let none = lowering.builder.ins().iconst(types::I8, 0);
            advance(lowering, failed, Some(outcome.failed.unwrap_or(none)))
        }
        false => failed,
    };
    let wide = lowering.or(Some(wide), row_wide).unwrap_or(wide);
    let next = lowering.builder.ins().iadd_imm_s(place, 1);
    let more = lowering.builder.ins().icmp(IntCC::UnsignedLessThan, next, rows);
    branch(lowering, more, body, exit, [next, kept, failed, wide]);

    lowering.builder.switch_to_block(exit);
    let [_, kept, failed, wide] = parameters(lowering, exit);
    let wide = lowering.builder.ins().uextend(types::I64, wide);
    for (word, value) in [(header::N_KEPT, kept), (header::N_FAILED, failed), (header::WIDE, wide)] {
        lowering.builder.ins().store(MemFlagsData::trusted(), value, lowering.frame, word as i32 * 8);
    }
    lowering.builder.ins().return_(&[]);
    output_nulls
}

/// What became of a row.
struct Outcome {
    /// Whether it stays in the batch; none: it does.
    alive: Option<Value>,
    failed: Flag,
    wide: Flag,
}

fn lower_steps(lowering: &mut Lowering, plan: &Plan, stage: usize, of: &Loop) -> Outcome {
    let mut outcome = Outcome { alive: None, failed: None, wide: None };
    for step in &of.steps {
        let (value, holds) = match step {
            PlannedStep::Filter(condition) => {
                let (value, holds) = lowering.condition(condition);
                (value, Some(holds))
            }
            PlannedStep::Part { column, value } => {
                let value = lowering.expr(value);
                keep(lowering, *column, &value);
                let base = lowering.pointer(Operand::Errors(*column));
                let row = lowering.row();
                lowering.store_flag(value.error, base, row);
                outcome.wide = lowering.take_wide();
                continue;
            }
            PlannedStep::Let { column, must_run, .. } => {
                let ColumnSource::Let { value, stored } = &plan.columns[*column].source else { continue };
                let stored = *stored == Some(stage);
                if !stored && !must_run {
                    continue;
                }
                let value = lowering.expr(value);
                lowering.define(*column, value);
                if stored {
                    keep(lowering, *column, &value);
                }
                (value, None)
            }
        };
        let wide = lowering.take_wide();
        let wide = lowering.and_kept(wide, outcome.alive);
        outcome.wide = lowering.or(outcome.wide, wide);
        let error = lowering.and_kept(value.error, outcome.alive);
        outcome.failed = lowering.or(outcome.failed, error);
        outcome.alive = match (outcome.alive, holds) {
            (Some(a), Some(b)) => Some(lowering.builder.ins().band(a, b)),
            (a, b) => a.or(b),
        };
        if let Some(error) = error {
            outcome.alive = Some(match outcome.alive {
                Some(alive) => lowering.builder.ins().band_not(alive, error),
                None => lowering.builder.ins().bxor_imm_s(error, 1),
            });
        }
    }
    outcome
}

/// Stores a let for later loops, where it stands in the row.
fn keep(lowering: &mut Lowering, column: usize, value: &Lowered) {
    let row = lowering.row();
    let base = lowering.pointer(Operand::Data(column));
    lowering.store(value, base, row);
    let base = lowering.pointer(Operand::Nulls(column));
    lowering.store_flag(value.null, base, row);
}

fn write_outputs(lowering: &mut Lowering, plan: &Plan, place: Value) -> Vec<bool> {
    let mut nulls = vec![];
    for (i, output) in plan.outputs.iter().enumerate() {
        let PlannedOutput::Written(column) = output else {
            nulls.push(false);
            continue;
        };
        let value = lowering.passed_on(*column);
        let base = lowering.pointer(Operand::Output(i));
        lowering.store(&value, base, place);
        if value.null.is_some() {
            let base = lowering.pointer(Operand::OutputNulls(i));
            lowering.store_flag(value.null, base, place);
        }
        nulls.push(value.null.is_some());
    }
    nulls
}

/// One more, where the flag is set (or always).
fn advance(lowering: &mut Lowering, count: Value, flag: Option<Value>) -> Value {
    match flag {
        Some(flag) => {
            let one = lowering.builder.ins().uextend(types::I64, flag);
            lowering.builder.ins().iadd(count, one)
        }
        None => lowering.builder.ins().iadd_imm_s(count, 1),
    }
}

fn branch(lowering: &mut Lowering, condition: Value, yes: Block, no: Block, values: [Value; 4]) {
    let values = values.map(BlockArg::Value);
    lowering.builder.ins().brif(condition, yes, &values, no, &values);
}

fn parameters(lowering: &Lowering, block: Block) -> [Value; 4] {
    let values = lowering.builder.block_params(block);
    [values[0], values[1], values[2], values[3]]
}
