//! What people ask of other systems at a prompt, and how it is asked here: `show tables`, `describe x`, `create
//! stream …`. Looked at when an entry is wrong, so that nothing that is right means anything else.

use super::errors;
use super::session::{INPUTS, Session, TYPED};
use millstream_base::diagnostic::Edit;
use millstream_base::{Diagnostic, Diagnostics, Severity, Span};
use millstream_syntax::elsewhere::words::is_kind;
use millstream_syntax::elsewhere::{Said, statement};
use millstream_syntax::entry::{Entry, parse_entry};

/// What is said instead of what is wrong with an entry.
pub fn meant(session: &Session, entry: &str) -> Option<Diagnostic> {
    let typed = entry.trim();
    let start = entry.len() - entry.trim_start().len();
    let span = Span::new(TYPED, start, start + typed.len());
    let statement = typed.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let words: Vec<&str> = statement.split_whitespace().collect();
    let answer = Statement { session, text: statement, words: &words }.answer()?;
    let first = words.first()?.split('(').next()?;
    Some(errors::of_another_system(span, first, answer))
}

/// How it is asked here.
pub enum Answer {
    /// What can be entered instead.
    Entries(Vec<Instead>),
    /// There is no such statement.
    Help(Vec<String>),
}

/// An entry that says what was typed, and what it does.
pub struct Instead {
    pub title: String,
    pub text: String,
}

fn entry(title: impl Into<String>, text: impl Into<String>) -> Option<Answer> {
    Some(Answer::Entries(vec![Instead { title: title.into(), text: text.into() }]))
}

fn help(text: impl Into<String>) -> Option<Answer> {
    Some(Answer::Help(vec![text.into()]))
}

/// A statement without the semicolons that end it.
struct Statement<'s> {
    session: &'s Session,
    text: &'s str,
    words: &'s [&'s str],
}

