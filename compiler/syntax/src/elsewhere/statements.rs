//! Statements: `create stream … as select …`, `insert into …`, `define stream …`, `let x = 3`, and where they begin.

use super::definitions;
use super::granted::{self, Positions};
use super::patterns;
use super::select::{self, Query};
use super::terms;
use super::tokens::Tokens;
use super::unsaid::unsaid;
use super::words;
use crate::lexer::lex;
use crate::token::{Token, TokenKind};
use millstream_base::FileId;

/// What a statement says, in our words.
#[derive(Debug)]
pub enum Said {
    Query(Query),
    Stream {
        name: String,
        query: Query,
    },
    /// Any other item.
    Item {
        title: &'static str,
        text: String,
    },
    /// There is no such statement.
    Helps(Vec<String>),
}

impl Said {
    /// The name of the stream that it defines.
    pub fn name(&self) -> Option<&str> {
        match self {
            Said::Stream { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The same, told to take something for granted.
    pub fn granting(self, what: &str) -> Said {
        match self {
            Said::Query(query) => Said::Query(query.granting(what)),
            Said::Stream { name, query } => Said::Stream { name, query: query.granting(what) },
            said => said,
        }
    }
}

/// Whether a statement of another language begins with these tokens, where an item may stand. `is_query`: what is
/// above is one, so that `select` is a clause of it.
pub fn begins(tokens: Tokens, is_query: bool) -> bool {
    let second = tokens.word(1);
    let is_name = |at: usize| tokens.kind(at).is_some_and(TokenKind::is_name);
    match tokens.word(0).as_str() {
        "select" => {
            let is_own_word = tokens.kind(0) == Some(TokenKind::Select);
            let is_operand =
                matches!(tokens.kind(1), None | Some(TokenKind::Dot | TokenKind::Colon | TokenKind::Assign));
            !(is_operand || is_own_word && is_query)
        }
        "create" => words::is_kind(&second),
        "define" => {
            matches!(second.as_str(), "stream" | "table" | "window" | "trigger" | "aggregation" | "function")
        }
        "insert" => !is_query && second == "into",
        "every" => {
            !is_query && is_name(1) && matches!(tokens.kind(2), Some(TokenKind::Colon | TokenKind::Assign))
        }
        "match" => !is_query && is_name(1) && matches!(tokens.kind(2), Some(TokenKind::Colon)),
        "with" => is_name(1) && tokens.is(2, "as") && tokens.kind(3) == Some(TokenKind::LeftParenthesis),
        "from" => !is_query && begins_query(tokens),
        "show" | "describe" | "drop" | "alter" => is_name(1) && tokens.kind(2).is_none_or(TokenKind::is_name),
        "const" | "let" | "var" | "val" => {
            !is_query && is_name(1) && matches!(tokens.kind(2), Some(TokenKind::Assign | TokenKind::Colon))
        }
        "import" | "include" => tokens.kind(1) == Some(TokenKind::String),
        "enum" => is_name(1) && tokens.kind(2) == Some(TokenKind::LeftBrace),
        "update" => is_name(1) && tokens.is(2, "set"),
        "delete" => tokens.is(1, "from") || is_name(1) && tokens.is(2, "on"),
        "merge" => tokens.is(1, "into") && is_name(2),
        "on" => is_name(1) && tokens.is(2, "merge"),
        "set" => {
            matches!(tokens.kind(1), Some(TokenKind::String))
                || !is_query && is_name(1) && tokens.kind(2) == Some(TokenKind::Assign)
        }
        "print" => {
            let is_end = tokens.kind(2).is_none() || tokens.is(2, "from") || tokens.gap(2).contains(';');
            !is_query && is_end && (is_name(1) || tokens.kind(1) == Some(TokenKind::String))
        }
        "terminate" => !is_query && is_name(1) && (tokens.kind(2).is_none() || tokens.gap(2).contains(';')),
        "context" => is_name(1) && tokens.is(2, "select"),
        "expression" => is_name(1) && tokens.kind(2) == Some(TokenKind::LeftBrace),
        "partition" => tokens.is(1, "with") && tokens.kind(2) == Some(TokenKind::LeftParenthesis),
        _ => is_annotation(tokens),
    }
}

/// `from payments where …`, `from payments[…] select …`, `from every a = …`, and no option of a source.
fn begins_query(tokens: Tokens) -> bool {
    use TokenKind::*;
    if tokens.kind(1) == Some(Not) {
        return true;
    }
    if !tokens.kind(1).is_some_and(TokenKind::is_name) {
        return false;
    }
    let has_alias = tokens.kind(2) == Some(As);
    let behind = if has_alias { 4 } else { 2 };
    tokens.is(1, "every")
        || matches!(tokens.kind(2), Some(LeftBracket | Assign))
        || tokens.kind(behind).is_some_and(TokenKind::is_clause_word)
        || tokens.is(behind, "insert") && tokens.is(behind + 1, "into")
        || tokens.kind(2) == Some(LeftParenthesis) && compares(tokens)
        || tokens.kind(2) == Some(Dot) && tokens.is(3, "win")
        || tokens
            .all
            .get(1)
            .and_then(|token| tokens.text.get(token.end as usize..))
            .is_some_and(|t| t.starts_with('#'))
}

/// Whether what stands behind a stream, `payments(amount > 10)`, compares: of a connector, no argument does. What
/// nothing closes before another bracket or the next item is no argument.
pub fn compares(tokens: Tokens) -> bool {
    use TokenKind::*;
    let close = tokens.close(2).filter(|close| tokens.kind(*close) == Some(RightParenthesis));
    let begins_item = |token: &Token| token.first_on_line && token.kind.is_item_word();
    let inside =
        close.map(|close| tokens.part(3..close)).filter(|inside| !inside.all.iter().any(begins_item));
    let is_sign = |kind| {
        matches!(kind, Some(Assign | Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual | In | Is))
    };
    inside.is_some_and(|inside| inside.outside().any(|at| is_sign(inside.kind(at))))
}

/// What is said by the tokens of a statement.
pub fn said(tokens: Tokens, is_table: &dyn Fn(&str) -> bool) -> Option<Said> {
    if let Some(rest) = is_annotation(tokens).then(|| annotated_on_line(tokens)).flatten() {
        return said(rest, is_table).map(|said| said.granting(granted::ANNOTATED));
    }
    let verb = tokens.word(0);
    let is_sql = matches!(verb.as_str(), "select" | "create" | "insert");
    match granted::positions(tokens) {
        Positions::Known(text) if is_sql => {
            let lexed = lex(FileId::default(), &text);
            let said = from_zero(Tokens { text: &text, all: &lexed.tokens }, is_table)?;
            Some(said.granting(granted::FROM_ZERO))
        }
        Positions::Unknown if is_sql => Some(helps([words::POSITIONS])),
        _ => from_zero(tokens, is_table),
    }
}

/// The same where positions begin at 0.
fn from_zero(tokens: Tokens, is_table: &dyn Fn(&str) -> bool) -> Option<Said> {
    let verb = tokens.word(0);
    let said = match verb.as_str() {
        _ if is_annotation(tokens) => return Some(annotated(&verb)),
        "select" | "from" => queried(tokens, is_table),
        "create" | "define" => return Some(definitions::said(tokens, is_table)),
        "insert" => {
            let name = tokens.written(2).to_string();
            let at =
                tokens.outside().find(|at| *at > 2 && (tokens.is(*at, "select") || tokens.is(*at, "from")));
            if at.is_none() && tokens.outside().any(|at| tokens.is(at, "values")) {
                return Some(helps([words::ROWS_OF_SOURCES]));
            }
            let query = at.and_then(|at| select::query(tokens.part(at..), is_table));
            query.map(|query| Said::Stream { name, query })
        }
        "const" | "let" | "var" | "val" => return param(tokens),
        "import" | "include" => {
            let text = format!("use {}", tokens.written(1));
            return Some(Said::Item { title: "names of other files come with `use`", text });
        }
        "enum" => choices(tokens),
        "update" | "delete" | "merge" | "on" => return Some(helps([words::CHANGE_OF_ROWS])),
        "set" => return Some(helps([words::SETTING])),
        "print" => return Some(helps([words::SHOWN])),
        "terminate" => return Some(helps([words::END_OF_QUERY])),
        "context" | "expression" => return Some(helps([words::definition(&verb)?])),
        "partition" => return Some(helps([words::PARTITION])),
        "show" | "describe" | "drop" | "alter" => {
            return Some(helps([
                "what is defined is asked of a session: `millstream repl FILE`, and there `:list`",
            ]));
        }
        _ => None,
    };
    said.or_else(|| Some(unsaid(tokens)))
}

/// What stands in double quotes is a column in SQL and text here: where either may be meant, both readings.
/// `program`: what declares the columns.
pub fn readings(
    tokens: Tokens,
    as_text: Said,
    is_table: &dyn Fn(&str) -> bool,
    program: Tokens,
) -> Vec<Said> {
    let is_sql = !matches!(tokens.word(0).as_str(), "define" | "from");
    if !is_sql || !granted::quotes_column(tokens, program) {
        return vec![as_text];
    }
    let text = granted::without_quotes(tokens, program);
    let lexed = lex(FileId::default(), &text);
    let of_columns = said(Tokens { text: &text, all: &lexed.tokens }, is_table);
    let of_columns = of_columns.map(|said| said.granting(granted::IS_COLUMN));
    of_columns.into_iter().chain([as_text.granting(granted::IS_TEXT)]).collect()
}

pub fn helps<const N: usize>(texts: [&str; N]) -> Said {
    Said::Helps(texts.into_iter().map(str::to_string).collect())
}

/// A query that feeds a stream or none.
fn queried(tokens: Tokens, is_table: &dyn Fn(&str) -> bool) -> Option<Said> {
    let query = match patterns::query(tokens) {
        Some(query) => query,
        None => select::query(tokens, is_table)?,
    };
    Some(match &query.into {
        Some(name) => Said::Stream { name: name.clone(), query },
        None => Said::Query(query),
    })
}

/// `@info(name = "x")`, which Siddhi and Esper write in front of a statement.
pub fn is_annotation(tokens: Tokens) -> bool {
    let name = tokens.written(0).strip_prefix('@');
    name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
        && tokens.kind(1) == Some(TokenKind::LeftParenthesis)
}

/// The statement behind an annotation, if it begins on its line.
fn annotated_on_line(tokens: Tokens) -> Option<Tokens> {
    let rest = tokens.part(tokens.close(1)? + 1..);
    let goes_on = rest.all.first().is_some_and(|token| !token.first_on_line);
    (goes_on && begins(rest, false)).then_some(rest)
}

/// `name`: in small letters.
fn annotated(name: &str) -> Said {
    match name {
        "@info" | "@name" | "@app:name" | "@app:description" | "@description" => Said::Item {
            title: "a stream has its name, and what is told of it stands in a comment: remove this",
            text: String::new(),
        },
        "@primarykey" => helps(["a table names its key: `table NAME: { … } key id from …`"]),
        "@source" | "@sink" | "@store" | "@map" => helps([
            "what is read and written is said by sources and sinks: `source NAME: { … } from file(\"FILE\") format json`, `sink NAME from STREAM to file(\"FILE\") format json`",
        ]),
        _ => helps(["there are no annotations: what they say is said by clauses and options"]),
    }
}

/// How many tokens a statement is: up to its semicolon.
pub fn end(tokens: Tokens) -> usize {
    let all = tokens.all.len();
    if is_annotation(tokens) {
        let own = tokens.close(1).map_or(all, |close| close + 1);
        let rest = annotated_on_line(tokens);
        return own + rest.map_or(0, end);
    }
    if tokens.is(0, "partition") {
        return tokens.outside().find(|at| tokens.is(*at, "end")).map_or(all, |end| end + 1);
    }
    (1..all).find(|at| tokens.gap(*at).contains(';')).unwrap_or(all)
}

/// `let lim: int = 3`
fn param(tokens: Tokens) -> Option<Said> {
    let assign = tokens.outside().find(|at| tokens.kind(*at) == Some(TokenKind::Assign))?;
    let value = tokens.part(assign + 1..);
    let ty = match assign {
        2 => type_of(value).map(str::to_string),
        _ => tokens
            .text
            .get(tokens.all.get(3)?.start as usize..tokens.all.get(assign - 1)?.end as usize)
            .map(str::to_string),
    };
    let (Some(ty), Some(value)) = (ty, terms::expression(value)) else {
        return Some(helps(["a value that is kept is a parameter: `param NAME: int = 5`"]));
    };
    let text = format!("param {}: {ty} = {value}", tokens.written(1));
    Some(Said::Item { title: "a value that is kept is a parameter", text })
}

/// The type of a literal.
pub fn type_of(value: Tokens) -> Option<&'static str> {
    use TokenKind::*;
    let at = usize::from(value.kind(0) == Some(Minus));
    (value.all.len() == at + 1).then_some(())?;
    Some(match value.kind(at)? {
        Integer => "int",
        Decimal | Float => "float",
        Duration => "duration",
        Timestamp => "timestamp",
        String | RawString => "string",
        True | False => "bool",
        _ => return None,
    })
}

/// `enum Kind { a, b }`
fn choices(tokens: Tokens) -> Option<Said> {
    let close = tokens.close(2)?;
    let words: Vec<String> =
        tokens.part(3..close).parts().iter().map(|word| format!("\"{}\"", word.written(0))).collect();
    let text = format!("type {} = {}", tokens.written(1), words.join(" | "));
    (!words.is_empty()).then_some(Said::Item { title: "words to choose among are a type", text })
}
