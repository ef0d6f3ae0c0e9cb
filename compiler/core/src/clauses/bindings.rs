//! `let x = E, …`: adds columns; a later one sees those before it.

use super::QueryChecker;
use super::look_up::may_ask_table;
use super::rows::RowColumn;
use crate::errors::clauses as errors;
use crate::facts::DefinitionKind;
use crate::hir::ClauseKind;
use millstream_base::Span;
use millstream_ir::expr::ExprKind;
use millstream_syntax::ast;

impl QueryChecker<'_> {
    pub(super) fn check_let(&mut self, bindings: &[ast::Binding], span: Span) {
        let mut values = vec![];
        for binding in bindings {
            if may_ask_table(&binding.value) && !values.is_empty() {
                self.push(ClauseKind::Let(std::mem::take(&mut values)), span);
            }
            self.join_asked_tables(&binding.value, span);
            let (value, over_rows) = self.expr_over_rows(&binding.value);
            if !over_rows.is_empty() {
                if !values.is_empty() {
                    self.push(ClauseKind::Let(std::mem::take(&mut values)), span);
                }
                self.push_over_rows(over_rows);
            }
            let name = &binding.name;
            if let Some((_, first)) = self.rows.find(&name.text) {
                self.diagnostics.push(errors::column_exists(name.span, &name.text, first.span));
                continue;
            }
            self.around.names.facts.define(name, DefinitionKind::Column, Some(&value.ty));
            if matches!(value.kind, ExprKind::Column(column) if self.rows.is_time(column)) {
                self.rows.same_time.push(self.rows.columns.len());
            }
            self.rows.columns.push(RowColumn::new(name.text.as_str(), value.ty.clone(), name.span));
            values.push(value);
        }
        if !values.is_empty() {
            self.push(ClauseKind::Let(values), span);
        }
    }
}
