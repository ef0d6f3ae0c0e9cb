//! The names of a program and what they stand for: the result of [`crate::resolve`], read by every
//! later phase.
//!
//! There are three sets of names: sources, tables and streams; sinks; types, functions and aggregates.
//! Parameters stand among the columns, which hide them.

mod by_name;

pub use by_name::ByName;

use crate::facts::Recorder;
use crate::resolve::signature::Signature;
use millstream_base::{FileId, Span, did_you_mean};
use millstream_ir::aggregate;
use millstream_ir::catalog::ScalarFunction;
use millstream_ir::expr::Expr;
use millstream_ir::flow::FieldSpec;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that a program, the files it uses and the standard library define.
#[derive(Debug, Default)]
pub struct Names<'a> {
    /// Sources, tables and streams, in the order of their declaration.
    pub inputs: ByName<'a, Input<'a>>,
    pub sinks: Vec<Sink<'a>>,
    pub params: ByName<'a, Param>,
    pub types: ByName<'a, NamedType<'a>>,
    /// Those of the program first, then the standard library's. Several may share a name.
    pub functions: ByName<'a, Function<'a>>,
    /// Aggregates that are written in the language: those of the program, then the standard library's.
    pub aggregates: ByName<'a, UserAggregate<'a>>,
    pub tests: Vec<(FileId, &'a ast::Test)>,
    /// Streams and tables kept by queries, each after those that it reads; without those in a cycle.
    pub query_order: Vec<usize>,
    /// For each file the files whose names it sees, with the list of names if `use` gives one.
    pub(crate) uses: BTreeMap<FileId, Vec<UsedNames>>,
    /// Names of items that could not be parsed: uses of them are not reported.
    pub(crate) broken: BTreeSet<String>,
    /// Where it is noted what names stand for.
    pub(crate) facts: Recorder,
}

/// A file that another uses, with the list of names if `use` gives one.
pub(crate) type UsedNames = (FileId, Option<BTreeSet<String>>);

/// A source, table or stream.
#[derive(Debug)]
pub struct Input<'a> {
    pub name: &'a ast::Name,
    pub doc: Option<&'a str>,
    pub file: FileId,
    pub span: Span,
    pub kind: InputKind<'a>,
}

#[derive(Debug)]
pub enum InputKind<'a> {
    Source { source: &'a ast::Source, row: RowType },
    Table { table: &'a ast::Table, row: Option<RowType> },
    Stream(&'a ast::Stream),
}

/// The rows of an input: what the declared type says of each field.
#[derive(Clone, Debug)]
pub struct RowType {
    /// A record type, or [`Type::ERROR`].
    pub ty: Type,
    pub fields: Arc<[FieldSpec]>,
    /// Where each field is declared.
    pub spans: Arc<[Span]>,
}

#[derive(Debug)]
pub struct Sink<'a> {
    pub sink: &'a ast::Sink,
    pub doc: Option<&'a str>,
    pub file: FileId,
    pub span: Span,
}

#[derive(Debug)]
pub struct Param {
    pub name: String,
    pub file: FileId,
    /// Of the name.
    pub name_span: Span,
    pub ty: Type,
    pub value: ParamValue,
}

#[derive(Clone)]
pub enum ParamValue {
    Value(Value),
    /// Text that may only be handed to a connector.
    Secret(Arc<str>),
    /// It has none, which has been reported.
    Missing,
}

impl std::fmt::Debug for ParamValue {
    /// Never shows a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            ParamValue::Value(value) => write!(f, "{value:?}"),
            ParamValue::Secret(_) => f.write_str("secret"),
            ParamValue::Missing => f.write_str("missing"),
        }
    }
}

/// A `type` item.
#[derive(Debug)]
pub struct NamedType<'a> {
    pub definition: &'a ast::TypeDefinition,
    pub doc: Option<&'a str>,
    pub file: FileId,
    pub span: Span,
    pub ty: Type,
}

