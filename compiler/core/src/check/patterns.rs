//! `like` and `matches`: patterns are compiled, and their faults found, while the program is checked.

use super::Checker;
use super::constant::is_constant;
use super::expr::error;
use crate::errors::{types as errors, unsupported};
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind, LikePattern, Regex};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn like(&mut self, scope: &Scope, value: &ast::Expr, pattern: &ast::Expr, span: Span) -> Expr {
        let Some((text, source)) = self.text_and_pattern(scope, value, pattern, "like") else {
            return error(span);
        };
        let ty = Type::BOOL.or_null(text.ty.nullable);
        let pattern = Arc::new(LikePattern::new(&source));
        Expr::new(ExprKind::Like { text: Box::new(text), pattern }, ty, span)
    }

    pub(super) fn matches(
        &mut self,
        scope: &Scope,
        value: &ast::Expr,
        regex: &ast::Expr,
        span: Span,
    ) -> Expr {
        let Some((text, source)) = self.text_and_pattern(scope, value, regex, "matches") else {
            return error(span);
        };
        match regex::Regex::new(&source) {
            Ok(compiled) => {
                let ty = Type::BOOL.or_null(text.ty.nullable);
                Expr::new(
                    ExprKind::Matches { text: Box::new(text), regex: Arc::new(Regex(compiled)) },
                    ty,
                    span,
                )
            }
            Err(fault) => {
                self.diagnostics.push(errors::bad_regex(regex.span, &fault));
                error(span)
            }
        }
    }

    /// Both sides, if the left is text and the right is known while the program is checked.
    fn text_and_pattern(
        &mut self,
        scope: &Scope,
        value: &ast::Expr,
        pattern: &ast::Expr,
        operator: &str,
    ) -> Option<(Expr, Arc<str>)> {
        let text = self.expr(scope, value, Some(&Type::STRING.nullable()));
        let pattern_expr = self.expr(scope, pattern, Some(&Type::STRING));
        if text.ty.is_error() || pattern_expr.ty.is_error() {
            return None;
        }
        if !is_constant(&pattern_expr) {
            self.diagnostics.push(unsupported::computed_pattern(pattern.span, operator));
            return None;
        }
        match self.evaluate(&pattern_expr)? {
            Value::String(source) => Some((text, source)),
            _ => None,
        }
    }
}
