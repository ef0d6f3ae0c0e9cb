//! The syntax tree: what a program says, without saying whether it makes sense.
//!
//! Every node carries the tight span of its own text. Names come without their backticks. Parts that
//! could not be parsed are `Error` nodes, reported already, so that later phases and editors keep
//! the rest of the program. Everything here is plain data; `parse` builds it, `dump` prints it.

mod expr;
mod height;
mod item;
mod pattern;
mod query;
mod test;
mod types;

pub use expr::{Arg, BinaryOp, Call, Expr, ExprKind, Link, Literal, RecordField, TemplatePart, UnaryOp};
pub use height::{LINKS_OF_PIECE, MAX_HEIGHT};
pub use item::{
    Aggregate, Connector, EventTime, Function, FunctionParam, Item, ItemKind, Member, MemberKind, Param,
    Policy, PolicyKind, Sink, SinkOption, SinkOptionKind, Source, SourceOption, SourceOptionKind, Stream,
    Table, TableKind, TypeDefinition, Use, UseTarget,
};
pub use pattern::{
    Absence, Contiguity, Event, Pattern, PatternKind, PatternLink, PatternTimer, Quantifier, QuantifierKind,
};
pub use query::{
    Binding, CalendarUnit, Clause, ClauseKind, Dedupe, DedupeKeep, Direction, Emit, Fill, FillField,
    FillValue, FillWith, From, GroupBound, GroupBy, GroupKey, Join, JoinKind, Keep, KeepKind, Match,
    MatchBound, MatchMode, OrderKey, Query, QueryHead, QueryHeadKind, Range, Replacement, SelectItem,
    SelectItemKind, Size, Star, Top, Window, WindowKind,
};
pub use test::{Expectation, GivenRows, RowOrder, Test, TestStep, TestStepKind};
pub use types::{Encoding, EncodingKind, Field, Type, TypeKind};

use millstream_base::Span;

/// A whole file.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    pub items: Vec<Item>,
    pub span: Span,
}

impl Program {
    /// The item around an offset, or in front of it.
    pub fn item_at(&self, offset: usize) -> Option<&Item> {
        let end = self.items.partition_point(|item| item.span.start as usize <= offset);
        self.items.get(end.checked_sub(1)?).filter(|item| offset <= item.span.end as usize)
    }
}

/// A name as it is meant: without backticks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

impl Name {
    pub fn new(text: impl Into<String>, span: Span) -> Name {
        Name { text: text.into(), span }
    }
}

/// Text in quotes, with its escapes resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    pub value: String,
    pub span: Span,
}

/// A whole number in a place where only a literal may stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Integer {
    pub value: i128,
    pub span: Span,
}

/// Where rows come from: a source, table or stream, or one of its side streams.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamRef {
    Named(Name),
    /// `late(NAME)`
    Late(Name),
    /// `errors(NAME)`
    Errors(Name),
}

impl StreamRef {
    /// The name of the source or stream itself.
    pub fn name(&self) -> &Name {
        match self {
            StreamRef::Named(name) | StreamRef::Late(name) | StreamRef::Errors(name) => name,
        }
    }
}
