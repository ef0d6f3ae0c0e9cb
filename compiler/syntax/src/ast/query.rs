//! Queries: a head and the clauses below it.

use super::{Absence, Expr, Name, Pattern, Policy, StreamRef, Text};
use millstream_base::Span;

#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    pub head: QueryHead,
    pub clauses: Vec<Clause>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct QueryHead {
    pub kind: QueryHeadKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum QueryHeadKind {
    From(From),
    Match(Box<Match>),
    /// Could not be parsed; reported already.
    Error,
}

/// `from stream [as alias]`
#[derive(Clone, PartialEq, Debug)]
pub struct From {
    pub stream: StreamRef,
    pub alias: Option<Name>,
}

/// `match [mode] [by C, …] PATTERN [without …] [within D [or timeout] | forever] [reuse a, …] [limit N]`
#[derive(Clone, PartialEq, Debug)]
pub struct Match {
    pub mode: MatchMode,
    /// The partition key: column paths, or any expression in parentheses.
    pub by: Vec<Expr>,
    pub pattern: Pattern,
    pub without: Option<Absence>,
    pub bound: Option<MatchBound>,
    pub reuse: Vec<Name>,
    pub limit: Option<Expr>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum MatchMode {
    /// No word: an event takes part in at most one match.
    Consume,
    Overlapping,
    All,
    /// `once per D`
    OncePer(Expr),
    /// `once forever`
    OnceForever,
}

#[derive(Clone, PartialEq, Debug)]
pub enum MatchBound {
    /// `within D [or timeout]`
    Within {
        duration: Expr,
        or_timeout: bool,
    },
    Forever,
}

/// One clause. Its span begins at its first word.
#[derive(Clone, PartialEq, Debug)]
pub struct Clause {
    pub kind: ClauseKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum ClauseKind {
    Where(Expr),
    Let(Vec<Binding>),
    Select(Vec<SelectItem>),
    Join(Box<Join>),
    Window(Box<Window>),
    GroupBy(GroupBy),
    /// `unnest E as x`
    Unnest {
        list: Expr,
        name: Name,
    },
    Union(Vec<StreamRef>),
    Dedupe(Dedupe),
    /// `changes [of C, …] by K, … (expire D | forever)`; without `of`, of any column.
    Changes {
        of: Vec<Expr>,
        by: Vec<Expr>,
        keep: Option<Keep>,
    },
    Top(Top),
    OrderBy(Vec<OrderKey>),
    /// `throttle N per D [by K, …]`
    Throttle {
        count: Expr,
        per: Expr,
        by: Vec<Expr>,
    },
    /// `time E [disorder D]`
    Time {
        time: Expr,
        disorder: Option<Expr>,
    },
    Emit(Emit),
    OnError(Box<Policy>),
    /// Could not be parsed; reported already.
    Error {
        /// Whether it certainly leaves the columns as they are.
        keeps_columns: bool,
    },
}

/// `name = value`
#[derive(Clone, PartialEq, Debug)]
pub struct Binding {
    pub name: Name,
    pub value: Expr,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct SelectItem {
    pub kind: SelectItemKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum SelectItemKind {
    /// `E [as name]`
    Column {
        value: Expr,
        alias: Option<Name>,
    },
    Star(Star),
}

/// `*`, `a.*`, `* except (x, y)`, `* replace (E as x)`
#[derive(Clone, PartialEq, Debug)]
pub struct Star {
    /// What stands before `.*`.
    pub of: Option<Expr>,
    pub except: Vec<Name>,
    pub replace: Vec<Replacement>,
}

/// `value as name` in `* replace (…)`
#[derive(Clone, PartialEq, Debug)]
pub struct Replacement {
    pub value: Expr,
    pub name: Name,
    pub span: Span,
}

/// `left join S as s on E [within R] [as of E] [forever]`
#[derive(Clone, PartialEq, Debug)]
pub struct Join {
    pub kind: JoinKind,
    pub stream: StreamRef,
    pub alias: Option<Name>,
    pub on: Expr,
    pub within: Option<Range>,
    /// The expression after `as of`.
    pub as_of: Option<Expr>,
    /// Place of the word.
    pub forever: Option<Span>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Semi,
    Anti,
}

/// `D`, which is a greatest distance to either side, or `LOW..HIGH`, both inclusive.
#[derive(Clone, PartialEq, Debug)]
pub struct Range {
    pub low: Option<Expr>,
    pub high: Expr,
    pub span: Span,
}

/// `window KIND [offset D] [in "Zone"] [max D] [lateness D] [fill …] [by K, …] [expire D | forever]`
#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    pub kind: WindowKind,
    /// Place of the kind and its sizes.
    pub kind_span: Span,
    pub offset: Option<Expr>,
    pub zone: Option<Text>,
    pub max: Option<Expr>,
    pub lateness: Option<Expr>,
    pub fill: Option<Fill>,
    pub by: Vec<Expr>,
    pub keep: Option<Keep>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum WindowKind {
    /// `tumbling 5m`, `tumbling 100 rows`, `tumbling day`
    Tumbling(Size),
    /// `hopping 1h every 1m`
    Hopping {
        size: Size,
        every: Size,
    },
    /// `cumulative 1d every 1h`
    Cumulative {
        size: Expr,
        every: Expr,
    },
    /// `session 30m`
    Session {
        gap: Expr,
    },
    /// `sliding 10m`, `sliding 100 rows`
    Sliding(Size),
    Running,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Size {
    Duration(Expr),
    Rows(Expr),
    Calendar(CalendarUnit),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CalendarUnit {
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// `fill 0 for D`, `fill previous for D`, `fill (n: 0, price: previous) for D`
#[derive(Clone, PartialEq, Debug)]
pub struct Fill {
    pub with: FillWith,
    pub duration: Expr,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum FillWith {
    /// One value for every aggregate column that can take it.
    Every(FillValue),
    Fields(Vec<FillField>),
}

#[derive(Clone, PartialEq, Debug)]
pub enum FillValue {
    Previous,
    Value(Expr),
}

#[derive(Clone, PartialEq, Debug)]
pub struct FillField {
    pub name: Name,
    pub value: FillValue,
    pub span: Span,
}

/// `expire D` or `forever`: how long state is kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Keep {
    pub kind: KeepKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum KeepKind {
    Expire(Expr),
    Forever,
}

/// `group by E [as n], … [expire D | forever | until E]`; no keys for `group by ()`.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupBy {
    pub keys: Vec<GroupKey>,
    pub bound: Option<GroupBound>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct GroupKey {
    pub value: Expr,
    pub alias: Option<Name>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum GroupBound {
    Keep(Keep),
    /// `until E`
    Until(Expr),
}

/// `dedupe by E, … within D` or `dedupe by E, … keep last (expire D | forever)`
#[derive(Clone, PartialEq, Debug)]
pub struct Dedupe {
    pub by: Vec<Expr>,
    pub keep: DedupeKeep,
}

#[derive(Clone, PartialEq, Debug)]
pub enum DedupeKeep {
    /// The first of each key, which is free again after this time.
    FirstWithin(Expr),
    /// `keep last`
    Last(Option<Keep>),
}

/// `top N by E [asc | desc], … [per K, …] [expire D | forever]`
#[derive(Clone, PartialEq, Debug)]
pub struct Top {
    pub count: Expr,
    pub by: Vec<OrderKey>,
    pub per: Vec<Expr>,
    pub keep: Option<Keep>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct OrderKey {
    pub value: Expr,
    /// None if no word was written.
    pub direction: Option<Direction>,
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    Ascending,
    Descending,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Emit {
    Final,
    /// `every D`
    Every(Expr),
    OnChange,
}
