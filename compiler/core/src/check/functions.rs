//! A call of a function that has been chosen: the engine's is called, one written in the language
//! becomes part of the expression.

use super::Checker;
use super::coerce::{let_in, null_if_null};
use super::expr::{error, is_simple};
use crate::errors::names as errors;
use crate::names::{Function, FunctionBody};
use crate::resolve::signature::Bindings;
use crate::scope::Scope;
use millstream_base::{Diagnostics, Span};
use millstream_ir::catalog::ScalarFunction;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast;

/// How many functions may stand inside one another before a recursion must be the reason.
const MAX_DEPTH: usize = 64;

impl Checker<'_> {
    /// The call with these values for the parameters, in order; null where a parameter takes none makes
    /// the result null.
    pub(super) fn call_function(
        &mut self,
        function: &Function,
        values: Vec<Expr>,
        bindings: &Bindings,
        span: Span,
    ) -> Expr {
        let result = function.signature.result.instantiate(bindings);
        // Beyond the parameters stand the values that the last one collects.
        let takes_null = |i: usize| {
            let params = &function.signature.params;
            params
                .get(i)
                .or(params.last())
                .is_some_and(|p| p.ty.nullable || p.ty.instantiate(bindings).nullable)
        };
        match &function.body {
            FunctionBody::Broken => error(span),
            FunctionBody::Native(native) => self.call_native(native, values, &takes_null, result, span),
            FunctionBody::Checked { body, locals } => {
                let base = self.locals;
                self.locals += locals;
                let mut body = body.clone();
                body.rewrite(&mut |e| match &mut e.kind {
                    ExprKind::Local(local)
                    | ExprKind::Let { local, .. }
                    | ExprKind::Comprehension { local, .. } => {
                        *local += base;
                    }
                    _ => {}
                });
                self.bind_values(body, base, values, &takes_null, function.module.is_some(), span)
            }
            FunctionBody::Generic(body) => {
                let base = self.locals;
                let types =
                    function.signature.params.iter().map(|p| p.ty.instantiate(bindings)).collect::<Vec<_>>();
                let Some(body) = self.check_generic(function, body, &types, &result, span) else {
                    return error(span);
                };
                self.bind_values(body, base, values, &takes_null, function.module.is_some(), span)
            }
        }
    }

    fn call_native(
        &mut self,
        native: &'static ScalarFunction,
        values: Vec<Expr>,
        takes_null: &dyn Fn(usize) -> bool,
        result: Type,
        span: Span,
    ) -> Expr {
        if let Some(bucket) = bucket(native, &values, span) {
            return bucket;
        }
        let lifted = values.iter().enumerate().any(|(i, v)| v.ty.nullable && !takes_null(i));
        if native.strict || !lifted {
            let nullable = native.strict && values.iter().any(|v| v.ty.nullable);
            let kind = ExprKind::Call { function: native, arguments: values };
            return Expr::new(kind, result.or_null(nullable), span);
        }
        // The function would see the nulls of parameters that take none.
        let base = self.locals;
        self.locals += values.len();
        let name = |(i, v): (usize, &Expr)| {
            let ty = if takes_null(i) { v.ty.clone() } else { v.ty.clone().required() };
            Expr::new(ExprKind::Local(base + i), ty, v.span)
        };
        let arguments = values.iter().enumerate().map(name).collect();
        let body = Expr::new(ExprKind::Call { function: native, arguments }, result, span);
        self.bind_values(body, base, values, takes_null, false, span)
    }

    /// The body with its parameters, the locals from `base` on, bound to values.
    fn bind_values(
        &mut self,
        mut body: Expr,
        base: usize,
        values: Vec<Expr>,
        takes_null: &dyn Fn(usize) -> bool,
        of_library: bool,
        span: Span,
    ) -> Expr {
        if of_library {
            // The library's text is nothing that the reader has in front of them.
            body.rewrite(&mut |e| e.span = span);
        }
        body.span = span;
        let mut wrapped = body;
        for (i, value) in values.iter().enumerate().rev() {
            if value.ty.nullable && !takes_null(i) {
                wrapped = null_if_null(Expr::new(ExprKind::Local(base + i), value.ty.clone(), span), wrapped);
            }
        }
        for (i, value) in values.into_iter().enumerate().rev() {
            if is_simple(&value) {
                wrapped.rewrite(&mut |e| {
                    if matches!(e.kind, ExprKind::Local(local) if local == base + i) {
                        let nullable = e.ty.nullable;
                        *e = value.clone();
                        if !nullable {
                            e.ty = e.ty.clone().required();
                        }
                    }
                });
            } else {
                wrapped = let_in(base + i, value, wrapped);
            }
        }
        wrapped
    }

    /// The body for parameters of these types.
    fn check_generic(
        &mut self,
        function: &Function,
        body: &ast::Expr,
        types: &[Type],
        result: &Type,
        span: Span,
    ) -> Option<Expr> {
        if self.depth >= MAX_DEPTH {
            self.diagnostics.push(errors::recursive_function(span, function.name));
            return None;
        }
        let mut scratch = Diagnostics::default();
        let mut inner = Checker::new(self.names, function.file, &mut scratch);
        inner.locals = self.locals;
        inner.depth = self.depth + 1;
        let scope = inner.parameter_scope(function, types);
        let checked = inner.expr(&scope, body, Some(result));
        self.locals = inner.locals;
        if scratch.has_errors() || checked.ty.is_error() {
            self.diagnostics.push(errors::library_fault(span, function.name));
            return None;
        }
        Some(checked)
    }

    /// A scope in which the parameters of a function are the next locals.
    fn parameter_scope(&mut self, function: &Function, types: &[Type]) -> Scope {
        let mut scope = Scope::default();
        for (param, ty) in function.signature.params.iter().zip(types) {
            let local = self.new_local();
            scope.bind(param.name, Expr::new(ExprKind::Local(local), ty.clone(), param.span));
        }
        scope
    }

    /// The body of a function without type variables, and how many locals it needs.
    pub(crate) fn check_body(&mut self, function: &Function, body: &ast::Expr) -> FunctionBody<'static> {
        self.locals = 0;
        let types: Option<Vec<Type>> = function.signature.params.iter().map(|p| p.ty.as_type()).collect();
        let (Some(types), Some(result)) = (types, function.signature.result.as_type()) else {
            return FunctionBody::Broken;
        };
        let scope = self.parameter_scope(function, &types);
        let body = self.expr(&scope, body, Some(&result));
        if body.ty.is_error() || types.iter().any(Type::is_error) {
            return FunctionBody::Broken;
        }
        // Callers see the declared type, whatever the body shows.
        let body = Expr { ty: result, ..body };
        FunctionBody::Checked { body, locals: self.locals }
    }
}

/// `bucket(t, 5m)` with known sizes is an expression of its own.
fn bucket(native: &ScalarFunction, values: &[Expr], span: Span) -> Option<Expr> {
    let known = |e: &Expr| match e.as_literal() {
        Some(Value::Duration(micros)) => Some(*micros),
        _ => None,
    };
    let (time, size, offset) = match values {
        [time, size] => (time, known(size)?, 0),
        [time, size, offset] => (time, known(size)?, known(offset)?),
        _ => return None,
    };
    if native.name != "bucket" || size <= 0 {
        return None;
    }
    let ty = Type::TIMESTAMP.or_null(time.ty.nullable);
    Some(Expr::new(ExprKind::Bucket { time: Box::new(time.clone()), size, offset }, ty, span))
}
