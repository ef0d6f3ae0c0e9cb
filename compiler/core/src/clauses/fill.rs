//! `fill …`: what the columns of an aggregating select hold in the row of a window without rows.

use super::QueryChecker;
use super::select::Selected;
use crate::check::Checker;
use crate::errors::windows as errors;
use crate::facts::Wanted;
use millstream_base::{Diagnostics, Span, did_you_mean};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::ops::Range;

/// Where the rows of groups have what a filled row is made of.
pub(super) struct Filled {
    /// The results of the aggregates.
    pub calls: Range<usize>,
    /// The bounds of the window.
    pub bounds: Range<usize>,
    /// Of a filled row the bounds of the window whose results it repeats; otherwise its own.
    pub repeated: Range<usize>,
    /// Whether the row is filled.
    pub is_filled: usize,
}

impl QueryChecker<'_> {
    /// Makes the columns of a select those of filled rows as well: columns without an aggregate are computed as
    /// ever, those with one hold what `fill` says.
    pub(super) fn fill_columns(&mut self, fill: &ast::Fill, selected: &mut [Selected], filled: &Filled) {
        let has_aggregate = |value: &Expr| value.columns().iter().any(|c| filled.calls.contains(c));
        let columns: Vec<&mut Selected> = selected.iter_mut().filter(|c| has_aggregate(&c.value)).collect();
        let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
        if let ast::FillWith::Fields(fields) = &fill.with {
            for (number, field) in fields.iter().enumerate() {
                let facts = &self.around.names.facts;
                let filled = columns.iter().find(|column| column.name == field.name.text);
                facts.stands_for(field.name.span, filled.and_then(|column| column.defined));
                if filled.is_none() {
                    let words = || names.iter().map(|name| name.as_str().into()).collect();
                    facts.misses(field.name.span, || Wanted::Word(words()));
                    let nearest = did_you_mean(&field.name.text, names.iter().map(String::as_str));
                    self.diagnostics.push(errors::fill_of_nothing(
                        field.name.span,
                        &field.name.text,
                        nearest,
                    ));
                }
                if let Some(first) = fields[..number].iter().find(|f| f.name.text == field.name.text) {
                    self.diagnostics.push(errors::filled_twice(field.name.span, first.name.span));
                }
            }
        }
        for column in columns {
            let with = match &fill.with {
                ast::FillWith::Every(value) => Some(value),
                ast::FillWith::Fields(fields) => {
                    fields.iter().find(|f| f.name.text == column.name).map(|f| &f.value)
                }
            };
            let value = match with {
                Some(ast::FillValue::Previous) => {
                    column.value.renumber(|c| {
                        let bound = c.wrapping_sub(filled.bounds.start);
                        if filled.bounds.contains(&c) { filled.repeated.start + bound } else { c }
                    });
                    continue;
                }
                Some(ast::FillValue::Value(value)) => value,
                None => {
                    self.diagnostics.push(errors::not_filled(fill.span, &column.name));
                    continue;
                }
            };
            match self.fill_value(value, &column.value.ty) {
                Some(constant) => replace_in_filled(&mut column.value, constant, filled.is_filled),
                None => {
                    let is_named = matches!(fill.with, ast::FillWith::Fields(_));
                    let fault = errors::fill_does_not_fit(
                        value.span,
                        &column.name,
                        &column.value.ty,
                        is_named,
                        &names,
                    );
                    self.diagnostics.push(fault);
                    return;
                }
            }
        }
    }

    /// The constant as a value of a column's type; none if the column cannot take it.
    fn fill_value(&mut self, value: &ast::Expr, ty: &Type) -> Option<Value> {
        if ty.is_error() {
            return Some(Value::Null);
        }
        let mut said = Diagnostics::default();
        let mut checker = Checker::new(self.around.names, self.around.file, &mut said);
        let constant = checker.check_constant(value, &ty.clone().nullable());
        constant.filter(|_| said.is_empty())
    }
}

/// Makes a value that of a row, if it is not filled.
fn replace_in_filled(value: &mut Expr, constant: Value, is_filled: usize) {
    let span: Span = value.span;
    let ty = value.ty.clone().or_null(constant.is_null());
    let null = ty.kind == TypeKind::Null;
    let then = Expr::literal(constant, if null { Type::NULL } else { ty.clone() }, span);
    let condition = Box::new(Expr::column(is_filled, Type::BOOL, span));
    let otherwise = Box::new(value.clone());
    *value = Expr::new(ExprKind::If { condition, then: Box::new(then), otherwise }, ty, span);
}
