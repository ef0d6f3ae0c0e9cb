//! The standard library as programs see it: its declarations, parsed once for any number of programs.

use super::files::Files;
use crate::errors::names as errors;
use crate::facts::{Given, Recorder, Wanted};
use millstream_base::{Diagnostics, FileId, Span, did_you_mean};
use millstream_ir::catalog::{Catalog, ScalarFunction};
use millstream_syntax::ast;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The parsed declarations of a [`Catalog`] and the functions that implement them.
#[derive(Debug)]
pub struct Library {
    pub(crate) modules: Vec<LibraryModule>,
    /// The options of connectors and formats.
    pub(crate) connectors: Vec<LibraryModule>,
    natives: &'static [&'static ScalarFunction],
}

#[derive(Debug)]
pub(crate) struct LibraryModule {
    /// `std.text`
    pub name: &'static str,
    pub program: ast::Program,
}

/// The files of the library have no place in a program's source map.
pub(crate) const LIBRARY_FILE: FileId = FileId(u32::MAX);

impl Library {
    /// Parses the declarations; what is wrong with them is a fault of the library.
    pub fn new(catalog: &Catalog, diagnostics: &mut Diagnostics) -> Library {
        let mut parse = |module: &millstream_ir::catalog::Module| LibraryModule {
            name: module.name,
            program: millstream_syntax::parse_declarations(LIBRARY_FILE, module.text, diagnostics),
        };
        Library {
            modules: catalog.modules.iter().map(&mut parse).collect(),
            connectors: catalog.connectors.iter().map(&mut parse).collect(),
            natives: catalog.functions,
        }
    }

    /// Checks what `use std.…` items name; everything in the library is visible without them.
    pub(crate) fn check_uses(&self, files: &Files, facts: &Recorder, diagnostics: &mut Diagnostics) {
        for item in files.parsed.iter().flat_map(|p| &p.program.items) {
            let ast::ItemKind::Use(ast::Use { target: ast::UseTarget::Module(path), names }) = &item.kind
            else {
                continue;
            };
            let name = path.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(".");
            let span = path.iter().map(|n| n.span).reduce(Span::to).unwrap_or(item.span);
            if !self.modules.iter().any(|m| m.name == name) {
                let nearest = did_you_mean(&name, self.modules.iter().map(|m| m.name));
                diagnostics.push(errors::unknown_module(span, &name, nearest));
                if let [before @ .., last] = &path[..] {
                    facts.misses(last.span, || Wanted::Word(self.modules_behind(before)));
                }
                continue;
            }
            facts.stands_for_given(span, Given::Module, &name);
            let functions =
                self.functions().map(|(module, function, _)| (module, &function.name, Given::Function));
            let aggregates =
                self.aggregates().map(|(module, aggregate)| (module, &aggregate.name, Given::Aggregate));
            let defined: BTreeMap<&str, Given> = functions
                .chain(aggregates)
                .filter(|(module, ..)| *module == name)
                .map(|(_, name, given)| (name.text.as_str(), given))
                .collect();
            for wanted in names.iter().flatten() {
                let Some(given) = defined.get(wanted.text.as_str()) else {
                    let nearest = did_you_mean(&wanted.text, defined.keys().copied());
                    diagnostics.push(errors::not_in_module(wanted.span, &wanted.text, &name, nearest));
                    let words = || defined.keys().map(|name| (*name).into()).collect();
                    facts.misses(wanted.span, || Wanted::Word(words()));
                    continue;
                };
                facts.stands_for_given(wanted.span, *given, &wanted.text);
            }
        }
    }

    /// What the names of modules go on with behind the first parts of one.
    fn modules_behind(&self, parts: &[ast::Name]) -> Vec<Arc<str>> {
        let before: String = parts.iter().map(|part| format!("{}.", part.text)).collect();
        self.modules.iter().filter_map(|module| Some(module.name.strip_prefix(&before)?.into())).collect()
    }

    pub(crate) fn native(&self, name: &str) -> Option<&'static ScalarFunction> {
        self.natives.iter().find(|f| f.name == name).copied()
    }

    /// The aggregates that each module defines.
    pub fn aggregates(&self) -> impl Iterator<Item = (&'static str, &ast::Aggregate)> {
        self.modules.iter().flat_map(|module| {
            module.program.items.iter().filter_map(|item| match &item.kind {
                ast::ItemKind::Aggregate(aggregate) => Some((module.name, aggregate)),
                _ => None,
            })
        })
    }

    /// What is declared of connectors and formats, such as `connectors.file`: a type for each way in which it can be
    /// used, with a field for each option.
    pub fn connectors(&self) -> impl Iterator<Item = (&'static str, &ast::Program)> {
        self.connectors.iter().map(|module| (module.name, &module.program))
    }

    /// The functions that each module declares, with their documentation: module, function, doc.
    pub fn functions(&self) -> impl Iterator<Item = (&'static str, &ast::Function, Option<&str>)> {
        self.modules.iter().flat_map(|module| {
            module.program.items.iter().filter_map(|item| match &item.kind {
                ast::ItemKind::Function(function) => Some((module.name, function, item.doc.as_deref())),
                _ => None,
            })
        })
    }
}
