//! A chain of joins: sixteen streams of one event per order each, of which all have to be there.

use crate::data::Random;
use crate::measure::{Cpu, Effort, spread};
use millstream_base::{Diagnostics, SourceMap};
use millstream_core::{CompileOptions, Library, compile};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::engine::Engine;
use millstream_ir::flow::{Flow, NodeId, NodeKind};
use millstream_jit::Jit;
use millstream_runtime::graph::{Graph, Outlet, Stop};
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::workers::Workers;
use std::fmt::Write;
use std::sync::Arc;

const STREAMS: usize = 16;
const EVENTS: usize = 4_000_000;
/// Events per second of event time.
const RATE: i64 = 500_000;
const SECOND: i64 = 1_000_000;
/// What comes at once, in event time; and how far apart the events of an order are, at most.
const STRETCH: i64 = SECOND / 20;
const SPREAD: u64 = 2_000_000;

/// Events of one stream within a stretch, in the order of their times: time, order, value.
type Events = Vec<(i64, i64, i64)>;

pub fn measure(effort: &Effort) {
    let n_orders = effort.of(EVENTS / STREAMS);
    let stretches = stretches(n_orders);
    let mut rounds = vec![];
    for round in 0..=effort.rounds.min(3) {
        let (nanos, longest, n_results) = run(&stretches);
        assert_eq!(n_results, n_orders as u64, "chain: an order is missing");
        rounds.extend((round > 0).then_some((nanos / (n_orders * STREAMS) as f64, longest)));
    }
    let [median, least, greatest] = spread(rounds.iter().map(|(nanos, _)| *nanos));
    let [_, _, longest] = spread(rounds.iter().map(|(_, longest)| longest / 1e6));
    println!(
        "{} joins in a row, within 5 s: {median:.0} ns of CPU an event ({least:.0}–{greatest:.0}), {:.0} k events/s, \
         target 500; a stretch of {} ms of event time takes {longest:.0} ms at most, and its results come with it",
        STREAMS - 1,
        1e6 / median,
        STRETCH / 1000
    );
}

/// By stretch, and by stream.
fn stretches(n_orders: usize) -> Vec<[Events; STREAMS]> {
    let mut random = Random(3);
    let mut stretches: Vec<[Events; STREAMS]> = vec![];
    for order in 0..n_orders as i64 {
        let start = order * SECOND * STREAMS as i64 / RATE;
        for stream in 0..STREAMS {
            let time = start + random.below(SPREAD) as i64;
            let at = (time / STRETCH) as usize;
            if stretches.len() <= at {
                stretches.resize_with(at + 1, Default::default);
            }
            // Ids as others give them, not counted from 0.
            let id = (order as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) as i64 >> 1;
            stretches[at][stream].push((time, id, order % 1000));
        }
    }
    stretches.iter_mut().flatten().for_each(|events| events.sort());
    stretches
}

fn program() -> String {
    let mut text = String::new();
    for stream in 0..STREAMS {
        let _ = writeln!(
            text,
            "source s{stream}: {{ id: int, v: int, at: timestamp }} from file(\"{stream}\") format json time at"
        );
    }
    text += "stream whole = from s0\n";
    for stream in 1..STREAMS {
        let _ = writeln!(text, "  join s{stream} on s{stream}.id == s0.id within 5s");
    }
    let sum: Vec<String> = (0..STREAMS).map(|stream| format!("s{stream}.v")).collect();
    let _ = writeln!(text, "  select s0.id as id, {} as total", sum.join(" + "));
    text + "sink out from whole to stdout"
}

struct Counted(u64);

impl Outlet for Counted {
    fn write(&mut self, _: NodeId, batch: &Batch) -> Result<(), Stop> {
        self.0 += batch.n_rows as u64;
        Ok(())
    }
}

/// Nanoseconds for all, for the longest stretch, and how many results came.
fn run(stretches: &[[Events; STREAMS]]) -> (f64, f64, u64) {
    let mut diagnostics = Diagnostics::default();
    let library = Library::new(millstream_stdlib::catalog(), &mut diagnostics);
    let mut files = SourceMap::default();
    let main = files.add("chain.stream", program());
    let mut load = |_: &str, path: &str| Err(format!("{path}: no file is used"));
    let compilation = compile(&mut files, main, &mut load, &library, &CompileOptions::default());
    let messages: Vec<&str> = compilation.diagnostics.iter().map(|d| &*d.headline).collect();
    let flow = compilation.flow.unwrap_or_else(|| panic!("the program is wrong: {messages:?}"));
    let compiled = Jit.compile(&flow).expect("it compiles");
    let mut graph = Graph::new(&flow, &*compiled, &files, &Workers::alone(), Counted(0));
    let sources = sources(&flow);
    let mut offsets = [0; STREAMS];
    let (mut all, mut longest) = (0.0, 0.0f64);
    for (number, stretch) in stretches.iter().enumerate() {
        let batches: Vec<Batch> = (0..STREAMS)
            .map(|stream| batch(&flow, sources[stream], &stretch[stream], offsets[stream]))
            .collect();
        let end = Watermark((number as i64 + 1) * STRETCH);
        let start = Cpu::Thread.nanos();
        for (stream, batch) in batches.into_iter().enumerate() {
            offsets[stream] += batch.n_rows as u64;
            graph.deliver_of_source(sources[stream], Message::Batch(batch)).expect("it goes on");
        }
        for source in sources {
            graph.deliver_of_source(source, Message::Watermark(end)).expect("it goes on");
        }
        let took = Cpu::Thread.nanos() - start;
        (all, longest) = (all + took, longest.max(took));
    }
    (all, longest, graph.outlet.0)
}

/// The sources, in the order in which they are declared.
fn sources(flow: &Flow) -> [NodeId; STREAMS] {
    let mut sources: Vec<(u32, NodeId)> = vec![];
    for id in flow.ids() {
        if let NodeKind::Source(spec) = &flow.node(id).kind {
            sources.push((spec.ordinal, id));
        }
    }
    sources.sort();
    std::array::from_fn(|stream| sources[stream].1)
}

/// With the columns that the plan reads.
fn batch(flow: &Flow, source: NodeId, events: &Events, first: u64) -> Batch {
    let schema = &flow.node(source).schema;
    let column = |column: &millstream_ir::flow::Column| -> ColumnRef {
        let values = events.iter().map(|(time, id, value)| match &*column.name {
            "id" => *id,
            "v" => *value,
            _ => *time,
        });
        Arc::new(Column { data: ColumnData::I64(values.collect()), validity: None })
    };
    let NodeKind::Source(spec) = &flow.node(source).kind else { panic!("a source") };
    let origin = Origin { source: spec.ordinal, first, ..Origin::default() };
    let columns = schema.columns.iter().map(column).collect();
    Batch { columns, n_rows: events.len(), origin, late: vec![] }
}
