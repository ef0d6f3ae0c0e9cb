//! What the phases found out about the places of a program: which names are defined where, what each use
//! of a name stands for, the types of expressions, what each clause sees, and what could have been said where a
//! name is unknown. For tools that show a program to its author.
//!
//! Noted while names are looked up and expressions are checked, always: a note is a push onto a list, so there is
//! one way to check a program, and what is told of it is what was checked, in a broken program as well.

mod recorder;
mod text;

pub(crate) use recorder::Recorder;

use crate::check::{CONVERSIONS, OVER_ROWS};
use crate::resolve::collect::BUILTIN_TYPES;
use crate::scope::ScopeColumn;
use millstream_base::{FileId, Span};
use millstream_ir::aggregate::AggregateFunction;
use millstream_ir::types::Type;
use std::sync::{Arc, LazyLock};

/// All lists are in the order of their places.
#[derive(Debug, Default)]
pub struct Facts {
    pub definitions: Vec<Definition>,
    pub uses: Vec<Use>,
    /// Of expressions, each once, an outer one before those in it.
    pub types: Vec<(Span, Type)>,
    pub clauses: Vec<ClauseScope>,
    pub gaps: Vec<Gap>,
}

/// Facts that are put in order when they are first asked for.
pub type LazyFacts = LazyLock<Facts, Box<dyn FnOnce() -> Facts + Send>>;

/// A name that the program defines.
#[derive(Clone, PartialEq, Debug)]
pub struct Definition {
    /// Of the name; of a column without one, of its value.
    pub span: Span,
    pub name: Arc<str>,
    pub kind: DefinitionKind,
    /// None of what is no value.
    pub ty: Option<Type>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum DefinitionKind {
    Type,
    Source,
    Table,
    Stream,
    Sink,
    Param,
    Function,
    Aggregate,
    Test,
    /// Of a record type.
    Field,
    /// By a clause.
    Column,
    /// What stands in front of the point: `from payments as p`.
    Alias,
    /// Of a pattern.
    Variable,
    /// Of a function or an aggregate.
    Parameter,
    /// Of a list comprehension.
    Element,
    /// Of an aggregate.
    State,
}

impl DefinitionKind {
    pub fn word(self) -> &'static str {
        use DefinitionKind::*;
        match self {
            Type => "type",
            Source => "source",
            Table => "table",
            Stream => "stream",
            Sink => "sink",
            Param => "param",
            Function => "fn",
            Aggregate => "aggregate",
            Test => "test",
            Field => "field",
            Column => "column",
            Alias => "alias",
            Variable => "variable",
            Parameter => "parameter",
            Element => "element",
            State => "state",
        }
    }
}

/// A name, and what it stands for. One that stands for several things, as the key of a pattern of several streams,
/// is there several times.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Use {
    pub span: Span,
    pub target: Target,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    /// What the program defines, by the place of its name.
    Defined(Span),
    /// Another file as a whole.
    File(FileId),
    /// What the language or its library gives, by its name.
    Given(Given, Arc<str>),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Given {
    Type,
    Function,
    Aggregate,
    /// `prev`, `lag`, …
    OverRows,
    /// `int(x)`, `try_int(x)`
    Conversion,
    Module,
    Connector,
    Format,
    /// As `kafka.topic`.
    ConnectorOption,
    FormatOption,
}

impl Given {
    /// Those that the language itself gives, without its library.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Given::Type => BUILTIN_TYPES.to_vec(),
            Given::Aggregate => AggregateFunction::names().collect(),
            Given::OverRows => OVER_ROWS.to_vec(),
            Given::Conversion => CONVERSIONS.to_vec(),
            _ => vec![],
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Given::Type => "type",
            Given::Function => "function",
            Given::Aggregate => "aggregate",
            Given::OverRows => "function over rows",
            Given::Conversion => "conversion",
            Given::Module => "module",
            Given::Connector => "connector",
            Given::Format => "format",
            Given::ConnectorOption | Given::FormatOption => "option",
        }
    }
}

/// What a clause sees, and under what it leaves the query: the last of a query stands behind its last clause.
#[derive(Clone, Debug)]
pub struct ClauseScope {
    /// Of the clause; empty behind the last.
    pub span: Span,
    pub columns: Vec<Visible>,
}

