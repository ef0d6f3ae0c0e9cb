//! What has been defined in a session. It is a program without errors at any time: an entry that would make it
//! wrong changes nothing.

use super::errors;
use crate::cli::Bindings;
use crate::program::{load, options};
use millstream_base::{Diagnostic, Diagnostics, FileId, Severity, SourceMap, Span};
use millstream_core::hir::{self, InputId, Rows, Side};
use millstream_core::session::Session as Compiling;
use millstream_core::{Assembled, Compilation, CompileOptions, Library, assemble};
use millstream_ir::expr::Expr;
use millstream_ir::flow::{Flow, NodeKind};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast::{self, ItemKind, Name};
use millstream_syntax::entry::{Entry, parse_entry};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a query is called that was typed without a name. Nothing that a user defines is called so by chance.
pub const QUERY: &str = "the query";

/// What messages call what was typed.
pub const ENTRY: &str = "repl";

/// What `--set` gives values, and what `:source` puts files in the place of.
const PARAMS: &[&str] = &["param"];
pub const INPUTS: &[&str] = &["source", "table"];

/// The file of what was typed; those of the definitions have the numbers behind it.
pub const TYPED: FileId = FileId(0);

pub struct Session {
    definitions: Vec<Definition>,
    library: Library,
    pub bindings: Bindings,
    /// Where relative paths of files that definitions use start.
    base: PathBuf,
}

/// An item, as it was typed or loaded.
#[derive(Clone)]
pub struct Definition {
    pub kind: &'static str,
    pub name: String,
    /// What messages call its file.
    file: String,
    /// Of a file, behind as many blanks as it takes for its lines and columns to be those of the file.
    text: Arc<str>,
    /// Where its relative paths start.
    folder: PathBuf,
}

/// What was typed or loaded at once.
#[derive(Clone, Copy)]
pub struct Typed<'t> {
    pub text: &'t str,
    /// What messages call it.
    pub file: &'t str,
    pub folder: &'t Path,
}

impl<'t> Typed<'t> {
    pub fn entry(text: &'t str) -> Typed<'t> {
        Typed { text, file: ENTRY, folder: Path::new("") }
    }
}

/// What was found, and in which files.
pub struct Findings {
    pub files: SourceMap,
    pub diagnostics: Vec<Diagnostic>,
}

/// A query of the session, ready to run.
pub struct Asked {
    pub found: Findings,
    pub name: String,
    pub compilation: Compilation,
    pub assembled: Assembled,
}

/// What an entry has defined.
pub struct Defined {
    pub kind: &'static str,
    pub name: String,
    pub is_replaced: bool,
}

impl Session {
    pub fn new(bindings: Bindings) -> Session {
        let mut own = Diagnostics::default();
        let library = Library::new(millstream_stdlib::catalog(), &mut own);
        debug_assert!(own.is_empty(), "the standard library parses");
        Session { definitions: vec![], library, bindings, base: PathBuf::new() }
    }

    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// Where relative paths of files that definitions use start.
    pub fn base(&self) -> &Path {
        &self.base
    }

    pub fn defines(&self, name: &str) -> bool {
        self.definitions.iter().any(|definition| definition.name == name)
    }

    /// The definitions as a program.
    pub fn text(&self) -> String {
        self.program(|definition| definition.text().to_string())
    }

    /// The same with each definition as it is written elsewhere.
    pub fn program(&self, written: impl Fn(&Definition) -> String) -> String {
        self.definitions.iter().map(|known| written(known) + "\n").collect::<Vec<_>>().join("\n")
    }

    /// Takes items into the session, in place of those of the same names.
    pub fn define(
        &mut self,
        typed: Typed,
        items: ast::Program,
        parsed: Diagnostics,
    ) -> Result<(Findings, Vec<Defined>), Findings> {
        let new = split(typed, &items);
        let defined: Vec<Defined> = new
            .iter()
            .map(|new| Defined {
                kind: new.kind,
                name: new.name.clone(),
                is_replaced: self.definitions.iter().any(|old| new.is_as(old)),
            })
            .collect();
        let renewed: Vec<(&str, String)> = self
            .definitions
            .iter()
            .filter(|old| new.iter().any(|new| new.is_as(old)))
            .map(|old| (old.kind, old.name.clone()))
            .collect();
        let found = self.with(typed, items, parsed, &new)?;
        // What is defined anew reads what it says, and has the value that it says.
        self.unbind(|kinds, name| renewed.iter().any(|(kind, old)| old == name && kinds.contains(kind)));
        for new in new {
            match self.definitions.iter_mut().find(|old| new.is_as(old)) {
                Some(old) => *old = new,
                None => self.definitions.push(new),
            }
        }
        if !typed.folder.as_os_str().is_empty() {
            self.base = typed.folder.to_path_buf();
        }
        Ok((found, defined))
    }

