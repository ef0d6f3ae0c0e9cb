//! `test` items: which sources get which rows, and what is expected of which streams.

use super::source::replaced_format;
use crate::check::Checker;
use crate::clauses::{Known, Surroundings, check_reference, columns_of};
use crate::errors::names::unknown_input;
use crate::errors::tests as errors;
use crate::facts::{Role, Visible, Wanted};
use crate::hir::{
    Expectation, ExpectedRow, GivenRow, GivenRows, InputId, Source, TEST_START, Test, TestStep, TestStepKind,
};
use crate::names::{InputKind, Names};
use millstream_base::{Diagnostics, Span, did_you_mean};
use millstream_ir::flow::Schema;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

pub(super) fn check_test(around: Surroundings, test: &ast::Test, diagnostics: &mut Diagnostics) -> Test {
    let mut steps = vec![];
    for step in &test.steps {
        let kind = match &step.kind {
            ast::TestStepKind::Given { stream, rows } => given(around, stream, rows, diagnostics),
            ast::TestStepKind::Advance { to } => time(around, to, diagnostics).map(TestStepKind::Advance),
            ast::TestStepKind::Expect { stream, expectation } => {
                expect(around, stream, expectation, diagnostics)
            }
            ast::TestStepKind::Error => None,
        };
        steps.extend(kind.map(|kind| TestStep { kind, span: step.span }));
    }
    let expects = |step: &ast::TestStep| {
        matches!(step.kind, ast::TestStepKind::Expect { .. } | ast::TestStepKind::Error)
    };
    if !test.steps.iter().any(expects) {
        diagnostics.push(errors::tests_nothing(test.name.span, &test.name.value));
    }
    Test { name: test.name.value.clone(), file: around.file, span: test.name.span, steps }
}

/// Reports tests of one file that cannot be told apart.
pub(super) fn check_names(names: &Names, diagnostics: &mut Diagnostics) {
    let mut known: BTreeMap<_, Span> = BTreeMap::new();
    for (file, test) in names.tests.iter() {
        let (name, span) = (test.name.value.as_str(), test.name.span);
        match known.entry((*file, name)) {
            Entry::Occupied(first) => diagnostics.push(errors::test_twice(span, name, *first.get())),
            Entry::Vacant(place) => {
                place.insert(span);
            }
        }
    }
}

fn time(around: Surroundings, to: &ast::Expr, diagnostics: &mut Diagnostics) -> Option<i64> {
    match value(around, to, &Type::TIMESTAMP, diagnostics)? {
        Value::Timestamp(micros) => Some(micros),
        _ => None,
    }
}

fn value(around: Surroundings, expr: &ast::Expr, ty: &Type, diagnostics: &mut Diagnostics) -> Option<Value> {
    let mut checker = Checker::new(around.names, around.file, diagnostics);
    checker.test_start = Some(TEST_START);
    checker.check_constant(expr, ty)
}

fn given(
    around: Surroundings,
    stream: &ast::StreamRef,
    rows: &ast::GivenRows,
    diagnostics: &mut Diagnostics,
) -> Option<TestStepKind> {
    let name = stream.name();
    let input = around.names.input(around.file, &name.text);
    let is_source = matches!(stream, ast::StreamRef::Named(_))
        && !input.is_some_and(|(_, input)| matches!(input.kind, InputKind::Stream(_)));
    if !is_source {
        diagnostics.push(errors::given_not_a_source(name.span, &name.text));
        return None;
    }
    let Some((number, _)) = input else {
        if !around.names.is_broken(&name.text) {
            let known = around.names.inputs_seen(around.file, name.span);
            diagnostics.push(unknown_input(name.span, &name.text, &known));
            around.names.facts.misses(name.span, || Wanted::Input);
        }
        return None;
    };
    around.names.facts.stands_for(name.span, input.map(|(_, input)| input.name.span));
    let Some(Known::Input(given)) = around.inputs.get(number) else { return None };
    let Some(source) = given.source() else {
        diagnostics.push(errors::given_not_a_source(name.span, &name.text));
        return None;
    };
    let rows = match rows {
        ast::GivenRows::File(path) => GivenRows::File {
            path: path.value.clone(),
            format: replaced_format(around, &path.value, source.format.clone(), Role::Source),
            span: path.span,
        },
        ast::GivenRows::Rows { rows, .. } => GivenRows::Rows(
            rows.iter().filter_map(|row| given_row(around, source, row, diagnostics)).collect(),
        ),
    };
    Some(TestStepKind::Given { source: InputId(number), rows })
}

