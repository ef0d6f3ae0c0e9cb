//! Sequence patterns over ticks: few, some and many live runs, timers, and many patterns over one stream.

use crate::data::Bids;
use crate::limits::choices::Choices;
use crate::limits::pattern::{Rising, Shape, Silent, Ticks};
use crate::measure::{Cpu, Effort, Job, compare, compare_two};
use crate::single::{batches, ints};
use millstream_base::{Diagnostics, SourceMap};
use millstream_core::{CompileOptions, Library, compile};
use millstream_ir::batch::Batch;
use millstream_ir::engine::{Compiled, Engine};
use millstream_ir::flow::{Flow, NodeId, NodeKind};
use millstream_jit::Jit;
use millstream_runtime::graph::{Graph, Outlet, Stop};
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::workers::Workers;
use std::fmt::Write;

const SECOND: i64 = 1_000_000;
const ROWS: usize = 5_000_000;
const KEYS: u64 = 100_000;

/// How many runs live: name, events a second, and which part of the prices, of ten million, begin and end runs.
const REGIMES: [(&str, i64, i64, i64); 3] = [
    ("rare start", 20_000, 10_000, 9_990_000),
    ("moderate", 200_000, 1_000_000, 9_900_000),
    ("many live runs", 200_000, 5_000_000, 9_990_000),
];

pub fn measure(effort: &Effort) {
    let n = effort.of(ROWS);
    for (name, rate, low, high) in REGIMES {
        let bids = Bids::new(n, KEYS, n as i64 * SECOND / rate);
        let shape = Shape { low, high, within: 10 * SECOND };
        let pattern = format!(
            "match overlapping by auction a: bids[price < {low}] then b: bids[price > (last(b).price ?? a.price)]+ \
             then c: bids[price > {high}] within 10s select match.start as begun, match.end as ended"
        );
        let program = Program::new(&[pattern]);
        let batches = batches(&bids);
        let limit = || {
            let mut checksum = 0u64;
            let mut runs = Rising::new(shape, 1 << 18, low < 100_000);
            runs.of(ticks(&bids), 0..n, |start, end| checksum = checksum.wrapping_add(found(start, end)));
            checksum
        };
        compare(effort, job(&format!("pattern, {name}"), n), limit, || program.run(&batches));
    }
}

/// The same three, each choice of events a match: at most so many per end, as there are millions.
pub fn choices(effort: &Effort) {
    const MOST: usize = 10;
    let n = effort.of(ROWS);
    for (name, rate, low, high) in REGIMES {
        let bids = Bids::new(n, KEYS, n as i64 * SECOND / rate);
        let shape = Shape { low, high, within: 10 * SECOND };
        let pattern = format!(
            "match all by auction a: bids[price < {low}] then b: bids[price >= {low} and price <= {high}]+ \
             then c: bids[price > {high}] within 10s limit {MOST} select match.start as begun, match.end as ended"
        );
        let program = Program::new(&[pattern]);
        let batches = batches(&bids);
        let limit = || {
            let mut checksum = 0u64;
            let mut choices = Choices::new(shape, MOST, 1 << 18, 1 << 21);
            choices.of(ticks(&bids), 0..n, |start, end| checksum = checksum.wrapping_add(found(start, end)));
            checksum
        };
        compare(effort, job(&format!("all, {name}"), n), limit, || program.run(&batches));
    }
}

fn job(name: &str, n_events: usize) -> Job<'_> {
    Job { name, n_events, cpu: Cpu::Thread, target: 2.0 }
}

fn ticks(bids: &Bids) -> Ticks<'_> {
    Ticks { key: &bids.auction, price: &bids.price, time: &bids.time }
}

/// What a match adds to the checksum.
fn found(start: i64, end: i64) -> u64 {
    ((start << 20) ^ end) as u64
}

/// A million keys, each with a clock that its next event starts again.
pub fn absence(effort: &Effort) {
    let n = effort.of(4_000_000);
    let bids = Bids::new(n, effort.of(1_000_000) as u64, n as i64 * 20);
    let batches = batches(&bids);
    let within = 60 * SECOND;
    let pattern =
        "match by auction a: bids then not b: bids for 1m select match.start as begun, match.end as ended";
    let program = Program::new(&[pattern.to_string()]);
    let limit = || {
        let mut checksum = 0u64;
        let mut add = |start, end| checksum = checksum.wrapping_add(found(start, end));
        let mut silent = Silent::new(within, 1 << 21);
        silent.of(ticks(&bids), 0..n, &mut add);
        silent.run_out(i64::MAX, &mut add);
        checksum
    };
    compare(effort, job("absence, a million live timers", n), limit, || program.run(&batches));
}

