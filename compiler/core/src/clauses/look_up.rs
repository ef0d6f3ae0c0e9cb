//! What rows of a table a row is joined with: those that stand, or stood at a time; and `x in table`, which is
//! such a join above the clause that asks.

use super::rows::{RowColumn, Rows};
use super::{Known, QueryChecker};
use crate::check::{CONVERSIONS, InTable, direct_parts};
use crate::errors::tables as errors;
use crate::hir::{self, ClauseKind, Input, InputId, JoinBound, Side, Table};
use crate::names::InputKind;
use crate::scope::Lookup;
use millstream_base::Span;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{Column, JoinKind, Reading};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;

impl<'q> QueryChecker<'q> {
    /// The table that a reference names, if it names one that is known.
    pub(super) fn table_of(&self, reference: &ast::StreamRef) -> Option<(hir::Rows, &'q Table)> {
        let ast::StreamRef::Named(name) = reference else { return None };
        self.table_named(name)
    }

    fn table_named(&self, name: &ast::Name) -> Option<(hir::Rows, &'q Table)> {
        let (number, input) = self.around.names.input(self.around.file, &name.text)?;
        match self.around.inputs.get(number) {
            Some(Known::Input(Input::Table(table))) => {
                self.around.names.facts.stands_for(name.span, Some(input.name.span));
                Some((hir::Rows { of: InputId(number), side: Side::Main, span: name.span }, table))
            }
            _ => None,
        }
    }

    /// Whether it names a table of which nothing is known.
    pub(super) fn is_broken_table(&self, reference: &ast::StreamRef) -> bool {
        let ast::StreamRef::Named(name) = reference else { return false };
        self.declares_table(name)
    }

    fn declares_table(&self, name: &ast::Name) -> bool {
        let input = self.around.names.input(self.around.file, &name.text);
        input.is_some_and(|(_, input)| matches!(input.kind, InputKind::Table { .. }))
    }

    /// Which rows of the table can be partners; none if that is wrong, which is reported. `time` is the column
    /// of the event time of the rows on the left.
    pub(super) fn version(
        &mut self,
        join: &ast::Join,
        kind: JoinKind,
        table: &Table,
        before: &Rows,
        span: Span,
    ) -> Option<JoinBound> {
        if matches!(kind, JoinKind::Right | JoinKind::Full) {
            // The words in front of the table.
            let words = span.at_start().to(join.stream.name().span.at_start());
            self.diagnostics.push(errors::unmatched_of_table(span, kind.name(), &table.name, words));
            return None;
        }
        let needless = join.within.as_ref().filter(|_| join.as_of.is_none()).map(|range| range.span);
        let on_end = join.on.span.at_end();
        if let Some(bound) = join.forever.or(needless) {
            let has_age = table.reading == Reading::AsOf && join.forever.is_none();
            let age = self.name_of_time(before).filter(|_| has_age).map(|time| (on_end, time));
            self.diagnostics.push(errors::bound_of_table(bound, &table.name, on_end.to(bound), age));
            return None;
        }
        match (table.reading, &join.as_of) {
            (Reading::AsItStands, Some(as_of)) => {
                let clause = as_of_clause(join, as_of);
                self.diagnostics.push(errors::as_of_without_time(as_of.span, &table.name, clause));
                None
            }
            (Reading::AsItStands, None) => Some(JoinBound::AsItStands),
            (Reading::AsOf, as_of) => {
                self.check_no_late_rows(span)?;
                let max_age = match &join.within {
                    None => None,
                    Some(ast::Range { low: Some(low), high, span }) => {
                        self.diagnostics
                            .push(errors::range_of_age(*span, low.span.at_start().to(high.span.at_start())));
                        return None;
                    }
                    Some(range) => {
                        let age = self.checker().check_duration(&range.high)?;
                        if age <= 0 {
                            let before = join.as_of.as_ref().map_or(join.on.span, |as_of| as_of.span);
                            let clause = before.at_end().to(range.span);
                            self.diagnostics.push(errors::no_age(range.span, &table.name, clause));
                            return None;
                        }
                        Some(age)
                    }
                };
                let (at, ahead) = match as_of {
                    None => (self.rows.column_expr(before.time, span), 0),
                    Some(as_of) => self.as_of(as_of, before, join, span)?,
                };
                Some(JoinBound::AsOf { at, ahead, max_age })
            }
        }
    }

