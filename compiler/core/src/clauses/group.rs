//! `group by E [as n], …`: waits for the aggregating select that must follow.

use super::{QueryChecker, select};
use crate::errors::{clauses as errors, not_yet};
use millstream_base::Span;
use millstream_ir::expr::Expr;
use millstream_ir::types::Type;
use millstream_syntax::ast;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct PendingGroup {
    pub keys: Vec<Key>,
    pub span: Span,
    /// Whether it has been said that its select is missing.
    pub reported: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub value: Expr,
    /// What the aggregating select can call it; a key of operators without `as` has no name.
    pub name: Option<Arc<str>>,
    pub span: Span,
}

impl QueryChecker<'_> {
    pub(super) fn check_group_by(&mut self, group: &ast::GroupBy, span: Span) {
        let mut keys: Vec<Key> = vec![];
        for key in &group.keys {
            let value = self.expr(&key.value, None);
            let (name, name_span) = match &key.alias {
                Some(alias) => (Some(alias.text.as_str()), alias.span),
                None => (select::last_name(&key.value), key.value.span),
            };
            if let Some(name) = name
                && let Some(first) = keys.iter().find(|k| k.name.as_deref() == Some(name))
            {
                self.diagnostics.push(errors::duplicate_column(name_span, name, first.span));
            }
            keys.push(Key { value, name: name.map(Arc::from), span: name_span });
        }
        match &group.bound {
            Some(ast::GroupBound::Until(until)) => {
                self.expr(until, Some(&Type::TIMESTAMP));
                self.diagnostics.push(not_yet::group_until(until.span));
            }
            Some(ast::GroupBound::Keep(keep)) => {
                self.check_keep(keep);
                self.diagnostics.push(not_yet::running_aggregate(span));
            }
            None if self.window.is_none() && self.rows.known => {
                self.diagnostics.push(not_yet::running_aggregate(span))
            }
            None => {}
        }
        self.group = Some(PendingGroup { keys, span, reported: false });
    }
}
