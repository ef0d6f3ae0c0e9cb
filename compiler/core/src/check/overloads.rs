//! Which function a call means, and what its arguments become: positions and names to parameters, type
//! variables, the cheapest of several declarations.

use super::Checker;
use super::coerce::{common_of, fits, literal_fault, rescale};
use super::expr::error;
use super::numbers::{Open, Typed, scale_of};
use crate::errors::types as errors;
use crate::names::Function;
use crate::resolve::signature::{ANY_DECIMAL, ANY_NUMBER, Bindings, PatternKind, Signature, TypePattern};
use crate::scope::Scope;
use millstream_base::{Diagnostic, Span};
use millstream_ir::expr::Expr;
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::collections::BTreeMap;

/// An argument as written.
pub(super) struct Argument<'c> {
    pub name: Option<&'c ast::Name>,
    pub value: Typed,
    pub span: Span,
}

/// How a call's arguments fit a declaration.
struct Fit {
    /// For each parameter the arguments that it takes: none if the default stands.
    slots: Vec<Vec<usize>>,
    bindings: Bindings,
    cost: u32,
}

/// Why a call's arguments don't fit a declaration.
enum Misfit {
    UnknownName(Span, String),
    Twice(Span, String),
    Missing(String),
    TooMany(Span, usize),
    /// The argument, its type and what was expected.
    Type(usize, TypePattern),
    NoCommonType(Span, Type, Span, Type),
}

impl Checker<'_> {
    pub(super) fn choose_and_call(
        &mut self,
        name: &str,
        candidates: &[&Function],
        arguments: Vec<Argument>,
        span: Span,
    ) -> Expr {
        let mut best: Option<(usize, Fit)> = None;
        let mut misfits = vec![];
        for (i, candidate) in candidates.iter().enumerate() {
            match fit(&candidate.signature, &arguments) {
                Ok(found) if best.as_ref().is_none_or(|(_, b)| found.cost < b.cost) => {
                    best = Some((i, found))
                }
                Ok(_) => {}
                Err(misfit) => misfits.push(misfit),
            }
        }
        let Some((chosen, found)) = best else {
            let fault = match (candidates, misfits.as_slice()) {
                ([only], [misfit]) => misfit.diagnostic(name, &only.signature, &arguments, span),
                _ => {
                    let types =
                        arguments.iter().map(|a| a.value.clone().close().ty.to_string()).collect::<Vec<_>>();
                    let known =
                        candidates.iter().map(|c| format!("{name}{}", c.signature)).collect::<Vec<_>>();
                    errors::no_overload(span, name, &types.join(", "), &known)
                }
            };
            self.diagnostics.push(fault);
            return error(span);
        };
        let function = candidates[chosen];
        match self.values(&function.signature, &found, arguments, span) {
            Some(values) => self.call_function(function, values, &found.bindings, span),
            None => error(span),
        }
    }

    /// The values that a call gives to the parameters of the only declaration there is.
    pub(super) fn fitting_arguments(
        &mut self,
        name: &str,
        signature: &Signature,
        arguments: Vec<Argument>,
        span: Span,
    ) -> Option<Vec<Expr>> {
        match fit(signature, &arguments) {
            Ok(found) => self.values(signature, &found, arguments, span),
            Err(misfit) => {
                self.diagnostics.push(misfit.diagnostic(name, signature, &arguments, span));
                None
            }
        }
    }

    /// The values of the parameters, in their order.
    fn values(
        &mut self,
        signature: &Signature,
        found: &Fit,
        arguments: Vec<Argument>,
        span: Span,
    ) -> Option<Vec<Expr>> {
        let mut arguments: Vec<Option<Argument>> = arguments.into_iter().map(Some).collect();
        let mut values = vec![];
        for (param, slot) in signature.params.iter().zip(&found.slots) {
            let ty = param.ty.instantiate(&found.bindings);
            if slot.is_empty() && !param.rest {
                let default = param.default?;
                let mut value = self.expr(&Scope::default(), default, Some(&ty));
                // The declaration may be in no file of the program.
                value.rewrite(&mut |e| e.span = span);
                values.push(value);
                continue;
            }
            for &i in slot {
                let argument = arguments.get_mut(i).and_then(Option::take)?;
                if signature.collects_anything(param) {
                    values.push(argument.value.close());
                    continue;
                }
                // A null where none is taken makes the result null.
                let ty = ty.clone().or_null(argument.value.expr.ty.nullable);
                values.push(self.coerce_typed(argument.value, &ty));
            }
        }
        if values.iter().any(|v| v.ty.is_error()) { None } else { Some(values) }
    }
}

fn fit(signature: &Signature, arguments: &[Argument]) -> Result<Fit, Misfit> {
    let slots = assign(signature, arguments)?;
    let bindings = bind(signature, arguments, &slots)?;
    let no_number = bindings.get(&ANY_NUMBER).is_some_and(|ty| !ty.is_numeric() && ty.kind != TypeKind::Null);
    let mut cost = 0;
    for (param, slot) in signature.params.iter().zip(&slots) {
        if signature.collects_anything(param) {
            cost += slot.len() as u32;
            continue;
        }
        let ty = param.ty.instantiate(&bindings);
        for &i in slot {
            if no_number && param.ty.mentions(ANY_NUMBER) {
                return Err(Misfit::Type(i, param.ty.clone()));
            }
            let open_pattern = param.ty.as_type().is_none();
            cost += cost_of(&arguments[i].value, &ty).ok_or_else(|| Misfit::Type(i, param.ty.clone()))?
                + u32::from(open_pattern);
            if matches!(param.ty.kind, PatternKind::AnyDecimal)
                && !matches!(
                    arguments[i].value.expr.ty.kind,
                    TypeKind::Decimal(_) | TypeKind::Int | TypeKind::Null
                )
            {
                return Err(Misfit::Type(i, param.ty.clone()));
            }
        }
    }
    Ok(Fit { slots, bindings, cost })
}

