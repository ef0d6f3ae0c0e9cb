//! Operator scripts: what is fed stands on the left, what comes out on the right.
//!
//! A row is written `value@time`, a late one `value@time!watermark`. To test an operator over `int` rows, feed
//! it lines like `0: 1@10 2@11` (a batch on input 0) and `1: ~12` (a watermark on input 1), and compare
//! with [`script`]'s answer.

use crate::message::{Message, Watermark};
use crate::operator::{Operator, Output};
use millstream_ir::batch::{Batch, LateRow, Origin};
use millstream_ir::column::ColumnBuilder;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

/// Rows of an `int` and their event time.
pub fn types() -> Vec<Type> {
    vec![Type::INT, Type::TIMESTAMP]
}

/// The lines, each with what the operator answers: rows by their columns, set-aside rows in brackets.
pub fn script(operator: &mut dyn Operator, lines: &str) -> String {
    let mut first = 0;
    let mut answers = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (input, said) = line.split_once(": ").expect("an input");
        let message = match said.strip_prefix('~') {
            Some("end") => Message::Watermark(Watermark::END),
            Some(time) => Message::Watermark(Watermark(time.parse().expect("a time"))),
            None => Message::Batch(batch(said, input, &mut first)),
        };
        let mut output = Output::default();
        operator.step_to_end(input.parse().expect("a number"), message, &mut output);
        let late = output.late.iter().map(|batch| format!("[{}]", show_batch(batch)));
        let answer: Vec<String> = late.chain(output.messages.iter().map(show)).collect();
        let answer = if answer.is_empty() { "(nothing)".to_string() } else { answer.join(" ; ") };
        answers += &format!("{line} | {answer}\n");
    }
    answers
}

fn batch(rows: &str, input: &str, first: &mut u64) -> Batch {
    let mut columns: Vec<ColumnBuilder> = types().iter().map(ColumnBuilder::new).collect();
    let mut late = vec![];
    for (number, row) in rows.split(' ').enumerate() {
        let (value, time) = row.split_once('@').expect("a value and a time");
        let (time, watermark) = time.split_once('!').map_or((time, None), |(time, w)| (time, Some(w)));
        late.extend(watermark.map(|w| LateRow { row: number as u32, watermark: w.parse().expect("a time") }));
        columns[0].push(&Value::Int(value.parse().expect("a value")));
        columns[1].push(&Value::Timestamp(time.parse().expect("a time")));
    }
    let n_rows = columns[0].len();
    let source = input.parse().expect("a number");
    let origin = Origin { source, first: *first, ..Origin::default() };
    *first += n_rows as u64;
    Batch { columns: columns.into_iter().map(|c| Arc::new(c.finish())).collect(), n_rows, origin, late }
}

fn show(message: &Message) -> String {
    match message {
        Message::Batch(batch) => show_batch(batch),
        Message::Watermark(Watermark::END) => "~end".to_string(),
        Message::Watermark(watermark) => format!("~{}", watermark.0),
    }
}

pub fn show_batch(batch: &Batch) -> String {
    let cell = |column: usize, row| match batch.columns[column].value(row, &Type::INT) {
        Value::Int(i) => i.to_string(),
        other => format!("{other:?}"),
    };
    let row = |row: usize| {
        let cells: Vec<String> = (0..batch.columns.len()).map(|column| cell(column, row)).collect();
        let late = batch.late(row).map_or(String::new(), |late| format!("!{}", late.watermark));
        cells.join("@") + &late
    };
    (0..batch.n_rows).map(row).collect::<Vec<_>>().join(" ")
}
