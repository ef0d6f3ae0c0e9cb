//! `top N by …`: the best rows, of each window or of all rows so far; `order by …`, of each window; and
//! `dedupe by … keep last`, which is the latest row of each key.

use super::QueryChecker;
use super::emit;
use super::rows::{RowColumn, Updating};
use super::window::{Bounds, OpenWindow};
use crate::errors::{clauses as errors, over_rows};
use crate::hir::{Because, Cause, ClauseKind, SortWindow, Top};
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{AmongEquals, Emission, Keep, TopScope};
use millstream_ir::types::Type;
use millstream_syntax::ast;

/// How many rows, by what, of each what.
type Ranked = (usize, Vec<(Expr, bool)>, Vec<Expr>);

/// When the rows of a `top` appear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// When their window is over.
    Once,
    /// While their window is open, or behind its end, as changes.
    OfWindow(Emission),
    /// Without a window, as changes.
    OfAll(Emission),
}

impl QueryChecker<'_> {
    /// `below` are the clauses under it.
    pub(super) fn check_top(&mut self, top: &ast::Top, span: Span, below: &[&ast::Clause]) {
        let told = self.told(top, span, below);
        let limit = self.checker().check_count(&top.count);
        let limit = limit.map_or(1, |n| usize::try_from(n).unwrap_or(usize::MAX));
        if let Some(window) = self.window.as_ref().filter(|window| window.frame.is_some()) {
            self.diagnostics.push(over_rows::inside_frame(span, "top", window.span));
        } else if told == Told::Once {
            self.gather_open_rows(span);
        }
        let by = self.order(&top.by);
        let per = self.exprs(&top.per);
        let keep = top.keep.as_ref().map(|keep| (self.check_keep(keep), keep.span));
        let keep = match (told, keep) {
            (Told::Once | Told::OfWindow(_), Some((_, span))) => {
                self.diagnostics.push(errors::keep_in_window(span, None));
                None
            }
            (Told::OfAll(_), None) => {
                let because = self.rows.updating.as_ref().map(|updating| updating.because);
                self.diagnostics.push(errors::unbounded_top(span, because, self.closed));
                None
            }
            (_, keep) => keep.and_then(|(keep, _)| keep),
        };
        let ranked = (limit, by, per);
        match told {
            Told::Once => self.sort_window(ranked.1, ranked.2, Some(limit), span),
            Told::OfWindow(emission) => self.top_of_open_window(ranked, emission, span, below),
            Told::OfAll(emission) => {
                let scope = TopScope::All(keep.unwrap_or(Keep::Forever));
                self.push_top(ranked, scope, emission, (span, Because { span, cause: Cause::Top }));
            }
        }
    }

    /// When the rows of `top` are to come, as its place and an `emit` directly below say.
    fn told(&mut self, top: &ast::Top, span: Span, below: &[&ast::Clause]) -> Told {
        let emit = emit::emit_span(below);
        self.may_emit |= emit.is_some();
        let is_of_results = self.window.is_none() && !self.rows.carried.is_empty();
        if is_of_results && top.keep.is_some() {
            // The results of all windows so far.
            self.hide_bounds();
            self.rows.carried.clear();
        } else if is_of_results && let Some(replaced) = self.replaced.filter(|_| self.rows.updating.is_some())
        {
            // An `emit` of its own has said when the results come that it takes.
            if let Some((emit, first)) = emit.zip(replaced.emit).filter(|(own, first)| own != first) {
                self.diagnostics.push(errors::second_emit(emit, first));
            }
            return Told::OfWindow(replaced.emission);
        } else if self.window.is_some() || is_of_results {
            let corrected = self.window.as_ref().filter(|window| window.lateness.is_some());
            let corrected = corrected.map(|window| window.corrected);
            return match (self.emission(below), corrected) {
                (Some(Emission::Final), Some(corrected)) => {
                    self.diagnostics.push(errors::final_with_lateness(emit.unwrap_or(span), corrected));
                    Told::OfWindow(Emission::Final)
                }
                (None, Some(_)) => Told::OfWindow(Emission::Final),
                (None | Some(Emission::Final), None) => Told::Once,
                (Some(emission), _) if self.window.is_some() => Told::OfWindow(emission),
                (Some(_), _) => {
                    self.diagnostics.push(errors::emit_of_top_of_final(emit.unwrap_or(span)));
                    Told::Once
                }
            };
        }
        Told::OfAll(match self.emission(below) {
            None => Emission::OnChange,
            Some(Emission::Final) => {
                self.diagnostics.push(errors::top_never_final(emit.unwrap_or(span)));
                Emission::OnChange
            }
            Some(emission) => emission,
        })
    }

    /// The best rows of each window as they change while it is open, or by late rows.
    fn top_of_open_window(&mut self, ranked: Ranked, emission: Emission, span: Span, below: &[&ast::Clause]) {
        let (limit, by, per) = ranked;
        let window = self.take_window("top", span);
        if !self.rows.known || window.as_ref().is_some_and(|window| window.frame.is_some()) {
            return;
        }
        let replaced = self.replaced.filter(|_| self.rows.updating.is_some());
        let because = self.because_of_open_window(window.as_ref(), span, below);
        let lateness = window.as_ref().and_then(|window| window.lateness);
        let lateness = lateness.or(replaced.map(|replaced| replaced.lateness)).unwrap_or(0);
        let scope = match (window, &self.rows.carried[..]) {
            (Some(window), _) if window.bounds == Bounds::AtEnd => {
                self.window = Some(window);
                let windows = self.windows_of_rows().map(|(window, _)| window);
                self.window = None;
                let Some(window) = windows else { return };
                TopScope::OfKeys { window, lateness }
            }
            (None, [_, over]) if replaced.is_some_and(|replaced| replaced.is_numbered) => {
                let over = *over;
                self.rows.carried.pop();
                TopScope::Numbered { over }
            }
            _ => TopScope::Window { lateness },
        };
        let carried = self.rows.carried.iter();
        let of_window: Vec<Expr> = carried.map(|column| self.rows.column_expr(*column, span)).collect();
        self.hide_bounds();
        self.rows.carried.clear();
        self.push_top((limit, by, [of_window, per].concat()), scope, emission, (span, because));
    }

    /// What makes the best rows of a window updating.
    fn because_of_open_window(
        &self,
        window: Option<&OpenWindow>,
        span: Span,
        below: &[&ast::Clause],
    ) -> Because {
        let corrected = window.filter(|window| window.lateness.is_some()).map(|window| window.corrected);
        let (span, cause) = match (corrected, emit::emit_span(below)) {
            (Some(_), Some(emit)) => (emit, Cause::EmitAndLateness),
            (Some(corrected), None) => (corrected, Cause::Lateness),
            (None, emit) => (emit.unwrap_or(span), Cause::Emit),
        };
        Because { span, cause }
    }

    fn push_top(
        &mut self,
        ranked: Ranked,
        scope: TopScope,
        emission: Emission,
        (span, because): (Span, Because),
    ) {
        if !self.rows.known {
            return;
        }
        let (limit, by, per) = ranked;
        let key = self.rows.updating.as_ref().and_then(|updating| updating.key.clone());
        self.becomes_updating(key, because);
        let among_equals = AmongEquals::Earliest;
        self.push(ClauseKind::Top(Top { limit, by, among_equals, per, scope, emission }), span);
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
        if let Some(window) = self.window.as_ref().filter(|window| window.frame.is_some()) {
            self.diagnostics.push(over_rows::inside_frame(span, "order by", window.span));
        } else {
            if let Some(window) = self.window.as_ref().filter(|window| window.lateness.is_some()) {
                self.diagnostics.push(over_rows::order_with_lateness(span, window.span));
            }
            self.gather_open_rows(span);
        }
        if let Some(updating) = &self.rows.updating {
            self.diagnostics.push(errors::needs_append_only(span, "order by", updating.because));
            return;
        }
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
    fn gather_open_rows(&mut self, span: Span) {
        if self.window.as_ref().is_some_and(|window| window.bounds == Bounds::AtEnd) {
            self.gather_window(span);
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
        self.rows.set_time(self.rows.columns.len() - 1);
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
            scope: TopScope::All(keep.unwrap_or(Keep::Forever)),
            emission: Emission::OnChange,
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
                self.rows.set_time(sign - 1);
                self.rows.updating = Some(Updating { sign, key, because });
            }
        }
    }
}
