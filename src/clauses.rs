//! What each clause of a stream does with its rows: what `why --stream` and `preview` tell of.
//!
//! A stream is taken apart into one for each clause ([`stages`]); a [replay](crate::replay) of the inputs shows their
//! rows, which are counted ([`count`]), and those that find no partner in a join with a stream ([`partners`]) or with a
//! table ([`look_ups`]).

mod count;
mod dropped;
mod look_ups;
mod partners;
mod stages;

use crate::program::Compiled;
use crate::replay::{Observed, Replay};
use crate::why::keys::Part;
use crate::written::written;
pub use count::{Count, Keep, row_text};
pub use look_ups::LookUps;
use look_ups::Probe;
use millstream_base::Span;
use millstream_core::hir::{ClauseKind, Input, Program};
use millstream_ir::batch::Batch;
use millstream_ir::flow::Schema;
use millstream_ir::value::Value;
use millstream_runtime::report::{Failed, Report, thousands};
use millstream_runtime::why::condition;
use partners::Partners;
pub use stages::{Looked, Stages, input_named};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Examples that are told of what failed.
const MOST_EXAMPLES: usize = 3;

/// The rows of the parts of a stream, as a replay shows them.
pub struct Clauses {
    pub stages: Stages,
    pub counts: Vec<Count>,
    looked_at: Vec<BTreeSet<usize>>,
    /// What is observed beside the parts.
    others: Vec<Other>,
    joins: BTreeMap<usize, Partners>,
    look_ups: BTreeMap<usize, LookUps>,
}

/// What is observed for a part that is a join, by its number.
enum Other {
    Side(usize),
    Probe(usize, Probe),
}

impl Clauses {
    /// The parts, and what is to be observed of them; what their rows are told apart by, if they are.
    pub fn new(
        stages: Stages,
        compiled: &Compiled,
        program: &mut Program,
        key: &[Part],
        looked: Looked,
    ) -> (Clauses, Vec<Observed>) {
        let observed = stages.observed(compiled, program, key, looked);
        let looked_at =
            observed.iter().map(|observed| observed.columns.clone().unwrap_or_default()).collect();
        let (joins, look_ups) = (BTreeMap::new(), BTreeMap::new());
        let mut clauses = Clauses { stages, counts: vec![], looked_at, others: vec![], joins, look_ups };
        let mut beside = vec![];
        for (number, stage) in clauses.stages.stages.iter().enumerate() {
            let Some(clause) = &stage.clause else { continue };
            let ClauseKind::Join(join) = &clause.kind else { continue };
            if let Some(Input::Table(_)) = program.input(join.right.of) {
                let Some(before) = number.checked_sub(1).map(|before| &observed[before]) else { continue };
                if !clauses.is_written(number) {
                    continue;
                }
                let look_ups = LookUps::new(join.clone(), &before.schema, program);
                for (probe, observed) in look_ups.probes(program, before, clause.span) {
                    beside.push(observed);
                    clauses.others.push(Other::Probe(number, probe));
                }
                clauses.look_ups.insert(number, look_ups);
            } else {
                beside.push(Observed { rows: join.right, schema: join.schema.clone(), columns: None });
                clauses.others.push(Other::Side(number));
                clauses.joins.insert(number, Partners::new(join.clone()));
            }
        }
        (clauses, observed.into_iter().chain(beside).collect())
    }

    /// Begins to count; `first` is the number of its first part among all that the replay observes.
    pub fn begin(&mut self, replay: &Replay, first: usize, key: Option<(&[Value], &[Part])>, keep: Keep) {
        let mut partners = vec![];
        let count = |(number, looked_at): (usize, &BTreeSet<usize>)| {
            let clause = |number: usize| self.stages.stages.get(number)?.clause.as_ref();
            if let Some(ClauseKind::Join(join)) = clause(number).map(|clause| &clause.kind)
                && !join.kind.yields_left_only()
            {
                let n_left = replay.schema(first + number - 1).columns.len();
                partners.push((n_left..n_left + join.schema.columns.len(), join.alias.clone()));
            }
            let schema = replay.schema(first + number).clone();
            Count::new(schema, &partners, looked_at, clause(number + 1), key, keep)
        };
        self.counts = self.looked_at.iter().enumerate().map(count).collect();
    }

