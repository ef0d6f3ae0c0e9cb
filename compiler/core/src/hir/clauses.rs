//! Queries: what they begin with, and their clauses.

use super::Rows;
use crate::check::OverRowsFunction;
use millstream_base::Span;
use millstream_ir::aggregate::{self, AggregateFunction, UserAggregate};
use millstream_ir::expr::Expr;
use millstream_ir::flow;
use millstream_ir::flow::{
    AmongEquals, Emission, JoinKind, OnError, Schema, TopScope, UpdatingScope, WindowAssigner,
};
use millstream_ir::pattern::MatchSpec;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Query {
    pub head: Head,
    /// The rows that the head yields.
    pub schema: Schema,
    pub clauses: Vec<Clause>,
    pub on_error: OnError,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Head {
    /// `from S`
    Rows(Rows),
    Match(Box<Match>),
}

/// `match …`. Its rows are the keys, the variables, one per step, `match.start`, `match.end` and
/// `match.timeout`, and last the time.
#[derive(Clone, Debug)]
pub struct Match {
    /// What the events come from, each once.
    pub inputs: Vec<MatchInput>,
    /// The pattern over the columns of these inputs. Its keys have no columns yet: they are those of the inputs.
    pub spec: MatchSpec,
}

#[derive(Clone, Debug)]
pub struct MatchInput {
    pub rows: Rows,
    pub schema: Schema,
    /// The partition key, over these columns.
    pub keys: Vec<Expr>,
}

#[derive(Clone, Debug)]
pub struct Clause {
    pub kind: ClauseKind,
    pub span: Span,
    /// The rows after it.
    pub schema: Schema,
}

#[derive(Clone, Debug)]
pub enum ClauseKind {
    Where(Expr),
    /// Each adds a column; later ones see earlier ones.
    Let(Vec<Expr>),
    /// One per column of the clause's schema.
    Select(Vec<Expr>),
    Unnest(Expr),
    Union(Union),
    Join(Join),
    /// What the aggregating select below it refers to. Changes no row, unless the clauses below look at
    /// the window of each: then rows come once for each of their windows, with its start and end as
    /// last, hidden columns.
    Window {
        assigner: WindowAssigner,
        assigns: bool,
    },
    /// Of a window's scope, where no aggregating select does it: late rows end here.
    LeaveOutLate,
    /// `time E`; unless E is a column, the new time becomes the last, hidden one.
    Time {
        time: Expr,
        disorder: i64,
    },
    Aggregate(Aggregate),
    Top(Top),
    /// The rows of each window that a key has of its own, when it is over. Adds the hidden `window.start` and
    /// `window.end`, the window's number and the time.
    GatherWindows {
        window: WindowAssigner,
        keys: Vec<Expr>,
    },
    SortWindow(SortWindow),
    History(History),
    /// Adds hidden columns.
    Frame(Frame),
}

/// `join S on …`. The columns of the rows, of their partners, and the hidden time of the pair; of those that
/// leave only rows, these.
#[derive(Clone, Debug)]
pub struct Join {
    pub kind: JoinKind,
    pub right: Rows,
    /// What stands in front of the point of its columns.
    pub alias: Arc<str>,
    /// The rows on the right.
    pub schema: Schema,
    /// Those of `on` that say that something of the row equals something of its partner.
    pub keys: Vec<(Expr, Expr)>,
    /// The rest, over the columns of the row and behind them those of the partner.
    pub condition: Option<Expr>,
    pub bound: JoinBound,
}

/// Which rows can be partners, as far as times say it.
#[derive(Clone, Debug)]
pub enum JoinBound {
    /// How much later the partner may be, in microseconds.
    Within {
        low: i64,
        high: i64,
    },
    /// Those of the row's window, whose bounds are these columns of the row.
    Window {
        assigner: WindowAssigner,
        start: usize,
        end: usize,
    },
    Forever,
    /// What the table held at this time, which is `ahead` after the row's own, and no longer than `max_age`.
    AsOf {
        at: Expr,
        ahead: i64,
        max_age: Option<i64>,
    },
    /// What the table holds.
    AsItStands,
}

/// The aggregates of `window sliding` and `window running`: a column each, then if there are bounds
/// `window.start` and `window.end`.
#[derive(Clone, Debug)]
pub struct Frame {
    pub frame: flow::Frame,
    pub keys: Vec<Expr>,
    pub calls: Vec<AggregateCall>,
    pub has_bounds: bool,
}

/// `top N by …` and `order by …` of the rows of a window. The last column is their new time.
#[derive(Clone, Debug)]
pub struct SortWindow {
    /// The columns of the window's bounds, then of the keys that have windows of their own, and of what else
    /// tells these apart.
    pub window: Vec<usize>,
    pub is_timed_by_window: bool,
    /// With whether it is descending.
    pub by: Vec<(Expr, bool)>,
    pub per: Vec<Expr>,
    pub limit: Option<usize>,
}

/// `top N by …` whose rows are told before a window is over, and `dedupe by … keep last`, which is the latest one
/// per key.
#[derive(Clone, Debug)]
pub struct Top {
    pub limit: usize,
    /// With whether it is descending.
    pub by: Vec<(Expr, bool)>,
    pub among_equals: AmongEquals,
    pub per: Vec<Expr>,
    pub scope: TopScope,
    pub emission: Emission,
}

/// A clause that looks at a row and those of its key before.
#[derive(Clone, Debug)]
pub struct History {
    /// Where each key has windows of its own, those that they are kept by come first.
    pub keys: Vec<Expr>,
    /// The windows whose rows it looks at, those of one at a time.
    pub window: Option<WindowAssigner>,
    pub kind: HistoryKind,
}

impl History {
    /// Whether rows wait for those that come behind them.
    pub fn looks_ahead(&self) -> bool {
        let HistoryKind::Functions { functions, .. } = &self.kind else { return false };
        functions.iter().any(|function| matches!(function, OverRowsFunction::Lead { .. }))
    }
}

/// Durations in microseconds; `expire` is none for `forever`.
#[derive(Clone, Debug)]
pub enum HistoryKind {
    /// `throttle`, and with a count of 1 `dedupe … within`.
    Throttle {
        count: u64,
        per: i64,
    },
    Changes {
        of: Vec<Expr>,
        expire: Option<i64>,
    },
    /// Each adds a hidden column.
    Functions {
        functions: Vec<OverRowsFunction>,
        expire: Option<i64>,
    },
}

/// `group by` and its aggregating select.
#[derive(Clone, Debug)]
pub struct Aggregate {
    pub grouping: Grouping,
    /// Those of `group by`, then what windows are kept by but groups are not, which is hidden.
    pub keys: Vec<Expr>,
    pub calls: Vec<AggregateCall>,
    /// The last call is then that of the time of a group's last row. The groups have columns more: the bounds
    /// of the window whose results a row repeats, and whether it does.
    pub fill: Option<Fill>,
    /// One per column of the clause's schema. They number the columns of `grouped`: the keys, then the
    /// calls, then of a window `window.start` and `window.end`, of one that is numbered its number and when it is
    /// over, then the time of the result, then of an updating one the sign.
    pub select: Vec<Expr>,
    /// The columns of which `select` speaks.
    pub grouped: Schema,
    pub group_span: Span,
}

/// Rows for windows without any.
#[derive(Clone, Debug)]
pub struct Fill {
    pub window: WindowAssigner,
    /// For how long after a key's last row, in microseconds.
    pub duration: i64,
    /// Whether it says `previous`.
    pub repeats: bool,
}

impl Grouping {
    /// Whether results are withdrawn again.
    pub fn is_updating(&self) -> bool {
        matches!(self, Grouping::Updating(..) | Grouping::UpdatingWindows { .. })
    }
}

/// Which rows come together, beside those of one key.
#[derive(Clone, PartialEq, Debug)]
pub enum Grouping {
    /// Each result is final.
    Window(WindowAssigner),
    /// Results are replaced as rows come.
    Updating(UpdatingScope, Emission),
    /// The same of windows that each key has of its own.
    UpdatingWindows {
        window: WindowAssigner,
        /// Microseconds.
        lateness: i64,
        emission: Emission,
        /// Whether the select looks at `window.start` and `window.end`.
        shows: [bool; 2],
        /// Whether a clause below takes the results of one window.
        is_numbered: bool,
    },
}

/// One aggregate of an aggregating select.
#[derive(Clone, Debug)]
pub struct AggregateCall {
    pub function: AggregateFunction,
    /// The definition of one that is written in the language.
    pub user: Option<Arc<UserAggregate>>,
    /// Over the rows of the group; none for `count()`.
    pub arguments: Vec<Expr>,
    /// What must be known before the program runs.
    pub parameter: Option<(Value, Type)>,
    /// Only rows where it is true take part.
    pub filter: Option<Expr>,
    pub ignore_null: bool,
    pub result: Type,
    /// As it is written, with the names of the rows; empty until they are known.
    pub text: Arc<str>,
    pub span: Span,
}

impl AggregateCall {
    /// The call with its text, in which columns have these names.
    pub fn named(self, names: &dyn Fn(usize) -> String) -> AggregateCall {
        let arguments: Vec<String> = self.arguments.iter().map(|a| a.text(names).to_string()).collect();
        let distinct = if self.function.is_distinct() { "distinct " } else { "" };
        let filter = match &self.filter {
            Some(filter) => format!(" filter (where {})", filter.text(names)),
            None => String::new(),
        };
        let text = format!("{}({distinct}{}){filter}", self.name(), arguments.join(", "));
        AggregateCall { text: text.into(), ..self }
    }

    /// As the language calls it.
    pub fn name(&self) -> &str {
        self.user.as_ref().map_or(self.function.name(), |user| &user.name)
    }

    /// Whether rows can be taken out again.
    pub fn can_forget(&self) -> bool {
        self.user.as_ref().is_none_or(|user| user.remove.is_some())
    }

    /// Whether it takes the rows of an updating stream, which come in the order of their changes.
    pub fn takes_changes(&self) -> bool {
        self.can_forget() && self.user.as_ref().is_none_or(|user| user.merge.is_some())
    }

    /// The call over columns; `column` gives the number of the one that holds an expression, which is to
    /// be called so.
    pub fn of_columns(
        &self,
        mut column: impl FnMut(&Expr, &str) -> usize,
        removable: bool,
    ) -> aggregate::AggregateCall {
        aggregate::AggregateCall {
            function: self.function,
            user: self.user.clone(),
            arguments: self.arguments.iter().map(|a| (column(a, "argument"), a.ty.clone())).collect(),
            parameter: self.parameter.clone(),
            filter: self.filter.as_ref().map(|filter| column(filter, "filter")),
            ignore_null: self.ignore_null,
            result: self.result.clone(),
            removable,
            text: self.text.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Union {
    pub others: Vec<Rows>,
    /// In a window's scope where rows stand once per window: the windows, and the columns of the bounds above;
    /// they become the last two.
    pub windows: Option<(WindowAssigner, [usize; 2])>,
}

impl Head {
    /// Whose rows it reads.
    pub fn reads(&self) -> Vec<Rows> {
        match self {
            Head::Rows(rows) => vec![*rows],
            Head::Match(pattern) => pattern.inputs.iter().map(|i| i.rows).collect(),
        }
    }
}

impl Query {
    /// Whose rows it reads.
    pub fn reads(&self) -> Vec<Rows> {
        let others = self.clauses.iter().filter_map(|c| match &c.kind {
            ClauseKind::Union(union) => Some(&union.others[..]),
            ClauseKind::Join(join) => Some(std::slice::from_ref(&join.right)),
            _ => None,
        });
        self.head.reads().into_iter().chain(others.flatten().copied()).collect()
    }

    /// The rows that it yields.
    pub fn result(&self) -> &Schema {
        self.clauses.last().map_or(&self.schema, |c| &c.schema)
    }
}
