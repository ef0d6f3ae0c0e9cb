//! What each aggregate takes and gives.

use super::super::Checker;
use super::super::coerce::common_type;
use super::super::compare::is_ordered;
use super::super::numbers::{MAX_DIGITS, scale_of};
use crate::errors::{aggregates as errors, types as types_errors};
use crate::facts::Wanted;
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::aggregate::AggregateFunction::{self, *};
use millstream_ir::expr::Expr;
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;

/// The arguments of an aggregate, by name, in their order.
pub(super) struct Signature {
    arguments: &'static [&'static str],
    /// The last one, where it must be known before the program runs.
    pub parameter: Option<Parameter>,
    /// Whether it may be told to leave nulls out.
    keeps_nulls: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Parameter {
    /// The p of a percentile.
    Fraction,
    /// The k of a top.
    Count,
    Separator,
}

/// What a call gives for a signature.
pub(super) struct Given<'a> {
    pub arguments: Vec<&'a ast::Expr>,
    pub parameter: Option<&'a ast::Expr>,
    pub ignore_null: Option<&'a ast::Expr>,
}

const IGNORE_NULL: &str = "ignore_null";

impl Signature {
    pub fn of(function: AggregateFunction) -> Signature {
        let (arguments, parameter): (&[&str], _) = match function {
            ArgMin | ArgMax => (&["x", "by"], None),
            Covariance | Correlation => (&["x", "y"], None),
            Percentile | ApproxPercentile => (&["x"], Some(Parameter::Fraction)),
            ApproxTop | TopK | TopKDistinct => (&["x"], Some(Parameter::Count)),
            StringAgg | StringAggDistinct => (&["x"], Some(Parameter::Separator)),
            _ => (&["x"], None),
        };
        let keeps_nulls = matches!(function, First | Last | Collect | CollectDistinct);
        Signature { arguments, parameter, keeps_nulls }
    }

    /// The names of what may be given by position.
    fn names(&self) -> Vec<&'static str> {
        self.arguments.iter().copied().chain(self.parameter.map(Parameter::name)).collect()
    }
}

impl Parameter {
    fn name(self) -> &'static str {
        match self {
            Parameter::Fraction => "p",
            Parameter::Count => "k",
            Parameter::Separator => "sep",
        }
    }

    fn ty(self) -> Type {
        match self {
            Parameter::Fraction => Type::FLOAT,
            Parameter::Count => Type::INT,
            Parameter::Separator => Type::STRING,
        }
    }
}

