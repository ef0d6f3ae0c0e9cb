//! A condition as the ways in which it can hold, each a list of things that must all be so.

use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::types::TypeKind;
use millstream_ir::value::Value;

/// One thing that must be so.
#[derive(Clone, Copy, Debug)]
pub enum Fact<'e> {
    Compared(BinaryOp, &'e Expr, &'e Expr),
    /// One of these; more of them than there are ways to be told apart.
    Among(&'e Expr, &'e [Expr]),
    Is(&'e Expr, bool),
    Null(&'e Expr, bool),
}

/// More ways are not told apart: what would make more says nothing.
const MOST_WAYS: usize = 64;

pub type Ways<'e> = Vec<Vec<Fact<'e>>>;

/// The ways in which a condition is true, or false; none if it is neither. A way may hold where the condition does
/// not, so that what contradicts each way contradicts the condition.
pub fn ways(condition: &Expr, is_true: bool) -> Ways<'_> {
    match &condition.kind {
        ExprKind::Literal(value) if *value == Value::Bool(is_true) => vec![vec![]],
        ExprKind::Literal(_) => vec![],
        ExprKind::Not(of) => ways(of, !is_true),
        ExprKind::And(a, b) if is_true => both(ways(a, true), ways(b, true)),
        ExprKind::And(a, b) => either(ways(a, false), ways(b, false)),
        ExprKind::Or(a, b) if is_true => either(ways(a, true), ways(b, true)),
        ExprKind::Or(a, b) => both(ways(a, false), ways(b, false)),
        ExprKind::If { condition, then, otherwise } => {
            // What stands behind `else` is for where the condition is null too.
            either(both(ways(condition, true), ways(then, is_true)), ways(otherwise, is_true))
        }
        ExprKind::IsNull(of) => vec![vec![Fact::Null(of, is_true)]],
        ExprKind::In { value, list } => among(value, list, is_true),
        ExprKind::Binary(op, a, b) if op.is_comparison() => {
            let op = if is_true { Some(*op) } else { opposite(*op, &a.ty.kind) };
            vec![op.map(|op| Fact::Compared(op, a, b)).into_iter().collect()]
        }
        _ => vec![vec![Fact::Is(condition, is_true)]],
    }
}

fn among<'e>(value: &'e Expr, list: &'e [Expr], is_true: bool) -> Ways<'e> {
    let values = list.iter().filter(|element| element.as_literal() != Some(&Value::Null));
    let fact = |op: BinaryOp| move |element| Fact::Compared(op, value, element);
    if !is_true {
        return vec![values.map(fact(BinaryOp::NotEqual)).collect()];
    }
    if list.len() > MOST_WAYS / 4 {
        return vec![vec![Fact::Among(value, list)]];
    }
    values.map(fact(BinaryOp::Equal)).map(|fact| vec![fact]).collect()
}

fn either<'e>(a: Ways<'e>, b: Ways<'e>) -> Ways<'e> {
    if a.len() + b.len() > MOST_WAYS {
        return vec![vec![]];
    }
    [a, b].concat()
}

pub fn both<'e>(a: Ways<'e>, b: Ways<'e>) -> Ways<'e> {
    if a.len() * b.len() > MOST_WAYS {
        // Each of them says less than both together.
        return if a.len() <= b.len() { a } else { b };
    }
    a.iter().flat_map(|a| b.iter().map(move |b| [&a[..], b].concat())).collect()
}

/// What holds where a comparison is false; none if nothing is known then.
fn opposite(op: BinaryOp, of: &TypeKind) -> Option<BinaryOp> {
    use BinaryOp::*;
    Some(match op {
        Equal => NotEqual,
        NotEqual => Equal,
        // Of NaN each of them is false.
        _ if *of == TypeKind::Float => return None,
        Less => GreaterEqual,
        LessEqual => Greater,
        Greater => LessEqual,
        GreaterEqual => Less,
        _ => return None,
    })
}
