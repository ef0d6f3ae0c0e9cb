//! Functions that are defined as other languages do: `fn f(n: int) = …`, `fn f(n: int): int = …`, `=> …`, `{ … }`.

use super::Recovery;
use crate::ast::*;
use crate::builder::Parsed;
use crate::parser;
use crate::report;
use crate::token::{Token, TokenKind};
use millstream_base::Span;
use millstream_base::diagnostic::{Edit, Safety};
use std::ops::Range;

/// A function as it was meant.
struct Meant {
    tokens: Vec<Token>,
    edits: Vec<Edit>,
    /// Where the type of its result is missing, with what is written behind it.
    untyped: Option<(Span, &'static str)>,
}

impl Recovery<'_> {
    /// The function that a piece was meant as which is stuck at `at`; that and what to write is reported.
    pub(super) fn function(&mut self, range: &Range<usize>, at: usize) -> Option<ItemKind> {
        let meant = self.meant(range, at)?;
        let success = parser::run(self.input, TokenKind::StartItem, &meant.tokens).ok()?;
        let Parsed::Item(Item { kind: ItemKind::Function(mut function), .. }) = success.tree else {
            return None;
        };
        let mut finding = report::stuck(self.input, TokenKind::StartItem, range.clone(), at)?;
        finding.fixes.clear();
        let Some((place, behind)) = meant.untyped else {
            self.push(finding.fix_edits("write it as the language does", meant.edits, Safety::Unsafe));
            self.extend(success.diagnostics);
            return Some(ItemKind::Function(function));
        };
        let guessed = function.body.as_ref().and_then(|body| self.type_of(body, &function.params));
        self.push(match guessed {
            Some(ty) => {
                let mut edits = meant.edits;
                edits.push(Edit { span: place, text: format!(" -> {ty}{behind}") });
                finding.fix_edits("say what type the result has", edits, Safety::Unsafe)
            }
            None => finding.help("the type of the result stands behind `->`: `fn f(n: int) -> int = n + 1`"),
        });
        self.extend(success.diagnostics);
        function.result = Type::new(TypeKind::Error, place);
        Some(ItemKind::Function(function))
    }

    fn meant(&self, range: &Range<usize>, at: usize) -> Option<Meant> {
        let mut tokens = self.tokens.all.get(range.clone())?.to_vec();
        let (found, next) = (*tokens.get(at)?, tokens.get(at + 1).copied());
        let before = *tokens.get(at.checked_sub(1)?)?;
        let span = |token: &Token| Span::new(self.input.file, token.start as usize, token.end as usize);
        let lacks_type = before.kind == TokenKind::RightParenthesis;
        // What stands in for a type, which is none.
        let name = *tokens.get(1)?;
        let typed = [TokenKind::Arrow, TokenKind::Identifier].map(|kind| Token { kind, ..name });
        match found.kind {
            TokenKind::Assign if lacks_type && next.is_some_and(|t| is_arrow(&found, &t)) => {
                tokens.splice(at..at + 2, typed.into_iter().chain([found]));
                let place = span(&before).at_end().to(span(&next?));
                Some(Meant { tokens, edits: vec![], untyped: Some((place, " =")) })
            }
            TokenKind::Assign if lacks_type => {
                tokens.splice(at..at, typed);
                Some(Meant { tokens, edits: vec![], untyped: Some((span(&before).at_end(), "")) })
            }
            TokenKind::Colon if lacks_type => {
                tokens.get_mut(at)?.kind = TokenKind::Arrow;
                let place = span(&before).at_end().to(span(&found));
                let edits = vec![Edit { span: place, text: " ->".into() }];
                Some(Meant { tokens, edits, untyped: None })
            }
            // `fn f(n: int) -> int { n + 1 }`
            TokenKind::LeftBrace => {
                let close = tokens.pop().filter(|last| last.kind == TokenKind::RightBrace)?;
                let body_end = span(tokens.last()?).at_end();
                let returns = next.filter(|t| t.text(self.input.text) == "return");
                let opening = returns.map_or(span(&found), |word| span(&found).to(span(&word)));
                let opened = at..at + 1 + usize::from(returns.is_some());
                let assign = Token { kind: TokenKind::Assign, ..found };
                let closing = Edit { span: body_end.to(span(&close)), text: String::new() };
                if lacks_type {
                    tokens.splice(opened, typed.into_iter().chain([assign]));
                    let place = span(&before).at_end().to(opening);
                    return Some(Meant { tokens, edits: vec![closing], untyped: Some((place, " =")) });
                }
                tokens.splice(opened, [assign]);
                let edits = vec![Edit { span: opening, text: "=".into() }, closing];
                Some(Meant { tokens, edits, untyped: None })
            }
            _ => None,
        }
    }

    /// The type that an expression has by its looks, as it is written.
    fn type_of(&self, expr: &Expr, params: &[FunctionParam]) -> Option<&str> {
        let of = |expr: &Expr| self.type_of(expr, params);
        Some(match &expr.kind {
            ExprKind::Literal(literal) => match literal {
                Literal::Bool(_) => "bool",
                Literal::Int(_) => "int",
                Literal::Float(_) => "float",
                Literal::String { .. } => "string",
                Literal::Duration(_) => "duration",
                Literal::Timestamp(_) => "timestamp",
                Literal::Null | Literal::Decimal { .. } => return None,
            },
            ExprKind::Name(name) => {
                let param = params.iter().find(|param| param.name.text == name.text)?;
                self.input.text.get(param.ty.span.range())?
            }
            ExprKind::Template(_) => "string",
            ExprKind::In { .. }
            | ExprKind::Between { .. }
            | ExprKind::Like { .. }
            | ExprKind::Matches { .. }
            | ExprKind::IsNull { .. } => "bool",
            ExprKind::If { then, otherwise, .. } => of(then).or_else(|| of(otherwise))?,
            ExprKind::Unary { op: UnaryOp::Not, .. } => "bool",
            ExprKind::Unary { operand, .. } => of(operand)?,
            ExprKind::Chain { first, .. } => of(first)?,
            ExprKind::Binary { op, left, right, .. } => match op {
                BinaryOp::Concat | BinaryOp::Coalesce => of(right).or_else(|| of(left))?,
                BinaryOp::Divide => "float",
                BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Remainder => {
                    let is_literal = matches!(left.kind, ExprKind::Literal(_));
                    if is_literal { of(right)? } else { of(left)? }
                }
                _ => "bool",
            },
            _ => return None,
        })
    }
}

/// `=>`
fn is_arrow(sign: &Token, next: &Token) -> bool {
    next.kind == TokenKind::Greater && sign.end == next.start
}
