//! `millstream why --stream`: what each clause of a stream did with its rows, and what the stream waits for.

use super::errors;
use super::join::Partners;
use super::keys::{self, Part};
use super::pattern::{Asked, clause_text, n_of};
use super::replay::{Counted, Observed, Replay, add_stream, endless, read_by_run, rows_of, wrong};
use crate::command_line::Said;
use crate::program::Compiled;
use crate::{WRONG_USAGE, terminal};
use millstream_base::{Diagnostic, did_you_mean};
use millstream_core::hir::{Clause, ClauseKind, Head, Input, InputId, Program, Query, Rows};
use millstream_ir::batch::Batch;
use millstream_ir::eval::eval;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::Schema;
use millstream_ir::text::{format_duration, format_timestamp};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_runtime::report::{Failed, thousands};
use millstream_runtime::waiting::HeldBack;
use millstream_runtime::why::condition::{self, Unfulfilled, unfulfilled, value_text};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// Examples that are told of what a clause dropped.
const MOST_EXAMPLES: usize = 3;
/// Rows of the stream that are shown.
const MOST_ROWS: usize = 3;

pub fn why_stream(compiled: &mut Compiled, asked: &Asked) -> u8 {
    let mut program = std::mem::take(&mut compiled.compilation.program);
    let compiled = &*compiled;
    let stages = match Stages::of(&mut program, &asked.name) {
        Ok(stages) => stages,
        Err(fault) => return wrong(compiled, *fault, WRONG_USAGE),
    };
    if let Some(fault) = endless(&program, stages.of) {
        return wrong(compiled, fault, WRONG_USAGE);
    }
    let key = match (&asked.keys[..], stages.key(&program)) {
        ([], _) => None,
        ([first, ..], None) => {
            return wrong(compiled, errors::stream_without_key(first.span, &stages.name), WRONG_USAGE);
        }
        (said, Some(parts)) => match keys::values(said, &parts) {
            Ok(key) => Some((key, parts)),
            Err(fault) => return wrong(compiled, *fault, WRONG_USAGE),
        },
    };
    let mut observed = stages.observed(compiled, &program);
    let n_stages = observed.len();
    let looked_at: Vec<BTreeSet<usize>> =
        observed.iter().map(|observed| observed.columns.clone().unwrap_or_default()).collect();
    let partners =
        stages.stages.iter().enumerate().filter_map(|(number, stage)| match &stage.clause.as_ref()?.kind {
            ClauseKind::Join(join) => Some((number, join.right)),
            _ => None,
        });
    let partners: Vec<(usize, Rows)> = partners.collect();
    observed.extend(partners.iter().filter_map(|(number, rows)| {
        let ClauseKind::Join(join) = &stages.stages[*number].clause.as_ref()?.kind else { return None };
        Some(Observed { rows: *rows, schema: join.schema.clone(), columns: None })
    }));
    let replay = Replay::new(&mut program, observed, asked.folder.clone());
    let mut counts: Vec<Count> = (0..n_stages)
        .map(|number| {
            let next = stages.stages.get(number + 1).and_then(|stage| stage.clause.as_ref());
            Count::new(
                replay.schema(number).clone(),
                &looked_at[number],
                next,
                key.as_ref().map(|(key, parts)| (&key[..], &parts[..])),
            )
        })
        .collect();
    let mut joins: BTreeMap<usize, Partners> = partners
        .iter()
        .filter_map(|(stage, _)| match &stages.stages[*stage].clause.as_ref()?.kind {
            ClauseKind::Join(join) => Some((*stage, Partners::new(join.clone()))),
            _ => None,
        })
        .collect();
    let mut seen = |number: usize, batch: &Batch| {
        if let Some(partner) = number.checked_sub(n_stages) {
            let stage = partners[partner].0;
            if let Some(join) = joins.get_mut(&stage) {
                let rows = (0..batch.n_rows).map(|row| replay.row(number, batch, row));
                rows.for_each(|row| join.right(&row, replay.schema(number)));
            }
            return;
        }
        for row in 0..batch.n_rows {
            let values = replay.row(number, batch, row);
            if counts[number].add(compiled, &values)
                && let Some(join) = joins.get_mut(&(number + 1))
            {
                join.left(&values, replay.schema(number));
            }
        }
    };
    let counted = match replay.run(&compiled.files, asked.at, &mut seen) {
        Ok(counted) => counted,
        Err(code) => return code,
    };
    let title = match &key {
        Some((key, parts)) => format!("{}, {}", stages.name, keys::title(key, parts)),
        None => stages.name.to_string(),
    };
    let told = Told {
        compiled,
        program: &program,
        stages: &stages,
        counts: &counts,
        joins: &joins,
        counted: &counted,
        at: asked.at,
    };
    terminal::out(told.text(&title))
}

