//! What was meant where there is one right spelling: words of other languages in the place of ours, words
//! left out, clauses whose parts stand in another order.

mod joins;
mod patterns;
mod programming;
mod sql;
mod terms;
mod types;
mod windows;

pub use windows::window_options;

use crate::elsewhere::statements;
use crate::elsewhere::tokens::Tokens;
use crate::elsewhere::words;
use crate::expected::Expected;
use crate::token::{Token, TokenKind};
use millstream_base::diagnostic::{Edit, Safety};
use millstream_base::{Diagnostic, FileId, Span};

const FIRST_OF_KEY: &str = "let the first row of each key through, and the next an hour later";

/// Where the parser is stuck.
pub struct Place<'a> {
    pub text: &'a str,
    pub file: FileId,
    /// Those of the file; the parser cannot take number `at`.
    pub tokens: &'a [Token],
    pub at: usize,
    /// The options that the window before may still have, if there is one.
    pub options: Option<&'static [&'static str]>,
    pub expected: &'a Expected,
}

/// What to do about a finding.
pub enum Advice {
    /// With a title.
    Edits(String, Vec<Edit>),
    /// What no edit can express.
    Helps(Vec<String>),
}

impl Advice {
    pub fn added_to(self, d: Diagnostic) -> Diagnostic {
        match self {
            Advice::Edits(title, edits) => d.fix_edits(title, edits, Safety::Unsafe),
            Advice::Helps(helps) => helps.into_iter().fold(d, Diagnostic::help),
        }
    }
}

impl<'a> Place<'a> {
    /// What is to be written instead, if that is known.
    pub fn advice(&self) -> Option<Advice> {
        let edits = self
            .of_window()
            .or_else(|| self.of_clause())
            .or_else(|| self.of_term())
            .or_else(|| self.of_call())
            .or_else(|| self.of_pattern())
            .or_else(|| self.of_join())
            .or_else(|| self.of_sql())
            .or_else(|| self.of_sink())
            .or_else(|| self.of_type())
            .or_else(|| self.of_programming());
        edits.map(|(title, edits)| Advice::Edits(title, edits)).or_else(|| self.helps())
    }

    /// Where something is missing behind the last token.
    pub fn completed(&self, d: Diagnostic) -> Diagnostic {
        let end = self.index(-1).and_then(|i| self.span(i)).map(Span::at_end);
        if let Some(end) = end.filter(|_| self.wants("keep") && self.wants("within")) {
            let last = "keep the latest row of each key";
            return d.fix(FIRST_OF_KEY, end, " within 1h").fix(last, end, " keep last forever");
        }
        let is_query = matches!(self.kind(0), Some(TokenKind::From | TokenKind::Match));
        if let Some(end) =
            end.filter(|_| is_query && self.kind(-2) == Some(TokenKind::Stream) && self.wants("="))
        {
            return d.fix("write `=`", end, " =");
        }
        let is_on_line = self.token(0).is_some_and(|found| !found.first_on_line);
        let says_where = is_on_line && self.rest_of_clause().any(|t| t.kind == TokenKind::To);
        if let Some(end) =
            end.filter(|_| self.wants("to") && self.kind(-2) == Some(TokenKind::From) && !says_where)
        {
            return d.fix("write it to standard output", end, " to stdout");
        }
        let bound = self.negative_bound().map(|(title, edits)| Advice::Edits(title, edits));
        match bound.or_else(|| self.helps()) {
            Some(advice) => advice.added_to(d),
            None => d,
        }
    }

