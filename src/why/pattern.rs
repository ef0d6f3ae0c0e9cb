//! `millstream why --match`: what a pattern made of the events of one key.

use super::errors;
use super::keys::{self, Part, Said};
use super::replay::{Counted, Replay, endless, rows_of, sources_behind, wrong};
use crate::cli::Why;
use crate::program::Compiled;
use crate::{WRONG_USAGE, terminal};
use millstream_base::{Span, did_you_mean};
use millstream_core::hir::{Clause, ClauseKind, Head, Input, InputId, Match, MatchInput, Program, Stream};
use millstream_ir::batch::{Batch, RowPlace};
use millstream_ir::column::ColumnData;
use millstream_ir::eval::eval;
use millstream_ir::expr::{Expr, literal_text};
use millstream_ir::flow::{NodeKind, Schema};
use millstream_ir::text::format_timestamp;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_runtime::why::condition::{self, Unfulfilled, unfulfilled};
use millstream_runtime::why::{Event, Found, Question, Words, answer};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What is asked.
pub struct Asked<'a> {
    pub arguments: &'a Why,
    pub name: Said,
    pub keys: Vec<Said>,
    pub at: Option<i64>,
    pub folder: PathBuf,
}

/// Keys that are counted, to propose some.
const MOST_KEYS: usize = 100_000;
/// Keys that are proposed.
const N_PROPOSED: usize = 5;

pub fn why_match(compiled: &Compiled, asked: &Asked) -> u8 {
    let program = &compiled.compilation.program;
    let (id, stream, pattern) = match find(program, &asked.name) {
        Ok(found) => found,
        Err(fault) => return wrong(compiled, *fault, WRONG_USAGE),
    };
    if let Some(fault) = endless(program, id) {
        return wrong(compiled, fault, WRONG_USAGE);
    }
    let parts = parts(pattern);
    let defined = pattern.spec.span;
    let key = match (&asked.keys[..], &parts[..]) {
        ([], _) => None,
        ([first, ..], []) => return wrong(compiled, errors::needless_key(first.span, defined), WRONG_USAGE),
        (said, parts) => match keys::values(said, parts) {
            Ok(key) => Some(key),
            Err(fault) => return wrong(compiled, *fault, WRONG_USAGE),
        },
    };
    let wanted = key.clone().or(parts.is_empty().then(Vec::new));
    let gathered = match gather(compiled, id, pattern, wanted.as_deref(), &asked.folder) {
        Ok(gathered) => gathered,
        Err(code) => return code,
    };
    let Some(key) = wanted else {
        let names: Vec<String> = parts.iter().map(|part| format!("`{}`", part.name)).collect();
        let most = gathered.most_frequent(&parts);
        let fault = errors::key_missing(asked.name.span, &names.join(" and "), defined, &most);
        return wrong(compiled, fault, WRONG_USAGE);
    };
    let title = match parts.is_empty() {
        true => stream.name.to_string(),
        false => format!("{}, {}", stream.name, keys::title(&key, &parts)),
    };
    if gathered.events.is_empty() {
        return terminal::out(gathered.nothing(&title, &key, &parts));
    }
    let inputs = pattern.inputs.iter().map(|input| &input.schema).collect();
    let question = Question {
        title,
        words: Words { spec: &pattern.spec, inputs, files: &compiled.files },
        key: &key,
        events: &gathered.events,
        at: asked.at,
        limit: asked.arguments.limit.unwrap_or(20),
        notes: gathered.notes(),
        behind: &|found| behind(compiled, stream, found),
        decided: &|time| gathered.decided(time),
    };
    terminal::out(answer(&question))
}

/// The pattern that is meant.
fn find<'p>(
    program: &'p Program,
    name: &Said,
) -> Result<(InputId, &'p Stream, &'p Match), Box<millstream_base::Diagnostic>> {
    fn pattern_of(stream: &Stream) -> Option<&Match> {
        match &stream.query.head {
            Head::Match(pattern) => Some(pattern),
            Head::Rows(_) => None,
        }
    }
    let found = program.find(&name.text).and_then(|id| Some((id, program.input(id)?)));
    match found {
        Some((id, Input::Stream(stream))) => match pattern_of(stream) {
            Some(pattern) => Ok((id, stream, pattern)),
            None => Err(Box::new(errors::not_a_match(name.span, &name.text, "stream", stream.span))),
        },
        Some((_, Input::Source(source))) => {
            Err(Box::new(errors::not_a_match(name.span, &name.text, "source", source.span)))
        }
        Some((_, Input::Table(table))) => {
            Err(Box::new(errors::not_a_match(name.span, &name.text, "table", table.span)))
        }
        None => {
            let matches = program.streams().filter(|(_, stream)| pattern_of(stream).is_some());
            let known: Vec<&str> = matches.map(|(_, stream)| &*stream.name).collect();
            let nearest = did_you_mean(&name.text, known.iter().copied());
            Err(Box::new(errors::unknown_stream(name.span, &name.text, "match", nearest, &known)))
        }
    }
}

