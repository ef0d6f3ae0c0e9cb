//! Formats types and the fields of records.

use super::writer::{Brackets, Gap, Writer};
use crate::ast::{Field, Type, TypeKind};

impl Writer<'_> {
    pub(super) fn ty(&mut self, ty: &Type) {
        self.until(ty.span);
        match &ty.kind {
            TypeKind::Named(_) | TypeKind::Error => {}
            TypeKind::Scaled { name, .. } => {
                self.through(name.span);
                self.glue();
            }
            TypeKind::Applied { name, args } => {
                self.through(name.span);
                self.glue();
                self.piece();
                for (i, arg) in args.iter().enumerate() {
                    if i == 0 {
                        self.glue();
                    }
                    self.ty(arg);
                    if i + 1 < args.len() {
                        self.comma();
                    }
                }
                // Parentheses around the last argument, then `>`.
                while self.kind_before(ty.span.end as usize).is_some() {
                    self.glue();
                    self.piece();
                }
            }
            TypeKind::Record(fields) => self.bracketed(fields, Brackets::SPACED, |w, field| w.field(field)),
            TypeKind::OneOf(values) => self.group(|w| {
                w.indent();
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        w.separate(Gap::Line);
                    }
                    w.through(value.span);
                }
                w.dedent();
            }),
            TypeKind::Nullable(of) => self.ty(of),
        }
        self.through(ty.span);
    }

    pub(super) fn field(&mut self, field: &Field) {
        self.until(field.ty.span);
        self.ty(&field.ty);
        self.exprs(&field.default);
        self.through(field.span);
    }
}
