//! Expressions: signs and quotes, `case`, `cast`, `a ? b : c`, `x::int`, functions that are called or written otherwise.

mod calls;

use super::tokens::Tokens;
use super::words;
use crate::token::TokenKind;

/// An expression as it is written here; none if it says what cannot be said so.
pub fn expression(tokens: Tokens) -> Option<String> {
    if tokens.all.is_empty() || !tokens.is_all() {
        return None;
    }
    if let Some(chosen) = choice_of_two(tokens) {
        return chosen;
    }
    let mut writer = Writer { tokens, at: 0, out: String::new(), operand: 0 };
    while writer.at < tokens.all.len() {
        writer.term()?;
    }
    Some(writer.out)
}

/// `a ? b : c`; none if it is no such choice.
fn choice_of_two(tokens: Tokens) -> Option<Option<String>> {
    let question = tokens.outside().find(|at| tokens.kind(*at) == Some(TokenKind::Question))?;
    let is_cast =
        |at: usize| [at, at + 1].iter().any(|at| is_double_colon(tokens, *at)) && tokens.gap(at).is_empty();
    let mut depth = 0_usize;
    let colon = tokens.outside().filter(|at| *at > question).find(|at| match tokens.kind(*at) {
        Some(TokenKind::Question) => {
            depth += 1;
            false
        }
        Some(TokenKind::Colon) if !is_cast(*at) && depth > 0 => {
            depth -= 1;
            false
        }
        Some(TokenKind::Colon) => !is_cast(*at),
        _ => false,
    })?;
    let [condition, yes, no] =
        [tokens.part(..question), tokens.part(question + 1..colon), tokens.part(colon + 1..)];
    let written = || {
        let condition = expression(condition)?;
        let condition = bare(&condition).unwrap_or(&condition);
        Some(format!("if {condition} then {} else {}", expression(yes)?, expression(no)?))
    };
    Some(written())
}

/// What stands in the parentheses that a text is.
fn bare(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('(')?.strip_suffix(')')?;
    (!inside.contains(['(', ')'])).then_some(inside)
}

/// Whether a token is the second colon of `x::int`.
fn is_double_colon(tokens: Tokens, at: usize) -> bool {
    at > 0
        && tokens.kind(at - 1) == Some(TokenKind::Colon)
        && tokens.kind(at) == Some(TokenKind::Colon)
        && tokens.gap(at).is_empty()
}

struct Writer<'t> {
    tokens: Tokens<'t>,
    at: usize,
    out: String,
    /// Where the operand begins that was written last.
    operand: usize,
}

impl<'t> Writer<'t> {
    fn term(&mut self) -> Option<()> {
        use TokenKind::*;
        let tokens = self.tokens;
        let (at, kind, word) = (self.at, tokens.kind(self.at)?, tokens.word(self.at));
        let is_call = tokens.kind(at + 1) == Some(LeftParenthesis);
        let is_field = at > 0 && tokens.kind(at - 1) == Some(Dot);
        let is_name = kind.is_name() && !is_field;
        if kind == Colon && is_double_colon(tokens, at + 1) {
            return self.cast_behind();
        }
        if is_name && word == "case" && !is_call && tokens.kind(at + 1) != Some(Dot) {
            return self.case();
        }
        if is_name && word == "interval" && matches!(tokens.kind(at + 1), Some(String | Integer)) {
            let (text, n) = duration(tokens.part(at + 1..))?;
            self.operand(&text, 1 + n);
            return Some(());
        }
        if kind == Integer
            && let Some((text, n)) = duration(tokens.part(at..)).filter(|(_, n)| *n == 2)
        {
            self.operand(&text, n);
            return Some(());
        }
        if (is_name || kind == If) && is_call && !words_with_brackets(&word) {
            return self.call(&word);
        }
        if kind == LeftParenthesis && self.is_behind("in") {
            return self.group("[", "]");
        }
        if kind.opens() {
            let close = tokens.written(tokens.close(at)?);
            return self.group(tokens.written(at), close);
        }
        self.sign_or_word(kind, &word)
    }

