//! Functions that the language cannot express, one table a module. The entries are named by the
//! `native` declarations in `decls/`; declarations of one name share an entry.

mod geography;
mod hashing;
mod json;
mod lists;
mod maps;
mod network;
mod numbers;
mod regex;
mod text;
mod time;

use millstream_ir::catalog::{CallTypes, Evaluate, ScalarFunction};
use millstream_ir::eval::{LONGEST_RESULT, is_too_long};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;

pub static TABLES: &[&[ScalarFunction]] = &[
    text::FUNCTIONS,
    regex::FUNCTIONS,
    numbers::FUNCTIONS,
    time::FUNCTIONS,
    json::FUNCTIONS,
    lists::FUNCTIONS,
    maps::FUNCTIONS,
    hashing::FUNCTIONS,
    network::FUNCTIONS,
    geography::FUNCTIONS,
];

type Result<T = Value> = std::result::Result<T, String>;

/// A function that has an answer for all arguments; null for null.
const fn total(name: &'static str, evaluate: Evaluate) -> ScalarFunction {
    ScalarFunction { name, strict: true, can_fail: false, evaluate }
}

/// A function that fails the row for some arguments; null for null.
const fn partial(name: &'static str, evaluate: Evaluate) -> ScalarFunction {
    ScalarFunction { name, strict: true, can_fail: true, evaluate }
}

/// For arguments of types that no declaration allows; the compiler lets none pass.
fn misuse<T>(types: &CallTypes) -> Result<T> {
    let types: Vec<String> = types.arguments.iter().map(Type::to_string).collect();
    Err(format!("the function does not take ({})", types.join(", ")))
}

/// A text result, unless it is too long.
fn text_result(text: String) -> Result {
    if text.len() > LONGEST_RESULT { Err(too_long("text")) } else { Ok(Value::string(text)) }
}

/// A list result, unless it is too long.
fn list_result(items: Vec<Value>) -> Result {
    whole(Value::List(items.into()), "list")
}

/// A result, unless it is too long with all that it is made of.
fn whole(value: Value, what: &str) -> Result {
    if is_too_long(&value) { Err(too_long(what)) } else { Ok(value) }
}

fn too_long(what: &str) -> String {
    format!("the {what} would be longer than 16 MiB")
}

fn scale_of(ty: Option<&Type>) -> u8 {
    match ty.map(|t| &t.kind) {
        Some(TypeKind::Decimal(scale)) => *scale,
        _ => 0,
    }
}

/// What a list is of.
fn element_kind(ty: Option<&Type>) -> Option<&TypeKind> {
    match ty.map(|t| &t.kind) {
        Some(TypeKind::List(element)) => Some(&element.kind),
        _ => None,
    }
}

/// Calls a function of the catalog, for tests.
#[cfg(test)]
fn call(name: &str, arguments: &[(Value, Type)], result: Type) -> Result {
    let function = crate::catalog().function(name).unwrap_or_else(|| panic!("no function {name}"));
    let (values, types): (Vec<_>, Vec<_>) = arguments.iter().cloned().unzip();
    (function.evaluate)(&CallTypes { arguments: &types, result: &result }, &values)
}
