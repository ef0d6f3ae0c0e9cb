//! The typed tree: a program whose names are resolved and whose expressions have types, clause by
//! clause as the author wrote it. Expressions number the columns of the row as it enters their clause.

mod clauses;
mod items;
mod text;

pub use clauses::*;
pub use items::*;
use millstream_base::Span;
use millstream_ir::flow::Schema;
use std::sync::Arc;

/// What a whole program means.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// In the order of [`crate::names::Names::inputs`]; none where one is not carried out or wrong,
    /// which has been reported.
    pub inputs: Vec<Option<Input>>,
    /// Streams and tables that queries keep, in the order in which each comes after those that it reads.
    pub order: Vec<InputId>,
    pub sinks: Vec<Sink>,
    pub tests: Vec<Test>,
}

/// The position of a source, table or stream in [`Program::inputs`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InputId(pub usize);

#[derive(Clone, Debug)]
pub enum Input {
    Source(Arc<Source>),
    Table(Box<Table>),
    Stream(Box<Stream>),
}

/// The rows of a source or stream, or one of its side streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rows {
    pub of: InputId,
    pub side: Side,
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The rows themselves.
    Main,
    /// `late(NAME)`
    Late,
    /// `errors(NAME)`
    Errors,
}

impl Program {
    pub fn input(&self, id: InputId) -> Option<&Input> {
        self.inputs.get(id.0).and_then(Option::as_ref)
    }

    pub fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.inputs.iter().flatten().filter_map(|input| match input {
            Input::Source(source) => Some(source),
            Input::Table(_) | Input::Stream(_) => None,
        })
    }

    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.inputs.iter().flatten().filter_map(|input| match input {
            Input::Table(table) => Some(&**table),
            Input::Source(_) | Input::Stream(_) => None,
        })
    }

    /// The streams, each after those that it reads.
    pub fn streams(&self) -> impl Iterator<Item = (InputId, &Stream)> {
        self.order.iter().filter_map(|id| match self.input(*id) {
            Some(Input::Stream(stream)) => Some((*id, &**stream)),
            _ => None,
        })
    }

    /// The source, table or stream of this name.
    pub fn find(&self, name: &str) -> Option<InputId> {
        let named = |input: &Option<Input>| input.as_ref().is_some_and(|i| &**i.name() == name);
        self.inputs.iter().position(named).map(InputId)
    }
}

impl Input {
    pub fn name(&self) -> &Arc<str> {
        match self {
            Input::Source(source) => &source.name,
            Input::Table(table) => &table.name,
            Input::Stream(stream) => &stream.name,
        }
    }

    /// What made its rows updating, if they are.
    pub fn updating_because(&self) -> Option<Because> {
        match self {
            Input::Source(source) => {
                source.key.as_ref().map(|key| Because { span: key.span, cause: Cause::SourceKey })
            }
            Input::Table(_) => None,
            Input::Stream(stream) => stream.updating_because,
        }
    }

    /// What is read from outside, if it is that.
    pub fn source(&self) -> Option<&Arc<Source>> {
        match self {
            Input::Source(source) => Some(source),
            Input::Table(table) => match &table.feed {
                Feed::Source(source) => Some(source),
                Feed::Query { .. } => None,
            },
            Input::Stream(_) => None,
        }
    }

    /// The query that makes its rows, if one does.
    pub fn query(&self) -> Option<&Query> {
        match self {
            Input::Source(_) => None,
            Input::Table(table) => match &table.feed {
                Feed::Source(_) => None,
                Feed::Query { query, .. } => Some(query),
            },
            Input::Stream(stream) => Some(&stream.query),
        }
    }

    pub fn columns_defined(&self) -> &[(Arc<str>, Span)] {
        match self {
            Input::Source(source) => &source.columns_defined,
            Input::Table(table) => &table.columns_defined,
            Input::Stream(stream) => &stream.columns_defined,
        }
    }

    /// Where the name of a column is defined.
    pub fn column_defined(&self, name: &str) -> Option<Span> {
        self.columns_defined().iter().find(|(column, _)| **column == *name).map(|(_, span)| *span)
    }

    pub fn schema(&self) -> &Schema {
        match self {
            Input::Source(source) => &source.schema,
            Input::Table(table) => &table.schema,
            Input::Stream(stream) => &stream.rows,
        }
    }
}
