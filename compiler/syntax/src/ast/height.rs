//! How deep a tree may be. Every later phase walks trees by recursion, and so does dropping them;
//! here is the one place that keeps a program from overflowing their stacks.
//!
//! Chains count like brackets: `a + b + c` is a tree of three levels, as sums are computed from left to right, and in
//! another order could overflow or be rounded otherwise. Long chains of operators for which no order matters become
//! flat trees. A node that would exceed [`MAX_HEIGHT`] is replaced by an error node while it is built, so that no deeper
//! tree ever exists.

use super::{BinaryOp, Expr, ExprKind, Pattern, PatternKind, TemplatePart, Type, TypeKind};
use millstream_base::Span;

/// The greatest number of levels of an expression, a type or a pattern.
pub const MAX_HEIGHT: u16 = 256;

/// From this height on a chain whose operands can be taken together in any order grows in width.
const LONG_CHAIN: u16 = 64;

impl Expr {
    /// `left op right`. Behind a long chain of `and`, `or` or `++` the operand goes down to the lowest part at the end of
    /// it that has room, so that the height is that of its logarithm.
    pub fn joined(left: Expr, (op, op_span): (BinaryOp, Span), right: Expr) -> Expr {
        let is_long = left.height >= LONG_CHAIN && !left.parenthesized;
        let has_any_order = matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Concat);
        match left.kind {
            ExprKind::Binary { op: first_op, op_span: first_span, left: first, right: last }
                if first_op == op && is_long && has_any_order && last.height < first.height =>
            {
                let last = Expr::joined(*last, (op, op_span), right);
                Expr::binary(*first, (op, first_span), last)
            }
            kind => Expr::binary(Expr { kind, ..left }, (op, op_span), right),
        }
    }

    fn binary(left: Expr, (op, op_span): (BinaryOp, Span), right: Expr) -> Expr {
        let span = left.span.to(right.span);
        Expr::new(ExprKind::Binary { op, op_span, left: Box::new(left), right: Box::new(right) }, span)
    }

    /// An expression, or an error node where it would be higher than [`MAX_HEIGHT`].
    pub fn new(kind: ExprKind, span: Span) -> Expr {
        let height = kind.height();
        if height > MAX_HEIGHT {
            return Expr { kind: ExprKind::Error, span, parenthesized: false, height: 0 };
        }
        Expr { kind, span, parenthesized: false, height }
    }
}

impl ExprKind {
    /// Levels of this node and those below it.
    pub fn height(&self) -> u16 {
        let below = match self {
            ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::RelativeTime(_) | ExprKind::Error => 0,
            ExprKind::Field { of, .. } => of.height,
            ExprKind::Index { of, index } => of.height.max(index.height),
            ExprKind::Call(call) => {
                let filter = call.filter.as_ref().map_or(0, |f| f.height);
                call.args.iter().map(|a| a.value.height).fold(filter, u16::max)
            }
            ExprKind::Unary { operand, .. } => operand.height,
            ExprKind::Binary { left, right, .. } => left.height.max(right.height),
            ExprKind::In { value, container, .. } => value.height.max(container.height),
            ExprKind::Between { value, low, high, .. } => value.height.max(low.height).max(high.height),
            ExprKind::Like { value, pattern, .. } => value.height.max(pattern.height),
            ExprKind::Matches { value, regex, .. } => value.height.max(regex.height),
            ExprKind::IsNull { value, .. } => value.height,
            ExprKind::If { condition, then, otherwise } => {
                condition.height.max(then.height).max(otherwise.height)
            }
            ExprKind::List(elements) => elements.iter().map(|e| e.height).fold(0, u16::max),
            ExprKind::Record(fields) => fields.iter().map(|f| f.value.height).fold(0, u16::max),
            ExprKind::Comprehension { element, list, condition, .. } => {
                element.height.max(list.height).max(condition.as_ref().map_or(0, |c| c.height))
            }
            ExprKind::Template(parts) => parts.iter().map(TemplatePart::height).fold(0, u16::max),
        };
        below + 1
    }
}

impl TemplatePart {
    fn height(&self) -> u16 {
        match self {
            TemplatePart::Text(_) => 0,
            TemplatePart::Value(value) => value.height,
        }
    }
}

impl Type {
    /// A type, or an error node where it would be higher than [`MAX_HEIGHT`].
    pub fn new(kind: TypeKind, span: Span) -> Type {
        let height = kind.height();
        if height > MAX_HEIGHT {
            return Type { kind: TypeKind::Error, span, height: 0 };
        }
        Type { kind, span, height }
    }
}

impl TypeKind {
    /// Levels of this node and those below it.
    pub fn height(&self) -> u16 {
        let below = match self {
            TypeKind::Named(_) | TypeKind::Scaled { .. } | TypeKind::OneOf(_) | TypeKind::Error => 0,
            TypeKind::Applied { args, .. } => args.iter().map(|t| t.height).fold(0, u16::max),
            TypeKind::Record(fields) => fields.iter().map(|f| f.ty.height).fold(0, u16::max),
            TypeKind::Nullable(of) => of.height,
        };
        below + 1
    }
}

impl Pattern {
    /// A pattern, or an error node where it would be higher than [`MAX_HEIGHT`].
    pub fn new(kind: PatternKind, span: Span) -> Pattern {
        let height = kind.height();
        if height > MAX_HEIGHT {
            return Pattern { kind: PatternKind::Error, span, height: 0 };
        }
        Pattern { kind, span, height }
    }
}

impl PatternKind {
    /// Levels of this node and the patterns below it.
    pub fn height(&self) -> u16 {
        let below = match self {
            PatternKind::Event(_) | PatternKind::Absent { .. } | PatternKind::Error => 0,
            PatternKind::Sequence { first, rest } => {
                rest.iter().map(|link| link.pattern.height).fold(first.height, u16::max)
            }
            PatternKind::Repeat { of, .. } | PatternKind::Group(of) => of.height,
            PatternKind::All(parts) | PatternKind::Any(parts) => {
                parts.iter().map(|p| p.height).fold(0, u16::max)
            }
        };
        below + 1
    }
}
