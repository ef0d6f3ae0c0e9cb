//! Joins of two streams.

use super::Schema;
use crate::expr::Expr;
use crate::segment::{Clause, Segment, Step};
use crate::text::format_duration;
use crate::types::Type;
use std::fmt;
use std::sync::Arc;

/// Pairs of a row of the left and one of the right input that have the same keys, are as near to each other as
/// `bound` says, and fulfil the condition. Output columns: those of the left input, unless only its rows leave
/// those of the right one, and then the hidden time, the later one of the pair.
#[derive(Clone, Debug)]
pub struct Join {
    pub kind: JoinKind,
    /// A column of the left and one of the right input, of one type; null equals nothing.
    pub keys: Vec<(usize, usize)>,
    pub bound: JoinBound,
    /// Over the columns of the left input and behind them those of the right one: what else holds of a pair. One
    /// for which it fails is none, and fails the row on the left.
    pub condition: Option<Expr>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    /// Rows of the left input that have a partner, each once.
    Semi,
    /// Rows of the left input that have none.
    Anti,
}

/// Which rows can be partners, as far as times say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinBound {
    /// The time on the right less that on the left lies between these, in microseconds.
    Within { low: i64, high: i64 },
    /// Rows of one window, which is among the keys; the column of its end on each side, and how long it can be.
    Window { ends: [usize; 2], longest: i64 },
    /// All.
    Forever,
}

impl JoinKind {
    pub fn name(self) -> &'static str {
        match self {
            JoinKind::Inner => "join",
            JoinKind::Left => "left join",
            JoinKind::Right => "right join",
            JoinKind::Full => "full join",
            JoinKind::Semi => "semi join",
            JoinKind::Anti => "anti join",
        }
    }

    /// Whether only rows of the left input leave.
    pub fn yields_left_only(self) -> bool {
        matches!(self, JoinKind::Semi | JoinKind::Anti)
    }

    /// Whether rows of the left and of the right input leave that have no partner.
    pub fn yields_unmatched(self) -> [bool; 2] {
        [
            matches!(self, JoinKind::Left | JoinKind::Full | JoinKind::Anti),
            matches!(self, JoinKind::Right | JoinKind::Full),
        ]
    }
}

impl Join {
    /// The types of its output over those of its inputs.
    pub fn types(&self, left: &[Type], right: &[Type]) -> Vec<Type> {
        if self.kind.yields_left_only() {
            return left.to_vec();
        }
        [left, right, &[Type::TIMESTAMP]].concat()
    }

    /// The columns that it looks at of each input, but for its condition.
    pub fn columns(&self) -> [Vec<usize>; 2] {
        let ends = match self.bound {
            JoinBound::Window { ends, .. } => Some(ends),
            _ => None,
        };
        let of = |side: usize| {
            let keys = self.keys.iter().map(|(left, right)| [*left, *right][side]);
            keys.chain(ends.map(|ends| ends[side])).collect()
        };
        [of(0), of(1)]
    }

    /// As [`Join::columns`].
    pub fn columns_mut(&mut self) -> [Vec<&mut usize>; 2] {
        let (mut left, mut right): (Vec<&mut usize>, Vec<&mut usize>) =
            self.keys.iter_mut().map(|(left, right)| (left, right)).unzip();
        if let JoinBound::Window { ends: [left_end, right_end], .. } = &mut self.bound {
            left.push(left_end);
            right.push(right_end);
        }
        [left, right]
    }

    /// The condition as a filter over candidates: the columns of both inputs and behind them the number of the
    /// pair, which is all that it yields.
    pub fn filter(&self, left: &Schema, right: &Schema) -> Option<Segment> {
        let condition = self.condition.clone()?;
        let row = left.visible().map(|(number, c)| (c.name.clone(), number, c.ty.clone())).collect();
        let clause = Arc::new(Clause { span: condition.span, row });
        let inputs = [left.types(), right.types(), vec![Type::INT]].concat();
        let outputs = vec![inputs.len() - 1];
        Some(Segment { inputs, steps: vec![Step::Filter { condition, clause }], outputs })
    }

    /// Its name and what there is to say of it; the functions give the names of columns.
    pub fn describe(
        &self,
        left: &dyn Fn(usize) -> String,
        right: &dyn Fn(usize) -> String,
        n_left: usize,
    ) -> (&'static str, Vec<(&'static str, String)>) {
        let keys = self.keys.iter().map(|(l, r)| format!("{} = {}", left(*l), right(*r)));
        let keys = keys.collect::<Vec<_>>().join(", ");
        let mut fields = vec![("key", format!("[{keys}]")), ("within", self.bound.to_string())];
        if let Some(condition) = &self.condition {
            let name = |column: usize| if column < n_left { left(column) } else { right(column - n_left) };
            fields.push(("if", condition.text(&name).to_string()));
        }
        (self.kind.name(), fields)
    }
}

impl fmt::Display for JoinBound {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            JoinBound::Within { low, high } => {
                write!(f, "{}..{}", format_duration(*low), format_duration(*high))
            }
            JoinBound::Window { .. } => f.write_str("window"),
            JoinBound::Forever => f.write_str("forever"),
        }
    }
}
