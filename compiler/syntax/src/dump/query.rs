//! Queries and patterns as text.

use super::expr::expr;
use super::item::policy;
use super::{Node, name, option, some, stream_ref, text};
use crate::ast::*;

pub fn query(query: &Query) -> Node {
    Node::list("query", vec![head(&query.head)]).and(query.clauses.iter().map(clause)).at(query.span)
}

fn head(head: &QueryHead) -> Node {
    let node = match &head.kind {
        QueryHeadKind::From(from) => Node::list("from", vec![stream_ref(&from.stream)])
            .and(option("as", from.alias.as_ref().map(name))),
        QueryHeadKind::Match(m) => match_head(m),
        QueryHeadKind::Error => Node::list("error", vec![]),
    };
    node.at(head.span)
}

fn match_head(m: &Match) -> Node {
    let mode = match &m.mode {
        MatchMode::Consume => None,
        MatchMode::Overlapping => Some(Node::word("overlapping")),
        MatchMode::All => Some(Node::word("all")),
        MatchMode::OncePer(d) => Some(Node::list("once-per", vec![expr(d)])),
        MatchMode::OnceForever => Some(Node::word("once-forever")),
    };
    let bound = m.bound.as_ref().map(|b| match b {
        MatchBound::Within { duration, or_timeout } => {
            Node::list("within", vec![expr(duration)]).and(or_timeout.then(|| Node::word("or-timeout")))
        }
        MatchBound::Forever => Node::word("forever"),
    });
    Node::list("match", vec![])
        .and(mode)
        .and(some("by", m.by.iter().map(expr).collect()))
        .and([pattern(&m.pattern)])
        .and(m.without.as_ref().map(|a| absence("without", a)))
        .and(bound)
        .and(some("reuse", m.reuse.iter().map(name).collect()))
        .and(option("limit", m.limit.as_ref().map(expr)))
}

fn pattern(p: &Pattern) -> Node {
    let node = match &p.kind {
        PatternKind::Event(e) => return event(e),
        PatternKind::Sequence { first, rest } => {
            Node::list("sequence", vec![pattern(first)]).and(rest.iter().map(link))
        }
        PatternKind::Repeat { of, quantifier, adjacent, greedy } => {
            Node::list("repeat", vec![self::quantifier(quantifier)])
                .and(adjacent.map(|span| Node::word("adjacent").at(span)))
                .and(greedy.map(|span| Node::word("greedy").at(span)))
                .and([pattern(of)])
        }
        PatternKind::All(parts) => Node::list("and", parts.iter().map(pattern).collect()),
        PatternKind::Any(parts) => Node::list("or", parts.iter().map(pattern).collect()),
        PatternKind::Absent { of, timer } => absence("not", of).and(timer.as_ref().map(|t| {
            Node::list("for", vec![expr(&t.duration)]).and(option("max", t.max.as_ref().map(expr))).at(t.span)
        })),
        PatternKind::Group(of) => Node::list("group", vec![pattern(of)]),
        PatternKind::Error => Node::list("error", vec![]),
    };
    node.at(p.span)
}

fn link(link: &PatternLink) -> Node {
    let word = if link.contiguity == Contiguity::Then { "then" } else { "next" };
    Node::list(word, vec![])
        .and(option("within", link.within.as_ref().map(expr)))
        .and([pattern(&link.pattern)])
        .at(link.span)
}

fn quantifier(q: &Quantifier) -> Node {
    let node = match &q.kind {
        QuantifierKind::OneOrMore => Node::word("+"),
        QuantifierKind::ZeroOrMore => Node::word("*"),
        QuantifierKind::Optional => Node::word("?"),
        QuantifierKind::Exactly(n) => Node::list("exactly", vec![expr(n)]),
        QuantifierKind::AtLeast(n) => Node::list("at-least", vec![expr(n)]),
        QuantifierKind::Between(n, m) => Node::list("between", vec![expr(n), expr(m)]),
    };
    node.at(q.span)
}

fn event(e: &Event) -> Node {
    Node::list("event", vec![])
        .and(e.variable.as_ref().map(name))
        .and([Node::list("of", vec![stream_ref(&e.stream)])])
        .and(option("where", e.condition.as_ref().map(expr)))
        .at(e.span)
}

