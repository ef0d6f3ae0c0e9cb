//! Expressions that must be known before the program runs: sizes, durations, options, defaults.

use super::Checker;
use crate::errors::types as errors;
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::eval::{NoConstant, eval_constant};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast;

/// The steps that a constant may take, each of which editors wait for; E0339 names the number.
const MOST_STEPS: u64 = 1_000_000;

impl Checker<'_> {
    /// The value of an expression of literals and parameters. Reports what keeps it from being one.
    pub fn check_constant(&mut self, expr: &ast::Expr, ty: &Type) -> Option<Value> {
        let expr = self.check_expr(&Scope::default(), expr, Some(ty));
        self.evaluate(&expr)
    }

    /// A constant inside an expression over rows: naming a column is told apart from misspelling.
    pub(super) fn constant_part(&mut self, scope: &Scope, expr: &ast::Expr, ty: &Type) -> Option<Value> {
        let expr = self.expr(scope, expr, Some(ty));
        self.evaluate(&expr)
    }

    /// As [`Checker::check_constant`], of the type that the expression has by itself.
    pub fn check_constant_of_any_type(&mut self, expr: &ast::Expr) -> Option<(Value, Type)> {
        let expr = self.check_expr(&Scope::default(), expr, None);
        let value = self.evaluate(&expr)?;
        Some((value, expr.ty))
    }

    /// A duration in microseconds.
    pub fn check_duration(&mut self, expr: &ast::Expr) -> Option<i64> {
        match self.check_constant(expr, &Type::DURATION)? {
            Value::Duration(micros) => Some(micros),
            _ => None,
        }
    }

    /// A duration that is more than nothing.
    pub fn check_positive_duration(&mut self, expr: &ast::Expr) -> Option<i64> {
        let micros = self.check_duration(expr)?;
        if micros <= 0 {
            self.diagnostics.push(errors::not_positive(expr.span, "duration"));
            return None;
        }
        Some(micros)
    }

    /// A count of one or more.
    pub fn check_count(&mut self, expr: &ast::Expr) -> Option<i64> {
        let Value::Int(count) = self.check_constant(expr, &Type::INT)? else { return None };
        if count <= 0 {
            self.diagnostics.push(errors::not_positive(expr.span, "count"));
            return None;
        }
        Some(count)
    }

    pub(super) fn evaluate(&mut self, expr: &Expr) -> Option<Value> {
        if expr.ty.is_error() {
            return None;
        }
        if !is_constant(expr) {
            self.diagnostics.push(errors::not_constant(expr.span));
            return None;
        }
        let fault = match eval_constant(expr, MOST_STEPS) {
            Ok(value) => return Some(value),
            Err(NoConstant::Fails(fault)) => {
                errors::constant_fails(place(fault.span, expr.span), &fault.reason)
            }
            Err(NoConstant::TakesTooLong) => errors::constant_takes_too_long(expr.span),
        };
        self.diagnostics.push(fault);
        None
    }
}

/// The place of the fault where the reader can see it.
fn place(fault: Span, whole: Span) -> Span {
    if fault.file == whole.file { fault } else { whole }
}

/// Whether it names no column, and no local from outside of it.
pub(super) fn is_constant(expr: &Expr) -> bool {
    fn closed(expr: &Expr, bound: &mut Vec<usize>) -> bool {
        match &expr.kind {
            ExprKind::Column(_) => false,
            ExprKind::Local(local) => bound.contains(local),
            ExprKind::Let { local, value, body } => {
                closed(value, bound) && with(bound, *local, |bound| closed(body, bound))
            }
            ExprKind::Comprehension { list, local, condition, element } => {
                closed(list, bound)
                    && with(bound, *local, |bound| {
                        condition.as_deref().is_none_or(|c| closed(c, bound)) && closed(element, bound)
                    })
            }
            _ => expr.children().into_iter().all(|c| closed(c, bound)),
        }
    }
    fn with(bound: &mut Vec<usize>, local: usize, inner: impl FnOnce(&mut Vec<usize>) -> bool) -> bool {
        bound.push(local);
        let result = inner(bound);
        bound.pop();
        result
    }
    closed(expr, &mut vec![])
}
