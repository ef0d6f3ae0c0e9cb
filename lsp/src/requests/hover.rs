//! What is told of the name, word or expression under the cursor.

use super::{Refusal, cursor};
use crate::analysis;
use crate::convert::Converter;
use crate::workspace::Workspace;
use lsp_types::{Hover, HoverParams};

pub fn answer(workspace: &mut Workspace, params: HoverParams) -> Result<Option<Hover>, Refusal> {
    let cursor = cursor(workspace, &params.text_document_position_params)?;
    let hover = analysis::hover(&cursor.program.analysis, cursor.file, cursor.offset);
    Ok(hover.map(|hover| Converter::new(workspace, &cursor.program).hover(hover)))
}
