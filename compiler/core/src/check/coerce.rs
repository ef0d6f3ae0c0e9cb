//! What becomes what by itself: int to float and decimal, a decimal to a larger scale, `T` to `T?`,
//! a union of strings to string, a literal to what it fits. And the type that several values share.

use super::Checker;
use super::expr::{error, is_simple};
use super::numbers::{MAX_DIGITS, Open, Typed, is_int_literal, scale_of, to_float};
use crate::errors::types as errors;
use millstream_base::Span;
use millstream_ir::expr::{CastMode, Expr, ExprKind};
use millstream_ir::types::{FieldType, RecordType, Type, TypeKind};
use millstream_ir::value::Value;
use std::sync::Arc;

impl Checker<'_> {
    /// The expression as a value of `ty`. It is reported if it can't be one.
    pub fn coerce(&mut self, expr: Expr, ty: &Type) -> Expr {
        self.coerce_typed(expr.into(), ty)
    }

    pub(super) fn coerce_typed(&mut self, typed: Typed, ty: &Type) -> Expr {
        let span = typed.expr.span;
        let expr = if typed.is_open() && ty.kind == TypeKind::Float {
            to_float(typed.expr)
        } else if matches!(ty.kind, TypeKind::Decimal(_)) {
            typed.expr
        } else {
            typed.close()
        };
        if expr.ty.is_error() || ty.is_error() {
            return if expr.ty.is_error() { expr } else { error(span) };
        }
        if let Some(fault) = literal_fault(&expr, ty) {
            self.diagnostics.push(fault);
            return error(span);
        }
        match self.try_coerce(expr, ty) {
            Ok(expr) => expr,
            Err(expr) => {
                let only_null = expr.ty.nullable
                    && !ty.nullable
                    && expr.ty.kind != TypeKind::Null
                    && fits(&expr.ty.clone().required(), ty);
                self.diagnostics.push(if only_null {
                    errors::nullable(span, &expr, ty)
                } else {
                    let is_param = self.params.contains(&span);
                    match self.asks_table {
                        true => errors::type_of_key(ty, &expr),
                        false => errors::type_mismatch(ty, &expr, is_param, self.test_start.is_some()),
                    }
                });
                error(span)
            }
        }
    }

    /// The expression as a value of `ty`, or as it was.
    pub(super) fn try_coerce(&mut self, expr: Expr, ty: &Type) -> Result<Expr, Expr> {
        if expr.ty.kind == TypeKind::Null && ty.nullable {
            // A bare null takes the type that it stands for.
            return Ok(Expr { ty: ty.clone(), ..expr });
        }
        if let Some(literal) = adapt_literal(&expr, ty) {
            return Ok(literal);
        }
        if !fits(&expr.ty, ty) {
            return Err(expr);
        }
        Ok(self.convert(expr, ty))
    }

    /// Converts what [`fits`]: representation changes become casts, all others nothing.
    fn convert(&mut self, expr: Expr, ty: &Type) -> Expr {
        if matches!(&expr.kind, ExprKind::List(elements) if elements.is_empty()) {
            return Expr { ty: ty.clone().required(), ..expr };
        }
        if same_representation(&expr.ty, ty) {
            return expr;
        }
        let span = expr.span;
        match (&expr.ty.kind, &ty.kind) {
            (TypeKind::List(from), TypeKind::List(to)) => {
                if let ExprKind::List(elements) = expr.kind {
                    let elements = elements.into_iter().map(|e| self.convert(e, to)).collect();
                    return Expr::new(ExprKind::List(elements), ty.clone().or_null(false), span);
                }
                let local = self.new_local();
                let element = Expr::new(ExprKind::Local(local), (**from).clone(), span);
                let element = Box::new(self.convert(element, to));
                let list_ty = Type::list((**to).clone()).or_null(expr.ty.nullable);
                let list = Box::new(expr);
                Expr::new(ExprKind::Comprehension { list, local, condition: None, element }, list_ty, span)
            }
            (TypeKind::Record(from), TypeKind::Record(to)) => {
                let (from, to) = (from.clone(), to.clone());
                if let ExprKind::Record(parts) = expr.kind {
                    let parts =
                        parts.into_iter().zip(&to.fields).map(|(p, f)| self.convert(p, &f.ty)).collect();
                    return Expr::new(ExprKind::Record(parts), ty.clone().required(), span);
                }
                self.convert_record(expr, &from, &to)
            }
            _ => cast(expr, &ty.clone().required()),
        }
    }

    fn convert_record(&mut self, expr: Expr, from: &RecordType, to: &Arc<RecordType>) -> Expr {
        let (span, nullable, record_ty) = (expr.span, expr.ty.nullable, expr.ty.clone());
        let (record, local) = if is_simple(&expr) {
            (expr.clone(), None)
        } else {
            let local = self.new_local();
            (Expr::new(ExprKind::Local(local), record_ty.clone(), span), Some(local))
        };
        let present = Expr { ty: record_ty.required(), ..record.clone() };
        let parts = from.fields.iter().zip(&to.fields).enumerate().map(|(field, (f, t))| {
            let kind = ExprKind::Field { record: Box::new(present.clone()), field };
            self.convert(Expr::new(kind, f.ty.clone(), span), &t.ty)
        });
        let parts = parts.collect();
        let target = Type::of(TypeKind::Record(to.clone()));
        let mut body = Expr::new(ExprKind::Record(parts), target.clone(), span);
        if nullable {
            body = null_if_null(record, body);
        }
        match local {
            Some(local) => let_in(local, expr, body),
            None => body,
        }
    }
}

