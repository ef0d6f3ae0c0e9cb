//! Machine code computes what the reference evaluator computes, on random segments and batches.

use millstream_ir::batch::{Batch, LateRow};
use millstream_ir::catalog::{Evaluate, ScalarFunction};
use millstream_ir::column::{Bitmap, Column, ColumnData};
use millstream_ir::engine::{Compiled, Engine};
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{Flow, Node, NodeId, NodeKind, Schema};
use millstream_ir::segment::{Clause, Segment, Step};
use millstream_ir::testing::{Generator, Signature, cases};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_jit::Jit;
use std::sync::Arc;

static DIV: ScalarFunction = ScalarFunction {
    name: "div",
    strict: true,
    can_fail: true,
    evaluate: |_, values| match values {
        [Value::Int(a), Value::Int(b)] => a.checked_div(*b).map(Value::Int).ok_or_else(String::new),
        _ => Err(String::new()),
    },
};

const fn text_test(name: &'static str, evaluate: Evaluate) -> ScalarFunction {
    ScalarFunction { name, strict: true, can_fail: false, evaluate }
}

fn texts(values: &[Value], test: fn(&str, &str) -> bool) -> std::result::Result<Value, String> {
    match values {
        [Value::String(a), Value::String(b)] => Ok(Value::Bool(test(a, b))),
        _ => Err("not two strings".into()),
    }
}

static STARTS_WITH: ScalarFunction = text_test("starts_with", |_, v| texts(v, |a, b| a.starts_with(b)));
static ENDS_WITH: ScalarFunction = text_test("ends_with", |_, v| texts(v, |a, b| a.ends_with(b)));
static CONTAINS: ScalarFunction = text_test("contains", |_, v| texts(v, |a, b| a.contains(b)));
static UPPER: ScalarFunction = text_test("upper", |_, v| match v {
    [Value::String(a)] => Ok(Value::string(a.to_uppercase())),
    _ => Err("not a string".into()),
});
/// Fails for the empty string, and sees nulls.
static LENGTH: ScalarFunction = ScalarFunction {
    name: "length",
    strict: false,
    can_fail: true,
    evaluate: |_, values| match values {
        [Value::String(a)] if a.is_empty() => Err("empty".into()),
        [Value::String(a)] => Ok(Value::Int(a.len() as i64)),
        _ => Ok(Value::Int(-1)),
    },
};

fn functions() -> Vec<Signature> {
    let text = TypeKind::String;
    let signature = |function, arguments, result| Signature { function, arguments, result };
    vec![
        signature(&DIV, vec![TypeKind::Int, TypeKind::Int], TypeKind::Int),
        signature(&STARTS_WITH, vec![text.clone(), text.clone()], TypeKind::Bool),
        signature(&ENDS_WITH, vec![text.clone(), text.clone()], TypeKind::Bool),
        signature(&CONTAINS, vec![text.clone(), text.clone()], TypeKind::Bool),
        signature(&UPPER, vec![text.clone()], text.clone()),
        signature(&LENGTH, vec![text], TypeKind::Int),
    ]
}

/// A flow of unconnected segments.
fn flow(segments: &[Arc<Segment>]) -> Flow {
    let node = |segment: &Arc<Segment>| Node {
        name: "test".into(),
        span: Default::default(),
        inputs: vec![],
        schema: Schema::default(),
        shared_with: vec![],
        on_error: millstream_ir::flow::OnError::Keep,
        kind: NodeKind::Segment(segment.clone()),
    };
    Flow { nodes: segments.iter().map(node).collect() }
}

/// What a segment makes of a batch: kept rows with their values, and failed rows.
#[derive(Debug, PartialEq)]
struct Result {
    rows: Vec<(u64, Vec<Value>)>,
    late: Vec<LateRow>,
    failed: Vec<u32>,
}

