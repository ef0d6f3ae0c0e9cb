//! Sequence patterns: brings events into the total order, hands each to the runs of its partition,
//! lets their clocks run down as the watermark passes, and makes rows of the matches. What a match is stands in
//! [`runs`]; where nothing but their own event decides what it is taken as, [`merged`] finds the same
//! matches for less.

mod alone;
mod arena;
mod choices;
mod contents;
mod course;
mod event_log;
mod front;
mod ground;
mod groups;
mod growth;
mod merged;
mod partitions;
mod pattern;
#[cfg(test)]
mod properties;
mod reporting;
mod rows;
mod rule;
mod runs;
pub mod test_columns;
mod timers;
pub mod together;
mod transitions;
mod ways;

use crate::contents::{Around, Contents, Count};
use crate::message::{EventTime, Message, Watermark};
use crate::op::order::without_late;
use crate::op::reorder::{Due, ReorderBuffer};
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use crate::watermark::WatermarkTracker;
use alone::alone;
use choices::{Choices, Tables};
use front::Front;
use ground::Ground;
use millstream_ir::batch::{Batch, RowPlace};
use millstream_ir::engine::Compiled;
use millstream_ir::flow::{Flow, NodeId, NodeKind, Schema};
use millstream_ir::pattern::transitions::Transitions;
use millstream_ir::pattern::{MatchInput, MatchSpec};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use partitions::Partitions;
use pattern::Pattern;
use reporting::Reporting;
use rows::Answers;
use rule::Rule;
use std::sync::Arc;
use together::Held;

pub struct MatchPattern {
    pattern: Arc<Pattern>,
    inputs: Arc<[InputColumns]>,
    tracker: WatermarkTracker,
    /// Events whose turn has not come: an earlier one may still arrive.
    waiting: ReorderBuffer,
    /// Whether an event at the watermark stands behind all that came before.
    in_order: bool,
    /// Whether events come in the total order, each when its turn has come.
    is_ordered: bool,
    matcher: Box<dyn Matcher>,
    answers: Answers,
    /// Where its runs stand, if they are held with those of others.
    held: Option<Held>,
    /// The watermark that was passed on last.
    passed_on: Watermark,
}

/// What finds the matches.
trait Matcher: Send {
    /// Takes events that are due.
    fn take(&mut self, pattern: &Pattern, due: Due, answers: &mut Answers);

    /// Lets the clocks run down that are due before a watermark, and drops what is out of time.
    fn pass(&mut self, pattern: &Pattern, watermark: Watermark, answers: &mut Answers);

    /// No match to come is of an earlier time, if one waits whether it can take more.
    fn held(&self) -> Option<EventTime> {
        None
    }

    /// Calls `visit` with each run, or where runs are not told apart, with each state that some have reached.
    fn each_run(&self, pattern: &Pattern, visit: &mut dyn FnMut(contents::Run));

    fn snapshot(&self, writer: &mut SnapshotWriter);

    /// Takes over what was written of the same pattern; nothing has been taken before.
    fn restore(&mut self, pattern: &Pattern, reader: &mut SnapshotReader) -> Result<(), Corrupt>;

    fn state_bytes(&self) -> usize;
}

/// The place of what no event completes: behind those of its time; several stand in the order in which they come.
const BEHIND_EVENTS: RowPlace = RowPlace { source: u32::MAX, partition: 0, offset: 0, branch: 0 };

struct InputColumns {
    schema: Schema,
    types: Vec<Type>,
}

/// Runs in groups, where they have one way each; choices, where every one counts and conditions look at their event
/// alone; else runs and their ways one by one.
fn matcher(pattern: &Arc<Pattern>, inputs: &[&Schema], compiled: Option<&dyn Compiled>) -> Box<dyn Matcher> {
    if let Some(rule) = Rule::of(pattern, inputs) {
        return alone(rule, compiled);
    }
    if let Some((tables, tests)) = Tables::of(pattern) {
        let reporting = Reporting::new(&pattern.spec, inputs, &vec![vec![]; inputs.len()]);
        let times: Vec<usize> = inputs.iter().map(|input| input.time).collect();
        let front = Front::new(&times, tests, tables.begins, &reporting);
        return Box::new(Choices::new(tables, reporting, front, Ground::new(&pattern.key_types())));
    }
    Box::new(Partitions::default())
}

