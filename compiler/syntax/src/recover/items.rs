//! The items of a program, each of its pieces: header, clauses, options, steps, fields, members.

use super::{Recovery, StartsPiece};
use crate::ast::*;
use crate::builder::Parsed;
use crate::cut::Tokens;
use crate::error;
use crate::parser;
use crate::token::{Token, TokenKind};
use millstream_base::Span;
use std::ops::Range;

impl<'a> Recovery<'a> {
    pub(super) fn stream(&mut self, range: &Range<usize>) -> Option<ItemKind> {
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

    pub(super) fn table(&mut self, range: &Range<usize>) -> Option<ItemKind> {
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

    pub(super) fn query(&mut self, range: Range<usize>) -> Query {
        if self.tokens.part(range.clone()).is(0, "select") {
            return self.selected_first(range);
        }
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

    /// A query in the order of SQL: that is all that is wrong with it.
    fn selected_first(&mut self, range: Range<usize>) -> Query {
        let span = self.span(&range);
        self.report(TokenKind::StartHead, range, 0);
        self.answered.push(span.range());
        let head = QueryHead { kind: QueryHeadKind::Error, span: span.at_start() };
        Query { head, clauses: vec![], span }
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

    pub(super) fn source(&mut self, range: &Range<usize>) -> Option<ItemKind> {
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

    pub(super) fn sink(&mut self, range: &Range<usize>) -> Option<ItemKind> {
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

    pub(super) fn test(&mut self, range: &Range<usize>) -> Option<ItemKind> {
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

    pub(super) fn aggregate(&mut self, range: &Range<usize>) -> Option<ItemKind> {
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

    pub(super) fn type_definition(&mut self, range: &Range<usize>) -> Option<ItemKind> {
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
    pub(super) fn without_value(&mut self, range: &Range<usize>) -> Option<ItemKind> {
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

    // ---------- what stands in braces ----------

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
