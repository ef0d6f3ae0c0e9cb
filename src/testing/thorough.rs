//! A test in other manners: rows arrive in other orders, in other batches, several workers share them, the
//! state goes through snapshots. The answer must not change.

use super::execute::{Manner, execute};
use super::prepare::{Prepared, Step};
use super::{Fault, compare, errors};
use millstream_base::SourceMap;
use millstream_core::hir::Expectation;
use millstream_ir::flow::{Breaker, Flow, Node, NodeKind, SourceSpec};
use millstream_ir::value::Value;
use millstream_runtime::message::Watermark;
use millstream_runtime::simulate::{Record, Row};
use millstream_runtime::watermark::WatermarkGenerator;
use millstream_syntax::ast::RowOrder;
use std::collections::HashMap;

/// Orders of arrival that are tried.
const SHUFFLES: u64 = 3;

/// Places at which a run goes on from a snapshot.
const MOST_RESTORES: usize = 200;

/// `seen` is what the expectations saw in the ordinary manner, which was right.
pub fn run(prepared: &Prepared, files: &SourceMap, seen: &[Vec<Row>], seed: u64) -> Result<(), Vec<Fault>> {
    for (manner, name) in manners(prepared, seed) {
        let again = execute(prepared, files, &manner).map_err(|diagnostic| vec![Fault::from(diagnostic)])?;
        for ((expected, before), after) in prepared.expectations().zip(seen).zip(&again) {
            let is_ordered =
                matches!(expected.expectation, Expectation::Rows { order: RowOrder::Ordered, .. });
            let table = compare::difference(expected, before, after).or_else(|| {
                // Rows that pass straight through leave in the order in which they arrived.
                let keeps_order = is_ordered && manner.shuffle.is_none();
                compare::fault(expected, after).filter(|_| keeps_order).map(|fault| fault.table)
            });
            if let Some(table) = table {
                let diagnostic = errors::other_answer(expected.span, &expected.stream, &name);
                return Err(vec![Fault { diagnostic, table }]);
            }
        }
    }
    Ok(())
}

/// How to run, and how messages call it.
fn manners(prepared: &Prepared, seed: u64) -> Vec<(Manner, String)> {
    let mut manners = vec![];
    for size in [1, 7, 2048] {
        manners.push((Manner { batch: Some(size), ..Manner::default() }, format!("in batches of {size}")));
    }
    for workers in [2, 3, 8] {
        let name = format!("with {workers} workers");
        manners.push((Manner { workers: Some(workers), ..Manner::default() }, name));
    }
    for number in 0..SHUFFLES {
        let seed = seed.wrapping_add(number);
        let manner = Manner { shuffle: Some(seed), ..Manner::default() };
        manners.push((manner, format!("when rows arrive in another order (seed {seed})")));
    }
    let n_records: usize = prepared.steps.iter().map(Step::n_records).sum();
    let every = n_records.div_ceil(MOST_RESTORES).max(1);
    let name = match every {
        1 => "when its state goes through a snapshot after each event".to_string(),
        n => format!("when its state goes through a snapshot after every {n} events"),
    };
    manners.push((Manner { restore_every: Some(every), ..Manner::default() }, name));
    manners
}

impl Step<'_> {
    fn n_records(&self) -> usize {
        match self {
            Step::Given { records, .. } => records.len(),
            _ => 0,
        }
    }
}

/// Puts what a test gives into other orders that `disorder` allows: each row that was in time still is,
/// and rows of one time keep their order, as do all of sources of which the last to be read counts.
pub struct Shuffle {
    sources: HashMap<String, Times>,
    random: Random,
}

/// How a source is timed.
struct Times {
    /// The column of the event time.
    column: usize,
    disorder: i64,
    generator: WatermarkGenerator,
}

