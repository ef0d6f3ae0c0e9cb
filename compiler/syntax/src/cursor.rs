//! What may stand where an author is writing, and the program as it would be if he went on from there as shortly
//! as the grammar allows: what an editor completes is found out in that program by the phases that check any other.

use crate::cut::Tokens;
use crate::expected::Expected;
pub use crate::expected::Quantity;
use crate::lexer::{self, Lexed};
use crate::parser::{self, Input};
use crate::report;
use crate::token::{Token, TokenKind};
use millstream_base::FileId;
use std::ops::Range;

/// The name that stands at the cursor in the mended program.
pub const PLACEHOLDER: &str = "here_is_the_cursor";

/// What is around an offset of a text.
#[derive(Debug)]
pub struct Cursor {
    /// The word, number or text that the offset touches; empty if it touches none.
    pub word: Range<usize>,
    /// What stands there.
    pub inside: Inside,
    /// What a text there is, as far as what stands in front of it tells.
    pub text: TextKind,
    /// Words of the language that may stand here as such, in the order of the alphabet.
    pub words: Vec<&'static str>,
    /// Which size must stand here, if one must.
    pub quantity: Option<Quantity>,
    /// A duration may stand here as it is written.
    pub takes_duration: bool,
    /// A timestamp may.
    pub takes_timestamp: bool,
    /// A new item may begin here.
    pub begins_item: bool,
    /// The first word of the clause around it.
    pub clause: Option<TokenKind>,
    /// The program with [`PLACEHOLDER`] in the place of the word or text, if a name may stand there.
    pub mended: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inside {
    Code,
    Number,
    Timestamp,
    Text,
    Comment,
}

/// What a text stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextKind {
    /// The path of a program: `use "…"`.
    Program,
    /// The path of data: `file("…")`, `given s from "…"`.
    Data,
    /// The name of a time zone: `in "…"`.
    Zone,
    Other,
}

impl TextKind {
    fn at(text: &str, lexed: &Lexed, start: usize) -> TextKind {
        let i = lexed.tokens.partition_point(|t| (t.start as usize) < start);
        let before = |n: usize| i.checked_sub(n).and_then(|i| lexed.tokens.get(i));
        let kind = |n: usize| before(n).map(|t| t.kind);
        let is = |n: usize, name: &str| before(n).is_some_and(|t| t.text(text) == name);
        match kind(1) {
            Some(TokenKind::Use) => TextKind::Program,
            Some(TokenKind::In) => TextKind::Zone,
            Some(TokenKind::From) if kind(3) == Some(TokenKind::Given) => TextKind::Data,
            Some(TokenKind::LeftParenthesis) if is(2, "file") => TextKind::Data,
            Some(TokenKind::Colon) if is(2, "path") => TextKind::Data,
            _ => TextKind::Other,
        }
    }
}

/// Where the paths of a program stand, without their quotes.
pub fn paths(text: &str) -> Vec<Range<usize>> {
    let lexed = lexer::lex(FileId::default(), text);
    let texts = lexed.tokens.iter().filter(|token| token.kind == TokenKind::String);
    let paths = texts.filter(|token| {
        let kind = TextKind::at(text, &lexed, token.start as usize);
        matches!(kind, TextKind::Program | TextKind::Data) && !is_open(text, token)
    });
    paths.map(|token| token.start as usize + 1..token.end as usize - 1).collect()
}

