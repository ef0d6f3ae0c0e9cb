//! `millstream state FOLDER PROGRAM`: what operators hold, as rows.

use crate::cli::{Bindings, RowsFormat, State};
use crate::command_line::{Said, said};
use crate::commands::errors::{
    no_checkpoint, no_state_of, state_not_of_program, state_unreadable, unread_state,
};
use crate::preview::table::{INDENT, table};
use crate::program::{Compiled, Program, show};
use crate::testing::errors::not_compiled;
use crate::why::errors::unknown_input;
use crate::{FAILED, WRONG_PROGRAM, WRONG_USAGE, stores, terminal};
use millstream_base::Diagnostic;
use millstream_ir::engine::Engine;
use millstream_ir::flow::Flow;
use millstream_ir::text::format_timestamp;
use millstream_jit::Jit;
use millstream_runtime::checkpoint::{Checkpoint, Comparison, Fate, Identity, newest};
use millstream_runtime::contents::{Contents, of_snapshot};
use millstream_runtime::format::Encoder;
use millstream_runtime::format::json_encode::JsonEncoder;
use millstream_runtime::report::thousands;
use std::fmt::Write;
use std::path::Path;

pub fn rows(arguments: &State, file: &Path) -> u8 {
    let program = match Program::read("state", file) {
        Ok(program) => program,
        Err(refused) => return refused.tell(),
    };
    let mut compiled = program.compile(&Bindings { set: arguments.set.clone(), ..Bindings::default() });
    show(&compiled.files, &compiled.compilation.diagnostics);
    if compiled.compilation.flow.is_none() {
        return compiled.wrong().unwrap_or(WRONG_PROGRAM);
    }
    let words = ["state", &arguments.folder.display().to_string(), &file.display().to_string()];
    let named = arguments.stream.as_deref();
    let said = said(&words.into_iter().chain(named).collect::<Vec<_>>(), &mut compiled.files);
    match text(arguments, &compiled, &said) {
        Ok(text) => terminal::out(text),
        Err((fault, code)) => {
            show(&compiled.files, &[*fault]);
            code
        }
    }
}

type Refused = (Box<Diagnostic>, u8);

fn failed(fault: Diagnostic) -> Refused {
    (Box::new(fault), FAILED)
}

/// `said`: the command, the folder, the program, and the stream if there is one.
fn text(arguments: &State, compiled: &Compiled, said: &[Said]) -> Result<String, Refused> {
    if let Some(name) = said.get(3)
        && compiled.compilation.program.find(&name.text).is_none()
    {
        return Err((Box::new(unknown_input(&compiled.compilation.program, name)), WRONG_USAGE));
    }
    let found = stores::look(&arguments.folder).and_then(|store| newest(&*store));
    let found = found.map_err(|error| failed(unread_state(&said[1], &error)))?;
    let Some(checkpoint) = found.newest else { return Err(failed(no_checkpoint(&said[1]))) };
    let flow = compiled.flow_after(!checkpoint.manifest.own_columns);
    let flow = flow.ok_or_else(|| failed(no_checkpoint(&said[1])))?;
    let of_each = held(compiled, &flow, &checkpoint, said)?;
    Ok(match arguments.format {
        RowsFormat::Table => {
            let Checkpoint { manifest, .. } = &checkpoint;
            let made = format_timestamp(manifest.time);
            let tables = of_each.iter().map(|(identity, held)| tables(identity, held, arguments.rows));
            format!("checkpoint {} of {made}\n{}", manifest.number, tables.collect::<String>())
        }
        RowsFormat::Json => of_each.iter().map(|(identity, held)| lines(identity, held)).collect(),
    })
}

/// What each operator holds, of all or of those of one stream.
fn held<'c>(
    compiled: &Compiled,
    flow: &Flow,
    checkpoint: &'c Checkpoint,
    said: &[Said],
) -> Result<Vec<(&'c Identity, Vec<Contents>)>, Refused> {
    let machine_code =
        Jit.compile(flow).map_err(|error| (not_compiled(said[2].span, &error.to_string()), FAILED))?;
    let Comparison { operators, takers, .. } = Comparison::new(&checkpoint.manifest, flow);
    let mut of_each = vec![];
    for (((identity, fate), takers), state) in operators.into_iter().zip(takers).zip(&checkpoint.states) {
        if said.get(3).is_some_and(|name| !identity.has_item(&name.text)) {
            continue;
        }
        let node = takers.first().filter(|_| fate == Fate::Kept);
        let Some(node) = node else { return Err(failed(state_not_of_program(&said[2], identity))) };
        let held = of_snapshot(flow, &*machine_code, &compiled.files, *node, state);
        let mut held = held.map_err(|_| failed(state_unreadable(&said[1], identity)))?;
        held.iter_mut().for_each(|held| held.rows.sort());
        of_each.push((identity, held));
    }
    match said.get(3) {
        Some(name) if of_each.is_empty() => Err(failed(no_state_of(name))),
        _ => Ok(of_each),
    }
}

fn tables(identity: &Identity, held: &[Contents], n_rows: usize) -> String {
    let mut text = String::new();
    for held in held.iter().filter(|held| !held.rows.is_empty()) {
        let n = held.rows.len();
        let _ = writeln!(text, "\n{identity}, {}: {}", held.what, thousands(n as u64));
        let (_, schema) = held.batch();
        text += &table(&held.rows[..n.min(n_rows)], &schema);
        if n > n_rows {
            let _ = writeln!(text, "{INDENT}… {} more", thousands((n - n_rows) as u64));
        }
    }
    text
}

/// An object for each row, which says whose it is.
fn lines(identity: &Identity, held: &[Contents]) -> String {
    let mut text = String::new();
    for held in held {
        let (batch, schema) = held.batch();
        let mut rows = vec![];
        JsonEncoder::new(&schema).encode(&batch, &mut rows);
        let [stream, operator, what] =
            [&identity.item, &identity.kind, &held.what].map(|name| serde_json::Value::from(name.as_str()));
        for row in String::from_utf8_lossy(&rows).lines() {
            let _ = writeln!(
                text,
                "{{\"stream\":{stream},\"operator\":{operator},\"what\":{what},\"row\":{row}}}"
            );
        }
    }
    text
}
