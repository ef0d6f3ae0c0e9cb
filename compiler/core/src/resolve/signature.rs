//! Signatures of functions: parameters, and types with variables in them.

use millstream_base::Span;
use millstream_ir::types::{FieldType, RecordType, Type, TypeKind};
use millstream_syntax::ast;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Signature<'a> {
    pub params: Vec<Parameter<'a>>,
    pub result: TypePattern,
}

#[derive(Clone, Debug)]
pub struct Parameter<'a> {
    pub name: &'a str,
    pub ty: TypePattern,
    pub default: Option<&'a ast::Expr>,
    /// Takes any number of further arguments; its type is that of each.
    pub rest: bool,
    pub span: Span,
}

/// A type in which some parts are open: single capital letters in the standard library's declarations.
#[derive(Clone, PartialEq, Debug)]
pub struct TypePattern {
    pub kind: PatternKind,
    pub nullable: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub enum PatternKind {
    /// `T`: the same type wherever it stands; `N`: the same type of number.
    Variable(char),
    /// `decimal` without a scale: the same decimal wherever it stands.
    AnyDecimal,
    List(Box<TypePattern>),
    Map(Box<TypePattern>),
    Record(Vec<(Arc<str>, TypePattern)>),
    Exact(TypeKind),
}

/// What the open parts stand for in one call. Decimals without scale are kept as `#`.
pub type Bindings = BTreeMap<char, Type>;

pub(crate) const ANY_DECIMAL: char = '#';

/// The variable that stands for numbers only.
pub(crate) const ANY_NUMBER: char = 'N';

impl TypePattern {
    pub fn exact(ty: Type) -> TypePattern {
        TypePattern { kind: PatternKind::Exact(ty.kind), nullable: ty.nullable }
    }

    /// The type, if no part is open.
    pub fn as_type(&self) -> Option<Type> {
        let kind = match &self.kind {
            PatternKind::Variable(_) | PatternKind::AnyDecimal => return None,
            PatternKind::List(element) => TypeKind::List(Arc::new(element.as_type()?)),
            PatternKind::Map(value) => TypeKind::Map(Arc::new(value.as_type()?)),
            PatternKind::Record(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, ty)| Some(FieldType { name: name.clone(), ty: ty.as_type()? }))
                    .collect::<Option<_>>()?;
                TypeKind::Record(Arc::new(RecordType { fields }))
            }
            PatternKind::Exact(kind) => kind.clone(),
        };
        Some(Type { kind, nullable: self.nullable })
    }

    /// The type with its open parts filled in; what nothing has decided is `null`.
    pub fn instantiate(&self, bindings: &Bindings) -> Type {
        let bound = |name: &char| bindings.get(name).cloned().unwrap_or(Type::of(TypeKind::Null));
        let ty = match &self.kind {
            PatternKind::Variable(name) => bound(name),
            PatternKind::AnyDecimal => bindings.get(&ANY_DECIMAL).cloned().unwrap_or(Type::decimal(0)),
            PatternKind::List(element) => Type::list(element.instantiate(bindings)),
            PatternKind::Map(value) => Type::map(value.instantiate(bindings)),
            PatternKind::Record(fields) => {
                Type::record(fields.iter().map(|(name, ty)| (name.clone(), ty.instantiate(bindings))))
            }
            PatternKind::Exact(kind) => Type::of(kind.clone()),
        };
        ty.or_null(self.nullable)
    }

    pub(crate) fn mentions(&self, variable: char) -> bool {
        match &self.kind {
            PatternKind::Variable(name) => *name == variable,
            PatternKind::List(of) | PatternKind::Map(of) => of.mentions(variable),
            PatternKind::Record(fields) => fields.iter().any(|(_, ty)| ty.mentions(variable)),
            PatternKind::AnyDecimal | PatternKind::Exact(_) => false,
        }
    }

    /// Notes what a value of type `ty` in this place says about the open parts.
    pub(crate) fn gather(&self, ty: &Type, evidence: &mut impl FnMut(char, &Type)) {
        match (&self.kind, &ty.kind) {
            (PatternKind::Variable(name), _) if self.nullable => evidence(*name, &ty.clone().required()),
            (PatternKind::Variable(name), _) => evidence(*name, ty),
            (PatternKind::AnyDecimal, TypeKind::Decimal(_)) => evidence(ANY_DECIMAL, ty),
            (PatternKind::List(pattern), TypeKind::List(of))
            | (PatternKind::Map(pattern), TypeKind::Map(of)) => {
                pattern.gather(of, evidence);
            }
            (PatternKind::Record(fields), TypeKind::Record(record)) => {
                for (name, pattern) in fields {
                    if let Some(at) = record.position(name) {
                        pattern.gather(&record.fields[at].ty, evidence);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Signature<'_> {
    /// Whether the values that this parameter collects may differ in type: nothing else mentions their type.
    pub(crate) fn collects_anything(&self, param: &Parameter) -> bool {
        let PatternKind::Variable(name) = param.ty.kind else { return false };
        let others = self.params.iter().filter(|p| !p.rest).map(|p| &p.ty).chain([&self.result]);
        param.rest && !others.into_iter().any(|ty| ty.mentions(name))
    }

    pub fn is_generic(&self) -> bool {
        self.result.as_type().is_none() || self.params.iter().any(|p| p.ty.as_type().is_none())
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.kind {
            PatternKind::Variable(name) => write!(f, "{name}")?,
            PatternKind::AnyDecimal => f.write_str("decimal")?,
            PatternKind::List(element) => write!(f, "list<{element}>")?,
            PatternKind::Map(value) => write!(f, "map<{value}>")?,
            PatternKind::Record(fields) => {
                let fields: Vec<_> = fields.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
                write!(f, "{{ {} }}", fields.join(", "))?;
            }
            PatternKind::Exact(kind) => write!(f, "{}", Type::of(kind.clone()))?,
        }
        f.write_str(if self.nullable { "?" } else { "" })
    }
}

impl fmt::Display for Signature<'_> {
    /// `(text: string, n: int = …) -> string`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let param = |p: &Parameter| {
            let more = match (p.rest, p.default.is_some()) {
                (true, _) => ", …",
                (_, true) => " = …",
                _ => "",
            };
            format!("{}: {}{more}", p.name, p.ty)
        };
        let params: Vec<_> = self.params.iter().map(param).collect();
        write!(f, "({}) -> {}", params.join(", "), self.result)
    }
}
