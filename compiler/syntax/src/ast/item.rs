//! Items: what stands at the top level of a file.

use super::{Arg, Binding, Expr, Name, Query, StreamRef, Test, Text, Type};
use millstream_base::Span;

#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// The `---` lines above it.
    pub doc: Option<String>,
    pub kind: ItemKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum ItemKind {
    Use(Use),
    Param(Param),
    Function(Function),
    Aggregate(Aggregate),
    Type(TypeDefinition),
    Source(Source),
    Table(Table),
    Stream(Stream),
    Sink(Sink),
    Test(Test),
    /// Could not be parsed; reported already. The name that it would have defined, where one could
    /// be seen, lets later phases keep quiet about uses of it.
    Error(Option<Name>),
}

impl ItemKind {
    /// The word that the item begins with, if it could be read.
    pub fn word(&self) -> Option<&'static str> {
        Some(match self {
            ItemKind::Use(_) => "use",
            ItemKind::Param(_) => "param",
            ItemKind::Function(_) => "fn",
            ItemKind::Aggregate(_) => "aggregate",
            ItemKind::Type(_) => "type",
            ItemKind::Source(_) => "source",
            ItemKind::Table(_) => "table",
            ItemKind::Stream(_) => "stream",
            ItemKind::Sink(_) => "sink",
            ItemKind::Test(_) => "test",
            ItemKind::Error(_) => return None,
        })
    }

    /// The name that the item defines, if it defines one.
    pub fn name(&self) -> Option<&Name> {
        match self {
            ItemKind::Use(_) | ItemKind::Test(_) => None,
            ItemKind::Param(item) => Some(&item.name),
            ItemKind::Function(item) => Some(&item.name),
            ItemKind::Aggregate(item) => Some(&item.name),
            ItemKind::Type(item) => Some(&item.name),
            ItemKind::Source(item) => Some(&item.name),
            ItemKind::Table(item) => Some(&item.name),
            ItemKind::Stream(item) => Some(&item.name),
            ItemKind::Sink(item) => Some(&item.name),
            ItemKind::Error(name) => name.as_ref(),
        }
    }
}

/// `use std.stats (zscore)`, `use "shared/types.stream"`
#[derive(Clone, PartialEq, Debug)]
pub struct Use {
    pub target: UseTarget,
    /// Only these names; without a list, all of them.
    pub names: Option<Vec<Name>>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum UseTarget {
    /// `std.stats`
    Module(Vec<Name>),
    File(Text),
}

/// `param name: type = default`
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    pub name: Name,
    pub ty: Type,
    pub default: Option<Expr>,
}

/// `fn name(params) -> type = body`
#[derive(Clone, PartialEq, Debug)]
pub struct Function {
    pub name: Name,
    pub params: Vec<FunctionParam>,
    pub result: Type,
    /// Missing in declarations of what the engine implements (`parse_declarations`), nowhere else.
    pub body: Option<Expr>,
}

/// A parameter of a function or an aggregate.
#[derive(Clone, PartialEq, Debug)]
pub struct FunctionParam {
    pub name: Name,
    pub ty: Type,
    pub default: Option<Expr>,
    pub span: Span,
}

/// `aggregate name(params) -> type { members }`
#[derive(Clone, PartialEq, Debug)]
pub struct Aggregate {
    pub name: Name,
    pub params: Vec<FunctionParam>,
    pub result: Type,
    /// Missing in declarations of what the engine implements (`parse_declarations`), nowhere else.
    pub members: Option<Vec<Member>>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Member {
    pub kind: MemberKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum MemberKind {
    /// `state name: type = initial`
    State { name: Name, ty: Type, initial: Expr },
    /// `add n = n + 1, …`
    Add(Vec<Binding>),
    /// `remove n = n - 1, …`
    Remove(Vec<Binding>),
    /// `merge a, b n = a.n + b.n, …`
    Merge { left: Name, right: Name, updates: Vec<Binding> },
    /// `result E`
    Result(Expr),
    /// Could not be parsed; reported already.
    Error,
}

/// `type name = type`
#[derive(Clone, PartialEq, Debug)]
pub struct TypeDefinition {
    pub name: Name,
    pub ty: Type,
}

/// `source name: type [key a, b] options`
#[derive(Clone, PartialEq, Debug)]
pub struct Source {
    pub name: Name,
    pub ty: Type,
    /// With a key, an updating source.
    pub key: Vec<Name>,
    pub options: Vec<SourceOption>,
}

/// `table name: type key a, b options` or `table name key a, b = query`
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    pub name: Name,
    pub key: Vec<Name>,
    pub kind: TableKind,
}

#[derive(Clone, PartialEq, Debug)]
pub enum TableKind {
    Input { ty: Type, options: Vec<SourceOption> },
    Kept { delete_when: Option<Expr>, query: Query },
}

/// An option of a source or of a table with an input, in the order written, each kind at most once.
#[derive(Clone, PartialEq, Debug)]
pub struct SourceOption {
    pub kind: SourceOptionKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum SourceOptionKind {
    From(Connector),
    Format(Connector),
    Time(Box<EventTime>),
    /// `refresh D`
    Refresh(Expr),
    OnError(Box<Policy>),
    /// Could not be parsed; reported already.
    Error,
}

/// `time column [disorder D] [idle D] [ahead D]`
#[derive(Clone, PartialEq, Debug)]
pub struct EventTime {
    pub column: Name,
    pub disorder: Option<Expr>,
    pub idle: Option<Expr>,
    pub ahead: Option<Expr>,
}

/// `stream name = query`
#[derive(Clone, PartialEq, Debug)]
pub struct Stream {
    pub name: Name,
    pub query: Query,
}

/// `sink name from stream to connector options`
#[derive(Clone, PartialEq, Debug)]
pub struct Sink {
    pub name: Name,
    pub from: StreamRef,
    pub to: Connector,
    pub options: Vec<SinkOption>,
}

/// An option of a sink, in the order written, each kind at most once.
#[derive(Clone, PartialEq, Debug)]
pub struct SinkOption {
    pub kind: SinkOptionKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum SinkOptionKind {
    Format(Connector),
    Ordered,
    OnError(Box<Policy>),
    /// Could not be parsed; reported already.
    Error,
}

/// A connector or a format with its options: `file("a.csv")`, `stdout`, `json(changes: debezium)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Connector {
    pub name: Name,
    pub args: Vec<Arg>,
    pub span: Span,
}

/// What happens to a row that fails: what stands after `on error`.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    pub kind: PolicyKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum PolicyKind {
    Fail,
    /// `sideline to connector`
    Sideline(Connector),
    /// `retry N [backoff LOW..HIGH] [then policy]`
    Retry {
        times: Box<Expr>,
        backoff: Option<Box<super::Range>>,
        then: Option<Box<Policy>>,
    },
}
