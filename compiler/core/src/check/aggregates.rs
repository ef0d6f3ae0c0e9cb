//! Calls of aggregates: in an aggregating select they are collected, elsewhere they are an error.

use super::Checker;
use super::compare::is_ordered;
use super::events::is_of_events;
use super::expr::error;
use super::numbers::{MAX_DIGITS, scale_of};
use crate::errors::{types as errors, unsupported};
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::aggregate::AggregateFunction;
use millstream_ir::expr::Expr;
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;

/// What an aggregating select gathers while its expressions are checked.
#[derive(Clone, Debug)]
pub struct Aggregates {
    /// The rows of the group: what arguments and filters can see.
    pub rows: Scope,
    /// The column of the first aggregate's result; the others follow.
    pub first_column: usize,
    pub uses: Vec<AggregateUse>,
}

/// One aggregate of an aggregating select.
#[derive(Clone, Debug)]
pub struct AggregateUse {
    pub function: AggregateFunction,
    /// Over the rows of the group; none for `count()`.
    pub arguments: Vec<Expr>,
    /// What must be known before the program runs.
    pub parameter: Option<(Value, Type)>,
    /// Only rows where it is true take part.
    pub filter: Option<Expr>,
    pub ignore_null: bool,
    pub result: Type,
    pub span: Span,
}

impl Aggregates {
    pub fn new(rows: Scope, first_column: usize) -> Aggregates {
        Aggregates { rows, first_column, uses: vec![] }
    }
}

/// Aggregates of the language that are not carried out yet.
const NOT_YET: &[&str] = &[
    "arg_min",
    "arg_max",
    "stddev",
    "variance",
    "stddev_pop",
    "variance_pop",
    "covariance",
    "correlation",
    "median",
    "percentile",
    "approx_percentile",
    "approx_distinct",
    "approx_top",
    "top_k",
    "string_agg",
];

/// Functions of the ordered partition.
const OVER_ROWS: &[&str] = &["prev", "lag", "lead", "row_number"];

/// What a call's name says about aggregates.
pub(crate) enum AggregateName {
    Function(AggregateFunction),
    NotYet,
    OverRows,
    No,
}

pub(crate) fn aggregate_name(name: &str) -> AggregateName {
    let function = match name {
        "count" => AggregateFunction::Count,
        "sum" => AggregateFunction::Sum,
        "avg" => AggregateFunction::Average,
        "min" => AggregateFunction::Minimum,
        "max" => AggregateFunction::Maximum,
        "first" => AggregateFunction::First,
        "last" => AggregateFunction::Last,
        "any" => AggregateFunction::Any,
        "all" => AggregateFunction::All,
        "collect" => AggregateFunction::Collect,
        _ if NOT_YET.contains(&name) => return AggregateName::NotYet,
        _ if OVER_ROWS.contains(&name) => return AggregateName::OverRows,
        _ => return AggregateName::No,
    };
    AggregateName::Function(function)
}

/// Every name of a built-in aggregate, for proposals.
pub(crate) fn aggregate_names() -> impl Iterator<Item = &'static str> {
    ["count", "sum", "avg", "min", "max", "first", "last", "any", "all", "collect"].into_iter()
}

