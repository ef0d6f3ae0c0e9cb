//! Cuts text into tokens. Never stops: what has no meaning is reported and replaced by a stand-in,
//! so that the parser sees the rest as the author meant it.
//!
//! Longest match decides everywhere. F-strings alone need a second set of rules, for the text between
//! interpolations; their tokens lie in the one stream. Comments are kept aside, by position.

mod foreign;
mod numbers;

use crate::error;
use crate::literal::{self, Braces};
use crate::token::{Token, TokenKind};
use logos::{Lexer, Logos};
use millstream_base::{Diagnostic, FileId, Span};

/// After so many findings the rest of a file is only counted.
pub const MAX_FINDINGS: usize = 100;

/// A file, cut.
#[derive(Debug, Default)]
pub struct Lexed {
    pub tokens: Vec<Token>,
    /// All comments in order, doc comments among them.
    pub comments: Vec<Comment>,
    pub docs: Vec<Doc>,
    /// Where the text has no meaning; the parser says nothing more about these places.
    pub bad: Vec<std::ops::Range<u32>>,
    pub diagnostics: Vec<Diagnostic>,
}

/// `-- text` to the end of its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Comment {
    pub start: u32,
    pub end: u32,
    /// Nothing but blanks stands before it on its line.
    pub first_on_line: bool,
    /// `---`
    pub is_doc: bool,
}

/// Doc comment lines that stand directly below one another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doc {
    pub start: u32,
    pub end: u32,
    /// Where the next token starts, which it may belong to.
    pub before: u32,
    pub text: String,
}

/// Cuts a whole file.
pub fn lex(file: FileId, text: &str) -> Lexed {
    let mut cutter = Cutter {
        file,
        text,
        out: Lexed::default(),
        line_checked_to: 0,
        open: vec![],
        pending_docs: 0,
        muted: false,
    };
    cutter.run();
    cutter.merge_joins();
    cutter.out
}

#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
#[logos(skip r"[ \t\r\n\f]+")]
enum Main {
    #[regex(r"--[^\r\n]*", priority = 20, allow_greedy = true)]
    Comment,
    #[regex(r"(//|#)[^\r\n]*", priority = 20, allow_greedy = true)]
    ForeignComment,
    #[token("/*")]
    BlockComment,

    #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
    Word,
    #[regex(r"`[^`\r\n]*`")]
    Quoted,
    #[regex(r"`[^`\r\n]*")]
    OpenQuoted,

    #[regex(r"[0-9][0-9_]*", priority = 10)]
    Integer,
    #[regex(r"[0-9][0-9_]*\.[0-9][0-9_]*", priority = 10)]
    Decimal,
    #[regex(r"[0-9][0-9_]*(\.[0-9][0-9_]*)?[eE][+-]?[0-9]+", priority = 10)]
    Float,
    #[regex(r"([0-9][0-9_]*(us|ms|s|m|h|d|w))+", priority = 10)]
    Duration,
    #[regex(r"[0-9][0-9_]*(\.[0-9][0-9_]*)?[A-Za-z_][A-Za-z0-9_]*", priority = 5)]
    #[regex(r"\.[0-9][0-9_]*", priority = 5)]
    BadNumber,
    #[regex(
        r"@[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?",
        priority = 10
    )]
    #[regex(r"@[0-9]*(-[0-9]+)?(-[0-9]+)?([A-Za-z][0-9A-Za-z:.]*)?", priority = 5)]
    Timestamp,

    #[regex(r#""([^"\\\r\n]|\\[^\r\n])*""#)]
    String,
    #[regex(r#""([^"\\\r\n]|\\[^\r\n])*\\?"#)]
    OpenString,
    #[regex(r#"r"[^"\r\n]*""#)]
    RawString,
    #[regex(r#"r"[^"\r\n]*"#)]
    OpenRawString,
    #[regex(r"'([^'\r\n]|'')*'?")]
    SingleQuoted,
    #[token("f\"")]
    TemplateStart,

    #[token("(")]
    LeftParenthesis,
    #[token(")")]
    RightParenthesis,
    #[token("[")]
    LeftBracket,
    #[token("]")]
    RightBracket,
    #[token("{")]
    LeftBrace,
    #[token("}")]
    RightBrace,
    #[token(",")]
    Comma,
    #[token(".")]
    Dot,
    #[token("..")]
    DotDot,
    #[token(":")]
    Colon,
    #[token("=")]
    Assign,
    #[token("==")]
    Equal,
    #[token("!=")]
    NotEqual,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEqual,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEqual,
    #[token("+")]
    Plus,
    #[token("++")]
    PlusPlus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,
    #[token("?")]
    Question,
    #[token("??")]
    Coalesce,
    #[token("|")]
    Pipe,
    #[token("->")]
    Arrow,

    // Signs of other languages, each with what it stands for here.
    #[token("&&")]
    ForeignAnd,
    #[token("||")]
    ForeignOr,
    #[token("!")]
    ForeignNot,
    #[token("<>")]
    ForeignNotEqual,
    #[token(";")]
    Semicolon,

    #[regex(r"[^ \t\r\n\f]", priority = 1)]
    Unknown,
}

