//! Where a file names what is under the cursor.

use super::{Refusal, cursor};
use crate::analysis;
use crate::convert::Converter;
use crate::workspace::Workspace;
use lsp_types::{DocumentHighlight, DocumentHighlightParams};

pub fn answer(
    workspace: &mut Workspace,
    params: DocumentHighlightParams,
) -> Result<Option<Vec<DocumentHighlight>>, Refusal> {
    let cursor = cursor(workspace, &params.text_document_position_params)?;
    let found = analysis::highlights(&cursor.program.analysis, cursor.file, cursor.offset);
    let converter = Converter::new(workspace, &cursor.program);
    Ok(Some(found.iter().map(|highlight| converter.highlight(highlight)).collect()))
}
