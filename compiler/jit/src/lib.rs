//! Machine code for flows, with Cranelift: segments and the updates of accumulators.
//!
//! A flow becomes one module; a segment becomes loops over the rows of a batch ([`segment`]), with
//! kernels in Rust between them for what is not lowered ([`kernel`]), as its [`plan`] says.
//! What all of it computes is what [`millstream_ir::eval`] says.

mod abi;
mod accumulate;
mod call;
mod kernel;
mod lower;
mod memory;
mod module;
mod plan;
mod run;
mod segment;
mod transitions;

use call::{AccumulateRunner, Code};
use millstream_ir::aggregate::SlotLayout;
use millstream_ir::engine::{
    AccumulateKernel, CompileError, Compiled, Engine, SegmentKernel, TransitionCode,
};
use millstream_ir::flow::{Breaker, Flow, NodeId, NodeKind};
use millstream_ir::pattern::transitions::Transitions;
use millstream_ir::segment::Segment;
use module::CodeBuilder;
use plan::{Plan, Stage};
use run::{CallableLoop, CompiledSegment, SegmentRunner};
use segment::{LoopCode, LoopVariants};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// The engine that compiles flows to machine code.
pub struct Jit;

impl Jit {
    /// The code of a flow as text, before Cranelift works on it (`emit clif`).
    pub fn text(&self, flow: &Flow) -> Result<String, CompileError> {
        compile(flow, true).map(|(_, text)| text)
    }

    /// The code of the transitions of a pattern as text.
    pub fn transitions_text(&self, node: NodeId, transitions: &Transitions) -> Result<String, CompileError> {
        let mut code = CodeBuilder::new(true)?;
        transitions::compile(&mut code, &format!("n{} transitions", node.0), transitions)?;
        code.finish().map(|(_, text)| text)
    }
}

impl Engine for Jit {
    fn compile(&self, flow: &Flow) -> Result<Box<dyn Compiled>, CompileError> {
        let (compiled, _) = compile(flow, false)?;
        Ok(Box::new(compiled))
    }
}

fn compile(flow: &Flow, with_text: bool) -> Result<(CompiledFlow, String), CompileError> {
    let mut code = CodeBuilder::new(with_text)?;
    let mut segments = vec![];
    let mut updates = vec![];
    for id in flow.ids() {
        let node = flow.node(id);
        match &node.kind {
            NodeKind::Segment(segment) => {
                segments.push((id, UnfinishedSegment::compile(&mut code, id, segment)?));
            }
            NodeKind::Join(join) => {
                let [left, right] = node.inputs[..] else { continue };
                if let Some(filter) = join.filter(&flow.node(left).schema, &flow.node(right).schema) {
                    segments.push((id, UnfinishedSegment::compile(&mut code, id, &Arc::new(filter))?));
                }
            }
            // What looks at one row after the other updates its accumulators itself.
            NodeKind::Breaker(breaker)
                if !breaker.aggregates().is_empty() && !matches!(**breaker, Breaker::Frame(_)) =>
            {
                let input = node.inputs.first().ok_or_else(|| gone("the input of an aggregate"))?;
                let types = flow.node(*input).schema.types();
                let keys: Vec<_> = breaker.keys().iter().filter_map(|k| types.get(*k).cloned()).collect();
                let layout = SlotLayout::narrow(&keys, breaker.aggregates());
                let name = format!("n{} update", id.0);
                let update = accumulate::compile(&mut code, &name, &types, breaker.aggregates(), &layout)?;
                updates.push((id, update));
            }
            _ => {}
        }
    }
    let (code, text) = code.finish()?;
    let segments = segments.into_iter().map(|(id, s)| Some((id, Arc::new(s.finish(&code)?))));
    let updates = updates.into_iter().map(|(id, u)| Some((id, Arc::new(u.finish(&code)?))));
    let compiled = CompiledFlow {
        segments: segments.collect::<Option<_>>().ok_or_else(|| gone("a function"))?,
        updates: updates.collect::<Option<_>>().ok_or_else(|| gone("a function"))?,
        transitions: Mutex::default(),
    };
    Ok((compiled, text))
}

fn gone(what: &str) -> CompileError {
    CompileError(format!("{what} is gone").into())
}

struct CompiledFlow {
    segments: BTreeMap<NodeId, Arc<CompiledSegment>>,
    updates: BTreeMap<NodeId, Arc<CallableLoop>>,
    /// Patterns whose conditions only differ in what columns say share theirs.
    transitions: Mutex<HashMap<Transitions, Option<TransitionCode>>>,
}

impl Compiled for CompiledFlow {
    fn segment(&self, node: NodeId) -> Option<Box<dyn SegmentKernel>> {
        Some(Box::new(SegmentRunner::new(self.segments.get(&node)?.clone())))
    }

    fn accumulate(&self, node: NodeId) -> Option<Box<dyn AccumulateKernel>> {
        Some(Box::new(AccumulateRunner::new(self.updates.get(&node)?.clone())))
    }

    fn transitions(&self, transitions: &Transitions) -> Option<TransitionCode> {
        let mut known = self.transitions.lock().unwrap_or_else(PoisonError::into_inner);
        let code = || transitions::code_of(transitions).ok().flatten();
        known.entry(transitions.clone()).or_insert_with(code).clone()
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
        let mut loops = vec![];
        for variants in self.loops {
            loops.push(match variants {
                Some(variants) => Some(variants.finish(code)?),
                None => None,
            });
        }
        Some(CompiledSegment { segment: self.segment, plan: self.plan, loops })
    }
}

impl LoopVariants {
    fn finish(self, code: &Arc<Code>) -> Option<CallableLoop> {
        let callable = |c: LoopCode| Some((code.function(c.function)?, c));
        let takes_turns = self.with_nulls.as_ref().is_some_and(|c| c.agrees_with(&self.without_nulls));
        let with_nulls = match self.with_nulls {
            Some(code) => Some(callable(code)?),
            None => None,
        };
        Some(CallableLoop { without_nulls: callable(self.without_nulls)?, with_nulls, takes_turns })
    }
}
