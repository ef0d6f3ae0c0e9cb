//! What did not hold of a condition, and for which rows.

use super::n_of;
use millstream_base::SourceMap;
use millstream_ir::eval::eval;
use millstream_ir::expr::Expr;
use millstream_ir::flow::Schema;
use millstream_ir::value::Value;
use millstream_runtime::why::condition::{self, Unfulfilled, unfulfilled};
use std::collections::BTreeMap;

/// Reasons that are told.
const MOST_REASONS: usize = 3;

/// By what did not hold.
#[derive(Default)]
pub struct Dropped(BTreeMap<String, Last>);

/// How often, and the values and the row, last.
#[derive(Default)]
struct Last {
    n: u64,
    values: String,
    row: String,
}

impl Dropped {
    /// Looks at a condition of a row, which `shown` stands for. One that fails is counted elsewhere, as failed.
    pub fn add(
        &mut self,
        condition: &Expr,
        (row, schema): (&[Value], &Schema),
        files: &SourceMap,
        shown: impl FnOnce() -> String,
    ) {
        let column = |column: usize| row.get(column).cloned().unwrap_or(Value::Null);
        if matches!(eval(condition, &column), Ok(Value::Bool(true)) | Err(_)) {
            return;
        }
        let name = |column: usize| schema.columns.get(column).map_or("?".into(), |c| c.name.to_string());
        let parts: Vec<Unfulfilled> =
            unfulfilled(condition, &condition::Row { column: &column, name: &name, files });
        let conditions = parts.iter().map(|part| format!("`{}`", part.condition));
        let values = parts.iter().map(|part| part.values.as_str()).filter(|values| !values.is_empty());
        let last = self.0.entry(conditions.collect::<Vec<_>>().join(" and ")).or_default();
        *last = Last { n: last.n + 1, values: values.collect::<Vec<_>>().join(" and "), row: shown() };
    }

    /// A line on each of the most frequent reasons; rows of which one `is` dropped are called so.
    pub fn lines(&self, is: &str) -> Vec<String> {
        let mut reasons: Vec<(&String, &Last)> = self.0.iter().collect();
        reasons.sort_by_key(|(_, last)| std::cmp::Reverse(last.n));
        let line = |(what, Last { n, values, row }): &(&String, &Last)| {
            let values = if values.is_empty() { String::new() } else { format!(": {values}") };
            format!("{what} did not hold for {}, last of {row}{values}", n_of(*n, is))
        };
        let mut lines: Vec<String> = reasons.iter().take(MOST_REASONS).map(line).collect();
        if let Some(n) = reasons.len().checked_sub(MOST_REASONS).filter(|n| *n > 0) {
            lines.push(format!("… and {} more", n_of(n as u64, "reason")));
        }
        lines
    }
}