/// Whether an expression calls an aggregate of rows: what makes a `select` an aggregating one.
pub fn calls_aggregate(expr: &ast::Expr, scope: &Scope) -> bool {
    let is_aggregate =
        |name: &str| matches!(aggregate_name(name), AggregateName::Function(_) | AggregateName::NotYet);
    match &expr.kind {
        ast::ExprKind::Call(call) if is_of_events(call, scope) => false,
        ast::ExprKind::Call(call) => {
            is_aggregate(&call.function.text) || call.args.iter().any(|a| calls_aggregate(&a.value, scope))
        }
        _ => direct_parts(expr).into_iter().any(|part| calls_aggregate(part, scope)),
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

impl Checker<'_> {
    pub(super) fn aggregate(&mut self, function: AggregateFunction, call: &ast::Call, span: Span) -> Expr {
        let name = call.function.text.as_str();
        if self.inside_aggregate {
            self.diagnostics.push(errors::nested_aggregate(span, name));
            return error(span);
        }
        let Some(rows) = self.aggregates.as_ref().map(|a| a.rows.clone()) else {
            self.diagnostics.push(errors::aggregate_outside(span, name));
            return error(span);
        };
        self.inside_aggregate = true;
        let found = self.aggregate_use(function, call, &rows, span);
        self.inside_aggregate = false;
        let (Some(found), Some(aggregates)) = (found, &mut self.aggregates) else { return error(span) };
        let same = |a: &AggregateUse| {
            let texts = |of: &AggregateUse| -> Vec<String> {
                of.arguments.iter().chain(&of.filter).map(Expr::to_string).collect()
            };
            a.function == found.function
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

    fn aggregate_use(
        &mut self,
        function: AggregateFunction,
        call: &ast::Call,
        rows: &Scope,
        span: Span,
    ) -> Option<AggregateUse> {
        use AggregateFunction::*;
        let name = call.function.text.as_str();
        let keeps_nulls = matches!(function, First | Last | Collect);
        let mut argument = None;
        let mut ignore_null = None;
        for arg in &call.args {
            match &arg.name {
                None if argument.is_none() => argument = Some(&arg.value),
                None => {
                    self.diagnostics.push(errors::too_many_arguments(arg.span, name, 1));
                    return None;
                }
                Some(given) if given.text == "ignore_null" && keeps_nulls => ignore_null = Some(&arg.value),
                Some(given) => {
                    let known: &[&str] = if keeps_nulls { &["ignore_null"] } else { &[] };
                    self.diagnostics.push(errors::unknown_argument(given.span, &given.text, name, known));
                    return None;
                }
            }
        }
        if argument.is_none() && (function != Count || call.distinct.is_some()) {
            self.diagnostics.push(errors::missing_argument(span, name, "x"));
            return None;
        }
        let function = match (function, call.distinct) {
            (function, None) => function,
            (Count, Some(_)) => CountDistinct,
            (Collect, Some(_)) => CollectDistinct,
            (_, Some(word)) => {
                self.diagnostics.push(errors::no_distinct(word, name));
                return None;
            }
        };
        let ignore_null = match ignore_null {
            None => false,
            Some(value) => self.constant_part(rows, value, &Type::BOOL)? == Value::Bool(true),
        };
        let argument = argument.map(|a| self.expr(rows, a, None));
        let filter = call.filter.as_ref().map(|f| self.condition(rows, f));
        if argument.iter().chain(&filter).any(|e| e.ty.is_error()) {
            return None;
        }
        let argument = match argument {
            Some(argument) => Some(self.argument_of(function, argument, name)?),
            None => None,
        };
        // A group has a row; of nothing is left only what the argument or the filter leaves out.
        let maybe_nothing = filter.is_some() || argument.as_ref().is_some_and(|a| a.ty.nullable);
        let result = match &argument {
            _ if matches!(function, Count | CountDistinct) => Type::INT,
            None => Type::INT,
            Some(argument) => self
                .result_of(function, argument, ignore_null, span)?
                .or_null(maybe_nothing && !matches!(function, Collect | CollectDistinct)),
        };
        let arguments = argument.into_iter().collect();
        Some(AggregateUse { function, arguments, parameter: None, filter, ignore_null, result, span })
    }

    /// The argument, if the aggregate takes its type.
    pub(super) fn argument_of(
        &mut self,
        function: AggregateFunction,
        argument: Expr,
        name: &str,
    ) -> Option<Expr> {
        use AggregateFunction::*;
        let takes = match function {
            Sum | Average => argument.ty.is_numeric(),
            Minimum | Maximum => is_ordered(&argument.ty),
            Any | All => argument.ty.kind == TypeKind::Bool,
            _ => argument.ty.kind != TypeKind::Null,
        };
        if !takes {
            self.diagnostics.push(errors::aggregate_argument(argument.span, name, &argument.ty));
            return None;
        }
        Some(argument)
    }

    fn result_of(
        &mut self,
        function: AggregateFunction,
        argument: &Expr,
        ignore_null: bool,
        span: Span,
    ) -> Option<Type> {
        use AggregateFunction::*;
        let ty = argument.ty.clone().required();
        Some(match function {
            Average => match ty.kind {
                TypeKind::Decimal(_) => {
                    let scale = scale_of(&ty) + 6;
                    if scale > MAX_DIGITS {
                        self.diagnostics.push(errors::average_scale(span, scale));
                        return None;
                    }
                    Type::decimal(scale)
                }
                _ => Type::FLOAT,
            },
            Collect | CollectDistinct => Type::list(ty.or_null(argument.ty.nullable && !ignore_null)),
            _ => ty,
        })
    }

    pub(super) fn unsupported_aggregate(&mut self, call: &ast::Call, span: Span) -> Expr {
        self.diagnostics.push(unsupported::aggregate(span, &call.function.text));
        error(span)
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
