//! `emit final | every D | on change`: when the results of the aggregating select above appear.

use super::QueryChecker;
use super::window::OpenWindow;
use crate::errors::clauses as errors;
use millstream_base::Span;
use millstream_ir::flow::Emission;
use millstream_syntax::ast;

impl QueryChecker<'_> {
    /// What it says has been taken into account by the clause that it belongs to.
    pub(super) fn check_emit(&mut self, emit: &ast::Emit, may_emit: bool, span: Span) {
        if may_emit {
            return;
        }
        self.diagnostics.push(errors::misplaced_emit(span));
        if let ast::Emit::Every(duration) = emit {
            self.checker().check_positive_duration(duration);
        }
    }

    /// Reports results that are to be replaced where that cannot be, or cannot be yet.
    pub(super) fn check_emission(
        &mut self,
        window: Option<&OpenWindow>,
        until: bool,
        below: &[&ast::Clause],
    ) {
        let Some(span) = emit_span(below) else { return };
        let is_final = !is_updating(below);
        match window {
            _ if until => self.diagnostics.push(errors::emit_of_final_results(span, "group by … until")),
            Some(window) if is_final && window.lateness.is_some() => {
                self.diagnostics.push(errors::final_with_lateness(span, window.corrected));
            }
            Some(window) if window.frame.is_some() => {
                self.diagnostics.push(errors::emit_of_final_results(span, "a window per row"));
            }
            _ => {}
        }
    }

    /// What an `emit` directly below says.
    pub(super) fn emission(&mut self, below: &[&ast::Clause]) -> Option<Emission> {
        let (emit, _) = emit_of(below)?;
        Some(match emit {
            ast::Emit::Final => Emission::Final,
            ast::Emit::OnChange => Emission::OnChange,
            ast::Emit::Every(duration) => {
                let every = self.checker().check_positive_duration(duration);
                every.map_or(Emission::OnChange, Emission::Every)
            }
        })
    }
}

/// The clauses below an aggregating select among which its `emit` stands: directly below it, or below the `top` that
/// takes the results of each of its windows.
pub(super) fn below_results<'b, 'c>(below: &'b [&'c ast::Clause]) -> &'b [&'c ast::Clause] {
    if emit_of(below).is_some() {
        return below;
    }
    top_of_results(below).map_or(below, |top| &below[top + 1..])
}

/// Where the `top` stands that takes the results of each window from an aggregating select.
pub(super) fn top_of_results(below: &[&ast::Clause]) -> Option<usize> {
    use ast::ClauseKind::*;
    let place = below.iter().position(|clause| {
        !matches!(clause.kind, Where(_) | Let(_) | Select(_) | Unnest { .. } | Emit(_) | OnError(_))
    })?;
    matches!(&below[place].kind, Top(top) if top.keep.is_none()).then_some(place)
}

/// Whether the results of an aggregating select are replaced, as far as an `emit` directly below says.
pub(super) fn is_updating(below: &[&ast::Clause]) -> bool {
    emit_of(below).is_some_and(|(emit, _)| !matches!(emit, ast::Emit::Final))
}

pub(super) fn emit_span(below: &[&ast::Clause]) -> Option<Span> {
    emit_of(below).map(|(_, span)| span)
}

fn emit_of<'c>(below: &[&'c ast::Clause]) -> Option<(&'c ast::Emit, Span)> {
    let mut clauses = below.iter().skip_while(|c| matches!(c.kind, ast::ClauseKind::OnError(_)));
    match clauses.next() {
        Some(ast::Clause { kind: ast::ClauseKind::Emit(emit), span }) => Some((emit, *span)),
        _ => None,
    }
}
