//! Number literals whose type is still open, and the arithmetic of numbers and times.
//!
//! A literal with a fraction takes the type of what it meets: `decimal` next to a decimal or an int,
//! `float` next to a float or alone. Until it meets something, an expression made of such literals is kept
//! with decimal types and marked as open; [`Typed::close`] and [`to_float`] decide.

use super::Checker;
use super::coerce::{cast, let_in, openness_of};
use super::expr::error;
use crate::errors::types as errors;
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind, UnaryOp};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;

/// Digits of a decimal in all, and so the greatest scale.
pub(crate) const MAX_DIGITS: u8 = 38;

/// A checked expression whose number type may still be open.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub expr: Expr,
    pub open: Open,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Open {
    /// Its type is settled.
    No,
    /// Literals with a fraction only: a float if nothing else decides.
    Float,
    /// Literals with a fraction and ints: a decimal if nothing else decides.
    Decimal,
}

impl From<Expr> for Typed {
    fn from(expr: Expr) -> Typed {
        Typed { expr, open: Open::No }
    }
}

impl Typed {
    pub(super) fn fraction(digits: i128, scale: u8, span: Span) -> Typed {
        if scale > MAX_DIGITS || digits.unsigned_abs() >= 10u128.pow(u32::from(MAX_DIGITS)) {
            let x = format!("{digits}e-{scale}").parse().unwrap_or(f64::NAN);
            return Expr::literal(Value::Float(x), Type::FLOAT, span).into();
        }
        let expr = Expr::literal(Value::Decimal(digits), Type::decimal(scale), span);
        Typed { expr, open: Open::Float }
    }

    pub(super) fn big_int(digits: i128, span: Span) -> Typed {
        Expr::literal(Value::Decimal(digits), Type::decimal(0), span).into()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open != Open::No
    }

    /// The expression, settled as it is when it meets nothing.
    pub(super) fn close(self) -> Expr {
        if self.open == Open::Float { to_float(self.expr) } else { self.expr }
    }

    /// The expression next to something of this type.
    pub(super) fn beside(self, ty: &Type) -> Expr {
        match ty.kind {
            TypeKind::Float if self.is_open() || is_int_literal(&self.expr) => to_float(self.expr),
            TypeKind::Int | TypeKind::Decimal(_) => self.expr,
            _ => self.close(),
        }
    }
}

/// An open expression, or an int literal, as a float.
pub(super) fn to_float(expr: Expr) -> Expr {
    let span = expr.span;
    let scale = if let TypeKind::Decimal(scale) = expr.ty.kind { scale } else { 0 };
    let kind = match expr.kind {
        ExprKind::Literal(Value::Int(i)) => ExprKind::Literal(Value::Float(i as f64)),
        ExprKind::Literal(Value::Decimal(digits)) => {
            // Through text, so that the double is the nearest one.
            let x = format!("{digits}e-{scale}").parse().unwrap_or(f64::NAN);
            ExprKind::Literal(Value::Float(x))
        }
        ExprKind::Cast { value, .. } => return to_float(*value),
        ExprKind::Unary(op, a) => ExprKind::Unary(op, Box::new(to_float(*a))),
        ExprKind::Binary(op, a, b) => ExprKind::Binary(op, Box::new(to_float(*a)), Box::new(to_float(*b))),
        ExprKind::If { condition, then, otherwise } => ExprKind::If {
            condition,
            then: Box::new(to_float(*then)),
            otherwise: Box::new(to_float(*otherwise)),
        },
        ExprKind::Coalesce(a, b) => ExprKind::Coalesce(Box::new(to_float(*a)), Box::new(to_float(*b))),
        // Null in a branch.
        other => other,
    };
    let nullable = expr.ty.nullable;
    Expr::new(kind, Type::FLOAT.or_null(nullable), span)
}

pub(super) fn is_int_literal(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Literal(Value::Int(_)))
}

