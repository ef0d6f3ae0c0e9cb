//! The events of a repeated variable of a pattern: `count(a)`, `sum(a.price)`, `first(a)`, `a[0]`. Inside
//! such a call the variable's name stands for each of its events in turn.

use super::aggregates::{AggregateName, aggregate_name, direct_parts};
use super::coerce::let_in;
use super::expr::error;
use super::numbers::Typed;
use super::overloads::Argument;
use super::{Checker, Proved};
use crate::check::narrowing::Outcome;
use crate::errors::{clauses, patterns as errors, types as types_errors};
use crate::facts::Given;
use crate::names::Function;
use crate::scope::{Events, Lookup, Scope, ScopeColumn};
use millstream_base::Span;
use millstream_ir::aggregate::AggregateFunction;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;

/// The repeated variable that an expression names.
pub(super) fn events_variable<'s>(scope: &'s Scope, expr: &ast::Expr) -> Option<&'s ScopeColumn> {
    let ast::ExprKind::Name(name) = &expr.kind else { return None };
    match scope.lookup(&name.text) {
        Lookup::Column(column) if column.events.is_some_and(|events| events != Events::One) => Some(column),
        _ => None,
    }
}

/// The type of the event of a variable that is not repeated, or of a field of it; none of what is neither.
fn of_one_event<'s>(scope: &'s Scope, expr: &ast::Expr) -> Option<&'s Type> {
    match &expr.kind {
        ast::ExprKind::Field { of, name } => match &of_one_event(scope, of)?.kind {
            TypeKind::Record(record) => {
                record.fields.iter().find(|field| *field.name == *name.text).map(|field| &field.ty)
            }
            _ => None,
        },
        ast::ExprKind::Name(name) => match scope.lookup(&name.text) {
            Lookup::Column(column) if column.events == Some(Events::One) => Some(&column.ty),
            _ => None,
        },
        _ => None,
    }
}

/// The argument of an aggregate that is to go over one event.
fn aggregated_event<'c>(scope: &Scope, call: &'c ast::Call) -> Option<&'c ast::Expr> {
    let [ast::Arg { value, .. }] = &call.args[..] else { return None };
    // A list of values is aggregated by functions of the same names.
    let is_one = |ty: &Type| !matches!(ty.kind, TypeKind::List(_));
    (is_aggregate(call) && of_one_event(scope, value).is_some_and(is_one)).then_some(value)
}

/// Whether an expression aggregates one event of a pattern.
pub(crate) fn aggregates_one_event(scope: &Scope, expr: &ast::Expr) -> bool {
    matches!(&expr.kind, ast::ExprKind::Call(call) if aggregated_event(scope, call).is_some())
        || direct_parts(expr).into_iter().any(|part| aggregates_one_event(scope, part))
}

/// Whether a call that looks like an aggregate's is one over the events of a variable.
pub(super) fn is_of_events(call: &ast::Call, scope: &Scope) -> bool {
    let is_of_events =
        |arg: &ast::Arg| !variables(scope, &arg.value).is_empty() || unbound(scope, &arg.value).is_some();
    is_aggregate(call) && call.args.iter().any(is_of_events)
}

/// A name in an expression that the pattern gives to events that must not come.
fn unbound<'e>(scope: &Scope, expr: &'e ast::Expr) -> Option<(&'e ast::Name, Span)> {
    if let ast::ExprKind::Name(name) = &expr.kind {
        let is_missing = matches!(scope.lookup(&name.text), Lookup::Missing);
        let defined = scope.unbound.iter().find(|(unbound, _)| is_missing && **unbound == *name.text);
        return defined.map(|(_, defined)| (name, *defined));
    }
    if scope.unbound.is_empty() {
        return None;
    }
    direct_parts(expr).into_iter().find_map(|part| unbound(scope, part))
}

fn is_aggregate(call: &ast::Call) -> bool {
    !matches!(aggregate_name(&call.function.text), AggregateName::No)
}

/// Whether it can be had of the events of a variable.
fn is_carried_out(function: AggregateFunction) -> bool {
    use AggregateFunction::*;
    matches!(function, Count | Sum | Average | Minimum | Maximum | First | Last | Any | All | Collect)
}

/// The repeated variables that an expression speaks of, outside of calls that take their lists.
fn variables<'s>(scope: &'s Scope, expr: &ast::Expr) -> Vec<&'s ScopeColumn> {
    let mut found: Vec<&ScopeColumn> = events_variable(scope, expr).into_iter().collect();
    let parts = match &expr.kind {
        ast::ExprKind::Call(call) if is_aggregate(call) => vec![],
        ast::ExprKind::Index { of, index } if events_variable(scope, of).is_some() => vec![&**index],
        _ => direct_parts(expr),
    };
    for variable in parts.into_iter().flat_map(|part| variables(scope, part)) {
        if !found.iter().any(|f| f.column == variable.column) {
            found.push(variable);
        }
    }
    found
}

