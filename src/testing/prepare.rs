//! A test made ready to run: a flow with a sink for each stream that is expected, and the records that it
//! is given.

use crate::cli::EngineChoice;
use millstream_base::{Diagnostic, Span};
use millstream_core::assemble;
use millstream_core::hir::{self, Expectation, GivenRows, Program, Rows, Test, TestStepKind};
use millstream_ir::engine::{Compiled, Engine};
use millstream_ir::flow::{Column, ConnectorSpec, Flow, FormatSpec, NodeId, NodeKind, Schema, SourceSpec};
use millstream_ir::value::Value;
use millstream_jit::Jit;
use millstream_runtime::connector::{self, Surroundings};
use millstream_runtime::format;
use millstream_runtime::interp::ReferenceEngine;
use millstream_runtime::reader::PartitionReader;
use millstream_runtime::simulate::{Record, records};
use std::path::Path;
use std::sync::Arc;

use super::errors;

pub struct Prepared<'p> {
    pub test: &'p Test,
    pub flow: Flow,
    pub compiled: Box<dyn Compiled>,
    pub steps: Vec<Step<'p>>,
}

pub enum Step<'p> {
    Given {
        source: Arc<str>,
        records: Vec<Record>,
    },
    Advance(i64),
    /// The inputs end.
    End,
    Expect(Expected<'p>),
}

/// What is expected of a stream at a point of the test.
pub struct Expected<'p> {
    /// `spend`, `late(spend)`
    pub stream: String,
    pub sink: NodeId,
    pub schema: Schema,
    pub expectation: &'p Expectation,
    /// Where the test names the stream.
    pub span: Span,
}

impl Expected<'_> {
    pub fn columns(&self) -> Vec<&Column> {
        self.schema.visible().map(|(_, column)| column).collect()
    }
}

impl<'p> Prepared<'p> {
    pub fn new(
        program: &'p Program,
        test: &'p Test,
        folder: &Path,
        engine: EngineChoice,
    ) -> Result<Prepared<'p>, Box<Diagnostic>> {
        let observed = observed(test);
        let sinks: Vec<hir::Sink> =
            observed.iter().enumerate().map(|(number, rows)| hir::Sink::observing(number, rows)).collect();
        let flow = assemble(program, &sinks).flow;
        let engine: &dyn Engine = match engine {
            EngineChoice::Jit => &Jit,
            EngineChoice::Reference => &ReferenceEngine,
        };
        let compiled =
            engine.compile(&flow).map_err(|fault| errors::not_compiled(test.span, &fault.to_string()))?;
        let mut steps = vec![];
        let end = end_of_inputs(test);
        for (number, step) in test.steps.iter().enumerate() {
            if number == end {
                steps.push(Step::End);
            }
            steps.push(match &step.kind {
                TestStepKind::Given { source, rows } => {
                    let Some(source) = program.input(*source) else { continue };
                    let Some(spec) = source_of(&flow, source.name()) else { continue };
                    Step::Given { source: source.name().clone(), records: given(spec, rows, folder)? }
                }
                TestStepKind::Advance(to) => Step::Advance(*to),
                TestStepKind::Expect { rows, expectation } => {
                    let sink = observed.iter().position(|other| is_same(other, rows));
                    let Some(sink) = sink.and_then(|number| sink_of(&flow, number)) else { continue };
                    Step::Expect(Expected {
                        stream: program.rows_text(*rows),
                        sink,
                        schema: flow.node(sink).schema.clone(),
                        expectation,
                        span: rows.span,
                    })
                }
            });
        }
        Ok(Prepared { test, flow, compiled, steps })
    }

    pub fn expectations(&self) -> impl Iterator<Item = &Expected<'p>> {
        self.steps.iter().filter_map(|step| match step {
            Step::Expect(expected) => Some(expected),
            _ => None,
        })
    }
}

/// Before which step the inputs end: the first of the last expectations, unless an `advance` stands in
/// front of it, with which the author chose a time before the end.
fn end_of_inputs(test: &Test) -> usize {
    let is_expect = |step: &hir::TestStep| matches!(step.kind, TestStepKind::Expect { .. });
    let n_last = test.steps.iter().rev().take_while(|step| is_expect(step)).count();
    let first = test.steps.len() - n_last;
    match first.checked_sub(1).and_then(|before| test.steps.get(before)).map(|step| &step.kind) {
        Some(TestStepKind::Advance(_)) => usize::MAX,
        _ => first,
    }
}

/// The streams and side streams of which something is expected, each once.
fn observed(test: &Test) -> Vec<Rows> {
    let mut observed: Vec<Rows> = vec![];
    for step in &test.steps {
        if let TestStepKind::Expect { rows, .. } = &step.kind
            && !observed.iter().any(|other| is_same(other, rows))
        {
            observed.push(*rows);
        }
    }
    observed
}

fn is_same(a: &Rows, b: &Rows) -> bool {
    (a.of, a.side) == (b.of, b.side)
}

fn sink_of(flow: &Flow, number: usize) -> Option<NodeId> {
    let name = number.to_string();
    flow.ids().find(|id| {
        let node = flow.node(*id);
        matches!(node.kind, NodeKind::Sink(_)) && *node.name == *name
    })
}

/// None if nothing that is expected depends on the source.
fn source_of<'f>(flow: &'f Flow, name: &str) -> Option<&'f Arc<SourceSpec>> {
    flow.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Source(spec) if *node.name == *name => Some(spec),
        _ => None,
    })
}

fn given(spec: &SourceSpec, rows: &GivenRows, folder: &Path) -> Result<Vec<Record>, Box<Diagnostic>> {
    match rows {
        GivenRows::Rows(rows) => {
            let read = |values: &[Value]| -> Vec<Value> {
                spec.columns.iter().filter_map(|column| values.get(*column).cloned()).collect()
            };
            Ok(rows.iter().map(|row| Record::Row(read(&row.values))).collect())
        }
        GivenRows::File { path, format, span } => read_file(spec, path, format.as_ref(), *span, folder),
    }
}

/// The records of a file, or of each that fits a pattern.
fn read_file(
    spec: &SourceSpec,
    path: &str,
    format: Option<&FormatSpec>,
    span: Span,
    folder: &Path,
) -> Result<Vec<Record>, Box<Diagnostic>> {
    let options = [("path".into(), Value::string(path))].into();
    let connector = ConnectorSpec { name: "file".into(), options, span };
    let around = Surroundings { base: folder.to_path_buf(), stop: Default::default(), inputs: vec![] };
    let spec = SourceSpec { connector, format: format.cloned(), ..spec.clone() };
    let types: Vec<_> =
        spec.columns.iter().filter_map(|column| spec.fields.get(*column)).map(|f| f.ty.clone()).collect();
    let mut all = vec![];
    for partition in connector::file::partitions(&spec.connector, &around)? {
        let name = partition.name.clone();
        let decoder = format::decoder(&spec, format::MAX_LINE).map_err(millstream_runtime::errors::format)?;
        let mut reader = PartitionReader::new(partition, decoder, format::MAX_LINE, around.stop.clone());
        while let Some(block) = reader
            .next_block()
            .map_err(|error| millstream_runtime::errors::read_failed(&spec.connector, &name, &error))?
        {
            all.extend(records(&block.decoded, &types));
        }
    }
    Ok(all)
}