/// Looks around an offset.
pub fn at(text: &str, offset: usize) -> Cursor {
    let offset = text.floor_char_boundary(offset.min(text.len()));
    // Between the signs of `list<>` a type is written; together they are a sign of another language.
    let apart = match (text.get(..offset), text.get(offset..)) {
        (Some(before), Some(behind)) if before.ends_with('<') && behind.starts_with('>') => {
            Some(format!("{before} {behind}"))
        }
        _ => None,
    };
    let text = apart.as_deref().unwrap_or(text);
    let lexed = lexer::lex(FileId::default(), text);
    let (word, inside) = word_at(text, &lexed, offset);
    let nothing = Cursor {
        word: word.clone(),
        inside,
        text: if inside == Inside::Text { TextKind::at(text, &lexed, word.start) } else { TextKind::Other },
        words: vec![],
        quantity: None,
        takes_duration: false,
        takes_timestamp: false,
        begins_item: false,
        clause: None,
        mended: None,
    };
    if inside == Inside::Comment {
        return nothing;
    }
    let input = Input { file: FileId::default(), text, lexed: &lexed };
    let tokens = report::tokens(&input);
    let piece = Piece::before(input, tokens, word.start);
    let Some((expected, is_complete)) = piece.expected() else { return nothing };
    let mended = expected.has("IDENTIFIER").then(|| {
        as_it_goes_on(text, &word).unwrap_or_else(|| {
            let rest = piece.rest(tokens, &word);
            let ending = piece.shortest_ending();
            let (before, behind) = (text.get(..word.start).unwrap_or(""), text.get(rest..).unwrap_or(""));
            format!("{before}{PLACEHOLDER}{ending}\n{behind}")
        })
    });
    let given = options_given(&tokens, word.start);
    let quantity = expected.quantity(piece.tokens.last().map(|t| t.kind));
    Cursor {
        clause: tokens.clause_at(word.start),
        words: expected.words().into_iter().filter(|word| !given.contains(word)).collect(),
        quantity,
        takes_duration: expected.has("DURATION") && quantity != Some(Quantity::Count),
        takes_timestamp: expected.has("TIMESTAMP"),
        begins_item: is_complete || expected.has("stream") && expected.has("sink"),
        mended,
        ..nothing
    }
}

/// The program with only the word replaced, if the item around it is one then: what stands behind the cursor may say
/// what is known at it, as the streams of a pattern behind its keys do.
fn as_it_goes_on(text: &str, word: &Range<usize>) -> Option<String> {
    let (before, behind) = (text.get(..word.start)?, text.get(word.end..)?);
    let mended = format!("{before}{PLACEHOLDER} {behind}");
    let lexed = lexer::lex(FileId::default(), &mended);
    let input = Input { file: FileId::default(), text: &mended, lexed: &lexed };
    let tokens = report::tokens(&input);
    let at = tokens.all.partition_point(|t| (t.start as usize) < word.start);
    let start = (0..=at).rev().find(|i| tokens.starts_item(*i))?;
    let end = (at + 1..tokens.all.len()).find(|i| tokens.starts_item(*i)).unwrap_or(tokens.all.len());
    let is_one = parser::run(input, TokenKind::StartItem, tokens.all.get(start..end)?).is_ok();
    is_one.then_some(mended)
}

/// The options that the source, table or sink around a place has elsewhere, each of which stands once; none in brackets.
fn options_given<'a>(tokens: &Tokens<'a>, at: usize) -> Vec<&'a str> {
    let here = tokens.all.partition_point(|t| (t.start as usize) < at);
    let Some(start) = (0..=here).rev().find(|i| tokens.starts_item(*i)) else { return vec![] };
    let end = (start + 1..tokens.all.len()).find(|i| tokens.starts_item(*i)).unwrap_or(tokens.all.len());
    let starts: StartsPart = match tokens.all.get(start).map(|t| t.kind) {
        Some(TokenKind::Source | TokenKind::Table) => |t, i, depth| t.starts_source_option(i, depth),
        Some(TokenKind::Sink) => |t, i, depth| t.starts_sink_option(i, depth),
        _ => return vec![],
    };
    let mut depth = 0_usize;
    let mut given = vec![];
    for (i, token) in tokens.all.iter().enumerate().take(end).skip(start) {
        if i == here && depth > 0 || depth == 0 && token.kind == TokenKind::Assign {
            return vec![];
        }
        let is_given = starts(tokens, i, depth) || depth == 0 && is_option_of_time(tokens, i);
        if token.start as usize != at && is_given {
            given.push(token.text(tokens.text));
        }
        depth += usize::from(token.kind.opens());
        depth = depth.saturating_sub(usize::from(token.kind.closes()));
    }
    given
}

/// Whether a token says how the time of a source is taken: `disorder 5s`.
fn is_option_of_time(tokens: &Tokens, i: usize) -> bool {
    let kind = |i: usize| tokens.all.get(i).map(|token| token.kind);
    let is_word = matches!(kind(i), Some(TokenKind::Disorder | TokenKind::Idle | TokenKind::Ahead));
    is_word && !matches!(kind(i.wrapping_sub(1)), Some(TokenKind::Time | TokenKind::Dot))
}

