//! Draws how rows differ from those that are expected: a table in which `-` marks what was expected, `+`
//! what came instead, and `^` the cells that differ.

use super::compare::Wanted;
use millstream_core::hir::TEST_START;
use millstream_ir::expr::literal_text;
use millstream_ir::flow::Column;
use millstream_ir::text::format_duration;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_runtime::simulate::Row;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub enum Line<'r> {
    Equal(&'r Row),
    Missing(&'r Wanted<'r>),
    Extra(&'r Row),
    /// One was expected, the other came.
    Changed(&'r Wanted<'r>, &'r Row),
}

/// Rows around a difference that show where it is.
const CONTEXT: usize = 2;

/// Lines that are drawn.
const MOST: usize = 60;

/// A cell is cut to this.
const WIDEST: usize = 60;

const LEFT_OUT: &str = "·";

pub fn draw(columns: &[&Column], lines: &[Line]) -> String {
    let mut drawn: Vec<(&str, Vec<String>)> = vec![];
    let mut skipped = 0;
    for (number, line) in lines.iter().enumerate() {
        if !is_near_difference(lines, number) {
            skipped += 1;
            continue;
        }
        skip(&mut drawn, &mut skipped);
        match line {
            Line::Equal(row) => drawn.push((" ", found(columns, row))),
            Line::Missing(row) => drawn.push(("-", wanted(columns, row))),
            Line::Extra(row) => drawn.push(("+", found(columns, row))),
            Line::Changed(expected, row) => {
                drawn.push(("-", wanted(columns, expected)));
                drawn.push(("+", found(columns, row)));
                drawn.push((" ", marks(columns, expected, row)));
            }
        }
    }
    skip(&mut drawn, &mut skipped);
    let n_more = drawn.len().saturating_sub(MOST);
    drawn.truncate(MOST);
    let mut out = laid_out(columns, &drawn);
    if n_more > 0 {
        out += &format!("    … and {n_more} more lines\n");
    }
    out
}

/// A line for rows that are not drawn; it has no cells.
fn skip(drawn: &mut Vec<(&str, Vec<String>)>, skipped: &mut usize) {
    if *skipped > 0 {
        drawn.push(("…", vec![]));
        *skipped = 0;
    }
}

/// Where nothing differs, as of a count, every line is near.
fn is_near_difference(lines: &[Line], number: usize) -> bool {
    let differs = |line: &Line| !matches!(line, Line::Equal(_));
    let near = &lines[number.saturating_sub(CONTEXT)..lines.len().min(number + CONTEXT + 1)];
    near.iter().any(differs) || !lines.iter().any(differs)
}

fn found(columns: &[&Column], row: &Row) -> Vec<String> {
    columns.iter().zip(row).map(|(column, value)| cell(value, &column.ty)).collect()
}

fn wanted(columns: &[&Column], row: &Wanted) -> Vec<String> {
    let text = |(column, value): (&&Column, &Option<&Value>)| {
        value.map_or(LEFT_OUT.to_string(), |value| cell(value, &column.ty))
    };
    columns.iter().zip(&row.cells).map(text).collect()
}

/// `^` below the cells that differ.
fn marks(columns: &[&Column], expected: &Wanted, row: &Row) -> Vec<String> {
    let mark = |((column, cell_wanted), value): ((&&Column, &Option<&Value>), &Value)| match cell_wanted {
        Some(other) if *other != value => "^".repeat(cell(value, &column.ty).width().max(1)),
        _ => String::new(),
    };
    columns.iter().zip(&expected.cells).zip(row).map(mark).collect()
}

/// As a test writes the value: times from the test's start on as `+10s`.
fn cell(value: &Value, ty: &Type) -> String {
    const FAR: i64 = 100 * 86_400_000_000;
    let text = match value {
        Value::Timestamp(time) if (TEST_START..TEST_START + FAR).contains(time) => {
            format!("+{}", format_duration(time - TEST_START))
        }
        _ => literal_text(value, ty),
    };
    let printable: String = text
        .chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect();
    cut(&printable)
}

fn cut(text: &str) -> String {
    if text.width() <= WIDEST {
        return text.to_string();
    }
    let mut room = WIDEST - 1;
    let fits = |c: &char| {
        let left = room.checked_sub(c.width().unwrap_or(0));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    kept.push('…');
    kept
}

fn laid_out(columns: &[&Column], drawn: &[(&str, Vec<String>)]) -> String {
    let cells = |column: usize| drawn.iter().filter_map(move |(_, cells)| cells.get(column));
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(number, column)| cells(number).map(|c| c.width()).max().unwrap_or(0).max(column.name.width()))
        .collect();
    let mut out = String::new();
    let mut row = |mark: &str, cells: &[String]| {
        let mut line = format!("  {mark} ");
        for ((cell, width), column) in cells.iter().zip(&widths).zip(columns) {
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            let (left, right) =
                if column.ty.is_numeric() { (padding, String::new()) } else { (String::new(), padding) };
            line += &format!("{left}{cell}{right}  ");
        }
        out += line.trim_end();
        out.push('\n');
    };
    row(" ", &columns.iter().map(|column| column.name.to_string()).collect::<Vec<_>>());
    row(" ", &widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>());
    drawn.iter().for_each(|(mark, cells)| row(mark, cells));
    out
}
