//! E03: types.

use super::alternatives;
use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span, did_you_mean};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::text::{format_duration, parse_decimal, parse_int};
use millstream_ir::types::{RecordType, Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;
use millstream_syntax::elsewhere::words;

/// `is_param`: the literal is the value of a parameter. `in_test`: times are relative to the start of a test.
pub fn type_mismatch(expected: &Type, expr: &Expr, is_param: bool, in_test: bool) -> Diagnostic {
    let (span, found) = (expr.span, &expr.ty);
    let fault = Diagnostic::new(E0301, span, format!("expected `{expected}`, found `{found}`"))
        .label(format!("this is {found}"));
    let written = match &expr.kind {
        ExprKind::Literal(value) if !is_param => Some(value),
        _ => None,
    };
    match (written, &expected.kind) {
        (Some(Value::Int(n)), TypeKind::Duration) => {
            let units = format!("a duration has a unit: `{n}ms`, `{n}s`, `{n}m`, `{n}h`, `{n}d`");
            return fault.note(units).fix("count seconds", span, format!("{n}s"));
        }
        (Some(Value::Duration(d)), TypeKind::Timestamp) if in_test => {
            let text = match d {
                ..0 => format!("+0s - {}", format_duration(d.saturating_neg())),
                _ => format!("+{}", format_duration(*d)),
            };
            return fault.fix("count from the start of the test", span, text);
        }
        // What such text reads as is known already.
        (Some(Value::String(_)), kind) if !matches!(kind, TypeKind::Json) => {
            return match plain_literal(expr, expected) {
                Some(written) => fault.fix("write it without quotes", span, written),
                None => fault,
            };
        }
        (_, TypeKind::Map(_)) if matches!(found.kind, TypeKind::Record(_)) => {
            return fault.help("a map is made of its keys and values: `map_of([\"a\"], [1])`");
        }
        (None, TypeKind::Duration) if found.kind == TypeKind::Int && (is_param || is_column(expr)) => {
            return converted(fault, span, "(", " * 1s)");
        }
        _ => {}
    }
    match conversion(found, expected) {
        Some((before, after)) => converted(fault, span, &before, &after),
        None => fault,
    }
}

/// What is looked up in a table: so it is converted, to null where that cannot be done.
pub fn type_of_key(key: &Type, asked: &Expr) -> Diagnostic {
    let plain = type_mismatch(key, asked, false, false);
    match conversion(&asked.ty.clone().required(), key) {
        Some(how) if plain_literal(asked, key).is_none() => {
            converted_or_null(Diagnostic { fixes: vec![], ..plain }, asked.span, key, how)
        }
        _ => plain,
    }
}

fn converted_or_null(
    fault: Diagnostic,
    span: Span,
    to: &Type,
    (before, after): (String, String),
) -> Diagnostic {
    // Everything has a text.
    match to.kind {
        TypeKind::String | TypeKind::Json => converted(fault, span, &before, &after),
        _ => converted(fault, span, &format!("try_{before}"), &after)
            .help("what cannot be converted is null, which is in no table"),
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Column(_))
}

fn converted(fault: Diagnostic, span: Span, before: &str, after: &str) -> Diagnostic {
    surround(fault, span, format!("convert it: `{before}…{after}`"), before, after)
}

/// `an int`, `a string`.
pub(super) fn with_article(ty: &Type) -> String {
    let article = if matches!(ty.kind, TypeKind::Int) { "an" } else { "a" };
    format!("{article} `{ty}`")
}

/// How a value is converted where it is not by itself.
fn conversion(from: &Type, to: &Type) -> Option<(String, String)> {
    use TypeKind::*;
    if from.nullable && !to.nullable {
        return None;
    }
    Some(match (&from.kind, &to.kind) {
        (Float | Decimal(_) | String | OneOf(_) | Json, Int) => ("int(".into(), ")".into()),
        (Decimal(_) | String | Json, Float) => ("float(".into(), ")".into()),
        (Float | Decimal(_) | String | Json, Decimal(scale)) => ("decimal(".into(), format!(", {scale})")),
        (_, String) => ("string(".into(), ")".into()),
        (String | Json | Int, Timestamp) => ("timestamp(".into(), ")".into()),
        (String | Json, Duration) => ("duration(".into(), ")".into()),
        // A call is no size of a window; what stands in parentheses is.
        (Int, Duration) => ("((".into(), ") * 1s)".into()),
        (String | Json, Bool) => ("bool(".into(), ")".into()),
        (_, Json) => ("json(".into(), ")".into()),
        _ => return None,
    })
}

fn surround(fault: Diagnostic, span: Span, title: String, before: &str, after: &str) -> Diagnostic {
    use millstream_base::diagnostic::{Edit, Safety};
    let edits = vec![
        Edit { span: span.at_start(), text: before.into() },
        Edit { span: span.at_end(), text: after.into() },
    ];
    fault.fix_edits(title, edits, Safety::Unsafe)
}

/// Whether `??` written behind it would stand with a part of it: what binds less takes parentheses.
fn binds_less_than_coalesce(expr: &Expr) -> bool {
    use ExprKind::*;
    match &expr.kind {
        Binary(op, ..) => op.is_comparison(),
        Let { .. }
        | And(..)
        | Or(..)
        | Not(_)
        | IsNull(_)
        | If { .. }
        | In { .. }
        | Like { .. }
        | Matches { .. } => true,
        _ => false,
    }
}

pub fn nullable(span: Span, found: &Expr, expected: &Type) -> Diagnostic {
    let fallback = match expected.kind {
        TypeKind::Bool => "false",
        TypeKind::Int => "0",
        TypeKind::Float | TypeKind::Decimal(_) => "0.0",
        TypeKind::String => "\"\"",
        TypeKind::List(_) => "[]",
        TypeKind::Duration => "0s",
        _ => "…",
    };
    let fault = Diagnostic::new(E0302, span, format!("this may be null, but `{expected}` is required here"))
        .label(format!("this is {}", found.ty));
    if fallback == "…" {
        return fault
            .help("say what stands for null: `… ?? fallback`, or leave nulls out: `where … is not null`");
    }
    let (opened, closed) = if binds_less_than_coalesce(found) { ("((", ")") } else { ("(", "") };
    surround(
        fault,
        span,
        format!("say what stands for null: `?? {fallback}`"),
        opened,
        &format!("{closed} ?? {fallback})"),
    )
    .help("or leave such rows out: `where … is not null`")
}

pub fn operator_types(op: Span, symbol: &str, left: &Expr, right: &Expr) -> Diagnostic {
    let fault = Diagnostic::new(
        E0303,
        op,
        format!("`{symbol}` has no meaning between `{}` and `{}`", left.ty, right.ty),
    )
    .label("no such operation")
    .also(left.span, format!("this is {}", left.ty))
    .also(right.span, format!("this is {}", right.ty));
    use TypeKind::*;
    match (&left.ty.kind, &right.ty.kind) {
        (Float, Decimal(scale)) => {
            let title = "convert the float to a decimal".to_string();
            surround(fault, left.span, title, "decimal(", &format!(", {scale})"))
                .note("floats are not exact, so they do not mix with decimals by themselves")
        }
        (Decimal(scale), Float) => {
            let title = "convert the float to a decimal".to_string();
            surround(fault, right.span, title, "decimal(", &format!(", {scale})"))
                .note("floats are not exact, so they do not mix with decimals by themselves")
        }
        (String | OneOf(_), _) | (_, String | OneOf(_)) if symbol == "+" => {
            use millstream_base::diagnostic::{Edit, Safety};
            let mut edits = vec![Edit { span: op, text: "++".into() }];
            for side in [left, right].into_iter().filter(|side| !side.ty.is_text()) {
                edits.push(Edit { span: side.span.at_start(), text: "string(".into() });
                edits.push(Edit { span: side.span.at_end(), text: ")".into() });
            }
            fault.fix_edits("join text with `++`", edits, Safety::Unsafe)
        }
        _ if symbol == "++" && (left.ty.is_text() || right.ty.is_text()) => {
            let other = if left.ty.is_text() { right.span } else { left.span };
            surround(fault, other, "convert it to text".into(), "string(", ")")
        }
        (Duration, Float) | (Float, Duration) => fault.note("a duration is multiplied by an int only"),
        _ => fault,
    }
}

/// `text or …`, where it may be meant to be joined with another.
pub fn alternative_of_texts(left: &Expr, op: Span) -> Diagnostic {
    let headline = format!("expected `bool?`, found `{}`", left.ty);
    let fault = Diagnostic::new(E0301, left.span, headline).label(format!("this is {}", left.ty));
    fault.fix("join text with `++`", op, "++")
}

pub fn operator_type(span: Span, symbol: &str, ty: &Type) -> Diagnostic {
    Diagnostic::new(E0303, span, format!("`{symbol}` has no meaning for `{ty}`"))
        .label(format!("this is {ty}"))
}

pub fn incomparable(span: Span, op: Span, symbol: &str, left: &Expr, right: &Expr) -> Diagnostic {
    let fault = Diagnostic::new(
        E0304,
        if op == span { span } else { op },
        format!("`{symbol}` cannot compare `{}` with `{}`", left.ty, right.ty),
    )
    .label("cannot be compared")
    .also(left.span, format!("this is {}", left.ty))
    .also(right.span, format!("this is {}", right.ty));
    for (text, other) in [(left, right), (right, left)] {
        if let Some(written) = plain_literal(text, &other.ty) {
            return fault.fix("write it without quotes", text.span, written);
        }
    }
    match (&left.ty.kind, &right.ty.kind) {
        (TypeKind::Timestamp, TypeKind::String) if matches!(right.kind, ExprKind::Literal(_)) => {
            fault.help("write times as `@2024-05-01T12:00:00Z`")
        }
        (TypeKind::Json, other) | (other, TypeKind::Json) if *other != TypeKind::Json => {
            let (json, target) =
                if left.ty.kind == TypeKind::Json { (left, &right.ty) } else { (right, &left.ty) };
            match conversion(&json.ty.clone().required(), target) {
                Some((before, after)) => converted(fault, json.span, &before, &after),
                None => fault,
            }
        }
        // What is text may not read as a number; a number always has a text.
        (TypeKind::String, TypeKind::Bool | TypeKind::Int | TypeKind::Float | TypeKind::Decimal(_)) => {
            converted(fault, right.span, "string(", ")")
        }
        (TypeKind::Bool | TypeKind::Int | TypeKind::Float | TypeKind::Decimal(_), TypeKind::String) => {
            converted(fault, left.span, "string(", ")")
        }
        (TypeKind::Timestamp | TypeKind::Duration, _) | (_, TypeKind::Timestamp | TypeKind::Duration) => {
            let of = |from: &Expr, to: &Expr| {
                let is_target = matches!(to.ty.kind, TypeKind::Timestamp | TypeKind::Duration);
                let how = conversion(&from.ty.clone().required(), &to.ty).filter(|_| is_target)?;
                Some((from.span, how))
            };
            match of(left, right).or_else(|| of(right, left)) {
                Some((span, (before, after))) => converted(fault, span, &before, &after),
                None => fault,
            }
        }
        (TypeKind::Float, TypeKind::Decimal(_)) => converted(fault, right.span, "float(", ")"),
        (TypeKind::Decimal(_), TypeKind::Float) => converted(fault, left.span, "float(", ")"),
        _ => fault,
    }
}

/// The same where a table is looked up by one side: so the other is converted, to null where that cannot be done.
pub fn incomparable_with_key(
    span: Span,
    op: Span,
    symbol: &str,
    [left, right]: [&Expr; 2],
    asked: &Expr,
) -> Diagnostic {
    let key = if asked.span == left.span { right } else { left };
    let plain = incomparable(span, op, symbol, left, right);
    if plain_literal(asked, &key.ty).is_some() {
        return plain;
    }
    match conversion(&asked.ty.clone().required(), &key.ty) {
        Some(how) => converted_or_null(Diagnostic { fixes: vec![], ..plain }, asked.span, &key.ty, how),
        None => plain,
    }
}

/// What stands in quotes, if it is a literal of this type: `5` for `"5"` beside a number.
fn plain_literal<'e>(text: &'e Expr, ty: &Type) -> Option<&'e str> {
    let ExprKind::Literal(Value::String(text)) = &text.kind else { return None };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_number = all_digits(whole) && all_digits(fraction);
    let fits = match ty.kind {
        TypeKind::Int => is_number && parse_int(text.as_bytes()).is_some(),
        TypeKind::Decimal(scale) => {
            is_number && parse_decimal(text.as_bytes(), scale).is_some_and(|d| d.exact)
        }
        TypeKind::Float => is_number,
        TypeKind::Bool => matches!(&**text, "true" | "false"),
        _ => false,
    };
    fits.then_some(text)
}

