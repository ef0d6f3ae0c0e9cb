//! Comparisons: signed, IEEE for floats, and of strings the equality with a short one.

use super::{Bits, Lowered, Lowering};
use cranelift::prelude::*;
use millstream_ir::expr::{BinaryOp, Expr};

impl Lowering<'_, '_> {
    pub(super) fn compare(&mut self, op: BinaryOp, a: &Expr, b: &Expr) -> Lowered {
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

fn signed(op: BinaryOp) -> IntCC {
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
fn ordered(op: BinaryOp) -> FloatCC {
    match op {
        BinaryOp::Equal => FloatCC::Equal,
        BinaryOp::NotEqual => FloatCC::NotEqual,
        BinaryOp::Less => FloatCC::LessThan,
        BinaryOp::LessEqual => FloatCC::LessThanOrEqual,
        BinaryOp::Greater => FloatCC::GreaterThan,
        _ => FloatCC::GreaterThanOrEqual,
    }
}
