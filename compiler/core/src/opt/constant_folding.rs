//! Computes what depends on no column once, before the program runs. What would fail is left alone,
//! so that it fails the rows it would have failed; so is what takes long, which the run computes.

use crate::plan::{Operator, Plan, PlanId};
use millstream_ir::eval::eval_constant;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::value::Value;

/// The steps that each part may take of which nobody has to know the value.
const MOST_STEPS: u64 = 10_000;

pub fn apply(plan: &mut Plan) -> Vec<PlanId> {
    let mut changed = vec![];
    for id in plan.ids() {
        let folded: usize = plan.nodes[id.0].exprs_mut().into_iter().map(fold).sum();
        if keeps_everything(plan, id) {
            let input = plan.node(id).inputs[0];
            changed.extend(&plan.readers()[id.0]);
            plan.redirect(id, input);
        } else if folded > 0 {
            changed.push(id);
        }
    }
    changed
}

/// Whether it is a filter that every row passes.
fn keeps_everything(plan: &Plan, id: PlanId) -> bool {
    match &plan.node(id).operator {
        Operator::Filter(condition) => condition.as_literal() == Some(&Value::Bool(true)),
        _ => false,
    }
}

/// Folds every part of an expression that can be; says how many were.
pub fn fold(expr: &mut Expr) -> usize {
    let mut n_folded = 0;
    expr.rewrite(&mut |part| n_folded += usize::from(fold_one(part)));
    n_folded
}

fn fold_one(expr: &mut Expr) -> bool {
    if let ExprKind::Let { local, value, body } = &mut expr.kind
        && value.as_literal().is_some()
    {
        let mut body = std::mem::replace(&mut **body, Expr::literal(Value::Null, expr.ty.clone(), expr.span));
        body.rewrite(&mut |part| {
            if matches!(part.kind, ExprKind::Local(l) if l == *local) {
                part.kind = value.kind.clone();
            }
        });
        fold(&mut body);
        *expr = body;
        return true;
    }
    if let Some(kept) = decided(expr) {
        *expr = kept;
        return true;
    }
    if matches!(expr.kind, ExprKind::Literal(_)) || !may_be_known(expr) {
        return false;
    }
    let Some(value) = value_of(expr) else { return false };
    expr.kind = ExprKind::Literal(value);
    true
}

/// The value of an expression that names no column, if that is easy to compute.
pub fn value_of(expr: &Expr) -> Option<Value> {
    if is_closed(expr) { eval_constant(expr, MOST_STEPS).ok() } else { None }
}

/// Whether none of the parts that it always evaluates has been left alone: so would it be itself.
fn may_be_known(expr: &Expr) -> bool {
    let always = match &expr.kind {
        ExprKind::And(a, _) | ExprKind::Or(a, _) | ExprKind::Coalesce(a, _) => vec![&**a],
        ExprKind::If { condition, .. } => vec![&**condition],
        ExprKind::In { value, .. } => vec![&**value],
        _ => expr.children(),
    };
    always.into_iter().all(|part| part.as_literal().is_some())
}

/// `and`, `or` and `if` whose left side is known.
fn decided(expr: &Expr) -> Option<Expr> {
    let known = |e: &Expr| match e.as_literal() {
        Some(Value::Bool(b)) => Some(*b),
        Some(Value::Null) => None,
        _ => None,
    };
    let kept = match &expr.kind {
        ExprKind::And(a, b) if known(a) == Some(true) => b,
        ExprKind::And(a, _) if known(a) == Some(false) => a,
        ExprKind::Or(a, b) if known(a) == Some(false) => b,
        ExprKind::Or(a, _) if known(a) == Some(true) => a,
        ExprKind::If { condition, then, otherwise } => match known(condition)? {
            true => then,
            false => otherwise,
        },
        _ => return None,
    };
    // The type of the whole stands, even where the part that is left could have a narrower one.
    (kept.ty == expr.ty).then(|| (**kept).clone())
}

fn is_closed(expr: &Expr) -> bool {
    let mut closed = true;
    expr.visit(&mut |part| closed &= !matches!(part.kind, ExprKind::Column(_) | ExprKind::Local(_)));
    closed
}
