//! A pipeline segment: the clauses between two breakers, compiled to one function over a batch.

use crate::expr::Expr;
use crate::types::Type;
use millstream_base::Span;
use std::sync::Arc;

/// Steps over rows. Input columns are numbered from 0; each [`Step::Let`] adds the next number.
#[derive(Clone, Debug)]
pub struct Segment {
    pub inputs: Vec<Type>,
    pub steps: Vec<Step>,
    /// The columns of the result, by number.
    pub outputs: Vec<usize>,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// Keeps the rows for which the condition is true (null counts as no).
    Filter { condition: Expr, clause: Arc<Clause> },
    /// Adds a column.
    Let { value: Expr, clause: Arc<Clause> },
}

/// The clause that a step comes from. A row that fails in it is set aside as it entered it.
#[derive(Debug)]
pub struct Clause {
    pub span: Span,
    /// The row as it entered the clause: its visible columns by name, number and type.
    pub row: Vec<(Arc<str>, usize, Type)>,
}

impl Step {
    pub fn expr(&self) -> &Expr {
        match self {
            Step::Filter { condition, .. } => condition,
            Step::Let { value, .. } => value,
        }
    }

    pub fn clause(&self) -> &Arc<Clause> {
        match self {
            Step::Filter { clause, .. } | Step::Let { clause, .. } => clause,
        }
    }
}

impl Segment {
    /// The type of a column by number.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn column_type(&self, column: usize) -> &Type {
        if column < self.inputs.len() {
            return &self.inputs[column];
        }
        let lets = self.steps.iter().filter_map(|s| match s {
            Step::Let { value, .. } => Some(&value.ty),
            Step::Filter { .. } => None,
        });
        lets.into_iter().nth(column - self.inputs.len()).expect("outputs name existing columns")
    }
}
