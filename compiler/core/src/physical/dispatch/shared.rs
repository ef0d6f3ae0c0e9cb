//! What many readers compute of the rows that they are handed: it is computed once, in front of them.

use super::table::{Exprs, Table, is_there};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{Flow, NodeKind};
use millstream_ir::segment::{Clause, Segment, Step};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The expressions that are computed for all rows: those in which values are looked up, and those that readers together
/// would compute at least once for each row.
pub fn exprs(flow: &Flow, table: &Table) -> Vec<Expr> {
    let looked_up = table.lookups.iter().map(|(expr, _)| expr).filter(|expr| !is_there(expr));
    let mut shared: Vec<Expr> = looked_up.cloned().collect();
    let mut computed = Exprs::default();
    let mut parts: Vec<f64> = vec![];
    for (reader, part) in table.readers.iter().zip(&table.parts) {
        let NodeKind::Segment(segment) = &flow.node(*reader).kind else { continue };
        let conjuncts = segment.steps.iter().flat_map(|step| step.expr().conjuncts());
        let of_reader: BTreeSet<usize> = conjuncts
            .map(|expr| segment.resolved(expr))
            .filter(|expr| !is_there(expr) && !expr.can_fail() && !table.decides(expr))
            .map(|expr| computed.add(&expr))
            .collect();
        parts.resize(computed.all.len(), 0.0);
        of_reader.into_iter().for_each(|place| parts[place] += part.min(1.0));
    }
    let often = computed.all.into_iter().zip(parts).filter(|(_, parts)| *parts >= 1.0).map(|(expr, _)| expr);
    let others: Vec<Expr> = often.filter(|expr| !shared.iter().any(|known| known.same(expr))).collect();
    shared.extend(others);
    shared
}

/// The segment behind `n_columns` columns and these expressions.
pub fn computed_in_front(segment: &Segment, n_columns: usize, exprs: &[Expr]) -> Segment {
    let moved = |column: usize| column + if column < n_columns { 0 } else { exprs.len() };
    // What is part of another is looked for in what is left of that.
    let mut largest_first: Vec<(usize, &Expr)> = exprs.iter().enumerate().collect();
    largest_first.sort_by_key(|(_, expr)| std::cmp::Reverse(n_parts(expr)));
    let expr = |expr: &Expr| {
        let mut expr = expr.clone();
        expr.renumber(moved);
        for (number, shared) in &largest_first {
            expr.rewrite(&mut |part| {
                if part.same(shared) {
                    part.kind = ExprKind::Column(n_columns + number);
                }
            });
        }
        expr
    };
    let clause = |clause: &Arc<Clause>| {
        let row = clause.row.iter().map(|(name, column, ty)| (name.clone(), moved(*column), ty.clone()));
        Arc::new(Clause { span: clause.span, row: row.collect() })
    };
    let steps = segment.steps.iter().map(|step| match step {
        Step::Filter { condition, clause: of } => {
            Step::Filter { condition: expr(condition), clause: clause(of) }
        }
        Step::Let { value, clause: of } => Step::Let { value: expr(value), clause: clause(of) },
    });
    Segment {
        inputs: segment.inputs.iter().chain(exprs.iter().map(|expr| &expr.ty)).cloned().collect(),
        steps: steps.collect(),
        outputs: segment.outputs.iter().map(|column| moved(*column)).collect(),
    }
}

fn n_parts(expr: &Expr) -> usize {
    let mut n = 0;
    expr.visit(&mut |_| n += 1);
    n
}
