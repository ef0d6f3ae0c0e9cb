//! `top N by …`: the best rows, of each window or of all rows so far; `order by …`, of each window; and
//! `dedupe by … keep last`, which is the latest row of each key.

use super::QueryChecker;
use super::emit;
use super::rows::{RowColumn, Updating};
use super::window::Bounds;
use crate::errors::{clauses as errors, over_rows};
use crate::hir::{Because, Cause, ClauseKind, SortWindow, Top};
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{AmongEquals, Emission, Keep};
use millstream_ir::types::Type;
use millstream_syntax::ast;

impl QueryChecker<'_> {
    /// `below` are the clauses under it.
    pub(super) fn check_top(&mut self, top: &ast::Top, span: Span, below: &[&ast::Clause]) {
        let emission = self.emission_of_top(below);
        let limit = self.checker().check_count(&top.count);
        let limit = limit.map_or(1, |n| usize::try_from(n).unwrap_or(usize::MAX));
        self.open_rows_of_window("top", span);
        let by = self.order(&top.by);
        let per = self.exprs(&top.per);
        let keep = top.keep.as_ref().map(|keep| (self.check_keep(keep), keep.span));
        if self.window.is_some() || !self.rows.carried.is_empty() {
            if let Some((_, span)) = keep {
                self.diagnostics.push(errors::keep_in_window(span, None));
            }
            if emission == Emission::OnChange {
                let because = Because { span: emit::emit_span(below).unwrap_or(span), cause: Cause::Emit };
                return self.top_of_open_window((limit, by, per), span, because);
            }
            return self.sort_window(by, per, Some(limit), span);
        }
        let keep = match keep {
            Some((keep, _)) => keep,
            None => {
                let because = self.rows.updating.as_ref().map(|updating| updating.because);
                self.diagnostics.push(errors::unbounded_top(span, because, self.closed));
                None
            }
        };
        if !self.rows.known {
            return;
        }
        let key = self.rows.updating.as_ref().and_then(|u| u.key.clone());
        self.becomes_updating(key, Because { span, cause: Cause::Top });
        let top = Top {
            limit,
            by,
            among_equals: AmongEquals::Earliest,
            per,
            keep: keep.unwrap_or(Keep::Forever),
            is_of_window: false,
        };
        self.push(ClauseKind::Top(top), span);
    }

    /// When the rows of `top` are to come, as an `emit` directly below says, as far as that is carried out.
    fn emission_of_top(&mut self, below: &[&ast::Clause]) -> Emission {
        let (Some(span), Some(emission)) = (emit::emit_span(below), self.emission(below)) else {
            return Emission::Final;
        };
        self.may_emit = true;
        let is_open = self.window.as_ref().is_some_and(|window| window.bounds == Bounds::Carried);
        let is_windowed = self.window.is_some() || !self.rows.carried.is_empty();
        let refused = match emission {
            Emission::Final if is_windowed => None,
            Emission::Final => Some("`top` without a window has no final rows"),
            Emission::Every(_) => Some("`top` tells its rows at each change, or when a window is over"),
            Emission::OnChange if is_open || !is_windowed => None,
            Emission::OnChange if self.window.is_none() => Some("these rows come when their window is over"),
            Emission::OnChange => Some("which rows this window holds is known when it is over"),
        };
        match refused {
            None => emission,
            Some(why) => {
                self.diagnostics.push(errors::emit_of_top(span, why, is_windowed));
                Emission::Final
            }
        }
    }

    /// The best rows of each window as they change while it is open.
    fn top_of_open_window(
        &mut self,
        (limit, by, per): (usize, Vec<(Expr, bool)>, Vec<Expr>),
        span: Span,
        because: Because,
    ) {
        self.take_window("top", span);
        if !self.rows.known {
            return;
        }
        let bounds: Vec<Expr> =
            self.rows.carried.iter().map(|column| self.rows.column_expr(*column, span)).collect();
        self.hide_bounds();
        self.rows.carried.clear();
        self.becomes_updating(None, because);
        let per = [bounds, per].concat();
        let (among_equals, keep) = (AmongEquals::Earliest, Keep::Forever);
        self.push(ClauseKind::Top(Top { limit, by, among_equals, per, keep, is_of_window: true }), span);
    }

    /// Below, `window.start` and `window.end` are nothing or those of another window.
    fn hide_bounds(&mut self) {
        for carried in &self.rows.carried {
            if let Some(column) = self.rows.columns.get_mut(*carried)
                && std::mem::take(&mut column.qualified_only)
            {
                column.qualifier = None;
            }
        }
    }

    /// `order by …`: the rows of one window, in order.
    pub(super) fn check_order_by(&mut self, keys: &[ast::OrderKey], span: Span) {
        self.open_rows_of_window("order by", span);
        let by = self.order(keys);
        if self.window.is_none() && self.rows.carried.is_empty() {
            if self.rows.known {
                self.diagnostics.push(errors::order_of_what(span));
            }
            return;
        }
        self.sort_window(by, vec![], None, span);
    }

    /// Sees to it that rows come with their window, where that is not known before it is over.
    fn open_rows_of_window(&mut self, clause: &str, span: Span) {
        match &self.window {
            Some(window) if window.frame.is_some() => {
                self.diagnostics.push(over_rows::inside_frame(span, clause, window.span));
            }
            Some(window) if window.bounds == Bounds::AtEnd => self.gather_window(span),
            _ => {}
        }
    }

    /// With whether each is descending.
    fn order(&mut self, keys: &[ast::OrderKey]) -> Vec<(Expr, bool)> {
        let key = |key: &ast::OrderKey| {
            let descending = matches!(key.direction, Some(ast::Direction::Descending));
            (self.expr(&key.value, None), descending)
        };
        keys.iter().map(key).collect()
    }

    /// Closes the scope of a window, or sorts the rows that an aggregating select made of one.
    fn sort_window(&mut self, by: Vec<(Expr, bool)>, per: Vec<Expr>, limit: Option<usize>, span: Span) {
        let window = self.take_window(if limit.is_some() { "top" } else { "order by" }, span);
        if window.as_ref().is_some_and(|window| window.bounds == Bounds::AtEnd) {
            // What is wrong with it has been said.
            return;
        }
        if !self.rows.known {
            return;
        }
        let columns = self.rows.carried.clone();
        self.hide_bounds();
        let is_timed_by_window = window.is_none();
        let time = RowColumn { hidden: true, ..RowColumn::new("time", Type::TIMESTAMP, span) };
        self.rows.columns.push(time);
        self.rows.time = self.rows.columns.len() - 1;
        let sort = SortWindow { window: columns, is_timed_by_window, by, per, limit };
        self.push(ClauseKind::SortWindow(sort), span);
    }

    pub(super) fn check_dedupe_last(&mut self, by: &[ast::Expr], keep: Option<&ast::Keep>, span: Span) {
        if let Some(updating) = &self.rows.updating {
            self.diagnostics.push(errors::needs_append_only(span, "dedupe", updating.because));
        }
        if let Some(window) = self.window.take() {
            self.diagnostics.push(over_rows::keep_last_in_window(span, window.span));
            self.window = Some(window);
            return;
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
        let because = Because { span, cause: Cause::LatestOfKey };
        self.becomes_updating(per.iter().map(column).collect(), because);
        let top = Top {
            limit: 1,
            by: vec![],
            among_equals: AmongEquals::Latest,
            per,
            keep: keep.unwrap_or(Keep::Forever),
            is_of_window: false,
        };
        self.push(ClauseKind::Top(top), span);
    }

    /// From here on rows can be withdrawn. Hidden columns say which are and when: a row that is withdrawn
    /// has the values that it had, its time among them.
    fn becomes_updating(&mut self, key: Option<Vec<usize>>, because: Because) {
        match &mut self.rows.updating {
            Some(updating) => updating.key = key,
            None => {
                let hidden = |name, ty| RowColumn { hidden: true, ..RowColumn::new(name, ty, because.span) };
                self.rows.columns.extend([hidden("time", Type::TIMESTAMP), hidden("sign", Type::INT)]);
                let sign = self.rows.columns.len() - 1;
                self.rows.time = sign - 1;
                self.rows.updating = Some(Updating { sign, key, because });
            }
        }
    }
}
