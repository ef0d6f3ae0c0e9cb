//! From a parser that is stuck to one finding: where it is reported, with which code and fix.
//!
//! The rule of places: something missing before a line break is reported at the end of the line it is
//! missing from; a word that is wrong where the text before it was complete is reported at that word.

mod trials;

use crate::cut::{Tokens, is_function_elsewhere};
use crate::elsewhere::{statements, words};
use crate::error;
use crate::expected::Expected;
use crate::parser::{self, Input};
use crate::spelling::{self, Advice, Place};
use crate::token::{Token, TokenKind};
use millstream_base::diagnostic::Edit;
use millstream_base::{Diagnostic, Span, suggest};
use std::ops::Range;

/// What to say about a piece of the file that does not parse as what `mode` asks for: it fits up to
/// token `at`. None if the lexer has already complained about the place.
pub fn stuck(input: Input, mode: TokenKind, range: Range<usize>, at: usize) -> Option<Diagnostic> {
    let site = Site::new(input, mode, range.clone(), at);
    if site.is_bad() || site.is_behind_select() {
        return None;
    }
    // `from file(⏎time at`: what is wrong is not `at`, but that `time` was taken for a name.
    if site.is_behind_line_word() {
        let earlier = Site::new(input, mode, range, at - 1);
        if !earlier.complete {
            return Some(earlier.missing(site.previous));
        }
    }
    Some(site.finding())
}

/// Whether the word at `at` could stand there after all, in another piece: then what is wrong with it
/// shows only in the item as a whole.
pub fn fits_elsewhere(input: Input, mode: TokenKind, range: Range<usize>, at: usize) -> bool {
    let site = Site::new(input, mode, range, at);
    site.complete && site.found.is_some_and(|t| site.expected.has(t.kind.shown()))
}

struct Site<'a> {
    input: Input<'a>,
    mode: TokenKind,
    slice: &'a [Token],
    /// The piece up to where it is stuck.
    before: &'a [Token],
    /// The number in the file of the token behind that.
    index: usize,
    previous: Option<&'a Token>,
    /// The token that does not fit; that behind the piece if it stands on the same line.
    found: Option<&'a Token>,
    behind: Option<&'a Token>,
    /// The first token of the piece.
    first: Option<&'a Token>,
    /// The first token behind the piece.
    next: Option<&'a Token>,
    /// The piece up to here is all that it has to be.
    complete: bool,
    /// Those that a window before the place may still have.
    options: Option<&'static [&'static str]>,
    expected: Expected,
}

const WINDOW_OPTIONS: [&str; 8] = ["by", "expire", "fill", "forever", "in", "lateness", "max", "offset"];