impl Checker<'_> {
    /// Matches what a call gives with what the aggregate takes.
    pub(super) fn given_arguments<'a>(
        &mut self,
        signature: &Signature,
        call: &'a ast::Call,
        span: Span,
    ) -> Option<Given<'a>> {
        let name = call.function.text.as_str();
        let names = signature.names();
        let mut given: Vec<Option<&ast::Expr>> = vec![None; names.len()];
        let mut ignore_null = None;
        let mut position = 0;
        for arg in &call.args {
            let place = match &arg.name {
                None if position < names.len() => {
                    position += 1;
                    position - 1
                }
                None => {
                    let fault = types_errors::too_many_arguments(arg.span, name, names.len());
                    self.diagnostics.push(fault);
                    return None;
                }
                Some(label) if label.text == IGNORE_NULL && signature.keeps_nulls => {
                    ignore_null = Some(&arg.value);
                    continue;
                }
                Some(label) => match names.iter().position(|known| *known == label.text) {
                    Some(place) => place,
                    None => {
                        let known: Vec<&str> =
                            names.into_iter().chain(signature.keeps_nulls.then_some(IGNORE_NULL)).collect();
                        let fault = types_errors::unknown_argument(label.span, &label.text, name, &known);
                        self.diagnostics.push(fault);
                        let words = || known.iter().map(|word| (*word).into()).collect();
                        self.names.facts.misses(label.span, || Wanted::Word(words()));
                        return None;
                    }
                },
            };
            if given[place].replace(&arg.value).is_some() {
                self.diagnostics.push(types_errors::argument_twice(arg.span, names[place], name));
                return None;
            }
        }
        let may_lack_all = name == Count.name() && call.distinct.is_none();
        let missing = given.iter().position(Option::is_none).filter(|place| *place > 0 || !may_lack_all);
        if let Some(missing) = missing {
            self.diagnostics.push(types_errors::missing_argument(span, name, names[missing]));
            return None;
        }
        let mut given = given.into_iter().flatten();
        let arguments = given.by_ref().take(signature.arguments.len()).collect();
        Some(Given { arguments, parameter: given.next(), ignore_null })
    }

    /// The value of a parameter, if it is one that the aggregate can use.
    pub(super) fn parameter(
        &mut self,
        rows: &Scope,
        expr: &ast::Expr,
        parameter: Parameter,
    ) -> Option<(Value, Type)> {
        let value = self.constant_part(rows, expr, &parameter.ty())?;
        match (parameter, &value) {
            (Parameter::Fraction, Value::Float(p)) if !(0.0..=1.0).contains(p) => {
                self.diagnostics.push(errors::fraction_range(expr.span, *p));
                return None;
            }
            (Parameter::Count, Value::Int(k)) if *k <= 0 => {
                self.diagnostics.push(types_errors::not_positive(expr.span, "count"));
                return None;
            }
            _ => {}
        }
        Some((value, parameter.ty()))
    }

    /// The arguments, if the aggregate takes their types.
    pub(in crate::check) fn arguments_of(
        &mut self,
        function: AggregateFunction,
        mut arguments: Vec<Expr>,
        name: &str,
    ) -> Option<Vec<Expr>> {
        let is_time = |ty: &Type, kind: TypeKind| ty.kind == kind;
        let takes = |place: usize, ty: &Type| match function {
            Sum | Average | ApproxPercentile => ty.is_numeric() || is_time(ty, TypeKind::Duration),
            Median | Percentile => {
                ty.is_numeric() || is_time(ty, TypeKind::Duration) || is_time(ty, TypeKind::Timestamp)
            }
            Variance | Stddev | VariancePop | StddevPop | Covariance | Correlation => ty.is_numeric(),
            Minimum | Maximum | TopK | TopKDistinct => is_ordered(ty),
            ArgMin | ArgMax if place == 1 => is_ordered(ty),
            Any | All => ty.kind == TypeKind::Bool,
            StringAgg | StringAggDistinct => ty.is_text(),
            _ => ty.kind != TypeKind::Null,
        };
        for (place, argument) in arguments.iter().enumerate() {
            if !takes(place, &argument.ty) {
                self.diagnostics.push(types_errors::aggregate_argument(argument.span, name, &argument.ty));
                return None;
            }
        }
        if matches!(function, Covariance | Correlation)
            && let [x, y] = &arguments[..]
            && (x.ty.kind == TypeKind::Float) != (y.ty.kind == TypeKind::Float)
        {
            if common_type(&x.ty, &y.ty).is_none() {
                let fault = types_errors::no_common_type(
                    x.span.to(y.span),
                    "the two arguments",
                    (x.span, &x.ty),
                    (y.span, &y.ty),
                );
                self.diagnostics.push(fault);
                return None;
            }
            let float = |e: Expr| {
                let ty = Type::FLOAT.or_null(e.ty.nullable);
                self.coerce(e, &ty)
            };
            arguments = arguments.into_iter().map(float).collect();
        }
        Some(arguments)
    }

    /// The type of the result; `maybe_nothing` says whether all rows of a group may be left out.
    pub(super) fn result_of(
        &mut self,
        function: AggregateFunction,
        arguments: &[Expr],
        ignore_null: bool,
        maybe_nothing: bool,
        span: Span,
    ) -> Option<Type> {
        let Some(argument) = arguments.first() else { return Some(Type::INT) };
        let ty = argument.ty.clone().required();
        let result = match function {
            Count | CountDistinct => return Some(Type::INT),
            Collect | CollectDistinct => {
                return Some(Type::list(ty.or_null(argument.ty.nullable && !ignore_null)));
            }
            Average | Median | Percentile => match ty.kind {
                TypeKind::Decimal(_) => {
                    let scale = scale_of(&ty) + 6;
                    if scale > MAX_DIGITS {
                        self.diagnostics.push(types_errors::average_scale(span, scale));
                        return None;
                    }
                    Type::decimal(scale)
                }
                TypeKind::Duration | TypeKind::Timestamp => ty,
                _ => Type::FLOAT,
            },
            ApproxPercentile if ty.kind == TypeKind::Duration => ty,
            ApproxPercentile | VariancePop | StddevPop => Type::FLOAT,
            // Of one row there is no sample.
            Variance | Stddev | Covariance | Correlation => Type::FLOAT.nullable(),
            ApproxDistinct => Type::INT,
            ApproxTop => Type::list(Type::record([("value", ty), ("count", Type::INT)])),
            TopK | TopKDistinct => Type::list(ty),
            StringAgg | StringAggDistinct => Type::STRING,
            First | Last | ArgMin | ArgMax | Sum | Minimum | Maximum | Any | All | User => ty,
        };
        // `first` and `last` take nulls; of no row that has one they are null as well.
        Some(result.or_null(maybe_nothing))
    }
}
