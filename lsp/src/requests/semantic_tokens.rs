//! What each word is, for editors that color by meaning.

use super::{Refusal, program};
use crate::analysis;
use crate::convert::Converter;
use crate::workspace::Workspace;
use lsp_types::{
    Range, SemanticTokens, SemanticTokensParams, SemanticTokensRangeParams, SemanticTokensRangeResult,
    SemanticTokensResult, Uri,
};

pub fn whole(
    workspace: &mut Workspace,
    params: SemanticTokensParams,
) -> Result<Option<SemanticTokensResult>, Refusal> {
    tokens(workspace, &params.text_document.uri, None)
        .map(|tokens| Some(SemanticTokensResult::Tokens(tokens)))
}

pub fn range(
    workspace: &mut Workspace,
    params: SemanticTokensRangeParams,
) -> Result<Option<SemanticTokensRangeResult>, Refusal> {
    let tokens = tokens(workspace, &params.text_document.uri, Some(params.range))?;
    Ok(Some(SemanticTokensRangeResult::Tokens(tokens)))
}

fn tokens(workspace: &mut Workspace, address: &Uri, range: Option<Range>) -> Result<SemanticTokens, Refusal> {
    let program = program(workspace, address)?;
    let converter = Converter::new(workspace, &program);
    let file = program.analysis.main;
    let mut tokens = analysis::semantic_tokens(&program.analysis, file);
    if let Some(wanted) = range.map(|range| converter.span(file, range).range()) {
        tokens.retain(|token| token.range.start < wanted.end && wanted.start < token.range.end);
    }
    Ok(converter.semantic_tokens(file, tokens))
}