impl<'a> Site<'a> {
    fn new(input: Input<'a>, mode: TokenKind, range: Range<usize>, at: usize) -> Site<'a> {
        let all = &input.lexed.tokens;
        let slice = all.get(range.clone()).unwrap_or(&[]);
        let before = slice.get(..at).unwrap_or(slice);
        let index = range.start + before.len();
        let next = all.get(range.end);
        let found = slice.get(at).or(next.filter(|t| !t.first_on_line));
        let complete = parser::run(input, mode, before).is_ok();
        let mut expected = Expected::new(&parser::expected_behind(input, mode, before));
        if complete {
            expected.add_followers(mode);
        }
        let is_hopping = before.iter().take(2).map(|t| t.kind).eq([TokenKind::Window, TokenKind::Hopping]);
        if is_hopping {
            expected.remove(&["rows"]);
        }
        let options = spelling::window_options(before).filter(|_| complete);
        if let Some(options) = options {
            let foreign: Vec<&str> = WINDOW_OPTIONS.into_iter().filter(|o| !options.contains(o)).collect();
            expected.remove(&foreign);
            if before.last().is_some_and(|t| t.kind == TokenKind::Duration) {
                expected.remove(&["rows"]);
            }
        }
        let previous = index.checked_sub(1).and_then(|i| all.get(i));
        Site {
            input,
            mode,
            slice,
            before,
            index,
            options,
            previous,
            found,
            behind: all.get(index + 1),
            first: slice.first(),
            next,
            complete,
            expected,
        }
    }

    /// The lexer has complained about a token beside the place, or about text between them.
    fn is_bad(&self) -> bool {
        let place = self.found.or(self.previous);
        let (Some(first), Some(last)) = (self.previous.or(place), place) else { return false };
        let bad = &self.input.lexed.bad;
        let n_before = bad.partition_point(|b| b.start < last.end);
        let near = bad.get(..n_before).and_then(|b| b.last());
        near.is_some_and(|b| b.end > first.start || b.start == first.start)
    }

    /// A `top` that `select` lacks its columns for, which has been told there.
    fn is_behind_select(&self) -> bool {
        let before =
            (self.index - self.before.len()).checked_sub(1).and_then(|i| self.input.lexed.tokens.get(i));
        self.first.is_some_and(|first| first.kind == TokenKind::Top)
            && before.is_some_and(|before| before.kind == TokenKind::Select)
    }

    /// The token before is a word that begins its line as a part of the language does, and the one found
    /// stands beside it as no operator or bracket would.
    fn is_behind_line_word(&self) -> bool {
        use TokenKind::*;
        let begins = |t: &Token| {
            t.first_on_line
                && (is_boundary(t.kind)
                    || matches!(
                        t.kind,
                        From | To
                            | Format
                            | Refresh
                            | Within
                            | Without
                            | Reuse
                            | Limit
                            | State
                            | Add
                            | Remove
                            | Merge
                            | Result
                            | Given
                            | Expect
                            | Advance
                    ))
        };
        let beside = |t: &Token| {
            !t.first_on_line && (t.kind.is_name() || matches!(t.kind, Integer | Duration | Decimal | String))
        };
        self.before.len() > 1 && self.previous.is_some_and(begins) && self.found.is_some_and(beside)
    }

    /// The piece does not even begin as one.
    fn is_first_of_piece(&self) -> bool {
        self.before.is_empty() && self.found.is_some_and(|t| self.first.is_some_and(|f| f.start == t.start))
    }

    fn finding(&self) -> Diagnostic {
        match self.found {
            Some(found) if !found.first_on_line || self.complete || self.is_first_of_piece() => {
                self.wrong(found)
            }
            _ => self.missing(self.found.or(self.next)),
        }
    }

    fn described(&self) -> String {
        if self.mode == TokenKind::StartItem && self.before.is_empty() {
            return "an item such as `stream`".to_string();
        }
        self.expected.describe(self.previous.map(|t| t.kind))
    }

    /// A token that does not fit.
    fn wrong(&self, found: &Token) -> Diagnostic {
        use TokenKind::*;
        let span = self.span(found);
        let text = found.text(self.input.text);
        let described = self.described();
        if found.kind == Assign && self.expected.has("==") {
            let null = self.behind.filter(|behind| behind.kind == Null).map(|null| self.span(null));
            return error::single_equals(span, null);
        }
        if is_comparison(found.kind)
            && self.expected.has("and")
            && !self.expected.has("==")
            && !self.expected.has("IDENTIFIER")
        {
            return error::chained_comparison(span, self.last_comparison());
        }
        if let Some(d) = self.trailing_comma(found) {
            return d;
        }
        if let Some(d) = self.unclosed(span, ends_brackets(found.kind), &described) {
            return d;
        }
        let stands_as_name = self.behind.is_none_or(|b| {
            b.first_on_line
                || matches!(
                    b.kind,
                    Colon | Assign | Comma | RightParenthesis | RightBrace | Dot | LeftParenthesis
                )
        });
        if found.kind.is_reserved()
            && self.expected.is_name_but_not_any()
            && stands_as_name
            && !found.first_on_line
        {
            return error::reserved_word(span, text, &described);
        }
        let d = error::unexpected(span, &shown(found, text), &described);
        self.hints(d, found, text)
    }

    /// `union all other`, where the second word has been taken for a stream, and `union distinct other`.
    fn words_behind_union(&self, d: &Diagnostic, found: &Token) -> Option<Diagnostic> {
        let is_union = |n: usize| self.before.iter().nth_back(n).is_some_and(|t| t.kind == TokenKind::Union);
        let text = |t: &Token| t.text(self.input.text).to_ascii_lowercase();
        let all = self.previous.filter(|word| is_union(1) && text(word) == "all");
        if let Some(all) = all.filter(|_| found.kind.is_name() && !found.first_on_line) {
            let gap = self.span(all).to(self.span(found).at_start());
            return Some(d.clone().fix("`union` keeps all rows by itself", gap, ""));
        }
        (is_union(0) && text(found) == "distinct").then(|| {
            d.clone().help(
                "`union` keeps all rows; `dedupe by … within …` below it leaves out those that come again",
            )
        })
    }

    /// What to say of the beginning of an item that is written as in other languages.
    fn of_header(&self, found: &Token) -> Option<Advice> {
        use TokenKind::*;
        let (item, previous) = (self.before.first()?, self.previous?);
        let end = self.span(previous).at_end();
        let is_after_name = self.before.len() == 2;
        let is_record = self.behind.is_some_and(|behind| behind.kind == LeftBrace);
        let is_behind_name = is_after_name && found.kind == LeftBrace;
        let lacks_colon = self.expected.has(":");
        let colon = || Advice::Edits("write `:`".into(), vec![Edit { span: end, text: ":".into() }]);
        Some(match item.kind {
            Source | Table if is_behind_name && lacks_colon => colon(),
            Source | Table if is_after_name && found.kind == Assign && !is_record => Advice::Helps(vec![
                "a source says what it reads, and from where: `source NAME: { id: int, … } from file(\"FILE\")`".into(),
                "`millstream infer FILE` writes it from the data".into(),
            ]),
            Stream if is_after_name && self.expected.has("=") && (found.kind == Colon || found.kind == As) => {
                let second = self.behind.filter(|behind| behind.kind == Assign);
                let span = self.span(found).to(self.span(second.unwrap_or(found)));
                Advice::Edits("write `=`".into(), vec![Edit { span, text: "=".into() }])
            }
            Param if lacks_colon && found.kind == Assign => {
                let value = self.slice.get(self.before.len() + 1..).unwrap_or_default();
                match statements::type_of(self::tokens(&self.input).part(self.index + 1..self.index + 1 + value.len())) {
                    Some(ty) => {
                        let edits = vec![Edit { span: end, text: format!(": {ty}") }];
                        Advice::Edits("say its type".into(), edits)
                    }
                    None => Advice::Helps(vec!["a parameter stands with its type: `param NAME: int = 5`".into()]),
                }
            }
            Fn | Aggregate if lacks_colon && found.kind.is_name() => colon(),
            Fn | Aggregate if lacks_colon && matches!(found.kind, RightParenthesis | Comma) => {
                Advice::Helps(vec!["a parameter stands with its type: `fn f(n: int) -> int = n + 1`".into()])
            }
            Stream if is_behind_name => match self.slice.last().filter(|last| last.kind == RightBrace) {
                Some(close) => {
                    let opening = Edit { span: end.to(self.span(found)), text: " =".into() };
                    let closing = Edit { span: self.span(close), text: "".into() };
                    Advice::Edits("a stream is its query, without braces".into(), vec![opening, closing])
                }
                None => Advice::Helps(vec![
                    "a stream is its query, without braces: `stream NAME = from …`".into(),
                ]),
            },
            _ => return None,
        })
    }

    /// Something missing behind the last token; `next` stands on a later line, or nothing does.
    fn missing(&self, next: Option<&Token>) -> Diagnostic {
        let place = self.previous.map_or_else(
            || Span::new(self.input.file, 0, 0),
            |t| Span::new(self.input.file, t.end as usize, t.end as usize),
        );
        if let Some(next) = next
            && let Some(d) = self.trailing_comma(next)
        {
            return d;
        }
        let described = self.described();
        if let Some(d) = self.unclosed(place, true, &described) {
            return d;
        }
        let at = if next.is_some() { "the end of the line" } else { "the end of the file" };
        self.place().completed(error::missing(place, at, &described))
    }

    fn hints(&self, d: Diagnostic, found: &Token, text: &str) -> Diagnostic {
        use TokenKind::*;
        let span = self.span(found);
        if let Some(advice) = self.place().advice().or_else(|| self.of_header(found)) {
            return advice.added_to(d);
        }
        let is_behind_select = self.previous.is_some_and(|t| t.kind == Select);
        if let Some(help) = words::clause(text, is_behind_select) {
            return d.help(help);
        }
        if is_function_elsewhere(text) && self.expected.has("fn") {
            return d.fix("write `fn`", span, "fn");
        }
        if self.is_query_without_name(found, text) {
            return d.help("a query belongs to a stream: write `stream NAME = from …`");
        }
        let is_behind =
            |word: &str| self.previous.is_some_and(|t| t.text(self.input.text).eq_ignore_ascii_case(word));
        let order = match text.to_ascii_lowercase().as_str() {
            "ascending" => "asc",
            "descending" => "desc",
            _ => "",
        };
        if self.expected.has(order) {
            return d.fix(format!("write `{order}`"), span, order);
        }
        if let Some(advised) = self.words_behind_union(&d, found) {
            return advised;
        }
        if is_behind("case") {
            return d.help("a choice is written `if … then … else …`");
        }
        if found.kind == Star
            && is_behind("(")
            && self.before.iter().nth_back(1).is_some_and(|t| t.kind == Count)
        {
            return d.fix("count rows with `count()`", span, "");
        }
        if found.kind == Pipe {
            let is_clause = self.behind.is_some_and(|b| is_boundary(b.kind) && !b.kind.is_item_word());
            return match is_clause {
                true => d.fix("clauses stand below one another without a sign", span, ""),
                false => d.help("clauses stand below one another without a sign between them: `where`, `let`, `select`, `group by`, …"),
            };
        }
        // One sign for another that does much the same elsewhere.
        if matches!(found.kind, Assign | Equal | Colon)
            && let Some(sign) = [":", "="].into_iter().find(|sign| self.expected.has(sign))
        {
            return d.fix(format!("write `{sign}`"), span, sign);
        }
        let ends = self.behind.is_none_or(|b| b.first_on_line || b.kind == Comma);
        let is_new_name = found.kind.is_name()
            && !found.first_on_line
            && ends
            && self.expected.has("as")
            && self.expected.has(",");
        let nearest = self.expected.did_you_mean(text).filter(|_| found.kind.is_name());
        if nearest.is_none_or(|word| !self.is_whole_with(word, 1))
            && let Some(word) = self.missing_word()
        {
            return d.fix(format!("write `{word}`"), span.at_start(), format!("{word} "));
        }
        if let Some(word) = nearest
            // A name is hardly a word of the language with two letters wrong.
            && !(is_new_name && suggest::edit_distance(text, word) > 1)
            // Two words of the language are told apart by more than a letter.
            && (found.kind == Identifier && text.len() > 2 || text.len() > 3 && (word.starts_with(text) || suggest::edit_distance(text, word) == 1))
            && self.reads_on_with(word)
        {
            return d.fix(format!("did you mean `{word}`?"), span, word);
        }
        if let Some((word, rest)) = self.glued(text).filter(|_| found.kind == Identifier) {
            return d.fix(format!("set `{word}` apart"), span, format!("{word} {rest}"));
        }
        if found.first_on_line
            && found.kind.is_name()
            && self.expected.has(",")
            && let Some(previous) = self.previous.filter(|_| self.is_whole_behind(TokenKind::Comma))
        {
            return d.fix("write the `,` between the two", self.span(previous).at_end(), ",");
        }
        if is_new_name {
            return d.fix("write the new name behind `as`", span, format!("as {text}"));
        }
        if found.kind == GreaterEqual && self.expected.has(">") {
            return d.fix("set the `>` apart", span, "> =");
        }
        if found.kind == LeftParenthesis && self.before.iter().rev().nth(1).is_some_and(|t| t.kind == Dot) {
            return d.help("functions are called by their name alone: `length(a.b)`, not `a.b.length()`");
        }
        if found.kind == Colon
            && let Some(word) =
                self.previous.filter(|t| matches!(t.kind, By | All | Once | Overlapping | Within))
            && self.before.first().is_some_and(|t| t.kind == Match)
        {
            let name = word.text(self.input.text);
            return d.fix("write this name in backticks in a pattern", self.span(word), format!("`{name}`"));
        }
        let in_window = self.before.first().is_some_and(|t| t.kind == Window);
        if self.complete
            && in_window
            && matches!(found.kind, Offset | In | Max | Lateness | Fill | By | Expire | Forever)
        {
            return d.note(
                "the options of a window come in this order: `offset`, `in`, `max`, `lateness`, `fill`, `by`, and last `expire` or `forever`",
            );
        }
        let takes_plain_name = self.expected.has("IDENTIFIER") && !self.expected.has("tumbling");
        let stands_as_size = self.behind.is_none_or(|b| {
            b.first_on_line
                || matches!(
                    b.kind,
                    By | In
                        | Offset
                        | Max
                        | Lateness
                        | Fill
                        | Rows
                        | Every
                        | Per
                        | Then
                        | Expire
                        | Forever
                        | RightParenthesis
                )
        });
        let is_by = self.behind.is_some_and(|behind| behind.kind == By);
        let begins_clause = is_boundary(found.kind) && found.first_on_line
            || matches!(found.kind, Group | Order | Dedupe) && is_by;
        if takes_plain_name && stands_as_size && !begins_clause && found.kind.is_name() {
            return d.fix(
                "write a parameter called like a word of the language in parentheses",
                span,
                format!("({text})"),
            );
        }
        let takes_pattern_name =
            self.expected.has("IDENTIFIER") && !takes_plain_name && !self.expected.has("within");
        if takes_pattern_name && found.kind.is_name() {
            return d.fix("write this name in backticks in a pattern", span, format!("`{text}`"));
        }
        self.place().completed(d)
    }

    fn place(&self) -> Place<'_> {
        Place {
            text: self.input.text,
            file: self.input.file,
            tokens: &self.input.lexed.tokens,
            at: self.index,
            options: self.options,
            expected: &self.expected,
        }
    }