fn absence(word: &str, a: &Absence) -> Node {
    Node::list(word, a.events.iter().map(event).collect()).at(a.span)
}

fn clause(c: &Clause) -> Node {
    let node = match &c.kind {
        ClauseKind::Where(e) => Node::list("where", vec![expr(e)]),
        ClauseKind::Let(bindings) => Node::list("let", bindings.iter().map(binding).collect()),
        ClauseKind::Select(items) => Node::list("select", items.iter().map(select_item).collect()),
        ClauseKind::Join(j) => join(j),
        ClauseKind::Window(w) => window(w),
        ClauseKind::GroupBy(g) => group_by(g),
        ClauseKind::Unnest { list, name: n } => Node::list("unnest", vec![expr(list), name(n)]),
        ClauseKind::Union(streams) => Node::list("union", streams.iter().map(stream_ref).collect()),
        ClauseKind::Dedupe(d) => Node::list("dedupe", d.by.iter().map(expr).collect()).and([match &d.keep {
            DedupeKeep::FirstWithin(d) => Node::list("within", vec![expr(d)]),
            DedupeKeep::Last(keep) => Node::list("keep-last", vec![]).and(keep.as_ref().map(self::keep)),
        }]),
        ClauseKind::Changes { of, by, keep: k } => Node::list("changes", vec![])
            .and(some("of", of.iter().map(expr).collect()))
            .and(some("by", by.iter().map(expr).collect()))
            .and(k.as_ref().map(keep)),
        ClauseKind::Top(t) => Node::list("top", vec![expr(&t.count)])
            .and(some("by", t.by.iter().map(order_key).collect()))
            .and(some("per", t.per.iter().map(expr).collect()))
            .and(t.keep.as_ref().map(keep)),
        ClauseKind::OrderBy(keys) => Node::list("order", keys.iter().map(order_key).collect()),
        ClauseKind::Throttle { count, per, by } => Node::list("throttle", vec![expr(count)])
            .and(option("per", Some(expr(per))))
            .and(some("by", by.iter().map(expr).collect())),
        ClauseKind::Time { time, disorder } => {
            Node::list("time", vec![expr(time)]).and(option("disorder", disorder.as_ref().map(expr)))
        }
        ClauseKind::Emit(Emit::Final) => Node::list("emit", vec![Node::word("final")]),
        ClauseKind::Emit(Emit::Every(d)) => Node::list("emit", vec![Node::list("every", vec![expr(d)])]),
        ClauseKind::Emit(Emit::OnChange) => Node::list("emit", vec![Node::word("on-change")]),
        ClauseKind::OnError(p) => Node::list("on-error", vec![policy(p)]),
        ClauseKind::Error { keeps_columns: false } => Node::list("error", vec![]),
        ClauseKind::Error { keeps_columns: true } => Node::list("error", vec![Node::word("keeps-columns")]),
    };
    node.at(c.span)
}

pub fn binding(b: &Binding) -> Node {
    Node::list("=", vec![name(&b.name), expr(&b.value)]).at(b.span)
}

/// `(as value alias)`, or the value alone.
fn aliased(value: &Expr, alias: Option<&Name>) -> Node {
    match alias {
        Some(alias) => Node::list("as", vec![expr(value), name(alias)]),
        None => expr(value),
    }
}

fn select_item(item: &SelectItem) -> Node {
    let node = match &item.kind {
        SelectItemKind::Column { value, alias } => aliased(value, alias.as_ref()),
        SelectItemKind::Star(star) => {
            let replacement = |r: &Replacement| aliased(&r.value, Some(&r.name)).at(r.span);
            let of = star.of.as_ref().map(expr);
            let node = match of {
                None if star.except.is_empty() && star.replace.is_empty() => Node::word("*"),
                of => Node::list("*", vec![]).and(of),
            };
            let except = some("except", star.except.iter().map(name).collect());
            let replace = some("replace", star.replace.iter().map(replacement).collect());
            match (except, replace) {
                (None, None) => node,
                (except, replace) => node.and(except).and(replace),
            }
        }
    };
    node.at(item.span)
}

