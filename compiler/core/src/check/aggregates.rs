//! Calls of aggregates: in an aggregating select they are collected, elsewhere they are an error.

mod signature;

use super::Checker;
use super::events::is_of_events;
use super::expr::error;
use super::overloads::Argument;
use crate::errors::types as errors;
use crate::hir::AggregateCall;
use crate::names::{self, Names};
use crate::scope::Scope;
use millstream_base::{FileId, Span};
use millstream_ir::aggregate::AggregateFunction;
use millstream_ir::expr::Expr;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast;
use millstream_syntax::dump::{Spans, dump_expr};
use signature::Signature;
use std::sync::Arc;

/// What an aggregating select gathers while its expressions are checked.
#[derive(Clone, Debug)]
pub struct Aggregates {
    /// The rows of the group: what arguments and filters can see.
    pub rows: Scope,
    /// The column of the first aggregate's result; the others follow.
    pub first_column: usize,
    pub uses: Vec<AggregateCall>,
}

impl Aggregates {
    pub fn new(rows: Scope, first_column: usize) -> Aggregates {
        Aggregates { rows, first_column, uses: vec![] }
    }
}

/// Functions of the ordered partition.
pub(crate) const OVER_ROWS: &[&str] = &["prev", "lag", "lead", "row_number"];

/// What a call's name says about aggregates.
pub(crate) enum AggregateName {
    Function(AggregateFunction),
    OverRows,
    No,
}

pub(crate) fn aggregate_name(name: &str) -> AggregateName {
    match AggregateFunction::named(name) {
        Some(function) => AggregateName::Function(function),
        None if OVER_ROWS.contains(&name) => AggregateName::OverRows,
        None => AggregateName::No,
    }
}

/// Whether an expression calls an aggregate of rows: what makes a `select` an aggregating one.
pub fn calls_aggregate(expr: &ast::Expr, scope: &Scope, names: &Names, file: FileId) -> bool {
    let is_aggregate = |name: &str| {
        matches!(aggregate_name(name), AggregateName::Function(_))
            || names.user_aggregate(file, name).is_some()
    };
    let inside = |part: &ast::Expr| calls_aggregate(part, scope, names, file);
    match &expr.kind {
        ast::ExprKind::Call(call) if is_of_events(call, scope) => false,
        ast::ExprKind::Call(call) => {
            is_aggregate(&call.function.text) || call.args.iter().any(|a| inside(&a.value))
        }
        _ => direct_parts(expr).into_iter().any(inside),
    }
}

/// The expressions directly inside one, without the `filter` of an aggregate.
pub(crate) fn direct_parts(expr: &ast::Expr) -> Vec<&ast::Expr> {
    use ast::ExprKind::*;
    match &expr.kind {
        Literal(_) | Name(_) | RelativeTime(_) | Error => vec![],
        Field { of, .. } => vec![of],
        Index { of, index } => vec![of, index],
        Call(call) => call.args.iter().map(|a| &a.value).collect(),
        Unary { operand, .. } => vec![operand],
        Binary { left, right, .. } => vec![left, right],
        Chain { first, links } => [&**first].into_iter().chain(links.iter().map(|l| &l.operand)).collect(),
        In { value, container, .. } => vec![value, container],
        Between { value, low, high, .. } => vec![value, low, high],
        Like { value, pattern, .. } => vec![value, pattern],
        Matches { value, regex, .. } => vec![value, regex],
        IsNull { value, .. } => vec![value],
        If { condition, then, otherwise } => vec![condition, then, otherwise],
        List(elements) => elements.iter().collect(),
        Record(fields) => fields.iter().map(|f| &f.value).collect(),
        Comprehension { element, list, condition, .. } => {
            [Some(&**element), Some(&**list), condition.as_deref()].into_iter().flatten().collect()
        }
        Template(parts) => parts
            .iter()
            .filter_map(|p| match p {
                ast::TemplatePart::Value(value) => Some(value),
                ast::TemplatePart::Text(_) => None,
            })
            .collect(),
    }
}

/// A call as it is written, wherever it stands.
pub(crate) fn spelled(call: &ast::Call) -> String {
    let call = ast::Expr::new(ast::ExprKind::Call(call.clone()), Span::default());
    dump_expr(&call, Spans::Hidden)
}

