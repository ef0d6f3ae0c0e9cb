//! `union a, b`: the rows of other streams too; columns agree by name and type.

use super::QueryChecker;
use super::head::{check_reference, updating_because};
use super::rows::{RowColumn, Updating};
use super::window::Bounds;
use crate::check::{Checker, Proved};
use crate::errors::{clauses as errors, windows};
use crate::hir::{Because, ClauseKind, Union};
use millstream_base::{Diagnostics, Span};
use millstream_ir::flow::Schema;
use millstream_ir::types::Type;
use millstream_syntax::ast;

impl QueryChecker<'_> {
    pub(super) fn check_union(&mut self, streams: &[ast::StreamRef], span: Span) {
        let mut others = vec![];
        // The keys of windows that each key has of its own are found anew, in the rows of all streams.
        let keys = match &self.window {
            Some(window) if window.bounds == Bounds::AtEnd => window.by.clone(),
            _ => vec![],
        };
        let windows = match (&self.window, &self.rows.carried[..]) {
            (Some(window), [start, end]) if window.bounds == Bounds::Carried => {
                Some((window.assigner.clone(), [*start, *end]))
            }
            _ => None,
        };
        self.own_time_column(span);
        if windows.is_some() {
            self.add_bounds(span);
        }
        for stream in streams {
            let (rows, schema) = check_reference(self.around, stream, self.diagnostics);
            if let Some(schema) = schema
                && self.rows.known
            {
                self.agree(stream.name(), &schema);
                if schema.sign.is_some() {
                    let because = updating_because(self.around, rows);
                    match self.window {
                        Some(_) => {
                            let fault = errors::needs_append_only(stream.name().span, "window", because);
                            self.diagnostics.push(fault);
                        }
                        None => self.is_updating(because, span),
                    }
                }
                others.push(rows);
            }
        }
        self.push(ClauseKind::Union(Union { others, windows }), span);
        if self.window.as_ref().is_some_and(|window| window.leaves_out_late) {
            self.push(ClauseKind::LeaveOutLate, span);
        }
        if let Some(window) = &self.window
            && !keys.is_empty()
            && self.rows.known
        {
            let (window, scope) = (window.span, self.scope());
            let mut said = Diagnostics::default();
            let mut checker = Checker::new(self.around.names, self.around.file, &mut said);
            keys.iter().for_each(|key| {
                checker.check_expr(&scope, key, None);
            });
            match said.is_empty() {
                true => self.carry_keys(&keys),
                false => {
                    self.diagnostics.push(windows::union_without_keys(span, window));
                    self.rows.known = false;
                }
            }
        }
    }

    /// The visible columns, and the time in a column of its own: what the other streams have under the
    /// name of a visible time may be something else. What was proved of these rows does not hold there.
    fn own_time_column(&mut self, span: Span) {
        self.rows.proved = Proved::default();
        self.rows.columns.retain(|c| !c.hidden);
        let updating = self.rows.updating.take();
        self.rows.carried.clear();
        let time = RowColumn { hidden: true, ..RowColumn::new("time", Type::TIMESTAMP, span) };
        self.rows.columns.push(time);
        self.rows.set_time(self.rows.columns.len() - 1);
        if let Some(updating) = updating {
            self.is_updating(updating.because, span);
        }
    }

    /// Rows of the union can be withdrawn; what named them in one stream names others in another.
    fn is_updating(&mut self, because: Because, span: Span) {
        if self.rows.updating.is_none() {
            let sign = RowColumn { hidden: true, ..RowColumn::new("sign", Type::INT, span) };
            self.rows.columns.push(sign);
            self.rows.updating = Some(Updating { sign: self.rows.columns.len() - 1, key: None, because });
        }
    }

    /// Reports the first column that the other stream lacks, has in addition or has of another type; a
    /// column that is nullable there is nullable here.
    fn agree(&mut self, name: &ast::Name, other: &Schema) {
        let with = |text: String| errors::union_columns_differ(name.span, &name.text, &text);
        for (_, column) in other.visible() {
            if self.rows.find(&column.name).is_none() {
                self.diagnostics.push(with(format!("`{}` has `{}` in addition", name.text, column.name)));
                return;
            }
        }
        for column in self.rows.columns.iter_mut().filter(|c| !c.hidden) {
            let Some((_, theirs)) = other.visible().find(|(_, c)| c.name == column.name) else {
                self.diagnostics.push(with(format!("`{}` has no `{}`", name.text, column.name)));
                return;
            };
            let same = theirs.ty.kind == column.ty.kind || theirs.ty.is_error() || column.ty.is_error();
            if !same {
                let (here, there) = (&column.ty, &theirs.ty);
                self.diagnostics
                    .push(with(format!("`{}` is a {here} here and a {there} there", column.name)));
                return;
            }
            column.ty = Type { nullable: column.ty.nullable || theirs.ty.nullable, ..column.ty.clone() };
        }
    }
}