    /// What is found when items stand in the place of those of the same names.
    fn with(
        &self,
        typed: Typed,
        items: ast::Program,
        parsed: Diagnostics,
        new: &[Definition],
    ) -> Result<Findings, Findings> {
        let is_replaced = |old: &Definition| new.iter().any(|new| new.is_as(old));
        let replaced =
            items.items.iter().filter_map(|item| item.kind.name()).find(|name| self.defines(&name.text));
        let replaced = replaced.cloned().unwrap_or_else(|| Name::new("", items.span.at_start()));
        let (found, _) = self.compile(typed, &is_replaced, items, parsed, new);
        found.refuse(|broken| errors::still_used(&replaced, "replaced", broken), self)
    }

    /// What would be found if this were entered.
    pub fn findings(&self, text: &str) -> Vec<Diagnostic> {
        let typed = Typed::entry(text);
        let mut parsed = Diagnostics::default();
        let found = match parse_entry(TYPED, text, &mut parsed) {
            Entry::Items(items) => {
                let new = split(typed, &items);
                self.with(typed, items, parsed, &new)
            }
            Entry::Query(query) => self.query(typed, query, parsed).map(|asked| asked.found),
            Entry::Expression(expr) => self.expression(typed, &expr, parsed).map(|(found, _)| found),
        };
        found.unwrap_or_else(|found| found).diagnostics
    }

    /// The type of an expression that nothing is wrong with.
    pub fn type_of(&self, text: &str) -> Option<Type> {
        let mut parsed = Diagnostics::default();
        let Entry::Expression(expr) = parse_entry(TYPED, text, &mut parsed) else { return None };
        self.expression(Typed::entry(text), &expr, parsed).ok().map(|(_, checked)| checked.ty)
    }

    /// The kinds of what is called so.
    pub fn kinds_of(&self, name: &str) -> Vec<&'static str> {
        self.definitions.iter().filter(|known| known.name == name).map(|known| known.kind).collect()
    }

    /// Takes what is called so out of the session.
    pub fn drop(&mut self, typed: Typed, kind: &str, name: &Name) -> Result<(), Findings> {
        let is_dropped = |definition: &Definition| definition.name == name.text && definition.kind == kind;
        let (found, _) = self.compile(typed, &is_dropped, nothing(), Diagnostics::default(), &[]);
        // That others miss it is what is wrong with them.
        let alone = |mut found: Findings| {
            found.diagnostics.truncate(1);
            found
        };
        found.refuse(|broken| errors::still_used(name, "dropped", broken), self).map_err(alone)?;
        self.definitions.retain(|definition| !is_dropped(definition));
        self.unbind(|kinds, bound| bound == name.text && kinds.contains(&kind));
        Ok(())
    }

    /// Forgets what has been put in the place of what definitions of these kinds say.
    fn unbind(&mut self, is_over: impl Fn(&[&str], &str) -> bool) {
        self.bindings.source.retain(|(name, _)| !is_over(INPUTS, name));
        self.bindings.set.retain(|(name, _)| !is_over(PARAMS, name));
    }

    /// A query that was typed.
    pub fn query(&self, typed: Typed, query: ast::Query, parsed: Diagnostics) -> Result<Asked, Findings> {
        self.ask(typed, as_program(query), parsed, QUERY)
    }

    /// A source, table or stream that is defined.
    pub fn named(&self, typed: Typed, name: &str) -> Result<Asked, Findings> {
        self.ask(typed, nothing(), Diagnostics::default(), name)
    }

