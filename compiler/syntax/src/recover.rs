//! What is left of a program that does not parse.
//!
//! The file is cut into items, a broken item into its clauses, steps, fields, members or options, and
//! each piece is parsed alone with the same tables. Each piece that does not parse becomes an error node
//! and one finding; all others are as if nothing had happened.

mod functions;
mod items;
mod statements;

use crate::ast::*;
use crate::builder::Parsed;
use crate::cut::Tokens;
use crate::error;
use crate::lexer::MAX_FINDINGS;
use crate::parser::{self, Input, Stuck};
use crate::report;
use crate::token::{Token, TokenKind};
use millstream_base::{Diagnostic, Span};
use std::ops::Range;

/// What is found of a text whose parse as a whole has failed.
pub struct Recovered<T> {
    pub tree: T,
    pub findings: Vec<Diagnostic>,
    /// The places of which all has been said, whatever else is wrong in them.
    pub answered: Vec<Range<usize>>,
}

/// The items of a program.
pub fn program(input: Input, whole: Stuck) -> Recovered<Vec<Item>> {
    let tokens = report::tokens(&input);
    let mut recovery = Recovery::new(input, tokens);
    let pieces = pieces_of_program(&tokens);
    let mut items = recovery.complete(&pieces, whole.at, (whole.items, whole.diagnostics));
    for range in pieces.into_iter().skip(items.len()) {
        items.extend(recovery.items(range));
    }
    if recovery.n_errors == 0 && !recovery.lexed_badly {
        recovery.report(TokenKind::StartProgram, 0..tokens.all.len(), whole.at);
    }
    Recovered { tree: items, findings: recovery.findings, answered: recovery.answered }
}

/// The items of a program; the first may begin before the first word of one.
pub fn pieces_of_program(tokens: &Tokens) -> Vec<Range<usize>> {
    pieces(starts(tokens), 0..tokens.all.len())
}

/// The tokens that items begin with.
fn starts<'a>(tokens: &Tokens<'a>) -> impl Iterator<Item = usize> + use<'a> {
    let tokens = *tokens;
    (0..tokens.all.len()).filter(move |i| tokens.starts_item(*i))
}

/// Where items begin, in bytes.
pub fn items<'a>(tokens: &Tokens<'a>) -> impl Iterator<Item = u32> + use<'a> {
    let all = tokens.all;
    starts(tokens).filter_map(move |i| Some(all.get(i)?.start))
}

/// A query that stands alone.
pub fn query(input: Input, whole: Stuck) -> Recovered<Query> {
    let tokens = report::tokens(&input);
    let mut recovery = Recovery::new(input, tokens);
    let all = 0..tokens.all.len();
    let is_said = recovery.statement_alone();
    if is_said || tokens.starts_clause(0, 0) {
        if !is_said {
            recovery.report(TokenKind::StartQuery, all.clone(), 0);
        }
        let span = recovery.span(&all);
        let head = QueryHead { kind: QueryHeadKind::Error, span: span.at_start() };
        let tree = Query { head, clauses: vec![], span };
        return Recovered { tree, findings: recovery.findings, answered: recovery.answered };
    }
    recovery.whole = Some((TokenKind::StartQuery, all.clone(), whole.at));
    let tree = recovery.query(all.clone());
    if recovery.n_errors == 0 && !recovery.lexed_badly {
        recovery.report(TokenKind::StartQuery, all, whole.at);
    }
    Recovered { tree, findings: recovery.findings, answered: recovery.answered }
}

/// Consecutive pieces of `range`, a new one at each start; the first may begin before the first start.
fn pieces(starts: impl Iterator<Item = usize>, range: Range<usize>) -> Vec<Range<usize>> {
    let mut out = vec![];
    let mut begin = range.start;
    for start in starts.filter(|s| *s > range.start) {
        out.push(begin..start);
        begin = start;
    }
    if begin < range.end {
        out.push(begin..range.end);
    }
    out
}

struct Recovery<'a> {
    input: Input<'a>,
    tokens: Tokens<'a>,
    findings: Vec<Diagnostic>,
    answered: Vec<Range<usize>>,
    /// Found so far, those included that are no longer told.
    n_errors: usize,
    /// What the present pieces are of, an item or a query, and where it got stuck as a whole.
    whole: Option<(TokenKind, Range<usize>, usize)>,
    /// The lexer has reported something, so that a piece may be broken without a finding here.
    lexed_badly: bool,
}

