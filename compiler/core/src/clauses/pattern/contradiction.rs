//! Conditions that no event can meet.

mod bounds;
mod exact;
mod facts;
mod normal_form;

use crate::opt::constant_folding::fold;
use facts::{Facts, Means};
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use normal_form::ways;
use std::collections::BTreeSet;

pub use facts::{Around, Variable};

/// Why a condition never holds.
pub struct Contradiction {
    /// What of it already excludes itself: no part of this can be left out.
    pub parts: Vec<Span>,
    /// Whether that is all of it.
    pub is_all: bool,
    /// The columns and variables that those speak of.
    pub columns: BTreeSet<usize>,
    /// What is known of any event of the pattern and has a share in it.
    pub means: Means,
}

/// What keeps a condition from ever holding, as far as its form shows it.
pub fn of(condition: &Expr, around: &Around) -> Option<Contradiction> {
    let mut condition = condition.clone();
    fold(&mut condition);
    condition.rewrite(&mut decide_nullability);
    condition.rewrite(&mut forget_nullability);
    let is_possible = |parts: &[&Expr], means: Means| {
        let all = parts.iter().map(|part| ways(part, true));
        let ways = all.fold(vec![vec![]], normal_form::both);
        ways.iter().any(|way| Facts::of(way, around).are_possible(means))
    };
    let mut parts = condition.conjuncts();
    let n_parts = parts.len();
    if is_possible(&parts, Means::ALL) {
        return None;
    }
    let mut means = Means::ALL;
    for left_out in Means::ALL.each_left_out() {
        if !is_possible(&parts, means.without(left_out)) {
            means = means.without(left_out);
        }
    }
    for number in (0..n_parts).rev() {
        let others = [&parts[..number], &parts[number + 1..]].concat();
        if !is_possible(&others, means) {
            parts = others;
        }
    }
    Some(Contradiction {
        is_all: parts.len() == n_parts,
        columns: parts.iter().flat_map(|part| part.columns()).collect(),
        parts: parts.into_iter().map(|part| part.span).collect(),
        means,
    })
}

/// Decides what is asked of what is never null.
fn decide_nullability(expr: &mut Expr) {
    if let ExprKind::IsNull(of) = &expr.kind
        && !of.ty.nullable
    {
        expr.kind = ExprKind::Literal(Value::Bool(false));
    }
}

/// Forgets what can be null: where one part of a condition has asked for that, what stands behind it has another type,
/// and is the same all the same.
fn forget_nullability(expr: &mut Expr) {
    expr.ty = Type { nullable: false, ..expr.ty.clone() };
}
