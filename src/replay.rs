//! Reads the inputs of a program again and observes some of its streams.

use crate::program::{Compiled, show};
use crate::why::errors;
use crate::{FAILED, WRONG_PROGRAM, terminal};
use millstream_base::{Diagnostic, SourceMap};
use millstream_core::hir::{
    self, Clause, ClauseKind, Head, Input, InputId, Program, Query, Rows, Side, Stream,
};
use millstream_core::{Assembled, assemble};
use millstream_ir::batch::Batch;
use millstream_ir::engine::Engine;
use millstream_ir::expr::Expr;
use millstream_ir::flow::{Column, Flow, NodeId, NodeKind, OnError, Schema};
use millstream_ir::types::Type;
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

/// Rows that are observed.
pub struct Observed {
    pub rows: Rows,
    pub schema: Schema,
    /// Those that are looked at, and no others: a field that nobody reads cannot make a record unreadable, here as
    /// little as in a run. All if none are named.
    pub columns: Option<BTreeSet<usize>>,
}

/// A program whose inputs are read again, and the streams that are observed.
pub struct Replay {
    pub flow: Flow,
    watched: Vec<Watched>,
    folder: PathBuf,
}

struct Watched {
    node: Option<NodeId>,
    /// Columns that are not looked at are hidden.
    schema: Schema,
    /// Per column, where it stands in what comes, and its type.
    places: Vec<Option<(usize, Type)>>,
}

/// What a replay has counted at its end.
pub struct Counted {
    pub report: Report,
    /// What was waited for when all rows had been read, before the input ended.
    pub waited_for: Vec<HeldBack>,
}

impl Replay {
    /// Observes streams of a program whose relative paths start in a folder. What is needed for it is added to the
    /// program.
    pub fn new(program: &mut Program, observed: Vec<Observed>, folder: PathBuf) -> Replay {
        let narrow: Vec<Rows> = observed.iter().map(|observed| narrowed(program, observed)).collect();
        let sinks: Vec<hir::Sink> =
            narrow.iter().enumerate().map(|(number, rows)| hir::Sink::observing(number, rows)).collect();
        let Assembled { flow, .. } = assemble(program, &sinks);
        let watched =
            observed.into_iter().enumerate().map(|(number, Observed { mut schema, columns, .. })| {
                let name = number.to_string();
                let is_it = |id: &NodeId| {
                    let node = flow.node(*id);
                    matches!(node.kind, NodeKind::Sink(_)) && *node.name == *name
                };
                let node = flow.ids().find(is_it);
                let coming = node.map(|node| flow.node(node).schema.columns.clone()).unwrap_or_default();
                let is_kept =
                    |number: usize| columns.as_ref().is_none_or(|columns| columns.contains(&number));
                let places = match &columns {
                    Some(_) => {
                        places(&schema, &coming, |number, other| *other.name == *name_of_place(number))
                    }
                    None => places(&schema, &coming, |number, other| {
                        let column = &schema.columns[number];
                        other.name == column.name && other.hidden == column.hidden
                    }),
                };
                for (number, column) in schema.columns.iter_mut().enumerate() {
                    column.hidden |= !is_kept(number);
                }
                Watched { node, schema, places }
            });
        Replay { watched: watched.collect(), flow, folder }
    }

    /// The columns of a stream by its number; those that are not looked at are hidden.
    pub fn schema(&self, number: usize) -> &Schema {
        &self.watched[number].schema
    }

    /// A value of a row of a stream; null for what is not looked at.
    pub fn value(&self, number: usize, batch: &Batch, row: usize, column: usize) -> Value {
        match self.watched[number].places.get(column) {
            Some(Some((place, ty))) => batch.columns[*place].value(row, ty),
            _ => Value::Null,
        }
    }