    fn helps(&self) -> Option<Advice> {
        let helps = if let Some(help) = self.help_of_programming() {
            vec![help.to_string()]
        } else if self.wants("every") && self.word(-3) == "hopping" && self.word(-1) == "rows" {
            vec![
                "a hopping window is measured in time: `window hopping 1h every 1m`".to_string(),
                "windows of rows are `window tumbling 100 rows` and `window sliding 100 rows`".to_string(),
            ]
        } else if self.wants("every") && matches!(self.word(-2), "hopping" | "cumulative") {
            vec!["say how much later each window starts or ends: `every 1m`".to_string()]
        } else if self.kind(-1) == Some(TokenKind::Match) && !self.kind(0).is_some_and(TokenKind::is_name) {
            vec![
                "a pattern names its events: `match first: logins then second: logins within 5m`".to_string(),
                "a choice among values is written `if … then … else …`".to_string(),
            ]
        } else if self.kind(0) == Some(TokenKind::From)
            && self.kind(-2) == Some(TokenKind::Key)
            && self.wants("=")
        {
            vec![
                format!(
                    "a table that is read declares its columns: `table {}: {{ … }} key {} from …`",
                    self.word(-3),
                    self.word(-1)
                ),
                "`millstream infer FILE` writes it from the data".to_string(),
            ]
        } else if self.kind(0) == Some(TokenKind::Select) && self.kind(-1) == Some(TokenKind::LeftParenthesis)
        {
            let is_list = self.kind(-2) == Some(TokenKind::In);
            let partners = is_list.then_some(words::PARTNERS);
            partners.into_iter().chain([words::PART_OF_QUERY]).map(str::to_string).collect()
        } else if self.kind(-2) == Some(TokenKind::Select) && matches!(self.word(-1), "irstream" | "rstream")
        {
            vec![words::clause(self.word(-1), true)?.to_string()]
        } else if self.options.is_some() && self.word(0) == "partition" {
            vec!["`group by` splits the rows of a window".to_string()]
        } else if self.kind(-1) == Some(TokenKind::Integer) && !self.expected.has("as") {
            let unit = words::calendar_unit(self.word(0))?;
            vec![format!("a {unit} is no fixed time; windows of it are `window tumbling {unit}`")]
        } else {
            return None;
        };
        Some(Advice::Helps(helps))
    }

    fn of_clause(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        let word = self.word(0);
        match (self.kind(-1)?, self.kind(0)?) {
            (Emit, _)
                if word == "changes" && !self.query_before().any(|t| matches!(t.kind, Window | Group)) =>
            {
                let (_, edits) = self.replace(-1, 0, "");
                Some(("leave it away: rows leave as they come".into(), edits))
            }
            (Emit, _)
                if self.wants("final") && matches!(word, "changes" | "change" | "updates" | "update") =>
            {
                Some(self.replace(0, 0, "on change"))
            }
            (On, _) if self.kind(-2) == Some(Emit) && self.wants("change") => match word {
                "close" | "end" | "final" | "finish" => Some(self.replace(-1, 0, "final")),
                "changes" | "update" | "updates" => Some(self.replace(0, 0, "change")),
                _ => None,
            },
            _ if word == "having"
                && self.query_before().any(|t| t.kind == Group)
                && self.query_before().any(|t| t.kind == Select) =>
            {
                let (_, edits) = self.replace(0, 0, "where");
                Some(("a `where` below the `select` keeps the groups that it is true for".into(), edits))
            }
            (From, LeftBracket) => None,
            (found, LeftBracket | LeftParenthesis)
                if found.is_name()
                    && self.kind(-2) == Some(From)
                    && (self.kind(0) == Some(LeftBracket)
                        || statements::compares(self.part(self.at - 2..))) =>
            {
                let close = self.part(..).close(self.at)?;
                let opening = Edit { span: self.span(self.at)?, text: " where ".into() };
                let closing = Edit { span: self.span(close)?, text: "".into() };
                Some(("a condition is a clause".into(), vec![opening, closing]))
            }
            (found, _) if found.is_name() && self.word(-1) == "istream" && self.kind(-2) == Some(Select) => {
                let (_, edits) = self.replace(-1, 0, word);
                Some(("leave it away: each row leaves as it comes".into(), edits))
            }
            (Except, found) if found.is_name() => {
                let text = format!("({word})");
                Some(self.replace(0, 0, &text))
            }
            (Is | Not | Equal | NotEqual, _)
                if matches!(word.to_ascii_lowercase().as_str(), "none" | "nil" | "nul" | "undefined")
                    && self.expected.has("null") =>
            {
                Some(self.replace(0, 0, "null"))
            }
            (Colon | Assign, found)
                if found == Assign && self.kind(-1) == Some(Colon) && self.kind(-3) == Some(Stream) =>
            {
                Some(self.replace(-1, 0, "="))
            }
            (Dedupe, found) if self.wants("by") && (found.is_name() || found == LeftParenthesis) => {
                Some(self.insert("the key comes behind `by`", 0, "by "))
            }
            (Changes, found)
                if self.wants("of") && found.is_name() && self.rest_of_clause().any(|t| t.kind == By) =>
            {
                Some(self.insert("what is compared comes behind `of`", 0, "of "))
            }
            (Keep, _) if self.wants("last") && word == "first" => {
                if self.kind(1) == Some(Within) {
                    return Some(self.replace(-1, 1, "within"));
                }
                let (_, edits) = self.replace(-1, 0, "within 1h");
                Some((FIRST_OF_KEY.into(), edits))
            }
            (_, By) if self.wants("per") && self.throttles() => self.per_before_by(),
            _ if self.wants("retry")
                && matches!(word, "stop" | "abort" | "halt" | "exit" | "raise" | "throw") =>
            {
                Some(self.replace(0, 0, "fail"))
            }
            _ if self.wants("retry")
                && matches!(word, "skip" | "ignore" | "drop" | "discard" | "continue") =>
            {
                let (_, edits) = self.replace(-2, 0, "");
                Some(("leave it away: rows that fail are left out, and counted".into(), edits))
            }
            _ if self.wants("disorder") && matches!(word, "lateness" | "grace" | "delay" | "watermark") => {
                Some(self.replace(0, 0, "disorder"))
            }
            _ if self.wants("within")
                && self.wants("keep")
                && matches!(word, "for" | "every" | "over" | "in" | "per" | "expire")
                && self.kind(1) == Some(Duration) =>
            {
                Some(self.replace(0, 0, "within"))
            }
            _ => None,
        }
    }

