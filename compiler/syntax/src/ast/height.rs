//! How deep a tree may be. Every later phase walks trees by recursion, and so does dropping them;
//! here is the one place that keeps a program from overflowing their stacks.
//!
//! Short chains are trees of their operators. Long ones become flat: those for which no order matters as trees in
//! another order, and sums and products, which in another order could overflow or be rounded otherwise, as
//! [`ExprKind::Chain`]. A node that would exceed [`MAX_HEIGHT`] is replaced by an error node while it is built, so that
//! no deeper tree ever exists.

use super::{BinaryOp, Expr, ExprKind, Link, Pattern, PatternKind, TemplatePart, Type, TypeKind};
use millstream_base::Span;

/// The greatest number of levels of an expression, a type or a pattern.
pub const MAX_HEIGHT: u16 = 256;

/// From this height on a chain grows in width.
const LONG_CHAIN: u16 = 64;

/// So many operators of a chain are computed in one piece; each piece behind the first is a level, as it
/// stands inside of what binds the one before it to a name.
pub const LINKS_OF_PIECE: usize = 64;

impl Expr {
    /// `left op right`. Behind a long chain of `and`, `or`, `??` or `++` the operand goes down to the lowest part at the
    /// end of it that has room, so that the height is that of its logarithm.
    pub fn joined(left: Expr, (op, op_span): (BinaryOp, Span), right: Expr) -> Expr {
        use BinaryOp::*;
        if left.height < LONG_CHAIN || left.parenthesized {
            return Expr::binary(left, (op, op_span), right);
        }
        let has_any_order = matches!(op, And | Or | Coalesce | Concat);
        let is_arithmetic = matches!(op, Add | Subtract | Multiply | Divide | Remainder);
        let span = left.span.to(right.span);
        let link = |operand| Link { op, op_span, operand };
        match left.kind {
            ExprKind::Binary { op: first_op, op_span: first_span, left: first, right: last }
                if first_op == op && has_any_order && last.height < first.height =>
            {
                let last = Expr::joined(*last, (op, op_span), right);
                Expr::binary(*first, (op, first_span), last)
            }
            ExprKind::Binary { op: first_op, .. } if is_arithmetic && first_op.tier() == op.tier() => {
                Expr::new(ExprKind::Chain { first: Box::new(left), links: vec![link(right)] }, span)
            }
            ExprKind::Chain { first, mut links } if is_of(&links, op) => {
                let operands = (left.height - pieces(&links)).max(right.height + 1);
                links.push(link(right));
                let height = operands.saturating_add(pieces(&links));
                Expr::of_height(height, ExprKind::Chain { first, links }, span)
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
        Expr::of_height(kind.height(), kind, span)
    }

    fn of_height(height: u16, kind: ExprKind, span: Span) -> Expr {
        if height > MAX_HEIGHT {
            return Expr { kind: ExprKind::Error, span, parenthesized: false, height: 0 };
        }
        Expr { kind, span, parenthesized: false, height }
    }
}

/// Whether the operator goes on with a chain of these links.
fn is_of(links: &[Link], op: BinaryOp) -> bool {
    links.first().is_some_and(|link| link.op.tier() == op.tier())
}

/// The levels that the links of a chain add.
fn pieces(links: &[Link]) -> u16 {
    u16::try_from(links.len().div_ceil(LINKS_OF_PIECE)).unwrap_or(MAX_HEIGHT)
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
            ExprKind::Chain { first, links } => {
                let operands = links.iter().map(|l| l.operand.height).fold(first.height, u16::max);
                operands.saturating_add(pieces(links))
            }
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
        below.saturating_add(1)
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
