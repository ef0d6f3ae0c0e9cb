//! The spans of the nodes of a syntax tree, for what depends on nothing but their nesting.

use millstream_base::Span;
use millstream_syntax::ast::*;

/// The spans of all nodes, each behind those that it lies in.
pub fn spans(program: &Program) -> Vec<Span> {
    let mut walk = Walk { spans: vec![program.span] };
    program.items.iter().for_each(|item| walk.item(item));
    walk.spans
}

struct Walk {
    spans: Vec<Span>,
}

impl Walk {
    fn at(&mut self, span: Span) {
        self.spans.push(span);
    }

    fn name(&mut self, name: &Name) {
        self.at(name.span);
    }

    fn names<'a>(&mut self, names: impl IntoIterator<Item = &'a Name>) {
        names.into_iter().for_each(|name| self.name(name));
    }

    fn stream(&mut self, stream: &StreamRef) {
        self.name(stream.name());
    }

    fn item(&mut self, item: &Item) {
        self.at(item.span);
        self.names(item.kind.name());
        match &item.kind {
            ItemKind::Use(used) => {
                match &used.target {
                    UseTarget::Module(path) => self.names(path),
                    UseTarget::File(path) => self.at(path.span),
                }
                self.names(used.names.iter().flatten());
            }
            ItemKind::Param(param) => {
                self.ty(&param.ty);
                self.exprs(&param.default);
            }
            ItemKind::Function(function) => {
                self.params(&function.params);
                self.ty(&function.result);
                self.exprs(&function.body);
            }
            ItemKind::Aggregate(aggregate) => {
                self.params(&aggregate.params);
                self.ty(&aggregate.result);
                aggregate.members.iter().flatten().for_each(|member| self.member(member));
            }
            ItemKind::Type(definition) => self.ty(&definition.ty),
            ItemKind::Source(source) => {
                self.ty(&source.ty);
                self.names(&source.key);
                source.options.iter().for_each(|option| self.source_option(option));
            }
            ItemKind::Table(table) => {
                self.names(&table.key);
                match &table.kind {
                    TableKind::Input { ty, options } => {
                        self.ty(ty);
                        options.iter().for_each(|option| self.source_option(option));
                    }
                    TableKind::Kept { delete_when, query } => {
                        self.exprs(delete_when);
                        self.query(query);
                    }
                }
            }
            ItemKind::Stream(stream) => self.query(&stream.query),
            ItemKind::Sink(sink) => {
                self.stream(&sink.from);
                self.connector(&sink.to);
                sink.options.iter().for_each(|option| self.sink_option(option));
            }
            ItemKind::Test(test) => {
                self.at(test.name.span);
                test.steps.iter().for_each(|step| self.step(step));
            }
            ItemKind::Error(_) => {}
        }
    }

    fn params(&mut self, params: &[FunctionParam]) {
        for param in params {
            self.at(param.span);
            self.name(&param.name);
            self.ty(&param.ty);
            self.exprs(&param.default);
        }
    }

    fn member(&mut self, member: &Member) {
        self.at(member.span);
        match &member.kind {
            MemberKind::State { name, ty, initial } => {
                self.name(name);
                self.ty(ty);
                self.expr(initial);
            }
            MemberKind::Add(updates) | MemberKind::Remove(updates) => self.bindings(updates),
            MemberKind::Merge { left, right, updates } => {
                self.names([left, right]);
                self.bindings(updates);
            }
            MemberKind::Result(result) => self.expr(result),
            MemberKind::Error => {}
        }
    }

    fn bindings(&mut self, bindings: &[Binding]) {
        for binding in bindings {
            self.at(binding.span);
            self.name(&binding.name);
            self.expr(&binding.value);
        }
    }

    fn source_option(&mut self, option: &SourceOption) {
        self.at(option.span);
        match &option.kind {
            SourceOptionKind::From(connector) | SourceOptionKind::Format(connector) => {
                self.connector(connector)
            }
            SourceOptionKind::Time(time) => {
                self.name(&time.column);
                self.exprs([&time.disorder, &time.idle, &time.ahead].into_iter().flatten());
            }
            SourceOptionKind::Refresh(every) => self.expr(every),
            SourceOptionKind::OnError(policy) => self.policy(policy),
            SourceOptionKind::Error => {}
        }
    }

    fn sink_option(&mut self, option: &SinkOption) {
        self.at(option.span);
        match &option.kind {
            SinkOptionKind::Format(connector) => self.connector(connector),
            SinkOptionKind::OnError(policy) => self.policy(policy),
            SinkOptionKind::Ordered | SinkOptionKind::Error => {}
        }
    }

    fn connector(&mut self, connector: &Connector) {
        self.at(connector.span);
        self.name(&connector.name);
        self.args(&connector.args);
    }

    fn policy(&mut self, policy: &Policy) {
        self.at(policy.span);
        match &policy.kind {
            PolicyKind::Fail => {}
            PolicyKind::Sideline(connector) => self.connector(connector),
            PolicyKind::Retry { times, backoff, then } => {
                self.expr(times);
                backoff.iter().for_each(|range| self.range(range));
                then.iter().for_each(|policy| self.policy(policy));
            }
        }
    }

    fn range(&mut self, range: &Range) {
        self.at(range.span);
        self.exprs(&range.low);
        self.expr(&range.high);
    }

    fn query(&mut self, query: &Query) {
        self.at(query.span);
        self.at(query.head.span);
        match &query.head.kind {
            QueryHeadKind::From(from) => {
                self.stream(&from.stream);
                self.names(&from.alias);
            }
            QueryHeadKind::Match(matched) => self.matched(matched),
            QueryHeadKind::Error => {}
        }
        query.clauses.iter().for_each(|clause| self.clause(clause));
    }

    fn matched(&mut self, matched: &Match) {
        if let MatchMode::OncePer(duration) = &matched.mode {
            self.expr(duration);
        }
        self.exprs(&matched.by);
        self.pattern(&matched.pattern);
        matched.without.iter().for_each(|absence| self.absence(absence));
        if let Some(MatchBound::Within { duration, .. }) = &matched.bound {
            self.expr(duration);
        }
        self.names(&matched.reuse);
        self.exprs(&matched.limit);
    }

    fn pattern(&mut self, pattern: &Pattern) {
        self.at(pattern.span);
        match &pattern.kind {
            PatternKind::Event(event) => self.event(event),
            PatternKind::Sequence { first, rest } => {
                self.pattern(first);
                for link in rest {
                    self.at(link.span);
                    self.exprs(&link.within);
                    self.pattern(&link.pattern);
                }
            }
            PatternKind::Repeat { of, quantifier, .. } => {
                self.pattern(of);
                self.at(quantifier.span);
                match &quantifier.kind {
                    QuantifierKind::Exactly(count) | QuantifierKind::AtLeast(count) => self.expr(count),
                    QuantifierKind::Between(least, most) => self.exprs([least, most]),
                    QuantifierKind::OneOrMore | QuantifierKind::ZeroOrMore | QuantifierKind::Optional => {}
                }
            }
            PatternKind::All(parts) | PatternKind::Any(parts) => {
                parts.iter().for_each(|part| self.pattern(part))
            }
            PatternKind::Absent { of, timer } => {
                self.absence(of);
                if let Some(timer) = timer {
                    self.at(timer.span);
                    self.expr(&timer.duration);
                    self.exprs(&timer.max);
                }
            }
            PatternKind::Group(of) => self.pattern(of),
            PatternKind::Error => {}
        }
    }

    fn event(&mut self, event: &Event) {
        self.at(event.span);
        self.names(&event.variable);
        self.stream(&event.stream);
        self.exprs(&event.condition);
    }

    fn absence(&mut self, absence: &Absence) {
        self.at(absence.span);
        absence.events.iter().for_each(|event| self.event(event));
    }

    fn clause(&mut self, clause: &Clause) {
        self.at(clause.span);
        match &clause.kind {
            ClauseKind::Where(condition) => self.expr(condition),
            ClauseKind::Let(bindings) => self.bindings(bindings),
            ClauseKind::Select(items) => items.iter().for_each(|item| self.select_item(item)),
            ClauseKind::Join(join) => {
                self.stream(&join.stream);
                self.names(&join.alias);
                self.expr(&join.on);
                join.within.iter().for_each(|range| self.range(range));
                self.exprs(&join.as_of);
            }
            ClauseKind::Window(window) => self.window(window),
            ClauseKind::GroupBy(group) => {
                for key in &group.keys {
                    self.at(key.span);
                    self.expr(&key.value);
                    self.names(&key.alias);
                }
                match &group.bound {
                    Some(GroupBound::Keep(keep)) => self.keep(keep),
                    Some(GroupBound::Until(end)) => self.expr(end),
                    None => {}
                }
            }
            ClauseKind::Unnest { list, name } => {
                self.expr(list);
                self.name(name);
            }
            ClauseKind::Union(streams) => streams.iter().for_each(|stream| self.stream(stream)),
            ClauseKind::Dedupe(dedupe) => {
                self.exprs(&dedupe.by);
                match &dedupe.keep {
                    DedupeKeep::FirstWithin(duration) => self.expr(duration),
                    DedupeKeep::Last(keep) => keep.iter().for_each(|keep| self.keep(keep)),
                }
            }
            ClauseKind::Changes { of, by, keep } => {
                self.exprs(of.iter().chain(by));
                keep.iter().for_each(|keep| self.keep(keep));
            }
            ClauseKind::Top(top) => {
                self.expr(&top.count);
                self.order(&top.by);
                self.exprs(&top.per);
                top.keep.iter().for_each(|keep| self.keep(keep));
            }
            ClauseKind::OrderBy(keys) => self.order(keys),
            ClauseKind::Throttle { count, per, by } => self.exprs([count, per].into_iter().chain(by)),
            ClauseKind::Time { time, disorder } => {
                self.expr(time);
                self.exprs(disorder);
            }
            ClauseKind::Emit(Emit::Every(every)) => self.expr(every),
            ClauseKind::OnError(policy) => self.policy(policy),
            ClauseKind::Emit(Emit::Final | Emit::OnChange) | ClauseKind::Error { .. } => {}
        }
    }

    fn select_item(&mut self, item: &SelectItem) {
        self.at(item.span);
        match &item.kind {
            SelectItemKind::Column { value, alias } => {
                self.expr(value);
                self.names(alias);
            }
            SelectItemKind::Star(star) => {
                self.exprs(&star.of);
                self.names(&star.except);
                for replacement in &star.replace {
                    self.at(replacement.span);
                    self.expr(&replacement.value);
                    self.name(&replacement.name);
                }
            }
        }
    }

    fn window(&mut self, window: &Window) {
        self.at(window.kind_span);
        match &window.kind {
            WindowKind::Tumbling(size) | WindowKind::Sliding(size) => self.size(size),
            WindowKind::Hopping { size, every } => {
                self.size(size);
                self.size(every);
            }
            WindowKind::Cumulative { size, every } => self.exprs([size, every]),
            WindowKind::Session { gap } => self.expr(gap),
            WindowKind::Running => {}
        }
        self.exprs([&window.offset, &window.max, &window.lateness].into_iter().flatten());
        window.zone.iter().for_each(|zone| self.at(zone.span));
        if let Some(fill) = &window.fill {
            self.at(fill.span);
            match &fill.with {
                FillWith::Every(value) => self.fill_value(value),
                FillWith::Fields(fields) => {
                    for field in fields {
                        self.at(field.span);
                        self.name(&field.name);
                        self.fill_value(&field.value);
                    }
                }
            }
            self.expr(&fill.duration);
        }
        self.exprs(&window.by);
        window.keep.iter().for_each(|keep| self.keep(keep));
    }

    fn fill_value(&mut self, value: &FillValue) {
        if let FillValue::Value(value) = value {
            self.expr(value);
        }
    }

    fn size(&mut self, size: &Size) {
        if let Size::Duration(size) | Size::Rows(size) = size {
            self.expr(size);
        }
    }

    fn keep(&mut self, keep: &Keep) {
        self.at(keep.span);
        if let KeepKind::Expire(duration) = &keep.kind {
            self.expr(duration);
        }
    }

    fn order(&mut self, keys: &[OrderKey]) {
        for key in keys {
            self.at(key.span);
            self.expr(&key.value);
        }
    }

    fn step(&mut self, step: &TestStep) {
        self.at(step.span);
        match &step.kind {
            TestStepKind::Given { stream, rows } => {
                self.stream(stream);
                match rows {
                    GivenRows::Rows { rows, span } => {
                        self.at(*span);
                        self.exprs(rows);
                    }
                    GivenRows::File(path) => self.at(path.span),
                }
            }
            TestStepKind::Advance { to } => self.expr(to),
            TestStepKind::Expect { stream, expectation } => {
                self.stream(stream);
                match expectation {
                    Expectation::Rows { rows, span, .. } => {
                        self.at(*span);
                        self.exprs(rows);
                    }
                    Expectation::Count(count) => self.at(count.span),
                    Expectation::Empty => {}
                }
            }
            TestStepKind::Error => {}
        }
    }

    fn ty(&mut self, ty: &Type) {
        self.at(ty.span);
        match &ty.kind {
            TypeKind::Named(name) | TypeKind::Scaled { name, .. } => self.name(name),
            TypeKind::Applied { name, args } => {
                self.name(name);
                args.iter().for_each(|arg| self.ty(arg));
            }
            TypeKind::Record(fields) => fields.iter().for_each(|field| self.field(field)),
            TypeKind::OneOf(choices) => choices.iter().for_each(|choice| self.at(choice.span)),
            TypeKind::Nullable(of) => self.ty(of),
            TypeKind::Error => {}
        }
    }

    fn field(&mut self, field: &Field) {
        self.at(field.span);
        self.name(&field.name);
        self.ty(&field.ty);
        field.input_name.iter().for_each(|name| self.at(name.span));
        field.encoding.iter().for_each(|encoding| self.at(encoding.span));
        self.exprs(&field.default);
    }

    fn args(&mut self, args: &[Arg]) {
        for arg in args {
            self.at(arg.span);
            self.names(&arg.name);
            self.expr(&arg.value);
        }
    }

    fn exprs<'a>(&mut self, exprs: impl IntoIterator<Item = &'a Expr>) {
        exprs.into_iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &Expr) {
        self.at(expr.span);
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::RelativeTime(_) | ExprKind::Error => {}
            ExprKind::Name(name) => self.name(name),
            ExprKind::Field { of, name } => {
                self.expr(of);
                self.name(name);
            }
            ExprKind::Index { of, index } => self.exprs([&**of, index]),
            ExprKind::Call(call) => {
                self.name(&call.function);
                self.args(&call.args);
                call.filter.iter().for_each(|filter| self.expr(filter));
            }
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Binary { left, right, .. } => self.exprs([&**left, right]),
            ExprKind::Chain { first, links } => {
                self.expr(first);
                self.exprs(links.iter().map(|link| &link.operand));
            }
            ExprKind::In { value, container, .. } => self.exprs([&**value, container]),
            ExprKind::Between { value, low, high, .. } => self.exprs([&**value, low, high]),
            ExprKind::Like { value, pattern, .. } => self.exprs([&**value, pattern]),
            ExprKind::Matches { value, regex, .. } => self.exprs([&**value, regex]),
            ExprKind::IsNull { value, .. } => self.expr(value),
            ExprKind::If { condition, then, otherwise } => self.exprs([&**condition, then, otherwise]),
            ExprKind::List(elements) => self.exprs(elements),
            ExprKind::Record(fields) => {
                for field in fields {
                    self.at(field.span);
                    self.name(&field.name);
                    self.expr(&field.value);
                }
            }
            ExprKind::Comprehension { element, variable, list, condition } => {
                self.expr(element);
                self.name(variable);
                self.expr(list);
                condition.iter().for_each(|condition| self.expr(condition));
            }
            ExprKind::Template(parts) => {
                for part in parts {
                    match part {
                        TemplatePart::Text(text) => self.at(text.span),
                        TemplatePart::Value(value) => self.expr(value),
                    }
                }
            }
        }
    }
}
