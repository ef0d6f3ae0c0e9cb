//! Rows in the place of a program's inputs: the first of each input, or where there is none, those that a test of the
//! program gives.

use super::Asked;
use crate::clauses::n_of;
use crate::why::errors::listed;
use millstream_base::Diagnostic;
use millstream_base::codes;
use millstream_core::hir::{Feed, GivenRow, GivenRows, Input, InputId, Program, Source, Test, TestStepKind};
use millstream_ir::flow::{ConnectorSpec, Encoding, FieldSpec, FormatSpec};
use millstream_ir::text::json_of;
use millstream_ir::value::Value;
use millstream_runtime::connector::{self, Surroundings, given};
use millstream_runtime::errors;
use millstream_runtime::format;
use millstream_runtime::format::csv::CsvOptions;
use millstream_runtime::format::records::{LINES, Records, Syntax};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most rows of an input that are looked at, and the most bytes; of a table, all are.
const MOST_ROWS: u64 = 10_000;
const MOST_BYTES: usize = 64 << 20;

/// Puts a sample in the place of each input that is behind these streams; what was put there, for each.
pub fn put(
    program: &mut Program,
    streams: &[InputId],
    asked: &Asked,
) -> Result<Vec<(String, String)>, Box<Diagnostic>> {
    let inputs = inputs_behind(program, streams);
    let mut samples = vec![];
    let mut missing = vec![];
    for (id, source) in &inputs {
        // What is looked for in part of a table would be missed where it is there.
        let is_whole = matches!(program.input(*id), Some(Input::Table(_)));
        match of_input(source, is_whole, asked) {
            Ok(sample) => samples.push((*id, Some(sample))),
            Err(fault) => {
                missing.push((*id, fault));
                samples.push((*id, None));
            }
        }
    }
    let test = match &missing[..] {
        [] => None,
        [(first, fault), ..] => match giving(program, &missing.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        {
            Some(test) => Some(test),
            None => return Err(Box::new(nothing(program, *first, fault))),
        },
    };
    let mut read = vec![];
    for ((id, sample), (_, source)) in samples.into_iter().zip(&inputs) {
        let is_replaced = asked.replaced.contains(&source.name.to_string());
        let of_test = test.and_then(|test| {
            let test = program.tests.get(test)?;
            let rows = rows_of_test(test, id).filter(|_| !is_replaced)?;
            Some(of_test(source, &rows, &test.name, asked))
        });
        let sample = match (of_test, sample) {
            (Some(sample), _) => sample?,
            (None, Some(sample)) => sample,
            (None, None) => continue,
        };
        read.push((source.name.to_string(), sample.told));
        replace(program, id, Arc::new(sample.source));
    }
    Ok(read)
}

/// An input with a sample in its place.
struct Sample {
    source: Source,
    told: String,
}

/// Those that streams read, and the tables that they look into, in the order of the program.
fn inputs_behind(program: &Program, streams: &[InputId]) -> Vec<(InputId, Arc<Source>)> {
    let (mut read, mut open) = (BTreeSet::new(), streams.to_vec());
    while let Some(id) = open.pop() {
        if read.insert(id)
            && let Some(query) = program.input(id).and_then(Input::query)
        {
            open.extend(query.reads().iter().map(|rows| rows.of));
        }
    }
    read.into_iter().filter_map(|id| Some((id, program.input(id)?.source()?.clone()))).collect()
}

fn replace(program: &mut Program, id: InputId, source: Arc<Source>) {
    match program.inputs.get_mut(id.0) {
        Some(Some(Input::Source(old))) => *old = source,
        Some(Some(Input::Table(table))) => {
            if let Feed::Source(old) = &mut table.feed {
                *old = source;
            }
        }
        _ => {}
    }
}

/// The same input with other bytes.
fn with(
    source: &Source,
    connector: ConnectorSpec,
    format: Option<FormatSpec>,
    fields: Arc<[FieldSpec]>,
) -> Source {
    Source { connector, format, fields, ..source.clone() }
}

/// The first rows of an input, or all. What is followed is read as far as it has been written.
fn of_input(source: &Source, is_whole: bool, asked: &Asked) -> Result<Sample, Box<Diagnostic>> {
    let mut connector = source.connector.clone();
    connector.options.remove("follow");
    let around = Surroundings { base: asked.folder.clone(), stop: Default::default(), inputs: vec![] };
    let partitions = connector::partitions(&connector, &source.name, &around)?;
    let format = source.format.clone().or_else(|| format::of_connector(&connector));
    let (syntax, has_header) = match &format {
        Some(format) if matches!(&*format.name, "csv" | "tsv") => {
            let wrong =
                |message| Box::new(errors::format(format::FormatError { span: format.span, message }));
            let options = CsvOptions::new(format).map_err(wrong)?;
            (Syntax { delimiter: options.delimiter, quote: options.quote }, options.header)
        }
        _ => (LINES, false),
    };
    let most = MOST_ROWS.div_ceil(partitions.len().max(1) as u64);
    let (mut given, mut n_rows, mut has_more) = (vec![], 0, false);
    for partition in partitions {
        let name = partition.name.clone();
        let failed = |error| Box::new(errors::read_failed(&connector, &name, &error));
        let mut records = Records::open(partition).map_err(failed)?;
        let (mut bytes, mut n) = (vec![], 0);
        while let Some(record) = records.next(syntax).map_err(failed)? {
            if !is_whole && (n == most + has_header as u64 || bytes.len() > MOST_BYTES) {
                has_more = true;
                break;
            }
            n += 1;
            bytes.extend_from_slice(&record);
            bytes.push(b'\n');
        }
        n_rows += n.saturating_sub(has_header as u64);
        given.push((name, bytes));
    }
    let what = match (&given[..], connector::text_option(&connector, "path")) {
        ([(name, _)], "" | "-") => name.clone(),
        ([_], path) => path.to_string(),
        (files, path) => format!("{path}, {} files", files.len()),
    };
    let told = match has_more {
        true => format!("the first {} of {what}", n_of(n_rows, "row")),
        false => format!("{} of {what}", n_of(n_rows, "row")),
    };
    let spec = given::spec(given, connector.span);
    Ok(Sample { source: with(source, spec, format, source.fields.clone()), told })
}

/// The first test that gives rows to all of these.
fn giving(program: &Program, missing: &[InputId]) -> Option<usize> {
    program.tests.iter().position(|test| missing.iter().all(|id| rows_of_test(test, *id).is_some()))
}

/// What a test gives to an input; none if it gives nothing.
fn rows_of_test(test: &Test, id: InputId) -> Option<Vec<&GivenRows>> {
    let given = test.steps.iter().filter_map(|step| match &step.kind {
        TestStepKind::Given { source, rows } if *source == id => Some(rows),
        _ => None,
    });
    let given: Vec<&GivenRows> = given.collect();
    (!given.is_empty()).then_some(given)
}

fn of_test(
    source: &Source,
    rows: &[&GivenRows],
    test: &str,
    asked: &Asked,
) -> Result<Sample, Box<Diagnostic>> {
    if let [GivenRows::File { path, format, span }] = rows {
        let options = [("path".into(), Value::string(path))].into();
        let connector = ConnectorSpec { name: "file".into(), options, span: *span };
        let format = format.clone().or_else(|| source.format.clone());
        return of_input(&with(source, connector, format, source.fields.clone()), true, asked);
    }
    let (mut bytes, mut n) = (vec![], 0);
    for rows in rows {
        let GivenRows::Rows(rows) = rows else { continue };
        n += rows.len() as u64;
        rows.iter().for_each(|row| bytes.extend_from_slice(format!("{}\n", object(source, row)).as_bytes()));
    }
    // As values are written plainly, whatever the input writes them like.
    let plain = |field: &FieldSpec| FieldSpec {
        input: if field.input.is_empty() { field.input.clone() } else { field.name.clone() },
        encoding: Encoding::Plain,
        ..field.clone()
    };
    let name = format!("test \"{test}\"");
    let spec = given::spec(vec![(name.clone(), bytes)], source.connector.span);
    let format = FormatSpec { name: "json".into(), options: Default::default(), span: source.connector.span };
    let fields = source.fields.iter().map(plain).collect();
    Ok(Sample {
        source: with(source, spec, Some(format), fields),
        told: format!("{} given by {name}", n_of(n, "row")),
    })
}

fn object(source: &Source, row: &GivenRow) -> serde_json::Value {
    let fields = source.fields.iter().filter(|field| !field.input.is_empty()).zip(&row.values);
    serde_json::Value::Object(
        fields.map(|(field, value)| (field.name.to_string(), json_of(value, &field.ty))).collect(),
    )
}

/// `fault`: why the input itself cannot be read.
fn nothing(program: &Program, id: InputId, fault: &Diagnostic) -> Diagnostic {
    let name = program.input(id).map_or("?".to_string(), |input| input.name().to_string());
    let span =
        program.input(id).and_then(Input::source).map_or(fault.primary.span, |source| source.connector.span);
    let given: Vec<&str> = program.tests.iter().map(|test| test.name.as_str()).collect();
    let tests = match &given[..] {
        [] => "the program has no tests whose rows could be taken".to_string(),
        tests => format!("none of the tests {} gives rows to it", listed(tests)),
    };
    Diagnostic::new(codes::E0965, span, format!("there are no rows to preview `{name}` with"))
        .label("not to be read here")
        .note(fault.headline.clone())
        .note(tests)
        .help(format!("name a file with some rows: `--source {name}=FILE`, or give it rows in a test"))
}
