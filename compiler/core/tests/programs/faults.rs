//! What is said of wrong clauses, sources and sinks: code, place, headline.

use crate::helper::{compile_with, faults, faults_of};
use insta::assert_snapshot;
use millstream_core::Overrides;

#[test]
fn columns_of_a_select() {
    assert_snapshot!(
        faults("stream s = from payments select card, amount * 2, card ++ \"!\" as card, amonut"),
        @r#"
E0230 `amount * 2` this column has no name
E0231 `card` two columns would be called `card`
E0201 `amonut` nothing here is called `amonut`
"#
    );
    assert_snapshot!(
        faults("stream s = from payments select amount * 2 as twice, twice + 1 as more"),
        @r#"
E0232 `twice` a `select` cannot use its own new name `twice`
"#
    );
    assert_snapshot!(faults("stream s = from payments select * except (crd) let card = 1"), @r#"
E0233 `crd` `*` has no column `crd` here
E0231 `card` there is a column `card` already
"#);
}

#[test]
fn aggregating_selects() {
    assert_snapshot!(
        faults("stream s = from payments window tumbling 1m group by card select card, amount, count()"),
        @r#"
E0218 `amount` `amount` differs from row to row of a group
"#
    );
    assert_snapshot!(
        faults("stream s = from payments window tumbling 1m group by card where amount > 1.00 select card"),
        @r#"
E0402 `group by card` `group by` must be followed by its `select`
"#
    );
    assert_snapshot!(faults("stream s = from payments select count() as n, window.start"), @r#"
E0410 `select count() as n, window.start` nothing says over which rows these aggregates go
E0221 `window.start` `window.start` is known only below a `window` clause
"#);
    assert_snapshot!(
        faults("stream s = from payments window tumbling 1m select count() as n select n, window.start as w"),
        @r#"
E0221 `window.start` `window.start` is not known below the `select` that closes the window
"#
    );
}

#[test]
fn what_is_not_carried_out_is_named_and_checked() {
    assert_snapshot!(
        faults("stream s = from payments as a left join payments as b on a.card == b.crd within 5m select a.card, b.amount + 1 as n"),
        @r#"
E0201 `crd` `b` has no column `crd`
"#
    );
    assert_snapshot!(
        faults("stream s = from payments window session 30m max 1h by card lateness 5m group by card select card, count() as n emit on change"),
        @r#"
E0101 `lateness` expected `,`, an operator, the next clause or the next item, found `lateness`
"#
    );
    assert_snapshot!(
        faults("stream s = from payments dedupe by crd within 5m changes by card forever throttle 0 per 5m top 3 by amount desc forever"),
        @r#"
E0201 `crd` nothing here is called `crd`
E0319 `0` this count must be more than zero
"#
    );
    assert_snapshot!(
        faults("stream s = match by card probe: payments[amount < 5.00]{3,} then burst: paymnts within 10m select card"),
        @r#"
E0203 `paymnts` there is no source, table or stream called `paymnts`
"#
    );
}

#[test]
fn one_mistake_is_reported_once() {
    assert_snapshot!(
        faults("stream a = from paymnts where x > 1 select x stream b = from a where y == x select nothing sink o from b to stdout"),
        @r#"
E0203 `paymnts` there is no source, table or stream called `paymnts`
E0201 `y` nothing here is called `y`
E0201 `nothing` nothing here is called `nothing`
"#
    );
}

#[test]
fn unions_and_late_rows() {
    assert_snapshot!(
        faults("stream a = from payments select card, amount stream b = from payments select card, amount as n stream c = from a union b"),
        @r#"
E0234 `b` the columns of `b` differ from those it joins
"#
    );
    assert_snapshot!(faults("stream a = from payments stream b = from late(a)"), @r#"
E0405 `a` `a` sets no rows aside as late
"#);
}

#[test]
fn connectors_and_their_options() {
    assert_snapshot!(
        faults_of("source a: { x: int } from fil(\"x\") format json source b: { x: int } from file(pth: \"x\") format csv(header: 1, \"a\")"),
        @r#"
E0920 `fil` there is no connector called `fil`
E0922 `pth` `file` has no option `pth` here
E0301 `1` expected `bool`, found `int`
E0104 `"a"` an argument without a name stands behind one with a name
"#
    );
    assert_snapshot!(
        faults("sink a from payments to file(\"o\") format json ordered sink b from payments to file(\"o\") on error sideline to stdout"),
        @r#"
E0928 `file("o")` two sinks write to "o"
E0614 `stdout` setting rows aside in `stdout` is not carried out yet
"#
    );
    assert_snapshot!(faults("sink a from payments to stdout(\"o\")"), @r#"
E0922 `"o"` `stdout` takes no options here
"#);
    assert_snapshot!(faults_of("source a: { x: int, at: string? } from kafka(topic: \"a\") time at disorder (-1s)"), @r#"
E0404 `at` an event time is a `timestamp`; `at` is `string?`
E0409 `(-1s)` the disorder cannot be negative
"#);
}

#[test]
fn tests_name_sources_streams_and_columns() {
    assert_snapshot!(
        faults("stream s = from payments select card, amount
        test \"t\" {
          given payments [{ card: \"a\", amount: 1.005, tags: [], at: +0s }, { crd: \"a\" }]
          expect s [{ card: \"a\", amont: 1.00 }]
          expect errors(payments) empty
          given s []
        }"),
        @r#"
E0307 `1.005` this number does not fit a `decimal(2)`
E0242 `{ crd: "a" }` a row of `payments` needs a `card`
E0241 `crd` `payments` has no column `crd`
E0241 `amont` `s` has no column `amont`
E0240 `s` rows can be given only to a source, and `s` is none
"#
    );
}

#[test]
fn replacements_name_sources_and_sinks() {
    let overrides = Overrides {
        sources: [("paymets".to_string(), "day.csv".to_string())].into(),
        sinks: [("out".to_string(), "-".to_string())].into(),
        params: [("treshold".to_string(), "5".to_string())].into(),
    };
    let (_, compilation) = compile_with(crate::helper::PAYMENTS, overrides);
    let found: Vec<String> = compilation.diagnostics.iter().map(|d| d.headline.clone()).collect();
    assert_snapshot!(found.join("\n"), @r#"
`--set treshold=…` names no parameter of this program
`--source paymets=…` names no source of this program
`--sink out=…` names no sink of this program
"#);
}

#[test]
fn a_comparison_with_one_sign_hides_nothing() {
    assert_snapshot!(
        faults("stream s = from payments where card = \"a\" and amont = 1.00 select COALESCE(card, \"b\")"),
        @r#"
E0106 `=` values are compared with `==`
E0201 `amont` nothing here is called `amont`
E0106 `=` values are compared with `==`
E0205 `COALESCE` there is no function called `COALESCE`
"#
    );
}

#[test]
fn the_sink_of_a_program_without_sinks_can_be_replaced() {
    let replaced = |name: &str| {
        let sinks = [(name.to_string(), "day.csv".to_string())].into();
        let (_, compilation) = compile_with(
            &format!("{} stream a = from payments select card", crate::helper::PAYMENTS),
            Overrides { sinks, ..Overrides::default() },
        );
        let faults = compilation.diagnostics.iter().map(|d| d.headline.clone());
        faults.chain(compilation.flow.map(|f| f.to_string())).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(replaced("a"), @r#"
n0 source payments [card: string, at: timestamp] watermark at-5s
n1 sink a to file                                                 <- n0
"#);
    assert_snapshot!(replaced("b"), @"`--sink b=…` names no sink of this program");
}

#[test]
fn a_broken_select_is_still_the_select_of_its_group() {
    assert_snapshot!(
        faults("stream s = from payments window tumbling 5m group by card select card, sum(amount) as t having t > 5"),
        @r#"
E0101 `having` expected `,`, the next clause or the next item, found `having`
"#
    );
}

#[test]
fn a_clause_that_keeps_the_columns_keeps_them_when_it_is_broken() {
    assert_snapshot!(
        faults("stream a = from payments\n  where amount > 5 +\n  select card, country, nosuch2\n  where nosuch3 > 1"),
        @r#"
E0101 `` expected an expression, found the end of the line
E0201 `nosuch2` nothing here is called `nosuch2`
E0201 `nosuch3` nothing here is called `nosuch3`
"#
    );
    for broken in
        ["order by amount +", "throttle per 5m", "dedupe by within 5m", "on error", "emit", "where > > 1"]
    {
        let found = faults(&format!("stream a = from payments\n  {broken}\n  select nosuch"));
        assert!(found.contains("E0201 `nosuch`"), "{broken}: {found}");
    }
    // Here `selct` may have been a clause.
    for broken in [
        "where amount > 5 + 1\n  selct id, amount as nosuch",
        "where amount > > 5 selct 1 as nosuch",
        "where (amount > 5\n  lte nosuch = 5",
        "where amount >\n selct amount as nosuch",
        "where amount from nosuch",
    ] {
        let found = faults(&format!("stream a = from payments\n  {broken}\n  where nosuch > 1"));
        assert!(!found.contains("E0201"), "{broken}: {found}");
    }
    // The condition may have sorted out the nulls.
    let found = faults(
        "stream a = from payments\n where country is not null and\n  where length(country) + length(cuntry) > 1\n",
    );
    assert_eq!(found.matches("\n").count(), 2, "{found}");
}

#[test]
fn a_number_in_quotes_is_compared_without_them() {
    let fix = |condition: &str| {
        let text = format!(
            "{} stream s = from payments let n = 1, f = 1.5e0, b = true where {condition}",
            crate::helper::PAYMENTS
        );
        let (_, compilation) = compile_with(&text, Overrides::default());
        let fixes = compilation.diagnostics.iter().flat_map(|d| &d.fixes);
        let edits: Vec<_> = fixes.flat_map(|f| &f.edits).collect();
        let mut fixed = text.clone();
        for edit in edits.iter().rev() {
            fixed.replace_range(edit.span.range(), &edit.text);
        }
        let (_, compilation) = compile_with(&fixed, Overrides::default());
        assert_eq!(compilation.diagnostics, [], "{fixed}");
        fixed.rsplit("where ").next().unwrap_or_default().to_string()
    };
    assert_eq!(fix("amount > \"5\""), "amount > 5");
    assert_eq!(fix("\"-5.25\" <= amount"), "-5.25 <= amount");
    assert_eq!(fix("n == \"12\""), "n == 12");
    assert_eq!(fix("f < \"0.5\""), "f < 0.5");
    assert_eq!(fix("b == \"true\""), "b == true");
    // As text where it is no number of this type.
    assert_eq!(fix("amount > \"5.001\""), "string(amount) > \"5.001\"");
    assert_eq!(fix("n == \"many\""), "string(n) == \"many\"");
    assert_eq!(fix("amount > card"), "string(amount) > card");
}

#[test]
fn a_window_below_its_group_is_told_once() {
    assert_snapshot!(
        faults("stream s = from payments group by card window tumbling 5m select card, count() as n, nosuch"),
        @r#"
E0402 `group by card` `group by` stands above its `window`
E0201 `nosuch` nothing here is called `nosuch`
"#
    );
}

/// What is said of joins that try all pairs, where an equality seems to spare it.
#[test]
fn equalities_that_find_nothing_by_a_look_up() {
    const SOURCES: &str = "
source a: { id: int, d: decimal(2), x: float, k: string, at: timestamp } from file(\"a.ndjson\") time at
source b: { id: int, d: decimal(4), x: float, k: string, at: timestamp } from file(\"b.ndjson\") time at
table t: { id: int, name: string? } key id from file(\"t.csv\")
";
    let said = |join: &str| {
        let (_, compilation) =
            compile_with(&format!("{SOURCES}stream s = {join} select a.id"), Overrides::default());
        let found = compilation.diagnostics.iter();
        let text = found
            .map(|d| format!("  {} {}: {}; {}\n", d.code, d.headline, d.primary.text, d.helps.join("; ")));
        format!("{join}\n{}", text.collect::<String>())
    };
    let joins = [
        "from a join b on a.id == b.id and a.x == b.x within 5m",
        "from a join b on a.x == b.x within 5m",
        "from a join b on b.d == a.d and a.id > 1 within 5m",
        "from a join b on int(a.k) == b.id within 5m",
        "from a join t on t.id == a.d",
        "from a join t on (t.name ?? \"none\") == a.k",
        "from a join t on t.id > a.id",
    ];
    assert_snapshot!(joins.map(said).concat(), @r#"
from a join b on a.id == b.id and a.x == b.x within 5m
from a join b on a.x == b.x within 5m
  W0003 every row is compared with every row that is kept of the other stream: an equality of floats is no look-up: NaN equals nothing; compare what is exact: ints, decimals, text
from a join b on b.d == a.d and a.id > 1 within 5m
  W0003 every row is compared with every row that is kept of the other stream: a value may not fit `decimal(4)`, which fails its row; give both sides this scale before, as declared or by `decimal(…, 4)` in a `let` above the join, on the other side in a stream of its own
from a join b on int(a.k) == b.id within 5m
  W0003 every row is compared with every row that is kept of the other stream: it can fail, which is asked of each pair; compute what can fail before: in a `let` above the join, on the other side in a stream of its own
from a join t on t.id == a.d
  W0003 every row is compared with every row of the table: a table is looked up by its columns, not by what is computed of them; compare a column itself, and bring the other side to it in a `let` above
from a join t on (t.name ?? "none") == a.k
  W0003 every row is compared with every row of the table: a table is looked up by its columns, not by what is computed of them; compare a column itself, and bring the other side to it in a `let` above
from a join t on t.id > a.id
  W0003 every row is compared with every row of the table: no equality between the two sides; an equality, such as `a.user == b.user`, finds partners by a look-up
"#);
}

#[test]
fn an_option_that_is_given_twice_is_told_once() {
    let of = |options: &str| {
        faults_of(&format!(
            "source s: {{ k: string, at: timestamp }} from file({options}) format json time at\n\
             sink o from s to stdout"
        ))
    };
    assert_snapshot!(of("\"x.ndjson\", follow: true, follow: true"), @"E0103 `follow` `follow` is given twice");
    assert_snapshot!(of("\"x.ndjson\", path: \"y.ndjson\""), @r#"E0924 `path: "y.ndjson"` the option `path` is given twice"#);
}
