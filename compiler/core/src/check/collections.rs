//! Lists, records, comprehensions, `++` and templates.

use super::Checker;
use super::coerce::common_type;
use super::conversions::to_text;
use super::expr::error;
use super::narrowing::Outcome;
use super::numbers::{Open, to_float};
use crate::check::Proved;
use crate::errors::types as errors;
use crate::facts::{DefinitionKind, Wanted};
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::{FieldType, RecordType, Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn list(
        &mut self,
        scope: &Scope,
        elements: &[ast::Expr],
        span: Span,
        hint: Option<&Type>,
    ) -> Expr {
        let wanted = match hint {
            Some(Type { kind: TypeKind::List(element), .. }) => Some((**element).clone()),
            _ => None,
        };
        let elements: Vec<_> = elements.iter().map(|e| self.infer(scope, e, wanted.as_ref())).collect();
        if elements.iter().any(|e| e.expr.ty.is_error()) {
            return error(span);
        }
        if let Some(wanted) = wanted.filter(|w| !w.is_error()) {
            let elements: Vec<_> = elements.into_iter().map(|e| self.coerce_typed(e, &wanted)).collect();
            if elements.iter().any(|e| e.ty.is_error()) {
                return error(span);
            }
            return Expr::new(ExprKind::List(elements), Type::list(wanted), span);
        }
        if elements.is_empty() {
            // Not nullable, so that it is a list of anything.
            return Expr::new(ExprKind::List(vec![]), Type::list(Type::of(TypeKind::Null)), span);
        }
        let Some((elements, ty, open)) = self.unify(elements, span, "the elements of this list") else {
            return error(span);
        };
        let (elements, ty) = if open == Open::Float {
            (elements.into_iter().map(to_float).collect(), Type::FLOAT.or_null(ty.nullable))
        } else {
            (elements, ty)
        };
        Expr::new(ExprKind::List(elements), Type::list(ty), span)
    }

    pub(super) fn record(
        &mut self,
        scope: &Scope,
        fields: &[ast::RecordField],
        span: Span,
        hint: Option<&Type>,
    ) -> Expr {
        let wanted = match hint {
            Some(Type { kind: TypeKind::Record(record), .. }) => Some(record.clone()),
            _ => None,
        };
        let mut named: Vec<(&ast::Name, Expr)> = vec![];
        for field in fields {
            if let Some((first, _)) = named.iter().find(|(n, _)| n.text == field.name.text) {
                self.diagnostics.push(errors::duplicate_field(field.name.span, &field.name.text, first.span));
                continue;
            }
            let of_field =
                wanted.as_ref().and_then(|w| w.fields.iter().find(|f| *f.name == *field.name.text));
            let value = self.expr(scope, &field.value, of_field.map(|f| &f.ty));
            if let Some(wanted) = &wanted {
                self.field_stands_for(wanted, &field.name);
            }
            named.push((&field.name, value));
        }
        if named.iter().any(|(_, value)| value.ty.is_error()) {
            return error(span);
        }
        if let Some(wanted) = &wanted {
            // In the order of the type; nullable fields may be left out.
            let same = named.iter().all(|(n, _)| wanted.position(&n.text).is_some());
            let complete =
                wanted.fields.iter().all(|f| f.ty.nullable || named.iter().any(|(n, _)| n.text == *f.name));
            if same && complete {
                let part = |f: &FieldType| {
                    let given = named.iter().position(|(n, _)| n.text == *f.name);
                    match given {
                        Some(i) => named.swap_remove(i).1,
                        None => Expr::literal(Value::Null, f.ty.clone(), span),
                    }
                };
                let parts = wanted.fields.iter().map(part).collect();
                return Expr::new(ExprKind::Record(parts), Type::of(TypeKind::Record(wanted.clone())), span);
            }
        }
        let fields = named.iter().map(|(n, e)| FieldType { name: n.text.as_str().into(), ty: e.ty.clone() });
        let record = Arc::new(RecordType { fields: fields.collect() });
        let facts = &self.names.facts;
        named.iter().for_each(|(name, value)| facts.define(name, DefinitionKind::Field, Some(&value.ty)));
        facts.define_record(&record, named.iter().map(|(name, _)| Some(name.span)).collect());
        let ty = Type::of(TypeKind::Record(record));
        Expr::new(ExprKind::Record(named.into_iter().map(|(_, e)| e).collect()), ty, span)
    }

    fn field_stands_for(&self, record: &Arc<RecordType>, name: &ast::Name) {
        let facts = &self.names.facts;
        match record.position(&name.text) {
            Some(field) => facts.stands_for(name.span, facts.field_of(record, field)),
            None => facts.misses(name.span, || Wanted::Field(Type::of(TypeKind::Record(record.clone())))),
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn comprehension(
        &mut self,
        scope: &Scope,
        element: &ast::Expr,
        variable: &ast::Name,
        list: &ast::Expr,
        condition: Option<&ast::Expr>,
        span: Span,
        hint: Option<&Type>,
    ) -> Expr {
        let list = self.expr(scope, list, None);
        let of = match &list.ty.kind {
            TypeKind::List(of) => (**of).clone(),
            TypeKind::Error => Type::ERROR,
            _ => {
                self.diagnostics.push(errors::not_a_list(list.span, &list.ty));
                Type::ERROR
            }
        };
        self.names.facts.define(variable, DefinitionKind::Element, Some(&of));
        let local = self.new_local();
        let mut inner = scope.clone();
        inner.bind(variable.text.as_str(), Expr::new(ExprKind::Local(local), of, variable.span));
        let condition = condition.map(|c| self.condition(&inner, c));
        if let Some(condition) = &condition {
            inner.narrow(Proved::of(condition, Outcome::True));
        }
        let wanted = match hint {
            Some(Type { kind: TypeKind::List(element), .. }) => Some(&**element),
            _ => None,
        };
        let element = self.infer(&inner, element, wanted);
        let element = match wanted {
            Some(wanted) => self.coerce_typed(element, wanted),
            None => element.close(),
        };
        let parts = [Some(&list), condition.as_ref(), Some(&element)];
        if parts.into_iter().flatten().any(|e| e.ty.is_error()) {
            return error(span);
        }
        let ty = Type::list(wanted.cloned().unwrap_or(element.ty.clone())).or_null(list.ty.nullable);
        let kind = ExprKind::Comprehension {
            list: Box::new(list),
            local,
            condition: condition.map(Box::new),
            element: Box::new(element),
        };
        Expr::new(kind, ty, span)
    }

    /// `++`: of strings, or of lists whose elements share a type.
    pub(super) fn concat(
        &mut self,
        scope: &Scope,
        left: &ast::Expr,
        right: &ast::Expr,
        op_span: Span,
        span: Span,
        hint: Option<&Type>,
    ) -> Expr {
        let left = self.expr_with_hint(scope, left, hint);
        let from_left = matches!(left.ty.kind, TypeKind::List(_)).then(|| left.ty.clone());
        let right =
            self.expr_with_hint(scope, right, from_left.as_ref().filter(|_| is_list_of_literals(right)));
        if left.ty.is_error() || right.ty.is_error() {
            return error(span);
        }
        let nullable = left.ty.nullable || right.ty.nullable;
        let ty = match (&left.ty.kind, &right.ty.kind) {
            (TypeKind::Null, TypeKind::Null) => return Expr::literal(Value::Null, Type::NULL, span),
            (TypeKind::List(_) | TypeKind::Null, TypeKind::List(_) | TypeKind::Null) => {
                common_type(&left.ty, &right.ty).map(|ty| ty.required().or_null(nullable))
            }
            _ if is_text_or_null(&left.ty) && is_text_or_null(&right.ty) => {
                Some(Type::STRING.or_null(nullable))
            }
            _ => None,
        };
        let Some(ty) = ty else {
            self.diagnostics.push(errors::operator_types(op_span, "++", &left, &right));
            return error(span);
        };
        let (left, right) = (self.coerce(left, &ty), self.coerce(right, &ty));
        // `a ++ b ++ c` is one node.
        let mut parts = match left.kind {
            ExprKind::Concat(parts) => parts,
            _ => vec![left],
        };
        parts.push(right);
        Expr::new(ExprKind::Concat(parts), ty, span)
    }

    fn expr_with_hint(&mut self, scope: &Scope, expr: &ast::Expr, hint: Option<&Type>) -> Expr {
        self.infer(scope, expr, hint).close()
    }

    /// `f"{card}: {n}"`: each part as `string(x)` gives it.
    pub(super) fn template(&mut self, scope: &Scope, parts: &[ast::TemplatePart], span: Span) -> Expr {
        let mut strings = vec![];
        for part in parts {
            match part {
                ast::TemplatePart::Text(text) => {
                    strings.push(Expr::literal(Value::string(&text.value), Type::STRING, text.span));
                }
                ast::TemplatePart::Value(value) => {
                    let value = self.expr(scope, value, None);
                    strings.push(to_text(value));
                }
            }
        }
        if strings.iter().any(|s| s.ty.is_error()) {
            return error(span);
        }
        let nullable = strings.iter().any(|s| s.ty.nullable);
        if strings.is_empty() {
            return Expr::literal(Value::string(""), Type::STRING, span);
        }
        Expr::new(ExprKind::Concat(strings), Type::STRING.or_null(nullable), span)
    }
}

fn is_text_or_null(ty: &Type) -> bool {
    ty.is_text() || ty.kind == TypeKind::Null
}

/// Whether the elements of a list may follow what the list meets.
fn is_list_of_literals(expr: &ast::Expr) -> bool {
    let ast::ExprKind::List(elements) = &expr.kind else { return false };
    elements.iter().all(|e| matches!(e.kind, ast::ExprKind::Literal(_)))
}
