//! Sequence patterns: brings events into the total order, hands each to the runs of its partition,
//! lets their clocks run down as the watermark passes, and makes rows of the matches. What a match is stands in
//! [`runs`]; where nothing but their own event decides what it is taken as, [`merged`] finds the same
//! matches for less.

mod arena;
mod course;
mod event_log;
mod groups;
mod growth;
mod merged;
mod pattern;
#[cfg(test)]
mod properties;
mod rows;
mod runs;
mod snapshot;
mod timers;
mod ways;

use crate::message::{EventTime, Message, Watermark};
use crate::op::interleave::{Pick, interleave_batch};
use crate::op::order::without_late;
use crate::op::reorder::{Due, ReorderBuffer};
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use crate::watermark::WatermarkTracker;
use course::Course;
use groups::Groups;
use growth::fulfils;
use merged::Events;
use millstream_ir::batch::{Batch, RowPlace};
use millstream_ir::column::{Column as ColumnValues, ColumnData};
use millstream_ir::flow::{Flow, NodeId, Schema};
use millstream_ir::pattern::{EventTest, MatchSpec};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use pattern::{Known, Pattern};
use rows::{Answers, FailedCondition, Found};
use runs::Runs;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub struct MatchPattern {
    pattern: Pattern,
    inputs: Vec<InputColumns>,
    tracker: WatermarkTracker,
    /// Events whose turn has not come: an earlier one may still arrive.
    waiting: ReorderBuffer,
    /// Whether an event at the watermark stands behind all that came before.
    in_order: bool,
    matcher: Matcher,
    /// The watermark that was passed on last.
    passed_on: Watermark,
}

/// What finds the matches.
enum Matcher {
    /// Where runs have one way each.
    Groups(Box<Groups>),
    Partitions(Partitions),
}

/// The place of what no event completes: behind those of its time; several stand in the order in which they come.
const BEHIND_EVENTS: RowPlace = RowPlace { source: u32::MAX, partition: 0, offset: 0, branch: 0 };

/// So many partitions more than twice those that were left are cleared, whatever the watermark.
const FEW: usize = if cfg!(test) { 2 } else { 1 << 10 };

struct InputColumns {
    schema: Schema,
    types: Vec<Type>,
}

type Key = Arc<[Value]>;

struct Partitions {
    of_key: HashMap<Key, Partition>,
    /// When something next happens in a partition without an event.
    due: BTreeSet<(EventTime, Key)>,
    /// How many partitions have a match that waits whether it can take more, by when its run began.
    held: BTreeMap<EventTime, usize>,
    /// The watermark at which partitions were last cleared of what is out of time.
    swept: EventTime,
    /// How many were left.
    n_swept: usize,
}

/// What is kept of a partition, and where it stands in the lists of all.
struct Partition {
    state: State,
    due: Option<EventTime>,
    held: Option<EventTime>,
}

enum State {
    Merged(Events),
    Apart(Runs),
}

impl State {
    fn new(pattern: &Pattern) -> State {
        match pattern.states {
            Some(_) => State::Merged(Events::default()),
            None => State::Apart(Runs::new(pattern)),
        }
    }

    /// Takes the partition's next event; the matches that are complete with it.
    fn take(
        &mut self,
        pattern: &Pattern,
        key: &[Value],
        event: Event,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Found> {
        match (self, &pattern.states) {
            (State::Merged(events), Some(states)) => {
                events.take(states, &pattern.spec, event).into_iter().collect()
            }
            (State::Apart(runs), _) => runs.take(pattern, key, event, failures),
            (State::Merged(_), None) => vec![],
        }
    }

    /// Drops what is out of time at this watermark; whether anything is left.
    fn sweep(&mut self, pattern: &Pattern, watermark: EventTime) -> bool {
        match (self, &pattern.states) {
            (State::Merged(events), Some(states)) => events.sweep(states, watermark),
            (State::Apart(runs), _) => runs.sweep(pattern, watermark),
            (State::Merged(_), None) => false,
        }
    }
}

impl Partition {
    fn new(state: State) -> Partition {
        Partition { state, due: None, held: None }
    }
}

impl Default for Partitions {
    fn default() -> Partitions {
        Partitions {
            of_key: HashMap::default(),
            due: BTreeSet::new(),
            held: BTreeMap::new(),
            swept: EventTime::MIN,
            n_swept: 0,
        }
    }
}

impl Partitions {
    /// Clears the partitions of what is out of time at a watermark, if there may be much of it.
    fn sweep(&mut self, pattern: &Pattern, watermark: EventTime) {
        let is_over = pattern.lasts().is_some_and(|time| watermark.saturating_sub(self.swept) >= time);
        if is_over || self.of_key.len() >= 2 * self.n_swept + FEW {
            self.swept = watermark;
            let due = &mut self.due;
            self.of_key.retain(|key, partition| {
                let is_kept = partition.state.sweep(pattern, watermark);
                if !is_kept && let Some(time) = partition.due {
                    due.remove(&(time, key.clone()));
                }
                is_kept
            });
            self.n_swept = self.of_key.len();
        }
    }

