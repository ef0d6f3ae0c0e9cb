//! What a program declares: sources, tables, streams, sinks and tests.

use super::{InputId, Query, Rows};
use millstream_base::{FileId, Span};
use millstream_ir::expr::Expr;
use millstream_ir::flow::{
    ConnectorSpec, FieldSpec, FormatSpec, Load, OnError, Reading, Schema, SinkSpec, TimeSpec,
};
use millstream_ir::value::Value;
use millstream_syntax::ast::RowOrder;
use std::sync::Arc;

/// Where the names of columns are defined in the program.
pub type ColumnsDefined = Vec<(Arc<str>, Span)>;

#[derive(Clone, Debug)]
pub struct Source {
    pub name: Arc<str>,
    pub doc: Option<String>,
    pub span: Span,
    /// Its position among the program's sources.
    pub ordinal: u32,
    pub connector: ConnectorSpec,
    pub format: Option<FormatSpec>,
    pub fields: Arc<[FieldSpec]>,
    pub time: Option<TimeSpec>,
    pub on_error: OnError,
    /// All fields, and for an arrival-timed source the hidden time behind them.
    pub read: Schema,
    /// What a row is named by, where a row replaces the one before of the same key.
    pub key: Option<SourceKey>,
    /// The rows that others see: those that are read, or the changes of what stands.
    pub schema: Schema,
    pub columns_defined: ColumnsDefined,
    /// Of a table that is read as it stands.
    pub load: Option<Load>,
}

/// A `table` item: rows that joins look up.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: Arc<str>,
    pub doc: Option<String>,
    pub span: Span,
    pub feed: Feed,
    /// What a row is named by, where it replaces the one before of the same key: columns of the schema.
    pub key: Vec<usize>,
    pub key_span: Span,
    /// The hidden column that tells a row (1) from the deletion of one (-1).
    pub change: Option<usize>,
    pub reading: Reading,
    /// The rows that joins see. Their time is that from which on they stand.
    pub schema: Schema,
    pub columns_defined: ColumnsDefined,
}

/// What the rows of a table come from.
#[derive(Clone, Debug)]
pub enum Feed {
    Source(Arc<Source>),
    /// The rows of a query; one for which the condition holds deletes that of its key.
    Query {
        query: Box<Query>,
        delete_when: Option<Expr>,
    },
}

/// `key a, b`
#[derive(Clone, Debug)]
pub struct SourceKey {
    pub fields: Vec<usize>,
    /// The hidden field that tells a row from the deletion of one.
    pub change: Option<usize>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Stream {
    pub name: Arc<str>,
    pub doc: Option<String>,
    pub span: Span,
    pub file: FileId,
    pub query: Query,
    /// The rows that it yields.
    pub rows: Schema,
    pub columns_defined: ColumnsDefined,
    /// The clause that made it updating, if it is.
    pub updating_because: Option<Because>,
}

/// What makes rows updating, and where it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Because {
    pub span: Span,
    pub cause: Cause,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A source says which row each row replaces.
    SourceKey,
    /// A `group by` without a window.
    Group,
    /// `emit every` or `emit on change` of a window.
    Emit,
    /// Late rows correct a window.
    Lateness,
    /// Both.
    EmitAndLateness,
    /// `top` of all rows so far.
    Top,
    /// `dedupe … keep last`
    LatestOfKey,
    /// An outer join `forever`.
    OuterJoin,
}

#[derive(Clone, Debug)]
pub struct Sink {
    pub name: Arc<str>,
    pub doc: Option<String>,
    pub span: Span,
    pub from: Rows,
    pub spec: Arc<SinkSpec>,
    pub on_error: OnError,
}

impl Sink {
    /// What shows rows to whoever asked for them, by the number under which they did; its name.
    pub fn observing(number: usize, rows: &Rows) -> Sink {
        let connector =
            ConnectorSpec { name: "observer".into(), options: Default::default(), span: rows.span };
        Sink {
            name: number.to_string().into(),
            doc: None,
            span: rows.span,
            from: *rows,
            spec: Arc::new(SinkSpec { connector, format: None, ordered: false }),
            on_error: OnError::Keep,
        }
    }
}

/// When tests begin: what `+5m` in them is relative to, 2000-01-01.
pub const TEST_START: i64 = 946_684_800_000_000;

/// A `test` item.
#[derive(Clone, Debug)]
pub struct Test {
    pub name: String,
    pub file: FileId,
    pub span: Span,
    pub steps: Vec<TestStep>,
}

#[derive(Clone, Debug)]
pub struct TestStep {
    pub kind: TestStepKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum TestStepKind {
    Given {
        source: InputId,
        rows: GivenRows,
    },
    /// To a time in microseconds.
    Advance(i64),
    Expect {
        rows: Rows,
        expectation: Expectation,
    },
}

#[derive(Clone, Debug)]
pub enum GivenRows {
    Rows(Vec<GivenRow>),
    /// With the format that its name stands for, else that of the source.
    File {
        path: String,
        format: Option<FormatSpec>,
        span: Span,
    },
}

/// One value per field of the source, constant.
#[derive(Clone, Debug)]
pub struct GivenRow {
    pub values: Vec<Value>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Expectation {
    Rows { order: RowOrder, rows: Vec<ExpectedRow>, span: Span },
    Empty,
    Count(u64),
}

/// The columns that are compared, by their number among the visible ones, with their values.
#[derive(Clone, Debug)]
pub struct ExpectedRow {
    pub values: Vec<(usize, Value)>,
    pub span: Span,
}
