//! The operators of each clause.

use super::columns::{Columns, column_expr};
use super::{Lowering, Owner};
use crate::hir::{self, ClauseKind, Grouping};
use crate::plan::{Operator, PlanId};
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{
    Breaker, Column, Corrected, FillWindows, Frame, FrameAggregate, GatherWindows, HistoryKind, KeyHistory,
    Schema, SortWindow, Top, UpdatingAggregate, UpdatingScope, UpdatingWindows, WindowAggregate,
};
use millstream_ir::types::Type;
use millstream_ir::value::Value;

impl Lowering<'_> {
    pub(super) fn clause(&mut self, owner: &Owner, input: PlanId, clause: &hir::Clause) -> Option<PlanId> {
        let (span, schema) = (clause.span, clause.schema.clone());
        Some(match &clause.kind {
            ClauseKind::Where(condition) => {
                self.add(owner, span, vec![input], schema, Operator::Filter(condition.clone()))
            }
            ClauseKind::Let(values) => {
                self.add(owner, span, vec![input], schema, Operator::Let(values.clone()))
            }
            ClauseKind::Select(values) => {
                self.add(owner, span, vec![input], schema, Operator::Project(values.clone()))
            }
            ClauseKind::Unnest(list) => self.unnest(owner, input, list, clause),
            ClauseKind::Union(union) => self.union(owner, input, union, clause)?,
            ClauseKind::Join(join) => self.join(owner, input, join, clause)?,
            ClauseKind::Window { assigner, assigns: true } => {
                self.add(owner, span, vec![input], schema, breaker(Breaker::AssignWindows(assigner.clone())))
            }
            ClauseKind::Window { .. } => input,
            ClauseKind::LeaveOutLate => {
                self.add(owner, span, vec![input], schema, breaker(Breaker::LeaveOutLate))
            }
            ClauseKind::Time { time, disorder } => {
                let assign = Operator::AssignTime { disorder: *disorder };
                if matches!(time.kind, ExprKind::Column(_)) {
                    return Some(self.add(owner, span, vec![input], schema, assign));
                }
                let operator = Operator::Let(vec![time.clone()]);
                let before = self.plan.node(input).schema.time;
                let with_old_time = Schema { time: before, ..schema.clone() };
                let with_time = self.add(owner, span, vec![input], with_old_time, operator);
                self.add(owner, span, vec![with_time], schema, assign)
            }
            ClauseKind::GatherWindows { window, keys } => {
                let mut columns = Columns::of(&self.plan.node(input).schema);
                let keys = keys.iter().map(|key| columns.column(key, "key")).collect();
                let gather = breaker(Breaker::GatherWindows(GatherWindows { window: window.clone(), keys }));
                self.over_columns(owner, input, columns, gather, clause)
            }
            ClauseKind::SortWindow(sort) => self.sort_window(owner, input, sort, clause),
            ClauseKind::Top(top) => self.top(owner, input, top, clause),
            ClauseKind::Aggregate(aggregate) => self.aggregate(owner, input, aggregate, clause),
            ClauseKind::History(history) => self.history(owner, input, history, clause),
            ClauseKind::Frame(frame) => self.frame(owner, input, frame, clause),
        })
    }

    /// The list in a column of its own, then a row per element, then without the list.
    fn unnest(&mut self, owner: &Owner, input: PlanId, list: &Expr, clause: &hir::Clause) -> PlanId {
        let mut columns = Columns::of(&self.plan.node(input).schema);
        let list = columns.column(list, "list");
        self.over_columns(owner, input, columns, Operator::Unnest { list }, clause)
    }

    /// What it sorts and parts by as columns, then the rows in order, then without what was added.
    fn sort_window(
        &mut self,
        owner: &Owner,
        input: PlanId,
        sort: &hir::SortWindow,
        clause: &hir::Clause,
    ) -> PlanId {
        let mut columns = Columns::of(&self.plan.node(input).schema);
        let per = sort.per.iter().map(|key| columns.column(key, "per")).collect();
        let by = columns.sort_keys(&sort.by);
        let bound = |number: usize| sort.window.get(number).copied().unwrap_or_default();
        let spec = SortWindow {
            start: bound(0),
            end: bound(1),
            of: sort.window.iter().skip(2).copied().collect(),
            is_timed_by_window: sort.is_timed_by_window,
            per,
            by,
            limit: sort.limit,
        };
        self.over_columns(owner, input, columns, breaker(Breaker::SortWindow(spec)), clause)
    }

    /// What it ranks and parts by as columns, then the best rows, then without what was added.
    fn top(&mut self, owner: &Owner, input: PlanId, top: &hir::Top, clause: &hir::Clause) -> PlanId {
        let mut columns = Columns::of(&self.plan.node(input).schema);
        let per = top.per.iter().map(|key| columns.column(key, "per")).collect();
        let by = columns.sort_keys(&top.by);
        let spec = Top {
            per,
            by,
            among_equals: top.among_equals,
            limit: top.limit,
            scope: top.scope.clone(),
            emission: top.emission,
            sign: self.plan.node(input).schema.sign,
        };
        self.over_columns(owner, input, columns, breaker(Breaker::Top(spec)), clause)
    }

    /// Keys and arguments as columns; the history; then without those columns again.
    fn history(
        &mut self,
        owner: &Owner,
        input: PlanId,
        history: &hir::History,
        clause: &hir::Clause,
    ) -> PlanId {
        let mut columns = Columns::of(&self.plan.node(input).schema);
        let keys = history.keys.iter().map(|key| columns.column(key, "key")).collect();
        let mut column = |expr: &Expr| columns.column(expr, "argument");
        let kind = match &history.kind {
            hir::HistoryKind::Throttle { count, per } => HistoryKind::Throttle { count: *count, per: *per },
            hir::HistoryKind::Changes { of, expire } => {
                HistoryKind::Changes { of: of.iter().map(column).collect(), expire: *expire }
            }
            hir::HistoryKind::Functions { functions, expire } => {
                let functions = functions.iter().map(|function| function.of_column(&mut column)).collect();
                HistoryKind::Functions { functions, expire: *expire }
            }
        };
        let history = breaker(Breaker::History(KeyHistory { keys, window: history.window.clone(), kind }));
        self.over_columns(owner, input, columns, history, clause)
    }

    /// Keys, arguments and filters as columns; the aggregates of each row; then without those columns again.
    fn frame(&mut self, owner: &Owner, input: PlanId, frame: &hir::Frame, clause: &hir::Clause) -> PlanId {
        let mut columns = Columns::of(&self.plan.node(input).schema);
        let keys = frame.keys.iter().map(|key| columns.column(key, "key")).collect();
        let is_removable = !matches!(frame.frame, Frame::Running(_));
        let calls = frame.calls.iter();
        let aggregates = calls
            .map(|call| call.of_columns(|expr, name| columns.column(expr, name), is_removable))
            .collect();
        let (frame, has_bounds) = (frame.frame, frame.has_bounds);
        let frame = breaker(Breaker::Frame(FrameAggregate { frame, keys, aggregates, has_bounds }));
        self.over_columns(owner, input, columns, frame, clause)
    }

    /// All rows with the same columns; where they stand once per window, those of the other streams too.
    fn union(
        &mut self,
        owner: &Owner,
        input: PlanId,
        union: &hir::Union,
        clause: &hir::Clause,
    ) -> Option<PlanId> {
        let (span, schema) = (clause.span, &clause.schema);
        let n_bounds = if union.windows.is_some() { 2 } else { 0 };
        let mut own = schema.clone();
        own.columns.truncate(schema.columns.len().saturating_sub(n_bounds));
        let mut inputs = vec![input];
        for other in &union.others {
            let other = self.rows(*other)?;
            let other = self.align(owner, span, other, &own, &[]);
            inputs.push(match &union.windows {
                Some((windows, _)) => {
                    let assign = breaker(Breaker::AssignWindows(windows.clone()));
                    self.add(owner, span, vec![other], schema.clone(), assign)
                }
                None => other,
            });
        }
        let bounds = union.windows.as_ref().map_or(&[][..], |(_, bounds)| bounds);
        inputs[0] = self.align(owner, span, input, schema, bounds);
        Some(self.add(owner, span, inputs, schema.clone(), Operator::Union))
    }

    /// The columns that a union takes, by name and in its order, with the bounds of a window as the last.
    fn align(&mut self, owner: &Owner, span: Span, input: PlanId, to: &Schema, bounds: &[usize]) -> PlanId {
        let from = self.plan.node(input).schema.clone();
        let n_own = to.columns.len().saturating_sub(bounds.len());
        let column = |(i, column): (usize, &Column)| {
            if let Some(bound) = i.checked_sub(n_own).and_then(|bound| bounds.get(bound)) {
                return column_expr(&from, *bound, span);
            }
            if i == to.time && column.hidden {
                return column_expr(&from, from.time, span);
            }
            if Some(i) == to.sign {
                let added = Expr::literal(Value::Int(1), Type::INT, span);
                return from.sign.map_or(added, |sign| column_expr(&from, sign, span));
            }
            let named = from.visible().find(|(_, c)| c.name == column.name);
            column_expr(&from, named.map_or(from.time, |(number, _)| number), span)
        };
        let exprs: Vec<Expr> = to.columns.iter().enumerate().map(column).collect();
        let unchanged = |(i, expr): (usize, &Expr)| matches!(expr.kind, ExprKind::Column(c) if c == i);
        if exprs.len() == from.columns.len()
            && exprs.iter().enumerate().all(unchanged)
            && (from.time, from.sign) == (to.time, to.sign)
        {
            return input;
        }
        self.add(owner, span, vec![input], to.clone(), Operator::Project(exprs))
    }

    /// Keys, arguments and filters as columns; the groups; then what is selected of them.
    fn aggregate(
        &mut self,
        owner: &Owner,
        input: PlanId,
        aggregate: &hir::Aggregate,
        clause: &hir::Clause,
    ) -> PlanId {
        let sign = self.plan.node(input).schema.sign;
        let mut columns = Columns::of(&self.plan.node(input).schema);
        let key_names = aggregate.grouped.columns.iter();
        let keys = aggregate.keys.iter().zip(key_names).map(|(key, named)| columns.column(key, &named.name));
        let keys = keys.collect();
        let is_removable = sign.is_some() && matches!(aggregate.grouping, Grouping::Updating(..));
        let calls = aggregate.calls.iter();
        let aggregates = calls
            .map(|call| call.of_columns(|expr, name| columns.column(expr, name), is_removable))
            .collect();
        let input = self.with_columns(owner, clause.span, input, columns);
        let operator = breaker(match &aggregate.grouping {
            Grouping::Window(window) => {
                Breaker::WindowAggregate(WindowAggregate { window: window.clone(), keys, aggregates })
            }
            Grouping::UpdatingWindows { window, lateness, emission, shows, is_numbered } => {
                Breaker::UpdatingWindows(UpdatingWindows {
                    window: window.clone(),
                    keys,
                    aggregates,
                    lateness: *lateness,
                    emission: *emission,
                    shows: *shows,
                    is_numbered: *is_numbered,
                })
            }
            Grouping::Updating(scope, emission) => {
                let (scope, emission) = (*scope, *emission);
                Breaker::UpdatingAggregate(UpdatingAggregate { keys, aggregates, scope, emission, sign })
            }
        });
        let n_keys = aggregate.keys.len();
        let mut of_groups = aggregate.grouped.clone();
        if aggregate.fill.is_some() {
            of_groups.columns.truncate(of_groups.columns.len().saturating_sub(FillWindows::N_ADDED));
        }
        let mut grouped = self.add(owner, aggregate.group_span, vec![input], of_groups, operator);
        if let Some(fill) = &aggregate.fill {
            let spec = FillWindows {
                window: fill.window.clone(),
                keys: (0..n_keys).collect(),
                results: (n_keys..n_keys + aggregate.calls.len()).collect(),
                duration: fill.duration,
                corrected: match aggregate.grouping {
                    Grouping::Updating(UpdatingScope::Window { lateness, .. }, emission) => {
                        Some(Corrected { emission, lateness, repeats: fill.repeats })
                    }
                    _ => None,
                },
            };
            let operator = breaker(Breaker::FillWindows(spec));
            let schema = aggregate.grouped.clone();
            grouped = self.add(owner, aggregate.group_span, vec![grouped], schema, operator);
        }
        let select = Operator::Project(aggregate.select.clone());
        self.add(owner, clause.span, vec![grouped], clause.schema.clone(), select)
    }
}

fn breaker(breaker: Breaker) -> Operator {
    Operator::Breaker(Box::new(breaker))
}