    /// Rows of the part, or other side of a join, with this number.
    pub fn seen(
        &mut self,
        compiled: &Compiled,
        replay: &Replay,
        (first, number): (usize, usize),
        batch: &Batch,
    ) {
        let rows = (0..batch.n_rows).map(|row| replay.row(first + number, batch, row));
        let schema = replay.schema(first + number);
        if let Some(other) = number.checked_sub(self.counts.len()) {
            return self.seen_beside(compiled, schema, other, rows);
        }
        for row in rows {
            if self.counts[number].add(compiled, &row)
                && let Some(join) = self.joins.get_mut(&(number + 1))
            {
                join.left(&row, schema);
            }
        }
    }

    /// Rows of what is observed beside the parts.
    fn seen_beside(
        &mut self,
        compiled: &Compiled,
        schema: &Schema,
        other: usize,
        rows: impl Iterator<Item = Vec<Value>>,
    ) {
        match self.others.get(other) {
            Some(Other::Side(stage)) => {
                let Some(join) = self.joins.get_mut(stage) else { return };
                rows.for_each(|row| join.right(&row, schema));
            }
            Some(Other::Probe(stage, probe)) => {
                let (Some(look_ups), Some(before)) =
                    (self.look_ups.get_mut(stage), self.counts.get(stage - 1))
                else {
                    return;
                };
                for row in rows.filter(|row| before.is_of_key(row)) {
                    look_ups.seen(compiled, *probe, &row, || row_text(&row, &before.schema));
                }
            }
            None => {}
        }
    }

    /// Whether the part with this number stands in the program: a table that a clause asks for keys (`x in t`) is
    /// joined in front of it.
    pub fn is_written(&self, number: usize) -> bool {
        let clause = |number: usize| self.stages.stages.get(number)?.clause.as_ref();
        match (clause(number), clause(number + 1)) {
            (Some(join), Some(next)) => !matches!(join.kind, ClauseKind::Join(_)) || join.span != next.span,
            _ => true,
        }
    }

    /// What the part with this number did: how many rows came in and out, which failed and which were dropped.
    pub fn told(&self, compiled: &Compiled, report: &Report, number: usize) -> String {
        let (Some(stage), Some(count)) = (self.stages.stages.get(number), self.counts.get(number)) else {
            return String::new();
        };
        if !self.is_written(number) {
            return String::new();
        }
        let Some(clause) = &stage.clause else {
            return format!("from {}: {}\n", self.called(compiled, &stage.name), count.n_of());
        };
        let before = number.checked_sub(1).and_then(|before| self.counts.get(before));
        let spans = stage.group.into_iter().chain([clause.span]);
        let lines = spans.map(|span| clause_text(compiled, span)).filter(|line| !line.is_empty());
        let mut text: String = lines.map(|line| line + "\n").collect();
        let n_before = before.map_or(0, |before| before.n);
        let of_keys = count.of_keys();
        let _ = write!(text, "  {} in, {} out{of_keys}", thousands(n_before), thousands(count.n));
        let reports = report.streams.iter().filter(|report| report.name == stage.name);
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
        let dropped = before.iter().flat_map(|before| before.dropped.lines("row"));
        dropped.for_each(|line| text += &format!("  {line}\n"));
        if let Some(join) = self.joins.get(&number) {
            join.lines().iter().for_each(|line| text += &format!("  {line}\n"));
        }
        if let Some(look_ups) = self.look_ups.get(&number) {
            let n_left_out = n_before.saturating_sub(count.n).saturating_sub(failed.rows);
            look_ups.lines(n_left_out).iter().for_each(|line| text += &format!("  {line}\n"));
        }
        text
    }

    /// A clause by its words, anything else by its name.
    pub fn called(&self, compiled: &Compiled, name: &str) -> String {
        let stage = self.stages.stages.iter().find(|stage| *stage.name == *name && stage.clause.is_some());
        match stage.and_then(|stage| stage.clause.as_ref()) {
            Some(clause) => format!("`{}`", clause_text(compiled, clause.span)),
            None if *name == format!("{} (0)", self.stages.name) => "the pattern".to_string(),
            None => name.to_string(),
        }
    }
}

/// `, 2 failed: reason (place)`
pub fn failed_text(failed: &Failed, what: &str) -> String {
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

/// A clause as it is written, not all of it if it is long.
pub fn clause_text(compiled: &Compiled, span: Span) -> String {
    condition::shortened(&written(&compiled.files, span), 100)
}

pub fn n_of(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(n))
}
