//! How a segment is run: which loops go over the rows, what kernels compute between them,
//! and where each column comes from. Data only; see [`build`] for how it is made.

pub mod build;

use crate::kernel::Recipe;
use millstream_ir::expr::Expr;
use millstream_ir::types::Type;

/// Columns are numbered as in the segment; those that kernels compute follow.
pub struct Plan {
    pub columns: Vec<PlannedColumn>,
    pub stages: Vec<Stage>,
    pub outputs: Vec<PlannedOutput>,
}

pub struct PlannedColumn {
    pub ty: Type,
    pub source: ColumnSource,
}

pub enum ColumnSource {
    Input,
    /// Computed where it is needed; or computed once by this loop (a stage) and kept for later ones.
    Let {
        value: Expr,
        stored: Option<usize>,
    },
    /// Computed by a stage in front: a kernel, or the loop of a [`PlannedStep::Part`].
    Part {
        can_fail: bool,
    },
}

pub enum Stage {
    Kernel(Box<Kernel>),
    Loop(Loop),
}

/// A node of an expression that is computed in Rust, for all rows of the selection.
pub struct Kernel {
    /// The column that it fills.
    pub column: usize,
    pub expr: Expr,
    pub recipe: Recipe,
    /// The columns that it reads.
    pub inputs: Vec<usize>,
    /// Whether there is a selection; otherwise it goes over all rows.
    pub selected: bool,
}

/// A compiled loop over the rows of the selection.
pub struct Loop {
    pub steps: Vec<PlannedStep>,
    pub selected: bool,
    /// Whether it can drop rows: it then writes the selection.
    pub narrows: bool,
    /// Whether a row can fail in it.
    pub can_fail: bool,
    /// Whether it writes the outputs.
    pub last: bool,
}

pub enum PlannedStep {
    Filter(Expr),
    /// The column's value is due: to be stored, or because it can fail.
    Let {
        column: usize,
        can_fail: bool,
        /// It can fail, or turn out wider than 64 bits, so that the evaluator has to look at it.
        must_run: bool,
    },
    /// A part of an expression that is too long for one loop: its value is stored, and whether it failed,
    /// which counts where the expression takes it.
    Part {
        column: usize,
        value: Expr,
    },
}

impl PlannedStep {
    /// Whether the step does something even if nothing reads its value.
    pub fn must_run(&self) -> bool {
        !matches!(self, PlannedStep::Let { must_run: false, .. })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlannedOutput {
    /// The input column, as it is where no row was dropped.
    Shared(usize),
    /// Picked in Rust from this column: boxed values.
    Picked(usize),
    /// Written by the last loop, from this column.
    Written(usize),
}

impl Plan {
    /// Whether a row may have failed where the column was computed, and this is told with its value.
    pub fn column_fails(&self, column: usize) -> bool {
        matches!(self.columns[column].source, ColumnSource::Part { can_fail: true })
    }

    /// The column that another name stands for, through renamings.
    pub fn origin(&self, column: usize) -> usize {
        match &self.columns[column].source {
            ColumnSource::Let { value, .. } => match build::as_column(value) {
                Some(inner) => self.origin(inner),
                None => column,
            },
            _ => column,
        }
    }
}
