//! What the expressions of a clause can see: columns, bound names, and what is known of their nulls.

use crate::check::Proved;
use crate::clauses::Closed;
use millstream_base::{Span, did_you_mean};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::Type;
use std::sync::Arc;

/// A column that expressions can name.
#[derive(Clone, PartialEq, Debug)]
pub struct ScopeColumn {
    pub name: Arc<str>,
    /// The alias (or stream) in front of the point.
    pub qualifier: Option<Arc<str>>,
    /// Whether it can only be named with its qualifier, as `window.start`.
    pub qualified_only: bool,
    /// Whether it has many values in a group, of which only aggregates make one.
    pub many: bool,
    /// Set for a variable of a pattern.
    pub events: Option<Events>,
    /// Its number in `ir` expressions.
    pub column: usize,
    pub ty: Type,
    /// Where it was declared.
    pub span: Span,
    /// Where its name is defined, if the program does that.
    pub defined: Option<Span>,
    /// Where what stands in front of the point is.
    pub qualifier_defined: Option<Span>,
}

/// What a variable of a pattern holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Events {
    /// Its step is not repeated: an event, or null.
    One,
    /// A list of at least one.
    Some,
    /// Those taken so far, perhaps none: the variable inside its own condition, or one that can be left out.
    SoFar,
}

/// A stream of which a join has only asked whether there is a partner.
#[derive(Clone, Debug)]
pub(crate) struct OnlyAsked {
    pub name: Arc<str>,
    /// `semi join` or `anti join`, and where that stands.
    pub join: &'static str,
    pub words: Span,
}

/// A name for an expression: a parameter of a function, the variable of a comprehension.
#[derive(Clone, Debug)]
pub struct ScopeName {
    pub name: Arc<str>,
    /// At the place where the name is defined.
    pub value: Expr,
}