/// `if value is null then null else body`
pub(super) fn null_if_null(value: Expr, body: Expr) -> Expr {
    let (span, ty) = (body.span, body.ty.clone().nullable());
    let null = Expr::literal(Value::Null, ty.clone(), span);
    let test = Expr::new(ExprKind::IsNull(Box::new(value)), Type::BOOL, span);
    let kind = ExprKind::If { condition: Box::new(test), then: Box::new(null), otherwise: Box::new(body) };
    Expr::new(kind, ty, span)
}

pub(super) fn let_in(local: usize, value: Expr, body: Expr) -> Expr {
    let (ty, span) = (body.ty.clone(), body.span);
    Expr::new(ExprKind::Let { local, value: Box::new(value), body: Box::new(body) }, ty, span)
}

/// A conversion that the language does by itself and that can't lose anything; literals at once.
pub(crate) fn cast(expr: Expr, ty: &Type) -> Expr {
    if let Some(literal) = adapt_literal(&expr, ty) {
        return literal;
    }
    let (span, ty) = (expr.span, ty.clone().or_null(expr.ty.nullable));
    Expr::new(ExprKind::Cast { value: Box::new(expr), mode: CastMode::Strict }, ty, span)
}

/// A literal as a literal of another type, where it fits exactly.
fn adapt_literal(expr: &Expr, ty: &Type) -> Option<Expr> {
    let ExprKind::Literal(value) = &expr.kind else { return None };
    let value = match (value, &ty.kind) {
        (Value::Int(i), TypeKind::Float) => Value::Float(*i as f64),
        (Value::Int(i), TypeKind::Decimal(scale)) => Value::Decimal(rescale(i128::from(*i), 0, *scale)?),
        (Value::Decimal(d), TypeKind::Decimal(scale)) => {
            Value::Decimal(rescale(*d, scale_of(&expr.ty), *scale)?)
        }
        (Value::String(s), TypeKind::OneOf(strings)) if strings.contains(s) => value.clone(),
        (Value::Null, _) if ty.nullable => Value::Null,
        _ => return None,
    };
    let nullable = value.is_null();
    Some(Expr::literal(value, ty.clone().required().or_null(nullable), expr.span))
}

/// What is wrong with a literal in a place of this type, where that can be said better than by types.
pub(super) fn literal_fault(expr: &Expr, ty: &Type) -> Option<millstream_base::Diagnostic> {
    match (expr.as_literal()?, &ty.kind) {
        (Value::String(s), TypeKind::OneOf(strings)) if !strings.contains(s) => {
            Some(errors::unknown_choice(expr.span, s, ty))
        }
        (Value::Decimal(d), TypeKind::Decimal(scale))
            if rescale(*d, scale_of(&expr.ty), *scale).is_none() =>
        {
            Some(errors::decimal_literal(expr.span, scale_of(&expr.ty), *scale))
        }
        (Value::Int(i), TypeKind::Decimal(scale)) if rescale(i128::from(*i), 0, *scale).is_none() => {
            Some(errors::decimal_literal(expr.span, 0, *scale))
        }
        (Value::Decimal(_), TypeKind::Int | TypeKind::Float) if expr.ty.kind == TypeKind::Decimal(0) => {
            Some(errors::int_too_large(expr.span))
        }
        _ => None,
    }
}

/// An unscaled decimal at another scale, if it fits exactly.
pub(crate) fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    let limit = 10i128.checked_pow(u32::from(MAX_DIGITS))?;
    let result = if to >= from {
        value.checked_mul(10i128.checked_pow(u32::from(to - from))?)?
    } else {
        let divisor = 10i128.checked_pow(u32::from(from - to))?;
        (value % divisor == 0).then_some(value / divisor)?
    };
    (result.abs() < limit).then_some(result)
}

