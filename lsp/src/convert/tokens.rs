//! Semantic tokens: what each kind is called, and their places, each counted from the one before.

use super::Converter;
use crate::analysis::{SemanticKind, SemanticToken};
use lsp_types::{
    SemanticTokenModifier, SemanticTokenType, SemanticTokens, SemanticTokensFullOptions,
    SemanticTokensLegend, SemanticTokensOptions,
};
use millstream_base::{FileId, Span};
use std::ops::Range;

/// The kinds with their names in the protocol; a kind's number is its place here.
const KINDS: &[(SemanticKind, SemanticTokenType)] = &[
    (SemanticKind::Comment, SemanticTokenType::COMMENT),
    (SemanticKind::Word, SemanticTokenType::KEYWORD),
    (SemanticKind::Text, SemanticTokenType::STRING),
    (SemanticKind::Number, SemanticTokenType::NUMBER),
    (SemanticKind::Operator, SemanticTokenType::OPERATOR),
    (SemanticKind::Type, SemanticTokenType::TYPE),
    (SemanticKind::Stream, SemanticTokenType::CLASS),
    (SemanticKind::Param, SemanticTokenType::MACRO),
    (SemanticKind::Function, SemanticTokenType::FUNCTION),
    (SemanticKind::Parameter, SemanticTokenType::PARAMETER),
    (SemanticKind::Column, SemanticTokenType::PROPERTY),
    (SemanticKind::Variable, SemanticTokenType::VARIABLE),
    (SemanticKind::Connector, SemanticTokenType::NAMESPACE),
    (SemanticKind::Option, SemanticTokenType::DECORATOR),
];

const DEFINITION: u32 = 1;
const GIVEN: u32 = 2;

pub fn options() -> SemanticTokensOptions {
    let legend = SemanticTokensLegend {
        token_types: KINDS.iter().map(|(_, name)| name.clone()).collect(),
        token_modifiers: vec![SemanticTokenModifier::DEFINITION, SemanticTokenModifier::DEFAULT_LIBRARY],
    };
    SemanticTokensOptions {
        legend,
        range: Some(true),
        full: Some(SemanticTokensFullOptions::Bool(true)),
        ..SemanticTokensOptions::default()
    }
}

impl Converter<'_> {
    pub fn semantic_tokens(&self, file: FileId, tokens: Vec<SemanticToken>) -> SemanticTokens {
        let Some((source, _)) = self.program.text(file) else { return SemanticTokens::default() };
        let lines = tokens.iter().flat_map(|token| {
            pieces(&source.text, token.range.clone()).into_iter().map(move |piece| (piece, token))
        });
        let mut lines: Vec<_> = lines.collect();
        // A comment may stand between the lines of one token.
        lines.sort_by_key(|(piece, _)| piece.start);
        let (mut line, mut column) = (0, 0);
        let data = lines.into_iter().map(|(piece, token)| {
            let range = self.range(Span::new(file, piece.start, piece.end));
            let start = range.start;
            let delta_start = if start.line == line { start.character - column } else { start.character };
            let delta_line = start.line - line;
            (line, column) = (start.line, start.character);
            lsp_types::SemanticToken {
                delta_line,
                delta_start,
                length: range.end.character - start.character,
                token_type: number(token.kind),
                token_modifiers_bitset: modifiers(token),
            }
        });
        let data = data.collect();
        SemanticTokens { result_id: None, data }
    }
}

fn number(kind: SemanticKind) -> u32 {
    KINDS.iter().position(|(known, _)| *known == kind).unwrap_or_default() as u32
}

fn modifiers(token: &SemanticToken) -> u32 {
    let given = if token.is_given { GIVEN } else { 0 };
    if token.is_definition { DEFINITION | given } else { given }
}

/// A token, line by line: `left join` may stand on two, with a comment between.
fn pieces(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let token = text.get(range.clone()).unwrap_or_default();
    if !token.contains('\n') {
        return vec![range];
    }
    let mut at = range.start;
    let lines = token.split_inclusive('\n').map(|line| {
        let start = at;
        at += line.len();
        let code = line.split("--").next().unwrap_or_default();
        let indent = code.len() - code.trim_start().len();
        start + indent..start + code.trim_end().len()
    });
    lines.filter(|piece| piece.start < piece.end).collect()
}