/// A function of the program or of the standard library.
#[derive(Debug)]
pub struct Function<'a> {
    pub name: &'a str,
    pub name_span: Span,
    pub doc: Option<&'a str>,
    pub file: FileId,
    pub span: Span,
    /// The module of the standard library that it comes from.
    pub module: Option<&'a str>,
    pub signature: Signature<'a>,
    pub body: FunctionBody<'a>,
}

#[derive(Debug)]
pub enum FunctionBody<'a> {
    Native(&'static ScalarFunction),
    /// Checked once; parameters are the locals 0, 1, ….
    Checked {
        body: Expr,
        locals: usize,
    },
    /// With type variables: checked again at each call.
    Generic(&'a ast::Expr),
    /// Not yet checked, or wrong, which has been reported.
    Broken,
}

/// An `aggregate` item.
#[derive(Debug)]
pub struct UserAggregate<'a> {
    pub aggregate: &'a ast::Aggregate,
    pub file: FileId,
    pub span: Span,
    /// The module of the standard library that it comes from.
    pub module: Option<&'a str>,
    pub signature: Signature<'a>,
    /// None if it is wrong, which has been reported.
    pub definition: Option<Arc<aggregate::UserAggregate>>,
}

impl<'a> Names<'a> {
    /// Whether `file` sees what `owner` defines as `name`.
    pub(crate) fn sees(&self, file: FileId, owner: FileId, name: &str) -> bool {
        let listed = |names: &Option<BTreeSet<String>>| names.as_ref().is_none_or(|n| n.contains(name));
        file == owner
            || self.uses.get(&file).is_some_and(|uses| uses.iter().any(|(f, n)| *f == owner && listed(n)))
    }

    /// The source, table or stream of this name, with its number.
    pub fn input(&self, file: FileId, name: &str) -> Option<(usize, &Input<'a>)> {
        self.inputs.named(name).find(|(_, input)| self.sees(file, input.file, name))
    }

    /// What can be read where a name stands: all that its file sees, but not what it is a part of.
    pub fn inputs_seen(&self, file: FileId, place: Span) -> Vec<&str> {
        let is_around = |input: &Input| {
            input.span.file == place.file && input.span.range().contains(&(place.start as usize))
        };
        let seen = self.inputs.iter().filter(|input| self.sees(file, input.file, &input.name.text));
        seen.filter(|input| !is_around(input)).map(|input| input.name.text.as_str()).collect()
    }

    pub fn param(&self, file: FileId, name: &str) -> Option<&Param> {
        self.params.named(name).map(|(_, param)| param).find(|p| self.sees(file, p.file, name))
    }

    pub fn named_type(&self, file: FileId, name: &str) -> Option<&NamedType<'a>> {
        self.types.named(name).map(|(_, ty)| ty).find(|ty| self.sees(file, ty.file, name))
    }

    pub fn user_aggregate(&self, file: FileId, name: &str) -> Option<&UserAggregate<'a>> {
        let is_seen = |a: &&UserAggregate| a.module.is_some() || self.sees(file, a.file, name);
        self.aggregates.named(name).map(|(_, aggregate)| aggregate).find(is_seen)
    }

    /// The functions of this name; one of the program hides the standard library's.
    pub fn functions(&self, file: FileId, name: &str) -> Vec<&Function<'a>> {
        let named = || self.functions.named(name).map(|(_, function)| function);
        let own: Vec<_> = named().filter(|f| f.module.is_none() && self.sees(file, f.file, name)).collect();
        if own.is_empty() { named().filter(|f| f.module.is_some()).collect() } else { own }
    }

    pub fn nearest_function(&self, file: FileId, name: &str) -> Option<&str> {
        let visible = |f: &&Function| f.module.is_some() || self.sees(file, f.file, f.name);
        did_you_mean(name, self.functions.iter().filter(visible).map(|f| f.name))
    }

    /// Whether there is a table, without which nobody needs to look for questions to one.
    pub(crate) fn has_tables(&self) -> bool {
        self.inputs.iter().any(|input| matches!(input.kind, InputKind::Table { .. }))
    }

    /// Whether an item of this name stands in the program but could not be parsed.
    pub fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(name)
    }
}
