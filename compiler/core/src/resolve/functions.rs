//! Functions of the program and of the library: signatures first, then the bodies in the order in which
//! they call each other.

use super::collect::Found;
use super::library::{LIBRARY_FILE, Library};
use super::signature::{Parameter, PatternKind, Signature};
use super::types::{Place, resolve_pattern};
use crate::check::Checker;
use crate::errors::names as errors;
use crate::facts::DefinitionKind;
use crate::names::{Function, FunctionBody, Names};
use millstream_base::{Diagnostics, FileId};
use millstream_syntax::ast;

/// The size up to which a function's body, with all that it calls, may grow: it is copied to each call.
const MAX_BODY: usize = 20_000;

/// The bodies that are still to be checked: the number of the function, and its text.
pub(crate) type Bodies<'a> = Vec<(usize, &'a ast::Expr)>;

pub(crate) fn declare_functions<'a>(
    found: &[Found<'a, ast::Function>],
    library: &'a Library,
    names: &mut Names<'a>,
    diagnostics: &mut Diagnostics,
) -> Bodies<'a> {
    let mut bodies = vec![];
    for Found { item, doc, file, span } in found {
        let signature = signature(item, names, *file, Place::Program, diagnostics);
        let function = Function {
            name: &item.name.text,
            name_span: item.name.span,
            doc: *doc,
            file: *file,
            span: *span,
            module: None,
            signature,
            body: FunctionBody::Broken,
        };
        if let Some(body) = &item.body {
            bodies.push((names.functions.len(), body));
        }
        names.functions.push(&item.name.text, function);
    }
    for (module, item, doc) in library.functions() {
        let signature = signature(item, names, LIBRARY_FILE, Place::Library, diagnostics);
        let mut function = Function {
            name: &item.name.text,
            name_span: item.name.span,
            doc,
            file: LIBRARY_FILE,
            span: item.name.span,
            module: Some(module),
            signature,
            body: FunctionBody::Broken,
        };
        let is_native = |body: &ast::Expr| matches!(&body.kind, ast::ExprKind::Name(n) if n.text == "native");
        match &item.body {
            Some(body) if !is_native(body) && function.signature.is_generic() => {
                function.body = FunctionBody::Generic(body);
            }
            Some(body) if !is_native(body) => bodies.push((names.functions.len(), body)),
            _ => match library.native(&item.name.text) {
                Some(native) => function.body = FunctionBody::Native(native),
                None => diagnostics.push(errors::no_native(item.name.span, &item.name.text)),
            },
        }
        names.functions.push(&item.name.text, function);
    }
    bodies
}

fn signature<'a>(
    item: &'a ast::Function,
    names: &Names,
    file: FileId,
    place: Place,
    diagnostics: &mut Diagnostics,
) -> Signature<'a> {
    let mut params: Vec<Parameter<'a>> = vec![];
    let count = item.params.len();
    for (i, param) in item.params.iter().enumerate() {
        if let Some(first) = params.iter().find(|p| p.name == param.name.text) {
            diagnostics.push(errors::duplicate_name(param.name.span, &param.name.text, first.span));
            continue;
        }
        let mut ty = resolve_pattern(&param.ty, names, file, place, diagnostics);
        // `rest: list<T>` at the end of a declaration takes any number of arguments.
        let mut rest = false;
        if place == Place::Library && i + 1 == count && param.name.text == "rest" {
            let element = match &ty.kind {
                PatternKind::List(element) => Some((**element).clone()),
                PatternKind::Exact(millstream_ir::types::TypeKind::List(element)) => {
                    Some(super::signature::TypePattern::exact((**element).clone()))
                }
                _ => None,
            };
            if let Some(element) = element {
                ty = element;
                rest = true;
            }
        }
        names.facts.define(&param.name, DefinitionKind::Parameter, ty.as_type().as_ref());
        params.push(Parameter {
            name: &param.name.text,
            ty,
            default: param.default.as_ref(),
            rest,
            span: param.name.span,
        });
    }
    Signature { params, result: resolve_pattern(&item.result, names, file, place, diagnostics) }
}

/// Checks the bodies, each after those of the functions that it calls.
pub(crate) fn check_bodies<'a>(bodies: &Bodies<'a>, names: &mut Names<'a>, diagnostics: &mut Diagnostics) {
    let mut states = vec![State::New; bodies.len()];
    for i in 0..bodies.len() {
        visit(i, bodies, &mut states, names, diagnostics);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

fn visit<'a>(
    i: usize,
    bodies: &Bodies<'a>,
    states: &mut [State],
    names: &mut Names<'a>,
    diagnostics: &mut Diagnostics,
) {
    let (number, body) = bodies[i];
    match states[i] {
        State::Done => return,
        State::Open => {
            let function = &names.functions[number];
            diagnostics.push(errors::recursive_function(function.span, function.name));
            states[i] = State::Done;
            return;
        }
        State::New => states[i] = State::Open,
    }
    let mut called = vec![];
    calls_in(body, &mut called);
    let file = names.functions[number].file;
    for name in called {
        let is_called =
            |function: &Function| function.module.is_some() || names.sees(file, function.file, name);
        let called = names.functions.named(name).filter(|(_, function)| is_called(function));
        // The bodies are in the order of their functions.
        let body = |(number, _): (usize, _)| bodies.binary_search_by_key(&number, |(n, _)| *n).ok();
        let callees: Vec<usize> = called.filter_map(body).collect();
        for callee in callees {
            visit(callee, bodies, states, names, diagnostics);
        }
    }
    // In a circle it stays without a body.
    if states[i] == State::Open {
        states[i] = State::Done;
        let function = &names.functions[number];
        for param in &function.signature.params {
            if let (Some(default), Some(ty)) = (param.default, param.ty.as_type()) {
                Checker::new(names, file, diagnostics).check_constant(default, &ty);
            }
        }
        let checked = Checker::new(names, file, diagnostics).check_body(function, body);
        let size = match &checked {
            FunctionBody::Checked { body, .. } => {
                let mut size = 0;
                body.visit(&mut |_| size += 1);
                size
            }
            _ => 0,
        };
        if size > MAX_BODY {
            diagnostics.push(errors::function_too_large(function.span, function.name));
            return;
        }
        names.functions[number].body = checked;
    }
}

/// The names that an expression calls.
fn calls_in<'e>(expr: &'e ast::Expr, called: &mut Vec<&'e str>) {
    if let ast::ExprKind::Call(call) = &expr.kind {
        called.push(&call.function.text);
        if let Some(filter) = &call.filter {
            calls_in(filter, called);
        }
    }
    for part in crate::check::direct_parts(expr) {
        calls_in(part, called);
    }
}
