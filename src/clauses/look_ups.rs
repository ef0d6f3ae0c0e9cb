//! What the rows of a join find in a table, and why some find nothing.
//!
//! The table is asked again by joins that leave nothing out ([`Probe`]), over the same rows: what a table holds is
//! not on its way anywhere, so that it could be looked at itself.

use super::dropped::Dropped;
use super::n_of;
use super::partners::{MOST_ROWS, eval_all, key_text};
use crate::program::Compiled;
use crate::replay::{Observed, add_stream, rows_of};
use millstream_base::Span;
use millstream_core::hir::{Clause, ClauseKind, Head, InputId, Join, JoinBound, Program, Query};
use millstream_ir::eval::eval;
use millstream_ir::expr::Expr;
use millstream_ir::flow::{Column, JoinKind, OnError, Schema};
use millstream_ir::text::{format_duration, format_timestamp};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the streams are called that ask again; no stream of a program is.
const NAME: &str = "(asked again)";

/// How the table is asked: by the keys of the join alone, and each row leaves, with all partners or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probe {
    /// For what the join asks for.
    AsAsked,
    /// For versions that may be older than the join allows.
    AtAnyAge,
    /// For what stands when all has come.
    AtTheEnd,
}

pub struct LookUps {
    join: Join,
    table: String,
    n_left: usize,
    /// The rows behind a probe.
    schema: Schema,
    n_null: u64,
    last_null: String,
    /// Rows that found nothing.
    alone: Vec<Alone>,
    n_alone: u64,
    /// Of an `anti join`, a row that found something.
    last_found: String,
    refused: Dropped,
    /// Of rows that found something of any age, what they asked for and when that came.
    older: BTreeMap<(Vec<Value>, Option<i64>), Option<i64>>,
    /// The keys that the table has at the end; none before the end.
    at_end: Option<BTreeSet<Vec<Value>>>,
}

struct Alone {
    key: Vec<Value>,
    /// The time that it asked for.
    at: Option<i64>,
    text: String,
}

impl LookUps {
    /// Of a join with a table, over rows of these columns.
    pub fn new(join: Join, left: &Schema, program: &Program) -> LookUps {
        let of_right = join.schema.columns.iter();
        let of_right =
            of_right.map(|column| Column { ty: column.ty.clone().or_null(true), ..column.clone() });
        let mut columns: Vec<Column> = left.columns.iter().cloned().chain(of_right).collect();
        columns.push(Column { name: "time".into(), ty: Type::TIMESTAMP, hidden: true });
        let schema = Schema { time: columns.len() - 1, columns, sign: left.sign, key: None };
        LookUps {
            table: program.input(join.right.of).map_or_else(String::new, |input| input.name().to_string()),
            n_left: left.columns.len(),
            schema,
            join,
            n_null: 0,
            last_null: String::new(),
            alone: vec![],
            n_alone: 0,
            last_found: String::new(),
            refused: Dropped::default(),
            older: BTreeMap::new(),
            at_end: None,
        }
    }

    /// The ways to ask the table again over rows of `before`, which are added to the program, and what is looked at.
    pub fn probes(&self, program: &mut Program, before: &Observed, span: Span) -> Vec<(Probe, Observed)> {
        let mut probes = vec![(Probe::AsAsked, self.join.bound.clone())];
        if let JoinBound::AsOf { at, ahead, max_age } = &self.join.bound {
            if max_age.is_some() {
                let bound = JoinBound::AsOf { at: at.clone(), ahead: *ahead, max_age: None };
                probes.push((Probe::AtAnyAge, bound));
            }
            let end = Expr::literal(Value::Timestamp(i64::MAX - 1), Type::TIMESTAMP, span);
            probes.push((Probe::AtTheEnd, JoinBound::AsOf { at: end, ahead: i64::MAX, max_age: None }));
        }
        let probe = |(probe, bound)| {
            let join = Join { kind: JoinKind::Left, condition: None, bound, ..self.join.clone() };
            let clause = Clause { kind: ClauseKind::Join(join), span, schema: self.schema.clone() };
            let query = Query {
                head: Head::Rows(before.rows),
                schema: before.schema.clone(),
                clauses: vec![clause],
                on_error: OnError::Keep,
                span,
            };
            let of: InputId = add_stream(program, NAME.into(), query);
            let columns = Some(self.looked_at(before));
            (probe, Observed { rows: rows_of(of), schema: self.schema.clone(), columns })
        };
        probes.into_iter().map(probe).collect()
    }

    /// What is looked at of the rows before, the keys of their partners and when these came, and what the condition
    /// asks for.
    fn looked_at(&self, before: &Observed) -> BTreeSet<usize> {
        let of_right = self.join.keys.iter().flat_map(|(_, right)| right.columns());
        let of_right = of_right.chain([self.join.schema.time]).map(|column| column + self.n_left);
        let condition = self.join.condition.iter().flat_map(Expr::columns);
        before.columns.iter().flatten().copied().chain(of_right).chain(condition).collect()
    }

    /// Whether what has this name is a probe.
    pub fn is_probe(name: &str) -> bool {
        name == NAME
    }

