//! Checks queries: clause by clause from top to bottom, each from the rows that the one above left.
//! One file per clause; [`Rows`] is what a clause sees and leaves.

mod aggregate;
mod bindings;
mod emit;
mod fill;
mod filter;
mod frame;
mod group;
mod head;
mod history;
mod join;
mod look_up;
pub(crate) mod pattern;
mod rows;
mod select;
mod time;
mod top;
mod union;
mod unnest;
mod window;

pub(crate) use head::{Known, check_reference, columns_of, updating_because};
pub(crate) use look_up::asked_in;
pub(crate) use rows::Rows;
pub(crate) use select::values_of;

use crate::check::{Aggregates, Checker, InTable, OverRows};
use crate::connectors::Options;
use crate::errors::clauses as errors;
use crate::errors::not_yet::query_too_long;
use crate::hir;
use crate::names::Names;
use crate::scope::Scope;
use group::PendingGroup;
use millstream_base::{Diagnostics, FileId, Span};
use millstream_ir::expr::Expr;
use millstream_ir::flow::{Emission, Keep, OnError};
use millstream_ir::types::Type;
use millstream_syntax::ast;
use window::OpenWindow;

/// What checking a query needs of the program around it.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'q> {
    pub names: &'q Names<'q>,
    pub options: &'q Options<'q>,
    pub file: FileId,
    /// The inputs that have been checked, by their number in [`Names::inputs`].
    pub inputs: &'q [Known],
}

pub(crate) struct QueryChecker<'q> {
    around: Surroundings<'q>,
    diagnostics: &'q mut Diagnostics,
    rows: Rows,
    window: Option<OpenWindow>,
    /// What closed the window above, if one has been.
    closed: Option<Closed>,
    /// Set between `group by` and its aggregating select.
    group: Option<PendingGroup>,
    /// The calls of the aggregating select above, as they are written, with the columns that they became.
    results: Vec<(String, String)>,
    /// How the results of the window above are told, where they are replaced and a `top` takes them.
    replaced: Option<Replaced>,
    /// Where an `emit` may stand: directly below an aggregating select, once.
    may_emit: bool,
    /// Set while an aggregating select is checked.
    aggregates: Option<Aggregates>,
    /// Set while a plain select is checked.
    over_rows: Option<OverRows>,
    /// Keys of tables that the clause at hand asks for.
    in_tables: Vec<InTable>,
    /// The clause above which a `let` may give something of the clause at hand a name.
    above: Option<Span>,
    on_error: Option<(OnError, Span)>,
    clauses: Vec<hir::Clause>,
}

/// The clause below which the rows are no longer those of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Closed {
    pub clause: &'static str,
    pub span: Span,
}

/// Results of a window that are replaced while it is open, or by late rows.
#[derive(Clone, Copy, Debug)]
struct Replaced {
    emission: Emission,
    /// The `emit` that says so.
    emit: Option<Span>,
    lateness: i64,
    /// Whether the rows carry a number of their window and when that is over, instead of the window's bounds.
    is_numbered: bool,
}

/// More clauses than this are more likely a mistake than a query; each keeps the columns below it.
const MAX_CLAUSES: usize = 250;

/// The typed form of a query. What is wrong is reported; what comes back is as good as it can be.
pub(crate) fn check_query(
    around: Surroundings,
    query: &ast::Query,
    diagnostics: &mut Diagnostics,
) -> (hir::Query, Rows) {
    let (head, rows) = head::check_head(around, &query.head, diagnostics);
    let schema = rows.schema();
    let mut checker = QueryChecker {
        around,
        diagnostics,
        rows,
        window: None,
        closed: None,
        group: None,
        results: vec![],
        replaced: None,
        may_emit: false,
        aggregates: None,
        over_rows: None,
        in_tables: vec![],
        above: None,
        on_error: None,
        clauses: vec![],
    };
    if let Some(clause) = query.clauses.get(MAX_CLAUSES) {
        let fault = query_too_long(clause.span, query.clauses.len(), MAX_CLAUSES);
        checker.diagnostics.push(fault);
    }
    let clauses: Vec<&ast::Clause> = query.clauses.iter().take(MAX_CLAUSES).collect();
    let clauses = checker.windows_above_groups(clauses);
    for (number, clause) in clauses.iter().enumerate() {
        checker.clause(clause, &clauses[number + 1..]);
    }
    checker.expect_select(query.span.at_end());
    checker.expect_one_column_of_each_name(query.span.at_end());
    around.names.facts.sees(query.span.at_end(), checker.scope());
    let QueryChecker { rows, on_error, clauses, .. } = checker;
    let on_error = on_error.map_or(OnError::Keep, |(policy, _)| policy);
    (hir::Query { head, schema, clauses, on_error, span: query.span }, rows)
}

