//! Names: what a program defines, in which order, and what is wrong with it.

use millstream_base::{Diagnostics, SourceMap};
use millstream_core::names::{InputKind, Names, ParamValue};
use millstream_core::resolve::{GivenValues, Library, SourceText, parse_files, resolve};
use millstream_ir::catalog::{Catalog, Module};

static CATALOG: Catalog = Catalog {
    connectors: &[],
    modules: &[Module { name: "std.test", text: "fn twice(x: int) -> int = x + x" }],
    functions: &[],
};

/// The faults of a program, one a line, or what `show` says of its names.
fn check(files: &[(&str, &str)], given: &[(&str, &str)], show: fn(&Names) -> String) -> String {
    let mut diagnostics = Diagnostics::default();
    let mut sources = SourceMap::default();
    let main = sources.add(files[0].0, files[0].1);
    let mut load = |_: &str, path: &str| {
        let found = files.iter().find(|(name, _)| *name == path);
        let text =
            |(name, text): &(&str, &str)| SourceText { name: name.to_string(), text: text.to_string() };
        found.map(text).ok_or("no such file".to_string())
    };
    let parsed = parse_files(&mut sources, main, &mut load, &mut diagnostics);
    let library = Library::new(&CATALOG, &mut diagnostics);
    let given: GivenValues = given.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let names = resolve(&parsed, &library, &given, &mut diagnostics);
    let shown = show(&names);
    let faults = diagnostics.into_sorted();
    if faults.is_empty() {
        return shown;
    }
    let line = |d: &millstream_base::Diagnostic| {
        format!("{} {}: {}", d.code, sources.place(d.primary.span), d.headline)
    };
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn faults(text: &str) -> String {
    check(&[("a.stream", text)], &[], |_| "no faults".into())
}

fn order(names: &Names) -> String {
    names.query_order.iter().map(|i| names.inputs[*i].name.text.as_str()).collect::<Vec<_>>().join(", ")
}

fn params(names: &Names) -> String {
    let show = |p: &millstream_core::names::Param| match &p.value {
        ParamValue::Value(value) => format!("{}: {} = {value:?}", p.name, p.ty),
        other => format!("{}: {} = {other:?}", p.name, p.ty),
    };
    names.params.iter().map(show).collect::<Vec<_>>().join("\n")
}

fn fields(names: &Names) -> String {
    let InputKind::Source { row, .. } = &names.inputs[0].kind else { return String::new() };
    let show = |f: &millstream_ir::flow::FieldSpec| {
        format!("{} from {:?}: {} as {:?} = {:?}", f.name, f.input, f.ty, f.encoding, f.default)
    };
    row.fields.iter().map(show).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_set_has_every_name_once() {
    insta::assert_snapshot!(faults(
        r#"
source a: { n: int } from file("a.ndjson") format json
stream a = from a
type a = int
fn a(n: int) -> int = n
sink a from a to stdout
sink a from a to stdout
param a: int = 1
param a: int = 2
fn count(n: int) -> int = n
type json = string
"#
    ));
}

#[test]
fn queries_come_after_what_they_read() {
    let text = r#"
source s: { n: int } from file("a.ndjson") format json
stream c = from b union d
stream b = from a
stream a = from s
stream d = match x: a then y: late(s) within 5m select count(x) as n
"#;
    insta::assert_snapshot!(check(&[("a.stream", text)], &[], order));
}

#[test]
fn circles_are_faults() {
    insta::assert_snapshot!(faults(
        r#"
stream a = from b
stream b = from c
stream c = from a
stream d = from d
stream e = from errors(e)
type A = { b: B }
type B = list<C?>
type C = A
fn f(n: int) -> int = g(n)
fn g(n: int) -> int = 1 + f(n)
"#
    ));
}

#[test]
fn parameters_take_values_from_outside() {
    let text = r#"
param n: int = 1
param d: decimal(2) = 5
param double: decimal(2) = d * 2
param horizon: duration = 5m
param from: timestamp = @2024-05-01
param state: "open" | "closed" = "open"
param note: string? = null
param key: secret
"#;
    let given = [
        ("d", "7.50"),
        ("horizon", "1h30m"),
        ("from", "@2024-06-01T10:00:00Z"),
        ("state", "closed"),
        ("key", "x"),
    ];
    insta::assert_snapshot!(check(&[("a.stream", text)], &given, params));
    let wrong = [("d", "7.505"), ("n", "1.5"), ("state", "opne"), ("horizon", "soon"), ("from", "5")];
    insta::assert_snapshot!(check(&[("a.stream", text)], &wrong, params));
}

#[test]
fn parameters_need_a_value() {
    insta::assert_snapshot!(faults(
        r#"
param a: int
param b: secret
param c: int = later + 1
param later: int = 1
param e: int = 1.5
param f: int = 1 / 0
param g: int = div(1, 0)
"#
    ));
}

#[test]
fn fields_say_how_the_input_writes_them() {
    let text = r#"
param web: string = "web"
type Base = {
  id: string from "transaction-id",
  channel: string = web,
  at: timestamp as epoch_ms,
  day: timestamp? as "%d/%m/%Y" in "Europe/Paris",
  price: decimal(2) = 1,
}
type Payment = Base
source p: Payment from file("a.ndjson") format json
"#;
    insta::assert_snapshot!(check(&[("a.stream", text)], &[], fields));
}

#[test]
fn rows_and_their_fields_are_checked() {
    insta::assert_snapshot!(faults(
        r#"
type Inner = { x: int from "y" }
source a: int from file("a.ndjson") format json
source b: { n: int as epoch_ms } from file("a.ndjson") format json
source c: { t: timestamp as epoch_millis } from file("a.ndjson") format json
source d: { t: timestamp as "%Y" in "Paris" } from file("a.ndjson") format json
source e: { n: int = "x" } from file("a.ndjson") format json
source f: { n: Inner } from file("a.ndjson") format json
source g: { n: int, n: int } from file("a.ndjson") format json
source h: { n: integer, d: decimal, l: list, m: map<int, int>, o: decimal(40), p: int(2) } from file("a.ndjson") format json
source i: { n: int }? from file("a.ndjson") format json
"#
    ));
}

#[test]
fn functions_are_checked_where_they_are_defined() {
    insta::assert_snapshot!(faults(
        r#"
fn a(n: int) -> string = n
fn b(n: int, n: int) -> int = n
fn c(n: int = "x") -> int = n
fn d(n: int) -> int = m
fn e(n: int?) -> int = n
fn f(n: int) -> int = twice(n) + a(n) ++ "x"
fn g(n: T) -> int = 1
fn h(n: int) -> int = native
"#
    ));
}

#[test]
fn used_files_share_their_names() {
    let main = r#"
use "types.stream" (Payment)
use "more.stream"
use "none.stream"
use "types.stream" (Payments)
use std.test (twice, thrice)
use std.tests
source p: Payment from file("a.ndjson") format json
fn a(x: Hidden) -> int = helper(1)
fn b(x: Far) -> int = 1
"#;
    let types = "use \"far.stream\"\ntype Payment = { far: Far }\ntype Hidden = int";
    let files = [
        ("a.stream", main),
        ("types.stream", types),
        ("more.stream", "fn helper(n: int) -> int = n"),
        ("far.stream", "use \"types.stream\"\ntype Far = int"),
    ];
    insta::assert_snapshot!(check(&files, &[], order));
}
