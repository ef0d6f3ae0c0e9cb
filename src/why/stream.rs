//! `millstream why --stream`: what each clause of a stream did with its rows, and what the stream waits for.

use super::errors;
use super::keys;
use super::pattern::Asked;
use crate::clauses::{Clauses, Count, Keep, LookUps, Looked, Stages, failed_text, n_of, row_text};
use crate::program::Compiled;
use crate::replay::{Counted, Replay, endless, wrong};
use crate::{WRONG_USAGE, terminal};
use millstream_core::hir::{Input, Program};
use millstream_ir::batch::Batch;
use millstream_ir::text::{format_duration, format_timestamp};
use millstream_runtime::report::thousands;
use std::fmt::Write;

/// Rows of the stream that are shown.
const MOST_ROWS: usize = 3;

pub fn why_stream(compiled: &mut Compiled, asked: &Asked) -> u8 {
    let mut program = std::mem::take(&mut compiled.compilation.program);
    let compiled = &*compiled;
    let stages = match Stages::named(&mut program, &compiled.files, &asked.name) {
        Ok(stages) => stages,
        Err(fault) => return wrong(compiled, *fault, WRONG_USAGE),
    };
    if let Some(fault) = endless(&program, stages.of) {
        return wrong(compiled, fault, WRONG_USAGE);
    }
    let key = match (&asked.keys[..], stages.key(&program)) {
        ([], _) => None,
        ([first, ..], None) => {
            return wrong(compiled, errors::stream_without_key(first.span, &stages.name), WRONG_USAGE);
        }
        (said, Some(parts)) => match keys::values(said, &parts) {
            Ok(key) => Some((key, parts)),
            Err(fault) => return wrong(compiled, *fault, WRONG_USAGE),
        },
    };
    let parts = key.as_ref().map_or(&[][..], |(_, parts)| parts);
    let (mut clauses, observed) = Clauses::new(stages, compiled, &mut program, parts, Looked::WhatRunReads);
    let replay = Replay::new(&mut program, observed, asked.folder.clone());
    let parts = key.as_ref().map(|(key, parts)| (&key[..], &parts[..]));
    clauses.begin(&replay, 0, parts, Keep::Last(MOST_ROWS));
    let mut seen = |number: usize, batch: &Batch| clauses.seen(compiled, &replay, (0, number), batch);
    let counted = match replay.run(&compiled.files, asked.at, &mut seen) {
        Ok(counted) => counted,
        Err(code) => return code,
    };
    let title = match &key {
        Some((key, parts)) => format!("{}, {}", clauses.stages.name, keys::title(key, parts)),
        None => clauses.stages.name.to_string(),
    };
    let told = Told { compiled, program: &program, clauses: &clauses, counted: &counted, at: asked.at };
    terminal::out(told.text(&title))
}

struct Told<'t> {
    compiled: &'t Compiled,
    program: &'t Program,
    clauses: &'t Clauses,
    counted: &'t Counted,
    at: Option<i64>,
}

impl Told<'_> {
    fn text(&self, title: &str) -> String {
        let counts = &self.clauses.counts;
        let n_rows = counts.last().map_or_else(|| n_of(0, "row"), Count::n_of);
        let at = self.at.map_or(String::new(), |at| format!(", as of {}", format_timestamp(at)));
        let mut text = format!("{title}: {n_rows}{at}\n");
        text += &self.sources();
        for number in 0..counts.len() {
            text += &self.clauses.told(self.compiled, &self.counted.report, number);
        }
        if let Some(count) = counts.last().filter(|count| !count.shown.is_empty()) {
            let what = if count.schema.sign.is_some() { "changes" } else { "rows" };
            let of_all = if count.n > count.shown.len() as u64 { "the last" } else { "its" };
            let _ = writeln!(text, "{of_all} {what}:");
            count.shown.iter().for_each(|row| text += &format!("  {}\n", row_text(row, &count.schema)));
        }
        text + &self.waiting()
    }

    /// What was read.
    fn sources(&self) -> String {
        let mut text = String::new();
        for source in &self.counted.report.sources {
            let _ = write!(text, "read from {}: {}", source.name, n_of(source.rows, "row"));
            if source.late > 0 {
                let _ = write!(text, ", {} late", thousands(source.late));
            }
            if source.ahead > 0 {
                let _ = write!(text, ", {} too far ahead of the clock", thousands(source.ahead));
            }
            text += &format!("{}\n", failed_text(&source.failed, "unreadable"));
        }
        text
    }

    /// What was open, and which source it waited for.
    fn waiting(&self) -> String {
        let mut text = String::new();
        let mut waited_for = self.counted.waited_for.clone();
        waited_for.iter_mut().for_each(|held| held.waiting.retain(|(name, _)| !LookUps::is_probe(name)));
        waited_for.retain(|held| !held.waiting.is_empty());
        if waited_for.is_empty() {
            return match self.at {
                Some(_) => "nothing waits\n".to_string(),
                None => String::new(),
            };
        }
        text += match self.at {
            Some(_) => "what waits:\n",
            None => "when the last row had been read, before the input ended, there waited:\n",
        };
        for held in &waited_for {
            for (name, waiting) in &held.waiting {
                let what = match waiting.n {
                    Some(n) => n_of(n as u64, waiting.what.trim_end_matches('s')),
                    None => waiting.what.to_string(),
                };
                let until = match waiting.until {
                    i64::MAX => "until the end of the input".to_string(),
                    until => format!("the first until the watermark reaches {}", format_timestamp(until)),
                };
                let _ = writeln!(text, "  {what} of {}, {until}", self.clauses.called(self.compiled, name));
            }
            let partition = held.partition.as_deref().filter(|name| **name != *held.source);
            let partition = partition.map_or(String::new(), |name| format!(" ({name})"));
            let watermark = match held.watermark.0 {
                i64::MIN => "of it no row has come".to_string(),
                time => format!("its watermark is {}{}", format_timestamp(time), self.disorder(&held.source)),
            };
            let _ = writeln!(text, "    they wait for {}{partition}: {watermark}", held.source);
        }
        if self.at.is_none() {
            text += "the end of the input let go of it\n";
        }
        text
    }

    fn disorder(&self, source: &str) -> String {
        let found = self.program.find(source).and_then(|id| self.program.input(id));
        let input = found.and_then(Input::source);
        match input.and_then(|source| source.time.as_ref()).map(|time| time.disorder) {
            Some(disorder @ 1..) => {
                format!(", the greatest time that came less its disorder of {}", format_duration(disorder))
            }
            Some(_) => ", the greatest time that came".to_string(),
            None => String::new(),
        }
    }
}