pub fn unknown_choice(span: Span, text: &str, ty: &Type) -> Diagnostic {
    let fault = Diagnostic::new(E0305, span, format!("{text:?} is not one of `{}`", ty.clone().required()))
        .label("not one of them");
    let TypeKind::OneOf(strings) = &ty.kind else { return fault };
    match did_you_mean(text, strings.iter().map(|s| &**s)) {
        Some(nearest) => fault.fix(format!("did you mean {nearest:?}?"), span, format!("{nearest:?}")),
        None => fault,
    }
}

pub fn decimal_scale(span: Span, scale: u8, left: &Expr, right: &Expr) -> Diagnostic {
    Diagnostic::new(
        E0306,
        span,
        format!("the result would have {scale} digits after the point; 38 is the most"),
    )
    .label("too many digits")
    .also(left.span, format!("this is {}", left.ty))
    .also(right.span, format!("this is {}", right.ty))
    .help("say how many digits you need: `decimal(x, 6)`")
}

pub fn average_scale(span: Span, scale: u8) -> Diagnostic {
    Diagnostic::new(
        E0306,
        span,
        format!("the average would have {scale} digits after the point; 38 is the most"),
    )
    .label("too many digits")
    .help("average fewer digits: `avg(decimal(x, 6))`")
}

pub fn decimal_literal(span: Span, found: u8, scale: u8) -> Diagnostic {
    Diagnostic::new(E0307, span, format!("this number does not fit a `decimal({scale})`"))
        .label(format!("written with {found} digits after the point"))
        .note("a decimal has 38 digits in all, and a literal must fit its type exactly")
}

