//! Types of expressions: `ast::Expr` becomes [`millstream_ir::expr::Expr`].
//!
//! Nothing here fails: what is wrong becomes a diagnostic and an expression of [`Type::ERROR`], which
//! fits everything, so that one mistake is reported once. One file per subject; `expr` is where to start.

mod access;
mod aggregates;
mod branches;
mod calls;
mod coerce;
mod collections;
mod compare;
mod constant;
mod conversions;
mod events;
mod expr;
mod functions;
mod narrowing;
mod numbers;
mod over_rows;
mod overloads;
mod patterns;

pub(crate) use aggregates::{AggregateName, OVER_ROWS, aggregate_name, direct_parts, spelled};
pub use aggregates::{Aggregates, calls_aggregate};
pub(crate) use conversions::CONVERSIONS;
pub(crate) use events::aggregates_one_event;
pub use narrowing::Proved;
pub use over_rows::{Function as OverRowsFunction, OverRows, OverRowsUse, Place};

use crate::clauses::Rows;
use crate::names::Names;
use millstream_base::{Diagnostics, FileId, Span};
use millstream_ir::expr::Expr;
#[cfg(doc)]
use millstream_ir::types::Type;

/// Checks the expressions of one item. Clauses drive it; it keeps what has to be told apart across
/// an expression.
pub struct Checker<'a> {
    pub names: &'a Names<'a>,
    pub diagnostics: &'a mut Diagnostics,
    /// The file whose names are visible.
    pub file: FileId,
    /// Set while an aggregating select is checked: calls of aggregates are collected here.
    pub aggregates: Option<Aggregates>,
    /// Set while a clause is checked that may look at other rows: calls of such functions are collected here.
    pub over_rows: Option<OverRows>,
    /// Keys of tables that have been looked up above the clause.
    pub in_tables: &'a [InTable],
    /// The start of the test whose rows are being checked, in microseconds: what `+5m` is relative to.
    pub test_start: Option<i64>,
    /// The rows of the clause: what constants in it cannot look at.
    pub(crate) rows: Option<&'a Rows>,
    /// The clause above which a `let` may give what stands in it a name.
    pub(crate) above: Option<Span>,
    /// Set in what is looked up in a table: what cannot be converted may be null, which is in none.
    pub asks_table: bool,
    /// Set in the condition of a join with a table: columns from this one on are those of the table.
    pub looked_up: Option<usize>,
    /// The calls of the aggregating select above, with the columns that they became.
    pub results: &'a [(String, String)],
    /// Where parameters stand, of which expressions hold the values.
    params: Vec<Span>,
    /// The number of the next [`millstream_ir::expr::ExprKind::Local`].
    locals: usize,
    inside_aggregate: bool,
    inside_over_rows: bool,
    /// How many generic functions are being checked inside one another.
    depth: usize,
}

/// `value in TABLE`, which is looked up above the clause that asks.
#[derive(Clone, Debug)]
pub struct InTable {
    /// Where it stands.
    pub asked: Span,
    /// Whether there is such a key, over the rows of the clause.
    pub found: Expr,
}

impl<'a> Checker<'a> {
    pub fn new(names: &'a Names<'a>, file: FileId, diagnostics: &'a mut Diagnostics) -> Checker<'a> {
        Checker {
            names,
            diagnostics,
            file,
            aggregates: None,
            over_rows: None,
            in_tables: &[],
            test_start: None,
            rows: None,
            above: None,
            params: vec![],
            asks_table: false,
            looked_up: None,
            results: &[],
            locals: 0,
            inside_aggregate: false,
            inside_over_rows: false,
            depth: 0,
        }
    }

    fn new_local(&mut self) -> usize {
        self.locals += 1;
        self.locals - 1
    }
}
