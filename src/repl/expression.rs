//! Values of expressions: compiled as a segment over one row without columns.

use crate::FAILED;
use crate::program::Problem;
use millstream_base::Diagnostic;
use millstream_core::errors::types::constant_fails;
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::effort::Interrupt;
use millstream_ir::engine::Engine;
use millstream_ir::expr::{Expr, literal_text};
use millstream_ir::flow::{Column, Flow, Node, NodeId, NodeKind, OnError, Schema};
use millstream_ir::segment::{Clause, Segment, Step};
use millstream_ir::value::Value;
use millstream_jit::Jit;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Why an expression has no value.
pub enum NoValue {
    Fails(Box<Diagnostic>),
    Interrupted,
    /// A fault of ours.
    NotCompiled(Problem),
}

/// The value as the language writes it, unless it is asked to end before it is known.
pub fn evaluate(expr: &Expr, asked: Arc<AtomicBool>) -> Result<String, NoValue> {
    let interrupt = Arc::new(Interrupt::on(asked));
    let value = interrupt.watch(|| value(expr));
    if interrupt.has_broken_off() { Err(NoValue::Interrupted) } else { value }
}

fn value(expr: &Expr) -> Result<String, NoValue> {
    let clause = Arc::new(Clause { span: expr.span, row: vec![] });
    let steps = vec![Step::Let { value: expr.clone(), clause }];
    let segment = Arc::new(Segment { inputs: vec![], steps, outputs: vec![0] });
    let value = match run(&segment, expr) {
        Ok(Some(value)) => value,
        // What failed in machine code fails in the evaluator, which tells why.
        Ok(None) => match segment.run_row(&|_| Value::Null) {
            Ok(values) => values.and_then(|values| values.into_iter().next()).unwrap_or(Value::Null),
            Err(fault) => {
                return Err(NoValue::Fails(Box::new(constant_fails(fault.error.span, &fault.error.reason))));
            }
        },
        Err(problem) => return Err(NoValue::NotCompiled(problem)),
    };
    Ok(literal_text(&value, &expr.ty))
}

/// None if the row fails.
fn run(segment: &Arc<Segment>, expr: &Expr) -> Result<Option<Value>, Problem> {
    let column = Column { name: "value".into(), ty: expr.ty.clone(), hidden: false };
    let node = Node {
        name: "value".into(),
        span: expr.span,
        inputs: vec![],
        schema: Schema::append_only(vec![column], 0),
        kind: NodeKind::Segment(segment.clone()),
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    let fault = |message: String| Problem { message, code: FAILED };
    let compiled = Jit.compile(&Flow { nodes: vec![node] }).map_err(|error| fault(error.to_string()))?;
    let kernel = compiled.segment(NodeId(0));
    let mut kernel = kernel.ok_or_else(|| fault("the code of the expression is gone".into()))?;
    let one_row = Batch { columns: vec![], n_rows: 1, origin: Origin::default(), late: vec![] };
    let output = kernel.run(&one_row).batch;
    Ok(output.columns.first().filter(|_| output.n_rows == 1).map(|column| column.value(0, &expr.ty)))
}
