//! The aggregating select: what `group by`, or an aggregate in a `select`, makes of a window's rows.
//!
//! Its expressions are checked against the rows of the group with the keys behind them; what is then
//! neither part of a key nor inside an aggregate differs from row to row and is an error.

use super::emit::{self, emit_span, is_updating};
use super::fill::Filled;
use super::group::{Key, PendingGroup};
use super::rows::Updating;
use super::window::{Bounds, OpenWindow, WINDOW_END, WINDOW_START, add_bounds};
use super::{QueryChecker, Replaced};
use crate::check::{Aggregates, Checker};
use crate::errors::clauses as errors;
use crate::errors::names as names_errors;
use crate::errors::windows;
use crate::hir::{self, Because, Cause, ClauseKind, Grouping};
use crate::scope::{Lookup, Scope, ScopeColumn};
use millstream_base::{Diagnostics, Span};
use millstream_ir::aggregate::AggregateFunction;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{Column, Emission, Keep, Schema, UpdatingScope, WindowAssigner};
use millstream_ir::types::Type;
use millstream_syntax::ast;

impl QueryChecker<'_> {
    pub(super) fn check_aggregating_select(
        &mut self,
        items: &[ast::SelectItem],
        group: Option<PendingGroup>,
        span: Span,
        below: &[&ast::Clause],
    ) {
        let group =
            group.unwrap_or(PendingGroup { keys: vec![], span, keep: None, until: None, reported: false });
        let window = self.take_window("select", span);
        let top_follows = emit::top_of_results(below).is_some();
        let below = match &window {
            Some(window) if window.frame.is_none() => emit::below_results(below),
            _ => below,
        };
        let n_inputs = self.rows.columns.len();
        let first_call = n_inputs + group.keys.len();
        let bounds = window.as_ref().map(|w| (w.span, w.bounds));
        let until = group.until.map(|_| (group.span, Bounds::AtEnd));
        let scope = self.group_scope(&group, bounds.or(until));
        // Arguments see the rows of the group, and their window.
        self.window = window.clone();
        self.aggregates = Some(Aggregates::new(self.scope(), first_call));
        let mut selected = vec![];
        for item in items {
            match &item.kind {
                ast::SelectItemKind::Star(star) if star.of.is_none() && self.rows.known => {
                    self.diagnostics.push(errors::star_of_group(item.span));
                }
                _ => self.select_item(item, items, &scope, &mut selected),
            }
        }
        let mut uses = self.aggregates.take().map(|a| a.uses).unwrap_or_default();
        let fill = window.as_ref().and_then(|w| w.fill.clone());
        if fill.is_some() {
            uses.push(self.last_time(span));
        }
        let mut uses = self.named(uses);
        for found in &mut uses {
            found.arguments.iter_mut().for_each(|a| self.place_window(a));
            found.filter.iter_mut().for_each(|f| self.place_window(f));
        }
        self.window = None;
        self.may_emit = true;
        let (by, carried) = match &window {
            Some(window) if window.bounds == Bounds::AtEnd => self.keys_of_window(window, &group, &scope),
            _ => (vec![], vec![]),
        };
        let places = Places::new(&group.keys, n_inputs, carried.len(), uses.len());
        for column in &mut selected {
            let mut outside = vec![];
            places.place(&mut column.value, &mut outside);
            if column.value.ty.is_error() {
                continue;
            }
            for (number, span) in outside {
                let name = self.rows.columns.get(number).map_or("?", |c| &c.name);
                self.diagnostics.push(match group.until {
                    Some(until) if until == number => names_errors::end_of_group(span, name),
                    _ => names_errors::not_grouped(span, name),
                });
            }
        }
        if let Some((fill, _)) = &fill {
            // Behind the bounds stand the time and, of results that are replaced, the sign.
            let is_replaced = is_updating(below) || window.as_ref().is_some_and(|w| w.lateness.is_some());
            let (start, repeated) = (places.start, places.start + 3 + is_replaced as usize);
            let filled = Filled {
                calls: places.first_call..start,
                bounds: start..start + 2,
                repeated: repeated..repeated + 2,
                is_filled: repeated + 2,
            };
            self.fill_columns(fill, &mut selected, &filled);
        }
        let mut grouped: Vec<Column> = vec![];
        for key in group.keys.iter().filter(|k| k.bound.is_none()) {
            let name = key.name.clone().unwrap_or_else(|| "key".into());
            grouped.push(Column { name, ty: key.value.ty.clone(), hidden: false });
        }
        for key in &carried {
            grouped.push(Column { name: "key".into(), ty: key.ty.clone(), hidden: true });
        }
        for found in &uses {
            let name = found.name();
            grouped.push(Column { name: name.into(), ty: found.result.clone(), hidden: false });
        }
        if let Some(updating) = &self.rows.updating {
            for found in uses.iter().filter(|found| !found.takes_changes()) {
                let name = found.name();
                let written = found.user.as_ref().map(|user| (user.remove.is_some(), user.merge.is_some()));
                self.diagnostics.push(errors::cannot_forget(found.span, name, written, updating.because));
            }
        }
        let changed = self.rows.updating.as_ref().map(|updating| updating.because);
        self.check_emission(window.as_ref(), group.until.is_some(), below);
        let window_kind = window.as_ref().map(|w| w.assigner.clone());
        let lateness_span = window.as_ref().filter(|w| w.lateness.is_some()).map(|w| w.corrected);
        let fill = fill.zip(window.as_ref()).map(|((fill, duration), window)| hir::Fill {
            window: window.assigner.clone(),
            duration,
            repeats: repeats(&fill.with),
        });
        let grouping = match window {
            Some(window) if window.bounds == Bounds::Carried => {
                let bound = |number: usize| self.rows.carried.get(number).copied().unwrap_or_default();
                let (start, end, lateness) = (bound(0), bound(1), window.lateness.unwrap_or(0));
                match self.emission(below).unwrap_or(Emission::Final) {
                    Emission::Final if window.lateness.is_none() => {
                        Grouping::Window(WindowAssigner::Assigned { start, end })
                    }
                    emission => Grouping::Updating(UpdatingScope::Window { start, end, lateness }, emission),
                }
            }
            Some(window) => {
                let assigner = match window.assigner {
                    WindowAssigner::Session { gap, max, .. } => WindowAssigner::Session { gap, max, by },
                    WindowAssigner::Rows { count, .. } => {
                        let keep = window.keep.map_or(Keep::Forever, |(keep, _)| keep);
                        WindowAssigner::Rows { count, keep, by }
                    }
                    assigner => assigner,
                };
                let emission = self.emission(below).unwrap_or(Emission::Final);
                match (window.bounds, emission, window.lateness) {
                    (Bounds::OfTime, ..) | (_, Emission::Final, None) => Grouping::Window(assigner),
                    (_, emission, lateness) => {
                        let shows = [0, 1].map(|bound| {
                            selected.iter().any(|s| s.value.columns().contains(&(places.start + bound)))
                        });
                        let (lateness, is_numbered) = (lateness.unwrap_or(0), top_follows);
                        Grouping::UpdatingWindows { window: assigner, lateness, emission, shows, is_numbered }
                    }
                }
            }
            None if group.until.is_some() => {
                Grouping::Window(WindowAssigner::Until { column: group.until.unwrap_or_default() })
            }
            None => {
                let emission = match self.emission(below) {
                    None => Emission::OnChange,
                    Some(Emission::Final) => {
                        self.diagnostics.push(errors::never_final(emit_span(below), group.span, changed));
                        Emission::OnChange
                    }
                    Some(emission) => emission,
                };
                Grouping::Updating(UpdatingScope::All(group.keep.unwrap_or(Keep::Forever)), emission)
            }
        };
        let is_windowed = !matches!(grouping, Grouping::Updating(UpdatingScope::All(_), _));
        let hidden = |name: &str, ty| Column { name: name.into(), ty, hidden: true };
        if is_windowed {
            grouped.extend(["window.start", "window.end"].map(|name| hidden(name, Type::TIMESTAMP)));
        }
        // Windows of rows of one key can begin and end together.
        let is_of_rows = matches!(&grouping, Grouping::Window(window) if window.is_of_rows());
        if is_of_rows {
            grouped.push(hidden("window.number", Type::INT));
        }
        let is_numbered = matches!(grouping, Grouping::UpdatingWindows { is_numbered: true, .. });
        if is_numbered {
            grouped.extend([hidden("window.number", Type::INT), hidden("window.over", Type::TIMESTAMP)]);
        }
        grouped.push(hidden("time", Type::TIMESTAMP));
        let time = grouped.len() - 1;
        let own = self.because_of(is_windowed.then_some(lateness_span), group.span, below);
        let because = changed.unwrap_or(own);
        self.rows.updating = grouping.is_updating().then(|| {
            grouped.push(hidden("sign", Type::INT));
            let n_keys = group.keys.iter().filter(|k| k.bound.is_none()).count();
            // Windows of one group differ in their ends, and nearly all kinds in their starts.
            let is_selected = |column: usize| {
                selected.iter().any(|s| matches!(s.value.kind, ExprKind::Column(c) if c == column))
            };
            let (start, end) = (places.start, places.start + 1);
            let bound = match window_kind {
                _ if !is_windowed => None,
                Some(WindowAssigner::Cumulative { .. }) => Some(end),
                // Sessions grow at their ends; windows of rows can begin and end at the same times.
                Some(WindowAssigner::Session { .. }) => Some(start).filter(|start| is_selected(*start)),
                Some(WindowAssigner::Rows { .. }) => None,
                _ => [end, start].into_iter().find(|bound| is_selected(*bound)),
            };
            let key = (!is_windowed || bound.is_some()).then(|| (0..n_keys).chain(bound).collect());
            Updating { sign: grouped.len() - 1, key, because }
        });
        if fill.is_some() {
            grouped.extend(["repeated.start", "repeated.end"].map(|name| hidden(name, Type::TIMESTAMP)));
            grouped.push(hidden("filled", Type::BOOL));
        }
        self.rows.columns = grouped
            .iter()
            .map(|c| super::rows::RowColumn {
                hidden: c.hidden,
                ..super::rows::RowColumn::new(c.name.clone(), c.ty.clone(), span)
            })
            .collect();
        self.rows.set_time(time);
        self.replaced = None;
        self.rows.carried = match &grouping {
            Grouping::Updating(UpdatingScope::Window { lateness, .. }, emission) if top_follows => {
                let emit = emit_span(below);
                self.replaced =
                    Some(Replaced { emission: *emission, emit, lateness: *lateness, is_numbered });
                vec![time.saturating_sub(2), time.saturating_sub(1)]
            }
            Grouping::UpdatingWindows { lateness, emission, .. } if is_numbered => {
                let emit = emit_span(below);
                self.replaced =
                    Some(Replaced { emission: *emission, emit, lateness: *lateness, is_numbered });
                vec![time.saturating_sub(2), time.saturating_sub(1)]
            }
            Grouping::Updating(..) | Grouping::UpdatingWindows { .. } => vec![],
            // A window that closes leaves its bounds to a `top` or `order by` below.
            Grouping::Window(window) => {
                let by = match window {
                    WindowAssigner::Session { by, .. } | WindowAssigner::Rows { by, .. } => by.clone(),
                    WindowAssigner::Until { .. } => (0..group.keys.len()).collect(),
                    _ => vec![],
                };
                let number = if is_of_rows { vec![time.saturating_sub(1)] } else { vec![] };
                let start = time.saturating_sub(2 + number.len());
                [vec![start, start + 1], by, number].concat()
            }
        };
        let keys = group.keys.into_iter().filter(|k| k.bound.is_none()).map(|k| k.value);
        let keys = keys.chain(carried).collect();
        let group_span = group.span;
        let grouped = Schema { columns: grouped, ..self.rows.schema() };
        self.finish_select(selected, span, |select| {
            ClauseKind::Aggregate(hir::Aggregate {
                grouping,
                keys,
                calls: uses,
                fill,
                select,
                grouped,
                group_span,
            })
        });
    }

    /// What makes the results updating, if they are: of a window, with the place of its `lateness` if it has one,
    /// or of all rows so far.
    fn because_of(&self, window: Option<Option<Span>>, group: Span, below: &[&ast::Clause]) -> Because {
        let emit = emit_span(below).filter(|_| is_updating(below));
        let (span, cause) = match (window, emit) {
            (Some(Some(_)), Some(emit)) => (emit, Cause::EmitAndLateness),
            (Some(Some(lateness)), None) => (lateness, Cause::Lateness),
            (Some(None), Some(emit)) => (emit, Cause::Emit),
            _ => (group, Cause::Group),
        };
        Because { span, cause }
    }

    /// The calls with their texts.
    pub(super) fn named(&self, calls: Vec<hir::AggregateCall>) -> Vec<hir::AggregateCall> {
        let name = |number: usize| match number {
            WINDOW_START => "window.start".to_string(),
            WINDOW_END => "window.end".to_string(),
            number => self.rows.columns.get(number).map_or("…".to_string(), |c| c.name.to_string()),
        };
        calls.into_iter().map(|call| call.named(&name)).collect()
    }

    /// The time of the last row of a window: what `fill` is counted from.
    fn last_time(&self, span: Span) -> hir::AggregateCall {
        hir::AggregateCall {
            user: None,
            function: AggregateFunction::Maximum,
            arguments: vec![self.rows.column_expr(self.rows.time, span)],
            parameter: None,
            filter: None,
            ignore_null: false,
            result: Type::TIMESTAMP,
            text: "".into(),
            span,
        }
    }

    /// What a window is kept by: the positions among the keys of the groups, and what must be added to these.
    fn keys_of_window(
        &mut self,
        window: &OpenWindow,
        group: &PendingGroup,
        scope: &Scope,
    ) -> (Vec<usize>, Vec<Expr>) {
        let keys: Vec<&Expr> = group.keys.iter().filter(|k| k.bound.is_none()).map(|k| &k.value).collect();
        self.window = Some(window.clone());
        self.check_rows_bound(!keys.is_empty() || !window.by.is_empty());
        self.window = None;
        if window.by.is_empty() {
            return ((0..keys.len()).collect(), vec![]);
        }
        let (mut by, mut added) = (vec![], vec![]);
        for (written, column) in window.by.iter().zip(self.rows.carried.clone()) {
            let carried = self.rows.column_expr(column, written.span);
            // What it means here; what is wrong with it has been said.
            let mut said = Diagnostics::default();
            let here =
                Checker::new(self.around.names, self.around.file, &mut said).check_expr(scope, written, None);
            let is_same = |key: &&Expr| is_key(&carried, key) || key.same(&here);
            // By the name of a key, which stands behind the columns of the rows.
            let named = match here.kind {
                ExprKind::Column(number) => number >= self.rows.columns.len(),
                _ => false,
            };
            if !named && !keys.iter().any(is_same) {
                self.diagnostics.push(windows::ungrouped_key(written.span, group.span));
            }
            by.push(keys.iter().position(|key| is_key(&carried, key)).unwrap_or_else(|| {
                added.push(carried.clone());
                keys.len() + added.len() - 1
            }));
        }
        (by, added)
    }

    /// What the select sees: the rows of the group, and the keys behind them by the names they have.
    fn group_scope(&self, group: &PendingGroup, window: Option<(Span, Bounds)>) -> Scope {
        let mut scope = Scope::default();
        let rows = self.rows.scope();
        let is_plain = |name: &str| group.keys.iter().any(|k| k.name.as_deref() == Some(name));
        let is_carried = window.is_some_and(|(_, bounds)| bounds == Bounds::Carried);
        let is_bound = |number: usize| is_carried && self.rows.carried.iter().take(2).any(|c| *c == number);
        for column in rows.columns().iter().filter(|c| !is_bound(c.column)) {
            // A key's own column is reached through the key, whatever the key is called.
            let hidden_by_key = is_plain(&column.name);
            scope.add_column(ScopeColumn {
                qualified_only: column.qualified_only || hidden_by_key,
                many: true,
                ..column.clone()
            });
        }
        scope.narrow(rows.proved().clone());
        for (i, key) in group.keys.iter().enumerate() {
            if let Some(name) = &key.name {
                let number = self.rows.columns.len() + i;
                let column = ScopeColumn::new(name.clone(), number, key.value.ty.clone(), key.span);
                scope.add_column(column.defined(Some(key.defined)));
            }
        }
        if let Some((span, _)) = window {
            add_bounds(&mut scope, span);
        }
        scope
    }

    /// Checks with the aggregates of the select at hand, or with its functions over rows if it is a plain one.
    pub(super) fn select_checker<T>(&mut self, check: impl FnOnce(&mut Checker) -> T) -> T {
        let (aggregates, over_rows) = (self.aggregates.take(), self.over_rows.take());
        let mut checker = self.checker();
        (checker.aggregates, checker.over_rows) = (aggregates, over_rows);
        let result = check(&mut checker);
        let collected = (checker.aggregates.take(), checker.over_rows.take());
        (self.aggregates, self.over_rows) = collected;
        result
    }

    pub(super) fn aggregates_see(&self, name: &str) -> bool {
        self.aggregates.as_ref().is_some_and(|a| !matches!(a.rows.lookup(name), Lookup::Missing))
    }
}

