//! Formats queries: heads and clauses.

use super::writer::{Brackets, Gap, Writer};
use crate::ast::{
    Clause, ClauseKind, Dedupe, DedupeKeep, Emit, Expr, Fill, FillField, FillValue, FillWith, GroupBound,
    GroupBy, GroupKey, Join, Keep, KeepKind, Match, MatchBound, MatchMode, OrderKey, Query, QueryHead,
    QueryHeadKind, SelectItem, SelectItemKind, Size, Star, Top, Window, WindowKind,
};
use crate::token::TokenKind;

impl Writer<'_> {
    pub(super) fn query(&mut self, query: &Query) {
        self.query_head(&query.head);
        for clause in &query.clauses {
            self.separate(Gap::Below);
            self.group(|w| w.clause(clause));
        }
    }

    fn query_head(&mut self, head: &QueryHead) {
        match &head.kind {
            QueryHeadKind::From(from) => {
                self.piece();
                self.stream_ref(&from.stream);
            }
            QueryHeadKind::Match(head) => self.match_head(head),
            QueryHeadKind::Error => {}
        }
        self.through(head.span);
    }

    fn match_head(&mut self, head: &Match) {
        self.piece();
        if let MatchMode::OncePer(duration) = &head.mode {
            self.expr(duration);
        }
        self.keys(&head.by);
        self.until(head.pattern.span);
        self.indent();
        self.separate(Gap::Below);
        self.steps(&head.pattern);
        self.dedent();
        if let Some(absence) = &head.without {
            self.separate(Gap::Below);
            self.absence(absence);
        }
        if let Some(bound) = &head.bound {
            self.separate(Gap::Below);
            self.piece();
            if let MatchBound::Within { duration, or_timeout } = bound {
                self.expr(duration);
                if *or_timeout {
                    self.piece();
                    self.piece();
                }
            }
        }
        if let Some(last) = head.reuse.last() {
            self.separate(Gap::Below);
            self.through(last.span);
        }
        if let Some(limit) = &head.limit {
            self.separate(Gap::Below);
            self.expr(limit);
        }
    }

    /// `by C, (E, …)`: the parentheses hold one key or several.
    fn keys(&mut self, keys: &[Expr]) {
        for key in keys {
            self.expr(key);
        }
    }

    fn clause(&mut self, clause: &Clause) {
        match &clause.kind {
            ClauseKind::Where(condition) => self.expr(condition),
            ClauseKind::Let(bindings) => {
                self.piece();
                self.listed(bindings, |w, binding| w.binding(binding));
            }
            ClauseKind::Select(items) => {
                self.piece();
                self.listed(items, |w, item| w.select_item(item));
            }
            ClauseKind::Join(join) => self.join(join, clause),
            ClauseKind::Window(window) => self.window(window, clause),
            ClauseKind::GroupBy(group) => self.group_by(group),
            ClauseKind::Unnest { list, .. } => self.expr(list),
            ClauseKind::Union(streams) => {
                self.piece();
                self.listed(streams, |w, stream| w.stream_ref(stream));
            }
            ClauseKind::Dedupe(dedupe) => self.dedupe(dedupe),
            ClauseKind::Changes { of, by, keep } => {
                self.piece();
                if !of.is_empty() {
                    self.piece();
                    self.keys(of);
                    self.close_parentheses();
                }
                self.by(by);
                self.option(keep.as_ref(), Self::keep);
            }
            ClauseKind::Top(top) => self.top(top),
            ClauseKind::OrderBy(keys) => {
                self.piece();
                self.piece();
                self.listed(keys, |w, key| w.order_key(key));
            }
            ClauseKind::Throttle { count, per, by } => {
                self.expr(count);
                self.expr(per);
                let by = (!by.is_empty()).then_some(by);
                self.option(by, |w, by| w.by(by));
            }
            ClauseKind::Time { time, disorder } => {
                self.expr(time);
                self.option(disorder.as_ref(), Self::expr);
            }
            ClauseKind::Emit(Emit::Every(duration)) => self.expr(duration),
            ClauseKind::Emit(Emit::Final | Emit::OnChange) => {}
            ClauseKind::OnError(policy) => self.policy(policy),
            ClauseKind::Error { .. } => {}
        }
        self.through(clause.span);
    }

    /// A further part of a clause: below it and indented if the clause does not fit on one line.
    fn option<T>(&mut self, part: Option<T>, write: impl FnOnce(&mut Self, T)) {
        if let Some(part) = part {
            self.close_parentheses();
            self.indent();
            self.separate(Gap::Line);
            write(self, part);
            self.dedent();
        }
    }

    /// `by E, …`
    fn by(&mut self, keys: &[Expr]) {
        self.piece();
        self.listed(keys, |w, key| w.expr(key));
    }

    fn keep(&mut self, keep: &Keep) {
        if let KeepKind::Expire(duration) = &keep.kind {
            self.expr(duration);
        }
        self.through(keep.span);
    }

    fn select_item(&mut self, item: &SelectItem) {
        match &item.kind {
            SelectItemKind::Column { value, .. } => self.expr(value),
            SelectItemKind::Star(star) => self.star(star),
        }
        self.through(item.span);
    }

    /// `a.*`, `* except (x, y)`, `* replace (E as x)`
    fn star(&mut self, star: &Star) {
        self.exprs(&star.of);
        if !star.except.is_empty() {
            self.piece();
            self.piece();
            self.bracketed(&star.except, Brackets::TIGHT, |w, name| w.through(name.span));
        } else if !star.replace.is_empty() {
            self.piece();
            self.piece();
            self.bracketed(&star.replace, Brackets::TIGHT, |w, replacement| {
                w.expr(&replacement.value);
                w.through(replacement.span);
            });
        }
    }

    /// The options of a join stand in any order, so the words tell which comes next.
    fn join(&mut self, join: &Join, clause: &Clause) {
        let end = clause.span.end as usize;
        while self.kind_before(end).is_some_and(|kind| kind != TokenKind::Join) {
            self.piece();
        }
        self.piece();
        self.stream_ref(&join.stream);
        if let Some(alias) = &join.alias {
            self.through(alias.span);
        }
        self.indent();
        while let Some(word) = self.kind_before(end) {
            self.separate(Gap::Line);
            match word {
                TokenKind::On => self.expr(&join.on),
                TokenKind::Within if join.within.is_some() => {
                    if let Some(range) = &join.within {
                        self.range(range);
                    }
                }
                TokenKind::As => self.exprs(&join.as_of),
                _ => self.piece(),
            }
            self.close_parentheses();
        }
        self.dedent();
    }

    fn window(&mut self, window: &Window, clause: &Clause) {
        let end = clause.span.end as usize;
        self.exprs(sizes(&window.kind));
        self.through(window.kind_span);
        self.indent();
        while let Some(word) = self.kind_before(end) {
            self.close_parentheses();
            self.separate(Gap::Line);
            match word {
                TokenKind::Offset => self.exprs(&window.offset),
                TokenKind::In => self.through(window.zone.as_ref().map_or(clause.span, |zone| zone.span)),
                TokenKind::Max => self.exprs(&window.max),
                TokenKind::Lateness => self.exprs(&window.lateness),
                TokenKind::Fill if window.fill.is_some() => {
                    if let Some(fill) = &window.fill {
                        self.fill(fill);
                    }
                }
                TokenKind::By => self.by(&window.by),
                _ => match &window.keep {
                    Some(keep) => self.keep(keep),
                    None => self.up_to(end),
                },
            }
        }
        self.dedent();
    }

    fn fill(&mut self, fill: &Fill) {
        match &fill.with {
            FillWith::Every(FillValue::Previous) => {}
            FillWith::Every(FillValue::Value(value)) => self.expr(value),
            FillWith::Fields(fields) => {
                self.piece();
                self.bracketed(fields, Brackets::TIGHT, |w, field| w.fill_field(field));
            }
        }
        self.expr(&fill.duration);
        self.through(fill.span);
    }

    fn fill_field(&mut self, field: &FillField) {
        if let FillValue::Value(value) = &field.value {
            self.expr(value);
        }
        self.through(field.span);
    }

    fn group_by(&mut self, group: &GroupBy) {
        self.piece();
        self.piece();
        if group.keys.is_empty() {
            self.piece();
            self.piece();
        } else {
            self.listed(&group.keys, |w, key| w.group_key(key));
        }
        self.option(group.bound.as_ref(), |w, bound| match bound {
            GroupBound::Keep(keep) => w.keep(keep),
            GroupBound::Until(end) => w.expr(end),
        });
    }

    fn group_key(&mut self, key: &GroupKey) {
        self.expr(&key.value);
        self.through(key.span);
    }

    fn dedupe(&mut self, dedupe: &Dedupe) {
        self.piece();
        self.by(&dedupe.by);
        self.option(Some(&dedupe.keep), |w, keep| match keep {
            DedupeKeep::FirstWithin(duration) => w.expr(duration),
            DedupeKeep::Last(keep) => {
                w.piece();
                w.piece();
                if let Some(keep) = keep {
                    w.keep(keep);
                }
            }
        });
    }

    fn top(&mut self, top: &Top) {
        self.expr(&top.count);
        self.close_parentheses();
        self.piece();
        self.listed(&top.by, |w, key| w.order_key(key));
        let per = (!top.per.is_empty()).then_some(&top.per);
        self.option(per, |w, per| w.by(per));
        self.option(top.keep.as_ref(), Self::keep);
    }

    fn order_key(&mut self, key: &OrderKey) {
        self.expr(&key.value);
        self.through(key.span);
    }
}

/// The sizes of a window, each with the words before it.
fn sizes(kind: &WindowKind) -> Vec<&Expr> {
    match kind {
        WindowKind::Tumbling(size) | WindowKind::Sliding(size) => size_expr(size).into_iter().collect(),
        WindowKind::Hopping { size, every } => {
            [size_expr(size), size_expr(every)].into_iter().flatten().collect()
        }
        WindowKind::Cumulative { size, every } => vec![size, every],
        WindowKind::Session { gap } => vec![gap],
        WindowKind::Running => vec![],
    }
}

fn size_expr(size: &Size) -> Option<&Expr> {
    match size {
        Size::Duration(size) | Size::Rows(size) => Some(size),
        Size::Calendar(_) => None,
    }
}