    /// Where an item could stand, a clause does, or what begins a query in another language.
    fn is_query_without_name(&self, found: &Token, text: &str) -> bool {
        use TokenKind::*;
        let may_be_item = found.first_on_line && self.expected.has("stream") && self.expected.has("sink");
        let word = text.to_ascii_lowercase();
        let is_foreign = matches!(word.as_str(), "select" | "define" | "create" | "insert" | "with" | "from");
        let is_clause =
            matches!(found.kind, From | Match) || is_boundary(found.kind) && !found.kind.is_item_word();
        may_be_item && !self.expected.has("where") && (is_foreign || self.before.is_empty() && is_clause)
    }

    /// A comma behind which the next clause or item begins, or nothing.
    fn trailing_comma(&self, found: &Token) -> Option<Diagnostic> {
        let comma = self.previous.filter(|t| t.kind == TokenKind::Comma)?;
        let ends_list = found.kind.is_reserved() && is_boundary(found.kind)
            || found.first_on_line && is_boundary(found.kind);
        let in_brackets = self.open_bracket().is_some();
        (ends_list && !in_brackets).then(|| error::trailing_comma(self.span(comma), "this list"))
    }

    /// The innermost open bracket, if what closes it could stand here and hardly anything else is missing.
    fn unclosed(&self, at: Span, ends_here: bool, described: &str) -> Option<Diagnostic> {
        let open = self.open_bracket()?;
        let closer = match open.kind {
            TokenKind::LeftParenthesis => ")",
            TokenKind::LeftBracket => "]",
            TokenKind::LeftBrace => "}",
            _ => return None,
        };
        let fits = ends_here && self.expected.has(closer);
        fits.then(|| error::unclosed(self.span(open), open.kind.shown(), at, described))
    }

