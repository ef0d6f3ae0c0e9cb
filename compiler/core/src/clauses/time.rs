//! `time E [disorder D]`: the same rows with another event time.

use super::QueryChecker;
use super::rows::RowColumn;
use crate::errors::clauses as errors;
use crate::hir::ClauseKind;
use millstream_base::Span;
use millstream_ir::expr::ExprKind;
use millstream_ir::types::Type;
use millstream_syntax::ast;

impl QueryChecker<'_> {
    pub(super) fn check_time(&mut self, time: &ast::Expr, disorder: Option<&ast::Expr>, span: Span) {
        if let Some(window) = &self.window {
            self.diagnostics.push(errors::time_inside_window(span, window.span));
        }
        if let Some(updating) = &self.rows.updating {
            self.diagnostics.push(errors::needs_append_only(span, "time", updating.because));
        }
        let value = self.expr(time, Some(&Type::TIMESTAMP));
        let disorder = match disorder {
            Some(disorder) => self.checker().check_duration(disorder).unwrap_or(0),
            None => 0,
        };
        if !self.rows.known {
            return;
        }
        match value.kind {
            ExprKind::Column(column) => self.rows.set_time(column),
            _ => {
                let column = RowColumn { hidden: true, ..RowColumn::new("time", Type::TIMESTAMP, span) };
                self.rows.columns.push(column);
                self.rows.set_time(self.rows.columns.len() - 1);
            }
        }
        self.push(ClauseKind::Time { time: value, disorder }, span);
    }
}
