//! The items of a file as an outline, and those of a whole program by name.

use super::{Analysis, library};
use millstream_base::{FileId, Span};
use millstream_core::facts::DefinitionKind;
use millstream_syntax::ast;

#[derive(Clone, PartialEq, Debug)]
pub struct Symbol {
    pub name: String,
    pub kind: DefinitionKind,
    /// A few words beside the name.
    pub detail: String,
    /// Of all of it, and of its name in it.
    pub span: Span,
    pub name_span: Span,
    /// Fields, variables of patterns, states.
    pub children: Vec<Symbol>,
}

/// The items of a file, in their order.
pub fn document_symbols(analysis: &Analysis, file: FileId) -> Vec<Symbol> {
    analysis.items(file).iter().filter_map(|item| symbol(analysis, item)).collect()
}

/// The items of all files of the program in whose names the letters of `query` stand in this order.
pub fn workspace_symbols(analysis: &Analysis, query: &str) -> Vec<Symbol> {
    let files = analysis.compilation.files.parsed.iter().map(|parsed| parsed.file);
    let symbols = files.flat_map(|file| document_symbols(analysis, file));
    symbols.filter(|symbol| super::is_part_of(query, &symbol.name)).collect()
}

fn symbol(analysis: &Analysis, item: &ast::Item) -> Option<Symbol> {
    use ast::ItemKind::*;
    let (name, name_span) = match &item.kind {
        Test(test) => (test.name.value.clone(), test.name.span),
        kind => kind.name().map(|name| (name.text.clone(), name.span))?,
    };
    let (kind, detail) = match &item.kind {
        Param(param) => (DefinitionKind::Param, library::type_text(&param.ty)),
        Function(function) => (DefinitionKind::Function, library::type_text(&function.result)),
        Aggregate(aggregate) => (DefinitionKind::Aggregate, library::type_text(&aggregate.result)),
        Type(_) => (DefinitionKind::Type, String::new()),
        Source(source) => (DefinitionKind::Source, named_type(&source.ty)),
        Table(table) => (DefinitionKind::Table, table_detail(table)),
        Stream(_) => (DefinitionKind::Stream, String::new()),
        Sink(sink) => (DefinitionKind::Sink, format!("from {}", sink.from.name().text)),
        Test(_) => (DefinitionKind::Test, String::new()),
        Use(_) | Error(_) => return None,
    };
    Some(Symbol { name, kind, detail, span: item.span, name_span, children: children(analysis, item) })
}

fn named_type(ty: &ast::Type) -> String {
    match &ty.kind {
        ast::TypeKind::Named(name) => name.text.clone(),
        _ => String::new(),
    }
}

fn table_detail(table: &ast::Table) -> String {
    let keys: Vec<&str> = table.key.iter().map(|key| key.text.as_str()).collect();
    format!("key {}", keys.join(", "))
}

/// What an item defines inside of it, as far as it is worth a line.
fn children(analysis: &Analysis, item: &ast::Item) -> Vec<Symbol> {
    use DefinitionKind::{Column, Field, State, Variable};
    let facts = &analysis.compilation.facts;
    let start = facts.definitions.partition_point(|d| d.span < item.span);
    let inside = facts.definitions.get(start..).unwrap_or_default().iter();
    let inside = inside.take_while(|d| d.span.file == item.span.file && d.span.end <= item.span.end);
    let shown = inside.filter(|d| matches!(d.kind, Field | Column | State | Variable));
    let symbol = |d: &millstream_core::facts::Definition| Symbol {
        name: d.name.to_string(),
        kind: d.kind,
        detail: d.ty.as_ref().map_or(String::new(), |ty| ty.to_string()),
        span: d.span,
        name_span: d.span,
        children: vec![],
    };
    shown.map(symbol).collect()
}