impl Checker<'_> {
    pub(super) fn aggregate(&mut self, function: AggregateFunction, call: &ast::Call, span: Span) -> Expr {
        self.collect_use(call, span, |checker, rows| checker.aggregate_use(function, call, rows, span))
    }

    /// A call of an aggregate that is written in the language.
    pub(super) fn user_aggregate(
        &mut self,
        aggregate: &names::UserAggregate,
        call: &ast::Call,
        span: Span,
    ) -> Expr {
        self.collect_use(call, span, |checker, rows| checker.user_aggregate_use(aggregate, call, rows, span))
    }

    /// Notes an aggregate among those of the select; the column of its result.
    fn collect_use(
        &mut self,
        call: &ast::Call,
        span: Span,
        check: impl FnOnce(&mut Self, &Scope) -> Option<AggregateCall>,
    ) -> Expr {
        let name = call.function.text.as_str();
        if self.inside_aggregate {
            self.diagnostics.push(errors::nested_aggregate(span, name));
            return error(span);
        }
        let Some(rows) = self.aggregates.as_ref().map(|a| a.rows.clone()) else {
            let written = spelled(call);
            let result = self.results.iter().find(|(call, _)| *call == written);
            let column = result.map(|(_, column)| column.as_str());
            let column = column.filter(|c| self.rows.is_some_and(|rows| rows.find(c).is_some()));
            self.diagnostics.push(errors::aggregate_outside(span, name, column));
            return error(span);
        };
        self.inside_aggregate = true;
        let found = check(self, &rows);
        self.inside_aggregate = false;
        let (Some(found), Some(aggregates)) = (found, &mut self.aggregates) else { return error(span) };
        let same = |a: &AggregateCall| {
            let texts = |of: &AggregateCall| -> Vec<String> {
                of.arguments.iter().chain(&of.filter).map(Expr::to_string).collect()
            };
            a.function == found.function
                && a.user.as_ref().map(Arc::as_ptr) == found.user.as_ref().map(Arc::as_ptr)
                && a.filter.is_some() == found.filter.is_some()
                && texts(a) == texts(&found)
                && a.parameter == found.parameter
                && a.ignore_null == found.ignore_null
        };
        let position = aggregates.uses.iter().position(same).unwrap_or(aggregates.uses.len());
        let ty = found.result.clone();
        if position == aggregates.uses.len() {
            aggregates.uses.push(found);
        }
        Expr::column(aggregates.first_column + position, ty, span)
    }

    fn user_aggregate_use(
        &mut self,
        aggregate: &names::UserAggregate,
        call: &ast::Call,
        rows: &Scope,
        span: Span,
    ) -> Option<AggregateCall> {
        let name = call.function.text.as_str();
        if let Some(word) = call.distinct {
            self.diagnostics.push(errors::no_distinct(word, name));
            return None;
        }
        let given: Vec<Argument> = call
            .args
            .iter()
            .map(|arg| Argument {
                name: arg.name.as_ref(),
                value: self.infer(rows, &arg.value, None),
                span: arg.span,
            })
            .collect();
        let filter = call.filter.as_ref().map(|f| self.condition(rows, f));
        let is_wrong = given.iter().any(|a| a.value.expr.ty.is_error());
        if is_wrong || filter.as_ref().is_some_and(|f| f.ty.is_error()) {
            return None;
        }
        let arguments = self.fitting_arguments(name, &aggregate.signature, given, span)?;
        Some(AggregateCall {
            function: AggregateFunction::User,
            user: Some(aggregate.definition.clone()?),
            arguments,
            parameter: None,
            filter,
            ignore_null: false,
            result: aggregate.signature.result.as_type()?,
            text: "".into(),
            span,
        })
    }

    fn aggregate_use(
        &mut self,
        function: AggregateFunction,
        call: &ast::Call,
        rows: &Scope,
        span: Span,
    ) -> Option<AggregateCall> {
        let name = call.function.text.as_str();
        let signature = Signature::of(function);
        let given = self.given_arguments(&signature, call, span)?;
        let function = match call.distinct {
            None => function,
            Some(word) => match function.distinct() {
                Some(distinct) => distinct,
                None => {
                    self.diagnostics.push(errors::no_distinct(word, name));
                    return None;
                }
            },
        };
        let ignore_null = match given.ignore_null {
            None => false,
            Some(value) => self.constant_part(rows, value, &Type::BOOL)? == Value::Bool(true),
        };
        let parameter = match (given.parameter, signature.parameter) {
            (Some(value), Some(parameter)) => Some(self.parameter(rows, value, parameter)?),
            _ => None,
        };
        let arguments: Vec<Expr> = given.arguments.iter().map(|a| self.expr(rows, a, None)).collect();
        let filter = call.filter.as_ref().map(|f| self.condition(rows, f));
        if arguments.iter().chain(&filter).any(|e| e.ty.is_error()) {
            return None;
        }
        let arguments = self.arguments_of(function, arguments, name)?;
        // A group has a row; of nothing is left only what the arguments or the filter leave out.
        let maybe_nothing = filter.is_some() || arguments.iter().any(|a| a.ty.nullable);
        let result = self.result_of(function, &arguments, ignore_null, maybe_nothing, span)?;
        let (user, text) = (None, "".into());
        Some(AggregateCall { function, user, arguments, parameter, filter, ignore_null, result, text, span })
    }

    /// Reports `distinct` and `filter` where no aggregate is called.
    pub(super) fn no_aggregate_words(&mut self, call: &ast::Call) {
        if let Some(word) = call.distinct {
            self.diagnostics.push(errors::no_distinct(word, &call.function.text));
        }
        if let Some(filter) = &call.filter {
            self.diagnostics.push(errors::no_filter(filter.span, &call.function.text));
        }
    }
}
