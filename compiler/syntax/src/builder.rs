//! The actions of the grammar: what each alternative builds. Called by the generated parser only.
//!
//! Also holds what the grammar alone can't say: options given twice, the order of arguments, trees
//! that are too deep. Findings stay here until the parse has succeeded; a failed attempt is forgotten.

use crate::ast::*;
use crate::error;
use crate::lexer::Lexed;
use crate::literal::{self, Braces};
use crate::token::TokenKind;
use millstream_base::{Diagnostic, FileId, Span};
use std::collections::HashSet;

/// What a start mode of the grammar yields.
#[derive(Debug)]
pub enum Parsed {
    Program(Vec<Item>),
    Item(Item),
    Query(Query),
    Head(QueryHead),
    Clause(Clause),
    TestStep(TestStep),
    Field(Field),
    Member(Member),
    SourceOption(SourceOption),
    SinkOption(SinkOption),
    Expr(Expr),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TimeOption {
    Disorder,
    Idle,
    Ahead,
}

pub enum JoinOption {
    Within(Range, Span),
    AsOf(Expr, Span),
    Forever(Span),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RepeatWord {
    Adjacent,
    Greedy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ValueTest {
    In,
    Like,
    Matches,
}

/// State of one parse of one file or slice of it.
pub struct Builder<'a> {
    file: FileId,
    text: &'a str,
    lexed: &'a Lexed,
    pub diagnostics: Vec<Diagnostic>,
    /// Those of a program that are complete.
    items: Vec<Item>,
    /// Starts of the doc comments that found their item or field.
    pub used_docs: Vec<u32>,
    /// One message is enough for a tree that is too deep.
    too_deep: bool,
}

impl<'a> Builder<'a> {
    pub fn new(file: FileId, text: &'a str, lexed: &'a Lexed) -> Builder<'a> {
        Builder { file, text, lexed, diagnostics: vec![], items: vec![], used_docs: vec![], too_deep: false }
    }

    /// From `l` to the end of the last token before `r`. (Where an alternative ends in something
    /// left out, the parser reports the start of the next token as its end.)
    pub fn span(&self, l: usize, r: usize) -> Span {
        let behind_blank = r > l && self.text.as_bytes().get(r - 1).is_some_and(u8::is_ascii_whitespace);
        if !behind_blank {
            return Span::new(self.file, l, r);
        }
        let tokens = &self.lexed.tokens;
        let n_before = tokens.partition_point(|t| (t.start as usize) < r);
        let end = n_before.checked_sub(1).and_then(|i| tokens.get(i)).map_or(r, |t| t.end as usize);
        Span::new(self.file, l, end)
    }

    pub fn item(&mut self, l: usize, kind: ItemKind, r: usize) -> Item {
        Item { doc: self.doc(l), span: self.span(l, r), kind }
    }

    pub fn keep(&mut self, item: Item) {
        self.items.push(item);
    }

    pub fn items(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.items)
    }

    /// The doc comment that stands directly above the token at `l`.
    pub fn doc(&mut self, l: usize) -> Option<String> {
        let docs = &self.lexed.docs;
        let n = docs.partition_point(|d| d.before as usize <= l);
        let doc = docs.get(n.checked_sub(1)?)?;
        if doc.before as usize != l {
            return None;
        }
        self.used_docs.push(doc.start);
        Some(doc.text.clone())
    }

    // ---------- names and literals ----------

    pub fn name(&self, l: usize, text: &str, r: usize) -> Name {
        Name::new(text.trim_matches('`'), self.span(l, r))
    }

    pub fn name_expr(&self, name: Name) -> Expr {
        let span = name.span;
        Expr::new(ExprKind::Name(name), span)
    }

    pub fn text(&self, l: usize, text: &str, r: usize) -> Text {
        Text { value: unquoted(text, Braces::Plain), span: self.span(l, r) }
    }

    pub fn raw_text(&self, l: usize, text: &str, r: usize) -> Text {
        Text { value: raw(text), span: self.span(l, r) }
    }

    pub fn template_text(&self, l: usize, text: &str, r: usize) -> Text {
        Text { value: literal::unescape(text, Braces::Doubled).0, span: self.span(l, r) }
    }

    pub fn plain_integer(&self, l: usize, text: &str, r: usize) -> Integer {
        Integer { value: literal::integer(text).unwrap_or(0), span: self.span(l, r) }
    }