/// The word that an offset touches.
fn word_at(text: &str, lexed: &Lexed, offset: usize) -> (Range<usize>, Inside) {
    let none = offset..offset;
    let in_comment = |c: &lexer::Comment| (c.start as usize) < offset && offset <= c.end as usize;
    if lexed.comments.iter().any(in_comment) {
        return (none, Inside::Comment);
    }
    let behind = lexed.tokens.partition_point(|t| (t.start as usize) < offset);
    let before = behind.checked_sub(1).and_then(|i| lexed.tokens.get(i));
    let at = lexed.tokens.get(behind).filter(|t| t.start as usize == offset);
    let range = |t: &Token| t.start as usize..t.end as usize;
    let is_word = |t: &&Token| t.kind.is_name() || t.kind.is_reserved();
    match before {
        Some(t) if is_word(&t) && offset <= t.end as usize => (range(t), Inside::Code),
        Some(t) if is_number(t.kind) && offset <= t.end as usize => (range(t), Inside::Number),
        Some(t) if t.kind == TokenKind::Timestamp && offset <= t.end as usize => {
            (range(t), Inside::Timestamp)
        }
        // What stands behind the cursor in a text without an end may be no part of it.
        Some(t) if is_open(text, t) && offset <= t.end as usize => (t.start as usize..offset, Inside::Text),
        Some(t) if is_text(t.kind) && offset < t.end as usize => (range(t), Inside::Text),
        _ => match at.filter(is_word) {
            Some(t) => (range(t), Inside::Code),
            None => (none, Inside::Code),
        },
    }
}

fn is_number(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Integer | TokenKind::Decimal | TokenKind::Float | TokenKind::Duration)
}

fn is_text(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::String | TokenKind::RawString | TokenKind::TemplateText)
}

/// Whether a text lacks the quote that ends it.
fn is_open(text: &str, token: &Token) -> bool {
    let rest = token.text(text).strip_prefix('"').filter(|_| token.kind == TokenKind::String);
    rest.is_some_and(|rest| !rest.ends_with('"'))
}

/// What stands in front of the cursor, from where the parser can begin.
struct Piece<'a> {
    input: Input<'a>,
    mode: TokenKind,
    tokens: &'a [Token],
}

impl<'a> Piece<'a> {
    /// The item; where that is broken already, its last clause, step, field, member or option.
    fn before(input: Input<'a>, tokens: Tokens<'a>, offset: usize) -> Piece<'a> {
        let end = tokens.all.partition_point(|t| (t.start as usize) < offset);
        let item = (0..end).rev().find(|i| tokens.starts_item(*i));
        let start = item.unwrap_or(0);
        let piece = |mode, range: Range<usize>| Piece {
            input,
            mode,
            tokens: tokens.all.get(range).unwrap_or_default(),
        };
        if start == end {
            return piece(TokenKind::StartProgram, start..end);
        }
        let whole = piece(TokenKind::StartItem, start..end);
        if whole.fits() {
            return whole;
        }
        let kind = tokens.all.get(start).map(|t| t.kind);
        let Some((mode, starts)) = kind.and_then(parts_of) else { return whole };
        let last = (start + 1..end).rev().find(|i| starts(&tokens, *i, 0));
        last.map_or(whole, |last| piece(mode, last..end))
    }

    fn fits(&self) -> bool {
        match parser::run_extended(self.input, self.mode, self.tokens, &[NOTHING]) {
            Ok(_) => true,
            Err(stuck) => stuck.at >= self.tokens.len(),
        }
    }

    /// What may come next, and whether nothing has to.
    fn expected(&self) -> Option<(Expected, bool)> {
        if !self.fits() {
            return None;
        }
        let mut expected = Expected::new(&parser::expected_behind(self.input, self.mode, self.tokens));
        let is_complete = parser::run(self.input, self.mode, self.tokens).is_ok();
        if is_complete {
            expected.add_followers(self.mode);
        }
        Some((expected, is_complete))
    }

    /// Where the program goes on behind the item of the cursor.
    fn rest(&self, tokens: Tokens, word: &Range<usize>) -> usize {
        let end = tokens.all.partition_point(|t| (t.start as usize) < word.end.max(word.start + 1));
        let next = (end..tokens.all.len()).find(|i| tokens.starts_item(*i));
        next.and_then(|i| tokens.all.get(i)).map_or(self.input.text.len(), |t| t.start as usize)
    }

    /// What has to come behind a name at the cursor for the piece to be one, with a space in front of each token.
    fn shortest_ending(&self) -> String {
        let mut made_up = vec![(TokenKind::Identifier, PLACEHOLDER)];
        let most = MOST_MADE_UP.min(MOST_READ / (self.tokens.len() + 1));
        for _ in 0..most {
            if parser::run_extended(self.input, self.mode, self.tokens, &made_up).is_ok() {
                break;
            }
            made_up.push(NOTHING);
            let Err(stuck) = parser::run_extended(self.input, self.mode, self.tokens, &made_up) else {
                break;
            };
            made_up.pop();
            let expected = Expected::new(&stuck.expected);
            let Some(next) = ENDINGS.iter().find(|(terminal, ..)| expected.has(terminal)) else { break };
            made_up.push((next.1, next.2));
        }
        made_up.iter().skip(1).map(|(_, text)| format!(" {text}")).collect()
    }
}