    fn take(
        &mut self,
        pattern: &Pattern,
        key: &Key,
        event: Event,
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Found> {
        let partition = self.of_key.entry(key.clone()).or_insert_with(|| Partition::new(State::new(pattern)));
        let found = partition.state.take(pattern, key, event, failures);
        self.enlist(pattern, key);
        found
    }

    /// The key of the partition in which something happens next without an event, before a time.
    fn next_due(&self, before: EventTime) -> Option<(EventTime, Key)> {
        self.due.first().filter(|(time, _)| *time < before).cloned()
    }

    /// Lets the clocks of a partition run down that are due at a time.
    fn run_clocks(
        &mut self,
        pattern: &Pattern,
        (time, key): &(EventTime, Key),
        failures: &mut Vec<FailedCondition>,
    ) -> Vec<Found> {
        let found = match self.of_key.get_mut(key).map(|partition| &mut partition.state) {
            Some(State::Apart(runs)) => runs.run_clocks(pattern, key, *time, failures),
            _ => vec![],
        };
        self.enlist(pattern, key);
        found
    }

    fn state_bytes(&self) -> usize {
        let of_each = self.of_key.iter().map(|(key, partition)| {
            let state = match &partition.state {
                State::Merged(events) => events.state_bytes(),
                State::Apart(runs) => runs.state_bytes(),
            };
            size_of::<Partition>() + values_bytes(key) + state
        });
        of_each.sum()
    }

    /// Brings the lists up to what a partition now waits for.
    fn enlist(&mut self, pattern: &Pattern, key: &Key) {
        let Some(partition) = self.of_key.get_mut(key) else { return };
        let State::Apart(runs) = &partition.state else { return };
        let (due, held) = (runs.due(pattern), runs.held());
        if due != partition.due {
            if let Some(time) = partition.due {
                self.due.remove(&(time, key.clone()));
            }
            self.due.extend(due.map(|time| (time, key.clone())));
            partition.due = due;
        }
        if held != partition.held {
            if let Some(time) = partition.held
                && let Some(n) = self.held.get_mut(&time)
            {
                *n -= 1;
                if *n == 0 {
                    self.held.remove(&time);
                }
            }
            if let Some(time) = held {
                *self.held.entry(time).or_default() += 1;
            }
            partition.held = held;
        }
    }
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
    pub fn new(flow: &Flow, node: NodeId, spec: Arc<MatchSpec>) -> MatchPattern {
        let inputs: Vec<InputColumns> = flow
            .node(node)
            .inputs
            .iter()
            .map(|id| flow.node(*id).schema.clone())
            .map(|schema| InputColumns { types: schema.types(), schema })
            .collect();
        let pattern = Pattern::new(spec);
        let schemas: Vec<&Schema> = inputs.iter().map(|input| &input.schema).collect();
        let matcher = match Course::of(&pattern, &schemas) {
            Some(course) => Matcher::Groups(Box::new(Groups::new(&pattern, course, &schemas))),
            None => Matcher::Partitions(Partitions::default()),
        };
        MatchPattern {
            pattern,
            matcher,
            tracker: WatermarkTracker::new(inputs.len()),
            waiting: ReorderBuffer::new(inputs.iter().map(|input| input.schema.time).collect()),
            in_order: false,
            inputs,
            passed_on: Watermark::START,
        }
    }

    fn types(&self) -> Vec<&[Type]> {
        self.inputs.iter().map(|input| &input.types[..]).collect()
    }

    /// Works on all events that the watermark has passed, in order, and lets the clocks run down between them.
    fn release(&mut self, output: &mut Output) {
        let watermark = self.tracker.watermark();
        let MatchPattern { pattern, inputs, waiting, matcher, .. } = self;
        let mut answers = Answers::new(pattern, inputs, output);
        match matcher {
            Matcher::Groups(groups) => {
                let types: Vec<&[Type]> = inputs.iter().map(|input| &input.types[..]).collect();
                waiting.release(watermark, self.in_order, &mut |due| {
                    take_all(groups, pattern, &types, due, &mut answers);
                });
                groups.run_clocks(pattern, watermark.0, &mut answers);
                groups.sweep(pattern, watermark.0);
            }
            Matcher::Partitions(partitions) => {
                let answers = &mut answers;
                let mut finder =
                    Finder { pattern, inputs, partitions, answers, may_fit: vec![], key: vec![] };
                waiting.release(watermark, self.in_order, &mut |due| match due {
                    Due::Whole(input, batch) => {
                        (0..batch.n_rows).for_each(|row| finder.take(input, &batch, row));
                    }
                    Due::Rows(input, batch, numbers) => {
                        numbers.iter().for_each(|row| finder.take(input, batch, *row as usize));
                    }
                    Due::Mixed(batches, picks) => picks.iter().for_each(|(batch, row)| {
                        let (input, batch) = batches[*batch as usize];
                        finder.take(input, batch, *row as usize);
                    }),
                });
                finder.run_clocks(watermark.0);
                if watermark == Watermark::END {
                    finder.end();
                }
                partitions.sweep(pattern, watermark.0);
            }
        }
        answers.flush();
    }

    /// Passes the watermark on, as far as no match that still waits stands in its way.
    fn pass_on(&mut self, watermark: Watermark, output: &mut Output) {
        let held = match &self.matcher {
            Matcher::Groups(_) => None,
            Matcher::Partitions(partitions) => partitions.held.keys().next().copied(),
        };
        let free = held.map_or(watermark, |time| watermark.min(Watermark(time)));
        if free > self.passed_on {
            self.passed_on = free;
            output.messages.push(Message::Watermark(free));
        }
    }
}

/// What hands events, and clocks, to partitions in order.
struct Finder<'a, 'b> {
    pattern: &'a Pattern,
    inputs: &'a [InputColumns],
    partitions: &'a mut Partitions,
    answers: &'a mut Answers<'b>,
    /// Per test, of the event that is looked at: whether it may pass.
    may_fit: Vec<bool>,
    /// Its key.
    key: Vec<Value>,
}

/// Whether a condition that was computed for whole batches holds for a row.
fn is_true(column: &ColumnValues, row: usize) -> bool {
    match &column.data {
        ColumnData::Bool(values) => values[row] != 0 && column.is_valid(row),
        _ => false,
    }
}

impl Finder<'_, '_> {
    fn take(&mut self, input: usize, batch: &Batch, row: usize) {
        let (pattern, columns) = (self.pattern, &self.inputs[input]);
        let time = match &batch.columns[columns.schema.time].data {
            ColumnData::I64(times) => times[row],
            _ => EventTime::MIN,
        };
        self.run_clocks(time);
        // As far as columns say it; what has to be asked may be.
        let may_fit = |(test, known): (&EventTest, &Known)| {
            test.input == input
                && match known {
                    Known::Column(column) => is_true(&batch.columns[*column], row),
                    Known::Always | Known::Asked | Known::OfWay => true,
                }
        };
        self.may_fit.clear();
        self.may_fit.extend(pattern.spec.tests().zip(&pattern.known).map(may_fit));
        if !pattern.minds_all && !self.may_fit.contains(&true) {
            return;
        }
        let value = |column: usize| batch.columns[column].value(row, &columns.types[column]);
        self.key.clear();
        self.key.extend(pattern.spec.inputs[input].keys.iter().map(|column| value(*column)));
        let is_known = self.partitions.of_key.contains_key(&self.key[..]);
        let matters = is_known || pattern.begins.iter().any(|test| self.may_fit[*test]);
        if !matters && !pattern.asks_alone {
            return;
        }
        let row_values = match pattern.asks {
            true => (0..batch.columns.len()).map(value).collect(),
            false => Arc::default(),
        };
        let n_steps = pattern.spec.steps.len();
        let record = match self.may_fit[..n_steps].contains(&true) {
            true => {
                let fields = pattern.spec.inputs[input].fields.iter();
                fields.map(|field| field.map_or(Value::Null, value)).collect()
            }
            false => Arc::default(),
        };
        let (place, fits) = (batch.origin.place(row), Box::default());
        let mut event = Event { time, input, place, row: row_values, record, fits };
        let mut failures = vec![];
        let tests = pattern.spec.tests().zip(&pattern.known).zip(&self.may_fit);
        let fits = tests.map(|((test, known), may_fit)| match known {
            Known::Always | Known::Column(_) => *may_fit,
            Known::Asked => *may_fit && fulfils(test, &event, &[], &mut failures),
            Known::OfWay => false,
        });
        event.fits = fits.collect();
        let key: Key = self.key[..].into();
        if !matters {
            // Whatever is kept of its partition, a condition that fails is told.
            return self.report(&key, vec![], failures);
        }
        let found = self.partitions.take(pattern, &key, event, &mut failures);
        self.report(&key, found, failures);
    }

