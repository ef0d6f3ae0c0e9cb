//! `join S as s on E within …`: pairs of a row and its partners in another stream or in a table.

use super::QueryChecker;
use super::head::{check_reference, columns_of, define_alias, updating_because};
use super::rows::{RowColumn, Rows, Updating};
use super::window::{Bounds, OpenWindow};
use crate::check::Proved;
use crate::errors::joins::NoKey;
use crate::errors::{clauses, joins as errors};
use crate::hir::{self, Because, Cause, ClauseKind, JoinBound};
use crate::scope::OnlyAsked;
use millstream_base::Span;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::JoinKind;
use millstream_ir::types::{Type, TypeKind};
use millstream_syntax::ast;
use millstream_syntax::token::in_backticks;

impl QueryChecker<'_> {
    pub(super) fn check_join(&mut self, join: &ast::Join, span: Span) {
        let kind = kind_of(join.kind);
        let name = join.stream.name();
        let table = self.table_of(&join.stream);
        define_alias(self.around, join.alias.as_ref());
        let (right, schema) = match &table {
            Some((right, table)) => (*right, Some(table.schema.clone())),
            // What is wrong with a table has been reported.
            None if self.is_broken_table(&join.stream) => return self.rows.known &= kind.yields_left_only(),
            None => check_reference(self.around, &join.stream, self.diagnostics),
        };
        let Some(schema) = schema.filter(|_| self.rows.known) else {
            self.rows.known &= kind.yields_left_only();
            return;
        };
        let is_of_table = table.is_some();
        let alias = join.alias.as_ref().unwrap_or(name);
        let because = updating_because(self.around, right);
        let of_right = Rows::of_schema(&schema, columns_of(self.around, right), alias, because);
        // What a table gave a row is withdrawn with it.
        let is_for_ever = join.forever.is_some() && !is_of_table;
        let needs_final = !is_of_table && !is_for_ever;
        let changed = self.rows.updating.as_ref().or(of_right.updating.as_ref()).map(|u| u.because);
        let of_left = self.rows.updating.iter().filter(|_| needs_final);
        for updating in of_left {
            let fault = clauses::join_needs_append_only(span, kind.name(), updating.because);
            self.diagnostics.push(errors::or_keep_table(fault, None, &alias.text));
        }
        if let Some(updating) = of_right.updating.as_ref().filter(|_| needs_final) {
            let fault = clauses::join_needs_append_only(span, kind.name(), updating.because);
            let columns = of_right.columns.iter();
            let names: Vec<&str> = columns.map(|column| &*column.name).collect();
            let key = updating.key.iter().flatten().filter_map(|key| names.get(*key).copied());
            self.diagnostics.push(errors::or_keep_table(
                fault,
                Some((&name.text, key.collect())),
                &name.text,
            ));
        }
        let same = self.rows.visible().find(|(_, c)| c.qualifier.as_deref() == Some(&*alias.text));
        if let Some(same) = same.map(|(_, column)| column.span) {
            self.diagnostics.push(errors::same_alias(alias.span, &alias.text, same));
            // Which of the two a column is of cannot be told.
            self.rows.known = false;
            return;
        }
        let n_left = self.rows.columns.len();
        let before = self.rows.clone();
        self.rows.columns.extend(of_right.columns);
        let scope = self.scope();
        let mut checker = self.checker();
        checker.looked_up = is_of_table.then_some(n_left);
        let (on, proved) = checker.check_condition(&scope, &join.on);
        let (keys, condition) = split(&on, n_left, is_of_table);
        if keys.is_empty() && !on.ty.is_error() {
            let of_no_use = on.conjuncts().into_iter().find_map(|part| of_no_use(part, n_left));
            self.diagnostics.push(match of_no_use {
                Some((span, why)) => errors::equality_of_no_use(span, &why, is_of_table),
                None => errors::no_equality(join.on.span, is_of_table),
            });
        }
        let bound = match &table {
            Some((_, table)) => self.version(join, kind, table, &before, span),
            None => self.join_bound(join, span),
        };
        match kind {
            JoinKind::Semi | JoinKind::Anti => {
                self.rows = before;
                if kind == JoinKind::Semi {
                    self.rows.narrow(proved.of_columns_below(n_left));
                }
                let words = span.at_start().to(join.stream.name().span.at_start());
                let name = alias.text.as_str().into();
                self.rows.asked.push(OnlyAsked { name, join: kind.name(), words });
            }
            JoinKind::Inner => self.rows.narrow(proved),
            JoinKind::Left | JoinKind::Right | JoinKind::Full => {
                let [left, right] = kind.yields_unmatched();
                // The window is that of the row that there is.
                let bounds = self.rows.carried.get(..2).unwrap_or_default();
                let columns = self.rows.columns.iter_mut().enumerate();
                for (number, column) in columns.filter(|(number, _)| !bounds.contains(number)) {
                    let may_be_missing = if number < n_left { right } else { left };
                    column.ty = column.ty.clone().or_null(may_be_missing);
                }
                if right {
                    self.rows.proved = Proved::default();
                }
            }
        }
        if let Some((_, table)) = &table
            && let Some(updating) = &mut self.rows.updating
            && !kind.yields_left_only()
        {
            updating.key = key_of_pairs(updating.key.take(), &keys, table, n_left);
        }
        let is_updating = is_for_ever && (changed.is_some() || kind.yields_unmatched() != [false; 2]);
        let hidden = |name: &str, ty| RowColumn { hidden: true, ..RowColumn::new(name, ty, span) };
        if !kind.yields_left_only() || is_for_ever {
            let time = self.rows.columns.len();
            match is_of_table {
                true => self.rows.move_time(time),
                false => self.rows.set_time(time),
            }
            self.rows.columns.push(hidden("time", Type::TIMESTAMP));
        }
        if is_updating {
            let sign = self.rows.columns.len();
            self.rows.columns.push(hidden("sign", Type::INT));
            let because = changed.unwrap_or(Because { span, cause: Cause::OuterJoin });
            self.rows.updating = Some(Updating { sign, key: None, because });
        }
        if let Some(bound) = bound {
            let alias = alias.text.as_str().into();
            let join = hir::Join { kind, right, alias, schema, keys, condition, bound };
            self.push(ClauseKind::Join(join), span);
        }
    }

    /// Reports columns of one name where the query ends below a join: a reader could not tell them apart.
    pub(super) fn expect_one_column_of_each_name(&mut self, end: Span) {
        if !self.rows.known || self.group.is_some() {
            return;
        }
        let (mut names, mut pairs): (Vec<&str>, Vec<[usize; 2]>) = (vec![], vec![]);
        for (number, column) in self.rows.visible() {
            if let Some((first, _)) = self.rows.find(&column.name)
                && first != number
                && !names.contains(&&*column.name)
            {
                names.push(&column.name);
                pairs.push([first, number]);
            }
        }
        let Some(pair) = pairs.first() else { return };
        let sides = pair.map(|number| {
            let column = &self.rows.columns[number];
            (self.name_of(number).unwrap_or_default(), column.span)
        });
        let kept = pairs.iter().filter_map(|[first, _]| self.name_as_written(*first));
        let select = format!(
            " select * except ({}), {}",
            names.iter().map(|name| in_backticks(name)).collect::<Vec<_>>().join(", "),
            kept.collect::<Vec<_>>().join(", ")
        );
        self.diagnostics.push(errors::same_name_on_both_sides(names[0], sides, end, select));
        self.rows.known = false;
    }

    fn name_as_written(&self, column: usize) -> Option<String> {
        let column = self.rows.columns.get(column)?;
        let qualifier = column.qualifier.as_deref()?;
        Some(format!("{}.{}", in_backticks(qualifier), in_backticks(&column.name)))
    }

    /// Reports a join that finds no partners for late rows, which are to correct the window above it.
    pub(super) fn check_no_late_rows(&mut self, span: Span) -> Option<()> {
        let Some(window) = self.window.as_ref().filter(|window| window.lateness.is_some()) else {
            return Some(());
        };
        self.diagnostics.push(errors::join_with_lateness(span, window.span));
        None
    }

    /// Reports a bound of its own of a join below a window that has its place in time.
    fn check_bounded_once(&mut self, bound: Span, join: &ast::Join) -> Option<()> {
        let is_of_time = |window: &&OpenWindow| window.frame.is_none() && window.bounds != Bounds::AtEnd;
        let Some(window) = self.window.as_ref().filter(is_of_time) else { return Some(()) };
        self.diagnostics.push(errors::bound_in_window(bound, window.span, join.on.span.at_end().to(bound)));
        None
    }

    /// What bounds the rows that are kept; none if that is wrong, which is reported.
    fn join_bound(&mut self, join: &ast::Join, span: Span) -> Option<JoinBound> {
        if let Some(as_of) = &join.as_of {
            let name = &join.stream.name().text;
            let bound = join.within.as_ref().map(|range| range.span);
            let before = bound.filter(|bound| bound.start < as_of.span.start).unwrap_or(join.on.span);
            let clause = before.at_end().to(as_of.span);
            let is_bounded = join.within.is_some() || join.forever.is_some() || self.window.is_some();
            self.diagnostics.push(errors::as_of_stream(as_of.span, name, clause, is_bounded));
            if !is_bounded {
                return None;
            }
        }
        if let Some(range) = &join.within {
            let mut checker = self.checker();
            let high = checker.check_duration(&range.high);
            let low = match &range.low {
                Some(low) => checker.check_duration(low),
                None => checker.check_duration(&range.high).map(i64::saturating_neg),
            };
            let (low, high) = (low?, high?);
            if low > high {
                self.diagnostics.push(errors::empty_range(range.span, [low, high]));
                return None;
            }
            if let Some(forever) = join.forever {
                let before =
                    if range.span.start < forever.start { range.span } else { join.on.span }.at_end();
                self.diagnostics.push(errors::second_bound(forever, range.span, before.to(forever)));
                return None;
            }
            self.check_bounded_once(range.span, join)?;
            return Some(JoinBound::Within { low, high });
        }
        if let Some(forever) = join.forever {
            self.check_bounded_once(forever, join)?;
            return Some(JoinBound::Forever);
        }
        let Some(window) = &self.window else {
            self.diagnostics.push(errors::unbounded_join(span, join.on.span.at_end()));
            return None;
        };
        match (window.bounds, &self.rows.carried[..]) {
            (Bounds::Carried, [start, end, ..]) => {
                let bound = JoinBound::Window { assigner: window.assigner.clone(), start: *start, end: *end };
                self.check_no_late_rows(span).map(|()| bound)
            }
            _ => {
                self.diagnostics.push(errors::join_in_window(span, window.span));
                None
            }
        }
    }
}

