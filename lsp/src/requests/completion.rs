//! What may be written under the cursor.

use super::{Refusal, cursor};
use crate::analysis;
use crate::convert::Converter;
use crate::workspace::{Workspace, load};
use lsp_types::{CompletionParams, CompletionResponse};

pub fn answer(
    workspace: &mut Workspace,
    params: CompletionParams,
) -> Result<Option<CompletionResponse>, Refusal> {
    let cursor = cursor(workspace, &params.text_document_position)?;
    let analysis = &cursor.program.analysis;
    let name = &analysis.files.file(analysis.main).name;
    let mut load = |user: &str, path: &str| load(user, path, &workspace.documents);
    let completions = analysis::completion(name, analysis.text(), cursor.offset, &mut load);
    Ok(Some(Converter::new(workspace, &cursor.program).completions(completions)))
}
