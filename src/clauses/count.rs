//! What came out of a clause, and why the next one dropped some of it.

use super::dropped::Dropped;
use super::n_of;
use crate::program::Compiled;
use crate::why::keys::Part;
use millstream_core::hir::{Clause, ClauseKind};
use millstream_ir::expr::Expr;
use millstream_ir::flow::{Column, Schema};
use millstream_ir::value::Value;
use millstream_runtime::why::condition::{self, value_text};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Which rows are kept to be shown.
#[derive(Clone, Copy)]
pub enum Keep {
    First(usize),
    Last(usize),
}

/// The rows behind a clause, and what the next clause drops of them.
pub struct Count {
    pub schema: Schema,
    pub n: u64,
    /// Columns that have to have these values; none if a key is asked for of which they are not there.
    key: Option<Vec<(usize, Value)>>,
    /// The condition of the next clause, if it is a `where`.
    condition: Option<Expr>,
    pub dropped: Dropped,
    pub shown: Vec<Vec<Value>>,
    keep: Keep,
}

impl Count {
    /// `partners`: the columns that joins above added, and what stands in front of their points.
    pub fn new(
        schema: Schema,
        partners: &[(Range<usize>, Arc<str>)],
        looked_at: &BTreeSet<usize>,
        next: Option<&Clause>,
        key: Option<(&[Value], &[Part])>,
        keep: Keep,
    ) -> Count {
        let column =
            |part: &Part| schema.visible().find(|(_, column)| *column.name == *part.name).map(|(n, _)| n);
        let key = key.map_or(Some(vec![]), |(key, parts)| {
            let columns: Option<Vec<usize>> = parts.iter().map(column).collect();
            Some(columns?.into_iter().zip(key.iter().cloned()).collect())
        });
        let condition = match next.map(|clause| &clause.kind) {
            Some(ClauseKind::Where(condition)) if condition.columns().is_subset(looked_at) => {
                Some(condition.clone())
            }
            _ => None,
        };
        let schema = told_apart(schema, partners);
        Count { schema, n: 0, key, condition, dropped: Dropped::default(), shown: vec![], keep }
    }

    /// `3 rows`; of an updating stream, `3 changes`.
    pub fn n_of(&self) -> String {
        n_of(self.n, if self.schema.sign.is_some() { "change" } else { "row" }) + self.of_keys()
    }

    /// Said of what is counted for all keys, where one is asked for.
    pub fn of_keys(&self) -> &'static str {
        if self.key.is_none() { " of all keys" } else { "" }
    }

    pub fn is_of_key(&self, row: &[Value]) -> bool {
        self.key.iter().flatten().all(|(column, value)| row.get(*column) == Some(value))
    }

    /// Whether the row is one of the key.
    pub fn add(&mut self, compiled: &Compiled, row: &[Value]) -> bool {
        if !self.is_of_key(row) {
            return false;
        }
        self.n += 1;
        match self.keep {
            Keep::First(n) if self.shown.len() < n => self.shown.push(row.to_vec()),
            Keep::First(_) => {}
            Keep::Last(n) => {
                self.shown.push(row.to_vec());
                self.shown.drain(..self.shown.len().saturating_sub(n));
            }
        }
        if let Some(condition) = &self.condition {
            let shown = || row_text(row, &self.schema);
            self.dropped.add(condition, (row, &self.schema), &compiled.files, shown);
        }
        true
    }
}

/// The columns of a join's partners by their full names where others are called the same.
fn told_apart(mut schema: Schema, partners: &[(Range<usize>, Arc<str>)]) -> Schema {
    let mut names = BTreeSet::new();
    for (number, column) in schema.columns.iter_mut().enumerate().filter(|(_, column)| !column.hidden) {
        let partner = partners.iter().find(|(columns, _)| columns.contains(&number));
        match partner {
            Some((_, alias)) if names.contains(&column.name) => {
                column.name = format!("{alias}.{}", column.name).into();
            }
            _ => _ = names.insert(column.name.clone()),
        }
    }
    schema
}

/// `{ card: "c1", amount: 0.50 }`
pub fn row_text(row: &[Value], schema: &Schema) -> String {
    let sign = schema.sign.and_then(|sign| row.get(sign));
    let sign = match sign {
        Some(Value::Int(-1)) => "- ",
        Some(_) => "+ ",
        None => "",
    };
    let field = |(number, column): (usize, &Column)| {
        Some(format!("{}: {}", column.name, value_text(row.get(number)?, &column.ty)))
    };
    let fields: Vec<String> = schema.visible().filter_map(field).collect();
    condition::shortened(&format!("{sign}{{ {} }}", fields.join(", ")), 100)
}
