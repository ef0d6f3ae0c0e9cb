//! `group by E [as n], …`: waits for the aggregating select that must follow.

use super::window::{self, Bounds, WINDOW_END, WINDOW_START};
use super::{QueryChecker, select};
use crate::errors::{clauses as errors, windows};
use crate::facts::DefinitionKind;
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::Keep;
use millstream_ir::types::Type;
use millstream_syntax::ast;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct PendingGroup {
    pub keys: Vec<Key>,
    pub span: Span,
    /// Without a window: how long a group is kept.
    pub keep: Option<Keep>,
    /// The column of the times until which a group lasts.
    pub until: Option<usize>,
    /// Whether it has been said that its select is missing.
    pub reported: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub value: Expr,
    /// What the aggregating select can call it; a key of operators without `as` has no name.
    pub name: Option<Arc<str>>,
    /// Set for `window.start` and `window.end`, which all rows of a window share.
    pub bound: Option<usize>,
    pub span: Span,
    /// Where its name is defined.
    pub defined: Span,
}

impl QueryChecker<'_> {
    pub(super) fn check_group_by(&mut self, group: &ast::GroupBy, span: Span) {
        let mut keys: Vec<Key> = vec![];
        for key in &group.keys {
            let (value, bound) = self.key_value(&key.value);
            let (name, name_span) = match &key.alias {
                Some(alias) => (Some(alias.text.as_str()), alias.span),
                None => (select::last_name(&key.value), key.value.span),
            };
            if let Some(name) = name
                && let Some(first) = keys.iter().find(|k| k.name.as_deref() == Some(name))
            {
                self.diagnostics.push(errors::duplicate_key(name_span, name, first.span));
                continue;
            }
            let defined = key.alias.as_ref().map_or_else(|| select::name_span(&key.value), |a| a.span);
            if let Some(name) = name {
                let facts = &self.around.names.facts;
                facts.define_as(name, defined, DefinitionKind::Column, Some(&value.ty));
            }
            keys.push(Key { value, name: name.map(Arc::from), bound, span: name_span, defined });
        }
        if let Some(window) = self.window.as_ref().filter(|window| window.frame.is_some()) {
            self.diagnostics.push(crate::errors::over_rows::group_in_frame(span, window.span));
        }
        let (mut keep, mut until) = (None, None);
        match &group.bound {
            Some(ast::GroupBound::Until(end)) => {
                let value = self.expr(end, Some(&Type::TIMESTAMP));
                until = Some(self.column_of(value, "until"));
                if let Some(window) = &self.window {
                    self.diagnostics.push(windows::until_in_window(end.span, window.span));
                    until = None;
                }
                if let Some(updating) = &self.rows.updating {
                    let because = updating.because;
                    self.diagnostics.push(errors::needs_append_only(end.span, "until", because));
                }
            }
            Some(ast::GroupBound::Keep(bound)) => {
                keep = self.check_keep(bound);
                if let Some(window) = &self.window {
                    self.diagnostics.push(errors::keep_in_window(bound.span, Some(window.span)));
                }
            }
            None if self.window.is_none() && self.rows.known => {
                self.diagnostics.push(errors::unbounded_group(
                    span,
                    self.rows.updating.is_some(),
                    self.closed,
                ));
            }
            None => {}
        }
        self.group = Some(PendingGroup { keys, span, keep, until, reported: false });
    }

    /// The value of a key; of a bound of the window, which it is.
    fn key_value(&mut self, key: &ast::Expr) -> (Expr, Option<usize>) {
        if let Some(window) = &self.window
            && self.rows.known
            && window::is_bound(key)
        {
            let n_bounds = if window.bounds == Bounds::Carried { 2 } else { 0 };
            let scope = self.scope();
            let checked = self.checker().check_expr(&scope, key, None);
            let carried = self.rows.carried.iter().take(n_bounds).position(|c| is_column(&checked, *c));
            let bound = match checked.kind {
                ExprKind::Column(bound @ (WINDOW_START | WINDOW_END)) => Some(bound),
                _ => carried.map(|position| [WINDOW_START, WINDOW_END][position]),
            };
            if bound.is_some() {
                return (checked, bound);
            }
        }
        (self.expr(key, None), None)
    }
}

fn is_column(expr: &Expr, column: usize) -> bool {
    matches!(expr.kind, ExprKind::Column(c) if c == column)
}
