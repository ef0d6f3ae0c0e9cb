//! Matches of random events and patterns agree with a matcher that tries every way.

mod explained;
mod oracle;
mod random;
mod together;

use super::MatchPattern;
use crate::message::{Message, Watermark};
use crate::operator::{Operator, Output};
use crate::snapshot::{SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::catalog::ScalarFunction;
use millstream_ir::column::ColumnBuilder;
use millstream_ir::engine::{Compiled, Engine};
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{Column, Flow, Node, NodeId, NodeKind, OnError, Schema};
use millstream_ir::pattern::{
    Absence, Automaton, Clock, EventTest, MatchInput, MatchMode, MatchRead, MatchSpec, MatchStep,
    Pattern as Tree, ReadPart,
};
use millstream_ir::testing::cases;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_jit::Jit;
use oracle::matches_of;
use proptest::prelude::*;
use random::{events, of_inputs, pattern};
use std::fmt;
use std::sync::Arc;

#[derive(Clone)]
struct Event {
    input: usize,
    key: i64,
    value: i64,
    time: i64,
    id: i64,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event { input, key, value, time, id } = self;
        write!(f, ".#{id} of {input} key {key} value {value} at {time}")
    }
}

/// Events of one input with one of these values and, if it looks at a step, a value above that.
#[derive(Clone, Debug)]
struct Kind {
    input: usize,
    values: Vec<i64>,
    above: Option<(usize, Look)>,
}

/// What of a step's events a condition looks at: the value of the first or last of them, or their number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Look {
    First,
    Last,
    /// The last, but said to look at all of them.
    All,
    Count,
}

#[derive(Clone, Debug)]
struct Step {
    kind: Kind,
    reuse: bool,
}

impl Kind {
    fn has(&self, event: &Event) -> bool {
        event.input == self.input && self.values.contains(&event.value)
    }
}

#[derive(Clone)]
struct Pattern {
    tree: Tree,
    steps: Vec<Step>,
    n_inputs: usize,
    absences: Vec<Kind>,
    clocks: Vec<i64>,
    mode: MatchMode,
    within: Option<i64>,
    or_timeout: bool,
    without: Option<Kind>,
    has_all: bool,
    has_greedy: bool,
    /// Whether the events have columns that say which tests they pass.
    has_columns: bool,
}

impl fmt::Debug for Pattern {
    /// As the program would say it, behind what it does not say: which events pass a test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flow = flow(self);
        let (inputs, NodeKind::Match(spec)) = (schemas(&flow), &flow.nodes[self.n_inputs].kind) else {
            unreachable!()
        };
        self.kinds().enumerate().try_for_each(|(number, kind)| writeln!(f, "test {number}: {kind:?}"))?;
        let (mode, timeout) = (self.mode.text(), if self.or_timeout { " or timeout" } else { "" });
        writeln!(f, "match {mode} {} within {:?}{timeout}", spec.pattern_text(&inputs), self.within)?;
        write!(f, "{}", spec.automaton_text(&inputs))
    }
}

impl Pattern {
    /// What is tested, steps first.
    fn kinds(&self) -> impl Iterator<Item = &Kind> {
        let steps = self.steps.iter().map(|step| &step.kind);
        steps.chain(&self.absences).chain(&self.without)
    }

    /// Per test, the values that pass it, if events say which they pass.
    fn tested(&self) -> Vec<&[i64]> {
        let all = self.kinds().map(|kind| &kind.values[..]);
        if self.has_columns { all.collect() } else { vec![] }
    }

    fn rank_of_step(&self, step: usize) -> usize {
        self.ranks().iter().position(|rank| *rank == (false, step)).expect("a step of the pattern")
    }

    fn rank_of_clock(&self, clock: usize) -> usize {
        self.ranks().iter().position(|rank| *rank == (true, clock)).expect("a step of the pattern")
    }

    /// Steps and clocks, as they are written.
    fn ranks(&self) -> Vec<(bool, usize)> {
        fn visit(tree: &Tree, ranks: &mut Vec<(bool, usize)>) {
            match tree {
                Tree::Step(step) => ranks.push((false, *step)),
                Tree::Quiet { clock, .. } => ranks.push((true, *clock)),
                Tree::Sequence(links) => links.iter().for_each(|link| visit(&link.pattern, ranks)),
                Tree::Repeat { of, .. } => visit(of, ranks),
                Tree::All { parts, .. } | Tree::Any(parts) => parts.iter().for_each(|p| visit(p, ranks)),
                Tree::Absent(_) => {}
            }
        }
        let mut ranks = vec![];
        visit(&self.tree, &mut ranks);
        ranks
    }
}

