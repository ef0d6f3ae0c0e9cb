//! `window sliding …` and `window running …`: each row has a window of its own, over the rows of its key up to
//! it. The aggregates of the select below are columns of the row, beside those that it has.

use super::QueryChecker;
use super::rows::RowColumn;
use super::window::{Bounds, OpenWindow, WINDOW_END, WINDOW_START, add_bounds};
use crate::check::Aggregates;
use crate::errors::over_rows as errors;
use crate::hir::{self, ClauseKind};
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{Frame, Keep, WindowAssigner};
use millstream_ir::types::Type;
use millstream_syntax::ast;

/// What an open window of each row is over.
#[derive(Clone, Debug)]
pub(super) struct OpenFrame {
    /// None if it is wrong, which has been reported.
    frame: Option<Frame>,
    keys: Vec<Expr>,
}

impl QueryChecker<'_> {
    pub(super) fn open_frame(&mut self, window: &ast::Window, span: Span) {
        let keys = self.exprs(&window.by);
        let keep = window.keep.as_ref().and_then(|keep| self.check_keep(keep));
        let frame = match &window.kind {
            ast::WindowKind::Sliding(ast::Size::Duration(size)) => {
                self.checker().check_positive_duration(size).map(|size| Frame::Sliding { size })
            }
            ast::WindowKind::Sliding(ast::Size::Rows(count)) => {
                let n_rows = self.checker().check_count(count).map(|count| count as usize);
                if window.keep.is_none() && !keys.is_empty() {
                    self.diagnostics.push(errors::unbounded_frame(span, true));
                }
                let keep = keep.unwrap_or(Keep::Forever);
                n_rows.map(|n_rows| Frame::Rows { n_rows, keep })
            }
            // The parser takes no calendar here.
            ast::WindowKind::Sliding(ast::Size::Calendar(_)) => None,
            _ => {
                if window.keep.is_none() {
                    self.diagnostics.push(errors::unbounded_frame(span, !keys.is_empty()));
                }
                Some(Frame::Running(keep.unwrap_or(Keep::Forever)))
            }
        };
        // In the scope rows are as they are: their windows begin with the select.
        self.window = Some(OpenWindow {
            assigner: WindowAssigner::Tumbling { size: 1, offset: 0 },
            span,
            frame: Some(OpenFrame { frame, keys }),
            bounds: Bounds::AtEnd,
            lateness: None,
            corrected: span,
            by: vec![],
            keep: None,
            fill: None,
            leaves_out_late: false,
            is_bounded: false,
        });
        self.rows.carried.clear();
    }

    /// The aggregating select of such a window.
    pub(super) fn check_frame_select(
        &mut self,
        open: OpenFrame,
        items: &[ast::SelectItem],
        span: Span,
        below: &[&ast::Clause],
    ) {
        let first_call = self.rows.columns.len();
        let mut scope = self.rows.scope();
        let window = self.take_window("select", span);
        self.check_emission(window.as_ref(), false, below);
        self.may_emit = true;
        if let Some(window) = window {
            add_bounds(&mut scope, window.span);
        }
        self.aggregates = Some(Aggregates::new(self.rows.scope(), first_call));
        let mut selected = vec![];
        for item in items {
            self.select_item(item, items, &scope, &mut selected);
        }
        let uses = self.aggregates.take().map(|aggregates| aggregates.uses).unwrap_or_default();
        let uses = self.named(uses);
        if !matches!(open.frame, Some(Frame::Running(_))) {
            for found in uses.iter().filter(|found| !found.can_forget()) {
                self.diagnostics.push(errors::cannot_forget(found.span, found.name()));
            }
        }
        let (start, end) = (first_call + uses.len(), first_call + uses.len() + 1);
        let mut has_bounds = false;
        for column in &mut selected {
            column.value.rewrite(&mut |part| {
                if let ExprKind::Column(number @ (WINDOW_START | WINDOW_END)) = &mut part.kind {
                    *number = if *number == WINDOW_START { start } else { end };
                    has_bounds = true;
                }
            });
        }
        let hidden = |name: &str, ty: Type| RowColumn { hidden: true, ..RowColumn::new(name, ty, span) };
        self.rows.columns.extend(uses.iter().map(|found| hidden(found.name(), found.result.clone())));
        if has_bounds {
            self.rows
                .columns
                .extend(["window.start", "window.end"].map(|name| hidden(name, Type::TIMESTAMP)));
        }
        if let Some(frame) = open.frame
            && self.rows.known
        {
            self.push(
                ClauseKind::Frame(hir::Frame { frame, keys: open.keys, calls: uses, has_bounds }),
                span,
            );
        }
        self.finish_select(selected, span, ClauseKind::Select);
    }
}