/// A stream taken apart: what it reads, and then a stream of its own for each of its clauses.
struct Stages {
    name: Arc<str>,
    of: InputId,
    /// Whether it begins with `match`.
    is_of_pattern: bool,
    stages: Vec<Stage>,
}

struct Stage {
    of: InputId,
    /// What it is called where its rows are counted.
    name: Arc<str>,
    /// None for what the stream reads.
    clause: Option<Clause>,
}

impl Stages {
    /// Adds the parts of a stream to its program, each as a stream.
    fn of(program: &mut Program, name: &Said) -> Result<Stages, Box<Diagnostic>> {
        let known: Vec<String> =
            program.inputs.iter().flatten().map(|input| input.name().to_string()).collect();
        let found = program.find(&name.text);
        let Some((of, input)) = found.and_then(|id| Some((id, program.input(id)?))) else {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let nearest = did_you_mean(&name.text, known.iter().copied());
            return Err(Box::new(errors::unknown_stream(name.span, &name.text, "stream", nearest, &known)));
        };
        let (full, query) = (input.name().clone(), input.query().cloned());
        let mut stages = Stages { name: full.clone(), of, is_of_pattern: false, stages: vec![] };
        let Some(query) = query else {
            stages.stages.push(Stage { of, name: full, clause: None });
            return Ok(stages);
        };
        let Query { head, schema, clauses, on_error, span } = query;
        let called = |number: usize| -> Arc<str> { format!("{full} ({number})").into() };
        let mut last = match &head {
            Head::Rows(rows) => *rows,
            Head::Match(_) => {
                stages.is_of_pattern = true;
                let head =
                    Query { head, schema: schema.clone(), clauses: vec![], on_error: on_error.clone(), span };
                rows_of(add_stream(program, called(0), head))
            }
        };
        let name_of_head = match program.input(last.of) {
            Some(input) if !stages.is_of_pattern => input.name().clone(),
            _ => called(0),
        };
        let first = Query {
            head: Head::Rows(last),
            schema: schema.clone(),
            clauses: vec![],
            on_error: on_error.clone(),
            span,
        };
        let id = add_stream(program, called(0), first);
        stages.stages.push(Stage { of: id, name: name_of_head, clause: None });
        last = rows_of(id);
        let mut before = schema;
        for (number, clause) in clauses.into_iter().enumerate() {
            let (name, after) = (called(number + 1), clause.schema.clone());
            let clauses = vec![clause.clone()];
            let query =
                Query { head: Head::Rows(last), schema: before, clauses, on_error: on_error.clone(), span };
            let id = add_stream(program, name.clone(), query);
            stages.stages.push(Stage { of: id, name, clause: Some(clause) });
            (last, before) = (rows_of(id), after);
        }
        Ok(stages)
    }

    /// What is looked at of each part: what the stream needs if all its columns are read.
    fn observed(&self, compiled: &Compiled, program: &Program) -> Vec<Observed> {
        let mut observed = vec![];
        let mut needed: Option<BTreeSet<usize>> = None;
        for (number, stage) in self.stages.iter().enumerate().rev() {
            let schema = program.input(stage.of).map_or(Schema::default(), |input| input.schema().clone());
            let after = self.stages.get(number + 1).and_then(|stage| stage.clause.as_ref());
            needed = match after {
                Some(clause) => needed_before(&clause.kind, needed.as_ref(), &schema),
                None if stage.clause.is_none()
                    && program.input(stage.of).and_then(Input::source).is_some() =>
                {
                    Some(read_by_run(compiled, &stage.name))
                }
                None => None,
            };
            // The whole of an event is more than a pattern looks at.
            let is_event = |column: &usize| {
                schema.columns.get(*column).is_some_and(|column| is_event(&column.ty)) && self.is_of_pattern
            };
            let all = || (0..schema.columns.len()).collect();
            let columns = needed.clone().unwrap_or_else(all).into_iter().filter(|column| !is_event(column));
            observed.push(Observed { rows: rows_of(stage.of), columns: Some(columns.collect()), schema });
        }
        observed.reverse();
        observed
    }

