//! Reads the inputs of a program again and observes some of its streams.

use super::errors;
use crate::program::{Compiled, show};
use crate::{FAILED, WRONG_PROGRAM, terminal};
use millstream_base::{Diagnostic, SourceMap};
use millstream_core::hir::{self, Input, InputId, Program, Rows, Side};
use millstream_core::{Assembled, assemble};
use millstream_ir::batch::Batch;
use millstream_ir::engine::Engine;
use millstream_ir::flow::{ConnectorSpec, Flow, NodeId, NodeKind, OnError, SinkSpec};
use millstream_ir::value::Value;
use millstream_runtime::connector::Surroundings;
use millstream_runtime::interp::ReferenceEngine;
use millstream_runtime::job::{self, Broken, Ending, Options};
use millstream_runtime::report::Report;
use millstream_runtime::time::WallClock;
use millstream_runtime::waiting::HeldBack;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// A program whose inputs are read again, and the streams that are observed.
pub struct Replay {
    pub flow: Flow,
    /// The node that stands for each of the streams that are observed.
    sinks: Vec<Option<NodeId>>,
    folder: PathBuf,
}

/// What a replay has counted at its end.
pub struct Counted {
    pub report: Report,
    /// What was waited for when all rows had been read, before the input ended.
    pub waited_for: Vec<HeldBack>,
}

impl Replay {
    /// Observes these streams of a program whose relative paths start in a folder.
    pub fn new(program: &Program, observed: &[Rows], folder: PathBuf) -> Replay {
        let sinks: Vec<hir::Sink> = observed.iter().enumerate().map(sink).collect();
        let Assembled { flow, .. } = assemble(program, &sinks);
        let node = |number: usize| {
            let name = number.to_string();
            flow.ids().find(|id| {
                let node = flow.node(*id);
                matches!(node.kind, NodeKind::Sink(_)) && *node.name == *name
            })
        };
        let sinks = (0..observed.len()).map(node).collect();
        Replay { flow, sinks, folder }
    }

    /// The node that stands for the stream with this number.
    pub fn node(&self, number: usize) -> Option<NodeId> {
        self.sinks.get(number).copied().flatten()
    }

    /// Reads all there is, or until a time at which everything stands still. `seen` gets the rows of the streams, by
    /// their numbers.
    pub fn run(
        &self,
        files: &SourceMap,
        until: Option<i64>,
        seen: &mut dyn FnMut(usize, &Batch),
    ) -> Result<Counted, u8> {
        let compiled = match ReferenceEngine.compile(&self.flow) {
            Ok(compiled) => compiled,
            Err(error) => return Err(fail(format_args!("error: {error}\n"))),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| fail(format_args!("error: cannot start: {error}\n")))?;
        let options = Options {
            around: Surroundings { base: self.folder.clone(), stop: Default::default(), inputs: vec![] },
            limit: None,
            until: until.map(|until| until.saturating_add(1)),
            terminal_width: None,
            progress: Default::default(),
            clock: Box::new(WallClock),
            workers: 1,
            memory: None,
            why: None,
            warn: Box::new(|line| terminal::err(line)),
        };
        let ending = if until.is_some() { Ending::StandingStill } else { Ending::OfInputs };
        let mut seen_by_number = |node: NodeId, batch: &Batch| {
            if let Some(number) = self.sinks.iter().position(|sink| *sink == Some(node)) {
                seen(number, batch);
            }
        };
        let inside = runtime.enter();
        let ended = job::observe(&self.flow, &*compiled, files, (options, ending), &mut seen_by_number);
        drop(inside);
        runtime.shutdown_background();
        match ended {
            Ok((report, waited_for)) => Ok(Counted { report, waited_for }),
            Err(broken) => {
                let Broken { diagnostic, .. } = *broken;
                show(files, &[*diagnostic]);
                Err(FAILED)
            }
        }
    }
}

fn fail(message: std::fmt::Arguments) -> u8 {
    terminal::err(message);
    FAILED
}

fn sink((number, rows): (usize, &Rows)) -> hir::Sink {
    let connector = ConnectorSpec { name: "observer".into(), options: Default::default(), span: rows.span };
    hir::Sink {
        name: number.to_string().into(),
        doc: None,
        span: rows.span,
        from: *rows,
        spec: Arc::new(SinkSpec { connector, format: None, ordered: false }),
        on_error: OnError::Keep,
    }
}

/// The sources, not of tables, that a stream depends on.
pub fn sources_behind(program: &Program, of: InputId) -> Vec<InputId> {
    let (mut read, mut open) = (BTreeSet::new(), vec![of]);
    while let Some(id) = open.pop() {
        if read.insert(id)
            && let Some(query) = program.input(id).and_then(Input::query)
        {
            open.extend(query.reads().iter().map(|rows| rows.of));
        }
    }
    let is_source = |id: &InputId| matches!(program.input(*id), Some(Input::Source(_)));
    read.into_iter().filter(is_source).collect()
}

/// Rows of a stream as they are.
pub fn rows_of(of: InputId) -> Rows {
    Rows { of, side: Side::Main, span: Default::default() }
}

/// The first source behind a stream that is read for ever.
pub fn endless(program: &Program, of: InputId) -> Option<Diagnostic> {
    sources_behind(program, of).into_iter().find_map(|id| {
        let source = program.input(id).and_then(Input::source)?;
        let follows = source.connector.options.get("follow") == Some(&Value::Bool(true));
        follows.then(|| errors::never_ends(source.connector.span, &source.name))
    })
}

/// Shows a fault of the command line.
pub fn wrong(compiled: &Compiled, diagnostic: Diagnostic, code: u8) -> u8 {
    show(&compiled.files, &[diagnostic]);
    code.max(WRONG_PROGRAM)
}
