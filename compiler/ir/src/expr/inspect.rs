//! What can be said of an expression by looking at it: which columns it reads, whether two
//! are the same.

use super::{Expr, ExprKind};
use crate::types::Type;
use std::collections::BTreeSet;

/// Parts of a condition that stand behind each other as they would if they were written so.
const MOST_IN_A_ROW: usize = 64;

impl Expr {
    /// The columns that it reads.
    pub fn columns(&self) -> BTreeSet<usize> {
        let mut columns = BTreeSet::new();
        self.visit(&mut |part| {
            if let ExprKind::Column(number) = part.kind {
                columns.insert(number);
            }
        });
        columns
    }

    /// Gives every column that it reads another number.
    pub fn renumber(&mut self, mut number: impl FnMut(usize) -> usize) {
        self.rewrite(&mut |part| {
            if let ExprKind::Column(column) = &mut part.kind {
                *column = number(*column);
            }
        });
    }

    /// Whether both compute the same, wherever they stand in the program.
    pub fn same(&self, other: &Expr) -> bool {
        if self.ty != other.ty {
            return false;
        }
        let (left, right) = (self.children(), other.children());
        self.same_operation(other)
            && left.len() == right.len()
            && left.into_iter().zip(right).all(|(a, b)| a.same(b))
    }

    fn same_operation(&self, other: &Expr) -> bool {
        match (&self.kind, &other.kind) {
            (ExprKind::Column(a), ExprKind::Column(b)) | (ExprKind::Local(a), ExprKind::Local(b)) => a == b,
            (ExprKind::Literal(a), ExprKind::Literal(b)) => a == b,
            (ExprKind::Let { local: a, .. }, ExprKind::Let { local: b, .. }) => a == b,
            (ExprKind::Unary(a, _), ExprKind::Unary(b, _)) => a == b,
            (ExprKind::Binary(a, ..), ExprKind::Binary(b, ..)) => a == b,
            (ExprKind::Like { pattern: a, .. }, ExprKind::Like { pattern: b, .. }) => a == b,
            (ExprKind::Matches { regex: a, .. }, ExprKind::Matches { regex: b, .. }) => {
                a.0.as_str() == b.0.as_str()
            }
            (ExprKind::Cast { mode: a, .. }, ExprKind::Cast { mode: b, .. }) => a == b,
            (ExprKind::Field { field: a, .. }, ExprKind::Field { field: b, .. }) => a == b,
            (ExprKind::Member { name: a, .. }, ExprKind::Member { name: b, .. }) => a == b,
            (
                ExprKind::Comprehension { local: a, condition: c, .. },
                ExprKind::Comprehension { local: b, condition: d, .. },
            ) => a == b && c.is_some() == d.is_some(),
            (ExprKind::Bucket { size: a, offset: c, .. }, ExprKind::Bucket { size: b, offset: d, .. }) => {
                a == b && c == d
            }
            (ExprKind::Call { function: a, .. }, ExprKind::Call { function: b, .. }) => std::ptr::eq(*a, *b),
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }

    /// What holds together if this does, from left to right.
    pub fn conjuncts(&self) -> Vec<&Expr> {
        let (mut parts, mut open) = (vec![], vec![self]);
        while let Some(part) = open.pop() {
            match &part.kind {
                ExprKind::And(a, b) => open.extend([&**b, &**a]),
                _ => parts.push(part),
            }
        }
        parts
    }

    /// That all of these hold; none if there is none.
    pub fn all_of(parts: impl IntoIterator<Item = Expr>) -> Option<Expr> {
        let both = |a: Expr, b: Expr| {
            let (span, ty) = (a.span.to(b.span), Type::BOOL.or_null(a.ty.nullable || b.ty.nullable));
            Expr::new(ExprKind::And(Box::new(a), Box::new(b)), ty, span)
        };
        let mut parts: Vec<Expr> = parts.into_iter().collect();
        // Of many the tree is kept flat: it is walked by recursion.
        while parts.len() > MOST_IN_A_ROW {
            let mut pairs = parts.into_iter();
            parts = std::iter::from_fn(|| {
                Some(match (pairs.next()?, pairs.next()) {
                    (a, Some(b)) => both(a, b),
                    (a, None) => a,
                })
            })
            .collect();
        }
        parts.into_iter().reduce(both)
    }
}
