//! What expressions mean: one line a case, `expression  →  typed form : type`, or what is wrong with it.
//!
//! To add a case, add a line to a list below and accept the new snapshot.

use millstream_base::{Diagnostics, SourceMap, Span};
use millstream_core::check::{Aggregates, Checker};
use millstream_core::names::{InputKind, Names};
use millstream_core::resolve::{GivenValues, Library, parse_files, resolve};
use millstream_core::scope::{Scope, ScopeColumn};
use millstream_ir::catalog::{CallTypes, Catalog, Module, ScalarFunction};
use millstream_ir::types::TypeKind;
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::fmt::Write;

fn nothing(_: &CallTypes, _: &[Value]) -> Result<Value, String> {
    Ok(Value::Null)
}

macro_rules! natives {
    ($($name:literal $strict:literal,)*) => {
        &[$(&ScalarFunction { name: $name, strict: $strict, can_fail: false, evaluate: nothing }),*]
    };
}

static CATALOG: Catalog = Catalog {
    connectors: &[],
    modules: &[Module {
        name: "std.test",
        text: r#"
            fn lower(text: string) -> string = native
            fn pad(text: string, width: int, with: string = " ") -> string = native
            fn abs(x: int) -> int = native
            fn abs(x: float) -> float = native
            fn abs(x: decimal) -> decimal = native
            fn least(x: T, rest: list<T>) -> T = native
            fn contains(xs: list<T>, x: T) -> bool = native
            fn contains(text: string, part: string) -> bool = native
            fn bucket(t: timestamp, size: duration, offset: duration = 0s) -> timestamp = native
            fn describe(x: T?) -> string = native
            fn first(xs: list<T>) -> T? = native
            fn clamp(x: T, low: T, high: T) -> T = if x < low then low else if x > high then high else x
            fn twice(x: int) -> int = x + x
        "#,
    }],
    functions: natives! {
        "lower" true, "pad" true, "abs" true, "least" true, "contains" true, "bucket" true, "describe" false,
        "first" true,
    },
};

const PROGRAM: &str = r#"
type Address = { city: string, zip: string? }
type Payment = {
  n: int, m: int?, f: float, g: float?, d: decimal(2), e: decimal(4)?, big: decimal(30),
  s: string, u: string?, b: bool, c: bool?, t: timestamp, late: timestamp?, gap: duration, raw: bytes,
  j: json, k: json?, xs: list<int>, ys: list<string>?, tags: map<int>,
  who: Address, whom: Address?, state: "open" | "closed", other: "on" | "off",
}
param limit: decimal(2) = 500.00
param name: string = "a%"
param key: secret
fn risky(amount: decimal(2), country: string?) -> bool = amount > limit or (country ?? "??") not in ["US", "CA"]
fn apart(a: int, b: int) -> int = if a > b then a - b else b - a
source p: Payment from file("p.ndjson") format json
table limits: { card: string } key card from file("l.csv") format csv
"#;

/// The typed form of each line, as if it stood in a `let` below `from p`.
fn check_all(cases: &str) -> String {
    check_with(cases, false)
}

/// As if each stood in the select of `group by n`.
fn check_aggregates(cases: &str) -> String {
    check_with(cases, true)
}

fn check_with(cases: &str, grouped: bool) -> String {
    let mut out = String::new();
    for case in cases.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let text = format!("{PROGRAM}\nstream x = from p select {case} as out");
        let line = with_expr(&text, |expr, names, sources, diagnostics| {
            let rows = scope_of(names);
            let mut checker = Checker::new(names, Default::default(), diagnostics);
            let scope = if grouped {
                checker.aggregates = Some(Aggregates::new(rows.clone(), 100));
                Scope::new(rows.columns().iter().filter(|c| &*c.name == "n").cloned().collect())
            } else {
                rows
            };
            let typed = checker.check_expr(&scope, expr, None);
            let uses = checker.aggregates.take().map_or(vec![], |a| a.uses);
            let mut line = format!("{} : {}", typed.text(&|c| column_name(&scope, c)), typed.ty);
            for found in uses {
                let text =
                    |e: &Option<millstream_ir::expr::Expr>| e.as_ref().map_or("-".into(), |e| format!("{e}"));
                let arguments: Vec<String> = found.arguments.iter().map(|a| format!("{a}")).collect();
                let arguments = if arguments.is_empty() { "-".into() } else { arguments.join(", ") };
                write!(line, "  with {:?}({arguments})", found.function).unwrap();
                if found.filter.is_some() {
                    write!(line, " filter {}", text(&found.filter)).unwrap();
                }
                if found.ignore_null {
                    line.push_str(" ignoring null");
                }
                write!(line, " : {}", found.result).unwrap();
            }
            (line, sources.clone())
        });
        writeln!(out, "{case}  →  {line}").unwrap();
    }
    out
}