/// What the key of a pattern is made of.
fn parts(pattern: &Match) -> Vec<Part> {
    let n_keys = pattern.inputs.first().map_or(0, |input| input.keys.len());
    let part =
        |column: &millstream_ir::flow::Column| Part { name: column.name.to_string(), ty: column.ty.clone() };
    pattern.spec.bindings.iter().take(n_keys).map(part).collect()
}

/// What a replay found in front of a pattern.
pub(super) struct Gathered {
    /// Those of the key, in the total order.
    pub(super) events: Vec<Event>,
    n_late: u64,
    /// All keys, and how many events each has.
    pub(super) keys: BTreeMap<Vec<Value>, u64>,
    /// Of each source behind the pattern: its name, its disorder, and per partition the times that it rose to.
    risen: Vec<(String, i64, BTreeMap<u32, Vec<i64>>)>,
    /// Whether event times are those of the sources.
    is_timed_by_sources: bool,
    counted: Counted,
}

pub(super) fn gather(
    compiled: &Compiled,
    id: InputId,
    pattern: &Match,
    wanted: Option<&[Value]>,
    folder: &std::path::Path,
) -> Result<Gathered, u8> {
    let program = &compiled.compilation.program;
    let sources = sources_behind(program, id);
    let observed = pattern.inputs.iter().map(|input| input.rows).chain(sources.iter().map(|id| rows_of(*id)));
    let observed: Vec<_> = observed.collect();
    let replay = Replay::new(program, &observed, folder.to_path_buf());
    let n_inputs = pattern.inputs.len();
    let mut placed: Vec<((i64, RowPlace), usize, Event)> = vec![];
    let (mut n_late, mut keys) = (0, BTreeMap::new());
    let risen = sources.iter().map(|id| {
        let source = program.input(*id).and_then(Input::source);
        let disorder = source.and_then(|source| source.time.as_ref()).map_or(0, |time| time.disorder);
        (source.map_or(String::new(), |source| source.name.to_string()), disorder, BTreeMap::new())
    });
    let mut risen: Vec<(String, i64, BTreeMap<u32, Vec<i64>>)> = risen.collect();
    let inputs: Vec<InputRows> = (0..n_inputs)
        .filter_map(|number| {
            let node = replay.flow.node(replay.node(number)?);
            Some(InputRows::new(&pattern.inputs[number], &node.schema))
        })
        .collect();
    let source_times: Vec<usize> = (0..sources.len())
        .map(|number| replay.node(n_inputs + number).map_or(0, |node| replay.flow.node(node).schema.time))
        .collect();
    let mut take = |number: usize, batch: &Batch| {
        if let Some(source) = number.checked_sub(n_inputs) {
            rise(&mut risen[source].2, batch, source_times[source]);
            return;
        }
        let Some(rows) = inputs.get(number) else { return };
        for row in 0..batch.n_rows {
            let Some(key) = rows.key(batch, row) else { continue };
            let is_wanted = wanted.is_none_or(|wanted| wanted == key);
            if keys.len() < MOST_KEYS || keys.contains_key(&key) {
                *keys.entry(key).or_default() += 1;
            }
            if !is_wanted || wanted.is_none() {
                continue;
            }
            if batch.late(row).is_some() {
                n_late += 1;
                continue;
            }
            let event = rows.event(batch, row, number);
            placed.push(((event.time, event.place), number, event));
        }
    };
    let counted = replay.run(&compiled.files, None, &mut take)?;
    // Rows that streams make of one row stand in the order in which the pattern names the streams.
    placed.sort_by_key(|((time, place), input, _)| {
        (*time, place.source, place.partition, place.offset, *input, place.branch)
    });
    let is_retimed = replay.flow.nodes.iter().any(|node| matches!(node.kind, NodeKind::AssignTime { .. }));
    Ok(Gathered {
        events: placed.into_iter().map(|(_, _, event)| event).collect(),
        n_late,
        keys,
        risen,
        is_timed_by_sources: !is_retimed,
        counted,
    })
}

