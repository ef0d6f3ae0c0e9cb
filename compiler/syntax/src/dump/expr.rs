//! Expressions and types as text.

use super::{Node, name, option, quoted, text};
use crate::ast::*;

pub fn expr(e: &Expr) -> Node {
    let node = match &e.kind {
        ExprKind::Literal(literal) => Node::word(self::literal(literal)),
        ExprKind::Name(n) => name(n),
        ExprKind::Field { of, name: n } => Node::list(".", vec![expr(of), name(n)]),
        ExprKind::Index { of, index } => Node::list("[]", vec![expr(of), expr(index)]),
        ExprKind::Call(call) => Node::list("call", vec![name(&call.function)])
            .and(call.distinct.map(|span| Node::word("distinct").at(span)))
            .and(call.args.iter().map(arg))
            .and(option("filter", call.filter.as_deref().map(expr))),
        ExprKind::Unary { op, operand, .. } => {
            let word = if *op == UnaryOp::Negate { "neg" } else { "not" };
            Node::list(word, vec![expr(operand)])
        }
        ExprKind::Binary { op, left, right, .. } => Node::list(op.symbol(), vec![expr(left), expr(right)]),
        ExprKind::Chain { first, links } => {
            let link = |l: &Link| Node::list(l.op.symbol(), vec![expr(&l.operand)]);
            Node::list("chain", vec![expr(first)]).and(links.iter().map(link))
        }
        ExprKind::In { value, container, negated } => test("in", *negated, [value, container]),
        ExprKind::Between { value, low, high, negated } => test("between", *negated, [value, low, high]),
        ExprKind::Like { value, pattern, negated } => test("like", *negated, [value, pattern]),
        ExprKind::Matches { value, regex, negated } => test("matches", *negated, [value, regex]),
        ExprKind::IsNull { value, negated } => {
            Node::list(if *negated { "is-not-null" } else { "is-null" }, vec![expr(value)])
        }
        ExprKind::If { condition, then, otherwise } => {
            Node::list("if", vec![expr(condition), expr(then), expr(otherwise)])
        }
        ExprKind::List(elements) => Node::list("list", elements.iter().map(expr).collect()),
        ExprKind::Record(fields) => {
            let field = |f: &RecordField| Node::list(":", vec![name(&f.name), expr(&f.value)]).at(f.span);
            Node::list("record", fields.iter().map(field).collect())
        }
        ExprKind::Comprehension { element, variable, list, condition } => {
            Node::list("for", vec![expr(element), name(variable), expr(list)])
                .and(option("if", condition.as_deref().map(expr)))
        }
        ExprKind::Template(parts) => {
            let part = |p: &TemplatePart| match p {
                TemplatePart::Text(t) => text(t),
                TemplatePart::Value(e) => Node::list("value", vec![expr(e)]),
            };
            Node::list("template", parts.iter().map(part).collect())
        }
        ExprKind::RelativeTime(micros) => Node::word(format!("+{}", duration(*micros))),
        ExprKind::Error => Node::word("(error)"),
    };
    node.at(e.span)
}

fn test<const N: usize>(word: &str, negated: bool, operands: [&Expr; N]) -> Node {
    let word = if negated { format!("not-{word}") } else { word.to_string() };
    Node::list(word, operands.into_iter().map(expr).collect())
}

pub fn arg(arg: &Arg) -> Node {
    match &arg.name {
        Some(n) => Node::list(":", vec![name(n), expr(&arg.value)]).at(arg.span),
        None => expr(&arg.value),
    }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_string(),
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Decimal { digits, scale } => {
            let scale = *scale as usize;
            let digits = format!("{digits:0width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{whole}.{fraction}")
        }
        Literal::Float(value) => format!("{value:e}"),
        Literal::String { value, raw: false } => quoted(value),
        Literal::String { value, raw: true } => format!("r\"{value}\""),
        Literal::Duration(micros) => duration(*micros),
        Literal::Timestamp(micros) => format!("@{micros}us"),
    }
}

/// As the language writes it: greatest unit first, no part that is zero.
fn duration(micros: i64) -> String {
    let mut rest = micros;
    let mut out = String::new();
    for (unit, size) in crate::literal::UNITS {
        if rest >= size {
            out.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if out.is_empty() { "0s".to_string() } else { out }
}

pub fn ty(t: &Type) -> Node {
    let node = match &t.kind {
        TypeKind::Named(n) => name(n),
        TypeKind::Scaled { name: n, scale } => {
            Node::list(n.text.clone(), vec![Node::word(scale.value.to_string())])
        }
        TypeKind::Applied { name: n, args } => Node::list(n.text.clone(), args.iter().map(ty).collect()),
        TypeKind::Record(fields) => Node::list("record", fields.iter().map(field).collect()),
        TypeKind::OneOf(values) => Node::list("one-of", values.iter().map(text).collect()),
        TypeKind::Nullable(of) => Node::list("nullable", vec![ty(of)]),
        TypeKind::Error => Node::word("(error)"),
    };
    node.at(t.span)
}

fn field(field: &Field) -> Node {
    let encoding = field.encoding.as_ref().map(|e| {
        match &e.kind {
            EncodingKind::Named(n) => Node::list("as", vec![name(n)]),
            EncodingKind::Pattern { pattern, zone } => {
                Node::list("as", vec![text(pattern)]).and(zone.as_ref().map(text))
            }
        }
        .at(e.span)
    });
    Node::list("field", vec![name(&field.name), ty(&field.ty)])
        .and(option("from", field.input_name.as_ref().map(text)))
        .and(encoding)
        .and(option("default", field.default.as_ref().map(expr)))
        .and(field.doc.as_ref().map(|doc| Node::list("doc", vec![Node::word(quoted(doc))])))
        .at(field.span)
}
