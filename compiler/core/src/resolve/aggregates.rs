//! `aggregate` items: their signatures, and their members as expressions over arguments and states.

use super::collect::Found;
use super::library::{LIBRARY_FILE, Library};
use super::signature::{Parameter, Signature, TypePattern};
use super::types::resolve_type;
use crate::check::Checker;
use crate::errors::{aggregates as errors, names as names_errors};
use crate::facts::{DefinitionKind, Wanted};
use crate::names::{Names, UserAggregate};
use crate::scope::{Scope, ScopeColumn};
use millstream_base::{Diagnostics, FileId, Span};
use millstream_ir::aggregate::{self, Update, UserState};
use millstream_ir::expr::Expr;
use millstream_ir::types::Type;
use millstream_syntax::ast;
use std::sync::Arc;

/// Checks the aggregates of the program and of the library. One that is wrong keeps its signature, so that
/// calls of it are not reported as well.
pub(crate) fn resolve_aggregates<'a>(
    found: &[Found<'a, ast::Aggregate>],
    library: &'a Library,
    names: &mut Names<'a>,
    diagnostics: &mut Diagnostics,
) {
    let of_program = found.iter().map(|f| (f.item, f.file, f.span, None));
    let of_library =
        library.aggregates().map(|(module, item)| (item, LIBRARY_FILE, item.name.span, Some(module)));
    for (aggregate, file, span, module) in of_program.chain(of_library) {
        let mut faults = Diagnostics::default();
        let signature = signature(aggregate, names, file, &mut faults);
        let (params, states) = (&signature.params[..], vec![]);
        let definition =
            Members { names, file, diagnostics: &mut faults, params, states }.definition(aggregate);
        let definition = definition.filter(|_| !faults.has_errors()).map(Arc::new);
        diagnostics.extend(faults.into_sorted());
        let found = UserAggregate { aggregate, file, span, module, signature, definition };
        names.aggregates.push(&aggregate.name.text, found);
    }
}

fn signature<'a>(
    item: &'a ast::Aggregate,
    names: &Names,
    file: FileId,
    diagnostics: &mut Diagnostics,
) -> Signature<'a> {
    let mut params: Vec<Parameter<'a>> = vec![];
    for param in &item.params {
        if let Some(first) = params.iter().find(|p| p.name == param.name.text) {
            diagnostics.push(names_errors::duplicate_name(param.name.span, &param.name.text, first.span));
            continue;
        }
        let ty = resolve_type(&param.ty, names, file, diagnostics);
        if let Some(default) = &param.default {
            Checker::new(names, file, diagnostics).check_constant(default, &ty);
        }
        names.facts.define(&param.name, DefinitionKind::Parameter, Some(&ty));
        params.push(Parameter {
            name: &param.name.text,
            ty: TypePattern::exact(ty),
            default: param.default.as_ref(),
            rest: false,
            span: param.name.span,
        });
    }
    let result = resolve_type(&item.result, names, file, diagnostics);
    Signature { params, result: TypePattern::exact(result) }
}

/// What is known while the members of an aggregate are checked.
struct Members<'m, 'a> {
    names: &'m Names<'a>,
    file: FileId,
    diagnostics: &'m mut Diagnostics,
    params: &'m [Parameter<'a>],
    /// With the place of each.
    states: Vec<(UserState, Span)>,
}

impl Members<'_, '_> {
    fn definition(&mut self, item: &ast::Aggregate) -> Option<aggregate::UserAggregate> {
        let members = item.members.as_deref().unwrap_or(&[]);
        members.iter().for_each(|member| self.state(member));
        let (mut add, mut remove, mut merge, mut result) = (None, None, None, None);
        for member in members {
            let given_before = match &member.kind {
                ast::MemberKind::State { .. } | ast::MemberKind::Error => false,
                ast::MemberKind::Add(bindings) => add.replace(self.updates(bindings)).is_some(),
                ast::MemberKind::Remove(bindings) => remove.replace(self.updates(bindings)).is_some(),
                ast::MemberKind::Merge { left, right, updates } => {
                    merge.replace(self.merge(member.span, left, right, updates)).is_some()
                }
                ast::MemberKind::Result(value) => {
                    let ty = resolve_type(&item.result, self.names, self.file, &mut Diagnostics::default());
                    let scope = self.scope_of_states();
                    result.replace(self.check(&scope, value, &ty)).is_some()
                }
            };
            if given_before {
                self.diagnostics.push(errors::member_twice(member.span, member_word(&member.kind)));
            }
        }
        let missing =
            [("state", self.states.is_empty()), ("add", add.is_none()), ("result", result.is_none())];
        if members.iter().any(|member| matches!(member.kind, ast::MemberKind::Error)) {
            return None;
        }
        if let Some((word, _)) = missing.into_iter().find(|(_, is_missing)| *is_missing) {
            self.diagnostics.push(errors::member_missing(item.name.span, &item.name.text, word));
            return None;
        }
        Some(aggregate::UserAggregate {
            name: item.name.text.as_str().into(),
            params: self.params.iter().filter_map(|p| p.ty.as_type()).collect(),
            states: std::mem::take(&mut self.states).into_iter().map(|(state, _)| state).collect(),
            add: add?,
            remove,
            merge,
            result: result?,
        })
    }

