//! Patterns that one dispatch hands rows to, held together: an event is looked at for those patterns alone that it
//! concerns, and is kept once for all; a batch, or a watermark, costs nothing for a pattern that it does not concern.
//!
//! What they keep stands in one place, each partition under its key and the number of its pattern. Their nodes stay:
//! rows leave from there, and each has a state of its own, the same as if the pattern stood alone.

mod member;
mod snapshot;

use super::contents::Run;
use super::event_log::NOT_KEPT;
use super::front::Event;
use super::groups::Groups;
pub use super::groups::RuleNumber;
use super::groups::group::MOST_WORDS;
use super::pattern::Pattern;
use super::rows::Answers;
use super::rule::Rule;
use super::test_columns::Tests;
use super::{Matcher, come_in_order};
use crate::kernel::key_index::NO_STATE;
use crate::message::Watermark;
use crate::op::reorder::Due;
use crate::operator::Output;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use member::Member;
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::flow::{Flow, NodeId};
use millstream_ir::types::Type;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One thread runs the graph, so that nobody waits for it.
pub type SharedTogether = Arc<Mutex<Together>>;

/// A row of a batch that concerns a pattern.
pub type Pair = (u32, RuleNumber);

pub struct Together {
    /// In the columns of the dispatch.
    rules: Vec<Rule>,
    /// Of each rule, the tests of what begins a run: behind each other, as they are asked for each pair.
    begins: Vec<Tests>,
    members: Vec<Member>,
    answers: Vec<Answers>,
    groups: Groups<MOST_WORDS>,
    /// Of the dispatch: the columns of the key, that of the event time, and which columns are kept of events.
    keys: Vec<usize>,
    time: usize,
    kept: Vec<bool>,
    has_clocks: bool,
    /// Per rule its partitions, if they have been listed since anything came.
    listed: Option<Vec<Vec<u32>>>,
    memory: Memory,
}

/// What a batch is worked on in.
#[derive(Default)]
struct Memory {
    /// The pairs in which a row passes a test of the pattern, and which it passes.
    pairs: Vec<Pair>,
    passes: Vec<Tests>,
    /// Of each, the number of the partition.
    partitions: Vec<u32>,
    rows: Vec<u32>,
    /// The pairs in which something begins, and the others.
    firsts: Vec<u32>,
    others: Vec<u32>,
    numbers: Vec<u32>,
    /// The patterns that have something to say.
    reached: Vec<RuleNumber>,
}

/// The matcher of a pattern whose runs are held with those of others: its rows are handed to these.
#[derive(Clone)]
pub struct Held {
    together: SharedTogether,
    rule: RuleNumber,
}

/// What holds the patterns behind a dispatch, by their nodes: none where one by itself does as well.
pub fn hold(flow: &Flow, dispatch: NodeId) -> Vec<SharedTogether> {
    let mut readers_of: Vec<Vec<NodeId>> = vec![vec![]; flow.nodes.len()];
    for id in flow.ids() {
        flow.node(id).inputs.iter().for_each(|input| readers_of[input.0 as usize].push(id));
    }
    let mut by_keys: BTreeMap<Vec<usize>, Vec<(Rule, Member)>> = BTreeMap::new();
    for (reader, segment) in readers_of[dispatch.0 as usize].iter().enumerate() {
        if let [node] = readers_of[segment.0 as usize][..]
            && let Some((rule, member)) = Member::of(flow, dispatch, reader, *segment, node)
        {
            by_keys.entry(rule.pattern.spec.inputs[0].keys.clone()).or_default().push((rule, member));
        }
    }
    let several = by_keys.into_iter().filter(|(_, members)| members.len() > 1);
    several
        .map(|(keys, members)| Arc::new(Mutex::new(Together::new(flow, dispatch, keys, members))))
        .collect()
}

