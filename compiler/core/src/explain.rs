//! A program in plain words: what each stream yields and when, what it keeps, how it runs, and what of
//! it cannot be repeated.

mod aggregate;
mod frame;
mod history;
mod join;
mod pattern;
mod updating;
mod window;

use crate::hir::{ClauseKind, Head, Input, InputId, Program, Query, Source, Stream};
use millstream_ir::flow::{
    AmongEquals, Breaker, ConnectorSpec, Flow, HistoryKind, Node, NodeId, NodeKind, OnError, Partners,
    Schema, TimeSpec, UpdatingScope,
};
use millstream_ir::text::format_duration;
use millstream_ir::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// Explains a program without errors and the dataflow that it became.
pub fn explain(program: &Program, flow: &Flow) -> String {
    let mut text = String::new();
    for (_, source) in program.sources() {
        text += &explain_source(source, flow);
    }
    let mut known = BTreeMap::new();
    for (id, stream) in program.streams() {
        let facts = facts_of(program, &stream.query, &known);
        text += &explain_stream(program, stream, &facts);
        known.insert(id, facts);
    }
    for sink in &program.sinks {
        let to = &sink.spec.connector.name;
        let _ = writeln!(text, "sink {} writes {} to {to}\n", sink.name, program.rows_text(sink.from));
    }
    text += &explain_flow(flow);
    text
}

fn explain_source(source: &Source, flow: &Flow) -> String {
    let mut text = format!("source {}\n", source.name);
    let mut line = |words: String| {
        let _ = writeln!(text, "  {words}");
    };
    line(format!("columns: {}", columns_text(&source.schema)));
    match &source.time {
        Some(time) => {
            let field = source.fields.get(time.field).map_or("?", |f| &f.name);
            let disorder = format_duration(time.disorder);
            line(format!(
                "time: {field}; the watermark is the greatest {field} of a partition less {disorder}, the least of all partitions"
            ));
            let live = is_live(&source.connector);
            if let Some(idle) = time.idle.or(live.then_some(TimeSpec::LIVE_IDLE)).map(format_duration) {
                line(format!(
                    "idle: a live partition that is silent for {idle} is not waited for until it has rows again"
                ));
            }
            if let Some(ahead) = time.ahead.or(live.then_some(TimeSpec::LIVE_AHEAD)).map(format_duration) {
                line(format!(
                    "ahead: rows more than {ahead} in the future of the clock go to errors({})",
                    source.name
                ));
            }
        }
        None => line("time: each row's arrival; rows are never late".to_string()),
    }
    let read = flow.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Source(spec) if *node.name == *source.name => Some(spec),
        _ => None,
    });
    match read {
        None => line("not opened: nothing that a sink writes reads it".to_string()),
        Some(spec) => {
            let name = |column: &usize| spec.fields.get(*column).map(|f| f.name.to_string());
            let decoded: Vec<String> = spec.columns.iter().filter_map(name).collect();
            let skipped: Vec<String> = (0..spec.fields.len())
                .filter(|c| !spec.columns.contains(c))
                .filter_map(|c| name(&c))
                .collect();
            line(format!("decodes: {}", list_text(&decoded)));
            if !skipped.is_empty() {
                line(format!("skips: {}", skipped.join(", ")));
            }
        }
    }
    if let Some(key) = &source.key {
        let name = |field: &usize| source.fields.get(*field).map_or("?", |f| &f.name).to_string();
        let names: Vec<String> = key.fields.iter().map(name).collect();
        let names = names.join(", ");
        line(format!("updating: one row per {names}, which the next one of its key replaces"));
        // As values, in a table that is two thirds full.
        let bytes = (source.read.columns.len() + key.fields.len() + 3) * size_of::<Value>() * 3 / 2;
        line(format!("keeps the row of each {names}, {bytes} bytes, as long as it stands"));
    }
    line(format!("rows that cannot be read: {}", on_error_text(&source.on_error, &source.name)));
    for reason in unrepeatable(source) {
        line(format!("not repeatable: {reason}"));
    }
    text + "\n"
}