    fn state(&mut self, member: &ast::Member) {
        let ast::MemberKind::State { name, ty, initial } = &member.kind else { return };
        let params = self.params.iter().map(|p| (p.name, p.span));
        let known = params.chain(self.states.iter().map(|(state, span)| (&*state.name, *span)));
        if let Some((_, first)) = known.into_iter().find(|(known, _)| *known == name.text) {
            return self.diagnostics.push(names_errors::duplicate_name(name.span, &name.text, first));
        }
        let ty = resolve_type(ty, self.names, self.file, self.diagnostics);
        self.names.facts.define(name, DefinitionKind::State, Some(&ty));
        let initial = Checker::new(self.names, self.file, self.diagnostics).check_constant(initial, &ty);
        let initial = initial.unwrap_or(millstream_ir::value::Value::Null);
        self.states.push((UserState { name: name.text.as_str().into(), ty, initial }, name.span));
    }

    fn scope_of_states(&self) -> Scope {
        let mut scope = Scope::default();
        for (i, (state, span)) in self.states.iter().enumerate() {
            let number = self.params.len() + i;
            scope.add_column(ScopeColumn::new(state.name.clone(), number, state.ty.clone(), *span));
        }
        scope
    }

    /// Of `add` and `remove`, which see the arguments of the row too.
    fn updates(&mut self, bindings: &[ast::Binding]) -> Vec<Update> {
        let mut scope = self.scope_of_states();
        for (i, param) in self.params.iter().enumerate() {
            let ty = param.ty.as_type().unwrap_or(Type::ERROR);
            scope.add_column(ScopeColumn::new(param.name, i, ty, param.span));
        }
        bindings.iter().filter_map(|binding| self.update(&scope, binding)).collect()
    }

    fn update(&mut self, scope: &Scope, binding: &ast::Binding) -> Option<Update> {
        let name = &binding.name;
        let Some(state) = self.states.iter().position(|(state, _)| *state.name == *name.text) else {
            let known: Vec<&str> = self.states.iter().map(|(state, _)| &*state.name).collect();
            self.diagnostics.push(errors::no_state(name.span, &name.text, &known));
            self.names.facts.misses(name.span, || Wanted::Word(known.iter().map(|n| (*n).into()).collect()));
            return None;
        };
        self.names.facts.stands_for(name.span, Some(self.states[state].1));
        let ty = self.states[state].0.ty.clone();
        Some(Update { state, value: self.check(scope, &binding.value, &ty) })
    }

    /// Each state of either side, and by its bare name what has been said of the outcome.
    fn merge(
        &mut self,
        span: Span,
        left: &ast::Name,
        right: &ast::Name,
        bindings: &[ast::Binding],
    ) -> Vec<Update> {
        if left.text == right.text {
            self.diagnostics.push(names_errors::duplicate_name(right.span, &right.text, left.span));
        }
        let mut scope = Scope::default();
        let n_states = self.states.len();
        for (side, name) in [left, right].into_iter().enumerate() {
            self.names.facts.define(name, DefinitionKind::Alias, None);
            for (i, (state, span)) in self.states.iter().enumerate() {
                let column =
                    ScopeColumn::new(state.name.clone(), side * n_states + i, state.ty.clone(), *span);
                scope.add_column(column.only_qualified(name.text.as_str(), Some(name.span)));
            }
        }
        let mut updates = vec![];
        for binding in bindings {
            let Some(update) = self.update(&scope, binding) else { continue };
            let (state, span) = &self.states[update.state];
            let number = 2 * n_states + update.state;
            scope.add_column(ScopeColumn::new(state.name.clone(), number, state.ty.clone(), *span));
            updates.push(update);
        }
        let is_said =
            |i: usize| bindings.iter().any(|binding| binding.name.text.as_str() == &*self.states[i].0.name);
        let missing: Vec<&str> =
            (0..n_states).filter(|i| !is_said(*i)).map(|i| &*self.states[i].0.name).collect();
        if !missing.is_empty() {
            self.diagnostics.push(errors::merge_incomplete(span, &missing));
        }
        updates
    }

    fn check(&mut self, scope: &Scope, value: &ast::Expr, ty: &Type) -> Expr {
        Checker::new(self.names, self.file, self.diagnostics).check_expr(scope, value, Some(ty))
    }
}

fn member_word(kind: &ast::MemberKind) -> &'static str {
    match kind {
        ast::MemberKind::State { .. } | ast::MemberKind::Error => "state",
        ast::MemberKind::Add(_) => "add",
        ast::MemberKind::Remove(_) => "remove",
        ast::MemberKind::Merge { .. } => "merge",
        ast::MemberKind::Result(_) => "result",
    }
}