    /// What a key of the stream is: that of the first clause that has one made of columns.
    fn key(&self, program: &Program) -> Option<Vec<Part>> {
        let mut before: Option<&Schema> = None;
        for stage in &self.stages {
            if let (Some(clause), Some(before)) = (&stage.clause, before) {
                let keys = keys_of(&clause.kind);
                let part = |key: &Expr| {
                    let ExprKind::Column(column) = key.kind else { return None };
                    let column = before.columns.get(column).filter(|column| !column.hidden)?;
                    Some(Part { name: column.name.to_string(), ty: column.ty.clone() })
                };
                let parts: Option<Vec<Part>> = keys.iter().map(part).collect();
                if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
                    return Some(parts);
                }
            }
            before = program.input(stage.of).map(Input::schema);
        }
        None
    }
}

/// Whether it is an event that a pattern took, or a list of such.
fn is_event(ty: &Type) -> bool {
    match &ty.kind {
        TypeKind::Record(_) => true,
        TypeKind::List(element) => is_event(element),
        _ => false,
    }
}

/// The columns that are needed in front of a clause for those behind it; none if all are.
fn needed_before(
    clause: &ClauseKind,
    behind: Option<&BTreeSet<usize>>,
    before: &Schema,
) -> Option<BTreeSet<usize>> {
    let n_before = before.columns.len();
    let is_needed = |column: usize| behind.is_none_or(|behind| behind.contains(&column));
    let passed = || (0..n_before).filter(|column| is_needed(*column));
    let hidden =
        before.columns.iter().enumerate().filter(|(_, column)| column.hidden).map(|(number, _)| number);
    let mut needed: BTreeSet<usize> = match clause {
        ClauseKind::Where(condition) => passed().chain(condition.columns()).collect(),
        ClauseKind::Let(values) => {
            let mut needed: BTreeSet<usize> = passed().collect();
            let mut added: BTreeSet<usize> =
                (n_before..n_before + values.len()).filter(|c| is_needed(*c)).collect();
            for (number, value) in values.iter().enumerate().rev() {
                if added.contains(&(n_before + number)) || value.can_fail() {
                    added.extend(value.columns());
                }
            }
            needed.extend(added.into_iter().filter(|column| *column < n_before));
            needed
        }
        ClauseKind::Select(values) => {
            let read =
                values.iter().enumerate().filter(|(number, value)| is_needed(*number) || value.can_fail());
            read.flat_map(|(_, value)| value.columns()).collect()
        }
        ClauseKind::Window { .. } | ClauseKind::LeaveOutLate => passed().collect(),
        ClauseKind::Time { time, .. } => passed().chain(time.columns()).collect(),
        ClauseKind::Aggregate(aggregate) => {
            let of_calls = aggregate.calls.iter().flat_map(|call| call.arguments.iter().chain(&call.filter));
            aggregate.keys.iter().chain(of_calls).flat_map(Expr::columns).collect()
        }
        _ => return None,
    };
    needed.extend(hidden);
    Some(needed)
}

fn keys_of(clause: &ClauseKind) -> Vec<Expr> {
    match clause {
        ClauseKind::Aggregate(aggregate) => aggregate.keys.clone(),
        ClauseKind::Join(join) => join.keys.iter().map(|(left, _)| left.clone()).collect(),
        ClauseKind::Top(top) => top.per.clone(),
        ClauseKind::History(history) => history.keys.clone(),
        ClauseKind::Frame(frame) => frame.keys.clone(),
        ClauseKind::GatherWindows { keys, .. } => keys.clone(),
        _ => vec![],
    }
}

/// The rows behind a clause, and what the next clause drops of them.
struct Count {
    schema: Schema,
    n: u64,
    /// Columns that have to have these values.
    key: Vec<(usize, Value)>,
    /// The condition of the next clause, if it is a `where`.
    condition: Option<Expr>,
    /// By what did not hold: how often, the values and the row, last.
    dropped: BTreeMap<String, (u64, String, String)>,
    /// The last rows.
    last: Vec<Vec<Value>>,
}

impl Count {
    fn new(
        schema: Schema,
        looked_at: &BTreeSet<usize>,
        next: Option<&Clause>,
        key: Option<(&[Value], &[Part])>,
    ) -> Count {
        let column =
            |part: &Part| schema.visible().find(|(_, column)| *column.name == *part.name).map(|(n, _)| n);
        let key = key.and_then(|(key, parts)| {
            let columns: Option<Vec<usize>> = parts.iter().map(column).collect();
            Some(columns?.into_iter().zip(key.iter().cloned()).collect())
        });
        let condition = match next.map(|clause| &clause.kind) {
            Some(ClauseKind::Where(condition)) if condition.columns().is_subset(looked_at) => {
                Some(condition.clone())
            }
            _ => None,
        };
        Count {
            schema,
            n: 0,
            key: key.unwrap_or_default(),
            condition,
            dropped: BTreeMap::new(),
            last: vec![],
        }
    }

