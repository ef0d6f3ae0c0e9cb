//! Decimals of 64 bits. What does not fit them is not an error here: the batch is then computed
//! by the reference evaluator.

use super::{Bits, Flag, Lowered, Lowering};
use cranelift::prelude::*;
use millstream_ir::expr::Expr;
use millstream_ir::types::{Type as DataType, TypeKind};

impl Lowering<'_, '_> {
    pub(super) fn divide_decimals(
        &mut self,
        (x, x_type): (Value, &DataType),
        (y, divisor): (Value, &Expr),
        ty: &DataType,
        null: Flag,
        error: Flag,
    ) -> Lowered {
        let exponent = scale_of(ty) as u32 + scale_of(&divisor.ty) as u32 - scale_of(x_type) as u32;
        let x = self.scale_up(x, exponent, null);
        let (divisor, zero) = self.safe_divisor(divisor, y);
        // The least number by -1 is the one quotient that does not fit.
        let least = self.builder.ins().icmp_imm_s(IntCC::Equal, x, i64::MIN);
        let minus_one = self.builder.ins().icmp_imm_s(IntCC::Equal, divisor, -1);
        let overflow = self.builder.ins().band(least, minus_one);
        self.mark_wide(overflow, null);
        let one = self.word(1);
        let divisor = self.builder.ins().select(overflow, one, divisor);
        let value = self.divide_half_even(x, divisor);
        let zero = self.and_not(zero, null);
        Lowered { bits: Bits::Word(value), null, error: self.or(error, zero) }
    }

    /// The number times a power of ten.
    pub(super) fn scale_up(&mut self, x: Value, exponent: u32, null: Flag) -> Value {
        if exponent == 0 {
            return x;
        }
        let factor = self.word(10i64.pow(exponent));
        let (product, overflow) = self.builder.ins().smul_overflow(x, factor);
        self.mark_wide(overflow, null);
        product
    }

    /// The quotient rounded half to even. The divisor is not zero, and the quotient fits.
    pub(super) fn divide_half_even(&mut self, x: Value, divisor: Value) -> Value {
        let quotient = self.builder.ins().sdiv(x, divisor);
        let product = self.builder.ins().imul(quotient, divisor);
        let rest = self.builder.ins().isub(x, product);
        let rest = self.magnitude(rest);
        let size = self.magnitude(divisor);
        let other = self.builder.ins().isub(size, rest);
        let above = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, rest, other);
        let half = self.builder.ins().icmp(IntCC::Equal, rest, other);
        let odd = self.builder.ins().ireduce(types::I8, quotient);
        let odd = self.builder.ins().band_imm_s(odd, 1);
        let half_odd = self.builder.ins().band(half, odd);
        let up = self.builder.ins().bor(above, half_odd);
        let up = self.builder.ins().uextend(types::I64, up);
        // Away from zero: +1 if the signs agree, -1 if they do not.
        let signs = self.builder.ins().bxor(x, divisor);
        let negative = self.builder.ins().sshr_imm_s(signs, 63);
        let step = self.builder.ins().bxor(up, negative);
        let step = self.builder.ins().isub(step, negative);
        self.builder.ins().iadd(quotient, step)
    }

    /// The absolute value, as an unsigned number.
    fn magnitude(&mut self, x: Value) -> Value {
        let sign = self.builder.ins().sshr_imm_s(x, 63);
        let flipped = self.builder.ins().bxor(x, sign);
        self.builder.ins().isub(flipped, sign)
    }

    pub(super) fn rescale(&mut self, x: Value, from: u8, to: u8, null: Flag) -> Value {
        if to >= from {
            return self.scale_up(x, (to - from) as u32, null);
        }
        let divisor = self.word(10i64.pow((from - to) as u32));
        self.divide_half_even(x, divisor)
    }
}

pub(super) fn scale_of(ty: &DataType) -> u8 {
    if let TypeKind::Decimal(scale) = ty.kind { scale } else { 0 }
}
