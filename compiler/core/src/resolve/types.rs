//! Types as written become types.

use super::collect::{BUILTIN_TYPES, Found};
use super::signature::{PatternKind, TypePattern};
use crate::check::Checker;
use crate::errors::{names as errors, types as type_errors};
use crate::names::{NamedType, Names};
use millstream_base::{Diagnostics, FileId, did_you_mean};
use millstream_ir::types::{FieldType, RecordType, Type, TypeKind};
use millstream_syntax::ast;
use std::sync::Arc;

/// Where a type is written, which says what may stand in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Program,
    /// The standard library, where single capital letters are type variables and `decimal` has any scale.
    Library,
}

/// Resolves `type` items in the order in which they need each other.
pub(crate) fn resolve_types<'a>(
    found: &[Found<'a, ast::TypeDefinition>],
    names: &mut Names<'a>,
    diagnostics: &mut Diagnostics,
) {
    let mut states = vec![State::New; found.len()];
    for i in 0..found.len() {
        visit(i, found, &mut states, names, diagnostics);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

fn visit<'a>(
    i: usize,
    found: &[Found<'a, ast::TypeDefinition>],
    states: &mut [State],
    names: &mut Names<'a>,
    diagnostics: &mut Diagnostics,
) {
    match states[i] {
        State::Done => return,
        State::Open => {
            let definition = &found[i].item.name;
            diagnostics.push(errors::type_cycle(definition.span, &definition.text));
            define(&found[i], Type::ERROR, names);
            states[i] = State::Done;
            return;
        }
        State::New => states[i] = State::Open,
    }
    let mut used = vec![];
    names_in(&found[i].item.ty, &mut used);
    for name in used {
        let of =
            found.iter().position(|f| f.item.name.text == name && names.sees(found[i].file, f.file, name));
        if let Some(of) = of {
            visit(of, found, states, names, diagnostics);
        }
    }
    // In a circle, it has been defined as wrong.
    if states[i] == State::Open {
        let ty = resolve_type(&found[i].item.ty, names, found[i].file, diagnostics);
        define(&found[i], ty, names);
        states[i] = State::Done;
    }
}

fn define<'a>(found: &Found<'a, ast::TypeDefinition>, ty: Type, names: &mut Names<'a>) {
    let Found { item, doc, file, span } = *found;
    names.types.push(NamedType { definition: item, doc, file, span, ty });
}

fn names_in<'t>(ty: &'t ast::Type, names: &mut Vec<&'t str>) {
    match &ty.kind {
        ast::TypeKind::Named(name) => names.push(&name.text),
        ast::TypeKind::Applied { args, .. } => args.iter().for_each(|t| names_in(t, names)),
        ast::TypeKind::Record(fields) => fields.iter().for_each(|f| names_in(&f.ty, names)),
        ast::TypeKind::Nullable(of) => names_in(of, names),
        ast::TypeKind::Scaled { .. } | ast::TypeKind::OneOf(_) | ast::TypeKind::Error => {}
    }
}

impl Checker<'_> {
    /// The type that is written.
    pub fn check_type(&mut self, ty: &ast::Type) -> Type {
        resolve_type(ty, self.names, self.file, self.diagnostics)
    }
}

/// The type that is written in a program.
pub(crate) fn resolve_type(
    ty: &ast::Type,
    names: &Names,
    file: FileId,
    diagnostics: &mut Diagnostics,
) -> Type {
    resolve_pattern(ty, names, file, Place::Program, diagnostics).as_type().unwrap_or(Type::ERROR)
}