    /// Whether the row is one of the key.
    fn add(&mut self, compiled: &Compiled, row: &[Value]) -> bool {
        if !self.key.iter().all(|(column, value)| row.get(*column) == Some(value)) {
            return false;
        }
        self.n += 1;
        if self.last.len() == MOST_ROWS {
            self.last.remove(0);
        }
        self.last.push(row.to_vec());
        let Some(condition) = &self.condition else { return true };
        let column = |column: usize| row.get(column).cloned().unwrap_or(Value::Null);
        match eval(condition, &column) {
            Ok(Value::Bool(true)) => {}
            // It fails, and is counted as that.
            Err(_) => {}
            Ok(_) => {
                let name = |column: usize| {
                    self.schema.columns.get(column).map_or("?".into(), |c| c.name.to_string())
                };
                let asked = condition::Row { column: &column, name: &name, files: &compiled.files };
                let parts: Vec<Unfulfilled> = unfulfilled(condition, &asked);
                let what = parts
                    .iter()
                    .map(|part| format!("`{}`", part.condition))
                    .collect::<Vec<_>>()
                    .join(" and ");
                let values: Vec<&str> = parts
                    .iter()
                    .map(|part| part.values.as_str())
                    .filter(|values| !values.is_empty())
                    .collect();
                let values = values.join(" and ");
                let shown = row_text(row, &self.schema);
                let entry = self.dropped.entry(what).or_default();
                *entry = (entry.0 + 1, values, shown);
            }
        }
        true
    }
}

/// `{ card: "c1", amount: 0.50 }`
pub fn row_text(row: &[Value], schema: &Schema) -> String {
    let sign = schema.sign.and_then(|sign| row.get(sign));
    let sign = match sign {
        Some(Value::Int(-1)) => "- ",
        Some(_) => "+ ",
        None => "",
    };
    let field = |(number, column): (usize, &millstream_ir::flow::Column)| {
        Some(format!("{}: {}", column.name, value_text(row.get(number)?, &column.ty)))
    };
    let fields: Vec<String> = schema.visible().filter_map(field).collect();
    condition::shortened(&format!("{sign}{{ {} }}", fields.join(", ")), 100)
}

struct Told<'t> {
    compiled: &'t Compiled,
    program: &'t Program,
    stages: &'t Stages,
    counts: &'t [Count],
    joins: &'t BTreeMap<usize, Partners>,
    counted: &'t Counted,
    at: Option<i64>,
}