fn schemas(flow: &Flow) -> Vec<&Schema> {
    flow.nodes.iter().filter(|node| node.inputs.is_empty()).map(|node| &node.schema).collect()
}

/// As that of the standard library, of the ends of a list.
static GET: ScalarFunction = ScalarFunction {
    name: "get",
    strict: false,
    can_fail: false,
    evaluate: |_, values| {
        let events = records(&values[0]);
        let end = if values[1] == Value::Int(0) { events.first() } else { events.last() };
        Ok(end.cloned().unwrap_or(Value::Null))
    },
};

static COUNT: ScalarFunction = ScalarFunction {
    name: "count",
    strict: false,
    can_fail: false,
    evaluate: |_, values| Ok(Value::Int(records(&values[0]).len() as i64)),
};

fn records(list: &Value) -> &[Value] {
    if let Value::List(records) = list { records } else { &[] }
}

/// `get(events, at).value ?? -1`.
fn value_at(events: Expr, at: i64, record: &Type) -> Expr {
    let int = |value| Expr::literal(Value::Int(value), Type::INT, Default::default());
    let call = ExprKind::Call { function: &GET, arguments: vec![events, int(at)] };
    let record = Expr::new(call, record.clone().nullable(), Default::default());
    let value = ExprKind::Field { record: Box::new(record), field: 0 };
    let value = Box::new(Expr::new(value, Type::INT.nullable(), Default::default()));
    Expr::new(ExprKind::Coalesce(value, Box::new(int(-1))), Type::INT, Default::default())
}