pub(crate) fn resolve_pattern(
    ty: &ast::Type,
    names: &Names,
    file: FileId,
    place: Place,
    diagnostics: &mut Diagnostics,
) -> TypePattern {
    let error = || TypePattern::exact(Type::ERROR);
    match &ty.kind {
        ast::TypeKind::Named(name) => named(name, names, file, place, diagnostics),
        ast::TypeKind::Scaled { name, scale } => {
            if name.text != "decimal" {
                diagnostics.push(type_errors::malformed_type(ty.span, &name.text));
                return error();
            }
            match u8::try_from(scale.value) {
                Ok(scale) if scale <= 38 => TypePattern::exact(Type::decimal(scale)),
                _ => {
                    diagnostics.push(type_errors::bad_scale(scale.span));
                    error()
                }
            }
        }
        ast::TypeKind::Applied { name, args } => {
            let [of] = args.as_slice() else {
                diagnostics.push(type_errors::malformed_type(ty.span, &name.text));
                return error();
            };
            let of = Box::new(resolve_pattern(of, names, file, place, diagnostics));
            let kind = match name.text.as_str() {
                "list" => PatternKind::List(of),
                "map" => PatternKind::Map(of),
                _ => {
                    diagnostics.push(type_errors::malformed_type(ty.span, &name.text));
                    return error();
                }
            };
            closed(TypePattern { kind, nullable: false })
        }
        ast::TypeKind::Record(fields) => {
            let mut resolved: Vec<(Arc<str>, TypePattern)> = vec![];
            for (i, field) in fields.iter().enumerate() {
                if let Some(first) = fields[..i].iter().find(|f| f.name.text == field.name.text) {
                    let name = &field.name;
                    diagnostics.push(type_errors::duplicate_field(name.span, &name.text, first.name.span));
                    continue;
                }
                let of = resolve_pattern(&field.ty, names, file, place, diagnostics);
                resolved.push((field.name.text.as_str().into(), of));
            }
            closed(TypePattern { kind: PatternKind::Record(resolved), nullable: false })
        }
        ast::TypeKind::OneOf(strings) => {
            TypePattern::exact(Type::one_of(strings.iter().map(|s| s.value.as_str())))
        }
        ast::TypeKind::Nullable(of) => {
            TypePattern { nullable: true, ..resolve_pattern(of, names, file, place, diagnostics) }
        }
        ast::TypeKind::Error => error(),
    }
}

/// A pattern without open parts as the plain type that it is; one with a fault in it as a fault.
fn closed(pattern: TypePattern) -> TypePattern {
    match pattern.as_type() {
        Some(ty) if mentions_error(&ty) => TypePattern::exact(Type::ERROR),
        Some(ty) => TypePattern::exact(ty),
        None => pattern,
    }
}

fn mentions_error(ty: &Type) -> bool {
    match &ty.kind {
        TypeKind::Error => true,
        TypeKind::List(of) | TypeKind::Map(of) => mentions_error(of),
        TypeKind::Record(record) => record.fields.iter().any(|f: &FieldType| mentions_error(&f.ty)),
        _ => false,
    }
}

fn named(
    name: &ast::Name,
    names: &Names,
    file: FileId,
    place: Place,
    diagnostics: &mut Diagnostics,
) -> TypePattern {
    let text = name.text.as_str();
    let builtin = match text {
        "bool" => Some(Type::BOOL),
        "int" => Some(Type::INT),
        "float" => Some(Type::FLOAT),
        "string" => Some(Type::STRING),
        "bytes" => Some(Type::BYTES),
        "timestamp" => Some(Type::TIMESTAMP),
        "duration" => Some(Type::DURATION),
        "json" => Some(Type::JSON),
        _ => None,
    };
    if let Some(ty) = builtin {
        return TypePattern::exact(ty);
    }
    if place == Place::Library {
        let mut letters = text.chars();
        if let (Some(letter @ 'A'..='Z'), None) = (letters.next(), letters.next()) {
            return TypePattern { kind: PatternKind::Variable(letter), nullable: false };
        }
        if text == "decimal" {
            return TypePattern { kind: PatternKind::AnyDecimal, nullable: false };
        }
    }
    if matches!(text, "decimal" | "list" | "map") {
        diagnostics.push(type_errors::malformed_type(name.span, text));
        return TypePattern::exact(Type::ERROR);
    }
    if let Some(found) = names.named_type(file, text) {
        return TypePattern::exact(found.ty.clone());
    }
    if !names.is_broken(text) {
        let known = names.types.iter().map(|t| t.definition.name.text.as_str());
        let nearest = did_you_mean(text, BUILTIN_TYPES.iter().copied().chain(known));
        diagnostics.push(errors::unknown_type(name.span, text, nearest));
    }
    TypePattern::exact(Type::ERROR)
}

/// The fields of a record type.
pub(crate) fn record_of(ty: &Type) -> Option<&Arc<RecordType>> {
    match &ty.kind {
        TypeKind::Record(record) => Some(record),
        _ => None,
    }
}