/// The patterns of a flow that go by machine code, each with what that is made of.
pub fn transitions(flow: &Flow) -> Vec<(NodeId, Transitions)> {
    let dispatches = flow.ids().filter(|id| matches!(flow.node(*id).kind, NodeKind::Dispatch(_)));
    let held = dispatches.flat_map(|id| together::hold(flow, id));
    let held: Vec<NodeId> = held.flat_map(|held| Held::all(&held)).map(|(node, _)| node).collect();
    let of = |id: NodeId| {
        let node = flow.node(id);
        let NodeKind::Match(spec) = &node.kind else { return None };
        let inputs: Vec<&Schema> = node.inputs.iter().map(|input| &flow.node(*input).schema).collect();
        let rule = Rule::of(&Arc::new(Pattern::new(spec.clone())), &inputs)?;
        Some((id, transitions::transitions_of(&rule)))
    };
    flow.ids().filter(|id| !held.contains(id)).filter_map(of).collect()
}

/// What is kept of the runs of a pattern, in words: one of which these are the same can go on with them.
pub fn kept(spec: &Arc<MatchSpec>, inputs: &[&Schema]) -> String {
    let pattern = Arc::new(Pattern::new(spec.clone()));
    if let Some(rule) = Rule::of(&pattern, inputs) {
        return format!("groups {} of {}", rule.remembered(inputs), rule.reporting.kept_names(inputs));
    }
    if Tables::of(&pattern).is_some() {
        let reporting = Reporting::new(spec, inputs, &vec![vec![]; inputs.len()]);
        return format!("choices of {}", reporting.kept_names(inputs));
    }
    let of_input = |(input, schema): (&MatchInput, &&Schema)| {
        let names = input.fields.iter().flatten().map(|column| &*schema.columns[*column].name);
        format!("[{}]", names.collect::<Vec<_>>().join(", "))
    };
    let records: Vec<String> = spec.inputs.iter().zip(inputs).map(of_input).collect();
    let kind = if pattern.states.is_some() { "states" } else { "ways" };
    format!("{kind} of {}", records.join(" "))
}

/// A row of an input at its place in the total order.
#[derive(Clone, Debug)]
pub struct Event {
    pub time: EventTime,
    pub input: usize,
    pub place: RowPlace,
    /// All columns of the row, where conditions are asked for each event.
    pub row: Arc<[Value]>,
    /// What a variable holds of it.
    pub record: Arc<[Value]>,
    /// Per test: whether it passes, where that does not depend on events taken before.
    pub fits: Box<[bool]>,
}

impl MatchPattern {
    /// A pattern whose runs are held with those of others.
    pub fn held(flow: &Flow, node: NodeId, spec: Arc<MatchSpec>, held: Held) -> MatchPattern {
        let alone = MatchPattern::new(flow, node, spec, None);
        MatchPattern { matcher: Box::new(held.clone()), held: Some(held), ..alone }
    }

    /// `compiled` makes machine code of its transitions; without it tables do.
    pub fn new(
        flow: &Flow,
        node: NodeId,
        spec: Arc<MatchSpec>,
        compiled: Option<&dyn Compiled>,
    ) -> MatchPattern {
        let inputs: Arc<[InputColumns]> = flow
            .node(node)
            .inputs
            .iter()
            .map(|id| flow.node(*id).schema.clone())
            .map(|schema| InputColumns { types: schema.types(), schema })
            .collect();
        let pattern = Arc::new(Pattern::new(spec));
        let schemas: Vec<&Schema> = inputs.iter().map(|input| &input.schema).collect();
        let matcher = matcher(&pattern, &schemas, compiled);
        MatchPattern {
            answers: Answers::new(pattern.spec.clone(), inputs.clone()),
            pattern,
            matcher,
            tracker: WatermarkTracker::new(inputs.len()),
            waiting: ReorderBuffer::new(inputs.iter().map(|input| input.schema.time).collect()),
            in_order: false,
            is_ordered: inputs.len() == 1 && come_in_order(flow, flow.node(node).inputs[0]),
            inputs,
            held: None,
            passed_on: Watermark::START,
        }
    }

