//! Which nodes of an expression are lowered to machine code, and which of those can fail.
//! All others are computed by kernels, a batch at a time.

use millstream_ir::catalog::ScalarFunction;
use millstream_ir::column::View;
use millstream_ir::expr::{BinaryOp, CastMode, Expr, ExprKind};
use millstream_ir::types::{Layout, Type, TypeKind};
use millstream_ir::value::Value;

/// Whether this node itself is lowered; its parts may still not be.
pub fn is_native(expr: &Expr) -> bool {
    use TypeKind::*;
    match &expr.kind {
        ExprKind::Column(_) | ExprKind::Local(_) => true,
        ExprKind::Literal(value) => match value {
            Value::String(_) => true,
            _ => expr.ty.layout() != Layout::Boxed || value.is_null(),
        },
        ExprKind::Let { .. } => true,
        ExprKind::Unary(_, a) => matches!(a.ty.kind, Int | Duration | Float | Decimal(_)),
        ExprKind::Binary(op, a, b) => is_native_binary(*op, a, b, &expr.ty),
        ExprKind::And(a, b) | ExprKind::Or(a, b) => is_bool(&a.ty) && is_bool(&b.ty) && !takes_long(b),
        ExprKind::Not(a) => is_bool(&a.ty),
        ExprKind::IsNull(_) => true,
        ExprKind::Coalesce(a, b) => selectable(&[a, b], &expr.ty) && !takes_long(b),
        ExprKind::If { condition, then, otherwise } => {
            is_bool(&condition.ty)
                && selectable(&[then, otherwise], &expr.ty)
                && !takes_long(then)
                && !takes_long(otherwise)
        }
        // A long list is not worth a comparison with each.
        ExprKind::In { value, list } if list.len() <= 32 => {
            value.ty.kind != Null && list.iter().all(|e| comparable(BinaryOp::Equal, value, e))
        }
        ExprKind::Cast { value, .. } => is_native_cast(&value.ty, &expr.ty),
        ExprKind::Call { function, arguments } => is_division(function, arguments),
        ExprKind::Bucket { time, size, .. } => time.ty.layout() == Layout::I64 && *size > 0,
        _ => false,
    }
}

/// Whether it is not to be computed for rows that do not need it, as kernels do.
fn takes_long(expr: &Expr) -> bool {
    let mut has_loop = false;
    expr.visit(&mut |part| has_loop |= matches!(part.kind, ExprKind::Comprehension { .. }));
    has_loop
}

fn is_bool(ty: &Type) -> bool {
    matches!(ty.kind, TypeKind::Bool | TypeKind::Null)
}

/// Whether a machine instruction can choose between values of these expressions.
fn selectable(parts: &[&Expr], ty: &Type) -> bool {
    let layout = ty.layout();
    layout != Layout::Boxed && parts.iter().all(|p| p.ty.kind == TypeKind::Null || p.ty.layout() == layout)
}

fn is_native_binary(op: BinaryOp, a: &Expr, b: &Expr, result: &Type) -> bool {
    use BinaryOp::*;
    use TypeKind::*;
    match op {
        Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual => comparable(op, a, b),
        Add | Subtract | Multiply => {
            let layout = a.ty.layout();
            layout == b.ty.layout()
                && match layout {
                    Layout::I64 | Layout::F64 => true,
                    Layout::Decimal => op != Multiply || scale(&a.ty) + scale(&b.ty) == scale(result),
                    _ => false,
                }
        }
        Divide => match (&a.ty.kind, &b.ty.kind) {
            (Float, Float) | (Int, Int) | (Duration, Int) | (Duration, Duration) => true,
            (Decimal(a), Decimal(b)) => (0..=18).contains(&(scale(result) + *b as i32 - *a as i32)),
            _ => false,
        },
        Remainder => {
            matches!((&a.ty.kind, &b.ty.kind), (Int, Int) | (Duration, Duration) | (Decimal(_), Decimal(_)))
        }
    }
}

fn scale(ty: &Type) -> i32 {
    if let TypeKind::Decimal(scale) = ty.kind { scale as i32 } else { -1 }
}

fn comparable(op: BinaryOp, a: &Expr, b: &Expr) -> bool {
    if a.ty.kind == TypeKind::Null || b.ty.kind == TypeKind::Null {
        return false;
    }
    match (a.ty.layout(), b.ty.layout()) {
        (Layout::View, Layout::View) => {
            matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) && (is_short_text(a) || is_short_text(b))
        }
        (Layout::Boxed, _) | (_, Layout::Boxed) => false,
        (x, y) => x == y,
    }
}

/// `div` of the standard library: the whole quotient of two ints.
pub fn is_division(function: &ScalarFunction, arguments: &[Expr]) -> bool {
    function.name == "div" && arguments.len() == 2 && arguments.iter().all(|a| a.ty.kind == TypeKind::Int)
}

/// A literal whose view stands for all of its text.
fn is_short_text(expr: &Expr) -> bool {
    matches!(expr.as_literal(), Some(Value::String(text)) if text.len() <= View::INLINE)
}

fn is_native_cast(from: &Type, to: &Type) -> bool {
    use TypeKind::*;
    match (&from.kind, &to.kind) {
        (Null, _) => to.layout() != Layout::Boxed,
        (a, b) if a == b => true,
        (Bool, Int) | (Int, Float | Timestamp | Duration) | (Timestamp | Duration, Int) => true,
        (Float, Int) | (Decimal(_), Int) => true,
        (Decimal(scale), Float) => *scale <= 22,
        // What does not fit 38 digits does not fit 64 bits either, and is found there.
        (Int, Decimal(scale)) => *scale <= 18,
        (Decimal(a), Decimal(b)) => a.abs_diff(*b) <= 18,
        (OneOf(_), String) => true,
        _ => false,
    }
}

/// Whether computing a native expression may set its error flag. Parts that kernels have computed
/// stand in it as columns, for which `column_fails` answers.
pub fn can_fail(expr: &Expr, column_fails: &impl Fn(usize) -> bool) -> bool {
    use BinaryOp::*;
    let itself = match &expr.kind {
        ExprKind::Column(number) => column_fails(*number),
        ExprKind::Unary(_, a) => a.ty.layout() == Layout::I64,
        ExprKind::Binary(op, a, b) => match (op, a.ty.layout()) {
            (Add | Subtract | Multiply, Layout::I64) => true,
            (Divide, Layout::I64) if b.ty.kind == TypeKind::Duration => false,
            (Divide, Layout::I64 | Layout::Decimal) => !is_nonzero(b),
            (Remainder, Layout::I64 | Layout::Decimal) => !is_nonzero(b),
            _ => false,
        },
        ExprKind::Call { arguments, .. } => !arguments.get(1).is_some_and(is_nonzero),
        ExprKind::Cast { value, mode } => {
            *mode == CastMode::Strict
                && matches!((&value.ty.kind, &expr.ty.kind), (TypeKind::Float, TypeKind::Int))
        }
        _ => false,
    };
    itself || expr.children().into_iter().any(|c| can_fail(c, column_fails))
}

/// A literal that is safe to divide by: neither zero nor minus one.
pub fn is_nonzero(expr: &Expr) -> bool {
    match expr.as_literal() {
        Some(Value::Int(x) | Value::Duration(x)) => !matches!(x, 0 | -1),
        Some(Value::Decimal(x)) => !matches!(x, 0 | -1) && i64::try_from(*x).is_ok(),
        _ => false,
    }
}