#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
enum Template {
    // The braces of `\u{e9}` open no interpolation.
    #[regex(r#"([^"{}\\\r\n]|\\[^\r\n]|\\u\{[0-9A-Za-z]*\}|\{\{|\}\})+"#)]
    Text,
    #[token("{")]
    Open,
    #[token("}")]
    Close,
    #[token("\"")]
    End,
    #[regex(r"[\r\n]", priority = 5)]
    #[token("\\", priority = 1)]
    Break,
}

/// An f-string whose end has not come yet.
struct OpenTemplate {
    start: u32,
    /// Braces open inside the present interpolation.
    n_braces: usize,
}

struct Cutter<'a> {
    file: FileId,
    text: &'a str,
    out: Lexed,
    /// Up to where line breaks have been looked for.
    line_checked_to: usize,
    open: Vec<OpenTemplate>,
    /// Docs at the end of the list that wait for their next token.
    pending_docs: usize,
    muted: bool,
}

impl<'a> Cutter<'a> {
    fn run(&mut self) {
        let mut lexer = Main::lexer(self.text);
        if self.text.starts_with('\u{feff}') {
            lexer.bump('\u{feff}'.len_utf8());
            self.line_checked_to = lexer.span().end;
        }
        while let Some(token) = lexer.next() {
            let token = token.unwrap_or(Main::Unknown);
            let span = lexer.span();
            let first_on_line = self.starts_line(span.start);
            if first_on_line && !self.open.is_empty() {
                self.close_templates(span.start);
            }
            self.line_checked_to = span.end;
            if token == Main::TemplateStart {
                self.push(TokenKind::TemplateStart, span.start, span.end, first_on_line);
                self.open.push(OpenTemplate { start: span.start as u32, n_braces: 0 });
                lexer = self.template_text(lexer);
            } else if token == Main::RightBrace && self.open.last().is_some_and(|t| t.n_braces == 0) {
                self.push(TokenKind::TemplateClose, span.start, span.end, first_on_line);
                lexer = self.template_text(lexer);
            } else {
                self.token(token, &mut lexer, first_on_line);
            }
        }
        self.close_templates(self.text.len());
        for doc in self.out.docs.iter_mut().rev().take(self.pending_docs) {
            doc.before = self.text.len() as u32;
        }
    }

    /// Whether only blanks stand between the line's beginning and here.
    fn starts_line(&self, start: usize) -> bool {
        let last = self.out.tokens.is_empty() && self.out.comments.is_empty() && self.line_checked_to <= 3;
        last || self.text.get(self.line_checked_to..start).is_some_and(|gap| gap.contains(['\n', '\r']))
    }

    fn push(&mut self, kind: TokenKind, start: usize, end: usize, first_on_line: bool) {
        self.out.tokens.push(Token { kind, start: start as u32, end: end as u32, first_on_line });
        if self.pending_docs > 0 {
            for doc in self.out.docs.iter_mut().rev().take(self.pending_docs) {
                doc.before = start as u32;
            }
            self.pending_docs = 0;
        }
    }