    pub fn literal(&self, l: usize, value: Literal, r: usize) -> Expr {
        Expr::new(ExprKind::Literal(value), self.span(l, r))
    }

    pub fn integer(&self, l: usize, text: &str, r: usize) -> Expr {
        self.literal_or_error(l, literal::integer(text).map(Literal::Int), r)
    }

    pub fn decimal(&self, l: usize, text: &str, r: usize) -> Expr {
        let value = literal::decimal(text).map(|(digits, scale)| Literal::Decimal { digits, scale });
        self.literal_or_error(l, value, r)
    }

    pub fn float(&self, l: usize, text: &str, r: usize) -> Expr {
        self.literal_or_error(l, literal::float(text).map(Literal::Float), r)
    }

    pub fn string(&self, l: usize, text: &str, r: usize) -> Expr {
        self.literal(l, Literal::String { value: unquoted(text, Braces::Plain), raw: false }, r)
    }

    pub fn raw_string(&self, l: usize, text: &str, r: usize) -> Expr {
        self.literal(l, Literal::String { value: raw(text), raw: true }, r)
    }

    pub fn duration(&self, l: usize, text: &str, r: usize) -> Expr {
        self.literal_or_error(l, literal::duration(text).ok().map(Literal::Duration), r)
    }

    pub fn timestamp(&self, l: usize, text: &str, r: usize) -> Expr {
        self.literal_or_error(l, literal::timestamp(text).ok().map(Literal::Timestamp), r)
    }

    pub fn relative_time(&self, l: usize, text: &str, r: usize) -> Expr {
        let kind = literal::duration(text).map_or(ExprKind::Error, ExprKind::RelativeTime);
        Expr::new(kind, self.span(l, r))
    }

    /// A literal without a value was reported by the lexer.
    fn literal_or_error(&self, l: usize, value: Option<Literal>, r: usize) -> Expr {
        Expr::new(value.map_or(ExprKind::Error, ExprKind::Literal), self.span(l, r))
    }

    // ---------- trees of bounded height ----------

    pub fn expr(&mut self, l: usize, kind: ExprKind, r: usize) -> Expr {
        let span = self.span(l, r);
        self.spanned_expr(kind, span)
    }

    fn spanned_expr(&mut self, kind: ExprKind, span: Span) -> Expr {
        self.check_height(kind.height(), span, "expression");
        Expr::new(kind, span)
    }

    pub fn ty(&mut self, l: usize, kind: TypeKind, r: usize) -> Type {
        let span = self.span(l, r);
        self.check_height(kind.height(), span, "type");
        Type::new(kind, span)
    }

    pub fn pattern(&mut self, l: usize, kind: PatternKind, r: usize) -> Pattern {
        let span = self.span(l, r);
        self.check_height(kind.height(), span, "pattern");
        Pattern::new(kind, span)
    }

    fn check_height(&mut self, height: u16, span: Span, what: &str) {
        if height > MAX_HEIGHT {
            self.report_too_deep(span, what);
        }
    }

    fn report_too_deep(&mut self, span: Span, what: &str) {
        if !self.too_deep {
            self.too_deep = true;
            self.diagnostics.push(error::too_deep(span, what));
        }
    }

    pub fn unary(&mut self, l: usize, op: UnaryOp, op_end: usize, operand: Expr) -> Expr {
        let op_span = self.span(l, op_end);
        let span = op_span.to(operand.span);
        self.spanned_expr(ExprKind::Unary { op, op_span, operand: Box::new(operand) }, span)
    }

    pub fn binary(&mut self, left: Expr, op: (BinaryOp, Span), right: Expr) -> Expr {
        let joined = Expr::joined(left, op, right);
        if matches!(joined.kind, ExprKind::Error) {
            self.report_too_deep(joined.span, "expression");
        }
        joined
    }

    pub fn test(&mut self, value: Expr, (test, negated): (ValueTest, bool), with: Expr) -> Expr {
        let span = value.span.to(with.span);
        let (value, with) = (Box::new(value), Box::new(with));
        let kind = match test {
            ValueTest::In => ExprKind::In { value, container: with, negated },
            ValueTest::Like => ExprKind::Like { value, pattern: with, negated },
            ValueTest::Matches => ExprKind::Matches { value, regex: with, negated },
        };
        self.spanned_expr(kind, span)
    }

