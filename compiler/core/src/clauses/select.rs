//! `select E [as n], *, a.*, …`: just these columns; and which names unnamed ones take.

use super::rows::RowColumn;
use super::window::OpenWindow;
use super::{Closed, QueryChecker};
use crate::check::{aggregates_one_event, calls_aggregate, spelled};
use crate::errors::clauses as errors;
use crate::facts::DefinitionKind;
use crate::hir::ClauseKind;
use crate::scope::{Lookup, Scope};
use millstream_base::{Span, did_you_mean};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::TypeKind;
use millstream_syntax::ast;

/// A column of a select: its name, if it has one, where it stands, and its value.
pub(super) struct Selected {
    pub name: String,
    pub span: Span,
    /// Where its name is defined.
    pub defined: Option<Span>,
    pub value: Expr,
}

/// What is computed for an item.
pub(crate) fn values_of(item: &ast::SelectItem) -> Vec<&ast::Expr> {
    match &item.kind {
        ast::SelectItemKind::Column { value, .. } => vec![value],
        ast::SelectItemKind::Star(star) => star.replace.iter().map(|replaced| &replaced.value).collect(),
    }
}

impl QueryChecker<'_> {
    pub(super) fn check_select(&mut self, items: &[ast::SelectItem], span: Span, below: &[&ast::Clause]) {
        let scope = self.scope();
        let (names, file) = (self.around.names, self.around.file);
        let values = items.iter().flat_map(values_of);
        let has_aggregate = values.clone().any(|value| calls_aggregate(value, &scope, names, file));
        let group = self.group.take();
        let is_of_rows = || {
            // What is wrong with an aggregate of one event is no lack of a group.
            let is_grouped = group.is_some() || self.window.is_some();
            is_grouped || !values.clone().any(|value| aggregates_one_event(&scope, value))
        };
        if group.is_some() || (has_aggregate && self.rows.known && is_of_rows()) {
            if group.is_none() && self.window.is_none() {
                self.diagnostics.push(errors::aggregate_of_what(span, self.closed));
            }
            match self.window.as_ref().and_then(|window| window.frame.clone()) {
                Some(frame) => self.check_frame_select(frame, items, span, below),
                None => self.check_aggregating_select(items, group, span, below),
            }
            self.results = items.iter().filter_map(result_of_call).collect();
            return;
        }
        self.results.clear();
        for value in items.iter().flat_map(values_of) {
            self.join_asked_tables(value, span);
        }
        let scope = self.scope();
        let mut selected = vec![];
        self.over_rows = Some(self.over_rows());
        for item in items {
            self.select_item(item, items, &scope, &mut selected);
        }
        for column in &mut selected {
            self.place_window(&mut column.value);
        }
        if let Some(mut over_rows) = self.over_rows.take() {
            self.place_window_in(&mut over_rows.uses);
            self.push_over_rows(over_rows.uses);
        }
        self.finish_select(selected, span, ClauseKind::Select);
    }

    /// The column that a value is, as it can be written, and where its rows are named.
    fn source_of(&self, value: Option<&Expr>) -> Option<(String, Span)> {
        let ExprKind::Column(column) = value?.kind else { return None };
        Some((self.name_of(column)?, self.rows.columns.get(column)?.span))
    }

    /// Makes the selected columns the rows of the clauses below.
    pub(super) fn finish_select(
        &mut self,
        selected: Vec<Selected>,
        span: Span,
        kind: impl FnOnce(Vec<Expr>) -> ClauseKind,
    ) {
        let mut columns: Vec<RowColumn> = vec![];
        let mut values = vec![];
        for Selected { name, span, defined, value } in selected {
            if let Some(place) = columns.iter().position(|c| *c.name == *name) {
                let both = [values.get(place), Some(&value)].map(|value| self.source_of(value));
                self.diagnostics.push(match both {
                    [Some(first), Some(second)] if columns[place].span == span => {
                        errors::duplicate_columns(span, &name, [first, second])
                    }
                    _ => errors::duplicate_column(span, &name, columns[place].span),
                });
                continue;
            }
            columns.push(RowColumn { defined, ..RowColumn::new(name, value.ty.clone(), span) });
            values.push(value);
        }
        // After a select the columns are known by name, even where what they come from is not.
        let was_known = self.rows.known;
        let (mut rows, values) = self.rows.selected(columns, values, span);
        rows.known = was_known || rows.visible().next().is_some();
        self.rows = rows;
        if was_known {
            self.push(kind(values), span);
        }
    }

    /// Adds the columns of one item.
    pub(super) fn select_item(
        &mut self,
        item: &ast::SelectItem,
        items: &[ast::SelectItem],
        scope: &Scope,
        selected: &mut Vec<Selected>,
    ) {
        match &item.kind {
            ast::SelectItemKind::Column { value, alias } => {
                let checked = self.select_value(value, items, scope);
                let Some((name, span)) = self.output_name(value, alias.as_ref()) else { return };
                let defined = alias.as_ref().map_or_else(|| name_span(value), |alias| alias.span);
                let facts = &self.around.names.facts;
                facts.define_as(&name, defined, DefinitionKind::Column, Some(&checked.ty));
                selected.push(Selected { name, span, defined: Some(defined), value: checked });
            }
            ast::SelectItemKind::Star(star) => self.star(star, item.span, items, scope, selected),
        }
    }

    fn select_value(&mut self, value: &ast::Expr, items: &[ast::SelectItem], scope: &Scope) -> Expr {
        if !self.rows.known {
            return super::unknown(value.span);
        }
        if let Some(fault) = self.uses_own_name(value, items, scope) {
            self.diagnostics.push(fault);
            return super::unknown(value.span);
        }
        self.select_checker(|checker| checker.check_expr(scope, value, None))
    }

    /// What to say if a value names a column that the same select makes.
    fn uses_own_name(
        &self,
        value: &ast::Expr,
        items: &[ast::SelectItem],
        scope: &Scope,
    ) -> Option<millstream_base::Diagnostic> {
        let mut names = vec![];
        bare_names(value, &mut names);
        names.into_iter().find_map(|name| {
            let known = !matches!(scope.lookup(&name.text), Lookup::Missing)
                || scope.has_qualifier(&name.text)
                || self.around.names.param(self.around.file, &name.text).is_some()
                || self.aggregates_see(&name.text);
            if known {
                return None;
            }
            items.iter().find_map(|item| match &item.kind {
                ast::SelectItemKind::Column { alias: Some(alias), value } if alias.text == name.text => {
                    Some(errors::own_new_name(name.span, &name.text, value.span))
                }
                _ => None,
            })
        })
    }

    fn output_name(&mut self, value: &ast::Expr, alias: Option<&ast::Name>) -> Option<(String, Span)> {
        if let Some(alias) = alias {
            return Some((alias.text.clone(), alias.span));
        }
        let Some(name) = last_name(value) else {
            if !matches!(value.kind, ast::ExprKind::Error) {
                self.diagnostics.push(errors::unnamed_column(value.span));
            }
            return None;
        };
        Some((name.to_string(), value.span))
    }

    fn star(
        &mut self,
        star: &ast::Star,
        span: Span,
        items: &[ast::SelectItem],
        scope: &Scope,
        selected: &mut Vec<Selected>,
    ) {
        if !self.rows.known {
            return;
        }
        let mut columns = match &star.of {
            None => self.all_columns(span),
            Some(of) => self.columns_of(of, span, scope),
        };
        let known: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
        let names = star.except.iter().chain(star.replace.iter().map(|r| &r.name));
        let facts = &self.around.names.facts;
        for name in names {
            if let Some(column) = columns.iter().find(|c| c.name == name.text) {
                facts.stands_for(name.span, column.defined);
                continue;
            }
            facts.misses(name.span, || scope.wanted_columns());
            let nearest = did_you_mean(&name.text, known.iter().map(String::as_str));
            self.diagnostics.push(errors::unknown_star_column(name.span, &name.text, nearest));
        }
        columns.retain(|c| !star.except.iter().any(|e| e.text == c.name));
        for replacement in &star.replace {
            let value = self.select_value(&replacement.value, items, scope);
            if let Some(column) = columns.iter_mut().find(|c| c.name == replacement.name.text) {
                column.value = value;
                column.span = replacement.span;
            }
        }
        selected.extend(columns);
    }

    fn all_columns(&self, span: Span) -> Vec<Selected> {
        let columns = self.rows.visible().map(|(number, column)| Selected {
            name: column.name.to_string(),
            span,
            defined: column.defined,
            value: self.rows.column_expr(number, span),
        });
        columns.collect()
    }

    /// `a.*`: the columns behind an alias, or the fields of a record.
    fn columns_of(&mut self, of: &ast::Expr, span: Span, scope: &Scope) -> Vec<Selected> {
        if let ast::ExprKind::Name(name) = &of.kind
            && matches!(scope.lookup(&name.text), Lookup::Missing)
            && scope.has_qualifier(&name.text)
        {
            let behind = |c: &super::rows::RowColumn| c.qualifier.as_deref() == Some(name.text.as_str());
            let columns = self.rows.visible().filter(|(_, c)| behind(c)).map(|(number, column)| Selected {
                name: column.name.to_string(),
                span,
                defined: column.defined,
                value: self.rows.column_expr(number, span),
            });
            let mut behind_alias = scope.columns_of(&name.text);
            self.around.names.facts.stands_for(name.span, behind_alias.find_map(|c| c.qualifier_defined));
            return columns.collect();
        }
        let record = self.select_checker(|checker| checker.check_expr(scope, of, None));
        let TypeKind::Record(ty) = record.ty.kind.clone() else {
            if !record.ty.is_error() {
                self.diagnostics.push(errors::star_of_no_record(of.span, &record.ty));
            }
            return vec![];
        };
        let nullable = record.ty.nullable;
        let field = |(number, field): (usize, &millstream_ir::types::FieldType)| Selected {
            name: field.name.to_string(),
            span,
            defined: self.around.names.facts.field_of(&ty, number),
            value: Expr::new(
                ExprKind::Field { record: Box::new(record.clone()), field: number },
                field.ty.clone().or_null(nullable),
                span,
            ),
        };
        ty.fields.iter().enumerate().map(field).collect()
    }

    /// The open window, for what closes it.
    pub(super) fn take_window(&mut self, clause: &'static str, span: Span) -> Option<OpenWindow> {
        if self.window.is_some() {
            self.closed = Some(Closed { clause, span });
        }
        self.window.take()
    }
}

