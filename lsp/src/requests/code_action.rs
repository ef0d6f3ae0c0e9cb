//! Quick fixes: those that the diagnostics at a place propose.

use super::{Refusal, program};
use crate::address;
use crate::convert::Converter;
use crate::workspace::Workspace;
use lsp_types::{CodeActionKind, CodeActionOrCommand, CodeActionParams, CodeActionResponse};
use millstream_base::Span;

pub fn answer(
    workspace: &mut Workspace,
    params: CodeActionParams,
) -> Result<Option<CodeActionResponse>, Refusal> {
    let address = &params.text_document.uri;
    program(workspace, address)?;
    let wanted = |kind: &CodeActionKind| *kind == CodeActionKind::QUICKFIX || kind.as_str().is_empty();
    if params.context.only.is_some_and(|kinds| !kinds.iter().any(wanted)) {
        return Ok(None);
    }
    let name = address::name_of(address.as_str());
    let mut actions = vec![];
    for program in workspace.all_programs() {
        let Some(file) = program.file(&name) else { continue };
        let converter = Converter::new(workspace, &program);
        let at = converter.span(file, params.range);
        for found in program.diagnostics_in(&name).filter(|found| touch(found.primary.span, at)) {
            for fix in &found.fixes {
                let action = CodeActionOrCommand::CodeAction(converter.quick_fix(workspace, found, fix));
                if !actions.contains(&action) {
                    actions.push(action);
                }
            }
        }
    }
    Ok(Some(actions))
}

/// Whether two spans have a place in common, be it an end.
fn touch(a: Span, b: Span) -> bool {
    a.start <= b.end && b.start <= a.end
}