    fn ask(
        &self,
        typed: Typed,
        items: ast::Program,
        parsed: Diagnostics,
        name: &str,
    ) -> Result<Asked, Findings> {
        let (found, compilation) = self.compile(typed, &|_| false, items, parsed, &[]);
        let found = found.refuse(|_| vec![], self)?;
        let of = compilation.program.find(name).unwrap_or(InputId(usize::MAX));
        let rows = Rows { of, side: Side::Main, span: Span::default() };
        let sinks = compilation.program.input(of).map(|_| hir::Sink::observing(0, &rows));
        let mut assembled = assemble(&compilation.program, sinks.as_slice());
        self.tell_folders(&mut assembled.flow);
        Ok(Asked { found, name: name.to_string(), compilation, assembled })
    }

    /// An expression that was typed, checked.
    pub fn expression(
        &self,
        typed: Typed,
        expr: &ast::Expr,
        parsed: Diagnostics,
    ) -> Result<(Findings, Expr), Findings> {
        let (mut found, checked) =
            self.beside(typed, &|_| false, &[], |compiling, options| compiling.check(expr, options, parsed));
        for fault in &mut found.diagnostics {
            let name = found.files.text(fault.primary.span);
            errors::help_with_name(fault, name);
        }
        match checked {
            Some(checked) => Ok((found, checked)),
            None => Err(found),
        }
    }

    fn compile(
        &self,
        typed: Typed,
        is_left_out: &dyn Fn(&Definition) -> bool,
        items: ast::Program,
        parsed: Diagnostics,
        new: &[Definition],
    ) -> (Findings, Compilation) {
        self.beside(typed, is_left_out, new, |compiling, options| {
            let mut compilation = compiling.compile(items, options, parsed);
            let diagnostics = std::mem::take(&mut compilation.diagnostics);
            (compilation, diagnostics)
        })
    }

    /// Compiles what was typed beside the definitions, but for those that are left out.
    fn beside<T>(
        &self,
        typed: Typed,
        is_left_out: &dyn Fn(&Definition) -> bool,
        new: &[Definition],
        compile: impl FnOnce(Compiling, &CompileOptions) -> (T, Vec<Diagnostic>),
    ) -> (Findings, T) {
        let mut files = SourceMap::default();
        files.add(typed.file, typed.text);
        let kept = self.definitions.iter().filter(|definition| !is_left_out(definition));
        let definitions: Vec<FileId> =
            kept.map(|kept| files.add(kept.file.as_str(), kept.text.clone())).collect();
        let compiling = Compiling {
            sources: &mut files,
            definitions: &definitions,
            typed: TYPED,
            load: &mut load,
            library: &self.library,
        };
        let (compiled, diagnostics) = compile(compiling, &self.options(is_left_out, new));
        (Findings { files, diagnostics }, compiled)
    }

    /// Only what names something: a value may be given before the parameter is defined.
    fn options(
        &self,
        is_left_out: &dyn Fn(&Definition) -> bool,
        new: &[Definition],
    ) -> CompileOptions<'static> {
        let is_known = |kinds: &[&str], name: &str| {
            let is_it = |known: &&Definition| known.name == name && kinds.contains(&known.kind);
            let mut known = self.definitions.iter().filter(is_it).peekable();
            match known.peek() {
                Some(_) => known.any(|known| !is_left_out(known)),
                None => new.iter().any(|new| is_it(&new)),
            }
        };
        let known = |pairs: &[(String, String)], kinds: &[&str]| {
            pairs.iter().filter(|(name, _)| is_known(kinds, name)).cloned().collect()
        };
        let set = known(&self.bindings.set, PARAMS);
        let bindings = Bindings { set, source: known(&self.bindings.source, INPUTS), sink: vec![] };
        CompileOptions { standard_input_is_read: true, ..options(&bindings, &self.base) }
    }

    /// Relative paths start where the definition was loaded from.
    fn tell_folders(&self, flow: &mut Flow) {
        for node in &mut flow.nodes {
            let NodeKind::Source(spec) = &mut node.kind else { continue };
            let definition = self.definitions.iter().find(|definition| definition.name == *node.name);
            let folder = definition.map_or(&self.base, |definition| &definition.folder);
            let mut told = (**spec).clone();
            if let Some(Value::String(path)) = told.connector.options.get_mut("path")
                && **path != *"-"
            {
                *path = folder.join(&**path).display().to_string().into();
            }
            *spec = Arc::new(told);
        }
    }
}