pub fn int_too_large(span: Span) -> Diagnostic {
    Diagnostic::new(E0308, span, "this number does not fit an `int`")
        .label("too large")
        .note("an int has 64 bits: -9223372036854775808 to 9223372036854775807")
}

pub fn no_common_type(span: Span, what: &str, first: (Span, &Type), second: (Span, &Type)) -> Diagnostic {
    let place = if second.0.is_empty() { span } else { second.0 };
    Diagnostic::new(E0309, place, format!("{what} are of the types `{}` and `{}`", first.1, second.1))
        .label(format!("this is {}", second.1))
        .also(first.0, format!("this is {}", first.1))
        .help("convert one of them, or leave it out")
}

pub fn missing_argument(span: Span, function: &str, param: &str) -> Diagnostic {
    Diagnostic::new(E0310, span, format!("`{function}` needs the argument `{param}`"))
        .label("argument missing")
}

pub fn too_many_arguments(span: Span, function: &str, wanted: usize) -> Diagnostic {
    let plural = if wanted == 1 { "argument" } else { "arguments" };
    Diagnostic::new(E0311, span, format!("`{function}` takes {wanted} {plural}")).label("one too many")
}

pub fn unknown_argument(span: Span, name: &str, function: &str, known: &[&str]) -> Diagnostic {
    let fault = Diagnostic::new(E0312, span, format!("`{function}` has no argument called `{name}`"))
        .label("unknown argument");
    match did_you_mean(name, known.iter().copied()) {
        Some(nearest) => fault.fix(format!("did you mean `{nearest}`?"), span, nearest),
        None if known.is_empty() => fault,
        None => {
            fault.note(format!("it has {}", alternatives(known.iter().copied()).replace(" or ", " and ")))
        }
    }
}

