//! What is told of the name, word or expression under the cursor.

use super::{Refusal, cursor, declared};
use crate::analysis::{self, declarations};
use crate::convert::{self, Converter};
use crate::workspace::Workspace;
use lsp_types::{Hover, HoverParams};

pub fn answer(workspace: &mut Workspace, params: HoverParams) -> Result<Option<Hover>, Refusal> {
    if let Some(mention) = declared(workspace, &params.text_document_position_params) {
        let told = mention.and_then(|mention| declarations::hover(&mention).map(|told| (mention, told)));
        return Ok(
            told.map(|(mention, told)| convert::words::told_of_declaration(workspace, &mention.place, told))
        );
    }
    let cursor = cursor(workspace, &params.text_document_position_params)?;
    let hover = analysis::hover(&cursor.program.analysis, cursor.file, cursor.offset);
    Ok(hover.map(|hover| Converter::new(workspace, &cursor.program).hover(hover)))
}
