//! Conversions between types that are held as numbers.

use super::decimal::scale_of;
use super::{Bits, Lowered, Lowering};
use cranelift::prelude::*;
use millstream_ir::expr::{CastMode, Expr};
use millstream_ir::types::{Type as DataType, TypeKind};

/// The greatest number up to which every whole number is a float.
const EXACT_FLOAT: i64 = 1 << 53;

impl Lowering<'_, '_> {
    pub(super) fn cast(&mut self, value: &Expr, mode: CastMode, to: &DataType) -> Lowered {
        let from = &value.ty;
        let value = self.as_type(value, to);
        match (value.bits, &from.kind, &to.kind) {
            (Bits::Bool(x), TypeKind::Bool, TypeKind::Int) => {
                Lowered { bits: Bits::Word(self.builder.ins().uextend(types::I64, x)), ..value }
            }
            (Bits::Word(x), TypeKind::Int, TypeKind::Float) => {
                Lowered { bits: Bits::Float(self.builder.ins().fcvt_from_sint(types::F64, x)), ..value }
            }
            (Bits::Word(x), TypeKind::Int, TypeKind::Decimal(scale)) => {
                let x = self.scale_up(x, *scale as u32, value.null);
                Lowered { bits: Bits::Word(x), ..value }
            }
            (Bits::Word(x), TypeKind::Decimal(from), TypeKind::Decimal(to)) => {
                let x = self.rescale(x, *from, *to, value.null);
                Lowered { bits: Bits::Word(x), ..value }
            }
            (Bits::Word(x), TypeKind::Decimal(scale), TypeKind::Int) => {
                let x = match 10i64.checked_pow(*scale as u32) {
                    Some(divisor) => {
                        let divisor = self.word(divisor);
                        self.builder.ins().sdiv(x, divisor)
                    }
                    None => self.word(0),
                };
                Lowered { bits: Bits::Word(x), ..value }
            }
            (Bits::Word(x), TypeKind::Decimal(_), TypeKind::Float) => {
                // Both operands are exact, and so the quotient is rounded once.
                let inside = self.builder.ins().iadd_imm_s(x, EXACT_FLOAT);
                let outside =
                    self.builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, inside, 2 * EXACT_FLOAT);
                self.mark_wide(outside, value.null);
                let x = self.builder.ins().fcvt_from_sint(types::F64, x);
                let divisor = self.builder.ins().f64const(10f64.powi(scale_of(from) as i32));
                Lowered { bits: Bits::Float(self.builder.ins().fdiv(x, divisor)), ..value }
            }
            (Bits::Float(x), TypeKind::Float, TypeKind::Int) => {
                // -2^63 is a float; 2^63 is the first one above the range.
                let least = self.builder.ins().f64const(i64::MIN as f64);
                let beyond = self.builder.ins().f64const(-(i64::MIN as f64));
                let not_below = self.builder.ins().fcmp(FloatCC::GreaterThanOrEqual, x, least);
                let below = self.builder.ins().fcmp(FloatCC::LessThan, x, beyond);
                let fits = self.builder.ins().band(not_below, below);
                let bits = Bits::Word(self.builder.ins().fcvt_to_sint_sat(types::I64, x));
                let fails = self.builder.ins().bxor_imm_s(fits, 1);
                let fails = self.and_not(Some(fails), value.null);
                match mode {
                    CastMode::Strict => Lowered { bits, error: self.or(value.error, fails), ..value },
                    CastMode::Try => Lowered { bits, null: self.or(value.null, fails), ..value },
                }
            }
            // Times and ints are the same bits, and so are a union of strings and a string.
            _ => value,
        }
    }
}
