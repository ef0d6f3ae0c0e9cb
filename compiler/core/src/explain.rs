//! A program in plain words: what each stream yields and when, what it keeps, how it runs, and what of
//! it cannot be repeated.

mod aggregate;
mod frame;
mod history;
mod join;
mod pattern;
mod sink;
mod source;
mod table;
mod updating;
mod window;

pub use table::{kept as kept_of_table, keyed};

use crate::hir::{ClauseKind, Feed, Head, Input, InputId, Program, Query, Source, Stream};
use millstream_ir::flow::{
    AmongEquals, Breaker, Emission, Flow, HistoryKind, Node, NodeId, NodeKind, OnError, Partners, Schema,
    Sharing, TopScope, UpdatingScope,
};
use millstream_ir::text::format_duration;
use millstream_ir::types::{Layout, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// Explains a program without errors and the dataflow that it became.
pub fn explain(program: &Program, flow: &Flow) -> String {
    let mut text = String::new();
    for source in program.sources() {
        text += &source::explain_source(source, flow);
    }
    for table in program.tables().filter_map(|table| table::explain_loaded(table, flow)) {
        text += &table;
    }
    let mut known = BTreeMap::new();
    for id in &program.order {
        let Some(input) = program.input(*id) else { continue };
        let Some(query) = input.query() else { continue };
        let inherited = inherited_by(program, query, &known);
        text += &match input {
            Input::Stream(stream) => explain_stream((program, flow), stream, &inherited),
            Input::Table(table) => table::explain_kept((program, flow), table, query, &inherited),
            Input::Source(_) => String::new(),
        };
        known.insert(*id, inherited);
    }
    for sink in &program.sinks {
        text += &sink::explain_sink(program, flow, sink);
    }
    text += &explain_flow(flow);
    text
}

/// What is said of a stream, part by part.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    pub columns: String,
    /// Whether rows are final, and else which replaces which.
    pub emission: String,
    /// How its pattern is run, if it has one.
    pub pattern: Vec<String>,
    /// What it keeps, with the bound of each.
    pub state: Vec<String>,
    /// The greatest delay between an event and its result.
    pub delay: String,
    /// The same in few words.
    pub greatest_delay: String,
    pub failing: String,
}

/// The account of a stream. The rest of the program may be wrong; if nothing is, there is a flow.
pub fn account(program: &Program, flow: Option<&Flow>, id: InputId) -> Option<Account> {
    let none = Flow::default();
    let flow = flow.unwrap_or(&none);
    let mut known = BTreeMap::new();
    for other in &program.order {
        let Some(input) = program.input(*other) else { continue };
        let Some(query) = input.query() else { continue };
        let inherited = inherited_by(program, query, &known);
        match input {
            Input::Stream(stream) if *other == id => {
                return Some(account_of((program, flow), stream, &inherited));
            }
            _ => known.insert(*other, inherited),
        };
    }
    None
}

fn account_of(of: (&Program, &Flow), stream: &Stream, inherited: &Inherited) -> Account {
    Account {
        columns: columns_text(&stream.rows),
        emission: emission_text(&stream.rows),
        pattern: pattern::lines_of(stream, of.1),
        state: state_of(of, &stream.query, &inherited.sources),
        delay: inherited.delay_text(),
        greatest_delay: inherited.greatest_delay(),
        failing: on_error_text(&stream.query.on_error, &stream.name),
    }
}

/// Whether rows are final, and else which replaces which.
pub fn emission_text(rows: &Schema) -> String {
    match (&rows.sign, &rows.key) {
        (None, _) => "append-only: each row is final".to_string(),
        (Some(_), Some(key)) if key.is_empty() => {
            "updating: one row, which is replaced when it changes".to_string()
        }
        (Some(_), Some(key)) => {
            let name = |k: &usize| rows.columns.get(*k).map_or("?", |c| &c.name).to_string();
            let names: Vec<String> = key.iter().map(name).collect();
            format!("updating: one row per {}, which is replaced when it changes", names.join(", "))
        }
        (Some(_), None) => "updating: rows are added and withdrawn; they have no key".to_string(),
    }
}

