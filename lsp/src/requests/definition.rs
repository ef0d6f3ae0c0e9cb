//! Where the name under the cursor is defined, in whatever file.

use super::{Refusal, cursor};
use crate::analysis;
use crate::convert::Converter;
use crate::workspace::Workspace;
use lsp_types::{GotoDefinitionParams, GotoDefinitionResponse};

pub fn answer(
    workspace: &mut Workspace,
    params: GotoDefinitionParams,
) -> Result<Option<GotoDefinitionResponse>, Refusal> {
    let cursor = cursor(workspace, &params.text_document_position_params)?;
    let spans = analysis::definition(&cursor.program.analysis, cursor.file, cursor.offset);
    let converter = Converter::new(workspace, &cursor.program);
    Ok(Some(GotoDefinitionResponse::Array(converter.locations(spans))))
}
