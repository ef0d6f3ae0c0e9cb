//! Machine code for flows, with Cranelift: segments and the updates of accumulators.
//!
//! A flow becomes one module; a segment becomes loops over the rows of a batch ([`segment`]), with
//! kernels in Rust between them for what is not lowered ([`kernel`]), as its [`plan`] says.
//! What all of it computes is what [`millstream_ir::eval`] says.

mod abi;
mod call;
mod kernel;
mod lower;
mod memory;
mod module;
mod plan;
mod run;
mod segment;

use call::Code;
use millstream_ir::engine::{AccumulateKernel, CompileError, Compiled, Engine, SegmentKernel};
use millstream_ir::flow::{Flow, NodeId, NodeKind};
use millstream_ir::segment::Segment;
use module::CodeBuilder;
use plan::{Plan, Stage};
use run::{CallableLoop, CompiledSegment, SegmentRunner};
use segment::{LoopCode, LoopVariants};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The engine that compiles flows to machine code.
pub struct Jit;

impl Engine for Jit {
    fn compile(&self, flow: &Flow) -> Result<Box<dyn Compiled>, CompileError> {
        let mut code = CodeBuilder::new()?;
        let mut segments = vec![];
        for id in flow.ids() {
            if let NodeKind::Segment(segment) = &flow.node(id).kind {
                segments.push((id, UnfinishedSegment::compile(&mut code, id, segment)?));
            }
        }
        let (code, text) = code.finish()?;
        let segments = segments.into_iter().map(|(id, s)| Some((id, Arc::new(s.finish(&code)?))));
        let segments =
            segments.collect::<Option<_>>().ok_or_else(|| CompileError("a function is gone".into()))?;
        Ok(Box::new(CompiledFlow { segments, text }))
    }
}

struct CompiledFlow {
    segments: BTreeMap<NodeId, Arc<CompiledSegment>>,
    text: String,
}

impl Compiled for CompiledFlow {
    fn segment(&self, node: NodeId) -> Option<Box<dyn SegmentKernel>> {
        Some(Box::new(SegmentRunner::new(self.segments.get(&node)?.clone())))
    }

    fn accumulate(&self, _node: NodeId) -> Option<Box<dyn AccumulateKernel>> {
        None
    }

    fn text(&self) -> String {
        self.text.clone()
    }
}

/// A segment whose functions have been defined, but have no address yet.
struct UnfinishedSegment {
    segment: Arc<Segment>,
    plan: Plan,
    loops: Vec<Option<LoopVariants>>,
}

impl UnfinishedSegment {
    fn compile(
        code: &mut CodeBuilder,
        node: NodeId,
        segment: &Arc<Segment>,
    ) -> Result<UnfinishedSegment, CompileError> {
        let plan = plan::build::plan(segment);
        let mut loops = vec![];
        for (stage, of) in plan.stages.iter().enumerate() {
            loops.push(match of {
                Stage::Kernel(_) => None,
                Stage::Loop(of) => {
                    let name = format!("n{} loop {stage}", node.0);
                    Some(segment::compile_loop(code, &name, &plan, stage, of)?)
                }
            });
        }
        Ok(UnfinishedSegment { segment: segment.clone(), plan, loops })
    }

    /// None if the code is gone.
    fn finish(self, code: &Arc<Code>) -> Option<CompiledSegment> {
        let callable = |c: LoopCode| Some((code.function(c.function)?, c));
        let mut loops = vec![];
        for variants in self.loops {
            loops.push(match variants {
                None => None,
                Some(LoopVariants { without_nulls, with_nulls }) => Some(CallableLoop {
                    without_nulls: callable(without_nulls)?,
                    with_nulls: match with_nulls {
                        Some(code) => Some(callable(code)?),
                        None => None,
                    },
                }),
            });
        }
        Some(CompiledSegment { segment: self.segment, plan: self.plan, loops })
    }
}
