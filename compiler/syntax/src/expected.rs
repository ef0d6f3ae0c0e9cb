//! What could have stood at a place, in the words of the language.
//!
//! The generated parser knows exactly which tokens fit, but that can be a hundred: every word of the
//! language that is not reserved fits wherever a name does. Here sets of tokens become one word each
//! ("an expression"), words that fit only as names are left out, and of the rest at most six are told.

use crate::token::{CONTEXTUAL, TokenKind};
use millstream_base::suggest;
use std::collections::BTreeSet;

/// What a message tells at most.
const MOST: usize = 6;

const CLAUSES: &[&str] = &[
    "where",
    "let",
    "select",
    "join",
    "LEFT_JOIN",
    "RIGHT_JOIN",
    "FULL_JOIN",
    "SEMI_JOIN",
    "ANTI_JOIN",
    "window",
    "group",
    "unnest",
    "union",
    "dedupe",
    "changes",
    "top",
    "order",
    "throttle",
    "time",
    "emit",
    "on",
];
const SIDED_JOINS: &[(&str, &str)] = &[
    ("LEFT_JOIN", "left join"),
    ("RIGHT_JOIN", "right join"),
    ("FULL_JOIN", "full join"),
    ("SEMI_JOIN", "semi join"),
    ("ANTI_JOIN", "anti join"),
];
const ITEMS: &[&str] =
    &["use", "param", "fn", "aggregate", "type", "source", "table", "stream", "sink", "test"];
const EXPRESSION: &[&str] = &[
    "IDENTIFIER",
    "INTEGER",
    "DECIMAL",
    "FLOAT",
    "DURATION",
    "TIMESTAMP",
    "STRING",
    "RAW_STRING",
    "TEMPLATE_START",
    "(",
    "[",
    "{",
    "-",
    "+",
    "not",
    "if",
    "true",
    "false",
    "null",
];
const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "++", "??", "==", "!=", "<", "<=", ">", ">=", "in", "like", "matches",
    "between", "is", "and", "or", "not", ".", "[", "(", "filter",
];
const LITERALS: &[&str] = &[
    "INTEGER",
    "DECIMAL",
    "FLOAT",
    "DURATION",
    "TIMESTAMP",
    "STRING",
    "RAW_STRING",
    "true",
    "false",
    "null",
    "[",
    "-",
];
const RESERVED_AS_NAMES: &[&str] = &["unnest", "union", "dedupe", "throttle", "emit", "else", "then"];
/// Can't name anything in a pattern, so they tell patterns from other places for names.
const NOT_IN_PATTERNS: &[&str] = &["by", "all", "once", "overlapping", "within"];

/// A size that a clause is given: a number, the name of a parameter, or an expression in parentheses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantity {
    Count,
    Duration,
    DurationOrRows,
}

/// The terminals that fit at a place.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    terminals: BTreeSet<String>,
}

impl Expected {
    /// From the names of terminals as the generated parser gives them: `IDENTIFIER`, `"where"`.
    pub fn new(terminals: &[String]) -> Expected {
        Expected { terminals: terminals.iter().map(|t| t.trim_matches('"').to_string()).collect() }
    }

    /// Adds what may come behind a complete piece of this kind.
    pub fn add_followers(&mut self, mode: TokenKind) {
        let lists: &[&[&str]] = match mode {
            TokenKind::StartHead | TokenKind::StartClause => &[CLAUSES, ITEMS],
            TokenKind::StartQuery => &[CLAUSES],
            TokenKind::StartItem => &[ITEMS],
            TokenKind::StartSourceOption => &[&["from", "format", "time", "refresh", "on"], ITEMS],
            TokenKind::StartSinkOption => &[&["format", "ordered", "on"], ITEMS],
            TokenKind::StartTestStep => &[&["given", "advance", "expect", "}"]],
            TokenKind::StartMember => &[&["state", "add", "remove", "merge", "result", "}"]],
            TokenKind::StartField => &[&[",", "}"]],
            _ => &[],
        };
        self.terminals.extend(lists.iter().copied().flatten().map(|t| t.to_string()));
    }

