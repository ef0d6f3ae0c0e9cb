//! Conversions that are written: `int(x)`, `decimal(x, 2)`, `try_float(x)` and so on.

use super::Checker;
use super::expr::error;
use super::numbers::MAX_DIGITS;
use crate::errors::types as errors;
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::expr::{CastMode, Expr, ExprKind};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;

/// The target of a conversion and whether it gives null where it fails.
#[derive(Clone, Copy)]
pub(super) struct Conversion {
    pub target: &'static str,
    pub mode: CastMode,
}

/// The names of all conversions without `try_`.
pub(crate) const CONVERSIONS: &[&str] =
    &["int", "float", "decimal", "string", "timestamp", "duration", "bool", "json", "bytes"];

impl Conversion {
    pub(super) fn of(name: &str) -> Option<Conversion> {
        let (mode, name) = match name.strip_prefix("try_") {
            Some(rest) => (CastMode::Try, rest),
            None => (CastMode::Strict, name),
        };
        CONVERSIONS.iter().find(|c| **c == name).map(|target| Conversion { target, mode })
    }
}

impl Checker<'_> {
    pub(super) fn conversion(
        &mut self,
        scope: &Scope,
        conversion: Conversion,
        call: &ast::Call,
        span: Span,
    ) -> Expr {
        self.no_aggregate_words(call);
        let wants = if conversion.target == "decimal" { 2 } else { 1 };
        let name = &call.function.text;
        for arg in &call.args {
            if let Some(given) = &arg.name {
                self.diagnostics.push(errors::unknown_argument(given.span, &given.text, name, &[]));
                return error(span);
            }
        }
        if let Some(extra) = call.args.get(wants) {
            self.diagnostics.push(errors::too_many_arguments(extra.span, name, wants));
            return error(span);
        }
        let Some(value) = call.args.first() else {
            self.diagnostics.push(errors::missing_argument(span, name, "x"));
            return error(span);
        };
        let value = self.infer(scope, &value.value, None);
        let ty = match conversion.target {
            "int" => Type::INT,
            "float" => Type::FLOAT,
            "string" => Type::STRING,
            "timestamp" => Type::TIMESTAMP,
            "duration" => Type::DURATION,
            "bool" => Type::BOOL,
            "json" => Type::JSON,
            "bytes" => Type::BYTES,
            _ => match self.scale_argument(scope, call, span) {
                Some(scale) => Type::decimal(scale),
                None => return error(span),
            },
        };
        // `decimal(0.1, 2)` is about the literal as it is written.
        let value = if matches!(ty.kind, TypeKind::Decimal(_) | TypeKind::String | TypeKind::Json) {
            value.expr
        } else {
            value.close()
        };
        if value.ty.is_error() {
            return error(span);
        }
        if value.ty.kind == TypeKind::Null {
            return Expr::literal(Value::Null, ty.nullable(), span);
        }
        if !converts(&value.ty, &ty) {
            self.diagnostics.push(errors::no_conversion(span, &value.ty, &ty));
            return error(span);
        }
        if value.ty.kind == ty.kind {
            return Expr { span, ..value };
        }
        let nullable = value.ty.nullable || conversion.mode == CastMode::Try;
        let kind = ExprKind::Cast { value: Box::new(value), mode: conversion.mode };
        Expr::new(kind, ty.or_null(nullable), span)
    }

    /// The scale in `decimal(x, s)`.
    fn scale_argument(&mut self, scope: &Scope, call: &ast::Call, span: Span) -> Option<u8> {
        let Some(arg) = call.args.get(1) else {
            self.diagnostics.push(errors::missing_argument(span, &call.function.text, "scale"));
            return None;
        };
        let Value::Int(scale) = self.constant_part(scope, &arg.value, &Type::INT)? else { return None };
        match u8::try_from(scale) {
            Ok(scale) if scale <= MAX_DIGITS => Some(scale),
            _ => {
                self.diagnostics.push(errors::bad_scale(arg.span));
                None
            }
        }
    }
}

/// A value as `string(x)` gives it.
pub(super) fn to_text(value: Expr) -> Expr {
    if value.ty.is_text() || value.ty.is_error() {
        return value;
    }
    let (span, nullable) = (value.span, value.ty.nullable);
    if value.ty.kind == TypeKind::Null {
        return Expr::literal(Value::Null, Type::STRING.nullable(), span);
    }
    let kind = ExprKind::Cast { value: Box::new(value), mode: CastMode::Strict };
    Expr::new(kind, Type::STRING.or_null(nullable), span)
}

/// Whether there is a conversion, perhaps one that can fail.
fn converts(from: &Type, to: &Type) -> bool {
    use TypeKind::*;
    match (&from.kind, &to.kind) {
        (a, b) if a == b => true,
        (Json, _) | (_, Json | String) => true,
        (String | OneOf(_), _) => true,
        (Bool | Int | Float | Decimal(_) | Timestamp | Duration, Int) => true,
        (Int, Float | Decimal(_) | Timestamp | Duration) => true,
        (Float | Decimal(_), Float | Decimal(_)) => true,
        _ => false,
    }
}