impl Checker<'_> {
    pub(super) fn negate(&mut self, scope: &Scope, operand: &ast::Expr, span: Span) -> Typed {
        // The least int is the negation of a literal that is no int itself.
        if let ast::ExprKind::Literal(ast::Literal::Int(digits)) = operand.kind
            && let Ok(value) = i64::try_from(-digits)
        {
            return Expr::literal(Value::Int(value), Type::INT, span).into();
        }
        let Typed { expr, open } = self.infer(scope, operand, None);
        let folded = match expr.kind {
            ExprKind::Literal(Value::Decimal(d)) => Some(Value::Decimal(-d)),
            ExprKind::Literal(Value::Float(x)) => Some(Value::Float(-x)),
            ExprKind::Literal(Value::Duration(d)) => d.checked_neg().map(Value::Duration),
            _ => None,
        };
        let ty = expr.ty.clone();
        let expr = match ty.kind {
            _ if folded.is_some() => Expr::new(ExprKind::Literal(folded.unwrap_or(Value::Null)), ty, span),
            TypeKind::Error | TypeKind::Null => Expr { span, ..expr },
            TypeKind::Int | TypeKind::Float | TypeKind::Decimal(_) | TypeKind::Duration => {
                Expr::new(ExprKind::Unary(UnaryOp::Negate, Box::new(expr)), ty, span)
            }
            _ => {
                self.diagnostics.push(errors::operator_type(span, "-", &ty));
                error(span)
            }
        };
        Typed { expr, open }
    }

    /// A long chain, in pieces: each is bound to a name that stands in the next.
    pub(super) fn chain(&mut self, scope: &Scope, first: &ast::Expr, links: &[ast::Link]) -> Typed {
        let mut sofar = self.infer(scope, first, None);
        let operands: Vec<Typed> = links.iter().map(|l| self.infer(scope, &l.operand, None)).collect();
        // What an open part meets first settles it.
        let settles = |from: usize| operands[from..].iter().find(|o| !o.is_open()).map(|o| o.expr.ty.clone());
        let settled_by: Vec<Option<Type>> =
            (0..links.len()).step_by(ast::LINKS_OF_PIECE).map(settles).collect();
        let mut pieces = vec![];
        for (n, (link, operand)) in links.iter().zip(operands).enumerate() {
            if n % ast::LINKS_OF_PIECE == 0 {
                let piece = match &settled_by[n / ast::LINKS_OF_PIECE] {
                    Some(ty) => sofar.beside(ty),
                    None => sofar.close(),
                };
                let local = self.new_local();
                sofar = Expr::new(ExprKind::Local(local), piece.ty.clone(), piece.span).into();
                pieces.push((local, piece));
            }
            let span = first.span.to(link.operand.span);
            sofar = self.arithmetic(link.op, link.op_span, sofar, operand, span);
            self.names.facts.has_type(span, &sofar.expr.ty);
        }
        let whole = sofar.close();
        pieces.into_iter().rev().fold(whole, |rest, (local, piece)| let_in(local, piece, rest)).into()
    }

    /// `+ - * / %`
    pub(super) fn arithmetic(
        &mut self,
        op: ast::BinaryOp,
        op_span: Span,
        left: Typed,
        right: Typed,
        span: Span,
    ) -> Typed {
        if left.expr.ty.is_error() || right.expr.ty.is_error() {
            return error(span).into();
        }
        let (left, right) = (without_bare_null(left, &right), right);
        let (right, left) = (without_bare_null(right, &left), left);
        if left.expr.ty.is_numeric() && right.expr.ty.is_numeric() {
            return self.number_arithmetic(op, op_span, left, right, span);
        }
        let (left, right) = (left.close(), right.close());
        let nullable = left.ty.nullable || right.ty.nullable;
        use TypeKind::*;
        use ast::BinaryOp::*;
        // Operands change places where the engine knows one order only.
        let (ir_op, left, right, ty) = match (op, &left.ty.kind, &right.ty.kind) {
            (_, Null, Null) => return Expr::literal(Value::Null, Type::NULL, span).into(),
            (Add, Timestamp, Duration) => (BinaryOp::Add, left, right, Type::TIMESTAMP),
            (Add, Duration, Timestamp) => (BinaryOp::Add, right, left, Type::TIMESTAMP),
            (Add, Duration, Duration) => (BinaryOp::Add, left, right, Type::DURATION),
            (Subtract, Timestamp, Duration) => (BinaryOp::Subtract, left, right, Type::TIMESTAMP),
            (Subtract, Timestamp, Timestamp) => (BinaryOp::Subtract, left, right, Type::DURATION),
            (Subtract, Duration, Duration) => (BinaryOp::Subtract, left, right, Type::DURATION),
            (Multiply, Duration, Int) => (BinaryOp::Multiply, left, right, Type::DURATION),
            (Multiply, Int, Duration) => (BinaryOp::Multiply, right, left, Type::DURATION),
            (Divide, Duration, Int) => (BinaryOp::Divide, left, right, Type::DURATION),
            (Divide, Duration, Duration) => (BinaryOp::Divide, left, right, Type::FLOAT),
            _ => {
                let fault = errors::operator_types(op_span, op.symbol(), &left, &right);
                self.diagnostics.push(fault);
                return error(span).into();
            }
        };
        Expr::new(ExprKind::Binary(ir_op, Box::new(left), Box::new(right)), ty.or_null(nullable), span).into()
    }

    fn number_arithmetic(
        &mut self,
        op: ast::BinaryOp,
        op_span: Span,
        left: Typed,
        right: Typed,
        span: Span,
    ) -> Typed {
        let open = openness_of([&left, &right].into_iter());
        let (left, right) =
            if open == Open::No { self.settle_pair(left, right) } else { (left.expr, right.expr) };
        let nullable = left.ty.nullable || right.ty.nullable;
        let ir_op = match op {
            ast::BinaryOp::Add => BinaryOp::Add,
            ast::BinaryOp::Subtract => BinaryOp::Subtract,
            ast::BinaryOp::Multiply => BinaryOp::Multiply,
            ast::BinaryOp::Divide => BinaryOp::Divide,
            _ => BinaryOp::Remainder,
        };
        use TypeKind::*;
        let (left, right, ty) = match (&left.ty.kind, &right.ty.kind) {
            (Int, Int) if ir_op == BinaryOp::Divide => (left, right, Type::FLOAT),
            (Int, Int) => (left, right, Type::INT),
            (Float, Float) => (left, right, Type::FLOAT),
            (Float, Int) => (left, cast(right, &Type::FLOAT), Type::FLOAT),
            (Int, Float) => (cast(left, &Type::FLOAT), right, Type::FLOAT),
            (Float, Decimal(_)) | (Decimal(_), Float) => {
                self.diagnostics.push(errors::operator_types(op_span, op.symbol(), &left, &right));
                return error(span).into();
            }
            _ => {
                let (a, b) = (scale_of(&left.ty), scale_of(&right.ty));
                let scale = match ir_op {
                    BinaryOp::Multiply => a + b,
                    BinaryOp::Divide => a.max(b) + 6,
                    _ => a.max(b),
                };
                if scale > MAX_DIGITS {
                    if open != Open::No {
                        let sides = (Box::new(to_float(left)), Box::new(to_float(right)));
                        let kind = ExprKind::Binary(ir_op, sides.0, sides.1);
                        return Expr::new(kind, Type::FLOAT, span).into();
                    }
                    let fault = errors::decimal_scale(span, scale, &left, &right);
                    self.diagnostics.push(fault);
                    return error(span).into();
                }
                let aligned = matches!(ir_op, BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Remainder);
                let to = |e: Expr, own: u8| {
                    let target = Type::decimal(if aligned { scale } else { own });
                    if e.ty.kind == target.kind { e } else { cast(e, &target) }
                };
                (to(left, a), to(right, b), Type::decimal(scale))
            }
        };
        let kind = ExprKind::Binary(ir_op, Box::new(left), Box::new(right));
        Typed { expr: Expr::new(kind, ty.or_null(nullable), span), open }
    }
}

/// The scale of a number among decimals; an int is a `decimal(0)`.
pub(super) fn scale_of(ty: &Type) -> u8 {
    if let TypeKind::Decimal(scale) = ty.kind { scale } else { 0 }
}

/// A bare `null` takes the type of the other side.
fn without_bare_null(side: Typed, other: &Typed) -> Typed {
    if side.expr.ty.kind == TypeKind::Null && other.expr.ty.kind != TypeKind::Null {
        let ty = match other.expr.ty.kind {
            // The only partner that times and durations both have.
            TypeKind::Timestamp => Type::DURATION,
            _ => other.expr.ty.clone(),
        };
        return Expr::literal(Value::Null, ty.nullable(), side.expr.span).into();
    }
    side
}
