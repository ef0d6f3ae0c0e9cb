//! What is typed in a session: items, a query, or an expression, and where it ends.

use crate::ast::{
    ClauseKind, Expr, ItemKind, Program, Query, QueryHeadKind, SourceOption, SourceOptionKind, Stream, Table,
    TableKind,
};
use crate::builder::Parsed;
use crate::cut::Tokens;
use crate::elsewhere::statements;
use crate::lexer::{Lexed, lex};
use crate::parser::{self, Input};
use crate::token::TokenKind;
use crate::{parse, parse_expression, parse_query};
use millstream_base::{Diagnostics, FileId, suggest};

/// What was typed.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// Definitions. None in text without a token.
    Items(Program),
    Query(Query),
    Expression(Expr),
}

/// Whether an entry ends where its text does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Something is missing at the end.
    Incomplete,
    /// Another clause or option may follow.
    Open,
    /// Nothing can follow, or nothing can mend it.
    Closed,
}

/// Parses what was typed as what it looks like. What is wrong with it is reported.
pub fn parse_entry(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Entry {
    match kind(&lex(file, text), text) {
        Kind::Items => Entry::Items(parse(file, text, diagnostics)),
        Kind::Query => Entry::Query(parse_query(file, text, diagnostics)),
        Kind::Expression => Entry::Expression(parse_expression(file, text, diagnostics)),
    }
}

/// Whether what was typed is complete.
pub fn ending(text: &str) -> Ending {
    let file = FileId::default();
    let lexed = lex(file, text);
    if is_statement(&lexed, text) {
        return ending_of_statement(&lexed, text);
    }
    if !lexed.bad.is_empty() {
        return Ending::Closed;
    }
    let (mode, input) = (kind(&lexed, text).mode(), Input { file, text, lexed: &lexed });
    match parser::run(input, mode, &lexed.tokens) {
        Ok(success) => match success.tree {
            Parsed::Query(query) if lacks_something(&query) => Ending::Incomplete,
            Parsed::Query(_) => Ending::Open,
            Parsed::Program(items) => match items.last() {
                Some(item) => ending_of_item(&item.kind),
                None if lexed.docs.is_empty() => Ending::Closed,
                None => Ending::Incomplete,
            },
            _ => Ending::Closed,
        },
        Err(stuck) if stuck.at >= lexed.tokens.len() => Ending::Incomplete,
        Err(_) => Ending::Closed,
    }
}

/// Whether an entry that is typed line by line is over. One line ends where it is complete; several that could go
/// on end with an empty line, which ends any entry.
pub fn is_complete(text: &str) -> bool {
    let is_command = text.trim_start().starts_with(':');
    let last_is_empty = text.rsplit_once('\n').is_some_and(|(_, last)| last.trim().is_empty());
    if is_command || last_is_empty || text.trim().is_empty() {
        return true;
    }
    match ending(text) {
        Ending::Closed => true,
        Ending::Open => !text.contains('\n'),
        Ending::Incomplete => false,
    }
}

/// Whether an entry is a statement of another language, of more than a line if it has to be.
fn is_statement(lexed: &Lexed, text: &str) -> bool {
    let tokens = Tokens { text, all: &lexed.tokens };
    let verb = lexed.tokens.first().map(|t| t.text(text).to_ascii_lowercase());
    matches!(verb.as_deref(), Some("select" | "create" | "define" | "insert" | "with"))
        && statements::begins(tokens.part(..), false)
}

/// Where such a statement ends: with a semicolon, or where nothing seems to be missing.
fn ending_of_statement(lexed: &Lexed, text: &str) -> Ending {
    let tokens = Tokens { text, all: &lexed.tokens };
    let all = tokens.part(..);
    let is_open = (0..lexed.tokens.len())
        .any(|at| all.kind(at).is_some_and(TokenKind::opens) && all.close(at).is_none());
    if !is_open && text.trim_end().ends_with(';') {
        return Ending::Closed;
    }
    let last = lexed.tokens.len().saturating_sub(1);
    let ends_in_word = matches!(
        all.word(last).as_str(),
        "select"
            | "distinct"
            | "from"
            | "where"
            | "by"
            | "and"
            | "or"
            | "not"
            | "on"
            | "as"
            | "join"
            | "having"
            | "in"
            | "is"
            | "with"
            | "into"
    );
    let ends_in_sign = all.kind(last).is_some_and(|kind| {
        !kind.is_name()
            && !kind.is_reserved()
            && !kind.closes()
            && !is_literal(kind)
            && kind != TokenKind::Star
    });
    let has_names = all.outside().skip(1).any(|at| all.kind(at).is_some_and(TokenKind::is_name));
    let lacks_rows = match all.word(0).as_str() {
        "select" => {
            (has_names || all.kind(1) == Some(TokenKind::Star)) && !all.outside().any(|at| all.is(at, "from"))
        }
        "insert" => !all.outside().any(|at| all.is(at, "select") || all.is(at, "values")),
        "with" => !all.outside().any(|at| all.is(at, "select")),
        _ => false,
    };
    let is_value = all.is(0, "select") && !all.outside().any(|at| all.is(at, "from"));
    match is_open || ends_in_word || ends_in_sign || lacks_rows {
        true => Ending::Incomplete,
        false if is_value => Ending::Closed,
        false => Ending::Open,
    }
}

/// Whether a line goes on with the entry above it rather than begin another: by its indentation, or with a clause
/// or an option.
pub fn continues(line: &str) -> bool {
    let lexed = lex(FileId::default(), line);
    let tokens = Tokens { text: line, all: &lexed.tokens };
    let begins_query =
        matches!(lexed.tokens.first().map(|t| t.kind), Some(TokenKind::From | TokenKind::Match));
    line.starts_with([' ', '\t'])
        || !begins_query
            && (tokens.starts_clause(0, 0)
                || tokens.starts_source_option(0, 0)
                || tokens.starts_sink_option(0, 0))
}

fn is_literal(kind: TokenKind) -> bool {
    use TokenKind::*;
    matches!(kind, Integer | Decimal | Float | Duration | Timestamp | String | RawString | TemplateEnd)
}

/// Whether a line goes on with such a statement that could end above it.
pub fn continues_statement(entry: &str, line: &str) -> bool {
    const CLAUSES: &[&str] = &[
        "where",
        "group",
        "having",
        "order",
        "limit",
        "window",
        "emit",
        "join",
        "inner",
        "left",
        "right",
        "full",
        "cross",
        "on",
        "and",
        "or",
        "within",
        "union",
        "match_recognize",
    ];
    let word: String = line.trim_start().chars().take_while(|c| c.is_alphabetic() || *c == '_').collect();
    let is_clause = CLAUSES.contains(&word.to_ascii_lowercase().as_str());
    is_foreign(entry) && (is_clause || line.starts_with([' ', '\t', ')', ',']))
}

/// Whether an entry is a statement of another language, which may have several lines up to its semicolon.
pub fn is_foreign(entry: &str) -> bool {
    is_statement(&lex(FileId::default(), entry), entry)
}

/// Whether a line begins a definition, whatever is missing above it: by a word that does, in its first column. What
/// stands above may be no more than the comment of the definition.
pub fn breaks_off(entry: &str, line: &str) -> bool {
    let file = FileId::default();
    let lexed = lex(file, line);
    let tokens = Tokens { text: line, all: &lexed.tokens };
    let begins_item = !line.starts_with([' ', '\t'])
        && tokens.starts_item(0)
        && !statements::begins(tokens.part(..), false);
    begins_item && !lex(file, entry).tokens.is_empty()
}

/// What an entry looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Items,
    Query,
    Expression,
}

