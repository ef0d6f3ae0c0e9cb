//! A program over a sample of its inputs: the first rows behind every clause, and what each passed on and dropped.
//!
//! [`sample`] puts rows in the place of the inputs, which makes a preview short; the clauses are taken apart and
//! counted as for [`why`](crate::why).

mod sample;
pub mod table;

use crate::clauses::{Clauses, Keep, Looked, Stages, failed_text, input_named, n_of};
use crate::command_line::Said;
use crate::program::{Compiled, show};
use crate::replay::{Replay, wrong};
use crate::{FAILED, WRONG_USAGE, terminal};

use millstream_core::hir::{Feed, Input, InputId, Program, Source};
use millstream_ir::batch::Batch;
use millstream_runtime::report::{Report, thousands};
use std::path::PathBuf;
use std::sync::Arc;

/// What is asked.
pub struct Asked {
    /// All streams if none is named.
    pub stream: Option<Said>,
    /// Rows that are shown behind each clause.
    pub n_rows: usize,
    /// Sources that the command line puts something else in the place of.
    pub replaced: Vec<String>,
    pub folder: PathBuf,
}

pub fn preview(compiled: &mut Compiled, asked: &Asked) -> u8 {
    let mut program = std::mem::take(&mut compiled.compilation.program);
    let compiled = &*compiled;
    if let Some(name) = &asked.stream {
        read_as_source(&mut program, &name.text);
    }
    let of = match &asked.stream {
        Some(name) => match input_named(&program, name) {
            Ok(of) => vec![of],
            Err(fault) => return wrong(compiled, *fault, WRONG_USAGE),
        },
        None => all(&program),
    };
    let read = match sample::put(&mut program, &of, asked) {
        Ok(read) => read,
        Err(fault) => {
            show(&compiled.files, &[*fault]);
            return FAILED;
        }
    };
    match text(&Sampled { compiled, program: &program, read: &read, asked }, &of) {
        Ok(text) => terminal::out(text),
        Err(code) => code,
    }
}

/// A program with rows in the place of its inputs.
struct Sampled<'a> {
    compiled: &'a Compiled,
    program: &'a Program,
    /// What was read in the place of each input.
    read: &'a [(String, String)],
    asked: &'a Asked,
}

/// What is shown of streams. All their columns are, unless that would make a record unreadable of which a run would
/// not read what is wrong with it: then each stream stands for itself, with the columns that it needs.
fn text(sampled: &Sampled, of: &[InputId]) -> Result<String, u8> {
    let all = Shown::new(sampled, of, Looked::All)?;
    if all.n_unreadable() == 0 {
        return Ok(all.text(sampled));
    }
    let (mut text, mut last) = (String::new(), String::new());
    for of in of {
        let all = Shown::new(sampled, &[*of], Looked::All)?;
        let needed = Shown::new(sampled, &[*of], Looked::WhatIsNeeded)?;
        let n_more = all.n_unreadable().saturating_sub(needed.n_unreadable());
        let (shown, note) = match n_more {
            0 => (all, String::new()),
            _ => (needed, left_out(n_more)),
        };
        let read = read_text(sampled.read, &shown.report) + &note;
        if read != last {
            text += if text.is_empty() { "" } else { "\n" };
            text += &read;
        }
        last = read;
        text += &shown.streams(sampled);
    }
    Ok(text)
}

fn left_out(n_more: u64) -> String {
    let rows = n_of(n_more, "more row");
    format!("columns that nothing reads are left out below: with them, {rows} would be unreadable\n")
}

/// Streams as a replay has shown them.
struct Shown {
    program: Program,
    clauses: Vec<Clauses>,
    report: Report,
}