/// From the columns that the select was checked against to those of the groups.
struct Places<'k> {
    /// With the column of the groups that each is.
    keys: Vec<(&'k Expr, usize)>,
    n_inputs: usize,
    /// The column of the first call, and that of the window's start.
    first_call: usize,
    start: usize,
}

impl<'k> Places<'k> {
    /// `n_carried` keys stand behind those of the group.
    fn new(keys: &'k [Key], n_inputs: usize, n_carried: usize, n_calls: usize) -> Places<'k> {
        let n_columns = keys.iter().filter(|k| k.bound.is_none()).count();
        let first_call = n_columns + n_carried;
        let start = first_call + n_calls;
        let mut next = 0..;
        let column = |key: &Key| match key.bound {
            Some(WINDOW_START) => start,
            Some(_) => start + 1,
            None => next.next().unwrap_or_default(),
        };
        let columns: Vec<usize> = keys.iter().map(column).collect();
        let keys = keys.iter().map(|k| &k.value).zip(columns).collect();
        Places { keys, n_inputs, first_call, start }
    }

    /// Replaces keys, calls and the window's bounds; collects the columns that are none of these.
    fn place(&self, expr: &mut Expr, outside: &mut Vec<(usize, Span)>) {
        if let Some((_, column)) = self.keys.iter().find(|(key, _)| is_key(expr, key)) {
            expr.kind = ExprKind::Column(*column);
            return;
        }
        if let ExprKind::Column(number) = &mut expr.kind {
            *number = match *number {
                WINDOW_START => self.start,
                WINDOW_END => self.start + 1,
                number if number >= self.n_inputs => {
                    let place = number - self.n_inputs;
                    let key = self.keys.get(place).map(|(_, column)| *column);
                    key.unwrap_or_else(|| self.first_call + place - self.keys.len())
                }
                number => {
                    outside.push((number, expr.span));
                    number
                }
            };
            return;
        }
        expr.children_mut().into_iter().for_each(|part| self.place(part, outside));
    }
}

/// Whether a window without rows repeats something of another.
fn repeats(with: &ast::FillWith) -> bool {
    let is_previous = |value: &ast::FillValue| matches!(value, ast::FillValue::Previous);
    match with {
        ast::FillWith::Every(value) => is_previous(value),
        ast::FillWith::Fields(fields) => fields.iter().any(|field| is_previous(&field.value)),
    }
}

fn is_key(expr: &Expr, key: &Expr) -> bool {
    match (&expr.kind, &key.kind) {
        (ExprKind::Column(a), ExprKind::Column(b)) => a == b,
        (ExprKind::Literal(_), _) => false,
        _ => expr.same(key),
    }
}
