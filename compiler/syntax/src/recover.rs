//! What is left of a program that does not parse.
//!
//! The file is cut into items, a broken item into its clauses, steps, fields, members or options, and
//! each piece is parsed alone with the same tables. Each piece that does not parse becomes an error node
//! and one finding; all others are as if nothing had happened.

mod functions;

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

/// The items of a program whose parse as a whole has failed.
pub fn program(input: Input, whole: Stuck) -> (Vec<Item>, Vec<Diagnostic>) {
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
    (items, recovery.findings)
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

/// A query that stands alone, whose parse as a whole has failed.
pub fn query(input: Input, whole: Stuck) -> (Query, Vec<Diagnostic>) {
    let tokens = report::tokens(&input);
    let mut recovery = Recovery::new(input, tokens);
    let all = 0..tokens.all.len();
    if tokens.starts_clause(0, 0) {
        recovery.report(TokenKind::StartQuery, all.clone(), 0);
        let span = recovery.span(&all);
        let head = QueryHead { kind: QueryHeadKind::Error, span: span.at_start() };
        return (Query { head, clauses: vec![], span }, recovery.findings);
    }
    recovery.whole = Some((TokenKind::StartQuery, all.clone(), whole.at));
    let query = recovery.query(all.clone());
    if recovery.n_errors == 0 && !recovery.lexed_badly {
        recovery.report(TokenKind::StartQuery, all, whole.at);
    }
    (query, recovery.findings)
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
        Recovery { input, tokens, findings: vec![], n_errors: 0, whole: None, lexed_badly }
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

    fn stream(&mut self, range: &Range<usize>) -> Option<ItemKind> {
        if let Some(inside) = self.in_braces(range) {
            let name = self.item_name(range)?;
            self.report(TokenKind::StartItem, range.clone(), inside.start - range.start - 1);
            return Some(ItemKind::Stream(Stream { name, query: self.query(inside) }));
        }
        let (query, header) = self.query_of(range);
        match header {
            Some(ItemKind::Stream(stream)) => Some(ItemKind::Stream(Stream { query, ..stream })),
            _ => Some(ItemKind::Stream(Stream { name: self.item_name(range)?, query })),
        }
    }

    /// What stands in the braces of `stream NAME { … }`, which has none in the language.
    fn in_braces(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let (open, last) = (range.start + 2, range.end.checked_sub(1)?);
        let is_open = open < range.end && self.kind(open) == Some(TokenKind::LeftBrace);
        let is_closed = open < last && self.kind(last) == Some(TokenKind::RightBrace);
        is_open.then_some(open + 1..if is_closed { last } else { range.end })
    }

    fn table(&mut self, range: &Range<usize>) -> Option<ItemKind> {
        if self.kind(range.start + 2) == Some(TokenKind::Colon) {
            return self.with_source_options(range);
        }
        let (query, header) = self.query_of(range);
        match header? {
            ItemKind::Table(table) => {
                let TableKind::Kept { delete_when, .. } = table.kind else { return None };
                Some(ItemKind::Table(Table { kind: TableKind::Kept { delete_when, query }, ..table }))
            }
            _ => None,
        }
    }

    /// The query of a stream or a table, and the item that its header makes with any query.
    fn query_of(&mut self, range: &Range<usize>) -> (Query, Option<ItemKind>) {
        use TokenKind::{From, Match};
        let is_head = |this: &Self, i: usize| {
            let before = i.checked_sub(1).and_then(|i| this.kind(i));
            let fits =
                before == Some(TokenKind::Assign) || this.tokens.all.get(i).is_some_and(|t| t.first_on_line);
            matches!(this.kind(i), Some(From | Match)) && fits && i > range.start
        };
        let after_sign = range.clone().find(|i| self.kind(*i) == Some(TokenKind::Assign)).map(|i| i + 1);
        let head = range.clone().find(|i| is_head(self, *i)).or(after_sign);
        let head = head.unwrap_or_else(|| self.first(range, Tokens::starts_clause).unwrap_or(range.end));
        let header = self.header(range.start..head, &[(From, "from"), (TokenKind::Identifier, "x")]);
        (self.query(head..range.end), header)
    }

    fn query(&mut self, range: Range<usize>) -> Query {
        let starts = self.starts(&range, Tokens::starts_clause);
        let first_clause = starts.first().copied().unwrap_or(range.end);
        let span = self.span(&range);
        let head_span = self.span(&(range.start..first_clause));
        let head = match self.parse_or_report(TokenKind::StartHead, range.start..first_clause) {
            Some(Parsed::Head(head)) => head,
            _ => QueryHead { kind: QueryHeadKind::Error, span: head_span },
        };
        // What a head does not account for was meant as a clause.
        let rest = Span { start: head.span.end, ..head_span };
        let broken = |span| Clause { kind: ClauseKind::Error { keeps_columns: false }, span };
        let unread = (head.span.end < head_span.end).then_some(broken(rest));
        let mut others = self.each(TokenKind::StartClause, &starts, range.end, |parsed, span| match parsed {
            Some(Parsed::Clause(clause)) => clause,
            _ => broken(span),
        });
        for (i, clause) in others.iter_mut().enumerate() {
            if let ClauseKind::Error { keeps_columns } = &mut clause.kind
                && let Some(start) = starts.get(i)
            {
                let end = starts.get(i + 1).copied().unwrap_or(range.end);
                *keeps_columns = self.keeps_columns(*start..end);
            }
        }
        let clauses = unread.into_iter().chain(others).collect();
        Query { head, clauses, span }
    }

    /// Whether a broken clause is certainly one that keeps the columns, and nothing else.
    fn keeps_columns(&self, range: Range<usize>) -> bool {
        use TokenKind::*;
        let is_such = matches!(self.kind(range.start), Some(Where | Order | Dedupe | Throttle | Emit | On));
        let Some(tokens) = self.tokens.all.get(range.clone()).filter(|_| is_such && !self.lexed_badly) else {
            return false;
        };
        let Err(stuck) = parser::run(self.input, StartClause, tokens) else { return false };
        !(range.start + stuck.at..range.end).any(|i| self.tokens.may_start_misspelt_clause(i))
    }

    fn source(&mut self, range: &Range<usize>) -> Option<ItemKind> {
        self.with_source_options(range)
    }

    fn with_source_options(&mut self, range: &Range<usize>) -> Option<ItemKind> {
        let starts = self.starts(&(range.start + 1..range.end), Tokens::starts_source_option);
        let header_end = starts.first().copied().unwrap_or(range.end);
        let header = self.header(range.start..header_end, &[]);
        let options =
            self.each(TokenKind::StartSourceOption, &starts, range.end, |parsed, span| match parsed {
                Some(Parsed::SourceOption(option)) => option,
                _ => SourceOption { kind: SourceOptionKind::Error, span },
            });
        match header? {
            ItemKind::Source(source) => Some(ItemKind::Source(Source { options, ..source })),
            ItemKind::Table(Table { name, key, kind: TableKind::Input { ty, .. } }) => {
                Some(ItemKind::Table(Table { name, key, kind: TableKind::Input { ty, options } }))
            }
            _ => None,
        }
    }

    fn sink(&mut self, range: &Range<usize>) -> Option<ItemKind> {
        let starts = self.starts(&(range.start + 1..range.end), Tokens::starts_sink_option);
        let header_end = starts.first().copied().unwrap_or(range.end);
        let header = self.header(range.start..header_end, &[]);
        let options =
            self.each(TokenKind::StartSinkOption, &starts, range.end, |parsed, span| match parsed {
                Some(Parsed::SinkOption(option)) => option,
                _ => SinkOption { kind: SinkOptionKind::Error, span },
            });
        match header? {
            ItemKind::Sink(sink) => Some(ItemKind::Sink(Sink { options, ..sink })),
            _ => None,
        }
    }

    fn test(&mut self, range: &Range<usize>) -> Option<ItemKind> {
        let body = self.body(range, Tokens::starts_test_step)?;
        let header = self.header(range.start..body.start, &[(TokenKind::RightBrace, "}")]);
        let starts = self.starts(&body, Tokens::starts_test_step);
        self.leading_junk(TokenKind::StartTestStep, &body, &starts);
        let steps = self.each(TokenKind::StartTestStep, &starts, body.end, |parsed, span| match parsed {
            Some(Parsed::TestStep(step)) => step,
            _ => TestStep { kind: TestStepKind::Error, span },
        });
        match header? {
            ItemKind::Test(test) => Some(ItemKind::Test(Test { steps, ..test })),
            _ => None,
        }
    }

    fn aggregate(&mut self, range: &Range<usize>) -> Option<ItemKind> {
        let body = self.body(range, Tokens::starts_member)?;
        let header = self.header(range.start..body.start, &[(TokenKind::RightBrace, "}")]);
        let starts = self.starts(&body, Tokens::starts_member);
        self.leading_junk(TokenKind::StartMember, &body, &starts);
        let members = self.each(TokenKind::StartMember, &starts, body.end, |parsed, span| match parsed {
            Some(Parsed::Member(member)) => member,
            _ => Member { kind: MemberKind::Error, span },
        });
        match header? {
            ItemKind::Aggregate(aggregate) => {
                Some(ItemKind::Aggregate(Aggregate { members: Some(members), ..aggregate }))
            }
            _ => None,
        }
    }

    fn type_definition(&mut self, range: &Range<usize>) -> Option<ItemKind> {
        if self.kind(range.start + 3) != Some(TokenKind::LeftBrace) {
            return None;
        }
        let body = self.body(range, Tokens::starts_field)?;
        let header = self.header(range.start..body.start, &[(TokenKind::RightBrace, "}")]);
        let starts = self.starts(&body, Tokens::starts_field);
        self.leading_junk(TokenKind::StartField, &body, &starts);
        let fields: Vec<Option<Field>> =
            self.each(TokenKind::StartField, &starts, body.end, |parsed, _| match parsed {
                Some(Parsed::Field(field)) => Some(field),
                _ => None,
            });
        // A field that parses may still lack the comma behind it.
        for (i, next) in starts.iter().enumerate().skip(1) {
            let ends_in_comma = self.kind(next - 1) == Some(TokenKind::Comma);
            if !ends_in_comma && fields.get(i - 1).is_some_and(Option::is_some) {
                let at = self.tokens.all.get(next - 1).map_or(0, |t| t.end as usize);
                let place = Span::new(self.input.file, at, at);
                let found = if self.tokens.all.get(*next).is_some_and(|t| t.first_on_line) {
                    "the end of the line"
                } else {
                    "the next field"
                };
                self.push(error::missing(place, found, "`,`").fix("write a comma", place, ","));
            }
        }
        match header? {
            ItemKind::Type(TypeDefinition { name, ty }) => {
                let fields = fields.into_iter().flatten().collect();
                Some(ItemKind::Type(TypeDefinition {
                    name,
                    ty: Type::new(TypeKind::Record(fields), ty.span),
                }))
            }
            _ => None,
        }
    }

    /// A function or parameter whose text behind the `=` is broken keeps its header.
    fn without_value(&mut self, range: &Range<usize>) -> Option<ItemKind> {
        let assign = range.clone().find(|i| self.kind(*i) == Some(TokenKind::Assign))?;
        let tokens = self.tokens.all.get(range.start..assign)?;
        let Ok(success) = parser::run(self.input, TokenKind::StartItem, tokens) else { return None };
        let Parsed::Item(item) = success.tree else { return None };
        let broken = Expr::new(ExprKind::Error, self.span(&(assign + 1..range.end)));
        match item.kind {
            ItemKind::Function(function) => {
                Some(ItemKind::Function(Function { body: Some(broken), ..function }))
            }
            ItemKind::Param(param) => Some(ItemKind::Param(Param { default: Some(broken), ..param })),
            _ => None,
        }
    }

    // ---------- pieces of an item ----------

    /// What stands between the outer braces of an item. Reports a brace that is never closed, and what
    /// stands behind the one that closes.
    fn body(&mut self, range: &Range<usize>, starts: StartsPiece<'a>) -> Option<Range<usize>> {
        let open = range.clone().find(|i| self.kind(*i) == Some(TokenKind::LeftBrace))?;
        let mut depth = 0_usize;
        let mut close = None;
        for i in open..range.end {
            let kind = self.kind(i)?;
            if kind.opens() {
                depth += 1;
            } else if kind.closes() {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    close = Some(i);
                    break;
                }
            }
        }
        let last = range.end.checked_sub(1)?;
        let last_closes = self.kind(last) == Some(TokenKind::RightBrace) && last > open;
        // A bracket too many inside closes early: then a piece still begins behind it.
        if let Some(at) = close.filter(|c| *c != last)
            && (at + 1..range.end).any(|i| starts(&self.tokens, i, 0))
            && last_closes
        {
            close = Some(last);
        }
        match close {
            Some(close) => {
                if close < last {
                    self.report(TokenKind::StartItem, range.clone(), close + 1 - range.start);
                }
                Some(open + 1..close)
            }
            None if last_closes => Some(open + 1..last),
            None => {
                let end = self.tokens.all.get(last).map_or(0, |t| t.end as usize);
                let place = Span::new(self.input.file, end, end);
                let opened = self.span(&(open..open + 1));
                let lone = self.tokens.all.get(open + 1..range.end).is_some_and(balanced);
                if lone {
                    self.push(error::unclosed(opened, "{", place, "`}`"));
                }
                Some(open + 1..range.end)
            }
        }
    }

    /// What stands before the first piece of a body.
    fn leading_junk(&mut self, mode: TokenKind, body: &Range<usize>, starts: &[usize]) {
        let end = starts.first().copied().unwrap_or(body.end);
        if body.start < end {
            self.parse_or_report(mode, body.start..end);
        }
    }

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
                let fitting = self.tokens.all.get(range.start..range.start + stuck.at)?;
                let keeps_beginning = mode == TokenKind::StartHead;
                let success = keeps_beginning.then(|| parser::run(self.input, mode, fitting))?.ok()?;
                Some(success.tree)
            }
        }
    }

    /// A piece in which the `=` at `at`, reported already, was meant as `==`. All others are reported.
    fn with_equality(&mut self, mode: TokenKind, range: Range<usize>, mut at: usize) -> Option<Parsed> {
        // Each is found by parsing the piece again.
        const MOST: usize = 20;
        let mut tokens = self.tokens.all.get(range)?.to_vec();
        let mut more = vec![];
        while more.len() < MOST {
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
            more.push(error::single_equals(Span::new(
                self.input.file,
                next.start as usize,
                next.end as usize,
            )));
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

/// Every bracket inside has its counterpart.
fn balanced(tokens: &[Token]) -> bool {
    let mut depth = 0_i64;
    for token in tokens {
        if token.kind.opens() {
            depth += 1;
        } else if token.kind.closes() {
            depth -= 1;
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}
