//! Comparisons: signed, IEEE for floats, and of strings the equality with a short one.

use super::{Bits, Lowered, Lowering};
use cranelift::prelude::*;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::value::Value as Constant;

impl Lowering<'_, '_> {
    pub(super) fn compare(&mut self, op: BinaryOp, a: &Expr, b: &Expr) -> Lowered {
        if let (BinaryOp::Equal | BinaryOp::NotEqual, Some((x, divisor))) = (op, divisibility(a, b)) {
            let x = self.expr(x);
            if let Bits::Word(word) = x.bits {
                let divides = self.is_multiple(word, divisor);
                let holds = match op {
                    BinaryOp::NotEqual => self.builder.ins().bxor_imm_s(divides, 1),
                    _ => divides,
                };
                return Lowered { bits: Bits::Bool(holds), ..x };
            }
        }
        let left = self.expr(a);
        let right = self.expr(b);
        let holds = match (left.bits, right.bits) {
            (Bits::Word(x), Bits::Word(y)) => self.builder.ins().icmp(signed(op), x, y),
            (Bits::Bool(x), Bits::Bool(y)) => self.builder.ins().icmp(signed(op), x, y),
            (Bits::Float(x), Bits::Float(y)) => self.builder.ins().fcmp(ordered(op), x, y),
            (x, y) => {
                let equal = self.equal(x, y);
                match op {
                    BinaryOp::NotEqual => self.builder.ins().bxor_imm_s(equal, 1),
                    _ => equal,
                }
            }
        };
        let null = self.or(left.null, right.null);
        Lowered { bits: Bits::Bool(holds), null, error: self.or(left.error, right.error) }
    }

    /// Whether two values of one layout are equal, nulls aside.
    fn equal(&mut self, a: Bits, b: Bits) -> Value {
        match (a, b) {
            (Bits::Word(x), Bits::Word(y)) | (Bits::Bool(x), Bits::Bool(y)) => {
                self.builder.ins().icmp(IntCC::Equal, x, y)
            }
            (Bits::Float(x), Bits::Float(y)) => self.builder.ins().fcmp(FloatCC::Equal, x, y),
            // One of the two is short, and so is the other if their lengths agree.
            (Bits::Text(x_low, x_high), Bits::Text(y_low, y_high)) => {
                let low = self.builder.ins().icmp(IntCC::Equal, x_low, y_low);
                let high = self.builder.ins().icmp(IntCC::Equal, x_high, y_high);
                self.builder.ins().band(low, high)
            }
            _ => self.builder.ins().iconst(types::I8, 0),
        }
    }

    /// Whether a number is a multiple of another, without dividing: with `divisor = d * 2^k`, d odd, the
    /// product with the inverse of d modulo 2^64 is the quotient by d where d divides, and then within
    /// ±MAX/d; everything else lands outside (Granlund and Montgomery, PLDI 1994; Hacker's Delight, 10-17).
    fn is_multiple(&mut self, x: Value, divisor: u64) -> Value {
        let shift = divisor.trailing_zeros();
        let odd = divisor >> shift;
        if odd == 1 {
            let rest = self.builder.ins().band_imm_s(x, (divisor - 1) as i64);
            return self.builder.ins().icmp_imm_s(IntCC::Equal, rest, 0);
        }
        // Newton's iteration doubles the correct low bits; an odd number is its own inverse modulo 8.
        let inverse =
            (0..5).fold(odd, |inverse, _| inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse))));
        let bound = (i64::MAX as u64 / odd) >> shift << shift;
        let inverse = self.word(inverse as i64);
        let quotient = self.builder.ins().imul(x, inverse);
        let bound_value = self.word(bound as i64);
        let raised = self.builder.ins().iadd(quotient, bound_value);
        // Bits below 2^k end up at the top, where they exceed the limit.
        let turned = match shift {
            0 => raised,
            _ => self.builder.ins().rotr_imm_u(raised, shift as i64),
        };
        let limit = self.word(((2 * bound) >> shift) as i64);
        self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, turned, limit)
    }

    pub(super) fn is_in(&mut self, value: &Expr, list: &[Expr]) -> Lowered {
        let value = self.expr(value);
        let mut hit = None;
        let mut undecided = None;
        let mut error = value.error;
        for element in list {
            let element = self.expr(element);
            // An element is looked at only where the value is not null and has not been found.
            let reached = self.and_not(element.error, value.null);
            let reached = self.and_not(reached, hit);
            error = self.or(error, reached);
            let equal = self.equal(value.bits, element.bits);
            let equal = self.and_not(Some(equal), element.null);
            hit = self.or(hit, equal);
            undecided = self.or(undecided, element.null);
        }
        let undecided = self.and_not(undecided, hit);
        let bits = hit.unwrap_or_else(|| self.builder.ins().iconst(types::I8, 0));
        Lowered { bits: Bits::Bool(bits), null: self.or(value.null, undecided), error }
    }
}

/// For `x % literal` against zero: x and the size of the literal, if that is at least 2.
fn divisibility<'e>(a: &'e Expr, b: &Expr) -> Option<(&'e Expr, u64)> {
    let whole = |e: &Expr| match e.as_literal()? {
        Constant::Int(x) | Constant::Duration(x) => Some(*x),
        Constant::Decimal(x) => i64::try_from(*x).ok(),
        _ => None,
    };
    let ExprKind::Binary(BinaryOp::Remainder, x, divisor) = &a.kind else { return None };
    let size = whole(divisor)?.unsigned_abs();
    (whole(b)? == 0 && size >= 2).then_some((x, size))
}

pub(crate) fn signed(op: BinaryOp) -> IntCC {
    match op {
        BinaryOp::Equal => IntCC::Equal,
        BinaryOp::NotEqual => IntCC::NotEqual,
        BinaryOp::Less => IntCC::SignedLessThan,
        BinaryOp::LessEqual => IntCC::SignedLessThanOrEqual,
        BinaryOp::Greater => IntCC::SignedGreaterThan,
        _ => IntCC::SignedGreaterThanOrEqual,
    }
}

/// With a NaN none holds but `!=`.
pub(crate) fn ordered(op: BinaryOp) -> FloatCC {
    match op {
        BinaryOp::Equal => FloatCC::Equal,
        BinaryOp::NotEqual => FloatCC::NotEqual,
        BinaryOp::Less => FloatCC::LessThan,
        BinaryOp::LessEqual => FloatCC::LessThanOrEqual,
        BinaryOp::Greater => FloatCC::GreaterThan,
        _ => FloatCC::GreaterThanOrEqual,
    }
}
