//! Clauses that the language has and this version does not carry out yet: each is rejected by name,
//! and what it says is checked as far as it can be, so that other mistakes in it are still found.

use super::QueryChecker;
use super::head::check_reference;
use super::rows::RowColumn;
use crate::errors::not_yet;
use millstream_base::Span;
use millstream_ir::flow::Keep;
use millstream_ir::types::Type;
use millstream_syntax::ast;

impl QueryChecker<'_> {
    pub(super) fn check_join(&mut self, join: &ast::Join, span: Span) {
        use ast::JoinKind::*;
        let (word, rows_of_right) = match join.kind {
            Inner => ("join", Some(false)),
            Left => ("left join", Some(true)),
            Right => ("right join", Some(false)),
            Full => ("full join", Some(true)),
            Semi => ("semi join", None),
            Anti => ("anti join", None),
        };
        self.diagnostics.push(not_yet::join(span, word));
        let is_table = self
            .around
            .names
            .input(self.around.file, &join.stream.name().text)
            .is_some_and(|(_, input)| matches!(input.kind, crate::names::InputKind::Table { .. }));
        let schema = match is_table {
            true => None,
            false => check_reference(self.around, &join.stream, self.diagnostics).1,
        };
        let before = self.rows.clone();
        match &schema {
            Some(schema) => {
                let alias = join.alias.as_ref().unwrap_or(join.stream.name());
                for (_, column) in schema.visible() {
                    let column = RowColumn::new(column.name.clone(), column.ty.clone(), alias.span);
                    self.rows
                        .columns
                        .push(RowColumn { qualifier: Some(alias.text.as_str().into()), ..column });
                }
            }
            None => self.rows.known = false,
        }
        if self.rows.known {
            let scope = self.scope();
            self.checker().check_condition(&scope, &join.on);
        }
        if let Some(as_of) = &join.as_of {
            self.expr(as_of, Some(&Type::TIMESTAMP));
        }
        if let Some(range) = &join.within {
            let mut checker = self.checker();
            for bound in range.low.iter().chain([&range.high]) {
                checker.check_duration(bound);
            }
        }
        match rows_of_right {
            None => self.rows = before,
            Some(nullable) => {
                for column in self.rows.columns.iter_mut().skip(before.columns.len()) {
                    column.ty = column.ty.clone().or_null(nullable);
                }
            }
        }
        if schema.is_none() && rows_of_right.is_some() {
            self.rows.known = false;
        }
    }

    /// How long state is kept, if that could be found out.
    pub(super) fn check_keep(&mut self, keep: &ast::Keep) -> Option<Keep> {
        match &keep.kind {
            ast::KeepKind::Expire(duration) => {
                self.checker().check_positive_duration(duration).map(Keep::Expire)
            }
            ast::KeepKind::Forever => Some(Keep::Forever),
        }
    }
}
