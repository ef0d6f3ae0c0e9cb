//! The update of a window's accumulators as machine code: one loop over rows whose slots have been
//! found, without branches, for all accumulators that are compiled.

use crate::abi::{Operand, header};
use crate::lower::{Bits, Lowered, Lowering};
use crate::module::CodeBuilder;
use crate::plan::{ColumnSource, Plan, PlannedColumn};
use crate::segment::{LoopCode, LoopVariants};
use cranelift::codegen::ir::BlockArg;
use cranelift::prelude::*;
use millstream_ir::aggregate::{AccumulatorField, AccumulatorKind, AggregateCall, SlotLayout};
use millstream_ir::column::Heap;
use millstream_ir::engine::CompileError;
use millstream_ir::types::Type as DataType;
use millstream_ir::value::canonical_float;

/// Compiles the update for a layout; the columns are those of the node's input.
pub fn compile(
    code: &mut CodeBuilder,
    name: &str,
    columns: &[DataType],
    aggregates: &[AggregateCall],
    layout: &SlotLayout,
) -> Result<LoopVariants, CompileError> {
    let inputs = columns.iter().map(|ty| PlannedColumn { ty: ty.clone(), source: ColumnSource::Input });
    let plan = Plan { columns: inputs.collect(), stages: vec![], outputs: vec![] };
    let mut variant = |name: &str, input_nulls: bool| {
        let mut operands = vec![];
        let mut narrow = vec![];
        let function = code.function(name, |builder, frame| {
            let mut lowering = Lowering::new(builder, frame, &plan, 0, input_nulls, &mut operands);
            lower_update(&mut lowering, aggregates, layout);
            narrow = lowering.narrow.iter().copied().collect();
        })?;
        Ok(LoopCode { function, operands, narrow, literals: Heap::default(), output_nulls: vec![] })
    };
    let general = variant(name, true)?;
    if !general.operands.iter().any(|o| matches!(o, Operand::Validity(_))) {
        return Ok(LoopVariants { without_nulls: general, with_nulls: None });
    }
    Ok(LoopVariants {
        without_nulls: variant(&format!("{name} no_nulls"), false)?,
        with_nulls: Some(general),
    })
}

fn lower_update(lowering: &mut Lowering, aggregates: &[AggregateCall], layout: &SlotLayout) {
    let body = lowering.builder.create_block();
    let exit = lowering.builder.create_block();
    let place = lowering.builder.append_block_param(body, types::I64);
    let rows = lowering.header(header::ROWS);
    let zero = lowering.word(0);
    let any = lowering.builder.ins().icmp_imm_s(IntCC::NotEqual, rows, 0);
    lowering.builder.ins().brif(any, body, &[BlockArg::Value(zero)], exit, &[]);

    lowering.builder.switch_to_block(body);
    let numbers = lowering.header(header::SELECTION);
    let at = lowering.element(numbers, place, 4);
    let row = lowering.builder.ins().uload32(MemFlagsData::trusted(), at, 0);
    lowering.begin_row(row);
    let slots = lowering.pointer(Operand::Slots);
    let at = lowering.element(slots, place, 8);
    let slot = lowering.builder.ins().load(types::I64, MemFlagsData::trusted(), at, 0);
    for (call, field) in aggregates.iter().zip(&layout.accumulators) {
        if field.kind.is_compiled() {
            lower_accumulator(lowering, slot, call, field);
        }
    }
    let next = lowering.builder.ins().iadd_imm_s(place, 1);
    let more = lowering.builder.ins().icmp(IntCC::UnsignedLessThan, next, rows);
    lowering.builder.ins().brif(more, body, &[BlockArg::Value(next)], exit, &[]);

    lowering.builder.switch_to_block(exit);
    lowering.builder.ins().return_(&[]);
}

