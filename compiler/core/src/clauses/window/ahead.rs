//! What the clauses of a window's scope ask of it: the one place where a clause looks down.
//!
//! Rows are added to the windows that hold them as they come; only where a clause looks at the bounds of
//! a row's window, or the rows themselves leave, must there be a row per window.

use crate::check::{AggregateName, aggregate_name, calls_aggregate, direct_parts};
use crate::clauses::emit;
use crate::names::Names;
use crate::scope::Scope;
use millstream_base::FileId;
use millstream_syntax::ast;

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Ahead {
    /// Whether an aggregating select closes the scope.
    pub aggregates: bool,
    /// Whether the results of that are replaced as rows come.
    pub is_updating: bool,
    /// Whether `top` or `order by` closes the scope.
    pub sorts: bool,
    /// Whether it is `top`.
    pub ranks: bool,
    /// Whether `window.start` or `window.end` of a row is looked at.
    pub looks_at_bounds: bool,
    /// Whether a row is looked at together with others of its window.
    pub looks_at_others: bool,
    /// Whether rows find partners in their window.
    pub joins: bool,
    /// The keys of the groups that split the rows of the window.
    pub keys: Vec<ast::Expr>,
}

impl Ahead {
    /// Of the clauses below a `window`, in whose place this scope holds.
    pub fn of(below: &[&ast::Clause], scope: &Scope, names: &Names, file: FileId) -> Ahead {
        let mut ahead = Ahead {
            aggregates: false,
            is_updating: false,
            sorts: false,
            ranks: false,
            looks_at_bounds: false,
            looks_at_others: false,
            joins: false,
            keys: vec![],
        };
        let mut is_grouped = false;
        for (number, clause) in below.iter().enumerate() {
            use ast::ClauseKind::*;
            ahead.looks_at_others |= match &clause.kind {
                Let(bindings) => bindings.iter().any(|b| calls_over_rows(&b.value)),
                Select(items) => values(items).any(calls_over_rows),
                Dedupe(_) | Changes { .. } | Throttle { .. } => true,
                _ => false,
            };
            ahead.joins |=
                matches!(&clause.kind, Join(join) if join.within.is_none() && join.forever.is_none());
            ahead.looks_at_bounds |= match &clause.kind {
                Where(condition) => mentions_bounds(condition),
                Let(bindings) => any(bindings.iter().map(|b| &b.value)),
                Unnest { list, .. } => mentions_bounds(list),
                GroupBy(group) => {
                    is_grouped = true;
                    let until = match &group.bound {
                        Some(ast::GroupBound::Until(until)) => Some(until),
                        _ => None,
                    };
                    // A key that is a bound is the same for all rows of a window.
                    let keys = group.keys.iter().map(|k| &k.value).filter(|key| !is_bound(key));
                    ahead.keys = keys.clone().cloned().collect();
                    any(keys.chain(until))
                }
                Select(items)
                    if is_grouped || values(items).any(|v| calls_aggregate(v, scope, names, file)) =>
                {
                    ahead.aggregates = true;
                    ahead.is_updating = emit::is_updating(emit::below_results(&below[number + 1..]));
                    ahead.looks_at_bounds |= values(items)
                        .any(|v| looks_at_bounds_inside(v) || is_taken_row_by_row(v, names, file));
                    return ahead;
                }
                Select(items) => any(values(items)),
                Top(_) | OrderBy(_) => {
                    ahead.sorts = true;
                    ahead.ranks = matches!(clause.kind, Top(_));
                    true
                }
                Dedupe(dedupe) => any(dedupe.by.iter()),
                Changes { of, by, .. } => any(of.iter().chain(by)),
                Throttle { by, .. } => any(by.iter()),
                Join(_) | Window(_) | Union(_) | Time { .. } | Emit(_) | OnError(_) | Error { .. } => false,
            };
            if matches!(clause.kind, Top(_) | OrderBy(_) | Window(_)) {
                break;
            }
        }
        ahead
    }
}

/// Whether it calls a function that looks at other rows.
fn calls_over_rows(expr: &ast::Expr) -> bool {
    let is_one = |name: &str| matches!(aggregate_name(name), AggregateName::OverRows);
    matches!(&expr.kind, ast::ExprKind::Call(call) if is_one(&call.function.text))
        || direct_parts(expr).into_iter().any(calls_over_rows)
}

/// Whether it calls an aggregate that cannot be put together of parts of a window.
fn is_taken_row_by_row(expr: &ast::Expr, names: &Names, file: FileId) -> bool {
    let cannot_merge = |name: &str| {
        let definition = names.user_aggregate(file, name).and_then(|found| found.definition.as_ref());
        definition.is_some_and(|definition| definition.merge.is_none())
    };
    matches!(&expr.kind, ast::ExprKind::Call(call) if cannot_merge(&call.function.text))
        || direct_parts(expr).into_iter().any(|part| is_taken_row_by_row(part, names, file))
}

/// Whether one of them mentions a bound.
fn any<'a>(mut exprs: impl Iterator<Item = &'a ast::Expr>) -> bool {
    exprs.any(mentions_bounds)
}

fn values(items: &[ast::SelectItem]) -> impl Iterator<Item = &ast::Expr> {
    items.iter().flat_map(|item| match &item.kind {
        ast::SelectItemKind::Column { value, .. } => vec![value],
        ast::SelectItemKind::Star(star) => star.replace.iter().map(|r| &r.value).collect(),
    })
}

/// `window.start` or `window.end`
pub(in crate::clauses) fn is_bound(expr: &ast::Expr) -> bool {
    let ast::ExprKind::Field { of, name } = &expr.kind else { return false };
    matches!(&of.kind, ast::ExprKind::Name(of) if of.text == "window")
        && matches!(&*name.text, "start" | "end")
}

fn mentions_bounds(expr: &ast::Expr) -> bool {
    let filter = match &expr.kind {
        ast::ExprKind::Call(call) => call.filter.as_deref(),
        _ => None,
    };
    is_bound(expr) || direct_parts(expr).into_iter().chain(filter).any(mentions_bounds)
}

/// Whether an aggregate's argument or filter mentions them; outside of aggregates they are the window's.
fn looks_at_bounds_inside(expr: &ast::Expr) -> bool {
    match &expr.kind {
        ast::ExprKind::Call(_) => mentions_bounds(expr),
        _ => direct_parts(expr).into_iter().any(looks_at_bounds_inside),
    }
}