    fn types(&self) -> Vec<&[Type]> {
        self.inputs.iter().map(|input| &input.types[..]).collect()
    }

    /// Works on events whose turn has come.
    fn take(&mut self, batch: Batch, output: &mut Output) {
        self.matcher.take(&self.pattern, Due::Whole(0, batch), &mut self.answers);
        self.answers.hand_out(output);
    }

    /// Works on all events that the watermark has passed, in order, and lets the clocks run down between them.
    fn release(&mut self, output: &mut Output) {
        let watermark = self.tracker.watermark();
        let MatchPattern { pattern, waiting, matcher, answers, in_order, .. } = self;
        waiting.release(watermark, *in_order, &mut |due| matcher.take(pattern, due, answers));
        matcher.pass(pattern, watermark, answers);
        answers.hand_out(output);
    }

    /// Passes the watermark on, as far as no match that still waits stands in its way.
    fn pass_on(&mut self, watermark: Watermark, output: &mut Output) {
        let free = self.matcher.held().map_or(watermark, |time| watermark.min(Watermark(time)));
        if free > self.passed_on {
            self.passed_on = free;
            output.messages.push(Message::Watermark(free));
        }
    }
}

impl Operator for MatchPattern {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => {
                let batch = without_late(batch, output);
                // A state may come from a run in which events waited here.
                if self.is_ordered && self.waiting.waiting().is_none() {
                    return self.take(batch, output);
                }
                self.waiting.push(input, batch);
                let watermark = self.tracker.watermark();
                let at_watermark =
                    self.in_order && self.waiting.first().is_some_and(|first| first <= watermark.0);
                // No watermark need follow a batch that does not raise it.
                if at_watermark {
                    self.release(output);
                }
            }
            Message::Watermark(watermark) => {
                if let Some(merged) = self.tracker.advance(input, watermark) {
                    self.release(output);
                    self.pass_on(merged, output);
                }
            }
        }
    }

    fn reads_in_order(&mut self) {
        self.in_order = true;
    }

    fn minds_watermarks(&self) -> bool {
        self.held.is_none()
    }

    fn contents(&mut self, _: &Around) -> Option<Vec<Contents>> {
        Some(vec![contents::runs(&self.pattern, &*self.matcher)])
    }

    fn amount(&self) -> Option<Count> {
        let mut n = 0;
        self.matcher.each_run(&self.pattern, &mut |_| n += 1);
        Some(Count::of(n, "runs"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.tracker.snapshot(writer);
        self.waiting.snapshot(&self.types(), writer);
        writer.i64(self.passed_on.0);
        self.matcher.snapshot(writer);
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.tracker.restore(reader)?;
        let types: Vec<&[Type]> = self.inputs.iter().map(|input| &input.types[..]).collect();
        self.waiting.restore(&types, reader)?;
        self.passed_on = Watermark(reader.i64()?);
        // Those that hold it give it no rows but such as come in order.
        if self.waiting.waiting().is_some()
            && let Some(held) = self.held.take()
        {
            held.leave();
            let schemas: Vec<&Schema> = self.inputs.iter().map(|input| &input.schema).collect();
            // By tables until the next start: this is the state of a build, or of an edit, that ordered rows here.
            self.matcher = matcher(&self.pattern, &schemas, None);
        }
        self.matcher.restore(&self.pattern, reader)
    }

    fn waiting(&self) -> Option<Waiting> {
        self.waiting.waiting()
    }

    fn state_bytes(&self) -> usize {
        self.waiting.state_bytes() + self.matcher.state_bytes()
    }
}

/// Whether rows of a node come from an order by operators that leave them in it.
fn come_in_order(flow: &Flow, node: NodeId) -> bool {
    let node = flow.node(node);
    match &node.kind {
        NodeKind::Order => true,
        NodeKind::Segment(_) | NodeKind::Dispatch(_) => come_in_order(flow, node.inputs[0]),
        _ => false,
    }
}

/// About how many bytes values take, with the text that they hold.
fn values_bytes(values: &[Value]) -> usize {
    let held = |value: &Value| match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(values) | Value::Record(values) => values_bytes(values),
        _ => 0,
    };
    values.iter().map(|value| size_of::<Value>() + held(value)).sum()
}