fn lower_accumulator(lowering: &mut Lowering, slot: Value, call: &AggregateCall, field: &AccumulatorField) {
    let argument = call.argument().map(|(column, _)| match field.kind {
        AccumulatorKind::Count => {
            Lowered { bits: Bits::Boxed, null: lowering.input_null_flag(*column), error: None }
        }
        _ => lowering.column(*column),
    });
    // Whether the row takes part; none: it does.
    let filter = call.filter.map(|column| {
        let filter = lowering.column(column);
        lowering.holds(&filter)
    });
    let null = argument.and_then(|a| a.null);
    let takes_part = match (filter, null) {
        (Some(filter), Some(null)) => Some(lowering.builder.ins().band_not(filter, null)),
        (None, Some(null)) => Some(lowering.builder.ins().bxor_imm_s(null, 1)),
        (filter, None) => filter,
    };
    if let Some(seen) = field.seen {
        let count = load(lowering, slot, seen);
        let count = match takes_part {
            Some(takes_part) => {
                let one = lowering.builder.ins().uextend(types::I64, takes_part);
                lowering.builder.ins().iadd(count, one)
            }
            None => lowering.builder.ins().iadd_imm_s(count, 1),
        };
        store(lowering, slot, seen, count);
    }
    let Some(argument) = argument else { return };
    let at = field.offset;
    match (field.kind, argument.bits) {
        (AccumulatorKind::SumNarrow, Bits::Word(x)) => {
            let x = match takes_part {
                Some(takes_part) => {
                    let zero = lowering.word(0);
                    lowering.builder.ins().select(takes_part, x, zero)
                }
                None => x,
            };
            let old = load(lowering, slot, at);
            let sum = lowering.builder.ins().iadd(old, x);
            store(lowering, slot, at, sum);
        }
        (AccumulatorKind::MinI64 | AccumulatorKind::MaxI64, Bits::Word(x)) => {
            let old = load(lowering, slot, at);
            let closer = match field.kind {
                AccumulatorKind::MinI64 => IntCC::SignedLessThan,
                _ => IntCC::SignedGreaterThan,
            };
            let replace = lowering.builder.ins().icmp(closer, x, old);
            let new = select_if(lowering, replace, takes_part, x, old);
            store(lowering, slot, at, new);
        }
        (AccumulatorKind::MinF64 | AccumulatorKind::MaxF64, Bits::Float(x)) => {
            extreme_float(lowering, slot, field, takes_part, x);
        }
        (AccumulatorKind::Any | AccumulatorKind::All, Bits::Bool(x)) => {
            let old = load(lowering, slot, at);
            let new = match (field.kind, takes_part) {
                (AccumulatorKind::Any, Some(takes_part)) => lowering.builder.ins().band(x, takes_part),
                (AccumulatorKind::Any, None) => x,
                (_, Some(takes_part)) => lowering.builder.ins().bor_not(x, takes_part),
                (_, None) => x,
            };
            let new = lowering.builder.ins().uextend(types::I64, new);
            let new = match field.kind {
                AccumulatorKind::Any => lowering.builder.ins().bor(old, new),
                _ => lowering.builder.ins().band(old, new),
            };
            store(lowering, slot, at, new);
        }
        _ => {}
    }
}

/// Floats in the order of keys: NaN after all others, -0.0 as 0.0.
fn extreme_float(
    lowering: &mut Lowering,
    slot: Value,
    field: &AccumulatorField,
    takes_part: Option<Value>,
    x: Value,
) {
    let zero = lowering.builder.ins().f64const(0.0);
    let x = lowering.builder.ins().fadd(x, zero);
    let nan = lowering.builder.ins().f64const(canonical_float(f64::NAN));
    let is_nan = lowering.builder.ins().fcmp(FloatCC::Unordered, x, x);
    let x = lowering.builder.ins().select(is_nan, nan, x);
    let flags = MemFlagsData::trusted();
    let old = lowering.builder.ins().load(types::F64, flags, slot, field.offset as i32);
    let replace = match field.kind {
        // Where the least so far is NaN, anything is at most that.
        AccumulatorKind::MinF64 => {
            let less = lowering.builder.ins().fcmp(FloatCC::LessThan, x, old);
            let nothing = lowering.builder.ins().fcmp(FloatCC::Unordered, old, old);
            lowering.builder.ins().bor(less, nothing)
        }
        _ => {
            let greater = lowering.builder.ins().fcmp(FloatCC::GreaterThan, x, old);
            lowering.builder.ins().bor(greater, is_nan)
        }
    };
    let new = select_if(lowering, replace, takes_part, x, old);
    lowering.builder.ins().store(flags, new, slot, field.offset as i32);
}

fn select_if(
    lowering: &mut Lowering,
    replace: Value,
    takes_part: Option<Value>,
    new: Value,
    old: Value,
) -> Value {
    let replace = match takes_part {
        Some(takes_part) => lowering.builder.ins().band(replace, takes_part),
        None => replace,
    };
    lowering.builder.ins().select(replace, new, old)
}

fn load(lowering: &mut Lowering, slot: Value, at: usize) -> Value {
    lowering.builder.ins().load(types::I64, MemFlagsData::trusted(), slot, at as i32)
}

fn store(lowering: &mut Lowering, slot: Value, at: usize, value: Value) {
    lowering.builder.ins().store(MemFlagsData::trusted(), value, slot, at as i32);
}