    /// A row behind a probe; `shown` is the text of the row on the left.
    pub fn seen(&mut self, compiled: &Compiled, probe: Probe, row: &[Value], shown: impl Fn() -> String) {
        // What is withdrawn was told of when it came.
        if self.schema.sign.is_some_and(|sign| row.get(sign) == Some(&Value::Int(-1))) {
            return;
        }
        let (left, right) = row.split_at(self.n_left.min(row.len()));
        let right = &right[..right.len().saturating_sub(1)];
        let has_partner = right.iter().any(|value| !value.is_null());
        let Some(key) = eval_all(self.join.keys.iter().map(|(left, _)| left), left) else { return };
        let at = match &self.join.bound {
            JoinBound::AsOf { at, .. } => time_of(eval(at, &|column| left[column].clone()).ok()),
            _ => None,
        };
        match probe {
            Probe::AtAnyAge if has_partner => {
                let since = time_of(right.get(self.join.schema.time).cloned());
                if self.is_too_old(at, since) {
                    self.older.insert((key, at), since);
                }
            }
            Probe::AtAnyAge => {}
            Probe::AtTheEnd => {
                let at_end = self.at_end.get_or_insert_default();
                at_end.extend(has_partner.then_some(key));
            }
            Probe::AsAsked if key.iter().any(Value::is_null) => {
                self.n_null += 1;
                self.last_null = shown();
            }
            Probe::AsAsked if !has_partner => {
                self.n_alone += 1;
                if self.alone.len() < MOST_ROWS {
                    self.alone.push(Alone { key, at, text: shown() });
                }
            }
            Probe::AsAsked => {
                let holds = |condition: &Expr| {
                    eval(condition, &|column| row[column].clone()) == Ok(Value::Bool(true))
                };
                if self.join.condition.as_ref().is_none_or(holds) {
                    self.last_found = shown();
                } else if let Some(condition) = &self.join.condition {
                    self.refused.add(condition, (row, &self.schema), &compiled.files, shown);
                }
            }
        }
    }

    fn is_too_old(&self, at: Option<i64>, since: Option<i64>) -> bool {
        let (JoinBound::AsOf { max_age: Some(age), .. }, Some(at), Some(since)) =
            (&self.join.bound, at, since)
        else {
            return true;
        };
        at.saturating_sub(since) > *age
    }

    /// What can be said of rows that found nothing; of an `anti join`, which left out so many, of those that found
    /// something.
    pub fn lines(&self, n_left_out: u64) -> Vec<String> {
        let table = &self.table;
        if self.join.kind == JoinKind::Anti {
            let found = (n_left_out > 0 && !self.last_found.is_empty())
                .then(|| format!("{} found in {table}, last {}", n_of(n_left_out, "row"), self.last_found));
            return found.into_iter().collect();
        }
        let mut lines = vec![];
        if self.n_null > 0 {
            let n = n_of(self.n_null, "row");
            lines.push(format!("{n} with the key null, which equals nothing, last {}", self.last_null));
        }
        let (mut unknown, mut not_yet, mut old) = (vec![], vec![], vec![]);
        for alone in &self.alone {
            let is_at_end = self.at_end.as_ref().map(|keys| keys.contains(&alone.key));
            match self.older.get(&(alone.key.clone(), alone.at)) {
                Some(since) => old.push((alone, since)),
                None if is_at_end == Some(true) && !self.join.keys.is_empty() => not_yet.push(alone),
                None => unknown.push(alone),
            }
        }
        let n = |n: usize| n_of(n as u64, "row");
        if let Some(last) = unknown.last() {
            let what = match (self.join.keys.is_empty(), &self.join.bound, &self.at_end) {
                (true, ..) => format!("that found no row in {table}"),
                (_, JoinBound::AsOf { .. }, None) => {
                    format!("whose key was not in {table} at the time asked for")
                }
                (_, JoinBound::AsOf { .. }, Some(_)) => format!("whose key is not in {table}"),
                _ => format!("whose key was not in {table} when it came"),
            };
            lines.push(format!("{} {what}, last {}", n(unknown.len()), self.asked(last)));
        }
        if let Some(last) = not_yet.last() {
            lines.push(format!(
                "{} whose key was not in {table} at the time asked for, as it is at the end, last {}",
                n(not_yet.len()),
                self.asked(last)
            ));
        }
        if let (Some((last, since)), JoinBound::AsOf { max_age: Some(age), .. }) =
            (old.last(), &self.join.bound)
        {
            let since =
                since.map_or(String::new(), |since| format!(": that is of {}", format_timestamp(since)));
            lines.push(format!(
                "{} of whose key the version in {table} was older than {}, last {}{since}",
                n(old.len()),
                format_duration(*age),
                self.asked(last)
            ));
        }
        if (self.alone.len() as u64) < self.n_alone {
            lines.push(format!("this is of the first {}", n(self.alone.len())));
        }
        lines.extend(self.refused.lines("pair"));
        lines
    }

    /// `"EUR" at 2024-05-01T12:00:00Z of { … }`
    fn asked(&self, alone: &Alone) -> String {
        let types: Vec<Type> = self.join.keys.iter().map(|(left, _)| left.ty.clone()).collect();
        let at = alone.at.map_or(String::new(), |at| format!(" at {}", format_timestamp(at)));
        match types.is_empty() {
            true => alone.text.clone(),
            false => format!("{}{at} of {}", key_text(&alone.key, &types), alone.text),
        }
    }
}

fn time_of(value: Option<Value>) -> Option<i64> {
    match value {
        Some(Value::Timestamp(time)) => Some(time),
        _ => None,
    }
}
