//! Machine code computes what the reference evaluator computes, on random segments and batches.

use millstream_ir::batch::Batch;
use millstream_ir::engine::{Compiled, Engine};
use millstream_ir::flow::{Flow, Node, NodeId, NodeKind, Schema};
use millstream_ir::segment::Segment;
use millstream_ir::testing::{Generator, cases};
use millstream_ir::value::Value;
use millstream_jit::Jit;
use std::sync::Arc;

/// A flow of unconnected segments.
fn flow(segments: &[Arc<Segment>]) -> Flow {
    let node = |segment: &Arc<Segment>| Node {
        name: "test".into(),
        span: Default::default(),
        inputs: vec![],
        schema: Schema::default(),
        on_error: millstream_ir::flow::OnError::Keep,
        kind: NodeKind::Segment(segment.clone()),
    };
    Flow { nodes: segments.iter().map(node).collect() }
}

/// What a segment makes of a batch: kept rows with their values, and failed rows.
#[derive(Debug, PartialEq)]
struct Result {
    rows: Vec<(u64, Vec<Value>)>,
    late: Vec<u32>,
    failed: Vec<u32>,
}

fn expected(segment: &Segment, batch: &Batch) -> Result {
    let mut result = Result { rows: vec![], late: vec![], failed: vec![] };
    for row in 0..batch.n_rows {
        match segment.run_row(&|c| batch.columns[c].value(row, &segment.inputs[c])) {
            Ok(Some(values)) => {
                if batch.late.contains(&(row as u32)) {
                    result.late.push(result.rows.len() as u32);
                }
                result.rows.push((batch.origin.offset(row), values));
            }
            Ok(None) => {}
            Err(_) => result.failed.push(row as u32),
        }
    }
    result
}

fn actual(compiled: &dyn Compiled, id: usize, segment: &Segment, batch: &Batch) -> Result {
    let mut kernel = compiled.segment(NodeId(id as u32)).expect("the node is a segment");
    let mut run = || {
        let output = kernel.run(batch);
        let types: Vec<_> = segment.outputs.iter().map(|c| segment.column_type(*c)).collect();
        let row = |i: usize| {
            let values = output.batch.columns.iter().zip(&types).map(|(c, ty)| c.value(i, ty));
            (output.batch.origin.offset(i), values.collect())
        };
        assert!(output.batch.columns.iter().all(|c| c.len() == output.batch.n_rows));
        let rows = (0..output.batch.n_rows).map(row).collect();
        Result { rows, late: output.batch.late, failed: output.failed }
    };
    let first = run();
    assert_eq!(first, run(), "a second run of the same kernel");
    first
}

/// Anything that traps would take the process down: nothing catches the signal.
#[test]
fn no_instruction_can_trap() {
    let mut random = Generator::new(7);
    let segments: Vec<Arc<Segment>> = (0..256).map(|_| Arc::new(random.segment())).collect();
    let text = Jit.compile(&flow(&segments)).expect("it compiles").text();
    let trapping = [" trap", "udiv", "urem", "fcvt_to_sint.", "fcvt_to_uint.", "call", "_overflow_trap"];
    for line in text.lines().filter(|l| !l.starts_with(';')) {
        assert!(!trapping.iter().any(|t| line.contains(t)), "{line}");
    }
}

#[test]
fn machine_code_agrees_with_the_reference_evaluator() {
    for module in 0..cases(12) {
        let mut random = Generator::new(module as u64);
        let segments: Vec<Arc<Segment>> = (0..64).map(|_| Arc::new(random.segment())).collect();
        let compiled = Jit.compile(&flow(&segments)).unwrap_or_else(|e| panic!("module {module}: {e}"));
        for (i, segment) in segments.iter().enumerate() {
            for n_rows in [0, 1, 63, 64, 65, 130] {
                let batch = random.batch(&segment.inputs, n_rows);
                let (expected, actual) = (expected(segment, &batch), actual(&*compiled, i, segment, &batch));
                // Written out, -0.0 and 0.0 differ.
                let (actual, expected) = (format!("{actual:?}"), format!("{expected:?}"));
                assert_eq!(actual, expected, "module {module}, segment {i}:\n{segment}\n{batch:?}");
            }
        }
    }
}
