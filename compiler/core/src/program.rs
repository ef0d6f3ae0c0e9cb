//! Checks whole programs: sources and tables, then streams in the order in which they read each other, then sinks
//! and tests.

mod command_line;
mod shared_files;
mod sink;
mod source;
mod table;
mod test;

pub use command_line::Overrides;
pub(crate) use command_line::{CommandLine, Flag};
pub(crate) use shared_files::Writer;
pub(crate) use source::is_live;

use crate::CompileOptions;
use crate::clauses::{Known, Surroundings, check_query};
use crate::connectors::Options;
use crate::hir::{Input, InputId, Program, Stream, Table};
use crate::names::{InputKind, Names};
use millstream_base::{Diagnostics, FileId};

/// The typed tree of a program. What is wrong is reported and left out.
pub(crate) fn check_program(
    names: &Names,
    options: &Options,
    command_line: &CommandLine,
    main: FileId,
    diagnostics: &mut Diagnostics,
) -> Program {
    let mut inputs: Vec<Known> = names.inputs.iter().map(|_| Known::Unknown).collect();
    let mut ordinal = 0;
    for (number, input) in names.inputs.iter().enumerate() {
        let around = Surroundings { names, options, file: input.file, inputs: &inputs };
        match &input.kind {
            InputKind::Source { source, row } => {
                let path = command_line.source(&source.name.text);
                let declared = source::Declared {
                    name: &source.name,
                    key: &source.key,
                    options: &source.options,
                    is_table: false,
                };
                let checked = source::check_source(around, input, declared, row, path, ordinal, diagnostics);
                ordinal += 1;
                inputs[number] = checked.map_or(Known::Unknown, |s| Known::Input(Input::Source(s)));
            }
            InputKind::Table { table, row: Some(row) } => {
                let path = command_line.source(&table.name.text);
                let checked = table::check_table(around, input, table, row, path, ordinal, diagnostics);
                ordinal += 1;
                inputs[number] = known_table(checked);
            }
            InputKind::Table { .. } | InputKind::Stream(_) => {}
        }
    }
    let mut order = vec![];
    for number in names.query_order.iter().copied() {
        let Some(input) = names.inputs.get(number) else { continue };
        let around = Surroundings { names, options, file: input.file, inputs: &inputs };
        match &input.kind {
            InputKind::Stream(stream) => {
                let (query, rows) = check_query(around, &stream.query, diagnostics);
                if !rows.known {
                    continue;
                }
                inputs[number] = Known::Input(Input::Stream(Box::new(Stream {
                    name: stream.name.text.as_str().into(),
                    doc: input.doc.map(str::to_string),
                    span: input.span,
                    file: input.file,
                    rows: rows.schema(),
                    columns_defined: rows.columns_defined(),
                    updating_because: rows.updating.as_ref().map(|u| u.because),
                    query,
                })));
                order.push(InputId(number));
            }
            InputKind::Table { table, .. } => {
                inputs[number] = known_table(table::check_kept_table(around, input, table, diagnostics));
                order.push(InputId(number));
            }
            InputKind::Source { .. } => {}
        }
    }
    let sinks = sink::check_sinks(names, options, &inputs, command_line, main, diagnostics);
    test::check_names(names, diagnostics);
    let tests = names
        .tests
        .iter()
        .map(|(file, test)| {
            let around = Surroundings { names, options, file: *file, inputs: &inputs };
            test::check_test(around, test, diagnostics)
        })
        .collect();
    let inputs = inputs.into_iter().map(|known| match known {
        Known::Input(input) => Some(input),
        Known::Unknown => None,
    });
    Program { inputs: inputs.collect(), order, sinks, tests }
}

fn known_table(table: Option<Table>) -> Known {
    table.map_or(Known::Unknown, |table| Known::Input(Input::Table(Box::new(table))))
}

/// Reports files that several outputs write, and standard input that several sources read.
pub(crate) fn check_shared_files(
    program: &Program,
    command_line: &CommandLine,
    options: &CompileOptions,
    diagnostics: &mut Diagnostics,
) {
    shared_files::check_outputs(program, command_line, &options.folder, diagnostics);
    let is_read = options.standard_input_is_read;
    shared_files::check_standard_input(program, command_line, is_read, diagnostics);
}