impl Shuffle {
    pub fn new(flow: &Flow, seed: u64) -> Shuffle {
        // A `time` clause judges lateness by the order of arrival, and of rows with one new time the first is the
        // one that arrived first: both would change the answer.
        let is_retimed = flow.nodes.iter().any(|node| matches!(node.kind, NodeKind::AssignTime { .. }));
        let timed = flow.nodes.iter().filter(|_| !is_retimed).filter_map(|node| match &node.kind {
            NodeKind::Source(spec) if !stands_by_order(flow, node, spec) => spec.time.as_ref().map(|time| {
                let generator = WatermarkGenerator::new(time.disorder);
                let times = Times { column: node.schema.time, disorder: time.disorder, generator };
                (node.name.to_string(), times)
            }),
            _ => None,
        });
        Shuffle { sources: timed.collect(), random: Random(seed) }
    }

    pub fn advance(&mut self, to: i64) {
        self.sources.values_mut().for_each(|times| times.generator.promise(Watermark(to)));
    }

    /// The records of a source in another order. What is late or unreadable stays behind all that stood
    /// before it, since that is what its watermark comes from.
    pub fn given(&mut self, source: &str, records: &[Record]) -> Vec<Record> {
        let Some(times) = self.sources.get_mut(source) else { return records.to_vec() };
        let mut shuffled = vec![];
        let mut in_time: Vec<(i64, &Record)> = vec![];
        for record in records {
            match times.of(record) {
                Some(time) if times.is_in_time(time) => in_time.push((time, record)),
                _ => {
                    self.random.shuffle(std::mem::take(&mut in_time), times.disorder, &mut shuffled);
                    shuffled.push(record.clone());
                }
            }
        }
        self.random.shuffle(in_time, times.disorder, &mut shuffled);
        shuffled
    }
}

/// Whether what is read last of a source counts, whatever times rows have.
fn stands_by_order(flow: &Flow, source: &Node, spec: &SourceSpec) -> bool {
    let is_log = spec.format.as_ref().is_some_and(|format| format.options.contains_key("changes"));
    let is_latest = |node: &Node| match &node.kind {
        NodeKind::Breaker(breaker) => {
            matches!(**breaker, Breaker::LatestOfKey(_)) && node.name == source.name
        }
        _ => false,
    };
    is_log || flow.nodes.iter().any(is_latest)
}

impl Times {
    fn of(&self, record: &Record) -> Option<i64> {
        match record {
            Record::Row(values) => match values.get(self.column)? {
                Value::Timestamp(time) => Some(*time),
                _ => None,
            },
            Record::Unreadable { .. } => None,
        }
    }

    /// Whether the row with this time is not late; the watermark moves with it.
    fn is_in_time(&mut self, time: i64) -> bool {
        let mut late = vec![];
        self.generator.observe(&[time], 0, &mut late);
        late.is_empty()
    }
}

/// Sebastiano Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Each row is delayed by up to `disorder`: none then comes after one that is later by more.
    fn shuffle(&mut self, rows: Vec<(i64, &Record)>, disorder: i64, out: &mut Vec<Record>) {
        let reach = disorder.max(0) as u64;
        let mut delayed: Vec<(i64, i64, &Record)> = rows
            .into_iter()
            .map(|(time, row)| {
                let delay = (self.next() % reach.saturating_add(1)) as i64;
                (time.saturating_add(delay), time, row)
            })
            .collect();
        // Rows of one time leave in the order in which they came: they share out their delays ascending.
        let mut by_time: Vec<usize> = (0..delayed.len()).collect();
        by_time.sort_by_key(|i| delayed[*i].1);
        for group in
            by_time.chunk_by(|a, b| delayed[*a].1 == delayed[*b].1).map(<[usize]>::to_vec).collect::<Vec<_>>()
        {
            let mut delays: Vec<i64> = group.iter().map(|i| delayed[*i].0).collect();
            delays.sort();
            group.iter().zip(delays).for_each(|(i, delay)| delayed[*i].0 = delay);
        }
        delayed.sort_by_key(|(delayed, _, _)| *delayed);
        out.extend(delayed.into_iter().map(|(_, _, row)| row.clone()));
    }
}