pub fn argument_twice(span: Span, name: &str, function: &str) -> Diagnostic {
    Diagnostic::new(E0313, span, format!("the argument `{name}` of `{function}` is given twice"))
        .label("given again")
}

/// `target`: the type that is expected, where it is one.
pub fn argument_type(
    span: Span,
    function: &str,
    expected: &str,
    target: Option<&Type>,
    found: &Type,
) -> Diagnostic {
    let fault =
        Diagnostic::new(E0314, span, format!("`{function}` expects `{expected}` here, found `{found}`"))
            .label(format!("this is {found}"));
    match target.and_then(|target| conversion(found, target)) {
        Some((before, after)) => converted(fault, span, &before, &after),
        None => match words::written_here(function).filter(|_| found.is_text()) {
            Some(help) => fault.help(help),
            None => fault,
        },
    }
}

pub fn no_overload(span: Span, function: &str, types: &str, known: &[String]) -> Diagnostic {
    let fault = Diagnostic::new(E0315, span, format!("no `{function}` takes arguments of types `({types})`"))
        .label("no such form");
    known.iter().fold(fault, |fault, form| fault.note(format!("there is `{form}`")))
}

pub fn bad_regex(span: Span, fault: &regex::Error) -> Diagnostic {
    let text = fault.to_string();
    // The engine draws a picture first; its last line says what is wrong.
    let reason = text.lines().last().unwrap_or_default().trim();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    Diagnostic::new(E0316, span, format!("this is no regular expression: {reason}")).label("not a pattern")
}