/// What names a row of an updating stream and what a table gave it: where that may be several rows, their key too.
fn key_of_pairs(
    key: Option<Vec<usize>>,
    keys: &[(Expr, Expr)],
    table: &hir::Table,
    n_left: usize,
) -> Option<Vec<usize>> {
    let is_asked = |column: &usize| {
        keys.iter().any(|(_, right)| matches!(right.kind, ExprKind::Column(asked) if asked == *column))
    };
    let mut key = key?;
    if table.key.is_empty() || !table.key.iter().all(is_asked) {
        key.extend(table.key.iter().map(|column| n_left + column));
    }
    Some(key)
}

fn kind_of(kind: ast::JoinKind) -> JoinKind {
    match kind {
        ast::JoinKind::Inner => JoinKind::Inner,
        ast::JoinKind::Left => JoinKind::Left,
        ast::JoinKind::Right => JoinKind::Right,
        ast::JoinKind::Full => JoinKind::Full,
        ast::JoinKind::Semi => JoinKind::Semi,
        ast::JoinKind::Anti => JoinKind::Anti,
    }
}

/// The equalities between something of the row and something of its partner, and what else the condition says.
/// A table is looked up by its columns only, not by what can be computed of them.
fn split(on: &Expr, n_left: usize, is_of_table: bool) -> (Vec<(Expr, Expr)>, Option<Expr>) {
    let (mut keys, mut rest): (Vec<(Expr, Expr)>, Vec<Expr>) = (vec![], vec![]);
    for part in on.conjuncts() {
        match equality(part, n_left) {
            Some((left, right)) if !is_of_table || matches!(right.kind, ExprKind::Column(_)) => {
                keys.push((left, right));
            }
            _ => rest.push(part.clone()),
        }
    }
    (keys, Expr::all_of(rest))
}