impl Checker<'_> {
    /// The value of a call over the events of a variable; none if it is not one.
    pub(super) fn events_call(&mut self, scope: &Scope, call: &ast::Call, span: Span) -> Option<Expr> {
        if self.aggregates.is_none()
            && let Some(event) = aggregated_event(scope, call)
        {
            self.diagnostics.push(clauses::aggregate_of_event(span, call, event.span));
            return Some(error(span));
        }
        if !is_of_events(call, scope) {
            return None;
        }
        if let Some((name, defined)) = call.args.iter().find_map(|arg| unbound(scope, &arg.value)) {
            self.diagnostics.push(errors::never_bound(name.span, &name.text, defined));
            return Some(error(span));
        }
        let name = call.function.text.as_str();
        self.names.facts.stands_for_given(call.function.span, Given::Aggregate, name);
        let function = match aggregate_name(name) {
            AggregateName::Function(function) if is_carried_out(function) => Some(function),
            _ => None,
        };
        let Some(function) = function else {
            self.diagnostics.push(crate::errors::unsupported::aggregate(span, name));
            return Some(error(span));
        };
        let [ast::Arg { name: None, value: argument, .. }] = &call.args[..] else {
            // The first is the argument: the call has one that speaks of events.
            let fault = match call.args.iter().find_map(|a| a.name.as_ref()) {
                Some(given) => types_errors::unknown_argument(given.span, &given.text, name, &[]),
                None => types_errors::too_many_arguments(span, name, 1),
            };
            self.diagnostics.push(fault);
            return Some(error(span));
        };
        let of = variables(scope, argument);
        let [variable] = of[..] else {
            let names: Vec<&str> = of.iter().map(|v| &*v.name).collect();
            self.diagnostics.push(errors::several_variables(argument.span, &names));
            return Some(error(span));
        };
        let list = Expr::column(variable.column, variable.ty.clone(), span);
        let TypeKind::List(event) = &variable.ty.kind else { return Some(error(span)) };
        let so_far = variable.events == Some(Events::SoFar);
        let is_whole = events_variable(scope, argument).is_some();
        let maybe_none = so_far || call.filter.is_some();
        let defined = variable.defined.unwrap_or(span);
        if is_whole {
            self.names.facts.stands_for(argument.span, Some(defined));
        }
        if is_whole && call.filter.is_none() && call.distinct.is_none() {
            match function {
                AggregateFunction::Count => return Some(self.of_library("length", vec![list], span)),
                AggregateFunction::First => return Some(self.event(list, 0, maybe_none, span)),
                AggregateFunction::Last => return Some(self.event(list, -1, maybe_none, span)),
                AggregateFunction::Collect => return Some(list),
                _ => {}
            }
        }
        let local = self.new_local();
        let mut inner = scope.clone();
        inner.bind(variable.name.clone(), Expr::new(ExprKind::Local(local), (**event).clone(), defined));
        let condition = call.filter.as_ref().map(|f| self.condition(&inner, f));
        if let Some(condition) = &condition {
            inner.narrow(Proved::of(condition, Outcome::True));
        }
        let element = self.expr(&inner, argument, None);
        if element.ty.is_error() || condition.as_ref().is_some_and(|c| c.ty.is_error()) {
            return Some(error(span));
        }
        let Some(element) = self.arguments_of(function, vec![element], name).and_then(|mut e| e.pop()) else {
            return Some(error(span));
        };
        // The library adds up numbers only.
        if matches!(function, AggregateFunction::Sum | AggregateFunction::Average) && !element.ty.is_numeric()
        {
            let fault = types_errors::aggregate_argument(argument.span, name, &element.ty);
            self.diagnostics.push(fault.help("divide it by `1s`, which gives a number"));
            return Some(error(span));
        }
        let ty = Type::list(element.ty.clone());
        let kind = ExprKind::Comprehension {
            list: Box::new(list),
            local,
            condition: condition.map(Box::new),
            element: Box::new(element),
        };
        Some(self.of_values(function, call, Expr::new(kind, ty, span), maybe_none, span))
    }

    /// What an aggregate makes of a list of values.
    fn of_values(
        &mut self,
        function: AggregateFunction,
        call: &ast::Call,
        mut values: Expr,
        maybe_none: bool,
        span: Span,
    ) -> Expr {
        use AggregateFunction::*;
        let has_nulls = matches!(&values.ty.kind, TypeKind::List(element) if element.nullable);
        if has_nulls && !matches!(function, First | Last | Collect) {
            values = self.of_library("compact", vec![values], span);
        }
        if let Some(word) = call.distinct {
            if !matches!(function, Count | Collect) {
                self.diagnostics.push(types_errors::no_distinct(word, &call.function.text));
                return error(span);
            }
            values = self.of_library("unique", vec![values], span);
        }
        let maybe_none = maybe_none || has_nulls;
        match function {
            Count | CountDistinct => self.of_library("length", vec![values], span),
            Collect | CollectDistinct => values,
            First => self.event(values, 0, maybe_none, span),
            Last => self.event(values, -1, maybe_none, span),
            Minimum => self.known_some("list_min", values, maybe_none, span),
            Maximum => self.known_some("list_max", values, maybe_none, span),
            Average if is_decimals(&values.ty) => {
                self.unless_none(values, maybe_none, span, |checker, values| {
                    let sum = checker.of_library("list_sum", vec![values.clone()], span);
                    let count = checker.of_library("length", vec![values], span);
                    checker.arithmetic(ast::BinaryOp::Divide, span, sum.into(), count.into(), span).close()
                })
            }
            Average => self.known_some("list_avg", values, maybe_none, span),
            Sum => self.unless_none(values, maybe_none, span, |checker, values| {
                checker.of_library("list_sum", vec![values], span)
            }),
            Any => self.unless_none(values, maybe_none, span, |checker, values| {
                checker.of_library("list_any", vec![values], span)
            }),
            All => self.unless_none(values, maybe_none, span, |checker, values| {
                checker.of_library("list_all", vec![values], span)
            }),
            _ => error(span),
        }
    }

    /// A function of the library that gives null only for an empty list.
    fn known_some(&mut self, name: &str, values: Expr, maybe_none: bool, span: Span) -> Expr {
        let result = self.of_library(name, vec![values], span);
        let ty = if maybe_none { result.ty.clone() } else { result.ty.clone().required() };
        Expr { ty, ..result }
    }

    /// Null of an empty list.
    fn unless_none(
        &mut self,
        values: Expr,
        maybe_none: bool,
        span: Span,
        result: impl FnOnce(&mut Self, Expr) -> Expr,
    ) -> Expr {
        if !maybe_none {
            return result(self, values);
        }
        let local = self.new_local();
        let bound = Expr::new(ExprKind::Local(local), values.ty.clone(), span);
        let length = self.of_library("length", vec![bound.clone()], span);
        let result = result(self, bound);
        if result.ty.is_error() {
            return result;
        }
        let ty = result.ty.clone().nullable();
        let zero = Expr::literal(Value::Int(0), Type::INT, span);
        let is_none = ExprKind::Binary(BinaryOp::Equal, Box::new(length), Box::new(zero));
        let kind = ExprKind::If {
            condition: Box::new(Expr::new(is_none, Type::BOOL, span)),
            then: Box::new(Expr::literal(Value::Null, ty.clone(), span)),
            otherwise: Box::new(result),
        };
        let_in(local, values, Expr::new(kind, ty, span))
    }

    /// `a[0]`, which is null where there is no such event.
    pub(super) fn event_at(&mut self, scope: &Scope, list: Expr, index: &ast::Expr, span: Span) -> Expr {
        let index = self.expr(scope, index, Some(&Type::INT));
        if index.ty.is_error() || list.ty.is_error() {
            return error(span);
        }
        self.of_library("get", vec![list, index], span)
    }

    fn event(&mut self, list: Expr, index: i64, maybe_none: bool, span: Span) -> Expr {
        let nullable = matches!(&list.ty.kind, TypeKind::List(element) if element.nullable);
        let index = Expr::literal(Value::Int(index), Type::INT, span);
        let found = self.of_library("get", vec![list, index], span);
        let ty = if maybe_none || nullable { found.ty.clone() } else { found.ty.clone().required() };
        Expr { ty, ..found }
    }

    /// A call of the library's function, whatever the program calls so.
    fn of_library(&mut self, name: &str, values: Vec<Expr>, span: Span) -> Expr {
        if values.iter().any(|v| v.ty.is_error()) {
            return error(span);
        }
        let names = self.names;
        let of_library = |f: &&Function| f.module.is_some();
        let named = names.functions.named(name).map(|(_, function)| function);
        let candidates: Vec<&Function> = named.filter(of_library).collect();
        let argument = |value: Expr| Argument { name: None, span: value.span, value: Typed::from(value) };
        if candidates.is_empty() {
            self.diagnostics.push(crate::errors::names::unknown_function(span, name, None));
            return error(span);
        }
        self.choose_and_call(name, &candidates, values.into_iter().map(argument).collect(), span)
    }
}

fn is_decimals(ty: &Type) -> bool {
    matches!(&ty.kind, TypeKind::List(element) if matches!(element.kind, TypeKind::Decimal(_)))
}
