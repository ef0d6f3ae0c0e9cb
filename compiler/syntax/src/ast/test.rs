//! Tests inside a program.

use super::{Expr, Integer, StreamRef, Text};
use millstream_base::Span;

/// `test "name" { … }`
#[derive(Clone, PartialEq, Debug)]
pub struct Test {
    pub name: Text,
    pub steps: Vec<TestStep>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct TestStep {
    pub kind: TestStepKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum TestStepKind {
    /// `given S [ … ]`, `given S from "file"`
    Given { stream: StreamRef, rows: GivenRows },
    /// `advance to +10m`
    Advance { to: Expr },
    /// `expect S …`
    Expect { stream: StreamRef, expectation: Expectation },
    /// Could not be parsed; reported already.
    Error,
}

#[derive(Clone, PartialEq, Debug)]
pub enum GivenRows {
    Rows { rows: Vec<Expr>, span: Span },
    File(Text),
}

#[derive(Clone, PartialEq, Debug)]
pub enum Expectation {
    /// `[ … ]`, `unordered [ … ]`, `contains [ … ]`; the span is that of the list.
    Rows {
        order: RowOrder,
        rows: Vec<Expr>,
        span: Span,
    },
    Empty,
    Count(Integer),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RowOrder {
    /// Exactly these rows in this order.
    Ordered,
    /// Exactly these rows in any order.
    Unordered,
    /// At least these rows, in any order.
    Contains,
}
