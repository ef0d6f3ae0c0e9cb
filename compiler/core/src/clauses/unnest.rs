//! `unnest E as x`: one row per element of a list.

use super::QueryChecker;
use super::rows::RowColumn;
use crate::errors::clauses as errors;
use crate::facts::DefinitionKind;
use crate::hir::ClauseKind;
use millstream_base::Span;
use millstream_ir::types::{Type, TypeKind};
use millstream_syntax::ast;

impl QueryChecker<'_> {
    pub(super) fn check_unnest(&mut self, list: &ast::Expr, name: &ast::Name, span: Span) {
        let value = self.expr(list, None);
        let element = match &value.ty.kind {
            TypeKind::List(element) => (**element).clone(),
            TypeKind::Error => Type::ERROR,
            _ => {
                self.diagnostics.push(errors::unnest_not_a_list(list.span, &value.ty));
                Type::ERROR
            }
        };
        if let Some((_, first)) = self.rows.find(&name.text) {
            self.diagnostics.push(errors::column_exists(name.span, &name.text, first.span));
            return;
        }
        self.around.names.facts.define(name, DefinitionKind::Column, Some(&element));
        self.rows.columns.push(RowColumn::new(name.text.as_str(), element, name.span));
        // Several rows have the key of one now.
        self.rows.updating.iter_mut().for_each(|updating| updating.key = None);
        self.push(ClauseKind::Unnest(value), span);
    }
}
