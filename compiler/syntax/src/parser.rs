//! Runs the generated parser over tokens.

use crate::ast::Item;
use crate::builder::{Builder, Parsed, ParserToken};
use crate::lexer::Lexed;
use crate::token::{Token, TokenKind};
use lalrpop_util::{ParseError, lalrpop_mod};
use millstream_base::{Diagnostic, FileId};

lalrpop_mod!(
    #[allow(clippy::all, unused_imports, dead_code, non_snake_case, unused_parens)]
    generated,
    "/millstream.rs"
);

/// What a successful parse yields.
pub struct Success {
    pub tree: Parsed,
    pub diagnostics: Vec<Diagnostic>,
    /// Starts of the doc comments that were attached.
    pub used_docs: Vec<u32>,
}

/// Where a parse got stuck.
#[derive(Default, Debug)]
pub struct Stuck {
    /// Index of the token that does not fit, in the tokens given; their number at the end.
    pub at: usize,
    /// Names of terminals, as in the grammar; some may be missing.
    pub expected: Vec<String>,
    /// Of a program, the items that were complete, with what is wrong with them.
    pub items: Vec<Item>,
    pub diagnostics: Vec<Diagnostic>,
}

/// What a parse reads: one file, cut.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub file: FileId,
    pub text: &'a str,
    pub lexed: &'a Lexed,
}

/// Exactly what fits behind `tokens`. (Where a parse got stuck, the parser may have taken steps that
/// only some other place allows, and so forgotten part of what could have stood there. In front of a
/// token that fits nowhere it takes none.)
pub fn expected_behind(input: Input, mode: TokenKind, tokens: &[Token]) -> Vec<String> {
    match run_extended(input, mode, tokens, &[(TokenKind::StartProgram, "")]) {
        Ok(_) => vec![],
        Err(stuck) => stuck.expected,
    }
}

/// Parses `tokens`, and nothing else, as what `mode` asks for.
pub fn run(input: Input, mode: TokenKind, tokens: &[Token]) -> Result<Success, Stuck> {
    run_extended(input, mode, tokens, &[])
}

/// As [`run`], with made-up tokens behind the last: to parse the beginning of something alone.
pub fn run_extended(
    input: Input,
    mode: TokenKind,
    tokens: &[Token],
    more: &[(TokenKind, &str)],
) -> Result<Success, Stuck> {
    let start = tokens.first().map_or(0, |t| t.start as usize);
    let end = tokens.last().map_or(0, |t| t.end as usize);
    let first: ParserToken = (start, (mode, ""), start);
    let written = tokens.iter().map(|t| (t.start as usize, (t.kind, t.text(input.text)), t.end as usize));
    let made_up = more.iter().map(|(kind, text)| (end, (*kind, *text), end));
    let stream = std::iter::once(first).chain(written).chain(made_up).map(Ok);
    let mut builder = Builder::new(input.file, input.text, input.lexed);
    let error = match generated::StartParser::new().parse(&mut builder, stream) {
        Ok(tree) => {
            return Ok(Success { tree, diagnostics: builder.diagnostics, used_docs: builder.used_docs });
        }
        Err(error) => error,
    };
    let number = |start: usize| tokens.partition_point(|t| (t.start as usize) < start);
    let (at, expected) = match error {
        ParseError::UnrecognizedToken { token: (l, _, _), expected } => (number(l), expected),
        ParseError::ExtraToken { token: (l, _, _) } => (number(l), vec![]),
        ParseError::UnrecognizedEof { expected, .. } => (tokens.len(), expected),
        ParseError::InvalidToken { .. } | ParseError::User { .. } => (tokens.len(), vec![]),
    };
    Err(Stuck { at, expected, items: builder.items(), diagnostics: builder.diagnostics })
}
