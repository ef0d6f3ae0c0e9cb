//! Formats expressions.

use super::writer::{Brackets, Gap, Writer};
use crate::ast::{Arg, Binding, Call, Expr, ExprKind, Range};
use crate::token::TokenKind;
use millstream_base::Span;

impl Writer<'_> {
    /// An expression, with the tokens before it.
    pub(super) fn expr(&mut self, expr: &Expr) {
        self.until(expr.span);
        if expr.parenthesized && self.next_is(TokenKind::LeftParenthesis) {
            self.piece();
        }
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::Template(_) | ExprKind::Error => {}
            ExprKind::Field { of, .. } | ExprKind::IsNull { value: of, .. } => self.expr(of),
            ExprKind::Index { of, index } => {
                self.expr(of);
                self.glue();
                self.piece();
                self.expr(index);
            }
            ExprKind::Call(call) => self.call(call),
            ExprKind::Unary { op_span, operand, .. } => {
                let is_sign = self.sign_is_next();
                self.through(*op_span);
                if is_sign {
                    self.glue();
                }
                self.expr(operand);
            }
            ExprKind::Binary { .. } | ExprKind::Chain { .. } => self.chain(expr),
            ExprKind::In { value, container: other, .. }
            | ExprKind::Like { value, pattern: other, .. }
            | ExprKind::Matches { value, regex: other, .. } => self.exprs([&**value, &**other]),
            ExprKind::Between { value, low, high, .. } => self.exprs([&**value, &**low, &**high]),
            ExprKind::If { .. } => self.conditional(expr),
            ExprKind::List(elements) => {
                self.bracketed(elements, Brackets::TIGHT, |w, element| w.expr(element))
            }
            ExprKind::Record(fields) => self.bracketed(fields, Brackets::SPACED, |w, field| {
                w.expr(&field.value);
                w.through(field.span);
            }),
            ExprKind::Comprehension { element, variable, list, condition } => self.group(|w| {
                w.piece();
                w.indent();
                w.separate(Gap::SoftLine);
                w.expr(element);
                w.separate(Gap::Line);
                w.until(variable.span);
                w.expr(list);
                if let Some(condition) = condition {
                    w.separate(Gap::Line);
                    w.expr(condition);
                }
                w.dedent_before_closing(Gap::SoftLine);
                w.piece();
            }),
            ExprKind::RelativeTime(_) => {
                self.piece();
                self.glue();
            }
        }
        self.through(expr.span);
    }

    /// Several expressions in the order in which they stand.
    pub(super) fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        let mut exprs: Vec<&Expr> = exprs.into_iter().collect();
        exprs.sort_by_key(|expr| expr.span.start);
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn call(&mut self, call: &Call) {
        self.through(call.function.span);
        self.glue();
        let brackets = if call.distinct.is_some() { Brackets::NO_COMMA } else { Brackets::TIGHT };
        self.bracketed(&call.args, brackets, |w, arg| w.arg(arg));
        if let Some(filter) = &call.filter {
            self.expr(filter);
        }
    }

    pub(super) fn arg(&mut self, arg: &Arg) {
        self.expr(&arg.value);
        self.through(arg.span);
    }

    pub(super) fn binding(&mut self, binding: &Binding) {
        self.expr(&binding.value);
        self.through(binding.span);
    }

    /// `LOW..HIGH`
    pub(super) fn range(&mut self, range: &Range) {
        self.exprs(range.low.iter().chain([&range.high]));
        self.through(range.span);
    }

    /// Operators of one tier with their operands, an operator at the beginning of each line.
    fn chain(&mut self, expr: &Expr) {
        let operands = operands(expr);
        let Some(((_, first), others)) = operands.split_first() else { return };
        self.until(first.span);
        self.group(|w| {
            w.expr(first);
            w.indent();
            for (op_span, operand) in others {
                w.until(*op_span);
                w.separate(Gap::Line);
                w.through(*op_span);
                w.expr(operand);
            }
            w.dedent();
        });
    }

    /// `if` with its chain of `else if`: a line for each case.
    fn conditional(&mut self, expr: &Expr) {
        self.group(|w| {
            let mut rest = expr;
            w.indent();
            while let ExprKind::If { condition, then, otherwise } = &rest.kind {
                w.group(|w| {
                    w.expr(condition);
                    w.indent();
                    w.separate(Gap::Line);
                    w.expr(then);
                    w.dedent();
                });
                w.separate(Gap::Line);
                rest = otherwise;
                if rest.parenthesized {
                    break;
                }
                // `else`; what follows stands beside it.
                w.until(rest.span);
            }
            w.expr(rest);
            w.dedent();
        });
    }

    fn sign_is_next(&self) -> bool {
        self.next_is(TokenKind::Minus)
    }
}

/// The operands of a chain in their order, each behind its operator; the first has none.
fn operands(chain: &Expr) -> Vec<(Span, &Expr)> {
    let Some(tier) = tier(chain) else { return vec![] };
    let (mut operands, mut open) = (vec![], vec![(chain.span.at_start(), chain)]);
    while let Some((before, part)) = open.pop() {
        let is_part = std::ptr::eq(part, chain) || !part.parenthesized && self::tier(part) == Some(tier);
        match &part.kind {
            ExprKind::Binary { op_span, left, right, .. } if is_part => {
                open.extend([(*op_span, &**right), (before, &**left)]);
            }
            ExprKind::Chain { first, links } if is_part => {
                open.extend(links.iter().rev().map(|link| (link.op_span, &link.operand)));
                open.push((before, first));
            }
            _ => operands.push((before, part)),
        }
    }
    operands
}

/// That of the operators that stand side by side in an expression.
fn tier(expr: &Expr) -> Option<u8> {
    match &expr.kind {
        ExprKind::Binary { op, .. } => Some(op.tier()),
        ExprKind::Chain { first, .. } => tier(first),
        _ => None,
    }
}