/// A value for every field: a field left out takes its default, or null.
fn given_row(
    around: Surroundings,
    source: &Source,
    row: &ast::Expr,
    diagnostics: &mut Diagnostics,
) -> Option<GivenRow> {
    let fields = record_fields(row, diagnostics)?;
    let columns = || source.fields.iter().map(|f| (&*f.name, &f.ty));
    check_fields(around, fields, &source.name, columns, &source.columns_defined, diagnostics);
    let mut values = vec![];
    // All values are looked at, so that names in them are known; of what is missing the first is told.
    let mut is_whole = true;
    for field in source.fields.iter() {
        let written = fields.iter().find(|f| *f.name.text == *field.name);
        let value = match (written, &field.default) {
            (Some(written), _) => value(around, &written.value, &field.ty, diagnostics),
            (None, Some(default)) => Some(default.clone()),
            (None, None) if field.ty.nullable => Some(Value::Null),
            (None, None) if is_whole => {
                diagnostics.push(errors::missing_column(row.span, &field.name, &source.name));
                None
            }
            (None, None) => None,
        };
        is_whole &= value.is_some();
        values.extend(value);
    }
    is_whole.then_some(())?;
    Some(GivenRow { values, span: row.span })
}

fn expect(
    around: Surroundings,
    stream: &ast::StreamRef,
    expectation: &ast::Expectation,
    diagnostics: &mut Diagnostics,
) -> Option<TestStepKind> {
    let (rows, schema) = check_reference(around, stream, diagnostics);
    let schema = schema?;
    let defined = columns_of(around, rows).map_or(&[][..], |input| input.columns_defined());
    let expectation = match expectation {
        ast::Expectation::Empty => Expectation::Empty,
        ast::Expectation::Count(count) => Expectation::Count(u64::try_from(count.value).unwrap_or(u64::MAX)),
        ast::Expectation::Rows { order, rows, span } => Expectation::Rows {
            order: *order,
            rows: rows
                .iter()
                .filter_map(|row| {
                    expected_row(around, &stream.name().text, &schema, defined, row, diagnostics)
                })
                .collect(),
            span: *span,
        },
    };
    Some(TestStepKind::Expect { rows, expectation })
}

fn expected_row(
    around: Surroundings,
    name: &str,
    schema: &Schema,
    defined: &[(Arc<str>, Span)],
    row: &ast::Expr,
    diagnostics: &mut Diagnostics,
) -> Option<ExpectedRow> {
    let fields = record_fields(row, diagnostics)?;
    let columns = || schema.visible().map(|(_, c)| (&*c.name, &c.ty));
    check_fields(around, fields, name, columns, defined, diagnostics);
    let mut values = vec![];
    for field in fields {
        let mut columns = schema.visible().map(|(_, column)| column).enumerate();
        let Some((number, column)) = columns.find(|(_, c)| *c.name == *field.name.text) else {
            continue;
        };
        values.push((number, value(around, &field.value, &column.ty, diagnostics)?));
    }
    Some(ExpectedRow { values, span: row.span })
}

fn record_fields<'e>(row: &'e ast::Expr, diagnostics: &mut Diagnostics) -> Option<&'e [ast::RecordField]> {
    match &row.kind {
        ast::ExprKind::Record(fields) => Some(fields),
        ast::ExprKind::Error => None,
        _ => {
            diagnostics.push(errors::row_not_a_record(row.span));
            None
        }
    }
}

fn check_fields<'c, I: Iterator<Item = (&'c str, &'c Type)>>(
    around: Surroundings,
    fields: &[ast::RecordField],
    of: &str,
    columns: impl Fn() -> I,
    defined: &[(Arc<str>, Span)],
    diagnostics: &mut Diagnostics,
) {
    let facts = &around.names.facts;
    let place = |name: &str| defined.iter().find(|(n, _)| **n == *name).map(|(_, span)| *span);
    for field in fields {
        if columns().any(|(column, _)| column == field.name.text) {
            facts.stands_for(field.name.span, place(&field.name.text));
            continue;
        }
        let visible = |(name, ty): (&str, &Type)| Visible {
            name: name.into(),
            qualifier: None,
            qualified_only: false,
            many: false,
            ty: ty.clone(),
            defined: place(name),
        };
        facts.misses(field.name.span, || Wanted::Column(columns().map(visible).collect()));
        let nearest = did_you_mean(&field.name.text, columns().map(|(name, _)| name));
        diagnostics.push(errors::unknown_column(field.name.span, &field.name.text, of, nearest));
    }
}
