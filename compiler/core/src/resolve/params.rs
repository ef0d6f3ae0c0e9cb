//! Parameters: their values, from outside or by default.

use super::GivenValues;
use super::collect::Found;
use super::types::resolve_type;
use crate::check::Checker;
use crate::errors::names as errors;
use crate::facts::DefinitionKind;
use crate::names::{Names, Param, ParamValue};
use millstream_base::Diagnostics;
use millstream_ir::eval::cast;
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;

/// In the order of declaration: a default may name the parameters above it.
pub(crate) fn resolve_params<'a>(
    found: &[Found<'a, ast::Param>],
    given: &GivenValues,
    names: &mut Names<'a>,
    diagnostics: &mut Diagnostics,
) {
    for Found { item, file, .. } in found {
        let name = &item.name;
        let text = given.get(&name.text);
        let is_secret = matches!(&item.ty.kind, ast::TypeKind::Named(n) if n.text == "secret");
        let (ty, value) = if is_secret {
            (Type::STRING, secret(item, text, names, *file, diagnostics))
        } else {
            let ty = resolve_type(&item.ty, names, *file, diagnostics);
            let value = if ty.is_error() { None } else { value(item, &ty, text, names, *file, diagnostics) };
            (ty, value.map(ParamValue::Value))
        };
        let value = value.unwrap_or(ParamValue::Missing);
        names.facts.define(name, DefinitionKind::Param, Some(&ty));
        let param = Param { name: name.text.clone(), file: *file, name_span: name.span, ty, value };
        names.params.push(&name.text, param);
    }
}

fn value(
    item: &ast::Param,
    ty: &Type,
    given: Option<&String>,
    names: &Names,
    file: millstream_base::FileId,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    // A default is checked even where a value is given.
    let default = item
        .default
        .as_ref()
        .map(|default| Checker::new(names, file, diagnostics).check_constant(default, ty));
    match (given, default) {
        (Some(text), _) => {
            let value = read(text, ty);
            if value.is_none() {
                diagnostics.push(errors::bad_param_value(item.name.span, &item.name.text, ty, text));
            }
            value
        }
        (None, Some(value)) => value,
        (None, None) => {
            diagnostics.push(errors::missing_param(item.name.span, &item.name.text, ty));
            None
        }
    }
}

fn secret(
    item: &ast::Param,
    given: Option<&String>,
    names: &Names,
    file: millstream_base::FileId,
    diagnostics: &mut Diagnostics,
) -> Option<ParamValue> {
    let default = item
        .default
        .as_ref()
        .map(|default| Checker::new(names, file, diagnostics).check_constant(default, &Type::STRING));
    match (given, default) {
        (Some(text), _) => Some(ParamValue::Secret(text.as_str().into())),
        (None, Some(Some(Value::String(text)))) => Some(ParamValue::Secret(text)),
        (None, Some(_)) => None,
        (None, None) => {
            diagnostics.push(errors::missing_secret(item.name.span, &item.name.text));
            None
        }
    }
}

/// Text from outside as a value: as `string` would be converted; a decimal has to fit exactly.
fn read(text: &str, ty: &Type) -> Option<Value> {
    if ty.nullable && text == "null" {
        return Some(Value::Null);
    }
    if let TypeKind::Decimal(scale) = ty.kind {
        let number = millstream_ir::text::parse_decimal(text.as_bytes(), scale)?;
        return number.exact.then_some(Value::Decimal(number.value));
    }
    // Times may be written as in the language.
    let text = if ty.kind == TypeKind::Timestamp { text.strip_prefix('@').unwrap_or(text) } else { text };
    cast(&Value::string(text), &Type::STRING, ty).ok()
}
