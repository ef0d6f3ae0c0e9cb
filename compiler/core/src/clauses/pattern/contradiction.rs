//! Conditions that no event can meet.

use crate::opt::constant_folding::fold;
use millstream_ir::eval::compare;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::value::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;

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
    let (choices, others): (Vec<&Expr>, Vec<&Expr>) =
        condition.conjuncts().into_iter().partition(|part| matches!(part.kind, ExprKind::Or(..)));
    let with = |part: &Expr| Asked::of(others.iter().copied().chain(part.conjuncts())).contradiction();
    let among_choices = choices.into_iter().find_map(|choice| match &choice.kind {
        ExprKind::Or(a, b) => with(a).and(with(b)),
        _ => None,
    });
    Asked::of(others.iter().copied()).contradiction().or(among_choices).map(Contradiction::Column)
}

/// What the parts of a condition that must all hold ask of columns.
#[derive(Default)]
struct Asked {
    of_columns: BTreeMap<usize, Domain>,
}

/// The values that are left for a column.
#[derive(Default)]
struct Domain {
    range: Range,
    /// Only these.
    among: Option<Vec<Value>>,
    excluded: Vec<Value>,
    is_null: bool,
    /// Whether a null does not do.
    is_compared: bool,
}

/// Each bound, and whether the value itself is in.
#[derive(Default)]
struct Range {
    low: Option<(Value, bool)>,
    high: Option<(Value, bool)>,
}

impl Asked {
    fn of<'e>(parts: impl IntoIterator<Item = &'e Expr>) -> Asked {
        let mut asked = Asked::default();
        parts.into_iter().for_each(|part| asked.add(part));
        asked
    }

    fn add(&mut self, part: &Expr) {
        match &part.kind {
            ExprKind::Not(of) => self.add_opposite(of),
            ExprKind::Column(column) => self.compare(*column, BinaryOp::Equal, &Value::Bool(true)),
            ExprKind::IsNull(value) => {
                if let ExprKind::Column(column) = value.kind {
                    self.domain(column).is_null = true;
                }
            }
            ExprKind::In { value, list } => {
                if let (ExprKind::Column(column), Some(values)) = (&value.kind, literals(list)) {
                    self.compared(*column).keep(|value| values.contains(value), &values);
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

    /// What a part asks that must not hold.
    fn add_opposite(&mut self, part: &Expr) {
        match &part.kind {
            ExprKind::Column(column) => self.compare(*column, BinaryOp::Equal, &Value::Bool(false)),
            ExprKind::IsNull(value) => {
                if let ExprKind::Column(column) = value.kind {
                    self.compared(column);
                }
            }
            ExprKind::In { value, list } => {
                if let (ExprKind::Column(column), Some(values)) = (&value.kind, literals(list)) {
                    self.compared(*column).excluded.extend(values);
                }
            }
            _ => {}
        }
    }

    fn domain(&mut self, column: usize) -> &mut Domain {
        self.of_columns.entry(column).or_default()
    }

    /// Of a column that a part compares, so that a null does not do.
    fn compared(&mut self, column: usize) -> &mut Domain {
        let domain = self.domain(column);
        domain.is_compared = true;
        domain
    }

    fn compare(&mut self, column: usize, op: BinaryOp, value: &Value) {
        use BinaryOp::*;
        let domain = self.compared(column);
        let bound = (value.clone(), matches!(op, Equal | LessEqual | GreaterEqual));
        if matches!(op, Equal | Greater | GreaterEqual) {
            narrow(&mut domain.range.low, bound.clone(), Ordering::Greater);
        }
        if matches!(op, Equal | Less | LessEqual) {
            narrow(&mut domain.range.high, bound, Ordering::Less);
        }
        match op {
            Equal => domain.keep(|known| known == value, std::slice::from_ref(value)),
            NotEqual => domain.excluded.push(value.clone()),
            _ => {}
        }
    }

    fn contradiction(&self) -> Option<usize> {
        self.of_columns.iter().find(|(_, domain)| domain.is_empty()).map(|(column, _)| *column)
    }
}

fn literals(list: &[Expr]) -> Option<Vec<Value>> {
    list.iter().map(|element| element.as_literal().cloned()).collect()
}

impl Domain {
    /// Leaves those of the values that were left, or else of these.
    fn keep(&mut self, is_kept: impl Fn(&Value) -> bool, values: &[Value]) {
        self.among.get_or_insert_with(|| values.to_vec()).retain(is_kept);
    }

    fn is_empty(&self) -> bool {
        let is_left = |value: &Value| !self.excluded.contains(value) && self.range.has(value);
        self.is_null && self.is_compared
            || self.range.is_empty()
            || self.among.as_ref().is_some_and(|values| !values.iter().any(is_left))
    }
}

impl Range {
    fn has(&self, value: &Value) -> bool {
        let beyond = |bound: &Option<(Value, bool)>, beyond: Ordering| {
            bound.as_ref().is_some_and(|(bound, is_in)| match compare(value, bound) {
                Some(Ordering::Equal) => !is_in,
                order => order == Some(beyond),
            })
        };
        !beyond(&self.low, Ordering::Less) && !beyond(&self.high, Ordering::Greater)
    }

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