fn explain_stream(of: (&Program, &Flow), stream: &Stream, inherited: &Inherited) -> String {
    let account = account_of(of, stream, inherited);
    let mut text = format!("stream {}\n", stream.name);
    let mut line = |words: String| {
        let _ = writeln!(text, "  {words}");
    };
    line(format!("columns: {}", account.columns));
    line(account.emission);
    account.pattern.into_iter().for_each(&mut line);
    match &account.state[..] {
        [] => line("keeps no state".to_string()),
        state => state.iter().for_each(|words| line(format!("keeps {words}"))),
    }
    line(account.delay);
    line(format!("rows that fail: {}", account.failing));
    text + "\n"
}

/// What a stream itself keeps, with its bound.
fn state_of((program, flow): (&Program, &Flow), query: &Query, sources: &BTreeSet<Arc<str>>) -> Vec<String> {
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
        .chain(join::state_of(program, flow, query))
        .chain(aggregate::state_of(query, &watermark))
        .chain(of_updating)
        .chain(of_fills)
        .collect()
}

/// What streams inherit from those that they read.
#[derive(Clone, Default)]
struct Inherited {
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

fn inherited_by(program: &Program, query: &Query, known: &BTreeMap<InputId, Inherited>) -> Inherited {
    let mut inherited = Inherited::default();
    for rows in query.reads() {
        let read = match program.input(rows.of) {
            Some(Input::Source(source)) => Inherited::of_source(source),
            Some(Input::Table(table)) => match &table.feed {
                Feed::Source(source) if source.load.is_some() => Inherited::default(),
                Feed::Source(source) => Inherited { waits: true, ..Inherited::of_source(source) },
                Feed::Query { .. } => {
                    Inherited { waits: true, ..known.get(&rows.of).cloned().unwrap_or_default() }
                }
            },
            _ => known.get(&rows.of).cloned().unwrap_or_default(),
        };
        inherited.windows = inherited.windows.max(read.windows);
        inherited.lateness = inherited.lateness.max(read.lateness);
        inherited.patterns = inherited.patterns.max(read.patterns);
        inherited.joins = inherited.joins.max(read.joins);
        inherited.disorder = inherited.disorder.max(read.disorder);
        inherited.has_pattern |= read.has_pattern;
        inherited.waits |= read.waits;
        inherited.sources.extend(read.sources);
    }
    if let Head::Match(pattern) = &query.head {
        inherited.patterns = inherited.patterns.saturating_add(pattern::delay(&pattern.spec));
        inherited.has_pattern = true;
    }
    inherited.waits |= history::waiting_rows(query).is_some() || history::times(query).next().is_some();
    for (aggregate, assigner) in window::aggregates(query) {
        inherited.windows = inherited.windows.saturating_add(updating::delay(aggregate, assigner));
        inherited.lateness = inherited.lateness.saturating_add(updating::lateness(aggregate));
    }
    inherited.windows = inherited.windows.saturating_add(updating::delay_of_order(query));
    inherited.lateness = inherited.lateness.saturating_add(updating::lateness_of_top(query));
    inherited.joins = inherited.joins.saturating_add(join::delay(query));
    for clause in &query.clauses {
        if let ClauseKind::Time { disorder, .. } = &clause.kind {
            inherited.disorder = inherited.disorder.saturating_add(*disorder);
        }
    }
    inherited
}

impl Inherited {
    fn of_source(source: &Source) -> Inherited {
        Inherited {
            disorder: source.time.as_ref().map_or(0, |t| t.disorder),
            sources: [source.name.clone()].into(),
            ..Inherited::default()
        }
    }

    fn has_no_delay(&self) -> bool {
        self.windows == 0 && self.joins == 0 && !self.has_pattern && !self.waits
    }

    fn all(&self) -> i64 {
        let parts = [self.windows, self.lateness, self.joins, self.patterns, self.disorder];
        parts.iter().fold(0i64, |sum, part| sum.saturating_add(*part))
    }

    fn greatest_delay(&self) -> String {
        match self.all() {
            _ if self.has_no_delay() => "none".to_string(),
            i64::MAX => "without a bound".to_string(),
            all => format!("at most {}", format_duration(all)),
        }
    }