/// The sides of `left.a == right.b`, the one of the row first. Floats that are equal as keys need not be as
/// numbers (NaN), and what fails must fail its row: neither is a key.
fn equality(expr: &Expr, n_left: usize) -> Option<(Expr, Expr)> {
    let (left, right) = sides(expr, n_left)?;
    if expr.can_fail() || left.ty.kind == TypeKind::Float || left.ty.kind != right.ty.kind {
        return None;
    }
    let mut right = right.clone();
    right.renumber(|column| column - n_left);
    Some((left.clone(), right))
}

/// An equality of both sides by which nothing can be looked up, and why.
fn of_no_use(expr: &Expr, n_left: usize) -> Option<(Span, NoKey)> {
    let (left, right) = sides(expr, n_left)?;
    let is_rescaled = |side: &Expr| match &side.kind {
        ExprKind::Cast { value, .. } => matches!(value.ty.kind, TypeKind::Decimal(_)),
        _ => false,
    };
    let why = match &left.ty.kind {
        TypeKind::Float => NoKey::Float,
        TypeKind::Decimal(scale) if is_rescaled(left) || is_rescaled(right) => NoKey::Scale(*scale),
        _ if expr.can_fail() => NoKey::CanFail,
        _ => NoKey::Computed,
    };
    Some((expr.span, why))
}

/// What is of the row, and what is of its partner, if an expression says that they are equal.
fn sides(expr: &Expr, n_left: usize) -> Option<(&Expr, &Expr)> {
    let ExprKind::Binary(BinaryOp::Equal, a, b) = &expr.kind else { return None };
    let is_of = |expr: &Expr, is_left: bool| {
        let columns = expr.columns();
        !columns.is_empty() && columns.iter().all(|column| (*column < n_left) == is_left)
    };
    match (is_of(a, true), is_of(b, false), is_of(a, false), is_of(b, true)) {
        (true, true, ..) => Some((a, b)),
        (_, _, true, true) => Some((b, a)),
        _ => None,
    }
}