/// The names that a clause's expressions can see. Cloned where an expression opens a narrower one.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Shared by the scopes that expressions open.
    columns: Arc<Vec<ScopeColumn>>,
    /// The innermost last.
    names: Vec<ScopeName>,
    proved: Proved,
    /// Names that the pattern above gives to events that must not come.
    pub(crate) unbound: Vec<(Arc<str>, Span)>,
    /// Streams whose rows stand beside none of these.
    pub(crate) asked: Vec<OnlyAsked>,
    /// What closed the window whose bounds are no longer known here.
    pub(crate) closed_window: Option<Closed>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Lookup<'s> {
    Column(&'s ScopeColumn),
    Name(&'s ScopeName),
    /// Several columns, in the order of the scope.
    Ambiguous(Vec<&'s ScopeColumn>),
    Missing,
}

impl ScopeColumn {
    pub fn new(name: impl Into<Arc<str>>, column: usize, ty: Type, span: Span) -> ScopeColumn {
        ScopeColumn {
            name: name.into(),
            qualifier: None,
            qualified_only: false,
            many: false,
            events: None,
            column,
            ty,
            span,
            defined: Some(span),
            qualifier_defined: None,
        }
    }

    /// The same, also known as `qualifier.name`, where that is defined at a place.
    pub fn qualified(self, qualifier: impl Into<Arc<str>>, defined: Option<Span>) -> ScopeColumn {
        ScopeColumn { qualifier: Some(qualifier.into()), qualifier_defined: defined, ..self }
    }

    /// Of a variable of a pattern.
    pub fn events(self, events: Option<Events>) -> ScopeColumn {
        ScopeColumn { events, ..self }
    }

    /// Known only as `qualifier.name`: `window.start`, `match.end`.
    pub fn only_qualified(self, qualifier: impl Into<Arc<str>>, defined: Option<Span>) -> ScopeColumn {
        ScopeColumn { qualified_only: true, ..self.qualified(qualifier, defined) }
    }

    /// The same, defined somewhere else, or nowhere in the program.
    pub fn defined(self, defined: Option<Span>) -> ScopeColumn {
        ScopeColumn { defined, ..self }
    }
}

impl Scope {
    pub fn new(columns: Vec<ScopeColumn>) -> Scope {
        Scope { columns: Arc::new(columns), ..Scope::default() }
    }

    /// The same, kept once where another has the same columns.
    pub fn sharing_with(mut self, other: &Scope) -> Scope {
        if self.columns == other.columns {
            self.columns = other.columns.clone();
        }
        self
    }

    pub fn columns(&self) -> &[ScopeColumn] {
        &self.columns
    }

    pub fn add_column(&mut self, column: ScopeColumn) {
        Arc::make_mut(&mut self.columns).push(column);
    }

    pub fn names(&self) -> &[ScopeName] {
        &self.names
    }

    /// Binds a name inside everything bound before it.
    pub fn bind(&mut self, name: impl Into<Arc<str>>, value: Expr) {
        self.names.push(ScopeName { name: name.into(), value });
    }

    pub fn proved(&self) -> &Proved {
        &self.proved
    }

    /// Takes into account what a condition has proved.
    pub fn narrow(&mut self, proved: Proved) {
        self.proved.extend(proved);
    }

    /// The same scope where a condition holds.
    pub fn narrowed(&self, proved: Proved) -> Scope {
        let mut scope = self.clone();
        scope.narrow(proved);
        scope
    }

    /// The type of a column as it is known here, narrowed by the conditions above.
    pub fn column_type(&self, column: &ScopeColumn) -> Type {
        if self.proved.column_is_present(column.column) {
            column.ty.clone().required()
        } else {
            column.ty.clone()
        }
    }

    /// The number that the next local of an expression in this scope may take.
    pub(crate) fn next_local(&self) -> usize {
        let mut next = 0;
        for bound in &self.names {
            bound.value.visit(&mut |e| match e.kind {
                ExprKind::Local(local)
                | ExprKind::Let { local, .. }
                | ExprKind::Comprehension { local, .. } => {
                    next = next.max(local + 1);
                }
                _ => {}
            });
        }
        next
    }

    /// What a bare name stands for.
    pub fn lookup(&self, name: &str) -> Lookup<'_> {
        if let Some(bound) = self.names.iter().rev().find(|n| &*n.name == name) {
            return Lookup::Name(bound);
        }
        let found = self.columns.iter().filter(|c| !c.qualified_only && &*c.name == name).collect();
        Lookup::of(found)
    }

    /// What `qualifier.name` stands for, where `qualifier` is an alias.
    pub fn lookup_qualified(&self, qualifier: &str, name: &str) -> Lookup<'_> {
        let of_qualifier = |c: &&ScopeColumn| c.qualifier.as_deref() == Some(qualifier);
        Lookup::of(self.columns.iter().filter(of_qualifier).filter(|c| &*c.name == name).collect())
    }

    pub fn has_qualifier(&self, qualifier: &str) -> bool {
        self.columns.iter().any(|c| c.qualifier.as_deref() == Some(qualifier))
    }

    /// The columns behind an alias.
    pub fn columns_of<'s>(&'s self, qualifier: &'s str) -> impl Iterator<Item = &'s ScopeColumn> {
        self.columns.iter().filter(move |c| c.qualifier.as_deref() == Some(qualifier))
    }

    /// The name that the author most likely meant by one that nobody knows.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let bound = self.names.iter().rev().map(|n| &*n.name);
        let columns = self.columns.iter().filter(|c| !c.qualified_only).map(|c| &*c.name);
        did_you_mean(name, bound.chain(columns))
    }

    pub fn nearest_qualified(&self, qualifier: &str, name: &str) -> Option<&str> {
        did_you_mean(
            name,
            self.columns.iter().filter(|c| c.qualifier.as_deref() == Some(qualifier)).map(|c| &*c.name),
        )
    }

    /// The name most like one that nothing is called, of those behind whose point a column of this name is known.
    pub fn nearest_qualifier(&self, qualifier: &str, name: &str) -> Option<&str> {
        let knowing = self.columns.iter().filter(|c| *c.name == *name);
        did_you_mean(qualifier, knowing.filter_map(|c| c.qualifier.as_deref()))
    }
}

impl<'s> Lookup<'s> {
    fn of(found: Vec<&'s ScopeColumn>) -> Lookup<'s> {
        match found[..] {
            [] => Lookup::Missing,
            [column] => Lookup::Column(column),
            _ => Lookup::Ambiguous(found),
        }
    }
}