    fn delay_text(&self) -> String {
        if self.has_no_delay() {
            return "delay: none; a row leaves when it has been read".to_string();
        }
        if self.windows == i64::MAX {
            return "delay: without a bound; a window lasts as long as its rows make it".to_string();
        }
        if self.patterns == i64::MAX {
            return "delay: without a bound; a match waits for its events as long as they take".to_string();
        }
        let parts = [
            ("windows", self.windows),
            ("lateness", self.lateness),
            ("joins", self.joins),
            ("patterns", self.patterns),
            ("disorder", self.disorder),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(name, part)| *part > 0 || *name == "disorder")
            .map(|(name, part)| format!("{name} {}", format_duration(*part)))
            .collect();
        let result = if self.lateness > 0 { "the last correction of its result" } else { "its result" };
        format!(
            "delay: at most {} of event time between an event and {result} ({})",
            format_duration(self.all()),
            parts.join(", ")
        )
    }
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
    let _ = writeln!(text, "  {}\n  {}", workers_text(flow), memory_text(flow));
    text
}

/// What becomes of what memory has no room for.
fn memory_text(flow: &Flow) -> String {
    let of_nodes = |what: &str, spills: &dyn Fn(&Node) -> bool| {
        let nodes = flow.ids().zip(&flow.nodes).filter(|(_, node)| spills(node));
        let nodes: Vec<String> = nodes.map(|(id, _)| node_text(id)).collect();
        (!nodes.is_empty()).then(|| format!("{what} of {}", nodes.join(" and ")))
    };
    let parts = [
        of_nodes("the groups", &|node| matches!(&node.kind, NodeKind::Breaker(breaker) if breaker.spills())),
        of_nodes("the rows", &|node| matches!(node.kind, NodeKind::Order)),
        of_nodes("the texts, lists and records in rows", &|node| {
            let has_some =
                |types: Vec<Type>| types.iter().any(|ty| matches!(ty.layout(), Layout::View | Layout::Boxed));
            let types = |node: &Node| node.schema.types();
            match &node.kind {
                NodeKind::Join(join) => {
                    let inputs = node.inputs.iter().flat_map(|input| types(flow.node(*input)));
                    join.keeps_rows_of_streams() && has_some(inputs.collect())
                }
                NodeKind::Breaker(breaker) => match &**breaker {
                    Breaker::Table(spec) => {
                        let others =
                            types(node).into_iter().enumerate().filter(|(n, _)| !spec.key.contains(n));
                        has_some(others.map(|(_, ty)| ty).collect())
                    }
                    _ => false,
                },
                _ => false,
            }
        }),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => "all that is kept stays in memory: --memory ends the run where it takes more".to_string(),
        false => format!(
            "where --memory is too small, {} go to the folder of --state; all else stays in memory",
            parts.join(" and ")
        ),
    }
}

/// What several workers have a part in.
fn workers_text(flow: &Flow) -> String {
    let shared = |by: Sharing, what: &str| {
        let nodes = flow.ids().zip(&flow.nodes).filter(|(_, node)| match &node.kind {
            NodeKind::Breaker(breaker) => breaker.sharing() == Some(by),
            _ => false,
        });
        let nodes: Vec<String> = nodes.map(|(id, _)| node_text(id)).collect();
        (!nodes.is_empty()).then(|| format!("{what} of {}", nodes.join(" and ")))
    };
    let parts = [
        Some("the reading of files".to_string()),
        shared(Sharing::Batches, "the batches"),
        shared(Sharing::Keys, "the keys"),
        Some("the writing of sinks".to_string()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("several workers share {}; one does the rest", parts.join(", "))
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
        NodeKind::Dispatch(dispatch) => {
            format!("hands each of {} readers the rows of {name} that may matter to it", dispatch.n_readers)
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
            AmongEquals::Earliest => {
                let of_window = match top.scope {
                    TopScope::All(_) => "",
                    TopScope::Window { .. } | TopScope::OfKeys { .. } | TopScope::Numbered { .. } => {
                        " in each open window"
                    }
                };
                let emission = match top.emission {
                    Emission::Every(_) => format!("; they emit {}", top.emission),
                    Emission::Final | Emission::OnChange => String::new(),
                };
                format!("the best {} rows of {name}{of_window} so far{emission}", top.limit)
            }
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