    pub fn between(&mut self, value: Expr, negated: bool, low: Expr, high: Expr) -> Expr {
        let span = value.span.to(high.span);
        let (value, low, high) = (Box::new(value), Box::new(low), Box::new(high));
        self.spanned_expr(ExprKind::Between { value, low, high, negated }, span)
    }

    pub fn is_null(&mut self, value: Expr, negated: bool, r: usize) -> Expr {
        let span = Span { end: r as u32, ..value.span };
        self.spanned_expr(ExprKind::IsNull { value: Box::new(value), negated }, span)
    }

    pub fn field(&mut self, of: Expr, name: Name) -> Expr {
        let span = of.span.to(name.span);
        self.spanned_expr(ExprKind::Field { of: Box::new(of), name }, span)
    }

    pub fn call(
        &mut self,
        l: usize,
        function: Name,
        distinct: Option<Span>,
        args: Vec<Arg>,
        r: usize,
    ) -> Expr {
        let args = self.args(args);
        self.expr(l, ExprKind::Call(Call { function, distinct, args, filter: None }), r)
    }

    pub fn filter(&mut self, l: usize, call: Expr, condition: Expr, r: usize) -> Expr {
        match call.kind {
            ExprKind::Call(call) => {
                let filter = Some(Box::new(condition));
                self.expr(l, ExprKind::Call(Call { filter, ..call }), r)
            }
            other => self.expr(l, other, r),
        }
    }

    pub fn repeat(
        &mut self,
        l: usize,
        of: Pattern,
        quantifier: Quantifier,
        words: Vec<(RepeatWord, Span)>,
        r: usize,
    ) -> Pattern {
        let adjacent = self.once(&words, RepeatWord::Adjacent, "adjacent");
        let greedy = self.once(&words, RepeatWord::Greedy, "greedy");
        self.pattern(l, PatternKind::Repeat { of: Box::new(of), quantifier, adjacent, greedy }, r)
    }

    fn once(&mut self, words: &[(RepeatWord, Span)], word: RepeatWord, shown: &str) -> Option<Span> {
        let mut places = words.iter().filter(|(w, _)| *w == word).map(|(_, span)| *span);
        let first = places.next();
        for again in places {
            self.given_twice(shown, again, first);
        }
        first
    }

    // ---------- options, each at most once ----------

    fn given_twice(&mut self, what: &str, again: Span, first: Option<Span>) {
        self.diagnostics.push(error::given_twice(what, again, first.unwrap_or(again)));
    }

    pub fn args(&mut self, args: Vec<Arg>) -> Vec<Arg> {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut findings = vec![];
        let mut first_named: Option<Span> = None;
        for arg in &args {
            match (&arg.name, first_named) {
                (None, Some(named)) => findings.push(error::positional_after_named(arg.span, named)),
                (None, None) => {}
                (Some(name), _) => {
                    first_named = first_named.or(Some(name.span));
                    if !seen.insert(&name.text) {
                        let first = args.iter().filter_map(|a| a.name.as_ref()).find(|n| n.text == name.text);
                        findings.push(error::given_twice(
                            &name.text,
                            name.span,
                            first.map_or(name.span, |n| n.span),
                        ));
                    }
                }
            }
        }
        self.diagnostics.extend(findings);
        args
    }

    pub fn event_time(&mut self, column: Name, options: Vec<(TimeOption, Span, Expr)>) -> EventTime {
        let mut time = EventTime { column, disorder: None, idle: None, ahead: None };
        let mut places: Vec<(TimeOption, Span)> = vec![];
        for (word, span, value) in options {
            let (slot, shown) = match word {
                TimeOption::Disorder => (&mut time.disorder, "disorder"),
                TimeOption::Idle => (&mut time.idle, "idle"),
                TimeOption::Ahead => (&mut time.ahead, "ahead"),
            };
            match places.iter().find(|(w, _)| *w == word) {
                Some((_, first)) => self.given_twice(shown, span, Some(*first)),
                None => {
                    *slot = Some(value);
                    places.push((word, span));
                }
            }
        }
        time
    }