/// A token that fits nowhere.
const NOTHING: (TokenKind, &str) = (TokenKind::StartProgram, "");

/// More than any construct needs, were it not for brackets in brackets.
const MOST_MADE_UP: usize = 40;

/// For each made-up token the piece is read anew: so many tokens may be.
const MOST_READ: usize = 100_000;

/// What pieces end with, the shortest ways first.
const ENDINGS: &[(&str, TokenKind, &str)] = &[
    (")", TokenKind::RightParenthesis, ")"),
    ("]", TokenKind::RightBracket, "]"),
    ("}", TokenKind::RightBrace, "}"),
    ("TEMPLATE_CLOSE", TokenKind::TemplateClose, "}"),
    ("TEMPLATE_END", TokenKind::TemplateEnd, "\""),
    (":", TokenKind::Colon, ":"),
    ("->", TokenKind::Arrow, "->"),
    ("IDENTIFIER", TokenKind::Identifier, "x"),
    ("on", TokenKind::On, "on"),
    ("then", TokenKind::Then, "then"),
    ("else", TokenKind::Else, "else"),
    ("empty", TokenKind::Empty, "empty"),
    ("within", TokenKind::Within, "within"),
    ("by", TokenKind::By, "by"),
    ("for", TokenKind::For, "for"),
    ("per", TokenKind::Per, "per"),
    ("every", TokenKind::Every, "every"),
    ("to", TokenKind::To, "to"),
    ("key", TokenKind::Key, "key"),
    ("=", TokenKind::Assign, "="),
    ("from", TokenKind::From, "from"),
    ("as", TokenKind::As, "as"),
    // Behind these an expression could go on as well.
    ("and", TokenKind::And, "and"),
    ("in", TokenKind::In, "in"),
    ("INTEGER", TokenKind::Integer, "1"),
    ("STRING", TokenKind::String, "\"\""),
    ("{", TokenKind::LeftBrace, "{"),
    ("(", TokenKind::LeftParenthesis, "("),
    ("[", TokenKind::LeftBracket, "["),
];

type StartsPart = fn(&Tokens, usize, usize) -> bool;