impl Shown {
    fn new(sampled: &Sampled, of: &[InputId], looked: Looked) -> Result<Shown, u8> {
        let Sampled { compiled, asked, .. } = *sampled;
        let mut program = sampled.program.clone();
        let (mut clauses, mut observed, mut first) = (vec![], vec![], vec![]);
        for of in of {
            let stages = Stages::of(&mut program, &compiled.files, *of);
            let (parts, seen) = Clauses::new(stages, compiled, &mut program, &[], looked);
            first.push(observed.len());
            observed.extend(seen);
            clauses.push(parts);
        }
        let replay = Replay::new(&mut program, observed, asked.folder.clone());
        for (parts, first) in clauses.iter_mut().zip(&first) {
            parts.begin(&replay, *first, None, Keep::First(asked.n_rows));
        }
        let mut seen = |number: usize, batch: &Batch| {
            let stream = first.partition_point(|first| *first <= number) - 1;
            clauses[stream].seen(compiled, &replay, (first[stream], number - first[stream]), batch);
        };
        let report = replay.run(&compiled.files, None, &mut seen)?.report;
        Ok(Shown { program, clauses, report })
    }

    /// Records of the inputs.
    fn n_unreadable(&self) -> u64 {
        self.report.sources.iter().map(|source| source.failed.rows).sum()
    }

    fn text(&self, sampled: &Sampled) -> String {
        read_text(sampled.read, &self.report) + &self.streams(sampled)
    }

    fn streams(&self, sampled: &Sampled) -> String {
        let of = |parts| stream_text(sampled.compiled, &self.program, parts, &self.report);
        self.clauses.iter().map(|parts| format!("\n{}", of(parts))).collect()
    }
}

/// The streams of the program; its sources if it has none.
fn all(program: &Program) -> Vec<InputId> {
    let streams: Vec<InputId> = program.streams().map(|(id, _)| id).collect();
    if !streams.is_empty() {
        return streams;
    }
    let is_source = |id: &InputId| matches!(program.input(*id), Some(Input::Source(_)));
    (0..program.inputs.len()).map(InputId).filter(is_source).collect()
}

/// The rows that a table loads do not pass anywhere; where they alone are asked for, they are read as those of a source.
fn read_as_source(program: &mut Program, name: &str) {
    let Some(id) = program.find(name) else { return };
    let Some(Input::Table(table)) = program.input(id) else { return };
    let Feed::Source(source) = &table.feed else { return };
    let source = Source { load: None, key: None, ..(**source).clone() };
    program.order.clear();
    program.inputs.iter_mut().for_each(|input| *input = None);
    program.inputs[id.0] = Some(Input::Source(Arc::new(source)));
}

/// What was read in the place of each input.
fn read_text(read: &[(String, String)], report: &Report) -> String {
    let mut text = String::new();
    for (name, what) in read {
        text += &format!("{name}: {what}");
        if let Some(source) = report.sources.iter().find(|source| *source.name == **name) {
            let late =
                if source.late > 0 { format!(", {} late", thousands(source.late)) } else { String::new() };
            text += &format!("{late}{}", failed_text(&source.failed, "unreadable"));
        }
        text.push('\n');
    }
    text
}

/// What each clause did, with the first rows that it passed on.
fn stream_text(compiled: &Compiled, program: &Program, clauses: &Clauses, report: &Report) -> String {
    let kind = match program.input(clauses.stages.of) {
        Some(Input::Source(_)) => "source",
        Some(Input::Table(_)) => "table",
        _ => "stream",
    };
    let mut text = format!("{kind} {}\n", clauses.stages.name);
    let mut before = String::new();
    for (number, count) in clauses.counts.iter().enumerate().filter(|(number, _)| clauses.is_written(*number))
    {
        text += &clauses.told(compiled, report, number);
        let rows = table::table(&count.shown, &count.schema);
        // Clauses such as `window` pass all rows on as they are.
        if rows != before {
            text += &rows;
            let more = count.n.saturating_sub(count.shown.len() as u64);
            if more > 0 && !rows.is_empty() {
                text += &format!("{}… {} more\n", table::INDENT, n_of(more, "row"));
            }
        }
        before = rows;
    }
    text
}