impl QueryChecker<'_> {
    /// Reports each `group by` directly above its `window`, and takes the two as they were meant.
    fn windows_above_groups<'c>(&mut self, mut clauses: Vec<&'c ast::Clause>) -> Vec<&'c ast::Clause> {
        use ast::ClauseKind::{GroupBy, Window};
        for above in 0..clauses.len() {
            if let Some([group, window]) = clauses.get_mut(above..above + 2)
                && matches!((&group.kind, &window.kind), (GroupBy(_), Window(_)))
            {
                self.diagnostics.push(errors::group_above_window(group.span, window.span));
                std::mem::swap(group, window);
            }
        }
        clauses
    }

    fn clause(&mut self, clause: &ast::Clause, below: &[&ast::Clause]) {
        use ast::ClauseKind::*;
        let span = clause.span;
        let may_emit = std::mem::take(&mut self.may_emit);
        self.in_tables.clear();
        self.above = match &clause.kind {
            // It may speak of rows that are not there above.
            Join(_) => None,
            _ => Some(self.group.as_ref().map_or(span, |group| group.span)),
        };
        self.around.names.facts.sees(span, self.scope());
        if !matches!(clause.kind, Select(_) | OnError(_) | Error { .. }) {
            self.expect_select(span);
        }
        match &clause.kind {
            Where(condition) => self.check_where(condition, span),
            Let(bindings) => self.check_let(bindings, span),
            Select(items) => self.check_select(items, span, below),
            Join(join) => self.check_join(join, span),
            Window(window) => self.check_window(window, span, below),
            GroupBy(group) => self.check_group_by(group, span),
            Unnest { list, name } => self.check_unnest(list, name, span),
            Union(streams) => self.check_union(streams, span),
            Dedupe(dedupe) => self.check_dedupe(dedupe, span),
            Changes { of, by, keep } => self.check_changes(of, by, keep.as_ref(), span),
            Top(top) => self.check_top(top, span, below),
            OrderBy(keys) => self.check_order_by(keys, span),
            Throttle { count, per, by } => self.check_throttle(count, per, by, span),
            Time { time, disorder } => self.check_time(time, disorder.as_ref(), span),
            Emit(emit) => self.check_emit(emit, may_emit, span),
            OnError(policy) => {
                self.may_emit = may_emit;
                self.check_on_error(policy, span);
            }
            Error { keeps_columns } => self.check_broken(*keeps_columns),
        }
    }

    /// A clause that could not be read, which has been reported, may have made any columns, proved any
    /// that they are not null, and may have been the select that a `group by` waits for.
    fn check_broken(&mut self, keeps_columns: bool) {
        self.rows.known &= keeps_columns;
        for column in self.rows.columns.iter_mut().filter(|c| c.ty.nullable) {
            column.ty = Type::ERROR;
        }
        if let Some(group) = &mut self.group {
            group.reported = true;
        }
    }

    /// Reports, once, a `group by` that its aggregating select does not follow.
    fn expect_select(&mut self, next: Span) {
        if let Some(group) = &mut self.group
            && !std::mem::replace(&mut group.reported, true)
        {
            self.diagnostics.push(errors::group_without_select(group.span, next));
        }
    }

    fn check_on_error(&mut self, policy: &ast::Policy, span: Span) {
        let checked = self.around.options.check_policy(self.around, policy, self.diagnostics);
        match &self.on_error {
            Some((_, first)) => self.diagnostics.push(errors::second_on_error(span, *first)),
            None => self.on_error = Some((checked, span)),
        }
    }

    /// How long state is kept, if that could be found out.
    fn check_keep(&mut self, keep: &ast::Keep) -> Option<Keep> {
        match &keep.kind {
            ast::KeepKind::Expire(duration) => {
                self.checker().check_positive_duration(duration).map(Keep::Expire)
            }
            ast::KeepKind::Forever => Some(Keep::Forever),
        }
    }

    fn checker(&mut self) -> Checker<'_> {
        let mut checker = Checker::new(self.around.names, self.around.file, self.diagnostics);
        checker.rows = Some(&self.rows);
        checker.results = &self.results;
        checker.in_tables = &self.in_tables;
        checker.above = self.above;
        checker
    }

    /// What the expressions of a clause can see.
    fn scope(&self) -> Scope {
        let mut scope = self.rows.scope();
        match &self.window {
            Some(window) => window.add_columns(&mut scope),
            None => scope.closed_window = self.closed,
        }
        scope
    }

    /// An expression over the rows as they are.
    fn expr(&mut self, expr: &ast::Expr, expected: Option<&Type>) -> Expr {
        if !self.rows.known {
            return unknown(expr.span);
        }
        let scope = self.scope();
        let mut checked = self.checker().check_expr(&scope, expr, expected);
        self.place_window(&mut checked);
        checked
    }

    fn push(&mut self, kind: hir::ClauseKind, span: Span) {
        self.clauses.push(hir::Clause { kind, span, schema: self.rows.schema() });
    }
}

/// An expression about which nothing is known, because something above it is wrong.
fn unknown(span: Span) -> Expr {
    Expr::literal(millstream_ir::value::Value::Null, Type::ERROR, span)
}
