//! Quick fixes: those that the diagnostics at a place propose, or where there are none those on its line; and all that are safe at once, for editors that want a file
//! mended when it is saved.

use super::{Refusal, program};
use crate::address;
use crate::convert::{Converter, diagnostics::FIX_ALL};
use crate::workspace::Workspace;
use lsp_types::{CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, CodeActionResponse};
use millstream_base::Span;
use millstream_base::diagnostic::{Fix, Safety};

pub fn answer(
    workspace: &mut Workspace,
    params: CodeActionParams,
) -> Result<Option<CodeActionResponse>, Refusal> {
    let address = &params.text_document.uri;
    program(workspace, address)?;
    let name = address::name_of(address.as_str());
    let only = params.context.only.as_deref();
    let mut actions = vec![];
    if only.is_none_or(|asked| is_asked_for(CodeActionKind::QUICKFIX.as_str(), asked)) {
        actions.extend(quick_fixes(workspace, &name, &params));
    }
    // Nobody who looks at one place wants to see what can be done with the file.
    if only.is_some_and(|asked| is_asked_for(FIX_ALL, asked)) {
        actions.extend(all_safe(workspace, &name));
    }
    Ok(Some(actions.into_iter().map(CodeActionOrCommand::CodeAction).collect()))
}

/// Whether an action of this kind, such as `source.fixAll`, is one of those that are asked for, such as `source`.
fn is_asked_for(kind: &str, asked: &[CodeActionKind]) -> bool {
    asked.iter().map(CodeActionKind::as_str).any(|asked| {
        let rest = kind.strip_prefix(asked);
        asked.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn quick_fixes(workspace: &mut Workspace, name: &str, params: &CodeActionParams) -> Vec<CodeAction> {
    let mut actions = vec![];
    for program in workspace.all_programs() {
        let Some(file) = program.file(name) else { continue };
        let converter = Converter::new(workspace, &program);
        let touching = |at: Span| {
            let found = program.diagnostics_in(name).filter(move |found| touch(found.primary.span, at));
            found.collect::<Vec<_>>()
        };
        let mut found = touching(converter.span(file, params.range));
        if found.is_empty() {
            found = touching(converter.lines(file, params.range));
        }
        for found in found {
            for fix in &found.fixes {
                let action = converter.quick_fix(workspace, found, fix);
                if !actions.contains(&action) {
                    actions.push(action);
                }
            }
        }
    }
    actions
}

/// What every safe fix changes in a file; one that touches what another has changed waits for the next time.
fn all_safe(workspace: &mut Workspace, name: &str) -> Option<CodeAction> {
    let program = workspace.program(name)?;
    let mut chosen: Vec<&Fix> = vec![];
    for fix in program.diagnostics_in(name).flat_map(|found| &found.fixes) {
        let touches = |other: &Fix| {
            let pairs = fix.edits.iter().flat_map(|edit| other.edits.iter().map(move |o| (edit, o)));
            pairs.into_iter().any(|(a, b)| a.span.file == b.span.file && touch(a.span, b.span))
        };
        if fix.safety == Safety::Safe && !chosen.iter().any(|other| touches(other)) {
            chosen.push(fix);
        }
    }
    (!chosen.is_empty()).then(|| Converter::new(workspace, &program).fix_all(workspace, &chosen))
}

/// Whether two spans have a place in common, be it an end.
fn touch(a: Span, b: Span) -> bool {
    a.start <= b.end && b.start <= a.end
}
