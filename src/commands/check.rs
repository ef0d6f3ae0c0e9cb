//! `millstream check`: all that is wrong with programs.

use super::errors::{no_checkpoint, unread_state};
use crate::cli::{Check, Face};
use crate::command_line::said;
use crate::program::{Compiled, Program};
use crate::programs;
use crate::{FAILED, FINE, WRONG_PROGRAM, stores, terminal};
use millstream_base::{Diagnostic, SourceMap, render};
use millstream_ir::text::format_timestamp;
use millstream_runtime::checkpoint::{Comparison, Fate, Identity, Manifest, Migration, newest};
use millstream_runtime::report::bytes;
use std::fmt::Write;
use std::path::Path;

pub fn check(arguments: Check) -> u8 {
    let paths = match programs::named(&arguments.files, |_| true) {
        Ok(paths) => paths,
        Err(empty) => return empty.tell("check"),
    };
    let mut worst = FINE;
    for path in &paths {
        let code = match Program::read("check", path) {
            Ok(program) => {
                let compiled = program.compile(&arguments.bindings);
                let found = &compiled.compilation.diagnostics;
                let shown = show(&compiled.files, found, arguments.format);
                let against = arguments.against.as_deref();
                let kept = || against.map_or(shown, |folder| compare(folder, &compiled, arguments.format));
                compiled.wrong().unwrap_or_else(kept)
            }
            Err(refused) => {
                show(&refused.files, std::slice::from_ref(&refused.fault), arguments.format);
                refused.code
            }
        };
        worst = worst.max(code);
    }
    worst
}

/// Says what a program would keep of the newest checkpoint in a folder.
fn compare(folder: &Path, compiled: &Compiled, face: Face) -> u8 {
    let found = stores::look(folder).and_then(|store| newest(&*store));
    let mut files = SourceMap::default();
    let said = said(&["check", "--against", &folder.display().to_string()], &mut files);
    let manifest = match found.map(|found| found.newest) {
        Ok(Some(newest)) => newest.manifest,
        Ok(None) => return refuse(&files, no_checkpoint(&said[2]), face),
        Err(error) => return refuse(&files, unread_state(&said[2], &error), face),
    };
    let Some(flow) = compiled.flow_after(!manifest.own_columns) else { return WRONG_PROGRAM };
    let comparison = Comparison::new(&manifest, &flow);
    let told = terminal::out(lines(&manifest, &comparison));
    if !comparison.losers().is_empty() { WRONG_PROGRAM } else { told }
}

fn refuse(files: &SourceMap, fault: Diagnostic, face: Face) -> u8 {
    show(files, &[fault], face);
    FAILED
}

fn lines(manifest: &Manifest, comparison: &Comparison) -> String {
    let made = format_timestamp(manifest.time);
    let mut text = format!("against checkpoint {} of {made}:\n", manifest.number);
    for (source, fate) in &comparison.sources {
        let _ = match fate {
            Fate::Rebuilt => {
                writeln!(text, "  rebuilt   source `{source}`, which is loaded again from its start")
            }
            Fate::NotNeeded => writeln!(text, "  left      source `{source}`, which would be loaded again"),
            Fate::Gone => writeln!(text, "  lost      source `{source}`, which nothing in the program reads"),
            _ => writeln!(text, "  kept      source `{source}`, which goes on where it was"),
        };
    }
    for ((identity, fate), state) in comparison.operators.iter().zip(&manifest.operators) {
        let (word, why) = told(identity, *fate);
        let _ = writeln!(text, "  {word:<9} {identity}, {}{why}", bytes(state.bytes));
    }
    for (identity, item) in &comparison.left_without {
        let _ = writeln!(
            text,
            "  lost      the share of `{item}` in {identity}: it needs one of another kind now"
        );
    }
    for identity in &comparison.new {
        let _ = writeln!(text, "  new       {identity}, which begins with the rows that come from then on");
    }
    if !comparison.losers().is_empty() {
        let options = comparison.drop_options();
        let _ = writeln!(text, "`run` goes on without what is lost if it is told {options}");
    }
    text
}

/// What becomes of a state, and why.
fn told(identity: &Identity, fate: Fate) -> (&'static str, String) {
    let item = &identity.item;
    match fate {
        Fate::Kept => ("kept", String::new()),
        Fate::Migrated(_, Migration::OfStreamAlone) => (
            "migrated",
            ": it holds rows of the stream alone, not the columns of the table that are others".into(),
        ),
        Fate::Migrated(_, Migration::Widened) => {
            ("migrated", ": its rows are taken over, with columns that may be null now".into())
        }
        Fate::Migrated(_, Migration::WithoutRows) => {
            ("migrated", ": it holds no rows, whose columns are others now".into())
        }
        Fate::Rebuilt => {
            ("rebuilt", format!(": it is loaded again from the source `{item}`, from its start"))
        }
        Fate::NotNeeded => ("left", ": the table is not there any more, and would be loaded again".into()),
        Fate::OfAnotherShape(_) => {
            ("lost", ": its keys, columns, aggregates or bounds are others now".into())
        }
        Fate::Gone => ("lost", ": it is not there any more".into()),
    }
}

/// Findings for people go to standard error, for programs to standard output.
fn show(files: &SourceMap, diagnostics: &[Diagnostic], face: Face) -> u8 {
    match face {
        Face::Full => {
            terminal::err(render::full(files, diagnostics, terminal::color(), terminal::stderr_width()))
        }
        Face::Concise => terminal::err(render::concise(files, diagnostics)),
        Face::Json => return terminal::out(render::json(files, diagnostics)),
    }
    FINE
}
