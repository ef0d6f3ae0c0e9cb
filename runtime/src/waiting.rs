//! What waits for the watermark, and which source keeps it waiting.

use crate::graph::{Graph, Outlet};
use crate::message::{EventTime, Watermark};
use crate::op::table::source_of;
use crate::source::{ProcessingTime, Source};
use millstream_ir::flow::{Flow, NodeId, NodeKind};
use millstream_ir::text::{format_duration, format_timestamp};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// What an operator holds until the watermark has come further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// `windows`, `rows`
    pub what: &'static str,
    /// How many, where that is known without much work.
    pub n: Option<usize>,
    /// The watermark that lets go of the first.
    pub until: EventTime,
}

/// A source that is waited for.
#[derive(Clone, Debug)]
pub struct HeldBack {
    pub source: Arc<str>,
    /// The partition furthest behind, of those that are not idle; none if all are idle.
    pub partition: Option<String>,
    pub watermark: Watermark,
    /// How long the partition's watermark has stood, by the clock, in microseconds.
    pub stood: i64,
    /// The streams and sinks that wait for it, and for what.
    pub waiting: Vec<(Arc<str>, Waiting)>,
    /// Of a table whose first load has not ended.
    pub loading: Option<Loading>,
}

/// A first load, before which nothing else is read.
#[derive(Clone, Debug)]
pub struct Loading {
    pub n_rows: u64,
    /// The streams that look the table up.
    pub streams: Vec<Arc<str>>,
}

/// The streams that look a table up, by the node of its source.
pub fn readers_of_table(flow: &Flow, source: NodeId) -> Vec<Arc<str>> {
    let mut streams = vec![];
    for node in &flow.nodes {
        if let (NodeKind::Join(_), [_, table]) = (&node.kind, &node.inputs[..])
            && source_of(flow, *table) == Some(source)
            && !streams.contains(&node.name)
        {
            streams.push(node.name.clone());
        }
    }
    streams
}

/// The sources that something waits for: for each operator, of the sources behind it the one whose
/// watermark is the least.
pub fn held_back<O: Outlet>(
    flow: &Flow,
    graph: &Graph<O>,
    sources: &[&Source],
    now: ProcessingTime,
) -> Vec<HeldBack> {
    let behind = sources_behind(flow);
    let mut by_source: BTreeMap<usize, Vec<(Arc<str>, Waiting)>> = BTreeMap::new();
    for (id, of, waiting) in graph.waiting() {
        let numbered = sources.iter().enumerate();
        let of_it = numbered.filter(|(_, source)| behind[of.0 as usize].contains(&source.node));
        if let Some((number, _)) = of_it.min_by_key(|(_, source)| source.watermark()) {
            by_source.entry(number).or_default().push((flow.node(id).name.clone(), waiting));
        }
    }
    by_source.into_iter().map(|(number, waiting)| sources[number].held_back(now, waiting)).collect()
}

/// Of each node, the sources that its rows come from.
fn sources_behind(flow: &Flow) -> Vec<BTreeSet<NodeId>> {
    let mut behind: Vec<BTreeSet<NodeId>> = vec![];
    for id in flow.ids() {
        let node = flow.node(id);
        let inputs = match &node.kind {
            NodeKind::Errors { of } => of,
            _ => &node.inputs,
        };
        let mut sources: BTreeSet<NodeId> =
            inputs.iter().filter_map(|input| behind.get(input.0 as usize)).flatten().copied().collect();
        if matches!(node.kind, NodeKind::Source(_)) {
            sources.insert(id);
        }
        behind.push(sources);
    }
    behind
}

impl HeldBack {
    /// A line on the source, and one per stream that waits for it.
    pub fn text(&self) -> String {
        let mut out = format!("waiting for {}: ", self.source);
        let stood = format_duration(self.stood / 1_000_000 * 1_000_000);
        if let Some(Loading { n_rows, streams }) = &self.loading {
            let rows = if *n_rows == 1 { "1 row has" } else { &format!("{n_rows} rows have") };
            let _ = writeln!(out, "its first load has begun {stood} ago, {rows} come");
            let _ = writeln!(out, "{:>14} the rows of {}", "", streams.join(", "));
            return out;
        }
        let _ = match (&self.partition, self.time()) {
            (None, _) => writeln!(out, "all of its partitions are idle"),
            (Some(partition), None) => writeln!(out, "no row of {partition} has come for {stood}"),
            (Some(partition), Some(time)) => {
                writeln!(out, "the watermark of {partition} is {time}, for {stood}")
            }
        };
        for (name, Waiting { what, n, until }) in &self.waiting {
            let n = n.map_or(String::new(), |n| format!("{n} "));
            let what = if n == "1 " { what.trim_end_matches('s') } else { what };
            let _ =
                writeln!(out, "{:>14} {n}{what} of {name}, the first until {}", "", format_timestamp(*until));
        }
        out
    }

    pub fn json(&self) -> serde_json::Value {
        let waiting = self.waiting.iter().map(|(name, waiting)| {
            json!({ "name": &**name, "what": waiting.what, "n": waiting.n, "until": format_timestamp(waiting.until) })
        });
        json!({
            "source": &*self.source,
            "partition": self.partition,
            "watermark": self.time(),
            "seconds": self.stood as f64 / 1e6,
            "waiting": waiting.collect::<Vec<_>>(),
            "loading": self.loading.as_ref().map(|Loading { n_rows, streams }| {
                json!({ "rows": n_rows, "streams": streams.iter().map(|name| &**name).collect::<Vec<_>>() })
            }),
        })
    }

    fn time(&self) -> Option<String> {
        (self.watermark != Watermark::START).then(|| format_timestamp(self.watermark.0))
    }
}