pub fn not_constant(span: Span) -> Diagnostic {
    Diagnostic::new(E0317, span, "this must be known before the program runs")
        .label("depends on rows")
        .help("use literals and parameters only")
}

pub fn constant_fails(span: Span, reason: &str) -> Diagnostic {
    Diagnostic::new(E0318, span, format!("this has no value: {reason}")).label("fails")
}

pub fn constant_takes_too_long(span: Span) -> Diagnostic {
    let fault = "this must be known before the program runs, and takes more than a million steps to compute";
    Diagnostic::new(E0339, span, fault)
        .label("takes too long")
        .help("write its value, which `millstream repl` computes however long that takes")
}

pub fn not_positive(span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(E0319, span, format!("this {what} must be more than zero")).label("not positive")
}

pub fn no_conversion(span: Span, from: &Type, to: &Type) -> Diagnostic {
    let fault = Diagnostic::new(
        E0320,
        span,
        format!("{} cannot be converted to `{to}`", with_article(&from.clone().required())),
    )
    .label("no such conversion");
    match (&from.kind, &to.kind) {
        (TypeKind::Int, TypeKind::Bool) => fault.help("compare it: `x != 0`"),
        _ => fault,
    }
}

pub fn unknown_field(span: Span, name: &str, record: &RecordType) -> Diagnostic {
    let names = || record.fields.iter().map(|f| &*f.name);
    let fault =
        Diagnostic::new(E0321, span, format!("the record has no field `{name}`")).label("unknown field");
    match did_you_mean(name, names()) {
        Some(nearest) => fault.fix(format!("did you mean `{nearest}`?"), span, nearest),
        None => fault.note(format!("its fields are {}", alternatives(names()).replace(" or ", " and "))),
    }
}

pub fn no_fields(span: Span, name: &str, ty: &Type) -> Diagnostic {
    let fault = Diagnostic::new(E0321, span, format!("{} has no field `{name}`", with_article(ty)))
        .label("no fields");
    let is_long = matches!(name, "length" | "len" | "size" | "count");
    match &ty.kind {
        TypeKind::List(_) | TypeKind::Map(_) | TypeKind::String | TypeKind::OneOf(_) if is_long => {
            fault.help("functions are called by their name: `length(x)`")
        }
        TypeKind::Map(_) => fault.help(format!("the value of a key is `m[\"{name}\"]`")),
        _ => fault,
    }
}

pub fn no_index(span: Span, ty: &Type) -> Diagnostic {
    Diagnostic::new(E0322, span, format!("{} has no elements", with_article(ty)))
        .label(format!("this is {ty}"))
}

pub fn not_a_list(span: Span, ty: &Type) -> Diagnostic {
    let fault =
        Diagnostic::new(E0323, span, format!("expected a list, found `{ty}`")).label(format!("this is {ty}"));
    if ty.kind == TypeKind::Json {
        fault.help("a library function reads a json array as a list")
    } else {
        fault
    }
}

pub fn null_comparison(span: Span, other: Span, op: ast::BinaryOp) -> Diagnostic {
    let symbol = op.symbol();
    let test = if op == ast::BinaryOp::NotEqual { "is not null" } else { "is null" };
    let fault = Diagnostic::new(E0324, span, format!("`{symbol}` with `null` is always null"))
        .label("never true")
        .note("null compared with anything gives null, which counts as no");
    use millstream_base::diagnostic::{Edit, Safety};
    if !matches!(op, ast::BinaryOp::Equal | ast::BinaryOp::NotEqual) || span.file != other.file {
        return fault;
    }
    // Everything but the other operand goes.
    let before = Span { end: other.start, ..span };
    let after = Span { start: other.end, ..span };
    let edits =
        vec![Edit { span: before, text: String::new() }, Edit { span: after, text: format!(" {test}") }];
    fault.fix_edits(format!("test with `{test}`"), edits, Safety::Unsafe)
}

pub fn duplicate_field(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::new(E0325, span, format!("the record has the field `{name}` twice"))
        .label("again")
        .also(first, "first here")
}

