//! Rows as a table on a terminal.
//!
//! The first rows are held back until there are enough of them to choose widths, or
//! [`Encoder::flush`] asks for them; what comes later is cut to these widths, numbers never.
//! Rows of an updating stream stand behind what they do: `+` for one that is added, `-` withdrawn,
//! `~` one that replaces the row of the same key.

use super::changes::{Change, Changes};
use super::{Encoder, csv_encode};
use millstream_ir::batch::Batch;
use millstream_ir::flow::Schema;
use millstream_ir::types::{Type, TypeKind};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Rows from which widths are chosen.
const SAMPLE: usize = 100;

/// No text is cut below this to fit the terminal.
const NARROWEST: usize = 8;

const GAP: &str = "  ";

pub struct TableEncoder {
    changes: Option<Changes>,
    columns: Vec<Column>,
    terminal_width: usize,
    /// The cells of the rows held back, row by row; none once widths are chosen.
    held: Option<Vec<String>>,
}

#[derive(Clone)]
struct Column {
    name: String,
    /// The column's number in the batch; none for the one that tells what a row does.
    number: Option<usize>,
    ty: Type,
    width: usize,
    /// Numbers: aligned to the right and never cut.
    number_like: bool,
}

impl TableEncoder {
    pub fn new(schema: &Schema, terminal_width: usize) -> TableEncoder {
        let columns = schema.visible().map(|(number, column)| {
            let name = printable(&column.name);
            let number_like = column.ty.is_numeric() || column.ty.kind == TypeKind::Duration;
            Column { width: name.width(), name, number: Some(number), ty: column.ty.clone(), number_like }
        });
        let changes = Changes::new(schema);
        let mark =
            Column { name: String::new(), number: None, ty: Type::STRING, width: 1, number_like: false };
        let columns = changes.iter().map(|_| mark.clone()).chain(columns).collect();
        TableEncoder { changes, columns, terminal_width, held: Some(vec![]) }
    }

    /// The rows to show, each behind the mark of what it does.
    fn rows(&self, batch: &Batch) -> Vec<(&'static str, usize)> {
        let marked = |change: &Change| match *change {
            Change::Added(row) => ("+", row),
            Change::Withdrawn(row) => ("-", row),
            Change::Replaced(_, row) => ("~", row),
        };
        match &self.changes {
            Some(changes) => changes.of(batch).iter().map(marked).collect(),
            None => (0..batch.n_rows).map(|row| ("", row)).collect(),
        }
    }

    fn cell(column: &Column, batch: &Batch, mark: &str, row: usize) -> String {
        let Some(number) = column.number else { return mark.to_string() };
        let mut text = vec![];
        if !csv_encode::write_cell(&mut text, &batch.columns[number], row, &column.ty) {
            return "null".to_string();
        }
        printable(&String::from_utf8_lossy(&text))
    }

    /// Chooses the widths and writes what was held back.
    fn release(&mut self, out: &mut Vec<u8>) {
        let Some(held) = self.held.take() else { return };
        for row in held.chunks(self.columns.len()) {
            for (column, cell) in self.columns.iter_mut().zip(row) {
                column.width = column.width.max(cell.width());
            }
        }
        self.shrink();
        self.write_row(self.columns.iter().map(|c| c.name.as_str()), out);
        let rules: Vec<String> = self.columns.iter().map(|c| "─".repeat(c.width)).collect();
        self.write_row(rules.iter().map(String::as_str), out);
        for row in held.chunks(self.columns.len()) {
            self.write_row(row.iter().map(String::as_str), out);
        }
    }

    /// Takes from the widest text columns what the terminal has no room for.
    fn shrink(&mut self) {
        let gaps = GAP.len() * self.columns.len().saturating_sub(1);
        let total: usize = gaps + self.columns.iter().map(|c| c.width).sum::<usize>();
        for _ in self.terminal_width..total {
            let texts = self.columns.iter_mut().filter(|c| !c.number_like && c.width > NARROWEST);
            match texts.max_by_key(|c| c.width) {
                Some(widest) => widest.width -= 1,
                None => return,
            }
        }
    }

    fn write_row<'a>(&self, cells: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
        let mut line = String::new();
        for (i, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            if i > 0 {
                line.push_str(GAP);
            }
            let padding = " ".repeat(column.width.saturating_sub(cell.width()));
            if column.number_like {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(&cut(cell, column.width));
                line.push_str(&padding);
            }
        }
        out.extend_from_slice(cut(line.trim_end(), self.terminal_width).as_bytes());
        out.push(b'\n');
    }
}

impl Encoder for TableEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        if self.columns.is_empty() {
            return;
        }
        for (mark, row) in self.rows(batch) {
            let cells = self.columns.iter().map(|column| TableEncoder::cell(column, batch, mark, row));
            match &mut self.held {
                Some(held) => {
                    held.extend(cells);
                    if held.len() >= SAMPLE * self.columns.len() {
                        self.release(out);
                    }
                }
                None => {
                    let cells: Vec<String> = cells.collect();
                    self.write_row(cells.iter().map(String::as_str), out);
                }
            }
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        if self.held.as_ref().is_some_and(|held| !held.is_empty()) {
            self.release(out);
        }
    }
}

/// The text with control characters, which could drive the terminal, written as escapes.
fn printable(text: &str) -> String {
    let escape = |c: char| match c {
        c if c.is_control() => c.escape_default().collect::<String>(),
        c => c.to_string(),
    };
    if text.contains(char::is_control) { text.chars().map(escape).collect() } else { text.to_string() }
}

/// At most `width` columns of the text; an ellipsis stands for the rest.
fn cut(text: &str, width: usize) -> std::borrow::Cow<'_, str> {
    if text.width() <= width {
        return text.into();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(c.width().unwrap_or(0));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    kept.push('…');
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::testing::{batches, decoder, field, schema, source};

    fn table(width: usize, input: &str) -> String {
        let fields = [
            field("card", Type::STRING),
            field("amount", Type::decimal(2)),
            field("note", Type::STRING.nullable()),
        ];
        let spec = source(&fields);
        let mut encoder = TableEncoder::new(&schema(&spec), width);
        let mut out = vec![];
        for batch in batches(&mut *decoder(&spec, 1000), input.as_bytes()) {
            encoder.encode(&batch, &mut out);
        }
        encoder.flush(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn aligns_and_cuts() {
        let input = "{\"card\":\"c-1\",\"amount\":1}\n\
            {\"card\":\"日本\",\"amount\":-1234.5,\"note\":\"a\\u001b[31m\\nb\"}\n\
            {\"card\":\"a long name of a card\",\"amount\":0,\"note\":\"x\"}\n";
        insta::assert_snapshot!(table(80, input));
        insta::assert_snapshot!(table(30, input));
        insta::assert_snapshot!(table(10, input));
        assert_eq!(table(80, ""), "");
    }

    #[test]
    fn later_rows_keep_the_widths() {
        let short = "{\"card\":\"c\",\"amount\":1}\n".repeat(SAMPLE);
        let late = "{\"card\":\"another\",\"amount\":123456,\"note\":\"none\"}\n";
        let text = table(80, &(short + late));
        assert_eq!(text.lines().last(), Some("ano…  123456.00  none"));
    }
}
