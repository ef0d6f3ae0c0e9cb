//! Another name for what is under the cursor, in all programs that know it: also those that are not open.

use super::references::names;
use super::{Refusal, cursor};
use crate::analysis;
use crate::convert::{Converter, edits::Edits};
use crate::workspace::Workspace;
use lsp_server::ErrorCode;
use lsp_types::{PrepareRenameResponse, RenameParams, TextDocumentPositionParams, WorkspaceEdit};

pub fn prepare(
    workspace: &mut Workspace,
    params: TextDocumentPositionParams,
) -> Result<Option<PrepareRenameResponse>, Refusal> {
    let cursor = cursor(workspace, &params)?;
    let (span, name) =
        analysis::prepare_rename(&cursor.program.analysis, cursor.file, cursor.offset).map_err(refused)?;
    Ok(Some(Converter::new(workspace, &cursor.program).prepared_rename(span, name)))
}

pub fn answer(workspace: &mut Workspace, params: RenameParams) -> Result<Option<WorkspaceEdit>, Refusal> {
    let cursor = cursor(workspace, &params.text_document_position)?;
    let mut edits = Edits::default();
    for (program, name) in names(workspace, &cursor) {
        let renamed = analysis::rename(&program.analysis, name.file, name.start as usize, &params.new_name);
        let converter = Converter::new(workspace, &program);
        renamed.map_err(refused)?.iter().for_each(|edit| edits.add(&converter, edit.span, &edit.text));
    }
    Ok(Some(edits.finish(workspace)))
}

fn refused(why: String) -> Refusal {
    Refusal::new(ErrorCode::RequestFailed, why)
}