/// The parts of an item that can be read alone.
fn parts_of(item: TokenKind) -> Option<(TokenKind, StartsPart)> {
    Some(match item {
        TokenKind::Stream => (TokenKind::StartClause, |t, i, depth| t.starts_clause(i, depth)),
        TokenKind::Source => (TokenKind::StartSourceOption, |t, i, depth| t.starts_source_option(i, depth)),
        TokenKind::Table => (TokenKind::StartClause, |t, i, depth| t.starts_clause(i, depth)),
        TokenKind::Sink => (TokenKind::StartSinkOption, |t, i, depth| t.starts_sink_option(i, depth)),
        TokenKind::Test => (TokenKind::StartTestStep, |t, i, depth| t.starts_test_step(i, depth)),
        TokenKind::Aggregate => (TokenKind::StartMember, |t, i, depth| t.starts_member(i, depth)),
        TokenKind::Type => (TokenKind::StartField, |t, i, depth| t.starts_field(i, depth)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known at `$0`.
    fn shown(marked: &str) -> String {
        let offset = marked.find("$0").unwrap_or(marked.len());
        let found = at(&marked.replace("$0", ""), offset);
        let mended = found.mended.map_or("no name may stand here".to_string(), |m| m.trim_end().to_string());
        format!("{:?} {:?}\n{}\n{mended}", found.word, found.inside, found.words.join(" "))
    }

    #[test]
    fn a_query_that_is_not_finished() {
        insta::assert_snapshot!(shown("stream a = from payments where round(amount, $0\nstream b = from a"));
    }

    #[test]
    fn the_next_clause() {
        insta::assert_snapshot!(shown("stream a = from payments\n  wh$0\nsink out from a to stdout"));
    }

    #[test]
    fn behind_a_broken_clause() {
        insta::assert_snapshot!(shown("stream a = from payments\n  where )\n  select am$0"));
    }

    #[test]
    fn a_pattern_inside_a_condition() {
        insta::assert_snapshot!(shown("stream a = match by card x: payments[am$0"));
    }

    #[test]
    fn rows_of_a_test() {
        insta::assert_snapshot!(shown("test \"t\" {\n  given payments [{ ca$0"));
    }

    #[test]
    fn a_join_before_its_condition() {
        insta::assert_snapshot!(shown("stream a = from payments as p left join re$0"));
    }

    #[test]
    fn windows_by_their_kind() {
        insta::assert_snapshot!(shown("stream a = from payments window tu$0"));
    }

    #[test]
    fn an_empty_program() {
        insta::assert_snapshot!(shown("$0"));
    }

    #[test]
    fn a_long_piece_that_lacks_much_is_not_read_again_and_again() {
        let text = format!("param x: int = {}", "if true then ".repeat(20_000));
        let mended = at(&text, text.len()).mended.expect("a name may stand there");
        assert!(mended.len() < text.len() + 50, "{}", &mended[text.len()..]);
    }

    #[test]
    fn an_option_is_said_once() {
        let words = |marked: &str| {
            let found = at(&marked.replace("$0", ""), marked.find("$0").unwrap_or_default());
            let options = ["from", "format", "time", "refresh", "on", "ordered"];
            found.words.into_iter().filter(|word| options.contains(word)).collect::<Vec<_>>().join(" ")
        };
        let record = "source s: { id: int, at: timestamp }";
        assert_eq!(words(&format!("{record}\n  $0")), "format from on refresh time");
        assert_eq!(words(&format!("{record}\n  from file(\"f\") format json\n  $0")), "on refresh time");
        assert_eq!(words(&format!("{record}\n  $0\n  format json\n  time at")), "from on refresh");
        assert_eq!(words(&format!("{record}\n  fro$0m file(\"f\")")), "format from on refresh time");
        assert_eq!(words("source s: { id: int $0 }\n  from file(\"f\")"), "from");
        assert_eq!(words("sink o from s to stdout format json $0"), "on ordered");
        assert_eq!(words("table t key k = from s select k, v $0"), "on time");
    }

    #[test]
    fn a_header_of_a_function() {
        insta::assert_snapshot!(shown("fn f(x: in$0"));
    }

    #[test]
    fn paths_of_files_are_told_from_other_texts() {
        let text =
            "use \"a.stream\"\nsource s: T from file(\"b.csv\", follow: true) format csv(delimiter: \";\")
  on error sideline file(path: \"c\")\ntable t: { x: string from \"d\" } key x from file(r\"e\")
test \"f\" { given s from \"g\" }\nsink o from s to stdout(\"h\")\nuse \"open";
        let found: Vec<&str> = paths(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["a.stream", "b.csv", "c", "g"]);
    }

    #[test]
    fn a_template() {
        insta::assert_snapshot!(shown("stream a = from payments select f\"{ca$0\" as x"));
    }
}
