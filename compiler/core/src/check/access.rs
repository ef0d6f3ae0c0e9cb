//! Names, fields and indices.

use super::Checker;
use super::aggregates::{AggregateName, aggregate_name};
use super::events::events_variable;
use super::expr::error;
use crate::errors::{names as names_errors, patterns, types as errors};
use crate::facts::{Visible, Wanted};
use crate::names::{InputKind, ParamValue};
use crate::scope::{Lookup, Scope, ScopeColumn};
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::{Type, TypeKind};
use millstream_syntax::ast;

fn what_of(kind: &InputKind) -> &'static str {
    match kind {
        InputKind::Table { .. } => "a table",
        _ => "a stream",
    }
}

impl Checker<'_> {
    pub(super) fn name(&mut self, scope: &Scope, name: &ast::Name) -> Expr {
        match scope.lookup(&name.text) {
            Lookup::Column(column) => self.column(scope, column, name, name.span),
            Lookup::Name(bound) => {
                self.names.facts.stands_for(name.span, Some(bound.value.span));
                self.known(scope, Expr { span: name.span, ..bound.value.clone() })
            }
            Lookup::Ambiguous(columns) => {
                self.diagnostics.push(names_errors::ambiguous_column(name.span, &name.text, &columns));
                error(name.span)
            }
            Lookup::Missing => self.name_outside(scope, name),
        }
    }

    /// A column, of which `span` is all that is said of it.
    fn column(&self, scope: &Scope, column: &ScopeColumn, name: &ast::Name, span: Span) -> Expr {
        self.names.facts.stands_for(name.span, column.defined);
        Expr::column(column.column, scope.column_type(column), span)
    }

    /// A name that the rows do not have: a parameter, or a mistake.
    fn name_outside(&mut self, scope: &Scope, name: &ast::Name) -> Expr {
        let (text, span) = (name.text.as_str(), name.span);
        if let Some(param) = self.names.param(self.file, text) {
            self.names.facts.stands_for(span, Some(param.name_span));
            return match &param.value {
                ParamValue::Value(value) => {
                    self.params.push(span);
                    Expr::literal(value.clone(), param.ty.clone(), span)
                }
                ParamValue::Secret(_) => {
                    self.diagnostics.push(names_errors::secret_in_expression(span, text));
                    error(span)
                }
                ParamValue::Missing => error(span),
            };
        }
        if self.names.is_broken(text) {
            return error(span);
        }
        if let Some((_, defined)) = scope.unbound.iter().find(|(unbound, _)| **unbound == *text) {
            self.diagnostics.push(patterns::never_bound(span, text, *defined));
            return error(span);
        }
        self.names.facts.misses(span, || scope.wanted());
        let in_rows = self
            .aggregates
            .as_ref()
            .is_some_and(|a| !self.inside_aggregate && !matches!(a.rows.lookup(text), Lookup::Missing));
        if in_rows {
            self.diagnostics.push(names_errors::not_grouped(span, text));
            return error(span);
        }
        if let Some((_, input)) = self.names.input(self.file, text)
            && !scope.has_qualifier(text)
        {
            self.diagnostics.push(names_errors::rows_as_value(span, text, what_of(&input.kind)));
            return error(span);
        }
        let what = if scope.has_qualifier(text) {
            Some("a stream")
        } else if !self.names.functions(self.file, text).is_empty() {
            Some("a function")
        } else if self.names.named_type(self.file, text).is_some() {
            Some("a type")
        } else {
            match aggregate_name(text) {
                AggregateName::Function(_) => Some("an aggregate"),
                AggregateName::OverRows => Some("a function over rows"),
                AggregateName::No => {
                    self.names.user_aggregate(self.file, text).is_some().then_some("an aggregate")
                }
            }
        };
        self.diagnostics.push(match what {
            Some(what) => names_errors::not_a_value(span, text, what),
            None if scope.columns().is_empty() && self.rows.is_some_and(|rows| rows.find(text).is_some()) => {
                errors::not_constant(span)
            }
            None => {
                let params = self.names.params.iter().map(|p| p.name.as_str());
                let nearest = scope.nearest(text).or_else(|| millstream_base::did_you_mean(text, params));
                names_errors::unknown_name(span, text, nearest, scope)
            }
        });
        error(span)
    }

    /// The expression, without null where a condition has ruled that out.
    fn known(&self, scope: &Scope, expr: Expr) -> Expr {
        if expr.ty.nullable && scope.proved().is_present(&expr) {
            let ty = expr.ty.clone().required();
            return Expr { ty, ..expr };
        }
        expr
    }

    /// `of.name`: a column behind its alias, a field of a record, a member of json.
    pub(super) fn field(&mut self, scope: &Scope, of: &ast::Expr, name: &ast::Name, span: Span) -> Expr {
        if let ast::ExprKind::Name(qualifier) = &of.kind
            && let Some(expr) = self.qualified(scope, qualifier, name, span)
        {
            return expr;
        }
        if let Some(variable) = events_variable(scope, of) {
            self.diagnostics.push(patterns::list_as_event(of.span, &variable.name, &name.text));
            return error(span);
        }
        let of = self.expr(scope, of, None);
        self.field_of(scope, of, name, span)
    }

    fn field_of(&mut self, scope: &Scope, of: Expr, name: &ast::Name, span: Span) -> Expr {
        match &of.ty.kind {
            TypeKind::Error => error(span),
            TypeKind::Record(record) => {
                let record = record.clone();
                let Some(field) = record.position(&name.text) else {
                    self.diagnostics.push(errors::unknown_field(name.span, &name.text, &record));
                    self.names.facts.misses(name.span, || Wanted::Field(of.ty.clone()));
                    return error(span);
                };
                self.names.facts.stands_for(name.span, self.names.facts.field_of(&record, field));
                let ty = record.fields[field].ty.clone().or_null(of.ty.nullable);
                let expr = Expr::new(ExprKind::Field { record: Box::new(of), field }, ty, span);
                self.known(scope, expr)
            }
            TypeKind::Json => {
                let kind = ExprKind::Member { json: Box::new(of), name: name.text.as_str().into() };
                self.known(scope, Expr::new(kind, Type::JSON.nullable(), span))
            }
            _ => {
                self.diagnostics.push(errors::no_fields(name.span, &name.text, &of.ty));
                error(span)
            }
        }
    }

    /// `qualifier.name` where `qualifier` is an alias and no value.
    fn qualified(
        &mut self,
        scope: &Scope,
        qualifier: &ast::Name,
        name: &ast::Name,
        span: Span,
    ) -> Option<Expr> {
        if let Lookup::Name(_) = scope.lookup(&qualifier.text) {
            return None;
        }
        match scope.lookup_qualified(&qualifier.text, &name.text) {
            Lookup::Column(column) => {
                self.names.facts.stands_for(qualifier.span, column.qualifier_defined);
                return Some(self.column(scope, column, name, span));
            }
            Lookup::Ambiguous(columns) => {
                self.diagnostics.push(names_errors::ambiguous_column(span, &name.text, &columns));
                return Some(error(span));
            }
            Lookup::Name(_) | Lookup::Missing => {}
        }
        let is_value = !matches!(scope.lookup(&qualifier.text), Lookup::Missing)
            || self.names.param(self.file, &qualifier.text).is_some();
        if is_value {
            return None;
        }
        let fault = if (&*qualifier.text, &*name.text) == ("match", "timeout") && scope.has_qualifier("match")
        {
            patterns::never_times_out(span)
        } else if scope.has_qualifier(&qualifier.text) {
            self.misses_qualified(scope, qualifier, name);
            let nearest = scope.nearest_qualified(&qualifier.text, &name.text);
            names_errors::unknown_qualified(name.span, &qualifier.text, &name.text, nearest)
        } else if matches!(qualifier.text.as_str(), "window" | "match") {
            names_errors::no_window(span, &qualifier.text, &name.text, scope.closed_window)
        } else if let Some(asked) = scope.asked.iter().find(|asked| *asked.name == *qualifier.text) {
            names_errors::only_asked(qualifier.span, asked)
        } else if let Some((_, defined)) =
            scope.unbound.iter().find(|(unbound, _)| **unbound == *qualifier.text)
        {
            patterns::never_bound(qualifier.span, &qualifier.text, *defined)
        } else if let Some((_, input)) = self.names.input(self.file, &qualifier.text) {
            self.names.facts.stands_for(qualifier.span, Some(input.name.span));
            names_errors::rows_elsewhere(qualifier.span, &qualifier.text, what_of(&input.kind), scope)
        } else if let Some(nearest) = scope.nearest_qualifier(&qualifier.text, &name.text) {
            self.names.facts.misses(qualifier.span, || scope.wanted());
            names_errors::unknown_name(qualifier.span, &qualifier.text, Some(nearest), scope)
        } else {
            return None;
        };
        self.diagnostics.push(fault);
        Some(error(span))
    }

    /// Notes a name that is not among the columns behind an alias.
    fn misses_qualified(&self, scope: &Scope, qualifier: &ast::Name, name: &ast::Name) {
        let columns = || scope.columns_of(&qualifier.text);
        let facts = &self.names.facts;
        facts.stands_for(qualifier.span, columns().find_map(|column| column.qualifier_defined));
        let visible = |column| Visible::of_column(column, scope.column_type(column));
        facts.misses(name.span, || Wanted::Column(columns().map(visible).collect()));
    }

    /// `of[index]`
    pub(super) fn index(&mut self, scope: &Scope, of: &ast::Expr, index: &ast::Expr, span: Span) -> Expr {
        let base = self.expr(scope, of, None);
        if events_variable(scope, of).is_some() {
            return self.event_at(scope, base, index, span);
        }
        let index = self.expr(scope, index, None);
        if base.ty.is_error() || index.ty.is_error() {
            return error(span);
        }
        let nullable = base.ty.nullable || index.ty.nullable;
        let (index_ty, ty) = match &base.ty.kind {
            TypeKind::List(element) => (Type::INT, (**element).clone().or_null(nullable)),
            TypeKind::Map(value) => (Type::STRING, (**value).clone().nullable()),
            TypeKind::Json if index.ty.is_text() => (Type::STRING, Type::JSON.nullable()),
            TypeKind::Json => (Type::INT, Type::JSON.nullable()),
            _ => {
                self.diagnostics.push(errors::no_index(span, &base.ty));
                return error(span);
            }
        };
        let index_nullable = index.ty.nullable;
        let index = self.coerce(index, &index_ty.or_null(index_nullable));
        if index.ty.is_error() {
            return error(span);
        }
        let kind = ExprKind::Index { base: Box::new(base), index: Box::new(index) };
        self.known(scope, Expr::new(kind, ty, span))
    }
}