/// `column`: that which holds the result of the same call, if one does.
pub fn aggregate_outside(span: Span, name: &str, column: Option<&str>) -> Diagnostic {
    if let Some(column) = column {
        let headline = format!("the rows of the groups are gone here; `{name}` has become a column");
        return Diagnostic::new(E0326, span, headline).label("no group").fix(
            format!("use the column `{column}`"),
            span,
            column,
        );
    }
    let d = Diagnostic::new(E0326, span, format!("the aggregate `{name}` has no group of rows here"))
        .label("no group")
        .note("aggregates stand in the `select` that closes a `window` or follows `group by`")
        .help("group the rows first: `group by … select …`; a condition on the result goes into a `where` after it");
    match name {
        "any" | "all" => d.help("`x in [1, 2]` is true of one of them, `x not in [1, 2]` of none"),
        _ => d,
    }
}

pub fn nested_aggregate(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0327, span, format!("`{name}` stands inside another aggregate"))
        .label("nested")
        .help("aggregate in two steps: in a stream of its own, or in two selects")
}

pub fn aggregate_argument(span: Span, name: &str, ty: &Type) -> Diagnostic {
    let takes = match name {
        "sum" | "avg" | "approx_percentile" => "numbers and durations",
        "median" | "percentile" => "numbers, durations and timestamps",
        "variance" | "variance_pop" | "stddev" | "stddev_pop" | "covariance" | "correlation" => "numbers",
        "string_agg" => "text",
        "any" | "all" => "conditions",
        _ => "values that have an order",
    };
    Diagnostic::new(E0328, span, format!("`{name}` is of {takes}, not of `{ty}`"))
        .label(format!("this is {ty}"))
}

pub fn no_distinct(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0329, span, format!("`{name}` does not take `distinct`"))
        .label("has no meaning here")
        .note("`count`, `collect`, `top_k` and `string_agg` do")
}

pub fn no_filter(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0330, span, format!("`{name}` is no aggregate, so there are no rows to filter"))
        .label("has no meaning here")
}

pub fn malformed_type(span: Span, name: &str) -> Diagnostic {
    let form = match name {
        "decimal" => "`decimal(2)`",
        "list" => "`list<int>`",
        "map" => "`map<int>`",
        _ => "`int`, `decimal(2)`, `list<int>` or `map<int>`",
    };
    Diagnostic::new(E0331, span, format!("`{name}` is not written so: types look like {form}"))
        .label("not a type")
}

pub fn bad_scale(span: Span) -> Diagnostic {
    Diagnostic::new(E0332, span, "a decimal has from 0 to 38 digits after the point").label("not a scale")
}

pub fn row_not_a_record(span: Span, ty: &Type) -> Diagnostic {
    Diagnostic::new(E0333, span, format!("rows are records, not `{ty}`"))
        .label("not a record")
        .help("name the columns: `{ value: … }`")
}

pub fn unknown_encoding(span: Span, name: &str, nearest: Option<&str>) -> Diagnostic {
    let fault = Diagnostic::new(E0334, span, format!("there is no encoding called `{name}`"))
        .label("unknown encoding")
        .note("there are `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, and patterns such as \"%d/%m/%Y %H:%M\"");
    match nearest {
        Some(nearest) => fault.fix(format!("did you mean `{nearest}`?"), span, nearest),
        None => fault,
    }
}

pub fn encoding_of_type(span: Span, ty: &Type) -> Diagnostic {
    let headline = format!("an encoding of times cannot be given to {}", with_article(ty));
    Diagnostic::new(E0335, span, headline).label("only for timestamps")
}

pub fn unknown_zone(span: Span, name: &str, nearest: Option<&str>) -> Diagnostic {
    let fault = Diagnostic::new(E0336, span, format!("there is no time zone called {name:?}"))
        .label("unknown time zone")
        .note("time zones have names such as \"Europe/Paris\" or \"UTC\"");
    match nearest {
        Some(nearest) => fault.fix(format!("did you mean {nearest:?}?"), span, format!("{nearest:?}")),
        None => fault,
    }
}

pub fn bad_time_pattern(span: Span, reason: &str) -> Diagnostic {
    Diagnostic::new(E0337, span, format!("this pattern reads no time: {reason}"))
        .label("not a pattern")
        .note("a pattern has a date and what else there is of the time, such as \"%d/%m/%Y %H:%M\"")
}

/// A type that holds more than anybody reads.
pub fn type_too_large(span: Span, most_parts: usize, most_levels: usize) -> Diagnostic {
    Diagnostic::new(E0338, span, "this type, with all that it names, is too large")
        .label("too large")
        .note(format!("a type has at most {most_parts} parts, nested at most {most_levels} levels deep"))
        .help("read what holds many fields as `json`, and take out of it what is needed")
}
