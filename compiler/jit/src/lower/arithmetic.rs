//! Numbers and times: overflow and division by zero are found before they can do harm.

use super::native::is_nonzero;
use super::{Bits, Flag, Lowered, Lowering};
use cranelift::prelude::*;
use millstream_ir::expr::{BinaryOp, Expr};
use millstream_ir::types::{Layout, Type as DataType, TypeKind};

impl Lowering<'_, '_> {
    pub(super) fn negate(&mut self, operand: &Expr) -> Lowered {
        let a = self.expr(operand);
        match a.bits {
            Bits::Float(x) => Lowered { bits: Bits::Float(self.builder.ins().fneg(x)), ..a },
            Bits::Word(x) => {
                let zero = self.word(0);
                let (value, overflow) = self.builder.ins().ssub_overflow(zero, x);
                self.whole(value, overflow, a.null, a.error, operand.ty.layout())
            }
            bits => Lowered { bits, ..a },
        }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, a: &Expr, b: &Expr, ty: &DataType) -> Lowered {
        if let BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual = op
        {
            return self.compare(op, a, b);
        }
        let left = self.expr(a);
        let right = self.expr(b);
        let null = self.or(left.null, right.null);
        let error = self.or(left.error, right.error);
        match (left.bits, right.bits) {
            (Bits::Float(x), Bits::Float(y)) => {
                let value = match op {
                    BinaryOp::Add => self.builder.ins().fadd(x, y),
                    BinaryOp::Subtract => self.builder.ins().fsub(x, y),
                    BinaryOp::Multiply => self.builder.ins().fmul(x, y),
                    _ => self.builder.ins().fdiv(x, y),
                };
                Lowered { bits: Bits::Float(value), null, error }
            }
            (Bits::Word(x), Bits::Word(y)) => {
                let layout = a.ty.layout();
                match op {
                    BinaryOp::Add => {
                        let (value, overflow) = self.builder.ins().sadd_overflow(x, y);
                        self.whole(value, overflow, null, error, layout)
                    }
                    BinaryOp::Subtract => {
                        let (value, overflow) = self.builder.ins().ssub_overflow(x, y);
                        self.whole(value, overflow, null, error, layout)
                    }
                    BinaryOp::Multiply => {
                        let (value, overflow) = self.builder.ins().smul_overflow(x, y);
                        self.whole(value, overflow, null, error, layout)
                    }
                    BinaryOp::Remainder => {
                        let (divisor, zero) = self.safe_divisor(b, y);
                        // x % -1 is 0, as x % 1 is; the machine's instruction fails for the least x.
                        let divisor = match is_nonzero(b) {
                            true => divisor,
                            false => {
                                let minus_one = self.builder.ins().icmp_imm_s(IntCC::Equal, divisor, -1);
                                let one = self.word(1);
                                self.builder.ins().select(minus_one, one, divisor)
                            }
                        };
                        let value = self.builder.ins().srem(x, divisor);
                        let zero = self.and_not(zero, null);
                        Lowered { bits: Bits::Word(value), null, error: self.or(error, zero) }
                    }
                    _ if layout == Layout::Decimal => {
                        self.divide_decimals((x, &a.ty), (y, b), ty, null, error)
                    }
                    _ if ty.kind == TypeKind::Float => {
                        // Of ints, a zero divisor fails; of durations, the quotient is what floats make of it.
                        let checked = a.ty.kind == TypeKind::Int && !is_nonzero(b);
                        let zero = checked.then(|| self.builder.ins().icmp_imm_s(IntCC::Equal, y, 0));
                        let zero = self.and_not(zero, null);
                        let error = self.or(error, zero);
                        let x = self.builder.ins().fcvt_from_sint(types::F64, x);
                        let y = self.builder.ins().fcvt_from_sint(types::F64, y);
                        let value = self.builder.ins().fdiv(x, y);
                        Lowered { bits: Bits::Float(value), null, error }
                    }
                    _ => self.divide_whole((x, y), b, null, error),
                }
            }
            (bits, _) => Lowered { bits, null, error },
        }
    }

    /// The quotient, truncated; fails for a zero divisor and for the least int by -1.
    fn divide_whole(&mut self, (x, y): (Value, Value), b: &Expr, null: Flag, error: Flag) -> Lowered {
        let (divisor, zero) = self.safe_divisor(b, y);
        let mut failed = zero;
        let mut divisor = divisor;
        if !is_nonzero(b) {
            let least = self.builder.ins().icmp_imm_s(IntCC::Equal, x, i64::MIN);
            let minus_one = self.builder.ins().icmp_imm_s(IntCC::Equal, divisor, -1);
            let overflow = self.builder.ins().band(least, minus_one);
            let one = self.word(1);
            divisor = self.builder.ins().select(overflow, one, divisor);
            failed = self.or(failed, Some(overflow));
        }
        let value = self.builder.ins().sdiv(x, divisor);
        let failed = self.and_not(failed, null);
        Lowered { bits: Bits::Word(value), null, error: self.or(error, failed) }
    }

    /// A divisor that is not zero, and whether the given one is.
    pub(super) fn safe_divisor(&mut self, divisor: &Expr, value: Value) -> (Value, Flag) {
        if is_nonzero(divisor) {
            return (value, None);
        }
        let zero = self.builder.ins().icmp_imm_s(IntCC::Equal, value, 0);
        let one = self.word(1);
        (self.builder.ins().select(zero, one, value), Some(zero))
    }

    /// A 64-bit result. An overflow fails the row; of a decimal it says that 64 bits do not do.
    pub(super) fn whole(
        &mut self,
        value: Value,
        overflow: Value,
        null: Flag,
        error: Flag,
        layout: Layout,
    ) -> Lowered {
        if layout == Layout::Decimal {
            self.mark_wide(overflow, null);
            return Lowered { bits: Bits::Word(value), null, error };
        }
        let overflow = self.and_not(Some(overflow), null);
        Lowered { bits: Bits::Word(value), null, error: self.or(error, overflow) }
    }

    /// The start of a tumbling window; at the very beginning of time the first instant there is.
    pub(super) fn bucket(&mut self, time: &Expr, size: i64, offset: i64) -> Lowered {
        let time = self.expr(time);
        let Bits::Word(t) = time.bits else { return time };
        // `time mod size` less `offset mod size`, brought into 0..size: no step of this overflows.
        let divisor = self.word(size);
        let rest = self.builder.ins().srem(t, divisor);
        let rest = match offset.rem_euclid(size) {
            0 => rest,
            shift => {
                // Both lie within one size of zero; below zero the sum cannot be less than -2 * size.
                let wrapped = self.builder.ins().iadd_imm_s(rest, -shift);
                let below = self.builder.ins().icmp_imm_s(IntCC::SignedLessThanOrEqual, rest, shift - size);
                let raised = self.builder.ins().iadd_imm_s(rest, size - shift);
                self.builder.ins().select(below, raised, wrapped)
            }
        };
        let raised = self.builder.ins().iadd_imm_s(rest, size);
        let negative = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, rest, 0);
        let rest = self.builder.ins().select(negative, raised, rest);
        let (start, overflow) = self.builder.ins().ssub_overflow(t, rest);
        let first = self.word(i64::MIN);
        let start = self.builder.ins().select(overflow, first, start);
        Lowered { bits: Bits::Word(start), ..time }
    }
}