fn explain_stream(program: &Program, stream: &Stream, facts: &Facts) -> String {
    let mut text = format!("stream {}\n", stream.name);
    let mut line = |words: String| {
        let _ = writeln!(text, "  {words}");
    };
    line(format!("columns: {}", columns_text(&stream.rows)));
    line(match (&stream.rows.sign, &stream.rows.key) {
        (None, _) => "append-only: each row is final".to_string(),
        (Some(_), Some(key)) if key.is_empty() => {
            "updating: one row, which is replaced when it changes".to_string()
        }
        (Some(_), Some(key)) => {
            let name = |k: &usize| stream.rows.columns.get(*k).map_or("?", |c| &c.name).to_string();
            let names: Vec<String> = key.iter().map(name).collect();
            format!("updating: one row per {}, which is replaced when it changes", names.join(", "))
        }
        (Some(_), None) => "updating: rows are added and withdrawn; they have no key".to_string(),
    });
    let state = state_of(program, &stream.query, &facts.sources);
    match &state[..] {
        [] => line("keeps no state".to_string()),
        state => state.iter().for_each(|words| line(format!("keeps {words}"))),
    }
    line(facts.delay_text());
    line(format!("rows that fail: {}", on_error_text(&stream.query.on_error, &stream.name)));
    text + "\n"
}

/// What a stream itself keeps, with its bound.
fn state_of(program: &Program, query: &Query, sources: &BTreeSet<Arc<str>>) -> Vec<String> {
    let sources: Vec<&str> = sources.iter().map(|s| &**s).collect();
    let watermark = match &sources[..] {
        [] => "the watermark".to_string(),
        sources => format!("the watermark of {}", sources.join(" and ")),
    };
    let of_histories = history::state_of(query, &watermark).into_iter().chain(frame::state_of(query));
    let of_fills = query.clauses.iter().filter_map(window::fill_text);
    let state = pattern::state_of(query, &watermark).into_iter().chain(of_histories);
    let of_updating = updating::state_of(query, &watermark);
    state
        .chain(join::state_of(program, query))
        .chain(aggregate::state_of(query, &watermark))
        .chain(of_updating)
        .chain(of_fills)
        .collect()
}

/// What streams inherit from those that they read.
#[derive(Clone, Default)]
struct Facts {
    /// How long results can lag behind events, in microseconds of event time.
    windows: i64,
    /// How long after that late rows correct them.
    lateness: i64,
    patterns: i64,
    joins: i64,
    disorder: i64,
    /// Whether a pattern waits for the watermark.
    has_pattern: bool,
    /// Whether a clause that depends on the order does.
    waits: bool,
    /// The sources behind it.
    sources: BTreeSet<Arc<str>>,
}

fn facts_of(program: &Program, query: &Query, known: &BTreeMap<InputId, Facts>) -> Facts {
    let mut facts = Facts::default();
    for rows in query.reads() {
        let read = match program.input(rows.of) {
            Some(Input::Source(source)) => Facts {
                disorder: source.time.as_ref().map_or(0, |t| t.disorder),
                sources: [source.name.clone()].into(),
                ..Facts::default()
            },
            _ => known.get(&rows.of).cloned().unwrap_or_default(),
        };
        facts.windows = facts.windows.max(read.windows);
        facts.lateness = facts.lateness.max(read.lateness);
        facts.patterns = facts.patterns.max(read.patterns);
        facts.joins = facts.joins.max(read.joins);
        facts.disorder = facts.disorder.max(read.disorder);
        facts.has_pattern |= read.has_pattern;
        facts.waits |= read.waits;
        facts.sources.extend(read.sources);
    }
    if let Head::Match(pattern) = &query.head {
        facts.patterns = facts.patterns.saturating_add(pattern.within);
        facts.has_pattern = true;
    }
    facts.waits |= history::waiting_rows(query).is_some();
    for (aggregate, assigner) in window::aggregates(query) {
        facts.windows = facts.windows.saturating_add(updating::delay(aggregate, assigner));
        facts.lateness = facts.lateness.saturating_add(updating::lateness(aggregate));
    }
    facts.windows = facts.windows.saturating_add(updating::delay_of_order(query));
    facts.joins = facts.joins.saturating_add(join::delay(query));
    for clause in &query.clauses {
        if let ClauseKind::Time { disorder, .. } = &clause.kind {
            facts.disorder = facts.disorder.saturating_add(*disorder);
        }
    }
    facts
}

