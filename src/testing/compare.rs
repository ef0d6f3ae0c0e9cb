//! Holds the rows that came out against those that a test expects, and finds which belong together.

use super::difference::{Line, draw};
use super::prepare::Expected;
use super::{Fault, errors};
use millstream_base::Span;
use millstream_core::hir::{Expectation, ExpectedRow};
use millstream_ir::value::Value;
use millstream_runtime::simulate::Row;
use millstream_syntax::ast::RowOrder;

/// A row that is expected.
pub struct Wanted<'t> {
    /// A value for each visible column; none where any will do.
    pub cells: Vec<Option<&'t Value>>,
    /// Where the test writes it.
    pub span: Span,
}

/// What is wrong with the rows; none if they are as expected.
pub fn fault(expected: &Expected, rows: &[Row]) -> Option<Fault> {
    let stream = &expected.stream;
    let has = || format!("`{stream}` has {}, and the test expects", rows_text(rows.len()));
    let wanted = wanted_rows(expected);
    let (headline, label, span, lines) = match expected.expectation {
        Expectation::Empty if rows.is_empty() => return None,
        Expectation::Empty => {
            let lines = rows.iter().map(Line::Extra).collect();
            (format!("{} none", has()), "not empty".to_string(), expected.span, lines)
        }
        Expectation::Count(n) if rows.len() as u64 == *n => return None,
        Expectation::Count(n) => {
            let lines: Vec<Line> = rows.iter().map(Line::Equal).collect();
            (format!("{} {n}", has()), rows_text(rows.len()), expected.span, lines)
        }
        Expectation::Rows { order, .. } => {
            let lines = match order {
                // Others may come as well, so none of them stands for one that did not.
                RowOrder::Contains => among_others(&wanted, rows),
                // A table has no order.
                RowOrder::Ordered if expected.schema.sign.is_none() => in_order(&wanted, rows),
                RowOrder::Ordered | RowOrder::Unordered => in_any_order(&wanted, rows),
            };
            let told = summary(&lines)?;
            let (label, span) = match first_missing(&lines) {
                Some(span) => ("did not come", span),
                None => ("more rows came", expected.span),
            };
            let headline = match order {
                RowOrder::Contains => format!("`{stream}` lacks rows that the test expects: {told}"),
                _ => format!("`{stream}` has other rows than the test expects: {told}"),
            };
            (headline, label.to_string(), span, lines)
        }
    };
    let table = draw(&expected.columns(), &lines);
    Some(Fault { diagnostic: errors::not_as_expected(span, headline, label), table })
}

/// What differs between two answers of one stream, whatever the order of their rows; none if nothing does.
pub fn difference(expected: &Expected, before: &[Row], after: &[Row]) -> Option<String> {
    let (mut old, mut new) = (before.to_vec(), after.to_vec());
    old.sort();
    new.sort();
    if old == new {
        return None;
    }
    let wanted: Vec<Wanted> =
        old.iter().map(|row| Wanted { cells: row.iter().map(Some).collect(), span: expected.span }).collect();
    Some(draw(&expected.columns(), &in_any_order(&wanted, &new)))
}

fn rows_text(n: usize) -> String {
    format!("{n} {}", if n == 1 { "row" } else { "rows" })
}

fn wanted_rows<'e>(expected: &'e Expected) -> Vec<Wanted<'e>> {
    let Expectation::Rows { rows, .. } = expected.expectation else { return vec![] };
    let n_columns = expected.columns().len();
    let cell = |row: &'e ExpectedRow, column| {
        row.values.iter().find(|(number, _)| *number == column).map(|(_, value)| value)
    };
    rows.iter()
        .map(|row| Wanted { cells: (0..n_columns).map(|c| cell(row, c)).collect(), span: row.span })
        .collect()
}

impl Wanted<'_> {
    fn fits(&self, row: &Row) -> bool {
        self.cells.iter().zip(row).all(|(cell, value)| cell.is_none_or(|cell| cell == value))
    }

    /// Whether at least half of its cells are those of the row, so that a reader sees one row that changed.
    fn resembles(&self, row: &Row) -> bool {
        let compared =
            || self.cells.iter().zip(row).filter_map(|(cell, value)| Some((*cell.as_ref()?, value)));
        compared().filter(|(cell, value)| cell == value).count() * 2 >= compared().count().max(1)
    }
}

