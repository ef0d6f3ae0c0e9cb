//! Clauses about a row and those of its key before: `dedupe … within`, `throttle`, `changes`; and the columns of
//! `prev`, `lag`, `lead` and `row_number` that a `let` or `select` asks for.

use super::QueryChecker;
use super::rows::RowColumn;
use crate::check::{OverRows, OverRowsFunction, OverRowsUse, Place};
use crate::errors::clauses::{keep_in_window, needs_append_only};
use crate::errors::over_rows as errors;
use crate::hir::{ClauseKind, History, HistoryKind};
use millstream_base::Span;
use millstream_ir::expr::Expr;
use millstream_ir::flow::{Keep, WindowAssigner};
use millstream_ir::types::Type;
use millstream_syntax::ast;

impl QueryChecker<'_> {
    pub(super) fn check_dedupe(&mut self, dedupe: &ast::Dedupe, span: Span) {
        match &dedupe.keep {
            ast::DedupeKeep::FirstWithin(duration) => {
                self.over_rows_in_order("dedupe … within", span);
                let keys = self.exprs(&dedupe.by);
                let per = self.checker().check_positive_duration(duration);
                self.push_history(keys, per.map(|per| HistoryKind::Throttle { count: 1, per }), span);
            }
            ast::DedupeKeep::Last(keep) => self.check_dedupe_last(&dedupe.by, keep.as_ref(), span),
        }
    }

    pub(super) fn check_throttle(
        &mut self,
        count: &ast::Expr,
        per: &ast::Expr,
        by: &[ast::Expr],
        span: Span,
    ) {
        self.over_rows_in_order("throttle", span);
        let count = self.checker().check_count(count);
        let per = self.checker().check_positive_duration(per);
        let keys = self.exprs(by);
        let kind = count.zip(per).map(|(count, per)| HistoryKind::Throttle { count: count as u64, per });
        self.push_history(keys, kind, span);
    }

    pub(super) fn check_changes(
        &mut self,
        of: &[ast::Expr],
        by: &[ast::Expr],
        keep: Option<&ast::Keep>,
        span: Span,
    ) {
        self.over_rows_in_order("changes", span);
        let mut compared = self.exprs(of);
        if of.is_empty() {
            // Of anything but the time, which tells every row from the one before.
            let columns = self.rows.visible().filter(|(number, _)| *number != self.rows.time);
            compared = columns.map(|(number, _)| self.rows.column_expr(number, span)).collect();
        }
        let keys = self.exprs(by);
        let window = self.window.as_ref().map(|window| window.span);
        let keep = match keep {
            Some(keep) => {
                if window.is_some() {
                    self.diagnostics.push(keep_in_window(keep.span, window));
                }
                self.check_keep(keep)
            }
            None if window.is_some() => None,
            None => {
                self.diagnostics.push(errors::unbounded_clause(span, "changes"));
                None
            }
        };
        let expire = match keep {
            Some(Keep::Expire(duration)) => Some(duration),
            Some(Keep::Forever) | None => None,
        };
        let kind = HistoryKind::Changes { of: compared, expire };
        self.push_history(keys, Some(kind), span);
    }

    fn push_history(&mut self, keys: Vec<Expr>, kind: Option<HistoryKind>, span: Span) {
        if let Some(kind) = kind
            && self.rows.known
        {
            let windows = self.window.is_some().then(|| self.windows_of_rows()).flatten();
            self.push_history_of(windows, keys, kind, span);
        }
    }

    fn push_history_of(
        &mut self,
        windows: Option<(WindowAssigner, Vec<Expr>)>,
        keys: Vec<Expr>,
        kind: HistoryKind,
        span: Span,
    ) {
        let (window, of_windows) = match windows {
            Some((window, keys)) => (Some(window), keys),
            None => (None, vec![]),
        };
        let keys = of_windows.into_iter().chain(keys).collect();
        self.push(ClauseKind::History(History { keys, window, kind }), span);
    }

    /// Reports a clause about a row and others of its key over rows that can be withdrawn or have windows of
    /// their own.
    fn over_rows_in_order(&mut self, clause: &str, span: Span) {
        self.check_append_only(clause, span);
        self.check_order_in_window(clause, span);
    }

    fn check_order_in_window(&mut self, clause: &str, span: Span) {
        let Some(window) = &self.window else { return };
        if window.frame.is_some() {
            self.diagnostics.push(errors::inside_frame(span, clause, window.span));
        } else if window.lateness.is_some() {
            self.diagnostics.push(errors::order_with_lateness(span, window.span));
        }
    }

    fn check_append_only(&mut self, clause: &str, span: Span) {
        if let Some(updating) = &self.rows.updating {
            self.diagnostics.push(needs_append_only(span, clause, updating.because));
        }
    }

    /// An expression in which functions over rows may stand, and those that do. Their results are columns
    /// behind those of the rows, which [`QueryChecker::push_over_rows`] adds.
    pub(super) fn expr_over_rows(&mut self, expr: &ast::Expr) -> (Expr, Vec<OverRowsUse>) {
        if !self.rows.known {
            return (super::unknown(expr.span), vec![]);
        }
        let scope = self.scope();
        let over_rows = self.over_rows();
        let mut checker = self.checker();
        checker.over_rows = Some(over_rows);
        let mut checked = checker.check_expr(&scope, expr, None);
        let mut uses = checker.over_rows.take().map(|over_rows| over_rows.uses).unwrap_or_default();
        self.place_window(&mut checked);
        self.place_window_in(&mut uses);
        (checked, uses)
    }

    /// Writes out `window.start` and `window.end` in what functions look at.
    pub(super) fn place_window_in(&mut self, uses: &mut [OverRowsUse]) {
        for found in uses {
            found.keys.iter_mut().for_each(|key| self.place_window(key));
            if let OverRowsFunction::Lag { argument, .. } | OverRowsFunction::Lead { argument, .. } =
                &mut found.function
            {
                self.place_window(argument);
            }
        }
    }

    /// What gathers the functions over rows of the clause at hand.
    pub(super) fn over_rows(&self) -> OverRows {
        OverRows {
            rows: self.scope(),
            first_column: self.rows.columns.len(),
            uses: vec![],
            place: match &self.window {
                Some(window) if window.frame.is_some() => Place::Frame(window.span),
                Some(window) => Place::Window(window.span),
                None if self.rows.carried.is_empty() => Place::Open,
                None => Place::Results,
            },
        }
    }

    /// Adds the columns of these functions behind those of the rows.
    pub(super) fn push_over_rows(&mut self, uses: Vec<OverRowsUse>) {
        if let Some(first) = uses.first() {
            self.check_append_only("a function over rows", first.span);
            self.check_order_in_window("a function over rows", first.span);
        }
        for group in uses.chunk_by(|a, b| a.goes_with(b)) {
            let [first, others @ ..] = group else { continue };
            let span = others.iter().fold(first.span, |span, other| span.to(other.span));
            for found in group {
                let (name, ty) = match &found.function {
                    OverRowsFunction::Lag { argument, .. } => ("before", argument.ty.clone().nullable()),
                    OverRowsFunction::Lead { argument, .. } => ("behind", argument.ty.clone().nullable()),
                    OverRowsFunction::RowNumber => ("row_number", Type::INT),
                };
                let column = RowColumn::new(name, ty, found.span);
                self.rows.columns.push(RowColumn { hidden: true, ..column });
            }
            let functions = group.iter().map(|found| found.function.clone()).collect();
            let kind = HistoryKind::Functions { functions, expire: first.expire };
            let windows = if first.in_window { self.windows_of_rows() } else { None };
            self.push_history_of(windows, first.keys.clone(), kind, span);
        }
    }

    pub(super) fn exprs(&mut self, exprs: &[ast::Expr]) -> Vec<Expr> {
        exprs.iter().map(|expr| self.expr(expr, None)).collect()
    }
}
