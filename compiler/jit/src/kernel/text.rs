//! Tests of strings, on the bytes of their columns: UTF-8 is ordered and found byte by byte.

use memchr::memmem::Finder;
use millstream_ir::column::{TextColumn, View};
use millstream_ir::expr::{BinaryOp, Expr, ExprKind, LikePart, LikePattern, Regex};
use millstream_ir::value::Value;
use std::cmp::Ordering;
use std::sync::Arc;

/// A test of the string in one column, or of those in two.
pub struct TextTest {
    columns: Vec<usize>,
    test: Test,
}

enum Test {
    /// Against the second column, or a literal.
    Equal {
        literal: Option<Literal>,
        negated: bool,
    },
    Order {
        literal: Option<Literal>,
        op: BinaryOp,
    },
    StartsWith(Vec<u8>),
    EndsWith(Vec<u8>),
    Contains(Box<Finder<'static>>),
    Like(Arc<LikePattern>),
    Matches(Arc<Regex>),
}

struct Literal {
    bytes: Vec<u8>,
    /// Length and first bytes, as in a view.
    head: u64,
}

impl TextTest {
    /// The test that an expression is, if it is one.
    pub fn of(expr: &Expr) -> Option<TextTest> {
        match &expr.kind {
            ExprKind::Binary(op, a, b) if op.is_comparison() && a.ty.is_text() && b.ty.is_text() => {
                TextTest::comparison(*op, a, b)
            }
            ExprKind::Like { text, pattern } => {
                Some(TextTest { columns: vec![column(text)?], test: Test::like(pattern) })
            }
            ExprKind::Matches { text, regex } => {
                Some(TextTest { columns: vec![column(text)?], test: Test::Matches(regex.clone()) })
            }
            ExprKind::Call { function, arguments } => {
                let [text, part] = &arguments[..] else { return None };
                let part = literal(part).filter(|_| text.ty.is_text())?;
                let test = match function.name {
                    "starts_with" => Test::StartsWith(part.bytes),
                    "ends_with" => Test::EndsWith(part.bytes),
                    "contains" => Test::Contains(Box::new(Finder::new(&part.bytes).into_owned())),
                    _ => return None,
                };
                Some(TextTest { columns: vec![column(text)?], test })
            }
            _ => None,
        }
    }

    fn comparison(op: BinaryOp, a: &Expr, b: &Expr) -> Option<TextTest> {
        let (columns, literal, op) = match (column(a), column(b)) {
            (Some(a), Some(b)) => (vec![a, b], None, op),
            (Some(a), None) => (vec![a], Some(literal(b)?), op),
            (None, Some(b)) => (vec![b], Some(literal(a)?), mirrored(op)),
            (None, None) => return None,
        };
        let test = match op {
            BinaryOp::Equal => Test::Equal { literal, negated: false },
            BinaryOp::NotEqual => Test::Equal { literal, negated: true },
            op => Test::Order { literal, op },
        };
        Some(TextTest { columns, test })
    }

    pub fn columns(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().copied()
    }

    /// Whether it holds in a row, given its columns.
    pub fn holds(&self, columns: &[&TextColumn], row: usize) -> bool {
        let [first, rest @ ..] = columns else { return false };
        let text = || first.bytes(row);
        match &self.test {
            Test::Equal { literal, negated } => {
                let view = View(first.views[row]);
                let equal = match (literal, rest) {
                    (Some(literal), _) => view.0 as u64 == literal.head && text() == literal.bytes,
                    (None, [second, ..]) => {
                        let other = View(second.views[row]);
                        view.0 as u64 == other.0 as u64
                            && match view.len() {
                                0..=View::INLINE => view == other,
                                _ => text() == second.bytes(row),
                            }
                    }
                    (None, []) => false,
                };
                equal != *negated
            }
            Test::Order { literal, op } => {
                let order = match (literal, rest) {
                    (Some(literal), _) => text().cmp(&literal.bytes),
                    (None, [second, ..]) => text().cmp(second.bytes(row)),
                    (None, []) => return false,
                };
                match op {
                    BinaryOp::Less => order == Ordering::Less,
                    BinaryOp::LessEqual => order != Ordering::Greater,
                    BinaryOp::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                }
            }
            Test::StartsWith(part) => text().starts_with(part),
            Test::EndsWith(part) => text().ends_with(part),
            Test::Contains(part) => part.find(text()).is_some(),
            Test::Like(pattern) => pattern.matches(first.get(row)),
            Test::Matches(regex) => regex.0.is_match(first.get(row)),
        }
    }
}

impl Test {
    /// The common patterns are plain searches.
    fn like(pattern: &Arc<LikePattern>) -> Test {
        use LikePart::{AnyText, Text};
        match &pattern.parts[..] {
            [Text(part), AnyText] => Test::StartsWith(part.clone().into_bytes()),
            [AnyText, Text(part)] => Test::EndsWith(part.clone().into_bytes()),
            [AnyText, Text(part), AnyText] => {
                Test::Contains(Box::new(Finder::new(part.as_bytes()).into_owned()))
            }
            _ => Test::Like(pattern.clone()),
        }
    }
}

fn column(expr: &Expr) -> Option<usize> {
    crate::plan::build::as_column(expr)
}

fn literal(expr: &Expr) -> Option<Literal> {
    let Some(Value::String(text)) = expr.as_literal() else { return None };
    let bytes = text.as_bytes().to_vec();
    Some(Literal { head: View::new(&bytes, 0, 0).0 as u64, bytes })
}

/// The operator with its sides exchanged.
fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        op => op,
    }
}