impl Kind {
    fn mode(&self) -> TokenKind {
        match self {
            Kind::Items => TokenKind::StartProgram,
            Kind::Query => TokenKind::StartQuery,
            Kind::Expression => TokenKind::StartExpr,
        }
    }
}

/// What an entry looks like, however little of it there is.
pub fn kind_of(text: &str) -> Kind {
    kind(&lex(FileId::default(), text), text)
}

fn kind(lexed: &Lexed, text: &str) -> Kind {
    let tokens = Tokens { text, all: &lexed.tokens };
    let kind_at = |i: usize| lexed.tokens.get(i).map(|t| t.kind);
    let Some(first) = lexed.tokens.first() else { return Kind::Items };
    if tokens.starts_item(0) && !statements::begins(tokens.part(..), false) {
        return Kind::Items;
    }
    // Two names side by side are no expression.
    let names_follow = |word: TokenKind| {
        kind_at(1).is_some_and(|second| second.is_name() && !word.is_reserved())
            || matches!((word, kind_at(1)), (TokenKind::Match, Some(TokenKind::LeftParenthesis)))
    };
    let is_head = match first.kind {
        TokenKind::From | TokenKind::Match => names_follow(first.kind) || kind_at(1).is_none(),
        // As SQL begins one.
        TokenKind::Identifier if first.text(text).eq_ignore_ascii_case("select") => {
            names_follow(first.kind) || kind_at(1) == Some(TokenKind::Star)
        }
        TokenKind::Identifier => {
            names_follow(first.kind) && suggest::did_you_mean(first.text(text), ["from", "match"]).is_some()
        }
        _ => false,
    };
    if is_head || tokens.starts_clause(0, 0) { Kind::Query } else { Kind::Expression }
}

/// Of an item that is complete by the grammar. The checker asks for more.
fn ending_of_item(item: &ItemKind) -> Ending {
    let has_input = |options: &[SourceOption]| {
        options.iter().any(|option| matches!(option.kind, SourceOptionKind::From(_)))
    };
    let lacks_something = match item {
        ItemKind::Source(source) => !has_input(&source.options),
        ItemKind::Table(Table { kind: TableKind::Input { options, .. }, .. }) => !has_input(options),
        ItemKind::Stream(Stream { query, .. })
        | ItemKind::Table(Table { kind: TableKind::Kept { query, .. }, .. }) => lacks_something(query),
        ItemKind::Sink(_) => false,
        _ => return Ending::Closed,
    };
    if lacks_something { Ending::Incomplete } else { Ending::Open }
}

/// Whether a query that is complete by the grammar can hardly be all that is meant: groups ask for a select, and
/// most patterns for a bound.
fn lacks_something(query: &Query) -> bool {
    match (query.clauses.last().map(|clause| &clause.kind), &query.head.kind) {
        (Some(clause), _) => matches!(clause, ClauseKind::GroupBy(_)),
        (None, QueryHeadKind::Match(pattern)) => pattern.bound.is_none(),
        (None, _) => false,
    }
}
