//! Comparisons: `== != < <= > >= in between`.

use super::Checker;
use super::coerce::{common_type, let_in};
use super::expr::{error, is_simple};
use super::numbers::Typed;
use crate::errors::{tables, types as errors};
use crate::names::InputKind;
use crate::scope::{Lookup, Scope};
use millstream_base::Span;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;
use millstream_syntax::token::in_backticks;

/// A name, a column behind its alias or a list of such, as it is written.
fn as_written(expr: &ast::Expr) -> Option<String> {
    match &expr.kind {
        ast::ExprKind::Name(name) => Some(in_backticks(&name.text)),
        ast::ExprKind::Field { of, name } => {
            Some(format!("{}.{}", as_written(of)?, in_backticks(&name.text)))
        }
        ast::ExprKind::List(elements) => {
            let elements = elements.iter().map(as_written).collect::<Option<Vec<String>>>()?;
            Some(format!("[{}]", elements.join(", ")))
        }
        _ => None,
    }
}

impl Checker<'_> {
    pub(super) fn compare(
        &mut self,
        op: ast::BinaryOp,
        op_span: Span,
        left: Typed,
        right: Typed,
        span: Span,
    ) -> Expr {
        let Some((left, right)) = self.comparable(op, op_span, left, right, span) else { return error(span) };
        let ir_op = match op {
            ast::BinaryOp::Equal => BinaryOp::Equal,
            ast::BinaryOp::NotEqual => BinaryOp::NotEqual,
            ast::BinaryOp::Less => BinaryOp::Less,
            ast::BinaryOp::LessEqual => BinaryOp::LessEqual,
            ast::BinaryOp::Greater => BinaryOp::Greater,
            _ => BinaryOp::GreaterEqual,
        };
        comparison(ir_op, left, right, span)
    }

    /// Both sides as values of one type that the operator compares, unless that was reported.
    fn comparable(
        &mut self,
        op: ast::BinaryOp,
        op_span: Span,
        left: Typed,
        right: Typed,
        span: Span,
    ) -> Option<(Expr, Expr)> {
        if left.expr.ty.is_error() || right.expr.ty.is_error() {
            return None;
        }
        for (null, other) in [(&left, &right), (&right, &left)] {
            if null.expr.ty.kind == TypeKind::Null {
                self.diagnostics.push(errors::null_comparison(span, other.expr.span, op));
                return None;
            }
        }
        let (left, right) = self.settle_pair(left, right);
        for (literal, other) in [(&left, &right), (&right, &left)] {
            if let (ExprKind::Literal(Value::String(s)), TypeKind::OneOf(strings)) =
                (&literal.kind, &other.ty.kind)
                && !strings.contains(s)
            {
                self.diagnostics.push(errors::unknown_choice(literal.span, s, &other.ty));
                return None;
            }
        }
        if let (TypeKind::OneOf(a), TypeKind::OneOf(b)) = (&left.ty.kind, &right.ty.kind)
            && !a.iter().any(|s| b.contains(s))
        {
            self.incomparable((span, op_span, op), &left, &right);
            return None;
        }
        let is_equality = matches!(op, ast::BinaryOp::Equal | ast::BinaryOp::NotEqual);
        let common = common_type(&left.ty, &right.ty).filter(|ty| is_equality || is_ordered(ty));
        let Some(common) = common else {
            self.incomparable((span, op_span, op), &left, &right);
            return None;
        };
        let (left_ty, right_ty) = (
            common.clone().required().or_null(left.ty.nullable),
            common.required().or_null(right.ty.nullable),
        );
        Some((self.coerce(left, &left_ty), self.coerce(right, &right_ty)))
    }

    fn incomparable(&mut self, (span, op_span, op): (Span, Span, ast::BinaryOp), left: &Expr, right: &Expr) {
        let is_of_table = |side: &Expr| {
            self.looked_up.is_some_and(|first| side.columns().iter().any(|column| *column >= first))
        };
        let symbol = op.symbol();
        self.diagnostics.push(match (is_of_table(left), is_of_table(right)) {
            (true, false) => errors::incomparable_with_key(span, op_span, symbol, [left, right], right),
            (false, true) => errors::incomparable_with_key(span, op_span, symbol, [left, right], left),
            _ => errors::incomparable(span, op_span, symbol, left, right),
        });
    }

    /// Literals of open type beside what they meet.
    pub(super) fn settle_pair(&mut self, left: Typed, right: Typed) -> (Expr, Expr) {
        match (left.is_open(), right.is_open()) {
            (true, true) => (left.close(), right.close()),
            (true, false) => {
                let ty = right.expr.ty.clone();
                (left.beside(&ty), right.expr)
            }
            (false, true) => {
                let ty = left.expr.ty.clone();
                (left.expr, right.beside(&ty))
            }
            (false, false) => (left.expr, right.expr),
        }
    }

    /// `value between low and high`: the value is computed once.
    pub(super) fn between(
        &mut self,
        scope: &Scope,
        value: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        span: Span,
    ) -> Expr {
        let value = self.infer(scope, value, None);
        let low = self.infer(scope, low, Some(&value.expr.ty));
        let high = self.infer(scope, high, Some(&value.expr.ty));
        let (value, shared) = if value.is_open() || is_simple(&value.expr) {
            (value, None)
        } else {
            let local = self.new_local();
            let name = Expr::new(ExprKind::Local(local), value.expr.ty.clone(), value.expr.span);
            (name.into(), Some((local, value.expr)))
        };
        let above = self.compare(ast::BinaryOp::GreaterEqual, span, value.clone(), low, span);
        if above.ty.is_error() {
            return above;
        }
        let below = self.compare(ast::BinaryOp::LessEqual, span, value, high, span);
        if below.ty.is_error() {
            return error(span);
        }
        let ty = Type::BOOL.or_null(above.ty.nullable || below.ty.nullable);
        let both = Expr::new(ExprKind::And(Box::new(above), Box::new(below)), ty, span);
        match shared {
            Some((local, value)) => let_in(local, value, both),
            None => both,
        }
    }

    /// `value in [a, b]`, or in any list.
    pub(super) fn in_list(
        &mut self,
        scope: &Scope,
        value: &ast::Expr,
        container: &ast::Expr,
        span: Span,
    ) -> Expr {
        if let ast::ExprKind::Name(name) = &container.kind
            && matches!(scope.lookup(&name.text), Lookup::Missing)
            && self.names.param(self.file, &name.text).is_none()
            && let Some((_, input)) = self.names.input(self.file, &name.text)
        {
            self.names.facts.stands_for(name.span, Some(input.name.span));
            if let Some(looked_up) = self.in_tables.iter().find(|in_table| in_table.asked == span) {
                return looked_up.found.clone();
            }
            let fault = match input.kind {
                InputKind::Table { .. } => {
                    let named = self.above.zip(as_written(value));
                    tables::in_table_elsewhere((container.span, span), &name.text, named)
                }
                _ => tables::in_stream(container.span, &name.text),
            };
            self.diagnostics.push(fault);
            return error(span);
        }
        let value = self.infer(scope, value, None);
        let ast::ExprKind::List(elements) = &container.kind else {
            return self.in_dynamic_list(scope, value, container, span);
        };
        let elements: Vec<Typed> =
            elements.iter().map(|e| self.infer(scope, e, Some(&value.expr.ty))).collect();
        if value.expr.ty.is_error() || elements.iter().any(|e| e.expr.ty.is_error()) {
            return error(span);
        }
        // The value and all elements are brought to one type, as by `==` with each.
        let mut common = value.clone();
        for element in &elements {
            if element.expr.ty.kind == TypeKind::Null {
                continue;
            }
            let (a, b) = (common.clone(), element.clone());
            let Some((a, _)) =
                self.comparable(ast::BinaryOp::Equal, element.expr.span, a, b, element.expr.span)
            else {
                return error(span);
            };
            common = a.into();
        }
        let ty = common.expr.ty.clone().required();
        let nullable = value.expr.ty.nullable || elements.iter().any(|e| e.expr.ty.nullable);
        let list: Vec<Expr> = elements.into_iter().map(|e| self.coerce_element(e, &ty)).collect();
        let value = self.coerce_element(value, &ty);
        Expr::new(ExprKind::In { value: Box::new(value), list }, Type::BOOL.or_null(nullable), span)
    }

    fn coerce_element(&mut self, element: Typed, ty: &Type) -> Expr {
        let ty = ty.clone().or_null(element.expr.ty.nullable);
        // A string literal beside a union has been looked at already.
        self.coerce_typed(element, &ty)
    }

    /// `x in xs`, where the list is computed: the standard library's `contains`.
    fn in_dynamic_list(&mut self, scope: &Scope, value: Typed, container: &ast::Expr, span: Span) -> Expr {
        let list = self.expr(scope, container, None);
        if list.ty.is_error() || value.expr.ty.is_error() {
            return error(span);
        }
        if !matches!(list.ty.kind, TypeKind::List(_)) {
            self.diagnostics.push(errors::not_a_list(container.span, &list.ty));
            return error(span);
        }
        self.call_library("contains", vec![list.into(), value], span)
    }
}

pub(super) fn comparison(op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
    let ty = Type::BOOL.or_null(left.ty.nullable || right.ty.nullable);
    Expr::new(ExprKind::Binary(op, Box::new(left), Box::new(right)), ty, span)
}

/// Whether `<` makes sense between values of a type.
pub(crate) fn is_ordered(ty: &Type) -> bool {
    use TypeKind::*;
    matches!(ty.kind, Int | Float | Decimal(_) | String | OneOf(_) | Bytes | Timestamp | Duration | Error)
}
