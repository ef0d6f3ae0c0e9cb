//! `if` and `??`: several values that share a type.

use super::coerce::common_of;
use super::expr::error;
use super::narrowing::Outcome;
use super::numbers::{Open, Typed};
use super::{Checker, Proved};
use crate::errors::types as errors;
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::{Type, TypeKind};
use millstream_syntax::ast;

impl Checker<'_> {
    pub(super) fn if_else(
        &mut self,
        scope: &Scope,
        condition: &ast::Expr,
        then: &ast::Expr,
        otherwise: &ast::Expr,
        span: Span,
        hint: Option<&Type>,
    ) -> Typed {
        let condition = self.condition(scope, condition);
        let when_true = scope.narrowed(Proved::of(&condition, Outcome::True));
        let when_not = scope.narrowed(Proved::of(&condition, Outcome::NotTrue));
        let then = self.infer(&when_true, then, hint);
        let otherwise = self.infer(&when_not, otherwise, hint);
        if condition.ty.is_error() {
            return error(span).into();
        }
        let Some((values, ty, open)) = self.unify(vec![then, otherwise], span, "the branches of this `if`")
        else {
            return error(span).into();
        };
        let Ok([then, otherwise]) = <[Expr; 2]>::try_from(values) else { return error(span).into() };
        let kind = ExprKind::If {
            condition: Box::new(condition),
            then: Box::new(then),
            otherwise: Box::new(otherwise),
        };
        Typed { expr: Expr::new(kind, ty, span), open }
    }

    pub(super) fn coalesce(
        &mut self,
        scope: &Scope,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
        hint: Option<&Type>,
    ) -> Typed {
        let left = self.infer(scope, left, hint);
        let left_ty = left.expr.ty.clone().required();
        let right = self.infer(scope, right, Some(hint.unwrap_or(&left_ty)));
        if left.expr.ty.kind == TypeKind::Null {
            return right;
        }
        // A literal beside a union has to be one of its strings.
        if let TypeKind::OneOf(_) = left_ty.kind
            && matches!(right.expr.kind, ExprKind::Literal(_))
            && !right.expr.ty.nullable
            && hint.is_none_or(|h| h.kind != TypeKind::String)
        {
            let ty = left.expr.ty.clone().required();
            let right = self.coerce_typed(right, &ty);
            return coalesced(left.expr, right, ty, span).into();
        }
        let right_nullable = right.expr.ty.nullable;
        match self.unify(vec![left, right], span, "the sides of `??`") {
            Some((values, ty, open)) => {
                let Ok([left, right]) = <[Expr; 2]>::try_from(values) else { return error(span).into() };
                let ty = ty.required().or_null(right_nullable);
                Typed { expr: coalesced(left, right, ty, span), open }
            }
            None => error(span).into(),
        }
    }

    /// The values as values of the type that they share; reports when there is none.
    pub(super) fn unify(
        &mut self,
        values: Vec<Typed>,
        span: Span,
        what: &str,
    ) -> Option<(Vec<Expr>, Type, Open)> {
        if values.iter().any(|v| v.expr.ty.is_error()) {
            return None;
        }
        let (ty, open) = match common_of(&values) {
            Ok(found) => found,
            Err((a, b)) => {
                let ty_at = |s: Span| {
                    values.iter().find(|v| v.expr.span == s).map_or(Type::ERROR, |v| v.expr.ty.clone())
                };
                self.diagnostics.push(errors::no_common_type(span, what, (a, &ty_at(a)), (b, &ty_at(b))));
                return None;
            }
        };
        let values = values.into_iter().map(|v| {
            let ty = ty.clone().required().or_null(v.expr.ty.nullable);
            // Left open, its branches keep their decimals.
            let v = if open == Open::No { v } else { v.expr.into() };
            self.coerce_typed(v, &ty)
        });
        Some((values.collect(), ty.clone(), open))
    }
}

fn coalesced(left: Expr, right: Expr, ty: Type, span: Span) -> Expr {
    if !left.ty.nullable {
        return left;
    }
    Expr::new(ExprKind::Coalesce(Box::new(left), Box::new(right)), ty, span)
}