/// A column or another name for a value, as an expression can see it.
#[derive(Clone, PartialEq, Debug)]
pub struct Visible {
    pub name: Arc<str>,
    /// What may stand in front of the point.
    pub qualifier: Option<Arc<str>>,
    /// Whether it must.
    pub qualified_only: bool,
    /// Whether only aggregates can take it.
    pub many: bool,
    pub ty: Type,
    /// Where its name is defined, if the program does that.
    pub defined: Option<Span>,
}

impl Visible {
    pub(crate) fn of_column(column: &ScopeColumn, ty: Type) -> Visible {
        Visible {
            name: column.name.clone(),
            qualifier: column.qualifier.clone(),
            qualified_only: column.qualified_only,
            many: column.many,
            ty,
            defined: column.defined,
        }
    }
}

/// A place where a name stands that nothing is called, and what could stand there instead.
#[derive(Clone, Debug)]
pub struct Gap {
    /// Of the name.
    pub span: Span,
    pub wanted: Wanted,
    /// What an expression in this place should be.
    pub expected: Option<Type>,
}

/// What could stand in a gap.
#[derive(Clone, PartialEq, Debug)]
pub enum Wanted {
    /// A value or the name of a function; these names beside parameters and functions.
    Value(Vec<Visible>),
    /// One of these columns, and nothing else.
    Column(Vec<Visible>),
    /// A field of a value of this type.
    Field(Type),
    /// A source, a stream or a table.
    Rows {
        /// Whether what these set aside, as `late(s)`, may stand there as well.
        or_side: bool,
    },
    /// A source or a table, to which a test gives rows.
    Input,
    Type,
    Connector(Role),
    Format(Role),
    /// An option that is not yet given.
    Option {
        given: Given,
        of: Arc<str>,
        role: Role,
        /// Those that are.
        others: Vec<Arc<str>>,
    },
    /// One of these words.
    Word(Vec<Arc<str>>),
}

/// Which way a connector is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Source,
    Sink,
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Role::Source => "source",
            Role::Sink => "sink",
        }
    }
}

impl Facts {
    /// What the name at an offset stands for; several if it stands for several things.
    pub fn uses_at(&self, file: FileId, offset: usize) -> impl Iterator<Item = &Use> {
        let touches = move |span: Span| {
            span.file == file && span.start as usize <= offset && offset <= span.end as usize
        };
        let end = self.uses.partition_point(|u| (u.span.file, u.span.start as usize) <= (file, offset));
        // Names do not overlap: at most two touch an offset.
        self.uses[..end].iter().rev().take_while(move |u| touches(u.span))
    }

    /// What is defined at a place.
    pub fn definition(&self, span: Span) -> Option<&Definition> {
        let found = self.definitions.binary_search_by_key(&span, |d| d.span).ok()?;
        self.definitions.get(found)
    }

    /// The definition whose name an offset touches.
    pub fn definition_at(&self, file: FileId, offset: usize) -> Option<&Definition> {
        let end =
            self.definitions.partition_point(|d| (d.span.file, d.span.start as usize) <= (file, offset));
        let found = self.definitions[..end].last()?;
        (found.span.file == file && offset <= found.span.end as usize).then_some(found)
    }

    /// The type of the smallest expression that holds an offset.
    pub fn type_at(&self, file: FileId, offset: usize) -> Option<&(Span, Type)> {
        let end = self.types.partition_point(|(span, _)| (span.file, span.start as usize) <= (file, offset));
        let holds = |(span, _): &&(Span, Type)| span.file == file && offset <= span.end as usize;
        self.types[..end].iter().rev().find(holds)
    }

    /// The type of the expression at exactly this place.
    pub fn type_of(&self, span: Span) -> Option<&Type> {
        let place = |span: Span| (span.file, span.start, std::cmp::Reverse(span.end));
        let found = self.types.binary_search_by_key(&place(span), |(at, _)| place(*at)).ok()?;
        self.types.get(found).map(|(_, ty)| ty)
    }

    /// What the clause sees whose first word stands at a place.
    pub fn clause_at(&self, word: Span) -> Option<&ClauseScope> {
        let at = self.clauses.partition_point(|c| (c.span.file, c.span.start) < (word.file, word.start));
        let found = self.clauses.get(at..)?.iter().take_while(|c| c.span.start == word.start);
        found.into_iter().find(|c| c.span.file == word.file && c.span.end >= word.end)
    }

    /// What could stand in the place of the unknown name at a place.
    pub fn gap(&self, span: Span) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.span == span)
    }
}
