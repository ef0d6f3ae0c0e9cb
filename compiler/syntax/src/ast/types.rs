//! Types as written, and the fields of records.

use super::{Expr, Integer, Name, Text};
use millstream_base::Span;

/// A type. Built with [`Type::new`], which bounds how deep the tree can be.
#[derive(Clone, PartialEq, Debug)]
pub struct Type {
    pub kind: TypeKind,
    pub span: Span,
    pub(super) height: u16,
}

#[derive(Clone, PartialEq, Debug)]
pub enum TypeKind {
    /// `int`, `string`, `Payment`, …
    Named(Name),
    /// `decimal(2)`
    Scaled {
        name: Name,
        scale: Integer,
    },
    /// `list<T>`, `map<T>`
    Applied {
        name: Name,
        args: Vec<Type>,
    },
    Record(Vec<Field>),
    /// `"open" | "closed"`
    OneOf(Vec<Text>),
    /// `T?`
    Nullable(Box<Type>),
    /// Could not be parsed, or was too deep; reported already.
    Error,
}

/// `name: type [from "input name"] [as ENCODING] [= default]`
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    pub doc: Option<String>,
    pub name: Name,
    pub ty: Type,
    /// What the input calls it.
    pub input_name: Option<Text>,
    pub encoding: Option<Encoding>,
    pub default: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Encoding {
    pub kind: EncodingKind,
    /// Without the word `as`.
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum EncodingKind {
    /// `epoch_ms`
    Named(Name),
    /// `"%d/%m/%Y %H:%M" in "Europe/Paris"`
    Pattern { pattern: Text, zone: Option<Text> },
}