impl Facts {
    fn delay_text(&self) -> String {
        if self.windows == 0 && self.joins == 0 && !self.has_pattern && !self.waits {
            return "delay: none; a row leaves when it has been read".to_string();
        }
        if self.windows == i64::MAX {
            return "delay: without a bound; a window lasts as long as its rows make it".to_string();
        }
        let parts = [
            ("windows", self.windows),
            ("lateness", self.lateness),
            ("joins", self.joins),
            ("patterns", self.patterns),
            ("disorder", self.disorder),
        ];
        let all = parts.iter().fold(0i64, |sum, (_, part)| sum.saturating_add(*part));
        let parts: Vec<String> = parts
            .iter()
            .filter(|(name, part)| *part > 0 || *name == "disorder")
            .map(|(name, part)| format!("{name} {}", format_duration(*part)))
            .collect();
        let result = if self.lateness > 0 { "the last correction of its result" } else { "its result" };
        format!(
            "delay: at most {} of event time between an event and {result} ({})",
            format_duration(all),
            parts.join(", ")
        )
    }
}

/// Whether it may have rows at any time, as far as that can be told before it is opened: a file may also be
/// a pipe.
fn is_live(connector: &ConnectorSpec) -> bool {
    let option = |name: &str| connector.options.get(name);
    let follows = option("follow") == Some(&Value::Bool(true));
    let is_standard_input = matches!(option("path"), Some(Value::String(path)) if &**path == "-");
    match &*connector.name {
        "file" => follows || is_standard_input,
        "nexmark" => false,
        _ => true,
    }
}

fn unrepeatable(source: &Source) -> Vec<&'static str> {
    let text = |name: &str| match source.connector.options.get(name) {
        Some(Value::String(text)) => Some(&**text),
        _ => None,
    };
    let follows = source.connector.options.get("follow") == Some(&Value::Bool(true));
    let mut reasons = vec![];
    if source.time.is_none() {
        reasons.push("rows are timed by their arrival");
    }
    if text("path") == Some("-") {
        reasons.push("standard input cannot be read again");
    }
    if follows {
        reasons.push("the file grows while it is read");
    }
    if source.time.is_some() && is_live(&source.connector) {
        reasons.push("which partitions are idle, and which rows are ahead, depends on the clock");
    } else if source.time.as_ref().is_some_and(|time| time.ahead.is_some()) {
        reasons.push("which rows are ahead depends on the clock");
    }
    reasons
}

fn on_error_text(policy: &OnError, name: &str) -> String {
    match policy {
        OnError::Keep => format!("counted, readable as errors({name})"),
        OnError::Fail => "stop the program".to_string(),
        OnError::Sideline(_) => format!("counted, readable as errors({name}), and written to a file"),
        OnError::Retry { .. } => "are tried again".to_string(),
    }
}

fn explain_flow(flow: &Flow) -> String {
    let mut text = String::from("how it runs\n");
    for (id, node) in flow.ids().zip(&flow.nodes) {
        let inputs: Vec<String> = node.inputs.iter().map(|i| node_text(*i)).collect();
        let from = if inputs.is_empty() { String::new() } else { format!(", from {}", inputs.join(" and ")) };
        let _ = writeln!(text, "  {}: {}{from}", node_text(id), what_it_does(node));
    }
    text
}

fn node_text(id: NodeId) -> String {
    format!("n{}", id.0)
}