    /// What is one token, or two that belong together.
    fn sign_or_word(&mut self, kind: TokenKind, word: &str) -> Option<()> {
        use TokenKind::*;
        let (tokens, at) = (self.tokens, self.at);
        let is_field = at > 0 && tokens.kind(at - 1) == Some(Dot);
        let is_null = |at: usize| tokens.is(at, "null");
        match (kind, word) {
            (String, text) if text.starts_with('\'') => {
                let (text, n) = quoted(tokens, at)?;
                self.operand(&text, n);
            }
            (Assign | Equal, _) if is_null(at + 1) => self.write("is null", 2),
            (NotEqual, _) if is_null(at + 1) => self.write("is not null", 2),
            (Assign, _) if tokens.kind(at + 1) == Some(Assign) => return None,
            (Assign | Equal, _) if self.is_before_list(&["any", "some"]) => {
                self.write("in", 2);
                self.group("[", "]")?;
            }
            (NotEqual, _) if self.is_before_list(&["all"]) => {
                self.write("not in", 2);
                self.group("[", "]")?;
            }
            (Select, _) if !is_field => return None,
            (Assign, _) => self.write("==", 1),
            (NotEqual, _) => self.write("!=", 1),
            (Or | PlusPlus, "||") => self.write("++", 1),
            (And, _) => self.write("and", 1),
            (Not, "!") => {
                self.write("not", 1);
                if tokens.gap(at + 1).is_empty() {
                    self.out.push(' ');
                }
            }
            (Question | Colon | Arrow | Pipe, _) => return None,
            (Identifier, word) if !is_field && is_lost(word) => return None,
            (Identifier, "mod") if !is_field => self.write("%", 1),
            (Identifier, "rlike" | "regexp") if !is_field => self.write("matches", 1),
            (Identifier, word) if !is_field && is_word_here(word) => self.write(word, 1),
            (Identifier | String | RawString | Integer | Decimal | Float | Duration | Timestamp, _) => {
                self.operand(tokens.written(at), 1);
            }
            (Dot, _) => {
                let operand = self.operand;
                self.write(".", 1);
                self.operand = operand;
            }
            (kind, _) if kind.is_name() => self.operand(tokens.written(at), 1),
            _ => self.write(tokens.written(at), 1),
        }
        Some(())
    }

    /// Writes something in the place of so many tokens.
    fn write(&mut self, text: &str, n: usize) {
        if !self.tokens.gap(self.at).is_empty() && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.operand = self.out.len();
        self.out += text;
        self.at += n;
    }

    /// The same, of what goes on with the operand before where it is a field of it.
    fn operand(&mut self, text: &str, n: usize) {
        let is_field = self.at > 0 && self.tokens.kind(self.at - 1) == Some(TokenKind::Dot);
        let operand = self.operand;
        self.write(text, n);
        if is_field {
            self.operand = operand;
        }
    }

    /// `= any (1, 2)`
    fn is_before_list(&self, words: &[&str]) -> bool {
        let has_list = self.tokens.kind(self.at + 2) == Some(TokenKind::LeftParenthesis);
        has_list && words.iter().any(|word| self.tokens.is(self.at + 1, word))
    }

    fn is_behind(&self, word: &str) -> bool {
        self.at > 0 && self.tokens.is(self.at - 1, word)
    }

    /// What stands in brackets; an index belongs to its operand.
    fn group(&mut self, open: &str, close: &str) -> Option<()> {
        let end = self.tokens.close(self.at)?;
        let inside = self.tokens.part(self.at + 1..end);
        let parts: Option<Vec<String>> = inside.parts().into_iter().map(expression).collect();
        let (operand, is_index) = (self.operand, open == "[" && self.tokens.gap(self.at).is_empty());
        self.write(&format!("{open}{}{close}", parts?.join(", ")), end + 1 - self.at);
        if is_index && close == "]" {
            self.operand = operand;
        }
        Some(())
    }

    /// `x::int`
    fn cast_behind(&mut self) -> Option<()> {
        let (call, n) = conversion(self.tokens.part(self.at + 2..))?;
        let operand = self.out.get(self.operand..)?.to_string();
        self.out.truncate(self.operand);
        let at = self.operand;
        self.out += &call(&operand);
        self.operand = at;
        self.at += 2 + n;
        Some(())
    }

    /// `case when a then b else c end`, `case x when a then b end`
    fn case(&mut self) -> Option<()> {
        let tokens = self.tokens;
        let end = end_of_case(tokens, self.at)?;
        let mut depth = 0_usize;
        let inside = tokens.part(self.at + 1..end);
        let breaks: Vec<usize> = inside
            .outside()
            .filter(|at| {
                let word = inside.word(*at);
                depth += usize::from(word == "case");
                depth -= usize::from(word == "end" && depth > 0);
                depth == 0 && matches!(word.as_str(), "when" | "then" | "else")
            })
            .collect();
        let first = *breaks.first()?;
        let subject = if first > 0 { Some(expression(inside.part(..first))?) } else { None };
        let mut text = std::string::String::new();
        let mut has_else = false;
        for (n, at) in breaks.iter().enumerate() {
            let until = breaks.get(n + 1).copied().unwrap_or(inside.all.len());
            let part = expression(inside.part(at + 1..until))?;
            match (inside.word(*at).as_str(), &subject) {
                ("when", Some(subject)) => text += &format!("if {subject} == {part} "),
                ("when", None) => text += &format!("if {part} "),
                ("then", _) => text += &format!("then {part} else "),
                _ => {
                    has_else = true;
                    text += &part;
                }
            }
        }
        if !has_else {
            text += "null";
        }
        let n = end + 1 - self.at;
        let text = if n < tokens.all.len() { format!("({text})") } else { text };
        self.operand(&text, n);
        Some(())
    }
}

