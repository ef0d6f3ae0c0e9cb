//! Calls: told apart by name into conversions, aggregates and functions.

use super::Checker;
use super::aggregates::{AggregateName, aggregate_name};
use super::conversions::{CONVERSIONS, Conversion};
use super::expr::error;
use super::numbers::Typed;
use super::overloads::Argument;
use crate::errors::names as errors;
use crate::facts::Given;
use crate::resolve::library::LIBRARY_FILE;
use crate::resolve::signature::Signature;
use crate::scope::Scope;
use millstream_base::{Span, did_you_mean};
use millstream_ir::aggregate::AggregateFunction;
use millstream_ir::expr::Expr;
use millstream_syntax::ast;

impl Checker<'_> {
    pub(super) fn call(&mut self, scope: &Scope, call: &ast::Call, span: Span) -> Expr {
        let name = call.function.text.as_str();
        let facts = &self.names.facts;
        if let Some(conversion) = Conversion::of(name) {
            facts.stands_for_given(call.function.span, Given::Conversion, name);
            return self.conversion(scope, conversion, call, span);
        }
        if let Some(value) = self.events_call(scope, call, span) {
            return value;
        }
        // A function of the program hides an aggregate's name only if it could be defined, see `collect`.
        match aggregate_name(name) {
            // `first`, `any`, `min` … may also be functions of lists.
            AggregateName::Function(function) if !self.is_list_call(scope, call) => {
                facts.stands_for_given(call.function.span, Given::Aggregate, name);
                return self.aggregate(function, call, span);
            }
            AggregateName::OverRows => {
                facts.stands_for_given(call.function.span, Given::OverRows, name);
                return self.over_rows_call(call, span);
            }
            AggregateName::Function(_) | AggregateName::No => {}
        }
        if let Some(aggregate) = self.names.user_aggregate(self.file, name) {
            self.function_stands_for(
                call,
                aggregate.aggregate.name.span,
                &aggregate.signature,
                Given::Aggregate,
            );
            return self.user_aggregate(aggregate, call, span);
        }
        self.no_aggregate_words(call);
        let candidates = self.names.functions(self.file, name);
        if candidates.is_empty() {
            // The arguments may be wrong too; those of these are streams.
            for arg in call.args.iter().filter(|_| !matches!(name, "late" | "errors")) {
                self.infer(scope, &arg.value, None);
            }
            if !self.names.is_broken(name) {
                let own = self.names.nearest_function(self.file, name);
                let nearest = own.or_else(|| {
                    did_you_mean(name, AggregateFunction::names().chain(CONVERSIONS.iter().copied()))
                });
                self.diagnostics.push(errors::unknown_function(call.function.span, name, nearest));
                self.names.facts.misses(call.function.span, || scope.wanted());
            }
            return error(span);
        }
        for candidate in &candidates {
            self.function_stands_for(call, candidate.name_span, &candidate.signature, Given::Function);
        }
        let arguments: Vec<Argument> = call
            .args
            .iter()
            .map(|arg| Argument {
                name: arg.name.as_ref(),
                value: self.infer(scope, &arg.value, None),
                span: arg.span,
            })
            .collect();
        if arguments.iter().any(|a| a.value.expr.ty.is_error()) {
            return error(span);
        }
        self.choose_and_call(name, &candidates, arguments, span)
    }

    /// Notes what the names of a call stand for: that of the function, and those of arguments.
    fn function_stands_for(&self, call: &ast::Call, defined: Span, signature: &Signature, given: Given) {
        let facts = &self.names.facts;
        match defined.file {
            LIBRARY_FILE => facts.stands_for_given(call.function.span, given, &call.function.text),
            _ => facts.stands_for(call.function.span, Some(defined)),
        }
        for name in call.args.iter().filter_map(|arg| arg.name.as_ref()) {
            let param = signature.params.iter().find(|param| param.name == name.text);
            facts.stands_for(name.span, param.map(|param| param.span));
        }
    }

    /// Whether a call that looks like an aggregate's is one of a function of lists: it stands outside of an
    /// aggregating select, and the library has such a function.
    fn is_list_call(&self, _scope: &Scope, call: &ast::Call) -> bool {
        (self.aggregates.is_none() || self.inside_aggregate)
            && call.distinct.is_none()
            && call.filter.is_none()
            && !self.names.functions(self.file, &call.function.text).is_empty()
    }

    /// Calls a function that an operator stands for.
    pub(super) fn call_library(&mut self, name: &str, values: Vec<Typed>, span: Span) -> Expr {
        let candidates = self.names.functions(self.file, name);
        if candidates.is_empty() {
            self.diagnostics.push(errors::unknown_function(span, name, None));
            return error(span);
        }
        let arguments =
            values.into_iter().map(|value| Argument { name: None, span: value.expr.span, value }).collect();
        self.choose_and_call(name, &candidates, arguments, span)
    }
}