fn what_it_does(node: &Node) -> String {
    let name = &node.name;
    match &node.kind {
        NodeKind::Source(spec) => format!("reads {name} from {}", spec.connector.name),
        NodeKind::Late => format!("the late rows of {name}"),
        NodeKind::Errors { .. } => format!("the failed rows of {name}"),
        NodeKind::Segment(segment) if segment.steps.is_empty() => format!("picks columns for {name}"),
        NodeKind::Segment(segment) => {
            let steps = segment.steps.len();
            let plural = if steps == 1 { "" } else { "s" };
            format!("{steps} step{plural} of {name} as one compiled function")
        }
        NodeKind::Breaker(breaker) => breaker_text(name, breaker),
        NodeKind::Union => format!("brings the rows of {name} together"),
        NodeKind::Order => format!("brings the rows of {name} into the order of their times"),
        NodeKind::Unnest { .. } => format!("one row per element of a list of {name}"),
        NodeKind::AssignTime { .. } => format!("gives the rows of {name} their time"),
        NodeKind::Match(spec) => match spec.key_names()[..] {
            [] => format!("finds the matches of {name}"),
            ref keys => format!("finds the matches of {name}, a list of runs per {}", keys.join(", ")),
        },
        NodeKind::Join(join) => match join.partners {
            Partners::Stream(_) => {
                format!("{}s rows of {name}, a list per key on each side", join.kind.name())
            }
            Partners::Table(version) => {
                format!("{}s rows of {name} with those of a table, {version}", join.kind.name())
            }
        },
        NodeKind::Sink(spec) => format!("writes {name} to {}", spec.connector.name),
    }
}

fn breaker_text(name: &str, breaker: &Breaker) -> String {
    match breaker {
        Breaker::WindowAggregate(aggregate) => window::how_it_runs(name, aggregate),
        Breaker::FillWindows(fill) => format!("rows of {name} for windows of {} without any", fill.window),
        Breaker::LeaveOutLate => format!("leaves out the late rows of {name}"),
        Breaker::AssignWindows(window) => format!("gives each row of {name} once per window of {window}"),
        Breaker::GatherWindows(gather) => format!("the rows of {name} in {}, when it is over", gather.window),
        Breaker::Table(_) => format!("rows of {name} by their key"),
        Breaker::LatestOfKey(_) => format!("the row of each key of {name} as it stands, one kept per key"),
        Breaker::SortWindow(sort) => match sort.limit {
            Some(limit) => format!("the best {limit} rows of {name} in each window"),
            None => format!("the rows of {name} in each window, in order"),
        },
        Breaker::Top(top) => match top.among_equals {
            AmongEquals::Earliest if top.is_of_window => {
                format!("the best {} rows of {name} in each open window so far", top.limit)
            }
            AmongEquals::Earliest => format!("the best {} rows of {name} so far", top.limit),
            AmongEquals::Latest => format!("the latest row of each key of {name}"),
        },
        Breaker::UpdatingAggregate(aggregate) => {
            let state = if aggregate.keys.is_empty() { "one group" } else { "a hash table" };
            let over = match aggregate.scope {
                UpdatingScope::All(_) => format!("all rows of {name} so far"),
                UpdatingScope::Window { .. } => format!("the rows of {name} in each window"),
            };
            format!("aggregates of {over}, {state}; results emit {}", aggregate.emission)
        }
        Breaker::UpdatingWindows(windows) => format!(
            "aggregates of {name} in {}, the open windows per key; results emit {}",
            windows.window, windows.emission
        ),
        Breaker::Frame(frame) => format!("aggregates for each row of {name}, {}", frame.frame),
        Breaker::History(history) => match &history.kind {
            HistoryKind::Throttle { .. } => format!("lets rows of {name} through, a time per key"),
            HistoryKind::Changes { .. } => format!("compares rows of {name} with those before, one per key"),
            HistoryKind::Functions { .. } if history.looks_ahead() => {
                format!("looks at rows of {name} behind each, a few per key and window")
            }
            HistoryKind::Functions { .. } => {
                format!("looks at rows of {name} before each, a few per key")
            }
        },
    }
}

fn columns_text(schema: &Schema) -> String {
    let columns: Vec<String> = schema.visible().map(|(_, c)| format!("{}: {}", c.name, c.ty)).collect();
    list_text(&columns)
}

fn list_text(list: &[String]) -> String {
    if list.is_empty() { "none".to_string() } else { list.join(", ") }
}
