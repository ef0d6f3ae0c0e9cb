//! Typed expressions: what the compiler makes of the language's, what the reference evaluator
//! ([`crate::eval`]) computes and what the JIT compiles.
//!
//! Operands have been brought to one type by explicit [`ExprKind::Cast`]s; functions written in the
//! language have been inlined; parameters are literals.

mod display;
mod inspect;
mod like;

pub use display::{ExprText, literal as literal_text};

use crate::catalog::ScalarFunction;
use crate::types::{Type, TypeKind};
use crate::value::Value;
use millstream_base::Span;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub ty: Type,
    /// Where it stands in the program: the `place` of a row error.
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A column of the row, by number.
    Column(usize),
    Literal(Value),
    /// A name bound by [`ExprKind::Let`] or [`ExprKind::Comprehension`].
    Local(usize),
    Let {
        local: usize,
        value: Box<Expr>,
        body: Box<Expr>,
    },
    Unary(UnaryOp, Box<Expr>),
    /// Both operands of one type, but for `decimal * decimal`, `decimal / decimal` (any scales)
    /// and the arithmetic of times. Null if one of them is.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// Three-valued; the right side is evaluated only where the left side does not decide.
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>),
    /// The left side, or where that is null the right side.
    Coalesce(Box<Expr>, Box<Expr>),
    /// A null condition counts as no.
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    /// Strings, one after the other; null if one of them is.
    Concat(Vec<Expr>),
    /// Whether the value equals one of the list (null if it, or else an undecided element, is null).
    In {
        value: Box<Expr>,
        list: Vec<Expr>,
    },
    Like {
        text: Box<Expr>,
        pattern: Arc<LikePattern>,
    },
    Matches {
        text: Box<Expr>,
        regex: Arc<Regex>,
    },
    /// To the type of this expression.
    Cast {
        value: Box<Expr>,
        mode: CastMode,
    },
    /// A field of a record; null if the record is.
    Field {
        record: Box<Expr>,
        field: usize,
    },
    /// A member of a json object; null if there is none.
    Member {
        json: Box<Expr>,
        name: Arc<str>,
    },
    /// An element of a list (out of range fails the row), of a json array or object (null),
    /// or of a map (null if there is none).
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    List(Vec<Expr>),
    /// In the order of the type's fields.
    Record(Vec<Expr>),
    /// `[element for local in list if condition]`; null if the list is.
    Comprehension {
        list: Box<Expr>,
        local: usize,
        condition: Option<Box<Expr>>,
        element: Box<Expr>,
    },
    /// The start of the tumbling window of `size` that a time lies in, in microseconds.
    Bucket {
        time: Box<Expr>,
        size: i64,
        offset: i64,
    },
    Call {
        function: &'static ScalarFunction,
        arguments: Vec<Expr>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    /// Of an int, float, decimal or duration.
    Negate,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinaryOp {
    /// int, float, decimal, duration + duration, timestamp + duration.
    Add,
    /// int, float, decimal, duration - duration, timestamp - duration, timestamp - timestamp.
    Subtract,
    /// int, float, decimal, duration * int.
    Multiply,
    /// float, decimal, duration / int (truncated), duration / duration (a float).
    Divide,
    /// int, float, decimal: the sign of the left side.
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// What happens to a value that the target type does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CastMode {
    /// It fails the row.
    Strict,
    /// It becomes null.
    Try,
}

impl BinaryOp {
    /// As the language writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
        }
    }

    pub fn is_comparison(self) -> bool {
        use BinaryOp::*;
        matches!(self, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
    }
}

/// A compiled `like` pattern: `%` any text, `_` one code point, `\` takes the next as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LikePattern {
    pub source: Arc<str>,
    pub parts: Vec<LikePart>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LikePart {
    Text(String),
    AnyChar,
    AnyText,
}

/// A regular expression, compared and printed by its text.
#[derive(Clone, Debug)]
pub struct Regex(pub regex::Regex);

impl PartialEq for Regex {
    fn eq(&self, other: &Regex) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Regex {}

impl Expr {
    pub fn new(kind: ExprKind, ty: Type, span: Span) -> Expr {
        Expr { kind, ty, span }
    }

    pub fn column(number: usize, ty: Type, span: Span) -> Expr {
        Expr::new(ExprKind::Column(number), ty, span)
    }

    pub fn literal(value: Value, ty: Type, span: Span) -> Expr {
        Expr::new(ExprKind::Literal(value), ty, span)
    }

