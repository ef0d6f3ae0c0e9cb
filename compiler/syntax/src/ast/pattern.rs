//! Sequence patterns: what stands after `match`.

use super::{Expr, Name, StreamRef};
use millstream_base::Span;

/// A pattern. Built with [`Pattern::new`], which bounds how deep the tree can be.
#[derive(Clone, PartialEq, Debug)]
pub struct Pattern {
    pub kind: PatternKind,
    pub span: Span,
    pub(super) height: u16,
}

#[derive(Clone, PartialEq, Debug)]
pub enum PatternKind {
    Event(Event),
    /// `P then Q next R`: flat; a sequence directly inside one stands in a [`PatternKind::Group`].
    Sequence {
        first: Box<Pattern>,
        rest: Vec<PatternLink>,
    },
    /// `P+`, `P{2,5} adjacent greedy`
    Repeat {
        of: Box<Pattern>,
        quantifier: Quantifier,
        /// Place of the word, if written.
        adjacent: Option<Span>,
        /// Place of the word, if written.
        greedy: Option<Span>,
    },
    /// `(P and Q and R)`: all, in any order. The span includes the parentheses.
    All(Vec<Pattern>),
    /// `(P or Q)`: either. The span includes the parentheses.
    Any(Vec<Pattern>),
    /// `not x: S[cond] [for D [max M]]`
    Absent {
        of: Absence,
        timer: Option<PatternTimer>,
    },
    /// `(P)`: the span includes the parentheses.
    Group(Box<Pattern>),
    /// Too deep; reported already.
    Error,
}

/// `then Q`, `next Q`, `then within D Q`: what joins a step of a sequence to the one before.
#[derive(Clone, PartialEq, Debug)]
pub struct PatternLink {
    pub contiguity: Contiguity,
    /// `within D`: the greatest distance from the step before.
    pub within: Option<Expr>,
    pub pattern: Pattern,
    /// From the word `then` or `next` to the end of the pattern.
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Contiguity {
    /// Other events may lie in between.
    Then,
    /// No other event of the pattern's streams in between.
    Next,
}

/// `a: S[cond]`
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    pub variable: Option<Name>,
    pub stream: StreamRef,
    pub condition: Option<Expr>,
    pub span: Span,
}

/// The events that must not come: one, or several in parentheses joined with `or`.
#[derive(Clone, PartialEq, Debug)]
pub struct Absence {
    pub events: Vec<Event>,
    pub span: Span,
}

/// `for D [max M]`
#[derive(Clone, PartialEq, Debug)]
pub struct PatternTimer {
    pub duration: Expr,
    pub max: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Quantifier {
    pub kind: QuantifierKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum QuantifierKind {
    /// `+`
    OneOrMore,
    /// `*`
    ZeroOrMore,
    /// `?`
    Optional,
    /// `{3}`
    Exactly(Expr),
    /// `{2,}`
    AtLeast(Expr),
    /// `{2,5}`
    Between(Expr, Expr),
}
