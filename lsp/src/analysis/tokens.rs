//! What each word of a file is, for editors that color by meaning.

use super::Analysis;
use millstream_base::{FileId, Span};
use millstream_core::facts::{DefinitionKind, Given, Target};
use millstream_syntax::lexer::{self, Comment};
use millstream_syntax::token::{Token, TokenKind};
use std::ops::Range;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SemanticToken {
    pub range: Range<usize>,
    pub kind: SemanticKind,
    /// Whether the name is defined here.
    pub is_definition: bool,
    /// Whether the language or its library gives it.
    pub is_given: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SemanticKind {
    Comment,
    Word,
    Text,
    Number,
    Operator,
    Type,
    /// A source, stream, table or sink.
    Stream,
    Param,
    Function,
    Parameter,
    /// A column, a field, a state.
    Column,
    /// A variable of a pattern or a list, an alias.
    Variable,
    /// A connector, a format, a module.
    Connector,
    /// An option of a connector.
    Option,
}

/// The words of a file in their order.
pub fn semantic_tokens(analysis: &Analysis, file: FileId) -> Vec<SemanticToken> {
    let text = &analysis.files.file(file).text;
    let lexed = lexer::lex(file, text);
    let comment = |c: &Comment| token_of(c.start..c.end, SemanticKind::Comment);
    let mut found: Vec<SemanticToken> = lexed.comments.iter().map(comment).collect();
    for i in 0..lexed.tokens.len() {
        found.extend(semantic_token(analysis, file, &lexed.tokens, i));
    }
    found.sort_by_key(|token| token.range.start);
    found
}

fn token_of(range: Range<u32>, kind: SemanticKind) -> SemanticToken {
    let range = range.start as usize..range.end as usize;
    SemanticToken { range, kind, is_definition: false, is_given: false }
}

fn semantic_token(analysis: &Analysis, file: FileId, tokens: &[Token], i: usize) -> Option<SemanticToken> {
    use TokenKind::*;
    let token = tokens.get(i)?;
    let kind_at = |i: Option<usize>| i.and_then(|i| tokens.get(i)).map(|token| token.kind);
    let (before, behind) = (kind_at(i.checked_sub(1)), kind_at(Some(i + 1)));
    // `window.start`, `match.end`: a scope and what it knows of itself.
    let is_scope = |kind: Option<TokenKind>| matches!(kind, Some(Window | Match));
    let plain = |kind| Some(token_of(token.start..token.end, kind));
    match token.kind {
        String | RawString | TemplateStart | TemplateText | TemplateEnd => plain(SemanticKind::Text),
        Integer | Decimal | Float | Duration | Timestamp => plain(SemanticKind::Number),
        kind if kind.is_name() || kind.is_reserved() => {
            let span = Span::new(file, token.start as usize, token.end as usize);
            if let Some(named) = named(analysis, span) {
                return Some(named);
            }
            match (before, behind) {
                (_, Some(Dot)) if is_scope(Some(kind)) => plain(SemanticKind::Variable),
                (Some(Dot), _) if is_scope(kind_at(i.checked_sub(2))) => plain(SemanticKind::Column),
                (Some(Dot), _) | (_, Some(Colon)) => None,
                _ if kind == Identifier => None,
                _ => plain(SemanticKind::Word),
            }
        }
        kind if kind.is_sided_join() => plain(SemanticKind::Word),
        Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual | Plus | PlusPlus | Minus | Star
        | Slash | Percent | Coalesce => plain(SemanticKind::Operator),
        _ => None,
    }
}

/// A name of which it is known what it stands for.
fn named(analysis: &Analysis, span: Span) -> Option<SemanticToken> {
    let facts = &analysis.compilation.facts;
    let token = |kind, is_definition, is_given| {
        let range = span.range();
        Some(SemanticToken { range, kind, is_definition, is_given })
    };
    if let Some(definition) = facts.definition(span) {
        return token(kind_of(definition.kind), true, false);
    }
    let at = facts.uses.partition_point(|u| u.span < span);
    let found = facts.uses.get(at).filter(|u| u.span == span)?;
    match &found.target {
        Target::Defined(defined) => token(kind_of(facts.definition(*defined)?.kind), false, false),
        Target::Given(given, _) => token(kind_of_given(*given), false, true),
        Target::File(_) => None,
    }
}

fn kind_of(kind: DefinitionKind) -> SemanticKind {
    use DefinitionKind::*;
    match kind {
        Type => SemanticKind::Type,
        Source | Table | Stream | Sink => SemanticKind::Stream,
        Param => SemanticKind::Param,
        Function | Aggregate => SemanticKind::Function,
        Test => SemanticKind::Text,
        Field | Column | State => SemanticKind::Column,
        Alias | Variable | Element => SemanticKind::Variable,
        Parameter => SemanticKind::Parameter,
    }
}

fn kind_of_given(given: Given) -> SemanticKind {
    match given {
        Given::Type => SemanticKind::Type,
        Given::Function | Given::Aggregate | Given::OverRows | Given::Conversion => SemanticKind::Function,
        Given::Module | Given::Connector | Given::Format => SemanticKind::Connector,
        Given::ConnectorOption | Given::FormatOption => SemanticKind::Option,
    }
}