/// How many rows differ; none if none does.
fn summary(lines: &[Line]) -> Option<String> {
    let count = |kind: fn(&Line) -> bool| lines.iter().filter(|line| kind(line)).count();
    let parts = [
        (count(|l| matches!(l, Line::Changed(..))), "different"),
        (count(|l| matches!(l, Line::Missing(_))), "missing"),
        (count(|l| matches!(l, Line::Extra(_))), "not expected"),
    ];
    let told: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// Where the first row stands that did not come as it is expected.
fn first_missing(lines: &[Line]) -> Option<Span> {
    lines.iter().find_map(|line| match line {
        Line::Missing(row) | Line::Changed(row, _) => Some(row.span),
        _ => None,
    })
}

/// Comparisons beyond which rows are held against each other by position alone.
const MOST_COMPARISONS: usize = 4_000_000;

/// The longest common sequence stays, what lies between is missing, extra or changed.
fn in_order<'r>(wanted: &'r [Wanted<'r>], rows: &'r [Row]) -> Vec<Line<'r>> {
    let common = match wanted.len().saturating_mul(rows.len()) > MOST_COMPARISONS {
        true => {
            wanted.iter().zip(rows).enumerate().filter(|(_, (w, r))| w.fits(r)).map(|(i, _)| (i, i)).collect()
        }
        false => longest_common(wanted, rows),
    };
    let mut lines = vec![];
    let (mut from, mut from_row) = (0, 0);
    for (to, to_row) in common.into_iter().chain([(wanted.len(), rows.len())]) {
        between(&wanted[from..to], &rows[from_row..to_row], &mut lines);
        lines.extend(rows.get(to_row).filter(|_| to < wanted.len()).map(Line::Equal));
        (from, from_row) = (to + 1, to_row + 1);
    }
    lines
}

/// Rows at one place: those that resemble each other are one row that changed.
fn between<'r>(wanted: &'r [Wanted<'r>], rows: &'r [Row], lines: &mut Vec<Line<'r>>) {
    let mut rows = rows.iter();
    for row in wanted {
        match rows.clone().next() {
            Some(found) if row.resembles(found) => {
                rows.next();
                lines.push(Line::Changed(row, found));
            }
            _ => lines.push(Line::Missing(row)),
        }
    }
    lines.extend(rows.map(Line::Extra));
}

/// Pairs of positions, ascending in both.
fn longest_common(wanted: &[Wanted], rows: &[Row]) -> Vec<(usize, usize)> {
    let width = rows.len() + 1;
    // How long the longest sequence is from these positions on.
    let mut longest = vec![0u32; (wanted.len() + 1) * width];
    for i in (0..wanted.len()).rev() {
        for j in (0..rows.len()).rev() {
            longest[i * width + j] = match wanted[i].fits(&rows[j]) {
                true => longest[(i + 1) * width + j + 1] + 1,
                false => longest[(i + 1) * width + j].max(longest[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut common) = (0, 0, vec![]);
    while i < wanted.len() && j < rows.len() {
        if wanted[i].fits(&rows[j]) {
            common.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    common
}

fn in_any_order<'r>(wanted: &'r [Wanted<'r>], rows: &'r [Row]) -> Vec<Line<'r>> {
    let (partners, mut free) = matched(wanted, rows);
    let mut lines = vec![];
    for (row, partner) in wanted.iter().zip(partners) {
        lines.push(match partner {
            Some(found) => Line::Equal(&rows[found]),
            None => match free.iter().position(|found| row.resembles(&rows[*found])) {
                Some(at) => Line::Changed(row, &rows[free.remove(at)]),
                None => Line::Missing(row),
            },
        });
    }
    lines.extend(free.into_iter().map(|found| Line::Extra(&rows[found])));
    lines
}

/// The rows that are expected among any others, and those others.
fn among_others<'r>(wanted: &'r [Wanted<'r>], rows: &'r [Row]) -> Vec<Line<'r>> {
    let (partners, free) = matched(wanted, rows);
    let line = |(row, partner): (&'r Wanted<'r>, Option<usize>)| match partner {
        Some(found) => Line::Equal(&rows[found]),
        None => Line::Missing(row),
    };
    let mut lines: Vec<Line> = wanted.iter().zip(partners).map(line).collect();
    lines.extend(free.into_iter().map(|found| Line::Equal(&rows[found])));
    lines
}

/// For each expected row the one that stands for it, for as many as possible (a row with columns left out
/// may fit several); and the rows that are left.
fn matched(wanted: &[Wanted], rows: &[Row]) -> (Vec<Option<usize>>, Vec<usize>) {
    /// Finds a row for `number`, if need be by finding another for one that has a row already.
    fn find(number: usize, fits: &[Vec<usize>], taken: &mut [Option<usize>], asked: &mut [bool]) -> bool {
        for row in &fits[number] {
            if std::mem::replace(&mut asked[*row], true) {
                continue;
            }
            if taken[*row].is_none_or(|other| find(other, fits, taken, asked)) {
                taken[*row] = Some(number);
                return true;
            }
        }
        false
    }
    let fitting = |wanted: &Wanted| (0..rows.len()).filter(|row| wanted.fits(&rows[*row])).collect();
    let fits: Vec<Vec<usize>> = wanted.iter().map(fitting).collect();
    let mut taken = vec![None; rows.len()];
    for number in 0..wanted.len() {
        find(number, &fits, &mut taken, &mut vec![false; rows.len()]);
    }
    let mut partners = vec![None; wanted.len()];
    for (row, number) in taken.iter().enumerate() {
        if let Some(number) = number {
            partners[*number] = Some(row);
        }
    }
    let free = (0..rows.len()).filter(|row| taken[*row].is_none()).collect();
    (partners, free)
}
