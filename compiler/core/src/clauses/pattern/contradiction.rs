//! Conditions that no event can meet.

use crate::opt::constant_folding::fold;
use millstream_ir::eval::compare;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::value::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Why a condition never holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contradiction {
    /// It is the same for each event.
    Constant,
    /// What it asks of this column excludes itself.
    Column(usize),
}

/// What keeps a condition from ever holding, as far as that is easy to see.
pub fn of(condition: &Expr) -> Option<Contradiction> {
    let mut condition = condition.clone();
    fold(&mut condition);
    if let Some(Value::Bool(false) | Value::Null) = condition.as_literal() {
        return Some(Contradiction::Constant);
    }
    let mut asked = Asked::default();
    asked.add(&condition);
    asked.contradiction().map(Contradiction::Column)
}

/// What the parts of a condition that must all hold ask of columns.
#[derive(Default)]
struct Asked {
    ranges: BTreeMap<usize, Range>,
    nulls: BTreeSet<usize>,
}

/// Each bound, and whether the value itself is in.
#[derive(Default)]
struct Range {
    low: Option<(Value, bool)>,
    high: Option<(Value, bool)>,
}

impl Asked {
    fn add(&mut self, condition: &Expr) {
        match &condition.kind {
            ExprKind::And(a, b) => {
                self.add(a);
                self.add(b);
            }
            ExprKind::IsNull(value) => {
                if let ExprKind::Column(column) = value.kind {
                    self.nulls.insert(column);
                }
            }
            ExprKind::Binary(op, a, b) => match (&a.kind, a.as_literal(), &b.kind, b.as_literal()) {
                (ExprKind::Column(column), _, _, Some(value)) => self.compare(*column, *op, value),
                (_, Some(value), ExprKind::Column(column), _) => self.compare(*column, mirrored(*op), value),
                _ => {}
            },
            _ => {}
        }
    }

    fn compare(&mut self, column: usize, op: BinaryOp, value: &Value) {
        use BinaryOp::*;
        let range = self.ranges.entry(column).or_default();
        let bound = (value.clone(), matches!(op, Equal | LessEqual | GreaterEqual));
        if matches!(op, Equal | Greater | GreaterEqual) {
            narrow(&mut range.low, bound.clone(), Ordering::Greater);
        }
        if matches!(op, Equal | Less | LessEqual) {
            narrow(&mut range.high, bound, Ordering::Less);
        }
    }

    fn contradiction(&self) -> Option<usize> {
        let is_compared = |range: &Range| range.low.is_some() || range.high.is_some();
        let of_null = |(column, range): (&usize, &Range)| self.nulls.contains(column) && is_compared(range);
        let contradictory = |(column, range): (&usize, &Range)| of_null((column, range)) || range.is_empty();
        self.ranges.iter().find(|(column, range)| contradictory((column, range))).map(|(column, _)| *column)
    }
}

impl Range {
    fn is_empty(&self) -> bool {
        let (Some((low, low_is_in)), Some((high, high_is_in))) = (&self.low, &self.high) else {
            return false;
        };
        match compare(low, high) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => !(*low_is_in && *high_is_in),
            _ => false,
        }
    }
}

/// Puts a bound in place of one that allows more; `tighter` is how a bound that allows less compares with it.
fn narrow(bound: &mut Option<(Value, bool)>, new: (Value, bool), tighter: Ordering) {
    let is_tighter = match bound {
        None => true,
        Some((known, is_in)) => match compare(&new.0, known) {
            Some(Ordering::Equal) => *is_in && !new.1,
            order => order == Some(tighter),
        },
    };
    if is_tighter {
        *bound = Some(new);
    }
}

/// The comparison with its sides swapped.
fn mirrored(op: BinaryOp) -> BinaryOp {
    use BinaryOp::*;
    match op {
        Less => Greater,
        LessEqual => GreaterEqual,
        Greater => Less,
        GreaterEqual => LessEqual,
        op => op,
    }
}