    /// `sink rows to …` and `sink from rows to …`, which say one of both names, and `sink out from rows q to …`.
    fn of_sink(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        if self.kind(-4) == Some(Sink) && self.kind(-2) == Some(From) && self.wants("to") {
            let to = self.rest_of_clause().position(|t| t.kind == To)?;
            let (_, edits) = self.replace(0, to as isize, "to");
            return Some(("where it writes to is said behind the stream".into(), edits));
        }
        if self.kind(-2) != Some(Sink) || !self.wants("from") {
            return None;
        }
        match (self.kind(-1)?, self.kind(0)?) {
            (From, found) if found.is_name() => {
                let text = format!("{} ", self.word(0));
                Some(self.insert("name the sink", -1, &text))
            }
            (_, To) if self.rest_of_clause().any(|t| t.kind == From) => {
                let n = self.rest_of_clause().position(|t| t.kind == From)? as isize;
                let (from, name) = (self.span(self.index(n)?)?, self.span(self.index(n + 1)?)?);
                let before = self.span(self.index(n - 1)?)?.at_end();
                let moved = format!("{} ", self.slice(from.to(name)));
                let place = self.span(self.at)?.at_start();
                let edits =
                    vec![Edit { span: place, text: moved }, Edit { span: before.to(name), text: "".into() }];
                Some(("`from` stands in front of `to`".into(), edits))
            }
            (_, To) => {
                let text = format!("from {} ", self.word(-1));
                Some(self.insert("say whose rows it writes", 0, &text))
            }
            _ => None,
        }
    }

    /// `throttle 2 by k per 5m` says all in another order.
    fn per_before_by(&self) -> Option<(String, Vec<Edit>)> {
        let n_keys = self.rest_of_clause().position(|t| t.kind == TokenKind::Per)? as isize;
        let last_key = self.span(self.index(n_keys - 1)?)?;
        let (per, size) = (self.span(self.index(n_keys)?)?, self.span(self.index(n_keys + 1)?)?);
        let by = self.span(self.at)?;
        let text = format!("{} {}", self.slice(per.to(size)), self.slice(by.to(last_key)));
        let edit = Edit { span: by.to(size), text: text.clone() };
        Some((format!("write `{text}`"), vec![edit]))
    }

    fn throttles(&self) -> bool {
        (1..=4).any(|back| self.kind(-back) == Some(TokenKind::Throttle))
    }

