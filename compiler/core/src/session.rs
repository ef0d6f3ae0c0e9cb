//! What is typed in a session: compiled beside the definitions that were typed before.

use crate::check::Checker;
use crate::resolve::{self, Loader};
use crate::scope::Scope;
use crate::{Compilation, CompileOptions, Library, compile_files};
use millstream_base::{Diagnostic, Diagnostics, FileId, SourceMap};
use millstream_ir::expr::Expr;
use millstream_syntax::ast;

/// The definitions of a session and what was typed, each in a file of its own.
pub struct Session<'s, 'l> {
    pub sources: &'s mut SourceMap,
    /// Programs that see each other's names.
    pub definitions: &'s [FileId],
    /// Where what was typed stands.
    pub typed: FileId,
    pub load: &'s mut Loader<'l>,
    pub library: &'s Library,
}

impl Session<'_, '_> {
    /// Compiles the definitions and the items that were typed. `found` is what the parser reported of these.
    pub fn compile(self, items: ast::Program, options: &CompileOptions, found: Diagnostics) -> Compilation {
        let mut diagnostics = found;
        let last = (self.typed, items);
        let files =
            resolve::parse_together(self.sources, self.definitions, last, self.load, &mut diagnostics);
        compile_files(self.sources, (files, self.typed), self.library, options, diagnostics)
    }

    /// Checks an expression that was typed, which can name no columns; none if it is wrong.
    pub fn check(
        self,
        expr: &ast::Expr,
        options: &CompileOptions,
        found: Diagnostics,
    ) -> (Option<Expr>, Vec<Diagnostic>) {
        let mut diagnostics = found;
        let nothing = ast::Program { items: vec![], span: expr.span };
        let last = (self.typed, nothing);
        let files =
            resolve::parse_together(self.sources, self.definitions, last, self.load, &mut diagnostics);
        let mut given = options.params.clone();
        given.extend(options.overrides.params.clone());
        let names = resolve::resolve(&files, self.library, &given, &mut diagnostics);
        let checked =
            Checker::new(&names, self.typed, &mut diagnostics).check_expr(&Scope::default(), expr, None);
        let is_wrong = diagnostics.has_errors() || checked.ty.is_error();
        ((!is_wrong).then_some(checked), diagnostics.into_sorted())
    }
}
