//! Finds the parts of the syntax tree that places stand for: items, fields, and what is written above them.

use super::Analysis;
use millstream_base::{FileId, Span};
use millstream_core::facts::{Definition, DefinitionKind};
use millstream_syntax::ast;

impl Analysis {
    /// The items of a file.
    pub fn items(&self, file: FileId) -> &[ast::Item] {
        self.compilation.files.file(file).map_or(&[], |parsed| &parsed.program.items)
    }

    /// The item around an offset, or in front of it.
    pub fn item_at(&self, file: FileId, offset: usize) -> Option<&ast::Item> {
        self.compilation.files.file(file)?.program.item_at(offset)
    }

    /// The item whose name stands at a place.
    pub fn item_named(&self, name: Span) -> Option<&ast::Item> {
        let item = self.item_at(name.file, name.start as usize)?;
        let is_named = match &item.kind {
            ast::ItemKind::Test(test) => test.name.span == name,
            kind => kind.name().is_some_and(|n| n.span == name),
        };
        is_named.then_some(item)
    }

    /// The item of a definition that is one.
    pub fn item_of(&self, definition: &Definition) -> Option<&ast::Item> {
        use DefinitionKind::*;
        let is_item = matches!(
            definition.kind,
            Type | Source | Table | Stream | Sink | Param | Function | Aggregate | Test
        );
        is_item.then(|| self.item_named(definition.span))?
    }

    /// The field of a record type whose name stands at a place.
    pub fn field_named(&self, name: Span) -> Option<&ast::Field> {
        let item = self.item_at(name.file, name.start as usize)?;
        types_of(item).into_iter().find_map(|ty| field_in(ty, name))
    }

    /// What the author wrote above the name at a place.
    pub fn doc(&self, name: Span) -> Option<&str> {
        let of_item = self.item_named(name).and_then(|item| item.doc.as_deref());
        of_item.or_else(|| self.field_named(name)?.doc.as_deref())
    }
}

/// The types that are written in an item.
fn types_of(item: &ast::Item) -> Vec<&ast::Type> {
    match &item.kind {
        ast::ItemKind::Type(definition) => vec![&definition.ty],
        ast::ItemKind::Source(source) => vec![&source.ty],
        ast::ItemKind::Table(ast::Table { kind: ast::TableKind::Input { ty, .. }, .. }) => vec![ty],
        ast::ItemKind::Param(param) => vec![&param.ty],
        ast::ItemKind::Function(ast::Function { params, result, .. })
        | ast::ItemKind::Aggregate(ast::Aggregate { params, result, .. }) => {
            params.iter().map(|param| &param.ty).chain([result]).collect()
        }
        _ => vec![],
    }
}

fn field_in(ty: &ast::Type, name: Span) -> Option<&ast::Field> {
    match &ty.kind {
        ast::TypeKind::Record(fields) => fields.iter().find_map(|field| match field.name.span == name {
            true => Some(field),
            false => field_in(&field.ty, name),
        }),
        ast::TypeKind::Applied { args, .. } => args.iter().find_map(|ty| field_in(ty, name)),
        ast::TypeKind::Nullable(of) => field_in(of, name),
        _ => None,
    }
}
