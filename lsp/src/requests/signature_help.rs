//! The signature of the call around the cursor.

use super::{Refusal, cursor};
use crate::analysis;
use crate::convert;
use crate::workspace::Workspace;
use lsp_types::{SignatureHelp, SignatureHelpParams};

pub fn answer(
    workspace: &mut Workspace,
    params: SignatureHelpParams,
) -> Result<Option<SignatureHelp>, Refusal> {
    let cursor = cursor(workspace, &params.text_document_position_params)?;
    let help = analysis::signature_help(&cursor.program.analysis, cursor.file, cursor.offset);
    Ok(help.map(convert::words::signature_help))
}