impl Told<'_> {
    fn text(&self, title: &str) -> String {
        let n_rows = self.counts.last().map_or(0, |count| count.n);
        let at = self.at.map_or(String::new(), |at| format!(", as of {}", format_timestamp(at)));
        let mut text = format!("{title}: {}{at}\n", n_of(n_rows, "row"));
        text += &self.sources();
        for (number, stage) in self.stages.stages.iter().enumerate() {
            text += &self.stage(number, stage);
        }
        if let Some(count) = self.counts.last().filter(|count| !count.last.is_empty()) {
            let of_all = if count.n > count.last.len() as u64 { "the last rows" } else { "its rows" };
            let _ = writeln!(text, "{of_all}:");
            count.last.iter().for_each(|row| text += &format!("  {}\n", row_text(row, &count.schema)));
        }
        text + &self.waiting()
    }

    /// What was read.
    fn sources(&self) -> String {
        let mut text = String::new();
        for source in &self.counted.report.sources {
            let _ = write!(text, "read from {}: {}", source.name, n_of(source.rows, "row"));
            if source.late > 0 {
                let _ = write!(text, ", {} late", thousands(source.late));
            }
            if source.ahead > 0 {
                let _ = write!(text, ", {} too far ahead of the clock", thousands(source.ahead));
            }
            text += &format!("{}\n", failed_text(&source.failed, "unreadable"));
        }
        text
    }

    fn stage(&self, number: usize, stage: &Stage) -> String {
        let count = &self.counts[number];
        let Some(clause) = &stage.clause else {
            return format!("from {}: {}\n", self.called(&stage.name), n_of(count.n, "row"));
        };
        let before = self.counts.get(number - 1);
        let mut text = format!("{}\n", clause_text(self.compiled, clause.span));
        let n_before = before.map_or(0, |before| before.n);
        let _ = write!(text, "  {} in, {} out", thousands(n_before), thousands(count.n));
        let reports = self.counted.report.streams.iter().filter(|report| report.name == stage.name);
        let (mut late, mut failed) = (0, Failed::default());
        for report in reports {
            late += report.late_left_out;
            failed.rows += report.failed.rows;
            failed.examples.extend(report.failed.examples.iter().cloned());
        }
        if late > 0 {
            let _ = write!(text, ", {} left out as late", thousands(late));
        }
        let n_dropped = match &clause.kind {
            ClauseKind::Where(_) => n_before.saturating_sub(count.n).saturating_sub(failed.rows),
            _ => 0,
        };
        if n_dropped > 0 {
            let _ = write!(text, ", {} dropped", thousands(n_dropped));
        }
        text += &format!("{}\n", failed_text(&failed, "failed"));
        let mut dropped: Vec<_> = before.into_iter().flat_map(|before| &before.dropped).collect();
        dropped.sort_by_key(|(_, (n, ..))| std::cmp::Reverse(*n));
        for (what, (n, values, row)) in dropped.iter().take(MOST_EXAMPLES) {
            let values = if values.is_empty() { String::new() } else { format!(": {values}") };
            let _ = writeln!(text, "  {what} did not hold for {}, last of {row}{values}", n_of(*n, "row"));
        }
        if let Some(n) = dropped.len().checked_sub(MOST_EXAMPLES).filter(|n| *n > 0) {
            let _ = writeln!(text, "  … and {} more", n_of(n as u64, "reason"));
        }
        if let Some(join) = self.joins.get(&number) {
            join.lines().iter().for_each(|line| text += &format!("  {line}\n"));
        }
        text
    }

    /// What was open, and which source it waited for.
    fn waiting(&self) -> String {
        let mut text = String::new();
        let waited_for: Vec<&HeldBack> =
            self.counted.waited_for.iter().filter(|held| !held.waiting.is_empty()).collect();
        if waited_for.is_empty() {
            return match self.at {
                Some(_) => "nothing waits\n".to_string(),
                None => String::new(),
            };
        }
        text += match self.at {
            Some(_) => "what waits:\n",
            None => "when the last row had been read, before the input ended, there waited:\n",
        };
        for held in waited_for {
            for (name, waiting) in &held.waiting {
                let what = match waiting.n {
                    Some(n) => n_of(n as u64, waiting.what.trim_end_matches('s')),
                    None => waiting.what.to_string(),
                };
                let until = match waiting.until {
                    i64::MAX => "until the end of the input".to_string(),
                    until => format!("the first until the watermark reaches {}", format_timestamp(until)),
                };
                let _ = writeln!(text, "  {what} of {}, {until}", self.called(name));
            }
            let partition = held.partition.as_deref().filter(|name| **name != *held.source);
            let partition = partition.map_or(String::new(), |name| format!(" ({name})"));
            let watermark = match held.watermark.0 {
                i64::MIN => "of it no row has come".to_string(),
                time => format!("its watermark is {}{}", format_timestamp(time), self.disorder(&held.source)),
            };
            let _ = writeln!(text, "    they wait for {}{partition}: {watermark}", held.source);
        }
        if self.at.is_none() {
            text += "the end of the input let go of it\n";
        }
        text
    }

    /// A clause by its words, anything else by its name.
    fn called(&self, name: &str) -> String {
        let stage = self.stages.stages.iter().find(|stage| *stage.name == *name && stage.clause.is_some());
        match stage.and_then(|stage| stage.clause.as_ref()) {
            Some(clause) => format!("`{}`", clause_text(self.compiled, clause.span)),
            None if *name == format!("{} (0)", self.stages.name) => "the pattern".to_string(),
            None => name.to_string(),
        }
    }

    fn disorder(&self, source: &str) -> String {
        let found = self.program.find(source).and_then(|id| self.program.input(id));
        let input = found.and_then(Input::source);
        match input.and_then(|source| source.time.as_ref()).map(|time| time.disorder) {
            Some(disorder @ 1..) => {
                format!(", the greatest time that came less its disorder of {}", format_duration(disorder))
            }
            Some(_) => ", the greatest time that came".to_string(),
            None => String::new(),
        }
    }
}

/// `, 2 failed: reason (place)`
fn failed_text(failed: &Failed, what: &str) -> String {
    if failed.rows == 0 {
        return String::new();
    }
    let mut text = format!(", {} {what}", thousands(failed.rows));
    for example in failed.examples.iter().take(MOST_EXAMPLES) {
        let row = condition::shortened(&example.row, 100);
        let _ = write!(text, "\n  {} × {}: {}, first of {row}", example.rows, example.place, example.reason);
    }
    text
}

/// The type of the keys of a join, for showing them.
pub fn key_text(key: &[Value], types: &[Type]) -> String {
    key.iter().zip(types).map(|(value, ty)| value_text(value, ty)).collect::<Vec<_>>().join(", ")
}
