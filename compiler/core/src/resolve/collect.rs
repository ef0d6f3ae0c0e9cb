//! Which names there are: every item in its set, each name once.

use super::files::{Files, ParsedFile};
use crate::check::{AggregateName, CONVERSIONS, aggregate_name};
use crate::errors::names as errors;
use crate::facts::{DefinitionKind, Target, Wanted};
use crate::names::{Input, InputKind, Names, RowType, Sink, UsedNames};
use millstream_base::{Diagnostics, FileId, Span};
use millstream_ir::types::Type;
use millstream_syntax::ast;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An item whose meaning later steps find out.
#[derive(Debug)]
pub(crate) struct Found<'a, T> {
    pub item: &'a T,
    pub doc: Option<&'a str>,
    pub file: FileId,
    pub span: Span,
}

/// The items that are not yet in [`Names`].
#[derive(Debug, Default)]
pub(crate) struct FoundItems<'a> {
    pub types: Vec<Found<'a, ast::TypeDefinition>>,
    pub functions: Vec<Found<'a, ast::Function>>,
    pub aggregates: Vec<Found<'a, ast::Aggregate>>,
    pub params: Vec<Found<'a, ast::Param>>,
}

/// Names of types that the language defines.
pub(crate) const BUILTIN_TYPES: &[&str] =
    &["bool", "int", "float", "decimal", "string", "bytes", "timestamp", "duration", "json", "list", "map"];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Set {
    Inputs,
    Sinks,
    Definitions,
    Params,
}

pub(crate) fn collect<'a>(
    files: &'a Files,
    names: &mut Names<'a>,
    diagnostics: &mut Diagnostics,
) -> FoundItems<'a> {
    let mut found = FoundItems::default();
    let mut seen: BTreeMap<(Set, &'a str), Span> = BTreeMap::new();
    for parsed in &files.parsed {
        let file = parsed.file;
        names.uses.insert(file, seen_by(files, parsed));
        for item in &parsed.program.items {
            collect_item(item, file, names, &mut found, &mut seen, diagnostics);
        }
    }
    // After all items are known: what `use "file" (names)` asks for.
    for parsed in &files.parsed {
        for used in &parsed.uses {
            names.facts.uses(used.path, Target::File(used.file));
            let Some(target) = files.file(used.file) else { continue };
            let defined: BTreeMap<&str, Span> = target
                .program
                .items
                .iter()
                .filter_map(|item| item.kind.name())
                .map(|name| (name.text.as_str(), name.span))
                .collect();
            for name in used.names.iter().flatten() {
                let Some(span) = defined.get(name.text.as_str()) else {
                    let nearest = millstream_base::did_you_mean(&name.text, defined.keys().copied());
                    diagnostics.push(errors::not_in_file(name.span, &name.text, nearest));
                    let words = || defined.keys().map(|name| (*name).into()).collect();
                    names.facts.misses(name.span, || Wanted::Word(words()));
                    continue;
                };
                names.facts.stands_for(name.span, Some(*span));
            }
        }
    }
    found
}

/// What a file sees of others: what it uses; of files that belong together all of them, and what one of them uses.
fn seen_by(files: &Files, parsed: &ParsedFile) -> Vec<UsedNames> {
    let is_together = files.together.contains(&parsed.file);
    let users = files
        .parsed
        .iter()
        .filter(|user| user.file == parsed.file || is_together && files.together.contains(&user.file));
    let uses = users.flat_map(|user| &user.uses).map(|used| {
        let listed = used.names.as_ref().map(|names| names.iter().map(|name| name.text.clone()).collect());
        (used.file, listed)
    });
    let beside = files.together.iter().filter(|other| is_together && **other != parsed.file);
    uses.chain(beside.map(|other| (*other, None))).collect()
}

fn collect_item<'a>(
    item: &'a ast::Item,
    file: FileId,
    names: &mut Names<'a>,
    found: &mut FoundItems<'a>,
    seen: &mut BTreeMap<(Set, &'a str), Span>,
    diagnostics: &mut Diagnostics,
) {
    let doc = item.doc.as_deref();
    let (set, kind) = match &item.kind {
        ast::ItemKind::Use(_) => return,
        ast::ItemKind::Test(test) => {
            names.facts.define_as(&test.name.value, test.name.span, DefinitionKind::Test, None);
            names.tests.push((file, test));
            return;
        }
        ast::ItemKind::Error(name) => {
            names.broken.extend(name.iter().map(|n| n.text.clone()));
            return;
        }
        ast::ItemKind::Source(_) => (Set::Inputs, DefinitionKind::Source),
        ast::ItemKind::Table(_) => (Set::Inputs, DefinitionKind::Table),
        ast::ItemKind::Stream(_) => (Set::Inputs, DefinitionKind::Stream),
        ast::ItemKind::Sink(_) => (Set::Sinks, DefinitionKind::Sink),
        ast::ItemKind::Type(_) => (Set::Definitions, DefinitionKind::Type),
        ast::ItemKind::Function(_) => (Set::Definitions, DefinitionKind::Function),
        ast::ItemKind::Aggregate(_) => (Set::Definitions, DefinitionKind::Aggregate),
        ast::ItemKind::Param(_) => (Set::Params, DefinitionKind::Param),
    };
    let Some(name) = item.kind.name() else { return };
    if set == Set::Definitions && is_builtin(&name.text) {
        diagnostics.push(errors::builtin_name(name.span, &name.text));
        return;
    }
    if let Some(first) = seen.get(&(set, name.text.as_str())) {
        diagnostics.push(errors::duplicate_name(name.span, &name.text, *first));
        return;
    }
    seen.insert((set, name.text.as_str()), name.span);
    names.facts.define(name, kind, None);
    // Filled in by `rows`, when types are known.
    let no_row = || RowType { ty: Type::ERROR, fields: Arc::new([]), spans: Arc::new([]) };
    let span = item.span;
    let mut input = |name: &'a ast::Name, kind: InputKind<'a>| {
        names.inputs.push(&name.text, Input { name, doc, file, span, kind })
    };
    match &item.kind {
        ast::ItemKind::Source(source) => input(&source.name, InputKind::Source { source, row: no_row() }),
        ast::ItemKind::Table(table) => {
            let row = matches!(table.kind, ast::TableKind::Input { .. }).then(no_row);
            input(&table.name, InputKind::Table { table, row });
        }
        ast::ItemKind::Stream(stream) => input(&stream.name, InputKind::Stream(stream)),
        ast::ItemKind::Sink(sink) => names.sinks.push(Sink { sink, doc, file, span }),
        ast::ItemKind::Aggregate(item) => found.aggregates.push(Found { item, doc, file, span }),
        ast::ItemKind::Type(item) => found.types.push(Found { item, doc, file, span }),
        ast::ItemKind::Function(item) => found.functions.push(Found { item, doc, file, span }),
        ast::ItemKind::Param(item) => found.params.push(Found { item, doc, file, span }),
        ast::ItemKind::Use(_) | ast::ItemKind::Test(_) | ast::ItemKind::Error(_) => {}
    }
}

/// Whether the language itself gives the name a meaning among types, functions and aggregates.
fn is_builtin(name: &str) -> bool {
    BUILTIN_TYPES.contains(&name)
        || CONVERSIONS.contains(&name.strip_prefix("try_").unwrap_or(name))
        || !matches!(aggregate_name(name), AggregateName::No)
}