fn column_name(scope: &Scope, column: usize) -> String {
    scope.columns().iter().find(|c| c.column == column).map_or(format!("#{column}"), |c| c.name.to_string())
}

fn scope_of(names: &Names) -> Scope {
    let InputKind::Source { row, .. } = &names.inputs[0].kind else {
        panic!("the program's first input is a source")
    };
    let TypeKind::Record(record) = &row.ty.kind else { panic!("its rows are records") };
    let columns = record.fields.iter().enumerate().map(|(i, f)| {
        ScopeColumn::new(f.name.clone(), i, f.ty.clone(), Span::default()).qualified("p", None)
    });
    Scope::new(columns.collect())
}

/// Checks the last select of a program; its faults instead of the line if it has any.
fn with_expr(
    text: &str,
    check: impl FnOnce(&ast::Expr, &Names, &SourceMap, &mut Diagnostics) -> (String, SourceMap),
) -> String {
    let mut diagnostics = Diagnostics::default();
    let mut sources = SourceMap::default();
    let main = sources.add("main.stream", text);
    let files = parse_files(&mut sources, main, &mut |_, _| Err("no files".into()), &mut diagnostics);
    let library = Library::new(&CATALOG, &mut diagnostics);
    let given = GivenValues::from([("key".to_string(), "secret".to_string())]);
    let names = resolve(&files, &library, &given, &mut diagnostics);
    let stream = names.inputs.iter().rev().find_map(|i| match &i.kind {
        InputKind::Stream(stream) => Some(stream),
        _ => None,
    });
    let select = stream.and_then(|s| s.query.clauses.last());
    let mut line = String::new();
    if let Some(ast::Clause { kind: ast::ClauseKind::Select(items), .. }) = select
        && let Some(ast::SelectItem { kind: ast::SelectItemKind::Column { value, .. }, .. }) = items.first()
    {
        line = check(value, &names, &sources, &mut diagnostics).0;
    }
    let faults = diagnostics.into_sorted();
    if faults.is_empty() {
        return line;
    }
    let describe = |d: &millstream_base::Diagnostic| {
        let fix = d.fixes.first().map_or(String::new(), |fix| format!(" [{}]", fix.title));
        format!("{} {}: {}{fix}", d.code, sources.text(d.primary.span), d.headline)
    };
    faults.iter().map(describe).collect::<Vec<_>>().join("; ")
}

#[test]
fn arithmetic() {
    insta::assert_snapshot!(check_all(
        r#"
        n + 1
        n + m
        n / 2
        n % 2
        n + f
        f + n
        n + d
        d + e
        d * e
        d / e
        d / n
        n / d
        d % 3
        d + f
        -n
        -d
        -gap
        -s
        -9223372036854775808
        9223372036854775808
        d + 9223372036854775808
        big * big
        big / d
        t + 5m
        5m + t
        t - late
        t - 5m
        gap + gap
        gap * 3
        3 * gap
        gap / 2
        gap / 1s
        gap * 1.5
        t + t
        n + null
        t - null
        null + null
        s + "x"
        b + 1
        1h30m + 250us
        "#
    ));
}