/// Where the `case` ends that begins at a token.
pub fn end_of_case(tokens: Tokens, case: usize) -> Option<usize> {
    let mut depth = 0_usize;
    (case..tokens.all.len()).find(|at| {
        let word = tokens.word(*at);
        depth += usize::from(word == "case");
        depth -= usize::from(word == "end" && depth > 0);
        depth == 0
    })
}

/// The duration that tokens begin with, and how many they are: `5 minutes`, `'5' minute`, `'5 minutes'`, `5m`.
pub fn duration(tokens: Tokens) -> Option<(String, usize)> {
    let first = tokens.written(0).trim_matches(['\'', '"']).trim();
    let of = |number: &str, unit: &str| {
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| words::unit(unit)).flatten().map(|unit| format!("{number}{unit}"))
    };
    match tokens.kind(0)? {
        TokenKind::Duration => Some((first.to_string(), 1)),
        TokenKind::String if first.contains(' ') => {
            let (number, unit) = first.split_once(' ')?;
            Some((of(number, unit.trim())?, 1))
        }
        TokenKind::String | TokenKind::Integer => Some((of(first, tokens.written(1))?, 2)),
        _ => None,
    }
}

/// A call that converts.
type Conversion = Box<dyn Fn(&str) -> String>;

/// What converts to the type that tokens begin with, and how many they are.
fn conversion(tokens: Tokens) -> Option<(Conversion, usize)> {
    let word = tokens.word(0);
    let has_size = tokens.kind(1) == Some(TokenKind::LeftParenthesis);
    let n = if has_size { tokens.close(1)? + 1 } else { 1 };
    let sizes = tokens.part(2..n.saturating_sub(1)).parts();
    match type_name(&word)? {
        "decimal" => {
            let scale = sizes.get(1).map_or("0", |scale| scale.written(0)).to_string();
            Some((Box::new(move |x| format!("decimal({x}, {scale})")), n))
        }
        ty => Some((Box::new(move |x| format!("{ty}({x})")), n)),
    }
}

/// Our name of a type, whatever its size.
pub fn type_name(word: &str) -> Option<&'static str> {
    let own = ["int", "float", "string", "bool", "timestamp", "duration", "bytes", "json", "decimal"];
    let own = own.into_iter().find(|own| *own == word);
    own.or_else(|| (word == "numeric").then_some("decimal")).or_else(|| words::type_here(word))
}

/// A text in single quotes in double ones, and how many tokens it is: `'it''s'` is two.
fn quoted(tokens: Tokens, at: usize) -> Option<(String, usize)> {
    let mut inside = tokens.written(at).strip_prefix('\'')?.strip_suffix('\'')?.to_string();
    let mut n = 1;
    while tokens.gap(at + n).is_empty() && tokens.written(at + n).starts_with('\'') {
        inside += "'";
        inside += tokens.written(at + n).strip_prefix('\'')?.strip_suffix('\'')?;
        n += 1;
    }
    let inside = inside.replace("''", "'");
    let text = match (inside.contains('\\'), inside.contains('"')) {
        (true, true) => return None,
        (true, false) => format!("r\"{inside}\""),
        _ => format!("\"{}\"", inside.replace('"', "\\\"")),
    };
    Some((text, n))
}

/// Words in front of parentheses that call nothing.
fn words_with_brackets(word: &str) -> bool {
    matches!(
        word,
        "and" | "or" | "not" | "in" | "like" | "between" | "then" | "else" | "when" | "is" | "by" | "matches"
    ) || word == "filter"
}

/// Words of the language that may stand in large letters.
fn is_word_here(word: &str) -> bool {
    matches!(word, "as" | "asc" | "between" | "by" | "desc" | "in" | "is" | "like")
        || TokenKind::word(word).is_some_and(TokenKind::is_reserved)
}

/// What an expression cannot say here.
pub fn is_lost(word: &str) -> bool {
    matches!(
        word,
        "over"
            | "exists"
            | "select"
            | "now"
            | "current_timestamp"
            | "localtimestamp"
            | "currenttimemillis"
            | "ilike"
            | "grouping"
            | "within"
            | "tumble_rowtime"
    )
}

fn is_large(word: &str) -> bool {
    word.bytes().all(|b| !b.is_ascii_lowercase())
}