    fn token(&mut self, token: Main, lexer: &mut Lexer<'a, Main>, first_on_line: bool) {
        let span = lexer.span();
        let slice = lexer.slice();
        let kind = match token {
            Main::Comment => return self.comment(span.start, span.end, first_on_line),
            Main::ForeignComment if let Some(length) = self.handler_behind(span.start, slice) => {
                // What the comment would have swallowed is read.
                let rest = &self.text[span.start + length..];
                let mut rest_lexer = Main::lexer(self.text);
                rest_lexer.bump(self.text.len() - rest.len());
                *lexer = rest_lexer;
                let at = self.span(span.start, span.start + length);
                self.report(error::foreign_handler(at, &slice[..length], foreign::is_grouped(rest)));
                return;
            }
            Main::ForeignComment => {
                let is_apart = self.text.get(..span.start).is_none_or(|t| !t.ends_with(ends_operand));
                self.report(error::foreign_comment(self.span(span.start, span.end), slice, is_apart));
                return;
            }
            Main::BlockComment => return self.block_comment(lexer),
            Main::Semicolon => {
                self.report(error::semicolon(self.span(span.start, span.end)));
                return;
            }
            Main::Word if self.continues_word(lexer) => return self.foreign_word(lexer, first_on_line),
            Main::Word => TokenKind::word(slice).unwrap_or(TokenKind::Identifier),
            Main::Unknown => {
                if slice.chars().next().is_some_and(char::is_alphabetic) {
                    return self.foreign_word(lexer, first_on_line);
                }
                let around = self.around(span.start, span.end);
                self.report(error::unknown_character(self.span(span.start, span.end), slice, around));
                return;
            }
            Main::Quoted => {
                if slice.len() == 2 {
                    self.report(error::bad_quoted_name(self.span(span.start, span.end), "it is empty"));
                }
                TokenKind::Identifier
            }
            Main::OpenQuoted => {
                self.report(error::bad_quoted_name(
                    self.span(span.start, span.end),
                    "its closing backtick is missing",
                ));
                TokenKind::Identifier
            }
            Main::Integer | Main::Decimal | Main::Float | Main::BadNumber => {
                self.number(token, slice, span.start)
            }
            Main::Duration => {
                if let Err(reason) = literal::duration(slice) {
                    self.report(error::bad_duration(self.span(span.start, span.end), slice, reason));
                }
                TokenKind::Duration
            }
            Main::Timestamp => {
                if let Err(reason) = literal::timestamp(slice) {
                    self.report(error::bad_timestamp(self.span(span.start, span.end), slice, reason));
                }
                TokenKind::Timestamp
            }
            Main::String => {
                self.check_escapes(
                    span.start + 1,
                    slice.get(1..slice.len() - 1).unwrap_or(""),
                    Braces::Plain,
                );
                TokenKind::String
            }
            Main::OpenString => {
                let span = self.span(span.start, span.end);
                let is_behind_operand =
                    self.out.tokens.last().is_some_and(|t| t.kind.is_name() || t.kind.closes());
                // `f"{b"`: no text follows an operand.
                self.report(match is_behind_operand && !self.open.is_empty() {
                    true => error::open_interpolation(span),
                    false => error::open_text(span, "text", "\""),
                });
                TokenKind::String
            }
            Main::RawString => TokenKind::RawString,
            Main::OpenRawString => {
                self.report(error::open_text(self.span(span.start, span.end), "raw text", "\""));
                TokenKind::RawString
            }
            // The parser says how a duration is written.
            Main::SingleQuoted if self.is_behind_interval() => TokenKind::String,
            Main::SingleQuoted => {
                let at = self.span(span.start, span.end);
                self.report(match slice.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
                    Some(inside) => error::single_quotes(at, inside),
                    None => error::open_single_quotes(at, slice.trim_start_matches('\'')),
                });
                TokenKind::String
            }
            Main::ForeignAnd => self.foreign_operator(span.start, span.end, "&&", TokenKind::And),
            Main::ForeignOr => {
                let is_of_text = self.is_beside_text(span.start, span.end);
                let meant = if is_of_text { TokenKind::PlusPlus } else { TokenKind::Or };
                self.foreign_operator(span.start, span.end, "||", meant)
            }
            Main::ForeignNot => self.foreign_operator(span.start, span.end, "!", TokenKind::Not),
            Main::ForeignNotEqual => self.foreign_operator(span.start, span.end, "<>", TokenKind::NotEqual),
            Main::LeftBrace => {
                if let Some(template) = self.open.last_mut() {
                    template.n_braces += 1;
                }
                TokenKind::LeftBrace
            }
            Main::RightBrace => {
                if let Some(template) = self.open.last_mut() {
                    template.n_braces = template.n_braces.saturating_sub(1);
                }
                TokenKind::RightBrace
            }
            Main::TemplateStart => TokenKind::TemplateStart,
            Main::LeftParenthesis => TokenKind::LeftParenthesis,
            Main::RightParenthesis => TokenKind::RightParenthesis,
            Main::LeftBracket => TokenKind::LeftBracket,
            Main::RightBracket => TokenKind::RightBracket,
            Main::Comma => TokenKind::Comma,
            Main::Dot => TokenKind::Dot,
            Main::DotDot => TokenKind::DotDot,
            Main::Colon => TokenKind::Colon,
            Main::Assign => TokenKind::Assign,
            Main::Equal => TokenKind::Equal,
            Main::NotEqual => TokenKind::NotEqual,
            Main::Less => TokenKind::Less,
            Main::LessEqual => TokenKind::LessEqual,
            Main::Greater => TokenKind::Greater,
            Main::GreaterEqual => TokenKind::GreaterEqual,
            Main::Plus => TokenKind::Plus,
            Main::PlusPlus => TokenKind::PlusPlus,
            Main::Minus => TokenKind::Minus,
            Main::Star => TokenKind::Star,
            Main::Slash => TokenKind::Slash,
            Main::Percent => TokenKind::Percent,
            Main::Question => TokenKind::Question,
            Main::Coalesce => TokenKind::Coalesce,
            Main::Pipe => TokenKind::Pipe,
            Main::Arrow => TokenKind::Arrow,
        };
        self.push(kind, span.start, span.end, first_on_line);
    }

    /// What stands in front of a place and behind it.
    fn around(&self, start: usize, end: usize) -> [&'a str; 2] {
        [self.text.get(..start), self.text.get(end..)].map(Option::unwrap_or_default)
    }

    fn comment(&mut self, start: usize, end: usize, first_on_line: bool) {
        let text = self.text.get(start..end).unwrap_or("");
        let is_doc = text.starts_with("---") && !text.starts_with("----");
        if is_doc {
            self.doc(start, end, text.trim_start_matches('-'), first_on_line);
        } else {
            self.warn_if_glued(start, end, text);
        }
        self.out.comments.push(Comment { start: start as u32, end: end as u32, first_on_line, is_doc });
    }

    /// Joins a doc comment with the one on the line above. Behind code, it stands before nothing.
    fn doc(&mut self, start: usize, end: usize, text: &str, first_on_line: bool) {
        let text = text.strip_prefix(' ').unwrap_or(text).trim_end();
        let end = end as u32;
        if !first_on_line {
            let start = start as u32;
            return self.out.docs.push(Doc { start, end, before: start, text: text.to_string() });
        }
        if self.pending_docs > 0
            && let Some(last) = self.out.docs.last_mut()
            && self
                .text
                .get(last.end as usize..start)
                .is_some_and(|gap| gap.bytes().filter(|b| *b == b'\n').count() <= 1)
            && self.out.comments.last().is_some_and(|c| c.is_doc)
        {
            last.text.push('\n');
            last.text.push_str(text);
            last.end = end;
            return;
        }
        self.pending_docs += 1;
        self.out.docs.push(Doc { start: start as u32, end, before: end, text: text.to_string() });
    }

    /// `5--3` is 5 and a comment, which is hardly meant.
    fn warn_if_glued(&mut self, start: usize, end: usize, text: &str) {
        let before = self.text.get(..start).is_some_and(|t| t.ends_with(ends_operand));
        let after =
            text.as_bytes().get(2).is_some_and(|b| begins_or_ends_operand(char::from(*b)) || *b == b'(');
        if before && after {
            self.report(error::glued_comment(self.span(start, end), self.span(start, start + 2)));
        }
    }

    /// The text of an f-string up to its next interpolation or its end.
    fn template_text(&mut self, lexer: Lexer<'a, Main>) -> Lexer<'a, Main> {
        let mut lexer: Lexer<'a, Template> = lexer.morph();
        loop {
            // An open f-string ends before the line break, which belongs to what follows.
            if lexer.remainder().starts_with(['\r', '\n']) || lexer.remainder().is_empty() {
                let end = lexer.span().end;
                self.close_templates(end);
                break;
            }
            let Some(token) = lexer.next() else { break };
            let span = lexer.span();
            self.line_checked_to = span.end;
            match token {
                Ok(Template::Text) => {
                    self.check_escapes(span.start, lexer.slice(), Braces::Doubled);
                    self.push(TokenKind::TemplateText, span.start, span.end, false);
                }
                Ok(Template::Open) => {
                    self.push(TokenKind::TemplateOpen, span.start, span.end, false);
                    if let Some(template) = self.open.last_mut() {
                        template.n_braces = 0;
                    }
                    break;
                }
                Ok(Template::Close) => self.report(error::lone_brace(self.span(span.start, span.end))),
                Ok(Template::End) => {
                    self.push(TokenKind::TemplateEnd, span.start, span.end, false);
                    self.open.pop();
                    break;
                }
                Ok(Template::Break) | Err(()) => {}
            }
        }
        lexer.morph()
    }

    /// Ends all open f-strings at a line break, with one message.
    fn close_templates(&mut self, at: usize) {
        let Some(outermost) = self.open.first() else { return };
        let start = outermost.start as usize;
        let end = self.out.tokens.last().map_or(start, |t| t.end as usize).clamp(start, at.max(start));
        let reported = self.out.bad.last().is_some_and(|bad| bad.start as usize > start);
        let in_interpolation = |tokens: &[Token]| {
            !matches!(
                tokens.last().map(|t| t.kind),
                Some(TokenKind::TemplateStart | TokenKind::TemplateText | TokenKind::TemplateClose)
            )
        };
        if !reported {
            // Every f-string but the innermost ends behind an interpolation.
            let innermost = if in_interpolation(&self.out.tokens) { "}\"" } else { "\"" };
            let closed_by = innermost.to_string() + &"}\"".repeat(self.open.len() - 1);
            self.report(error::open_text(self.span(start, end), "f-string", &closed_by));
        }
        while self.open.pop().is_some() {
            if in_interpolation(&self.out.tokens) {
                self.push(TokenKind::TemplateClose, end, end, false);
            }
            self.push(TokenKind::TemplateEnd, end, end, false);
        }
    }

    fn check_escapes(&mut self, start: usize, content: &str, braces: Braces) {
        if !content.contains('\\') {
            return;
        }
        for bad in literal::unescape(content, braces).1 {
            let written = content.get(bad.start..bad.end).unwrap_or("");
            self.report(error::bad_escape(self.span(start + bad.start, start + bad.end), written));
        }
    }

    /// `left` followed by `join` is one token, so that a half-typed `on` can't swallow the `left`.
    fn merge_joins(&mut self) {
        let mut merged: Vec<Token> = Vec::with_capacity(self.out.tokens.len());
        for token in self.out.tokens.drain(..) {
            // Behind a `.` the side is the name of a field.
            let is_field = merged.iter().nth_back(1).is_some_and(|t| t.kind == TokenKind::Dot);
            match merged.last_mut().filter(|_| token.kind == TokenKind::Join && !is_field) {
                Some(side) => match sided_join(side.text(self.text)) {
                    Some(kind) => *side = Token { kind, end: token.end, ..*side },
                    None => merged.push(token),
                },
                None => merged.push(token),
            }
        }
        self.out.tokens = merged;
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        let span = diagnostic.primary.span;
        if diagnostic.severity != millstream_base::Severity::Warning {
            self.out.bad.push(span.start..span.end);
        }
        if self.out.diagnostics.len() < MAX_FINDINGS {
            self.out.diagnostics.push(diagnostic);
        } else if !self.muted {
            self.muted = true;
            let last = self.out.diagnostics.pop();
            self.out.diagnostics.extend(last.map(error::muted));
        }
    }
}

fn begins_or_ends_operand(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '`' | '"')
}

fn ends_operand(c: char) -> bool {
    begins_or_ends_operand(c) || matches!(c, ')' | ']')
}

fn sided_join(side: &str) -> Option<TokenKind> {
    match side {
        "left" => Some(TokenKind::LeftJoin),
        "right" => Some(TokenKind::RightJoin),
        "full" => Some(TokenKind::FullJoin),
        "semi" => Some(TokenKind::SemiJoin),
        "anti" => Some(TokenKind::AntiJoin),
        _ => None,
    }
}
