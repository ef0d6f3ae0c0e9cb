//! `window …`: opens a scope in which the rows are those of a window, up to the clause that closes it.

use super::QueryChecker;
use crate::errors::{clauses as errors, not_yet};
use crate::hir::ClauseKind;
use crate::scope::{Scope, ScopeColumn};
use millstream_base::Span;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::WindowAssigner;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast;

/// The columns `window.start` and `window.end` while an expression is checked; they are replaced by
/// what they stand for where the expression is used.
pub(super) const WINDOW_START: usize = usize::MAX - 1;
pub(super) const WINDOW_END: usize = usize::MAX;

#[derive(Clone, Debug)]
pub(super) struct OpenWindow {
    pub assigner: WindowAssigner,
    pub span: Span,
    /// Whether each row gets a result of its own (`sliding`, `running`), so that an aggregating select
    /// sees the row's columns.
    pub per_row: bool,
}

impl OpenWindow {
    pub fn add_columns(&self, scope: &mut Scope) {
        for (name, number) in [("start", WINDOW_START), ("end", WINDOW_END)] {
            let column = ScopeColumn::new(name, number, Type::TIMESTAMP, self.span);
            scope.add_column(column.only_qualified("window"));
        }
    }
}

impl QueryChecker<'_> {
    pub(super) fn check_window(&mut self, window: &ast::Window, span: Span) {
        if let Some(open) = &self.window {
            self.diagnostics.push(errors::window_inside_window(window.kind_span, open.span));
        }
        self.check_window_options(window, span);
        let assigner = self.assigner(window, span);
        let per_row = matches!(window.kind, ast::WindowKind::Sliding(_) | ast::WindowKind::Running);
        self.window = Some(OpenWindow { assigner: assigner.clone(), span, per_row });
        if self.rows.known {
            self.push(ClauseKind::Window(assigner), span);
        }
    }

    fn assigner(&mut self, window: &ast::Window, span: Span) -> WindowAssigner {
        use ast::WindowKind::*;
        let report = |checker: &mut Self, what: &str| {
            checker.diagnostics.push(not_yet::window_kind(window.kind_span, what));
        };
        let mut size = None;
        match &window.kind {
            Tumbling(ast::Size::Duration(duration)) => {
                size = self.checker().check_positive_duration(duration);
            }
            Tumbling(other) => {
                report(self, size_word("window tumbling", other));
                self.check_size(other);
            }
            Hopping { size, every } => {
                report(self, "window hopping");
                self.check_size(size);
                self.check_size(every);
            }
            Cumulative { size, every } => {
                report(self, "window cumulative");
                self.checker().check_positive_duration(size);
                self.checker().check_positive_duration(every);
            }
            Session { gap } => {
                report(self, "window session");
                self.checker().check_positive_duration(gap);
            }
            Sliding(size) => {
                report(self, "window sliding");
                self.check_size(size);
            }
            Running => report(self, "window running"),
        }
        let offset = window.offset.as_ref().and_then(|o| self.checker().check_duration(o)).unwrap_or(0);
        let _ = span;
        // Where the size is wrong, which has been reported, any will do.
        let size = size.unwrap_or(1);
        WindowAssigner::Tumbling { size, offset: offset.rem_euclid(size) }
    }

    fn check_size(&mut self, size: &ast::Size) {
        match size {
            ast::Size::Duration(duration) => {
                self.checker().check_positive_duration(duration);
            }
            ast::Size::Rows(count) => {
                self.checker().check_count(count);
            }
            ast::Size::Calendar(_) => {}
        }
    }

    /// Options that are not carried out yet, or that do not belong to the kind of window.
    fn check_window_options(&mut self, window: &ast::Window, span: Span) {
        if let Some(zone) = &window.zone {
            self.diagnostics.push(not_yet::window_option(zone.span, "in \"Zone\""));
        }
        if let Some(max) = &window.max {
            self.checker().check_positive_duration(max);
            self.diagnostics.push(not_yet::window_option(max.span, "max"));
        }
        if let Some(lateness) = &window.lateness {
            self.checker().check_positive_duration(lateness);
            self.diagnostics.push(not_yet::window_option(lateness.span, "lateness"));
        }
        if let Some(fill) = &window.fill {
            self.checker().check_positive_duration(&fill.duration);
            self.diagnostics.push(not_yet::window_option(fill.span, "fill"));
        }
        for key in &window.by {
            self.expr(key, None);
        }
        if let Some(first) = window.by.first() {
            self.diagnostics.push(not_yet::window_option(first.span, "by"));
        }
        if let Some(keep) = &window.keep {
            self.check_keep(keep);
            let option = if matches!(keep.kind, ast::KeepKind::Forever) { "forever" } else { "expire" };
            self.diagnostics.push(not_yet::window_option(keep.span, option));
        }
        let _ = span;
    }

    /// Writes out what `window.start` and `window.end` stand for.
    pub(super) fn place_window(&self, expr: &mut Expr) {
        let Some(window) = &self.window else { return };
        let WindowAssigner::Tumbling { size, offset } = window.assigner;
        expr.rewrite(&mut |part| {
            let ExprKind::Column(number @ (WINDOW_START | WINDOW_END)) = part.kind else { return };
            let span = part.span;
            let time = Box::new(self.rows.column_expr(self.rows.time, span));
            let start = Expr::new(ExprKind::Bucket { time, size, offset }, Type::TIMESTAMP, span);
            *part = if number == WINDOW_START {
                start
            } else {
                let size = Expr::literal(Value::Duration(size), Type::DURATION, span);
                let sum = ExprKind::Binary(BinaryOp::Add, Box::new(start), Box::new(size));
                Expr::new(sum, Type::TIMESTAMP, span)
            };
        });
    }
}

fn size_word(kind: &'static str, size: &ast::Size) -> &'static str {
    match size {
        ast::Size::Rows(_) => "window tumbling N rows",
        ast::Size::Calendar(_) => "window tumbling day",
        ast::Size::Duration(_) => kind,
    }
}
