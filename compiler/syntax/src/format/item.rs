//! Formats items, their options, and tests.

use super::layout;
use super::writer::{Brackets, Gap, Writer};
use crate::ast::{
    Aggregate, Connector, Expectation, Expr, Function, FunctionParam, GivenRows, Item, ItemKind, Member,
    MemberKind, Name, Policy, PolicyKind, Program, Query, Sink, SinkOption, SinkOptionKind, SourceOption,
    SourceOptionKind, StreamRef, Table, TableKind, TestStep, TestStepKind, Type, TypeKind, Use, UseTarget,
};
use crate::token::TokenKind;
use millstream_base::Span;
use std::mem::Discriminant;

impl Writer<'_> {
    pub(super) fn program(&mut self, program: &Program) {
        let mut above: Option<(Discriminant<ItemKind>, bool)> = None;
        for item in &program.items {
            let missing_blank = self.between_items();
            let start = self.n_ops();
            self.group(|w| w.item(item));
            let is_one_line = layout::is_one_line(self.ops_from(start));
            let kind = std::mem::discriminant(&item.kind);
            let may_touch = above == Some((kind, true)) && is_one_line;
            if let Some(at) = missing_blank
                && !may_touch
            {
                self.add_blank_line(at);
            }
            above = Some((kind, is_one_line));
        }
        self.between_items();
    }

    fn item(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Use(item) => self.use_item(item),
            ItemKind::Param(param) => {
                self.until(param.ty.span);
                self.ty(&param.ty);
                self.exprs(&param.default);
            }
            ItemKind::Function(function) => self.function(function),
            ItemKind::Aggregate(aggregate) => self.aggregate(aggregate),
            ItemKind::Type(definition) => self.type_definition(&definition.ty),
            ItemKind::Source(source) => {
                self.until(source.ty.span);
                self.ty(&source.ty);
                self.names(&source.key);
                self.source_options(&source.options);
            }
            ItemKind::Table(table) => self.table(table),
            ItemKind::Stream(stream) => self.query_below(&stream.query),
            ItemKind::Sink(sink) => self.sink(sink),
            ItemKind::Test(test) => {
                self.through(test.name.span);
                self.block(&test.steps, |w, step| w.test_step(step));
            }
            ItemKind::Error(_) => {}
        }
        self.through(item.span);
    }

    fn use_item(&mut self, item: &Use) {
        match &item.target {
            UseTarget::Module(path) => self.names(path),
            UseTarget::File(path) => self.through(path.span),
        }
        if let Some(names) = &item.names {
            self.bracketed(names, Brackets::TIGHT, |w, name| w.through(name.span));
        }
    }

    fn type_definition(&mut self, ty: &Type) {
        self.until(ty.span);
        match &ty.kind {
            TypeKind::Record(fields) if fields.len() > 1 => {
                self.bracketed(fields, Brackets::EACH, |w, field| w.field(field));
            }
            _ => self.ty(ty),
        }
    }

    fn function(&mut self, function: &Function) {
        self.through(function.name.span);
        self.params(&function.params);
        self.until(function.result.span);
        self.ty(&function.result);
        if let Some(body) = &function.body {
            self.until(body.span);
            self.indent();
            self.separate(Gap::Line);
            self.expr(body);
            self.dedent();
        }
    }

    fn params(&mut self, params: &[FunctionParam]) {
        self.glue();
        self.bracketed(params, Brackets::TIGHT, |w, param| {
            w.until(param.ty.span);
            w.ty(&param.ty);
            w.exprs(&param.default);
            w.through(param.span);
        });
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        self.through(aggregate.name.span);
        self.params(&aggregate.params);
        self.until(aggregate.result.span);
        self.ty(&aggregate.result);
        if let Some(members) = &aggregate.members {
            self.block(members, |w, member| w.member(member));
        }
    }

    /// `{`, one thing on each line, `}`.
    fn block<T>(&mut self, things: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.piece();
        self.indent();
        for (i, thing) in things.iter().enumerate() {
            self.separate(if i == 0 { Gap::Edge } else { Gap::Below });
            self.group(|w| each(w, thing));
        }
        self.dedent_before_closing(if things.is_empty() { Gap::Nothing } else { Gap::Edge });
        self.piece();
    }

    fn member(&mut self, member: &Member) {
        // What follows these words stands in one column.
        const WORD_WIDTH: usize = "result  ".len();
        let word_width = match member.kind {
            MemberKind::State { .. } | MemberKind::Error => 0,
            MemberKind::Add(_) => "add".len(),
            MemberKind::Remove(_) => "remove".len(),
            MemberKind::Merge { .. } => "merge".len(),
            MemberKind::Result(_) => "result".len(),
        };
        self.piece();
        if word_width > 0 {
            self.pad(WORD_WIDTH - word_width);
        }
        match &member.kind {
            MemberKind::State { ty, initial, .. } => {
                self.until(ty.span);
                self.ty(ty);
                self.expr(initial);
            }
            MemberKind::Add(updates) | MemberKind::Remove(updates) => {
                self.listed(updates, |w, update| w.binding(update));
            }
            MemberKind::Merge { right, updates, .. } => {
                self.through(right.span);
                self.listed(updates, |w, update| w.binding(update));
            }
            MemberKind::Result(value) => self.expr(value),
            MemberKind::Error => {}
        }
        self.through(member.span);
    }

    fn table(&mut self, table: &Table) {
        match &table.kind {
            TableKind::Input { ty, options } => {
                self.until(ty.span);
                self.ty(ty);
                self.names(&table.key);
                self.source_options(options);
            }
            TableKind::Kept { delete_when, query } => {
                self.names(&table.key);
                self.exprs(delete_when);
                self.query_below(query);
            }
        }
    }

    /// The tokens up to the query, then the query, below and indented.
    fn query_below(&mut self, query: &Query) {
        self.until(query.span);
        self.indent();
        self.separate(Gap::Below);
        self.query(query);
        self.dedent();
    }

    /// Options on lines of their own, but `format` and `refresh` beside `from`.
    fn source_options(&mut self, options: &[SourceOption]) {
        let follows = |option: &SourceOption| {
            matches!(option.kind, SourceOptionKind::Format(_) | SourceOptionKind::Refresh(_))
        };
        let leads =
            |option: &SourceOption| matches!(option.kind, SourceOptionKind::From(_)) || follows(option);
        let lines = options.chunk_by(|above, below| leads(above) && follows(below));
        let gap = self.option_gap(options.iter().map(|option| option.span));
        self.indent();
        for line in lines {
            self.separate(gap);
            self.group(|w| {
                for (i, option) in line.iter().enumerate() {
                    if i > 0 {
                        w.separate(Gap::Line);
                    }
                    w.source_option(option);
                }
            });
        }
        self.dedent();
    }

    /// A line for each option if the author began one for any.
    fn option_gap(&self, mut spans: impl Iterator<Item = Span>) -> Gap {
        if spans.any(|span| self.starts_line(span.start as usize)) { Gap::Below } else { Gap::Line }
    }

    fn source_option(&mut self, option: &SourceOption) {
        match &option.kind {
            SourceOptionKind::From(connector) | SourceOptionKind::Format(connector) => {
                self.connector(connector)
            }
            SourceOptionKind::Time(time) => {
                self.exprs([&time.disorder, &time.idle, &time.ahead].into_iter().flatten())
            }
            SourceOptionKind::Refresh(duration) => self.expr(duration),
            SourceOptionKind::OnError(policy) => self.policy(policy),
            SourceOptionKind::Error => {}
        }
        self.through(option.span);
    }

    fn sink(&mut self, sink: &Sink) {
        self.through(sink.name.span);
        self.piece();
        self.stream_ref(&sink.from);
        let spans = sink.options.iter().map(|option| option.span);
        let gap = if self.next_starts_line() { Gap::Below } else { self.option_gap(spans) };
        let n_beside = sink.options.iter().take_while(|option| !is_on_error(option)).count();
        let (beside, below) = sink.options.split_at(n_beside);
        self.indent();
        self.separate(gap);
        self.group(|w| {
            w.connector(&sink.to);
            for option in beside {
                w.separate(Gap::Line);
                w.sink_option(option);
            }
        });
        for option in below {
            self.separate(gap);
            self.group(|w| w.sink_option(option));
        }
        self.dedent();
    }

    fn sink_option(&mut self, option: &SinkOption) {
        match &option.kind {
            SinkOptionKind::Format(connector) => self.connector(connector),
            SinkOptionKind::OnError(policy) => self.policy(policy),
            SinkOptionKind::Ordered | SinkOptionKind::Error => {}
        }
        self.through(option.span);
    }

    fn connector(&mut self, connector: &Connector) {
        self.through(connector.name.span);
        if self.kind_before(connector.span.end as usize) == Some(TokenKind::LeftParenthesis) {
            self.glue();
            self.bracketed(&connector.args, Brackets::TIGHT, |w, arg| w.arg(arg));
        }
    }

    pub(super) fn policy(&mut self, policy: &Policy) {
        match &policy.kind {
            PolicyKind::Fail => {}
            PolicyKind::Sideline(connector) => self.connector(connector),
            PolicyKind::Retry { times, backoff, then } => {
                self.expr(times);
                if let Some(backoff) = backoff {
                    self.range(backoff);
                }
                if let Some(then) = then {
                    self.policy(then);
                }
            }
        }
        self.through(policy.span);
    }

    fn test_step(&mut self, step: &TestStep) {
        match &step.kind {
            TestStepKind::Given { stream, rows } => {
                self.piece();
                self.stream_ref(stream);
                if let GivenRows::Rows { rows, span } = rows {
                    self.rows(rows, *span);
                }
            }
            TestStepKind::Advance { to } => self.expr(to),
            TestStepKind::Expect { stream, expectation } => {
                self.piece();
                self.stream_ref(stream);
                if let Expectation::Rows { rows, span, .. } = expectation {
                    self.rows(rows, *span);
                }
            }
            TestStepKind::Error => {}
        }
        self.through(step.span);
    }

    /// Rows of a test: several have a line each, and so has one that the author gave a line.
    fn rows(&mut self, rows: &[Expr], span: Span) {
        self.until(span);
        let on_own_lines = rows.first().is_some_and(|row| self.starts_line(row.span.start as usize));
        let brackets = if rows.len() > 1 || on_own_lines { Brackets::EACH } else { Brackets::TIGHT };
        self.bracketed(rows, brackets, |w, row| w.expr(row));
    }

    pub(super) fn stream_ref(&mut self, stream: &StreamRef) {
        if let StreamRef::Late(_) | StreamRef::Errors(_) = stream {
            self.piece();
            self.glue();
            self.piece();
            self.through(stream.name().span);
            self.piece();
        } else {
            self.through(stream.name().span);
        }
    }

    /// The tokens up to the last of several names.
    fn names(&mut self, names: &[Name]) {
        if let Some(last) = names.last() {
            self.through(last.span);
        }
    }
}

fn is_on_error(option: &SinkOption) -> bool {
    matches!(option.kind, SinkOptionKind::OnError(_))
}