#[test]
fn literals_take_the_type_of_what_they_meet() {
    insta::assert_snapshot!(check_all(
        r#"
        1.50
        1e-3
        d * 1.5
        1.5 * d
        f * 1.5
        1.5 * f
        n * 1.5
        1.5 + 2.25
        1.5 * 2
        f * (1.5 * 2)
        2 * 1.5 * f
        d + (1.5 + 2.25)
        -1.5 * d
        f > 1.5
        d > 1.5
        d > 1.005
        n > 1.5
        g between 0.5 and 1.5
        d in [1.5, 2]
        [1.5, 2.25]
        [1.5, 2]
        [1.5, f]
        [1.50, d, null]
        if b then 1.5 else 2
        if b then 1.5 else 2.5
        if b then 1.5 else f
        if b then d else 1.5
        d * (if b then 1.5 else 2.5)
        m ?? 1.5
        g ?? 1.5
        g ?? 1
        e ?? 0
        abs(1.5)
        least(1.5, f)
        least(1.5, d)
        least(1, 2.5, d)
        risky(500, "US")
        risky(500.1, "US")
        risky(500.123, "US")
        "#
    ));
}

#[test]
fn comparisons() {
    insta::assert_snapshot!(check_all(
        r#"
        n == 1
        n < f
        n < d
        d == e
        d < f
        s < u
        s == 1
        t > @2024-05-01
        t > "2024-05-01"
        state == "open"
        state == "opne"
        state == s
        state == other
        state in ["open", "closd"]
        state < "m"
        b < c
        b == c
        xs == [1, 2]
        xs < [1]
        j == j
        j.a == 1
        m == null
        null != m
        n in [1, 2, 3]
        n not in [1, m]
        n in [1, 2.5]
        n in []
        s in [1]
        n in xs
        n in s
        s in limits
        n between 1 and 10
        n + 1 between 1 and m
        n not between 1 and 2
        s between 1 and 2
        who == who
        "#
    ));
}

#[test]
fn logic_and_nulls() {
    insta::assert_snapshot!(check_all(
        r#"
        b and c
        not c
        b or null
        n and b
        m is null
        m is not null
        n is null
        m + 1
        m ?? 0
        m ?? n
        m ?? null
        n ?? 0
        m ?? g
        null ?? n
        u ?? 1
        if m is not null then m else 0
        if m is null then 0 else m + 1
        m is not null and m > 1
        m > 1 and m < n
        m is null or m > 1
        if m > 1 then m else n
        if m > 1 or m < 0 then m else n
        if not (m is null) then m else n
        if m is null or u is null then "" else u ++ string(m)
        if c then 1 else 2
        whom.city
        whom.zip
        if whom is not null then whom.city else ""
        if whom.zip is not null then whom.zip ++ whom.city else ""
        if k.a is not null then k.a else j
        if b then null else n
        if b then null else null
        [m, n]
        [x + 1 for x in [m, 2] if x is not null]
        "#
    ));
}

#[test]
fn text_lists_and_records() {
    insta::assert_snapshot!(check_all(
        r#"
        s ++ u
        s ++ "a" ++ state
        s ++ 1
        xs ++ [1]
        xs ++ [1.5]
        xs ++ ["a"]
        [] ++ xs
        []
        [n, f]
        [n, s]
        f"{s}: {n} {d}"
        f"{m}"
        f""
        s like "a%"
        s like u
        s like name
        s like name ++ "b"
        s matches r"^\w+$"
        s matches "("
        n like "a"
        { a: n, b: s }
        { a: n, a: s }
        { a: n }.a
        { a: n }.b
        who.city
        who.town
        n.city
        j.a.b
        j[0]
        j["a"]
        k.a
        xs[0]
        xs[m]
        ys[-1]
        xs["a"]
        tags["a"]
        tags.a
        n[0]
        [x * 2 for x in xs if x > 1]
        [f"{y}" for y in ys]
        [x for x in n]
        [p.s for x in xs]
        "#
    ));
}

#[test]
fn conversions() {
    insta::assert_snapshot!(check_all(
        r#"
        int(d)
        int(m)
        int("5")
        try_int(s)
        int(j.a)
        int(b)
        int(xs)
        float(d)
        decimal(f, 2)
        decimal(d, 4)
        decimal(0.125, 2)
        decimal(f)
        decimal(f, n)
        decimal(f, 39)
        string(n)
        string(state)
        string(0.10)
        timestamp(n)
        timestamp(u)
        duration(s)
        bool(s)
        bool(n)
        json({ a: n })
        int(null)
        int()
        int(n, 2)
        int(x: n)
        int(n) filter (where b)
        "#
    ));
}

