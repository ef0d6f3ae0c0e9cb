//! `table` items: what their rows come from, and how joins read them.

use super::source::{Declared, check_source, report_repeated};
use crate::check::Checker;
use crate::clauses::{Rows, Surroundings, check_query};
use crate::errors::clauses::unknown_key_field;
use crate::errors::tables as errors;
use crate::facts::Recorder;
use crate::hir::{Feed, Table};
use crate::names::{Input, RowType};
use millstream_base::{Diagnostics, Span};
use millstream_ir::flow::{Column, Reading, Schema};
use millstream_ir::types::Type;
use millstream_syntax::ast;

/// A table with an input of its own.
pub(super) fn check_table(
    around: Surroundings,
    input: &Input,
    table: &ast::Table,
    row: &RowType,
    path: Option<&str>,
    ordinal: u32,
    diagnostics: &mut Diagnostics,
) -> Option<Table> {
    let ast::TableKind::Input { options, .. } = &table.kind else { return None };
    let declared = Declared { name: &table.name, key: &table.key, options, is_table: true };
    let source = check_source(around, input, declared, row, path, ordinal, diagnostics)?;
    let key = source.key.clone()?;
    Some(Table {
        name: source.name.clone(),
        doc: source.doc.clone(),
        span: source.span,
        key: key.fields,
        key_span: key.span,
        change: key.change,
        reading: if source.time.is_some() { Reading::AsOf } else { Reading::AsItStands },
        schema: source.schema.clone(),
        columns_defined: source.columns_defined.clone(),
        feed: Feed::Source(source),
    })
}

/// A table that a query keeps.
pub(super) fn check_kept_table(
    around: Surroundings,
    input: &Input,
    table: &ast::Table,
    diagnostics: &mut Diagnostics,
) -> Option<Table> {
    let ast::TableKind::Kept { query, delete_when } = &table.kind else { return None };
    let (query, rows) = check_query(around, query, diagnostics);
    let delete_when = delete_when.as_ref().map(|condition| {
        let mut checker = Checker::new(around.names, around.file, diagnostics);
        checker.check_condition(&rows.scope(), condition).0
    });
    if !rows.known {
        return None;
    }
    let key = key_of(&around.names.facts, table, &rows, diagnostics)?;
    let (first, last) = (table.key.first()?, table.key.last()?);
    let key_span = first.span.to(last.span);
    check_changes(&rows, &key, key_span, diagnostics);
    let Schema { mut columns, time, sign, .. } = rows.schema();
    let change = match &delete_when {
        None => sign,
        Some(_) => {
            columns.push(Column { name: "change".into(), ty: Type::INT, hidden: true });
            Some(columns.len() - 1)
        }
    };
    Some(Table {
        name: table.name.text.as_str().into(),
        doc: input.doc.map(str::to_string),
        span: input.span,
        feed: Feed::Query { query: Box::new(query), delete_when },
        key,
        key_span,
        change,
        reading: Reading::AsOf,
        schema: Schema::append_only(columns, time),
        columns_defined: rows.columns_defined(),
    })
}

/// The columns that the key names.
fn key_of(
    facts: &Recorder,
    table: &ast::Table,
    rows: &Rows,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<usize>> {
    let mut key = vec![];
    report_repeated(&table.key, diagnostics);
    for name in &table.key {
        match rows.find(&name.text) {
            Some((number, column)) => {
                facts.stands_for(name.span, column.defined);
                key.push(number);
            }
            None => {
                facts.misses(name.span, || rows.scope().wanted_columns());
                let names: Vec<&str> = rows.visible().map(|(_, column)| &*column.name).collect();
                diagnostics.push(unknown_key_field(name.span, &name.text, &names));
            }
        }
    }
    (key.len() == table.key.len()).then_some(key)
}

/// Reports rows that are withdrawn under another key than the table's: which row of the table's key then stands
/// could not be told.
fn check_changes(rows: &Rows, key: &[usize], key_span: Span, diagnostics: &mut Diagnostics) {
    let Some(updating) = &rows.updating else { return };
    let own = updating.key.as_ref();
    if own.is_none_or(|own| own.iter().any(|column| !key.contains(column))) {
        let names =
            own.map(|own| own.iter().filter_map(|c| rows.columns.get(*c)).map(|c| &*c.name).collect());
        diagnostics.push(errors::other_key(key_span, names, updating.because.span));
    }
}