/// A call that is a column of its own, as it is written, and the column's name.
fn result_of_call(item: &ast::SelectItem) -> Option<(String, String)> {
    let ast::SelectItemKind::Column { value, alias } = &item.kind else { return None };
    let ast::ExprKind::Call(call) = &value.kind else { return None };
    let name = alias.as_ref().map_or(call.function.text.clone(), |alias| alias.text.clone());
    Some((spelled(call), name))
}

/// The name that an unnamed output column takes: the last one of a path, or that of a call.
pub(super) fn last_name(expr: &ast::Expr) -> Option<&str> {
    match &expr.kind {
        ast::ExprKind::Name(name) | ast::ExprKind::Field { name, .. } => Some(&name.text),
        ast::ExprKind::Call(call) => Some(&call.function.text),
        ast::ExprKind::Index { of, .. } => last_name(of),
        _ => None,
    }
}

/// Where the name that an unnamed output column takes stands: a call is a definition as a whole, as its
/// function is called otherwise elsewhere.
pub(super) fn name_span(expr: &ast::Expr) -> Span {
    match &expr.kind {
        ast::ExprKind::Name(name) | ast::ExprKind::Field { name, .. } => name.span,
        ast::ExprKind::Index { of, .. } => name_span(of),
        _ => expr.span,
    }
}

/// The names in an expression that stand for themselves: no fields, no functions.
pub(super) fn bare_names<'e>(expr: &'e ast::Expr, names: &mut Vec<&'e ast::Name>) {
    if let ast::ExprKind::Name(name) = &expr.kind {
        names.push(name);
        return;
    }
    let mut inner = vec![];
    crate::check::direct_parts(expr).into_iter().for_each(|part| bare_names(part, &mut inner));
    if let ast::ExprKind::Comprehension { variable, .. } = &expr.kind {
        inner.retain(|n| n.text != variable.text);
    }
    names.extend(inner);
}
