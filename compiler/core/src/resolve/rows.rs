//! The rows of sources and tables: what the declared type says of each field's name, encoding and
//! default in the input.

use super::types::{record_of, resolve_type};
use crate::check::Checker;
use crate::errors::{types as errors, unsupported};
use crate::names::{InputKind, Names, RowType};
use millstream_base::{Diagnostics, FileId, Span, did_you_mean};
use millstream_ir::flow::{Encoding, FieldSpec};
use millstream_ir::text;
use millstream_ir::types::{Type, TypeKind};
use millstream_syntax::ast;
use std::collections::HashMap;
use std::sync::Arc;

/// Encodings that have a name.
const ENCODINGS: &[(&str, Encoding)] = &[
    ("epoch_s", Encoding::EpochSeconds),
    ("epoch_ms", Encoding::EpochMillis),
    ("epoch_us", Encoding::EpochMicros),
    ("epoch_ns", Encoding::EpochNanos),
];

pub(crate) fn resolve_rows(names: &mut Names, diagnostics: &mut Diagnostics) {
    let mut rows = vec![];
    for input in names.inputs.iter() {
        let ty = match &input.kind {
            InputKind::Source { source, .. } => Some(&source.ty),
            InputKind::Table { table: ast::Table { kind: ast::TableKind::Input { ty, .. }, .. }, .. } => {
                Some(ty)
            }
            InputKind::Table { .. } | InputKind::Stream(_) => None,
        };
        rows.push(ty.map(|ty| row(ty, names, input.file, diagnostics)));
    }
    for (input, row) in names.inputs.iter_mut().zip(rows) {
        match (&mut input.kind, row) {
            (InputKind::Source { row, .. }, Some(found)) => *row = found,
            (InputKind::Table { row, .. }, Some(found)) => *row = Some(found),
            _ => {}
        }
    }
}

fn row(ty: &ast::Type, names: &Names, file: FileId, diagnostics: &mut Diagnostics) -> RowType {
    let wrong = RowType { ty: Type::ERROR, fields: Arc::new([]), spans: Arc::new([]) };
    let resolved = resolve_type(ty, names, file, diagnostics);
    if resolved.is_error() {
        return wrong;
    }
    let written = written_fields(ty, names, file).filter(|_| !resolved.nullable);
    let (Some((fields, file)), Some(record)) = (written, record_of(&resolved)) else {
        diagnostics.push(errors::row_not_a_record(ty.span, &resolved));
        return wrong;
    };
    let mut specs = vec![];
    let mut spans = vec![];
    let by_name: HashMap<&str, &ast::Field> =
        fields.iter().rev().map(|f| (f.name.text.as_str(), f)).collect();
    for field in &record.fields {
        let Some(ast) = by_name.get(&*field.name) else { continue };
        if let Some(below) = input_data_below(&ast.ty, names, file) {
            diagnostics.push(unsupported::nested_input_data(below, ast.name.span));
        }
        let default = ast
            .default
            .as_ref()
            .and_then(|d| Checker::new(names, file, diagnostics).check_constant(d, &field.ty));
        specs.push(FieldSpec {
            name: field.name.clone(),
            input: ast.input_name.as_ref().map_or(field.name.clone(), |t| t.value.as_str().into()),
            ty: field.ty.clone(),
            encoding: ast.encoding.as_ref().map_or(Encoding::Plain, |e| encoding(e, &field.ty, diagnostics)),
            default,
        });
        spans.push(ast.name.span);
    }
    RowType { ty: resolved, fields: specs.into(), spans: spans.into() }
}

/// The fields of a record type as they are written, through the names of types, and the file they are in.
fn written_fields<'t>(
    ty: &'t ast::Type,
    names: &Names<'t>,
    file: FileId,
) -> Option<(&'t [ast::Field], FileId)> {
    match through_names(ty, names, file)? {
        (ast::Type { kind: ast::TypeKind::Record(fields), .. }, file) => Some((fields, file)),
        _ => None,
    }
}

/// What a name stands for in the end, and the file it is in. Names may stand for names, many times.
fn through_names<'t>(
    mut ty: &'t ast::Type,
    names: &Names<'t>,
    mut file: FileId,
) -> Option<(&'t ast::Type, FileId)> {
    while let ast::TypeKind::Named(name) = &ty.kind {
        let named = names.named_type(file, &name.text)?;
        (ty, file) = (&named.definition.ty, named.file);
    }
    Some((ty, file))
}

/// A field inside a type that says how the input writes it, which is heard only at the top of a row.
fn input_data_below(ty: &ast::Type, names: &Names, file: FileId) -> Option<Span> {
    let (ty, file) = through_names(ty, names, file)?;
    match &ty.kind {
        ast::TypeKind::Record(fields) => fields.iter().find_map(|f| {
            let own = f.input_name.is_some() || f.encoding.is_some() || f.default.is_some();
            if own { Some(f.span) } else { input_data_below(&f.ty, names, file) }
        }),
        ast::TypeKind::Applied { args, .. } => args.iter().find_map(|t| input_data_below(t, names, file)),
        ast::TypeKind::Nullable(of) => input_data_below(of, names, file),
        ast::TypeKind::Named(_)
        | ast::TypeKind::Scaled { .. }
        | ast::TypeKind::OneOf(_)
        | ast::TypeKind::Error => None,
    }
}

/// What `timestamp as …` can name.
pub fn encodings() -> impl Iterator<Item = &'static str> {
    ENCODINGS.iter().map(|(name, _)| *name)
}

fn encoding(encoding: &ast::Encoding, ty: &Type, diagnostics: &mut Diagnostics) -> Encoding {
    let found = match &encoding.kind {
        ast::EncodingKind::Named(name) => match ENCODINGS.iter().find(|(n, _)| *n == name.text) {
            Some((_, found)) => found.clone(),
            None => {
                let nearest = did_you_mean(&name.text, ENCODINGS.iter().map(|(n, _)| *n));
                diagnostics.push(errors::unknown_encoding(name.span, &name.text, nearest));
                return Encoding::Plain;
            }
        },
        ast::EncodingKind::Pattern { pattern, zone } => {
            let time_zone = text::pattern::time_zone(zone.as_ref().map_or("UTC", |z| &z.value));
            let Some(time_zone) = time_zone else {
                let (span, name) = zone.as_ref().map_or((encoding.span, ""), |z| (z.span, &*z.value));
                let known = text::pattern::time_zone_names();
                let nearest = did_you_mean(name, known.iter().map(String::as_str));
                diagnostics.push(errors::unknown_zone(span, name, nearest));
                return Encoding::Plain;
            };
            if let Err(reason) = text::TimePattern::new(&pattern.value, time_zone) {
                diagnostics.push(errors::bad_time_pattern(pattern.span, &reason));
                return Encoding::Plain;
            }
            Encoding::Pattern {
                pattern: pattern.value.as_str().into(),
                zone: zone.as_ref().map(|z| z.value.as_str().into()),
            }
        }
    };
    if ty.kind != TypeKind::Timestamp {
        diagnostics.push(errors::encoding_of_type(encoding.span, ty));
        return Encoding::Plain;
    }
    found
}
