//! `source` items, and what tables have in common with them.

use crate::check::Checker;
use crate::clauses::Surroundings;
use crate::errors::{clauses as clause_errors, connectors as errors, tables as table_errors};
use crate::facts::{Recorder, Role, Visible, Wanted};
use crate::hir::{Source, SourceKey};
use crate::names::{Input, RowType};
use millstream_base::{Diagnostics, Span};
use millstream_ir::flow::{
    Column, ConnectorSpec, Encoding, FieldSpec, FormatSpec, Load, OnError, Schema, TimeSpec,
};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::sync::Arc;

/// What is written of a source, or of a table with an input.
#[derive(Clone, Copy)]
pub(super) struct Declared<'d> {
    pub name: &'d ast::Name,
    pub key: &'d [ast::Name],
    pub options: &'d [ast::SourceOption],
    pub is_table: bool,
}

pub(super) fn check_source(
    around: Surroundings,
    input: &Input,
    declared: Declared,
    row: &RowType,
    path: Option<&str>,
    ordinal: u32,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Source>> {
    let options = check_options(around, declared, row, diagnostics);
    let name = declared.name;
    if options.from.is_none() && path.is_none() && !options.wrong {
        diagnostics.push(errors::no_connector(name.span, &name.text));
    }
    let (mut connector, mut format) = (options.connector, options.format);
    if let Some(path) = path {
        format = replaced_format(around, path, format, Role::Source);
        connector = Some(around.options.file(path, Role::Source, name.span));
    }
    if row.ty.is_error() {
        return None;
    }
    let key = check_key(&around.names.facts, declared, row, format.as_ref(), diagnostics);
    let mut fields: Vec<FieldSpec> = row.fields.to_vec();
    let change = key.as_ref().and_then(|key| key.change);
    fields.extend(change.map(|_| change_field()));
    let mut columns: Vec<Column> = fields
        .iter()
        .enumerate()
        .map(|(i, f)| Column { name: f.name.clone(), ty: f.ty.clone(), hidden: Some(i) == change })
        .collect();
    let time = options.time.as_ref().map_or(columns.len(), |t| t.field);
    if options.time.is_none() {
        columns.push(Column { name: "time".into(), ty: Type::TIMESTAMP, hidden: true });
    }
    let read = Schema::append_only(columns, time);
    let schema = match &key {
        Some(key) if !declared.is_table => changes_of(&read, key),
        _ => read.clone(),
    };
    // Where the connector is wrong, the program does not run, but the rows are known.
    let none = || ConnectorSpec { name: "?".into(), options: Default::default(), span: name.span };
    Some(Arc::new(Source {
        name: name.text.as_str().into(),
        doc: input.doc.map(str::to_string),
        span: input.span,
        ordinal,
        connector: connector.unwrap_or_else(none),
        format,
        fields: fields.into(),
        load: (declared.is_table && options.time.is_none())
            .then_some(Load { refresh: options.refresh.map(|(every, _)| every) }),
        time: options.time,
        on_error: options.on_error,
        schema,
        columns_defined: row.fields.iter().map(|f| f.name.clone()).zip(row.spans.iter().copied()).collect(),
        read,
        key,
    }))
}

/// `key a, b`: what rows are named by that replace each other.
fn check_key(
    facts: &Recorder,
    declared: Declared,
    row: &RowType,
    format: Option<&FormatSpec>,
    diagnostics: &mut Diagnostics,
) -> Option<SourceKey> {
    let log = format.filter(|format| format.options.contains_key("changes"));
    let (Some(first), Some(last)) = (declared.key.first(), declared.key.last()) else {
        if let Some(format) = log {
            diagnostics.push(clause_errors::change_log_without_key(format.span, declared.name.span));
        }
        return None;
    };
    let mut fields = vec![];
    report_repeated(declared.key, diagnostics);
    for key in declared.key {
        match row.fields.iter().position(|f| *f.name == *key.text) {
            Some(field) => {
                facts.stands_for(key.span, row.spans.get(field).copied());
                fields.push(field);
            }
            None => {
                facts.misses(key.span, || Wanted::Column(visible_fields(row)));
                let names: Vec<&str> = row.fields.iter().map(|f| &*f.name).collect();
                diagnostics.push(clause_errors::unknown_key_field(key.span, &key.text, &names));
            }
        }
    }
    Some(SourceKey { fields, change: log.map(|_| row.fields.len()), span: first.span.to(last.span) })
}

/// Reports fields that a key names twice.
pub(super) fn report_repeated(key: &[ast::Name], diagnostics: &mut Diagnostics) {
    for (number, name) in key.iter().enumerate().skip(1) {
        if key[..number].iter().any(|before| before.text == name.text) {
            diagnostics.push(clause_errors::key_field_twice(name.span, &name.text, key[number - 1].span));
        }
    }
}

/// The fields of a row as what could be named.
fn visible_fields(row: &RowType) -> Vec<Visible> {
    let fields = row.fields.iter().zip(row.spans.iter()).map(|(field, span)| Visible {
        name: field.name.clone(),
        qualifier: None,
        qualified_only: false,
        many: false,
        ty: field.ty.clone(),
        defined: Some(*span),
    });
    fields.collect()
}

/// What a change log says of a row besides its fields: 1 where it stands, -1 where it has been deleted. No
/// input has a field without a name.
fn change_field() -> FieldSpec {
    FieldSpec {
        name: "change".into(),
        input: "".into(),
        ty: Type::INT,
        encoding: Encoding::Plain,
        default: Some(Value::Int(1)),
    }
}

/// The rows as they stand, as changes of them.
fn changes_of(read: &Schema, key: &SourceKey) -> Schema {
    let mut columns = read.columns.clone();
    let hidden = |name: &str, ty| Column { name: name.into(), ty, hidden: true };
    columns.extend([hidden("time", Type::TIMESTAMP), hidden("sign", Type::INT)]);
    let time = columns.len() - 2;
    Schema { columns, time, sign: Some(time + 1), key: Some(key.fields.clone()) }
}

/// The format of a file that stands in for another input: that of its name, else the declared one.
pub(super) fn replaced_format(
    around: Surroundings,
    path: &str,
    declared: Option<FormatSpec>,
    role: Role,
) -> Option<FormatSpec> {
    match format_of_path(path) {
        Some(name) if declared.as_ref().is_some_and(|d| *d.name == *name) => declared,
        Some(name) => Some(around.options.format(name, role, Span::default())),
        None => declared,
    }
}

fn format_of_path(path: &str) -> Option<&'static str> {
    let path = path.strip_suffix(".gz").or_else(|| path.strip_suffix(".zst")).unwrap_or(path);
    match path.rsplit_once('.')?.1 {
        "ndjson" | "jsonl" | "json" => Some("json"),
        "csv" => Some("csv"),
        "tsv" => Some("tsv"),
        _ => None,
    }
}

