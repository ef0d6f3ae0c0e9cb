//! `window …`: opens a scope in which the rows are those of a window, up to the clause that closes it.

mod ahead;
mod options;

use super::QueryChecker;
use super::frame::OpenFrame;
use super::rows::RowColumn;
use crate::check::Checker;
use crate::errors::{types, windows as errors};
use crate::hir::ClauseKind;
use crate::scope::{Scope, ScopeColumn};
use ahead::Ahead;
pub(super) use ahead::is_bound;
use millstream_base::{Diagnostics, Span, did_you_mean};
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{Keep, WindowAssigner};
use millstream_ir::text::pattern::{time_zone, time_zone_names};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_ir::window::CalendarUnit;
use millstream_syntax::ast;

/// The columns `window.start` and `window.end` while an expression is checked; they are replaced by
/// what they stand for where the expression is used.
pub(super) const WINDOW_START: usize = usize::MAX - 1;
pub(super) const WINDOW_END: usize = usize::MAX;

#[derive(Clone, Debug)]
pub(super) struct OpenWindow {
    pub assigner: WindowAssigner,
    pub span: Span,
    /// Where each row gets a result of its own (`sliding`, `running`): over which rows.
    pub frame: Option<OpenFrame>,
    pub bounds: Bounds,
    /// How long after its end a late row still corrects it.
    pub lateness: Option<i64>,
    /// The window as it is written, up to its `lateness`.
    pub corrected: Span,
    /// What its own `by` names. The rows carry the values, behind the bounds if they carry those.
    pub by: Vec<ast::Expr>,
    /// How long the window of a key is kept, and where that is said.
    pub keep: Option<(Keep, Span)>,
    /// What windows without rows give, and for how long after a key's last row.
    pub fill: Option<(ast::Fill, i64)>,
    /// Whether late rows are left out as they come into the scope; otherwise the clause that closes it does it.
    pub leaves_out_late: bool,
    /// Whether it has been seen to that its rows have a bound.
    pub is_bounded: bool,
}

/// Where the clauses of the scope find the start and the end of a row's window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bounds {
    /// They follow from its time.
    OfTime,
    /// In the first two columns that the rows carry.
    Carried,
    /// They are known only when the window has ended.
    AtEnd,
}

impl OpenWindow {
    /// The names of the bounds; where rows carry them, these have the names.
    pub fn add_columns(&self, scope: &mut Scope) {
        if self.bounds != Bounds::Carried {
            add_bounds(scope, self.span);
        }
    }
}

/// Makes `window.start` and `window.end` known as what they are replaced by later.
pub(super) fn add_bounds(scope: &mut Scope, span: Span) {
    for (name, number) in [("start", WINDOW_START), ("end", WINDOW_END)] {
        let column = ScopeColumn::new(name, number, Type::TIMESTAMP, span);
        scope.add_column(column.only_qualified("window", None).defined(None));
    }
}

