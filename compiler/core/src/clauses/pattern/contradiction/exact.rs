//! Whole numbers, decimals, times and durations: what is compared of them is known to the last unit.

use millstream_ir::expr::{BinaryOp, Expr, ExprKind, UnaryOp};
use millstream_ir::types::TypeKind;
use millstream_ir::value::Value;

pub fn is_exact(kind: &TypeKind) -> bool {
    matches!(kind, TypeKind::Int | TypeKind::Decimal(_) | TypeKind::Timestamp | TypeKind::Duration)
}

/// A value in the units of its type.
pub fn exact_value(value: &Value) -> Option<i128> {
    match value {
        Value::Int(units) | Value::Timestamp(units) | Value::Duration(units) => Some((*units).into()),
        Value::Decimal(units) => Some(*units),
        _ => None,
    }
}

/// A sum of exact values. What would overflow fails its row, so that no event meets the condition either way.
pub struct Sum<'e> {
    pub added: Vec<&'e Expr>,
    pub taken_off: Vec<&'e Expr>,
    /// None if it has become too large.
    constant: Option<i128>,
}

/// Numbers beyond, which only sums of constants reach, are not reckoned with.
const MOST: i128 = i128::MAX / 4;

impl<'e> Sum<'e> {
    /// One side less the other.
    pub fn of_difference(a: &'e Expr, b: &'e Expr) -> Sum<'e> {
        let mut sum = Sum { added: vec![], taken_off: vec![], constant: Some(0) };
        sum.add(a, false);
        sum.add(b, true);
        sum
    }

    pub fn constant(&self) -> Option<i128> {
        self.constant.filter(|constant| constant.abs() <= MOST)
    }

    fn add(&mut self, expr: &'e Expr, is_taken_off: bool) {
        // Decimals of other scales count in other units.
        let is_of_units = |part: &Expr| match (&part.ty.kind, &expr.ty.kind) {
            (TypeKind::Decimal(a), TypeKind::Decimal(b)) => a == b,
            (part, _) => is_exact(part),
        };
        match &expr.kind {
            ExprKind::Binary(op @ (BinaryOp::Add | BinaryOp::Subtract), a, b)
                if is_of_units(a) && is_of_units(b) =>
            {
                self.add(a, is_taken_off);
                self.add(b, is_taken_off != (*op == BinaryOp::Subtract));
            }
            ExprKind::Unary(UnaryOp::Negate, a) => self.add(a, !is_taken_off),
            _ => match expr.as_literal().and_then(exact_value) {
                Some(units) => {
                    let units = if is_taken_off { -units } else { units };
                    self.constant = self.constant.and_then(|constant| constant.checked_add(units));
                }
                None => self.add_one(expr, is_taken_off),
            },
        }
    }

    fn add_one(&mut self, expr: &'e Expr, is_taken_off: bool) {
        let (to, from) = match is_taken_off {
            true => (&mut self.taken_off, &mut self.added),
            false => (&mut self.added, &mut self.taken_off),
        };
        match from.iter().position(|other| other.same(expr)) {
            Some(other) => drop(from.remove(other)),
            None => to.push(expr),
        }
    }
}

/// What a comparison of a widened value with a constant asks of the value itself.
pub enum Rounded<'e> {
    Never,
    Always,
    Compared(BinaryOp, &'e Expr, i128),
}

/// `float(n) > 3.5` asks `n > 3`; none if it is no such comparison.
pub fn rounded<'e>(op: BinaryOp, a: &'e Expr, b: &'e Expr) -> Option<Rounded<'e>> {
    let (op, widened, constant) = match (a.as_literal(), b.as_literal()) {
        (None, Some(constant)) => (op, a, constant),
        (Some(constant), None) => (mirrored(op), b, constant),
        _ => return None,
    };
    let ExprKind::Cast { value, .. } = &widened.kind else { return None };
    let (floor, is_whole) = match (&value.ty.kind, &widened.ty.kind, constant) {
        // Beyond that not every int is a float.
        (TypeKind::Int, TypeKind::Float, Value::Float(constant)) if constant.abs() < 2f64.powi(52) => {
            (constant.floor() as i128, constant.fract() == 0.0)
        }
        (TypeKind::Int, TypeKind::Decimal(scale), Value::Decimal(units)) => floor_of(*units, *scale)?,
        (TypeKind::Decimal(from), TypeKind::Decimal(to), Value::Decimal(units)) => {
            floor_of(*units, to.checked_sub(*from)?)?
        }
        _ => return None,
    };
    use BinaryOp::*;
    let op = match op {
        _ if is_whole => op,
        Equal => return Some(Rounded::Never),
        NotEqual => return Some(Rounded::Always),
        Less => LessEqual,
        GreaterEqual => Greater,
        op => op,
    };
    Some(Rounded::Compared(op, value, floor))
}

/// The greatest whole number of units that have so many digits less, and whether nothing is left.
fn floor_of(units: i128, n_digits: u8) -> Option<(i128, bool)> {
    let unit = 10i128.checked_pow(n_digits.into())?;
    Some((units.div_euclid(unit), units.rem_euclid(unit) == 0))
}

/// The comparison with its sides swapped.
fn mirrored(op: BinaryOp) -> BinaryOp {
    use BinaryOp::*;
    match op {
        Less => Greater,
        LessEqual => GreaterEqual,
        Greater => Less,
        GreaterEqual => LessEqual,
        op => op,
    }
}
