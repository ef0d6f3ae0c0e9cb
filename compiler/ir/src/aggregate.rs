//! Aggregates: which there are, and calls of them.

mod slot;
mod user;

pub use slot::{AccumulatorField, AccumulatorKind, FLOAT_SUM_BYTES, KeyField, KeyKind, SlotLayout};

pub use user::{Update, UserAggregate, UserState};

use crate::expr::literal_text;
use crate::types::{Layout, Type, TypeKind};
use crate::value::Value;
use std::fmt;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AggregateFunction {
    /// Rows, or rows whose argument is not null.
    Count,
    CountDistinct,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// The argument of the row that comes first (last) in the total order.
    First,
    Last,
    /// The first argument of the row in which the second is least (greatest).
    ArgMin,
    ArgMax,
    Any,
    All,
    Collect,
    CollectDistinct,
    /// Of a sample; those of the population follow.
    Variance,
    Stddev,
    VariancePop,
    StddevPop,
    Covariance,
    Correlation,
    Median,
    Percentile,
    ApproxPercentile,
    ApproxDistinct,
    /// The most frequent values.
    ApproxTop,
    /// The greatest values.
    TopK,
    TopKDistinct,
    StringAgg,
    StringAggDistinct,
    /// One that the program defines.
    User,
}

/// What the language calls them, without `distinct`.
const NAMES: &[(&str, AggregateFunction)] = {
    use AggregateFunction::*;
    &[
        ("count", Count),
        ("sum", Sum),
        ("avg", Average),
        ("min", Minimum),
        ("max", Maximum),
        ("first", First),
        ("last", Last),
        ("arg_min", ArgMin),
        ("arg_max", ArgMax),
        ("any", Any),
        ("all", All),
        ("collect", Collect),
        ("variance", Variance),
        ("stddev", Stddev),
        ("variance_pop", VariancePop),
        ("stddev_pop", StddevPop),
        ("covariance", Covariance),
        ("correlation", Correlation),
        ("median", Median),
        ("percentile", Percentile),
        ("approx_percentile", ApproxPercentile),
        ("approx_distinct", ApproxDistinct),
        ("approx_top", ApproxTop),
        ("top_k", TopK),
        ("string_agg", StringAgg),
    ]
};

/// One aggregate of an aggregating select. Arguments and filters have been computed into columns.
#[derive(Clone, Debug)]
pub struct AggregateCall {
    pub function: AggregateFunction,
    /// The definition of a [`AggregateFunction::User`].
    pub user: Option<Arc<UserAggregate>>,
    /// The columns of the arguments and their types; none for `count()`.
    pub arguments: Vec<(usize, Type)>,
    /// What must be known before the program runs: the p of `percentile(x, p)`, the k of `top_k(x, k)`,
    /// the separator of `string_agg(x, sep)`.
    pub parameter: Option<(Value, Type)>,
    /// A boolean column: only rows where it is true count.
    pub filter: Option<usize>,
    /// `first`, `last`, `collect`: leave out nulls. All others always do.
    pub ignore_null: bool,
    pub result: Type,
    /// Whether rows may be taken out again, as from the far end of a sliding window: then the state keeps
    /// what that takes. Only where [`AggregateCall::can_forget`].
    pub removable: bool,
    /// As it is written, such as `sum(amount)`: for the reason why a result does not fit. May be empty.
    pub text: Arc<str>,
}

impl AggregateCall {
    /// Of columns of these types; without a filter or anything else that a call may have.
    pub fn new(function: AggregateFunction, arguments: Vec<(usize, Type)>, result: Type) -> AggregateCall {
        let (user, parameter, filter, ignore_null, removable) = (None, None, None, false, false);
        let text = "".into();
        AggregateCall { function, user, arguments, parameter, filter, ignore_null, result, removable, text }
    }

    /// Why its result does not fit, with the call that it is of.
    pub fn misfit(&self, reason: &str) -> String {
        match &*self.text {
            "" => reason.to_string(),
            text => format!("`{text}`: {reason}"),
        }
    }

    /// Its first argument.
    pub fn argument(&self) -> Option<&(usize, Type)> {
        self.arguments.first()
    }

    /// Whether a row can be taken out again: directly, or because the state keeps what it has seen.
    pub fn can_forget(&self) -> bool {
        self.user.as_ref().is_none_or(|user| user.remove.is_some())
    }