    /// Lets the clocks run down that are due before a time.
    fn run_clocks(&mut self, before: EventTime) {
        while let Some(due) = self.partitions.next_due(before) {
            let mut failures = vec![];
            let found = self.partitions.run_clocks(self.pattern, &due, &mut failures);
            self.report(&due.1, found, failures);
        }
    }

    /// Reports what still waits at the end of the input.
    fn end(&mut self) {
        let waiting = self.partitions.of_key.iter().filter(|(_, partition)| partition.held.is_some());
        let mut keys: Vec<Key> = waiting.map(|(key, _)| key.clone()).collect();
        keys.sort();
        for key in keys {
            let found = match self.partitions.of_key.get_mut(&key).map(|partition| &mut partition.state) {
                Some(State::Apart(runs)) => runs.end(self.pattern, &key),
                _ => vec![],
            };
            self.partitions.enlist(self.pattern, &key);
            self.report(&key, found, vec![]);
        }
    }

    fn report(&mut self, key: &[Value], found: Vec<Found>, failures: Vec<FailedCondition>) {
        // An event fails once, however many conditions and ways it fails in.
        if let Some(failure) = failures.into_iter().next() {
            self.answers.fail(failure);
        }
        for found in &found {
            self.answers.add(key, found);
        }
    }
}

impl Operator for MatchPattern {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => {
                let batch = without_late(batch, output);
                let ColumnData::I64(times) = &batch.columns[self.inputs[input].schema.time].data else {
                    return;
                };
                let watermark = self.tracker.watermark();
                let at_watermark = self.in_order && times.iter().any(|time| *time <= watermark.0);
                self.waiting.push(input, batch);
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

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.tracker.snapshot(writer);
        self.waiting.snapshot(&self.types(), writer);
        writer.i64(self.passed_on.0);
        match &self.matcher {
            Matcher::Groups(groups) => groups.snapshot(writer),
            Matcher::Partitions(partitions) => partitions.snapshot(writer),
        }
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.tracker.restore(reader)?;
        let types: Vec<&[Type]> = self.inputs.iter().map(|input| &input.types[..]).collect();
        self.waiting.restore(&types, reader)?;
        self.passed_on = Watermark(reader.i64()?);
        match &mut self.matcher {
            Matcher::Groups(groups) => groups.restore(&self.pattern, reader),
            Matcher::Partitions(partitions) => partitions.restore(&self.pattern, reader),
        }
    }