fn join(j: &Join) -> Node {
    let word = match j.kind {
        JoinKind::Inner => "join",
        JoinKind::Left => "left-join",
        JoinKind::Right => "right-join",
        JoinKind::Full => "full-join",
        JoinKind::Semi => "semi-join",
        JoinKind::Anti => "anti-join",
    };
    Node::list(word, vec![stream_ref(&j.stream)])
        .and(option("as", j.alias.as_ref().map(name)))
        .and(option("on", Some(expr(&j.on))))
        .and(option("within", j.within.as_ref().map(range)))
        .and(option("as-of", j.as_of.as_ref().map(expr)))
        .and(j.forever.map(|span| Node::word("forever").at(span)))
}

pub fn range(r: &Range) -> Node {
    match &r.low {
        Some(low) => Node::list("..", vec![expr(low), expr(&r.high)]).at(r.span),
        None => expr(&r.high),
    }
}

fn window(w: &Window) -> Node {
    let kind = match &w.kind {
        WindowKind::Tumbling(s) => Node::list("tumbling", vec![size(s)]),
        WindowKind::Hopping { size: s, every } => {
            Node::list("hopping", vec![size(s), Node::list("every", vec![size(every)])])
        }
        WindowKind::Cumulative { size, every } => {
            Node::list("cumulative", vec![expr(size), Node::list("every", vec![expr(every)])])
        }
        WindowKind::Session { gap } => Node::list("session", vec![expr(gap)]),
        WindowKind::Sliding(s) => Node::list("sliding", vec![size(s)]),
        WindowKind::Running => Node::list("running", vec![]),
    };
    Node::list("window", vec![kind.at(w.kind_span)])
        .and(option("offset", w.offset.as_ref().map(expr)))
        .and(option("in", w.zone.as_ref().map(text)))
        .and(option("max", w.max.as_ref().map(expr)))
        .and(option("lateness", w.lateness.as_ref().map(expr)))
        .and(w.fill.as_ref().map(fill))
        .and(some("by", w.by.iter().map(expr).collect()))
        .and(w.keep.as_ref().map(keep))
}

fn size(s: &Size) -> Node {
    match s {
        Size::Duration(d) => expr(d),
        Size::Rows(n) => Node::list("rows", vec![expr(n)]),
        Size::Calendar(unit) => Node::word(match unit {
            CalendarUnit::Hour => "hour",
            CalendarUnit::Day => "day",
            CalendarUnit::Week => "week",
            CalendarUnit::Month => "month",
            CalendarUnit::Quarter => "quarter",
            CalendarUnit::Year => "year",
        }),
    }
}

fn fill(f: &Fill) -> Node {
    let value = |v: &FillValue| match v {
        FillValue::Previous => Node::word("previous"),
        FillValue::Value(e) => expr(e),
    };
    let with = match &f.with {
        FillWith::Every(v) => vec![value(v)],
        FillWith::Fields(fields) => {
            fields.iter().map(|f| Node::list(":", vec![name(&f.name), value(&f.value)]).at(f.span)).collect()
        }
    };
    Node::list("fill", with).and(option("for", Some(expr(&f.duration)))).at(f.span)
}

fn keep(k: &Keep) -> Node {
    match &k.kind {
        KeepKind::Expire(d) => Node::list("expire", vec![expr(d)]),
        KeepKind::Forever => Node::word("forever"),
    }
    .at(k.span)
}

fn group_by(g: &GroupBy) -> Node {
    let key = |k: &GroupKey| aliased(&k.value, k.alias.as_ref()).at(k.span);
    Node::list("group", g.keys.iter().map(key).collect()).and(g.bound.as_ref().map(|b| match b {
        GroupBound::Keep(k) => keep(k),
        GroupBound::Until(e) => Node::list("until", vec![expr(e)]),
    }))
}

fn order_key(k: &OrderKey) -> Node {
    let node = match k.direction {
        None => expr(&k.value),
        Some(Direction::Ascending) => Node::list("asc", vec![expr(&k.value)]),
        Some(Direction::Descending) => Node::list("desc", vec![expr(&k.value)]),
    };
    node.at(k.span)
}