    /// Takes out what fits by the grammar alone.
    pub fn remove(&mut self, terminals: &[&str]) {
        self.terminals.retain(|t| !terminals.contains(&t.as_str()));
    }

    pub fn has(&self, terminal: &str) -> bool {
        self.terminals.contains(terminal)
    }

    fn has_all(&self, terminals: &[&str]) -> bool {
        terminals.iter().all(|t| self.has(t))
    }

    /// A name fits, and no reserved word as one.
    pub fn is_name_but_not_any(&self) -> bool {
        self.has("IDENTIFIER") && !self.has_all(RESERVED_AS_NAMES)
    }

    /// The expected things, ready for display: "a, b or c". Empty if nothing is known.
    pub fn describe(&self, previous: Option<TokenKind>) -> String {
        let things = self.things(previous);
        let told: Vec<&str> = things.iter().take(MOST).map(String::as_str).collect();
        match told.split_last() {
            None => String::new(),
            Some((last, [])) => last.to_string(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
        }
    }

    /// The word of the language that the author most likely meant by `found`.
    pub fn did_you_mean(&self, found: &str) -> Option<&str> {
        let mut left = self.terminals.clone();
        self.collect_names(&mut left);
        let words = self.terminals.iter().map(String::as_str).filter(|t| left.contains(*t) && is_word(t));
        suggest::did_you_mean(found, words)
    }

    /// The words of the language that fit as such, and not because any name does.
    pub fn words(&self) -> Vec<&'static str> {
        let mut left = self.terminals.clone();
        self.collect_names(&mut left);
        let all = crate::token::RESERVED.iter().chain(CONTEXTUAL).filter(|word| left.contains(**word));
        let joins =
            SIDED_JOINS.iter().filter(|(terminal, _)| left.contains(*terminal)).map(|(_, words)| words);
        let mut words: Vec<&'static str> = all.chain(joins).copied().collect();
        words.sort();
        words
    }

    /// An expression fits, and so any name of a value.
    pub fn is_value(&self) -> bool {
        self.has_all(&["IDENTIFIER", "INTEGER", "STRING", "["])
    }

    /// Which size fits behind a token, if one does and no other expression.
    pub fn quantity(&self, previous: Option<TokenKind>) -> Option<Quantity> {
        use TokenKind::*;
        if !self.has_all(&["INTEGER", "IDENTIFIER", "("]) || self.has("STRING") {
            return None;
        }
        Some(match previous {
            Some(Top | Throttle | Retry | Limit | LeftBrace) => Quantity::Count,
            Some(Tumbling | Hopping | Sliding | Every) => Quantity::DurationOrRows,
            _ if self.has("DURATION") => Quantity::Duration,
            _ => Quantity::Count,
        })
    }