#[test]
fn names_and_calls() {
    insta::assert_snapshot!(check_all(
        r#"
        nn
        amount
        p.n
        p.nn
        q.n
        p
        limit
        key
        lower
        lower(s)
        lower(u)
        lower(n)
        lowr(s)
        lower()
        lower(s, s)
        lower(txt: s)
        pad(s, 3)
        pad(s, 3, "x")
        pad(s, width: m)
        pad(s, 3, width: 4)
        abs(n)
        abs(d)
        abs(e)
        abs(s)
        least(n, f, 1)
        least(n, s)
        contains(xs, n)
        contains(s, "a")
        describe(m)
        describe(null)
        bucket(t, 5m)
        bucket(late, 5m, 1m)
        bucket(t, gap)
        clamp(n, 1, 10)
        clamp(n + 1, 1, m)
        clamp(d, 0.5, 10)
        twice(m)
        apart(n, 2)
        apart(n + 1, m)
        risky(d, u)
        risky(e, u)
        count()
        median(n)
        prev(n)
        window.start
        first(xs)
        "#
    ));
}

#[test]
fn aggregates() {
    insta::assert_snapshot!(check_aggregates(
        r#"
        count()
        count(m)
        count(distinct s)
        count() filter (where n > 1)
        sum(n)
        sum(m)
        sum(d)
        sum(f) filter (where b)
        sum(s)
        avg(n)
        avg(d)
        avg(e)
        min(s)
        max(t)
        min(b)
        max(xs)
        first(m)
        first(m, ignore_null: true)
        last(d)
        any(b)
        all(n > 1)
        any(n)
        collect(s)
        collect(m)
        collect(m, ignore_null: true)
        collect(distinct m)
        sum(distinct n)
        sum(n) / count()
        sum(n) + sum(n) * 2
        count(count())
        n + count()
        s
        sum()
        sum(n, m)
        max(n, ignore_null: true)
        sum(n) * 1.5
        stddev(n)
        if count() > 1 then avg(f) else 0
        "#
    ));
}

#[test]
fn the_deepest_expressions_are_checked() {
    let depth = 250;
    let cases = [
        vec!["n"; depth].join(" + "),
        vec!["b"; depth].join(" and "),
        format!("{}n{}", "(".repeat(depth), ")".repeat(depth)),
        format!("{}n{}", "abs(".repeat(depth), ")".repeat(depth)),
        format!("{}n{}", "twice(".repeat(20), ")".repeat(20)),
        format!("{}n{}", "clamp(1, 1, ".repeat(depth), ")".repeat(depth)),
        format!("{}1.5{}", "if b then 1.5 else ".repeat(depth), ""),
        format!("{}n{}", "[".repeat(depth), "]".repeat(depth)),
        format!("{}n{}", "{ a: ".repeat(depth), " }".repeat(depth)),
        format!("j{}", ".a".repeat(depth)),
        format!("{}u ?? {}\"\"", "", "u ?? ".repeat(depth)),
        format!("{}b", "n between 1 and 2 and ".repeat(depth)),
        format!("{}1{}", "[x for x in [".repeat(60), "]]".repeat(60)),
    ];
    for case in cases {
        let line = check_all(&case);
        assert!(!line.contains(" E0"), "{line}");
    }
}

#[test]
fn times_of_tests_are_relative() {
    let line = |start: Option<i64>| {
        with_expr(
            &format!("{PROGRAM}\nstream x = from p select {{ at: +5m }} as out"),
            |expr, names, sources, diagnostics| {
                let mut checker = Checker::new(names, Default::default(), diagnostics);
                checker.test_start = start;
                (checker.check_expr(&Scope::default(), expr, None).to_string(), sources.clone())
            },
        )
    };
    insta::assert_snapshot!(line(Some(0)), @"{ at: @1970-01-01T00:05:00Z }");
    insta::assert_snapshot!(line(None), @"E0656 +5m: a time like `+5m` has a meaning only in the rows of a test");
}
