//! The items of a file as an outline, and those of all programs by name.

use super::{Refusal, program};
use crate::analysis;
use crate::convert::Converter;
use crate::workspace::Workspace;
use lsp_types::{
    DocumentSymbolParams, DocumentSymbolResponse, WorkspaceSymbol, WorkspaceSymbolParams,
    WorkspaceSymbolResponse,
};

pub fn of_document(
    workspace: &mut Workspace,
    params: DocumentSymbolParams,
) -> Result<Option<DocumentSymbolResponse>, Refusal> {
    let program = program(workspace, &params.text_document.uri)?;
    let converter = Converter::new(workspace, &program);
    let symbols = analysis::document_symbols(&program.analysis, program.analysis.main);
    let symbols = symbols.into_iter().map(|symbol| converter.document_symbol(symbol)).collect();
    Ok(Some(DocumentSymbolResponse::Nested(symbols)))
}

/// Of open programs and of those below the editor's folders.
pub fn of_workspace(
    workspace: &mut Workspace,
    params: WorkspaceSymbolParams,
) -> Result<Option<WorkspaceSymbolResponse>, Refusal> {
    let mut programs = workspace.all_programs();
    programs.extend(workspace.closed_programs(|_| true));
    let mut found: Vec<WorkspaceSymbol> = vec![];
    for program in programs {
        let converter = Converter::new(workspace, &program);
        let symbols = analysis::workspace_symbols(&program.analysis, &params.query).into_iter();
        for symbol in symbols.filter_map(|symbol| converter.workspace_symbol(symbol)) {
            if !found.contains(&symbol) {
                found.push(symbol);
            }
        }
    }
    Ok(Some(WorkspaceSymbolResponse::Nested(found)))
}
