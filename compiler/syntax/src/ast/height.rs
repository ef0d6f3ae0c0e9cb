//! How deep a tree may be. Every later phase walks trees by recursion, and so does dropping them;
//! here is the one place that keeps a program from overflowing their stacks.
//!
//! Chains count like brackets: `a + b + c` is a tree of three levels. A node that would exceed
//! [`MAX_HEIGHT`] is replaced by an error node while it is built, so that no deeper tree ever exists.

use super::{Expr, ExprKind, Pattern, PatternKind, TemplatePart, Type, TypeKind};
use millstream_base::Span;

/// The greatest number of levels of an expression, a type or a pattern.
pub const MAX_HEIGHT: u16 = 256;

impl Expr {
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