/// Whether every value of `from` is one of `to`, perhaps after an automatic conversion.
pub(crate) fn fits(from: &Type, to: &Type) -> bool {
    if from.nullable && !to.nullable {
        return false;
    }
    match (&from.kind, &to.kind) {
        (TypeKind::Error, _) | (_, TypeKind::Error) | (TypeKind::Null, _) => true,
        (TypeKind::Int, TypeKind::Float | TypeKind::Decimal(_)) => true,
        (TypeKind::Decimal(a), TypeKind::Decimal(b)) => a <= b,
        (TypeKind::OneOf(_), TypeKind::String) => true,
        (TypeKind::OneOf(some), TypeKind::OneOf(all)) => some.iter().all(|s| all.contains(s)),
        (TypeKind::List(a), TypeKind::List(b)) => fits(a, b),
        // A map is converted only where its representation stays: there is no loop over maps.
        (TypeKind::Map(a), TypeKind::Map(b)) => fits(a, b) && same_representation(a, b),
        (TypeKind::Record(a), TypeKind::Record(b)) => {
            a.fields.len() == b.fields.len()
                && a.fields.iter().zip(&b.fields).all(|(a, b)| a.name == b.name && fits(&a.ty, &b.ty))
        }
        (a, b) => a == b,
    }
}

/// Whether a value of one type is held like a value of the other.
fn same_representation(from: &Type, to: &Type) -> bool {
    match (&from.kind, &to.kind) {
        (TypeKind::Null | TypeKind::Error, _) | (_, TypeKind::Error) => true,
        (TypeKind::String | TypeKind::OneOf(_), TypeKind::String | TypeKind::OneOf(_)) => true,
        (TypeKind::List(a), TypeKind::List(b)) | (TypeKind::Map(a), TypeKind::Map(b)) => {
            same_representation(a, b)
        }
        (TypeKind::Record(a), TypeKind::Record(b)) => {
            a.fields.len() == b.fields.len()
                && a.fields.iter().zip(&b.fields).all(|(a, b)| same_representation(&a.ty, &b.ty))
        }
        (a, b) => a == b,
    }
}

/// The least type that holds the values of both, by automatic conversions.
pub(crate) fn common_type(a: &Type, b: &Type) -> Option<Type> {
    use TypeKind::*;
    let kind = match (&a.kind, &b.kind) {
        (Error, _) | (_, Error) => Error,
        (Null, other) | (other, Null) => other.clone(),
        (Int, Float) | (Float, Int) => Float,
        (Int, Decimal(s)) | (Decimal(s), Int) => Decimal(*s),
        (Decimal(s), Decimal(t)) => Decimal(*s.max(t)),
        (OneOf(s), OneOf(t)) => Type::one_of(s.iter().chain(t.iter()).cloned()).kind,
        (OneOf(_), String) | (String, OneOf(_)) => String,
        (List(s), List(t)) => List(Arc::new(common_type(s, t)?)),
        (Map(s), Map(t)) => {
            let value = common_type(s, t)?;
            let unchanged = same_representation(s, &value) && same_representation(t, &value);
            unchanged.then(|| Map(Arc::new(value)))?
        }
        (Record(s), Record(t)) if s.fields.len() == t.fields.len() => {
            let fields = s.fields.iter().zip(&t.fields).map(|(s, t)| {
                let ty = common_type(&s.ty, &t.ty).filter(|_| s.name == t.name)?;
                Some(FieldType { name: s.name.clone(), ty })
            });
            Record(Arc::new(RecordType { fields: fields.collect::<Option<_>>()? }))
        }
        (s, t) if s == t => s.clone(),
        _ => return None,
    };
    Some(Type { kind, nullable: a.nullable || b.nullable })
}

/// The type that a list's elements or an `if`'s branches share, and how open it still is.
/// Literals with a fraction follow the others. An error names two that share none.
pub(super) fn common_of(values: &[Typed]) -> Result<(Type, Open), (Span, Span)> {
    let has_float = values.iter().any(|v| !v.is_open() && v.expr.ty.kind == TypeKind::Float);
    let type_of = |v: &Typed| match v.is_open() && has_float {
        true => Type::FLOAT.or_null(v.expr.ty.nullable),
        false => v.expr.ty.clone(),
    };
    let mut joined = None;
    for (i, value) in values.iter().enumerate() {
        let ty = type_of(value);
        joined = match joined {
            None => Some(ty),
            Some(so_far) => Some(common_type(&so_far, &ty).ok_or_else(|| {
                let other = values[..i].iter().find(|v| common_type(&type_of(v), &ty).is_none());
                (other.unwrap_or(&values[0]).expr.span, value.expr.span)
            })?),
        };
    }
    Ok((joined.unwrap_or(Type::NULL), openness_of(values.iter())))
}

/// Open as long as there are only literals, one of them with a fraction.
pub(super) fn openness_of<'t>(values: impl Iterator<Item = &'t Typed> + Clone) -> Open {
    let mut literals = values.filter(|v| v.expr.ty.kind != TypeKind::Null);
    if !literals.clone().any(Typed::is_open)
        || !literals.clone().all(|v| v.is_open() || is_int_literal(&v.expr))
    {
        Open::No
    } else if literals.all(|v| v.open == Open::Float) {
        Open::Float
    } else {
        Open::Decimal
    }
}