impl Together {
    fn new(flow: &Flow, dispatch: NodeId, keys: Vec<usize>, members: Vec<(Rule, Member)>) -> Together {
        let schema = &flow.node(dispatch).schema;
        let (rules, members): (Vec<Rule>, Vec<Member>) = members.into_iter().unzip();
        let mut kept = vec![false; schema.columns.len()];
        members.iter().flat_map(Member::kept).for_each(|column| kept[column] = true);
        let key_types = keys.iter().map(|column| schema.columns[*column].ty.clone());
        let key_types: Vec<Type> = key_types.chain([Type::INT]).collect();
        let answers = rules.iter().map(|rule| Answers::new(rule.pattern.spec.clone(), Arc::default()));
        Together {
            answers: answers.collect(),
            groups: Groups::new(&rules, &key_types),
            has_clocks: rules.iter().any(|rule| rule.course.shortest_clock.is_some()),
            begins: rules.iter().map(|rule| rule.course.begins).collect(),
            rules,
            members,
            keys,
            time: schema.time,
            kept,
            listed: None,
            memory: Memory::default(),
        }
    }

    /// The patterns that are held: which reader of the dispatch each stands behind, and its number.
    pub fn readers(&self) -> impl Iterator<Item = (usize, RuleNumber)> {
        let held = (0..).zip(&self.members).filter(|(_, member)| !member.has_left);
        held.map(|(number, member)| (member.reader, number))
    }

    /// Takes rows of a batch for the patterns that they concern, in the order of the rows.
    pub fn take(&mut self, batch: &Batch, pairs: &[Pair], output: &mut Output) {
        self.listed = None;
        let mut memory = std::mem::take(&mut self.memory);
        self.test(batch, pairs, &mut memory);
        if !memory.pairs.is_empty() {
            self.locate(batch, &mut memory);
            self.take_all(batch, &mut memory);
            self.hand_out(&mut memory, output);
        }
        self.memory = memory;
    }

    fn test(&self, batch: &Batch, pairs: &[Pair], memory: &mut Memory) {
        let Memory { pairs: chosen, passes, .. } = memory;
        chosen.clear();
        passes.clear();
        for (row, rule) in pairs {
            let passed = self.members[*rule as usize].passed(batch, *row as usize);
            if passed != 0 {
                chosen.push((*row, *rule));
                passes.push(passed);
            }
        }
    }

    /// Finds the partitions of pairs, and makes those in which something begins.
    fn locate(&mut self, batch: &Batch, memory: &mut Memory) {
        let Memory { pairs, passes, partitions, rows, firsts, others, numbers, .. } = memory;
        rows.clear();
        rows.extend(pairs.iter().map(|(row, _)| row));
        let mut columns: Vec<ColumnRef> =
            self.keys.iter().map(|column| Arc::new(batch.columns[*column].gather(rows))).collect();
        let rules: Buffer<i64> = pairs.iter().map(|(_, rule)| i64::from(*rule)).collect();
        columns.push(Arc::new(Column { data: ColumnData::I64(rules), validity: None }));
        let columns: Vec<&ColumnRef> = columns.iter().collect();
        firsts.clear();
        others.clear();
        for (at, ((_, rule), passes)) in (0..).zip(pairs.iter().zip(&*passes)) {
            if passes & self.begins[*rule as usize] != 0 { &mut *firsts } else { &mut *others }.push(at);
        }
        let keys = &mut self.groups.ground.keys;
        partitions.clear();
        partitions.resize(pairs.len(), NO_STATE);
        let mut place = |pairs: &[u32], numbers: &[u32]| {
            pairs.iter().zip(numbers).for_each(|(at, number)| partitions[*at as usize] = *number);
        };
        keys.find(&columns, firsts, numbers);
        place(firsts, numbers);
        keys.look_up(&columns, others, numbers);
        place(others, numbers);
        self.groups.add_partitions();
    }

