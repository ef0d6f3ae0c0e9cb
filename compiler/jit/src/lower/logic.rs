//! Three-valued logic and choices. All parts are computed; errors count where their part is taken.

use super::{Bits, Flag, Lowered, Lowering};
use cranelift::prelude::*;
use millstream_ir::expr::Expr;
use millstream_ir::types::Type as DataType;

impl Lowering<'_, '_> {
    pub(super) fn and(&mut self, a: &Expr, b: &Expr) -> Lowered {
        let (left, x) = self.condition(a);
        let (right, y) = self.condition(b);
        let both = self.builder.ins().band(x, y);
        // Null, if a side is and the other is not false.
        let x_false = self.is_false(&left, x);
        let y_false = self.is_false(&right, y);
        let null = self.or(left.null, right.null);
        let null = null.map(|null| {
            let either_false = self.builder.ins().bor(x_false, y_false);
            self.builder.ins().band_not(null, either_false)
        });
        let right_error = self.and_not(right.error, Some(x_false));
        Lowered { bits: Bits::Bool(both), null, error: self.or(left.error, right_error) }
    }

    pub(super) fn or_else(&mut self, a: &Expr, b: &Expr) -> Lowered {
        let (left, x) = self.condition(a);
        let (right, y) = self.condition(b);
        let either = self.builder.ins().bor(x, y);
        let null = self.or(left.null, right.null);
        let null = self.and_not(null, Some(either));
        let right_error = self.and_not(right.error, Some(x));
        Lowered { bits: Bits::Bool(either), null, error: self.or(left.error, right_error) }
    }

    pub(super) fn not(&mut self, a: &Expr) -> Lowered {
        let a = self.expr(a);
        match a.bits {
            Bits::Bool(x) => Lowered { bits: Bits::Bool(self.builder.ins().bxor_imm_s(x, 1)), ..a },
            _ => a,
        }
    }

    pub(super) fn is_null(&mut self, a: &Expr) -> Lowered {
        let a = self.expr(a);
        let null = a.null.unwrap_or_else(|| self.builder.ins().iconst(types::I8, 0));
        Lowered { bits: Bits::Bool(null), null: None, error: a.error }
    }

    pub(super) fn coalesce(&mut self, a: &Expr, b: &Expr, ty: &DataType) -> Lowered {
        let left = self.as_type(a, ty);
        let Some(missing) = left.null else { return left };
        let right = self.as_type(b, ty);
        let bits = self.select(missing, right.bits, left.bits);
        let right_error = self.and_flag(right.error, missing);
        let null = self.and_flag(right.null, missing);
        Lowered { bits, null, error: self.or(left.error, right_error) }
    }

    pub(super) fn choose(
        &mut self,
        condition: &Expr,
        then: &Expr,
        otherwise: &Expr,
        ty: &DataType,
    ) -> Lowered {
        let (condition, taken) = self.condition(condition);
        let then = self.as_type(then, ty);
        let otherwise = self.as_type(otherwise, ty);
        let bits = self.select(taken, then.bits, otherwise.bits);
        let null = self.select_flag(taken, then.null, otherwise.null);
        let error = self.select_flag(taken, then.error, otherwise.error);
        Lowered { bits, null, error: self.or(condition.error, error) }
    }

    /// A condition, and the byte that says where it is true.
    pub fn condition(&mut self, expr: &Expr) -> (Lowered, Value) {
        let lowered = self.expr(expr);
        (lowered, self.holds(&lowered))
    }

    /// The byte that says where a value is true.
    pub fn holds(&mut self, value: &Lowered) -> Value {
        match (value.bits, value.null) {
            (Bits::Bool(x), Some(null)) => self.builder.ins().band_not(x, null),
            (Bits::Bool(x), None) => x,
            _ => self.builder.ins().iconst(types::I8, 0),
        }
    }

    /// Where a condition is neither true nor null.
    fn is_false(&mut self, condition: &Lowered, holds: Value) -> Value {
        let not_false = match condition.null {
            Some(null) => self.builder.ins().bor(holds, null),
            None => holds,
        };
        self.builder.ins().bxor_imm_s(not_false, 1)
    }

    fn select(&mut self, condition: Value, a: Bits, b: Bits) -> Bits {
        let mut pick = |x, y| self.builder.ins().select(condition, x, y);
        match (a, b) {
            (Bits::Bool(x), Bits::Bool(y)) => Bits::Bool(pick(x, y)),
            (Bits::Word(x), Bits::Word(y)) => Bits::Word(pick(x, y)),
            (Bits::Float(x), Bits::Float(y)) => Bits::Float(pick(x, y)),
            (Bits::Text(x, x_high), Bits::Text(y, y_high)) => Bits::Text(pick(x, y), pick(x_high, y_high)),
            (a, _) => a,
        }
    }

    fn select_flag(&mut self, condition: Value, a: Flag, b: Flag) -> Flag {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.builder.ins().select(condition, a, b)),
            (Some(a), None) => Some(self.builder.ins().band(a, condition)),
            (None, Some(b)) => Some(self.builder.ins().band_not(b, condition)),
            (None, None) => None,
        }
    }
}
