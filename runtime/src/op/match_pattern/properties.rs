//! Matches of random events and patterns agree with a matcher that tries every way.

mod explained;
mod oracle;

use super::MatchPattern;
use crate::message::{Message, Watermark};
use crate::operator::{Operator, Output};
use crate::snapshot::{SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::catalog::ScalarFunction;
use millstream_ir::column::ColumnBuilder;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{Column, Flow, Node, NodeId, NodeKind, OnError, Schema};
use millstream_ir::pattern::{
    Absence, Automaton, Clock, EventTest, Link, MatchInput, MatchMode, MatchRead, MatchSpec, MatchStep,
    Pattern as Tree, ReadPart,
};
use millstream_ir::testing::cases;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use oracle::matches_of;
use proptest::prelude::*;
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
    /// As the program would say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flow = flow(self);
        let (inputs, NodeKind::Match(spec)) = (schemas(&flow), &flow.nodes[self.n_inputs].kind) else {
            unreachable!()
        };
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
    let input = |name: &str| MatchInput { name: name.into(), keys: vec![0], fields: vec![Some(1), Some(2)] };
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

/// The same of a flow made of the pattern, and how many events fail.
fn run_flow(flow: &Flow, pattern: &Pattern, batches: &[(Vec<Event>, Watermark)]) -> (Vec<Row>, usize) {
    let node = NodeId(pattern.n_inputs as u32);
    let NodeKind::Match(spec) = &flow.node(node).kind else { unreachable!() };
    let mut operator = MatchPattern::new(flow, node, spec.clone());
    let types = flow.nodes[0].schema.types();
    let mut output = Output::default();
    let mut n_read = [0; 2];
    for (events, watermark) in batches {
        let mut writer = SnapshotWriter::default();
        operator.snapshot(&mut writer);
        let snapshot = writer.finish();
        operator = MatchPattern::new(flow, node, spec.clone());
        let mut reader = SnapshotReader::new(&snapshot);
        assert_eq!(operator.restore(&mut reader), Ok(()));
        assert_eq!(reader.finish(), Ok(()));
        for (input, n_read) in n_read.iter_mut().enumerate().take(pattern.n_inputs) {
            let events: Vec<&Event> = events.iter().filter(|event| event.input == input).collect();
            let mut columns: Vec<ColumnBuilder> = types.iter().map(ColumnBuilder::new).collect();
            for event in &events {
                let row = [event.key, event.value, event.id].map(Value::Int);
                columns.iter_mut().zip(row).for_each(|(column, value)| column.push(&value));
                columns[3].push(&Value::Timestamp(event.time));
                for (column, values) in columns.iter_mut().skip(4).zip(pattern.tested()) {
                    column.push(&Value::Bool(values.contains(&event.value)));
                }
            }
            let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
            let origin = Origin { source: input as u32, first: *n_read, ..Origin::default() };
            let batch = Batch { columns, n_rows: events.len(), origin, late: vec![] };
            *n_read += events.len() as u64;
            operator.step(input, Message::Batch(batch), &mut output);
        }
        for input in 0..pattern.n_inputs {
            operator.step(input, Message::Watermark(*watermark), &mut output);
        }
    }
    let types = flow.node(node).schema.types();
    let (mut found, mut watermark) = (vec![], i64::MIN);
    for message in &output.messages {
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
    (found, output.failures.len())
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

/// The form of a pattern, in which steps, absences and clocks have no numbers yet.
fn tree() -> impl Strategy<Value = Tree> {
    let step = Just(Tree::Step(0)).boxed();
    let tree = step.clone().prop_recursive(2, 5, 3, |inner| {
        let link = |pattern: BoxedStrategy<Tree>| {
            let joined = (proptest::bool::weighted(0.15), proptest::bool::weighted(0.15));
            (joined, pattern).prop_map(|((next, within), pattern)| Link {
                next,
                within: (within && !next).then_some(0),
                pattern,
            })
        };
        let in_turn = (proptest::collection::vec(link(inner.clone().boxed()), 1..4), before())
            .prop_map(|(links, before)| sequence(links, before));
        let counts = prop_oneof![
            3 => (0u32..3).prop_map(|min| (min, None)),
            3 => (0u32..3, 0u32..3).prop_map(|(min, more)| (min, Some((min + more).max(1)))),
        ];
        let repeat = (inner.clone(), counts, any::<bool>(), any::<bool>()).prop_map(
            |(of, (min, max), adjacent, greedy)| {
                // A clock over and over never ends.
                let greedy = greedy && !has_clock(&of);
                // The parts of `and` come in so many orders that a few are enough.
                let min = if has_all(&of) { min.min(1) } else { min };
                Tree::Repeat { of: Box::new(of), min, max, adjacent, greedy }
            },
        );
        let parts = || proptest::collection::vec(inner.clone(), 2..4);
        let any_of = parts().prop_map(Tree::Any);
        // What may be left out, or would rather go on, says nothing clear among others.
        let plain =
            proptest::collection::vec(Just(Tree::Step(0)), 1..3).prop_map(|steps| match steps.len() {
                1 => Tree::Step(0),
                _ => sequence(
                    steps.into_iter().map(|pattern| Link { next: false, within: None, pattern }).collect(),
                    0,
                ),
            });
        let all = (proptest::collection::vec(plain, 2..4), proptest::bool::weighted(0.2))
            .prop_map(|(parts, adjacent)| Tree::All { parts, adjacent });
        prop_oneof![4 => in_turn, 3 => repeat, 2 => any_of, 2 => all]
    });
    // A pattern begins with an event, or with the time before one.
    (tree, proptest::bool::weighted(0.1)).prop_map(|(tree, quiet)| {
        let quiet = quiet.then_some(Tree::Quiet { absence: 0, clock: 0 });
        let links = quiet.into_iter().chain([tree]);
        Tree::Sequence(links.map(|pattern| Link { next: false, within: None, pattern }).collect())
    })
}

/// What to put before the last of a sequence: nothing, an absence, a clock, a clock or an event.
fn before() -> impl Strategy<Value = u32> {
    prop_oneof![6 => Just(0u32), 2 => Just(1), 2 => Just(2), 1 => Just(3), 1 => Just(4), 1 => Just(5)]
}

fn sequence(mut links: Vec<Link>, before: u32) -> Tree {
    let then = |pattern| Link { next: false, within: None, pattern };
    let (absent, quiet) = (Tree::Absent(0), Tree::Quiet { absence: 0, clock: 0 });
    let put = match before {
        1 => Some(absent),
        2 | 5 => Some(quiet),
        3 => Some(Tree::Any(vec![Tree::Step(0), quiet])),
        4 => Some(Tree::All { parts: vec![Tree::Step(0), quiet], adjacent: false }),
        _ => None,
    };
    let n = links.len();
    links[0].within = None;
    if let Some(put) = put.filter(|_| n > 1) {
        if before == 5 {
            links.push(then(put));
        } else {
            links[n - 1].next = false;
            links.insert(n - 1, then(put));
        }
    }
    Tree::Sequence(links)
}

fn has_clock(tree: &Tree) -> bool {
    match tree {
        Tree::Quiet { .. } => true,
        Tree::Sequence(links) => links.iter().any(|link| has_clock(&link.pattern)),
        Tree::Repeat { of, .. } => has_clock(of),
        Tree::All { parts, .. } | Tree::Any(parts) => parts.iter().any(has_clock),
        Tree::Step(_) | Tree::Absent(_) => false,
    }
}

/// Gives steps, absences and clocks their numbers.
fn number(tree: &mut Tree, numbers: &mut [usize; 3]) {
    let mut next = |kind: usize| {
        numbers[kind] += 1;
        numbers[kind] - 1
    };
    match tree {
        Tree::Step(step) => *step = next(0),
        Tree::Absent(absence) => *absence = next(1),
        Tree::Quiet { absence, clock } => (*absence, *clock) = (next(1), next(2)),
        Tree::Sequence(links) => {
            for link in links {
                if let Some(clock) = &mut link.within {
                    numbers[2] += 1;
                    *clock = numbers[2] - 1;
                }
                number(&mut link.pattern, numbers);
            }
        }
        Tree::Repeat { of, .. } => number(of, numbers),
        Tree::All { parts, .. } | Tree::Any(parts) => parts.iter_mut().for_each(|part| number(part, numbers)),
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    let values = proptest::sample::subsequence(vec![0, 1, 2, 3], 1..=4);
    let look = prop_oneof![Just(Look::First), Just(Look::Last), Just(Look::All), Just(Look::Count)];
    let above = proptest::option::weighted(0.25, (0usize..4, look));
    (0usize..2, values, above).prop_map(|(input, values, above)| Kind { input, values, above })
}

fn step() -> impl Strategy<Value = Step> {
    (kind(), proptest::bool::weighted(0.1)).prop_map(|(kind, reuse)| Step { kind, reuse })
}

/// Which steps, of those behind a number, each of them and each absence may look at: those written before it but
/// for other parts of the same `and`, which may come later. Steps first; a step may look at itself.
fn seen(
    tree: &Tree,
    seen_before: &mut Vec<usize>,
    of_steps: &mut Vec<Vec<usize>>,
    of_absences: &mut Vec<Vec<usize>>,
) {
    match tree {
        Tree::Step(step) => {
            seen_before.push(*step);
            of_steps.push(seen_before.clone());
        }
        Tree::Absent(_) | Tree::Quiet { .. } => of_absences.push(seen_before.clone()),
        Tree::Sequence(links) => {
            links.iter().for_each(|link| seen(&link.pattern, seen_before, of_steps, of_absences));
        }
        Tree::Repeat { of, .. } => seen(of, seen_before, of_steps, of_absences),
        Tree::Any(parts) => parts.iter().for_each(|part| seen(part, seen_before, of_steps, of_absences)),
        Tree::All { parts, .. } => {
            let before = seen_before.clone();
            for part in parts {
                let mut inside = before.clone();
                seen(part, &mut inside, of_steps, of_absences);
                seen_before.extend(&inside[before.len()..]);
            }
        }
    }
}

fn has_all(tree: &Tree) -> bool {
    match tree {
        Tree::All { .. } => true,
        Tree::Sequence(links) => links.iter().any(|link| has_all(&link.pattern)),
        Tree::Repeat { of, .. } => has_all(of),
        Tree::Any(parts) => parts.iter().any(has_all),
        _ => false,
    }
}

/// Whether an `and` may come first of which a part is a clock, which has nothing to run from there.
fn begins_with_clock_of_all(tree: &Tree) -> bool {
    match tree {
        Tree::All { .. } => has_clock(tree),
        Tree::Sequence(links) => {
            let n_empty = links.iter().take_while(|link| may_be_empty(&link.pattern)).count();
            links.iter().take(n_empty + 1).any(|link| begins_with_clock_of_all(&link.pattern))
        }
        Tree::Repeat { of, .. } => begins_with_clock_of_all(of),
        Tree::Any(parts) => parts.iter().any(begins_with_clock_of_all),
        Tree::Step(_) | Tree::Absent(_) | Tree::Quiet { .. } => false,
    }
}

/// Whether a clock may be the last before a `next`, which is refused.
fn has_next_behind_clock(tree: &Tree) -> bool {
    match tree {
        Tree::Sequence(links) => {
            let is_behind_clock = |pair: &[Link]| pair[1].next && ends_with_clock(&pair[0].pattern);
            links.windows(2).any(is_behind_clock)
                || links.iter().any(|link| has_next_behind_clock(&link.pattern))
        }
        Tree::Repeat { of, adjacent, .. } => *adjacent && ends_with_clock(of) || has_next_behind_clock(of),
        Tree::All { parts, .. } | Tree::Any(parts) => parts.iter().any(has_next_behind_clock),
        Tree::Step(_) | Tree::Absent(_) | Tree::Quiet { .. } => false,
    }
}

fn ends_with_clock(tree: &Tree) -> bool {
    match tree {
        Tree::Quiet { .. } => true,
        Tree::Sequence(links) => {
            let n_empty = links.iter().rev().take_while(|link| may_be_empty(&link.pattern)).count();
            links.iter().rev().take(n_empty + 1).any(|link| ends_with_clock(&link.pattern))
        }
        Tree::Repeat { of, .. } => ends_with_clock(of),
        Tree::All { parts, .. } | Tree::Any(parts) => parts.iter().any(ends_with_clock),
        Tree::Step(_) | Tree::Absent(_) => false,
    }
}

/// Whether nothing need be taken; at the start of a pattern a clock takes nothing.
fn may_be_empty(tree: &Tree) -> bool {
    match tree {
        Tree::Step(_) => false,
        Tree::Absent(_) | Tree::Quiet { .. } => true,
        Tree::Sequence(links) => links.iter().all(|link| may_be_empty(&link.pattern)),
        Tree::Repeat { of, min, .. } => *min == 0 || may_be_empty(of),
        Tree::All { parts, .. } => parts.iter().all(may_be_empty),
        Tree::Any(parts) => parts.iter().any(may_be_empty),
    }
}

fn has_greedy(tree: &Tree) -> bool {
    match tree {
        Tree::Repeat { of, greedy, .. } => *greedy || has_greedy(of),
        Tree::Sequence(links) => links.iter().any(|link| has_greedy(&link.pattern)),
        Tree::All { parts, .. } | Tree::Any(parts) => parts.iter().any(has_greedy),
        _ => false,
    }
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let mode = prop_oneof![
        4 => Just(MatchMode::UseUp),
        1 => Just(MatchMode::Overlapping),
        1 => Just(MatchMode::All),
        1 => proptest::option::weighted(0.8, 1i64..9).prop_map(MatchMode::Once),
    ];
    let within = proptest::option::weighted(0.9, 0i64..14);
    let ruled_out = || {
        (kind(), proptest::sample::subsequence(vec![0, 1, 2, 3], 1..=2))
            .prop_map(|(kind, values)| Kind { values, ..kind })
    };
    let without = proptest::option::weighted(0.1, ruled_out());
    let n_inputs = prop_oneof![Just(1usize), Just(2)];
    let rest = (mode, within, proptest::bool::weighted(0.15), without, any::<bool>(), n_inputs);
    let numbered = tree().prop_map(|mut tree| {
        let mut numbers = [0; 3];
        number(&mut tree, &mut numbers);
        (tree, numbers)
    });
    let is_sensible = |(tree, numbers): &(Tree, [usize; 3])| {
        let automaton = Automaton::new(tree, numbers[1] + 1).expect("a small pattern");
        numbers[0] <= 4
            && !begins_with_clock_of_all(tree)
            && !has_next_behind_clock(tree)
            && automaton.states[0].accepts.is_none()
    };
    let numbered = numbered.prop_filter("takes an event", is_sensible);
    let all = numbered.prop_flat_map(move |(tree, [n_steps, n_absences, n_clocks])| {
        let steps = proptest::collection::vec(step(), n_steps);
        let absences = proptest::collection::vec(ruled_out(), n_absences);
        let clocks = proptest::collection::vec(1i64..6, n_clocks);
        (Just(tree), steps, absences, clocks)
    });
    (all, rest).prop_map(
        |(
            (tree, mut steps, mut absences, clocks),
            (mode, within, or_timeout, mut without, has_columns, n_inputs),
        )| {
            let (mut of_steps, mut of_absences) = (vec![], vec![]);
            seen(&tree, &mut vec![], &mut of_steps, &mut of_absences);
            // Before the first event there is nothing to look at.
            let automaton = Automaton::new(&tree, absences.len() + 1).expect("a small pattern");
            for (absence, _) in automaton.states[0].edges.iter().flat_map(|edge| &edge.quiet) {
                of_absences[*absence].clear();
            }
            let steps_seen = steps.iter_mut().map(|step| &mut step.kind).zip(of_steps);
            let nothing = without.iter_mut().map(|kind| (kind, vec![]));
            for (kind, seen) in steps_seen.chain(absences.iter_mut().zip(of_absences)).chain(nothing) {
                kind.above = kind.above.filter(|(step, _)| seen.contains(step));
                kind.input = kind.input.min(n_inputs - 1);
            }
            let or_timeout = or_timeout && within.is_some();
            let (has_all, has_greedy) = (has_all(&tree), has_greedy(&tree));
            Pattern {
                tree,
                n_inputs,
                steps,
                absences,
                clocks,
                mode,
                within,
                or_timeout,
                without,
                has_all,
                has_greedy,
                has_columns,
            }
        },
    )
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0i64..5, 0i64..4, 0i64..3, prop_oneof![2 => Just(0usize), 1 => Just(1)]);
    proptest::collection::vec(event, 0..9).prop_map(|events| {
        let mut now = 0;
        let number = |(id, (key, value, gap, input)): (usize, _)| {
            now += gap;
            // One partition holds most.
            Event { input, key: i64::from(key == 0), value, time: now, id: id as i64 }
        };
        events.into_iter().enumerate().map(number).collect()
    })
}

/// Where a pattern has one input, all events are of that.
fn of_inputs((pattern, mut events): (Pattern, Vec<Event>)) -> (Pattern, Vec<Event>) {
    events.iter_mut().for_each(|event| event.input = event.input.min(pattern.n_inputs - 1));
    (pattern, events)
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
