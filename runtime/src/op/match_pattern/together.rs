//! Patterns that one dispatch hands rows to, held together: an event is looked at for those patterns alone that it
//! concerns, and is kept once for all; a batch, or a watermark, costs nothing for a pattern that it does not concern.
//!
//! What they keep stands in one place, each partition under its key and the number of its pattern. Their nodes stay:
//! rows leave from there, and each has a state of its own, the same as if the pattern stood alone.

mod beginnings;
mod member;
mod passing;
mod snapshot;

use super::contents::Run;
use super::groups::Groups;
pub use super::groups::RuleNumber;
use super::groups::group::MOST_WORDS;
use super::pattern::Pattern;
use super::rows::Answers;
use super::rule::Rule;
use super::test_columns::Tests;
use super::{Matcher, come_in_order};
use crate::message::Watermark;
use crate::op::reorder::Due;
use crate::operator::Output;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use beginnings::{BeginningNumber, Beginnings};
use member::{Member, Sought};
use millstream_ir::flow::{Flow, Lookup, NodeId, NodeKind, Seeker};
use millstream_ir::types::Type;
use passing::Memory;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One thread runs the graph, so that nobody waits for it.
pub type SharedTogether = Arc<Mutex<Together>>;

/// A row of a batch that concerns a pattern, or begins runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    pub row: u32,
    pub concerned: Concerned,
    /// For these tests the row has been looked up.
    pub tests: Tests,
}

/// Whom a row concerns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concerned {
    One(RuleNumber),
    /// All that have this beginning: to these it is nothing else.
    Beginning(BeginningNumber),
}

pub struct Together {
    /// In the columns of the dispatch.
    rules: Vec<Rule>,
    /// Of each rule, the tests of what begins a run: behind each other, as they are asked for each pair.
    begins: Vec<Tests>,
    beginnings: Beginnings,
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
    /// So many rows have come, and one.
    n_rows: u64,
    memory: Memory,
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
    let sought = sought_by_readers(flow, dispatch);
    let mut by_keys: BTreeMap<Vec<usize>, Vec<(Rule, Member)>> = BTreeMap::new();
    for (reader, segment) in readers_of[dispatch.0 as usize].iter().enumerate() {
        if let [node] = readers_of[segment.0 as usize][..]
            && let Some((rule, member)) = Member::of(flow, dispatch, reader, *segment, node, &sought[reader])
        {
            by_keys.entry(rule.pattern.spec.inputs[0].keys.clone()).or_default().push((rule, member));
        }
    }
    let several = by_keys.into_iter().filter(|(_, members)| members.len() > 1);
    several
        .map(|(keys, members)| Arc::new(Mutex::new(Together::new(flow, dispatch, keys, members))))
        .collect()
}

/// What rows are looked up by for each test of each reader.
fn sought_by_readers(flow: &Flow, dispatch: NodeId) -> Vec<Vec<Sought>> {
    let NodeKind::Dispatch(spec) = &flow.node(dispatch).kind else { return vec![] };
    let mut sought: Vec<Vec<Sought>> = vec![vec![]; spec.n_readers];
    for Lookup { column, seekers } in &spec.lookups {
        for (value, Seeker { reader, tests }) in
            seekers.iter().flat_map(|(v, all)| all.iter().map(move |s| (v, s)))
        {
            let of_reader = &mut sought[*reader as usize];
            for test in (0..Tests::BITS as usize).filter(|test| tests >> test & 1 == 1) {
                of_reader.resize(of_reader.len().max(test + 1), Sought::new());
                of_reader[test].insert((*column, value.clone()));
            }
        }
    }
    sought
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
        let beginnings = Beginnings::new(&rules, &members, &key_types);
        // What begins with them later looks at them as if they came then.
        let that_wait = (0..).zip(&rules).filter(|(number, _)| beginnings.of(*number).is_some());
        that_wait.flat_map(|(_, rule)| rule.course.columns()).for_each(|column| kept[column] = true);
        Together {
            answers: answers.collect(),
            groups: Groups::new(&rules, &key_types, None),
            beginnings,
            has_clocks: rules.iter().any(|rule| rule.course.shortest_clock.is_some()),
            begins: rules.iter().map(|rule| rule.course.begins).collect(),
            rules,
            members,
            keys,
            time: schema.time,
            kept,
            listed: None,
            n_rows: 1,
            memory: Memory::default(),
        }
    }

    /// The patterns that are held: which reader of the dispatch each stands behind, and its number.
    pub fn readers(&self) -> impl Iterator<Item = (usize, RuleNumber)> {
        let held = (0..).zip(&self.members).filter(|(_, member)| !member.has_left);
        held.map(|(number, member)| (member.reader, number))
    }

    /// Whom a row concerns that may pass these tests of a pattern, each with those that it is asked for.
    pub fn concerned(&self, rule: RuleNumber, tests: Tests) -> impl Iterator<Item = (Concerned, Tests)> {
        let begins = self.begins[rule as usize];
        let (of_all, own) = match self.beginnings.of(rule) {
            Some(beginning) => (Some((Concerned::Beginning(beginning), tests & begins)), tests & !begins),
            None => (None, tests),
        };
        of_all.into_iter().chain([(Concerned::One(rule), own)]).filter(|(_, tests)| *tests != 0)
    }

    /// Counts rows that each of the patterns leaves out because they are late.
    pub fn leave_out(&self, n_late: u64, output: &mut Output) {
        for member in self.members.iter().filter(|member| !member.has_left) {
            let own = Output { n_late_left_out: n_late, ..Output::default() };
            output.of_others.push((member.node, own));
        }
    }

    pub fn state_bytes(&self) -> usize {
        self.groups.state_bytes() + self.beginnings.bytes()
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
