//! Types of columns and what streams keep, beside the text.

use super::{Refusal, program};
use crate::analysis;
use crate::convert::Converter;
use crate::workspace::Workspace;
use lsp_types::{InlayHint, InlayHintParams};

pub fn answer(workspace: &mut Workspace, params: InlayHintParams) -> Result<Option<Vec<InlayHint>>, Refusal> {
    let program = program(workspace, &params.text_document.uri)?;
    let converter = Converter::new(workspace, &program);
    let file = program.analysis.main;
    let wanted = converter.span(file, params.range).range();
    let hints = analysis::inlay_hints(&program.analysis, file, wanted);
    Ok(Some(hints.into_iter().map(|hint| converter.inlay_hint(file, hint)).collect()))
}
