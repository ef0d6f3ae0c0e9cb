//! Statements of other languages, where an item or a query may stand: each is one finding, with what it says in our
//! words if that can be said.

use super::Recovery;
use crate::ast::{Item, ItemKind, Name};
use crate::elsewhere::unsaid::unsaid;
use crate::elsewhere::{Query, Said, statements, tokens, windows};
use crate::error;
use crate::lexer::lex;
use crate::parser::{self, Input};
use crate::token::TokenKind;
use millstream_base::diagnostic::{Edit, Safety};
use millstream_base::{Diagnostic, FileId, Span};
use std::ops::Range;

impl Recovery<'_> {
    /// The item that a statement is which these tokens begin with, and those behind it.
    pub(super) fn statement(&mut self, range: &Range<usize>) -> Option<(Item, Range<usize>)> {
        let here = self.tokens.part(range.clone());
        if self.is_muted() || !statements::begins(here, self.tokens.is_in_query(range.start)) {
            return None;
        }
        let n = statements::end(here);
        let range = range.start..range.start + n;
        let rest = range.end..range.start + here.all.len();
        let span = self.with_ending(self.span(&range));
        let own = || parser::run(self.input, TokenKind::StartQuery, self.tokens.all.get(range.clone())?).ok();
        let said = match own() {
            Some(_) => None,
            None => Some(statements::said(here.part(..n), &self.is_table())?),
        };
        let Some(said) = said else {
            let text = format!("stream {} =\n  ", self.new_name("result"));
            let edits = vec![Edit { span: span.at_start(), text }];
            let first = self.span(&(range.start..range.start + 1));
            let finding = error::foreign_statement(first, here.written(0));
            self.push(finding.fix_edits("a query belongs to a stream", edits, Safety::Unsafe));
            return Some((Item { doc: None, kind: ItemKind::Error(None), span }, rest));
        };
        let name = said.name().and_then(|name| {
            let place = here.all.iter().position(|t| t.text(self.input.text) == name)?;
            Some(Name::new(name.to_string(), self.span(&(range.start + place..range.start + place + 1))))
        });
        let here_alone = here.part(..n);
        let readings = statements::readings(here_alone, said, &self.is_table(), self.tokens.part(..));
        let answers = readings.into_iter().map(|said| self.answer(here_alone, said));
        let first = self.span(&(range.start..range.start + 1));
        let finding = error::foreign_statement(first, here.written(0));
        self.push(answers.fold(finding, |d, answer| answer.added_to(d, span)));
        self.answered.push(span.range());
        Some((Item { doc: None, kind: ItemKind::Error(name), span }, rest))
    }

    /// What is proposed of what the tokens of a statement say, if it can be read.
    fn answer(&self, tokens: tokens::Tokens, said: Said) -> Answer {
        let answer = self.proposed(said);
        match &answer {
            Answer::Text { text, .. } if !is_read(text) => self.proposed(unsaid(tokens)),
            _ => answer,
        }
    }

    fn proposed(&self, said: Said) -> Answer {
        match said {
            Said::Query(query) if query.limit.is_none() => written(
                "a query belongs to a stream, and begins with `from`",
                &self.new_name("result"),
                &query,
            ),
            Said::Stream { name, query } if query.limit.is_none() => {
                written("a stream is defined by its query", &name, &query)
            }
            Said::Query(_) | Said::Stream { .. } => Answer::Helps(vec![LIMIT.to_string()]),
            Said::Item { title, text } => Answer::Text { title: title.into(), text },
            Said::Helps(helps) => Answer::Helps(helps),
        }
    }

    /// What is said of a query that stands alone and is a statement; whether it is one.
    pub(super) fn statement_alone(&mut self) -> bool {
        let here = self.tokens.part(..);
        if !statements::begins(here, false) || !matches!(here.word(0).as_str(), "select" | "with") {
            return false;
        }
        let n = statements::end(here);
        let said = if n == here.all.len() { statements::said(here, &|_| true) } else { None };
        let span = self.with_ending(self.span(&(0..n)));
        let answer = match said {
            Some(Said::Query(query)) if query.limit.is_none() => Answer::Text {
                title: query.titled("a query begins with `from`, and `select` stands below"),
                text: query.clauses.join(" "),
            },
            Some(Said::Helps(helps)) => Answer::Helps(helps),
            _ => return false,
        };
        let first = self.span(&(0..1));
        self.push(answer.added_to(error::foreign_statement(first, here.written(0)), span));
        self.answered.push(span.range());
        true
    }

    /// Tells of the tables of the file.
    pub(super) fn is_table(&self) -> impl Fn(&str) -> bool + use<'_> {
        |name| {
            self.tokens.all.windows(2).any(|two| {
                two[0].kind == TokenKind::Table && two[1].text(self.input.text).eq_ignore_ascii_case(name)
            })
        }
    }

    /// A name that nothing in the file has.
    fn new_name(&self, name: &str) -> String {
        let is_taken = |name: &str| self.tokens.all.iter().any(|token| token.text(self.input.text) == name);
        let numbered = (2..).map(|n| format!("{name}_{n}"));
        std::iter::once(name.to_string()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
    }

    /// With what stands behind its last stream, and the semicolon that ends it.
    fn with_ending(&self, span: Span) -> Span {
        let behind = self.input.text.get(span.end as usize..).unwrap_or("");
        let span = Span { end: span.end + windows::glued(behind) as u32, ..span };
        let rest = self.input.text.get(span.end as usize..).unwrap_or("");
        let blank = rest.len() - rest.trim_start().len();
        match rest.trim_start().starts_with(';') {
            true => Span { end: span.end + blank as u32 + 1, ..span },
            false => span,
        }
    }
}

const LIMIT: &str = "a stream has no first rows but those of a key: `top N by …` takes the best N, `throttle N by … per …` the first of each key, and `preview --rows N` shows some";

/// What is proposed.
enum Answer {
    Text { title: String, text: String },
    Helps(Vec<String>),
}

impl Answer {
    fn added_to(self, d: Diagnostic, span: Span) -> Diagnostic {
        match self {
            Answer::Text { title, text } => d.fix(title, span, text),
            Answer::Helps(helps) => helps.into_iter().fold(d, Diagnostic::help),
        }
    }
}

/// Whether a text is nothing or an item.
fn is_read(text: &str) -> bool {
    let file = FileId::default();
    let lexed = lex(file, text);
    let input = Input { file, text, lexed: &lexed };
    lexed.tokens.is_empty() || parser::run(input, TokenKind::StartItem, &lexed.tokens).is_ok()
}

fn written(title: &str, name: &str, query: &Query) -> Answer {
    let text = format!("stream {name} =\n  {}", query.clauses.join("\n  "));
    Answer::Text { title: query.titled(title), text }
}