    /// The time that a row asks for, and how much later than the row's own it is. Versions are kept for the rows
    /// that can still come, so it must be bound to their time.
    fn as_of(
        &mut self,
        as_of: &ast::Expr,
        before: &Rows,
        join: &ast::Join,
        span: Span,
    ) -> Option<(Expr, i64)> {
        let scope = self.scope();
        let at = self.checker().check_expr(&scope, as_of, Some(&Type::TIMESTAMP));
        if at.ty.is_error() {
            return None;
        }
        let ahead = ahead_of(&at, before);
        if ahead.is_none() {
            let because = self.rows.updating.as_ref().map(|updating| updating.because.span);
            self.diagnostics.push(match because {
                Some(because) => errors::as_of_of_changes(as_of.span, because, as_of_clause(join, as_of)),
                None => {
                    let of_table = &join.alias.as_ref().unwrap_or(join.stream.name()).text;
                    let column = match at.kind {
                        ExprKind::Column(column) => self.name_of(column),
                        _ => None,
                    };
                    let column = column.filter(|name| !name.starts_with(&format!("{of_table}.")));
                    let is_of_row = |column: &usize| {
                        let column = self.rows.columns.get(*column);
                        column.is_some_and(|column| column.qualifier.as_deref() != Some(&**of_table))
                    };
                    let own = self.name_of_time(before).filter(|_| !at.columns().iter().any(is_of_row));
                    errors::as_of_other_time(as_of.span, column, span.at_start(), own)
                }
            });
        }
        ahead.map(|ahead| (at, ahead))
    }

    /// The event time of rows, if it can be written.
    fn name_of_time(&self, rows: &Rows) -> Option<String> {
        [&[rows.time], &rows.same_time[..]].concat().into_iter().find_map(|column| self.name_of(column))
    }

    /// A visible column, as it can be written.
    pub(super) fn name_of(&self, column: usize) -> Option<String> {
        let column = self.rows.columns.get(column).filter(|column| !column.hidden)?;
        Some(match &column.qualifier {
            Some(qualifier) => format!("{qualifier}.{}", column.name),
            None => column.name.to_string(),
        })
    }

    /// Joins the tables that an expression asks for keys of: a column of each for when it is checked itself.
    pub(super) fn join_asked_tables(&mut self, expr: &ast::Expr, span: Span) {
        if !self.rows.known || !self.around.names.has_tables() {
            return;
        }
        for (asked, value, name) in asked_in(expr) {
            // A column hides a table of its name.
            if !matches!(self.scope().lookup(&name.text), Lookup::Missing) || !self.declares_table(name) {
                continue;
            }
            // What is wrong with a table of which nothing is known has been reported.
            let found = self
                .table_named(name)
                .and_then(|(right, table)| self.join_asked((value, asked.span), right, table, span));
            let found = found.unwrap_or_else(|| super::unknown(asked.span));
            self.in_tables.push(InTable { asked: asked.span, found });
        }
    }

    /// Joins one of them in front of the clause with this span; whether its key is found. None if the value is wrong,
    /// which is reported.
    fn join_asked(
        &mut self,
        (value, asked): (&ast::Expr, Span),
        right: hir::Rows,
        table: &Table,
        span: Span,
    ) -> Option<Expr> {
        let values = self.asked_key(value, table)?;
        let n_left = self.rows.columns.len();
        let key_of = |number: usize, key: &Column| Expr::column(number, key.ty.clone(), span);
        let keys: Vec<(Expr, Expr)> = values
            .into_iter()
            .zip(key_columns(table))
            .map(|(value, (n, key))| (value, key_of(n, key)))
            .collect();
        let bound = match table.reading {
            Reading::AsOf => {
                self.check_no_late_rows(asked)?;
                let at = self.rows.column_expr(self.rows.time, span);
                JoinBound::AsOf { at, ahead: 0, max_age: None }
            }
            Reading::AsItStands => JoinBound::AsItStands,
        };
        let is_null = keys.iter().map(|(value, _)| value).filter(|value| value.ty.nullable);
        let is_null =
            is_null.map(|value| Expr::new(ExprKind::IsNull(Box::new(value.clone())), Type::BOOL, asked));
        let either = |a, b| Expr::new(ExprKind::Or(Box::new(a), Box::new(b)), Type::BOOL, asked);
        let is_null = is_null.reduce(either);
        let hidden = table.schema.columns.iter().map(|column| RowColumn {
            hidden: true,
            ..RowColumn::new(column.name.clone(), column.ty.clone().nullable(), span)
        });
        self.rows.columns.extend(hidden);
        self.rows.move_time(self.rows.columns.len());
        let time = RowColumn { hidden: true, ..RowColumn::new("time", Type::TIMESTAMP, span) };
        self.rows.columns.push(time);
        let schema = table.schema.clone();
        let (kind, alias) = (JoinKind::Left, table.name.clone());
        let join = hir::Join { kind, right, alias, schema, keys, condition: None, bound };
        self.push(ClauseKind::Join(join), span);
        // A row of the table has a time; where there is none, nothing has been found.
        let stands = self.rows.column_expr(n_left + table.schema.time, asked);
        let is_missing = Expr::new(ExprKind::IsNull(Box::new(stands)), Type::BOOL, asked);
        let is_found = Expr::new(ExprKind::Not(Box::new(is_missing)), Type::BOOL, asked);
        Some(match is_null {
            None => is_found,
            Some(is_null) => {
                let ty = Type::BOOL.nullable();
                let unknown = Expr::literal(Value::Null, ty.clone(), asked);
                let (condition, then) = (Box::new(is_null), Box::new(unknown));
                Expr::new(ExprKind::If { condition, then, otherwise: Box::new(is_found) }, ty, asked)
            }
        })
    }