    fn of_call(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        if self.kind(-2) == Some(Filter)
            && self.kind(-1) == Some(LeftParenthesis)
            && self.expected.has("where")
        {
            return Some(self.insert("the condition comes behind `where`", 0, "where "));
        }
        if self.kind(-1) == Some(Filter) && self.kind(0) == Some(Where) && self.expected.has("(") {
            let ends = |t: &Token| matches!(t.kind, As | Comma) || t.kind.closes();
            let mut depth = 0_usize;
            let mut last = 0;
            for (number, token) in self.rest_of_clause().enumerate().skip(1) {
                if depth == 0 && ends(token) {
                    break;
                }
                match token.kind {
                    kind if kind.opens() => depth += 1,
                    kind if kind.closes() => depth -= 1,
                    _ => {}
                }
                last = number as isize;
            }
            let (open, close) = (self.span(self.at)?.at_start(), self.span(self.index(last)?)?.at_end());
            let edits = vec![Edit { span: open, text: "(".into() }, Edit { span: close, text: ")".into() }];
            return Some(("the condition stands in parentheses".into(), edits));
        }
        let ignores = self.word(0).eq_ignore_ascii_case("ignore")
            && (self.word(1).eq_ignore_ascii_case("nulls") || self.word(1).eq_ignore_ascii_case("null"));
        if ignores && self.kind(-1) == Some(RightParenthesis) {
            let close = self.span(self.index(-1)?)?;
            let words = Span { start: close.end, ..self.span(self.index(1)?)? };
            let remove = Edit { span: words, text: "".into() };
            return Some(match self.function_before() {
                Some("first" | "last" | "collect") => {
                    let argument = Edit { span: close.at_start(), text: ", ignore_null: true".into() };
                    ("it is an argument: `ignore_null: true`".into(), vec![argument, remove])
                }
                _ => ("leave it away: nulls do not take part".into(), vec![remove]),
            });
        }
        None
    }

    /// The name in front of the parentheses that close just before.
    fn function_before(&self) -> Option<&'a str> {
        let mut depth = 0_usize;
        let mut back = -1;
        loop {
            let kind = self.kind(back)?;
            if kind.closes() {
                depth += 1;
            } else if kind.opens() {
                depth -= 1;
                if depth == 0 {
                    return Some(self.word(back - 1));
                }
            }
            back -= 1;
        }
    }

    /// From the token found on, to the end of its line or file.
    fn rest_of_clause(&self) -> impl Iterator<Item = &'a Token> {
        let rest = self.tokens.get(self.at..).unwrap_or(&[]);
        let n_here = rest.iter().skip(1).take_while(|t| !t.first_on_line).count() + 1;
        rest.iter().take(n_here)
    }

    /// Those of the query in front of the token found.
    fn query_before(&self) -> impl Iterator<Item = &'a Token> {
        let before = self.tokens.get(..self.at).unwrap_or(&[]);
        let is_head = |t: &Token| matches!(t.kind, TokenKind::From | TokenKind::Match);
        before.get(before.iter().rposition(is_head).unwrap_or_default()..).unwrap_or(&[]).iter()
    }

    /// Some tokens, as they are read that belong to another language.
    fn part(&self, range: impl std::slice::SliceIndex<[Token], Output = [Token]>) -> Tokens<'a> {
        Tokens { text: self.text, all: self.tokens }.part(range)
    }

    /// Whether the file declares a table that is called so.
    fn is_table(&self, name: &str) -> bool {
        self.tokens.windows(2).any(|two| two[0].kind == TokenKind::Table && two[1].text(self.text) == name)
    }

    fn insert(&self, title: &str, offset: isize, text: &str) -> (String, Vec<Edit>) {
        let span = self.index(offset).and_then(|i| self.span(i)).unwrap_or_default().at_start();
        (title.to_string(), vec![Edit { span, text: text.into() }])
    }

    /// Of the tokens from `first` to `last`, counted from that which does not fit.
    fn replace(&self, first: isize, last: isize, text: &str) -> (String, Vec<Edit>) {
        let span = |offset| self.index(offset).and_then(|i| self.span(i)).unwrap_or_default();
        let edit = Edit { span: span(first).to(span(last)), text: text.into() };
        (format!("write `{text}`"), vec![edit])
    }

    /// This word fits, and not because any name does.
    fn wants(&self, word: &str) -> bool {
        self.expected.has(word) && !self.expected.has("IDENTIFIER")
    }

    fn index(&self, offset: isize) -> Option<usize> {
        self.at.checked_add_signed(offset)
    }

    fn token(&self, offset: isize) -> Option<&'a Token> {
        self.tokens.get(self.index(offset)?)
    }

    fn kind(&self, offset: isize) -> Option<TokenKind> {
        self.token(offset).map(|t| t.kind)
    }

    fn word(&self, offset: isize) -> &'a str {
        self.token(offset).map_or("", |t| t.text(self.text))
    }

    fn span(&self, index: usize) -> Option<Span> {
        self.tokens.get(index).map(|t| Span::new(self.file, t.start as usize, t.end as usize))
    }

    fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or("")
    }
}