/// Whether a token begins a piece, given how many brackets are open since the first piece.
type StartsPiece<'a> = fn(&Tokens<'a>, usize, usize) -> bool;

impl<'a> Recovery<'a> {
    fn new(input: Input<'a>, tokens: Tokens<'a>) -> Recovery<'a> {
        let lexed_badly = !input.lexed.bad.is_empty();
        Recovery { input, tokens, findings: vec![], answered: vec![], n_errors: 0, whole: None, lexed_badly }
    }

    /// The items that the parser had read when it got stuck at a token, as far as they are the first pieces.
    fn complete(
        &mut self,
        pieces: &[Range<usize>],
        at: usize,
        (items, found): (Vec<Item>, Vec<Diagnostic>),
    ) -> Vec<Item> {
        let pieces = pieces.get(..pieces.partition_point(|piece| piece.start <= at)).unwrap_or_default();
        let start = |piece: &Range<usize>| self.tokens.all.get(piece.start).map(|token| token.start);
        let is_piece = |(number, item): (usize, &Item)| {
            let next = pieces.get(number + 1).and_then(start);
            pieces.get(number).and_then(start) == Some(item.span.start)
                && next.is_some_and(|next| item.span.end <= next)
        };
        let n_complete = items.iter().enumerate().take_while(|found| is_piece(*found)).count();
        let end = pieces.get(n_complete).and_then(start).unwrap_or_default();
        self.extend(found.into_iter().filter(|found| found.primary.span.start < end).collect());
        items.into_iter().take(n_complete).collect()
    }

    /// The items of a piece: one, unless another begins on the same line.
    fn items(&mut self, mut range: Range<usize>) -> Vec<Item> {
        let mut items = vec![];
        while let Some((item, rest)) = self.statement(&range) {
            items.push(item);
            range = rest;
            if range.is_empty() {
                return items;
            }
        }
        loop {
            let stuck = match self.whole_item(&range) {
                Ok(item) => {
                    items.push(item);
                    return items;
                }
                Err(stuck) => stuck,
            };
            let next = range.start + stuck;
            let is_another = stuck > 0 && next < range.end && self.tokens.has_shape_of_item(next);
            if self.is_muted() || !is_another {
                items.push(self.broken_item(range, stuck));
                return items;
            }
            let first = range.start..next;
            items.push(self.whole_item(&first).unwrap_or_else(|stuck| self.broken_item(first, stuck)));
            range.start = next;
        }
    }

    /// An item that parses, or where it does not.
    fn whole_item(&mut self, range: &Range<usize>) -> Result<Item, usize> {
        if self.is_muted() {
            return Err(0);
        }
        match self.parse(TokenKind::StartItem, range.clone()) {
            Ok(Parsed::Item(item)) => Ok(item),
            Ok(_) => Err(0),
            Err(stuck) => Err(stuck.at),
        }
    }

    /// An item that got stuck at its token of this number.
    fn broken_item(&mut self, range: Range<usize>, stuck: usize) -> Item {
        let doc = self.doc(range.start);
        if self.is_muted() {
            return Item { doc, kind: ItemKind::Error(self.item_name(&range)), span: self.span(&range) };
        }
        self.whole = Some((TokenKind::StartItem, range.clone(), stuck));
        let n_errors = self.n_errors;
        let kind = match self.kind(range.start) {
            Some(TokenKind::Stream) => self.stream(&range),
            Some(TokenKind::Table) => self.table(&range),
            Some(TokenKind::Source) => self.source(&range),
            Some(TokenKind::Sink) => self.sink(&range),
            Some(TokenKind::Test) => self.test(&range),
            Some(TokenKind::Aggregate) => self.aggregate(&range),
            Some(TokenKind::Type) => self.type_definition(&range),
            Some(TokenKind::Fn) => self.function(&range, stuck),
            _ => None,
        };
        if self.n_errors == n_errors {
            self.report(TokenKind::StartItem, range.clone(), stuck);
        }
        let kind = kind
            .or_else(|| self.without_value(&range))
            .unwrap_or_else(|| ItemKind::Error(self.item_name(&range)));
        Item { doc, kind, span: self.span(&range) }
    }

    // ---------- pieces of an item ----------

    fn starts(&self, range: &Range<usize>, starts: StartsPiece<'a>) -> Vec<usize> {
        let mut depth = 0_usize;
        let mut out = vec![];
        for i in range.clone() {
            let Some(kind) = self.kind(i) else { break };
            if starts(&self.tokens, i, depth) {
                out.push(i);
                // Whatever was open before does not count in the new piece.
                depth = 0;
            }
            if kind.opens() {
                depth += 1;
            } else if kind.closes() {
                depth = depth.saturating_sub(1);
            }
        }
        out
    }

    fn first(&self, range: &Range<usize>, starts: StartsPiece<'a>) -> Option<usize> {
        self.starts(range, starts).into_iter().next()
    }

    /// The item that a header makes with these made-up tokens behind it. Of a header that is wrong from
    /// some word on, what stands before it.
    fn header(&mut self, range: Range<usize>, more: &[(TokenKind, &str)]) -> Option<ItemKind> {
        let tokens = self.tokens.all.get(range.clone())?;
        let parsed = match parser::run_extended(self.input, TokenKind::StartItem, tokens, more) {
            Ok(success) => {
                self.extend(success.diagnostics);
                success.tree
            }
            Err(stuck) => {
                self.report(TokenKind::StartItem, range, stuck.at);
                let fitting = tokens.get(..stuck.at)?;
                parser::run_extended(self.input, TokenKind::StartItem, fitting, more).ok()?.tree
            }
        };
        match parsed {
            Parsed::Item(item) => Some(item.kind),
            _ => None,
        }
    }

    fn each<T>(
        &mut self,
        mode: TokenKind,
        starts: &[usize],
        end: usize,
        mut take: impl FnMut(Option<Parsed>, Span) -> T,
    ) -> Vec<T> {
        let mut out = Vec::with_capacity(starts.len());
        for (i, start) in starts.iter().enumerate() {
            let range = *start..starts.get(i + 1).copied().unwrap_or(end);
            let span = self.span(&range);
            let parsed = if self.is_muted() { None } else { self.parse_or_report(mode, range) };
            out.push(take(parsed, span));
        }
        out
    }

    fn parse(&mut self, mode: TokenKind, range: Range<usize>) -> Result<Parsed, Stuck> {
        let tokens = self.tokens.all.get(range).unwrap_or(&[]);
        let success = parser::run(self.input, mode, tokens)?;
        self.extend(success.diagnostics);
        Ok(success.tree)
    }

    fn parse_or_report(&mut self, mode: TokenKind, range: Range<usize>) -> Option<Parsed> {
        match self.parse(mode, range.clone()) {
            Ok(parsed) => Some(parsed),
            Err(stuck) => {
                self.report(mode, range.clone(), stuck.at);
                if let Some(parsed) = self.with_equality(mode, range.clone(), stuck.at) {
                    return Some(parsed);
                }
                // Of a head that is wrong from some word on, the later phases need what stands before it.
                (mode == TokenKind::StartHead)
                    .then(|| self.beginning_of_head(range.start..range.start + stuck.at))?
            }
        }
    }

    /// The head that tokens make which were read when it got stuck behind them. What they end in may be half of
    /// something: a word in front of a name, a number in front of its unit.
    fn beginning_of_head(&self, range: Range<usize>) -> Option<Parsed> {
        const HALF: usize = 3;
        let is_half = |at: usize| {
            let behind_colon = at > range.start && self.kind(at - 1) == Some(TokenKind::Colon);
            self.kind(at).is_some_and(|kind| kind == TokenKind::Integer || kind.is_name() && !behind_colon)
        };
        let is_pattern = self.kind(range.start) == Some(TokenKind::Match);
        let first = if is_pattern { range.end.saturating_sub(HALF).max(range.start + 1) } else { range.end };
        let mut ends = (first..=range.end).rev().filter(|end| !is_pattern || !is_half(end - 1));
        let parsed = ends.find_map(|end| {
            let tokens = self.tokens.all.get(range.start..end)?;
            Some(parser::run(self.input, TokenKind::StartHead, tokens).ok()?.tree)
        })?;
        // Its bound may be in what could not be read.
        Some(match parsed {
            Parsed::Head(QueryHead { kind: QueryHeadKind::Match(mut pattern), span }) => {
                let unknown = || MatchBound::Within {
                    duration: Expr::new(ExprKind::Error, span.at_end()),
                    or_timeout: false,
                };
                pattern.bound.get_or_insert_with(unknown);
                Parsed::Head(QueryHead { kind: QueryHeadKind::Match(pattern), span })
            }
            other => other,
        })
    }

    /// A piece in which the `=` at `at`, reported already, was meant as `==`. All others are reported.
    fn with_equality(&mut self, mode: TokenKind, range: Range<usize>, mut at: usize) -> Option<Parsed> {
        // Each is found by parsing the piece again.
        const MOST: usize = 20;
        let mut tokens = self.tokens.all.get(range)?.to_vec();
        let mut more = vec![];
        while more.len() < MOST {
            // With null nothing is equal; what was meant is a test for it.
            if tokens.get(at + 1).is_some_and(|behind| behind.kind == TokenKind::Null) {
                return None;
            }
            let token = tokens.get_mut(at).filter(|t| t.kind == TokenKind::Assign)?;
            token.kind = TokenKind::Equal;
            match parser::run(self.input, mode, &tokens) {
                Ok(success) => {
                    self.extend(more);
                    self.extend(success.diagnostics);
                    return Some(success.tree);
                }
                Err(stuck) => at = stuck.at,
            }
            let next = tokens.get(at)?;
            let place = |t: &Token| Span::new(self.input.file, t.start as usize, t.end as usize);
            more.push(error::single_equals(place(next), None));
        }
        None
    }

    // ---------- findings ----------

    fn is_muted(&self) -> bool {
        self.n_errors > MAX_FINDINGS
    }

    fn report(&mut self, mut mode: TokenKind, mut range: Range<usize>, mut at: usize) {
        if self.is_muted() {
            self.n_errors += 1;
            return;
        }
        if let Some((whole_mode, whole, whole_at)) = &self.whole
            && mode != *whole_mode
            && range.start + at < whole.start + whole_at
            && report::fits_elsewhere(self.input, mode, range.clone(), at)
        {
            (mode, range, at) = (*whole_mode, whole.clone(), *whole_at);
        }
        match report::stuck(self.input, mode, range, at) {
            Some(finding) => self.push(finding),
            // The lexer's finding stands for it.
            None => self.n_errors += 1,
        }
    }

    fn extend(&mut self, findings: Vec<Diagnostic>) {
        for finding in findings {
            self.push(finding);
        }
    }

    fn push(&mut self, finding: Diagnostic) {
        self.n_errors += 1;
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else if self.n_errors == MAX_FINDINGS + 1 {
            let last = self.findings.pop();
            self.findings.extend(last.map(error::muted));
        }
    }

    // ---------- tokens ----------

    fn kind(&self, i: usize) -> Option<TokenKind> {
        self.tokens.all.get(i).map(|t| t.kind)
    }

    fn span(&self, range: &Range<usize>) -> Span {
        let tokens = self.tokens.all.get(range.clone()).unwrap_or(&[]);
        let place = |t: &Token| Span::new(self.input.file, t.start as usize, t.end as usize);
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => place(first).to(place(last)),
            _ => {
                let end = range
                    .start
                    .checked_sub(1)
                    .and_then(|i| self.tokens.all.get(i))
                    .map_or(0, |t| t.end as usize);
                Span::new(self.input.file, end, end)
            }
        }
    }

    fn item_name(&self, range: &Range<usize>) -> Option<Name> {
        let token = self.tokens.all.get(range.start + 1).filter(|_| range.start + 1 < range.end)?;
        let span = Span::new(self.input.file, token.start as usize, token.end as usize);
        token.kind.is_name().then(|| Name::new(token.text(self.input.text).trim_matches('`'), span))
    }

    fn doc(&self, start: usize) -> Option<String> {
        let at = self.tokens.all.get(start)?.start;
        let docs = &self.input.lexed.docs;
        let n = docs.partition_point(|d| d.before <= at);
        docs.get(n.checked_sub(1)?).filter(|d| d.before == at).map(|d| d.text.clone())
    }
}