/// A thousand patterns beside one of them: such as look for two values, over many keys; such as look at more, each within
/// its own time, over keys that have many events, so that there are matches; and such of which no two begin alike.
pub fn rules(effort: &Effort) {
    let two_values = |number: usize| {
        let (first, second) = (number % 32, number / 32);
        format!(
            "match overlapping by auction a: bids[price % 1009 == {first}] then b: bids[price % 1013 == {second}] \
             within 10s select match.start as begun, match.end as ended"
        )
    };
    beside_one(effort, "1,000 patterns beside one", KEYS, two_values);
    let more = |number: usize| {
        let (first, second, within) = (number % 32, number / 32, 5 + number % 7);
        let least = 1000 * (number % 5);
        format!(
            "match by auction a: bids[price > {least} and price % 1009 == {first}] \
             then b: bids[price % 1013 == {second} and price > a.price] within {within}s \
             select match.start as begun, match.end as ended"
        )
    };
    beside_one(effort, "1,000 of more conditions", KEYS / 100, more);
    let each_its_own = |number: usize| {
        format!(
            "match overlapping by auction a: bids[price % 1009 == {number}] then b: bids[price % 1013 == {number}] \
             within 10s select match.start as begun, match.end as ended"
        )
    };
    beside_one(effort, "1,000 that begin each in its own way", KEYS, each_its_own);
}

fn beside_one(effort: &Effort, name: &str, n_keys: u64, pattern: impl Fn(usize) -> String) {
    let n = effort.of(ROWS);
    let bids = Bids::new(n, n_keys, n as i64 * SECOND / 20_000);
    let batches = batches(&bids);
    let one = Program::new(&[pattern(0)]);
    let thousand = Program::new(&(0..1000).map(pattern).collect::<Vec<_>>());
    let job = Job { target: 50.0, ..job(name, n) };
    compare_two(effort, job, ["one", "1,000"], || one.run(&batches), || thousand.run(&batches));
}

/// A program of patterns over bids.
struct Program {
    flow: Flow,
    files: SourceMap,
    compiled: Box<dyn Compiled>,
}

impl Program {
    fn new(patterns: &[String]) -> Program {
        let mut text = String::from(
            "source bids: { auction: int, price: int, at: timestamp } from file(\"bids\") format json time at\n",
        );
        for (number, pattern) in patterns.iter().enumerate() {
            let _ = writeln!(
                text,
                "stream s{number} = {pattern}\nsink out{number} from s{number} to file(\"{number}\")"
            );
        }
        let mut diagnostics = Diagnostics::default();
        let library = Library::new(millstream_stdlib::catalog(), &mut diagnostics);
        let mut files = SourceMap::default();
        let main = files.add("pattern.stream", text);
        let mut load = |_: &str, path: &str| Err(format!("{path}: no file is used"));
        let compilation = compile(&mut files, main, &mut load, &library, &CompileOptions::default());
        let messages: Vec<&str> = compilation.diagnostics.iter().map(|d| &*d.headline).collect();
        let flow = compilation.flow.unwrap_or_else(|| panic!("the program is wrong: {messages:?}"));
        let compiled = Jit.compile(&flow).expect("it compiles");
        Program { flow, files, compiled }
    }

    /// The checksum of the matches of the first pattern.
    fn run(&self, batches: &[Batch]) -> u64 {
        let is_sink = |id: &NodeId| matches!(self.flow.node(*id).kind, NodeKind::Sink(_));
        let matches = Matches { of: self.flow.ids().find(is_sink).expect("a sink"), checksum: 0 };
        let mut graph = Graph::new(&self.flow, &*self.compiled, &self.files, &Workers::alone(), matches);
        // As of a file, which is one partition.
        graph.tell_partitions(&|_| 1);
        let is_source = |id: &NodeId| matches!(self.flow.node(*id).kind, NodeKind::Source(_));
        let source = self.flow.ids().find(is_source).expect("a source");
        // As far as the program reads them.
        let names = ["auction", "price", "at"];
        let columns = &self.flow.node(source).schema.columns;
        let read: Vec<usize> =
            columns.iter().filter_map(|c| names.iter().position(|name| *name == &*c.name)).collect();
        for batch in batches {
            let columns = read.iter().map(|column| batch.columns[*column].clone()).collect();
            let own = Batch { columns, ..batch.clone() };
            let watermark = Watermark(ints(batch, 2).last().copied().unwrap_or_default());
            graph.deliver_of_source(source, Message::Batch(own)).expect("it goes on");
            graph.deliver_of_source(source, Message::Watermark(watermark)).expect("it goes on");
        }
        graph.deliver_of_source(source, Message::Watermark(Watermark::END)).expect("it goes on");
        graph.outlet.checksum
    }
}

struct Matches {
    of: NodeId,
    checksum: u64,
}

impl Outlet for Matches {
    fn write(&mut self, sink: NodeId, batch: &Batch) -> Result<(), Stop> {
        if sink == self.of {
            let matches = ints(batch, 0).iter().zip(ints(batch, 1));
            let found = matches.map(|(start, end)| found(*start, *end));
            self.checksum = found.fold(self.checksum, u64::wrapping_add);
        }
        Ok(())
    }
}
