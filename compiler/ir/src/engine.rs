//! Where machine code meets the runtime: the root package hands the runtime an [`Engine`].

use crate::batch::Batch;
use crate::column::ColumnRef;
use crate::flow::{Flow, NodeId};
use crate::pattern::transitions::Transitions;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Turns a flow's segments and accumulator updates into something that runs.
pub trait Engine {
    /// Compiles the whole flow at once.
    fn compile(&self, flow: &Flow) -> Result<Box<dyn Compiled>, CompileError>;
}

/// The code of one flow. Lives as long as any kernel taken from it.
pub trait Compiled {
    /// The kernel of a segment node.
    fn segment(&self, node: NodeId) -> Option<Box<dyn SegmentKernel>>;
    /// The kernel that updates the accumulators of a window-aggregate node.
    fn accumulate(&self, node: NodeId) -> Option<Box<dyn AccumulateKernel>>;
    /// Code for the transitions of a pattern; none if the tables that they are made of have to do.
    fn transitions(&self, transitions: &Transitions) -> Option<TransitionCode>;
}

/// What a kernel makes at once of texts, lists and the like, in bytes. One row may make more.
pub const MOST_MADE: usize = 64 << 20;

pub trait SegmentKernel: Send {
    /// Runs all steps over a batch, or over its first rows if all would make more than [`MOST_MADE`].
    fn run(&mut self, batch: &Batch) -> SegmentOutput;
}

pub struct SegmentOutput {
    pub batch: Batch,
    /// The rows of the input that this comes of; at least one, if it has any.
    pub n_taken: usize,
    /// The rows of the input that failed, ascending. The runtime asks the reference evaluator why.
    pub failed: Vec<u32>,
}

/// Updates accumulators in slots that a table has found for the rows of a batch.
pub trait AccumulateKernel: Send {
    /// For each `i`, adds row `rows[i]` of the argument columns to the compiled accumulators of the slot
    /// at `slots[i]`, and counts it in their `seen` words. The slot's first word has counted it already.
    /// No argument column is `I128`: the runtime adds wide decimals itself, as all to the wide layout.
    ///
    /// # Safety
    /// Each slot is valid for writes of the node's narrow [`crate::aggregate::SlotLayout`] and was written as
    /// [`crate::aggregate::SlotLayout::fresh`] or updated before; slots repeat, but do not overlap.
    /// `columns` are those of the node's input.
    unsafe fn update(&mut self, slots: &[*mut u8], rows: &[u32], columns: &[ColumnRef]);
}

/// `group, tests, row, columns`: a group, the tests that the event passes as bits, its row, and where the values of each
/// column begin.
pub type TransitionFunction = unsafe extern "C" fn(*mut u8, u64, usize, *const *const u64) -> u32;

/// Machine code for [`Transitions`].
#[derive(Clone)]
pub struct TransitionCode {
    function: TransitionFunction,
    _owner: Arc<dyn Any + Send + Sync>,
}

impl TransitionCode {
    /// # Safety
    /// The function does what the transitions say for which it is handed out, and lives as long as its owner. It reads and
    /// writes nothing but the parts of the group, and of columns the row.
    pub unsafe fn new(function: TransitionFunction, owner: Arc<dyn Any + Send + Sync>) -> TransitionCode {
        TransitionCode { function, _owner: owner }
    }

    #[inline(always)]
    pub fn function(&self) -> TransitionFunction {
        self.function
    }
}

/// The code generator could not compile a flow: a fault in Millstream, not in the program.
#[derive(Clone, Debug)]
pub struct CompileError(pub Arc<str>);

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "code generation failed: {}", self.0)
    }
}

impl std::error::Error for CompileError {}