impl<'s> Statement<'s> {
    fn answer(&self) -> Option<Answer> {
        let second = self.word(1);
        let verb: String =
            self.text.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '\\' | '?' | '_')).collect();
        match verb.to_ascii_lowercase().as_str() {
            "show" if second == "functions" => entry("`:help` tells of functions", ":help"),
            "show" if matches!(second.as_str(), "columns" | "fields") => {
                self.of_name(":type", "tells its columns")
            }
            "show" if second == "create" => self.of_name(":list", "shows how it is defined"),
            "show" => entry("`:list` lists what is defined", ":list"),
            "list" if is_kind(&second) && self.words.len() == 2 => {
                entry("`:list` lists what is defined", ":list")
            }
            "describe" | "desc" => self.of_name(":type", "tells its columns"),
            "drop" => self.of_name(":drop", "forgets it"),
            "print" => self.printed(),
            "insert" => self.inserted(),
            "from" => {
                self.stated().filter(|_| self.words.iter().any(|word| word.eq_ignore_ascii_case("insert")))
            }
            "select" | "create" | "define" | "with" => self.stated(),
            "delete" | "truncate" | "update" | "upsert" | "merge" => help(
                "rows are not changed here: they come from what a source reads; `from NAME where …` takes those that are wanted",
            ),
            "set" => self.set(),
            "clear" | "cls" if self.words.len() == 1 => help("Ctrl-L clears the screen"),
            "explain" if self.words.len() > 2 => help(
                "`:plan` shows what the last query runs as, `:explain NAME` what a stream keeps and waits for",
            ),
            "\\q" => entry("commands begin with a colon", ":quit"),
            "\\?" | "\\h" => entry("commands begin with a colon", ":help"),
            "\\d" | "\\dt" | "\\l" | "\\df" if self.words.len() == 1 => {
                entry("`:list` lists what is defined", ":list")
            }
            "\\d" => self.of_name(":type", "tells its columns"),
            _ => None,
        }
    }

    /// A word in small letters.
    fn word(&self, number: usize) -> String {
        self.words.get(number).map_or(String::new(), |word| word.to_ascii_lowercase())
    }

    /// The first word behind the first that may be a name.
    fn name(&self) -> Option<&'s str> {
        let small = |word: &str| word.to_ascii_lowercase();
        let may_be = |word: &&&str| {
            let word = small(word);
            !is_kind(&word) && !matches!(word.as_str(), "from" | "in" | "columns" | "fields" | "create")
        };
        self.words.iter().skip(1).find(may_be).copied()
    }

    /// A command for the thing that is named.
    fn of_name(&self, command: &str, does: &str) -> Option<Answer> {
        let name = self.name()?;
        entry(format!("`{command}` {does}"), format!("{command} {name}"))
    }

    /// `print x`
    fn printed(&self) -> Option<Answer> {
        let rest = self.text.get("print".len()..)?.trim();
        let inside = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest).trim();
        let first = inside.split_whitespace().next()?;
        let kinds = self.session.kinds_of(first);
        if kinds.iter().any(|kind| INPUTS.contains(kind) || *kind == "stream") {
            return entry("`from` shows its rows", format!("from {first}"));
        }
        value(inside)
    }

    /// `select …`, `create stream …`, `define stream …`, and what else is a statement elsewhere.
    fn stated(&self) -> Option<Answer> {
        let is_value =
            self.word(0) == "select" && !self.words.iter().any(|word| word.eq_ignore_ascii_case("from"));
        if is_value {
            return value(self.text.get("select".len()..)?.trim());
        }
        let said = statement(self.text, &|_| true, &self.session.text());
        let (mut entries, mut other) = (vec![], None);
        for answer in said.into_iter().filter_map(|said| self.said(said)) {
            match answer {
                Answer::Entries(more) => entries.extend(more),
                help => other = Some(help),
            }
        }
        if entries.is_empty() { other } else { Some(Answer::Entries(entries)) }
    }

    /// One reading of a statement.
    fn said(&self, said: Said) -> Option<Answer> {
        match said {
            Said::Query(query) => {
                let title = match query.limit {
                    Some(rows) => {
                        format!("a query begins with `from`; `:limit {rows}` says how many rows are shown")
                    }
                    None => "a query begins with `from`".to_string(),
                };
                self.offered(query.titled(&title), &query.clauses.join(" "))
            }
            Said::Stream { name, query } => {
                let text = format!("stream {name} = {}", query.clauses.join(" "));
                self.offered(query.titled("a stream is defined by its query"), &text)
            }
            Said::Item { title, text } => {
                self.offered(title, &text.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            Said::Helps(helps) => Some(Answer::Help(helps)),
        }
    }

    /// A text that can be entered instead, if nothing is wrong with it, or nothing that its fixes do not mend.
    fn offered(&self, title: impl Into<String>, text: &str) -> Option<Answer> {
        match self.mended(text) {
            Some(text) => entry(title, text),
            None => {
                let found = self.session.findings(text);
                let wrong = found.iter().find(|found| found.severity != Severity::Warning)?;
                Some(Answer::Help(vec![
                    format!("here it is `{text}`"),
                    format!("in which {}", wrong.headline),
                ]))
            }
        }
    }

    /// A text after all of its fixes, if nothing is wrong with it then.
    fn mended(&self, text: &str) -> Option<String> {
        const MOST: usize = 10;
        let mut text = text.to_string();
        for _ in 0..MOST {
            let found = self.session.findings(&text);
            let mut wrong = found.iter().filter(|found| found.severity != Severity::Warning).peekable();
            if wrong.peek().is_none() {
                return Some(text);
            }
            let mut edits: Vec<Edit> = wrong.find_map(|found| found.fixes.first())?.edits.clone();
            edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
            for edit in edits {
                text.get(edit.span.range())?;
                text.replace_range(edit.span.range(), &edit.text);
            }
        }
        None
    }

    /// `insert into x …`
    fn inserted(&self) -> Option<Answer> {
        let at = self.words.iter().position(|word| word.eq_ignore_ascii_case("into"))?;
        let name = self.words.get(at + 1)?.split('(').next()?;
        let kinds = self.session.kinds_of(name);
        if kinds.iter().any(|kind| INPUTS.contains(kind)) && !kinds.contains(&"stream") {
            return Some(Answer::Help(vec![
                format!(
                    "`{name}` has the rows that it reads: add them to its file, or let it read another by `:source {name}=FILE`"
                ),
                format!("a test gives rows of its own: `given {name} [{{ … }}]`"),
            ]));
        }
        let is_of_query = self.words.iter().any(|word| word.eq_ignore_ascii_case("select"));
        is_of_query.then(|| self.stated()).flatten().or_else(|| help(
            "a stream has the rows of its query, and `union` adds those of another; a `sink` writes rows to a file",
        ))
    }

    /// `set x = 5`
    fn set(&self) -> Option<Answer> {
        let (name, value) = self.text.get("set".len()..)?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let ty = self.session.type_of(value).filter(|_| is_name && !name.is_empty());
        match ty {
            Some(ty) => entry("a value that is kept is a parameter", format!("param {name}: {ty} = {value}")),
            None => {
                help("there are no settings; a value that queries use is a parameter: `param NAME: int = 5`")
            }
        }
    }
}

/// An expression.
fn value(text: &str) -> Option<Answer> {
    let mut wrong = Diagnostics::default();
    let is_value = matches!(parse_entry(TYPED, text, &mut wrong), Entry::Expression(_)) && wrong.is_empty();
    if is_value { entry("a value is shown when it is entered", text) } else { None }
}
