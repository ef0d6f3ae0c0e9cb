//! The way in: one expression, dispatched by its kind to the file of its subject.

use super::narrowing::Outcome;
use super::numbers::Typed;
use super::{Checker, Proved};
use crate::errors::{types as errors, unsupported};
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;

impl Checker<'_> {
    /// The typed form of an expression, of the expected type if one is given. What is wrong is reported
    /// and gives an expression of [`Type::ERROR`].
    pub fn check_expr(&mut self, scope: &Scope, expr: &ast::Expr, expected: Option<&Type>) -> Expr {
        self.locals = scope.next_local();
        self.expr(scope, expr, expected)
    }

    /// A condition: a `bool`, null counting as no; and what is known where it holds.
    pub fn check_condition(&mut self, scope: &Scope, expr: &ast::Expr) -> (Expr, Proved) {
        self.locals = scope.next_local();
        let condition = self.condition(scope, expr);
        let proved = Proved::of(&condition, Outcome::True);
        (condition, proved)
    }

    pub(super) fn condition(&mut self, scope: &Scope, expr: &ast::Expr) -> Expr {
        self.expr(scope, expr, Some(&Type::BOOL.nullable()))
    }

    pub(super) fn expr(&mut self, scope: &Scope, expr: &ast::Expr, expected: Option<&Type>) -> Expr {
        let typed = self.infer(scope, expr, expected);
        match expected {
            Some(ty) => self.coerce_typed(typed, ty),
            None => {
                let typed = typed.close();
                if is_int_literal(expr) && typed.ty.kind == TypeKind::Decimal(0) {
                    self.diagnostics.push(errors::int_too_large(expr.span));
                    return error(expr.span);
                }
                typed
            }
        }
    }

    /// The expression as its parts make it; `hint` is what the place would like, not a demand.
    pub(super) fn infer(&mut self, scope: &Scope, expr: &ast::Expr, hint: Option<&Type>) -> Typed {
        let typed = self.infer_by_kind(scope, expr, hint);
        self.names.facts.has_type(expr.span, &typed.expr.ty);
        if let Some(hint) = hint.filter(|_| typed.expr.ty.is_error()) {
            self.names.facts.expects(expr.span, hint);
        }
        typed
    }

    fn infer_by_kind(&mut self, scope: &Scope, expr: &ast::Expr, hint: Option<&Type>) -> Typed {
        let span = expr.span;
        match &expr.kind {
            ast::ExprKind::Literal(literal) => self.literal(literal, span, hint),
            ast::ExprKind::Name(name) => self.name(scope, name).into(),
            ast::ExprKind::Field { of, name } => self.field(scope, of, name, span).into(),
            ast::ExprKind::Index { of, index } => self.index(scope, of, index, span).into(),
            ast::ExprKind::Call(call) => self.call(scope, call, span).into(),
            ast::ExprKind::Unary { op: ast::UnaryOp::Negate, operand, .. } => {
                self.negate(scope, operand, span)
            }
            ast::ExprKind::Unary { op: ast::UnaryOp::Not, operand, .. } => {
                let operand = self.condition(scope, operand);
                not(operand, span).into()
            }
            ast::ExprKind::Binary { op, op_span, left, right } => {
                self.binary(scope, *op, *op_span, left, right, span, hint)
            }
            ast::ExprKind::Chain { first, links } => self.chain(scope, first, links),
            ast::ExprKind::In { value, container, negated } => {
                negate_if(*negated, self.in_list(scope, value, container, span), span).into()
            }
            ast::ExprKind::Between { value, low, high, negated } => {
                negate_if(*negated, self.between(scope, value, low, high, span), span).into()
            }
            ast::ExprKind::Like { value, pattern, negated } => {
                negate_if(*negated, self.like(scope, value, pattern, span), span).into()
            }
            ast::ExprKind::Matches { value, regex, negated } => {
                negate_if(*negated, self.matches(scope, value, regex, span), span).into()
            }
            ast::ExprKind::IsNull { value, negated } => {
                let value = self.expr(scope, value, None);
                let test = Expr::new(ExprKind::IsNull(Box::new(value)), Type::BOOL, span);
                negate_if(*negated, test, span).into()
            }
            ast::ExprKind::If { condition, then, otherwise } => {
                self.if_else(scope, condition, then, otherwise, span, hint)
            }
            ast::ExprKind::List(elements) => self.list(scope, elements, span, hint).into(),
            ast::ExprKind::Record(fields) => self.record(scope, fields, span, hint).into(),
            ast::ExprKind::Comprehension { element, variable, list, condition } => {
                self.comprehension(scope, element, variable, list, condition.as_deref(), span, hint).into()
            }
            ast::ExprKind::Template(parts) => self.template(scope, parts, span).into(),
            ast::ExprKind::RelativeTime(micros) => self.relative_time(*micros, span).into(),
            ast::ExprKind::Error => error(span).into(),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn binary(
        &mut self,
        scope: &Scope,
        op: ast::BinaryOp,
        op_span: Span,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
        hint: Option<&Type>,
    ) -> Typed {
        use ast::BinaryOp::*;
        match op {
            And | Or => self.logic(scope, op, op_span, left, right, span).into(),
            Coalesce => self.coalesce(scope, left, right, span, hint),
            Concat => self.concat(scope, left, right, op_span, span, hint).into(),
            Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual => {
                let left = self.infer(scope, left, None);
                let hint = left.expr.ty.clone();
                let right = self.infer(scope, right, Some(&hint));
                self.compare(op, op_span, left, right, span).into()
            }
            Add | Subtract | Multiply | Divide | Remainder => {
                let left = self.infer(scope, left, None);
                let right = self.infer(scope, right, None);
                self.arithmetic(op, op_span, left, right, span)
            }
        }
    }

    fn logic(
        &mut self,
        scope: &Scope,
        op: ast::BinaryOp,
        op_span: Span,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
    ) -> Expr {
        let is_and = op == ast::BinaryOp::And;
        let first = self.infer(scope, left, Some(&Type::BOOL.nullable()));
        // `a || b` of SQL
        if !is_and && first.expr.ty.is_text() {
            self.infer(scope, right, None);
            self.diagnostics.push(errors::alternative_of_texts(&first.expr, op_span));
            return error(span);
        }
        let left = self.coerce_typed(first, &Type::BOOL.nullable());
        let outcome = if is_and { Outcome::NotFalse } else { Outcome::NotTrue };
        let right = self.condition(&scope.narrowed(Proved::of(&left, outcome)), right);
        let ty = Type::BOOL.or_null(left.ty.nullable || right.ty.nullable);
        let (left, right) = (Box::new(left), Box::new(right));
        Expr::new(if is_and { ExprKind::And(left, right) } else { ExprKind::Or(left, right) }, ty, span)
    }

    fn relative_time(&mut self, micros: i64, span: Span) -> Expr {
        let time = self.test_start.map(|start| start.checked_add(micros));
        match time {
            Some(Some(time)) => Expr::literal(Value::Timestamp(time), Type::TIMESTAMP, span),
            Some(None) => {
                self.diagnostics.push(errors::constant_fails(span, "the time is out of range"));
                error(span)
            }
            None => {
                self.diagnostics.push(unsupported::relative_time(span));
                error(span)
            }
        }
    }

    fn literal(&mut self, literal: &ast::Literal, span: Span, hint: Option<&Type>) -> Typed {
        let (value, ty) = match literal {
            ast::Literal::Null => (Value::Null, Type::NULL),
            ast::Literal::Bool(b) => (Value::Bool(*b), Type::BOOL),
            ast::Literal::Int(digits) => return self.int_literal(*digits, span, hint),
            ast::Literal::Decimal { digits, scale } => return Typed::fraction(*digits, *scale, span),
            ast::Literal::Float(x) => (Value::Float(*x), Type::FLOAT),
            ast::Literal::String { value, .. } => (Value::string(value), Type::STRING),
            ast::Literal::Duration(micros) => (Value::Duration(*micros), Type::DURATION),
            ast::Literal::Timestamp(micros) => (Value::Timestamp(*micros), Type::TIMESTAMP),
        };
        Expr::literal(value, ty, span).into()
    }

    fn int_literal(&mut self, digits: i128, span: Span, hint: Option<&Type>) -> Typed {
        match i64::try_from(digits) {
            Ok(value) => Expr::literal(Value::Int(value), Type::INT, span).into(),
            // It may still be meant for a decimal, unless it stands beside an int.
            Err(_)
                if hint.is_none_or(|hint| hint.kind != TypeKind::Int)
                    && digits.unsigned_abs() < 10u128.pow(38) =>
            {
                Typed::big_int(digits, span)
            }
            Err(_) => {
                self.diagnostics.push(errors::int_too_large(span));
                error(span).into()
            }
        }
    }
}

/// What stands for an expression that could not be checked.
pub(crate) fn error(span: Span) -> Expr {
    Expr::literal(Value::Null, Type::ERROR, span)
}

pub(super) fn not(operand: Expr, span: Span) -> Expr {
    let ty = Type::BOOL.or_null(operand.ty.nullable);
    Expr::new(ExprKind::Not(Box::new(operand)), ty, span)
}

fn is_int_literal(expr: &ast::Expr) -> bool {
    match &expr.kind {
        ast::ExprKind::Literal(ast::Literal::Int(_)) => true,
        ast::ExprKind::Unary { op: ast::UnaryOp::Negate, operand, .. } => is_int_literal(operand),
        _ => false,
    }
}

fn negate_if(negated: bool, expr: Expr, span: Span) -> Expr {
    if negated && !expr.ty.is_error() { not(expr, span) } else { expr }
}

/// Whether computing it twice costs nothing.
pub(super) fn is_simple(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Column(_) | ExprKind::Local(_) | ExprKind::Literal(_))
}