/// Positions, then names, to parameters.
fn assign(signature: &Signature, arguments: &[Argument]) -> Result<Vec<Vec<usize>>, Misfit> {
    let params = &signature.params;
    let mut slots: Vec<Vec<usize>> = vec![vec![]; params.len()];
    for (i, argument) in arguments.iter().enumerate() {
        let slot = match argument.name {
            None if i < params.len() && !params[i].rest => i,
            None if params.last().is_some_and(|p| p.rest) => params.len() - 1,
            None => return Err(Misfit::TooMany(argument.span, params.len())),
            Some(name) => {
                let found = params.iter().position(|p| p.name == name.text && !p.rest);
                found.ok_or_else(|| Misfit::UnknownName(name.span, name.text.clone()))?
            }
        };
        if !slots[slot].is_empty() && !params[slot].rest {
            let name = argument.name.map_or(argument.span, |n| n.span);
            return Err(Misfit::Twice(name, params[slot].name.to_string()));
        }
        slots[slot].push(i);
    }
    let missing = params.iter().zip(&slots).find(|(p, s)| s.is_empty() && p.default.is_none() && !p.rest);
    match missing {
        Some((param, _)) => Err(Misfit::Missing(param.name.to_string())),
        None => Ok(slots),
    }
}

/// What the type variables stand for: what all arguments in their places share.
fn bind(signature: &Signature, arguments: &[Argument], slots: &[Vec<usize>]) -> Result<Bindings, Misfit> {
    let mut evidence: BTreeMap<char, Vec<Typed>> = BTreeMap::new();
    for (param, slot) in signature.params.iter().zip(slots) {
        if signature.collects_anything(param) {
            continue;
        }
        for &i in slot {
            let value = &arguments[i].value;
            let whole = matches!(param.ty.kind, PatternKind::Variable(_) | PatternKind::AnyDecimal);
            param.ty.gather(&value.expr.ty, &mut |name, ty| {
                // A null in the place of the variable itself is about the call, not about the variable.
                let ty = if whole { ty.clone().required() } else { ty.clone() };
                let open = if whole && name != ANY_DECIMAL { value.open } else { Open::No };
                let expr = Expr::literal(Value::Null, ty, value.expr.span);
                evidence.entry(name).or_default().push(Typed { expr, open });
            });
        }
    }
    let mut bindings = Bindings::new();
    for (name, values) in evidence {
        match common_of(&values) {
            Ok((_, Open::Float)) => {
                bindings.insert(name, Type::FLOAT);
            }
            Ok((ty, _)) => {
                bindings.insert(name, ty);
            }
            Err((a, b)) => {
                let ty_at = |s: Span| {
                    values.iter().find(|v| v.expr.span == s).map_or(Type::ERROR, |v| v.expr.ty.clone())
                };
                return Err(Misfit::NoCommonType(a, ty_at(a), b, ty_at(b)));
            }
        }
    }
    Ok(bindings)
}

/// What it costs to give a value where `ty` is wanted; none if it can't be.
fn cost_of(value: &Typed, ty: &Type) -> Option<u32> {
    let from = &value.expr.ty;
    if value.is_open() {
        return match ty.kind {
            TypeKind::Float => Some(if value.open == Open::Float { 0 } else { 1 }),
            TypeKind::Decimal(scale) => {
                let exact = match value.expr.as_literal() {
                    Some(Value::Decimal(d)) => rescale(*d, scale_of(from), scale).is_some(),
                    _ => scale_of(from) <= scale,
                };
                exact.then_some(1)
            }
            _ => None,
        };
    }
    let to = ty.clone().nullable();
    if let (Some(Value::String(s)), TypeKind::OneOf(strings)) = (value.expr.as_literal(), &ty.kind) {
        return strings.contains(s).then_some(0);
    }
    if !fits(&from.clone().nullable(), &to) {
        return None;
    }
    Some(match (&from.kind, &ty.kind) {
        (a, b) if a == b => 0,
        (TypeKind::Null, _) => 0,
        (TypeKind::OneOf(_), _) => 1,
        (TypeKind::Int, TypeKind::Decimal(_)) => 3,
        (TypeKind::Int, TypeKind::Float) => 4,
        _ => 2,
    })
}

impl Misfit {
    fn diagnostic(
        &self,
        name: &str,
        signature: &Signature,
        arguments: &[Argument],
        span: Span,
    ) -> Diagnostic {
        let params: Vec<&str> = signature.params.iter().filter(|p| !p.rest).map(|p| p.name).collect();
        match self {
            Misfit::UnknownName(span, given) => errors::unknown_argument(*span, given, name, &params),
            Misfit::Twice(span, given) => errors::argument_twice(*span, given, name),
            Misfit::Missing(param) => errors::missing_argument(span, name, param),
            Misfit::TooMany(span, wanted) => errors::too_many_arguments(*span, name, *wanted),
            Misfit::Type(i, expected) => {
                let Some(argument) = arguments.get(*i) else {
                    return errors::missing_argument(span, name, "");
                };
                let of_literal = expected.as_type().and_then(|ty| literal_fault(&argument.value.expr, &ty));
                let found = argument.value.clone().close();
                of_literal.unwrap_or_else(|| {
                    let target = expected.as_type();
                    errors::argument_type(found.span, name, &expected.to_string(), target.as_ref(), &found.ty)
                })
            }
            Misfit::NoCommonType(a, a_ty, b, b_ty) => {
                errors::no_common_type(span, "these arguments", (*a, a_ty), (*b, b_ty))
            }
        }
    }
}
