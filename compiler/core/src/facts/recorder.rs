//! Takes notes while a program is resolved and checked.

use super::{
    ClauseScope, Definition, DefinitionKind, Facts, Gap, Given, LazyFacts, Target, Use, Visible, Wanted,
};
use crate::resolve::library::LIBRARY_FILE;
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::types::{RecordType, Type};
use millstream_syntax::ast;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// Whoever can look a name up can note what it stands for. The library's own text is of no concern.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    facts: RefCell<Facts>,
    /// What each clause sees.
    scopes: RefCell<Vec<(Span, Scope)>>,
    /// Where the fields of record types are defined. Types are told apart by where they are kept, as two may be
    /// equal and defined apart; those in the list stay where they are.
    records: RefCell<HashMap<*const RecordType, Record>>,
}

#[derive(Debug)]
struct Record {
    _kept: Arc<RecordType>,
    fields: Vec<Option<Span>>,
}

/// Of more unknown names nobody asks what else could have stood there.
const MAX_GAPS: usize = 1000;

impl Recorder {
    pub fn define(&self, name: &ast::Name, kind: DefinitionKind, ty: Option<&Type>) {
        self.define_as(&name.text, name.span, kind, ty);
    }

    pub fn define_as(&self, name: &str, span: Span, kind: DefinitionKind, ty: Option<&Type>) {
        if is_noted(span) {
            let definition = Definition { span, name: name.into(), kind, ty: ty.cloned() };
            self.facts.borrow_mut().definitions.push(definition);
        }
    }

    /// A name stands for what the program defines at a place.
    pub fn stands_for(&self, span: Span, defined: Option<Span>) {
        if let Some(defined) = defined.filter(|defined| is_noted(*defined)) {
            self.uses(span, Target::Defined(defined));
        }
    }

    /// A name stands for what the language or its library gives.
    pub fn stands_for_given(&self, span: Span, given: Given, name: &str) {
        if is_noted(span) {
            self.uses(span, Target::Given(given, name.into()));
        }
    }

    pub fn uses(&self, span: Span, target: Target) {
        if is_noted(span) {
            self.facts.borrow_mut().uses.push(Use { span, target });
        }
    }

    pub fn has_type(&self, span: Span, ty: &Type) {
        if is_noted(span) {
            self.facts.borrow_mut().types.push((span, ty.clone()));
        }
    }

    /// What a clause sees.
    pub fn sees(&self, clause: Span, scope: Scope) {
        if clause.file != LIBRARY_FILE {
            let mut scopes = self.scopes.borrow_mut();
            // Most clauses see what the one above them saw.
            let scope = match scopes.last() {
                Some((_, above)) => scope.sharing_with(above),
                None => scope,
            };
            scopes.push((clause, scope));
        }
    }

    /// A name is unknown; `wanted` is what could stand there.
    pub fn misses(&self, span: Span, wanted: impl FnOnce() -> Wanted) {
        if is_noted(span) && self.facts.borrow().gaps.len() < MAX_GAPS {
            let gap = Gap { span, wanted: wanted(), expected: None };
            self.facts.borrow_mut().gaps.push(gap);
        }
    }

    /// An expression should be of a type; noted where it is a name that has just been missed.
    pub fn expects(&self, expr: Span, ty: &Type) {
        let gaps = &mut self.facts.borrow_mut().gaps;
        if let Some(gap) = gaps.last_mut().filter(|gap| gap.span == expr) {
            gap.expected.get_or_insert_with(|| ty.clone());
        }
    }

    /// A word that has to be one of some.
    pub fn misses_unless(&self, word: &ast::Name, one_of: &[Arc<str>]) {
        if !one_of.iter().any(|known| **known == *word.text) {
            self.misses(word.span, || Wanted::Word(one_of.to_vec()));
        }
    }

    /// Where the fields of a record type are defined.
    pub fn define_record(&self, record: &Arc<RecordType>, fields: Vec<Option<Span>>) {
        let known = Record { _kept: record.clone(), fields };
        self.records.borrow_mut().entry(Arc::as_ptr(record)).or_insert(known);
    }

    pub fn field_of(&self, record: &Arc<RecordType>, field: usize) -> Option<Span> {
        *self.records.borrow().get(&Arc::as_ptr(record))?.fields.get(field)?
    }

    /// All notes, put in order when they are first asked for: what is wrong with a program is told without them.
    pub fn into_facts(self) -> LazyFacts {
        let (noted, scopes) = (self.facts.into_inner(), self.scopes.into_inner());
        LazyFacts::new(Box::new(|| {
            let seen =
                |(span, scope): (Span, Scope)| ClauseScope { span, columns: scope.visible().collect() };
            Facts { clauses: scopes.into_iter().map(seen).collect(), ..noted }.in_order()
        }))
    }
}

impl Facts {
    fn in_order(self) -> Facts {
        let Facts { mut definitions, mut uses, mut types, mut clauses, mut gaps } = self;
        uses.sort();
        uses.dedup();
        follow(&mut uses);
        uses.sort();
        uses.dedup();
        // A column that is what it is called after has been defined where that is.
        let is_other = |d: &Definition| {
            let at = uses.partition_point(|u| u.span < d.span);
            let here = uses[at..].iter().take_while(|u| u.span == d.span);
            here.filter(|u| matches!(u.target, Target::Defined(defined) if defined != d.span)).count() > 0
        };
        definitions.retain(|d| !is_other(d));
        definitions.sort_by_key(|d| (d.span, d.kind, d.ty.is_none()));
        definitions.dedup_by_key(|d| d.span);
        // What is known of an expression comes first.
        types.sort_by_key(|(span, ty)| (span.file, span.start, Reverse(span.end), ty.is_error()));
        types.dedup_by_key(|(span, _)| *span);
        clauses.sort_by_key(|clause| clause.span);
        gaps.sort_by_key(|gap| gap.span);
        Facts { definitions, uses, types, clauses, gaps }
    }
}

fn is_noted(span: Span) -> bool {
    span.file != LIBRARY_FILE && !span.is_empty()
}

/// Makes names that stand for another name stand for what that one stands for.
fn follow(uses: &mut [Use]) {
    let mut defined: HashMap<Span, Span> = HashMap::new();
    for found in uses.iter() {
        if let Target::Defined(span) = found.target
            && span != found.span
        {
            defined.entry(found.span).or_insert(span);
        }
    }
    for found in uses.iter_mut() {
        let Target::Defined(span) = &mut found.target else { continue };
        let mut passed = vec![];
        // In a circle the last is as good as any other.
        while let Some(next) = defined.remove(span) {
            passed.push(*span);
            *span = next;
        }
        // The next that comes by goes straight on.
        defined.extend(passed.into_iter().map(|place| (place, *span)));
    }
}

impl Scope {
    /// All that expressions can see, the innermost names first.
    fn visible(&self) -> impl Iterator<Item = Visible> {
        let names = self.names().iter().rev().map(|name| Visible {
            name: name.name.clone(),
            qualifier: None,
            qualified_only: false,
            many: false,
            ty: name.value.ty.clone(),
            defined: Some(name.value.span),
        });
        let columns = self.columns().iter().map(|c| Visible::of_column(c, self.column_type(c)));
        names.chain(columns)
    }

    /// What an unknown name could be where a column must stand.
    pub(crate) fn wanted_columns(&self) -> Wanted {
        Wanted::Column(self.visible().filter(|column| !column.qualified_only).collect())
    }

    /// What an unknown name in an expression could be.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted::Value(self.visible().collect())
    }
}