/// Notes the times that the partitions of a source rise to.
fn rise(risen: &mut BTreeMap<u32, Vec<i64>>, batch: &Batch, time: usize) {
    let Some(ColumnData::I64(times)) = batch.columns.get(time).map(|column| &column.data) else { return };
    for (row, time) in times.iter().enumerate() {
        let times = risen.entry(batch.origin.place(row).partition).or_default();
        if times.last().is_none_or(|last| last < time) {
            times.push(*time);
        }
    }
}

/// The rows of an input of the pattern, as they come.
struct InputRows<'p> {
    input: &'p MatchInput,
    /// Per column that the pattern knows, its place in what comes, and its type.
    columns: Vec<Option<(usize, Type)>>,
    time: usize,
}

impl<'p> InputRows<'p> {
    fn new(input: &'p MatchInput, coming: &Schema) -> InputRows<'p> {
        let mut taken = vec![false; coming.columns.len()];
        let mut place = |column: &millstream_ir::flow::Column| {
            let is_it = |(number, other): &(usize, &millstream_ir::flow::Column)| {
                !taken[*number] && other.name == column.name && other.hidden == column.hidden
            };
            let (number, other) = coming.columns.iter().enumerate().find(is_it)?;
            taken[number] = true;
            Some((number, other.ty.clone()))
        };
        let columns = input.schema.columns.iter().map(&mut place).collect();
        InputRows { input, columns, time: coming.time }
    }

    fn value(&self, batch: &Batch, row: usize, column: usize) -> Value {
        match self.columns.get(column) {
            Some(Some((number, ty))) => batch.columns[*number].value(row, ty),
            _ => Value::Null,
        }
    }

    /// None where it cannot be computed, which fails the row.
    fn key(&self, batch: &Batch, row: usize) -> Option<Vec<Value>> {
        let value = |expr: &Expr| eval(expr, &|column| self.value(batch, row, column)).ok();
        self.input.keys.iter().map(value).collect()
    }

    fn event(&self, batch: &Batch, row: usize, input: usize) -> Event {
        let time = match batch.columns.get(self.time).map(|column| &column.data) {
            Some(ColumnData::I64(times)) => times[row],
            _ => i64::MIN,
        };
        let values = (0..self.columns.len()).map(|column| self.value(batch, row, column));
        Event { time, input, place: batch.origin.place(row), row: values.collect::<Arc<[Value]>>() }
    }
}

impl Gathered {
    fn most_frequent(&self, parts: &[Part]) -> Vec<(String, u64)> {
        let mut keys: Vec<(&Vec<Value>, u64)> = self.keys.iter().map(|(key, n)| (key, *n)).collect();
        keys.sort_by_key(|(key, n)| (std::cmp::Reverse(*n), *key));
        keys.into_iter().take(N_PROPOSED).map(|(key, n)| (keys::text(key, parts), n)).collect()
    }

    /// What there is to say where the key has no events.
    fn nothing(&self, title: &str, key: &[Value], parts: &[Part]) -> String {
        let mut text = format!("{title}: no match, as no event came\n");
        let wanted = keys::text(key, parts);
        let known: Vec<String> = self.keys.keys().map(|key| keys::text(key, parts)).collect();
        if let Some(nearest) = did_you_mean(&wanted, known.iter().map(String::as_str)) {
            text += &format!("there are events of {nearest}\n");
        } else if !parts.is_empty() {
            let most: Vec<String> =
                self.most_frequent(parts).into_iter().map(|(key, n)| format!("{key} ({n})")).collect();
            text += &match most.is_empty() {
                true => "no event came of any key\n".to_string(),
                false => format!("most events are of {}\n", most.join(", ")),
            };
        }
        self.notes().iter().for_each(|note| text += &format!("{note}\n"));
        text
    }