    fn open_bracket(&self) -> Option<&Token> {
        let mut n_closed = 0;
        for token in self.before.iter().rev() {
            if token.kind.closes() {
                n_closed += 1;
            } else if token.kind.opens() {
                if n_closed == 0 {
                    return Some(token);
                }
                n_closed -= 1;
            }
        }
        None
    }

    fn last_comparison(&self) -> Option<Span> {
        let mut depth = 0;
        for token in self.before.iter().rev() {
            if token.kind.closes() {
                depth += 1;
            } else if token.kind.opens() {
                if depth == 0 {
                    return None;
                }
                depth -= 1;
            } else if depth == 0 && is_comparison(token.kind) {
                return Some(self.span(token));
            }
        }
        None
    }

    fn span(&self, token: &Token) -> Span {
        Span::new(self.input.file, token.start as usize, token.end as usize)
    }
}

fn is_comparison(kind: TokenKind) -> bool {
    use TokenKind::*;
    matches!(
        kind,
        Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual | In | Between | Like | Matches | Is
    )
}

/// Hardly meant to stand in the brackets that are open.
fn ends_brackets(kind: TokenKind) -> bool {
    use TokenKind::*;
    kind.closes() || is_boundary(kind) || matches!(kind, Arrow | Assign | Then)
}

/// A word that begins an item, a clause or an option of both where it stands at the beginning of a line.
fn is_boundary(kind: TokenKind) -> bool {
    kind.is_item_word() || kind.is_clause_word() || matches!(kind, TokenKind::On | TokenKind::Time)
}

fn shown(token: &Token, text: &str) -> String {
    const LONGEST: usize = 30;
    if text.is_empty() {
        return "this".to_string();
    }
    if text.chars().count() <= LONGEST {
        return format!("`{text}`");
    }
    let start: String = text.chars().take(LONGEST).collect();
    match token.kind {
        TokenKind::String | TokenKind::RawString => "this text".to_string(),
        _ => format!("`{start}…`"),
    }
}

/// Tokens of the file, as the splitter takes them.
pub fn tokens<'a>(input: &Input<'a>) -> Tokens<'a> {
    Tokens { text: input.text, all: &input.lexed.tokens }
}
