//! Types as written become types.

use super::collect::{BUILTIN_TYPES, Found};
use super::signature::{PatternKind, TypePattern};
use crate::check::Checker;
use crate::errors::{names as errors, types as type_errors};
use crate::facts::{DefinitionKind, Given, Wanted};
use crate::names::{ByName, NamedType, Names};
use millstream_base::{Diagnostics, FileId, Span, did_you_mean};
use millstream_ir::types::{RecordType, Type, TypeKind};
use millstream_syntax::ast;
use std::collections::HashMap;
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
    let mut by_name = ByName::default();
    found.iter().for_each(|found| by_name.push(&found.item.name.text, found));
    let mut states = vec![State::New; found.len()];
    for i in 0..found.len() {
        if states[i] == State::New {
            resolve_with_needed(i, &by_name, &mut states, names, diagnostics);
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

/// Resolves one definition after those that it needs. What is open is kept in a list, because a chain of
/// definitions may be longer than the stack.
fn resolve_with_needed<'a>(
    first: usize,
    found: &ByName<&Found<'a, ast::TypeDefinition>>,
    states: &mut [State],
    names: &mut Names<'a>,
    diagnostics: &mut Diagnostics,
) {
    states[first] = State::Open;
    let mut open = vec![(first, needed(first, found, names))];
    while let Some((i, needs)) = open.last_mut() {
        let i = *i;
        match needs.pop() {
            Some(of) => match states[of] {
                State::Done => {}
                State::Open => {
                    let definition = &found[of].item.name;
                    diagnostics.push(errors::type_cycle(definition.span, &definition.text));
                    define(found[of], Type::ERROR, names);
                    states[of] = State::Done;
                }
                State::New => {
                    states[of] = State::Open;
                    open.push((of, needed(of, found, names)));
                }
            },
            None => {
                // In a circle, it has been defined as wrong.
                if states[i] == State::Open {
                    let ty = resolve_type(&found[i].item.ty, names, found[i].file, diagnostics);
                    define(found[i], ty, names);
                    states[i] = State::Done;
                }
                open.pop();
            }
        }
    }
}

/// The definitions that one names, the first last.
fn needed(i: usize, found: &ByName<&Found<ast::TypeDefinition>>, names: &Names) -> Vec<usize> {
    let mut used = vec![];
    names_in(&found[i].item.ty, &mut used);
    let definition = |name: &&str| {
        let mut named = found.named(name);
        named.find(|(_, f)| names.sees(found[i].file, f.file, name)).map(|(number, _)| number)
    };
    used.iter().rev().filter_map(definition).collect()
}

fn define<'a>(found: &Found<'a, ast::TypeDefinition>, ty: Type, names: &mut Names<'a>) {
    let Found { item, doc, file, span } = *found;
    names.types.push(&item.name.text, NamedType { definition: item, doc, file, span, ty });
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
            names.facts.stands_for_given(name.span, Given::Type, &name.text);
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
            names.facts.stands_for_given(name.span, Given::Type, &name.text);
            let of = Box::new(resolve_pattern(of, names, file, place, diagnostics));
            let kind = match name.text.as_str() {
                "list" => PatternKind::List(of),
                "map" => PatternKind::Map(of),
                _ => {
                    diagnostics.push(type_errors::malformed_type(ty.span, &name.text));
                    return error();
                }
            };
            closed(TypePattern { kind, nullable: false }, ty.span, diagnostics)
        }
        ast::TypeKind::Record(fields) => {
            let mut resolved: Vec<(Arc<str>, TypePattern)> = vec![];
            let mut seen: HashMap<&str, Span> = HashMap::new();
            for field in fields {
                let name = &field.name;
                if let Some(first) = seen.get(name.text.as_str()) {
                    diagnostics.push(type_errors::duplicate_field(name.span, &name.text, *first));
                    continue;
                }
                seen.insert(&name.text, name.span);
                let of = resolve_pattern(&field.ty, names, file, place, diagnostics);
                names.facts.define(name, DefinitionKind::Field, of.as_type().as_ref());
                resolved.push((name.text.as_str().into(), of));
            }
            let record = TypePattern { kind: PatternKind::Record(resolved), nullable: false };
            let record = closed(record, ty.span, diagnostics);
            if let Some(record) = record.as_type().as_ref().and_then(record_of) {
                let fields = record.fields.iter().map(|f| seen.get(&*f.name).copied());
                names.facts.define_record(record, fields.collect());
            }
            record
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
fn closed(pattern: TypePattern, span: Span, diagnostics: &mut Diagnostics) -> TypePattern {
    let Some(ty) = pattern.as_type() else { return pattern };
    let extent = Extent::of(&ty);
    if extent.has_error {
        return TypePattern::exact(Type::ERROR);
    }
    if extent.n_parts > MOST_PARTS || extent.depth > MOST_LEVELS {
        diagnostics.push(type_errors::type_too_large(span, MOST_PARTS, MOST_LEVELS));
        return TypePattern::exact(Type::ERROR);
    }
    TypePattern::exact(ty)
}

/// More than any table has columns. Types that name each other twice would double with every step.
const MOST_PARTS: usize = 20_000;
/// As deep as a type can be written.
const MOST_LEVELS: usize = 256;

/// How much a type holds, with all that it names.
struct Extent {
    n_parts: usize,
    depth: usize,
    has_error: bool,
}

impl Extent {
    fn of(ty: &Type) -> Extent {
        let mut whole = Extent { n_parts: 1, depth: 1, has_error: ty.kind == TypeKind::Error };
        match &ty.kind {
            TypeKind::List(of) | TypeKind::Map(of) => whole.add(of),
            TypeKind::Record(record) => record.fields.iter().for_each(|field| whole.add(&field.ty)),
            _ => {}
        }
        whole
    }

    fn add(&mut self, part: &Type) {
        if self.n_parts > MOST_PARTS {
            return;
        }
        let part = Extent::of(part);
        self.n_parts += part.n_parts;
        self.depth = self.depth.max(1 + part.depth);
        self.has_error |= part.has_error;
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
    if builtin.is_some() || matches!(text, "decimal" | "list" | "map") {
        names.facts.stands_for_given(name.span, Given::Type, text);
    }
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
        names.facts.stands_for(name.span, Some(found.definition.name.span));
        return TypePattern::exact(found.ty.clone());
    }
    if !names.is_broken(text) {
        let known = names.types.iter().map(|t| t.definition.name.text.as_str());
        let nearest = did_you_mean(text, BUILTIN_TYPES.iter().copied().chain(known));
        diagnostics.push(errors::unknown_type(name.span, text, nearest));
        names.facts.misses(name.span, || Wanted::Type);
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