/// Events are rows of key, value, id, time; a variable's record is value and id.
fn flow(pattern: &Pattern) -> Flow {
    let column = |name: &str, ty: Type| Column { name: name.into(), ty, hidden: false };
    let record = Type::record([("value", Type::INT), ("id", Type::INT)]);
    let mut bindings = vec![column("key", Type::INT)];
    bindings.extend(pattern.steps.iter().map(|_| column("variable", Type::list(record.clone()))));
    bindings.extend(["start", "end"].map(|name| column(name, Type::TIMESTAMP)));
    bindings.push(column("timeout", Type::BOOL));
    let numbered = |number: usize, ty: &Type| Expr::column(number, ty.clone(), Default::default());
    let boolean = |kind| Expr::new(kind, Type::BOOL, Default::default());
    let n_columns = 4 + pattern.tested().len();
    let said = |test: usize| Expr::column(4 + test, Type::BOOL, Default::default());
    let value = || Box::new(numbered(1, &Type::INT));
    let one_of = |values: &[i64]| {
        let list = values.iter().map(|v| Expr::literal(Value::Int(*v), Type::INT, Default::default()));
        boolean(ExprKind::In { value: value(), list: list.collect() })
    };
    let test_of = |number: usize, kind: &Kind| {
        let mut condition = if pattern.has_columns { said(number) } else { one_of(&kind.values) };
        if let Some((above, look)) = kind.above {
            let events = numbered(n_columns + 1 + above, &bindings[1 + above].ty);
            let bound = match look {
                Look::First => value_at(events, 0, &record),
                Look::Last | Look::All => value_at(events, -1, &record),
                Look::Count => {
                    let count = ExprKind::Call { function: &COUNT, arguments: vec![events] };
                    Expr::new(count, Type::INT, Default::default())
                }
            };
            let above = boolean(ExprKind::Binary(BinaryOp::Greater, value(), Box::new(bound)));
            condition = boolean(ExprKind::And(Box::new(condition), Box::new(above)));
        }
        let read = |(step, look)| {
            let part = match look {
                Look::First => ReadPart::First,
                Look::Last => ReadPart::Last,
                Look::All => ReadPart::All,
                Look::Count => ReadPart::Count,
            };
            MatchRead { step, part }
        };
        let reads = kind.above.into_iter().map(read).collect();
        EventTest { input: kind.input, condition: Some(condition), reads }
    };
    let n_steps = pattern.steps.len();
    let tests: Vec<EventTest> =
        pattern.kinds().enumerate().map(|(number, kind)| test_of(number, kind)).collect();
    let steps = pattern.steps.iter().zip(&tests);
    let steps = steps.map(|(step, test)| MatchStep { test: test.clone(), repeats: true, reuse: step.reuse });
    let absences: Vec<Absence> =
        tests[n_steps..].iter().map(|test| Absence { tests: vec![test.clone()] }).collect();
    let input = |name: &str| MatchInput {
        name: name.into(),
        keys: vec![0],
        fields: vec![Some(1), Some(2)],
        computed: vec![],
    };
    let spec = MatchSpec {
        inputs: ["events", "others"].into_iter().take(pattern.n_inputs).map(input).collect(),
        steps: steps.collect(),
        clocks: pattern.clocks.iter().map(|clock| Clock::Fixed(*clock)).collect(),
        pattern: pattern.tree.clone(),
        automaton: Automaton::new(&pattern.tree, absences.len()).expect("a small pattern"),
        mode: pattern.mode,
        within: pattern.within,
        or_timeout: pattern.or_timeout,
        without: pattern.without.as_ref().map(|_| absences.len() - 1),
        absences,
        limit: usize::MAX,
        span: Default::default(),
        outputs: bindings.iter().enumerate().map(|(i, b)| numbered(i, &b.ty)).collect(),
        bindings: bindings.clone(),
    };
    let node = |inputs, columns: Vec<Column>, kind| Node {
        name: "n".into(),
        span: Default::default(),
        inputs,
        schema: {
            let time = columns.iter().rposition(|column| column.name.as_ref() == "time").unwrap_or(0);
            Schema::append_only(columns, time)
        },
        kind,
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    let input = ["key", "value", "id"].map(|name| column(name, Type::INT));
    let said = pattern.tested().into_iter().map(|_| column("fits", Type::BOOL));
    let input: Vec<Column> = input.into_iter().chain([column("time", Type::TIMESTAMP)]).chain(said).collect();
    let output = bindings.into_iter().chain([column("time", Type::TIMESTAMP)]).collect();
    let mut nodes: Vec<Node> =
        (0..pattern.n_inputs).map(|_| node(vec![], input.clone(), NodeKind::Union)).collect();
    let inputs = (0..pattern.n_inputs as u32).map(NodeId).collect();
    nodes.push(node(inputs, output, NodeKind::Match(Arc::new(spec))));
    Flow { nodes }
}

/// A match: its key, the ids of the events of each step, its end, and whether it is reported as far as it came.
type Row = (i64, Vec<Vec<i64>>, i64, bool);

/// The matches that the operator finds, in its order. Each batch is taken
/// by a new operator with the state of the one before it.
fn run(pattern: &Pattern, batches: &[(Vec<Event>, Watermark)]) -> Vec<Row> {
    let (found, n_failed) = run_flow(&flow(pattern), pattern, batches);
    assert_eq!(n_failed, 0);
    found
}

/// Where it can run.
fn machine_code(flow: &Flow) -> Option<Box<dyn Compiled>> {
    (!cfg!(miri)).then(|| Jit.compile(flow).expect("it compiles"))
}

/// The same of a flow made of the pattern, and how many events fail.
fn run_flow(flow: &Flow, pattern: &Pattern, batches: &[(Vec<Event>, Watermark)]) -> (Vec<Row>, usize) {
    let node = NodeId(pattern.n_inputs as u32);
    let NodeKind::Match(spec) = &flow.node(node).kind else { unreachable!() };
    let code = machine_code(flow);
    let mut operator = MatchPattern::new(flow, node, spec.clone(), code.as_deref());
    let mut output = Output::default();
    let mut n_read = [0; 2];
    for (events, watermark) in batches {
        let mut writer = SnapshotWriter::default();
        operator.snapshot(&mut writer);
        let snapshot = writer.finish();
        operator = MatchPattern::new(flow, node, spec.clone(), code.as_deref());
        let mut reader = SnapshotReader::new(&snapshot);
        assert_eq!(operator.restore(&mut reader), Ok(()));
        assert_eq!(reader.finish(), Ok(()));
        for (input, n_read) in n_read.iter_mut().enumerate().take(pattern.n_inputs) {
            let events: Vec<&Event> = events.iter().filter(|event| event.input == input).collect();
            let batch = batch_of(&events, &pattern.tested(), *n_read);
            *n_read += events.len() as u64;
            operator.step(input, Message::Batch(batch), &mut output);
        }
        for input in 0..pattern.n_inputs {
            operator.step(input, Message::Watermark(*watermark), &mut output);
        }
    }
    (rows_of(pattern, &output.messages), output.failures.len())
}

/// Events of one input, with columns that say of which of these lists their values are, as a batch that follows so many.
fn batch_of(events: &[&Event], tested: &[&[i64]], n_read: u64) -> Batch {
    let types = [Type::INT, Type::INT, Type::INT, Type::TIMESTAMP].into_iter();
    let types = types.chain(tested.iter().map(|_| Type::BOOL));
    let mut columns: Vec<ColumnBuilder> = types.map(|ty| ColumnBuilder::new(&ty)).collect();
    for event in events {
        let row = [event.key, event.value, event.id].map(Value::Int);
        columns.iter_mut().zip(row).for_each(|(column, value)| column.push(&value));
        columns[3].push(&Value::Timestamp(event.time));
        for (column, values) in columns.iter_mut().skip(4).zip(tested) {
            column.push(&Value::Bool(values.contains(&event.value)));
        }
    }
    let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
    let source = events.first().map_or(0, |event| event.input as u32);
    let origin = Origin { source, first: n_read, ..Origin::default() };
    Batch { columns, n_rows: events.len(), origin, late: vec![] }
}

/// The matches in the messages of an operator.
fn rows_of(pattern: &Pattern, messages: &[Message]) -> Vec<Row> {
    let flow = flow(pattern);
    let types = flow.nodes[pattern.n_inputs].schema.types();
    let (mut found, mut watermark) = (vec![], i64::MIN);
    for message in messages {
        let batch = match message {
            Message::Batch(batch) => batch,
            Message::Watermark(next) => {
                watermark = next.0;
                continue;
            }
        };
        for row in 0..batch.n_rows {
            let value = |column: usize| batch.columns[column].value(row, &types[column]);
            let ids = (0..pattern.steps.len()).map(|step| ids_of(&value(1 + step))).collect();
            let n = 1 + pattern.steps.len();
            let (Value::Int(key), Value::Timestamp(end), Value::Bool(is_timeout)) =
                (value(0), value(n + 1), value(n + 2))
            else {
                unreachable!()
            };
            assert!(end >= watermark, "a match at {end} behind the watermark {watermark}");
            found.push((key, ids, end, is_timeout));
        }
    }
    found
}

fn ids_of(variable: &Value) -> Vec<i64> {
    match variable {
        Value::List(events) => events.iter().flat_map(ids_of).collect(),
        Value::Record(fields) => match fields[1] {
            Value::Int(id) => vec![id],
            _ => vec![],
        },
        _ => vec![],
    }
}

/// What the definition says, sorted; `events` as they arrive.
fn expected(pattern: &Pattern, events: &[Event]) -> Vec<Row> {
    let mut expected = vec![];
    // Among events of one time those of the first input come first, then those that arrived first.
    let mut events = events.to_vec();
    events.sort_by_key(|event| (event.time, event.input));
    for key in 0..2 {
        let own: Vec<Event> = events.iter().filter(|e| e.key == key).cloned().collect();
        for found in matches_of(pattern, &own) {
            let ids = found.events.iter().map(|step| step.iter().map(|e| own[*e].id).collect());
            expected.push((key, ids.collect(), found.end, found.is_timeout));
        }
    }
    expected.sort();
    expected
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(5_000) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matches_are_those_of_the_definition(
        (pattern, events) in (pattern(), events()).prop_map(of_inputs),
        size in 1usize..5,
    ) {
        let mut batches: Vec<_> = events
            .chunks(size)
            .map(|chunk| (chunk.to_vec(), Watermark(chunk[chunk.len() - 1].time)))
            .collect();
        batches.push((vec![], Watermark::END));
        prop_assert_eq!(sorted(run(&pattern, &batches)), expected(&pattern, &events));
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(
        (pattern, events) in (pattern(), events().prop_shuffle()).prop_map(of_inputs),
    ) {
        let expected = expected(&pattern, &events);
        prop_assert_eq!(sorted(run(&pattern, &[(events, Watermark::END)])), expected);
    }
}
