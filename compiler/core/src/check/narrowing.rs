//! What a condition proves about nulls: after `where x is not null`, `x` is no longer nullable.

use millstream_ir::expr::{Expr, ExprKind};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Columns, bound names and paths below them (`a.b`) that are known not to be null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proved {
    present: BTreeSet<Path>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    root: Root,
    steps: Vec<PathStep>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Root {
    Column(usize),
    Local(usize),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PathStep {
    Field(usize),
    Member(Arc<str>),
}

/// What is known of a condition where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    True,
    False,
    /// False or null: the `else` of an `if`, the right side of an `or`.
    NotTrue,
    /// True or null: the right side of an `and`, which is evaluated wherever the left does not decide.
    NotFalse,
}

impl Proved {
    /// What is known of the columns with lower numbers.
    pub(crate) fn of_columns_below(mut self, n: usize) -> Proved {
        self.present.retain(|path| matches!(path.root, Root::Column(column) if column < n));
        self
    }

    /// What holds where `condition` had this outcome.
    pub(crate) fn of(condition: &Expr, outcome: Outcome) -> Proved {
        use Outcome::*;
        let decided = matches!(outcome, True | False);
        match &condition.kind {
            ExprKind::IsNull(value) if matches!(outcome, False | NotTrue) => Proved::present(value),
            ExprKind::Not(inner) => Proved::of(inner, outcome.negated()),
            ExprKind::And(a, b) => match outcome {
                True | NotFalse => Proved::of(a, outcome).and(Proved::of(b, outcome)),
                False | NotTrue => Proved::of(a, outcome).or(&Proved::of(b, outcome)),
            },
            ExprKind::Or(a, b) => match outcome {
                False | NotTrue => Proved::of(a, outcome).and(Proved::of(b, outcome)),
                True | NotFalse => Proved::of(a, outcome).or(&Proved::of(b, outcome)),
            },
            // These are null if an operand is.
            ExprKind::Binary(op, a, b) if decided && op.is_comparison() => {
                Proved::present(a).and(Proved::present(b))
            }
            ExprKind::Like { text, .. } | ExprKind::Matches { text, .. } if decided => Proved::present(text),
            ExprKind::In { value, .. } if decided => Proved::present(value),
            ExprKind::Column(_) | ExprKind::Local(_) | ExprKind::Field { .. } if decided => {
                Proved::present(condition)
            }
            _ => Proved::default(),
        }
    }

    /// That this value is not null, if it is a path; and then the records on its way are not either.
    pub(crate) fn present(value: &Expr) -> Proved {
        let mut proved = Proved::default();
        let mut path = Path::of(value);
        while let Some(known) = path {
            let mut shorter = known.clone();
            path = shorter.steps.pop().map(|_| shorter);
            proved.present.insert(known);
        }
        proved
    }

    pub(crate) fn is_present(&self, value: &Expr) -> bool {
        !self.present.is_empty() && Path::of(value).is_some_and(|path| self.present.contains(&path))
    }

    pub fn column_is_present(&self, column: usize) -> bool {
        self.present.contains(&Path { root: Root::Column(column), steps: vec![] })
    }

    /// Makes what else is proved hold too.
    pub fn extend(&mut self, other: Proved) {
        self.present.extend(other.present);
    }

    fn and(mut self, other: Proved) -> Proved {
        self.extend(other);
        self
    }

    fn or(self, other: &Proved) -> Proved {
        Proved { present: self.present.intersection(&other.present).cloned().collect() }
    }
}

impl Outcome {
    fn negated(self) -> Outcome {
        match self {
            Outcome::True => Outcome::False,
            Outcome::False => Outcome::True,
            Outcome::NotTrue => Outcome::NotFalse,
            Outcome::NotFalse => Outcome::NotTrue,
        }
    }
}

impl Path {
    fn of(value: &Expr) -> Option<Path> {
        match &value.kind {
            ExprKind::Column(number) => Some(Path { root: Root::Column(*number), steps: vec![] }),
            ExprKind::Local(number) => Some(Path { root: Root::Local(*number), steps: vec![] }),
            ExprKind::Field { record, field } => Path::of(record)?.then(PathStep::Field(*field)),
            ExprKind::Member { json, name } => Path::of(json)?.then(PathStep::Member(name.clone())),
            _ => None,
        }
    }

    fn then(mut self, step: PathStep) -> Option<Path> {
        self.steps.push(step);
        Some(self)
    }
}