    fn things(&self, previous: Option<TokenKind>) -> Vec<String> {
        let mut left = self.terminals.clone();
        let mut things: Vec<String> = vec![];
        let mut last: Vec<&str> = vec![];
        let remove =
            |left: &mut BTreeSet<String>, words: &[&str]| left.retain(|t| !words.contains(&t.as_str()));

        let is_expression = self.is_value();
        let is_type = self.has_all(&["IDENTIFIER", "STRING", "{"]) && !self.has("INTEGER");
        let is_pattern = self.has_all(&["IDENTIFIER", "not", "("]) && !self.has("INTEGER");
        let is_fill = self.has_all(&["INTEGER", "STRING", "previous"]) && !self.has("IDENTIFIER");
        if is_expression {
            things.push("an expression".to_string());
            remove(&mut left, EXPRESSION);
        } else if let Some(quantity) = self.quantity(previous) {
            let shown = match quantity {
                Quantity::Count => "a count",
                Quantity::Duration => "a duration",
                Quantity::DurationOrRows => "a duration or a number of rows",
            };
            things.push(shown.to_string());
            remove(&mut left, &["INTEGER", "DURATION", "IDENTIFIER", "("]);
        } else if is_type {
            things.push("a type".to_string());
            remove(&mut left, &["IDENTIFIER", "STRING", "RAW_STRING", "{", "("]);
        } else if is_pattern {
            things.push("an event such as `a: stream[condition]`".to_string());
            remove(&mut left, &["IDENTIFIER", "not", "("]);
        } else if is_fill {
            things.push("a value such as `0`".to_string());
            remove(&mut left, LITERALS);
        } else if self.has("IDENTIFIER") {
            things.push("a name".to_string());
            remove(&mut left, &["IDENTIFIER"]);
        } else if self.has_all(&["*", "/", "%"]) {
            last.push("an operator");
            remove(&mut left, OPERATORS);
        }
        self.collect_names(&mut left);
        if left.contains("quarter") && left.contains("month") {
            things.push("a calendar unit such as `day`".to_string());
            remove(&mut left, &["hour", "day", "week", "month", "quarter", "year"]);
        }
        if left.contains("where") && left.contains("unnest") {
            last.push("the next clause");
            remove(&mut left, CLAUSES);
        }
        if left.contains("stream") && left.contains("sink") {
            last.push("the next item");
            remove(&mut left, ITEMS);
        }
        if left.contains("STRING") && left.contains("RAW_STRING") {
            things.push("text in quotes".to_string());
            remove(&mut left, &["STRING", "RAW_STRING"]);
        }
        // Signs before words: a missing comma or bracket is the likelier fault.
        let (signs, words): (Vec<&String>, Vec<&String>) =
            left.iter().partition(|t| !t.starts_with(char::is_alphabetic));
        let room = MOST.saturating_sub(last.len());
        things.extend(signs.into_iter().chain(words).map(|t| shown(t)));
        things.truncate(room);
        things.extend(last.into_iter().map(str::to_string));
        things
    }

    /// Removes the words that fit only because a name does.
    fn collect_names(&self, left: &mut BTreeSet<String>) {
        if !self.has("IDENTIFIER") {
            return;
        }
        // Quantities take plain names only; no word fits there as a name.
        let names_are_plain = !self.has("tumbling");
        if names_are_plain {
            return;
        }
        let everywhere = self.has_all(NOT_IN_PATTERNS);
        left.retain(|t| {
            let as_name =
                CONTEXTUAL.contains(&t.as_str()) && (everywhere || !NOT_IN_PATTERNS.contains(&t.as_str()));
            let any = self.has_all(RESERVED_AS_NAMES) && crate::token::RESERVED.contains(&t.as_str());
            !as_name && !any
        });
    }
}

fn is_word(terminal: &str) -> bool {
    TokenKind::word(terminal).is_some()
}

/// A terminal as messages show it.
fn shown(terminal: &str) -> String {
    let plain = match terminal {
        "IDENTIFIER" => "a name",
        "INTEGER" => "an integer",
        "DECIMAL" | "FLOAT" => "a number",
        "DURATION" => "a duration",
        "TIMESTAMP" => "a timestamp",
        "STRING" | "RAW_STRING" => "text in quotes",
        "TEMPLATE_START" => "an f-string",
        "TEMPLATE_TEXT" => "text",
        "TEMPLATE_OPEN" => "`{`",
        "TEMPLATE_CLOSE" => "`}`",
        "TEMPLATE_END" => "the end of the f-string",
        "LEFT_JOIN" => "`left join`",
        "RIGHT_JOIN" => "`right join`",
        "FULL_JOIN" => "`full join`",
        "SEMI_JOIN" => "`semi join`",
        "ANTI_JOIN" => "`anti join`",
        other => return format!("`{other}`"),
    };
    plain.to_string()
}