    pub fn source_options(&mut self, options: Vec<SourceOption>) -> Vec<SourceOption> {
        let word = |kind: &SourceOptionKind| match kind {
            SourceOptionKind::From(_) => Some("from"),
            SourceOptionKind::Format(_) => Some("format"),
            SourceOptionKind::Time(_) => Some("time"),
            SourceOptionKind::Refresh(_) => Some("refresh"),
            SourceOptionKind::OnError(_) => Some("on error"),
            SourceOptionKind::Error => None,
        };
        self.check_options(options.iter().map(|o| (word(&o.kind), o.span)));
        options
    }

    pub fn sink_options(&mut self, options: Vec<SinkOption>) -> Vec<SinkOption> {
        let word = |kind: &SinkOptionKind| match kind {
            SinkOptionKind::Format(_) => Some("format"),
            SinkOptionKind::Ordered => Some("ordered"),
            SinkOptionKind::OnError(_) => Some("on error"),
            SinkOptionKind::Error => None,
        };
        self.check_options(options.iter().map(|o| (word(&o.kind), o.span)));
        options
    }

    fn check_options(&mut self, options: impl Iterator<Item = (Option<&'static str>, Span)>) {
        let mut seen: Vec<(&str, Span)> = vec![];
        for (word, span) in options {
            let Some(word) = word else { continue };
            match seen.iter().find(|(w, _)| *w == word) {
                Some((_, first)) => self.given_twice(word, span, Some(*first)),
                None => seen.push((word, span)),
            }
        }
    }

    pub fn join(
        &mut self,
        kind: JoinKind,
        stream: StreamRef,
        alias: Option<Name>,
        on: Expr,
        options: Vec<JoinOption>,
    ) -> Join {
        let mut join = Join { kind, stream, alias, on, within: None, as_of: None, forever: None };
        let (mut within_place, mut as_of_place) = (None, None);
        for option in options {
            match option {
                JoinOption::Within(..) if within_place.is_some() => {
                    let JoinOption::Within(_, span) = option else { continue };
                    self.given_twice("within", span, within_place);
                }
                JoinOption::Within(range, span) => {
                    join.within = Some(range);
                    within_place = Some(span);
                }
                JoinOption::AsOf(_, span) if as_of_place.is_some() => {
                    self.given_twice("as of", span, as_of_place)
                }
                JoinOption::AsOf(time, span) => {
                    join.as_of = Some(time);
                    as_of_place = Some(span);
                }
                JoinOption::Forever(span) if join.forever.is_some() => {
                    self.given_twice("forever", span, join.forever);
                }
                JoinOption::Forever(span) => join.forever = Some(span),
            }
        }
        join
    }
}

/// The inside of `"…"`; of text whose end is missing, all that is there.
fn unquoted(text: &str, braces: Braces) -> String {
    let inside = text.get(1..).unwrap_or("");
    // An escaped quote at the end of open text is not its end; either way an error was reported.
    let inside = inside.strip_suffix(['"', '\'']).unwrap_or(inside);
    literal::unescape(inside, braces).0
}

/// The inside of `r"…"`.
fn raw(text: &str) -> String {
    let inside = text.strip_prefix("r\"").unwrap_or(text);
    inside.strip_suffix('"').unwrap_or(inside).to_string()
}

pub fn push<T>(mut list: Vec<T>, last: T) -> Vec<T> {
    list.push(last);
    list
}

pub fn prepend<T>(first: T, rest: Vec<T>) -> Vec<T> {
    let mut list = Vec::with_capacity(rest.len() + 1);
    list.push(first);
    list.extend(rest);
    list
}

pub fn flatten<T>(lists: Vec<Vec<T>>) -> Vec<T> {
    lists.into_iter().flatten().collect()
}

/// An element of a list in parentheses, which share them.
pub fn parenthesized(mut e: Expr) -> Expr {
    e.parenthesized = true;
    e
}

pub fn in_parentheses(mut e: Expr, span: Span) -> Expr {
    e.parenthesized = true;
    e.span = span;
    e
}

pub fn star(
    of: Option<Expr>,
    except: Option<Vec<Name>>,
    replace: Option<Vec<Replacement>>,
) -> SelectItemKind {
    SelectItemKind::Star(Star {
        of,
        except: except.unwrap_or_default(),
        replace: replace.unwrap_or_default(),
    })
}

/// A token as the generated parser takes it.
pub type ParserToken<'a> = (usize, (TokenKind, &'a str), usize);
