//! Which part of a condition does not hold, and with which values.

use millstream_base::{SourceMap, Span};
use millstream_ir::eval::eval;
use millstream_ir::expr::{Expr, ExprKind, literal_text};
use millstream_ir::types::Type;
use millstream_ir::value::Value;

/// A row that a condition is asked of.
pub struct Row<'r> {
    pub column: &'r dyn Fn(usize) -> Value,
    /// What columns are called.
    pub name: &'r dyn Fn(usize) -> String,
    pub files: &'r SourceMap,
}

/// A part of a condition that does not hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unfulfilled {
    /// As the program says it.
    pub condition: String,
    /// The same with the values, if that says more.
    pub values: String,
}

impl Unfulfilled {
    /// `amount > 500.00: 20.00 > 500.00`
    pub fn text(&self) -> String {
        match self.values.is_empty() {
            true => format!("`{}`", self.condition),
            false => format!("`{}`: {}", self.condition, self.values),
        }
    }
}

/// Longer values are cut.
const LONGEST: usize = 60;

/// The parts of a condition that keep it from holding: of those that must all hold the first that does not, of
/// those of which one would do all.
pub fn unfulfilled(condition: &Expr, row: &Row) -> Vec<Unfulfilled> {
    let holds = |part: &Expr| eval(part, row.column) == Ok(Value::Bool(true));
    match &condition.kind {
        ExprKind::And(a, b) => unfulfilled(if holds(a) { b } else { a }, row),
        ExprKind::Or(a, b) => [unfulfilled(a, row), unfulfilled(b, row)].concat(),
        ExprKind::Let { local, value, body } => {
            let mut body = (**body).clone();
            put(&mut body, *local, value);
            unfulfilled(&body, row)
        }
        _ => {
            let text = source_text(condition, row);
            let values = match eval(condition, row.column) {
                Err(error) => error.reason,
                Ok(_) => values_text(condition, row),
            };
            vec![Unfulfilled { values: if values == text { String::new() } else { values }, condition: text }]
        }
    }
}

/// An expression as the program has it, on one line.
pub fn source_text(expr: &Expr, row: &Row) -> String {
    let written = written(row.files, expr.span);
    if written.is_empty() { expr.text(&row.name).to_string() } else { written }
}

/// What stands in the program, on one line; nothing of what the standard library says.
pub fn written(files: &SourceMap, span: Span) -> String {
    let is_of_program = files.files().any(|(file, _)| file == span.file);
    let text = if is_of_program { files.text(span) } else { "" };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn values_text(condition: &Expr, row: &Row) -> String {
    let value = |expr: &Expr| eval(expr, row.column).map_or("?".to_string(), |v| value_text(&v, &expr.ty));
    match &condition.kind {
        ExprKind::Binary(op, a, b) if op.is_comparison() => {
            format!("{} {} {}", value(a), op.symbol(), value(b))
        }
        _ => {
            let mut said: Vec<String> = vec![];
            // What the program does not write stands where the whole does: whether a table has a key.
            let is_written =
                |part: &&Expr| std::ptr::eq(*part, condition) || part.span.range() != condition.span.range();
            for part in looked_at(condition).into_iter().filter(is_written) {
                let Ok(found) = eval(part, row.column) else { continue };
                let text = format!("{} is {}", source_text(part, row), value_text(&found, &part.ty));
                if !said.contains(&text) {
                    said.push(text);
                }
            }
            said.join(", ")
        }
    }
}

/// A value as the language writes it, if it is not too long.
pub fn value_text(value: &Value, ty: &Type) -> String {
    let text = match value {
        Value::List(items) if items.len() > 4 => format!("a list of {}", items.len()),
        value => literal_text(value, ty),
    };
    shortened(&text, LONGEST)
}

pub fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// The columns, and fields of columns, that an expression looks at.
fn looked_at(expr: &Expr) -> Vec<&Expr> {
    match is_path(expr) {
        true => vec![expr],
        false => expr.children().into_iter().flat_map(looked_at).collect(),
    }
}

fn is_path(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Column(_) => true,
        ExprKind::Field { record: of, .. } | ExprKind::Member { json: of, .. } => is_path(of),
        ExprKind::Index { base, .. } => is_path(base),
        _ => false,
    }
}

/// Puts a value in the place of a local name.
fn put(expr: &mut Expr, local: usize, value: &Expr) {
    expr.rewrite(&mut |part| {
        if matches!(part.kind, ExprKind::Local(number) if number == local) {
            *part = value.clone();
        }
    });
}
