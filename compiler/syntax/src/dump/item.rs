//! Items and test steps as text.

use super::expr::{arg, expr, ty};
use super::query::{binding, query, range};
use super::{Node, name, option, quoted, some, stream_ref, text};
use crate::ast::*;

pub fn item(item: &Item) -> Node {
    let node = match &item.kind {
        ItemKind::Use(u) => {
            let target = match &u.target {
                UseTarget::Module(path) => {
                    Node::word(path.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join("."))
                }
                UseTarget::File(path) => text(path),
            };
            Node::list("use", vec![target]).and(u.names.iter().flatten().map(name))
        }
        ItemKind::Param(p) => Node::list("param", vec![name(&p.name), ty(&p.ty)])
            .and(option("default", p.default.as_ref().map(expr))),
        ItemKind::Function(f) => Node::list("fn", vec![name(&f.name)])
            .and([params(&f.params), Node::list("->", vec![ty(&f.result)])])
            .and(f.body.as_ref().map(expr)),
        ItemKind::Aggregate(a) => Node::list("aggregate", vec![name(&a.name)])
            .and([params(&a.params), Node::list("->", vec![ty(&a.result)])])
            .and(a.members.iter().flatten().map(member)),
        ItemKind::Type(t) => Node::list("type", vec![name(&t.name), ty(&t.ty)]),
        ItemKind::Source(s) => Node::list("source", vec![name(&s.name), ty(&s.ty)])
            .and(some("key", s.key.iter().map(name).collect()))
            .and(s.options.iter().map(source_option)),
        ItemKind::Table(t) => table(t),
        ItemKind::Stream(s) => Node::list("stream", vec![name(&s.name), query(&s.query)]),
        ItemKind::Sink(s) => Node::list("sink", vec![name(&s.name)])
            .and(option("from", Some(stream_ref(&s.from))))
            .and(option("to", Some(connector(&s.to))))
            .and(s.options.iter().map(sink_option)),
        ItemKind::Test(t) => Node::list("test", vec![text(&t.name)]).and(t.steps.iter().map(test_step)),
        ItemKind::Error(n) => Node::list("error", vec![]).and(n.as_ref().map(name)),
    };
    node.and(item.doc.as_ref().map(|doc| Node::list("doc", vec![Node::word(quoted(doc))]))).at(item.span)
}

fn params(params: &[FunctionParam]) -> Node {
    let param = |p: &FunctionParam| {
        Node::list(":", vec![name(&p.name), ty(&p.ty)])
            .and(option("default", p.default.as_ref().map(expr)))
            .at(p.span)
    };
    Node::list("params", params.iter().map(param).collect())
}

fn member(m: &Member) -> Node {
    let node = match &m.kind {
        MemberKind::State { name: n, ty: t, initial } => {
            Node::list("state", vec![name(n), ty(t), expr(initial)])
        }
        MemberKind::Add(updates) => Node::list("add", updates.iter().map(binding).collect()),
        MemberKind::Remove(updates) => Node::list("remove", updates.iter().map(binding).collect()),
        MemberKind::Merge { left, right, updates } => {
            Node::list("merge", vec![name(left), name(right)]).and(updates.iter().map(binding))
        }
        MemberKind::Result(e) => Node::list("result", vec![expr(e)]),
        MemberKind::Error => Node::list("error", vec![]),
    };
    node.at(m.span)
}

fn table(t: &Table) -> Node {
    let key = some("key", t.key.iter().map(name).collect());
    let node = Node::list("table", vec![name(&t.name)]);
    match &t.kind {
        TableKind::Input { ty: t, options } => {
            node.and([ty(t)]).and(key).and(options.iter().map(source_option))
        }
        TableKind::Kept { delete_when, query: q } => {
            node.and(key).and(option("delete-when", delete_when.as_ref().map(expr))).and([query(q)])
        }
    }
}

fn source_option(o: &SourceOption) -> Node {
    let node = match &o.kind {
        SourceOptionKind::From(c) => Node::list("from", vec![connector(c)]),
        SourceOptionKind::Format(c) => Node::list("format", vec![connector(c)]),
        SourceOptionKind::Time(t) => Node::list("time", vec![name(&t.column)])
            .and(option("disorder", t.disorder.as_ref().map(expr)))
            .and(option("idle", t.idle.as_ref().map(expr)))
            .and(option("ahead", t.ahead.as_ref().map(expr))),
        SourceOptionKind::Refresh(d) => Node::list("refresh", vec![expr(d)]),
        SourceOptionKind::OnError(p) => Node::list("on-error", vec![policy(p)]),
        SourceOptionKind::Error => Node::list("error", vec![]),
    };
    node.at(o.span)
}

fn sink_option(o: &SinkOption) -> Node {
    let node = match &o.kind {
        SinkOptionKind::Format(c) => Node::list("format", vec![connector(c)]),
        SinkOptionKind::Ordered => Node::word("ordered"),
        SinkOptionKind::OnError(p) => Node::list("on-error", vec![policy(p)]),
        SinkOptionKind::Error => Node::list("error", vec![]),
    };
    node.at(o.span)
}

fn connector(c: &Connector) -> Node {
    if c.args.is_empty() {
        return name(&c.name);
    }
    Node::list("call", vec![name(&c.name)]).and(c.args.iter().map(arg)).at(c.span)
}

pub fn policy(p: &Policy) -> Node {
    let node = match &p.kind {
        PolicyKind::Fail => Node::word("fail"),
        PolicyKind::Sideline(c) => Node::list("sideline", vec![connector(c)]),
        PolicyKind::Retry { times, backoff, then } => Node::list("retry", vec![expr(times)])
            .and(option("backoff", backoff.as_deref().map(range)))
            .and(option("then", then.as_deref().map(policy))),
    };
    node.at(p.span)
}

fn test_step(step: &TestStep) -> Node {
    let node = match &step.kind {
        TestStepKind::Given { stream, rows } => {
            Node::list("given", vec![stream_ref(stream)]).and(match rows {
                GivenRows::Rows { rows, .. } => rows.iter().map(expr).collect(),
                GivenRows::File(path) => vec![Node::list("from", vec![text(path)])],
            })
        }
        TestStepKind::Advance { to } => Node::list("advance", vec![expr(to)]),
        TestStepKind::Expect { stream, expectation } => {
            Node::list("expect", vec![stream_ref(stream)]).and(match expectation {
                Expectation::Rows { order, rows, .. } => {
                    let order = match order {
                        RowOrder::Ordered => None,
                        RowOrder::Unordered => Some(Node::word("unordered")),
                        RowOrder::Contains => Some(Node::word("contains")),
                    };
                    order.into_iter().chain(rows.iter().map(expr)).collect()
                }
                Expectation::Empty => vec![Node::word("empty")],
                Expectation::Count(n) => vec![Node::list("count", vec![Node::word(n.value.to_string())])],
            })
        }
        TestStepKind::Error => Node::list("error", vec![]),
    };
    node.at(step.span)
}