impl QueryChecker<'_> {
    /// `below` are the clauses under it.
    pub(super) fn check_window(&mut self, window: &ast::Window, span: Span, below: &[&ast::Clause]) {
        if let Some(open) = &self.window {
            self.diagnostics.push(crate::errors::clauses::window_inside_window(window.kind_span, open.span));
        }
        if let Some(updating) = &self.rows.updating {
            let because = updating.because;
            self.diagnostics.push(crate::errors::clauses::needs_append_only(span, "window", because));
        }
        self.closed = None;
        let lateness = self.check_window_options(window);
        if matches!(window.kind, ast::WindowKind::Sliding(_) | ast::WindowKind::Running) {
            return self.open_frame(window, span);
        }
        let assigner = self.assigner(window);
        let ahead = Ahead::of(below, &self.scope(), self.around.names, self.around.file);
        let bounds = match assigner {
            WindowAssigner::Session { .. } | WindowAssigner::Rows { .. } => Bounds::AtEnd,
            _ if ahead.is_updating
                || ahead.sorts
                || ahead.looks_at_others
                || ahead.joins
                || lateness.is_some() =>
            {
                Bounds::Carried
            }
            // By its time alone a row's tumbling window is found by arithmetic.
            WindowAssigner::Tumbling { .. } => Bounds::OfTime,
            _ if ahead.looks_at_bounds || overlaps(&assigner) && !ahead.aggregates => Bounds::Carried,
            _ => Bounds::OfTime,
        };
        let assigns = bounds == Bounds::Carried;
        let keep = window.keep.as_ref().and_then(|keep| Some((self.check_keep(keep)?, keep.span)));
        let corrects = ahead.aggregates || ahead.ranks;
        let leaves_out_late = !(ahead.aggregates || ahead.ranks && lateness.is_some());
        if leaves_out_late && self.rows.known {
            self.push(ClauseKind::LeaveOutLate, span);
        }
        self.rows.carried.clear();
        if assigns {
            self.add_bounds(span);
        }
        if self.rows.known {
            self.push(ClauseKind::Window { assigner: assigner.clone(), assigns }, span);
        }
        let by = match bounds {
            Bounds::AtEnd => self.keys_of_own(window, &ahead),
            _ => window.by.clone(),
        };
        if bounds == Bounds::AtEnd {
            self.carry_keys(&by);
        }
        if let Some(lateness) =
            window.lateness.as_ref().filter(|_| !corrects && !ahead.sorts && self.rows.known)
        {
            self.diagnostics.push(errors::nothing_to_correct(lateness.span));
        }
        let fill = window.fill.as_ref().and_then(|fill| {
            if !ahead.aggregates {
                self.diagnostics.push(errors::nothing_to_fill(fill.span));
            }
            Some((fill.clone(), self.checker().check_positive_duration(&fill.duration)?))
        });
        let span = window.kind_span;
        self.window = Some(OpenWindow {
            assigner,
            span,
            frame: None,
            bounds,
            lateness,
            corrected: window.lateness.as_ref().map_or(span, |lateness| span.to(lateness.span)),
            by,
            keep,
            fill,
            leaves_out_late,
            is_bounded: false,
        });
    }

    /// Each row carries the bounds of its window from here on.
    pub(super) fn add_bounds(&mut self, span: Span) {
        for name in ["start", "end"] {
            self.rows.carried.push(self.rows.columns.len());
            let column = RowColumn::new(name, Type::TIMESTAMP, span);
            let qualifier = Some("window".into());
            self.rows.columns.push(RowColumn { hidden: true, qualified_only: true, qualifier, ..column });
        }
    }

    /// What windows that each key has of its own are kept by: the keys of their `by`, else those of the
    /// `group by` below. The latter are found out by the aggregating select, unless a clause above it already
    /// looks at the rows of one window.
    fn keys_of_own(&mut self, window: &ast::Window, ahead: &Ahead) -> Vec<ast::Expr> {
        if !window.by.is_empty() || !ahead.looks_at_others {
            return window.by.clone();
        }
        for key in &ahead.keys {
            let mut said = Diagnostics::default();
            let scope = self.scope();
            Checker::new(self.around.names, self.around.file, &mut said).check_expr(&scope, key, None);
            if !said.is_empty() && self.rows.known {
                self.diagnostics.push(errors::keys_not_known_yet(key.span, window.kind_span));
                return vec![];
            }
        }
        ahead.keys.clone()
    }

    /// The windows that the rows of a clause are in, and the keys that have windows of their own: of a window
    /// that is open, or of one whose results the rows are.
    pub(super) fn windows_of_rows(&mut self) -> Option<(WindowAssigner, Vec<Expr>)> {
        let carried = self.rows.carried.clone();
        let span = self.window.as_ref().map_or(Span::default(), |window| window.span);
        let keys = |columns: &[usize], rows: &super::Rows| -> Vec<Expr> {
            columns.iter().map(|column| rows.column_expr(*column, span)).collect()
        };
        if let Some(window) = &self.window
            && window.bounds == Bounds::AtEnd
        {
            if window.frame.is_some() {
                return None;
            }
            let by = (0..carried.len()).collect();
            let assigner = match window.assigner.clone() {
                WindowAssigner::Session { gap, max, .. } => WindowAssigner::Session { gap, max, by },
                WindowAssigner::Rows { count, .. } => {
                    let keep = window.keep.map_or(Keep::Forever, |(keep, _)| keep);
                    WindowAssigner::Rows { count, keep, by }
                }
                assigner => assigner,
            };
            self.check_rows_bound(!carried.is_empty());
            return Some((assigner, keys(&carried, &self.rows)));
        }
        let [start, end, of @ ..] = &carried[..] else { return None };
        Some((WindowAssigner::Assigned { start: *start, end: *end }, keys(of, &self.rows)))
    }

    /// Reports, once, that unfinished windows of rows would be kept for ever, or are said to need a bound.
    pub(super) fn check_rows_bound(&mut self, has_keys: bool) {
        let Some(window) = &mut self.window else { return };
        if std::mem::replace(&mut window.is_bounded, true)
            || !matches!(window.assigner, WindowAssigner::Rows { .. })
        {
            return;
        }
        match (window.keep, has_keys) {
            (None, true) => self.diagnostics.push(errors::unbounded_rows(window.span)),
            (Some((_, keep)), false) => self.diagnostics.push(errors::keep_of_no_key(keep)),
            _ => {}
        }
    }

    /// Of windows that are told when they are over: from here on rows come then, and know their window.
    pub(super) fn gather_window(&mut self, span: Span) {
        let of_keys = self.rows.carried.clone();
        let Some((window, keys)) = self.windows_of_rows() else { return };
        let first = self.rows.columns.len();
        let hidden = |name: &str, ty: Type| RowColumn { hidden: true, ..RowColumn::new(name, ty, span) };
        for name in ["start", "end"] {
            let qualifier = Some("window".into());
            let column = hidden(name, Type::TIMESTAMP);
            self.rows.columns.push(RowColumn { qualified_only: true, qualifier, ..column });
        }
        self.rows.columns.extend([hidden("number", Type::INT), hidden("time", Type::TIMESTAMP)]);
        self.rows.set_time(first + 3);
        self.rows.carried = [vec![first, first + 1], of_keys, vec![first + 2]].concat();
        self.window = None;
        if self.rows.known {
            self.push(ClauseKind::GatherWindows { window, keys }, span);
        }
    }

    /// Makes the keys of a window columns that the rows carry through its scope.
    pub(super) fn carry_keys(&mut self, by: &[ast::Expr]) {
        for key in by {
            let value = self.expr(key, None);
            let column = self.column_of(value, "key");
            self.rows.carried.push(column);
        }
    }

    /// The column that holds a value: its own, or a new, hidden one.
    pub(super) fn column_of(&mut self, value: Expr, name: &str) -> usize {
        if let ExprKind::Column(column) = value.kind {
            return column;
        }
        let column = RowColumn::new(name, value.ty.clone(), value.span);
        self.rows.columns.push(RowColumn { hidden: true, ..column });
        let span = value.span;
        if self.rows.known {
            self.push(ClauseKind::Let(vec![value]), span);
        }
        self.rows.columns.len() - 1
    }

    fn assigner(&mut self, window: &ast::Window) -> WindowAssigner {
        use ast::WindowKind::*;
        let offset = window.offset.as_ref().and_then(|o| self.checker().check_duration(o));
        let offset = offset.unwrap_or(0);
        match &window.kind {
            Tumbling(ast::Size::Calendar(unit)) => return self.calendar(*unit, window, offset),
            Tumbling(ast::Size::Duration(size)) => {
                if let Some(unit) = self.plural_of_unit(size) {
                    self.diagnostics.push(errors::plural_unit(size.span, unit));
                } else if let Some(size) = self.checker().check_positive_duration(size) {
                    return WindowAssigner::Tumbling { size, offset: offset.rem_euclid(size) };
                }
            }
            Hopping { size: ast::Size::Duration(size), every: ast::Size::Duration(every) } => {
                let mut checker = self.checker();
                let size = checker.check_positive_duration(size);
                if let (Some(size), Some(every)) = (size, checker.check_positive_duration(every)) {
                    return WindowAssigner::Hopping { size, every, offset: offset.rem_euclid(every) };
                }
            }
            Hopping { size, every } => {
                self.check_size(size);
                self.check_size(every);
                self.diagnostics.push(errors::hopping_size(window.kind_span));
            }
            Cumulative { size, every } => {
                let mut checker = self.checker();
                let (longest, step) =
                    (checker.check_positive_duration(size), checker.check_positive_duration(every));
                if let (Some(size), Some(step)) = (longest, step) {
                    if step > size {
                        self.diagnostics.push(errors::cumulative_step(every.span, size));
                    }
                    return WindowAssigner::Cumulative { size, every: step, offset: offset.rem_euclid(size) };
                }
            }
            Tumbling(ast::Size::Rows(count)) => {
                let count = self.checker().check_count(count).unwrap_or(1).unsigned_abs();
                return WindowAssigner::Rows { count, keep: Keep::Forever, by: vec![] };
            }
            Session { gap } => {
                let gap = self.checker().check_positive_duration(gap).unwrap_or(1);
                let max = window.max.as_ref().and_then(|max| self.checker().check_positive_duration(max));
                return WindowAssigner::Session { gap, max, by: vec![] };
            }
            // Each row has its own: see `open_frame`.
            Sliding(_) | Running => {}
        }
        // Where something is wrong, which has been reported, any will do.
        WindowAssigner::Tumbling { size: 1, offset: 0 }
    }

    /// The unit of the calendar that was meant by `weeks`, if nothing is called so.
    fn plural_of_unit(&self, size: &ast::Expr) -> Option<&'static str> {
        let ast::ExprKind::Name(name) = &size.kind else { return None };
        let units = ["hour", "day", "week", "month", "quarter", "year"];
        let unit = units.into_iter().find(|unit| name.text.strip_suffix('s') == Some(unit))?;
        self.around.names.param(self.around.file, &name.text).is_none().then_some(unit)
    }

    fn calendar(&mut self, unit: ast::CalendarUnit, window: &ast::Window, offset: i64) -> WindowAssigner {
        let unit = match unit {
            ast::CalendarUnit::Hour => CalendarUnit::Hour,
            ast::CalendarUnit::Day => CalendarUnit::Day,
            ast::CalendarUnit::Week => CalendarUnit::Week,
            ast::CalendarUnit::Month => CalendarUnit::Month,
            ast::CalendarUnit::Quarter => CalendarUnit::Quarter,
            ast::CalendarUnit::Year => CalendarUnit::Year,
        };
        if let Some(written) = &window.offset
            && offset.unsigned_abs() >= unit.shortest() as u64
        {
            self.diagnostics.push(errors::calendar_offset(written.span, unit));
        }
        let mut zone = "UTC";
        if let Some(written) = &window.zone {
            if time_zone(&written.value).is_some() {
                zone = &written.value;
            } else {
                let known = time_zone_names();
                let nearest = did_you_mean(&written.value, known.iter().map(String::as_str));
                self.diagnostics.push(types::unknown_zone(written.span, &written.value, nearest));
            }
        }
        WindowAssigner::Calendar { unit, zone: zone.into(), offset }
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

    /// Writes out what `window.start` and `window.end` stand for in the scope of a window.
    pub(super) fn place_window(&mut self, expr: &mut Expr) {
        let Some(window) = &self.window else { return };
        let size_and_offset = match window.assigner {
            WindowAssigner::Tumbling { size, offset } if window.frame.is_none() => Some((size, offset)),
            _ => None,
        };
        expr.rewrite(&mut |part| {
            let ExprKind::Column(number @ (WINDOW_START | WINDOW_END)) = part.kind else { return };
            let span = part.span;
            let Some((size, offset)) = size_and_offset else {
                self.diagnostics.push(errors::bounds_at_end(span, window.span, window.frame.is_some()));
                *part = super::unknown(span);
                return;
            };
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

/// Whether a row can lie in several of the windows, or in none.
fn overlaps(assigner: &WindowAssigner) -> bool {
    matches!(assigner, WindowAssigner::Hopping { .. } | WindowAssigner::Cumulative { .. })
}