fn expected(segment: &Segment, batch: &Batch) -> Result {
    let mut result = Result { rows: vec![], late: vec![], failed: vec![] };
    for row in 0..batch.n_rows {
        match segment.run_row(&|c| batch.columns[c].value(row, &segment.inputs[c])) {
            Ok(Some(values)) => {
                if let Some(late) = batch.late(row) {
                    result.late.push(LateRow { row: result.rows.len() as u32, ..late });
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
    random.functions = functions();
    let segments: Vec<Arc<Segment>> = (0..256).map(|_| Arc::new(random.segment())).collect();
    let text = Jit.text(&flow(&segments)).expect("it compiles");
    let trapping = [" trap", "udiv", "urem", "fcvt_to_sint.", "fcvt_to_uint.", "call", "_overflow_trap"];
    for line in text.lines().filter(|l| !l.starts_with(';')) {
        assert!(!trapping.iter().any(|t| line.contains(t)), "{line}");
    }
}

#[test]
fn machine_code_agrees_with_the_reference_evaluator() {
    for module in 0..cases(12) {
        let mut random = Generator::new(module as u64);
        random.functions = functions();
        let segments: Vec<Arc<Segment>> = (0..64).map(|_| Arc::new(random.segment())).collect();
        let compiled = Jit.compile(&flow(&segments)).unwrap_or_else(|e| panic!("module {module}: {e}"));
        for (i, segment) in segments.iter().enumerate() {
            for n_rows in [0, 1, 63, 64, 65, 130, 1_300] {
                let batch = random.batch(&segment.inputs, n_rows);
                let (expected, actual) = (expected(segment, &batch), actual(&*compiled, i, segment, &batch));
                // Written out, -0.0 and 0.0 differ.
                let (actual, expected) = (format!("{actual:?}"), format!("{expected:?}"));
                assert_eq!(actual, expected, "module {module}, segment {i}:\n{segment}\n{batch:?}");
            }
        }
    }
}

/// Such are computed by several loops.
#[test]
fn long_expressions_agree_with_the_reference_evaluator() {
    for module in 0..cases(4) {
        let mut random = Generator::new(1_000 + module as u64);
        random.functions = functions();
        let segments: Vec<Arc<Segment>> = (0..8).map(|_| Arc::new(long_segment(&mut random))).collect();
        let compiled = Jit.compile(&flow(&segments)).unwrap_or_else(|e| panic!("module {module}: {e}"));
        for (i, segment) in segments.iter().enumerate() {
            for n_rows in [1, 65, 300] {
                let batch = random.batch(&segment.inputs, n_rows);
                let (expected, actual) = (expected(segment, &batch), actual(&*compiled, i, segment, &batch));
                assert_eq!(format!("{actual:?}"), format!("{expected:?}"), "module {module}, segment {i}");
            }
        }
    }
}

/// A filter and two values, one of which reads the other, of 600 to 6,000 nodes each.
fn long_segment(random: &mut Generator) -> Segment {
    let clause = Arc::new(Clause { span: Default::default(), row: vec![] });
    let inputs = random.segment().inputs;
    let mut columns = inputs.clone();
    let mut steps = vec![];
    for is_filter in [false, true, false] {
        let value = loop {
            let kind = if is_filter { TypeKind::Bool } else { random.column_type().kind };
            let value = random.expr(&columns, &kind, 14);
            let mut n_nodes = 0;
            value.visit(&mut |_| n_nodes += 1);
            if (600..6_000).contains(&n_nodes) {
                break value;
            }
        };
        if is_filter {
            steps.push(Step::Filter { condition: value, clause: clause.clone() });
        } else {
            columns.push(value.ty.clone());
            steps.push(Step::Let { value, clause: clause.clone() });
        }
    }
    let outputs = (0..columns.len()).collect();
    Segment { inputs, steps, outputs }
}

/// The row before a stretch without nulls fails; where it would have stood, its null must not remain.
#[test]
fn rows_that_fail_leave_no_nulls_behind() {
    let nullable = Type { nullable: true, ..Type::INT };
    let next = |column, ty: &Type| {
        let x = of(ExprKind::Column(column), ty.clone());
        let one = of(ExprKind::Literal(Value::Int(1)), Type::INT);
        let value = of(ExprKind::Binary(BinaryOp::Add, x.into(), one.into()), ty.clone());
        Step::Let { value, clause: Arc::new(Clause { span: Default::default(), row: vec![] }) }
    };
    let steps = vec![next(0, &Type::INT), next(1, &nullable)];
    let inputs = vec![Type::INT, nullable.clone()];
    let segment = Arc::new(Segment { inputs, steps, outputs: vec![2, 3] });
    let mut batch = ints(&(0..1_000).map(|i| [if i == 63 { i64::MAX } else { i }, i]).collect::<Vec<_>>());
    let mut validity = Bitmap::filled(true, 1_000);
    validity.set(63, false);
    let data = batch.columns[1].data.clone();
    batch.columns[1] = Arc::new(Column { data, validity: Some(validity) });
    let compiled = Jit.compile(&flow(std::slice::from_ref(&segment))).expect("it compiles");
    assert_eq!(actual(&*compiled, 0, &segment, &batch), expected(&segment, &batch));
}

/// The only output of a segment that computes one expression of these inputs.
fn single(inputs: &[Type], value: Expr) -> Arc<Segment> {
    let clause = Arc::new(Clause { span: Default::default(), row: vec![] });
    let steps = vec![Step::Let { value, clause }];
    Arc::new(Segment { inputs: inputs.to_vec(), steps, outputs: vec![inputs.len()] })
}

fn of(kind: ExprKind, ty: Type) -> Expr {
    Expr::new(kind, ty, Default::default())
}

fn ints(values: &[[i64; 2]]) -> Batch {
    let column = |i: usize| {
        let data = ColumnData::I64(values.iter().map(|pair| pair[i]).collect());
        Arc::new(Column { data, validity: None })
    };
    Batch {
        columns: vec![column(0), column(1)],
        n_rows: values.len(),
        origin: Default::default(),
        late: vec![],
    }
}

const EDGES: [i64; 13] =
    [i64::MIN, i64::MIN + 1, -1_000_000_007, -12, -3, -1, 0, 1, 2, 36, 1 << 62, i64::MAX - 1, i64::MAX];

#[test]
fn multiples_are_found_without_dividing() {
    let divisors = [2, 3, 7, 12, 123, 1000, 1 << 40, 3 << 60, i64::MAX, -12, i64::MIN];
    let segments = divisors.iter().map(|divisor| {
        let rest = BinaryOp::Remainder;
        let literal = |x| of(ExprKind::Literal(Value::Int(x)), Type::INT);
        let x = of(ExprKind::Column(0), Type::INT);
        let rest = of(ExprKind::Binary(rest, x.into(), literal(*divisor).into()), Type::INT);
        single(
            &[Type::INT; 2],
            of(ExprKind::Binary(BinaryOp::Equal, rest.into(), literal(0).into()), Type::BOOL),
        )
    });
    let segments: Vec<_> = segments.collect();
    let compiled = Jit.compile(&flow(&segments)).expect("it compiles");
    for (i, divisor) in divisors.iter().enumerate() {
        let multiples = (-40..40i64).map(|k| k.wrapping_mul(*divisor));
        let near = multiples.flat_map(|x| [x.wrapping_sub(1), x, x.wrapping_add(1)]).chain(EDGES);
        let batch = ints(&near.map(|x| [x, 0]).collect::<Vec<_>>());
        assert_eq!(
            actual(&*compiled, i, &segments[i], &batch),
            expected(&segments[i], &batch),
            "multiples of {divisor}"
        );
    }
}

#[test]
fn whole_division_fails_its_row_and_nothing_else() {
    let column = |i| of(ExprKind::Column(i), Type::INT);
    let call = ExprKind::Call { function: &DIV, arguments: vec![column(0), column(1)] };
    let segment = single(&[Type::INT; 2], of(call, Type::INT));
    let compiled = Jit.compile(&flow(std::slice::from_ref(&segment))).expect("it compiles");
    let pairs: Vec<_> = EDGES.iter().flat_map(|a| EDGES.map(|b| [*a, b])).collect();
    let expected = expected(&segment, &ints(&pairs));
    assert_eq!(expected.failed.len(), EDGES.len() + 1);
    assert_eq!(actual(&*compiled, 0, &segment, &ints(&pairs)), expected);
}
