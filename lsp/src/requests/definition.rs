//! Where the name under the cursor is defined, in whatever file, or declared in the standard library.

use super::{Refusal, cursor, declared};
use crate::analysis::{self, declarations};
use crate::convert::{self, Converter};
use crate::workspace::Workspace;
use lsp_types::{GotoDefinitionParams, GotoDefinitionResponse};

pub fn answer(
    workspace: &mut Workspace,
    params: GotoDefinitionParams,
) -> Result<Option<GotoDefinitionResponse>, Refusal> {
    if let Some(mention) = declared(workspace, &params.text_document_position_params) {
        let places = mention.map_or(vec![], |mention| declarations::definition(&mention));
        let locations = places.iter().filter_map(|place| convert::declared(workspace, place)).collect();
        return Ok(Some(GotoDefinitionResponse::Array(locations)));
    }
    let cursor = cursor(workspace, &params.text_document_position_params)?;
    let spans = analysis::definition(&cursor.program.analysis, cursor.file, cursor.offset);
    let mut locations = Converter::new(workspace, &cursor.program).locations(spans);
    let declared = analysis::library_definition(&cursor.program.analysis, cursor.file, cursor.offset);
    locations.extend(declared.iter().filter_map(|place| convert::declared(workspace, place)));
    Ok(Some(GotoDefinitionResponse::Array(locations)))
}