impl Definition {
    pub fn text(&self) -> &str {
        self.text.trim()
    }

    /// Where its relative paths start.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there can be only one of both.
    fn is_as(&self, other: &Definition) -> bool {
        let set = |kind: &str| match kind {
            "source" | "table" | "stream" => 0,
            "type" | "fn" | "aggregate" => 1,
            "sink" => 2,
            "param" => 3,
            "test" => 4,
            _ => 5,
        };
        set(self.kind) == set(other.kind) && self.name == other.name
    }
}

impl Findings {
    /// None that are wrong, or what is: in what was typed, or else in what depends on it.
    fn refuse(
        mut self,
        why: impl FnOnce(Vec<String>) -> Vec<Diagnostic>,
        session: &Session,
    ) -> Result<Findings, Findings> {
        let is_typed = |diagnostic: &Diagnostic| diagnostic.primary.span.file == TYPED;
        let is_wrong = |diagnostic: &Diagnostic| diagnostic.severity != Severity::Warning;
        if !self.diagnostics.iter().any(is_wrong) {
            self.diagnostics.retain(is_typed);
            return Ok(self);
        }
        if self.diagnostics.iter().any(|found| is_typed(found) && is_wrong(found)) {
            self.diagnostics.retain(is_typed);
            return Err(self);
        }
        // Of each that depends on it, what is wrong with it first.
        let mut broken: Vec<String> = vec![];
        let name_of = |found: &Diagnostic| {
            let text = &self.files.file(found.primary.span.file).text;
            session
                .definitions
                .iter()
                .find(|definition| definition.text == *text)
                .map(|known| known.name.clone())
        };
        self.diagnostics.retain(|found| {
            let name = name_of(found).filter(|name| is_wrong(found) && !broken.contains(name));
            broken.extend(name.clone());
            name.is_some()
        });
        self.diagnostics.splice(0..0, why(broken));
        Err(self)
    }
}

/// A query without a name as the stream that it stands for.
pub fn as_program(query: ast::Query) -> ast::Program {
    let span = query.span;
    let kind = ItemKind::Stream(ast::Stream { name: Name::new(QUERY, span.at_start()), query });
    ast::Program { items: vec![ast::Item { doc: None, kind, span }], span }
}

fn nothing() -> ast::Program {
    ast::Program { items: vec![], span: Span::new(TYPED, 0, 0) }
}

/// Each item with the comments above it.
fn split(typed: Typed, items: &ast::Program) -> Vec<Definition> {
    let mut from = 0;
    let mut definitions = vec![];
    for item in &items.items {
        let range = from..with_comment(typed.text, item.span.end as usize);
        let (Some(text), Some(before)) = (typed.text.get(range.clone()), typed.text.get(..from)) else {
            continue;
        };
        from = range.end;
        let Some((kind, name)) = named(&item.kind) else { continue };
        // Of what has been typed before, lines are those that `:list` shows; of a file, those of the file.
        let is_named_so = typed.file == ENTRY && item.kind.name().is_some();
        let (file, text) = if is_named_so {
            (format!("definition of {name}"), text.trim().to_string())
        } else {
            let last_line = before.rsplit('\n').next().unwrap_or_default();
            let blanks = "\n".repeat(before.matches('\n').count()) + &" ".repeat(last_line.chars().count());
            (typed.file.to_string(), blanks + text)
        };
        definitions.push(Definition {
            kind,
            name,
            file,
            text: text.into(),
            folder: typed.folder.to_path_buf(),
        });
    }
    definitions
}

/// Where an item ends that ends there, with the comment that stands behind it in its line.
fn with_comment(text: &str, end: usize) -> usize {
    let rest_of_line = text.get(end..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    if rest_of_line.trim_start().starts_with("--") { end + rest_of_line.len() } else { end }
}

/// What kind of item it is, and what it is called in a list.
fn named(kind: &ItemKind) -> Option<(&'static str, String)> {
    let name = match kind {
        ItemKind::Test(test) => test.name.value.clone(),
        ItemKind::Use(used) => match &used.target {
            ast::UseTarget::File(path) => path.value.clone(),
            ast::UseTarget::Module(path) => {
                path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".")
            }
        },
        kind => kind.name()?.text.clone(),
    };
    Some((kind.word()?, name))
}