    fn take_all(&mut self, batch: &Batch, memory: &mut Memory) {
        let Memory { pairs, passes, partitions, reached, .. } = memory;
        let Together { rules, begins, answers, groups, .. } = self;
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let columns = batch.columns.iter().zip(&self.kept);
        let columns = columns.map(|(column, is_kept)| if *is_kept { column } else { &*NOT_KEPT }.clone());
        let kept = Batch { columns: columns.collect(), late: vec![], ..batch.clone() };
        let chunk = groups.ground.log.open(0, kept);
        for (at, partition) in partitions.iter().copied().enumerate() {
            groups.request(|n| partitions.get(at + n).copied());
            let ((row, number), passes) = (pairs[at], passes[at]);
            let rule = &rules[number as usize];
            if partition == NO_STATE || passes & begins[number as usize] == 0 && groups.is_empty(partition) {
                continue;
            }
            let (row, time) = (row as usize, times[row as usize]);
            if self.has_clocks && groups.run_clocks(rules, time, answers) {
                reached.extend(0..rules.len() as u32);
            }
            groups.belongs(partition, number);
            let mut event = Event { input: 0, columns: &batch.columns, row, time, passes, chunk, id: None };
            if groups.take_event(rule, &mut event, partition, &mut answers[number as usize]) {
                reached.push(number);
            }
        }
        groups.ground.log.close();
    }

    /// Lets the clocks run down that are due before a watermark, and drops what is out of time.
    pub fn pass(&mut self, watermark: Watermark, output: &mut Output) {
        self.listed = None;
        let mut memory = std::mem::take(&mut self.memory);
        if self.has_clocks && self.groups.run_clocks(&self.rules, watermark.0, &mut self.answers) {
            memory.reached.extend(0..self.rules.len() as u32);
        }
        self.groups.sweep(&self.rules, watermark.0);
        self.hand_out(&mut memory, output);
        self.memory = memory;
    }

    fn hand_out(&mut self, memory: &mut Memory, output: &mut Output) {
        memory.reached.sort_unstable();
        memory.reached.dedup();
        for number in memory.reached.drain(..) {
            let answers = &mut self.answers[number as usize];
            if !answers.is_empty() {
                let mut own = Output::default();
                answers.hand_out(&mut own);
                output.of_others.push((self.members[number as usize].node, own));
            }
        }
    }

    /// Counts rows that each of the patterns leaves out because they are late.
    pub fn leave_out(&self, n_late: u64, output: &mut Output) {
        for member in self.members.iter().filter(|member| !member.has_left) {
            let own = Output { n_late_left_out: n_late, ..Output::default() };
            output.of_others.push((member.node, own));
        }
    }

    pub fn state_bytes(&self) -> usize {
        self.groups.state_bytes()
    }
}

impl Held {
    /// The matchers of those that are held, by their nodes.
    pub fn all(together: &SharedTogether) -> Vec<(NodeId, Held)> {
        let members =
            with(together, |held| held.members.iter().map(|member| member.node).collect::<Vec<_>>());
        let of = |(rule, node)| (node, Held { together: together.clone(), rule });
        (0..).zip(members).map(of).collect()
    }

    /// From now on the pattern takes its rows itself.
    pub fn leave(&self) {
        with(&self.together, |together| together.members[self.rule as usize].has_left = true);
    }
}

/// Works on what is held.
pub fn with<T>(together: &SharedTogether, work: impl FnOnce(&mut Together) -> T) -> T {
    work(&mut together.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Matcher for Held {
    /// Rows are handed to those that hold it.
    fn take(&mut self, _: &Pattern, _: Due, _: &mut Answers) {}

    fn pass(&mut self, _: &Pattern, _: Watermark, _: &mut Answers) {}

    fn each_run(&self, pattern: &Pattern, visit: &mut dyn FnMut(Run)) {
        with(&self.together, |together| {
            for number in together.partitions_of(self.rule) {
                together.groups.each_run(pattern, number, visit);
            }
        });
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        with(&self.together, |together| together.write(self.rule, writer));
    }

    fn restore(&mut self, _: &Pattern, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        with(&self.together, |together| together.read(self.rule, reader))
    }

    fn state_bytes(&self) -> usize {
        0
    }
}
