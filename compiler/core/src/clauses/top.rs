//! `top N by …`: the best rows, of each window or of all rows so far; and `dedupe by … keep last`, which is
//! the latest row of each key.

use super::QueryChecker;
use super::rows::{RowColumn, Updating};
use crate::errors::{clauses as errors, not_yet};
use crate::hir::{ClauseKind, Top};
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{AmongEquals, Keep};
use millstream_ir::types::Type;
use millstream_syntax::ast;

impl QueryChecker<'_> {
    pub(super) fn check_top(&mut self, top: &ast::Top, span: Span) {
        let limit = self.checker().check_count(&top.count);
        let by = top.by.iter().map(|key| {
            let descending = matches!(key.direction, Some(ast::Direction::Descending));
            (self.expr(&key.value, None), descending)
        });
        let by = by.collect();
        let per = self.exprs(&top.per);
        let keep = top.keep.as_ref().map(|keep| (self.check_keep(keep), keep.span));
        if self.take_window().is_some() {
            self.diagnostics.push(not_yet::ordering(span, "top"));
            self.may_emit = true;
            return;
        }
        let keep = match keep {
            Some((keep, _)) => keep,
            None => {
                self.diagnostics.push(errors::unbounded_top(span));
                None
            }
        };
        if !self.rows.known {
            return;
        }
        let key = self.rows.updating.as_ref().and_then(|u| u.key.clone());
        self.becomes_updating(key, span);
        let top = Top {
            limit: limit.map_or(1, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            by,
            among_equals: AmongEquals::Earliest,
            per,
            keep: keep.unwrap_or(Keep::Forever),
        };
        self.push(ClauseKind::Top(top), span);
    }

    pub(super) fn check_dedupe_last(&mut self, by: &[ast::Expr], keep: Option<&ast::Keep>, span: Span) {
        if let Some(updating) = &self.rows.updating {
            self.diagnostics.push(errors::needs_append_only(span, "dedupe", updating.because));
        }
        let per = self.exprs(by);
        let keep = match keep {
            Some(keep) => self.check_keep(keep),
            None => {
                self.diagnostics.push(errors::unbounded_dedupe(span));
                None
            }
        };
        if !self.rows.known {
            return;
        }
        let column = |key: &Expr| if let ExprKind::Column(column) = key.kind { Some(column) } else { None };
        self.becomes_updating(per.iter().map(column).collect(), span);
        let top = Top {
            limit: 1,
            by: vec![],
            among_equals: AmongEquals::Latest,
            per,
            keep: keep.unwrap_or(Keep::Forever),
        };
        self.push(ClauseKind::Top(top), span);
    }

    /// From here on rows can be withdrawn. Hidden columns say which are and when: a row that is withdrawn
    /// has the values that it had, its time among them.
    fn becomes_updating(&mut self, key: Option<Vec<usize>>, because: Span) {
        match &mut self.rows.updating {
            Some(updating) => updating.key = key,
            None => {
                let hidden = |name, ty| RowColumn { hidden: true, ..RowColumn::new(name, ty, because) };
                self.rows.columns.extend([hidden("time", Type::TIMESTAMP), hidden("sign", Type::INT)]);
                let sign = self.rows.columns.len() - 1;
                self.rows.time = sign - 1;
                self.rows.updating = Some(Updating { sign, key, because });
            }
        }
    }
}
