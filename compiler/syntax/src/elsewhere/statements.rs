//! Statements: `create stream … as select …`, `insert into …`, `define stream …`, `let x = 3`, and where they begin.

use super::patterns;
use super::select::{self, Query};
use super::terms;
use super::tokens::Tokens;
use super::words;
use crate::token::TokenKind;
use std::collections::BTreeSet;

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
    pub fn granting(mut self, what: &str) -> Said {
        if let Said::Query(query) | Said::Stream { query, .. } = &mut self {
            query.granted.push(what.to_string());
        }
        self
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
        _ => false,
    }
}

/// `from payments where …`, `from payments[…] select …`, `from every a = …`, and no option of a source.
fn begins_query(tokens: Tokens) -> bool {
    use TokenKind::*;
    if !tokens.kind(1).is_some_and(TokenKind::is_name) {
        return false;
    }
    let has_alias = tokens.kind(2) == Some(As);
    let behind = if has_alias { 4 } else { 2 };
    tokens.is(1, "every")
        || matches!(tokens.kind(2), Some(LeftBracket | Assign))
        || tokens.kind(behind).is_some_and(TokenKind::is_clause_word)
        || tokens.kind(2) == Some(Dot) && tokens.is(3, "win")
        || tokens
            .all
            .get(1)
            .and_then(|token| tokens.text.get(token.end as usize..))
            .is_some_and(|t| t.starts_with('#'))
}

/// What is said by the tokens of a statement.
pub fn said(tokens: Tokens, is_table: &dyn Fn(&str) -> bool) -> Option<Said> {
    let verb = tokens.word(0);
    let said = match verb.as_str() {
        "select" | "from" => queried(tokens, is_table),
        "create" | "define" => return defined(tokens, is_table),
        "insert" => {
            let name = tokens.written(2).to_string();
            let at =
                tokens.outside().find(|at| *at > 2 && (tokens.is(*at, "select") || tokens.is(*at, "from")));
            let query = at.and_then(|at| select::query(tokens.part(at..), is_table));
            query.map(|query| Said::Stream { name, query })
        }
        "const" | "let" | "var" | "val" => return param(tokens),
        "import" | "include" => {
            let text = format!("use {}", tokens.written(1));
            return Some(Said::Item { title: "names of other files come with `use`", text });
        }
        "enum" => choices(tokens),
        "show" | "describe" | "drop" | "alter" => {
            return helps([
                "what is defined is asked of a session: `millstream repl FILE`, and there `:list`",
            ]);
        }
        _ => None,
    };
    said.or_else(|| unsaid(tokens))
}

fn helps<const N: usize>(texts: [&str; N]) -> Option<Said> {
    Some(Said::Helps(texts.into_iter().map(str::to_string).collect()))
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

/// What is told of a query that cannot be said so: of its first words that are not ours.
fn unsaid(tokens: Tokens) -> Option<Said> {
    let mut told: Vec<&str> = vec![];
    let mut is_part = false;
    let outside: BTreeSet<usize> = tokens.outside().collect();
    for at in 0..tokens.all.len() {
        let word = tokens.word(at);
        is_part |= at > 0 && word == "select" && tokens.kind(at - 1) == Some(TokenKind::LeftParenthesis);
        let is_order = word == "order" && outside.contains(&at);
        let help = words::clause(&word, at > 0 && tokens.is(at - 1, "select"))
            .filter(|_| !matches!(word.as_str(), "case" | "inner" | "outer" | "for" | "map" | "filter"))
            .filter(|_| word != "order" || is_order);
        let help = help.or_else(|| words::written_here(&word).filter(|_| terms::is_lost(&word)));
        told.extend(help.filter(|help| !told.contains(help)));
    }
    if is_part {
        told.insert(0, words::PART_OF_QUERY);
    }
    if (0..tokens.all.len()).any(|at| tokens.is(at, "in") && tokens.is(at + 2, "select")) {
        told.insert(0, words::PARTNERS);
    }
    told.truncate(2);
    let whole =
        "a query says from top to bottom what is done: `stream NAME = from … where … group by … select …`";
    let mut helps: Vec<String> = told.into_iter().map(str::to_string).collect();
    helps.insert(0, whole.to_string());
    Some(Said::Helps(helps))
}

/// `create stream s as select …`, `create table t (id int, name varchar) with (…)`, `define stream s (id int)`
fn defined(tokens: Tokens, is_table: &dyn Fn(&str) -> bool) -> Option<Said> {
    let at = (1..tokens.all.len()).find(|at| !words::is_kind(&tokens.word(*at)))?;
    tokens.kind(at)?.is_name().then_some(())?;
    let name = tokens.written(at).to_string();
    let select = tokens.outside().find(|at| tokens.is(*at, "as") && tokens.is(at + 1, "select"));
    if let Some(select) = select {
        return match select::query(tokens.part(select + 1..), is_table) {
            Some(query) => Some(Said::Stream { name, query }),
            None => unsaid(tokens.part(select + 1..)),
        };
    }
    let columns = tokens.close(at + 1).filter(|_| tokens.kind(at + 1) == Some(TokenKind::LeftParenthesis));
    match columns.and_then(|close| declared(tokens.part(at + 2..close))) {
        Some((fields, time)) => {
            let time = time.map_or(String::new(), |time| format!("\n  time {time}"));
            let text = format!(
                "source {name}: {{ {} }}\n  from file(\"{name}.ndjson\") format json{time}",
                fields.join(", ")
            );
            Some(Said::Item {
                title: "a source says what it reads, and from where: the file is made up",
                text,
            })
        }
        None => helps([
            &format!(
                "a source says what it reads, and from where: `source {name}: {{ id: int, … }} from file(\"{name}.ndjson\") format json`"
            ),
            "`millstream infer FILE` writes it from data",
        ]),
    }
}

/// `id int primary key, name varchar(20), watermark for at as at - interval '5' second` as fields and the time of rows.
pub fn declared(tokens: Tokens) -> Option<(Vec<String>, Option<String>)> {
    let (mut fields, mut time) = (vec![], None);
    for part in tokens.parts() {
        if part.is(0, "watermark") {
            let bound = part.outside().find(|at| part.is(*at, "interval"));
            let bound = bound.and_then(|at| terms::duration(part.part(at + 1..)));
            let disorder = bound.map_or(String::new(), |(bound, _)| format!(" disorder {bound}"));
            time = Some(format!("{}{disorder}", part.written(2)));
        } else if !matches!(part.word(0).as_str(), "primary" | "constraint" | "foreign" | "unique") {
            fields.push(field(part)?);
        }
    }
    Some((fields, time)).filter(|(fields, _)| !fields.is_empty())
}

/// `price decimal(10, 2) not null` as a field.
fn field(tokens: Tokens) -> Option<String> {
    let name = tokens.written(0).trim_matches('"');
    let ty = match terms::type_name(&tokens.word(1))? {
        "decimal" => {
            let close = tokens.close(2).filter(|_| tokens.kind(2) == Some(TokenKind::LeftParenthesis));
            let scale = close.map(|close| tokens.part(3..close).parts());
            let scale = scale.and_then(|sizes| sizes.get(1).map(|scale| scale.written(0)));
            format!("decimal({})", scale.unwrap_or("0"))
        }
        ty => ty.to_string(),
    };
    Some(format!("{name}: {ty}"))
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
        return helps(["a value that is kept is a parameter: `param NAME: int = 5`"]);
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
