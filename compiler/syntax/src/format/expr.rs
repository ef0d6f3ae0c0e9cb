//! Formats expressions.

use super::writer::{Brackets, Gap, Writer};
use crate::ast::{Arg, BinaryOp, Binding, Call, Expr, ExprKind, Range};
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
            ExprKind::Binary { .. } => self.chain(expr),
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

/// How tightly an operator binds: those of one tier stand in one chain.
/// The operands of a chain in their order, each behind its operator; the first has none.
fn operands(chain: &Expr) -> Vec<(Span, &Expr)> {
    let ExprKind::Binary { op: of_chain, .. } = &chain.kind else { return vec![] };
    let (mut operands, mut open) = (vec![], vec![(chain.span.at_start(), chain)]);
    while let Some((before, part)) = open.pop() {
        let is_whole = std::ptr::eq(part, chain);
        match &part.kind {
            ExprKind::Binary { op, op_span, left, right }
                if is_whole || !part.parenthesized && tier(*op) == tier(*of_chain) =>
            {
                open.extend([(*op_span, &**right), (before, &**left)]);
            }
            _ => operands.push((before, part)),
        }
    }
    operands
}

fn tier(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 0,
        BinaryOp::And => 1,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual => 2,
        BinaryOp::Coalesce => 3,
        BinaryOp::Concat => 4,
        BinaryOp::Add | BinaryOp::Subtract => 5,
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => 6,
    }
}