    /// Whether the result can depend on the order in which rows are added, or on how they were split. Then
    /// they must come in the total order, all to one state.
    pub fn needs_order(&self) -> bool {
        // Where rows can be taken out, it counts all values.
        self.function == AggregateFunction::ApproxTop && !self.removable || !self.can_merge()
    }

    /// Whether the states of two parts of the rows can become that of all.
    pub fn can_merge(&self) -> bool {
        self.user.as_ref().is_none_or(|user| user.merge.is_some())
    }

    /// Whether rows take part that have null for this argument.
    pub fn takes_null(&self, argument: usize) -> bool {
        use AggregateFunction::*;
        match &self.user {
            Some(user) => user.params.get(argument).is_some_and(|ty| ty.nullable),
            None => matches!(self.function, First | Last | Collect | CollectDistinct) && !self.ignore_null,
        }
    }

    /// Whether adding a row can fail, which fails the row.
    pub fn can_fail(&self) -> bool {
        self.user.is_some()
    }

    /// The numbers of the columns that it looks at.
    pub fn columns_mut(&mut self) -> impl Iterator<Item = &mut usize> {
        self.arguments.iter_mut().map(|(column, _)| column).chain(&mut self.filter)
    }

    /// Whether its result can be too large for its type, which fails the output row.
    pub fn may_not_fit(&self) -> bool {
        use AggregateFunction::*;
        match self.function {
            Sum | Average => self.result.kind != TypeKind::Float,
            Median | Percentile => self.result.layout() == Layout::Decimal,
            StringAgg | StringAggDistinct | User => true,
            _ => false,
        }
    }

    /// `sum(amount) filter (where large)`
    pub fn text(&self, column: &dyn Fn(usize) -> String) -> String {
        let name = self.user.as_ref().map_or(self.function.name(), |user| &user.name);
        let distinct = if self.function.is_distinct() { "distinct " } else { "" };
        let mut arguments: Vec<String> = self.arguments.iter().map(|(c, _)| column(*c)).collect();
        arguments.extend(self.parameter.as_ref().map(|(value, ty)| literal_text(value, ty)));
        let arguments = arguments.join(", ");
        let nulls = if self.ignore_null { ", ignore_null: true" } else { "" };
        let filter = self.filter.map_or(String::new(), |c| format!(" filter (where {})", column(c)));
        format!("{name}({distinct}{arguments}{nulls}){filter}")
    }
}

impl AggregateFunction {
    /// The one that the language calls so.
    pub fn named(name: &str) -> Option<AggregateFunction> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// As the language calls it.
    pub fn name(self) -> &'static str {
        use AggregateFunction::*;
        let function = match self {
            CountDistinct => Count,
            CollectDistinct => Collect,
            TopKDistinct => TopK,
            StringAggDistinct => StringAgg,
            function => function,
        };
        NAMES.iter().find(|(_, known)| *known == function).map_or("?", |(name, _)| name)
    }

    /// The same over the distinct values; none where that makes no sense.
    pub fn distinct(self) -> Option<AggregateFunction> {
        use AggregateFunction::*;
        Some(match self {
            Count => CountDistinct,
            Collect => CollectDistinct,
            TopK => TopKDistinct,
            StringAgg => StringAggDistinct,
            _ => return None,
        })
    }

    pub fn is_distinct(self) -> bool {
        use AggregateFunction::*;
        matches!(self, CountDistinct | CollectDistinct | TopKDistinct | StringAggDistinct)
    }
}

/// Two calls of an aggregate of the program are of the same one if they share its definition.
impl PartialEq for AggregateCall {
    fn eq(&self, other: &AggregateCall) -> bool {
        let definition = |call: &AggregateCall| call.user.as_ref().map(Arc::as_ptr);
        self.function == other.function
            && definition(self) == definition(other)
            && self.arguments == other.arguments
            && self.parameter == other.parameter
            && self.filter == other.filter
            && self.ignore_null == other.ignore_null
            && self.result == other.result
            && self.removable == other.removable
    }
}

/// `sum(#2) filter (where #3)`.
impl fmt::Display for AggregateCall {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text(&|column| format!("#{column}")))
    }
}