    /// A row of a stream, hidden columns too.
    pub fn row(&self, number: usize, batch: &Batch, row: usize) -> Vec<Value> {
        let columns = 0..self.watched[number].schema.columns.len();
        columns.map(|column| self.value(number, batch, row, column)).collect()
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
            // There may be another run.
            ends_process: false,
            state: None,
            why: None,
            warn: Box::new(|line| terminal::err(line)),
        };
        let ending = if until.is_some() { Ending::StandingStill } else { Ending::OfInputs };
        let mut seen_by_number = |node: NodeId, batch: &Batch| {
            if let Some(number) = self.watched.iter().position(|watched| watched.node == Some(node)) {
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

/// Where columns stand among those that come, which are told apart by `is_it`.
fn places(
    schema: &Schema,
    coming: &[Column],
    is_it: impl Fn(usize, &Column) -> bool,
) -> Vec<Option<(usize, Type)>> {
    let mut taken = vec![false; coming.len()];
    let mut place = |number: usize| {
        let mut others = coming.iter().enumerate();
        let (place, other) = others.find(|(place, other)| !taken[*place] && is_it(number, other))?;
        taken[place] = true;
        Some((place, other.ty.clone()))
    };
    (0..schema.columns.len()).map(&mut place).collect()
}

/// What a column is called on its way to who looks at it: several may have one name, as the times of both sides of a
/// join have.
fn name_of_place(number: usize) -> String {
    format!("column {number}")
}

/// The rows with those columns alone that are looked at: a stream that is added to the program.
fn narrowed(program: &mut Program, observed: &Observed) -> Rows {
    let Observed { rows, schema, columns: Some(columns) } = observed else { return observed.rows };
    let is_kept = |column: &usize| {
        let is_key = schema.key.as_ref().is_some_and(|key| key.contains(column));
        columns.contains(column) || *column == schema.time || Some(*column) == schema.sign || is_key
    };
    let kept: Vec<usize> = (0..schema.columns.len()).filter(is_kept).collect();
    let place = |column: usize| kept.iter().position(|kept| *kept == column).unwrap_or_default();
    let narrow = Schema {
        columns: kept.iter().map(|number| on_its_way(*number, &schema.columns[*number])).collect(),
        time: place(schema.time),
        sign: schema.sign.map(place),
        key: schema.key.as_ref().map(|key| key.iter().map(|column| place(*column)).collect()),
    };
    let values =
        kept.iter().map(|column| Expr::column(*column, schema.columns[*column].ty.clone(), rows.span));
    let select = Clause { kind: ClauseKind::Select(values.collect()), span: rows.span, schema: narrow };
    let query = Query {
        head: Head::Rows(*rows),
        schema: schema.clone(),
        clauses: vec![select],
        on_error: OnError::Keep,
        span: rows.span,
    };
    rows_of(add_stream(program, "observed".into(), query))
}

/// A column that nothing leaves out.
fn on_its_way(number: usize, column: &Column) -> Column {
    Column { name: name_of_place(number).into(), hidden: false, ..column.clone() }
}

/// Adds a stream to a program.
pub fn add_stream(program: &mut Program, name: Arc<str>, query: Query) -> InputId {
    let id = InputId(program.inputs.len());
    let stream = Stream {
        name,
        doc: None,
        span: query.span,
        file: query.span.file,
        columns_defined: vec![],
        rows: query.result().clone(),
        query,
        updating_because: None,
    };
    program.inputs.push(Some(Input::Stream(Box::new(stream))));
    program.order.push(id);
    id
}

/// The columns of a source that a run of the program reads.
pub fn read_by_run(compiled: &Compiled, source: &str) -> BTreeSet<usize> {
    let nodes = compiled.compilation.flow.iter().flat_map(|flow| &flow.nodes);
    let columns = nodes.filter(|node| *node.name == *source).filter_map(|node| match &node.kind {
        NodeKind::Source(spec) => Some(spec.columns.iter().copied()),
        _ => None,
    });
    columns.flatten().collect()
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
