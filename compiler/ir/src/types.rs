//! Types of the language and the layout in which columns of each hold their values.

use crate::value::Value;
use std::fmt;
use std::sync::Arc;

/// A type: what kind of value, and whether `null` is one of them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    pub kind: TypeKind,
    pub nullable: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TypeKind {
    Bool,
    Int,
    Float,
    /// Exact, with this many digits after the point; 38 digits in all.
    Decimal(u8),
    String,
    Bytes,
    /// Microseconds since 1970-01-01 UTC.
    Timestamp,
    /// Microseconds.
    Duration,
    Json,
    List(Arc<Type>),
    /// From string to this type.
    Map(Arc<Type>),
    Record(Arc<RecordType>),
    /// One of these strings, sorted and distinct. Held as a string.
    OneOf(Arc<[Arc<str>]>),
    /// The type of `null` alone; always nullable.
    Null,
    /// The type of what could not be checked; fits everything, so that one mistake is reported once.
    Error,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RecordType {
    pub fields: Vec<FieldType>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FieldType {
    pub name: Arc<str>,
    pub ty: Type,
}

/// How a column holds its values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layout {
    /// One byte a row, 0 or 1.
    Bool,
    /// `int`, `timestamp`, `duration`.
    I64,
    F64,
    /// A decimal: a column of it is `I64` where all of a batch's values fit, else `I128`.
    Decimal,
    /// 16-byte string views.
    View,
    /// One boxed value a row: json, lists, maps, records, bytes.
    Boxed,
}

impl Type {
    pub const BOOL: Type = Type::of(TypeKind::Bool);
    pub const INT: Type = Type::of(TypeKind::Int);
    pub const FLOAT: Type = Type::of(TypeKind::Float);
    pub const STRING: Type = Type::of(TypeKind::String);
    pub const BYTES: Type = Type::of(TypeKind::Bytes);
    pub const TIMESTAMP: Type = Type::of(TypeKind::Timestamp);
    pub const DURATION: Type = Type::of(TypeKind::Duration);
    pub const JSON: Type = Type::of(TypeKind::Json);
    pub const NULL: Type = Type { kind: TypeKind::Null, nullable: true };
    pub const ERROR: Type = Type::of(TypeKind::Error);

    pub const fn of(kind: TypeKind) -> Type {
        Type { kind, nullable: false }
    }

    pub fn decimal(scale: u8) -> Type {
        Type::of(TypeKind::Decimal(scale))
    }

    pub fn list(element: Type) -> Type {
        Type::of(TypeKind::List(Arc::new(element)))
    }

    pub fn map(element: Type) -> Type {
        Type::of(TypeKind::Map(Arc::new(element)))
    }

    pub fn record(fields: impl IntoIterator<Item = (impl Into<Arc<str>>, Type)>) -> Type {
        let fields = fields.into_iter().map(|(name, ty)| FieldType { name: name.into(), ty }).collect();
        Type::of(TypeKind::Record(Arc::new(RecordType { fields })))
    }

    /// The union of these strings.
    pub fn one_of(strings: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Type {
        let mut strings: Vec<Arc<str>> = strings.into_iter().map(Into::into).collect();
        strings.sort();
        strings.dedup();
        Type::of(TypeKind::OneOf(strings.into()))
    }

    /// The same with `null`.
    pub fn nullable(self) -> Type {
        Type { nullable: true, ..self }
    }

    /// The same without `null`.
    pub fn required(self) -> Type {
        Type { nullable: matches!(self.kind, TypeKind::Null), ..self }
    }

    pub fn or_null(self, nullable: bool) -> Type {
        Type { nullable: self.nullable || nullable, ..self }
    }

    pub fn is_error(&self) -> bool {
        self.kind == TypeKind::Error
    }

    /// Whether all values take the same room.
    pub fn is_of_one_size(&self) -> bool {
        use TypeKind::*;
        matches!(self.kind, Null | Bool | Int | Float | Decimal(_) | Timestamp | Duration)
    }

    /// Whether a value can hold any number of others.
    pub fn is_collection(&self) -> bool {
        match &self.kind {
            TypeKind::List(_) | TypeKind::Map(_) | TypeKind::Json => true,
            TypeKind::Record(record) => record.fields.iter().any(|field| field.ty.is_collection()),
            _ => false,
        }
    }

    /// `string` or a union of strings.
    pub fn is_text(&self) -> bool {
        matches!(self.kind, TypeKind::String | TypeKind::OneOf(_))
    }

    pub fn is_numeric(&self) -> bool {
        matches!(self.kind, TypeKind::Int | TypeKind::Float | TypeKind::Decimal(_))
    }

    /// How columns of this type hold their values. `null` and error types are held as booleans.
    pub fn layout(&self) -> Layout {
        match self.kind {
            TypeKind::Bool | TypeKind::Null | TypeKind::Error => Layout::Bool,
            TypeKind::Int | TypeKind::Timestamp | TypeKind::Duration => Layout::I64,
            TypeKind::Float => Layout::F64,
            TypeKind::Decimal(_) => Layout::Decimal,
            TypeKind::String | TypeKind::OneOf(_) => Layout::View,
            TypeKind::Bytes | TypeKind::Json | TypeKind::List(_) | TypeKind::Map(_) | TypeKind::Record(_) => {
                Layout::Boxed
            }
        }
    }

    /// How many bytes a value takes in a column, beside the text or the value in a box that it points to.
    pub fn bytes(&self) -> usize {
        match self.layout() {
            Layout::Bool => 1,
            Layout::I64 | Layout::F64 => 8,
            Layout::Decimal | Layout::View => 16,
            Layout::Boxed => size_of::<Value>(),
        }
    }
}

impl RecordType {
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| &*f.name == name)
    }
}

impl fmt::Display for Type {
    /// As the language writes it.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.kind {
            TypeKind::Bool => f.write_str("bool")?,
            TypeKind::Int => f.write_str("int")?,
            TypeKind::Float => f.write_str("float")?,
            TypeKind::Decimal(scale) => write!(f, "decimal({scale})")?,
            TypeKind::String => f.write_str("string")?,
            TypeKind::Bytes => f.write_str("bytes")?,
            TypeKind::Timestamp => f.write_str("timestamp")?,
            TypeKind::Duration => f.write_str("duration")?,
            TypeKind::Json => f.write_str("json")?,
            TypeKind::List(element) => write!(f, "list<{element}>")?,
            TypeKind::Map(element) => write!(f, "map<{element}>")?,
            TypeKind::Record(record) => {
                f.write_str("{ ")?;
                for (i, field) in record.fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}: {}", field.name, field.ty)?;
                }
                f.write_str(" }")?;
            }
            TypeKind::OneOf(strings) => {
                for (i, s) in strings.iter().enumerate() {
                    let bar = if i == 0 { "" } else { " | " };
                    write!(f, "{bar}{s:?}")?;
                }
            }
            TypeKind::Null => return f.write_str("null"),
            TypeKind::Error => return f.write_str("?"),
        }
        f.write_str(if self.nullable { "?" } else { "" })
    }
}
