//! The standard library as programs see it: its declarations, parsed once for any number of programs.

use millstream_base::{Diagnostics, FileId};
use millstream_ir::catalog::{Catalog, ScalarFunction};
use millstream_syntax::ast;

/// The parsed declarations of a [`Catalog`] and the functions that implement them.
#[derive(Debug)]
pub struct Library {
    pub(crate) modules: Vec<LibraryModule>,
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
        let parse = |module: &millstream_ir::catalog::Module| LibraryModule {
            name: module.name,
            program: millstream_syntax::parse_declarations(LIBRARY_FILE, module.text, diagnostics),
        };
        Library { modules: catalog.modules.iter().map(parse).collect(), natives: catalog.functions }
    }

    pub(crate) fn native(&self, name: &str) -> Option<&'static ScalarFunction> {
        self.natives.iter().find(|f| f.name == name).copied()
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