    /// The values of `value in NAME`, one for each column of the key.
    fn asked_key(&mut self, value: &ast::Expr, table: &Table) -> Option<Vec<Expr>> {
        let written: Vec<&ast::Expr> = match &value.kind {
            ast::ExprKind::List(parts) if !has_list_key(table) => parts.iter().collect(),
            _ => vec![value],
        };
        let names: Vec<&str> = key_columns(table).map(|(_, key)| &*key.name).collect();
        if names.is_empty() {
            // What is wrong with its key has been reported.
            return None;
        }
        if written.len() != names.len() {
            let has_column = |name: &&str| matches!(self.scope().lookup(name), Lookup::Column(_));
            let is_known = names.iter().all(has_column);
            self.diagnostics.push(errors::in_table_width(value.span, &table.name, &names, is_known));
            return None;
        }
        let mut values = vec![];
        for (written, (_, key)) in written.into_iter().zip(key_columns(table)) {
            let scope = self.scope();
            let mut checker = self.checker();
            checker.asks_table = true;
            let mut value = checker.check_expr(&scope, written, Some(&key.ty.clone().nullable()));
            self.place_window(&mut value);
            if value.can_fail() {
                let conversion = match &written.kind {
                    ast::ExprKind::Call(call) if CONVERSIONS.contains(&&*call.function.text) => {
                        Some(call.function.span)
                    }
                    _ => None,
                };
                self.diagnostics.push(errors::in_table_can_fail(written.span, conversion));
                return None;
            }
            values.push(value);
        }
        (!values.iter().any(|value| value.ty.is_error())).then_some(values)
    }
}

/// What `as of` adds to a join, with the space in front of it.
fn as_of_clause(join: &ast::Join, as_of: &ast::Expr) -> Span {
    let clause = join.on.span.at_end().to(as_of.span);
    join.within.as_ref().map_or(clause, |range| clause.to(range.span))
}

/// Whether a list is a key.
fn has_list_key(table: &Table) -> bool {
    let mut keys = key_columns(table);
    matches!(keys.next(), Some((_, Column { ty: Type { kind: TypeKind::List(_), .. }, .. })))
        && keys.next().is_none()
}

/// The columns of a table's key, with their numbers.
fn key_columns(table: &Table) -> impl Iterator<Item = (usize, &Column)> {
    table.key.iter().filter_map(|key| Some((*key, table.schema.columns.get(*key)?)))
}

/// Whether a part of it may be `value in TABLE`.
pub(super) fn may_ask_table(expr: &ast::Expr) -> bool {
    !asked_in(expr).is_empty()
}

/// `value in NAME`, wherever it stands among the rows' columns alone: the whole, the value, the name.
pub(crate) fn asked_in(expr: &ast::Expr) -> Vec<(&ast::Expr, &ast::Expr, &ast::Name)> {
    let (mut found, mut open) = (vec![], vec![expr]);
    while let Some(expr) = open.pop() {
        match &expr.kind {
            ast::ExprKind::In { value, container, .. } => {
                if let ast::ExprKind::Name(name) = &container.kind {
                    found.push((expr, &**value, name));
                }
                open.push(value);
            }
            ast::ExprKind::Comprehension { list, .. } => open.push(list),
            _ => open.extend(direct_parts(expr)),
        }
    }
    found
}

/// How much later than the event time of rows another is, in microseconds, if that is always the same.
fn ahead_of(at: &Expr, rows: &Rows) -> Option<i64> {
    let duration = |expr: &Expr| match expr.kind {
        ExprKind::Literal(Value::Duration(micros)) => Some(micros),
        _ => None,
    };
    match &at.kind {
        ExprKind::Column(column) => rows.is_time(*column).then_some(0),
        ExprKind::Binary(BinaryOp::Add, a, b) => match duration(b) {
            Some(later) => ahead_of(a, rows)?.checked_add(later),
            None => ahead_of(b, rows)?.checked_add(duration(a)?),
        },
        ExprKind::Binary(BinaryOp::Subtract, a, b) => ahead_of(a, rows)?.checked_sub(duration(b)?),
        _ => None,
    }
}
