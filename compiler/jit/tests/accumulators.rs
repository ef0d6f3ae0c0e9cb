//! The compiled update of accumulators against a plain count of the same rows.

use millstream_ir::aggregate::{AccumulatorKind, AggregateCall, AggregateFunction, SlotLayout};
use millstream_ir::engine::Engine;
use millstream_ir::flow::{Breaker, WindowAggregate, WindowAssigner};
use millstream_ir::flow::{Column, Flow, Node, NodeId, NodeKind, OnError, Schema};
use millstream_ir::testing::{Generator, cases};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::{Value, compare_floats};
use millstream_jit::Jit;
use std::sync::Arc;

const GROUPS: usize = 5;

/// A source of these columns and a window over it.
fn flow(types: &[Type], aggregates: &[AggregateCall]) -> Flow {
    let columns = types.iter().map(|ty| Column { name: "c".into(), ty: ty.clone(), hidden: false });
    let node = |inputs: Vec<NodeId>, schema, kind| Node {
        name: "test".into(),
        span: Default::default(),
        inputs,
        schema,
        kind,
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    let window = WindowAggregate {
        window: WindowAssigner::Tumbling { size: 1, offset: 0 },
        keys: vec![],
        aggregates: aggregates.to_vec(),
    };
    Flow {
        nodes: vec![
            node(vec![], Schema::append_only(columns.collect(), 0), NodeKind::Union),
            node(
                vec![NodeId(0)],
                Schema::default(),
                NodeKind::Breaker(Arc::new(Breaker::WindowAggregate(window))),
            ),
        ],
    }
}

fn random_call(random: &mut Generator, types: &[Type]) -> AggregateCall {
    use AggregateFunction::*;
    let column = random.below(types.len());
    let ty = types[column].clone();
    let functions: &[AggregateFunction] = match ty.kind {
        TypeKind::Bool => &[Any, All, Count],
        TypeKind::Int | TypeKind::Decimal(_) => &[Sum, Minimum, Maximum, Count],
        TypeKind::Float | TypeKind::Timestamp => &[Minimum, Maximum, Count],
        _ => &[Count],
    };
    let booleans: Vec<usize> = (0..types.len()).filter(|c| types[*c].kind == TypeKind::Bool).collect();
    let filter =
        (random.below(3) == 0 && !booleans.is_empty()).then(|| booleans[random.below(booleans.len())]);
    let function = functions[random.below(functions.len())];
    AggregateCall { filter, ..AggregateCall::new(function, vec![(column, ty)], Type::INT) }
}

/// What stands in a slot, in a form to be compared.
fn read(slot: &[u64], layout: &SlotLayout) -> Vec<String> {
    let fields = layout.accumulators.iter().map(|field| {
        let word = |i: usize| slot[field.offset / 8 + i];
        let seen = field.seen.map_or(slot[0], |s| slot[s / 8]);
        let value = match field.kind {
            _ if seen == 0 => String::new(),
            AccumulatorKind::Count => String::new(),
            AccumulatorKind::MinF64 | AccumulatorKind::MaxF64 => format!("{:?}", f64::from_bits(word(0))),
            AccumulatorKind::Any | AccumulatorKind::All => (word(0) != 0).to_string(),
            _ => (word(0) as i64).to_string(),
        };
        format!("{seen}: {value}")
    });
    fields.collect()
}

fn expected(call: &AggregateCall, rows: &[Vec<Value>]) -> String {
    let taken = rows.iter().filter(|row| call.filter.is_none_or(|f| row[f] == Value::Bool(true)));
    let values = taken.filter_map(|row| call.argument().map(|(c, _)| row[*c].clone()));
    let values: Vec<Value> = values.filter(|v| !v.is_null()).collect();
    let number = |v: &Value| match v {
        Value::Int(x) | Value::Timestamp(x) => *x as i128,
        Value::Decimal(x) => *x,
        _ => 0,
    };
    let float = |v: &Value| if let Value::Float(x) = v { *x } else { 0.0 };
    let is_float = values.iter().any(|v| matches!(v, Value::Float(_)));
    let is = |wanted: bool| move |v: &Value| *v == Value::Bool(wanted);
    use AggregateFunction::*;
    let value = match call.function {
        _ if values.is_empty() => String::new(),
        // The runtime sees to it that sums fit.
        Sum => (values.iter().map(number).sum::<i128>() as i64).to_string(),
        Minimum if is_float => canonical(values.iter().map(float).min_by(|a, b| compare_floats(*a, *b))),
        Maximum if is_float => canonical(values.iter().map(float).max_by(|a, b| compare_floats(*a, *b))),
        Minimum => values.iter().map(number).min().unwrap_or(0).to_string(),
        Maximum => values.iter().map(number).max().unwrap_or(0).to_string(),
        Any => values.iter().any(is(true)).to_string(),
        All => values.iter().all(is(true)).to_string(),
        _ => String::new(),
    };
    format!("{}: {value}", values.len())
}

fn canonical(x: Option<f64>) -> String {
    format!("{:?}", x.unwrap_or(0.0) + 0.0)
}

#[test]
fn groups_hold_what_their_rows_add_up_to() {
    let mut checked = 0;
    for seed in 0..cases(60) {
        let mut random = Generator::new(seed as u64);
        let types: Vec<Type> = (0..6).map(|_| random.column_type()).collect();
        let aggregates: Vec<_> = (0..5).map(|_| random_call(&mut random, &types)).collect();
        let compiled = Jit.compile(&flow(&types, &aggregates)).expect("it compiles");
        let mut kernel = compiled.accumulate(NodeId(1)).expect("the node is a window");
        let layout = SlotLayout::narrow(&[], &aggregates);
        let mut slots = vec![layout.fresh(); GROUPS];
        let mut groups = vec![Vec::new(); GROUPS];
        for n_rows in [0, 1, 64, 100] {
            let batch = random.batch(&types, n_rows);
            if batch.columns.iter().any(|c| matches!(c.data, millstream_ir::column::ColumnData::I128(_))) {
                continue;
            }
            let rows: Vec<u32> = (0..n_rows as u32).filter(|_| random.below(5) > 0).collect();
            let places: Vec<usize> = rows.iter().map(|_| random.below(GROUPS)).collect();
            for (row, group) in rows.iter().zip(&places) {
                slots[*group][0] += 1;
                let values = batch.columns.iter().zip(&types).map(|(c, ty)| c.value(*row as usize, ty));
                groups[*group].push(values.collect::<Vec<_>>());
            }
            let pointers: Vec<*mut u8> = slots.iter_mut().map(|s| s.as_mut_ptr() as *mut u8).collect();
            let pointers: Vec<*mut u8> = places.iter().map(|g| pointers[*g]).collect();
            // SAFETY: the pointers are to fresh slots of this layout, the columns those of the input.
            unsafe { kernel.update(&pointers, &rows, &batch.columns) };
        }
        for (slot, rows) in slots.iter().zip(&groups) {
            for (call, held) in aggregates.iter().zip(read(slot, &layout)) {
                assert_eq!(held, expected(call, rows), "seed {seed}: {call} over {types:?}");
                checked += 1;
            }
        }
    }
    assert!(checked > 1000);
}