struct CheckedOptions {
    from: Option<Span>,
    /// One of them could not be parsed.
    wrong: bool,
    connector: Option<ConnectorSpec>,
    format: Option<FormatSpec>,
    time: Option<TimeSpec>,
    /// With the place of the option.
    refresh: Option<(i64, Span)>,
    on_error: OnError,
}

fn check_options(
    around: Surroundings,
    declared: Declared,
    row: &RowType,
    diagnostics: &mut Diagnostics,
) -> CheckedOptions {
    let mut checked = CheckedOptions {
        from: None,
        wrong: false,
        connector: None,
        format: None,
        time: None,
        refresh: None,
        on_error: OnError::Keep,
    };
    for option in declared.options {
        match &option.kind {
            ast::SourceOptionKind::From(connector) => {
                checked.from = Some(option.span);
                checked.connector =
                    around.options.check_connector(around, connector, Role::Source, diagnostics);
            }
            ast::SourceOptionKind::Format(format) => {
                checked.format = around.options.check_format(around, format, Role::Source, diagnostics);
            }
            ast::SourceOptionKind::Time(time) => {
                checked.time = check_time(around, time, row, diagnostics);
            }
            ast::SourceOptionKind::Refresh(duration) => {
                let mut checker = Checker::new(around.names, around.file, diagnostics);
                let every = checker.check_positive_duration(duration);
                checked.refresh = every.map(|every| (every, option.span));
                if !declared.is_table {
                    diagnostics.push(table_errors::refreshed_source(option.span, &declared.name.text));
                }
            }
            ast::SourceOptionKind::OnError(policy) => {
                checked.on_error = around.options.check_policy(around, policy, diagnostics);
            }
            ast::SourceOptionKind::Error => checked.wrong = true,
        }
    }
    if let (Some((_, refresh)), true) = (checked.refresh, declared.is_table) {
        let is_live = checked.connector.as_ref().is_some_and(is_live);
        if checked.time.is_some() || is_live {
            diagnostics.push(table_errors::refresh_of_changing(refresh, is_live));
        }
    }
    checked
}

fn check_time(
    around: Surroundings,
    time: &ast::EventTime,
    row: &RowType,
    diagnostics: &mut Diagnostics,
) -> Option<TimeSpec> {
    let mut checker = Checker::new(around.names, around.file, diagnostics);
    let mut duration = |written: &Option<ast::Expr>, what: &str| {
        let written = written.as_ref()?;
        let micros = checker.check_duration(written)?;
        if micros < 0 {
            checker.diagnostics.push(clause_errors::negative_duration(written.span, what));
            return None;
        }
        Some(micros)
    };
    let disorder = duration(&time.disorder, "disorder").unwrap_or(0);
    let idle = duration(&time.idle, "time of silence");
    let ahead = duration(&time.ahead, "distance ahead");
    if row.ty.is_error() {
        return None;
    }
    let column = &time.column;
    let Some(field) = row.fields.iter().position(|f| *f.name == *column.text) else {
        around.names.facts.misses(column.span, || Wanted::Column(visible_fields(row)));
        let times = row.fields.iter().filter(|field| field.ty == Type::TIMESTAMP);
        let times: Vec<&str> = times.map(|field| &*field.name).collect();
        let fields: Vec<&str> = row.fields.iter().map(|field| &*field.name).collect();
        diagnostics.push(clause_errors::unknown_time_field(column.span, &column.text, &times, &fields));
        return None;
    };
    around.names.facts.stands_for(column.span, row.spans.get(field).copied());
    let ty = &row.fields[field].ty;
    if ty.kind != TypeKind::Timestamp || ty.nullable {
        if !ty.is_error() {
            diagnostics.push(clause_errors::time_not_a_timestamp(column.span, &column.text, ty));
        }
        return None;
    }
    Some(TimeSpec { field, disorder, idle, ahead })
}

/// Whether it may have rows at any time, as far as that can be told before it is opened: a file may also be
/// a pipe.
pub(crate) fn is_live(connector: &ConnectorSpec) -> bool {
    let option = |name: &str| connector.options.get(name);
    let follows = option("follow") == Some(&Value::Bool(true));
    let is_standard_input = matches!(option("path"), Some(Value::String(path)) if &**path == "-");
    match &*connector.name {
        "file" => follows || is_standard_input,
        "nexmark" => false,
        _ => true,
    }
}
