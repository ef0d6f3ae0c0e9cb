//! The rows of both sides of a join, and why some have found no partner.

use super::{n_of, row_text};
use millstream_core::hir::{Join, JoinBound};
use millstream_ir::eval::eval;
use millstream_ir::expr::Expr;
use millstream_ir::flow::Schema;
use millstream_ir::text::{format_duration, format_timestamp};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_runtime::why::condition::value_text;
use std::collections::BTreeMap;

/// Rows of a side that are remembered.
pub const MOST_ROWS: usize = 200_000;

pub struct Partners {
    join: Join,
    left: Vec<Left>,
    n_left: u64,
    n_right: u64,
    /// The times of the rows on the right, by their keys.
    right: BTreeMap<Vec<Value>, Vec<i64>>,
}

struct Left {
    key: Vec<Value>,
    time: i64,
    text: String,
}

impl Partners {
    pub fn new(join: Join) -> Partners {
        Partners { join, left: vec![], n_left: 0, n_right: 0, right: BTreeMap::new() }
    }

    pub fn left(&mut self, row: &[Value], schema: &Schema) {
        self.n_left += 1;
        if self.left.len() < MOST_ROWS
            && let Some(key) = eval_all(self.join.keys.iter().map(|(left, _)| left), row)
        {
            self.left.push(Left { key, time: time(row, schema), text: row_text(row, schema) });
        }
    }

    pub fn right(&mut self, row: &[Value], schema: &Schema) {
        self.n_right += 1;
        if self.n_right as usize <= MOST_ROWS
            && let Some(key) = eval_all(self.join.keys.iter().map(|(_, right)| right), row)
        {
            self.right.entry(key).or_default().push(time(row, schema));
        }
    }

    /// What can be said of rows on the left without a partner.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("on the other side {}", n_of(self.n_right, "row"))];
        if self.n_right as usize > MOST_ROWS || self.join.keys.is_empty() {
            return lines;
        }
        let types: Vec<Type> = self.join.keys.iter().map(|(left, _)| left.ty.clone()).collect();
        let (mut unknown, mut apart, mut null) = (vec![], vec![], vec![]);
        for left in &self.left {
            match self.right.get(&left.key) {
                _ if left.key.iter().any(Value::is_null) => null.push(left),
                None => unknown.push(left),
                Some(times) => {
                    if let JoinBound::Within { low, high } = self.join.bound
                        && !times.iter().any(|at| (low..=high).contains(&at.saturating_sub(left.time)))
                    {
                        apart.push((left, times));
                    }
                }
            }
        }
        let n = |n: usize| n_of(n as u64, "row");
        if let Some(last) = null.last() {
            lines.push(format!(
                "{} with the key null, which equals nothing, last {}",
                n(null.len()),
                last.text
            ));
        }
        if let Some(last) = unknown.last() {
            let key = key_text(&last.key, &types);
            lines.push(format!(
                "{} whose key never came on the other side, last {key} of {}",
                n(unknown.len()),
                last.text
            ));
        }
        if let (Some((last, times)), JoinBound::Within { low, high }) = (apart.last(), &self.join.bound) {
            let nearest = times.iter().min_by_key(|at| at.abs_diff(last.time)).copied().unwrap_or_default();
            let distance = nearest.saturating_sub(last.time);
            lines.push(format!(
                "{} whose partners came outside of {}..{}, last {} at {}: the nearest came {} {}",
                n(apart.len()),
                format_duration(*low),
                format_duration(*high),
                last.text,
                format_timestamp(last.time),
                format_duration(distance.saturating_abs()),
                if distance < 0 { "before" } else { "after" },
            ));
        }
        if self.left.len() < self.n_left as usize {
            lines.push(format!("this is of the first {}", n(self.left.len())));
        }
        lines
    }
}

/// The values of expressions over a row; none if one of them fails.
pub fn eval_all<'e>(exprs: impl Iterator<Item = &'e Expr>, row: &[Value]) -> Option<Vec<Value>> {
    let column = |column: usize| row.get(column).cloned().unwrap_or(Value::Null);
    exprs.map(|expr| eval(expr, &column).ok()).collect()
}

fn time(row: &[Value], schema: &Schema) -> i64 {
    match row.get(schema.time) {
        Some(Value::Timestamp(time)) => *time,
        _ => i64::MIN,
    }
}

pub fn key_text(key: &[Value], types: &[Type]) -> String {
    key.iter().zip(types).map(|(value, ty)| value_text(value, ty)).collect::<Vec<_>>().join(", ")
}
