//! `from S as a`, and what any reference to rows resolves to: a source, a stream, a side stream.

use super::{Rows, Surroundings};
use crate::errors::clauses as errors;
use crate::errors::names as names_errors;
use crate::errors::tables::table_as_stream;
use crate::facts::{DefinitionKind, Wanted};
use crate::hir::{Because, Cause, ClauseKind, Feed, Head, Input, InputId, Side};
use crate::lower::{errors_schema, late_schema};
use crate::names::InputKind;
use millstream_base::{Diagnostics, Span};
use millstream_ir::flow::Schema;
use millstream_syntax::ast;

/// What has been found out about a source, table or stream so far.
#[derive(Debug)]
pub(crate) enum Known {
    /// Wrong, not carried out, or part of a circle; reported.
    Unknown,
    Input(Input),
}

pub(super) fn check_head(
    around: Surroundings,
    head: &ast::QueryHead,
    diagnostics: &mut Diagnostics,
) -> (Head, Rows) {
    match &head.kind {
        ast::QueryHeadKind::From(from) => {
            let (reference, schema) = check_reference(around, &from.stream, diagnostics);
            let alias = from.alias.as_ref().unwrap_or(from.stream.name());
            define_alias(around, from.alias.as_ref());
            let rows = match schema {
                Some(schema) => {
                    let because = updating_because(around, reference);
                    Rows::of_schema(&schema, columns_of(around, reference), alias, because)
                }
                None => Rows::unknown(),
            };
            (Head::Rows(reference), rows)
        }
        ast::QueryHeadKind::Match(query) => match super::pattern::check_match(around, query, diagnostics) {
            Some((pattern, rows)) => (Head::Match(Box::new(pattern)), rows),
            None => (Head::Rows(no_rows(head.span)), Rows::unknown()),
        },
        ast::QueryHeadKind::Error => (Head::Rows(no_rows(head.span)), Rows::unknown()),
    }
}

fn no_rows(span: Span) -> crate::hir::Rows {
    crate::hir::Rows { of: InputId(usize::MAX), side: Side::Main, span }
}

pub(super) fn define_alias(around: Surroundings, alias: Option<&ast::Name>) {
    if let Some(alias) = alias {
        around.names.facts.define(alias, DefinitionKind::Alias, None);
    }
}

/// Whose columns these rows have, if they are defined in the program.
pub(crate) fn columns_of(around: Surroundings<'_>, rows: crate::hir::Rows) -> Option<&Input> {
    match around.inputs.get(rows.of.0) {
        Some(Known::Input(input)) if rows.side != Side::Errors => Some(input),
        _ => None,
    }
}

/// The rows that a name stands for, and their columns if they are known.
pub(crate) fn check_reference(
    around: Surroundings,
    reference: &ast::StreamRef,
    diagnostics: &mut Diagnostics,
) -> (crate::hir::Rows, Option<Schema>) {
    let name = reference.name();
    let Some((number, input)) = around.names.input(around.file, &name.text) else {
        if !around.names.is_broken(&name.text) {
            let known = around.names.inputs_seen(around.file, name.span);
            diagnostics.push(names_errors::unknown_input(name.span, &name.text, &known));
            let or_side = matches!(reference, ast::StreamRef::Named(_));
            around.names.facts.misses(name.span, || Wanted::Rows { or_side });
        }
        return (no_rows(name.span), None);
    };
    around.names.facts.stands_for(name.span, Some(input.name.span));
    let side = match reference {
        ast::StreamRef::Named(_) => Side::Main,
        ast::StreamRef::Late(_) => Side::Late,
        ast::StreamRef::Errors(_) => Side::Errors,
    };
    let rows = crate::hir::Rows { of: InputId(number), side, span: name.span };
    if side == Side::Errors {
        return (rows, Some(errors_schema()));
    }
    if side == Side::Main
        && let InputKind::Table { .. } = input.kind
    {
        diagnostics.push(table_as_stream(name.span, &name.text));
        return (rows, None);
    }
    let Some(Known::Input(known)) = around.inputs.get(number) else { return (rows, None) };
    let schema = match side {
        Side::Main => known.schema().clone(),
        _ => late_rows(known, name, diagnostics),
    };
    (rows, Some(schema))
}

/// The clause that made these rows updating, if they are.
pub(crate) fn updating_because(around: Surroundings, rows: crate::hir::Rows) -> Because {
    let because = match around.inputs.get(rows.of.0) {
        Some(Known::Input(input)) => input.updating_because(),
        _ => None,
    };
    because.unwrap_or(Because { span: rows.span, cause: Cause::Group })
}

/// The columns of `late(NAME)`, which has to be something that sets late rows aside.
fn late_rows(input: &Input, name: &ast::Name, diagnostics: &mut Diagnostics) -> Schema {
    let schema = input.schema();
    match input {
        Input::Source(source) => {
            if source.time.is_none() {
                diagnostics.push(errors::nothing_late(name.span, &name.text, "it has no `time`"));
            }
            // Those that are read, where others see what they change.
            return late_schema(&source.read);
        }
        Input::Table(table) => match &table.feed {
            Feed::Source(source) if source.time.is_some() => {}
            Feed::Source(_) => {
                diagnostics.push(errors::nothing_late(name.span, &name.text, "it has no `time`"))
            }
            Feed::Query { .. } => {
                diagnostics.push(errors::nothing_late(name.span, &name.text, "a query keeps it"))
            }
        },
        Input::Stream(stream) => {
            let times: Vec<_> =
                stream.query.clauses.iter().filter(|c| matches!(c.kind, ClauseKind::Time { .. })).collect();
            match times[..] {
                [] => {
                    diagnostics.push(errors::nothing_late(name.span, &name.text, "it has no `time` clause"))
                }
                [time] => {
                    if !same_visible(&time.schema, schema) {
                        diagnostics.push(errors::late_columns_differ(name.span, &name.text, time.span));
                    }
                    return late_schema(&time.schema);
                }
                [_, second, ..] => {
                    diagnostics.push(errors::late_columns_differ(name.span, &name.text, second.span));
                }
            }
        }
    }
    late_schema(schema)
}

fn same_visible(a: &Schema, b: &Schema) -> bool {
    let columns = |s: &Schema| s.visible().map(|(_, c)| (c.name.clone(), c.ty.clone())).collect::<Vec<_>>();
    columns(a) == columns(b)
}
