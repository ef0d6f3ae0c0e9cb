//! Expressions and their literals.

use super::{Name, Text};
use millstream_base::Span;

/// An expression. Built with [`Expr::new`], which bounds how deep the tree can be.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    /// Includes the parentheses when `parenthesized`.
    pub span: Span,
    /// The author wrote parentheses around it; they never matter to its meaning.
    pub parenthesized: bool,
    pub(super) height: u16,
}

#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    Literal(Literal),
    Name(Name),
    /// `of.name`
    Field {
        of: Box<Expr>,
        name: Name,
    },
    /// `of[index]`
    Index {
        of: Box<Expr>,
        index: Box<Expr>,
    },
    Call(Call),
    Unary {
        op: UnaryOp,
        op_span: Span,
        operand: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        op_span: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// A long chain of `+ -` or of `* / %`, computed from left to right: its first operators with
    /// their operands as [`ExprKind::Binary`], then the others.
    Chain {
        first: Box<Expr>,
        links: Vec<Link>,
    },
    /// `value [not] in container`: a list, or a table by its key.
    In {
        value: Box<Expr>,
        container: Box<Expr>,
        negated: bool,
    },
    /// `value [not] between low and high`, both inclusive.
    Between {
        value: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
    },
    /// `value [not] like pattern`
    Like {
        value: Box<Expr>,
        pattern: Box<Expr>,
        negated: bool,
    },
    /// `value [not] matches regex`
    Matches {
        value: Box<Expr>,
        regex: Box<Expr>,
        negated: bool,
    },
    /// `value is [not] null`
    IsNull {
        value: Box<Expr>,
        negated: bool,
    },
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    List(Vec<Expr>),
    Record(Vec<RecordField>),
    /// `[element for variable in list if condition]`
    Comprehension {
        element: Box<Expr>,
        variable: Name,
        list: Box<Expr>,
        condition: Option<Box<Expr>>,
    },
    /// `f"{card}: {n}"`
    Template(Vec<TemplatePart>),
    /// `+5m`: a time relative to the start of a test, in microseconds.
    RelativeTime(i64),
    /// Could not be parsed, or was too deep; reported already.
    Error,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Literal {
    Null,
    Bool(bool),
    /// Without its sign, which is a [`UnaryOp::Negate`] around it; may exceed 64 bits.
    Int(i128),
    /// `3.140`: 3140 with scale 3. Whether it is a decimal or a float depends on what it meets.
    Decimal {
        digits: i128,
        scale: u8,
    },
    /// A literal with an exponent.
    Float(f64),
    /// `raw` for `r"…"`.
    String {
        value: String,
        raw: bool,
    },
    /// Microseconds.
    Duration(i64),
    /// Microseconds since 1970 UTC.
    Timestamp(i64),
}

impl Literal {
    /// The double nearest to a number literal, for literals that turn out to be floats.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Literal::Int(value) => Some(*value as f64),
            Literal::Decimal { digits, scale } => format!("{digits}e-{scale}").parse().ok(),
            Literal::Float(value) => Some(*value),
            _ => None,
        }
    }
}

/// An operator of a chain, and the operand behind it.
#[derive(Clone, PartialEq, Debug)]
pub struct Link {
    pub op: BinaryOp,
    pub op_span: Span,
    pub operand: Expr,
}

/// `function(args)`, with what only aggregates may say.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    pub function: Name,
    /// Place of the word in `count(distinct x)`.
    pub distinct: Option<Span>,
    /// Positional arguments first.
    pub args: Vec<Arg>,
    /// `filter (where E)`
    pub filter: Option<Box<Expr>>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Arg {
    /// `name: value`
    pub name: Option<Name>,
    pub value: Expr,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct RecordField {
    pub name: Name,
    pub value: Expr,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum TemplatePart {
    /// Text between interpolations, escapes and doubled braces resolved.
    Text(Text),
    Value(Expr),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    Negate,
    Not,
}

impl UnaryOp {
    /// As the author writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            UnaryOp::Negate => "-",
            UnaryOp::Not => "not",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// `??`: the first that is not null.
    Coalesce,
    /// `++`: joins strings and lists.
    Concat,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl BinaryOp {
    /// As the author writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::Coalesce => "??",
            BinaryOp::Concat => "++",
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
        }
    }

    /// How tightly it binds; operators of one tier stand in one chain.
    pub fn tier(self) -> u8 {
        match self {
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
}