    /// What did not reach the pattern.
    fn notes(&self) -> Vec<String> {
        let mut notes = vec![];
        if self.n_late > 0 {
            notes.push(format!("{} of the key came late and are left out", n_of(self.n_late, "event")));
        }
        for source in &self.counted.report.sources {
            if source.failed.rows > 0 {
                notes.push(format!(
                    "{} of {} could not be read",
                    n_of(source.failed.rows, "record"),
                    source.name
                ));
            }
        }
        for stream in self.counted.report.streams.iter().filter(|stream| stream.failed.rows > 0) {
            notes.push(format!(
                "{} failed in {}, in front of the pattern",
                n_of(stream.failed.rows, "row"),
                stream.name
            ));
        }
        notes
    }

    /// What let the watermark pass a time.
    fn decided(&self, time: i64) -> String {
        if !self.is_timed_by_sources || self.risen.is_empty() {
            return "(no event: the watermark has passed this time)".to_string();
        }
        let mut by: Vec<String> = vec![];
        for (name, disorder, partitions) in &self.risen {
            let passed = partitions.values().map(|times| {
                let at = times.partition_point(|risen| risen.saturating_sub(*disorder) <= time);
                times.get(at).copied()
            });
            let passed: Option<Vec<i64>> = passed.collect();
            by.push(match passed.and_then(|times| times.into_iter().max()) {
                Some(risen) => format!("an event of {name} at {}", format_timestamp(risen)),
                None => format!("the end of {name}"),
            });
        }
        format!("(no event: time passed, known by {})", by.join(" and "))
    }
}

/// What became of a match in the clauses behind the pattern.
fn behind(compiled: &Compiled, stream: &Stream, found: &Found) -> String {
    let row = match row_behind(compiled, stream, found) {
        Ok(row) => row,
        Err(why_not) => return why_not,
    };
    let fields: Vec<String> = stream
        .rows
        .visible()
        .filter_map(|(number, column)| Some((column, row.get(number)?)))
        .map(|(column, value)| format!("{}: {}", column.name, literal_text(value, &column.ty)))
        .collect();
    condition::shortened(&format!("row {{ {} }}", fields.join(", ")), 160)
}

/// The row that the clauses behind the pattern make of a match, or why there is none.
pub(super) fn row_behind(compiled: &Compiled, stream: &Stream, found: &Found) -> Result<Vec<Value>, String> {
    let mut row = found.bindings.clone();
    row.push(Value::Timestamp(found.end));
    let mut schema = &stream.query.schema;
    for Clause { kind, schema: after, span } in &stream.query.clauses {
        let text = || clause_text(compiled, *span);
        let compute = |expr: &Expr, row: &[Value]| {
            let column = |column: usize| row.get(column).cloned().unwrap_or(Value::Null);
            eval(expr, &column).map_err(|error| format!("fails in `{}`: {}", text(), error.reason))
        };
        match kind {
            ClauseKind::Where(condition) => {
                if compute(condition, &row)? != Value::Bool(true) {
                    let parts = why_not(compiled, condition, &row, schema);
                    return Err(format!("dropped by the `where` behind the pattern: {parts}"));
                }
            }
            ClauseKind::Let(exprs) => {
                for expr in exprs {
                    let value = compute(expr, &row)?;
                    row.push(value);
                }
            }
            ClauseKind::Select(exprs) => {
                row = exprs.iter().map(|expr| compute(expr, &row)).collect::<Result<_, String>>()?;
            }
            _ => {
                let clause = text();
                return Err(format!(
                    "goes into `{clause}`; `--stream {}` tells what becomes of it",
                    stream.name
                ));
            }
        }
        schema = after;
    }
    Ok(row)
}

/// Which parts of a condition a row does not fulfil.
fn why_not(compiled: &Compiled, condition: &Expr, row: &[Value], schema: &Schema) -> String {
    let column = |column: usize| row.get(column).cloned().unwrap_or(Value::Null);
    let name = |column: usize| schema.columns.get(column).map_or("?".to_string(), |c| c.name.to_string());
    let row = condition::Row { column: &column, name: &name, files: &compiled.files };
    unfulfilled(condition, &row).iter().map(Unfulfilled::text).collect::<Vec<_>>().join(" and ")
}

/// A clause as it is written, not all of it if it is long.
pub fn clause_text(compiled: &Compiled, span: Span) -> String {
    condition::shortened(&condition::written(&compiled.files, span), 60)
}

pub fn n_of(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {what}{plural}", millstream_runtime::report::thousands(n))
}
