//! `millstream why --match`: what a pattern made of the events of one key.

use super::errors;
use super::keys::{self, Part};
use crate::clauses::{clause_text, n_of};
use crate::cli::Why;
use crate::command_line::Said;
use crate::program::Compiled;
use crate::replay::{Counted, Observed, Replay, endless, read_by_run, rows_of, sources_behind, wrong};
use crate::{WRONG_USAGE, terminal};
use millstream_base::did_you_mean;
use millstream_core::assemble;
use millstream_core::hir::{
    self, Clause, ClauseKind, Head, Input, InputId, Match, MatchInput, Program, Stream,
};
use millstream_ir::batch::Batch;
use millstream_ir::eval::eval;
use millstream_ir::expr::{Expr, literal_text};
use millstream_ir::flow::{NodeKind, Schema};
use millstream_ir::text::format_timestamp;
use millstream_ir::value::Value;
use millstream_runtime::why::condition::{self, Unfulfilled, unfulfilled};
use millstream_runtime::why::{Event, Found, Question, Words, answer};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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

pub fn why_match(compiled: &mut Compiled, asked: &Asked) -> u8 {
    let mut program = std::mem::take(&mut compiled.compilation.program);
    let compiled = &*compiled;
    let (id, pattern) = match find(&program, &asked.name) {
        Ok((id, pattern)) => (id, pattern.clone()),
        Err(fault) => return wrong(compiled, *fault, WRONG_USAGE),
    };
    if let Some(fault) = endless(&program, id) {
        return wrong(compiled, fault, WRONG_USAGE);
    }
    let parts = parts(&pattern);
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
    let wanted_key = wanted.as_deref();
    let gathered = match gather(compiled, &mut program, id, &pattern, wanted_key, &asked.folder) {
        Ok(gathered) => gathered,
        Err(code) => return code,
    };
    let Some(key) = wanted else {
        let names: Vec<String> = parts.iter().map(|part| format!("`{}`", part.name)).collect();
        let most = gathered.most_frequent(&parts);
        let fault = errors::key_missing(asked.name.span, &names.join(" and "), defined, &most);
        return wrong(compiled, fault, WRONG_USAGE);
    };
    let Some(Input::Stream(stream)) = program.input(id) else { return WRONG_USAGE };
    let title = match parts.is_empty() {
        true => stream.name.to_string(),
        false => format!("{}, {}", stream.name, keys::title(&key, &parts)),
    };
    if gathered.events.is_empty() {
        return terminal::out(gathered.nothing(&title, &key, &parts));
    }
    let inputs = gathered.inputs.iter().collect();
    let question = Question {
        title,
        words: Words { spec: &pattern.spec, inputs, files: &compiled.files },
        key: &key,
        events: &gathered.events,
        at: asked.at,
        limit: asked.arguments.limit.unwrap_or(15),
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
) -> Result<(InputId, &'p Match), Box<millstream_base::Diagnostic>> {
    fn pattern_of(stream: &Stream) -> Option<&Match> {
        match &stream.query.head {
            Head::Match(pattern) => Some(pattern),
            Head::Rows(_) => None,
        }
    }
    let found = program.find(&name.text).and_then(|id| Some((id, program.input(id)?)));
    match found {
        Some((id, Input::Stream(stream))) => match pattern_of(stream) {
            Some(pattern) => Ok((id, pattern)),
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
    /// The last that came late, and the watermark that it came behind.
    last_late: Option<(Event, i64)>,
    /// All keys, and how many events each has.
    pub(super) keys: BTreeMap<Vec<Value>, u64>,
    /// The columns of the pattern's inputs.
    inputs: Vec<Schema>,
    /// Of each source behind the pattern.
    risen: Vec<Risen>,
    /// Whether event times are those of the sources.
    is_timed_by_sources: bool,
    counted: Counted,
}

pub(super) fn gather(
    compiled: &Compiled,
    program: &mut Program,
    id: InputId,
    pattern: &Match,
    wanted: Option<&[Value]>,
    folder: &Path,
) -> Result<Gathered, u8> {
    let sources = sources_behind(program, id);
    let n_inputs = pattern.inputs.len();
    let looked_at = looked_at(program, id, pattern);
    let inputs = pattern.inputs.iter().zip(looked_at).map(|(input, columns)| Observed {
        rows: input.rows,
        schema: input.schema.clone(),
        columns: Some(columns),
    });
    let of_sources = sources.iter().filter_map(|id| {
        let input = program.input(*id)?;
        let columns = Some(read_by_run(compiled, input.name()));
        Some(Observed { rows: rows_of(*id), schema: input.schema().clone(), columns })
    });
    let observed = inputs.chain(of_sources).collect();
    let mut risen: Vec<Risen> = sources
        .iter()
        .filter_map(|id| {
            let source = program.input(*id)?.source()?;
            let disorder = source.time.as_ref().map_or(0, |time| time.disorder);
            Some(Risen { source: source.name.to_string(), disorder, partitions: BTreeMap::new() })
        })
        .collect();
    let replay = Replay::new(program, observed, folder.to_path_buf());
    let mut placed: Vec<Event> = vec![];
    let (mut n_late, mut last_late, mut keys) = (0, None, BTreeMap::new());
    let mut take = |number: usize, batch: &Batch| {
        let time = |row: usize| match replay.value(number, batch, row, replay.schema(number).time) {
            Value::Timestamp(time) => time,
            _ => i64::MIN,
        };
        if let Some(source) = number.checked_sub(n_inputs) {
            (0..batch.n_rows)
                .for_each(|row| risen[source].take(batch.origin.place(row).partition, time(row)));
            return;
        }
        for row in 0..batch.n_rows {
            let value = |expr: &Expr| eval(expr, &|column| replay.value(number, batch, row, column)).ok();
            // Where it cannot be computed, the row fails in front of the pattern.
            let Some(key) = pattern.inputs[number].keys.iter().map(value).collect::<Option<Vec<Value>>>()
            else {
                continue;
            };
            let is_wanted = wanted.is_some_and(|wanted| wanted == key);
            if keys.len() < MOST_KEYS || keys.contains_key(&key) {
                *keys.entry(key).or_default() += 1;
            }
            if !is_wanted {
                continue;
            }
            let (place, row_values) = (batch.origin.place(row), replay.row(number, batch, row).into());
            let event = Event { time: time(row), input: number, place, row: row_values };
            match batch.late(row) {
                Some(late) => {
                    n_late += 1;
                    last_late = Some((event, late.watermark));
                }
                None => placed.push(event),
            }
        }
    };
    let counted = replay.run(&compiled.files, None, &mut take)?;
    // Rows that streams make of one row stand in the order in which the pattern names the streams.
    placed.sort_by_key(|Event { time, input, place, .. }| {
        (*time, place.source, place.partition, place.offset, *input, place.branch)
    });
    let is_retimed = replay.flow.nodes.iter().any(|node| matches!(node.kind, NodeKind::AssignTime { .. }));
    Ok(Gathered {
        events: placed,
        inputs: (0..n_inputs).map(|number| replay.schema(number).clone()).collect(),
        n_late,
        last_late,
        keys,
        risen,
        is_timed_by_sources: !is_retimed,
        counted,
    })
}

/// The columns of each input that a pattern and what stands behind it look at.
fn looked_at(program: &Program, id: InputId, pattern: &Match) -> Vec<BTreeSet<usize>> {
    let flow = assemble(program, &[hir::Sink::observing(0, &rows_of(id))]).flow;
    let name = program.input(id).map(Input::name);
    let spec = flow.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Match(spec) if Some(&node.name) == name => Some(spec),
        _ => None,
    });
    let of_input = |(number, input): (usize, &MatchInput)| {
        let fields = spec.and_then(|spec| spec.inputs.get(number)).map_or(&[][..], |input| &input.fields);
        let visible = input.schema.visible().zip(fields).filter(|(_, field)| field.is_some());
        let tests = pattern.spec.tests().filter(|test| test.input == number);
        let asked =
            tests.filter_map(|test| test.condition.as_ref()).chain(&input.keys).flat_map(Expr::columns);
        let n_columns = input.schema.columns.len();
        visible.map(|((column, _), _)| column).chain(asked.filter(|column| *column < n_columns)).collect()
    };
    pattern.inputs.iter().enumerate().map(of_input).collect()
}

/// The times that a source rose to.
struct Risen {
    source: String,
    disorder: i64,
    partitions: BTreeMap<u32, Vec<i64>>,
}

impl Risen {
    fn take(&mut self, partition: u32, time: i64) {
        let times = self.partitions.entry(partition).or_default();
        if times.last().is_none_or(|last| *last < time) {
            times.push(time);
        }
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
        if let Some((event, watermark)) = &self.last_late {
            let (were, time) = (if self.n_late == 1 { "was" } else { "were" }, format_timestamp(event.time));
            notes.push(format!(
                "{} came late and {were} left out, the last of {time}, when the watermark was {}",
                n_of(self.n_late, "event"),
                format_timestamp(*watermark)
            ));
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
        for Risen { source: name, disorder, partitions } in &self.risen {
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
