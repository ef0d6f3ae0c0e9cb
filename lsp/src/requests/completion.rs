//! What may be written under the cursor. It is asked of the text alone: the analysis mends it first, so that what
//! is wrong with it as it stands need not be known.

use super::Refusal;
use crate::address;
use crate::analysis;
use crate::convert;
use crate::workspace::{Workspace, load, paths_beside};
use lsp_types::{CompletionParams, CompletionResponse};

pub fn answer(
    workspace: &mut Workspace,
    params: CompletionParams,
) -> Result<Option<CompletionResponse>, Refusal> {
    let at = &params.text_document_position;
    let name = address::name_of(at.text_document.uri.as_str());
    let document = workspace.documents.get(&name).ok_or_else(|| Refusal::not_open(&at.text_document.uri))?;
    let mut load = |user: &str, path: &str| load(user, path, &workspace.documents);
    let offset = convert::offset(document, at.position, workspace.client.encoding);
    let mut completions = analysis::completion(&name, &document.text, offset, &mut load);
    if let Some(path) = &completions.path {
        let found = paths_beside(&name, &path.folder, path.is_of_program);
        completions.add_paths(found);
    }
    Ok(Some(convert::words::completions(document, &workspace.client, completions)))
}