    fn waiting(&self) -> Option<Waiting> {
        self.waiting.waiting()
    }

    fn state_bytes(&self) -> usize {
        self.waiting.state_bytes()
            + match &self.matcher {
                Matcher::Groups(groups) => groups.state_bytes(),
                Matcher::Partitions(partitions) => partitions.state_bytes(),
            }
    }
}

/// Gives groups the events that are due.
fn take_all(groups: &mut Groups, pattern: &Pattern, types: &[&[Type]], due: Due, answers: &mut Answers) {
    match due {
        Due::Whole(input, batch) => take_part(groups, pattern, input, batch, answers),
        Due::Rows(input, batch, rows) => take_part(groups, pattern, input, batch.gather(rows), answers),
        Due::Mixed(batches, picks) => {
            // The rows of each input as a batch, and where each row of all stands.
            let mut of_input: Vec<Vec<Pick>> = vec![vec![]; types.len()];
            let mut order: Vec<(usize, u32)> = Vec::with_capacity(picks.len());
            for pick in picks {
                let (input, _) = batches[pick.0 as usize];
                order.push((input, of_input[input].len() as u32));
                of_input[input].push(*pick);
            }
            let all: Vec<&Batch> = batches.iter().map(|(_, batch)| *batch).collect();
            let parts = of_input.iter().enumerate().map(|(input, picks)| {
                let own: Vec<usize> = (0..all.len()).filter(|batch| batches[*batch].0 == input).collect();
                let place =
                    |batch: u32| own.iter().position(|own| *own == batch as usize).unwrap_or(0) as u32;
                let picks: Vec<Pick> = picks.iter().map(|(batch, row)| (place(*batch), *row)).collect();
                let own: Vec<&Batch> = own.iter().map(|batch| all[*batch]).collect();
                groups.prepare(pattern, input, interleave_batch(&own, types[input], &picks))
            });
            let parts = parts.collect();
            groups.take(pattern, parts, Some(order), answers);
        }
    }
}

fn take_part(groups: &mut Groups, pattern: &Pattern, input: usize, batch: Batch, answers: &mut Answers) {
    let part = groups.prepare(pattern, input, batch);
    groups.take(pattern, vec![part], None, answers);
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