    pub fn as_literal(&self) -> Option<&Value> {
        match &self.kind {
            ExprKind::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it can fail the row for some values of its columns. Where it says no, it never does.
    pub fn can_fail(&self) -> bool {
        let own = match &self.kind {
            ExprKind::Unary(UnaryOp::Negate, a) => matches!(a.ty.kind, TypeKind::Int | TypeKind::Duration),
            // Of a whole number by a positive one that is known.
            ExprKind::Binary(BinaryOp::Remainder, a, b)
                if a.ty.kind == TypeKind::Int
                    && matches!(b.kind, ExprKind::Literal(Value::Int(divisor)) if divisor > 0) =>
            {
                false
            }
            ExprKind::Binary(op, a, b) => {
                let floats = a.ty.kind == TypeKind::Float;
                let ratio = *op == BinaryOp::Divide
                    && a.ty.kind == TypeKind::Duration
                    && b.ty.kind == TypeKind::Duration;
                !(op.is_comparison() || floats || ratio)
            }
            ExprKind::Cast { value, mode } => {
                *mode == CastMode::Strict && crate::eval::cast_can_fail(&value.ty, &self.ty)
            }
            ExprKind::Index { base, .. } => matches!(base.ty.kind, TypeKind::List(_)),
            ExprKind::Concat(_) => true,
            ExprKind::List(parts) => parts.iter().any(|part| part.ty.is_collection()),
            ExprKind::Comprehension { local, element, .. } => element.makes_more_than(*local),
            ExprKind::Call { function, .. } => function.can_fail,
            _ => false,
        };
        own || self.children().into_iter().any(Expr::can_fail)
    }

    /// Whether a list of such elements can be much longer than that whose elements the local stands for: where they
    /// are neither of one size nor parts of those.
    pub fn makes_more_than(&self, local: usize) -> bool {
        let is_part = match &self.kind {
            ExprKind::Local(number) => *number == local,
            ExprKind::Field { record: whole, .. } | ExprKind::Member { json: whole, .. } => {
                !whole.makes_more_than(local)
            }
            _ => false,
        };
        !is_part && !self.ty.is_of_one_size()
    }

    /// The direct parts, in the order in which they are evaluated.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) | ExprKind::Local(_) => vec![],
            ExprKind::Unary(_, a)
            | ExprKind::Not(a)
            | ExprKind::IsNull(a)
            | ExprKind::Like { text: a, .. }
            | ExprKind::Matches { text: a, .. }
            | ExprKind::Cast { value: a, .. }
            | ExprKind::Field { record: a, .. }
            | ExprKind::Member { json: a, .. }
            | ExprKind::Bucket { time: a, .. } => vec![a],
            ExprKind::Let { value: a, body: b, .. }
            | ExprKind::Binary(_, a, b)
            | ExprKind::And(a, b)
            | ExprKind::Or(a, b)
            | ExprKind::Coalesce(a, b)
            | ExprKind::Index { base: a, index: b } => vec![a, b],
            ExprKind::If { condition, then, otherwise } => vec![condition, then, otherwise],
            ExprKind::Concat(list) | ExprKind::List(list) | ExprKind::Record(list) => list.iter().collect(),
            ExprKind::Call { arguments, .. } => arguments.iter().collect(),
            ExprKind::In { value, list } => std::iter::once(&**value).chain(list).collect(),
            ExprKind::Comprehension { list, condition, element, .. } => {
                std::iter::once(&**list).chain(condition.as_deref()).chain([&**element]).collect()
            }
        }
    }

    /// The direct parts, for rewriting in place.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        match &mut self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) | ExprKind::Local(_) => vec![],
            ExprKind::Unary(_, a)
            | ExprKind::Not(a)
            | ExprKind::IsNull(a)
            | ExprKind::Like { text: a, .. }
            | ExprKind::Matches { text: a, .. }
            | ExprKind::Cast { value: a, .. }
            | ExprKind::Field { record: a, .. }
            | ExprKind::Member { json: a, .. }
            | ExprKind::Bucket { time: a, .. } => vec![a],
            ExprKind::Let { value: a, body: b, .. }
            | ExprKind::Binary(_, a, b)
            | ExprKind::And(a, b)
            | ExprKind::Or(a, b)
            | ExprKind::Coalesce(a, b)
            | ExprKind::Index { base: a, index: b } => vec![a, b],
            ExprKind::If { condition, then, otherwise } => vec![condition, then, otherwise],
            ExprKind::Concat(list) | ExprKind::List(list) | ExprKind::Record(list) => {
                list.iter_mut().collect()
            }
            ExprKind::Call { arguments, .. } => arguments.iter_mut().collect(),
            ExprKind::In { value, list } => std::iter::once(&mut **value).chain(list).collect(),
            ExprKind::Comprehension { list, condition, element, .. } => {
                std::iter::once(&mut **list).chain(condition.as_deref_mut()).chain([&mut **element]).collect()
            }
        }
    }

    /// Calls `visit` on this expression and every part of it, parts first.
    pub fn visit(&self, visit: &mut impl FnMut(&Expr)) {
        self.children().into_iter().for_each(|c| c.visit(visit));
        visit(self);
    }

    /// Rewrites every part, then the expression itself.
    pub fn rewrite(&mut self, rewrite: &mut impl FnMut(&mut Expr)) {
        self.children_mut().into_iter().for_each(|c| c.rewrite(rewrite));
        rewrite(self);
    }
}
